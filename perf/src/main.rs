//! The benchmark harness of PNS: what a packet costs, in core cycles, beside a peer measured in the
//! same moments. `perf/README.md` says what the figures mean.

mod baseline;
mod load;
mod machine;
mod measure;
mod mppe;
mod pipeline;
mod plots;
mod processes;
mod report;
mod setup;

use std::error::Error;
use std::net::SocketAddrV4;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use clap::{Parser, ValueEnum};

use measure::{Effort, Meter};
use pipeline::{Ports, Way};
use pns::mppe::kernel::{Kernel, KernelKind};
use pns::mppe::keys::Mode;

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
    /// How MPPE makes keystreams; the quickest on this machine unless given.
    #[arg(long, value_parser = kernel_named)]
    kernel: Option<KernelKind>,
    /// Only whether every packet comes out right, in a few seconds; written nowhere.
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Of the pipeline's cases only those whose name begins with this, such as "clear 64 1000": cipher,
    /// bytes of a packet, calls.
    #[arg(long, default_value = "")]
    case: String,
    /// Measure nothing, but draw the pictures of the results again.
    #[arg(long, conflicts_with = "smoke")]
    draw: bool,
    /// Ports of memory for the pipeline, not of DPDK.
    #[arg(long)]
    memory: bool,
    /// Processes that a scenario with a peer is measured in, of which the best counts; 3 unless it is a
    /// short run.
    #[arg(long, value_name = "N")]
    processes: Option<usize>,
    /// The core for scenarios of one thread; the last that this process may use unless given.
    #[arg(long)]
    core: Option<usize>,
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

fn kernel_named(name: &str) -> Result<KernelKind, String> {
    KernelKind::named(name)
        .filter(|kind| Kernel::of(*kind).is_some())
        .ok_or_else(|| {
            let known = KernelKind::ALL.map(KernelKind::name);
            format!(
                "this machine has none of that name; known are {}",
                known.join(", ")
            )
        })
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// MPPE-128 with a key for each packet, both directions, against OpenSSL and the kernel's way.
    MppeStateless,
    /// MPPE-128 with RC4 running on, both directions, against OpenSSL and the kernel's way.
    MppeStateful,
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
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or(String::new(), |value| value.get_name().to_owned())
    }

    /// Whether it compares with a peer on one core, so that the best of several processes counts.
    const fn is_repeated(self) -> bool {
        match self {
            Self::MppeStateless
            | Self::MppeStateful
            | Self::Upstream
            | Self::Downstream
            | Self::Turnaround
            | Self::Workers => true,
            Self::Setup | Self::Scale => false,
        }
    }

    /// Whether all that counts happens on one thread.
    const fn is_of_one_thread(self) -> bool {
        self.is_repeated() && !matches!(self, Self::Workers)
    }

    /// In as many processes as are asked for.
    fn run(self, ports: &mut Option<Ports>, arguments: &Arguments, effort: Effort) -> Outcome<()> {
        let processes = arguments.processes.unwrap_or(effort.processes());
        let Some(file) = report::kept(&self.name(), effort) else {
            return self.run_here(ports, arguments, effort);
        };
        if !arguments.draw {
            if processes > 1 && self.is_repeated() {
                processes::best_of(processes, &arguments.for_one(self), &file)?;
            } else {
                self.run_here(ports, arguments, effort)?;
            }
        }
        plots::draw(&self.name(), &file)
    }

    fn run_here(
        self,
        ports: &mut Option<Ports>,
        arguments: &Arguments,
        effort: Effort,
    ) -> Outcome<()> {
        let everywhere = machine::cores();
        if self.is_of_one_thread()
            && let Some(core) = arguments.core.or(everywhere.last().copied())
        {
            machine::stay_on(&[core])?;
        }
        let done = self.measure(ports, arguments, effort);
        machine::stay_on(&everywhere)?;
        done
    }

    fn measure(
        self,
        ports: &mut Option<Ports>,
        arguments: &Arguments,
        effort: Effort,
    ) -> Outcome<()> {
        let way = match self {
            Self::MppeStateless => return of_mppe(mppe::STATELESS, Mode::Stateless, effort),
            Self::MppeStateful => return of_mppe(mppe::STATEFUL, Mode::Stateful, effort),
            Self::Setup => return report::publish("setup", &setup::run(effort)?, effort),
            Self::Scale => return report::publish("scale", &setup::scale(effort)?, effort),
            Self::Upstream => Some((Way::Upstream, "upstream: from a client to the network")),
            Self::Downstream => Some((Way::Downstream, "downstream: from the network to a client")),
            Self::Turnaround => Some((Way::Turnaround, "both: from a client to another")),
            Self::Workers => None,
        };
        // DPDK starts once in a process.
        let ports = match ports {
            Some(ports) => ports,
            None => ports.insert(Ports::open(arguments.memory)?),
        };
        let mut meter = Meter::new();
        let report = match way {
            Some((way, direction)) => {
                pipeline::run(way, ports, &arguments.case, effort, &mut meter)?.going(direction)
            }
            None => pipeline::run_workers(ports, effort, &mut meter)?.going("upstream"),
        };
        report.with_kernel(kernel().name()).publish(effort)
    }
}

impl Arguments {
    /// Those of a process that measures one scenario, once.
    fn for_one(&self, scenario: Scenario) -> Vec<String> {
        let mut words = vec![scenario.name(), "--processes=1".to_owned()];
        words.extend(self.quick.then(|| "--quick".to_owned()));
        words.extend(self.memory.then(|| "--memory".to_owned()));
        words.extend(self.kernel.map(|kind| format!("--kernel={}", kind.name())));
        words.extend(self.core.map(|core| format!("--core={core}")));
        words.push(format!("--case={}", self.case));
        words
    }
}

fn of_mppe(which: mppe::Which, mode: Mode, effort: Effort) -> Outcome<()> {
    let report = mppe::run(which, kernel(), effort, &mut Meter::new())?;
    let report = report.going("both: a packet each way").judged(mode);
    report.publish(effort)
}

static KERNEL: OnceLock<KernelKind> = OnceLock::new();

/// How MPPE makes keystreams in all scenarios: what was asked for, or the quickest.
fn kernel() -> KernelKind {
    *KERNEL.get_or_init(|| {
        let epoch = Instant::now();
        KernelKind::fastest(|| epoch.elapsed())
    })
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
    if let Some(kernel) = arguments.kernel {
        let _first = KERNEL.set(kernel);
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
