//! A live call is asked again who it is (RFC 1994 §2).

use super::methods::{WRONG, asking, eap, granted, proof};
use crate::dialogues::{CCP_128, address, find};
use crate::server::{LEASE, Server, names, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig, Method, MppePolicy, Phase, Refusal};
use pns::wire::chap::Chap;
use pns::wire::eap::kind;
use pns::wire::ppp::Protocol;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(600);

/// A live call that is asked again every ten minutes.
fn live(method: Method) -> (Server, u8) {
    live_with(
        method,
        LinkConfig {
            methods: vec![method],
            mppe: MppePolicy::OPTIONAL,
            reauthentication_interval: INTERVAL,
            echo_interval: Duration::ZERO,
            ..LinkConfig::default()
        },
    )
}

fn live_with(method: Method, config: LinkConfig) -> (Server, u8) {
    let (mut server, identifier) = asking(method, config);
    server.input(Input::Frame(&proof(method, identifier)));
    let keys = method.can_give_keys();
    let mut heard = server.input(granted(keys));
    if keys {
        let ours = find(&heard, Protocol::CCP, 1);
        server.packet(Protocol::CCP, 1, 1, CCP_128);
        heard = server.packet(Protocol::CCP, 2, ours.identifier, CCP_128);
    }
    let ours = find(&heard, Protocol::IPCP, 1);
    server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    let heard = server.packet(Protocol::IPCP, 2, ours.identifier, &ours.data);
    assert_eq!(names(&heard).last().unwrap(), "NetworkUp");
    (server, identifier)
}

#[test]
fn a_live_call_is_asked_again_and_goes_on_with_the_keys_it_has() {
    for method in [
        Method::ChapMd5,
        Method::MsChapV1,
        Method::MsChapV2,
        Method::Eap,
    ] {
        let (mut server, mut identifier) = live(method);
        for _ in 0..3 {
            assert_eq!(server.pass(INTERVAL - Duration::from_secs(1)), []);
            let heard = server.pass(Duration::from_secs(1));
            let question = &packets(&heard)[0];
            assert_eq!((heard.len(), question.code), (1, 1), "{method}");
            assert_ne!(
                question.identifier, identifier,
                "another Identifier each time"
            );
            identifier = question.identifier;
            // Lost once.
            let again = server.pass(Duration::from_secs(3));
            assert_eq!(packets(&again), packets(&heard));
            let heard = server.input(Input::Frame(&proof(method, identifier)));
            assert_eq!(names(&heard), ["Authenticate"]);
            // No Arm, no Forward, no second network: the answer and nothing else.
            let heard = server.input(granted(method.can_give_keys()));
            assert_eq!((heard.len(), packets(&heard)[0].code), (1, 3), "{method}");
            let again = server.input(Input::Frame(&proof(method, identifier)));
            assert_eq!(packets(&again), packets(&heard), "P4");
            assert_eq!(server.link.phase(), Phase::Network);
        }
    }
}

#[test]
fn a_live_call_that_cannot_prove_itself_ends() {
    for method in [Method::ChapMd5, Method::MsChapV2, Method::Eap] {
        let (mut server, _) = live(method);
        let heard = server.pass(INTERVAL);
        let identifier = packets(&heard)[0].identifier;
        server.input(Input::Frame(&proof(method, identifier)));
        // No second attempt, though retries are allowed at the start of a call.
        let heard = server.input(WRONG);
        assert_eq!(names(&heard).last().unwrap(), "LCP TerminateRequest");
        let reason = server.link.end_reason();
        assert_eq!(reason, Some(EndReason::ReauthenticationFailed), "{method}");
        // Nor may it stay silent.
        let (mut server, _) = live(method);
        server.pass(INTERVAL + Duration::from_secs(31));
        let reason = server.link.end_reason();
        assert_eq!(reason, Some(EndReason::AuthenticationTimeout), "{method}");
    }
}

#[test]
fn an_owner_may_ask_at_any_time_but_not_twice_at_once_and_never_by_pap() {
    let (mut server, _) = live(Method::MsChapV2);
    let heard = server.input(Input::Reauthenticate);
    assert_eq!(names(&heard), ["Challenge"]);
    assert_eq!(server.input(Input::Reauthenticate), []);
    let identifier = packets(&heard)[0].identifier;
    server.input(Input::Frame(&proof(Method::MsChapV2, identifier)));
    assert_eq!(server.input(Input::Reauthenticate), [], "someone decides");
    assert_eq!(names(&server.input(granted(true))), ["Success"]);
    assert_eq!(names(&server.input(Input::Reauthenticate)), ["Challenge"]);
    let (mut server, _) = live(Method::Pap);
    assert_eq!(server.input(Input::Reauthenticate), []);
    assert_eq!(server.pass(INTERVAL * 2), []);
    // Before the network is up there is nothing to repeat.
    let (mut server, identifier) = asking(Method::MsChapV2, LinkConfig::default());
    assert_eq!(server.input(Input::Reauthenticate), []);
    server.input(Input::Frame(&proof(Method::MsChapV2, identifier)));
    server.input(granted(true));
    assert_eq!(server.input(Input::Reauthenticate), []);
}

#[test]
fn what_an_authenticator_says_does_not_hurt_when_it_comes_from_outside() {
    let (mut server, identifier) = live(Method::MsChapV2);
    for packet in [
        Chap::Challenge {
            identifier: 1,
            value: &[1; 16],
            name: b"mallory",
        },
        Chap::Success {
            identifier,
            message: b"S=00",
        },
        Chap::Failure {
            identifier,
            message: b"E=691 R=0",
        },
    ] {
        assert_eq!(server.input(Input::Frame(&packet.to_frame())), []);
    }
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedChap), 3);
    // A response that nobody asked for, and one to a question of long ago.
    let late = proof(Method::MsChapV2, identifier.wrapping_add(1));
    assert_eq!(server.input(Input::Frame(&late)), []);
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedResponse), 1);
    assert_eq!(
        server.input(Input::Frame(&eap(identifier, kind::IDENTITY, b"x"))),
        []
    );
    assert_eq!(server.link.phase(), Phase::Network);
    // Decisions on nothing.
    assert_eq!(server.input(granted(true)), []);
    assert_eq!(server.input(WRONG), []);
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedDecision), 2);
    assert_eq!(server.link.end_reason(), None);
}
