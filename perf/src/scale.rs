//! What a call takes of memory in the slow path and in the data path, and what a packet costs among
//! many calls.

use std::fs;

use serde::Serialize;

use crate::measure::{Effort, Meter, percentile};
use crate::pipeline::{self, Found, Ports};
use crate::report::{Measured, rounded};
use crate::setup::Rig;
use crate::{Outcome, processes};

/// What a call takes while the slow path and its clients are measured in one process, generously.
const OCTETS_PER_CALL_MEASURED: u64 = 8192;

/// The figures of scenario `scale`.
#[derive(Serialize)]
pub(crate) struct Scale {
    scenario: &'static str,
    direction: &'static str,
    #[serde(flatten)]
    measured: Measured,
    quick: bool,
    ports: &'static str,
    core_clock_ghz: f64,
    slow_path_base_bytes: f64,
    slow_path_bytes_per_call: f64,
    data_path_base_bytes: f64,
    data_path_bytes_per_call: f64,
    data_path_resident_base_bytes: f64,
    data_path_resident_bytes_per_call: f64,
    /// The same calls, spread over four workers each of which has room for all.
    four_workers_resident_base_bytes: f64,
    four_workers_resident_bytes_per_call: f64,
    cost_of_most_calls_over_1k: f64,
    /// Sizes that this machine has no memory for.
    calls_not_measured: Vec<usize>,
    slow_path: Vec<SlowPath>,
    data_path: Vec<DataPath>,
}

/// User-space memory of the slow path.
#[derive(Serialize)]
struct SlowPath {
    calls: usize,
    bytes: i64,
    bytes_per_call: f64,
}

/// A worker with so many calls, each of which sends in turn.
#[derive(Serialize)]
struct DataPath {
    calls: u32,
    bytes_per_call: f64,
    resident_bytes_per_call: f64,
    four_workers_resident_bytes_per_call: f64,
    cycles_per_packet_p50: f64,
    cycles_per_packet_p1: f64,
}

/// Scenario `scale`.
pub(crate) fn run(ports: &mut Ports, effort: Effort) -> Outcome<Scale> {
    let sizes: &[usize] = match effort {
        Effort::Smoke => &[100, 500],
        Effort::Quick => &[1_000, 10_000],
        Effort::Normal => &[1_000, 10_000, 100_000, 1_000_000],
    };
    let mut meter = Meter::new();
    let calls = sizes.iter().map(|calls| u32::try_from(*calls));
    let calls = calls.collect::<Result<Vec<_>, _>>()?;
    let found = pipeline::among(ports, &calls, effort, &mut meter)?;
    let data_path = calls.iter().zip(&found);
    let data_path = data_path.map(|(calls, it)| DataPath::new(*calls, it));
    let data_path = data_path.collect::<Outcome<Vec<_>>>()?;
    let free = free_octets();
    let fits = |calls: &usize| *calls as u64 * OCTETS_PER_CALL_MEASURED <= free;
    let (sizes, calls_not_measured): (Vec<_>, Vec<_>) = sizes.iter().copied().partition(fits);
    let slow_path = sizes.into_iter().map(SlowPath::measure);
    let slow_path = slow_path.collect::<Outcome<Vec<_>>>()?;
    let (Some(least), Some(most)) = (slow_path.first(), slow_path.last()) else {
        return Err("no size was measured".into());
    };
    let (Some(few), [.., less, many]) = (data_path.first(), data_path.as_slice()) else {
        return Err("no worker was measured".into());
    };
    let slow = line([least, most].map(|it| (it.calls as f64, it.bytes as f64)));
    let octets = |it: &DataPath| (f64::from(it.calls), it.bytes_per_call * f64::from(it.calls));
    let touched =
        |it: &DataPath, by_call: f64| (f64::from(it.calls), by_call * f64::from(it.calls));
    // A worker's stock of keystream grows with its calls up to a bound, and is not a call's: where it
    // grows no more, what a call takes is left.
    let data = line([less, many].map(octets));
    let resident = line([less, many].map(|it| touched(it, it.resident_bytes_per_call)));
    let four_workers = [less, many].map(|it| touched(it, it.four_workers_resident_bytes_per_call));
    let four_workers = line(four_workers);
    Ok(Scale {
        scenario: "scale",
        direction: "upstream, as far as packets are concerned",
        measured: Measured::new(effort).with_kernel(),
        quick: effort != Effort::Normal,
        ports: ports.name(),
        core_clock_ghz: rounded(meter.core_ghz(), 3),
        slow_path_base_bytes: rounded(slow.base, 0),
        slow_path_bytes_per_call: rounded(slow.per_call, 0),
        data_path_base_bytes: rounded(data.base, 0),
        data_path_bytes_per_call: rounded(data.per_call, 0),
        data_path_resident_base_bytes: rounded(resident.base, 0),
        data_path_resident_bytes_per_call: rounded(resident.per_call, 0),
        four_workers_resident_base_bytes: rounded(four_workers.base, 0),
        four_workers_resident_bytes_per_call: rounded(four_workers.per_call, 0),
        cost_of_most_calls_over_1k: rounded(
            many.cycles_per_packet_p50 / few.cycles_per_packet_p50,
            3,
        ),
        calls_not_measured,
        slow_path,
        data_path,
    })
}

/// What is there without calls, and what each takes.
struct Line {
    base: f64,
    per_call: f64,
}

/// The line through two points: calls, and bytes of all of them.
fn line([(few, least), (many, most)]: [(f64, f64); 2]) -> Line {
    let per_call = (most - least) / (many - few);
    Line {
        base: least - per_call * few,
        per_call,
    }
}

impl SlowPath {
    /// A server that is sized for `calls` and has them all up.
    fn measure(calls: usize) -> Outcome<Self> {
        let mut rig = None;
        let counted = allocation_counter::measure(|| {
            let mut made = Rig::new(calls);
            made.run_until_up();
            rig = Some(made);
        });
        rig.ok_or("no rig")?.verify()?;
        let bytes = counted.bytes_current;
        let bytes_per_call = rounded(bytes as f64 / calls as f64, 0);
        println!(
            "{calls:>8} calls: {bytes:>12} bytes of the slow path, {bytes_per_call:>6} a call"
        );
        Ok(Self {
            calls,
            bytes,
            bytes_per_call,
        })
    }
}

impl DataPath {
    fn new(calls: u32, found: &Found) -> Outcome<Self> {
        let data_path = Self {
            calls,
            bytes_per_call: rounded(found.footprint.requested, 1),
            resident_bytes_per_call: resident_octets(1, calls)?,
            four_workers_resident_bytes_per_call: resident_octets(4, calls)?,
            cycles_per_packet_p50: rounded(found.pairs.ours_median(), 1),
            cycles_per_packet_p1: rounded(percentile(found.pairs.ours(), 1), 1),
        };
        println!(
            "{calls:>8} calls: {:>6} bytes a call in the data path, {:>6} of them touched, {:>6} by four \
             workers; {:.0} cycles a packet p50, {:.0} p1",
            data_path.bytes_per_call,
            data_path.resident_bytes_per_call,
            data_path.four_workers_resident_bytes_per_call,
            data_path.cycles_per_packet_p50,
            data_path.cycles_per_packet_p1
        );
        Ok(data_path)
    }
}

/// Bytes a call that workers have written to, in a process of their own: on a heap that others have used
/// before, much of it would be there already.
fn resident_octets(workers: u32, calls: u32) -> Outcome<f64> {
    let words = [
        "--footprint".to_owned(),
        workers.to_string(),
        calls.to_string(),
    ];
    Ok(processes::run(&words)?.trim().parse()?)
}

/// The answer of such a process.
pub(crate) fn tell_footprint(workers: u32, calls: u32) -> Outcome<()> {
    let footprint = pipeline::footprint(workers.try_into()?, calls)?;
    println!("{}", rounded(footprint.resident, 1));
    Ok(())
}

/// Memory that this machine can still give.
fn free_octets() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_two_points_gives_both() {
        let line = line([(1000.0, 5_000.0), (11_000.0, 25_000.0)]);
        assert!((line.base - 3000.0).abs() < 1e-9);
        assert!((line.per_call - 2.0).abs() < 1e-9);
    }
}
