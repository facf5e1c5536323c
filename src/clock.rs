//! Monotonic time as plain data, so that machines take the clock as an argument and the simulator
//! can make time pass. Only `slowpath` and the worker loop read the real clock.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

/// Nanoseconds since an arbitrary start; monotonic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
// One more than the nanoseconds: a machine has many timers that may be off, and a million of them
// pay for the octets of each.
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// The arbitrary start.
    pub const ZERO: Self = Self(NonZeroU64::MIN);
    /// Later than every timer.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// A point `nanos` after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// Time since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Timestamp")
            .field(&self.as_nanos())
            .finish()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self::from_nanos(self.as_nanos().saturating_sub(nanos))
    }
}

/// The real clock. One is made at start and copied to the slow path and to every worker, so that
/// their times compare; nobody else holds one.
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock {
    start: Instant,
}

impl MonotonicClock {
    /// Starts at [`Timestamp::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// The start.
    #[must_use]
    pub const fn epoch(&self) -> Instant {
        self.start
    }

    /// The time since the start.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.start.elapsed()
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_may_be_off_is_no_larger_than_one_that_is_on() {
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
    }

    #[test]
    fn both_ends_hold() {
        assert_eq!(Timestamp::ZERO.as_nanos(), 0);
        assert_eq!(Timestamp::ZERO - Duration::from_secs(1), Timestamp::ZERO);
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::from_nanos(u64::MAX), Timestamp::MAX);
        let (early, late) = (Timestamp::from_nanos(7), Timestamp::from_nanos(9));
        assert_eq!(late.since(early), Duration::from_nanos(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(format!("{early:?}"), "Timestamp(7)");
    }
}
