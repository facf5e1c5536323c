//! The timers of a link beside the Restart timers of its automata, and the budgets that keep two
//! stacks from answering each other for ever.

use crate::clock::Timestamp;

/// What a link waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The peer has had time to speak first.
    Start,
    /// The network has to be up.
    Setup,
    /// The challenge is sent again.
    Challenge,
    /// The client of a live call is asked again who it is.
    Reauthentication,
    /// A client that may ask for encryption has had time to.
    Encryption,
    /// The next Echo-Request.
    Echo,
    /// The peer's repeated Terminate-Requests have been acknowledged long enough.
    Drain,
}

impl Timer {
    const COUNT: usize = 7;
}

/// One deadline for each [`Timer`].
#[derive(Clone, Debug, Default)]
pub struct Timers([Option<Timestamp>; Timer::COUNT]);

impl Timers {
    /// Runs `timer` until `deadline`, in place of an earlier one.
    pub fn set(&mut self, timer: Timer, deadline: Timestamp) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = Some(deadline);
        }
    }

    /// Stops `timer`.
    pub fn clear(&mut self, timer: Timer) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = None;
        }
    }

    /// Whether `timer` runs.
    #[must_use]
    pub fn is_set(&self, timer: Timer) -> bool {
        self.0.get(timer as usize).is_some_and(Option::is_some)
    }

    /// Stops all of them.
    pub fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// Whether `timer` has run out.
    #[must_use]
    pub fn is_due(&self, timer: Timer, now: Timestamp) -> bool {
        let deadline = self.0.get(timer as usize).copied().flatten();
        deadline.is_some_and(|at| at <= now)
    }

    /// Whether `timer` has run out; it is stopped then.
    pub fn take_due(&mut self, timer: Timer, now: Timestamp) -> bool {
        let due = self.is_due(timer, now);
        if due {
            self.clear(timer);
        }
        due
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.0.iter().flatten().min().copied()
    }
}

/// How often something may happen: `BURST` times at once, then once every `REFILL_MS`.
#[derive(Clone, Debug)]
pub struct Budget<const BURST: u8, const REFILL_MS: u64> {
    left: u8,
    refilled_at: Timestamp,
}

/// How many Protocol-Rejects and Code-Rejects may be sent.
pub type RejectBudget = Budget<8, 1000>;

/// How many Echo-Requests of the peer may be answered; a peer that asks keeps to one a second.
pub type EchoBudget = Budget<16, 100>;

/// How often the protocols of one link may leave the Opened state.
pub type RenegotiationBudget = Budget<8, 60_000>;

impl<const BURST: u8, const REFILL_MS: u64> Budget<BURST, REFILL_MS> {
    /// A full budget.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            left: BURST,
            refilled_at: now,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let elapsed_ms = u64::try_from(now.since(self.refilled_at).as_millis());
        let earned = elapsed_ms
            .unwrap_or(u64::MAX)
            .checked_div(REFILL_MS)
            .unwrap_or_default();
        if earned > 0 {
            let earned = u8::try_from(earned).unwrap_or(BURST);
            self.left = self.left.saturating_add(earned).min(BURST);
            self.refilled_at = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn rejects_come_in_a_burst_and_then_one_a_second() {
        let mut budget = RejectBudget::new(Timestamp::ZERO);
        let mut sent = 0;
        for millis in 0..10_000 {
            let now = Timestamp::ZERO + Duration::from_millis(millis);
            sent += u32::from(budget.take(now));
        }
        assert_eq!(sent, 8 + 9);
    }

    #[test]
    fn a_timer_is_due_once() {
        let mut timers = Timers::default();
        let later = Timestamp::ZERO + Duration::from_secs(5);
        timers.set(Timer::Echo, later);
        timers.set(Timer::Setup, later + Duration::from_secs(1));
        assert_eq!(timers.next(), Some(later));
        assert!(!timers.take_due(Timer::Echo, Timestamp::ZERO));
        assert!(timers.take_due(Timer::Echo, later));
        assert!(!timers.take_due(Timer::Echo, later));
        timers.clear_all();
        assert_eq!(timers.next(), None);
    }
}
