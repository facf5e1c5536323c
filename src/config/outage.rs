//! `[outage]` and `[group.NAME.outage]`: what becomes of log-ins while no authentication server answers.

use std::time::Duration;

use super::table::Table;
use super::words::one_of;
use crate::aaa::{AtOutage, Keep};

/// Longest time that anything is kept, in hours: 90 days.
const CACHE_H_MAX: u64 = 2_160;
/// What one entry takes in memory, with its name, networks and classes, is about a KiB.
const USERS_MAX: u32 = 1_000_000;

const POLICIES: &[(&str, bool)] = &[("refuse", false), ("cached", true)];
const PROOFS: &[(&str, bool)] = &[("password_hash", false), ("nt_hash", true)];

/// What holds where no group says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What happens.
    pub policy: OutagePolicy,
    /// Of how many users something is kept.
    pub users_max: u32,
}

/// What happens while no server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutagePolicy {
    /// Whether users come in whom a server has let in before.
    pub admits: bool,
    /// How long that may be ago, and what is kept of them.
    pub keep: Keep,
}

impl OutagePolicy {
    /// As `aaa` has it.
    #[must_use]
    pub const fn at_outage(self) -> AtOutage {
        match self.admits {
            true => AtOutage::Admit(self.keep),
            false => AtOutage::Refuse,
        }
    }
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Outage {
    let refuse = OutagePolicy {
        admits: false,
        keep: Keep {
            time: Duration::from_secs(24 * 3600),
            nt_hash: false,
        },
    };
    Outage {
        policy: read_policy(table, refuse),
        users_max: table.number("users_max", 10_000, 1..=USERS_MAX),
    }
}

/// What the table leaves out is as in `otherwise`.
pub(super) fn read_policy(table: &mut Table<'_, '_>, otherwise: OutagePolicy) -> OutagePolicy {
    let policy = one_of("a policy for outages", POLICIES);
    let proof = one_of("what is kept of a password", PROOFS);
    let hours = table.number_if_given("cache_h", 1..=CACHE_H_MAX);
    OutagePolicy {
        admits: table.parsed("policy", policy).unwrap_or(otherwise.admits),
        keep: Keep {
            time: hours.map_or(otherwise.keep.time, |hours| {
                Duration::from_secs(hours * 3600)
            }),
            nt_hash: table
                .parsed("keep", proof)
                .unwrap_or(otherwise.keep.nt_hash),
        },
    }
}
