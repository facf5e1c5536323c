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
    /// The workers that own calls, by number, in this order; empty: all of them. The others only
    /// receive and hand over.
    pub call_workers: Vec<u8>,
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

impl Placement {
    /// How many workers there are.
    fn count(&self) -> usize {
        match self {
            Self::Cores(cores) => cores.len(),
            Self::Anywhere(count) => usize::from(*count),
        }
    }
}

impl Workers {
    /// How many workers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.placement.count()
    }

    /// The number of every worker.
    #[must_use]
    pub fn numbers(&self) -> Vec<u8> {
        (0..u8::try_from(self.count()).unwrap_or(u8::MAX)).collect()
    }

    /// The workers that own calls, of which there is at least one.
    #[must_use]
    pub fn call_owners(&self) -> Vec<u8> {
        match self.call_workers.as_slice() {
            [] => self.numbers(),
            some => some.to_vec(),
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
/// The highest number of a worker.
pub(super) const WORKER_NUMBER_MAX: u8 = 127;

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
    let call_workers = read_call_workers(table, &placement);
    Workers {
        placement,
        idle_sleep_max: Duration::from_micros(idle_sleep_us),
        control_core,
        call_workers,
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
    if let Some(core) = said_twice(&cores) {
        let fault = Fault::new(format!("has core {core} twice"), "give each worker its own");
        table.refuse("cores", fault);
    }
    Placement::Cores(cores)
}

fn read_call_workers(table: &mut Table<'_, '_>, placement: &Placement) -> Vec<u8> {
    let Some(workers) = table.numbers("call_workers", 0..=WORKER_NUMBER_MAX) else {
        return Vec::new();
    };
    if let Some(fault) = not_workers(&workers, placement.count()) {
        table.refuse("call_workers", fault);
    }
    workers
}

/// What is wrong with `list` as a list of workers, of which there are `count`.
pub(super) fn not_workers(list: &[u8], count: usize) -> Option<Fault> {
    let cure = format!("write numbers of workers, 0 to {}", count.saturating_sub(1));
    if list.is_empty() {
        return Some(Fault::new("names no worker", cure));
    }
    if let Some(worker) = list.iter().find(|worker| usize::from(**worker) >= count) {
        return Some(Fault::new(format!("there is no worker {worker}"), cure));
    }
    said_twice(list).map(|worker| Fault::new(format!("has worker {worker} twice"), cure))
}

/// The first that stands in the list before.
fn said_twice<T: PartialEq>(list: &[T]) -> Option<&T> {
    let mut places = list.iter().enumerate();
    let twice = places.find(|(index, it)| list.iter().take(*index).any(|other| other == *it));
    twice.map(|(_, it)| it)
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
