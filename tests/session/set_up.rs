//! From the request for a call to the network, and why it may end before.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use pns::flow::{FlowReport, OpenRefusal};
use pns::ppp::link::AddressPolicy;
use pns::session::Event;

use super::control_client as control;
use super::ppp_client::{self, PppClient};
use super::world::{OUTGOING_CALL_REPLY, World};

#[test]
fn a_call_reaches_the_network_and_the_upstream_half_precedes_every_acknowledgement() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    assert!(client.network_up() && client.encrypted());
    assert_eq!(client.address, Ipv4Addr::new(10, 77, 0, 100));
    assert_eq!(world.leases, [client.address]);
    let up = |event: &Event| matches!(event, Event::NetworkUp { mppe: Some(_), .. });
    assert!(world.events.iter().any(up), "{:?}", world.events);
    assert_eq!(world.position("open"), 0);
    assert!(world.position("authorise") < world.position("arm_upstream"));
    assert!(world.position("arm_upstream") < world.position_of_ack(ppp_client::CCP));
    assert!(world.position("forward_upstream") < world.position_of_ack(ppp_client::IPCP));
    assert!(world.position("arm_downstream") < world.position("forward_downstream"));
}

/// What alice gets who asks for `wanted`, and how many addresses of the pool are leased then.
fn dialled_for(
    policy: AddressPolicy,
    own: Option<Ipv4Addr>,
    wanted: Ipv4Addr,
) -> (Ipv4Addr, usize) {
    let mut world = World::with(10, own, |config| {
        for listener in &mut config.listeners {
            Arc::make_mut(&mut listener.link).address = policy;
        }
    });
    let mut client = PppClient::new("alice", "wonderland-7");
    client.address = wanted;
    let id = world.dial(&mut client);
    assert!(client.network_up());
    assert_eq!(
        world.leases,
        [client.address],
        "one address is in the directory"
    );
    let used = world.sessions.pool_usage()[0].used;
    let address = client.address;
    world.sessions.peer_closed(id, world.now);
    world.run();
    world.assert_all_given_back();
    (address, used)
}

#[test]
fn p10_whose_choice_the_address_is() {
    use AddressPolicy::{Assign, Keep, Override};
    let address = |last| Ipv4Addr::new(10, 77, 0, last);
    let own = Some(address(200));
    let elsewhere = Ipv4Addr::new(192, 168, 1, 7);
    for (policy, own, wanted, expected) in [
        (Assign, None, address(105), (address(100), 1)),
        (Keep, None, address(105), (address(105), 1)),
        (Override, None, address(105), (address(105), 1)),
        // The gateway, and what is not of the pool.
        (Keep, None, address(1), (address(100), 1)),
        (Keep, None, elsewhere, (address(100), 1)),
        // The user has an address.
        (Assign, own, address(105), (address(200), 0)),
        (Keep, own, address(105), (address(105), 1)),
        (Override, own, address(105), (address(200), 0)),
        (Keep, own, address(200), (address(200), 0)),
    ] {
        assert_eq!(
            dialled_for(policy, own, wanted),
            expected,
            "{policy:?} {own:?} {wanted}"
        );
    }
}

#[test]
fn outgoing_call_reply_waits_for_the_worker() {
    let mut world = World::new();
    world.silent = true;
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(7));
    let replied = |world: &World| {
        control::split(&world.written)
            .iter()
            .any(|m| control::kind(m) == OUTGOING_CALL_REPLY)
    };
    assert!(!replied(&world));
    let flow = world.flow.unwrap();
    world
        .sessions
        .report(FlowReport::Opened { flow, slot: 3 }, world.now);
    world.run();
    assert!(replied(&world));
}

#[test]
fn a_worker_without_room_refuses_the_call_and_nothing_leaks() {
    let mut world = World::new();
    world.refuse_open = Some(OpenRefusal::SlabFull);
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(7));
    let messages = control::split(&world.written);
    let reply = messages
        .iter()
        .find(|m| control::kind(m) == OUTGOING_CALL_REPLY)
        .unwrap();
    assert_eq!((reply[16], reply[17]), (2, 4), "general error, no resource");
    assert_eq!(world.end_reason(), "worker.slab_full");
    world.assert_all_given_back();
}

#[test]
fn a_wrong_password_is_told_and_named() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wrong");
    world.dial(&mut client);
    let message = client.failure_message.clone().expect("a Failure");
    assert!(message.starts_with("E=691 R=0"), "{message}");
    world.pass(Duration::from_secs(10));
    assert!(client.terminated || world.end_reason().starts_with("link."));
    let rejected = |event: &Event| matches!(event, Event::Rejected { .. });
    assert!(world.events.iter().any(rejected));
    world.assert_all_given_back();
}

#[test]
fn a_client_without_encryption_is_told_and_named() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    client.mppe = false;
    world.dial(&mut client);
    world.pass(Duration::from_secs(10));
    assert!(client.terminated, "LCP says goodbye");
    assert!(!client.network_up());
    assert!(
        world.end_reason().contains("mppe"),
        "{}",
        world.end_reason()
    );
    world.assert_all_given_back();
}

#[test]
fn an_exhausted_pool_is_named_and_the_client_is_told() {
    let mut world = World::with_pool(0);
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    world.pass(Duration::from_secs(5));
    assert!(client.terminated);
    assert_eq!(world.end_reason(), "no_address.pool_exhausted");
}

#[test]
fn a_client_that_never_negotiates_is_given_up_in_time() {
    let mut world = World::new();
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(5));
    world.pass(Duration::from_secs(60));
    assert_ne!(world.events.len(), 0);
    let reason = world.end_reason();
    assert!(reason.contains("timeout"), "{reason}");
    world.assert_all_given_back();
}

#[test]
fn a_client_that_asks_for_calls_without_end_is_slowed_down() {
    let mut world = World::new();
    let id = world.connect();
    world.receive(id, &control::start_request());
    let mut refused = 0;
    for _ in 0..200 {
        world.receive(id, &control::call_request(5));
        world.receive(id, &control::call_clear(5));
        refused = world.sessions.refusals().get("call_rate");
    }
    assert!((100..200).contains(&refused), "{refused} of 200 at once");
    world.pass(Duration::from_secs(2));
    world.receive(id, &control::call_request(6));
    assert_eq!(
        world.sessions.refusals().get("call_rate"),
        refused,
        "and may call again later"
    );
}
