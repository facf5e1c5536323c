//! Notices a worker that no longer turns its loop. Sans-IO: heartbeats come in as the counters that
//! the workers advance, stalls and recoveries go out.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// A change in a worker's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerHealth {
    /// The worker has not turned for so long.
    Stalled {
        /// Which.
        worker: u8,
        /// Since its last heartbeat.
        silence: Duration,
    },
    /// The worker turns again.
    Recovered {
        /// Which.
        worker: u8,
        /// How long it did not.
        silence: Duration,
    },
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    heartbeat: u64,
    changed: Timestamp,
    stalled: bool,
}

/// Compares heartbeats with the clock.
#[derive(Debug)]
pub struct Watchdog {
    limit: Duration,
    checked: Timestamp,
    workers: Vec<Seen>,
    /// At most one entry a worker between two polls.
    output: VecDeque<WorkerHealth>,
}

impl Watchdog {
    /// Watches `workers` workers; one that is silent for `limit` has stalled.
    #[must_use]
    pub fn new(workers: u8, limit: Duration, now: Timestamp) -> Self {
        let seen = Seen {
            heartbeat: 0,
            changed: now,
            stalled: false,
        };
        Self {
            limit,
            checked: now,
            workers: vec![seen; usize::from(workers)],
            output: VecDeque::with_capacity(usize::from(workers)),
        }
    }

    /// Takes in a worker's heartbeat counter as it is now. Feed all of them before
    /// [`Self::handle_timeout`].
    pub fn handle(&mut self, worker: u8, heartbeat: u64, now: Timestamp) {
        let Some(seen) = self.workers.get_mut(usize::from(worker)) else {
            return;
        };
        if seen.heartbeat == heartbeat {
            return;
        }
        if seen.stalled {
            let silence = now.since(seen.changed);
            report(
                &mut self.output,
                WorkerHealth::Recovered { worker, silence },
            );
        }
        *seen = Seen {
            heartbeat,
            changed: now,
            stalled: false,
        };
    }

    /// Looks for workers that have been silent for too long.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        // If we ourselves were not here (a paused machine, a blocked loop), the workers have had no
        // chance to be seen: that time does not count against them.
        let absence = now.since(self.checked).saturating_sub(self.period() * 2);
        self.checked = now;
        for (worker, seen) in (0u8..).zip(&mut self.workers) {
            seen.changed = (seen.changed + absence).min(now);
            let silence = now.since(seen.changed);
            if silence >= self.limit && !seen.stalled {
                seen.stalled = true;
                report(&mut self.output, WorkerHealth::Stalled { worker, silence });
            }
        }
    }

    /// When to look next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        (!self.workers.is_empty()).then(|| self.checked + self.period())
    }

    /// The next change in a worker's health.
    pub fn poll_output(&mut self) -> Option<WorkerHealth> {
        self.output.pop_front()
    }

    /// Whether every worker turns: the condition for telling systemd that all is well.
    #[must_use]
    pub fn all_beating(&self) -> bool {
        self.workers.iter().all(|seen| !seen.stalled)
    }

    fn period(&self) -> Duration {
        self.limit / 4
    }
}

/// Drops the oldest report if nobody fetches them.
fn report(output: &mut VecDeque<WorkerHealth>, health: WorkerHealth) {
    if output.len() == output.capacity() {
        output.pop_front();
    }
    output.push_back(health);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(millis)
    }

    /// Both workers beat, except that `silent` does not from `from_ms` until `until_ms`.
    fn run(silent: u8, from_ms: u64, until_ms: u64, end_ms: u64) -> Vec<(u64, WorkerHealth)> {
        let mut watchdog = Watchdog::new(2, LIMIT, at(0));
        let mut beats = [0u64; 2];
        let mut found = Vec::new();
        for millis in (0..end_ms).step_by(100) {
            for worker in 0..2u8 {
                let beat = &mut beats[usize::from(worker)];
                let asleep = worker == silent && (from_ms..until_ms).contains(&millis);
                *beat += u64::from(!asleep);
                watchdog.handle(worker, *beat, at(millis));
            }
            if watchdog.poll_timeout().is_some_and(|due| due <= at(millis)) {
                watchdog.handle_timeout(at(millis));
            }
            while let Some(health) = watchdog.poll_output() {
                found.push((millis, health));
            }
            let stalled = matches!(found.last(), Some((_, WorkerHealth::Stalled { .. })));
            assert_eq!(watchdog.all_beating(), !stalled);
        }
        found
    }

    #[test]
    fn a_silent_worker_is_reported_once_and_once_more_when_it_is_back() {
        let found = run(1, 1000, 9000, 12_000);
        let [(stalled_at, stalled), (recovered_at, recovered)] = found[..] else {
            panic!("{found:?}");
        };
        assert!(
            matches!(stalled, WorkerHealth::Stalled { worker: 1, silence } if silence >= LIMIT)
        );
        assert!((2900..=3500).contains(&stalled_at), "{stalled_at}");
        let silence = Duration::from_millis(8100);
        assert_eq!(recovered, WorkerHealth::Recovered { worker: 1, silence });
        assert_eq!(recovered_at, 9000);
    }

    #[test]
    fn a_short_silence_is_no_stall() {
        assert_eq!(run(0, 1000, 2500, 6000), []);
    }

    #[test]
    fn time_that_we_were_away_ourselves_is_not_held_against_the_workers() {
        let mut watchdog = Watchdog::new(1, LIMIT, at(0));
        watchdog.handle(0, 1, at(100));
        watchdog.handle_timeout(at(100));
        watchdog.handle(0, 1, at(60_000));
        watchdog.handle_timeout(at(60_000));
        assert!(watchdog.all_beating());
        for millis in (60_500..64_000).step_by(500) {
            watchdog.handle(0, 1, at(millis));
            watchdog.handle_timeout(at(millis));
        }
        assert!(!watchdog.all_beating());
    }
}
