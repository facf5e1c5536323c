//! The tables of the mirror, kept in the kernel's order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::{Address, Link, Neighbour, Placement, Route};
use crate::routing::Prefix;

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that a snapshot shows.
    None,
    /// The snapshot is out of date.
    Dirty,
    /// The same, and the kernel may have done more than it told.
    Resync,
}

impl Effect {
    pub(super) const fn dirty(changed: bool) -> Self {
        if changed { Self::Dirty } else { Self::None }
    }
}

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) addresses: BTreeSet<Address>,
    pub(super) routes: BTreeMap<Prefix, Vec<Route>>,
    pub(super) neighbours: BTreeMap<(u32, Ipv4Addr), Neighbour>,
}

impl Tables {
    pub(super) fn set_link(&mut self, link: Link) -> Effect {
        let before = self.links.insert(link.ifindex, link);
        let went_down = before.is_some_and(|before| before.up) && !link.up;
        if went_down && self.uses(link.ifindex) {
            return Effect::Resync;
        }
        Effect::dirty(before != Some(link))
    }

    pub(super) fn remove_link(&mut self, ifindex: u32) -> Effect {
        let known = self.links.remove(&ifindex).is_some();
        if self.uses(ifindex) {
            Effect::Resync
        } else {
            Effect::dirty(known)
        }
    }

    /// The last address of a link takes every route of that link with it.
    pub(super) fn remove_address(&mut self, address: Address) -> Effect {
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
    pub(super) fn add_route(&mut self, route: Route, placement: Placement) -> Effect {
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

    pub(super) fn remove_route(&mut self, route: &Route) -> Effect {
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

    pub(super) fn set_neighbour(&mut self, neighbour: Neighbour) -> Effect {
        let key = (neighbour.ifindex, neighbour.address);
        let before = self.neighbours.insert(key, neighbour);
        let before = before.and_then(|before| before.usable_mac());
        Effect::dirty(before != neighbour.usable_mac())
    }
}
