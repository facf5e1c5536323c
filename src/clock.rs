//! Monotonic time as plain data, so that machines take the clock as an argument and the simulator
//! can make time pass. Only `slowpath` and the worker loop read the real clock.

use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

/// Nanoseconds since an arbitrary start; monotonic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The arbitrary start.
    pub const ZERO: Self = Self(0);
    /// Later than every timer.
    pub const MAX: Self = Self(u64::MAX);

    /// A point `nanos` after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
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
        Self(self.0.saturating_sub(nanos))
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
