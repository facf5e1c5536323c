//! The benchmark harness of PNS: what a packet costs, in core cycles, beside a peer measured in the
//! same moments. `perf/README.md` says what the figures mean.

mod load;
mod measure;
mod mppe;
mod pipeline;
mod report;
mod rustcrypto;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use measure::{Effort, Meter};
use pipeline::{Ports, Way};
use report::Report;

/// What a scenario comes to: figures, or why there are none.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures PNS. Each scenario ends with one line of JSON on standard output, which is also written
/// to results/SCENARIO.json beside this package; without SCENARIO all run, one after the other.
#[derive(Parser)]
#[command(name = "pns-perf", max_term_width = 100)]
struct Arguments {
    /// What to measure.
    scenario: Option<Scenario>,
    /// A short run: the same cases, fewer samples; written to results/SCENARIO.quick.json.
    #[arg(long)]
    quick: bool,
    /// Only whether every packet comes out right, in a few seconds; written nowhere.
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Of the pipeline's cases only those whose name begins with this, such as "clear 64 1000": cipher,
    /// bytes of a packet, calls.
    #[arg(long, default_value = "")]
    case: String,
    /// Ports of memory for the pipeline, not of DPDK.
    #[arg(long)]
    memory: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// MPPE-128 stateless, both directions, against the RustCrypto crates rc4 and sha1.
    Mppe,
    /// A worker's way from a client to the network, against forwarding the same frames as they are.
    Upstream,
    /// A worker's way from the network to a client, against forwarding the same frames as they are.
    Downstream,
    /// A worker's way from a client to another client, against the same.
    Turnaround,
    /// Two workers, each fed on its own, against one; and handing over what is the other's.
    Workers,
}

impl Scenario {
    fn run(
        self,
        ports: &mut Option<Ports>,
        arguments: &Arguments,
        effort: Effort,
    ) -> Outcome<Report> {
        let mut meter = Meter::new();
        let way = match self {
            Self::Mppe => return mppe::run(effort, &mut meter),
            Self::Upstream => Some(Way::Upstream),
            Self::Downstream => Some(Way::Downstream),
            Self::Turnaround => Some(Way::Turnaround),
            Self::Workers => None,
        };
        // DPDK starts once in a process.
        let ports = match ports {
            Some(ports) => ports,
            None => ports.insert(Ports::open(arguments.memory)?),
        };
        match way {
            Some(way) => pipeline::run(way, ports, &arguments.case, effort, &mut meter),
            None => pipeline::run_workers(ports, effort, &mut meter),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let effort = match (arguments.smoke, arguments.quick) {
        (true, _) => Effort::Smoke,
        (false, true) => Effort::Quick,
        (false, false) => Effort::Normal,
    };
    let mut ports = None;
    let chosen = arguments.scenario.as_ref().map(std::slice::from_ref);
    for scenario in chosen.unwrap_or(Scenario::value_variants()) {
        let outcome = scenario
            .run(&mut ports, &arguments, effort)
            .and_then(|report| report.publish(effort));
        if let Err(error) = outcome {
            eprintln!("pns-perf: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
