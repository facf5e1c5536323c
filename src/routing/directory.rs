//! Which call has an address: read by all workers for every packet to a client, written by the slow
//! path only.
//!
//! Addresses of pools are a flat array of words, one atomic word each, so a change is one store and a
//! look is one load. Other leased addresses (from RADIUS, say) are few: a sorted table, replaced as a
//! whole. A reader may see a word of yesterday; so the owner of a flow checks its lease again.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::{ArcSwap, Cache};

use crate::flow::FlowKey;

/// Leased addresses outside of pools, ascending.
type Table = Vec<(u32, FlowKey)>;

struct Pool {
    first: u32,
    /// Packed [`FlowKey`]s, by position after `first`; zero is nobody.
    owners: Box<[AtomicU32]>,
}

impl Pool {
    fn word(&self, address: u32) -> Option<&AtomicU32> {
        let position = address.checked_sub(self.first)?;
        self.owners.get(position as usize)
    }
}

struct Shared {
    pools: Box<[Pool]>,
    others: Arc<ArcSwap<Table>>,
}

impl Shared {
    fn pool_word(&self, address: u32) -> Option<&AtomicU32> {
        self.pools.iter().find_map(|pool| pool.word(address))
    }
}

/// The slow path's end.
pub struct DirectoryWriter(Arc<Shared>);

/// A reader's end: one for each worker.
pub struct Directory {
    shared: Arc<Shared>,
    others: Cache<Arc<ArcSwap<Table>>, Arc<Table>>,
}

/// A directory of the addresses in `pools`, and of whatever else is leased.
#[must_use]
pub fn directory(pools: &[RangeInclusive<Ipv4Addr>]) -> (DirectoryWriter, Directory) {
    let pool = |range: &RangeInclusive<Ipv4Addr>| {
        let (first, last) = (range.start().to_bits(), range.end().to_bits());
        let owners = (first..=last).map(|_| AtomicU32::new(0)).collect();
        Pool { first, owners }
    };
    let shared = Arc::new(Shared {
        pools: pools.iter().map(pool).collect(),
        others: Arc::new(ArcSwap::default()),
    });
    let reader = Directory::new(Arc::clone(&shared));
    (DirectoryWriter(shared), reader)
}

impl DirectoryWriter {
    /// `address` belongs to `flow` from now on. To be called before the flow may forward.
    pub fn set(&mut self, address: Ipv4Addr, flow: FlowKey) {
        match self.0.pool_word(address.to_bits()) {
            Some(word) => word.store(flow.pack(), Ordering::Release),
            None => self.change_others(address.to_bits(), Some(flow)),
        }
    }

    /// `address` belongs to nobody. To be called after the flow's final report.
    pub fn clear(&mut self, address: Ipv4Addr) {
        match self.0.pool_word(address.to_bits()) {
            Some(word) => word.store(0, Ordering::Release),
            None => self.change_others(address.to_bits(), None),
        }
    }

    /// One more reader.
    #[must_use]
    pub fn reader(&self) -> Directory {
        Directory::new(Arc::clone(&self.0))
    }

    fn change_others(&mut self, address: u32, flow: Option<FlowKey>) {
        let mut table = Vec::clone(&self.0.others.load());
        match (table.binary_search_by_key(&address, |entry| entry.0), flow) {
            (Ok(place), Some(flow)) => {
                if let Some(entry) = table.get_mut(place) {
                    entry.1 = flow;
                }
            }
            (Ok(place), None) => drop(table.remove(place)),
            (Err(place), Some(flow)) => table.insert(place, (address, flow)),
            (Err(_), None) => return,
        }
        self.0.others.store(Arc::new(table));
    }
}

impl Directory {
    fn new(shared: Arc<Shared>) -> Self {
        let others = Cache::new(Arc::clone(&shared.others));
        Self { shared, others }
    }

    /// The call that has `address`.
    #[inline]
    #[must_use]
    pub fn owner(&mut self, address: Ipv4Addr) -> Option<FlowKey> {
        match self.shared.pool_word(address.to_bits()) {
            Some(word) => FlowKey::unpack(word.load(Ordering::Acquire)),
            None => self.other(address.to_bits()),
        }
    }

    /// Whether `address` is a client's: in a pool, leased or not, or leased.
    #[inline]
    #[must_use]
    pub fn contains(&mut self, address: Ipv4Addr) -> bool {
        let address = address.to_bits();
        self.shared.pool_word(address).is_some() || self.other(address).is_some()
    }

    fn other(&mut self, address: u32) -> Option<FlowKey> {
        let table = self.others.load();
        let place = table.binary_search_by_key(&address, |entry| entry.0).ok()?;
        table.get(place).map(|entry| entry.1)
    }
}

impl Clone for Directory {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::call_id::CallId;

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, last)
    }

    fn key(call_id: u16) -> FlowKey {
        FlowKey::new(1, CallId::new(call_id))
    }

    #[test]
    fn addresses_of_pools_come_and_go() {
        let pools = [address(100)..=address(109), address(200)..=address(200)];
        let (mut writer, mut reader) = directory(&pools);
        for last in 0..=255 {
            let pooled = (100..110).contains(&last) || last == 200;
            assert_eq!(reader.contains(address(last)), pooled);
            assert_eq!(reader.owner(address(last)), None);
        }
        writer.set(address(109), key(7));
        writer.set(address(200), key(8));
        assert_eq!(reader.owner(address(109)), Some(key(7)));
        assert_eq!(reader.clone().owner(address(200)), Some(key(8)));
        writer.clear(address(109));
        assert_eq!(reader.owner(address(109)), None);
        assert!(reader.contains(address(109)));
    }

    #[test]
    fn other_addresses_are_known_while_they_are_leased() {
        let (mut writer, mut reader) = directory(&[]);
        for last in [5, 3, 9, 3] {
            writer.set(address(last), key(u16::from(last)));
        }
        for last in [3, 5, 9] {
            assert_eq!(reader.owner(address(last)), Some(key(u16::from(last))));
        }
        assert!(!reader.contains(address(4)));
        writer.clear(address(5));
        writer.clear(address(6));
        assert_eq!(reader.owner(address(5)), None);
        assert_eq!(writer.reader().owner(address(9)), Some(key(9)));
    }
}
