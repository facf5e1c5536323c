//! Ports as a worker sees them: one receive and one transmit queue of its own on each.

use arrayvec::ArrayVec;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::batch::{BURST, Burst, Direction, NO_FLOW};
use super::drop_reason::DropReason;
use super::frame::Frame;
use super::stats::{FrameCount, WorkerStats};
use crate::flow::counters::CounterArena;
use crate::wire::ethernet::Mac;

/// One worker's queues on one port.
pub trait PortIo: Send {
    /// What the port moves.
    type Frame: Frame;

    /// Appends received frames to `burst` up to its capacity, and answers how many.
    fn receive(&mut self, burst: &mut Burst<Self::Frame>) -> usize;

    /// Sends from the front of `burst` what the queue takes, removes that, and answers how many.
    fn send(&mut self, burst: &mut Burst<Self::Frame>) -> usize;

    /// An empty frame of the port's pool, with headroom.
    fn allocate(&mut self) -> Option<Self::Frame>;
}

/// Who is on the other end of a port's cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Clients: what they send to clients' addresses outside of calls is refused.
    Access,
    /// The network behind us.
    Network,
    /// Both.
    Both,
}

/// What the nodes need to know about a port.
#[derive(Clone, Copy, Debug)]
pub struct PortConfig {
    /// Its Ethernet address.
    pub mac: Mac,
    /// The 802.1Q tag of every frame; `None`: untagged.
    pub vlan: Option<u16>,
    /// Who is out there.
    pub side: Side,
    /// An address of ours on it, the source of errors that we send; `None`: the first of
    /// `server.listen`.
    pub address: Option<Ipv4Addr>,
}

/// What is billed when a frame has been sent, or was not.
#[derive(Clone, Copy, Debug)]
pub struct Bill {
    flow: u32,
    octets: u16,
    direction: Direction,
}

impl Bill {
    /// An IP packet of `octets` bytes of the flow in slot `flow`.
    #[must_use]
    pub const fn packet(flow: u32, direction: Direction, octets: u16) -> Self {
        Self {
            flow,
            octets,
            direction,
        }
    }

    /// Nobody pays.
    pub const FREE: Self = Self::packet(NO_FLOW, Direction::Downstream, 0);
}

struct Port<P: PortIo> {
    io: P,
    staged: Burst<P::Frame>,
    bills: ArrayVec<Bill, BURST>,
}

/// All ports of a worker, with the frames that wait to be sent.
pub struct Ports<P: PortIo> {
    list: Box<[Port<P>]>,
    stats: Arc<WorkerStats>,
    counters: CounterArena,
}

impl<P: PortIo> Ports<P> {
    /// Takes the queues, by port number.
    #[must_use]
    pub fn new(list: Vec<P>, stats: Arc<WorkerStats>, counters: CounterArena) -> Self {
        let port = |io| Port {
            io,
            staged: Burst::new(),
            bills: ArrayVec::new(),
        };
        Self {
            list: list.into_iter().map(port).collect(),
            stats,
            counters,
        }
    }

    /// How many ports there are.
    #[must_use]
    pub fn count(&self) -> u8 {
        u8::try_from(self.list.len()).unwrap_or(u8::MAX)
    }

    /// Appends what `port` has received to `burst`.
    #[inline]
    pub fn receive(&mut self, port: u8, burst: &mut Burst<P::Frame>) {
        if let Some(port) = self.list.get_mut(usize::from(port)) {
            let received = port.io.receive(burst);
            self.stats.count(FrameCount::Received, received);
        }
    }

    /// An empty frame, of whatever port has one.
    #[inline]
    pub fn allocate(&mut self) -> Option<P::Frame> {
        self.list.iter_mut().find_map(|port| port.io.allocate())
    }

    /// A frame with these bytes, of whatever port has one.
    pub fn allocate_copy(&mut self, bytes: &[u8]) -> Option<P::Frame> {
        let mut frame = self.allocate()?;
        frame.append(bytes.len())?.copy_from_slice(bytes);
        Some(frame)
    }

    /// Sends a whole Ethernet frame out of `port`, at the latest at the end of the turn. `false` if
    /// it was refused, which is counted.
    #[expect(clippy::inline_always, reason = "a call costs as much as what it does")]
    #[inline(always)]
    pub fn transmit(&mut self, port: u8, frame: P::Frame, bill: Bill) -> bool {
        let Some(port) = self.list.get_mut(usize::from(port)) else {
            refuse(&self.stats, &self.counters, DropReason::PortUnknown, bill);
            return false;
        };
        if port.staged.is_full() {
            flush(port, &self.stats, &self.counters);
        }
        if port.staged.try_push(frame).is_err() {
            refuse(&self.stats, &self.counters, DropReason::TxFull, bill);
            return false;
        }
        // As many places as in `staged`.
        let _full = port.bills.try_push(bill);
        true
    }

    /// Hands everything that waits to the ports. What a port does not take waits for its next turn.
    #[inline]
    pub fn flush(&mut self) {
        for port in &mut self.list {
            if !port.staged.is_empty() {
                flush(port, &self.stats, &self.counters);
            }
        }
    }

    /// How many frames wait.
    #[must_use]
    pub fn staged(&self) -> usize {
        self.list.iter().map(|port| port.staged.len()).sum()
    }

    /// A flow ends: what still waits for it is not billed to its successor in the slot.
    pub fn forget(&mut self, flow: u32) {
        for bill in self.list.iter_mut().flat_map(|port| port.bills.iter_mut()) {
            if bill.flow == flow {
                *bill = Bill::FREE;
            }
        }
    }
}

fn flush<P: PortIo>(port: &mut Port<P>, stats: &WorkerStats, counters: &CounterArena) {
    let sent = port.io.send(&mut port.staged);
    stats.count(FrameCount::Sent, sent);
    for bill in port.bills.drain(..sent.min(port.bills.len())) {
        let octets = u64::from(bill.octets);
        match (counters.get(bill.flow as usize), bill.direction) {
            (Some(flow), Direction::Upstream) => flow.upstream(octets),
            (Some(flow), Direction::Downstream) if octets > 0 => flow.downstream(octets),
            (Some(_), Direction::Downstream) | (None, _) => {}
        }
    }
}

#[cold]
fn refuse(stats: &WorkerStats, counters: &CounterArena, reason: DropReason, bill: Bill) {
    stats.drop_frames(reason, 1);
    match (counters.get(bill.flow as usize), bill.direction) {
        (Some(flow), Direction::Upstream) => flow.upstream_drop(),
        (Some(flow), Direction::Downstream) => flow.downstream_drop(),
        (None, _) => {}
    }
}
