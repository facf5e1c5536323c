//! How calls and connections end, and that all is given back.

use std::net::SocketAddrV4;
use std::time::Duration;

use pns::ppp::link::LinkConfig;
use pns::session::Output;

use super::control_client as control;
use super::ppp_client::{LCP, PppClient, frame};
use super::world::{CALL_DISCONNECT_NOTIFY, CLIENT, SERVER, World};

#[test]
fn a_client_that_closes_tcp_gives_everything_back_at_once() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    let id = world.dial(&mut client);
    world.sessions.peer_closed(id, world.now);
    world.run();
    assert_eq!(world.end_reason(), "control.peer_closed");
    assert_eq!(world.closed, [id]);
    world.assert_all_given_back();
    assert!(world.sessions.is_empty());
}

#[test]
fn a_client_that_falls_silent_is_gone_within_the_keep_alive_bound() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    world.pass(Duration::from_secs(150));
    let reason = world.end_reason();
    assert!(
        ["link.echo_timeout", "control.echo_timeout"].contains(&reason.as_str()),
        "{reason}"
    );
    world.assert_all_given_back();
}

#[test]
fn call_clear_request_is_answered_with_our_call_id() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    let id = world.dial(&mut client);
    world.receive(id, &control::call_clear(0));
    let notify = control::split(&world.written)
        .into_iter()
        .find(|message| control::kind(message) == CALL_DISCONNECT_NOTIFY)
        .expect("Call-Disconnect-Notify")
        .to_vec();
    assert_eq!(control::call_id(&notify), world.flow.unwrap().call_id.get());
    assert_eq!(world.end_reason(), "cleared_by_peer");
    world.assert_all_given_back();
}

/// pppd that is refused says goodbye as we do, and pptp-linux clears the call behind it.
#[test]
fn a_call_that_a_refused_client_clears_ended_for_the_password() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wrong");
    client.script = Some(|_, protocol, code, _, _| {
        let goodbye = protocol == LCP && code == 5;
        goodbye.then(|| {
            vec![frame(
                LCP,
                5,
                9,
                b"Failed to authenticate ourselves to peer",
            )]
        })
    });
    let id = world.dial(&mut client);
    assert!(client.failure_message.is_some());
    world.receive(id, &control::call_clear(0));
    assert_eq!(world.end_reason(), "link.authentication_failed");
    world.assert_all_given_back();
}

#[test]
fn a_stop_ends_every_call_with_lcp_then_our_call_id_then_tcp() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    let id = world.dial(&mut client);
    let frames = world.frames_of(|world| world.sessions.stop(world.now));
    let replies = frames
        .iter()
        .flat_map(|frame| client.handle(frame))
        .collect();
    assert!(client.terminated);
    world.talk(&mut client, replies);
    world.pass(Duration::from_secs(3));
    let notify = control::split(&world.written)
        .into_iter()
        .find(|message| control::kind(message) == CALL_DISCONNECT_NOTIFY)
        .expect("Call-Disconnect-Notify")
        .to_vec();
    assert_eq!(control::call_id(&notify), world.flow.unwrap().call_id.get());
    assert_eq!(world.closed, [id]);
    assert_eq!(world.end_reason(), "administrative_stop");
    assert!(world.sessions.is_empty());
    let refused = world
        .sessions
        .accept(SocketAddrV4::new(CLIENT, 1), SERVER, world.now);
    assert!(refused.is_err(), "nobody is admitted after the stop");
    assert_eq!(world.sessions.refusals().get("stopping"), 1);
}

#[test]
fn a_dead_client_is_not_waited_for_when_lcp_says_goodbye() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    let config = LinkConfig::default();
    let bound = config.echo_interval * (u32::from(config.echo_failures_max) + 1);
    world.pass(bound + Duration::from_secs(1));
    assert_eq!(world.end_reason(), "link.echo_timeout");
    world.assert_all_given_back();
}

/// A server that a thousand clients have connected to, and none has said a word.
fn crowded() -> World {
    const CLIENTS: u16 = 1000;
    let mut world = World::with(1, None, |config| {
        config.limits.control_connections_max = usize::from(CLIENTS);
        config.limits.control_connections_per_source_max = usize::from(CLIENTS);
        config.limits.half_open_max = usize::from(CLIENTS);
    });
    for port in 1..=CLIENTS {
        let peer = SocketAddrV4::new(CLIENT, port);
        let accepted = world.sessions.accept(peer, SERVER, world.now);
        accepted.expect("below every limit");
    }
    world
}

/// Turns until nobody is left, and answers how many connections each turn closed.
fn closed_in_turns(world: &mut World) -> Vec<usize> {
    let mut turns = Vec::new();
    loop {
        let mut closed = 0;
        while let Some(output) = world.sessions.poll_output() {
            if let Output::Close(id) = output {
                world.sessions.forget(id);
                closed += 1;
            }
        }
        turns.push(closed);
        if world.sessions.is_empty() {
            return turns;
        }
        let more = world.sessions.poll_timeout().expect("more to do");
        assert!(more <= world.now, "and at once");
        world.sessions.handle_timeout(world.now);
    }
}

#[test]
fn a_stop_of_a_crowd_ends_a_bounded_number_in_a_turn() {
    let mut world = crowded();
    world.sessions.stop(world.now);
    let turns = closed_in_turns(&mut world);
    assert_eq!(turns.iter().sum::<usize>(), 1000);
    assert!(turns.iter().all(|closed| *closed <= 128), "{turns:?}");
    assert!(turns.len() <= 9, "and loses no turn: {turns:?}");
}

#[test]
fn timers_that_run_out_together_take_several_turns() {
    let mut world = crowded();
    world.now = world.now + Duration::from_secs(60);
    world.sessions.handle_timeout(world.now);
    let turns = closed_in_turns(&mut world);
    assert_eq!(turns.iter().sum::<usize>(), 1000);
    assert!(turns.iter().all(|closed| *closed <= 256), "{turns:?}");
}
