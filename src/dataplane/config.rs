//! What a worker is told at start, and what it shares with others.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::port::PortConfig;
use super::source::GreSource;
use super::stats::WorkerStats;
use super::window::Reach;
use crate::flow::BucketTable;
use crate::flow::counters::CounterArena;
use crate::flow::ring::{Doorbell, WorkerEnds};
use crate::mppe::skipped::KEPT_BACK;
use crate::routing::{Directory, Published};

/// A peer may send so much, whatever it was told (RFC 1661 §6.1), in bytes.
pub(super) const MRU_DEFAULT: u16 = 1500;

/// Most frames per second from one worker to the slow path, per class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PuntLimits {
    /// TCP of control connections.
    pub control_frames_per_s: u32,
    /// ARP.
    pub arp_frames_per_s: u32,
    /// Everything else for our own addresses.
    pub local_frames_per_s: u32,
    /// What only the kernel can forward.
    pub exception_frames_per_s: u32,
    /// PPP control frames of all calls.
    pub ppp_frames_per_s: u32,
    /// PPP control frames of one call.
    pub ppp_frames_per_call_per_s: u32,
}

impl Default for PuntLimits {
    fn default() -> Self {
        Self {
            control_frames_per_s: 50_000,
            arp_frames_per_s: 1_000,
            local_frames_per_s: 20_000,
            exception_frames_per_s: 10_000,
            ppp_frames_per_s: 50_000,
            ppp_frames_per_call_per_s: 50,
        }
    }
}

/// What bounds the work that is spent on keys of frames that were never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUpLimit {
    /// Key changes at most at one go.
    pub most: u32,
    /// Key changes a second in the long run.
    pub steps_per_s: u32,
}

/// How GRE is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreConfig {
    /// Which source addresses are believed.
    pub source: GreSource,
    /// How far ahead of the newest frame another is believed.
    pub ahead_max: u32,
    /// How far behind the newest frame another is taken, and its key kept; at most
    /// [`super::window::LATE_MAX`].
    pub late_max: u16,
    /// How many early frames of one call wait for those before them; 0: none.
    pub hold_packets: u16,
    /// How long they wait at most.
    pub hold: Duration,
    /// Whether the receive windows of peers limit what is sent to them.
    pub honours_windows: bool,
    /// An acknowledgment that nothing else carries is sent after this, at most twice this.
    pub acknowledgment_delay: Duration,
    /// For so many frames an acknowledgment is sent at once.
    pub acknowledgment_frames: u16,
}

impl Default for GreConfig {
    fn default() -> Self {
        Self {
            source: GreSource::Strict,
            ahead_max: 4096,
            late_max: KEPT_BACK,
            hold_packets: 0,
            hold: Duration::from_millis(5),
            honours_windows: false,
            acknowledgment_delay: Duration::from_millis(40),
            acknowledgment_frames: 16,
        }
    }
}

/// What a worker is told at start.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Which worker this is.
    pub index: u8,
    /// The ports, by number.
    pub ports: Vec<PortConfig>,
    /// `server.listen`: the addresses that clients dial, by [`crate::flow::FlowKey::local`].
    pub listen: Vec<Ipv4Addr>,
    /// TCP port of control connections.
    pub control_port: u16,
    /// Whether clients may reach our own addresses through their calls.
    pub client_to_server: bool,
    /// What may go to the slow path.
    pub punt: PuntLimits,
    /// How GRE is spoken.
    pub gre: GreConfig,
    /// What one flow may spend on the keys of missing frames.
    pub catch_up_per_flow: CatchUpLimit,
    /// What all flows of the worker may spend on the keys of missing frames.
    pub catch_up: CatchUpLimit,
    /// Room for keys of overtaken frames, in regions of [`GreConfig::late_max`].
    pub skipped_key_regions: usize,
    /// How many calls may keep histories of MPPC.
    pub mppc_calls_max: usize,
    /// The longest information field that clients are told to send, in bytes. What is longer after
    /// decompression is refused.
    pub mru: u16,
    /// After so many frames in a row that cannot be decrypted, the slow path is told.
    pub implausible_frames_max: u32,
    /// ICMP errors that we send, a second.
    pub icmp_errors_per_s: u32,
    /// Longest sleep of an idle worker; zero: it never sleeps.
    pub idle_sleep_max: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            index: 0,
            ports: Vec::new(),
            listen: Vec::new(),
            control_port: 1723,
            client_to_server: false,
            punt: PuntLimits::default(),
            gre: GreConfig::default(),
            catch_up_per_flow: CatchUpLimit {
                most: 4096,
                steps_per_s: 4096,
            },
            catch_up: CatchUpLimit {
                most: 16_384,
                steps_per_s: 65_536,
            },
            skipped_key_regions: 256,
            mppc_calls_max: 0,
            mru: MRU_DEFAULT,
            implausible_frames_max: 64,
            icmp_errors_per_s: 100,
            idle_sleep_max: Duration::from_micros(20),
        }
    }
}

/// What a worker shares with the slow path and the other workers.
pub struct WorkerShared {
    /// Which worker owns which call.
    pub buckets: BucketTable,
    /// Which call has which address.
    pub directory: Directory,
    /// Routes, neighbours and own addresses.
    pub routes: Published,
    /// The worker's ends of its rings.
    pub rings: WorkerEnds,
    /// Wakes the slow path.
    pub doorbell: Arc<Doorbell>,
    /// The counters of this worker's flows, as many as it may have.
    pub counters: CounterArena,
    /// The counters of this worker.
    pub stats: Arc<WorkerStats>,
}

/// What nodes look up about the box itself: fixed while the worker runs.
pub(super) struct View {
    pub(super) index: u8,
    pub(super) buckets: BucketTable,
    pub(super) ports: Box<[PortConfig]>,
    pub(super) listen: Box<[Ipv4Addr]>,
    pub(super) control_port: u16,
    pub(super) client_to_server: bool,
    pub(super) gre_source: GreSource,
    pub(super) reach: Reach,
    pub(super) honours_windows: bool,
    pub(super) implausible_frames_max: u32,
}

impl View {
    pub(super) fn new(config: &WorkerConfig, buckets: BucketTable) -> Self {
        Self {
            index: config.index,
            buckets,
            ports: config.ports.as_slice().into(),
            listen: config.listen.as_slice().into(),
            control_port: config.control_port,
            client_to_server: config.client_to_server,
            gre_source: config.gre.source,
            reach: Reach::new(config.gre.ahead_max, config.gre.late_max),
            honours_windows: config.gre.honours_windows,
            implausible_frames_max: config.implausible_frames_max,
        }
    }

    /// The position of a local address that clients dial.
    #[inline]
    pub(super) fn local(&self, address: Ipv4Addr) -> Option<u16> {
        let place = self.listen.iter().position(|local| *local == address)?;
        u16::try_from(place).ok()
    }

    /// The source of errors about packets that came in by `port`.
    pub(super) fn error_source(&self, port: u8) -> Ipv4Addr {
        let own = self
            .ports
            .get(usize::from(port))
            .and_then(|port| port.address);
        let listen = self.listen.first().copied();
        own.or(listen).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// The VLAN tag of `port`.
    #[inline]
    pub(super) fn vlan(&self, port: u8) -> Option<u16> {
        self.ports.get(usize::from(port)).and_then(|port| port.vlan)
    }
}
