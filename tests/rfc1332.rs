//! RFC 1332, the Internet Protocol Control Protocol, clause by clause.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

#[path = "support/network_phase.rs"]
mod network_phase;
#[path = "ppp_link/server.rs"]
mod server;

use network_phase::{answer, authenticating, config, network_phase, only};
use pns::ppp::fsm::State;
use pns::ppp::link::{EndReason, Output, Refusal};
use pns::wire::ppp::{Protocol, code};
use server::{GRANT, Heard, LEASE, LOCAL, Server, names, packets};
use std::time::Duration;

const ACK: u8 = 2;
const NAK: u8 = 3;
const REJECT: u8 = 4;

fn address(octets: [u8; 4]) -> Vec<u8> {
    [&[3, 6][..], &octets].concat()
}

fn ready() -> Server {
    network_phase(config(), GRANT).0
}

fn ipcp(server: &mut Server, identifier: u8, options: &[u8]) -> (u8, Vec<u8>) {
    answer(server, Protocol::IPCP, identifier, options)
}

#[test]
fn s2_ipcp_before_the_network_phase_is_discarded() {
    let (mut server, _) = authenticating(config());
    assert_eq!(server.packet(Protocol::IPCP, 1, 1, &address([0; 4])), []);
    assert_eq!(server.link.refusals().get(Refusal::WrongPhase), 1);
}

#[test]
fn s2_codes_above_seven_are_unknown_and_rejected() {
    let mut server = ready();
    for code in [0, 8, 9, 10, 11, 14, 15, 255] {
        let heard = server.packet(Protocol::IPCP, code, 77, &[1, 2]);
        if let Some(reject) = packets(&heard).first() {
            assert!(reject.is(Protocol::IPCP, code::CODE_REJECT), "{heard:?}");
            assert_eq!(reject.data, [code, 77, 0, 6, 1, 2]);
        }
    }
    assert_eq!(server.link.refusals().get(Refusal::UnknownCode), 8);
}

#[test]
fn s2_1_ip_datagrams_pass_only_from_the_acknowledgment_on() {
    let (mut server, ours) = network_phase(config(), GRANT);
    assert!(!server.promises.was_told(&Output::ForwardUpstream));
    let heard = server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    assert_eq!(names(&heard), ["ForwardUpstream", "IPCP Ack"]);
    let heard = server.packet(Protocol::IPCP, 2, ours.identifier, &ours.data);
    let up = ["ForwardDownstream { peer_mru: 1500 }", "NetworkUp"];
    assert_eq!(names(&heard), up);
    assert_eq!(server.link.negotiated().ipcp, State::Opened);
}

#[test]
fn s3_1_ip_addresses_is_deprecated_and_rejected() {
    let option = [1, 10, 10, 77, 0, 100, 10, 77, 0, 1];
    assert_eq!(ipcp(&mut ready(), 1, &option), (REJECT, option.to_vec()));
}

#[test]
fn s3_2_every_compression_protocol_is_rejected_with_its_value() {
    for option in [
        &[2, 6, 0x00, 0x2d, 15, 1][..],
        &[2, 4, 0x00, 0x2d],
        &[2, 14, 0x00, 0x61, 0, 15, 0, 15, 1, 0, 0, 5, 0, 168],
        &[2, 4, 0x00, 0x03],
        &[2, 2],
    ] {
        let asked = [option, &address(LEASE.octets())].concat();
        let mut server = ready();
        assert_eq!(ipcp(&mut server, 1, &asked), (REJECT, option.to_vec()));
        let without = address(LEASE.octets());
        assert_eq!(ipcp(&mut server, 2, &without), (ACK, without));
    }
}

#[test]
fn s3_options_that_nobody_knows_are_rejected_in_their_order() {
    let unknown = [4, 6, 1, 2, 3, 4, 0, 2, 128, 3, 9, 144, 6, 255, 255, 255, 0];
    let asked = [&unknown[..6], &address([0; 4]), &unknown[6..]].concat();
    assert_eq!(ipcp(&mut ready(), 1, &asked), (REJECT, unknown.to_vec()));
}

#[test]
fn s3_3_who_asks_for_an_address_by_zero_is_told_one() {
    let mut server = ready();
    assert_eq!(
        ipcp(&mut server, 1, &address([0; 4])),
        (NAK, address(LEASE.octets()))
    );
    let taken = address(LEASE.octets());
    assert_eq!(ipcp(&mut server, 2, &taken), (ACK, taken));
}

#[test]
fn s3_3_another_address_is_answered_by_the_right_one() {
    for wrong in [[192, 168, 1, 7], LOCAL.octets(), [255; 4], [127, 0, 0, 1]] {
        assert_eq!(
            ipcp(&mut ready(), 1, &address(wrong)),
            (NAK, address(LEASE.octets()))
        );
    }
}

#[test]
fn s3_3_an_address_of_another_length_is_answered_by_the_right_one() {
    for option in [
        &[3, 2][..],
        &[3, 5, 10, 77, 0],
        &[3, 10, 10, 77, 0, 100, 0, 0, 0, 0],
    ] {
        assert_eq!(
            ipcp(&mut ready(), 1, option),
            (NAK, address(LEASE.octets()))
        );
    }
}

#[test]
fn s3_3_who_does_not_name_its_address_has_it_appended_to_a_nak_once() {
    let mut server = ready();
    assert_eq!(ipcp(&mut server, 1, &[]), (NAK, address(LEASE.octets())));
    assert_eq!(ipcp(&mut server, 2, &[]), (ACK, vec![]));
}

#[test]
fn s3_3_the_address_is_not_asked_for_while_something_else_is_rejected() {
    let mut server = ready();
    let compression = [2, 6, 0x00, 0x2d, 15, 1];
    assert_eq!(ipcp(&mut server, 1, &compression).0, REJECT);
    assert_eq!(ipcp(&mut server, 2, &[]), (NAK, address(LEASE.octets())));
}

#[test]
fn s3_3_our_own_address_is_named_until_the_peer_wants_it_otherwise() {
    let (mut server, mut ours) = network_phase(config(), GRANT);
    for _ in 0..4 {
        let nak = address([192, 168, 1, 1]);
        let heard = server.packet(Protocol::IPCP, NAK, ours.identifier, &nak);
        let next = only(&heard, Protocol::IPCP, code::CONFIGURE_REQUEST);
        assert_eq!(next.data, ours.data, "it is what it is");
        ours = next;
    }
    let nak = address([192, 168, 1, 1]);
    let heard = server.packet(Protocol::IPCP, NAK, ours.identifier, &nak);
    let last = only(&heard, Protocol::IPCP, code::CONFIGURE_REQUEST);
    assert!(last.data.is_empty(), "and need not be known");
    server.packet(Protocol::IPCP, ACK, last.identifier, &[]);
    server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    assert!(server.promises.was_told(&Output::NetworkUp));
}

#[test]
fn s3_3_our_own_address_is_named_again_until_the_peer_answers() {
    let (mut server, ours) = network_phase(config(), GRANT);
    let heard = server.pass(Duration::from_secs(4));
    let again = only(&heard, Protocol::IPCP, code::CONFIGURE_REQUEST);
    assert_eq!(again.data, ours.data);
}

#[test]
fn s3_3_our_address_is_left_out_when_it_is_rejected() {
    let (mut server, ours) = network_phase(config(), GRANT);
    let heard = server.packet(Protocol::IPCP, REJECT, ours.identifier, &ours.data);
    assert!(only(&heard, Protocol::IPCP, 1).data.is_empty());
}

#[test]
fn s3_3_who_insists_on_another_address_is_let_go_with_that_reason() {
    let mut server = ready();
    for identifier in 0..5 {
        assert_eq!(
            ipcp(&mut server, identifier, &address([10, 0, 0, 9])).0,
            NAK
        );
    }
    let heard = server.packet(Protocol::IPCP, 1, 5, &address([10, 0, 0, 9]));
    assert_eq!(names(&heard), ["LCP TerminateRequest"]);
    assert_eq!(server.link.end_reason(), Some(EndReason::AddressNotAgreed));
}

#[test]
fn s2_a_peer_without_ipv4_is_let_go_whatever_it_says_of_ipv6() {
    let mut server = ready();
    let identifier = [1, 10, 0, 0, 0, 0, 0, 0, 0, 9];
    let heard = server.packet(Protocol::IPV6CP, 1, 1, &identifier);
    let ours = only(&heard, Protocol::IPV6CP, 1);
    server.packet(Protocol::IPV6CP, 2, ours.identifier, &ours.data);
    assert_eq!(server.link.negotiated().ipv6cp, State::Opened);
    let rejected = [0x80, 0x21, 1, 1, 0, 10, 3, 6, 10, 77, 0, 1];
    server.packet(Protocol::LCP, code::PROTOCOL_REJECT, 9, &rejected);
    let reason = server.link.end_reason();
    assert_eq!(reason, Some(EndReason::NetworkRefusedByPeer));
}

#[test]
fn s2_a_renegotiation_gives_the_same_address_again() {
    let (mut server, ours) = network_phase(config(), GRANT);
    server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    server.packet(Protocol::IPCP, 2, ours.identifier, &ours.data);
    let heard = server.packet(Protocol::IPCP, 1, 2, &address([0; 4]));
    assert_eq!(names(&heard), ["IPCP Request", "IPCP Nak"]);
    assert_eq!(
        only(&heard, Protocol::IPCP, NAK).data,
        address(LEASE.octets())
    );
    let told = heard.iter().any(|one| matches!(one, Heard::Told(_)));
    assert!(!told, "nothing that the worker would have to know");
}
