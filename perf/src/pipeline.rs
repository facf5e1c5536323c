//! A worker's whole way: everything between a burst of frames from a port and the same burst in the
//! queue of another port. Every frame that comes out is compared with what it must be; clients
//! decrypt what is for them.

mod bench;
mod client;
mod floor;
#[cfg(feature = "dpdk")]
mod huge_pages;
pub(crate) mod latency;
mod medium;
pub(crate) mod nodes;

pub(crate) mod packets;
mod rig;
#[cfg(feature = "dpdk")]
mod rings;
mod workers;

use std::collections::BTreeMap;

use pns::dataplane::batch::BURST;
use pns::flow::Encryption;

use crate::Outcome;
use crate::load::Load;
use crate::measure::{Effort, Meter, Pairs};
use crate::report::{Case, Report, Scale};
use bench::Bench;
use medium::{Medium, Memory};
pub(crate) use rig::Footprint;
#[cfg(feature = "dpdk")]
use rings::Rings;

pub(crate) use bench::{Kind, Way};

const PEER: &str = "the floor: the same frames forwarded with swapped MAC addresses, same ports";
/// Calls in most cases.
const FLOWS: u32 = 1000;
/// Calls in the cases that show what a large table costs: in clear, 64 bytes.
const SCALES: [u32; 4] = [1, FLOWS, 100_000, 1_000_000];

/// The ports of the scenarios.
pub(crate) enum Ports {
    /// Of memory.
    Memory(Memory),
    /// Of DPDK.
    #[cfg(feature = "dpdk")]
    Rings(Rings),
}

impl Ports {
    /// What they are, for the report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory(memory) => memory.name(),
            #[cfg(feature = "dpdk")]
            Self::Rings(rings) => rings.name(),
        }
    }

    /// The best that this build has, or those of memory.
    pub(crate) fn open(memory: bool) -> Outcome<Self> {
        #[cfg(feature = "dpdk")]
        if !memory {
            return Ok(Self::Rings(Rings::start()?));
        }
        let _ = memory;
        Ok(Self::Memory(Memory::default()))
    }
}

/// One worker and two, and one that hands over what is the other's.
pub(crate) fn run_workers(ports: &mut Ports, effort: Effort, meter: &mut Meter) -> Outcome<Report> {
    match ports {
        Ports::Memory(memory) => workers::run(memory, effort, meter),
        #[cfg(feature = "dpdk")]
        Ports::Rings(rings) => workers::run(rings, effort, meter),
    }
}

/// One way, with MPPE and without, and in clear with few calls and with many.
pub(crate) fn run(
    way: Way,
    ports: &mut Ports,
    case: &str,
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Report> {
    match ports {
        Ports::Memory(memory) => run_on(memory, way, case, effort, meter),
        #[cfg(feature = "dpdk")]
        Ports::Rings(rings) => run_on(rings, way, case, effort, meter),
    }
}

/// What packets upstream cost among so many calls, in clear, 64 bytes, measured as [`run`] does; and the
/// memory of a call, in bytes.
pub(crate) fn among(
    ports: &mut Ports,
    calls: &[u32],
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Vec<Found>> {
    let kinds: Vec<_> = calls
        .iter()
        .map(|calls| clear(Way::Upstream, *calls))
        .collect();
    match ports {
        Ports::Memory(memory) => measure(memory, &kinds, effort, meter),
        #[cfg(feature = "dpdk")]
        Ports::Rings(rings) => measure(rings, &kinds, effort, meter),
    }
}

/// What packets of one case take, in the unit of `meter`: samples of a burst each, on a worker of their
/// own.
pub(crate) fn sample(
    ports: &mut Ports,
    kind: Kind,
    rounds: usize,
    meter: &mut Meter,
) -> Outcome<Pairs> {
    match ports {
        Ports::Memory(memory) => sample_on(memory, kind, rounds, meter),
        #[cfg(feature = "dpdk")]
        Ports::Rings(rings) => sample_on(rings, kind, rounds, meter),
    }
}

fn sample_on<M: Medium>(
    medium: &mut M,
    kind: Kind,
    rounds: usize,
    meter: &mut Meter,
) -> Outcome<Pairs> {
    let mut pairs = Pairs::default();
    Bench::new(medium, kind)?.measure(rounds, meter, &mut pairs)?;
    Ok(pairs)
}

/// The memory of a call if a server of so many workers has so many of them, and any worker may have all,
/// in bytes.
pub(crate) fn footprint(workers: u8, calls: u32) -> Outcome<Footprint> {
    let (_lanes, footprint) =
        bench::lanes(&mut Memory::default(), workers, clear(Way::Upstream, calls))?;
    Ok(footprint)
}

const fn clear(way: Way, flows: u32) -> Kind {
    Kind {
        way,
        encryption: Encryption::Off,
        flows,
        load: Load::Short,
    }
}

/// What was found of a case.
pub(crate) struct Found {
    pub(crate) pairs: Pairs,
    /// Cycles per packet of the engine alone.
    engine: Vec<f64>,
    pub(crate) footprint: Footprint,
}

/// All cases in turn, round by round.
fn measure<M: Medium>(
    medium: &mut M,
    kinds: &[Kind],
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Vec<Found>> {
    let nothing = || Found {
        pairs: Pairs::default(),
        engine: Vec::new(),
        footprint: Footprint::UNKNOWN,
    };
    let mut all: Vec<_> = kinds.iter().map(|_| nothing()).collect();
    let mut kept: Vec<Option<Bench<M>>> = kinds.iter().map(|_| None).collect();
    for _ in 0..effort.rigs() {
        for ((kind, found), kept) in kinds.iter().zip(&mut all).zip(&mut kept) {
            let mut bench = match kept.take() {
                Some(bench) => bench,
                None => Bench::new(medium, *kind)?,
            };
            found.footprint = bench.footprint;
            bench.measure(effort.rig_rounds(), meter, &mut found.pairs)?;
            found.pairs.end_round();
            found.engine.append(&mut bench.take_engine());
            // A million calls take seconds to set up, and are not in one place of the caches anyway.
            *kept = (kind.flows > FLOWS).then_some(bench);
        }
    }
    Ok(all)
}

fn kinds(way: Way) -> Vec<Kind> {
    let kind = |encryption, flows, load| Kind {
        way,
        encryption,
        flows,
        load,
    };
    let mppe = Load::ALL.map(|load| kind(Encryption::Required, FLOWS, load));
    let mut kinds = mppe.to_vec();
    kinds.push(kind(Encryption::Required, 1, Load::Short));
    let longer = Load::ALL.into_iter().filter(|load| *load != Load::Short);
    kinds.extend(longer.map(|load| kind(Encryption::Off, FLOWS, load)));
    kinds.extend(SCALES.map(|flows| clear(way, flows)));
    kinds
}

fn run_on<M: Medium>(
    medium: &mut M,
    way: Way,
    case: &str,
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Report> {
    let mut kinds = kinds(way);
    kinds.retain(|kind| kind.full_name().starts_with(case) && kind.flows <= effort.flows_max());
    let all = measure(medium, &kinds, effort, meter)?;
    let mut cases = Vec::new();
    let (mut by_flows, mut footprints) = (BTreeMap::new(), BTreeMap::new());
    for (kind, found) in kinds.iter().zip(&all) {
        let case = Case::new(kind.name(), kind.load, kind.flows, &found.pairs);
        cases.push(case.beside_engine(&found.engine));
        footprints.insert(kind.flows, found.footprint);
        if kind.encryption == Encryption::Off && kind.load == Load::Short {
            by_flows.insert(kind.flows, found.pairs.ours_median());
        }
    }
    // With MPPE and many calls: the first cases.
    let mut headline = [f64::NAN; Load::ALL.len()];
    for (ratio, found) in headline.iter_mut().zip(&all) {
        *ratio = found.pairs.ratio();
    }
    let scenario = match way {
        Way::Upstream => "upstream",
        Way::Downstream => "downstream",
        Way::Turnaround => "turnaround",
    };
    let verified = all
        .iter()
        .map(|found| (found.pairs.ours().len() * BURST) as u64);
    let report = Report::new(scenario, PEER, effort, meter, headline, cases);
    Ok(report.of_pipeline(
        medium.name(),
        verified.sum(),
        Scale::new(&by_flows, &footprints),
    ))
}
