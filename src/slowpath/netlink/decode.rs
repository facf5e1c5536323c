//! Netlink messages into the typed changes of the mirror.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "messages and attributes of the kernel are open sets, of which a few concern us"
)]

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_MULTIPART, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage,
    NeighbourState as KernelState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteNextHop, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::routing::Prefix;
use crate::routing::mirror::{
    Address, Change, Link, Neighbour, NeighbourState, Placement, Route, RouteHop, RouteKind, Via,
};

/// What `message`, whose header has `flags`, changes; `None` if it is about nothing that the mirror
/// keeps (IPv6, bridges, proxies).
pub(super) fn change(message: &RouteNetlinkMessage, flags: u16) -> Option<Change> {
    match message {
        RouteNetlinkMessage::NewLink(link) => link_of(link).map(Change::LinkSet),
        RouteNetlinkMessage::DelLink(link) => {
            let ifindex = link_of(link)?.ifindex;
            Some(Change::LinkRemoved { ifindex })
        }
        RouteNetlinkMessage::NewAddress(address) => address_of(address).map(Change::AddressAdded),
        RouteNetlinkMessage::DelAddress(address) => address_of(address).map(Change::AddressRemoved),
        RouteNetlinkMessage::NewRoute(route) => {
            route_of(route).map(|route| Change::RouteAdded(route, placement(flags)))
        }
        RouteNetlinkMessage::DelRoute(route) => route_of(route).map(Change::RouteRemoved),
        RouteNetlinkMessage::NewNeighbour(neighbour) => {
            neighbour_of(neighbour).map(Change::NeighbourSet)
        }
        RouteNetlinkMessage::DelNeighbour(neighbour) => {
            neighbour_of(neighbour).map(|gone| Change::NeighbourRemoved {
                ifindex: gone.ifindex,
                address: gone.address,
            })
        }
        _ => None,
    }
}

/// The kernel repeats the flags of the request that made the route.
const fn placement(flags: u16) -> Placement {
    if flags & NLM_F_MULTIPART != 0 || flags & NLM_F_APPEND != 0 {
        Placement::Last
    } else if flags & NLM_F_REPLACE != 0 {
        Placement::Replace
    } else if flags & NLM_F_CREATE != 0 {
        Placement::First
    } else {
        Placement::Last
    }
}

fn link_of(message: &LinkMessage) -> Option<Link> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let flags = message.header.flags;
    let mut link = Link {
        ifindex: message.header.index,
        mac: None,
        mtu: 0,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Address(mac) => link.mac = mac.as_slice().try_into().ok(),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            _ => {}
        }
    }
    Some(link)
}

fn address_of(message: &AddressMessage) -> Option<Address> {
    if message.header.family != AddressFamily::Inet {
        return None;
    }
    let mut local = None;
    let mut address = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(v4)) => local = Some(*v4),
            // On a point-to-point link this is the other end.
            AddressAttribute::Address(IpAddr::V4(v4)) => address = Some(*v4),
            _ => {}
        }
    }
    Some(Address {
        ifindex: message.header.index,
        address: local.or(address)?,
        prefix_length: message.header.prefix_len,
    })
}

fn route_of(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    if header.address_family != AddressFamily::Inet {
        return None;
    }
    let mut destination = Ipv4Addr::UNSPECIFIED;
    let mut route = Route {
        table: u32::from(header.table),
        prefix: Prefix::ALL,
        tos: header.tos,
        metric: 0,
        kind: kind_of(header.kind),
        hops: Vec::new(),
        mtu: None,
        preferred_source: None,
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(v4)) => destination = *v4,
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(metric) => route.metric = *metric,
            RouteAttribute::PrefSource(RouteAddress::Inet(v4)) => {
                route.preferred_source = Some(*v4);
            }
            RouteAttribute::Metrics(metrics) => route.mtu = mtu_of(metrics),
            RouteAttribute::MultiPath(hops) => route.hops = hops.iter().map(hop_of).collect(),
            _ => {}
        }
    }
    route.prefix = Prefix::new(destination, header.destination_prefix_length)?;
    if let Some(ifindex) = exit_of(&message.attributes) {
        let via = via_of(&message.attributes);
        route.hops.push(RouteHop {
            ifindex,
            via,
            weight: 1,
        });
    }
    Some(route)
}

const fn kind_of(kind: RouteType) -> RouteKind {
    match kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::Local => RouteKind::Local,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Unreachable | RouteType::Prohibit | RouteType::Throw => RouteKind::Unreachable,
        _ => RouteKind::KernelOnly,
    }
}

fn mtu_of(metrics: &[RouteMetric]) -> Option<u16> {
    metrics.iter().find_map(|metric| match metric {
        RouteMetric::Mtu(mtu) if *mtu != 0 => Some(u16::try_from(*mtu).unwrap_or(u16::MAX)),
        _ => None,
    })
}

fn hop_of(hop: &RouteNextHop) -> RouteHop {
    RouteHop {
        ifindex: hop.interface_index,
        via: via_of(&hop.attributes),
        // The wire carries the weight less one.
        weight: u16::from(hop.hops) + 1,
    }
}

fn exit_of(attributes: &[RouteAttribute]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(ifindex) => Some(*ifindex),
        _ => None,
    })
}

fn via_of(attributes: &[RouteAttribute]) -> Via {
    let mut via = Via::OnLink;
    for attribute in attributes {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) if via == Via::OnLink => {
                via = Via::Gateway(*gateway);
            }
            RouteAttribute::Gateway(RouteAddress::Inet(_)) => {}
            RouteAttribute::Gateway(_)
            | RouteAttribute::Via(_)
            | RouteAttribute::Encap(_)
            | RouteAttribute::EncapType(_)
            | RouteAttribute::NewDestination(_) => via = Via::KernelOnly,
            _ => {}
        }
    }
    via
}

fn neighbour_of(message: &NeighbourMessage) -> Option<Neighbour> {
    let header = &message.header;
    let proxy = header.flags.contains(NeighbourFlags::Proxy);
    if header.family != AddressFamily::Inet || proxy {
        return None;
    }
    let mut address = None;
    let mut mac = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => address = Some(*v4),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.as_slice().try_into().ok(),
            _ => {}
        }
    }
    Some(Neighbour {
        ifindex: header.ifindex,
        address: address?,
        mac,
        state: match header.state {
            KernelState::Reachable => NeighbourState::Reachable,
            KernelState::Stale => NeighbourState::Stale,
            KernelState::Delay => NeighbourState::Delay,
            KernelState::Probe => NeighbourState::Probe,
            KernelState::Permanent => NeighbourState::Permanent,
            // NOARP entries are broadcast and multicast.
            _ => NeighbourState::Unusable,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::route::RouteHeader;

    fn route(kind: RouteType, attributes: Vec<RouteAttribute>) -> RouteNetlinkMessage {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: AddressFamily::Inet,
            destination_prefix_length: 8,
            table: RouteHeader::RT_TABLE_MAIN,
            kind,
            ..RouteHeader::default()
        };
        message.attributes = attributes;
        RouteNetlinkMessage::NewRoute(message)
    }

    fn added(message: &RouteNetlinkMessage, flags: u16) -> (Route, Placement) {
        match change(message, flags) {
            Some(Change::RouteAdded(route, placement)) => (route, placement),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_multipath_route_keeps_hops_and_weights() {
        let gateway = Ipv4Addr::new(192, 0, 2, 1);
        let mut first = RouteNextHop::default();
        first.interface_index = 5;
        first.hops = 2;
        first.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
        let mut second = RouteNextHop::default();
        second.interface_index = 6;
        let destination = RouteAddress::Inet(Ipv4Addr::new(10, 0, 0, 0));
        let attributes = vec![
            RouteAttribute::Destination(destination),
            RouteAttribute::Priority(20),
            RouteAttribute::MultiPath(vec![first, second]),
        ];
        let (route, _) = added(&route(RouteType::Unicast, attributes), 0);
        let via = Via::Gateway(gateway);
        let expected = [
            RouteHop {
                ifindex: 5,
                via,
                weight: 3,
            },
            RouteHop {
                ifindex: 6,
                via: Via::OnLink,
                weight: 1,
            },
        ];
        assert_eq!(route.hops, expected);
        assert_eq!(
            (route.metric, route.prefix.to_string()),
            (20, "10.0.0.0/8".to_owned())
        );
    }

    #[test]
    fn the_table_attribute_beats_the_header_and_flags_say_where_a_route_stands() {
        let attributes = vec![RouteAttribute::Table(1000), RouteAttribute::Oif(3)];
        let message = route(RouteType::Prohibit, attributes);
        let (found, placement) = added(&message, NLM_F_REPLACE);
        assert_eq!((found.table, found.kind), (1000, RouteKind::Unreachable));
        assert_eq!(placement, Placement::Replace);
        assert_eq!(added(&message, NLM_F_CREATE).1, Placement::First);
        assert_eq!(
            added(&message, NLM_F_CREATE | NLM_F_APPEND).1,
            Placement::Last
        );
        assert_eq!(added(&message, NLM_F_MULTIPART).1, Placement::Last);
    }

    #[test]
    fn bridge_links_ipv6_and_proxies_are_nobodys_business() {
        let mut bridge = LinkMessage::default();
        bridge.header.interface_family = AddressFamily::Bridge;
        assert_eq!(change(&RouteNetlinkMessage::DelLink(bridge), 0), None);
        let mut six = AddressMessage::default();
        six.header.family = AddressFamily::Inet6;
        assert_eq!(change(&RouteNetlinkMessage::NewAddress(six), 0), None);
        let mut proxy = NeighbourMessage::default();
        proxy.header.family = AddressFamily::Inet;
        proxy.header.flags = NeighbourFlags::Proxy;
        let to = NeighbourAddress::Inet(Ipv4Addr::LOCALHOST);
        proxy.attributes = vec![NeighbourAttribute::Destination(to)];
        assert_eq!(change(&RouteNetlinkMessage::NewNeighbour(proxy), 0), None);
    }
}
