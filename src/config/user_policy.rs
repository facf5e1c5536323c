//! How long, how much and how fast the calls of one user may be: the keys are the words of
//! `[[radius.map]]`, so that both say the same by the same name.

use std::time::Duration;

use super::error::Fault;
use super::table::Table;
use crate::aaa::radius::rates_of;
use crate::aaa::{Burst, CallPolicy, Quota, Rate, RatePolicy};

/// Longest time that a call may be granted, in seconds: ten years.
const LIMIT_S_MAX: u64 = 315_360_000;
/// Largest quota: what TOML's numbers hold.
const QUOTA_BYTES_MAX: u64 = i64::MAX as u64;
/// Slowest and fastest rate, in bit/s.
const RATE_BPS: std::ops::RangeInclusive<u64> = 1_000..=1_000_000_000_000;
/// Shallowest and deepest bucket, in bytes: a packet fits at the least.
const BURST_BYTES: std::ops::RangeInclusive<u64> = 1_500..=u32::MAX as u64;

/// Of a user, or of nobody if nothing is said.
pub(super) fn read(table: &mut Table<'_, '_>) -> CallPolicy {
    let limit = |limit_s: Option<u64>| limit_s.map(Duration::from_secs);
    let session_limit_s = table.number_if_given("session_limit_s", 1..=LIMIT_S_MAX);
    let idle_limit_s = table.number_if_given("idle_limit_s", 1..=LIMIT_S_MAX);
    let mut bytes = |key| table.number(key, 0, 0..=QUOTA_BYTES_MAX);
    let quota = Quota {
        upstream_bytes: bytes("quota_upstream_bytes"),
        downstream_bytes: bytes("quota_downstream_bytes"),
        total_bytes: bytes("quota_total_bytes"),
        larger_bytes: 0,
    };
    CallPolicy {
        session_limit: limit(session_limit_s),
        idle_limit: limit(idle_limit_s),
        quota,
        rates: rates(table),
        ..CallPolicy::default()
    }
}

/// In words of our own, or all of it in one text of `RouterOS`.
fn rates(table: &mut Table<'_, '_>) -> RatePolicy {
    let rates = RatePolicy {
        upstream: rate(table, "rate_upstream_bps", "rate_upstream_burst_bytes"),
        downstream: rate(table, "rate_downstream_bps", "rate_downstream_burst_bytes"),
        priority: table.number("rate_priority", 0, 1..=8),
    };
    let whole = table.parsed("rate_mikrotik", |text| {
        rates_of(text).ok_or_else(|| {
            let problem = format!("{text:?} is no rate as RouterOS writes it");
            Fault::new(problem, "write FROM/TO the client, as in \"2M/10M\"")
        })
    });
    if table.has("rate_mikrotik") && rates != RatePolicy::default() {
        let fault = Fault::new("is there beside other rates", "write one or the others");
        table.refuse("rate_mikrotik", fault);
    }
    whole.unwrap_or(rates)
}

fn rate(table: &mut Table<'_, '_>, rate: &'static str, burst: &'static str) -> Rate {
    let sustained_bps = table.number_if_given(rate, RATE_BPS);
    let bytes = table.number_if_given(burst, BURST_BYTES);
    if bytes.is_some() && !table.has(rate) {
        let fault = Fault::new(format!("is there without {rate}"), "write the rate, too");
        table.refuse(burst, fault);
    }
    Rate {
        burst: bytes.map_or(Burst::None, Burst::Bytes),
        ..Rate::of_bps(sustained_bps.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::check_users_text;
    use crate::config::error::Report;
    use crate::config::users::{User, read_file};

    fn text(keys: &str) -> String {
        format!("[[user]]\nname = \"alice\"\npassword = \"wonderland-7\"\n{keys}\n")
    }

    fn user(keys: &str) -> User {
        let text = text(keys);
        let mut report = Report::new("users.toml".to_owned(), &text);
        let mut users = read_file(&mut report, &text);
        users.pop().unwrap().1
    }

    #[test]
    fn what_a_user_may_is_read() {
        let nothing = user("");
        assert_eq!(
            (nothing.expires_s, nothing.policy),
            (None, CallPolicy::default())
        );
        let told = user(
            "rate_upstream_bps = 2_000_000\nrate_downstream_bps = 10_000_000\n\
             rate_downstream_burst_bytes = 64_000\nrate_priority = 3\nsession_limit_s = 60\n\
             idle_limit_s = 30\nquota_total_bytes = 5_000_000_000",
        );
        let rates = RatePolicy {
            upstream: Rate::of_bps(2_000_000),
            downstream: Rate {
                burst: Burst::Bytes(64_000),
                ..Rate::of_bps(10_000_000)
            },
            priority: 3,
        };
        let quota = Quota {
            total_bytes: 5_000_000_000,
            ..Quota::default()
        };
        let policy = CallPolicy {
            session_limit: Some(Duration::from_secs(60)),
            idle_limit: Some(Duration::from_secs(30)),
            quota,
            rates,
            ..CallPolicy::default()
        };
        assert_eq!(told.policy, policy);
        let bursts = user("rate_mikrotik = \"128k/1M 256k/2M 192k/1500k 16/16 5\"")
            .policy
            .rates;
        assert_eq!(Some(bursts), rates_of("128k/1M 256k/2M 192k/1500k 16/16 5"));
        assert_eq!(
            (bursts.downstream.sustained_bps, bursts.priority),
            (1_000_000, 5)
        );
    }

    #[test]
    fn an_account_expires_at_a_time_of_toml() {
        for (time, unix_s) in [
            ("2031-12-31", 1_956_441_600),
            ("2031-12-31T18:00:00", 1_956_506_400),
            ("2031-12-31T18:00:00Z", 1_956_506_400),
            ("2031-12-31 18:00:00+01:00", 1_956_502_800),
        ] {
            let keys = format!("expires = {time}");
            assert_eq!(user(&keys).expires_s, Some(unix_s), "{time}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        for (keys, words) in [
            (
                "expires = \"2031-12-31\"",
                "is a text; write a date without quotes",
            ),
            ("expires = 1931-12-31", "is no such time"),
            ("expires = 18:00:00", "is no such time"),
            ("rate_upstream_bps = 5", "out of range"),
            (
                "rate_upstream_burst_bytes = 9000",
                "without rate_upstream_bps",
            ),
            ("rate_mikrotik = \"fast\"", "\"fast\" is no rate"),
            (
                "rate_mikrotik = \"1M\"\nrate_downstream_bps = 4000",
                "beside other rates",
            ),
            ("session_limit_s = 0", "out of range"),
            ("quota_total_bytes = -1", "out of range"),
        ] {
            let found = check_users_text(&text(keys), Path::new("users.toml")).unwrap_err();
            let found = found.to_string();
            assert!(found.contains(words), "{keys}: {found}");
            assert!(found.contains("users.toml:4:"), "{keys}: {found}");
        }
    }
}
