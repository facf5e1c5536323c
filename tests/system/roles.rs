//! RFC 2637's other parts, with the whole server: a PAC announces a caller (§3.2.3.2), and peers are
//! called, as the PNS (§3.2.4.2) and as the PAC (§3.2.3.1). Each such call carries data like any.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use pns::pptp::{CallOffer, CloseReason, ControlState};
use pns::session::{CallError, CallOrigin, CallView, Event, Peer, PeerView, SessionConfig};
use pns::wire::pptp::{Bearer, Framing, Text};

use super::control_client as control;
use super::server::{SERVER, Setup};
use super::world::World;

/// Where the first client of a world sits; higher than the server's.
const PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// Lower than the server's.
const LOW_PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 99, 10);

const SCCRQ: u16 = 1;
const STOP_REQUEST: u16 = 3;
const OCRQ: u16 = 7;
const ICRQ: u16 = 9;
const ICRP: u16 = 10;
const ICCN: u16 = 11;
const CCRQ: u16 = 12;
const CDN: u16 = 13;

fn peer(name: &str, address: Ipv4Addr, offer: CallOffer) -> Arc<Peer> {
    Arc::new(Peer {
        name: name.to_owned(),
        address: SocketAddrV4::new(address, 1723),
        local_address: SERVER,
        offer,
        client: None,
    })
}

fn with_peers(config: &mut SessionConfig) {
    let outgoing = CallOffer::Outgoing {
        minimum_bps: 300,
        maximum_bps: 64_000,
        bearer: Bearer::DIGITAL,
        framing: Framing::EITHER,
        phone_number: Text::new("5551234"),
        subaddress: Text::EMPTY,
    };
    let incoming = CallOffer::Incoming {
        bearer: Bearer::ANALOG,
        dialed_number: Text::new("100"),
        dialing_number: Text::new("200"),
        subaddress: Text::EMPTY,
    };
    config.peers = vec![
        peer("pac", PEER, outgoing),
        peer("pns", PEER, incoming),
        peer("low", LOW_PEER, outgoing),
    ];
}

fn world() -> World {
    World::new(Setup {
        adjust: with_peers,
        ..Setup::default()
    })
}

/// What the server said on a control connection since the last look.
fn heard(world: &mut World, place: usize) -> Vec<Vec<u8>> {
    world.pass(Duration::from_millis(5));
    std::mem::take(&mut world.clients[place].heard)
}

fn only(world: &mut World, place: usize, kind: u16) -> Vec<u8> {
    let heard = heard(world, place);
    let kinds: Vec<u16> = heard.iter().map(|message| control::kind(message)).collect();
    assert_eq!(kinds, [kind]);
    heard[0].clone()
}

fn call(world: &mut World, name: &str) {
    world.server.sessions.call(name, world.now).expect("called");
    world.server.carry_out(world.now);
}

/// A client takes the TCP connection that the server opens.
fn answer_tcp(world: &mut World) -> usize {
    let place = world.add_client();
    let [(id, address)] = world.server.connects[..] else {
        panic!("{:?}", world.server.connects)
    };
    assert_eq!(address, SocketAddrV4::new(PEER, 1723));
    world.server.connects.clear();
    world.clients[place].connection = Some(id);
    place
}

fn peer_view(world: &World, name: &str) -> PeerView {
    let mut peers = world.server.sessions.peers();
    peers.find(|view| view.peer.name == name).expect("a peer")
}

fn only_view(world: &World) -> CallView {
    world.server.sessions.views().next().expect("a call")
}

/// Data moves both ways.
fn assert_carries(world: &mut World, place: usize) {
    let limit = Duration::from_secs(1);
    world.run_until(limit, |world| world.is_up(place));
    let before = world.host.len();
    world.client_counts(place, 0..10);
    world.host_counts(place, 0..10);
    world.pass(Duration::from_millis(50));
    assert_eq!(world.host.len() - before, 10);
    assert_eq!(world.clients[place].received.len(), 10);
}

// ---- a PAC announces a caller ----

fn offered(world: &mut World) -> (usize, u16) {
    let place = world.add_client();
    let call_id = world.clients[place].local_call_id;
    world.connect(place);
    world.say(place, &control::start_request());
    heard(world, place);
    world.say(place, &control::offer(call_id, "5551234", "5559876"));
    let reply = only(world, place, ICRP);
    assert_eq!((control::peer_call_id(&reply), reply[16]), (call_id, 1));
    (place, control::call_id(&reply))
}

#[test]
fn s3_2_3_2_an_announced_call_reaches_the_network_and_carries_data() {
    let mut world = World::new(Setup::default());
    let (place, ours) = offered(&mut world);
    world.pass(Duration::from_secs(1));
    assert_eq!(only_view(&world).state.name(), "connecting");
    assert_eq!(heard(&mut world, place), Vec::<Vec<u8>>::new());
    world.say(place, &control::offer_connected(ours));
    world.clients[place].call_placed(ours, world.now);
    assert_carries(&mut world, place);
    world.say(place, &control::wan_errors(ours));
    let view = only_view(&world);
    assert_eq!(view.origin, CallOrigin::Offered);
    assert_eq!(view.facts.called_number.as_deref(), Some("5551234"));
    assert_eq!(view.facts.calling_number.as_deref(), Some("5559876"));
    assert_eq!(view.facts.line.expect("told").connect_speed_bps, 33_600);
    let errors = view.facts.wan_errors.expect("told");
    assert_eq!((errors.crc_errors, errors.alignment_errors), (1, 6));

    // The PAC's caller hangs up; the connection waits for the next one.
    let theirs = world.clients[place].local_call_id;
    world.say(place, &control::disconnect_notify(theirs, 1));
    assert_eq!(heard(&mut world, place), Vec::<Vec<u8>>::new());
    assert_eq!(world.server.ends(), ["disconnected_by_peer.lost_carrier"]);
    world.pass(Duration::from_secs(20));
    world.say(place, &control::offer(theirs, "", ""));
    let reply = only(&mut world, place, ICRP);
    assert_ne!(control::call_id(&reply), ours, "it still rests");
}

#[test]
fn s3_2_3_2_what_overtakes_incoming_call_connected_is_not_lost() {
    let mut world = World::new(Setup::default());
    let (place, ours) = offered(&mut world);
    world.clients[place].call_placed(ours, world.now);
    world.pass(Duration::from_millis(50));
    world.say(place, &control::offer_connected(ours));
    world.run_until(Duration::from_secs(1), |world| world.is_up(place));
}

#[test]
fn s3_2_3_2_we_end_an_announced_call_with_call_clear_request() {
    let mut world = World::new(Setup::default());
    let (place, ours) = offered(&mut world);
    world.say(place, &control::offer_connected(ours));
    world.clients[place].call_placed(ours, world.now);
    world.run_until(Duration::from_secs(1), |world| world.is_up(place));
    world.server.sessions.stop(world.now);
    world.pass(Duration::from_millis(20));
    assert!(world.clients[place].ppp.terminated, "LCP said goodbye");
    let heard = heard(&mut world, place);
    assert_eq!(control::kind(&heard[0]), CCRQ);
    assert_eq!(control::call_id(&heard[0]), ours, "the sender's own");
    let theirs = world.clients[place].local_call_id;
    world.say(place, &control::disconnect_notify(theirs, 4));
    world.pass(Duration::from_secs(5));
    world.server.assert_nothing_is_left();
}

#[test]
fn s3_2_3_2_a_pac_that_never_connects_its_caller_is_let_go() {
    let mut world = World::new(Setup::default());
    let (place, ours) = offered(&mut world);
    world.pass(Duration::from_secs(31));
    let cleared = world.clients[place].heard.remove(0);
    assert_eq!(
        (control::kind(&cleared), control::call_id(&cleared)),
        (CCRQ, ours)
    );
    assert_eq!(world.server.ends(), ["not_connected"]);
}

// ---- we are the PNS, and ask a PAC to dial ----

/// Up to the PAC's answer.
fn placed(world: &mut World) -> (usize, u16) {
    call(world, "pac");
    let place = answer_tcp(world);
    let request = only(world, place, SCCRQ);
    assert_eq!(request.len(), 156);
    world.say(place, &control::start_reply(1));
    let request = only(world, place, OCRQ);
    assert_eq!(&request[40..47], b"5551234");
    assert_eq!(
        peer_view(world, "pac").connection,
        Some(ControlState::Established)
    );
    (place, control::call_id(&request))
}

fn connected(world: &mut World) -> (usize, u16) {
    let (place, ours) = placed(world);
    let theirs = world.clients[place].local_call_id;
    world.say(place, &control::call_reply(theirs, ours, 1));
    world.clients[place].call_placed(ours, world.now);
    assert_carries(world, place);
    (place, ours)
}

#[test]
fn s3_2_4_2_a_call_that_we_place_reaches_the_network_and_carries_data() {
    let mut world = world();
    let (place, ours) = connected(&mut world);
    let view = only_view(&world);
    assert_eq!(view.origin, CallOrigin::Placed);
    assert_eq!(view.placed_to.as_deref(), Some("pac"));
    assert_eq!(view.facts.called_number.as_deref(), Some("5551234"));
    let peer = peer_view(&world, "pac");
    assert_eq!((peer.attempts, peer.connected, peer.calls), (1, 1, 1));
    assert_eq!(peer.last.as_deref(), Some("connected"));

    let ended = world.server.sessions.hang_up("pac", world.now);
    assert_eq!(ended, Ok(1));
    world.server.carry_out(world.now);
    world.pass(Duration::from_millis(20));
    assert!(world.clients[place].ppp.terminated, "LCP said goodbye");
    let clear = only(&mut world, place, CCRQ);
    assert_eq!(control::call_id(&clear), ours);
    let theirs = world.clients[place].local_call_id;
    world.say(place, &control::disconnect_notify(theirs, 4));
    // With no call left the connection that we opened is stopped.
    only(&mut world, place, STOP_REQUEST);
    world.pass(Duration::from_millis(10));
    assert_eq!(peer_view(&world, "pac").connection, None);
    assert_eq!(
        peer_view(&world, "pac").last.as_deref(),
        Some("administrative_stop")
    );
    world.server.assert_nothing_is_left();
}

#[test]
fn s3_2_4_2_every_refusal_of_a_pac_is_named() {
    for (result, name) in [
        (2, "general_error"),
        (3, "no_carrier"),
        (4, "busy"),
        (5, "no_dial_tone"),
        (6, "time_out"),
        (7, "do_not_accept"),
        (99, "result_unknown"),
    ] {
        let mut world = world();
        let (place, ours) = placed(&mut world);
        world.say(place, &control::call_reply(0, ours, result));
        only(&mut world, place, STOP_REQUEST);
        let reason = format!("refused_by_peer.{name}");
        assert_eq!(world.server.ends(), [reason.as_str()]);
        assert_eq!(peer_view(&world, "pac").last, Some(reason));
        world.pass(Duration::from_millis(10));
        world.server.assert_nothing_is_left();
    }
}

#[test]
fn s3_2_4_2_what_overtakes_outgoing_call_reply_is_not_lost() {
    let mut world = world();
    let (place, ours) = placed(&mut world);
    let theirs = world.clients[place].local_call_id;
    world.clients[place].call_placed(ours, world.now);
    world.pass(Duration::from_millis(50));
    world.say(place, &control::call_reply(theirs, ours, 1));
    world.run_until(Duration::from_secs(1), |world| world.is_up(place));
}

#[test]
fn s3_2_4_2_calls_to_one_peer_share_a_control_connection() {
    let mut world = world();
    call(&mut world, "pac");
    call(&mut world, "pac");
    let place = answer_tcp(&mut world);
    only(&mut world, place, SCCRQ);
    assert_eq!(peer_view(&world, "pac").waiting, 2);
    world.say(place, &control::start_reply(1));
    let heard_now = heard(&mut world, place);
    let kinds: Vec<u16> = heard_now
        .iter()
        .map(|message| control::kind(message))
        .collect();
    assert_eq!(kinds, [OCRQ, OCRQ]);
    call(&mut world, "pns");
    only(&mut world, place, ICRQ);
    assert!(world.server.connects.is_empty());
    assert_eq!(world.server.sessions.call_count(), 3);
    // The first is refused, and the others do not notice.
    world.say(
        place,
        &control::call_reply(0, control::call_id(&heard_now[0]), 4),
    );
    assert_eq!(heard(&mut world, place), Vec::<Vec<u8>>::new());
    assert_eq!(world.server.sessions.call_count(), 2);
    world
        .server
        .sessions
        .peer_closed(world.clients[place].connection.unwrap(), world.now);
    world.pass(Duration::from_millis(10));
    world.server.assert_nothing_is_left();
}

#[test]
fn s3_2_4_2_a_pac_that_never_answers_is_let_go() {
    let mut world = world();
    let (place, ours) = placed(&mut world);
    world.pass(Duration::from_secs(40));
    let kinds: Vec<u16> = world.clients[place]
        .heard
        .iter()
        .map(|message| control::kind(message))
        .collect();
    assert_eq!(kinds[0], CCRQ);
    assert_eq!(control::call_id(&world.clients[place].heard[0]), ours);
    assert_eq!(world.server.ends(), ["not_connected"]);
    world.pass(Duration::from_secs(10));
    world.server.assert_nothing_is_left();
}

#[test]
fn s3_1_1_a_peer_that_cannot_be_reached_or_refuses_the_start_is_named() {
    let mut world = world();
    call(&mut world, "pac");
    let (id, _) = world.server.connects.remove(0);
    world.server.sessions.connect_failed(id, world.now);
    world.server.carry_out(world.now);
    let view = peer_view(&world, "pac");
    assert_eq!(view.last.as_deref(), Some("control.peer_unreachable"));
    assert_eq!((view.connection, view.waiting), (None, 0));

    call(&mut world, "pac");
    let place = answer_tcp(&mut world);
    only(&mut world, place, SCCRQ);
    world.say(place, &control::start_reply(4));
    let last = peer_view(&world, "pac").last;
    assert_eq!(last.as_deref(), Some("control.start_refused"));
    world.pass(Duration::from_millis(10));
    world.server.assert_nothing_is_left();
}

#[test]
fn a_call_that_waits_for_its_connection_can_be_hung_up() {
    let mut world = world();
    call(&mut world, "pac");
    let place = answer_tcp(&mut world);
    only(&mut world, place, SCCRQ);
    assert_eq!(world.server.sessions.hang_up("pac", world.now), Ok(1));
    world.server.carry_out(world.now);
    world.pass(Duration::from_millis(10));
    assert!(world.clients[place].disconnected, "TCP is closed");
    world.server.assert_nothing_is_left();
    let unknown = world.server.sessions.hang_up("nobody", world.now);
    assert_eq!(unknown, Err(CallError::PeerUnknown));
    let unknown = world.server.sessions.call("nobody", world.now);
    assert_eq!(unknown, Err(CallError::PeerUnknown));
}

// ---- we are the PAC, and announce a caller to a PNS ----

#[test]
fn s3_2_3_1_a_caller_that_we_announce_reaches_the_network_and_carries_data() {
    let mut world = world();
    call(&mut world, "pns");
    let place = answer_tcp(&mut world);
    only(&mut world, place, SCCRQ);
    world.say(place, &control::start_reply(1));
    let request = only(&mut world, place, ICRQ);
    assert_eq!(
        (&request[28..31], &request[92..95]),
        (&b"100"[..], &b"200"[..])
    );
    let (ours, theirs) = (
        control::call_id(&request),
        world.clients[place].local_call_id,
    );
    world.clients[place].call_placed(ours, world.now);
    world.say(place, &control::offer_reply(theirs, ours, 1));
    let connected = only(&mut world, place, ICCN);
    assert_eq!(control::call_id(&connected), theirs);
    assert_carries(&mut world, place);
    // The PNS wants the end.
    world.say(place, &control::call_clear(theirs));
    let heard = heard(&mut world, place);
    assert_eq!(
        (control::kind(&heard[0]), control::call_id(&heard[0])),
        (CDN, ours)
    );
    assert_eq!(world.server.ends(), ["cleared_by_peer"]);
    world.pass(Duration::from_secs(4));
    world.server.assert_nothing_is_left();
}

#[test]
fn s3_2_3_1_a_pns_that_does_not_accept_is_named() {
    for (result, name) in [
        (2, "general_error"),
        (3, "not_accepted"),
        (9, "result_unknown"),
    ] {
        let mut world = world();
        call(&mut world, "pns");
        let place = answer_tcp(&mut world);
        only(&mut world, place, SCCRQ);
        world.say(place, &control::start_reply(1));
        let request = only(&mut world, place, ICRQ);
        let ours = control::call_id(&request);
        world.say(place, &control::offer_reply(0, ours, result));
        world.pass(Duration::from_millis(5));
        let reason = format!("refused_by_peer.announcement_{name}");
        assert_eq!(world.server.ends(), [reason.as_str()]);
    }
}

// ---- RFC 2637 §3.1.3 ----

/// Whether a control connection was closed for this.
fn was_closed(world: &World, wanted: CloseReason) -> bool {
    let is = |event: &Event| matches!(event, Event::ConnectionClosed { reason, .. } if *reason == wanted);
    world.server.count_events(is) > 0
}

/// The peer, at `address`, has dialled us as well.
fn dials_too(world: &mut World, address: Ipv4Addr) -> usize {
    let theirs = world.add_client();
    world.clients[theirs].address = address;
    world.connect(theirs);
    world.say(theirs, &control::start_request());
    theirs
}

#[test]
fn s3_1_3_against_a_higher_address_our_connection_gives_way_and_the_call_moves() {
    let mut world = world();
    call(&mut world, "pac");
    let ours = answer_tcp(&mut world);
    only(&mut world, ours, SCCRQ);
    // The peer has dialled too. It is at the same address, so it is the one that we call.
    let theirs = dials_too(&mut world, PEER);
    let heard = heard(&mut world, theirs);
    let kinds: Vec<u16> = heard.iter().map(|message| control::kind(message)).collect();
    assert_eq!(
        kinds,
        [2, OCRQ],
        "the reply, and our call on its connection"
    );
    assert!(world.clients[ours].disconnected);
    assert_eq!(
        world.clients[ours].heard,
        Vec::<Vec<u8>>::new(),
        "without another word"
    );
    assert!(was_closed(&world, CloseReason::CollisionLost));
    assert_eq!(
        peer_view(&world, "pac").connection,
        Some(ControlState::Established)
    );
}

#[test]
fn s3_1_3_against_a_lower_address_our_connection_lives_and_the_other_is_not_answered() {
    for own_succeeds in [true, false] {
        let mut world = world();
        call(&mut world, "low");
        let (own, _) = world.server.connects.remove(0);
        let ours = world.add_client();
        world.clients[ours].connection = Some(own);
        only(&mut world, ours, SCCRQ);
        let theirs = dials_too(&mut world, LOW_PEER);
        assert_eq!(heard(&mut world, theirs), Vec::<Vec<u8>>::new());
        if own_succeeds {
            world.say(ours, &control::start_reply(1));
            only(&mut world, ours, OCRQ);
            let id = world.clients[theirs].connection.unwrap();
            world.server.sessions.peer_closed(id, world.now);
            world.server.carry_out(world.now);
            assert!(was_closed(&world, CloseReason::CollisionWon));
        } else {
            // It was no collision after all: somebody else behind that address.
            world.server.sessions.peer_closed(own, world.now);
            world.server.carry_out(world.now);
            only(&mut world, theirs, 2);
        }
    }
}

#[test]
fn s3_1_3_a_request_that_has_not_left_collides_with_nothing() {
    let mut world = world();
    world.server.sessions.call("pac", world.now).unwrap();
    let theirs = world.add_client();
    assert_eq!(world.clients[theirs].address, PEER);
    world.connect(theirs);
    world.say(theirs, &control::start_request());
    only(&mut world, theirs, 2);
}

// ---- one space of Call IDs for each local address ----

/// Clients behind one NAT, all with Call ID 0 (L1, N4): each connection has a call of its own, and
/// one that leaves takes nothing from the other.
#[test]
fn l1_the_same_address_and_the_same_call_id_twice_are_two_calls() {
    let mut world = World::new(Setup::default());
    let mut ours = Vec::new();
    for _ in 0..2 {
        let place = world.add_client();
        world.clients[place].address = PEER;
        world.clients[place].local_call_id = 0;
        world.clients[place].dead = true;
        world.connect(place);
        world.say(place, &control::start_request());
        world.say(place, &control::call_request(0));
        let heard = heard(&mut world, place);
        assert_eq!((control::peer_call_id(&heard[1]), heard[1][16]), (0, 1));
        ours.push(control::call_id(&heard[1]));
    }
    assert_ne!(ours[0], ours[1]);
    // On one connection it is one name.
    world.say(0, &control::call_request(0));
    let refused = only(&mut world, 0, 8);
    assert_eq!(
        (refused[16], refused[17]),
        (2, 5),
        "general error, bad Call ID"
    );
    world.say(0, &control::call_clear(0));
    let notify = only(&mut world, 0, CDN);
    assert_eq!(control::call_id(&notify), ours[0]);
    assert_eq!(heard(&mut world, 1), Vec::<Vec<u8>>::new());
    assert_eq!(world.server.sessions.call_count(), 1);
    assert_eq!(only_view(&world).flow.call_id.get(), ours[1]);
}
