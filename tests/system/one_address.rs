//! Several clients behind one address that all chose Call ID 0, as old ones do, behind a NAT that
//! delivers each other's frames to all of them (quirks L1, N2 and N4). They tell their frames apart by
//! key; the server tells theirs apart by its own Call IDs. And a client behind a NAT with two addresses.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::dataplane::{DropReason, GreSource};
use pns::session::Event;

use super::client::Client;
use super::control_client as control;
use super::packets::{self, numbers};
use super::server::{SERVER, Setup};
use super::world::World;

const NAT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 77);

/// Clients behind the NAT, all up.
fn behind_one_nat(count: usize) -> World {
    let mut world = World::new(Setup::default());
    for place in 0..count {
        let mut client = Client::new(NAT, 0);
        client.shares_address = true;
        world.clients.push(client);
        world.dial(place);
        world.run_until(Duration::from_secs(5), |world| world.is_up(place));
    }
    world
}

/// Numbered packets both ways for these clients, all mixed.
fn carry(world: &mut World, places: &[usize], range: std::ops::Range<u32>) {
    for number in range {
        for place in places {
            world.client_counts(*place, number..number + 1);
            world.host_counts(*place, number..number + 1);
        }
        world.step();
    }
    world.pass(Duration::from_millis(200));
}

/// What of the client's packets reached the host, by their source.
fn reached_host(world: &World, place: usize) -> Vec<u32> {
    let lease = world.lease(place).octets();
    let own = world.host.iter().filter(|packet| packet[12..16] == lease);
    numbers(&own.cloned().collect::<Vec<_>>())
}

fn assert_carried(world: &World, place: usize, up_to: u32) {
    let wanted: Vec<u32> = (0..up_to).collect();
    assert_eq!(reached_host(world, place), wanted, "upstream of {place}");
    assert_eq!(
        numbers(&world.clients[place].received),
        wanted,
        "downstream of {place}"
    );
}

#[test]
fn l1_n4_checklist_5_both_move_data_one_leaves_and_the_other_does_not_notice() {
    let mut world = behind_one_nat(2);
    let call_ids = [0, 1].map(|place: usize| world.clients[place].peer_call_id);
    assert_ne!(call_ids[0], call_ids[1], "ours are what tells them apart");
    assert_ne!(world.lease(0), world.lease(1));
    carry(&mut world, &[0, 1], 0..100);
    for place in [0, 1] {
        assert_carried(&world, place, 100);
        assert!(world.clients[place].misdelivered >= 100);
    }
    assert_eq!(world.server.drops(), []);

    // The first clears its call, by the Call ID that is also the other's.
    world.say(0, &control::call_clear(0));
    carry(&mut world, &[1], 100..200);
    assert!(world.clients[0].disconnected && !world.clients[1].disconnected);
    assert_carried(&world, 1, 200);
    assert_eq!(world.server.ends().len(), 1);
    assert!(world.is_up(1));

    // And dials again beside it.
    let mut again = Client::new(NAT, 0);
    again.shares_address = true;
    world.clients.push(again);
    world.dial(2);
    world.run_until(Duration::from_secs(5), |world| world.is_up(2));
    carry(&mut world, &[2], 0..50);
    assert_carried(&world, 2, 50);
    carry(&mut world, &[1], 200..250);
    assert_carried(&world, 1, 250);
    world.server.assert_conserved();
    world.server.assert_no_command_was_refused();
}

#[test]
fn n4_what_the_nat_delivers_to_the_wrong_call_does_not_hurt_it() {
    let mut world = behind_one_nat(2);
    carry(&mut world, &[0, 1], 0..10);
    let victim = world.clients[0].peer_call_id.expect("a call");
    for round in 0..200 {
        // Frames of the second client under the Call ID of the first: its key, its numbers.
        let sequence = world.clients[1].next_sequence + round % 3;
        let packet = packets::numbered(world.lease(1), NAT, round);
        let frame = world.clients[1].encrypted(&packet);
        let gre = packets::gre(victim, Some(sequence), Some(round), &frame);
        world.access(&packets::outer(NAT, SERVER, &gre));
        // And its answers to what was never asked of the first.
        let echo_reply = [0xff, 0x03, 0xc0, 0x21, 10, 7, 0, 8, 1, 2, 3, 4];
        let gre = packets::gre(victim, Some(sequence), None, &echo_reply);
        world.access(&packets::outer(NAT, SERVER, &gre));
        if round % 20 == 0 {
            world.step();
        }
    }
    world.pass(Duration::from_secs(2));
    carry(&mut world, &[0], 10..60);
    assert_carried(&world, 0, 60);
    assert!(world.is_up(0) && world.is_up(1));
    assert_eq!(world.server.ends(), Vec::<String>::new());
    for (reason, frames) in world.server.drops() {
        let expected = [
            DropReason::MppeImplausible,
            DropReason::MppeFarCount,
            DropReason::MppeKeyGone,
            DropReason::MppeDuplicate,
            DropReason::MppeBudgetExhausted,
            DropReason::SequenceDuplicate,
            DropReason::SequenceOutOfWindow,
            DropReason::PuntPppCallPoliced,
        ];
        assert!(expected.contains(&reason), "{frames} for {reason}");
    }
}

#[test]
fn n4_twenty_clients_of_one_address_with_one_call_id() {
    let mut world = behind_one_nat(20);
    let places: Vec<usize> = (0..20).collect();
    carry(&mut world, &places, 0..20);
    for place in places {
        assert_carried(&world, place, 20);
    }
}

/// A client whose GRE comes from another address than its control connection.
fn behind_two_addresses(source: GreSource) -> World {
    let mut world = World::new(Setup {
        source,
        ..Setup::default()
    });
    let place = world.add_client();
    world.clients[place].gre_address = NAT;
    world.dial(place);
    world
}

#[test]
fn n6_a_client_behind_a_nat_with_two_addresses_works_if_the_operator_lets_it() {
    for source in [GreSource::Learn, GreSource::Any] {
        let mut world = behind_two_addresses(source);
        world.run_until(Duration::from_secs(5), |world| world.is_up(0));
        carry(&mut world, &[0], 0..50);
        assert_carried(&world, 0, 50);
        let moved = |event: &Event| match event {
            Event::SourceMoved {
                peer_address,
                address,
                ..
            } => Some((*peer_address, *address)),
            _ => None,
        };
        let told: Vec<_> = world.server.events.iter().filter_map(moved).collect();
        assert_eq!(told, [(world.clients[0].address, NAT)], "told once");
        assert_eq!(world.server.drops(), []);
    }
    let mut world = behind_two_addresses(GreSource::Strict);
    world.pass(Duration::from_secs(40));
    assert!(!world.is_up(0));
    assert_eq!(world.server.ends().len(), 1);
    assert!(world.server.dropped(DropReason::GrePeerAddress) > 0);
}
