//! The benchmark harness of PNS: what a packet costs, in core cycles, beside a peer measured in the
//! same moments. `perf/README.md` says what the figures mean.

mod baseline;
mod drive;
mod lab;
mod linux;
mod load;
mod machine;
mod measure;
mod mppe;
mod pipeline;
mod plots;
mod processes;
mod report;
mod scale;
mod setup;

use std::error::Error;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use clap::{Parser, ValueEnum};

use drive::Tool;
use measure::{Effort, Meter};
use pipeline::{Ports, Way};
use pns::mppe::kernel::{Kernel, KernelKind};
use pns::mppe::keys::Mode;
use report::Report;

/// What a scenario comes to: figures, or why there are none.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures PNS. Each scenario ends with one line of JSON on standard output, which is also written
/// to results/SCENARIO.json beside this package; without SCENARIO all run, one after the other.
#[derive(Parser)]
#[command(
    name = "pns-perf",
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
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
    /// Of the cases of the pipeline or of MPPE only those whose name begins with this: cipher, bytes of
    /// a packet and calls, such as "clear 64 1000" or "encrypt, alone 1400" (which decrypts, too).
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
    /// Measure nothing but what so many workers with so many calls in clear take of memory, in bytes: what
    /// `scale` asks of a process whose heap is new.
    #[arg(long, hide = true, num_args = 2, value_names = ["WORKERS", "CALLS"])]
    footprint: Option<Vec<u32>>,
    #[command(subcommand)]
    tool: Option<Tool>,
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
    /// Where the cycles of a packet go, node by node, upstream and downstream.
    Nodes,
    /// What a worker adds to a packet's time on the way, at several loads, with the generator on another
    /// core.
    Latency,
    /// The same work done by the Linux kernel's own PPTP and MPPE, in user-mode Linux; root only.
    Linux,
    /// Calls that the slow path sets up in a second of its CPU time, and how long clients wait.
    Setup,
    /// What a call takes of memory, and what a packet costs among many calls.
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
            Self::Nodes | Self::Latency | Self::Linux | Self::Setup | Self::Scale => false,
        }
    }

    /// Whether all that counts happens on one thread.
    const fn is_of_one_thread(self) -> bool {
        self.is_repeated() && !matches!(self, Self::Workers)
            || matches!(self, Self::Nodes | Self::Linux)
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
        let (memory, case) = (arguments.memory, arguments.case.as_str());
        let of_pipeline = |ports: &mut Ports, way, direction| {
            let report = pipeline::run(way, ports, case, effort, &mut Meter::new())?;
            publish_pipeline(report.going(direction), effort)
        };
        match self {
            Self::MppeStateless => of_mppe(mppe::STATELESS, Mode::Stateless, case, effort),
            Self::MppeStateful => of_mppe(mppe::STATEFUL, Mode::Stateful, case, effort),
            Self::Upstream => of_pipeline(opened(ports, memory)?, Way::Upstream, "upstream"),
            Self::Downstream => of_pipeline(opened(ports, memory)?, Way::Downstream, "downstream"),
            Self::Turnaround => of_pipeline(
                opened(ports, memory)?,
                Way::Turnaround,
                "both: upstream from a client and downstream to another at once",
            ),
            Self::Workers => {
                let report =
                    pipeline::run_workers(opened(ports, memory)?, effort, &mut Meter::new())?;
                publish_pipeline(report.going("upstream"), effort)
            }
            Self::Nodes => {
                let nodes = pipeline::nodes::run(opened(ports, memory)?, effort)?;
                report::publish("nodes", &nodes, effort)
            }
            Self::Latency => {
                let latency = pipeline::latency::run(opened(ports, memory)?, effort)?;
                report::publish("latency", &latency, effort)
            }
            Self::Linux => report::publish(
                "linux",
                &linux::run(opened(ports, memory)?, effort)?,
                effort,
            ),
            Self::Setup => report::publish("setup", &setup::run(effort)?, effort),
            Self::Scale => report::publish(
                "scale",
                &scale::run(opened(ports, memory)?, effort)?,
                effort,
            ),
        }
    }
}

/// The ports of all scenarios: DPDK starts once in a process, and only if a scenario has to do with it.
fn opened(ports: &mut Option<Ports>, memory: bool) -> Outcome<&mut Ports> {
    match ports {
        Some(ports) => Ok(ports),
        None => Ok(ports.insert(Ports::open(memory)?)),
    }
}

fn publish_pipeline(report: Report, effort: Effort) -> Outcome<()> {
    report.with_kernel(kernel().name()).publish(effort)
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

fn of_mppe(which: mppe::Which, mode: Mode, case: &str, effort: Effort) -> Outcome<()> {
    let report = mppe::run(which, kernel(), case, effort, &mut Meter::new())?;
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
    if let Some(tool) = &arguments.tool {
        return answer(tool.run());
    }
    if let Some(kernel) = arguments.kernel {
        let _first = KERNEL.set(kernel);
    }
    if let Some(&[workers, calls]) = arguments.footprint.as_deref() {
        return answer(scale::tell_footprint(workers, calls));
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
