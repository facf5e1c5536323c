//! The last verdicts, bounded however many attempts there are, and however they are made.
//!
//! Two shelves share the room: attempts of users who have proved who they are, and attempts of
//! anybody else. A flood of strangers so never pushes a user's calls out. On the strangers' shelf
//! each address has a bounded number of places, and equal attempts in a row take one; on the other
//! each user has. An insertion costs a few steps in trees of bounded size.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::Ipv4Addr;

use super::{Cause, Stage, Verdict, bare};
use crate::wire::call_id::CallId;

/// Verdicts that are kept unless the configuration says otherwise.
pub const HISTORY_DEFAULT: usize = 4096;
/// Verdicts of one user, or of one address that nobody has proved anything from.
const PER_KEY_MAX: usize = 32;

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A user, by the name that it proved or claimed; without its domain.
    User(Vec<u8>),
    /// Our Call ID.
    CallId(CallId),
    /// The address that somebody dials from.
    Peer(Ipv4Addr),
}

/// Verdicts in order of their end.
struct Shelf {
    max: usize,
    /// Whether an address has a bounded number of places.
    bounds_peers: bool,
    entries: BTreeMap<u64, Verdict>,
    by_peer: HashMap<Ipv4Addr, BTreeSet<u64>>,
    by_user: HashMap<Box<[u8]>, BTreeSet<u64>>,
}

impl Shelf {
    fn new(max: usize, bounds_peers: bool) -> Self {
        Self {
            max,
            bounds_peers,
            entries: BTreeMap::new(),
            by_peer: HashMap::new(),
            by_user: HashMap::new(),
        }
    }

    fn insert(&mut self, serial: u64, verdict: Verdict) {
        let peer = verdict.facts.peer_address;
        let user: Option<Box<[u8]>> = verdict.facts.user_key().map(Into::into);
        let of_peer = self.by_peer.entry(peer).or_default();
        of_peer.insert(serial);
        let oldest_of_peer = (self.bounds_peers && of_peer.len() > PER_KEY_MAX)
            .then(|| of_peer.first().copied())
            .flatten();
        let oldest_of_user = user.and_then(|user| {
            let of_user = self.by_user.entry(user).or_default();
            of_user.insert(serial);
            (of_user.len() > PER_KEY_MAX)
                .then(|| of_user.first().copied())
                .flatten()
        });
        self.entries.insert(serial, verdict);
        for oldest in [oldest_of_peer, oldest_of_user].into_iter().flatten() {
            self.remove(oldest);
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.entries.len() > self.max {
            let Some(oldest) = self.entries.keys().next().copied() else {
                return;
            };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, serial: u64) {
        let Some(verdict) = self.entries.remove(&serial) else {
            return;
        };
        forget(&mut self.by_peer, &verdict.facts.peer_address, serial);
        if let Some(user) = verdict.facts.user_key() {
            forget(&mut self.by_user, user, serial);
        }
    }

    /// The latest verdict of this address.
    fn latest_of(&mut self, peer: Ipv4Addr) -> Option<&mut Verdict> {
        let serial = self.by_peer.get(&peer)?.last()?;
        self.entries.get_mut(serial)
    }

    fn serials(&self, key: &Key) -> Vec<u64> {
        let indexed = match key {
            Key::User(name) => self.by_user.get(bare(name)),
            Key::Peer(peer) => self.by_peer.get(peer),
            Key::CallId(call_id) => {
                let is_it =
                    |(_, verdict): &(&u64, &Verdict)| verdict.facts.local_call_id == Some(*call_id);
                return self
                    .entries
                    .iter()
                    .filter(is_it)
                    .map(|(serial, _)| *serial)
                    .collect();
            }
        };
        indexed.into_iter().flatten().copied().collect()
    }
}

/// Takes a serial out of an index, and the key with it if it was the last.
fn forget<K, Q>(index: &mut HashMap<K, BTreeSet<u64>>, key: &Q, serial: u64)
where
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ?Sized,
{
    if let Some(serials) = index.get_mut(key) {
        serials.remove(&serial);
        if serials.is_empty() {
            index.remove(key);
        }
    }
}

/// The last verdicts.
pub struct History {
    users: Shelf,
    strangers: Shelf,
    serial: u64,
}

impl Default for History {
    fn default() -> Self {
        Self::new(HISTORY_DEFAULT)
    }
}

impl History {
    /// Room for `max` verdicts, half of it for users who proved who they are.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let strangers = max / 2;
        Self {
            users: Shelf::new(max - strangers, false),
            strangers: Shelf::new(strangers, true),
            serial: 0,
        }
    }

    /// Changes the room; the oldest verdicts go if it is less.
    pub fn set_max(&mut self, max: usize) {
        self.strangers.max = max / 2;
        self.users.max = max - max / 2;
        self.strangers.shrink();
        self.users.shrink();
    }

    /// Keeps a verdict.
    pub fn insert(&mut self, verdict: Verdict) {
        self.serial += 1;
        if verdict.facts.user.is_some() {
            return self.users.insert(self.serial, verdict);
        }
        if let Some(latest) = self.strangers.latest_of(verdict.facts.peer_address)
            && is_repeated(latest, &verdict)
        {
            let (times, first_ended) = (latest.times.saturating_add(1), latest.first_ended);
            *latest = Verdict {
                times,
                first_ended,
                ..verdict
            };
            return;
        }
        self.strangers.insert(self.serial, verdict);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.entries.len() + self.strangers.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The verdicts that `key` means, the latest first.
    #[must_use]
    pub fn find(&self, key: &Key) -> Vec<&Verdict> {
        let on = |shelf: &'_ Shelf| shelf.serials(key);
        let mut found: Vec<_> = on(&self.users)
            .into_iter()
            .filter_map(|serial| Some((serial, self.users.entries.get(&serial)?)))
            .chain(
                on(&self.strangers)
                    .into_iter()
                    .filter_map(|serial| Some((serial, self.strangers.entries.get(&serial)?))),
            )
            .collect();
        found.sort_by_key(|(_, verdict)| std::cmp::Reverse(verdict.ended));
        found.into_iter().map(|(_, verdict)| verdict).collect()
    }
}

/// Whether an attempt without a call is the one before it over again. Calls are never put together:
/// each has a Call ID that somebody may ask for.
fn is_repeated(latest: &Verdict, verdict: &Verdict) -> bool {
    let without_call = match verdict.cause {
        Cause::NotAccepted(_) | Cause::Control(_) | Cause::CallRefused(_) => true,
        Cause::Ended(_) => false,
    };
    let early = verdict.facts.stage < Stage::Lcp;
    without_call && early && latest.cause == verdict.cause
}

#[cfg(test)]
#[path = "history/tests.rs"]
mod tests;
