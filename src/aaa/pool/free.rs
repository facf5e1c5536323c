//! The free addresses of one pool. What was never leased is not listed, so that a pool costs memory
//! for the addresses that were in use, however large it is.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// Addresses that may be leased: first those that never were, in order, then those that were given
/// back, the longest ago first, so that an address rests as long as possible.
#[derive(Default)]
pub(super) struct FreeList {
    /// What was never looked at: the rest of a range, and the ranges behind it, the next one last.
    fresh: Vec<RangeInclusive<u32>>,
    /// Given back, by when that was.
    freed: BTreeMap<u64, Ipv4Addr>,
    /// Where each is in `freed`.
    places: HashMap<Ipv4Addr, u64>,
    serial: u64,
}

impl FreeList {
    pub(super) fn new(ranges: &[RangeInclusive<Ipv4Addr>]) -> Self {
        let bits =
            |range: &RangeInclusive<Ipv4Addr>| u32::from(*range.start())..=u32::from(*range.end());
        Self {
            fresh: ranges.iter().rev().map(bits).collect(),
            ..Self::default()
        }
    }

    /// Takes the next one that `may` be leased. Each address is passed over at most once on its way
    /// from the fresh ones; of those given back, what may not be leased stays away until it is
    /// [`Self::put`] again.
    pub(super) fn take(&mut self, may: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
        while let Some(range) = self.fresh.last_mut() {
            let Some(address) = range.next().map(Ipv4Addr::from) else {
                self.fresh.pop();
                continue;
            };
            if !self.places.contains_key(&address) && may(address) {
                return Some(address);
            }
        }
        while let Some((_, address)) = self.freed.pop_first() {
            self.places.remove(&address);
            if may(address) {
                return Some(address);
            }
        }
        None
    }

    /// Somebody has this address now, wherever it was.
    pub(super) fn remove(&mut self, address: Ipv4Addr) {
        if let Some(place) = self.places.remove(&address) {
            self.freed.remove(&place);
        }
    }

    /// It was given back.
    pub(super) fn put(&mut self, address: Ipv4Addr) {
        self.remove(address);
        self.serial += 1;
        self.freed.insert(self.serial, address);
        self.places.insert(address, self.serial);
    }

    /// How many are listed.
    #[cfg(test)]
    pub(super) fn listed(&self) -> usize {
        assert_eq!(self.freed.len(), self.places.len());
        self.freed.len()
    }
}
