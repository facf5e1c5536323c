//! Time in core cycles, without a performance counter and without `rdtsc`, which counts another
//! clock: a chain of dependent multiplications, three cycles each, is timed before and after every
//! sample, and its speed is the unit of the sample.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Outcome;

/// Multiplications in the chain: about 8 us.
const CHAIN: u32 = 8192;
/// Latency of a 64-bit multiplication, on Intel cores since Nehalem and on AMD cores since Zen.
const CYCLES_PER_MULTIPLICATION: f64 = 3.0;

/// How long a run may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Every way of a packet, and nothing about time.
    Smoke,
    /// Every case, few samples: seconds.
    Quick,
    /// What counts: some ten minutes for all scenarios.
    Normal,
}

impl Effort {
    /// How often all cases are gone through, each time on memory of its own: a machine that is slow
    /// for a second, or an unlucky place in memory, spoils a round of every case and no case wholly.
    /// What is reported is the median over these rounds.
    pub(crate) const fn passes(self) -> usize {
        match self {
            Self::Smoke => 1,
            Self::Quick => 4,
            Self::Normal => 7,
        }
    }

    /// Samples of a case in one pass.
    pub(crate) const fn rounds(self) -> usize {
        match self {
            Self::Smoke => 2,
            Self::Quick => 26,
            Self::Normal => 52,
        }
    }

    /// How many workers, one after the other, a case of the pipeline is measured on.
    pub(crate) const fn rigs(self) -> usize {
        match self {
            Self::Smoke | Self::Quick => 1,
            Self::Normal => self.passes(),
        }
    }

    /// Samples of a case on one of these.
    pub(crate) const fn rig_rounds(self) -> usize {
        match self {
            Self::Smoke => 2,
            Self::Quick => 8,
            Self::Normal => 10,
        }
    }

    /// How many processes a scenario is measured in, of which the best counts.
    pub(crate) const fn processes(self) -> usize {
        match self {
            Self::Smoke | Self::Quick => 1,
            Self::Normal => 3,
        }
    }

    /// Most calls of a case.
    pub(crate) const fn flows_max(self) -> u32 {
        match self {
            Self::Smoke => 10_000,
            Self::Quick | Self::Normal => u32::MAX,
        }
    }

    /// Samples of a case. At least a hundred, so that the first percentile is not the minimum.
    pub(crate) const fn samples(self) -> usize {
        self.passes() * self.rounds()
    }
}

/// Goes through all `cases` as often as `effort` says; `measure` adds [`Effort::rounds`] samples to
/// those of its case.
pub(crate) fn pass_through<C: Copy>(
    cases: &[C],
    effort: Effort,
    mut measure: impl FnMut(C, &mut Pairs) -> Outcome<()>,
) -> Outcome<Vec<Pairs>> {
    let mut found: Vec<_> = cases.iter().map(|_| Pairs::default()).collect();
    for _ in 0..effort.passes() {
        for (case, pairs) in cases.iter().zip(&mut found) {
            measure(*case, pairs)?;
            pairs.end_round();
        }
    }
    Ok(found)
}

/// A stopwatch that answers cycles.
pub(crate) struct Meter {
    cycles_per_ns: Vec<f64>,
    /// Whether it answers nanoseconds instead.
    is_of_the_wall: bool,
}

impl Meter {
    /// A stopwatch; the core is brought up to speed first.
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        while start.elapsed().as_millis() < 20 {
            black_box(cycle_ns());
        }
        Self {
            cycles_per_ns: Vec::new(),
            is_of_the_wall: false,
        }
    }

    /// One that answers nanoseconds, for what is held against times that are no cycles.
    pub(crate) fn of_the_wall() -> Self {
        Self {
            is_of_the_wall: true,
            ..Self::new()
        }
    }

    /// What `work` takes, in core cycles.
    pub(crate) fn cycles(&mut self, work: impl FnOnce()) -> f64 {
        let mut elapsed_ns = 0.0;
        let unit_ns = self.unit_during(|| {
            let start = Instant::now();
            work();
            elapsed_ns = nanoseconds(start);
        });
        elapsed_ns / unit_ns
    }

    /// How long a cycle is while `work` is done, in nanoseconds.
    pub(crate) fn unit_during(&mut self, work: impl FnOnce()) -> f64 {
        let before = cycle_ns();
        work();
        self.unit_ns(before)
    }

    /// What each of `turns` turns of `work` takes, in core cycles; each is told how much time has
    /// passed since the first began, as the loop of a worker is.
    pub(crate) fn laps(&mut self, turns: usize, mut work: impl FnMut(Duration)) -> Vec<f64> {
        let mut ends = Vec::with_capacity(turns + 1);
        let before = cycle_ns();
        let start = Instant::now();
        for _ in 0..turns {
            let passed = start.elapsed();
            ends.push(passed);
            work(passed);
        }
        ends.push(start.elapsed());
        let unit_ns = self.unit_ns(before);
        let starts = ends.iter();
        let laps = starts.zip(ends.iter().skip(1));
        laps.map(|(start, end)| (*end - *start).as_nanos() as f64 / unit_ns)
            .collect()
    }

    /// The unit of a sample, by the chain before it and the one that runs now.
    fn unit_ns(&mut self, before: f64) -> f64 {
        // A chain that was interrupted looks too slow, never too fast.
        let cycle_ns = before.min(cycle_ns());
        self.cycles_per_ns.push(1.0 / cycle_ns);
        if self.is_of_the_wall { 1.0 } else { cycle_ns }
    }

    /// The clock of the core in the samples so far, in GHz.
    pub(crate) fn core_ghz(&self) -> f64 {
        percentile(&self.cycles_per_ns, 50)
    }
}

fn nanoseconds(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}

/// How long a core cycle is now.
fn cycle_ns() -> f64 {
    let mut value = black_box(0x9e37_79b9_7f4a_7c15_u64);
    let start = Instant::now();
    for _ in 0..CHAIN {
        value = value.wrapping_mul(value);
    }
    black_box(value);
    nanoseconds(start) / (f64::from(CHAIN) * CYCLES_PER_MULTIPLICATION)
}

/// Samples of a candidate and of its baseline, taken in turn, in cycles per packet.
#[derive(Default)]
pub(crate) struct Pairs {
    ours: Vec<f64>,
    peer: Vec<f64>,
    /// How many there were at the end of each round.
    ends: Vec<usize>,
    /// Of the round that used up most of what it found.
    ahead: Option<Ahead>,
}

/// Keystream and keys that were made and not used, around the samples of a round.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Ahead {
    #[serde(rename = "ahead_octets_before")]
    before: usize,
    #[serde(rename = "ahead_octets_after")]
    after: usize,
    /// What it took to make the difference once more. The candidate's samples have it in them.
    pub(crate) made_up_cycles_per_packet: f64,
}

impl Ahead {
    pub(crate) const fn new(before: usize, after: usize) -> Self {
        Self {
            before,
            after,
            made_up_cycles_per_packet: 0.0,
        }
    }

    /// Whether samples used more than they made.
    pub(crate) const fn is_less(self) -> bool {
        self.after < self.before
    }

    const fn used_up(self) -> usize {
        self.before.saturating_sub(self.after)
    }
}

impl Pairs {
    /// Adds what both took for the same `packets` packets, in cycles.
    pub(crate) fn add(&mut self, packets: u32, ours: f64, peer: f64) {
        self.ours.push(ours / f64::from(packets));
        self.peer.push(peer / f64::from(packets));
    }

    /// Adds to the candidate's samples of the round that now ends, of `packets` packets in all, what it left
    /// to be done after them. Answers how much that is for a packet.
    pub(crate) fn charge(&mut self, packets: u32, cycles: f64) -> f64 {
        let begin = self.ends.last().copied().unwrap_or(0);
        let share = cycles / f64::from(packets);
        for ours in self.ours.iter_mut().skip(begin) {
            *ours += share;
        }
        share
    }

    /// Notes what was ahead around the samples of a round.
    pub(crate) fn note(&mut self, ahead: Ahead) {
        let worse = |found: &Ahead| found.used_up() >= ahead.used_up();
        self.ahead = self.ahead.filter(worse).or(Some(ahead));
    }

    /// What was ahead around the round that used up most of it.
    pub(crate) const fn ahead(&self) -> Option<Ahead> {
        self.ahead
    }

    /// What was added since the last time is a round.
    pub(crate) fn end_round(&mut self) {
        self.ends.push(self.ours.len());
    }

    /// The candidate's samples.
    pub(crate) fn ours(&self) -> &[f64] {
        &self.ours
    }

    /// The baseline's samples.
    pub(crate) fn peer(&self) -> &[f64] {
        &self.peer
    }

    /// A packet of these and a packet of `other`, one after the other.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let sum = |left: &[f64], right: &[f64]| {
            left.iter()
                .zip(right)
                .map(|(left, right)| left + right)
                .collect()
        };
        Self {
            ours: sum(&self.ours, &other.ours),
            peer: sum(&self.peer, &other.peer),
            ends: self.ends.clone(),
            ahead: None,
        }
    }

    /// How many times as fast as the baseline the candidate is: the median over rounds of the median
    /// over pairs that were taken within a millisecond or two of each other, so that what slows the
    /// machine for longer than that slows both.
    pub(crate) fn ratio(&self) -> f64 {
        let pairs = self.ours.iter().zip(&self.peer);
        let ratios: Vec<_> = pairs.map(|(ours, peer)| peer / ours).collect();
        self.median(&ratios)
    }

    /// The candidate's cycles: the median over rounds of their medians.
    pub(crate) fn ours_median(&self) -> f64 {
        self.median(&self.ours)
    }

    /// The same of the baseline.
    pub(crate) fn peer_median(&self) -> f64 {
        self.median(&self.peer)
    }

    fn median(&self, samples: &[f64]) -> f64 {
        let mut medians = Vec::new();
        let mut begin = 0;
        for end in self.ends.iter().copied().chain([samples.len()]) {
            let round = samples.get(begin..end).unwrap_or_default();
            if !round.is_empty() {
                medians.push(percentile(round, 50));
            }
            begin = end;
        }
        percentile(&medians, 50)
    }
}

/// Random numbers, the same in every run (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Above 0, at most 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// True so many times of a thousand.
    pub(crate) fn per_mille(&mut self, chance: f64) -> bool {
        self.uniform() * 1000.0 <= chance
    }
}

/// The value below which `percent` per cent of the samples are; 0 is the minimum.
pub(crate) fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<_> = (0..=200).rev().map(f64::from).collect();
        let found = [0, 1, 50, 100].map(|percent| percentile(&samples, percent));
        assert_eq!(found, [0.0, 2.0, 100.0, 200.0]);
    }

    #[test]
    fn a_ratio_is_taken_pair_by_pair() {
        let mut pairs = Pairs::default();
        // The machine is slow in the second half, and the baseline always takes twice as long.
        for slow in [1.0, 1.0, 1.0, 3.0, 3.0] {
            pairs.add(10, 100.0 * slow, 200.0 * slow);
        }
        assert!((pairs.ratio() - 2.0).abs() < 1e-9);
        assert!((percentile(pairs.ours(), 0) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_round_counts_once_however_many_samples_it_has() {
        let mut pairs = Pairs::default();
        for (samples, peer) in [(50, 900.0), (3, 200.0), (3, 210.0)] {
            (0..samples).for_each(|_| pairs.add(1, 100.0, peer));
            pairs.end_round();
        }
        assert!((pairs.ratio() - 2.1).abs() < 1e-9);
        assert!((pairs.peer_median() - 210.0).abs() < 1e-9);
        assert!((pairs.ours_median() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_a_round_leaves_undone_is_charged_to_its_own_samples() {
        let mut pairs = Pairs::default();
        pairs.add(10, 100.0, 200.0);
        pairs.end_round();
        pairs.add(10, 100.0, 200.0);
        pairs.add(10, 300.0, 600.0);
        assert!((pairs.charge(20, 100.0) - 5.0).abs() < 1e-9);
        assert_eq!(pairs.ours(), [10.0, 15.0, 35.0]);
        assert_eq!(pairs.peer(), [20.0, 20.0, 60.0]);
        for (before, after) in [(50, 60), (90, 70), (80, 75)] {
            pairs.note(Ahead::new(before, after));
        }
        let worst = pairs.ahead().map(|ahead| (ahead.before, ahead.after));
        assert_eq!(worst, Some((90, 70)));
    }

    #[test]
    fn a_cycle_is_the_time_of_a_cycle() {
        // The chain measured by itself; and no core has a clock outside of these.
        let mut meter = Meter::new();
        let chain = || assert!(cycle_ns() > 0.0);
        let cycles: Vec<_> = (0..51).map(|_| meter.cycles(chain)).collect();
        let expected = f64::from(CHAIN) * CYCLES_PER_MULTIPLICATION;
        // Whoever else uses the core takes from the chain as often as from those that are its unit.
        let typical = percentile(&cycles, 50) / expected;
        assert!((0.5..2.0).contains(&typical), "{typical}");
        // However busy the machine is, one chain of many is left alone; unoptimised it takes longer.
        let quickest_ghz = percentile(&meter.cycles_per_ns, 100);
        assert!((0.2..8.0).contains(&quickest_ghz), "{quickest_ghz}");
    }
}
