//! What a scenario found: a table to read, and one line of JSON to keep.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use pns::dataplane::batch::BURST;
use serde::Serialize;

use crate::Outcome;
use crate::load::{Load, PACKETS};
use crate::measure::{Effort, Meter, Pairs, percentile};

/// The clock at which rates are derived from cycles, so that they compare between machines.
const DERIVED_AT_GHZ: f64 = 3.0;

/// The figures of a scenario. Ratios are ours over the peer's speed; more is better.
#[derive(Serialize)]
pub(crate) struct Report {
    scenario: &'static str,
    peer: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kernel: &'static str,
    quick: bool,
    packets_per_sample: u32,
    packets_verified: u64,
    core_clock_ghz: f64,
    ratio_64: f64,
    ratio_512: f64,
    ratio_1400: f64,
    ratio_imix: f64,
    #[serde(flatten)]
    pipeline: Option<Pipeline>,
    #[serde(flatten)]
    workers: Option<Workers>,
    cases: Vec<Case>,
}

/// What only scenarios of the pipeline have.
#[derive(Serialize)]
struct Pipeline {
    ports: &'static str,
    /// Of packets of 64 bytes of many calls, with MPPE: the first case that has it.
    #[serde(flatten)]
    engine: Option<OverEngine>,
    #[serde(flatten)]
    scale: Scale,
}

/// What only the scenario of several workers has.
#[derive(Serialize)]
pub(crate) struct Workers {
    pub(crate) ports: &'static str,
    /// What two workers do in the time in which one does one.
    pub(crate) two_over_one: f64,
    pub(crate) two_over_one_p1: f64,
    /// What a packet costs the worker that it is not for.
    pub(crate) handoff_cycles_p50: f64,
    pub(crate) handoff_cycles_p1: f64,
}

/// What many calls cost: in clear, 64 bytes.
#[derive(Serialize)]
pub(crate) struct Scale {
    cycles_per_packet_p50_by_flows: BTreeMap<u32, f64>,
    cost_of_most_flows_over_1k: f64,
    octets_per_call: f64,
}

impl Scale {
    /// From cycles per packet, and from memory per call, by the number of calls.
    pub(crate) fn new(cycles: &BTreeMap<u32, f64>, octets: &BTreeMap<u32, f64>) -> Self {
        let most = cycles.last_key_value().map_or(f64::NAN, |(_, most)| *most);
        let few = cycles.get(&1000).copied().unwrap_or(f64::NAN);
        let octets = octets.last_key_value().map_or(f64::NAN, |(_, most)| *most);
        let cycles = cycles.iter();
        Self {
            cycles_per_packet_p50_by_flows: cycles
                .map(|(flows, cycles)| (*flows, rounded(*cycles, 1)))
                .collect(),
            cost_of_most_flows_over_1k: rounded(most / few, 3),
            octets_per_call: rounded(octets, 0),
        }
    }
}

/// One case of a scenario.
#[derive(Serialize)]
pub(crate) struct Case {
    case: &'static str,
    samples: usize,
    packet_octets: Load,
    flows: u32,
    cycles_per_packet_p50: f64,
    cycles_per_packet_p1: f64,
    cycles_per_packet_min: f64,
    cycles_per_packet_p99: f64,
    peer_cycles_per_packet_p50: f64,
    peer_cycles_per_packet_p1: f64,
    peer_cycles_per_packet_min: f64,
    ratio: f64,
    ratio_p1: f64,
    derived_mpps_at_3ghz: f64,
    derived_gbit_per_s_at_3ghz: f64,
    #[serde(flatten)]
    engine: Option<OverEngine>,
}

/// What the MPPE engine alone takes for the packets of a case, and what the worker takes above that.
#[derive(Clone, Copy, Serialize)]
struct OverEngine {
    engine_cycles_per_packet_p50: f64,
    engine_cycles_per_packet_p1: f64,
    pipeline_over_engine_cycles: f64,
    pipeline_over_engine_cycles_p1: f64,
}

impl Case {
    /// The figures of `pairs`.
    pub(crate) fn new(case: &'static str, load: Load, flows: u32, pairs: &Pairs) -> Self {
        let median = percentile(pairs.ours(), 50);
        let (quiet, peer_quiet) = (percentile(pairs.ours(), 1), percentile(pairs.peer(), 1));
        let packets_per_us = DERIVED_AT_GHZ * 1000.0 / median;
        let bits = f64::from(load.sample_bits()) / f64::from(PACKETS);
        Self {
            case,
            samples: pairs.ours().len(),
            packet_octets: load,
            flows,
            cycles_per_packet_p50: rounded(median, 1),
            cycles_per_packet_p1: rounded(quiet, 1),
            cycles_per_packet_min: rounded(percentile(pairs.ours(), 0), 1),
            cycles_per_packet_p99: rounded(percentile(pairs.ours(), 99), 1),
            peer_cycles_per_packet_p50: rounded(percentile(pairs.peer(), 50), 1),
            peer_cycles_per_packet_p1: rounded(peer_quiet, 1),
            peer_cycles_per_packet_min: rounded(percentile(pairs.peer(), 0), 1),
            ratio: rounded(pairs.ratio(), 3),
            ratio_p1: rounded(peer_quiet / quiet, 3),
            derived_mpps_at_3ghz: rounded(packets_per_us, 3),
            derived_gbit_per_s_at_3ghz: rounded(packets_per_us * bits / 1000.0, 2),
            engine: None,
        }
    }

    /// Beside these samples of the MPPE engine, in cycles per packet, if there are any.
    pub(crate) fn beside_engine(self, samples: &[f64]) -> Self {
        let [p50, p1] = [50, 1].map(|percent| rounded(percentile(samples, percent), 1));
        let engine = OverEngine {
            engine_cycles_per_packet_p50: p50,
            engine_cycles_per_packet_p1: p1,
            pipeline_over_engine_cycles: rounded(self.cycles_per_packet_p50 - p50, 1),
            pipeline_over_engine_cycles_p1: rounded(self.cycles_per_packet_p1 - p1, 1),
        };
        let engine = (!samples.is_empty()).then_some(engine);
        Self { engine, ..self }
    }

    fn print(&self) {
        println!(
            "{:>18} {:>5} B {:>5} flows {:>8.0} p50 {:>8.0} p1, peer {:>8.0} p50 {:>8.0} p1, \
             ratio {:.3}, of p1 {:.3}",
            self.case,
            self.packet_octets.name(),
            self.flows,
            self.cycles_per_packet_p50,
            self.cycles_per_packet_p1,
            self.peer_cycles_per_packet_p50,
            self.peer_cycles_per_packet_p1,
            self.ratio,
            self.ratio_p1,
        );
    }
}

/// The ratio of each load that stands for the scenario, in the order of [`Load::ALL`].
pub(crate) type Headline = [f64; Load::ALL.len()];

impl Report {
    /// The report of a scenario whose every packet was checked.
    pub(crate) fn new(
        scenario: &'static str,
        peer: &'static str,
        effort: Effort,
        meter: &Meter,
        headline: Headline,
        cases: Vec<Case>,
    ) -> Self {
        let [ratio_64, ratio_512, ratio_1400, ratio_imix] = headline.map(|ratio| rounded(ratio, 3));
        let samples = cases.len() * effort.samples();
        Self {
            scenario,
            peer,
            kernel: "",
            quick: effort != Effort::Normal,
            packets_per_sample: PACKETS,
            packets_verified: samples as u64 * u64::from(PACKETS),
            core_clock_ghz: rounded(meter.core_ghz(), 3),
            ratio_64,
            ratio_512,
            ratio_1400,
            ratio_imix,
            pipeline: None,
            workers: None,
            cases,
        }
    }

    /// Says how keystreams were made.
    pub(crate) fn with_kernel(self, kernel: &'static str) -> Self {
        Self { kernel, ..self }
    }

    /// The same of the scenario of several workers.
    pub(crate) fn of_workers(self, packets_verified: u64, workers: Workers) -> Self {
        let Workers { ports, .. } = workers;
        let workers = Workers {
            ports,
            two_over_one: rounded(workers.two_over_one, 3),
            two_over_one_p1: rounded(workers.two_over_one_p1, 3),
            handoff_cycles_p50: rounded(workers.handoff_cycles_p50, 1),
            handoff_cycles_p1: rounded(workers.handoff_cycles_p1, 1),
        };
        Self {
            packets_verified,
            packets_per_sample: BURST as u32,
            workers: Some(workers),
            ..self
        }
    }

    /// The same of a scenario whose samples are bursts of the pipeline.
    pub(crate) fn of_pipeline(
        self,
        ports: &'static str,
        packets_verified: u64,
        scale: Scale,
    ) -> Self {
        Self {
            packets_verified,
            packets_per_sample: BURST as u32,
            pipeline: Some(Pipeline {
                ports,
                engine: self.cases.first().and_then(|case| case.engine),
                scale,
            }),
            ..self
        }
    }

    /// Prints the table and the line of JSON, and keeps the line in a file.
    pub(crate) fn publish(&self, effort: Effort) -> Outcome<()> {
        println!(
            "\n{}, cycles per packet; kernel: {}; peer: {}",
            self.scenario, self.kernel, self.peer
        );
        for case in &self.cases {
            case.print();
        }
        publish(self.scenario, self, effort)
    }
}

/// Prints the line of JSON that a scenario ends with, and keeps it in a file.
pub(crate) fn publish(name: &str, figures: &impl Serialize, effort: Effort) -> Outcome<()> {
    let line = serde_json::to_string(figures)?;
    let suffix = match effort {
        Effort::Smoke => {
            println!("{line}");
            return Ok(());
        }
        Effort::Quick => ".quick.json",
        Effort::Normal => ".json",
    };
    let folder = package().join("results");
    fs::create_dir_all(&folder)?;
    let unfinished = folder.join(format!("{name}.tmp"));
    fs::write(&unfinished, serde_json::to_string_pretty(figures)? + "\n")?;
    fs::rename(unfinished, folder.join(format!("{name}{suffix}")))?;
    println!("{line}");
    Ok(())
}

/// Where this package is: cargo says so, and without cargo we are in the root of the tree.
pub(crate) fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("perf"), PathBuf::from)
}

/// With so many digits behind the point as mean something.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
