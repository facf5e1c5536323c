//! Which call has an address: read by all workers for every packet to a client, written by the slow
//! path only.
//!
//! Addresses of pools are a flat array of words, one atomic word each, so a change is one store and a
//! look is one load. Other leased addresses (from RADIUS, say) and the networks behind clients are few:
//! sorted tables, one for each prefix length in use, replaced as a whole; the longest prefix wins. A
//! reader may see a word of yesterday; so the owner of a flow checks its lease again.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arc_swap::{ArcSwap, Cache};

use crate::flow::FlowKey;
use crate::flow::zeroed::zeroed;
use crate::wire::prefix::Prefix;

/// Leased addresses outside of pools, and networks: for each length of a prefix, longest first, its
/// networks in ascending order.
type Table = Vec<(u8, Vec<(Ipv4Addr, FlowKey)>)>;

struct Pool {
    first: u32,
    /// Packed [`FlowKey`]s, by position after `first`; zero is nobody.
    owners: Vec<AtomicU32>,
}

impl Pool {
    #[inline]
    fn word(&self, address: u32) -> Option<&AtomicU32> {
        let position = address.checked_sub(self.first)?;
        self.owners.get(position as usize)
    }
}

struct Shared {
    pools: Box<[Pool]>,
    others: Arc<ArcSwap<Table>>,
    /// Whether there are any others: mostly there are none, and then nobody looks for them.
    has_others: AtomicBool,
}

impl Shared {
    #[inline]
    fn pool_word(&self, address: u32) -> Option<&AtomicU32> {
        self.pools.iter().find_map(|pool| pool.word(address))
    }
}

/// The slow path's end.
pub struct DirectoryWriter {
    shared: Arc<Shared>,
    /// Tables that a worker may still hold: freed here, never on the packet path.
    retired: Vec<Arc<Table>>,
}

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This call's.
    Of(FlowKey),
    /// A pool's, and nobody leases it.
    Vacant,
    /// No client's.
    Elsewhere,
}

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
        let count = last.checked_sub(first).map_or(0, |most| most as usize + 1);
        Pool {
            first,
            owners: zeroed(count),
        }
    };
    let shared = Arc::new(Shared {
        pools: pools.iter().map(pool).collect(),
        others: Arc::new(ArcSwap::default()),
        has_others: AtomicBool::new(false),
    });
    let reader = Directory::new(Arc::clone(&shared));
    let writer = DirectoryWriter {
        shared,
        retired: Vec::new(),
    };
    (writer, reader)
}

impl DirectoryWriter {
    /// `address` belongs to `flow` from now on. To be called before the flow may forward.
    pub fn set(&mut self, address: Ipv4Addr, flow: FlowKey) {
        match self.shared.pool_word(address.to_bits()) {
            Some(word) => word.store(flow.pack(), Ordering::Release),
            None => self.change_others(Prefix::host(address), Some(flow)),
        }
    }

    /// `address` belongs to nobody. To be called after the flow's final report.
    pub fn clear(&mut self, address: Ipv4Addr) {
        match self.shared.pool_word(address.to_bits()) {
            Some(word) => word.store(0, Ordering::Release),
            None => self.change_others(Prefix::host(address), None),
        }
    }

    /// `network` lies behind `flow` from now on, but for addresses of pools and longer prefixes. To be
    /// called before the flow may forward.
    pub fn set_network(&mut self, network: Prefix, flow: FlowKey) {
        self.change_others(network, Some(flow));
    }

    /// `network` lies behind nobody.
    pub fn clear_network(&mut self, network: Prefix) {
        self.change_others(network, None);
    }

    /// One more reader.
    #[must_use]
    pub fn reader(&self) -> Directory {
        Directory::new(Arc::clone(&self.shared))
    }

    fn change_others(&mut self, network: Prefix, flow: Option<FlowKey>) {
        let mut table = Vec::clone(&self.shared.others.load());
        let (first, length) = (network.first(), network.length());
        let row = match table.binary_search_by(|(other, _)| length.cmp(other)) {
            Ok(row) => row,
            Err(row) => {
                table.insert(row, (length, Vec::new()));
                row
            }
        };
        if let Some((_, networks)) = table.get_mut(row) {
            let place = networks.binary_search_by_key(&first, |entry| entry.0);
            match (place, flow) {
                (Ok(place), Some(flow)) => {
                    if let Some(entry) = networks.get_mut(place) {
                        entry.1 = flow;
                    }
                }
                (Ok(place), None) => drop(networks.remove(place)),
                (Err(place), Some(flow)) => networks.insert(place, (first, flow)),
                (Err(_), None) => {}
            }
        }
        table.retain(|(_, networks)| !networks.is_empty());
        let has_others = !table.is_empty();
        self.retired.retain(|old| Arc::strong_count(old) > 1);
        self.retired.push(self.shared.others.swap(Arc::new(table)));
        self.shared.has_others.store(has_others, Ordering::Release);
    }
}

impl Directory {
    fn new(shared: Arc<Shared>) -> Self {
        let others = Cache::new(Arc::clone(&shared.others));
        Self { shared, others }
    }

    /// Whose `address` is.
    #[inline]
    #[must_use]
    pub fn find(&mut self, address: Ipv4Addr) -> Place {
        let owner = match self.shared.pool_word(address.to_bits()) {
            Some(word) => FlowKey::unpack(word.load(Ordering::Acquire)),
            None => match self.other(address.to_bits()) {
                Some(owner) => Some(owner),
                None => return Place::Elsewhere,
            },
        };
        owner.map_or(Place::Vacant, Place::Of)
    }

    /// The call that has `address`.
    #[inline]
    #[must_use]
    pub fn owner(&mut self, address: Ipv4Addr) -> Option<FlowKey> {
        match self.find(address) {
            Place::Of(owner) => Some(owner),
            Place::Vacant | Place::Elsewhere => None,
        }
    }

    /// Whether `address` is a client's: in a pool, leased or not, or leased.
    #[inline]
    #[must_use]
    pub fn contains(&mut self, address: Ipv4Addr) -> bool {
        let address = address.to_bits();
        self.shared.pool_word(address).is_some() || self.other(address).is_some()
    }

    #[inline]
    fn other(&mut self, address: u32) -> Option<FlowKey> {
        if !self.shared.has_others.load(Ordering::Acquire) {
            return None;
        }
        self.look_for_other(address)
    }

    #[inline(never)]
    fn look_for_other(&mut self, address: u32) -> Option<FlowKey> {
        let table = self.others.load();
        let address = Ipv4Addr::from_bits(address);
        table.iter().find_map(|(length, networks)| {
            let first = Prefix::new(address, *length)?.first();
            let place = networks
                .binary_search_by_key(&first, |entry| entry.0)
                .ok()?;
            networks.get(place).map(|entry| entry.1)
        })
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
    fn a_table_that_a_reader_lets_go_is_freed_by_the_writer() {
        let (mut writer, mut reader) = directory(&[]);
        writer.set(address(1), key(1));
        let table = Arc::downgrade(reader.others.load());
        writer.set(address(2), key(2));
        assert_eq!(reader.owner(address(2)), Some(key(2)));
        assert_eq!(table.strong_count(), 1, "the reader was not the last");
        writer.set(address(3), key(3));
        assert_eq!(table.strong_count(), 0);
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

    #[test]
    fn the_longest_prefix_wins_and_addresses_of_pools_before_all() {
        let (mut writer, mut reader) = directory(&[address(100)..=address(109)]);
        let network = |text: &str| text.parse::<Prefix>().unwrap();
        // Every network with its owner, in an order of no meaning.
        let all = [
            ("10.77.0.0/24", 1),
            ("0.0.0.0/0", 2),
            ("10.0.0.0/8", 3),
            ("10.77.0.5/32", 4),
            ("10.77.0.0/28", 5),
        ];
        for (text, owner) in all {
            writer.set_network(network(text), key(owner));
        }
        let naive = |at: Ipv4Addr, left: &[(&str, u16)]| {
            let inside = left.iter().filter(|(text, _)| network(text).contains(at));
            let longest = inside.max_by_key(|(text, _)| network(text).length());
            longest.map(|(_, owner)| key(*owner))
        };
        let probes = [0, 5, 15, 16, 99, 110, 255].map(address);
        let far = [Ipv4Addr::new(10, 1, 1, 1), Ipv4Addr::new(192, 0, 2, 1)];
        for left in (0..=all.len()).rev() {
            let (kept, gone) = all.split_at(left);
            gone.iter()
                .for_each(|(text, _)| writer.clear_network(network(text)));
            for at in probes.into_iter().chain(far) {
                assert_eq!(reader.owner(at), naive(at, kept), "{at} of {kept:?}");
            }
            assert_eq!(reader.owner(address(105)), None, "nobody leases it");
        }
    }
}
