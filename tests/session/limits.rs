//! What a call was granted of time and traffic, and its change while the call lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pns::aaa::{AtSessionLimit, Decision, Denial, PolicyChange, QuotaChange, Rate, Rejection};
use pns::flow::FlowTotals;
use pns::session::verdict::{Finding, Key};
use pns::session::{Account, EndReason, Standing};

use super::ppp_client::PppClient;
use super::world::{World, with_grant};

fn alice() -> PppClient {
    PppClient::new("alice", "wonderland-7")
}

/// What the call has carried by now, in packets of a thousand bytes each way.
fn counted(world: &mut World) -> Arc<AtomicU64> {
    let carried = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&carried);
    world.sessions.count_by(Box::new(move |_, _| {
        let packets = counter.load(Ordering::Relaxed);
        FlowTotals {
            upstream_packets: packets,
            downstream_packets: packets,
            upstream_bytes: packets * 1000,
            downstream_bytes: packets * 1000,
            ..FlowTotals::default()
        }
    }));
    carried
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// Time passes, and the client answers what it is asked.
fn live(world: &mut World, client: &mut PppClient, seconds: u64) {
    world.pass_with(Duration::from_secs(seconds), |world, frames| {
        let answers = frames.iter().flat_map(|frame| client.handle(frame));
        let answers: Vec<_> = answers.collect();
        if !answers.is_empty() {
            world.talk(client, answers);
        }
    });
}

fn finding(world: &World) -> Finding {
    let accounts = world.sessions.explain(&Key::User(b"alice".to_vec()), 1);
    match accounts.into_iter().next() {
        Some(Account::Ended(verdict)) => verdict.finding,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_ends_when_it_carries_nothing_for_too_long() {
    let mut world = World::new();
    let carried = counted(&mut world);
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            grant.network.policy.idle_limit = seconds(40)
        })
    });
    let mut client = alice();
    world.dial(&mut client);
    for _ in 0..10 {
        carried.fetch_add(1, Ordering::Relaxed);
        live(&mut world, &mut client, 10);
    }
    assert_eq!(world.sessions.call_count(), 1, "it is not idle");
    live(&mut world, &mut client, 29);
    assert_eq!(world.sessions.call_count(), 1);
    live(&mut world, &mut client, 25);
    assert_eq!(world.end_reason(), "link.idle_timeout");
}

#[test]
fn a_call_ends_when_its_quota_is_used() {
    let mut world = World::new();
    let carried = counted(&mut world);
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            grant.network.policy.quota.total_bytes = 10_000
        })
    });
    let mut client = alice();
    world.dial(&mut client);
    carried.store(4, Ordering::Relaxed);
    live(&mut world, &mut client, 100);
    assert_eq!(world.sessions.call_count(), 1);
    carried.store(5, Ordering::Relaxed);
    live(&mut world, &mut client, 4);
    assert_eq!(world.end_reason(), "quota_used");
    assert_eq!(finding(&world), Finding::QuotaUsed);
    world.assert_all_given_back();
}

/// RFC 2865 §5.29: RADIUS-Request.
#[test]
fn at_its_end_a_call_may_go_on_after_another_proof() {
    let mut world = World::new();
    let mut client = alice();
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            grant.network.policy.session_limit = seconds(20);
            grant.network.policy.at_session_limit = AtSessionLimit::Reauthenticate;
        })
    });
    world.dial(&mut client);
    for _ in 0..3 {
        world.now = world.now + Duration::from_secs(21);
        world.sessions.handle_timeout(world.now);
        let asked: Vec<_> = world
            .run()
            .iter()
            .flat_map(|frame| client.handle(frame))
            .collect();
        assert!(!asked.is_empty(), "it is asked");
        world.talk(&mut client, asked);
        assert_eq!(world.sessions.call_count(), 1);
    }
    // The server says no.
    world.elsewhere = Some(|_| Decision::Deny(Box::new(Denial::from(Rejection::RadiusRefused))));
    world.now = world.now + Duration::from_secs(21);
    world.sessions.handle_timeout(world.now);
    let asked: Vec<_> = world
        .run()
        .iter()
        .flat_map(|frame| client.handle(frame))
        .collect();
    world.talk(&mut client, asked);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.end_reason(), "link.reauthentication_failed");
}

#[test]
fn a_client_that_does_not_answer_once_more_has_had_its_time() {
    let mut world = World::new();
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            grant.network.policy.session_limit = seconds(20);
            grant.network.policy.at_session_limit = AtSessionLimit::Reauthenticate;
        })
    });
    world.dial(&mut alice());
    world.pass(Duration::from_secs(19));
    assert_eq!(world.sessions.call_count(), 1);
    for _ in 0..60 {
        world.pass(Duration::from_secs(1));
    }
    assert!(
        ["link.session_timeout", "link.authentication_timeout"].contains(&&*world.end_reason())
    );
}

#[test]
fn rates_reach_the_worker_behind_the_proof_and_again_when_they_change() {
    let mut world = World::new();
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            grant.network.policy.rates.upstream = Rate::of_bps(64_000);
        })
    });
    world.dial(&mut alice());
    assert!(world.position("authorise") < world.position("shape"));
    assert_eq!(world.rates.last().unwrap().upstream.sustained_kbps, 64);
    let flow = world.flow.unwrap();
    let before = world.commands.len();
    let change = PolicyChange {
        downstream: Some(Rate::of_bps(1_000_000)),
        ..PolicyChange::default()
    };
    assert!(world.sessions.change(flow, &change, world.now));
    world.run();
    let since: Vec<_> = world.commands[before..].iter().map(|it| it.0).collect();
    assert_eq!(since, ["shape"], "nothing else happens to the call");
    let rates = world.rates.last().unwrap();
    assert_eq!(rates.upstream.sustained_kbps, 64);
    assert_eq!(rates.downstream.sustained_kbps, 1000);
    // The same again is nothing new.
    assert!(world.sessions.change(flow, &change, world.now));
    world.run();
    assert_eq!(world.commands.len(), before + 1);
}

#[test]
fn times_and_quotas_change_on_a_live_call() {
    let mut world = World::new();
    let carried = counted(&mut world);
    let mut client = alice();
    world.dial(&mut client);
    let flow = world.flow.unwrap();
    live(&mut world, &mut client, 100);
    let change = PolicyChange {
        session_limit: seconds(150),
        ..PolicyChange::default()
    };
    assert!(world.sessions.change(flow, &change, world.now));
    live(&mut world, &mut client, 45);
    assert_eq!(world.sessions.call_count(), 1);
    // The limit is taken away again, and a quota comes.
    let change = PolicyChange {
        session_limit: seconds(0),
        quota: QuotaChange {
            upstream_bytes: Some(3000),
            ..QuotaChange::default()
        },
        ..PolicyChange::default()
    };
    assert!(world.sessions.change(flow, &change, world.now));
    live(&mut world, &mut client, 100);
    assert_eq!(world.sessions.call_count(), 1);
    carried.store(3, Ordering::Relaxed);
    live(&mut world, &mut client, 2);
    live(&mut world, &mut client, 2);
    assert_eq!(world.end_reason(), "quota_used");
    assert!(
        !world.sessions.change(flow, &change, world.now),
        "it is gone"
    );
}

/// RFC 5176 §3.
#[test]
fn a_call_says_who_it_is_and_ends_when_it_is_asked_for() {
    let mut world = World::new();
    let mut client = alice();
    world.dial(&mut client);
    let flow = world.flow.unwrap();
    let (identity, standing) = world.sessions.identity_of(flow).unwrap();
    assert_eq!(standing, Standing::Live);
    assert_eq!(identity.users, ["alice".into()]);
    assert_eq!(identity.nas_port, flow.pack());
    assert_eq!(identity.nas_port_id, format!("pptp-{}", flow.call_id.get()));
    assert_eq!(identity.calling, super::world::CLIENT.to_string());
    assert_eq!(identity.lease, Some(world.leases[0]));
    let flows: Vec<_> = world
        .sessions
        .flows_in(0..world.sessions.places())
        .collect();
    assert_eq!(flows, [flow]);
    world
        .sessions
        .end(flow, EndReason::DisconnectRequested, world.now);
    let (_, standing) = world.sessions.identity_of(flow).unwrap();
    assert_eq!(standing, Standing::Ending);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.end_reason(), "disconnect_requested");
    assert_eq!(finding(&world), Finding::DisconnectRequested);
}
