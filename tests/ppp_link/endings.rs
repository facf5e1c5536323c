//! How links end, and what makes them start over.

use crate::dialogues::{CCP_128, address, authenticating, encrypted, find, granted, response, up};
use crate::server::{GRANT, LEASE, PROOF, Sent, Server, names, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig, MppePolicy, Phase, Refusal};
use pns::wire::ppp::{Protocol, code};
use std::time::Duration;

#[test]
fn nobody_decides_nobody_answers_nobody_is_there() {
    let long = Duration::from_secs(60);
    let (mut server, challenge) = authenticating(LinkConfig::default());
    server.input(Input::Frame(&response(challenge)));
    server.pass(long);
    assert_eq!(
        server.promises.end_reason(),
        Some(EndReason::DecisionTimeout)
    );

    let (mut server, _) = authenticating(LinkConfig::default());
    let heard = server.pass(long);
    assert_eq!(
        packets(&heard)
            .iter()
            .filter(|p| p.is(Protocol::CHAP, 1))
            .count(),
        9
    );
    assert_eq!(
        server.promises.end_reason(),
        Some(EndReason::AuthenticationTimeout)
    );

    let mut server = Server::new(LinkConfig::default(), 1);
    server.input(Input::LowerUp);
    let heard = server.pass(long);
    assert_eq!(
        packets(&heard)
            .iter()
            .filter(|p| p.is(Protocol::LCP, 1))
            .count(),
        9
    );
    assert_eq!(
        server.promises.end_reason(),
        Some(EndReason::NegotiationTimeoutLcp)
    );

    let (mut server, _) = granted(LinkConfig::default());
    server.pass(long);
    assert_eq!(
        server.promises.end_reason(),
        Some(EndReason::NegotiationTimeoutCcp)
    );

    let (mut server, _) = encrypted(LinkConfig::default());
    server.pass(long);
    assert_eq!(
        server.promises.end_reason(),
        Some(EndReason::NegotiationTimeoutIpcp)
    );
}

#[test]
fn a_client_without_ms_chap_v2_is_told_so_by_the_reason() {
    let reject = |wanted: &[u8], code: u8| {
        let mut server = Server::new(LinkConfig::default(), 1);
        server.input(Input::LowerUp);
        for identifier in 1..=5 {
            server.packet(Protocol::LCP, code, identifier, wanted);
        }
        server.pass(Duration::from_secs(10));
        server.promises.end_reason()
    };
    let expected = Some(EndReason::AuthenticationNotAgreed);
    assert_eq!(reject(&[3, 5, 0xc2, 0x23, 0x81], 4), expected, "Reject");
    assert_eq!(reject(&[3, 4, 0xc0, 0x23], 3), expected, "Nak towards PAP");
}

#[test]
fn a_silent_client_is_gone_after_its_echoes() {
    let config = LinkConfig {
        echo_failures_max: 3,
        ..LinkConfig::default()
    };
    let mut server = up(config);
    for _ in 0..10 {
        let heard = server.pass(Duration::from_secs(20));
        let request = find(&heard, Protocol::LCP, 9);
        server.packet(Protocol::LCP, 10, request.identifier, &[9, 9, 9, 9]);
    }
    let heard = server.pass(Duration::from_secs(4 * 20 + 6));
    assert_eq!(
        packets(&heard)
            .iter()
            .filter(|p| p.is(Protocol::LCP, 9))
            .count(),
        3
    );
    assert_eq!(server.promises.end_reason(), Some(EndReason::EchoTimeout));
}

#[test]
fn a_looped_link_is_recognized() {
    let mut server = Server::new(LinkConfig::default(), 1);
    let mut heard = server.input(Input::LowerUp);
    for _ in 0..40 {
        let back = packets(&heard);
        heard = Vec::new();
        for Sent {
            protocol,
            code,
            identifier,
            data,
        } in back
        {
            heard.extend(server.packet(protocol, code, identifier, &data));
        }
    }
    assert_eq!(server.link.end_reason(), Some(EndReason::LoopDetected));
    let mut server = up(LinkConfig::default());
    let magic = server.link.negotiated().local_magic.to_be_bytes();
    server.packet(Protocol::LCP, 10, 1, &magic);
    assert_eq!(
        server.link.end_reason(),
        None,
        "a careless Echo-Reply is not a loop"
    );
    for _ in 0..2 {
        server.packet(Protocol::LCP, 9, 1, &magic);
        assert_eq!(server.link.end_reason(), None, "nor are two Echo-Requests");
    }
    server.packet(Protocol::LCP, 9, 1, &magic);
    assert_eq!(server.link.end_reason(), Some(EndReason::LoopDetected));
}

#[test]
fn an_operator_closes_a_call() {
    let mut server = up(LinkConfig::default());
    let heard = server.input(Input::Close(EndReason::AdministrativeStop));
    assert_eq!(names(&heard), ["LCP TerminateRequest"]);
    let heard = server.input(Input::Close(EndReason::Shutdown));
    assert_eq!(heard, [], "the first reason stays");
    let heard = server.pass(Duration::from_secs(7));
    assert_eq!(
        names(&heard),
        ["LCP TerminateRequest", "Ended(AdministrativeStop)"]
    );
    // Before anything began there is nobody to tell.
    let mut server = Server::new(LinkConfig::default(), 1);
    let heard = server.input(Input::Close(EndReason::CallCleared));
    assert_eq!(names(&heard), ["Ended(CallCleared)"]);
    assert_eq!(server.input(Input::LowerUp), []);
}

/// pppd that is refused asks for the end while we do. It exits with the reason of its own only if it
/// hears our acknowledgment before the control connection closes.
#[test]
fn both_ends_hang_up_at_once() {
    let mut server = up(LinkConfig::default());
    let heard = server.input(Input::Close(EndReason::AdministrativeStop));
    assert_eq!(names(&heard), ["LCP TerminateRequest"]);
    let heard = server.packet(Protocol::LCP, code::TERMINATE_REQUEST, 2, b"bye");
    assert_eq!(names(&heard), ["LCP TerminateAck"]);
    assert_eq!(
        server.packet(Protocol::LCP, code::TERMINATE_ACK, 2, &[]),
        []
    );
    let heard = server.packet(Protocol::LCP, code::TERMINATE_REQUEST, 3, b"bye");
    assert_eq!(names(&heard), ["LCP TerminateAck"], "it was lost");
    assert_eq!(server.pass(Duration::from_millis(500)), []);
    let heard = server.pass(Duration::from_millis(600));
    assert_eq!(names(&heard), ["Ended(AdministrativeStop)"]);
}

#[test]
fn a_restart_of_lcp_before_the_keys_authenticates_anew() {
    let (mut server, challenge) = authenticating(LinkConfig::default());
    server.input(Input::Frame(&response(challenge)));
    let heard = server.packet(Protocol::LCP, 1, 1, &[5, 6, 9, 9, 9, 9]);
    assert_eq!(names(&heard), ["LCP Request", "LCP Ack"]);
    assert_eq!(server.link.phase(), Phase::Establish);
    // The decision on the old response comes too late.
    let late = Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    };
    assert_eq!(server.input(late), []);
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedDecision), 1);
    let request = find(&heard, Protocol::LCP, 1);
    let heard = server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    let second = find(&heard, Protocol::CHAP, 1);
    assert_ne!(second.identifier, challenge);
    assert_eq!(
        names(&server.input(Input::Frame(&response(second.identifier)))),
        ["Authenticate"]
    );
}

#[test]
fn the_client_refuses_a_protocol() {
    for (rejected, reason) in [
        (Protocol::LCP, Some(EndReason::ProtocolFailure)),
        (Protocol::CHAP, Some(EndReason::AuthenticationNotAgreed)),
        (Protocol::CCP, Some(EndReason::MppeProtocolRejected)),
        (Protocol::IPCP, Some(EndReason::NetworkRefusedByPeer)),
        (Protocol::IPV6CP, None),
    ] {
        let (mut server, _) = match rejected {
            Protocol::IPCP => {
                let (server, _) = encrypted(LinkConfig::default());
                (server, Vec::new())
            }
            _ => granted(LinkConfig::default()),
        };
        server.packet(
            Protocol::LCP,
            8,
            1,
            &[&rejected.0.to_be_bytes()[..], &[1, 1, 0, 4]].concat(),
        );
        assert_eq!(server.link.end_reason(), reason, "{rejected:?}");
    }
}

#[test]
fn an_endless_renegotiation_ends() {
    let mut server = up(LinkConfig {
        mppe: MppePolicy::REQUIRED,
        ..LinkConfig::default()
    });
    for round in 0..40 {
        // Another address each time: the table goes back to Req-Sent.
        let heard = server.packet(Protocol::IPCP, 1, round, &address([0; 4]));
        let Some(request) = packets(&heard)
            .into_iter()
            .find(|p| p.is(Protocol::IPCP, 1))
        else {
            break;
        };
        server.packet(Protocol::IPCP, 2, request.identifier, &request.data);
        server.packet(Protocol::IPCP, 1, round + 100, &address(LEASE.octets()));
    }
    assert_eq!(
        server.link.end_reason(),
        Some(EndReason::RenegotiationLimit)
    );
}

#[test]
fn a_renegotiation_that_comes_to_nothing_ends() {
    let mut server = up(LinkConfig::default());
    let mut heard = server.packet(Protocol::IPCP, 1, 50, &address([0; 4]));
    // The client takes each of our requests, and never asks for the lease again.
    for _ in 0..40 {
        for sent in packets(&heard) {
            if sent.is(Protocol::IPCP, code::CONFIGURE_REQUEST) {
                server.packet(Protocol::IPCP, 2, sent.identifier, &sent.data);
            }
        }
        heard = server.pass(Duration::from_secs(1));
    }
    let expected = Some(EndReason::NegotiationTimeoutIpcp);
    assert_eq!(server.link.end_reason(), expected);
}

#[test]
fn ccp_may_be_negotiated_anew_until_ipcp_is_acknowledged() {
    let (mut server, _) = encrypted(LinkConfig::default());
    let heard = server.packet(Protocol::CCP, 1, 50, &[18, 6, 1, 0, 0, 0xe0]);
    assert_eq!(names(&heard), ["CCP Request", "CCP Nak"]);
    let request = find(&heard, Protocol::CCP, 1);
    // IPCP waits again.
    assert_eq!(
        server.packet(Protocol::IPCP, 1, 51, &address(LEASE.octets())),
        []
    );
    assert_eq!(
        names(&server.packet(Protocol::CCP, 1, 52, CCP_128)),
        ["CCP Ack"]
    );
    let heard = server.packet(Protocol::CCP, 2, request.identifier, CCP_128);
    assert_eq!(
        names(&heard),
        ["IPCP Request", "ForwardUpstream", "IPCP Ack"]
    );
}

#[test]
fn a_quiet_link_is_small() {
    // A million of them have to fit, beside their session.
    let size = size_of::<pns::ppp::link::Link>();
    assert!(size <= 1400, "{size} bytes");
}
