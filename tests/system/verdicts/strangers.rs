//! Attempts that never became a call, and calls that have not ended.

use std::net::SocketAddrV4;

use super::super::server::SERVER;
use super::*;

#[test]
fn limits_on_connections_are_800_and_limits_on_calls_are_619() {
    let setup = Setup {
        adjust: |config| {
            config.limits.calls_max = 1;
            config.limits.control_connections_per_source_max = 1;
        },
        ..Setup::default()
    };
    let mut world = World::new(setup);
    let first = world.bring_up();
    let second = world.add_client();
    world.dial(second);
    let row = of_peer(&world, second);
    let mut calls: Vec<_> = explain(&world, &Subject::Peer(world.clients[second].address));
    let refused = calls.remove(0);
    let names = ["call", "call_refused.calls", "calls_full"];
    assert_account(
        &refused,
        names,
        Some(619),
        &["server.calls_max", "its Call ID 257"],
    );
    assert_eq!((&*row.state, &*row.waits_for), ("live", "call_request"));

    let address = world.clients[first].address;
    for port in 0..10_000 {
        let peer = SocketAddrV4::new(address, port);
        let accepted = world.server.sessions.accept(peer, SERVER, world.now);
        assert!(accepted.is_err());
    }
    let mut rows = explain(&world, &Subject::Peer(address));
    assert_eq!(rows.len(), 2, "a flood takes one place");
    let names = [
        "tcp",
        "not_accepted.control_connections_per_source",
        "source_full",
    ];
    let words = ["10000 times", "server.control_connections_per_source_max"];
    assert_account(&rows.remove(0), names, Some(800), &words);
    let elsewhere = Ipv4Addr::new(203, 0, 113, 1);
    let peer = SocketAddrV4::new(elsewhere, 1);
    assert!(
        world
            .server
            .sessions
            .accept(peer, elsewhere, world.now)
            .is_err()
    );
    let row = explain(&world, &Subject::Peer(elsewhere)).remove(0);
    let names = ["tcp", "not_accepted.local_address_unknown", "not_listening"];
    assert_account(&row, names, Some(800), &["server.listen"]);
}

#[test]
fn connections_that_never_speak_pptp_are_told_from_those_that_never_speak() {
    let mut world = World::new(Setup::default());
    let silent = world.add_client();
    world.connect(silent);
    let browser = world.add_client();
    world.connect(browser);
    world.say(browser, b"GET / HTTP/1.1\r\nHost: vpn\r\n\r\n");
    let idle = world.add_client();
    world.connect(idle);
    world.say(idle, &control::start_request());
    let live = of_peer(&world, silent);
    assert_eq!(
        (&*live.state, &*live.waits_for),
        ("live", "control_connection")
    );
    pass(&mut world, 200);
    let names = ["tcp", "no_call.establish_timeout", "said_nothing"];
    assert_account(&of_peer(&world, silent), names, Some(800), &["port scan"]);
    let names = ["tcp", "no_call.malformed", "not_pptp"];
    assert_account(&of_peer(&world, browser), names, Some(619), &["ALG"]);
    let names = ["control_connection", "no_call.no_call", "no_call_asked"];
    assert_account(&of_peer(&world, idle), names, Some(619), &["\"cananian\""]);
}

#[test]
fn a_live_call_says_what_it_waits_for_and_is_found_by_user_call_and_peer() {
    let mut world = World::new(Setup::default());
    let place = world.add_client();
    world.clients[place].dead = true;
    world.dial(place);
    world.pass(Duration::from_millis(20));
    let row = of_peer(&world, place);
    assert_eq!(
        (&*row.state, &*row.stage, &*row.waits_for),
        ("live", "lcp", "lcp")
    );
    assert!(row.conclusion.contains("first GRE packet"), "{row:?}");

    let up = world.bring_up();
    let of_user = explain(&world, &Subject::User("alice".into()));
    assert_eq!(of_user.len(), 1);
    let call_id = of_user[0].local_call_id.expect("a call");
    let of_call = explain(&world, &Subject::CallId(call_id));
    assert_eq!(of_call, of_user);
    assert_eq!(of_call[0].peer_address, Some(world.clients[up].address));
    assert_eq!(
        (&*of_call[0].waits_for, &*of_call[0].conclusion),
        ("nothing", "is up.")
    );
    let steps: Vec<_> = of_call[0].steps.iter().map(|step| &*step.step).collect();
    let all = "connected asked placed heard lcp_agreed named accepted encrypted network_up";
    assert_eq!(steps.join(" "), all);
    pass(&mut world, 1);
    let stranger = Subject::CallId(call_id.wrapping_add(1).max(1));
    assert!(explain(&world, &stranger).is_empty());
}
