//! The benchmark harness of PNS: what a packet costs, in core cycles, beside a peer measured in the
//! same moments. `perf/README.md` says what the figures mean.

mod load;
mod measure;
mod mppe;
mod pipeline;
mod report;
mod rustcrypto;
mod setup;

use std::error::Error;
use std::net::SocketAddrV4;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use measure::{Effort, Meter};
use pipeline::{Ports, Way};

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
    /// Measure nothing, but dial this PPTP server over the sockets of this machine (as root), hold
    /// the calls for a moment, and say how it went. Users are user0000000 with the password
    /// \"secret of 0\", and so on.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "scenario")]
    dial: Option<SocketAddrV4>,
    /// Clients that dial.
    #[arg(long, default_value_t = 100, requires = "dial")]
    clients: usize,
    /// Clients that may be on their way at once.
    #[arg(long, default_value_t = 100, requires = "dial")]
    at_once: usize,
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
    /// Calls that the slow path sets up in a second of its CPU time, and how long clients wait.
    Setup,
    /// What a call takes of memory.
    Scale,
}

impl Scenario {
    fn run(self, ports: &mut Option<Ports>, arguments: &Arguments, effort: Effort) -> Outcome<()> {
        let way = match self {
            Self::Mppe => return mppe::run(effort, &mut Meter::new())?.publish(effort),
            Self::Setup => return report::publish("setup", &setup::run(effort)?, effort),
            Self::Scale => return report::publish("scale", &setup::scale(effort)?, effort),
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
        let mut meter = Meter::new();
        let report = match way {
            Some(way) => pipeline::run(way, ports, &arguments.case, effort, &mut meter)?,
            None => pipeline::run_workers(ports, effort, &mut meter)?,
        };
        report.publish(effort)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(server) = arguments.dial {
        let (clients, at_once) = (arguments.clients, arguments.at_once);
        let plan = setup::Plan {
            server,
            clients,
            at_once,
        };
        return answer(setup::dial(plan).and_then(|(dialled, _calls)| {
            println!("{}", serde_json::to_string(&dialled)?);
            Ok(())
        }));
    }
    let effort = match (arguments.smoke, arguments.quick) {
        (true, _) => Effort::Smoke,
        (false, true) => Effort::Quick,
        (false, false) => Effort::Normal,
    };
    let mut ports = None;
    let chosen = arguments.scenario.as_ref().map(std::slice::from_ref);
    for scenario in chosen.unwrap_or(Scenario::value_variants()) {
        let outcome = scenario.run(&mut ports, &arguments, effort);
        if outcome.is_err() {
            return answer(outcome);
        }
    }
    ExitCode::SUCCESS
}

fn answer(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pns-perf: {error}");
            ExitCode::FAILURE
        }
    }
}
