use proptest::prelude::*;

use super::*;
use crate::routing::{NextHop, Prefix};

const WAN: u32 = 10;
const LAN: u32 = 11;
const TUN: u32 = 12;
const ELSEWHERE: u32 = 13;

fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn link(ifindex: u32) -> Link {
    let mac = Some([2, 0, 0, 0, 0, u8::try_from(ifindex).unwrap()]);
    Link {
        ifindex,
        mac,
        mtu: 1500,
        up: true,
        carrier: true,
    }
}

fn on_link(prefix: Prefix, ifindex: u32) -> Route {
    Route {
        table: TABLE_MAIN,
        prefix,
        tos: 0,
        metric: 0,
        kind: RouteKind::Unicast,
        hops: vec![RouteHop {
            ifindex,
            via: Via::OnLink,
            weight: 1,
        }],
        mtu: None,
        preferred_source: None,
    }
}

fn by_gateway(prefix: Prefix, ifindex: u32, gateway: &str) -> Route {
    let via = Via::Gateway(address(gateway));
    Route {
        hops: vec![RouteHop {
            ifindex,
            via,
            weight: 1,
        }],
        ..on_link(prefix, ifindex)
    }
}

fn neighbour(ifindex: u32, to: &str, state: NeighbourState) -> Neighbour {
    let mac = Some([2, 1, 1, 1, 1, 1]);
    Neighbour {
        ifindex,
        address: address(to),
        mac,
        state,
    }
}

fn bound() -> Mirror {
    let mut mirror = Mirror::default();
    mirror.bind_port(WAN, 0);
    mirror.bind_port(LAN, 1);
    mirror.bind_tun(TUN);
    for ifindex in [WAN, LAN, TUN, ELSEWHERE] {
        mirror.apply(Change::LinkSet(link(ifindex)));
    }
    mirror
}

/// A WAN with a gateway, a LAN, and a pool behind the TUN.
fn small_isp() -> Mirror {
    let mut mirror = bound();
    for route in [
        on_link(prefix("192.0.2.0/24"), WAN),
        on_link(prefix("10.0.0.0/24"), LAN),
        by_gateway(Prefix::ALL, WAN, "192.0.2.1"),
        on_link(prefix("10.99.0.0/16"), TUN),
        on_link(prefix("172.16.0.0/12"), ELSEWHERE),
    ] {
        mirror.apply(Change::RouteAdded(route, Placement::Last));
    }
    let gateway = neighbour(WAN, "192.0.2.1", NeighbourState::Reachable);
    mirror.apply(Change::NeighbourSet(gateway));
    let ours = Address {
        ifindex: WAN,
        address: address("192.0.2.2"),
        prefix_length: 24,
    };
    mirror.apply(Change::AddressAdded(ours));
    mirror
}

fn is_port(next_hop: NextHop, expected: u8) -> bool {
    matches!(next_hop, NextHop::Port { port, .. } if port == expected)
}

#[test]
fn our_ports_are_fast_exits_and_everything_else_is_the_kernels() {
    let mut mirror = small_isp();
    let snapshot = mirror.snapshot_if_changed().unwrap();
    assert!(mirror.snapshot_if_changed().is_none());
    assert!(is_port(snapshot.lookup(address("8.8.8.8")), 0));
    assert_eq!(snapshot.lookup(address("192.0.2.2")), NextHop::Local);
    assert_eq!(snapshot.lookup(address("10.0.0.9")), NextHop::Unresolved);
    assert_eq!(snapshot.lookup(address("172.16.0.1")), NextHop::Kernel);
    assert_eq!(snapshot.lookup(address("10.99.3.4")), NextHop::Blackhole);
    assert_eq!(
        mirror.gateways(),
        BTreeSet::from([(WAN, address("192.0.2.1"))])
    );
}

#[test]
fn a_neighbour_counts_in_the_usable_states_only_and_never_with_a_group_address() {
    for (state, usable) in [
        (NeighbourState::Reachable, true),
        (NeighbourState::Stale, true),
        (NeighbourState::Delay, true),
        (NeighbourState::Probe, true),
        (NeighbourState::Permanent, true),
        (NeighbourState::Unusable, false),
    ] {
        let mut mirror = small_isp();
        mirror.apply(Change::NeighbourSet(neighbour(LAN, "10.0.0.9", state)));
        let next_hop = mirror.snapshot().lookup(address("10.0.0.9"));
        assert_eq!(is_port(next_hop, 1), usable, "{state:?}");
        let broadcast = Neighbour {
            mac: Some([0xff; 6]),
            ..neighbour(LAN, "10.0.0.9", state)
        };
        mirror.apply(Change::NeighbourSet(broadcast));
        let next_hop = mirror.snapshot().lookup(address("10.0.0.9"));
        assert_eq!(next_hop, NextHop::Unresolved);
    }
}

#[test]
fn a_change_that_no_packet_notices_builds_no_snapshot() {
    let mut mirror = small_isp();
    assert!(mirror.snapshot_if_changed().is_some());
    let stale = neighbour(WAN, "192.0.2.1", NeighbourState::Stale);
    mirror.apply(Change::NeighbourSet(stale));
    mirror.apply(Change::LinkSet(link(WAN)));
    let other_table = Route {
        table: 100,
        ..on_link(prefix("10.7.0.0/16"), WAN)
    };
    mirror.apply(Change::RouteAdded(other_table, Placement::Last));
    let other_tos = Route {
        tos: 8,
        ..on_link(prefix("10.8.0.0/16"), WAN)
    };
    mirror.apply(Change::RouteAdded(other_tos, Placement::Last));
    let repeated = on_link(prefix("10.0.0.0/24"), LAN);
    mirror.apply(Change::RouteAdded(repeated, Placement::Last));
    mirror.apply(Change::NeighbourSet(neighbour(
        ELSEWHERE,
        "172.16.0.1",
        NeighbourState::Stale,
    )));
    assert!(mirror.snapshot_if_changed().is_none());
    assert_eq!(mirror.stale_neighbours().count(), 1);
    let address = address("192.0.2.1");
    mirror.apply(Change::NeighbourRemoved {
        ifindex: WAN,
        address,
    });
    let snapshot = mirror.snapshot_if_changed().unwrap();
    assert_eq!(
        snapshot.lookup(Ipv4Addr::new(8, 8, 8, 8)),
        NextHop::Unresolved
    );
}

#[test]
fn a_port_without_carrier_is_unresolved_and_comes_back() {
    let mut mirror = small_isp();
    mirror.apply(Change::LinkSet(Link {
        carrier: false,
        ..link(WAN)
    }));
    assert_eq!(
        mirror.snapshot().lookup(address("8.8.8.8")),
        NextHop::Unresolved
    );
    assert!(!mirror.wants_resync());
    mirror.apply(Change::LinkSet(link(WAN)));
    assert!(is_port(mirror.snapshot().lookup(address("8.8.8.8")), 0));
}

#[test]
fn what_the_kernel_removes_without_a_word_is_asked_for_again() {
    let down = Change::LinkSet(Link {
        up: false,
        carrier: false,
        ..link(WAN)
    });
    let gone = Change::LinkRemoved { ifindex: WAN };
    let ours = Address {
        ifindex: WAN,
        address: address("192.0.2.2"),
        prefix_length: 24,
    };
    for silent in [down, gone, Change::AddressRemoved(ours)] {
        let mut mirror = small_isp();
        mirror.apply(silent.clone());
        assert!(mirror.wants_resync(), "{silent:?}");
        mirror.begin_resync();
        assert!(
            mirror.snapshot_if_changed().is_none(),
            "half a dump is no picture"
        );
        mirror.apply(Change::LinkSet(link(LAN)));
        mirror.apply(Change::RouteAdded(
            on_link(prefix("10.0.0.0/24"), LAN),
            Placement::Last,
        ));
        mirror.finish_resync();
        let snapshot = mirror.snapshot_if_changed().unwrap();
        assert_eq!(snapshot.lookup(address("8.8.8.8")), NextHop::Unreachable);
        assert_eq!(snapshot.lookup(address("10.0.0.1")), NextHop::Unresolved);
        assert!(!mirror.wants_resync());
    }
}

#[test]
fn a_route_over_a_link_that_is_down_gives_way_to_the_next_metric() {
    let mut mirror = small_isp();
    let backup = Route {
        metric: 50,
        ..by_gateway(Prefix::ALL, LAN, "10.0.0.1")
    };
    mirror.apply(Change::RouteAdded(backup, Placement::Last));
    mirror.apply(Change::NeighbourSet(neighbour(
        LAN,
        "10.0.0.1",
        NeighbourState::Permanent,
    )));
    assert!(is_port(mirror.snapshot().lookup(address("8.8.8.8")), 0));
    mirror.apply(Change::LinkSet(Link {
        up: false,
        ..link(WAN)
    }));
    assert!(is_port(mirror.snapshot().lookup(address("8.8.8.8")), 1));
    assert_eq!(
        mirror.gateways(),
        BTreeSet::from([(LAN, address("10.0.0.1"))])
    );
}

/// What `ip route` can do to the table of one prefix.
#[derive(Clone, Debug)]
enum Order {
    Add(Route),
    Append(Route),
    Prepend(Route),
    Replace(Route),
    Delete(Route),
    Flap(u32),
}

/// The kernel's table in the plainest words: a list of routes in the order of preference.
#[derive(Default)]
struct Kernel {
    routes: Vec<Route>,
}

impl Kernel {
    /// Obeys, and says what netlink would tell.
    fn obey(&mut self, order: Order) -> Vec<Change> {
        let same = |a: &Route, b: &Route| a.prefix == b.prefix && a.metric == b.metric;
        match order {
            Order::Add(route) => {
                if self.routes.iter().any(|other| same(other, &route)) {
                    return vec![];
                }
                self.routes.push(route.clone());
                vec![Change::RouteAdded(route, Placement::Last)]
            }
            Order::Append(route) | Order::Prepend(route) if self.routes.contains(&route) => vec![],
            Order::Append(route) => {
                self.routes.push(route.clone());
                vec![Change::RouteAdded(route, Placement::Last)]
            }
            Order::Prepend(route) => {
                self.routes.insert(0, route.clone());
                vec![Change::RouteAdded(route, Placement::First)]
            }
            Order::Replace(route) => {
                match self.routes.iter().position(|other| same(other, &route)) {
                    // The kernel refuses to make two routes alike.
                    Some(_) if self.routes.contains(&route) => return vec![],
                    Some(position) => self.routes[position] = route.clone(),
                    None => self.routes.push(route.clone()),
                }
                vec![Change::RouteAdded(route, Placement::Replace)]
            }
            Order::Delete(route) => {
                let Some(position) = self.routes.iter().position(|other| same(other, &route))
                else {
                    return vec![];
                };
                vec![Change::RouteRemoved(self.routes.remove(position))]
            }
            Order::Flap(ifindex) => {
                self.routes
                    .retain(|route| route.hops.iter().all(|hop| hop.ifindex != ifindex));
                let down = Link {
                    up: false,
                    ..link(ifindex)
                };
                vec![Change::LinkSet(down), Change::LinkSet(link(ifindex))]
            }
        }
    }

    fn dump(&self) -> Vec<Change> {
        let links = [WAN, LAN, TUN, ELSEWHERE].map(|ifindex| Change::LinkSet(link(ifindex)));
        let routes = self.routes.iter().cloned();
        let routes = routes.map(|route| Change::RouteAdded(route, Placement::Last));
        links.into_iter().chain(routes).collect()
    }

    fn lookup(&self, to: Ipv4Addr) -> NextHop {
        let longest = self
            .routes
            .iter()
            .filter(|route| route.prefix.contains(to))
            .map(|route| route.prefix.length())
            .max();
        let best = self
            .routes
            .iter()
            .filter(|route| route.prefix.contains(to) && Some(route.prefix.length()) == longest)
            .min_by_key(|route| route.metric);
        let Some(best) = best else {
            return NextHop::Unreachable;
        };
        match (best.kind, best.hops.first().map(|hop| hop.ifindex)) {
            (RouteKind::Blackhole, _) | (_, Some(TUN)) => NextHop::Blackhole,
            (RouteKind::Unreachable, _) => NextHop::Unreachable,
            (_, Some(ELSEWHERE)) => NextHop::Kernel,
            _ => NextHop::Unresolved,
        }
    }
}

fn any_route() -> impl Strategy<Value = Route> {
    let hop = prop::sample::select(vec![WAN, LAN, TUN, ELSEWHERE]);
    (0u32..4, 8u8..=11, 0u32..3, hop, 0u8..8).prop_map(|(block, length, metric, ifindex, kind)| {
        let first = Ipv4Addr::from_bits(10 << 24 | block << 21);
        let prefix = Prefix::new(first, length).unwrap();
        let unicast = Route {
            metric,
            ..on_link(prefix, ifindex)
        };
        match kind {
            0 => Route {
                kind: RouteKind::Blackhole,
                hops: vec![],
                ..unicast
            },
            1 => Route {
                kind: RouteKind::Unreachable,
                hops: vec![],
                ..unicast
            },
            _ => unicast,
        }
    })
}

fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![
        4 => any_route().prop_map(Order::Add),
        2 => any_route().prop_map(Order::Append),
        2 => any_route().prop_map(Order::Prepend),
        3 => any_route().prop_map(Order::Replace),
        4 => any_route().prop_map(Order::Delete),
        1 => prop::sample::select(vec![WAN, LAN, ELSEWHERE]).prop_map(Order::Flap),
    ]
}

proptest! {
    #[test]
    fn the_mirror_routes_as_the_kernel_does(orders in prop::collection::vec(any_order(), 1..60)) {
        let mut kernel = Kernel::default();
        let mut mirror = bound();
        for order in orders {
            for change in kernel.obey(order) {
                mirror.apply(change);
            }
            if mirror.wants_resync() {
                mirror.begin_resync();
                for change in kernel.dump() {
                    mirror.apply(change);
                }
                mirror.finish_resync();
            }
            let snapshot = mirror.snapshot();
            for block in 0..16u32 {
                let to = Ipv4Addr::from_bits(10 << 24 | block << 20 | 1);
                prop_assert_eq!(snapshot.lookup(to), kernel.lookup(to), "{}", to);
            }
            prop_assert_eq!(mirror.route_count(), kernel.routes.len());
        }
    }
}
