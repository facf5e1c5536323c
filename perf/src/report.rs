//! What a scenario found: a table to read, and one line of JSON to keep.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pns::dataplane::batch::BURST;
use pns::mppe::keys::Mode;
use serde::Serialize;

use crate::Outcome;
use crate::baseline::{self, Baseline, Verdict};
use crate::load::{Load, PACKETS};
use crate::machine::Machine;
use crate::measure::{Ahead, Effort, Meter, Pairs, percentile};
use crate::pipeline::Footprint;

/// The clock at which rates are derived from cycles, so that they compare between machines.
const DERIVED_AT_GHZ: f64 = 3.0;

/// The figures of a scenario. Ratios are ours over the peer's speed; more is better.
#[derive(Serialize)]
pub(crate) struct Report {
    scenario: &'static str,
    direction: &'static str,
    peer: &'static str,
    #[serde(flatten)]
    measured: Measured,
    quick: bool,
    packets_per_sample: u32,
    packets_verified: u64,
    core_clock_ghz: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Baseline>,
    /// Of those that follow: the geometric mean, or the one that stands for them.
    ratio: f64,
    ratio_64: f64,
    ratio_512: f64,
    ratio_1400: f64,
    ratio_imix: f64,
    #[serde(flatten)]
    pipeline: Option<Pipeline>,
    #[serde(flatten)]
    workers: Option<Workers>,
    #[serde(flatten)]
    mppe: Option<Mppe>,
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

/// What only scenarios of MPPE have: of a packet each way, or of one of both.
#[derive(Serialize)]
pub(crate) struct Mppe {
    /// With the kernel that is left without AVX-512.
    pub(crate) ratio_portable_64: Option<f64>,
    pub(crate) ratio_portable_1400: Option<f64>,
    /// With the kernel that needs no machine instructions.
    pub(crate) ratio_scalar_64: Option<f64>,
    pub(crate) ratio_scalar_1400: Option<f64>,
    /// One packet at a time, nothing made ahead.
    pub(crate) ratio_alone_64: Option<f64>,
    pub(crate) ratio_alone_1400: Option<f64>,
    /// Of a packet whose keystream is there.
    pub(crate) stocked_cycles_64: Option<f64>,
    pub(crate) stocked_cycles_1400: Option<f64>,
    /// Of bursts of 32 with lengths of IMIX and calls of a Zipf draw, against full batches of equally long
    /// packets.
    pub(crate) zipf_efficiency: Option<f64>,
}

/// What many calls cost: in clear, 64 bytes.
#[derive(Serialize)]
pub(crate) struct Scale {
    cycles_per_packet_p50_by_flows: BTreeMap<u32, f64>,
    cost_of_most_flows_over_1k: f64,
    octets_per_call: f64,
    resident_octets_per_call: f64,
}

impl Scale {
    /// From cycles per packet, and from memory per call, by the number of calls.
    pub(crate) fn new(cycles: &BTreeMap<u32, f64>, footprints: &BTreeMap<u32, Footprint>) -> Self {
        let most = cycles.last_key_value().map_or(f64::NAN, |(_, most)| *most);
        let few = cycles.get(&1000).copied().unwrap_or(f64::NAN);
        let footprint = footprints.last_key_value().map(|(_, most)| *most);
        let cycles = cycles.iter();
        Self {
            cycles_per_packet_p50_by_flows: cycles
                .map(|(flows, cycles)| (*flows, rounded(*cycles, 1)))
                .collect(),
            cost_of_most_flows_over_1k: rounded(most / few, 3),
            octets_per_call: rounded(footprint.map_or(f64::NAN, |it| it.requested), 0),
            resident_octets_per_call: rounded(footprint.map_or(f64::NAN, |it| it.resident), 0),
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
    /// What the peer costs where it is known to run well.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_cycles_reference: Option<f64>,
    ratio: f64,
    ratio_p1: f64,
    derived_mpps_at_3ghz: f64,
    derived_gbit_per_s_at_3ghz: f64,
    /// Around the round that used up most of it.
    #[serde(flatten)]
    ahead: Option<Ahead>,
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
        let median = pairs.ours_median();
        let (quiet, peer_quiet) = (percentile(pairs.ours(), 1), percentile(pairs.peer(), 1));
        let packets_per_us = DERIVED_AT_GHZ * 1000.0 / median;
        let bits = load.mean_length() * 8.0;
        Self {
            case,
            samples: pairs.ours().len(),
            packet_octets: load,
            flows,
            cycles_per_packet_p50: rounded(median, 1),
            cycles_per_packet_p1: rounded(quiet, 1),
            cycles_per_packet_min: rounded(percentile(pairs.ours(), 0), 1),
            cycles_per_packet_p99: rounded(percentile(pairs.ours(), 99), 1),
            peer_cycles_per_packet_p50: rounded(pairs.peer_median(), 1),
            peer_cycles_per_packet_p1: rounded(peer_quiet, 1),
            peer_cycles_per_packet_min: rounded(percentile(pairs.peer(), 0), 1),
            peer_cycles_reference: None,
            ratio: rounded(pairs.ratio(), 3),
            ratio_p1: rounded(peer_quiet / quiet, 3),
            derived_mpps_at_3ghz: rounded(packets_per_us, 3),
            derived_gbit_per_s_at_3ghz: rounded(packets_per_us * bits / 1000.0, 2),
            ahead: pairs.ahead(),
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
            direction: "",
            peer,
            measured: Measured::new(effort),
            quick: effort != Effort::Normal,
            packets_per_sample: PACKETS,
            packets_verified: samples as u64 * u64::from(PACKETS),
            core_clock_ghz: rounded(meter.core_ghz(), 3),
            baseline: None,
            ratio: rounded(mean_ratio(&headline), 3),
            ratio_64,
            ratio_512,
            ratio_1400,
            ratio_imix,
            pipeline: None,
            workers: None,
            mppe: None,
            cases,
        }
    }

    /// Says how keystreams were made.
    pub(crate) fn with_kernel(mut self, kernel: &'static str) -> Self {
        self.measured.kernel = kernel;
        self
    }

    /// Says which way packets went.
    pub(crate) fn going(self, direction: &'static str) -> Self {
        Self { direction, ..self }
    }

    /// Holds the baseline of MPPE against what it costs where it is known to run well, and withholds
    /// ratios to one that does not.
    pub(crate) fn judged(mut self, mode: Mode) -> Self {
        let machine = &self.measured.machine;
        let mut verdicts = Vec::new();
        let mut withheld = [false; Load::ALL.len()];
        for case in &mut self.cases {
            let Some(reference) =
                baseline::reference(case.case, case.flows, mode, case.packet_octets)
            else {
                continue;
            };
            case.peer_cycles_reference = Some(rounded(reference, 0));
            let verdict = baseline::judge(machine, case.peer_cycles_per_packet_p50, reference);
            verdicts.push(verdict);
            if verdict == Verdict::Unfair {
                (case.ratio, case.ratio_p1) = (f64::NAN, f64::NAN);
                let loads = withheld.iter_mut().zip(Load::ALL);
                for (withheld, load) in loads {
                    *withheld |= load == case.packet_octets && !case.case.ends_with("plain C");
                }
            }
        }
        let headline = [
            &mut self.ratio_64,
            &mut self.ratio_512,
            &mut self.ratio_1400,
            &mut self.ratio_imix,
        ];
        for (ratio, withheld) in headline.into_iter().zip(withheld) {
            if withheld {
                *ratio = f64::NAN;
            }
        }
        self.ratio = match mode {
            // Keystream that runs on has no cost of its own per packet: the long ones tell.
            Mode::Stateful => self.ratio_1400,
            Mode::Stateless if withheld.contains(&true) => f64::NAN,
            Mode::Stateless => self.ratio,
        };
        self.baseline = Some(Baseline::new(&verdicts));
        self
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

    /// The same of a scenario of MPPE.
    pub(crate) fn of_mppe(
        self,
        packets_per_sample: u32,
        packets_verified: u64,
        figures: Mppe,
    ) -> Self {
        let tidy = |figure: Option<f64>| figure.map(|figure| rounded(figure, 3));
        let mppe = Mppe {
            ratio_portable_64: tidy(figures.ratio_portable_64),
            ratio_portable_1400: tidy(figures.ratio_portable_1400),
            ratio_scalar_64: tidy(figures.ratio_scalar_64),
            ratio_scalar_1400: tidy(figures.ratio_scalar_1400),
            ratio_alone_64: tidy(figures.ratio_alone_64),
            ratio_alone_1400: tidy(figures.ratio_alone_1400),
            stocked_cycles_64: tidy(figures.stocked_cycles_64),
            stocked_cycles_1400: tidy(figures.stocked_cycles_1400),
            zipf_efficiency: tidy(figures.zipf_efficiency),
        };
        Self {
            packets_per_sample,
            packets_verified,
            mppe: Some(mppe),
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
            self.scenario, self.measured.kernel, self.peer
        );
        for case in &self.cases {
            case.print();
        }
        publish(self.scenario, self, effort)
    }
}

/// How the figures of a scenario came about.
#[derive(Serialize)]
pub(crate) struct Measured {
    /// How keystreams were made.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) kernel: &'static str,
    machine: Machine,
    interleaved_rounds: usize,
}

impl Measured {
    /// On this machine.
    pub(crate) fn new(effort: Effort) -> Self {
        Self {
            kernel: "",
            machine: Machine::look(),
            interleaved_rounds: effort.passes(),
        }
    }

    /// Keystreams were made in the way that all scenarios share.
    pub(crate) fn with_kernel(self) -> Self {
        let kernel = crate::kernel().name();
        Self { kernel, ..self }
    }
}

/// Where the figures of a scenario are kept; a run that measures nothing keeps none.
pub(crate) fn kept(name: &str, effort: Effort) -> Option<PathBuf> {
    let suffix = match effort {
        Effort::Smoke => return None,
        Effort::Quick => ".quick.json",
        Effort::Normal => ".json",
    };
    Some(package().join("results").join(format!("{name}{suffix}")))
}

/// Prints the line of JSON that a scenario ends with, and keeps it in a file.
pub(crate) fn publish(name: &str, figures: &impl Serialize, effort: Effort) -> Outcome<()> {
    if let Some(file) = kept(name, effort) {
        write(&file, &(serde_json::to_string_pretty(figures)? + "\n"))?;
    }
    println!("{}", serde_json::to_string(figures)?);
    Ok(())
}

/// Writes a file of results: whole, or not at all.
pub(crate) fn write(file: &Path, text: &str) -> Outcome<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = file.with_extension("tmp");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, file)?;
    Ok(())
}

/// The geometric mean of the ratios that there are.
fn mean_ratio(headline: &Headline) -> f64 {
    let there = headline.iter().filter(|ratio| !ratio.is_nan());
    let logarithms: Vec<_> = there.map(|ratio| ratio.ln()).collect();
    (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp()
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
