//! Long packets: the call's MTU is told to who must know it, and what may be cut arrives whole.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::dataplane::FrameCount;
use pns::wire::checksum;
use pns::wire::ipv4::Header;

use super::packets::{self, numbered, numbers, ping};
use super::server::{HOST, NETWORK_ADDRESS, SERVER, Setup};
use super::world::World;

/// The client's MRU is 1400 bytes, and MPPE takes 4 of them (RFC 3078 §3).
const CALL_MTU: usize = 1396;

fn world_with_a_call() -> (World, usize, Ipv4Addr) {
    let mut world = World::new(Setup::default());
    let place = world.bring_up();
    let lease = world.lease(place);
    (world, place, lease)
}

/// The MTU in Fragmentation Needed about `packet`, from `source` to the packet's sender.
fn fragmentation_needed(answer: &[u8], source: Ipv4Addr, packet: &[u8]) -> usize {
    let header = Header::parse(answer).expect("IPv4");
    let about = Header::parse(packet).expect("IPv4");
    assert_eq!((header.source, header.destination), (source, about.source));
    assert_eq!(answer[9], 1, "ICMP");
    assert_eq!(answer[20..22], [3, 4], "Fragmentation Needed (RFC 1191 §4)");
    assert_eq!(checksum::sum(&answer[20..]), 0xffff);
    assert_eq!(answer[28..32], packet[..4], "the packet is quoted");
    assert_eq!(answer[40..56], packet[12..28]);
    usize::from(u16::from_be_bytes([answer[26], answer[27]]))
}

/// Puts fragments together, whatever their order; panics if they do not make a whole.
fn join(fragments: &[Vec<u8>]) -> Vec<u8> {
    let mut parts: Vec<_> = fragments
        .iter()
        .map(|bytes| (Header::parse(bytes).expect("an IPv4 packet"), bytes))
        .collect();
    parts.sort_by_key(|(header, _)| header.fragment_offset);
    let mut payload = Vec::new();
    for (header, bytes) in &parts {
        assert_eq!(usize::from(header.fragment_offset), payload.len());
        payload.extend(&bytes[usize::from(header.header_length)..usize::from(header.total_length)]);
    }
    assert!(!parts.last().expect("fragments").0.more_fragments);
    let whole = Header {
        more_fragments: false,
        fragment_offset: 0,
        ..parts[0].0
    };
    packets::packet(whole, &[], &payload)
}

#[test]
fn rfc1191_s4_a_ping_of_1400_bytes_that_must_not_be_cut_is_answered_with_the_mtu_of_the_call() {
    let (mut world, place, lease) = world_with_a_call();
    let long = ping(HOST, lease, 1400, true);
    world.host_sends(&long);
    world.pass(Duration::from_millis(10));
    assert_eq!(world.host.len(), 1);
    assert_eq!(
        fragmentation_needed(&world.host[0], NETWORK_ADDRESS, &long),
        CALL_MTU
    );
    assert!(world.clients[place].received.is_empty());
    // The sender that heeds it gets through, and one byte more does not.
    world.host_sends(&ping(HOST, lease, CALL_MTU, true));
    world.host_sends(&ping(HOST, lease, CALL_MTU + 1, true));
    world.pass(Duration::from_millis(10));
    assert_eq!(world.clients[place].received.len(), 1);
    assert_eq!(world.clients[place].received[0].len(), CALL_MTU);
    assert_eq!(world.host.len(), 2);
    world.server.assert_conserved();
}

#[test]
fn rfc791_s3_2_a_ping_that_may_be_cut_arrives_in_pieces_that_make_the_whole() {
    let (mut world, place, lease) = world_with_a_call();
    for length in [CALL_MTU + 1, 1400, 1450, 1500] {
        let long = ping(HOST, lease, length, false);
        world.host_sends(&long);
        world.pass(Duration::from_millis(10));
        let pieces = std::mem::take(&mut world.clients[place].received);
        assert_eq!(pieces.len(), 2, "{length} bytes");
        assert!(pieces.iter().all(|piece| piece.len() <= CALL_MTU));
        assert_eq!(join(&pieces)[20..], long[20..], "{length} bytes");
    }
    assert!(world.host.is_empty());
    assert_eq!(world.server.drops(), []);
    assert_eq!(world.clients[place].refused, []);
    world.server.assert_conserved();
}

#[test]
fn rfc1191_s4_a_client_hears_of_the_mtu_of_another_call() {
    let setup = Setup {
        client_to_client: true,
        ..Setup::default()
    };
    let mut world = World::new(setup);
    let (a, b) = (world.bring_up(), world.bring_up());
    let long = ping(world.lease(a), world.lease(b), 1400, true);
    let now = world.now;
    world.clients[a].send_ip(&long, now);
    world.pass(Duration::from_millis(10));
    assert!(world.clients[b].received.is_empty());
    let mut seen = long.clone();
    pns::wire::ipv4::decrement_ttl(&mut seen);
    let answers = std::mem::take(&mut world.clients[a].received);
    assert_eq!(answers.len(), 1);
    let source = Header::parse(&answers[0]).expect("IPv4").source;
    assert!(
        [SERVER, NETWORK_ADDRESS].contains(&source),
        "one of ours, not {source}"
    );
    assert_eq!(fragmentation_needed(&answers[0], source, &long), CALL_MTU);
    world.server.assert_conserved();
}

/// A client whose MTU is 1500 sends every full packet in two pieces.
#[test]
fn rfc791_s3_2_fragments_of_gre_are_put_together_in_any_order() {
    let (mut world, place, lease) = world_with_a_call();
    let mut sent = 0u16;
    for (round, backwards) in [(0u32, false), (1, true)] {
        for number in 0..20u32 {
            let now = world.now;
            world.clients[place].send_ip(&ping(lease, HOST, 1480, false), now);
            world.clients[place].send_ip(&numbered(lease, HOST, round * 20 + number), now);
            for outer in std::mem::take(&mut world.clients[place].out) {
                sent += 1;
                if outer.packet.len() < 1000 {
                    world.access(&outer.packet);
                    continue;
                }
                let mut pieces = packets::cut_as(&outer.packet, 1480, sent);
                assert_eq!(pieces.len(), 2);
                if backwards {
                    pieces.reverse();
                }
                for piece in pieces {
                    world.access(&piece);
                }
            }
            world.pass(Duration::from_millis(1));
        }
    }
    world.pass(Duration::from_millis(10));
    assert_eq!(sent, 80);
    assert_eq!(world.host.len(), 80, "{:?}", world.server.drops());
    assert_eq!(numbers(&world.host), (0..40).collect::<Vec<_>>());
    assert_eq!(world.server.frames(FrameCount::FragmentUsed), 80);
    assert_eq!(world.server.drops(), []);
    assert_eq!(world.server.totals(lease).upstream_packets, 80);
    world.server.assert_conserved();
}

/// Fragments that never complete hold nothing for longer than a second.
#[test]
fn fragments_whose_rest_does_not_come_are_given_up() {
    let (mut world, place, lease) = world_with_a_call();
    for round in 0..200u16 {
        let now = world.now;
        world.clients[place].send_ip(&ping(lease, HOST, 1480, false), now);
        let outer = world.clients[place].out.pop().expect("a packet").packet;
        let pieces = packets::cut_as(&outer, 1480, 0x4000 + round);
        world.access(&pieces[usize::from(round % 2)]);
    }
    world.pass(Duration::from_millis(1500));
    let lost: u64 = world.server.drops().iter().map(|(_, frames)| frames).sum();
    assert_eq!(lost, 200, "{:?}", world.server.drops());
    world.client_counts(place, 0..10);
    world.pass(Duration::from_millis(10));
    assert_eq!(numbers(&world.host), (0..10).collect::<Vec<_>>());
    world.server.assert_conserved();
}
