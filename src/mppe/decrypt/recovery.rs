//! When to ask the peer to start its stateful RC4 afresh: at once when a frame is missing, and
//! again when the answer is overdue, since both question and answer may be lost.

use std::time::Duration;

use crate::clock::Timestamp;

/// The first wait for an answer, when nothing is known about the way to the peer.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// Bounds of the wait.
const WAIT_MIN: Duration = Duration::from_millis(20);
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Whether a stateful stream is in step, and what was done about it if not.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Recovery {
    /// When the peer was asked last.
    asked: Timestamp,
    /// How long to wait for the answer to the first question.
    wait_ms: u16,
    /// How often it was asked since the stream was in step last.
    requests: u8,
    lost: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self::new()
    }
}

impl Recovery {
    /// In step.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            asked: Timestamp::ZERO,
            wait_ms: millis(WAIT_FIRST),
            requests: 0,
            lost: false,
        }
    }

    /// A frame is missing.
    pub const fn lose(&mut self) {
        self.lost = true;
    }

    /// The stream runs on: nothing was missing after all.
    pub const fn run_on(&mut self) {
        self.lost = false;
        self.requests = 0;
    }

    /// The peer has started afresh. If that answers the only question, the time that it took says
    /// how long to wait for the next answer.
    pub fn start_afresh(&mut self, now: Timestamp) {
        if self.lost && self.requests == 1 {
            let twice = now.since(self.asked) * 2;
            self.wait_ms = millis(twice.clamp(WAIT_MIN, WAIT_MAX));
        }
        self.run_on();
    }

    /// Whether the peer has to be asked now; `true` counts as asked.
    #[must_use]
    pub fn wanted(&mut self, now: Timestamp) -> bool {
        if !self.lost || (self.requests > 0 && now.since(self.asked) < self.wait()) {
            return false;
        }
        self.asked = now;
        self.requests = self.requests.saturating_add(1);
        true
    }

    /// Each unanswered question doubles it.
    fn wait(&self) -> Duration {
        let doublings = u32::from(self.requests.saturating_sub(1)).min(10);
        let wait_ms = u64::from(self.wait_ms) << doublings;
        Duration::from_millis(wait_ms).min(WAIT_MAX)
    }
}

/// All waits are at most [`WAIT_MAX`].
#[expect(clippy::cast_possible_truncation, reason = "a second has 1,000 ms")]
const fn millis(wait: Duration) -> u16 {
    wait.as_millis() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// The times of the requests if a useless frame comes every millisecond.
    fn requests(recovery: &mut Recovery, from_ms: u64, to_ms: u64) -> Vec<u64> {
        (from_ms..to_ms)
            .filter(|ms| recovery.wanted(at(*ms)))
            .collect()
    }

    #[test]
    fn nothing_is_asked_while_nothing_is_missing() {
        let mut recovery = Recovery::new();
        assert!(requests(&mut recovery, 0, 5000).is_empty());
        recovery.lose();
        recovery.run_on();
        assert!(requests(&mut recovery, 5000, 9000).is_empty());
    }

    #[test]
    fn an_overdue_answer_is_asked_for_again_less_and_less_often() {
        let mut recovery = Recovery::new();
        recovery.lose();
        let asked = requests(&mut recovery, 1000, 6000);
        assert_eq!(asked, [1000, 1100, 1300, 1700, 2500, 3500, 4500, 5500]);
    }

    #[test]
    fn the_next_wait_is_twice_what_the_last_answer_took() {
        let mut recovery = Recovery::new();
        recovery.lose();
        assert!(recovery.wanted(at(0)));
        recovery.start_afresh(at(30));
        recovery.lose();
        assert_eq!(requests(&mut recovery, 100, 200), [100, 160]);
        // Whose answer this is nobody knows, so it says nothing.
        recovery.start_afresh(at(201));
        recovery.lose();
        assert_eq!(requests(&mut recovery, 300, 500), [300, 360, 480]);
    }

    #[test]
    fn waits_are_bounded() {
        for (answer_ms, wait_ms) in [(0, 20), (10, 20), (600, 1000), (3_600_000, 1000)] {
            let mut recovery = Recovery::new();
            recovery.lose();
            assert!(recovery.wanted(at(0)));
            recovery.start_afresh(at(answer_ms));
            let start = answer_ms + 1;
            recovery.lose();
            let asked = requests(&mut recovery, start, start + 1001);
            assert_eq!(asked[..2], [start, start + wait_ms]);
        }
    }
}
