//! Leased addresses outside of pools (from RADIUS, say), and the networks behind clients: prefixes,
//! of which the longest wins.
//!
//! They are spread over many small sorted tables, so that a change replaces one of them: among
//! 100,000 addresses that is a copy of about a hundred. A reader borrows a table while it looks and
//! keeps none.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::flow::FlowKey;
use crate::routing::retired::Retired;
use crate::wire::prefix::Prefix;

const SHARD_BITS: u32 = 10;

/// Sorted by prefix.
type Shard = Vec<(Prefix, FlowKey)>;

/// What readers see.
pub(super) struct Others {
    shards: Box<[ArcSwap<Shard>]>,
    /// Bit n: there are prefixes of n bits. Mostly there are none at all, and nobody looks for them.
    lengths: AtomicU64,
}

/// What the only writer keeps beside it.
#[derive(Default)]
pub(super) struct Changes {
    /// Prefixes of 0 to 31 bits, by their length, and of 32.
    counts: ([usize; 32], usize),
    retired: Retired<Shard>,
}

impl Others {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..1 << SHARD_BITS).map(|_| ArcSwap::default()).collect(),
            lengths: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn find(&self, address: Ipv4Addr) -> Option<FlowKey> {
        let lengths = self.lengths.load(Ordering::Acquire);
        if lengths == 0 {
            return None;
        }
        self.look(address, lengths)
    }

    #[inline(never)]
    fn look(&self, address: Ipv4Addr, lengths: u64) -> Option<FlowKey> {
        let in_use = |length: &u8| (lengths >> length) & 1 != 0;
        (0..=32).rev().filter(in_use).find_map(|length| {
            let prefix = Prefix::new(address, length)?;
            let shard = self.shard(prefix)?.load();
            let place = shard.binary_search_by_key(&prefix, |entry| entry.0).ok()?;
            shard.get(place).map(|entry| entry.1)
        })
    }

    fn shard(&self, prefix: Prefix) -> Option<&ArcSwap<Shard>> {
        let mixed = prefix.first().to_bits().wrapping_mul(0x9e37_79b1);
        self.shards.get((mixed >> (32 - SHARD_BITS)) as usize)
    }

    /// `network` leads to `flow`, or to nobody.
    pub(super) fn change(&self, changes: &mut Changes, network: Prefix, flow: Option<FlowKey>) {
        let Some(shard) = self.shard(network) else {
            return;
        };
        let count = changes.count(network);
        let mut entries = Vec::clone(&shard.load());
        match (
            entries.binary_search_by_key(&network, |entry| entry.0),
            flow,
        ) {
            (Ok(place), Some(flow)) => {
                if let Some(entry) = entries.get_mut(place) {
                    entry.1 = flow;
                }
            }
            (Ok(place), None) => {
                entries.remove(place);
                *count -= 1;
            }
            (Err(place), Some(flow)) => {
                entries.insert(place, (network, flow));
                *count += 1;
            }
            (Err(_), None) => return,
        }
        let bit = 1 << network.length();
        let lengths = self.lengths.load(Ordering::Relaxed);
        let lengths = if *count > 0 {
            lengths | bit
        } else {
            lengths & !bit
        };
        changes.retired.keep(shard.swap(Arc::new(entries)));
        self.lengths.store(lengths, Ordering::Release);
    }
}

impl Changes {
    fn count(&mut self, network: Prefix) -> &mut usize {
        let (shorter, hosts) = &mut self.counts;
        shorter
            .get_mut(usize::from(network.length()))
            .unwrap_or(hosts)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::call_id::CallId;

    proptest! {
        /// Few addresses, so that prefixes meet, are replaced, and go as the last of their length.
        #[test]
        fn the_longest_prefix_wins_after_every_change(
            steps in prop::collection::vec((0u32..64, 24u8..=32, prop::option::of(1u16..9)), 0..120)
        ) {
            let (others, mut changes) = (Others::new(), Changes::default());
            let mut naive = BTreeMap::new();
            for (n, length, call_id) in steps {
                let address = Ipv4Addr::from_bits(0x0a4d_0000 | (n << 3));
                let network = Prefix::new(address, length).unwrap();
                let flow = call_id.map(|id| FlowKey::new(1, CallId::new(id)));
                others.change(&mut changes, network, flow);
                match flow {
                    Some(flow) => drop(naive.insert(network, flow)),
                    None => drop(naive.remove(&network)),
                }
                for probe in 0..64 {
                    let probe = Ipv4Addr::from_bits(0x0a4d_0000 | (probe << 3));
                    let around = naive.iter().filter(|(network, _)| network.contains(probe));
                    let longest = around.max_by_key(|(network, _)| network.length());
                    prop_assert_eq!(others.find(probe), longest.map(|(_, flow)| *flow));
                }
            }
        }
    }

    #[test]
    fn networks_and_hosts_in_a_row_spread_evenly() {
        for length in [16, 24, 32] {
            let (others, mut changes) = (Others::new(), Changes::default());
            for n in 0..16 << SHARD_BITS {
                let first = Ipv4Addr::from_bits(0x0a00_0000_u32.wrapping_add(n << (32 - length)));
                let network = Prefix::new(first, length).unwrap();
                others.change(&mut changes, network, Some(FlowKey::new(1, CallId::new(1))));
            }
            let largest = others.shards.iter().map(|shard| shard.load().len()).max();
            assert!(largest <= Some(32), "{largest:?} of /{length}");
        }
    }
}
