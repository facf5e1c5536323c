//! What netlink says about links, addresses, routes and neighbours, kept as the kernel keeps it, and
//! turned into a [`Snapshot`] when something that matters has changed.
//!
//! Only the main table counts, and of it only routes without a TOS. A route leaves in the fast path
//! if it goes out of one of our ports; every other way is the kernel's. Routes into the TUN cover
//! addresses that the directory knows: what the directory did not claim has no lease, so here they
//! lead nowhere, instead of falling through to the default route and looping with the next router.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub use change::{
    Address, Change, Link, Neighbour, NeighbourState, Placement, Route, RouteHop, RouteKind,
    TABLE_MAIN, Via,
};

use super::Snapshot;
use super::snapshot::{Builder, Hop, Target};
use tables::{Effect, Tables};

mod change;
mod tables;

/// The mirror. Bind the interfaces before the first change.
#[derive(Debug, Default)]
pub struct Mirror {
    ports: BTreeMap<u32, u8>,
    tun: Option<u32>,
    current: Tables,
    /// Filled beside `current` during a resynchronisation.
    staged: Option<Tables>,
    dirty: bool,
    resync_wanted: bool,
}

impl Mirror {
    /// Says that interface `ifindex` is the TAP of `port`.
    pub fn bind_port(&mut self, ifindex: u32, port: u8) {
        self.ports.insert(ifindex, port);
        self.dirty = true;
    }

    /// Says that interface `ifindex` is the TUN with the pool routes.
    pub fn bind_tun(&mut self, ifindex: u32) {
        self.tun = Some(ifindex);
        self.dirty = true;
    }

    /// Takes in a change. During a resynchronisation it counts from [`Self::finish_resync`] on.
    pub fn apply(&mut self, change: Change) {
        let tables = self.staged.as_mut().unwrap_or(&mut self.current);
        let effect = match change {
            Change::LinkSet(link) => tables.set_link(link),
            Change::LinkRemoved { ifindex } => tables.remove_link(ifindex),
            Change::AddressAdded(address) => Effect::dirty(tables.addresses.insert(address)),
            Change::AddressRemoved(address) => tables.remove_address(address),
            Change::RouteAdded(route, placement) if is_mirrored(&route) => {
                tables.add_route(route, placement)
            }
            Change::RouteRemoved(route) if is_mirrored(&route) => tables.remove_route(&route),
            Change::RouteAdded(..) | Change::RouteRemoved(_) => Effect::None,
            Change::NeighbourSet(neighbour) if self.ports.contains_key(&neighbour.ifindex) => {
                tables.set_neighbour(neighbour)
            }
            Change::NeighbourSet(_) => Effect::None,
            Change::NeighbourRemoved { ifindex, address } => {
                let gone = tables.neighbours.remove(&(ifindex, address));
                Effect::dirty(gone.is_some_and(|neighbour| neighbour.usable_mac().is_some()))
            }
        };
        self.dirty |= effect != Effect::None;
        self.resync_wanted |= effect == Effect::Resync;
    }

    /// Whether the kernel may have removed routes without telling: it does so when a link goes down
    /// and when an address goes. Only a new dump shows what is left.
    #[must_use]
    pub fn wants_resync(&self) -> bool {
        self.resync_wanted
    }

    /// Starts from nothing, beside the current tables, which stay in use.
    pub fn begin_resync(&mut self) {
        self.staged = Some(Tables::default());
        self.resync_wanted = false;
    }

    /// The dump is complete: what was not in it is gone.
    pub fn finish_resync(&mut self) {
        if let Some(staged) = self.staged.take() {
            self.current = staged;
            self.dirty = true;
        }
    }

    /// A new snapshot, if something has changed since the last one. However many changes came in
    /// between, it is built once.
    pub fn snapshot_if_changed(&mut self) -> Option<Snapshot> {
        self.builder_if_changed().map(Builder::build)
    }

    /// The same before [`Builder::build`], which takes tens of milliseconds for 100,000 routes and can
    /// be done elsewhere.
    pub fn builder_if_changed(&mut self) -> Option<Builder> {
        if self.dirty && self.staged.is_none() {
            self.dirty = false;
            return Some(self.builder());
        }
        None
    }

    /// The snapshot of what is known now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.builder().build()
    }

    fn builder(&self) -> Builder {
        let mut builder = Snapshot::builder();
        for (ifindex, port) in &self.ports {
            builder = self.add_port(builder, *ifindex, *port);
        }
        for address in &self.current.addresses {
            builder = builder.local_address(address.address);
            // Directed broadcast, and its old form with all host bits zero: the kernel delivers both
            // to itself (RFC 1812 §5.3.5).
            if (1..=30).contains(&address.prefix_length) {
                let hosts = u32::MAX >> address.prefix_length;
                let own = u32::from(address.address);
                builder = builder
                    .local_address((own | hosts).into())
                    .local_address((own & !hosts).into());
            }
        }
        for neighbour in self.current.neighbours.values() {
            let port = self.ports.get(&neighbour.ifindex);
            if let (Some(port), Some(mac)) = (port, neighbour.usable_mac()) {
                builder = builder.neighbour(*port, neighbour.address, mac);
            }
        }
        for (prefix, routes) in &self.current.routes {
            if let Some(route) = self.best(routes) {
                builder = builder.target(*prefix, self.target(route));
            }
        }
        builder
    }

    /// Interface and address of every gateway that the fast path uses. The kernel does not see that
    /// traffic, so it must be asked to keep them resolved.
    #[must_use]
    pub fn gateways(&self) -> BTreeSet<(u32, Ipv4Addr)> {
        self.current
            .routes
            .values()
            .filter_map(|routes| self.best(routes))
            .flat_map(|route| &route.hops)
            .filter(|hop| self.ports.contains_key(&hop.ifindex))
            .filter_map(|hop| match hop.via {
                Via::Gateway(gateway) => Some((hop.ifindex, gateway)),
                Via::OnLink | Via::KernelOnly => None,
            })
            .collect()
    }

    /// Neighbours on our ports that the kernel has not heard of lately: worth asking again now and
    /// then, since the fast path goes on using them.
    pub fn stale_neighbours(&self) -> impl Iterator<Item = (u32, Ipv4Addr)> {
        self.current
            .neighbours
            .values()
            .filter(|neighbour| neighbour.state == NeighbourState::Stale)
            .map(|neighbour| (neighbour.ifindex, neighbour.address))
    }

    /// The kernel's entry for a neighbour on one of our ports, resolved or not.
    #[must_use]
    pub fn neighbour(&self, ifindex: u32, address: Ipv4Addr) -> Option<Neighbour> {
        self.current.neighbours.get(&(ifindex, address)).copied()
    }

    /// Our own addresses, of all interfaces.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.current.addresses.iter().copied()
    }

    /// What is known of an interface.
    #[must_use]
    pub fn link(&self, ifindex: u32) -> Option<Link> {
        self.current.links.get(&ifindex).copied()
    }

    /// How many routes are mirrored.
    #[must_use]
    pub fn route_count(&self) -> usize {
        self.current.routes.values().map(Vec::len).sum()
    }

    fn add_port(&self, builder: Builder, ifindex: u32, port: u8) -> Builder {
        match self.current.links.get(&ifindex) {
            Some(Link {
                mac: Some(mac),
                mtu,
                up: true,
                carrier: true,
                ..
            }) => builder.port(port, *mac, u16::try_from(*mtu).unwrap_or(u16::MAX)),
            _ => builder,
        }
    }

    /// The first route that has a hop on a link that is up, as the kernel chooses.
    fn best<'a>(&self, routes: &'a [Route]) -> Option<&'a Route> {
        let is_up = |ifindex| self.current.links.get(&ifindex).is_none_or(|link| link.up);
        routes.iter().find(|route| {
            route.kind != RouteKind::Unicast || route.hops.iter().any(|hop| is_up(hop.ifindex))
        })
    }

    fn target(&self, route: &Route) -> Target {
        match route.kind {
            RouteKind::Local => Target::Local,
            RouteKind::Blackhole => Target::Blackhole,
            RouteKind::Unreachable => Target::Unreachable,
            RouteKind::KernelOnly => Target::Kernel,
            RouteKind::Unicast => {
                let to_tun = |hop: &RouteHop| Some(hop.ifindex) == self.tun;
                if !route.hops.is_empty() && route.hops.iter().all(to_tun) {
                    return Target::Blackhole;
                }
                let hops = route.hops.iter().map(|hop| self.hop(hop)).collect();
                Target::Hops {
                    hops,
                    mtu: route.mtu,
                }
            }
        }
    }

    fn hop(&self, hop: &RouteHop) -> Hop {
        let weight = hop.weight;
        match (self.ports.get(&hop.ifindex), hop.via) {
            (None, _) | (_, Via::KernelOnly) => Hop::Kernel { weight },
            (Some(port), Via::OnLink) => Hop::Port {
                port: *port,
                gateway: None,
                weight,
            },
            (Some(port), Via::Gateway(gateway)) => Hop::Port {
                port: *port,
                gateway: Some(gateway),
                weight,
            },
        }
    }
}

fn is_mirrored(route: &Route) -> bool {
    route.table == TABLE_MAIN && route.tos == 0
}

#[cfg(test)]
mod tests;
