//! What workers look up: an immutable picture of routes, neighbours and our own addresses.
//!
//! Longest-prefix match, on-link neighbours and local addresses are flattened when the snapshot is
//! built into one sorted array of address ranges, so a lookup is one binary search whatever the
//! lengths of the prefixes: 7 steps for 100 routes, 18 for 100,000, and no allocation.

use std::net::Ipv4Addr;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use builder::{Builder, Hop, Target};

mod builder;

/// Where a packet goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NextHop {
    /// Out of one of our ports.
    Port {
        /// The port.
        port: u8,
        /// The port's own MAC address.
        source_mac: [u8; 6],
        /// The MAC address of the gateway, or of the destination itself if it is on the link.
        destination_mac: [u8; 6],
        /// Longest IP packet that may leave here, in bytes.
        mtu: u16,
    },
    /// To this box itself: punt.
    Local,
    /// By an interface that is not one of our ports, or in a way that only the kernel knows
    /// (multicast, encapsulation): punt.
    Kernel,
    /// By a port, but the MAC address is not known or the link is down: punt, and the kernel asks.
    Unresolved,
    /// No route, or a route that says so: punt, and the kernel answers with an ICMP error.
    Unreachable,
    /// Dropped without an answer: a blackhole route, or a pool's address that nobody leases.
    Blackhole,
}

/// The current snapshot, replaced as a whole. A worker loads it once a burst, or keeps an
/// [`arc_swap::Cache`] of it.
pub type Published = Arc<ArcSwap<Snapshot>>;

/// Routes, neighbours and local addresses at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// First addresses of the ranges, ascending; the first is always 0.
    starts: Box<[u32]>,
    /// For each range, a position in `choices`.
    ranges: Box<[u32]>,
    choices: Box<[Choice]>,
    /// The members of multipath choices.
    shares: Box<[Share]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    One(NextHop),
    Many {
        offset: u32,
        count: u32,
        weight: u32,
    },
}

/// One member of a multipath route; `until` is the sum of weights up to and with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    until: u32,
    next_hop: NextHop,
}

impl Snapshot {
    /// An empty table that routes, neighbours and addresses can be added to.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Makes this snapshot the current one of a new [`Published`].
    #[must_use]
    pub fn publish(self) -> Published {
        Arc::new(ArcSwap::from_pointee(self))
    }

    /// The next hop to `destination`. Of a multipath route always the first hop that is usable.
    #[inline]
    #[must_use]
    pub fn lookup(&self, destination: Ipv4Addr) -> NextHop {
        self.lookup_flow(destination, 0)
    }

    /// The next hop to `destination` for a flow: equal hashes take equal paths, and the hops of a
    /// multipath route share the hashes by their weights. The high bits of `hash` decide.
    #[inline]
    #[must_use]
    pub fn lookup_flow(&self, destination: Ipv4Addr, hash: u32) -> NextHop {
        let destination = destination.to_bits();
        let after = self.starts.partition_point(|start| *start <= destination);
        let choice = self
            .ranges
            .get(after.wrapping_sub(1))
            .and_then(|position| self.choices.get(*position as usize));
        match choice {
            Some(Choice::One(next_hop)) => *next_hop,
            Some(Choice::Many {
                offset,
                count,
                weight,
            }) => self.share(*offset, *count, *weight, hash),
            None => NextHop::Unreachable,
        }
    }

    fn share(&self, offset: u32, count: u32, weight: u32, hash: u32) -> NextHop {
        let scaled = (u64::from(hash) * u64::from(weight)) >> 32;
        self.shares
            .iter()
            .skip(offset as usize)
            .take(count as usize)
            .find(|share| scaled < u64::from(share.until))
            .map_or(NextHop::Unreachable, |share| share.next_hop)
    }

    /// How many address ranges the table has: a measure of its size.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.starts.len()
    }
}

/// A snapshot, and the last answer that it gave: of the packets of a burst, many go one way.
pub struct Recent<'a> {
    snapshot: &'a Snapshot,
    /// First and last address for which the answer holds.
    first: u32,
    last: u32,
    next_hop: NextHop,
}

impl<'a> Recent<'a> {
    /// Nothing was looked up yet.
    #[inline]
    #[must_use]
    pub const fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            first: u32::MAX,
            last: 0,
            next_hop: NextHop::Unreachable,
        }
    }

    /// As [`Snapshot::lookup`].
    #[inline]
    pub fn lookup(&mut self, destination: Ipv4Addr) -> &NextHop {
        let address = destination.to_bits();
        if !(self.first <= address && address <= self.last) {
            self.look(address);
        }
        &self.next_hop
    }

    #[inline(never)]
    fn look(&mut self, address: u32) {
        let starts = &self.snapshot.starts;
        let after = starts.partition_point(|start| *start <= address);
        self.first = starts.get(after.wrapping_sub(1)).map_or(0, |first| *first);
        self.last = starts.get(after).map_or(u32::MAX, |next| *next - 1);
        self.next_hop = self.snapshot.lookup(Ipv4Addr::from_bits(address));
    }
}

impl Default for Snapshot {
    /// The empty table: nothing is reachable.
    fn default() -> Self {
        Self::builder().build()
    }
}

#[cfg(test)]
mod tests;
