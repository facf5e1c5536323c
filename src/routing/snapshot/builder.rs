//! Flattens prefixes, neighbours and local addresses into the ranges of a [`Snapshot`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::{Choice, NextHop, Share, Snapshot};
use crate::routing::Prefix;

/// Addresses that are never forwarded by a route: they are the kernel's business.
const NEVER_ROUTED: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::UNSPECIFIED, 32),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::BROADCAST, 32),
];

/// One way of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Out of a port.
    Port {
        /// The port.
        port: u8,
        /// The neighbour to send to; `None` if the destination itself is on the link.
        gateway: Option<Ipv4Addr>,
        /// Share of the flows of a multipath route, at least 1.
        weight: u16,
    },
    /// Only the kernel can go this way.
    Kernel {
        /// Share of the flows of a multipath route, at least 1.
        weight: u16,
    },
}

/// Where a prefix leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By one or more hops.
    Hops {
        /// The ways. None at all is unreachable.
        hops: Vec<Hop>,
        /// Longest IP packet that the route takes, in bytes, if less than the port's.
        mtu: Option<u16>,
    },
    /// To this box.
    Local,
    /// Only the kernel knows.
    Kernel,
    /// Nowhere, and the sender is told.
    Unreachable,
    /// Nowhere, in silence.
    Blackhole,
}

#[derive(Clone, Copy, Debug)]
struct PortFacts {
    mac: [u8; 6],
    mtu: u16,
}

/// Collects what a [`Snapshot`] is made of, in any order. What is added twice counts as added last.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    ports: BTreeMap<u8, PortFacts>,
    locals: BTreeSet<u32>,
    neighbours: BTreeMap<(u32, u8), [u8; 6]>,
    targets: BTreeMap<Prefix, Target>,
}

impl Builder {
    /// A port that is up. Routes by a port that is not here are unresolved.
    #[must_use]
    pub fn port(mut self, port: u8, mac: [u8; 6], mtu: u16) -> Self {
        self.ports.insert(port, PortFacts { mac, mtu });
        self
    }

    /// One of our own addresses; it beats every route.
    #[must_use]
    pub fn local_address(mut self, address: Ipv4Addr) -> Self {
        self.locals.insert(address.to_bits());
        self
    }

    /// The MAC address of a host on a port's link.
    #[must_use]
    pub fn neighbour(mut self, port: u8, address: Ipv4Addr, mac: [u8; 6]) -> Self {
        self.neighbours.insert((address.to_bits(), port), mac);
        self
    }

    /// A route by a gateway.
    #[must_use]
    pub fn route(self, prefix: Prefix, port: u8, gateway: Ipv4Addr) -> Self {
        let gateway = Some(gateway);
        self.hops(
            prefix,
            vec![Hop::Port {
                port,
                gateway,
                weight: 1,
            }],
        )
    }

    /// A prefix whose hosts are on a port's link.
    #[must_use]
    pub fn on_link(self, prefix: Prefix, port: u8) -> Self {
        let gateway = None;
        self.hops(
            prefix,
            vec![Hop::Port {
                port,
                gateway,
                weight: 1,
            }],
        )
    }

    /// A multipath route.
    #[must_use]
    pub fn hops(self, prefix: Prefix, hops: Vec<Hop>) -> Self {
        self.target(prefix, Target::Hops { hops, mtu: None })
    }

    /// Any route.
    #[must_use]
    pub fn target(mut self, prefix: Prefix, target: Target) -> Self {
        self.targets.insert(prefix, target);
        self
    }

    /// Flattens everything into ranges. Linear in the size of the table.
    #[must_use]
    pub fn build(mut self) -> Snapshot {
        let never: Vec<Prefix> = NEVER_ROUTED
            .iter()
            .filter_map(|(address, length)| Prefix::new(*address, *length))
            .collect();
        self.targets
            .retain(|prefix, _| !never.iter().any(|outer| outer.covers(*prefix)));
        for prefix in never {
            self.targets.insert(prefix, Target::Kernel);
        }
        let targets: Vec<(Prefix, Target)> =
            std::mem::take(&mut self.targets).into_iter().collect();
        let mut flat = Flat::default();
        let unreachable = flat.single(NextHop::Unreachable);
        let choices: Vec<u32> = targets
            .iter()
            .map(|(_, target)| self.choice(target, None, &mut flat))
            .collect();
        let ranges = ranges_of(&targets);
        let mut hosts = self
            .hosts(&targets, &ranges, &mut flat)
            .into_iter()
            .peekable();
        for (position, range) in ranges.iter().enumerate() {
            let route = range.owner.and_then(|owner| choices.get(owner).copied());
            let route = route.unwrap_or(unreachable);
            let last = ranges
                .get(position + 1)
                .map_or(u32::MAX, |next| next.start - 1);
            flat.push(range.start, route);
            while let Some((address, host)) = hosts.next_if(|(address, _)| *address <= last) {
                flat.push(address, host);
                if let Some(after) = address.checked_add(1).filter(|after| *after <= last) {
                    flat.push(after, route);
                }
            }
        }
        flat.finish()
    }

    /// Single addresses that differ from the route around them: our own, and on-link neighbours.
    fn hosts(
        &self,
        targets: &[(Prefix, Target)],
        ranges: &[Range],
        flat: &mut Flat,
    ) -> BTreeMap<u32, u32> {
        let mut hosts = BTreeMap::new();
        let mut position = 0;
        for (address, _) in self.neighbours.keys() {
            while ranges
                .get(position + 1)
                .is_some_and(|next| next.start <= *address)
            {
                position += 1;
            }
            let owner = ranges.get(position).and_then(|range| range.owner);
            let Some((_, target)) = owner.and_then(|owner| targets.get(owner)) else {
                continue;
            };
            if is_on_link(target) {
                let choice = self.choice(target, Some(Ipv4Addr::from_bits(*address)), flat);
                hosts.insert(*address, choice);
            }
        }
        let local = flat.single(NextHop::Local);
        hosts.extend(self.locals.iter().map(|address| (*address, local)));
        hosts
    }

    /// Turns a target into next hops; `on_link` is the destination if it is a neighbour.
    fn choice(&self, target: &Target, on_link: Option<Ipv4Addr>, flat: &mut Flat) -> u32 {
        let single = match target {
            Target::Hops { hops, mtu } => return self.multipath(hops, *mtu, on_link, flat),
            Target::Local => NextHop::Local,
            Target::Kernel => NextHop::Kernel,
            Target::Unreachable => NextHop::Unreachable,
            Target::Blackhole => NextHop::Blackhole,
        };
        flat.single(single)
    }

    fn multipath(
        &self,
        hops: &[Hop],
        mtu: Option<u16>,
        on_link: Option<Ipv4Addr>,
        flat: &mut Flat,
    ) -> u32 {
        let mut usable = Vec::with_capacity(hops.len());
        for hop in hops {
            let (next_hop, weight) = match *hop {
                Hop::Kernel { weight } => (NextHop::Kernel, weight),
                Hop::Port {
                    port,
                    gateway,
                    weight,
                } => (self.resolve(port, gateway.or(on_link), mtu), weight),
            };
            usable.push((next_hop, u32::from(weight.max(1))));
        }
        // A hop without a MAC address stands back while another has one; the kernel, which keeps
        // gateways resolved, brings it back.
        if usable
            .iter()
            .any(|(next_hop, _)| *next_hop != NextHop::Unresolved)
        {
            usable.retain(|(next_hop, _)| *next_hop != NextHop::Unresolved);
        }
        match usable.as_slice() {
            [] => flat.single(NextHop::Unreachable),
            [(next_hop, _)] => flat.single(*next_hop),
            several => flat.multipath(several),
        }
    }

    fn resolve(&self, port: u8, neighbour: Option<Ipv4Addr>, mtu: Option<u16>) -> NextHop {
        let facts = self.ports.get(&port);
        let mac = neighbour.and_then(|address| self.neighbours.get(&(address.to_bits(), port)));
        match (facts, mac) {
            (Some(facts), Some(mac)) => NextHop::Port {
                port,
                source_mac: facts.mac,
                destination_mac: *mac,
                mtu: mtu.map_or(facts.mtu, |mtu| mtu.min(facts.mtu)),
            },
            _ => NextHop::Unresolved,
        }
    }
}

fn is_on_link(target: &Target) -> bool {
    match target {
        Target::Hops { hops, .. } => hops
            .iter()
            .any(|hop| matches!(hop, Hop::Port { gateway: None, .. })),
        Target::Local | Target::Kernel | Target::Unreachable | Target::Blackhole => false,
    }
}

/// The addresses from `start` to the next range belong to the longest prefix at `owner`.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u32,
    owner: Option<usize>,
}

/// Sorted prefixes nest like brackets: a stack of the open ones gives the longest at any address.
fn ranges_of(targets: &[(Prefix, Target)]) -> Vec<Range> {
    let mut ranges = vec![Range {
        start: 0,
        owner: None,
    }];
    let mut open: Vec<(u32, usize)> = Vec::with_capacity(33);
    for (position, (prefix, _)) in targets.iter().enumerate() {
        let first = prefix.first().to_bits();
        close(&mut open, Some(first), &mut ranges);
        begin(&mut ranges, first, Some(position));
        open.push((prefix.last().to_bits(), position));
    }
    close(&mut open, None, &mut ranges);
    ranges
}

/// Ends the open prefixes whose last address is before `until` (all of them if there is none).
fn close(open: &mut Vec<(u32, usize)>, until: Option<u32>, ranges: &mut Vec<Range>) {
    while let Some((last, _)) = open.pop_if(|(last, _)| until.is_none_or(|until| *last < until)) {
        if let Some(after) = last.checked_add(1) {
            begin(ranges, after, open.last().map(|(_, owner)| *owner));
        }
    }
}

/// Starts a range; one that starts where the last did replaces it.
fn begin(ranges: &mut Vec<Range>, start: u32, owner: Option<usize>) {
    match ranges.last_mut() {
        Some(range) if range.start == start => range.owner = owner,
        _ => ranges.push(Range { start, owner }),
    }
}

/// The arrays of a snapshot while they grow.
#[derive(Default)]
struct Flat {
    starts: Vec<u32>,
    ranges: Vec<u32>,
    choices: Vec<Choice>,
    singles: HashMap<NextHop, u32>,
    shares: Vec<Share>,
}

impl Flat {
    /// Routes that lead the same way share one choice, so a large table of few ways stays in the
    /// cache.
    fn single(&mut self, next_hop: NextHop) -> u32 {
        let next = position(self.choices.len());
        let known = *self.singles.entry(next_hop).or_insert(next);
        if known == next {
            self.choices.push(Choice::One(next_hop));
        }
        known
    }

    fn multipath(&mut self, hops: &[(NextHop, u32)]) -> u32 {
        let offset = position(self.shares.len());
        let mut until = 0u32;
        for (next_hop, weight) in hops {
            until = until.saturating_add(*weight);
            self.shares.push(Share {
                until,
                next_hop: *next_hop,
            });
        }
        let count = position(hops.len());
        self.choices.push(Choice::Many {
            offset,
            count,
            weight: until,
        });
        position(self.choices.len() - 1)
    }

    /// Adds a range; neighbours in the array that lead the same way become one.
    fn push(&mut self, start: u32, choice: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.ranges.pop();
        }
        if self.ranges.last() != Some(&choice) {
            self.starts.push(start);
            self.ranges.push(choice);
        }
    }

    fn finish(self) -> Snapshot {
        Snapshot {
            starts: self.starts.into(),
            ranges: self.ranges.into(),
            choices: self.choices.into(),
            shares: self.shares.into(),
        }
    }
}

/// A table of IPv4 ranges has fewer than 2^32 parts.
fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
