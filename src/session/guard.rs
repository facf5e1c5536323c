//! What keeps guessers and storms out: users and sources whose log-ins failed too often in a row are
//! refused for a while, longer each time, and calls may be asked for at a limited rate, from one
//! source and in all. Every table is bounded, and no event looks at more than a few entries.

mod expiring;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::types::CallRefusal;
use crate::aaa::NameRules;
use crate::clock::Timestamp;
use expiring::Expiring;

/// Users, and sources, that are remembered. The one whose entry would be forgotten first makes room.
const ENTRIES_MAX: usize = 1 << 16;
/// Seconds' worth of calls that may come at once.
const BURST_S: u32 = 1;

/// When failures are answered with silence, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackOff {
    /// Failures in a row that are permitted; `None`: any number.
    pub failures_max: Option<u32>,
    /// How long the one after them is answered for; doubles with each further one.
    pub first: Duration,
    /// Never longer than this; after as much time without a failure all is forgotten.
    pub longest: Duration,
}

impl BackOff {
    fn of(&self, failures: u32) -> Option<Duration> {
        let beyond = failures.checked_sub(self.failures_max?)?;
        let factor = 1_u32.checked_shl(beyond.min(31)).unwrap_or(u32::MAX);
        Some(self.first.saturating_mul(factor).min(self.longest))
    }
}

/// What keeps guessers and storms out; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardConfig {
    /// For one name, whoever sends it.
    pub user: BackOff,
    /// For one address, whatever name it sends.
    pub source: BackOff,
    /// Calls a second in all; `None`: as many as come.
    pub calls_per_s: Option<u32>,
    /// Calls a second from one address.
    pub calls_per_source_per_s: Option<u32>,
    /// Which names are one user's.
    pub names: NameRules,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    blocked_until: Timestamp,
}

/// Failures of one kind of guesser.
struct Book<K: expiring::Key>(Expiring<K, Failures>);

impl<K: expiring::Key> Book<K> {
    fn blocked(&self, key: &K, now: Timestamp) -> Option<(u32, Duration)> {
        let entry = self.0.get(key, now)?;
        let left = entry.blocked_until.since(now);
        (!left.is_zero()).then_some((entry.count, left))
    }

    /// Answers whether the key is refused from here on.
    fn failed(&mut self, key: K, back_off: &BackOff, now: Timestamp) -> bool {
        if back_off.failures_max.is_none() {
            return false;
        }
        let count = self.0.get(&key, now).map_or(0, |entry| entry.count);
        let count = count.saturating_add(1);
        let block = back_off.of(count);
        let blocked_until = now + block.unwrap_or_default();
        let forget = blocked_until + back_off.longest;
        let entry = Failures {
            count,
            blocked_until,
        };
        self.0.put(key, entry, forget, now);
        block.is_some()
    }
}

/// What is known of those who fail, and of those who call.
pub(super) struct Guard {
    config: GuardConfig,
    users: Book<Box<str>>,
    sources: Book<Ipv4Addr>,
    /// When the next call would be due if all came evenly (the generic cell rate algorithm).
    next_due: Timestamp,
    next_due_of: Expiring<Ipv4Addr, Timestamp>,
}

impl Guard {
    pub(super) fn new(config: GuardConfig) -> Self {
        Self {
            config,
            users: Book(Expiring::new(ENTRIES_MAX)),
            sources: Book(Expiring::new(ENTRIES_MAX)),
            next_due: Timestamp::ZERO,
            next_due_of: Expiring::new(ENTRIES_MAX),
        }
    }

    /// Other limits; what is known stays.
    pub(super) fn set_config(&mut self, config: GuardConfig) {
        self.config = config;
    }

    /// Whether a source may ask for a call now; counts it if so.
    pub(super) fn admit_call(
        &mut self,
        source: Ipv4Addr,
        now: Timestamp,
    ) -> Result<(), CallRefusal> {
        if self.sources.blocked(&source, now).is_some() {
            return Err(CallRefusal::SourceBackOff);
        }
        let of_source = self.config.calls_per_source_per_s;
        let due_of = self.next_due_of.get(&source, now).copied();
        let due_of =
            next_due(of_source, due_of.unwrap_or(now), now).ok_or(CallRefusal::SourceRate)?;
        let due = next_due(self.config.calls_per_s, self.next_due, now);
        self.next_due = due.ok_or(CallRefusal::StartRate)?;
        if of_source.is_some() {
            self.next_due_of.put(source, due_of, due_of, now);
        }
        Ok(())
    }

    /// Whether log-ins under this name are refused now: after how many failures, and how much longer.
    pub(super) fn user_blocked(&self, name: &[u8], now: Timestamp) -> Option<(u32, Duration)> {
        self.config.user.failures_max?;
        self.users.blocked(&self.key(name), now)
    }

    /// The same for a source.
    pub(super) fn source_blocked(
        &self,
        source: Ipv4Addr,
        now: Timestamp,
    ) -> Option<(u32, Duration)> {
        self.sources.blocked(&source, now)
    }

    /// A log-in was refused because it did not prove who it is.
    pub(super) fn failed(&mut self, name: &[u8], source: Ipv4Addr, now: Timestamp) {
        let key = self.key(name);
        self.users.failed(key, &self.config.user, now);
        self.sources.failed(source, &self.config.source, now);
    }

    /// A log-in proved who it is. Its name starts afresh; of its source half is forgiven, since other
    /// users may be there, and who has one password may try those of others.
    pub(super) fn succeeded(&mut self, name: &[u8], source: Ipv4Addr, now: Timestamp) {
        if self.config.user.failures_max.is_some() {
            let key = self.key(name);
            self.users.0.remove(&key);
        }
        if let Some(entry) = self.sources.0.get(&source, now).copied() {
            let half = Failures {
                count: entry.count / 2,
                ..entry
            };
            let forget = now + self.config.source.longest;
            self.sources.0.put(source, half, forget, now);
        }
    }

    /// An operator vouches for a user; `false` if nothing was known of it.
    pub(super) fn forgive(&mut self, name: &[u8]) -> bool {
        let key = self.key(name);
        self.users.0.remove(&key)
    }

    /// Users and sources that are refused now or may be soon.
    pub(super) fn known(&self) -> (usize, usize) {
        (self.users.0.len(), self.sources.0.len())
    }

    fn key(&self, name: &[u8]) -> Box<str> {
        let name = String::from_utf8_lossy(name).to_lowercase();
        let bare = self.config.names.keys(&name).last();
        bare.map_or_else(Box::default, |bare| bare.into())
    }
}

/// When the next call after this one is due; `None` if this one comes too early.
fn next_due(per_s: Option<u32>, due: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let Some(per_s) = per_s else {
        return Some(due);
    };
    let interval = Duration::from_secs(1) / per_s.max(1);
    let due = due.max(now);
    let early = due.since(now);
    (early < interval * per_s * BURST_S || early.is_zero()).then(|| due + interval)
}

#[cfg(test)]
mod tests;
