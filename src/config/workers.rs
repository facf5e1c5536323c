//! `[workers]`: the poll-mode threads, and what they may send to the slow path.

use std::time::Duration;

use super::error::Fault;
use super::table::Table;

/// The threads that move packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workers {
    /// How many, and where.
    pub placement: Placement,
    /// Longest sleep of a worker that has nothing to do; zero: it never sleeps.
    pub idle_sleep_max: Duration,
    /// Core of the slow path; `None`: where the scheduler likes.
    pub control_core: Option<u16>,
    /// Most frames to the slow path, per class.
    pub punt: Punt,
}

/// Where the workers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// One worker on each of these cores.
    Cores(Vec<u16>),
    /// So many workers, on whatever core the scheduler picks: for labs.
    Anywhere(u16),
}

impl Workers {
    /// How many workers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.placement {
            Placement::Cores(cores) => cores.len(),
            Placement::Anywhere(count) => usize::from(*count),
        }
    }
}

/// Most frames per second that all workers together hand to the slow path, per class, so that a
/// flood of one cannot starve the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Punt {
    /// Frames of the control connection: TCP to and from `server.control_port`.
    pub control_frames_per_s: u32,
    /// ARP.
    pub arp_frames_per_s: u32,
    /// Everything else to the box's own addresses: management, routing protocols, ping.
    pub local_frames_per_s: u32,
    /// What the fast path leaves to the kernel: no route, no neighbour yet, TTL ends, IP options.
    pub exception_frames_per_s: u32,
    /// Control frames of calls: LCP, authentication, CCP, IPCP.
    pub ppp_frames_per_s: u32,
    /// Control frames of one call.
    pub ppp_frames_per_call_per_s: u32,
}

/// As many workers as there are buckets of Call IDs.
const WORKERS_MAX: u16 = 128;

pub(super) fn read(table: &mut Table<'_, '_>) -> Workers {
    let placement = read_placement(table);
    let idle_sleep_us = table.number("idle_sleep_us", 20, 0..=1_000);
    let control_core = table.number_if_given("control_core", 0..=1_023);
    if let (Some(core), Placement::Cores(cores)) = (control_core, &placement)
        && cores.contains(&core)
    {
        let fault = Fault::new(
            format!("{core} is the core of a worker, which never lets go of it"),
            "write a core that is not in workers.cores",
        );
        table.refuse("control_core", fault);
    }
    Workers {
        placement,
        idle_sleep_max: Duration::from_micros(idle_sleep_us),
        control_core,
        punt: table.section("punt", read_punt),
    }
}

fn read_placement(table: &mut Table<'_, '_>) -> Placement {
    let cores = table.numbers("cores", 0..=1_023);
    let count = table.number_if_given("count", 1..=WORKERS_MAX);
    let Some(cores) = cores else {
        return Placement::Anywhere(count.unwrap_or(1));
    };
    if count.is_some() {
        let fault = Fault::new(
            "says again what workers.cores says",
            "take one of the two out",
        );
        table.refuse("count", fault);
    }
    if cores.is_empty() || cores.len() > usize::from(WORKERS_MAX) {
        let cure = format!("write 1 to {WORKERS_MAX} cores, or count = 1 for one without a core");
        table.refuse(
            "cores",
            Fault::new(format!("names {} cores", cores.len()), cure),
        );
    }
    for (index, core) in cores.iter().enumerate() {
        if cores.iter().take(index).any(|earlier| earlier == core) {
            let fault = Fault::new(format!("has core {core} twice"), "give each worker its own");
            table.refuse("cores", fault);
        }
    }
    Placement::Cores(cores)
}

fn read_punt(table: &mut Table<'_, '_>) -> Punt {
    let mut rate = |key, default| table.number(key, default, 1..=10_000_000);
    Punt {
        control_frames_per_s: rate("control_frames_per_s", 50_000),
        arp_frames_per_s: rate("arp_frames_per_s", 1_000),
        local_frames_per_s: rate("local_frames_per_s", 10_000),
        exception_frames_per_s: rate("exception_frames_per_s", 2_000),
        ppp_frames_per_s: rate("ppp_frames_per_s", 50_000),
        ppp_frames_per_call_per_s: rate("ppp_frames_per_call_per_s", 50),
    }
}
