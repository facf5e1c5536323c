//! RFC 5072, IP version 6 over PPP, clause by clause. The answers of the link-local address are
//! tested where packets are (`pipeline::ipv6`).
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

#[path = "support/network_phase.rs"]
mod network_phase;
#[path = "ppp_link/server.rs"]
mod server;

use network_phase::{
    answer, authenticating, authenticating_of, config, log_in, network_phase, only,
};
use pns::ppp::fsm::State;
use pns::ppp::link::{LinkConfig, Output, Refusal};
use pns::wire::ppp::{Protocol, code};
use server::{GRANT, Heard, LEASE, Server, names, packets};
use std::time::Duration;

const ACK: u8 = 2;
const NAK: u8 = 3;
const REJECT: u8 = 4;
const CLIENT: [u8; 8] = [0x0a, 0, 0x27, 0xff, 0xfe, 0, 0, 1];

fn named(identifier: [u8; 8]) -> Vec<u8> {
    [&[1, 10][..], &identifier].concat()
}

fn identifier_in(options: &[u8]) -> [u8; 8] {
    assert_eq!(options[..2], [1, 10]);
    options[2..].try_into().unwrap()
}

fn ready() -> Server {
    network_phase(config(), GRANT).0
}

fn ipv6cp(server: &mut Server, identifier: u8, options: &[u8]) -> (u8, Vec<u8>) {
    answer(server, Protocol::IPV6CP, identifier, options)
}

/// A link whose IPv6CP is open, and our identifier.
fn open() -> (Server, [u8; 8]) {
    let mut server = ready();
    let heard = server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
    let ours = only(&heard, Protocol::IPV6CP, 1);
    let nothing = server.packet(Protocol::IPV6CP, 2, ours.identifier, &ours.data);
    assert_eq!(nothing, []);
    (server, identifier_in(&ours.data))
}

/// The client's IPv4 still comes up.
fn assert_ipv4_lives(server: &mut Server) {
    assert_eq!(server.link.end_reason(), None);
    let options = [&[3, 6][..], &LEASE.octets()].concat();
    let heard = server.packet(Protocol::IPCP, 1, 200, &options);
    assert!(names(&heard).contains(&"IPCP Ack".to_owned()), "{heard:?}");
}

#[test]
fn s3_ipv6cp_before_the_network_phase_is_discarded() {
    let (mut server, _) = authenticating(config());
    assert_eq!(server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT)), []);
    assert_eq!(server.link.refusals().get(Refusal::WrongPhase), 1);
}

#[test]
fn s3_codes_above_seven_are_unknown_and_rejected() {
    let (mut server, _) = open();
    let heard = server.packet(Protocol::IPV6CP, 8, 77, &[1]);
    let reject = only(&heard, Protocol::IPV6CP, code::CODE_REJECT);
    assert_eq!(reject.data, [8, 77, 0, 5, 1]);
}

#[test]
fn s3_we_say_nothing_of_ipv6_to_who_does_not_ask() {
    let mut server = ready();
    let heard = server.pass(Duration::from_secs(20));
    assert!(
        packets(&heard)
            .iter()
            .all(|packet| packet.protocol != Protocol::IPV6CP)
    );
}

#[test]
fn s4_1_the_request_of_the_peer_is_answered_together_with_our_own() {
    let mut server = ready();
    let heard = server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
    assert_eq!(names(&heard), ["IPV6CP Request", "AgreeIpv6", "IPV6CP Ack"]);
    let ours = identifier_in(&only(&heard, Protocol::IPV6CP, 1).data);
    assert_ne!(ours, [0; 8]);
    assert_eq!(
        ours[0] & 3,
        0,
        "a random identifier is local, and nobody's group"
    );
    assert_eq!(
        server.link.negotiated().interface_identifiers,
        None,
        "not before we are open"
    );
    let request = only(&heard, Protocol::IPV6CP, 1);
    server.packet(Protocol::IPV6CP, 2, request.identifier, &request.data);
    let agreed = server.link.negotiated().interface_identifiers;
    let (local, peer) = agreed.unwrap();
    assert_eq!((local.0, peer.0), (ours, CLIENT));
}

#[test]
fn s4_1_zero_asks_for_an_identifier_that_is_not_ours() {
    let mut server = ready();
    let heard = server.packet(Protocol::IPV6CP, 1, 1, &named([0; 8]));
    let ours = identifier_in(&only(&heard, Protocol::IPV6CP, 1).data);
    let offered = identifier_in(&only(&heard, Protocol::IPV6CP, NAK).data);
    assert!(offered != ours && offered != [0; 8]);
    assert_eq!(offered[0] & 2, 0, "not universal, since nobody gave it out");
    assert_eq!(
        ipv6cp(&mut server, 2, &named([0; 8])),
        (NAK, named(offered)),
        "the same again"
    );
    assert_eq!(
        ipv6cp(&mut server, 3, &named(offered)),
        (ACK, named(offered))
    );
}

#[test]
fn s4_1_our_own_identifier_is_answered_by_another_one() {
    let (mut server, ours) = open();
    let (code, options) = ipv6cp(&mut server, 2, &named(ours));
    assert_eq!(code, NAK);
    let offered = identifier_in(&options);
    assert_ne!(offered, ours);
    assert_ne!(offered, [0; 8]);
    assert_eq!(offered[0] & 2, 0);
}

#[test]
fn s4_1_a_request_without_an_identifier_has_one_appended_to_a_nak() {
    let mut server = ready();
    let (code, options) = ipv6cp(&mut server, 1, &[]);
    assert_eq!(code, NAK);
    let offered = named(identifier_in(&options));
    assert_eq!(ipv6cp(&mut server, 2, &offered), (ACK, offered.clone()));
}

#[test]
fn s4_1_who_never_names_an_identifier_has_no_ipv6_and_keeps_its_call() {
    let mut server = ready();
    ipv6cp(&mut server, 1, &[]);
    let heard = server.packet(Protocol::IPV6CP, 1, 2, &[]);
    let reject = only(&heard, Protocol::LCP, code::PROTOCOL_REJECT);
    assert_eq!(reject.data, [0x80, 0x57, 1, 2, 0, 4]);
    assert_eq!(server.link.negotiated().ipv6cp, State::Initial);
    assert_ipv4_lives(&mut server);
}

#[test]
fn s4_1_a_nak_with_another_identifier_is_followed() {
    let mut server = ready();
    let heard = server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
    let ours = only(&heard, Protocol::IPV6CP, 1);
    let suggested = [0x44; 8];
    let heard = server.packet(Protocol::IPV6CP, NAK, ours.identifier, &named(suggested));
    // What the worker knows changes before the client can see it.
    assert_eq!(names(&heard), ["AgreeIpv6", "IPV6CP Request"]);
    let next = only(&heard, Protocol::IPV6CP, 1);
    assert_eq!(next.data, named(suggested));
    server.packet(Protocol::IPV6CP, ACK, next.identifier, &next.data);
    let agreed = server.link.negotiated().interface_identifiers.unwrap();
    assert_eq!((agreed.0.0, agreed.1.0), (suggested, CLIENT));
}

#[test]
fn s4_1_a_nak_that_is_no_use_is_answered_by_a_new_identifier() {
    for useless in [[0; 8], CLIENT] {
        let mut server = ready();
        let heard = server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
        let ours = only(&heard, Protocol::IPV6CP, 1);
        let heard = server.packet(Protocol::IPV6CP, NAK, ours.identifier, &named(useless));
        let next = only(&heard, Protocol::IPV6CP, 1).data;
        assert!(next != ours.data && next != named(useless));
    }
}

#[test]
fn s4_1_a_peer_that_rejects_our_identifier_is_not_told_it() {
    let mut server = ready();
    let heard = server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
    let ours = only(&heard, Protocol::IPV6CP, 1);
    let heard = server.packet(Protocol::IPV6CP, REJECT, ours.identifier, &ours.data);
    let next = only(&heard, Protocol::IPV6CP, 1);
    assert!(next.data.is_empty());
    server.packet(Protocol::IPV6CP, ACK, next.identifier, &[]);
    assert_eq!(server.link.negotiated().ipv6cp, State::Opened);
}

#[test]
fn s4_compression_is_rejected() {
    for option in [
        &[2, 4, 0, 0x4f][..],
        &[2, 4, 0, 0x61],
        &[2, 14, 0, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let asked = [&named(CLIENT), option].concat();
        let mut server = ready();
        assert_eq!(ipv6cp(&mut server, 1, &asked), (REJECT, option.to_vec()));
        assert_eq!(ipv6cp(&mut server, 2, &named(CLIENT)).0, ACK);
    }
}

#[test]
fn s3_ipv6_ends_and_begins_again_while_ipv4_goes_on() {
    let (mut server, _) = open();
    let heard = server.packet(Protocol::IPV6CP, code::TERMINATE_REQUEST, 9, &[]);
    assert_eq!(names(&heard), ["EndIpv6", "IPV6CP TerminateAck"]);
    assert_eq!(server.link.negotiated().interface_identifiers, None);
    server.pass(Duration::from_secs(4));
    assert_eq!(server.link.negotiated().ipv6cp, State::Stopped);
    let heard = server.packet(Protocol::IPV6CP, 1, 10, &named(CLIENT));
    assert_eq!(
        names(&heard),
        ["IPV6CP Request", "AgreeIpv6", "IPV6CP Ack"],
        "agreed as before"
    );
    assert_ipv4_lives(&mut server);
}

#[test]
fn s3_a_protocol_reject_closes_ipv6_and_nothing_else() {
    let (mut server, _) = open();
    let rejected = [0x80, 0x57, 1, 1, 0, 4];
    server.packet(Protocol::LCP, code::PROTOCOL_REJECT, 9, &rejected);
    assert_ne!(server.link.negotiated().ipv6cp, State::Opened);
    assert_ipv4_lives(&mut server);
}

#[test]
fn s3_no_answer_closes_ipv6_and_nothing_else() {
    let (mut server, ours) = network_phase(config(), GRANT);
    let options = [&[3, 6][..], &LEASE.octets()].concat();
    server.packet(Protocol::IPCP, 1, 1, &options);
    server.packet(Protocol::IPCP, 2, ours.identifier, &ours.data);
    server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
    let mut requests = 0;
    for _ in 0..40 {
        let heard = server.pass(Duration::from_secs(1));
        requests += packets(&heard)
            .iter()
            .filter(|sent| sent.is(Protocol::IPV6CP, 1))
            .count();
        for echo in packets(&heard)
            .iter()
            .filter(|sent| sent.is(Protocol::LCP, 9))
        {
            let mut data = echo.data.clone();
            data[..4].copy_from_slice(&[1, 2, 3, 4]);
            server.packet(Protocol::LCP, 10, echo.identifier, &data);
        }
    }
    assert_eq!(requests, 9, "Max-Configure of them with the first");
    assert_eq!(server.link.negotiated().ipv6cp, State::Stopped);
    assert_eq!(server.link.end_reason(), None);
}

#[test]
fn s3_a_peer_that_never_comes_to_rest_loses_ipv6_and_nothing_else() {
    // It renegotiates for ever, it asks for what it cannot have for ever, it insists on our own.
    let (mut server, ours) = open();
    let mut rejected = false;
    for round in 0..20 {
        let identifier = [round, 0, 0, 0, 0, 0, 0, 1];
        let heard = server.packet(Protocol::IPV6CP, 1, round, &named(identifier));
        rejected |= packets(&heard).iter().any(|sent| sent.is(Protocol::LCP, 8));
        let answers: Vec<_> = packets(&heard)
            .into_iter()
            .filter(|sent| sent.is(Protocol::IPV6CP, 1))
            .collect();
        for request in answers {
            server.packet(Protocol::IPV6CP, 2, request.identifier, &request.data);
        }
    }
    assert!(rejected);
    assert_ipv4_lives(&mut server);
    for stubborn in [named(ours), vec![2, 4, 0, 0x4f]] {
        let mut server = open().0;
        let mut last = Vec::new();
        for round in 0..=u8::MAX {
            let heard = server.packet(Protocol::IPV6CP, 1, round, &stubborn);
            last = names(&heard);
            if last.contains(&"LCP ProtocolReject".to_owned()) {
                break;
            }
        }
        assert_eq!(last, ["LCP ProtocolReject"]);
        assert_ipv4_lives(&mut server);
    }
}

#[test]
fn s2_a_link_too_narrow_for_ipv6_carries_none() {
    let ours = |mru| LinkConfig { mru, ..config() };
    for (config, client, carries) in [
        (ours(1400), 1280_u16, true),
        (ours(1400), 1279, false),
        (ours(1280), 1500, true),
        (ours(1279), 1500, false),
    ] {
        let [high, low] = client.to_be_bytes();
        let (server, identifier) = authenticating_of(config, &[1, 4, high, low]);
        let (mut server, _) = log_in(server, identifier, GRANT);
        let heard = server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
        let rejected = names(&heard) == ["LCP ProtocolReject"];
        assert_eq!(!rejected, carries, "{client}: {:?}", names(&heard));
        assert_ipv4_lives(&mut server);
    }
}

#[test]
fn s3_where_ipv6_is_off_the_protocol_is_rejected_at_once() {
    let config = LinkConfig {
        ipv6cp: false,
        ..config()
    };
    let mut server = network_phase(config, GRANT).0;
    let heard = server.packet(Protocol::IPV6CP, 1, 1, &named(CLIENT));
    assert_eq!(names(&heard), ["LCP ProtocolReject"]);
    let agreed = |one: &Heard| matches!(one, Heard::Told(Output::AgreeIpv6 { .. }));
    assert!(!heard.iter().any(agreed));
    assert_ipv4_lives(&mut server);
}
