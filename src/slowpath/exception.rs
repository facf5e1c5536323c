//! The way through the kernel: what workers hand over goes to a TAP or the TUN, and what the kernel
//! sends there goes to a worker.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::device::{Device, Received};
use super::view::KernelFigures;
use super::worker_link::WorkerLink;
use crate::flow::frame::FRAME_BYTES_MAX;
use crate::flow::ring::Injected;
use crate::flow::{BucketTable, FrameBytes};
use crate::routing::directory::Directory;
use crate::wire::field;

/// Frames read from one device in one turn.
const READ_BUDGET: usize = 64;

/// Where an IPv4 header has the destination.
const IPV4_DESTINATION: usize = 16;

/// What passed, and what did not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExceptionCounters {
    /// Frames written to the kernel.
    pub(super) to_kernel: u64,
    /// Frames that the kernel did not take.
    pub(super) to_kernel_dropped: u64,
    /// Frames read from the kernel.
    pub(super) from_kernel: u64,
    /// Frames from the kernel too long for a ring, or not IP on the TUN.
    pub(super) from_kernel_dropped: u64,
}

struct Watched {
    device: Device,
    ready: bool,
    counters: ExceptionCounters,
}

/// The TAP of every port, in the order of the ports, and the TUN of the calls.
pub(super) struct ExceptionPath {
    taps: Vec<Watched>,
    tun: Watched,
    buckets: Arc<BucketTable>,
    owners: Directory,
    buffer: Box<[u8; FRAME_BYTES_MAX + 64]>,
}

impl ExceptionPath {
    pub(super) fn new(
        taps: Vec<Device>,
        tun: Device,
        buckets: Arc<BucketTable>,
        owners: Directory,
    ) -> Self {
        let ready = |device| Watched {
            device,
            ready: true,
            counters: ExceptionCounters::default(),
        };
        Self {
            taps: taps.into_iter().map(ready).collect(),
            tun: ready(tun),
            buckets,
            owners,
            buffer: Box::new([0; FRAME_BYTES_MAX + 64]),
        }
    }

    pub(super) fn tap_ready(&mut self, port: usize) {
        if let Some(tap) = self.taps.get_mut(port) {
            tap.ready = true;
        }
    }

    pub(super) fn tun_ready(&mut self) {
        self.tun.ready = true;
    }

    /// Whether a device may have more for us.
    pub(super) fn has_work(&self) -> bool {
        self.tun.ready || self.taps.iter().any(|tap| tap.ready)
    }

    /// A frame that came in by `port` and is for the kernel.
    pub(super) fn write_tap(&mut self, port: u8, frame: &[u8]) {
        if let Some(tap) = self.taps.get_mut(usize::from(port)) {
            count_write(&mut tap.counters, tap.device.write(frame).is_ok());
        }
    }

    /// An inner packet that is for the kernel.
    pub(super) fn write_tun(&mut self, packet: &[u8]) {
        count_write(
            &mut self.tun.counters,
            self.tun.device.write(packet).is_ok(),
        );
    }

    /// Reads what the kernel sends and hands it to workers, within this turn's budget.
    pub(super) fn turn(&mut self, workers: &mut [WorkerLink]) {
        for (port, tap) in self.taps.iter_mut().enumerate() {
            let Ok(port) = u8::try_from(port) else {
                continue;
            };
            for _ in 0..READ_BUDGET {
                let Some(frame) = read(tap, self.buffer.as_mut_slice()) else {
                    break;
                };
                // Any worker can send by any port; the first does it for the kernel.
                match (workers.first_mut(), frame) {
                    (Some(worker), Some(frame)) => {
                        worker.inject(Injected::Ethernet { port, frame })
                    }
                    (None, _) | (_, None) => tap.counters.from_kernel_dropped += 1,
                }
            }
        }
        // A packet goes to the worker that owns its destination, or to the first, which says why not.
        for _ in 0..READ_BUDGET {
            let tun = &mut self.tun;
            let Some(frame) = read(tun, self.buffer.as_mut_slice()) else {
                break;
            };
            let Some(frame) = frame else {
                tun.counters.from_kernel_dropped += 1;
                continue;
            };
            let destination = destination(frame.as_slice());
            let owner = destination.and_then(|address| self.owners.owner(address));
            let worker = owner.map_or(0, |flow| self.buckets.worker(flow.call_id));
            match workers.get_mut(usize::from(worker)) {
                Some(worker) if destination.is_some() => {
                    worker.inject(Injected::Downstream { frame });
                }
                Some(_) | None => tun.counters.from_kernel_dropped += 1,
            }
        }
    }
}

impl KernelFigures for ExceptionPath {
    fn tap_frames(&self, port: usize) -> (u64, u64) {
        let counters = self.taps.get(port).map(|tap| tap.counters);
        let counters = counters.unwrap_or_default();
        (counters.to_kernel, counters.from_kernel)
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        let devices = self
            .taps
            .iter()
            .map(|tap| tap.counters)
            .chain([self.tun.counters]);
        let (mut to, mut from) = (0, 0);
        for counters in devices {
            to += counters.to_kernel_dropped;
            from += counters.from_kernel_dropped;
        }
        let all = [("kernel_refused", to), ("from_kernel_unusable", from)];
        all.into_iter().filter(|(_, frames)| *frames > 0).collect()
    }
}

/// The destination of an IP packet; `None` for what is no IPv4 packet.
fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    let version = field::u8_at(packet, 0)? >> 4;
    (version == 4).then(|| field::array_at(packet, IPV4_DESTINATION).map(Ipv4Addr::from))?
}

/// One frame: `None` when the kernel has no more, `Some(None)` for one that no ring can carry.
fn read(watched: &mut Watched, buffer: &mut [u8]) -> Option<Option<FrameBytes>> {
    if !watched.ready {
        return None;
    }
    match watched.device.read(buffer) {
        Received::Frame(length) => {
            watched.counters.from_kernel += 1;
            Some(buffer.get(..length).and_then(FrameBytes::copy_of))
        }
        Received::Overlong => {
            watched.counters.from_kernel += 1;
            Some(None)
        }
        Received::Empty | Received::Down => {
            watched.ready = false;
            None
        }
    }
}

fn count_write(counters: &mut ExceptionCounters, written: bool) {
    if written {
        counters.to_kernel += 1;
    } else {
        counters.to_kernel_dropped += 1;
    }
}
