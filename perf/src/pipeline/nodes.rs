//! Where the cycles of a packet go: parts of a worker's turn, each the time between two readings of the
//! clock, for a burst of 64 packets of 64 bytes.

use std::time::Instant;

use pns::dataplane::batch::BURST;
use pns::dataplane::laps::{Laps, Part};
use pns::flow::Encryption;
use serde::Serialize;

use super::bench::{Kind, Way, lanes};
use super::medium::Medium;
use super::{Ports, SCALES};
use crate::Outcome;
use crate::load::Load;
use crate::measure::{Effort, Meter, percentile};
use crate::report::{Measured, rounded};

/// What each part of a turn took, in nanoseconds.
pub(crate) type Parts = [f64; Part::COUNT];

/// Adds up what a worker says of its turn.
pub(crate) struct Stopwatch {
    last: Instant,
    spent: Parts,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self {
            last: Instant::now(),
            spent: [0.0; Part::COUNT],
        }
    }
}

impl Laps for Stopwatch {
    #[inline]
    fn lap(&mut self, part: Part) {
        let now = Instant::now();
        if let Some(spent) = self.spent.get_mut(part.index()) {
            *spent += (now - self.last).as_nanos() as f64;
        }
        self.last = now;
    }
}

impl Stopwatch {
    /// What it has so far; it starts anew.
    pub(super) fn take(&mut self) -> Parts {
        std::mem::take(self).spent
    }
}

/// A medium whose workers tell where their time goes.
struct Timed<'m, M>(&'m mut M);

impl<M: Medium> Medium for Timed<'_, M> {
    type Port = M::Port;
    type Wire = M::Wire;
    type Entered = M::Entered;
    type Laps = Stopwatch;

    fn cable(&mut self) -> Outcome<(Self::Port, Self::Wire)> {
        self.0.cable()
    }

    fn enter(&self) -> Outcome<Self::Entered> {
        self.0.enter()
    }

    fn name(&self) -> &'static str {
        self.0.name()
    }
}

/// The figures of scenario `nodes`.
#[derive(Serialize)]
pub(crate) struct Nodes {
    scenario: &'static str,
    direction: &'static str,
    #[serde(flatten)]
    measured: Measured,
    quick: bool,
    ports: &'static str,
    core_clock_ghz: f64,
    packet_octets: Load,
    /// What a reading of the clock adds to each part.
    clock_cycles_per_packet: f64,
    packets_verified: u64,
    cases: Vec<Case>,
}

/// A way with so many calls.
#[derive(Serialize)]
struct Case {
    case: String,
    flows: u32,
    samples: usize,
    nodes: Vec<Node>,
}

/// A part of the turn.
#[derive(Serialize)]
struct Node {
    node: &'static str,
    cycles_per_packet_p1: f64,
    cycles_per_packet_p50: f64,
    cycles_per_packet_p99: f64,
}

/// Scenario `nodes`.
pub(crate) fn run(ports: &mut Ports, effort: Effort) -> Outcome<Nodes> {
    match ports {
        Ports::Memory(memory) => run_on(memory, effort),
        #[cfg(feature = "dpdk")]
        Ports::Rings(rings) => run_on(rings, effort),
    }
}

fn run_on<M: Medium>(medium: &mut M, effort: Effort) -> Outcome<Nodes> {
    let mut meter = Meter::new();
    let clock: Vec<_> = (0..101).map(|_| clock_cycles(&mut meter)).collect();
    let (mut cases, mut packets_verified) = (Vec::new(), 0);
    for kind in kinds().filter(|kind| kind.flows <= effort.flows_max()) {
        let samples = measure(&mut Timed(medium), kind, effort, &mut meter)?;
        packets_verified += (samples.len() * BURST) as u64;
        let case = Case::new(kind, &samples);
        case.print();
        cases.push(case);
    }
    Ok(Nodes {
        scenario: "nodes",
        direction: "upstream and downstream, each alone",
        measured: Measured::new(effort).with_kernel(),
        quick: effort != Effort::Normal,
        ports: medium.name(),
        core_clock_ghz: rounded(meter.core_ghz(), 3),
        packet_octets: Load::Short,
        clock_cycles_per_packet: rounded(percentile(&clock, 50) / BURST as f64, 2),
        packets_verified,
        cases,
    })
}

/// In clear with few calls and with many; with MPPE.
fn kinds() -> impl Iterator<Item = Kind> {
    let ways = [Way::Upstream, Way::Downstream];
    ways.into_iter().flat_map(|way| {
        let kind = move |encryption, flows| Kind {
            way,
            encryption,
            flows,
            load: Load::Short,
        };
        let clear = SCALES.map(|flows| kind(Encryption::Off, flows));
        let mppe = kind(Encryption::Required, super::FLOWS);
        clear.into_iter().skip(1).chain([mppe])
    })
}

/// A reading of the clock, in cycles.
fn clock_cycles(meter: &mut Meter) -> f64 {
    const READINGS: usize = 64;
    let mut stopwatch = Stopwatch::default();
    let all = meter.cycles(|| (0..READINGS).for_each(|_| stopwatch.lap(Part::Rest)));
    all / READINGS as f64
}

/// What each part of each turn took, in cycles.
fn measure<M: Medium<Laps = Stopwatch>>(
    medium: &mut M,
    kind: Kind,
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Vec<Parts>> {
    let (mut lanes, _footprint) = lanes(medium, 1, kind)?;
    let lane = lanes.first_mut().ok_or("no worker")?;
    let mut samples = Vec::new();
    for _ in 0..effort.rigs() * effort.rig_rounds() {
        let items = lane.items()?;
        lane.feed(&items)?;
        samples.extend(lane.parts(meter));
        lane.verify(&items)?;
    }
    lane.post.check()?;
    Ok(samples)
}

impl Case {
    fn new(kind: Kind, samples: &[Parts]) -> Self {
        let way = match kind.way {
            Way::Upstream => "upstream",
            Way::Downstream => "downstream",
            Way::Turnaround => "turnaround",
        };
        let nodes = Part::ALL.iter().filter(|part| **part != Part::Rest);
        let nodes = nodes.map(|part| {
            let of_part = samples.iter().filter_map(|parts| parts.get(part.index()));
            let cycles: Vec<_> = of_part.map(|cycles| cycles / BURST as f64).collect();
            let cycles = |percent| rounded(percentile(&cycles, percent), 1);
            Node {
                node: part.name(),
                cycles_per_packet_p1: cycles(1),
                cycles_per_packet_p50: cycles(50),
                cycles_per_packet_p99: cycles(99),
            }
        });
        Self {
            case: format!("{way}, {}", kind.name()),
            flows: kind.flows,
            samples: samples.len(),
            nodes: nodes.filter(|it| it.cycles_per_packet_p50 > 0.0).collect(),
        }
    }

    fn print(&self) {
        println!("{}, {} calls, cycles per packet", self.case, self.flows);
        for node in &self.nodes {
            println!(
                "{:>18} {:>8} p1 {:>8} p50 {:>8} p99",
                node.node,
                node.cycles_per_packet_p1,
                node.cycles_per_packet_p50,
                node.cycles_per_packet_p99
            );
        }
    }
}
