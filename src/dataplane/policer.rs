//! Rate limits in 8 bytes of state: the generic cell rate algorithm, which is a token bucket that
//! stores one point in time instead of a number of tokens.

use crate::clock::Timestamp;

/// What a [`Policer`] lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    interval_ns: u64,
    tolerance_ns: u64,
}

impl Rate {
    /// So many a second in the long run, and so many at once. A rate of 0 lets nothing pass.
    #[must_use]
    pub fn new(per_s: u32, at_once: u32) -> Self {
        let interval_ns = 1_000_000_000_u64
            .checked_div(u64::from(per_s))
            .unwrap_or(u64::MAX);
        let extra = u64::from(at_once.max(1)) - 1;
        Self {
            interval_ns,
            tolerance_ns: interval_ns.saturating_mul(extra),
        }
    }
}

/// The state of one limit: when the next frame would be due if all came evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Policer {
    due_ns: u64,
}

impl Policer {
    /// Whether one more may pass now; if so it is counted.
    #[inline]
    pub fn allow(&mut self, rate: Rate, now: Timestamp) -> bool {
        if rate.interval_ns == u64::MAX {
            return false;
        }
        let now = now.as_nanos();
        let due = self.due_ns.max(now);
        if due - now > rate.tolerance_ns {
            return false;
        }
        self.due_ns = due.saturating_add(rate.interval_ns);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_the_rate() {
        let rate = Rate::new(10, 5);
        let mut policer = Policer::default();
        let at = |ms: u64| Timestamp::from_nanos(ms * 1_000_000);
        let burst = (0..20).filter(|_| policer.allow(rate, at(1000))).count();
        assert_eq!(burst, 5);
        let second = (0..1000)
            .filter(|ms| policer.allow(rate, at(1001 + ms)))
            .count();
        assert_eq!(second, 10);
        let burst = (0..20).filter(|_| policer.allow(rate, at(60_000))).count();
        assert_eq!(burst, 5, "what was saved is bounded");
    }

    #[test]
    fn a_rate_of_nothing_lets_nothing_pass() {
        assert!(!Policer::default().allow(Rate::new(0, 100), Timestamp::from_nanos(1)));
    }
}
