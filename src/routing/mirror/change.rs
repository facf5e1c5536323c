//! What netlink tells, as values.

use std::net::Ipv4Addr;

use crate::routing::Prefix;

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
