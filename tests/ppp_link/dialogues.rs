//! Scripts in the orders of real clients: pppd, Windows, and those that hang up or lose packets.

use crate::server::{DNS, GRANT, Heard, LEASE, LOCAL, PROOF, Sent, Server, names, packets};
use pns::ppp::link::{Credentials, EndReason, Input, LinkConfig, Output, Phase, Refusal};
use pns::wire::chap::{Chap, FailureCode, MsChapV2Response};
use pns::wire::ppp::{Protocol, code};
use std::time::Duration;

pub(crate) const CCP_128: &[u8] = &[18, 6, 1, 0, 0, 0x40];
pub(crate) const PPPD_LCP: &[u8] = &[2, 6, 0, 0, 0, 0, 5, 6, 0x8b, 0x7e, 0x5b, 0x84, 7, 2, 8, 2];

/// The IPX control protocol.
const IPXCP: Protocol = Protocol(0x802b);

pub(crate) fn address(octets: [u8; 4]) -> Vec<u8> {
    [&[3, 6][..], &octets].concat()
}

/// The first packet of a kind.
pub(crate) fn find(heard: &[Heard], protocol: Protocol, code: u8) -> Sent {
    let found = packets(heard)
        .into_iter()
        .find(|packet| packet.is(protocol, code));
    found.unwrap_or_else(|| panic!("no {protocol:?} {code} in {:?}", names(heard)))
}

pub(crate) fn response(identifier: u8) -> Vec<u8> {
    let value = MsChapV2Response {
        peer_challenge: [1; 16],
        nt_response: [2; 24],
        flags: 0,
    };
    Chap::Response {
        identifier,
        value: &value.emit(),
        name: b"alice",
    }
    .to_frame()
}

/// A link whose LCP is open, and the identifier of its challenge.
pub(crate) fn authenticating(config: LinkConfig) -> (Server, u8) {
    let mut server = Server::new(config, 1);
    let request = find(
        &server.input(Input::LowerUp),
        Protocol::LCP,
        code::CONFIGURE_REQUEST,
    );
    assert_eq!(
        names(&server.packet(Protocol::LCP, 1, 0, PPPD_LCP)),
        ["LCP Ack"]
    );
    let heard = server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    assert_eq!(names(&heard), ["Challenge"]);
    assert_eq!(server.link.phase(), Phase::Authenticate);
    let challenge = find(&heard, Protocol::CHAP, 1);
    (server, challenge.identifier)
}

/// A link whose client is known, and what came out at that moment.
pub(crate) fn granted(config: LinkConfig) -> (Server, Vec<Heard>) {
    let (mut server, identifier) = authenticating(config);
    let heard = server.input(Input::Frame(&response(identifier)));
    assert_eq!(names(&heard), ["Authenticate"]);
    let Heard::Told(Output::Authenticate(Credentials::MsChapV2 { name, .. })) = &heard[0] else {
        panic!("{heard:?}")
    };
    assert_eq!(name, b"alice");
    let heard = server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    });
    (server, heard)
}

/// A link that encrypts, and our IPCP request.
pub(crate) fn encrypted(config: LinkConfig) -> (Server, Sent) {
    let (mut server, heard) = granted(config);
    assert_eq!(names(&heard), ["Success", "CCP Request"]);
    let request = find(&heard, Protocol::CCP, code::CONFIGURE_REQUEST);
    assert_eq!(request.data, CCP_128);
    let heard = server.packet(Protocol::CCP, 1, 1, CCP_128);
    assert_eq!(names(&heard), ["ArmUpstream", "CCP Ack"]);
    let heard = server.packet(Protocol::CCP, 2, request.identifier, CCP_128);
    assert_eq!(names(&heard), ["ArmDownstream", "IPCP Request"]);
    (
        server,
        find(&heard, Protocol::IPCP, code::CONFIGURE_REQUEST),
    )
}

/// A link whose network is up.
pub(crate) fn up(config: LinkConfig) -> Server {
    let (mut server, request) = encrypted(config);
    assert_eq!(request.data, address(LOCAL.octets()));
    let heard = server.packet(Protocol::IPCP, 1, 1, &address([0; 4]));
    assert_eq!(names(&heard), ["IPCP Nak"]);
    assert_eq!(
        find(&heard, Protocol::IPCP, 3).data,
        address(LEASE.octets())
    );
    assert_eq!(
        names(&server.packet(Protocol::IPCP, 2, request.identifier, &request.data)),
        [""; 0]
    );
    let heard = server.packet(Protocol::IPCP, 1, 2, &address(LEASE.octets()));
    let expected = [
        "ForwardUpstream",
        "IPCP Ack",
        "ForwardDownstream { peer_mru: 1500 }",
        "NetworkUp",
    ];
    assert_eq!(names(&heard), expected);
    assert_eq!(server.link.phase(), Phase::Network);
    server
}

#[test]
fn pppd_dials_in_and_hangs_up() {
    let mut server = up(LinkConfig::default());
    let agreed = server.link.negotiated();
    assert!(agreed.mppe.is_some() && agreed.peer_protocol_field_compression);
    assert_eq!((agreed.local_mru, agreed.peer_magic), (1400, 0x8b7e_5b84));
    assert_eq!(agreed.network, Some(GRANT));
    // Twice, as pppd does, and once more after the end.
    assert_eq!(
        names(&server.packet(Protocol::LCP, 5, 2, b"MPPE disabled")),
        ["LCP TerminateAck"]
    );
    assert_eq!(
        names(&server.packet(Protocol::LCP, 5, 3, b"MPPE disabled")),
        ["LCP TerminateAck"]
    );
    assert_eq!(
        names(&server.pass(Duration::from_secs(2))),
        ["Ended(PeerTerminated)"]
    );
    assert_eq!(
        names(&server.packet(Protocol::LCP, 5, 4, b"")),
        ["LCP TerminateAck"]
    );
    assert_eq!(server.link.poll_timeout(), None);
}

#[test]
fn windows_asks_for_everything_at_once() {
    let config = LinkConfig {
        ipv6cp: false,
        ..LinkConfig::default()
    };
    let (mut server, challenge) = authenticating(config);
    // W10: three Identifications, the last one binary.
    for text in [&b"....MSRASV5.20"[..], b"....MSRAS-0-DESKTOP", &[0xff; 20]] {
        assert_eq!(server.packet(Protocol::LCP, 12, 2, text), []);
    }
    let said: Vec<String> = server
        .link
        .remarks()
        .identifications()
        .iter()
        .map(ToString::to_string)
        .collect();
    let guid = "{FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF}";
    assert_eq!(said, ["MSRASV5.20", "MSRAS-0-DESKTOP", guid]);
    assert_eq!(
        names(&server.input(Input::Frame(&response(challenge)))),
        ["Authenticate"]
    );
    let heard = server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    });
    let ours = find(&heard, Protocol::CCP, 1);
    // W11: IPv6CP comes first; where it is off that is said at once. W13: IPCP before CCP is up. The
    // latest request waits.
    assert_eq!(
        names(&server.packet(Protocol(0x8057), 1, 5, &[1, 10, 1, 2, 3, 4, 5, 6, 7, 8])),
        ["LCP ProtocolReject"]
    );
    assert_eq!(server.packet(Protocol::IPCP, 1, 6, &address([0; 4])), []);
    assert_eq!(
        server.packet(Protocol::IPCP, 1, 7, &zeros(&[3, 129, 130, 131, 132])),
        []
    );
    // W14: several strengths at once.
    let heard = server.packet(Protocol::CCP, 1, 4, &[18, 6, 1, 0, 0, 0xe0]);
    assert_eq!(find(&heard, Protocol::CCP, 3).data, CCP_128);
    assert_eq!(
        names(&server.packet(Protocol::CCP, 1, 8, CCP_128)),
        ["ArmUpstream", "CCP Ack"]
    );
    let heard = server.packet(Protocol::CCP, 2, ours.identifier, CCP_128);
    assert_eq!(
        names(&heard),
        ["ArmDownstream", "IPCP Request", "IPCP Reject"]
    );
    assert_eq!(find(&heard, Protocol::IPCP, 4).identifier, 7);
}

/// Options that ask for an address each.
fn zeros(kinds: &[u8]) -> Vec<u8> {
    kinds
        .iter()
        .flat_map(|&kind| [kind, 6, 0, 0, 0, 0])
        .collect()
}

#[test]
fn windows_gets_its_name_servers_and_leaves_an_error_number() {
    let (mut server, _) = encrypted(LinkConfig::default());
    // W12: there are no NetBIOS servers, and no second DNS server.
    let heard = server.packet(Protocol::IPCP, 1, 7, &zeros(&[3, 129, 130, 131, 132]));
    let reject = find(&heard, Protocol::IPCP, 4);
    assert_eq!(reject.data, zeros(&[130, 131, 132]));
    let heard = server.packet(Protocol::IPCP, 1, 9, &zeros(&[3, 129]));
    let nak = find(&heard, Protocol::IPCP, 3);
    let both = [
        address(LEASE.octets()),
        [&[129, 6][..], &DNS.octets()].concat(),
    ]
    .concat();
    assert_eq!(nak.data, both);
    let heard = server.packet(Protocol::IPCP, 1, 10, &both);
    assert_eq!(names(&heard), ["ForwardUpstream", "IPCP Ack"]);
    // W15: the hang-up carries an error number.
    server.packet(
        Protocol::LCP,
        5,
        11,
        &[1, 2, 3, 4, 0, 0x3c, 0xcd, 0x74, 0, 0, 2, 0xdc],
    );
    assert_eq!(server.link.negotiated().peer_error, Some(732));
}

#[test]
fn w8_windows_lcp_with_identifier_zero_and_callback() {
    let mut server = Server::new(LinkConfig::default(), 1);
    server.input(Input::LowerUp);
    let offer = [
        1, 4, 5, 120, 5, 6, 1, 2, 3, 4, 7, 2, 8, 2, 13, 3, 6, 17, 4, 6, 0x4e, 23, 4, 0, 1,
    ];
    let heard = server.packet(Protocol::LCP, 1, 0, &offer);
    let reject = find(&heard, Protocol::LCP, 4);
    assert_eq!((reject.identifier, &reject.data[..]), (0, &offer[14..]));
    let heard = server.packet(Protocol::LCP, 1, 1, &offer[..14]);
    assert_eq!(find(&heard, Protocol::LCP, 2).data, offer[..14]);
    assert_eq!(server.link.negotiated().peer_mru, 1400);
}

#[test]
fn p2_a_repeated_request_gets_the_identical_answer() {
    let mut server = Server::new(LinkConfig::default(), 1);
    server.input(Input::LowerUp);
    for offer in [
        &[1, 4, 0, 10][..],
        &[13, 3, 6],
        &[5, 6, 0, 0, 0, 0],
        PPPD_LCP,
    ] {
        let first = server.packet(Protocol::LCP, 1, 9, offer);
        for _ in 0..3 {
            assert_eq!(server.packet(Protocol::LCP, 1, 9, offer), first);
        }
    }
}

#[test]
fn a_lost_success_is_said_again() {
    let (mut server, challenge) = authenticating(LinkConfig::default());
    server.input(Input::Frame(&response(challenge)));
    assert_eq!(
        server.input(Input::Frame(&response(challenge))),
        [],
        "still undecided"
    );
    let heard = server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    });
    let success = find(&heard, Protocol::CHAP, 3);
    let heard = server.input(Input::Frame(&response(challenge)));
    assert_eq!(packets(&heard), [success]);
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedResponse), 1);
}

#[test]
fn a_wrong_password_is_told_and_lcp_is_closed() {
    let config = LinkConfig {
        retries_max: 1,
        ..LinkConfig::default()
    };
    let (mut server, challenge) = authenticating(config);
    server.input(Input::Frame(&response(challenge)));
    let heard = server.input(Input::Refused {
        code: FailureCode::AuthenticationFailure,
        message: "Access denied",
        retry: true,
    });
    assert_eq!(names(&heard), ["Failure"]);
    let text = String::from_utf8(find(&heard, Protocol::CHAP, 4).data).unwrap();
    assert!(text.starts_with("E=691 R=1 C="), "{text}");
    // P5: the user types another one, which takes a while.
    server.pass(Duration::from_secs(20));
    let next = challenge.wrapping_add(1);
    assert_eq!(
        names(&server.input(Input::Frame(&response(next)))),
        ["Authenticate"]
    );
    let heard = server.input(Input::Refused {
        code: FailureCode::AuthenticationFailure,
        message: "Access denied",
        retry: true,
    });
    assert_eq!(names(&heard), ["Failure", "LCP TerminateRequest"]);
    let request = find(&heard, Protocol::LCP, 5);
    assert_eq!(request.data, b"authentication_failed");
    // Both sides hang up at once, as in the recorded session.
    assert_eq!(
        names(&server.packet(Protocol::LCP, 5, 2, b"")),
        ["LCP TerminateAck"]
    );
    let heard = server.packet(Protocol::LCP, 6, request.identifier, b"");
    assert_eq!(names(&heard), [""; 0], "it has to hear our acknowledgment");
    let heard = server.pass(Duration::from_secs(1));
    assert_eq!(names(&heard), ["Ended(AuthenticationFailed)"]);
}

#[test]
fn p7_echo_is_answered_in_the_opened_state_only() {
    let mut server = Server::new(LinkConfig::default(), 1);
    server.input(Input::LowerUp);
    assert_eq!(server.packet(Protocol::LCP, 9, 1, &[0; 4]), []);
    let mut server = up(LinkConfig::default());
    let magic = server.link.negotiated().local_magic;
    let heard = server.packet(Protocol::LCP, 9, 7, &[0, 0, 0, 0, b'h', b'i']);
    let reply = find(&heard, Protocol::LCP, 10);
    assert_eq!(reply.identifier, 7);
    assert_eq!(reply.data, [&magic.to_be_bytes()[..], b"hi"].concat());
    // P1: these are nobody's business.
    for code in [11, 12, 13] {
        assert_eq!(server.packet(Protocol::LCP, code, 1, &[0; 8]), []);
    }
    assert_eq!(
        names(&server.packet(Protocol::LCP, 99, 1, &[])),
        ["LCP CodeReject"]
    );
}

#[test]
fn protocols_that_are_not_ours() {
    let (mut server, challenge) = authenticating(LinkConfig::default());
    // Before authentication they are not even looked at.
    assert_eq!(server.packet(IPXCP, 1, 1, &[]), []);
    assert_eq!(server.packet(Protocol::IPV6CP, 1, 1, &[]), []);
    assert_eq!(server.packet(Protocol::CCP, 1, 1, CCP_128), []);
    for (protocol, refusal) in [
        (Protocol::PAP, Refusal::UnnegotiatedAuthentication),
        (Protocol::EAP, Refusal::UnnegotiatedAuthentication),
        (Protocol::IPV4, Refusal::DataFrame),
    ] {
        let before = server.link.refusals().get(refusal);
        assert_eq!(server.packet(protocol, 1, 1, &[]), []);
        assert_eq!(server.link.refusals().get(refusal), before + 1);
    }
    server.input(Input::Frame(&response(challenge)));
    server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    });
    let mut rejects = 0;
    for identifier in 0..100 {
        let heard = server.packet(IPXCP, 1, identifier, &[]);
        rejects += packets(&heard).len();
        if let Some(reject) = packets(&heard).first() {
            assert_eq!(reject.data, [0x80, 0x2b, 1, identifier, 0, 4]);
        }
    }
    assert_eq!(rejects, 8, "two stacks that reject each other come to rest");
    assert_eq!(server.link.refusals().get(Refusal::RejectSuppressed), 92);
}

#[test]
fn p9_and_p10_addresses_and_servers_of_the_clients_own_choice() {
    // A fixed DNS server is corrected, then rejected, and the call comes up without it.
    let (mut server, ours) = encrypted(LinkConfig::default());
    server.packet(Protocol::IPCP, 2, ours.identifier, &ours.data);
    let stubborn = [address(LEASE.octets()), vec![129, 6, 8, 8, 8, 8]].concat();
    for identifier in 0..5 {
        assert_eq!(
            names(&server.packet(Protocol::IPCP, 1, identifier, &stubborn)),
            ["IPCP Nak"]
        );
    }
    assert_eq!(
        names(&server.packet(Protocol::IPCP, 1, 5, &stubborn)),
        ["IPCP Reject"]
    );
    let heard = server.packet(Protocol::IPCP, 1, 6, &address(LEASE.octets()));
    assert_eq!(names(&heard).last().unwrap(), "NetworkUp");
    // A fixed address is not: the client would send from it and be dropped.
    let (mut server, _) = encrypted(LinkConfig::default());
    for identifier in 0..6 {
        server.packet(Protocol::IPCP, 1, identifier, &address([192, 168, 1, 7]));
    }
    assert_eq!(server.link.end_reason(), Some(EndReason::AddressNotAgreed));
    // A client that forgets the option is asked for it; VJ is rejected.
    let (mut server, _) = encrypted(LinkConfig::default());
    let heard = server.packet(Protocol::IPCP, 1, 1, &[2, 6, 0, 0x2d, 15, 1]);
    assert_eq!(find(&heard, Protocol::IPCP, 4).data, [2, 6, 0, 0x2d, 15, 1]);
    let heard = server.packet(Protocol::IPCP, 1, 2, &[]);
    assert_eq!(
        find(&heard, Protocol::IPCP, 3).data,
        address(LEASE.octets())
    );
}

#[test]
fn the_client_does_not_want_to_know_our_address() {
    let (mut server, ours) = encrypted(LinkConfig::default());
    let heard = server.packet(Protocol::IPCP, 4, ours.identifier, &ours.data);
    assert!(find(&heard, Protocol::IPCP, 1).data.is_empty());
}

#[test]
fn an_early_ipcp_terminate_ack_of_pppd_costs_nothing() {
    let (mut server, ours) = encrypted(LinkConfig::default());
    assert_eq!(server.packet(Protocol::IPCP, 6, ours.identifier, &[]), []);
    let heard = server.pass(Duration::from_secs(3));
    assert_eq!(names(&heard), ["IPCP Request"]);
}
