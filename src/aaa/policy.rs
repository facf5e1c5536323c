//! What holds for one call beside its encryption and its address, whoever says so, and how it is
//! changed while the call lives.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::flow::{FlowRates, FlowTotals, RateLimit};

/// How fast one direction may be. All zero: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// What may go on for ever, in bit/s; 0: no limit.
    pub sustained_bps: u64,
    /// What is the client's however busy the server is, in bit/s.
    pub guaranteed_bps: u64,
    /// What may be had for a while.
    pub burst: Burst,
}

/// More than the sustained rate, for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Burst {
    /// Nothing.
    #[default]
    None,
    /// As a token bucket of so many bytes.
    Bytes(u64),
    /// At another rate, until the average over a time is above a threshold.
    Averaged {
        /// In bit/s.
        rate_bps: u64,
        /// In bit/s.
        threshold_bps: u64,
        /// What the average is taken over, in seconds.
        time_s: u32,
    },
}

impl Rate {
    /// This much, without a burst; 0: no limit.
    #[must_use]
    pub const fn of_bps(sustained_bps: u64) -> Self {
        Self {
            sustained_bps,
            guaranteed_bps: 0,
            burst: Burst::None,
        }
    }

    /// What a worker keeps of it.
    #[must_use]
    pub fn limit(self) -> RateLimit {
        let kbps = |bps: u64| u32::try_from(bps.div_ceil(1000)).unwrap_or(u32::MAX);
        let narrow = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        let sustained_kbps = kbps(self.sustained_bps);
        let (peak_kbps, burst_bytes) = match self.burst {
            Burst::None => (sustained_kbps, 0),
            // Whoever has a bucket says nothing of how fast it may be emptied.
            Burst::Bytes(bytes) => (u32::MAX, narrow(bytes)),
            Burst::Averaged {
                rate_bps,
                threshold_bps,
                time_s,
            } => {
                let beyond = u128::from(rate_bps.saturating_sub(self.sustained_bps));
                let bits = beyond * u128::from(threshold_bps) * u128::from(time_s)
                    / u128::from(rate_bps.max(1));
                let bytes = u64::try_from(bits / 8).unwrap_or(u64::MAX);
                (kbps(rate_bps), narrow(bytes))
            }
        };
        if self.sustained_bps == 0 {
            return RateLimit::default();
        }
        RateLimit {
            sustained_kbps,
            peak_kbps,
            burst_bytes,
        }
    }
}

/// How fast a call may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RatePolicy {
    /// From the client.
    pub upstream: Rate,
    /// To the client.
    pub downstream: Rate,
    /// 1 is served first, 8 last; 0: nobody said.
    pub priority: u8,
}

impl RatePolicy {
    /// What a worker keeps of it.
    #[must_use]
    pub fn flow_rates(self) -> FlowRates {
        FlowRates {
            upstream: self.upstream.limit(),
            downstream: self.downstream.limit(),
            priority: self.priority,
        }
    }
}

/// How much a call may carry from its beginning on, in bytes of IP packets. 0: any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// From the client.
    pub upstream_bytes: u64,
    /// To the client.
    pub downstream_bytes: u64,
    /// Both together.
    pub total_bytes: u64,
    /// Either, whichever is more.
    pub larger_bytes: u64,
}

impl Quota {
    /// How many bytes are left of the limit that is nearest; `None`: there is no limit.
    #[must_use]
    pub fn left(&self, totals: &FlowTotals) -> Option<u64> {
        let (up, down) = (totals.upstream_bytes, totals.downstream_bytes);
        let limits = [
            (self.upstream_bytes, up),
            (self.downstream_bytes, down),
            (self.total_bytes, up.saturating_add(down)),
            (self.larger_bytes, up.max(down)),
        ];
        let limits = limits.into_iter().filter(|(limit, _)| *limit != 0);
        limits.map(|(limit, used)| limit.saturating_sub(used)).min()
    }
}

/// The filters of a call, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Of what comes from the client.
    pub upstream: Option<Box<str>>,
    /// Of what goes to the client.
    pub downstream: Option<Box<str>>,
}

/// What happens at the end of the time that was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtSessionLimit {
    /// The call ends.
    #[default]
    End,
    /// The client proves once more who it is, and the call goes on if it can.
    Reauthenticate,
}

/// What holds for one call beside its encryption and its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallPolicy {
    /// How long the call may last, from the log-in on.
    pub session_limit: Option<Duration>,
    /// When it ends, whatever else.
    pub ends_at: Option<Timestamp>,
    /// What happens then.
    pub at_session_limit: AtSessionLimit,
    /// How long it may carry nothing.
    pub idle_limit: Option<Duration>,
    /// How much it may carry.
    pub quota: Quota,
    /// How fast it may be.
    pub rates: RatePolicy,
    /// What passes.
    pub filters: Filters,
}

/// A part of a policy: what is said, and nothing of the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// Zero takes the limit away.
    pub session_limit: Option<Duration>,
    /// When it ends, whatever else.
    pub ends_at: Option<Timestamp>,
    /// What happens then.
    pub at_session_limit: Option<AtSessionLimit>,
    /// Zero takes the limit away.
    pub idle_limit: Option<Duration>,
    /// In bytes; 0 takes the limit away.
    pub quota: QuotaChange,
    /// From the client.
    pub upstream: Option<Rate>,
    /// To the client.
    pub downstream: Option<Rate>,
    /// 1 is served first, 8 last.
    pub priority: Option<u8>,
    /// Those that are named.
    pub filters: Filters,
}

/// A part of a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaChange {
    /// From the client.
    pub upstream_bytes: Option<u64>,
    /// To the client.
    pub downstream_bytes: Option<u64>,
    /// Both together.
    pub total_bytes: Option<u64>,
    /// Either, whichever is more.
    pub larger_bytes: Option<u64>,
}

impl CallPolicy {
    /// Changes what `change` speaks of.
    pub fn change(&mut self, change: &PolicyChange) {
        let limited = |time: Duration| (!time.is_zero()).then_some(time);
        if let Some(limit) = change.session_limit {
            self.session_limit = limited(limit);
        }
        if let Some(limit) = change.idle_limit {
            self.idle_limit = limited(limit);
        }
        self.ends_at = change.ends_at.or(self.ends_at);
        self.at_session_limit = change.at_session_limit.unwrap_or(self.at_session_limit);
        let (own, new) = (&mut self.quota, &change.quota);
        own.upstream_bytes = new.upstream_bytes.unwrap_or(own.upstream_bytes);
        own.downstream_bytes = new.downstream_bytes.unwrap_or(own.downstream_bytes);
        own.total_bytes = new.total_bytes.unwrap_or(own.total_bytes);
        own.larger_bytes = new.larger_bytes.unwrap_or(own.larger_bytes);
        let rates = &mut self.rates;
        rates.upstream = change.upstream.unwrap_or(rates.upstream);
        rates.downstream = change.downstream.unwrap_or(rates.downstream);
        rates.priority = change.priority.unwrap_or(rates.priority);
        let (own, new) = (&mut self.filters, &change.filters);
        own.upstream = new.upstream.clone().or(own.upstream.take());
        own.downstream = new.downstream.clone().or(own.downstream.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_changes_what_it_speaks_of_and_nothing_else() {
        let hour = Duration::from_secs(3600);
        let mut policy = CallPolicy {
            session_limit: Some(hour),
            idle_limit: Some(hour),
            ..CallPolicy::default()
        };
        policy.rates.upstream = Rate::of_bps(64_000);
        policy.filters.upstream = Some("guest".into());
        let before = policy.clone();
        policy.change(&PolicyChange::default());
        assert_eq!(policy, before);
        policy.change(&PolicyChange {
            session_limit: Some(Duration::ZERO),
            downstream: Some(Rate::of_bps(1_000_000)),
            quota: QuotaChange {
                total_bytes: Some(7),
                ..QuotaChange::default()
            },
            filters: Filters {
                downstream: Some("paid".into()),
                upstream: None,
            },
            ..PolicyChange::default()
        });
        assert_eq!(policy.session_limit, None);
        assert_eq!(policy.idle_limit, Some(hour));
        assert_eq!(policy.rates.upstream, before.rates.upstream);
        assert_eq!(policy.rates.downstream.sustained_bps, 1_000_000);
        assert_eq!(policy.quota.total_bytes, 7);
        assert_eq!(policy.filters.upstream, before.filters.upstream);
        assert_eq!(policy.filters.downstream.as_deref(), Some("paid"));
    }

    #[test]
    fn a_quota_has_left_what_its_nearest_limit_has_left() {
        let totals = FlowTotals {
            upstream_bytes: 10,
            downstream_bytes: 30,
            ..FlowTotals::default()
        };
        let mut quota = Quota::default();
        assert_eq!(quota.left(&totals), None);
        quota.upstream_bytes = 100;
        assert_eq!(quota.left(&totals), Some(90));
        quota.larger_bytes = 50;
        assert_eq!(quota.left(&totals), Some(20));
        quota.total_bytes = 39;
        assert_eq!(quota.left(&totals), Some(0));
    }

    /// 128 kbit/s, 256 kbit/s until the average over 16 s is 192 kbit/s: 12 s of twice the rate.
    #[test]
    fn a_burst_is_a_bucket_of_what_goes_beyond_the_sustained_rate() {
        let rate = Rate {
            sustained_bps: 128_000,
            guaranteed_bps: 0,
            burst: Burst::Averaged {
                rate_bps: 256_000,
                threshold_bps: 192_000,
                time_s: 16,
            },
        };
        let limit = RateLimit {
            sustained_kbps: 128,
            peak_kbps: 256,
            burst_bytes: 128_000 * 12 / 8,
        };
        assert_eq!(rate.limit(), limit);
        assert_eq!(Rate::default().limit(), RateLimit::default());
        assert_eq!(Rate::of_bps(u64::MAX).limit().sustained_kbps, u32::MAX);
    }
}
