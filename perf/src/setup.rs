//! Set-up of calls: how many the slow path brings to the network phase in a second of its own CPU
//! time, how long a client waits, and what a call takes of memory.

mod rig;
mod settings;
mod wire;

use serde::Serialize;

use crate::Outcome;
use crate::measure::{Effort, percentile};
use crate::report::{Measured, rounded};
pub(crate) use rig::Rig;
use wire::OnWire;

/// Storms on memory: clients that dial at one moment.
const STORMS: [usize; 2] = [20_000, 100_000];
const STORMS_QUICK: [usize; 2] = [1_000, 5_000];
const STORMS_SMOKE: [usize; 2] = [100, 1_000];

/// What one storm on memory came to.
#[derive(Serialize)]
struct Storm {
    calls: usize,
    up: usize,
    /// When equal shares of the calls were up.
    up_after_s: Vec<f64>,
    calls_per_cpu_s: f64,
    setup_p50_ms: f64,
    setup_p99_ms: f64,
    turn_p99_us: f64,
    turn_max_us: f64,
    list_turn_p99_us: f64,
    stop_turn_p99_us: f64,
    allocations_per_call: f64,
}

/// The figures of scenario `setup`.
#[derive(Serialize)]
pub(crate) struct Setup {
    scenario: &'static str,
    #[serde(flatten)]
    measured: Measured,
    quick: bool,
    /// With TCP, GRE, the DPDK port and the TAP, in a second of the slow-path thread's CPU time; none
    /// where there is no lab.
    calls_per_s: Option<f64>,
    /// Without sockets: user-space work alone, the slowest storm.
    memory_calls_per_s: f64,
    wire: Vec<OnWire>,
    storms: Vec<Storm>,
}

/// Scenario `setup`.
pub(crate) fn run(effort: Effort) -> Outcome<Setup> {
    let sizes = match effort {
        Effort::Smoke => STORMS_SMOKE,
        Effort::Quick => STORMS_QUICK,
        Effort::Normal => STORMS,
    };
    let storms = sizes.map(storm).into_iter().collect::<Outcome<Vec<_>>>()?;
    let wire = match wire::obstacle() {
        Some(obstacle) => {
            println!("not measured: calls through the TAP; {obstacle}");
            Vec::new()
        }
        None => wire::run(effort)?,
    };
    let rates: Vec<_> = storms.iter().map(|storm| storm.calls_per_cpu_s).collect();
    Ok(Setup {
        scenario: "setup",
        measured: Measured::new(effort),
        quick: effort != Effort::Normal,
        calls_per_s: wire.first().map(|paced| paced.calls_per_cpu_s),
        wire,
        memory_calls_per_s: percentile(&rates, 0),
        storms,
    })
}

fn storm(calls: usize) -> Outcome<Storm> {
    let mut rig = Rig::new(calls);
    let counted = allocation_counter::measure(|| rig.run_until_up());
    rig.verify()?;
    let setup_ms = rig.setup_ms();
    let turns = rig.take_turns_us();
    rig.list()?;
    let list_turns = rig.take_turns_us();
    rig.stop()?;
    let stop_turns = rig.take_turns_us();
    let cpu_s = turns.iter().sum::<f64>() / 1e6;
    let storm = Storm {
        calls,
        up: setup_ms.len(),
        up_after_s: shares(rig.up_after_s()),
        calls_per_cpu_s: rounded(calls as f64 / cpu_s, 0),
        setup_p50_ms: rounded(percentile(&setup_ms, 50), 2),
        setup_p99_ms: rounded(percentile(&setup_ms, 99), 2),
        turn_p99_us: rounded(percentile(&turns, 99), 1),
        turn_max_us: rounded(percentile(&turns, 100), 1),
        list_turn_p99_us: rounded(percentile(&list_turns, 99), 1),
        stop_turn_p99_us: rounded(percentile(&stop_turns, 99), 1),
        allocations_per_call: rounded(counted.count_total as f64 / calls as f64, 1),
    };
    println!(
        "{:>8} calls on memory: {:>7.0} calls per CPU second, set-up {:.1} ms p50, {:.1} ms p99, \
         turns {:.0} us p99, {:.0} while listing, {:.0} while stopping; {:.0} allocations a call",
        calls,
        storm.calls_per_cpu_s,
        storm.setup_p50_ms,
        storm.setup_p99_ms,
        storm.turn_p99_us,
        storm.list_turn_p99_us,
        storm.stop_turn_p99_us,
        storm.allocations_per_call,
    );
    Ok(storm)
}

/// When the first of these times was, when each further fiftieth of them, and when the last.
pub(crate) fn shares(mut times_s: Vec<f64>) -> Vec<f64> {
    const SHARES: usize = 50;
    times_s.sort_unstable_by(f64::total_cmp);
    let last = times_s.len().saturating_sub(1);
    let share = |share| times_s.get(last * share / SHARES).copied();
    let shares = (0..=SHARES).filter_map(share);
    shares.map(|time| rounded(time, 4)).collect()
}
