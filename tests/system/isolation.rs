//! Two clients whose calls live on different workers: no way from one to the other if policy says so,
//! and a way through the handoff rings if it does not.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::dataplane::{DropReason, FrameCount};
use pns::wire::ipv4::{Header, protocol};

use super::packets::{self, numbered, numbers};
use super::server::{HOST, Setup, WORKERS};
use super::world::World;

/// Clients until three calls are on three workers: their places, by worker.
fn one_client_for_each_worker(client_to_client: bool) -> (World, [usize; 3]) {
    let mut world = World::new(Setup {
        client_to_client,
        ..Setup::default()
    });
    let mut places = [None; WORKERS as usize];
    while places.iter().any(Option::is_none) {
        let place = world.bring_up();
        let worker = world.server.call(world.lease(place)).worker;
        places[usize::from(worker)] = Some(place);
    }
    (world, places.map(|place| place.expect("a client")))
}

/// What a client may try to reach another: plain, with options, with a hop left, in pieces, and as
/// every other protocol.
fn attempts(from: Ipv4Addr, to: Ipv4Addr) -> Vec<Vec<u8>> {
    let udp = [0x13, 0x88, 0x13, 0x88, 0, 12, 0, 0, 0, 0, 0, 9];
    let plain = Header::plain(protocol::UDP, from, to, 0);
    let mut attempts = vec![
        packets::packet(plain, &[], &udp),
        packets::packet(plain, &[1, 1, 1, 0], &udp),
        packets::packet(plain, &[7, 7, 4, 0, 0, 0, 0, 0], &udp),
        packets::packet(plain, &[0x83, 7, 4, 192, 0, 2, 1, 0], &udp),
        packets::packet(plain, &[0x94, 4, 0, 0], &udp),
        packets::ping(from, to, 1300, true),
        packets::ping(from, to, 1300, false),
    ];
    for time_to_live in [0, 1, 2, 255] {
        attempts.push(packets::packet(
            Header {
                time_to_live,
                ..plain
            },
            &[],
            &udp,
        ));
        attempts.push(packets::packet(
            Header {
                time_to_live,
                ..plain
            },
            &[1, 1, 1, 0],
            &udp,
        ));
    }
    attempts.extend(packets::cut(&packets::ping(from, to, 1200, false), 400));
    for number in [0, 1, 2, 4, 6, 41, 47, 50, 132, 255] {
        let header = Header {
            protocol: number,
            ..plain
        };
        attempts.push(packets::packet(header, &[], &udp));
    }
    attempts
}

#[test]
fn isolated_clients_do_not_reach_each_other_whatever_they_send() {
    let (mut world, places) = one_client_for_each_worker(false);
    let mut sent = 0;
    for from in places {
        for to in places.into_iter().filter(|to| *to != from) {
            for packet in attempts(world.lease(from), world.lease(to)) {
                let now = world.now;
                world.clients[from].send_ip(&packet, now);
                sent += 1;
            }
            world.pass(Duration::from_millis(10));
        }
    }
    world.pass(Duration::from_millis(50));
    for place in places {
        assert_eq!(world.clients[place].received, Vec::<Vec<u8>>::new());
    }
    assert_eq!(
        world.server.drops(),
        [(DropReason::ClientToClientRefused, sent)]
    );
    assert!(world.server.tun.is_empty(), "the kernel would forward it");
    assert_eq!(world.host.len(), 0);
    world.server.assert_conserved();
}

/// The kernel may be made to send a client's packet back by the TUN: a redirect, a NAT rule.
#[test]
fn isolated_clients_do_not_reach_each_other_by_way_of_the_kernel() {
    let (mut world, places) = one_client_for_each_worker(false);
    let mut sent = 0;
    for from in places {
        for to in places.into_iter().filter(|to| *to != from) {
            for packet in attempts(world.lease(from), world.lease(to)) {
                world.server.inject(&packet);
                sent += 1;
            }
            world.pass(Duration::from_millis(10));
        }
    }
    for place in places {
        assert_eq!(world.clients[place].received, Vec::<Vec<u8>>::new());
    }
    assert_eq!(
        world.server.drops(),
        [(DropReason::ClientToClientRefused, sent)]
    );
    world.server.assert_conserved();
}

/// A client that forges its source, and a stranger on the access side who needs no call for it.
#[test]
fn nobody_speaks_with_the_address_of_another() {
    let (mut world, [a, b, c]) = one_client_for_each_worker(false);
    let (lease_b, lease_c) = (world.lease(b), world.lease(c));
    for source in [HOST, lease_b, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST] {
        for destination in [lease_c, HOST] {
            let now = world.now;
            world.clients[a].send_ip(&numbered(source, destination, 1), now);
        }
    }
    for source in [HOST, lease_b, world.clients[a].address] {
        let stranger = numbered(source, lease_c, 2);
        world.access(&stranger);
    }
    world.pass(Duration::from_millis(20));
    for place in [a, b, c] {
        assert!(world.clients[place].received.is_empty());
    }
    assert!(world.host.is_empty() && world.server.tun.is_empty());
    let drops = [
        (DropReason::PoolFromAccessSide, 3),
        (DropReason::SourceNotLease, 8),
    ];
    assert_eq!(world.server.drops(), drops);
}

#[test]
fn clients_that_may_reach_each_other_do_so_through_the_handoff_rings() {
    let (mut world, places) = one_client_for_each_worker(true);
    let handed_before = world.server.frames(FrameCount::HandedOut);
    for from in places {
        for to in places.into_iter().filter(|to| *to != from) {
            let (source, destination) = (world.lease(from), world.lease(to));
            let now = world.now;
            for number in 0..100 {
                world.clients[from].send_ip(&numbered(source, destination, number), now);
            }
            let ping = packets::ping(source, destination, 1300, false);
            world.clients[from].send_ip(&ping, now);
            world.pass(Duration::from_millis(20));
            let received = std::mem::take(&mut world.clients[to].received);
            assert_eq!(numbers(&received), (0..100).collect::<Vec<_>>());
            let header = Header::parse(&received[0]).expect("IPv4");
            assert_eq!((header.source, header.destination), (source, destination));
            assert_eq!(header.time_to_live, 63, "one hop");
            assert_eq!(received[100][20..], ping[20..]);
        }
    }
    let handed = world.server.frames(FrameCount::HandedOut) - handed_before;
    assert!(
        handed >= 6 * 100,
        "{handed} frames went from worker to worker"
    );
    assert_eq!(world.server.drops(), []);
    world.server.assert_conserved();
}

/// Without a way back in the fast path, what only a kernel can do with a packet goes there.
#[test]
fn clients_that_may_reach_each_other_leave_options_and_expired_hops_to_the_kernel() {
    let (mut world, [a, b, _]) = one_client_for_each_worker(true);
    let (from, to) = (world.lease(a), world.lease(b));
    let plain = Header::plain(protocol::UDP, from, to, 0);
    let last_hop = packets::packet(
        Header {
            time_to_live: 1,
            ..plain
        },
        &[],
        &[0; 12],
    );
    let options = packets::packet(plain, &[1, 1, 1, 0], &[0; 12]);
    let now = world.now;
    world.clients[a].send_ip(&last_hop, now);
    world.clients[a].send_ip(&options, now);
    world.pass(Duration::from_millis(10));
    assert_eq!(world.server.tun, [last_hop, options.clone()]);
    // The kernel routes it and sends it back by the TUN.
    world.server.inject(&options);
    world.pass(Duration::from_millis(10));
    assert_eq!(world.clients[b].received, [options]);
    world.server.assert_conserved();
}
