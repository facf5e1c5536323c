//! Decisions as authentication servers make them: limits, addresses, and their own words.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::aaa::{Decision, Denial, Rejection};
use pns::flow::Authenticated;
use pns::session::Account;
use pns::session::verdict::{Finding, Key, Verdict};
use pns::wire::chap::FailureCode;

use super::ppp_client::PppClient;
use super::world::{World, with_grant};

fn alice() -> PppClient {
    PppClient::new("alice", "wonderland-7")
}

fn verdict(world: &World) -> Verdict {
    let accounts = world.sessions.explain(&Key::User(b"alice".to_vec()), 1);
    match accounts.into_iter().next() {
        Some(Account::Ended(verdict)) => *verdict,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_ends_when_the_time_granted_is_over() {
    let mut world = World::new();
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            grant.network.policy.session_limit = Some(Duration::from_secs(20));
        })
    });
    world.dial(&mut alice());
    world.pass(Duration::from_secs(19));
    assert!(world.sessions.call_count() == 1);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.end_reason(), "link.session_timeout");
    assert_eq!(verdict(&world).finding, Finding::SessionTimeUp);
    world.assert_all_given_back();
}

/// Of an address that lies in a pool, nobody else gets it from there.
#[test]
fn an_address_that_a_server_names_is_leased_once_wherever_it_lies() {
    for address in [Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(172, 20, 0, 9)] {
        let mut world = World::new();
        world.elsewhere = Some(match address.octets() {
            [10, ..] => |decision| {
                with_grant(decision, |grant| {
                    grant.address = Some(Ipv4Addr::new(10, 77, 0, 100));
                })
            },
            _ => |decision| {
                with_grant(decision, |grant| {
                    grant.address = Some(Ipv4Addr::new(172, 20, 0, 9));
                })
            },
        });
        let mut first = alice();
        let id = world.dial(&mut first);
        assert_eq!(first.address, address);
        world.dial(&mut alice());
        assert_eq!(world.end_reason(), "no_address.static_address_in_use");
        world.elsewhere = None;
        let mut third = alice();
        world.dial(&mut third);
        assert_ne!(third.address, address);
        world.sessions.peer_closed(id, world.now);
        world.run();
        assert!(!world.leases.contains(&address));
    }
}

#[test]
fn a_client_may_name_its_address_where_the_server_leaves_it_to_it() {
    let mut world = World::new();
    world.elsewhere =
        Some(|decision| with_grant(decision, |grant| grant.network.client_chooses = true));
    let mut client = alice();
    client.address = Ipv4Addr::new(10, 77, 0, 105);
    world.dial(&mut client);
    assert_eq!(client.address, Ipv4Addr::new(10, 77, 0, 105));
}

/// The classic error 742, with server and attribute.
#[test]
fn keys_that_a_server_did_not_send_are_named_in_the_verdict() {
    let mut world = World::new();
    world.elsewhere = Some(|decision| {
        with_grant(decision, |grant| {
            let policy = grant.authenticated.policy();
            grant.authenticated = Authenticated::without_login(policy, None);
            let remark = "RADIUS server \"main\" (192.0.2.1:1812), which sent no MS-MPPE-Send-Key,";
            grant.remark = Some(remark.into());
        })
    });
    world.dial(&mut alice());
    world.pass(Duration::from_secs(5));
    let verdict = verdict(&world);
    assert_eq!(verdict.finding, Finding::KeysMissing);
    let text = verdict.conclusion();
    assert!(
        text.contains("\"main\"") && text.contains("sent no MS-MPPE-Send-Key"),
        "{text}"
    );
}

#[test]
fn a_refusal_ends_as_the_server_wants_and_the_verdict_has_its_words() {
    let mut world = World::new();
    world.elsewhere = Some(|_| {
        Decision::Deny(Box::new(Denial {
            code: FailureCode::AccountDisabled,
            text: "Pay your bill".into(),
            retry: false,
            detail: Some("RADIUS server \"main\" refused it, saying \"Pay your bill\"".into()),
            ..Denial::from(Rejection::RadiusRefused)
        }))
    });
    world.dial(&mut alice());
    world.pass(Duration::from_secs(5));
    assert_eq!(world.end_reason(), "link.account_disabled");
    let verdict = verdict(&world);
    assert!(
        verdict
            .facts
            .detail
            .as_deref()
            .unwrap()
            .contains("Pay your bill")
    );
    let refused = |world: &World| {
        let sent = world.commands.iter().map(|(_, frame)| frame);
        sent.filter(|frame| frame.windows(13).any(|it| it == b"Pay your bill"))
            .count()
    };
    assert_eq!(refused(&world), 1, "the client is told");
}

#[test]
fn a_refusal_by_a_server_is_a_finding_of_its_own() {
    let mut world = World::new();
    world.elsewhere = Some(|_| {
        Decision::Deny(Box::new(Denial {
            retry: false,
            detail: Some("192.0.2.1 and 192.0.2.2".into()),
            ..Denial::from(Rejection::RadiusNoAnswer)
        }))
    });
    world.dial(&mut alice());
    world.pass(Duration::from_secs(5));
    let verdict = verdict(&world);
    assert_eq!(verdict.finding, Finding::RadiusNoAnswer);
    assert!(verdict.conclusion().contains("192.0.2.1 and 192.0.2.2"));
}
