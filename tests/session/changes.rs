//! Where a live call leads, how long its packets may be, and what a server says of it anew: changed
//! without anything else that happens to the call.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::aaa::{Decision, Denial, Rejection};
use pns::session::CallState;
use pns::wire::prefix::Prefix;

use super::ppp_client::PppClient;
use super::world::{World, with_grant};

fn network(third: u8) -> Prefix {
    Prefix::new(Ipv4Addr::new(10, 3, third, 0), 24).unwrap()
}

/// Alice is on the line, and 10.3.0.0/24 and 10.3.1.0/24 lie behind her.
fn branch() -> World {
    let mut world = World::new();
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            grant.networks = [network(0), network(1)].into()
        })
    });
    world.dial(&mut PppClient::new("alice", "wonderland-7"));
    let ways = [
        ("set", network(0)),
        ("set", network(1)),
        ("route", network(0)),
        ("route", network(1)),
    ];
    assert_eq!(world.ways, ways);
    world.ways.clear();
    world.commands.clear();
    world
}

fn words(world: &World) -> Vec<&'static str> {
    world.commands.iter().map(|it| it.0).collect()
}

/// Issue 5, CoA: any subset of the policy, without a lost packet: what stays is not touched.
#[test]
fn a_live_call_leads_elsewhere_and_what_stays_is_not_touched() {
    let mut world = branch();
    let flow = world.flow.unwrap();
    let to = |networks: &[Prefix]| Some(networks.into());
    let networks = to(&[network(1), network(2)]);
    assert!(
        world
            .sessions
            .change_network(flow, networks.clone(), None, world.now)
    );
    world.run();
    let ways = [
        ("set", network(2)),
        ("cleared", network(0)),
        ("route_cleared", network(0)),
        ("route", network(2)),
    ];
    assert_eq!(world.ways, ways);
    assert_eq!(
        words(&world),
        ["lead_to"],
        "nothing else happens to the call"
    );
    // The same again is nothing new.
    assert!(
        world
            .sessions
            .change_network(flow, networks, None, world.now)
    );
    world.run();
    assert_eq!((world.ways.len(), world.commands.len()), (4, 1));
    // With the call, what it led to last is gone, and nothing else is.
    world.ways.clear();
    world.sessions.stop(world.now);
    world.run();
    world.pass(Duration::from_secs(5));
    let mut gone: Vec<_> = world.ways.iter().filter(|it| it.0 == "cleared").collect();
    gone.sort_by_key(|it| it.1);
    assert_eq!(gone, [&("cleared", network(1)), &("cleared", network(2))]);
}

#[test]
fn a_call_without_networks_gets_some_and_loses_them_again() {
    let mut world = World::new();
    world.dial(&mut PppClient::new("alice", "wonderland-7"));
    let flow = world.flow.unwrap();
    assert!(world.ways.is_empty());
    let networks = Some([network(7)].into());
    assert!(
        world
            .sessions
            .change_network(flow, networks, None, world.now)
    );
    world.run();
    assert_eq!(world.ways, [("set", network(7)), ("route", network(7))]);
    assert_eq!(world.commands.last().unwrap().0, "lead_to");
    world.ways.clear();
    assert!(
        world
            .sessions
            .change_network(flow, Some([].into()), None, world.now)
    );
    world.run();
    let ways = [("cleared", network(7)), ("route_cleared", network(7))];
    assert_eq!(world.ways, ways);
}

#[test]
fn the_longest_packet_to_a_client_changes_on_a_live_call() {
    let mut world = branch();
    let flow = world.flow.unwrap();
    let before = world.mtu.unwrap();
    for (granted, mtu) in [(900, 900), (65_000, before)] {
        assert!(
            world
                .sessions
                .change_network(flow, None, Some(granted), world.now)
        );
        world.run();
        assert_eq!(
            world.mtu,
            Some(mtu),
            "as much as the client receives, and not more"
        );
    }
    assert_eq!(words(&world), ["forward_downstream", "forward_downstream"]);
    assert!(world.ways.is_empty());
}

/// RFC 5176 §3.2: the grant of the server is what holds from here on, and a refusal ends the call.
#[test]
fn what_a_server_says_anew_of_a_live_call_holds() {
    let mut world = branch();
    let flow = world.flow.unwrap();
    let (call, caller, user, access) = world.sessions.subject(flow).unwrap();
    assert_eq!((caller.flow, user), (flow, "alice"));
    let sent = pns::ppp::link::Credentials::Pap {
        name: b"alice".to_vec(),
        password: b"wonderland-7".to_vec(),
    };
    let mut open = (*access).clone();
    open.methods = vec![pns::ppp::link::Method::Pap];
    let decision = world.users.decide(&sent, &open.into(), world.now);
    let decision = with_grant(decision, |grant| {
        grant.networks = [network(1)].into();
        grant.network.mtu_max = Some(800);
        grant.network.policy.session_limit = Some(Duration::from_secs(3600));
    });
    assert!(world.sessions.reauthorized(call, decision, world.now));
    world.run();
    assert_eq!(world.mtu, Some(800));
    let ways = [("cleared", network(0)), ("route_cleared", network(0))];
    assert_eq!(world.ways, ways);
    let state = |world: &World| world.sessions.views().next().map(|call| call.state);
    // Nobody answered: nothing changes.
    let silence = |rejection| Decision::Deny(Box::new(Denial::from(rejection)));
    let decision = silence(Rejection::RadiusNoAnswer);
    assert!(!world.sessions.reauthorized(call, decision, world.now));
    assert_eq!(state(&world), Some(CallState::Network));
    let decision = silence(Rejection::RadiusRefused);
    assert!(world.sessions.reauthorized(call, decision, world.now));
    world.run();
    world.pass(Duration::from_secs(5));
    assert_eq!(world.end_reason(), "disconnect_requested");
    assert!(world.sessions.subject(flow).is_none());
}
