//! A bounded table whose entries are forgotten at a time of their own. No operation looks at more than
//! a few entries.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::clock::Timestamp;

/// Entries that are forgotten when one is written: more than one, so that the table empties.
const FORGET_MAX: usize = 2;

/// What can be looked for.
pub(in crate::session) trait Key: Clone + Eq + Hash + Ord {}
impl<K: Clone + Eq + Hash + Ord> Key for K {}

pub(in crate::session) struct Expiring<K: Key, V> {
    entries: HashMap<K, (V, Timestamp)>,
    order: BTreeSet<(Timestamp, K)>,
    max: usize,
}

impl<K: Key, V> Expiring<K, V> {
    pub(in crate::session) fn new(max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeSet::new(),
            max,
        }
    }

    /// What is there, unless its time is over.
    pub(in crate::session) fn get(&self, key: &K, now: Timestamp) -> Option<&V> {
        let (value, expiry) = self.entries.get(key)?;
        (*expiry > now).then_some(value)
    }

    /// Writes an entry; if the table is full, the one that would be forgotten first goes.
    pub(in crate::session) fn put(&mut self, key: K, value: V, expiry: Timestamp, now: Timestamp) {
        self.remove(&key);
        for _ in 0..FORGET_MAX {
            let Some((first, _)) = self.order.first() else {
                break;
            };
            if *first > now && self.entries.len() < self.max {
                break;
            }
            if let Some((_, gone)) = self.order.pop_first() {
                self.entries.remove(&gone);
            }
        }
        self.order.insert((expiry, key.clone()));
        self.entries.insert(key, (value, expiry));
    }

    /// Forgets an entry; `false` if there was none.
    pub(in crate::session) fn remove(&mut self, key: &K) -> bool {
        let Some((_, expiry)) = self.entries.remove(key) else {
            return false;
        };
        self.order.remove(&(expiry, key.clone()));
        true
    }

    /// How many there are, those included whose time is over.
    pub(in crate::session) fn len(&self) -> usize {
        self.entries.len()
    }
}
