//! `[sessions]`: how many sessions there may be of one user, how fast calls may come, and what failed
//! log-ins cost. What a group says of its users goes before it.

use std::time::Duration;

use super::table::Table;
use super::words::one_of;
use crate::aaa::{AtLimit, SessionLimits};
use crate::session::guard::BackOff;

/// Most sessions that a limit can name, and most calls a second.
const COUNT_MAX: u32 = 16_000_000;

const AT_LIMIT: &[(&str, AtLimit)] = &[("deny", AtLimit::Deny), ("replace", AtLimit::Replace)];

/// What holds for the sessions of all users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// How many a user may have, and what happens then.
    pub limits: SessionLimits,
    /// Whether `Alice` and `alice` are one user there.
    pub ignore_case: bool,
    /// Calls a second in all; `None`: as many as come.
    pub starts_per_s: Option<u32>,
    /// Calls a second from one address.
    pub starts_per_source_per_s: Option<u32>,
    /// What failed log-ins under one name cost.
    pub user_back_off: BackOff,
    /// What failed log-ins from one address cost.
    pub source_back_off: BackOff,
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Sessions {
    let limits = SessionLimits {
        per_user_max: count(table, "per_user_max"),
        at_user_limit: at_limit(table).unwrap_or_default(),
        group_max: None,
    };
    Sessions {
        limits,
        ignore_case: table.flag("ignore_case", false),
        starts_per_s: count(table, "starts_per_s"),
        starts_per_source_per_s: count(table, "starts_per_source_per_s"),
        user_back_off: table.section("user_back_off", |it| back_off(it, 0)),
        source_back_off: table.section("source_back_off", |it| back_off(it, 50)),
    }
}

/// The limits of a group, where it leaves something out those of all.
pub(super) fn read_group(table: &mut Table<'_, '_>, all: &SessionLimits) -> SessionLimits {
    let per_user_max = if table.has("sessions_per_user_max") {
        count(table, "sessions_per_user_max")
    } else {
        table.number_if_given("sessions_per_user_max", 0..=COUNT_MAX);
        all.per_user_max
    };
    SessionLimits {
        per_user_max,
        at_user_limit: at_limit(table).unwrap_or(all.at_user_limit),
        group_max: count(table, "sessions_max"),
    }
}

/// A number of which 0 is no limit.
pub(super) fn count(table: &mut Table<'_, '_>, key: &'static str) -> Option<u32> {
    Some(table.number(key, 0, 0..=COUNT_MAX)).filter(|count| *count > 0)
}

fn at_limit(table: &mut Table<'_, '_>) -> Option<AtLimit> {
    let word = one_of("what happens to a log-in beyond the limit", AT_LIMIT);
    table.parsed("at_user_limit", word)
}

fn back_off(table: &mut Table<'_, '_>, failures_max: u32) -> BackOff {
    let failures_max = table.number("failures_max", failures_max, 0..=1_000_000);
    let first = table.seconds("first_s", 1, 1..=86_400);
    let longest = table.seconds("longest_s", 60, 1..=86_400);
    BackOff {
        failures_max: Some(failures_max).filter(|count| *count > 0),
        first,
        longest: longest.max(first).max(Duration::from_secs(1)),
    }
}
