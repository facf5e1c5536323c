//! The space of Call IDs, and what comes for none of them.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use pns::flow::FlowKey;
use pns::session::admission::AdmissionLimits;

use super::control_client as control;
use super::world::{CLIENT, SECOND_SERVER, SERVER, World};

#[test]
fn what_reaches_no_call_is_counted() {
    let mut world = World::new();
    let peer = SocketAddrV4::new(CLIENT, 40_000);
    let elsewhere = Ipv4Addr::new(198, 51, 100, 9);
    assert!(world.sessions.accept(peer, elsewhere, world.now).is_err());
    let nobody = FlowKey::new(0, pns::wire::call_id::CallId::new(9));
    world.sessions.frame(nobody, &[0xc0, 0x21], world.now);
    world.silent = true;
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(7));
    let opening = world.flow.unwrap();
    world.sessions.frame(opening, &[0xc0, 0x21], world.now);
    let refusals = world.sessions.refusals();
    for reason in [
        "local_address_unknown",
        "frame_without_call",
        "frame_out_of_state",
    ] {
        assert_eq!(refusals.get(reason), 1, "{reason}");
    }
}

/// RFC 2637 §2.8: a client whose call is refused for want of a Call ID is told so, the refusal is
/// counted, and another local address has a space of its own.
#[test]
fn a_space_of_call_ids_that_is_too_hot_is_a_counted_refusal() {
    let mut world = World::new();
    let mut used = HashSet::new();
    // Below the rate at which one connection may call.
    const CALLS_PER_CONNECTION: u16 = 60;
    while used.len() < 65_535 {
        let id = world.connect();
        world.receive(id, &control::start_request());
        for number in 0..CALLS_PER_CONNECTION.min((65_535 - used.len()) as u16) {
            world.written.clear();
            world.receive(id, &control::call_request(number));
            assert!(used.insert(control::call_id(&world.written)), "it rests");
            world.receive(id, &control::call_clear(number));
        }
        world.sessions.peer_closed(id, world.now);
        world.run();
        world.commands.clear();
        world.events.clear();
    }
    assert!(!used.contains(&0));
    let ask = |world: &mut World, local| {
        let id = world.connect_to(local);
        world.receive(id, &control::start_request());
        world.written.clear();
        world.receive(id, &control::call_request(5));
        (world.written[16], world.written[17])
    };
    assert_eq!(
        ask(&mut world, SERVER),
        (2, 4),
        "general error, no resource"
    );
    assert_eq!(
        world.sessions.refusals().get("too_hot"),
        2,
        "by the space and by the call"
    );
    assert_eq!(ask(&mut world, SECOND_SERVER), (1, 0), "another space");
    world.pass(Duration::from_secs(61));
    assert_eq!(ask(&mut world, SERVER), (1, 0), "they have rested");
}

/// Calls that are up together, on two addresses: more than one address has Call IDs for.
#[test]
fn two_addresses_pass_65_535_calls() {
    const CALLS: usize = 66_000;
    const CALLS_PER_CONNECTION: usize = 60;
    let mut world = World::with(1, None, |config| {
        config.limits = AdmissionLimits {
            control_connections_max: CALLS,
            control_connections_per_source_max: CALLS,
            half_open_max: CALLS,
            calls_max: CALLS,
            calls_per_source_max: CALLS,
        };
    });
    let mut flows = HashSet::new();
    for batch in 0..CALLS / CALLS_PER_CONNECTION {
        let id = world.connect_to([SERVER, SECOND_SERVER][batch % 2]);
        world.receive(id, &control::start_request());
        for number in 0..CALLS_PER_CONNECTION {
            world.receive(id, &control::call_request(number as u16));
            assert!(flows.insert(world.flow.unwrap()), "nobody else has it");
        }
        world.commands.clear();
        world.events.clear();
        world.written.clear();
    }
    assert_eq!(flows.len(), CALLS);
    assert_eq!(world.sessions.call_count(), CALLS);
    assert_eq!(world.sessions.live_call_ids(), CALLS);
    let call_ids: HashSet<u16> = flows.iter().map(|flow| flow.call_id.get()).collect();
    assert!(call_ids.len() < CALLS, "the addresses share the numbers");
    assert!(!call_ids.contains(&0));
    // Of two calls with one number, a frame reaches the one of its address.
    let twins =
        |flow: &&FlowKey| flow.local == 0 && flows.contains(&FlowKey { local: 1, ..**flow });
    let first = *flows.iter().find(twins).expect("a number that both have");
    let second = FlowKey { local: 1, ..first };
    let terminate = [0xc0, 0x21, 5, 9, 0, 4];
    world.sessions.frame(second, &terminate, world.now);
    world.run();
    world.pass(Duration::from_secs(5));
    let left: HashSet<FlowKey> = world.sessions.views().map(|view| view.flow).collect();
    assert!(left.contains(&first) && !left.contains(&second));
    assert_eq!(left.len(), CALLS - 1);
}
