//! Requests that wait: for encryption, and for a decision on the address that the client wishes for.

use crate::dialogues::{CCP_128, address, encrypted, find, granted};
use crate::server::{GRANT, Heard, LEASE, Server, names};
use pns::ppp::link::{
    AddressPolicy, EndReason, Input, LinkConfig, MppePolicy, NetworkGrant, Output, Refusal,
};
use pns::wire::ppp::{Protocol, code};
use std::net::Ipv4Addr;

const WANTED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 180);
const IDENTIFIER: &[u8] = &[1, 10, 0, 0, 0, 0, 0, 0, 0, 9];

fn keeping() -> LinkConfig {
    LinkConfig {
        address: AddressPolicy::Keep,
        ..LinkConfig::default()
    }
}

fn wished(heard: &[Heard]) -> bool {
    *heard == [Heard::Told(Output::AddressWished(WANTED))]
}

fn ask(server: &mut Server, identifier: u8, wanted: Ipv4Addr) -> Vec<Heard> {
    server.packet(Protocol::IPCP, 1, identifier, &address(wanted.octets()))
}

fn open_ccp(server: &mut Server, before: &[Heard]) -> Vec<Heard> {
    let ours = find(before, Protocol::CCP, 1);
    server.packet(Protocol::CCP, 1, 1, CCP_128);
    server.packet(Protocol::CCP, 2, ours.identifier, CCP_128)
}

#[test]
fn a_wish_that_is_granted_costs_no_round_trip() {
    let (mut server, ours) = encrypted(keeping());
    server.packet(Protocol::IPCP, 2, ours.identifier, &ours.data);
    assert!(wished(&ask(&mut server, 7, WANTED)));
    let heard = server.input(Input::AddressDecided(WANTED));
    assert_eq!(names(&heard)[..2], ["ForwardUpstream", "IPCP Ack"]);
    assert_eq!(find(&heard, Protocol::IPCP, 2).identifier, 7);
    let granted = server.link.negotiated().network.unwrap();
    assert_eq!(
        granted,
        NetworkGrant {
            peer_address: WANTED,
            ..GRANT
        }
    );
}

#[test]
fn a_wish_that_is_not_granted_is_answered_with_the_lease_and_not_asked_about_again() {
    let (mut server, _) = encrypted(keeping());
    assert!(wished(&ask(&mut server, 7, WANTED)));
    let heard = server.input(Input::AddressDecided(LEASE));
    assert_eq!(
        find(&heard, Protocol::IPCP, 3).data,
        address(LEASE.octets())
    );
    for identifier in 8..12 {
        assert_eq!(names(&ask(&mut server, identifier, WANTED)), ["IPCP Nak"]);
    }
    ask(&mut server, 12, WANTED);
    assert_eq!(server.link.end_reason(), Some(EndReason::AddressNotAgreed));
}

#[test]
fn requests_that_come_while_a_wish_is_considered_wait_and_the_latest_counts() {
    let (mut server, _) = encrypted(keeping());
    assert!(wished(&ask(&mut server, 7, WANTED)));
    assert_eq!(ask(&mut server, 8, LEASE), [], "nothing is promised twice");
    assert_eq!(ask(&mut server, 9, WANTED), []);
    let heard = server.input(Input::AddressDecided(WANTED));
    assert_eq!(names(&heard), ["ForwardUpstream", "IPCP Ack"]);
    assert_eq!(find(&heard, Protocol::IPCP, 2).identifier, 9);
}

#[test]
fn wishes_are_bounded_and_zero_and_the_lease_are_none() {
    let (mut server, _) = encrypted(keeping());
    assert_eq!(
        names(&ask(&mut server, 1, Ipv4Addr::UNSPECIFIED)),
        ["IPCP Nak"]
    );
    for last in 1..=4 {
        let heard = ask(&mut server, 10 + last, Ipv4Addr::new(10, 0, 0, last));
        assert!(matches!(heard[..], [Heard::Told(Output::AddressWished(_))]));
        server.input(Input::AddressDecided(LEASE));
    }
    let heard = ask(&mut server, 20, Ipv4Addr::new(10, 0, 0, 5));
    assert!(!matches!(heard[..], [Heard::Told(_), ..]), "{heard:?}");
}

#[test]
fn what_was_acknowledged_is_not_wished_away() {
    let (mut server, _) = encrypted(keeping());
    assert_eq!(
        names(&ask(&mut server, 1, LEASE)),
        ["ForwardUpstream", "IPCP Ack"]
    );
    assert_eq!(names(&ask(&mut server, 2, WANTED)), ["IPCP Nak"]);
    assert_eq!(server.input(Input::AddressDecided(WANTED)), []);
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedDecision), 1);
    assert_eq!(server.link.negotiated().network, Some(GRANT));
}

#[test]
fn nobody_is_asked_where_addresses_are_assigned() {
    let (mut server, _) = encrypted(LinkConfig::default());
    assert_eq!(names(&ask(&mut server, 1, WANTED)), ["IPCP Nak"]);
}

#[test]
fn a_wish_from_before_encryption_is_considered_after_it() {
    let (mut server, heard) = granted(keeping());
    assert_eq!(ask(&mut server, 7, WANTED), []);
    let heard = open_ccp(&mut server, &heard);
    assert_eq!(names(&heard)[..2], ["ArmDownstream", "IPCP Request"]);
    assert_eq!(heard[2..], [Heard::Told(Output::AddressWished(WANTED))]);
}

#[test]
fn a_client_that_takes_back_what_waits_is_not_answered() {
    let (mut server, heard) = granted(LinkConfig::default());
    ask(&mut server, 7, LEASE);
    server.packet(Protocol::IPV6CP, 1, 7, IDENTIFIER);
    for protocol in [Protocol::IPCP, Protocol::IPV6CP] {
        assert_eq!(server.packet(protocol, code::TERMINATE_REQUEST, 8, &[]), []);
    }
    let heard = open_ccp(&mut server, &heard);
    assert_eq!(names(&heard), ["ArmDownstream", "IPCP Request"]);
}

#[test]
fn nothing_but_requests_waits_and_none_that_is_too_long() {
    let (mut server, heard) = granted(LinkConfig::default());
    let long = [&[200, 250][..], &[0; 248], &[201, 10], &[0; 8]].concat();
    for protocol in [Protocol::IPCP, Protocol::IPV6CP] {
        assert_eq!(server.packet(protocol, 2, 1, IDENTIFIER), []);
        assert_eq!(server.packet(protocol, 1, 2, &long), []);
    }
    assert_eq!(server.link.refusals().get(Refusal::WrongPhase), 4);
    let heard = open_ccp(&mut server, &heard);
    assert_eq!(names(&heard), ["ArmDownstream", "IPCP Request"]);
}

#[test]
fn w11_ipv6_waits_for_encryption_and_costs_ipv4_nothing() {
    let (mut server, heard) = granted(LinkConfig::default());
    assert_eq!(server.packet(Protocol::IPV6CP, 1, 5, IDENTIFIER), []);
    assert_eq!(server.packet(Protocol::IPV6CP, 1, 6, IDENTIFIER), []);
    assert_eq!(ask(&mut server, 7, LEASE), []);
    let heard = open_ccp(&mut server, &heard);
    let expected = [
        "ArmDownstream",
        "IPCP Request",
        "ForwardUpstream",
        "IPCP Ack",
        "IPV6CP Request",
        "AgreeIpv6",
        "IPV6CP Ack",
    ];
    assert_eq!(names(&heard), expected);
    assert_eq!(find(&heard, Protocol::IPV6CP, 2).identifier, 6);
}

#[test]
fn ipv6_goes_on_in_the_clear_when_the_client_does_not_encrypt() {
    let config = LinkConfig {
        mppe: MppePolicy::OPTIONAL,
        ..LinkConfig::default()
    };
    let (mut server, heard) = granted(config);
    server.packet(Protocol::IPV6CP, 1, 5, IDENTIFIER);
    let ours = find(&heard, Protocol::CCP, 1);
    let heard = server.packet(Protocol::CCP, 4, ours.identifier, &ours.data);
    let names = names(&heard);
    assert!(
        names.ends_with(&["AgreeIpv6".into(), "IPV6CP Ack".into()]),
        "{names:?}"
    );
}

fn passive() -> LinkConfig {
    LinkConfig {
        mppe: MppePolicy::PASSIVE,
        ..LinkConfig::default()
    }
}

#[test]
fn w11_who_asks_for_ipv6_first_may_still_ask_for_encryption() {
    let (mut server, heard) = granted(passive());
    assert_eq!(names(&heard), ["Success"]);
    assert_eq!(server.packet(Protocol::IPV6CP, 1, 5, IDENTIFIER), []);
    let heard = server.packet(Protocol::CCP, 1, 1, CCP_128);
    let heard = server.packet(
        Protocol::CCP,
        2,
        find(&heard, Protocol::CCP, 1).identifier,
        CCP_128,
    );
    let after = [
        "ArmDownstream",
        "IPCP Request",
        "IPV6CP Request",
        "AgreeIpv6",
        "IPV6CP Ack",
    ];
    assert_eq!(names(&heard), after);
}

#[test]
fn ipv6_comes_with_the_address_of_who_does_not_ask_for_encryption() {
    let (mut server, _) = granted(passive());
    assert_eq!(server.packet(Protocol::IPV6CP, 1, 5, IDENTIFIER), []);
    let heard = ask(&mut server, 7, LEASE);
    assert_eq!(
        names(&heard),
        [
            "IPCP Request",
            "IPV6CP Request",
            "AgreeIpv6",
            "IPV6CP Ack",
            "ForwardUpstream",
            "IPCP Ack"
        ]
    );
}

#[test]
fn what_is_asked_while_encryption_comes_late_is_answered_after_it() {
    let (mut server, _) = granted(passive());
    ask(&mut server, 7, LEASE);
    let heard = server.packet(Protocol::CCP, 1, 1, CCP_128);
    assert_eq!(server.packet(Protocol::IPV6CP, 1, 5, IDENTIFIER), []);
    assert_eq!(ask(&mut server, 8, LEASE), []);
    let ours = find(&heard, Protocol::CCP, 1);
    let heard = server.packet(Protocol::CCP, 2, ours.identifier, CCP_128);
    let after = [
        "ArmDownstream",
        "IPCP Ack",
        "IPV6CP Request",
        "AgreeIpv6",
        "IPV6CP Ack",
    ];
    assert_eq!(names(&heard), after);
}

#[test]
fn after_ipv6_was_acknowledged_the_start_keys_may_be_used() {
    let (mut server, _) = encrypted(LinkConfig::default());
    server.packet(Protocol::IPV6CP, 1, 1, IDENTIFIER);
    // Nothing of IPv4 was agreed on yet, but the client may have encrypted IPv6.
    let heard = server.packet(Protocol::CCP, 1, 9, &[18, 6, 1, 0, 0, 0x60]);
    assert_eq!(names(&heard), ["Suspend", "Challenge"]);
}
