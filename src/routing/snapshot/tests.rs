use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::routing::Prefix;

const PORT_MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn mac(last: u8) -> [u8; 6] {
    [2, 9, 9, 9, 9, last]
}

fn by_port(port: u8, destination: u8) -> NextHop {
    NextHop::Port {
        port,
        source_mac: PORT_MACS[usize::from(port)],
        destination_mac: mac(destination),
        mtu: 1500,
    }
}

fn two_ports() -> Builder {
    Snapshot::builder()
        .port(0, PORT_MACS[0], 1500)
        .port(1, PORT_MACS[1], 1500)
}

#[test]
fn the_longest_prefix_wins_and_what_has_no_route_is_unreachable() {
    let snapshot = two_ports()
        .neighbour(0, address("192.0.2.1"), mac(1))
        .neighbour(1, address("198.51.100.1"), mac(2))
        .on_link(prefix("192.0.2.0/24"), 0)
        .route(prefix("10.0.0.0/8"), 0, address("192.0.2.1"))
        .route(prefix("10.1.0.0/16"), 1, address("198.51.100.1"))
        .target(prefix("10.1.2.0/24"), Target::Blackhole)
        .target(prefix("10.1.2.255/32"), Target::Unreachable)
        .build();
    assert_eq!(snapshot.lookup(address("10.0.255.255")), by_port(0, 1));
    assert_eq!(snapshot.lookup(address("10.1.0.0")), by_port(1, 2));
    assert_eq!(snapshot.lookup(address("10.1.2.254")), NextHop::Blackhole);
    assert_eq!(snapshot.lookup(address("10.1.2.255")), NextHop::Unreachable);
    assert_eq!(snapshot.lookup(address("10.1.3.0")), by_port(1, 2));
    assert_eq!(snapshot.lookup(address("10.2.0.0")), by_port(0, 1));
    assert_eq!(snapshot.lookup(address("11.0.0.0")), NextHop::Unreachable);
    assert_eq!(
        snapshot.lookup(address("9.255.255.255")),
        NextHop::Unreachable
    );
}

#[test]
fn hosts_on_the_link_are_resolved_one_by_one_and_our_own_addresses_are_local() {
    let snapshot = two_ports()
        .on_link(prefix("192.0.2.0/24"), 0)
        .local_address(address("192.0.2.7"))
        .neighbour(0, address("192.0.2.1"), mac(1))
        .neighbour(0, address("192.0.2.7"), mac(7))
        .neighbour(1, address("192.0.2.9"), mac(9))
        .neighbour(0, address("203.0.113.1"), mac(3))
        .build();
    assert_eq!(snapshot.lookup(address("192.0.2.1")), by_port(0, 1));
    assert_eq!(snapshot.lookup(address("192.0.2.2")), NextHop::Unresolved);
    assert_eq!(snapshot.lookup(address("192.0.2.7")), NextHop::Local);
    assert_eq!(snapshot.lookup(address("192.0.2.8")), NextHop::Unresolved);
    assert_eq!(snapshot.lookup(address("192.0.2.9")), NextHop::Unresolved);
    assert_eq!(
        snapshot.lookup(address("203.0.113.1")),
        NextHop::Unreachable
    );
}

#[test]
fn a_default_route_never_takes_multicast_broadcast_or_loopback() {
    let snapshot = two_ports()
        .neighbour(0, address("192.0.2.1"), mac(1))
        .route(Prefix::ALL, 0, address("192.0.2.1"))
        .route(prefix("239.0.0.0/8"), 0, address("192.0.2.1"))
        .build();
    for kernel in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "255.255.255.255",
    ] {
        assert_eq!(
            snapshot.lookup(address(kernel)),
            NextHop::Kernel,
            "{kernel}"
        );
    }
    for routed in ["0.0.0.1", "126.255.255.255", "128.0.0.0", "223.255.255.255"] {
        assert_eq!(snapshot.lookup(address(routed)), by_port(0, 1), "{routed}");
    }
    assert_eq!(
        Snapshot::default().lookup(address("8.8.8.8")),
        NextHop::Unreachable
    );
}

#[test]
fn equal_paths_share_hashes_by_weight_and_an_unresolved_one_stands_back() {
    let hop = |port, gateway: &str, weight| Hop::Port {
        port,
        gateway: Some(address(gateway)),
        weight,
    };
    let hops = vec![hop(0, "192.0.2.1", 3), hop(1, "198.51.100.1", 1)];
    let half = two_ports()
        .neighbour(1, address("198.51.100.1"), mac(2))
        .hops(Prefix::ALL, hops);
    let full = half
        .clone()
        .neighbour(0, address("192.0.2.1"), mac(1))
        .build();
    let half = half.build();
    let mut first = 0u32;
    for step in 0..1024u32 {
        let hash = step << 22;
        assert_eq!(half.lookup_flow(address("8.8.8.8"), hash), by_port(1, 2));
        first += u32::from(full.lookup_flow(address("8.8.8.8"), hash) == by_port(0, 1));
    }
    assert_eq!(first, 768);
    assert_eq!(full.lookup(address("8.8.8.8")), by_port(0, 1));
}

#[test]
fn the_smaller_mtu_of_port_and_route_holds_and_a_missing_port_is_unresolved() {
    let hops = vec![Hop::Port {
        port: 0,
        gateway: Some(address("192.0.2.1")),
        weight: 1,
    }];
    let target = |mtu| Target::Hops {
        hops: hops.clone(),
        mtu,
    };
    let snapshot = Snapshot::builder()
        .port(0, PORT_MACS[0], 1500)
        .neighbour(0, address("192.0.2.1"), mac(1))
        .target(prefix("10.0.0.0/8"), target(Some(1400)))
        .target(prefix("11.0.0.0/8"), target(Some(9000)))
        .on_link(prefix("12.0.0.0/8"), 5)
        .build();
    let mtu_of = |to: &str| {
        let NextHop::Port { mtu, .. } = snapshot.lookup(address(to)) else {
            panic!("{to} leads to no port");
        };
        mtu
    };
    assert_eq!((mtu_of("10.0.0.1"), mtu_of("11.0.0.1")), (1400, 1500));
    assert_eq!(snapshot.lookup(address("12.0.0.1")), NextHop::Unresolved);
}

/// Addresses from a small space, so that prefixes nest and neighbours fall inside them; with the
/// ends of the whole space, where ranges could wrap.
fn any_address() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![
        8 => (0u32..64, 0u32..64).prop_map(|(high, low)| Ipv4Addr::from_bits(high << 26 | low)),
        1 => any::<u32>().prop_map(Ipv4Addr::from_bits),
        1 => Just(Ipv4Addr::BROADCAST),
        1 => Just(Ipv4Addr::UNSPECIFIED),
    ]
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    (any_address(), 0u8..=32).prop_map(|(address, length)| Prefix::new(address, length).unwrap())
}

fn any_target() -> impl Strategy<Value = Target> {
    let gateway = prop::option::of(any_address());
    prop_oneof![
        6 => (0u8..3, gateway).prop_map(|(port, gateway)| Target::Hops {
            hops: vec![Hop::Port { port, gateway, weight: 1 }],
            mtu: None,
        }),
        1 => Just(Target::Kernel),
        1 => Just(Target::Unreachable),
        1 => Just(Target::Blackhole),
        1 => Just(Target::Local),
        1 => Just(Target::Hops { hops: vec![], mtu: None }),
    ]
}

/// The definition: look at every prefix.
fn naive(
    routes: &BTreeMap<Prefix, Target>,
    neighbours: &BTreeMap<(u8, Ipv4Addr), [u8; 6]>,
    locals: &[Ipv4Addr],
    to: Ipv4Addr,
) -> NextHop {
    if locals.contains(&to) {
        return NextHop::Local;
    }
    if to.is_loopback() || to.is_multicast() || to.is_broadcast() || to.is_unspecified() {
        return NextHop::Kernel;
    }
    let best = routes
        .iter()
        .filter(|(prefix, _)| prefix.contains(to))
        .max_by_key(|(prefix, _)| prefix.length());
    match best.map(|(_, target)| target) {
        None | Some(Target::Unreachable) => NextHop::Unreachable,
        Some(Target::Kernel) => NextHop::Kernel,
        Some(Target::Blackhole) => NextHop::Blackhole,
        Some(Target::Local) => NextHop::Local,
        Some(Target::Hops { hops, .. }) => match hops.first() {
            Some(Hop::Port { port, gateway, .. }) if *port < 2 => neighbours
                .get(&(*port, gateway.unwrap_or(to)))
                .map_or(NextHop::Unresolved, |mac| NextHop::Port {
                    port: *port,
                    source_mac: PORT_MACS[usize::from(*port)],
                    destination_mac: *mac,
                    mtu: 1500,
                }),
            Some(_) => NextHop::Unresolved,
            None => NextHop::Unreachable,
        },
    }
}

proptest! {
    #[test]
    fn lookups_agree_with_looking_at_every_prefix(
        routes in prop::collection::btree_map(any_prefix(), any_target(), 0..24),
        neighbours in prop::collection::btree_map((0u8..3, any_address()), any::<[u8; 6]>(), 0..16),
        locals in prop::collection::vec(any_address(), 0..4),
        probes in prop::collection::vec(any_address(), 1..64),
    ) {
        let mut builder = two_ports();
        for (prefix, target) in &routes {
            builder = builder.target(*prefix, target.clone());
        }
        for ((port, address), mac) in &neighbours {
            builder = builder.neighbour(*port, *address, *mac);
        }
        for local in &locals {
            builder = builder.local_address(*local);
        }
        let snapshot = builder.build();
        let edges = routes.keys().flat_map(|prefix| {
            let (first, last) = (prefix.first().to_bits(), prefix.last().to_bits());
            [first, last, first.wrapping_sub(1), last.wrapping_add(1)].map(Ipv4Addr::from_bits)
        });
        let hosts = neighbours.keys().map(|(_, address)| *address);
        let mut recent = Recent::new(&snapshot);
        for to in edges.chain(hosts).chain(locals.iter().copied()).chain(probes) {
            prop_assert_eq!(snapshot.lookup(to), naive(&routes, &neighbours, &locals, to), "{}", to);
            prop_assert_eq!(*recent.lookup(to), snapshot.lookup(to), "{}", to);
        }
    }
}
