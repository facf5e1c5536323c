//! What netlink says about links, addresses, routes and neighbours, kept as the kernel keeps it, and
//! turned into a [`Snapshot`] when something that matters has changed.
//!
//! Only the main table counts, and of it only routes without a TOS. A route leaves in the fast path
//! if it goes out of one of our ports; every other way is the kernel's. Routes into the TUN cover
//! addresses that the directory knows: what the directory did not claim has no lease, so here they
//! lead nowhere, instead of falling through to the default route and looping with the next router.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::snapshot::{Builder, Hop, Target};
use super::{Prefix, Snapshot};

/// The number of the kernel's main routing table.
pub const TABLE_MAIN: u32 = 254;

/// A network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it.
    pub ifindex: u32,
    /// Its MAC address, if it is an Ethernet.
    pub mac: Option<[u8; 6]>,
    /// Longest IP packet, in bytes.
    pub mtu: u32,
    /// Set up by the administrator.
    pub up: bool,
    /// Has a carrier.
    pub carrier: bool,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The interface.
    pub ifindex: u32,
    /// The address.
    pub address: Ipv4Addr,
    /// How many leading bits its link shares.
    pub prefix_length: u8,
}

/// What a route does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Forwards it by one of the hops.
    Unicast,
    /// Delivers it to this box.
    Local,
    /// Drops it in silence.
    Blackhole,
    /// Drops it with an ICMP error (`unreachable`, `prohibit`, `throw` in the last table).
    Unreachable,
    /// Something that only the kernel does.
    KernelOnly,
}

/// How a hop reaches the next machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The destination is on the link.
    OnLink,
    /// A router is.
    Gateway(Ipv4Addr),
    /// Encapsulation, or an IPv6 next hop: only the kernel does that.
    KernelOnly,
}

/// One way of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteHop {
    /// The interface to leave by.
    pub ifindex: u32,
    /// The next machine.
    pub via: Via,
    /// Share of the flows, at least 1.
    pub weight: u16,
}

/// A route of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The routing table.
    pub table: u32,
    /// The destinations.
    pub prefix: Prefix,
    /// Type of service that it is for; 0 for all.
    pub tos: u8,
    /// Preference among routes to the same prefix: the lowest wins.
    pub metric: u32,
    /// What it does.
    pub kind: RouteKind,
    /// Its ways.
    pub hops: Vec<RouteHop>,
    /// Longest packet of this route, in bytes.
    pub mtu: Option<u16>,
    /// The source address that the box itself uses.
    pub preferred_source: Option<Ipv4Addr>,
}

/// Where a new route stands among routes to the same prefix with the same metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In place of the first (`ip route replace`).
    Replace,
    /// After them (`ip route append`, and every route of a dump).
    Last,
    /// Before them (`ip route prepend`).
    First,
}

/// How sure the kernel is of a neighbour (NUD states).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighbourState {
    /// Confirmed lately.
    Reachable,
    /// Not confirmed lately, believed all the same.
    Stale,
    /// About to be asked.
    Delay,
    /// Being asked again.
    Probe,
    /// Set by the administrator.
    Permanent,
    /// Being asked for the first time, unanswering, or of a kind that is never resolved (broadcast).
    Unusable,
}

/// A neighbour on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The interface.
    pub ifindex: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC address, if known.
    pub mac: Option<[u8; 6]>,
    /// How sure that is.
    pub state: NeighbourState,
}

impl Neighbour {
    /// The MAC address to send to. A group address is refused: it would turn a routed packet into a
    /// broadcast.
    #[must_use]
    pub fn usable_mac(&self) -> Option<[u8; 6]> {
        let mac = self.mac.filter(|mac| mac[0] & 1 == 0 && *mac != [0; 6])?;
        match self.state {
            NeighbourState::Unusable => None,
            NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent => Some(mac),
        }
    }
}

/// One thing that the kernel told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A link appeared or changed.
    LinkSet(Link),
    /// A link is gone.
    LinkRemoved {
        /// Which.
        ifindex: u32,
    },
    /// An address appeared.
    AddressAdded(Address),
    /// An address is gone.
    AddressRemoved(Address),
    /// A route appeared.
    RouteAdded(Route, Placement),
    /// A route is gone.
    RouteRemoved(Route),
    /// A neighbour appeared or changed.
    NeighbourSet(Neighbour),
    /// A neighbour is gone.
    NeighbourRemoved {
        /// The interface.
        ifindex: u32,
        /// Its address.
        address: Ipv4Addr,
    },
}

#[derive(Debug, Default)]
struct Tables {
    links: BTreeMap<u32, Link>,
    addresses: BTreeSet<Address>,
    routes: BTreeMap<Prefix, Vec<Route>>,
    neighbours: BTreeMap<(u32, Ipv4Addr), Neighbour>,
}

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

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing that a snapshot shows.
    None,
    /// The snapshot is out of date.
    Dirty,
    /// The same, and the kernel may have done more than it told.
    Resync,
}

impl Effect {
    const fn dirty(changed: bool) -> Self {
        if changed { Self::Dirty } else { Self::None }
    }
}

impl Tables {
    fn set_link(&mut self, link: Link) -> Effect {
        let before = self.links.insert(link.ifindex, link);
        let went_down = before.is_some_and(|before| before.up) && !link.up;
        if went_down && self.uses(link.ifindex) {
            return Effect::Resync;
        }
        Effect::dirty(before != Some(link))
    }

    fn remove_link(&mut self, ifindex: u32) -> Effect {
        let known = self.links.remove(&ifindex).is_some();
        if self.uses(ifindex) {
            Effect::Resync
        } else {
            Effect::dirty(known)
        }
    }

    /// The last address of a link takes every route of that link with it.
    fn remove_address(&mut self, address: Address) -> Effect {
        if !self.addresses.remove(&address) {
            return Effect::None;
        }
        let source = Some(address.address);
        let is_source = |route: &Route| route.preferred_source == source;
        if self.uses(address.ifindex) || self.routes.values().flatten().any(is_source) {
            return Effect::Resync;
        }
        Effect::Dirty
    }

    fn uses(&self, ifindex: u32) -> bool {
        self.routes
            .values()
            .flatten()
            .any(|route| route.hops.iter().any(|hop| hop.ifindex == ifindex))
    }

    /// Routes to one prefix are in the order of their metrics, equal ones in the kernel's order.
    fn add_route(&mut self, route: Route, placement: Placement) -> Effect {
        let routes = self.routes.entry(route.prefix).or_default();
        let first = routes.partition_point(|other| other.metric < route.metric);
        let after = routes.partition_point(|other| other.metric <= route.metric);
        match placement {
            // A dump repeats what was told while it ran.
            Placement::Last | Placement::First if routes.contains(&route) => return Effect::None,
            Placement::Replace if first < after => match routes.get_mut(first) {
                Some(other) if *other == route => return Effect::None,
                Some(other) => *other = route,
                None => {}
            },
            Placement::First => routes.insert(first, route),
            Placement::Last | Placement::Replace => routes.insert(after, route),
        }
        Effect::Dirty
    }

    fn remove_route(&mut self, route: &Route) -> Effect {
        let Some(routes) = self.routes.get_mut(&route.prefix) else {
            return Effect::None;
        };
        // The ways of a route can change without a word (nexthop objects), its name cannot.
        let same_name = |other: &Route| other.metric == route.metric && other.kind == route.kind;
        let position = routes
            .iter()
            .position(|other| other == route)
            .or_else(|| routes.iter().position(same_name));
        let Some(position) = position else {
            return Effect::None;
        };
        routes.remove(position);
        if routes.is_empty() {
            self.routes.remove(&route.prefix);
        }
        Effect::Dirty
    }

    fn set_neighbour(&mut self, neighbour: Neighbour) -> Effect {
        let key = (neighbour.ifindex, neighbour.address);
        let before = self.neighbours.insert(key, neighbour);
        let before = before.and_then(|before| before.usable_mac());
        Effect::dirty(before != neighbour.usable_mac())
    }
}

#[cfg(test)]
mod tests;
