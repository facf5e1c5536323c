//! Links that start over while they are in use: no key twice, nothing in the clear, and the call goes on.

use crate::dialogues::{CCP_128, PPPD_LCP, address, encrypted, find, response, up};
use crate::server::{GRANT, Heard, LEASE, PROOF, Server, names, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig, Output, Phase};
use pns::wire::ppp::{Protocol, code};
use std::time::Duration;

/// What pppd asks for when it starts LCP over: another magic number.
const AGAIN: &[u8] = &[2, 6, 0, 0, 0, 0, 5, 6, 9, 9, 9, 9, 7, 2, 8, 2];

/// From the challenge to the network, as at the first time.
fn log_in(server: &mut Server, challenge: u8) {
    let heard = server.input(Input::Frame(&response(challenge)));
    assert_eq!(names(&heard), ["Authenticate"]);
    let heard = server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    });
    assert_eq!(names(&heard), ["Success", "CCP Request"]);
    let request = find(&heard, Protocol::CCP, code::CONFIGURE_REQUEST);
    let heard = server.packet(Protocol::CCP, 1, 90, CCP_128);
    assert_eq!(names(&heard), ["ArmUpstream", "CCP Ack"]);
    let heard = server.packet(Protocol::CCP, 2, request.identifier, CCP_128);
    assert_eq!(names(&heard), ["ArmDownstream", "IPCP Request"]);
    let request = find(&heard, Protocol::IPCP, code::CONFIGURE_REQUEST);
    server.packet(Protocol::IPCP, 2, request.identifier, &request.data);
    let heard = server.packet(Protocol::IPCP, 1, 91, &address(LEASE.octets()));
    let expected = [
        "ForwardUpstream",
        "IPCP Ack",
        "ForwardDownstream { peer_mru: 1500 }",
    ];
    assert_eq!(
        names(&heard),
        expected,
        "the network is up, and was said to be"
    );
    assert_eq!(server.link.phase(), Phase::Network);
}

/// LCP is open again; answers the identifier of the challenge.
fn restart_lcp(server: &mut Server, identifier: u8) -> u8 {
    let heard = server.packet(Protocol::LCP, 1, identifier, AGAIN);
    assert_eq!(names(&heard), ["Suspend", "LCP Request", "LCP Ack"]);
    assert_eq!(server.link.phase(), Phase::Establish);
    let request = find(&heard, Protocol::LCP, code::CONFIGURE_REQUEST);
    let heard = server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    assert_eq!(names(&heard), ["Challenge"]);
    find(&heard, Protocol::CHAP, 1).identifier
}

#[test]
fn s3_4_a_configure_request_in_the_opened_state_goes_back_to_the_establishment_phase() {
    let mut server = up(LinkConfig::default());
    let challenge = restart_lcp(&mut server, 200);
    // Whatever was agreed above LCP is gone: it is not even listened to.
    for (protocol, data) in [(Protocol::CCP, CCP_128), (Protocol::IPCP, &address([0; 4]))] {
        assert_eq!(server.packet(protocol, 1, 201, data), []);
    }
    log_in(&mut server, challenge);
    assert_eq!(server.link.end_reason(), None);
    assert_eq!(server.link.negotiated().peer_magic, 0x0909_0909);
}

#[test]
fn a_restart_of_lcp_after_the_keys_were_armed_asks_for_new_ones() {
    let (mut server, _) = encrypted(LinkConfig::default());
    let challenge = restart_lcp(&mut server, 200);
    let heard = server.input(Input::Frame(&response(challenge)));
    assert_eq!(names(&heard), ["Authenticate"]);
}

#[test]
fn a_link_that_starts_over_and_stays_silent_ends() {
    let mut server = up(LinkConfig::default());
    server.packet(Protocol::LCP, 1, 200, AGAIN);
    server.pass(Duration::from_secs(60));
    let ended = server.promises.end_reason();
    assert_eq!(ended, Some(EndReason::NegotiationTimeoutLcp));

    let mut server = up(LinkConfig::default());
    restart_lcp(&mut server, 200);
    server.pass(Duration::from_secs(60));
    let ended = server.promises.end_reason();
    assert_eq!(ended, Some(EndReason::AuthenticationTimeout));
}

#[test]
fn ccp_that_is_opened_again_needs_another_login() {
    for data in [&[18, 6, 1, 0, 0, 0x20][..], &[]] {
        let mut server = up(LinkConfig::default());
        let heard = server.packet(Protocol::CCP, 1, 200, data);
        // Not a word of CCP: the old keys are spent.
        assert_eq!(names(&heard), ["Suspend", "Challenge"]);
        assert_eq!(server.link.phase(), Phase::Authenticate);
        let challenge = find(&heard, Protocol::CHAP, 1).identifier;
        assert_eq!(server.packet(Protocol::CCP, 1, 200, data), []);
        log_in(&mut server, challenge);
    }
    // A Terminate-Ack says that the client has closed CCP, which comes to the same.
    let mut server = up(LinkConfig::default());
    let heard = server.packet(Protocol::CCP, 6, 200, &[]);
    assert_eq!(names(&heard), ["Suspend", "Challenge"]);
}

#[test]
fn a_client_that_ends_encryption_on_a_live_call_ends_the_call() {
    let mut server = up(LinkConfig::default());
    server.packet(Protocol::CCP, 5, 200, &[]);
    let closed = Some(EndReason::MppeClosedByPeer);
    assert_eq!(server.link.end_reason(), closed);
    // RFC 1661 §5.7: a Protocol-Reject says that there is no encryption at the client.
    let mut server = up(LinkConfig::default());
    server.packet(Protocol::LCP, 8, 200, &[0x80, 0xfd, 1, 1, 0, 4]);
    let rejected = Some(EndReason::MppeProtocolRejected);
    assert_eq!(server.link.end_reason(), rejected);
}

#[test]
fn what_is_agreed_is_only_confirmed() {
    let mut server = up(LinkConfig::default());
    let lease = address(LEASE.octets());
    for (protocol, data, answer) in [
        (Protocol::CCP, CCP_128, "CCP Ack"),
        (Protocol::LCP, PPPD_LCP, "LCP Ack"),
        (Protocol::IPCP, &lease, "IPCP Ack"),
    ] {
        assert_eq!(names(&server.packet(protocol, 1, 200, data)), [answer]);
    }
    assert_eq!(server.link.end_reason(), None);
}

#[test]
fn starting_over_again_and_again_ends_the_call_but_now_and_then_does_not() {
    // Once an hour for two days.
    let mut server = up(LinkConfig::default());
    for round in 0..48 {
        let identifier = 100 + round % 2;
        let heard = server.packet(Protocol::CCP, 1, identifier, &[]);
        let challenge = find(&heard, Protocol::CHAP, 1).identifier;
        log_in(&mut server, challenge);
        for _ in 0..360 {
            for sent in packets(&server.pass(Duration::from_secs(10))) {
                assert!(sent.is(Protocol::LCP, code::ECHO_REQUEST));
                let data = [9, 9, 9, 9];
                server.packet(Protocol::LCP, code::ECHO_REPLY, sent.identifier, &data);
            }
        }
    }
    assert_eq!(server.link.end_reason(), None);
    // As fast as it goes.
    let mut rounds = 0;
    while server.link.end_reason().is_none() {
        let heard = server.packet(Protocol::CCP, 1, 100, &[]);
        if let Some(Heard::Packet(challenge)) = heard.get(1)
            && challenge.protocol == Protocol::CHAP
        {
            log_in(&mut server, challenge.identifier);
            rounds += 1;
        }
    }
    assert_eq!(rounds, 8);
    let limit = Some(EndReason::RenegotiationLimit);
    assert_eq!(server.link.end_reason(), limit);
}

#[test]
fn the_order_to_suspend_comes_before_the_word_that_restarts() {
    // The worker must have wiped its keys when the client reads that LCP starts over.
    let mut server = up(LinkConfig::default());
    let heard = server.packet(Protocol::LCP, 1, 200, AGAIN);
    let suspend = heard
        .iter()
        .position(|one| *one == Heard::Told(Output::Suspend));
    let first_packet = heard.iter().position(|one| matches!(one, Heard::Packet(_)));
    assert!(suspend < first_packet && suspend.is_some());
}
