//! What a worker adds to a packet's time on the way: a worker's own loop on one core, the generator on
//! another, and between them nothing but ports. Packets leave by a schedule, whether or not those before
//! them are through, and what counts is the time from when a packet was due; so a worker, or a
//! generator, that stalls for a while is seen in every packet that waited meanwhile.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pns::flow::Encryption;
use serde::Serialize;

use super::bench::{Kind, Lane, Way, lanes};
use super::medium::{Medium, Wire};
use super::{FLOWS, Ports};
use crate::Outcome;
use crate::load::Load;
use crate::measure::{Effort, Random, percentile};
use crate::report::{Measured, rounded};

/// Of the rate that the worker sustains, in per cent.
const LOADS: [u32; 4] = [10, 50, 80, 95];
/// Nothing comes any more: what has not come by then is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first packet is due so long after the schedule begins.
const LEAD_NS: u64 = 20_000;
const OPEN_LOOP: &str = "packets are due at random moments (Poisson), however late those before them \
                         are; latency counts from there";

/// The figures of scenario `latency`.
#[derive(Serialize)]
pub(crate) struct Latency {
    scenario: &'static str,
    direction: &'static str,
    #[serde(flatten)]
    measured: Measured,
    quick: bool,
    ports: &'static str,
    schedule: &'static str,
    cores: &'static str,
    packets_verified: u64,
    cases: Vec<Case>,
}

/// One kind of call, one way.
#[derive(Serialize)]
struct Case {
    case: String,
    packet_octets: Load,
    flows: u32,
    sustained_mpps: f64,
    loads: Vec<Point>,
}

/// What one load came to: medians over the rounds.
#[derive(Serialize)]
struct Point {
    load_percent: u32,
    offered_mpps: f64,
    packets: u64,
    latency_p50_us: f64,
    latency_p99_us: f64,
    latency_p999_us: f64,
    latency_max_us: f64,
    /// Of the round with the least of each: what is left when the machine does little else.
    quiet_p50_us: f64,
    quiet_p99_us: f64,
    quiet_p999_us: f64,
    /// Of that, how late the generator itself was: on a shared core it stalls, too.
    generator_late_p50_us: f64,
    generator_late_p99_us: f64,
}

/// Times of a load so far.
struct Times {
    latency: Histogram<u64>,
    late: Histogram<u64>,
}

impl Times {
    fn new() -> Outcome<Self> {
        let histogram = || Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(Self {
            latency: histogram()?,
            late: histogram()?,
        })
    }

    fn latency_us(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    fn late_us(&self, quantile: f64) -> f64 {
        self.late.value_at_quantile(quantile) as f64 / 1e3
    }
}

impl Point {
    fn new(load_percent: u32, sustained_per_s: f64, rounds: &[Times]) -> Self {
        let over_rounds = |percent, figure: &dyn Fn(&Times) -> f64| {
            let figures: Vec<_> = rounds.iter().map(figure).collect();
            rounded(percentile(&figures, percent), 2)
        };
        let median = |quantile| over_rounds(50, &|times| times.latency_us(quantile));
        let least = |quantile| over_rounds(0, &|times| times.latency_us(quantile));
        Self {
            load_percent,
            offered_mpps: rounded(sustained_per_s * f64::from(load_percent) / 1e8, 4),
            packets: rounds.iter().map(|times| times.latency.len()).sum(),
            latency_p50_us: median(0.5),
            latency_p99_us: median(0.99),
            latency_p999_us: median(0.999),
            latency_max_us: over_rounds(100, &|times| times.latency_us(1.0)),
            quiet_p50_us: least(0.5),
            quiet_p99_us: least(0.99),
            quiet_p999_us: least(0.999),
            generator_late_p50_us: over_rounds(50, &|times| times.late_us(0.5)),
            generator_late_p99_us: over_rounds(50, &|times| times.late_us(0.99)),
        }
    }
}

/// Scenario `latency`.
pub(crate) fn run(ports: &mut Ports, effort: Effort) -> Outcome<Latency> {
    match ports {
        Ports::Memory(memory) => run_on(memory, effort),
        #[cfg(feature = "dpdk")]
        Ports::Rings(rings) => run_on(rings, effort),
    }
}

fn run_on<M: Medium + Sync>(medium: &mut M, effort: Effort) -> Outcome<Latency> {
    let cores = crate::machine::cores();
    let (own, others) = (cores.last().copied(), cores.first().copied());
    if let Some(own) = own {
        crate::machine::stay_on(&[own])?;
    }
    let mut cases = Vec::new();
    for (way, name) in [(Way::Upstream, "upstream"), (Way::Downstream, "downstream")] {
        for (encryption, cipher) in [
            (Encryption::Off, "clear"),
            (Encryption::Required, "MPPE stateless"),
        ] {
            let kind = Kind {
                way,
                encryption,
                flows: FLOWS,
                load: Load::Short,
            };
            let case = format!("{name}, {cipher}");
            cases.push(measure(medium, kind, case, others, effort)?);
        }
    }
    crate::machine::stay_on(&cores)?;
    let points = cases.iter().flat_map(|case| &case.loads);
    Ok(Latency {
        scenario: "latency",
        direction: "upstream and downstream, each alone",
        measured: Measured::new(effort).with_kernel(),
        quick: effort != Effort::Normal,
        ports: medium.name(),
        schedule: OPEN_LOOP,
        cores: match cores.len() {
            0 | 1 => "one core for worker and generator: these are times of its scheduler",
            2 => {
                "one for the worker and one for the generator, and neither is free of the rest of \
                 the machine: the medians are the worker's, the tail is the scheduler's"
            }
            _ => "one for the worker, one for the generator, others for the rest of the machine",
        },
        packets_verified: points.map(|point| point.packets).sum(),
        cases,
    })
}

fn measure<M: Medium + Sync>(
    medium: &mut M,
    kind: Kind,
    case: String,
    core: Option<usize>,
    effort: Effort,
) -> Outcome<Case> {
    let (mut lanes, _octets) = lanes(medium, 1, kind)?;
    let lane = lanes.first_mut().ok_or("no worker")?;
    let mut run = |schedule: &[u64]| sample(medium, lane, core, schedule);
    let all_at_once = vec![0; kind.packets() as usize];
    let mut rates = Vec::new();
    for _ in 0..effort.passes() + 2 {
        let sample = run(&all_at_once)?;
        let last = sample.arrivals.last().copied().unwrap_or(u64::MAX);
        rates.push(all_at_once.len() as f64 / (last as f64 / 1e9));
    }
    // Whatever else the machine does takes from it, and nothing adds to it.
    let sustained = percentile(&rates, 100);
    let mut random = Random::new();
    let mut rounds: Vec<_> = LOADS.iter().map(|_| Vec::new()).collect();
    for _ in 0..effort.passes() {
        for (load, rounds) in LOADS.iter().zip(&mut rounds) {
            let mut times = Times::new()?;
            for _ in 0..effort.rig_rounds() {
                let rate = sustained * f64::from(*load) / 100.0;
                let schedule = schedule(&mut random, all_at_once.len(), 1e9 / rate);
                run(&schedule)?.add_to(&mut times, &schedule);
            }
            rounds.push(times);
        }
    }
    let points = LOADS.iter().zip(&rounds);
    let case = Case {
        case,
        packet_octets: kind.load,
        flows: kind.flows,
        sustained_mpps: rounded(sustained / 1e6, 3),
        loads: points
            .map(|(load, rounds)| Point::new(*load, sustained, rounds))
            .collect(),
    };
    case.print();
    Ok(case)
}

impl Case {
    fn print(&self) {
        println!("{}: {} Mpps sustained", self.case, self.sustained_mpps);
        for it in &self.loads {
            println!(
                "{:>8} % {:>8.2} us p50 {:>8.2} us p99 {:>9.2} us p99.9; quiet {:.2}, {:.2}, {:.2}; \
                 generator late {:.2} us p50 {:.2} us p99",
                it.load_percent,
                it.latency_p50_us,
                it.latency_p99_us,
                it.latency_p999_us,
                it.quiet_p50_us,
                it.quiet_p99_us,
                it.quiet_p999_us,
                it.generator_late_p50_us,
                it.generator_late_p99_us
            );
        }
    }
}

/// When packets left and arrived, in nanoseconds since the schedule began.
struct Sample {
    departures: Vec<u64>,
    arrivals: Vec<u64>,
}

impl Sample {
    fn add_to(&self, times: &mut Times, schedule: &[u64]) {
        for (seen, histogram) in [
            (&self.arrivals, &mut times.latency),
            (&self.departures, &mut times.late),
        ] {
            for (due, seen) in schedule.iter().zip(seen) {
                histogram.saturating_record(seen.saturating_sub(*due).max(1));
            }
        }
    }
}

/// Sends the packets of one sample when they are due, while the worker runs on its core, and then
/// compares all that came with what had to.
fn sample<M: Medium + Sync>(
    medium: &M,
    lane: &mut Lane<M>,
    core: Option<usize>,
    schedule: &[u64],
) -> Outcome<Sample> {
    let items = lane.items()?;
    let is_upstream = lane.load(&items)?;
    let sample = lane.post.while_running(medium, core, |access, network| {
        let (from, to) = if is_upstream {
            (access, network)
        } else {
            (network, access)
        };
        send_and_receive(from, to, schedule)
    })?;
    lane.verify(&items)?;
    Ok(sample)
}

fn send_and_receive(from: &mut impl Wire, to: &mut impl Wire, schedule: &[u64]) -> Sample {
    let mut sample = Sample {
        departures: Vec::with_capacity(schedule.len()),
        arrivals: Vec::with_capacity(schedule.len()),
    };
    let last_due = schedule.last().copied().unwrap_or_default();
    let give_up = last_due + PATIENCE.as_nanos() as u64;
    let began = Instant::now();
    loop {
        let now = began.elapsed().as_nanos() as u64;
        let waiting = schedule.iter().skip(sample.departures.len());
        let due = waiting.take_while(|due| **due <= now).count();
        let gone = from.fire(due);
        sample.departures.extend(std::iter::repeat_n(now, gone));
        let come = to.collect();
        if come > 0 {
            let now = began.elapsed().as_nanos() as u64;
            sample.arrivals.extend(std::iter::repeat_n(now, come));
        }
        if sample.arrivals.len() >= schedule.len() || now > give_up {
            return sample;
        }
    }
}

/// When so many packets are due whose gaps have this mean: exponential gaps.
fn schedule(random: &mut Random, packets: usize, gap_mean_ns: f64) -> Vec<u64> {
    let mut due = LEAD_NS as f64;
    let mut next = || {
        due += -gap_mean_ns * random.uniform().ln();
        due as u64
    };
    (0..packets).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_keeps_its_rate_and_is_random() {
        let schedule = schedule(&mut Random::new(), 100_000, 200.0);
        assert!(schedule.is_sorted());
        let mean = (schedule[99_999] - LEAD_NS) as f64 / 100_000.0;
        assert!((195.0..205.0).contains(&mean), "{mean}");
        // Of exponential gaps, one in e is longer than the mean.
        let long = schedule.windows(2).filter(|pair| pair[1] - pair[0] > 200);
        let share = long.count() as f64 / 100_000.0;
        assert!((0.35..0.39).contains(&share), "{share}");
    }

    #[test]
    fn a_packet_that_waits_behind_a_stall_counts_from_when_it_was_due() {
        let mut times = Times::new().unwrap();
        let sample = Sample {
            departures: vec![1_000_000; 3],
            arrivals: vec![1_000_500; 3],
        };
        sample.add_to(&mut times, &[0, 400_000, 1_000_000]);
        let point = Point::new(50, 1e6, &[times]);
        assert!((point.latency_max_us - 1000.5).abs() < 2.0);
        assert!((point.latency_p50_us - 600.5).abs() < 1.0);
        assert!((point.offered_mpps - 0.5).abs() < 1e-9);
    }
}
