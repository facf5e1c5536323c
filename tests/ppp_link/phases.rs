//! RFC 1661 §3, §5 and §6, for the clauses that no client's dialogue shows by the way: who is heard
//! in which phase, and the form of what LCP says.

use crate::bytes::{dialogue, hex};
use crate::dialogues::{PPPD_LCP, authenticating, find, granted, response, up};
use crate::server::{GRANT, PROOF, Server, names, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig, MppePolicy, Output, Phase, Refusal};
use pns::wire::ppp::{Protocol, code};
use std::time::Duration;

const NETWORK: [Protocol; 9] = [
    Protocol::CCP,
    Protocol::IPCP,
    Protocol::IPV6CP,
    Protocol::IPV4,
    Protocol::IPV6,
    Protocol::COMPRESSED,
    // VJ-compressed TCP, bridging control, link quality report
    Protocol(0x002d),
    Protocol(0x8031),
    Protocol(0xc025),
];
const AUTHENTICATION: [Protocol; 3] = [Protocol::PAP, Protocol::CHAP, Protocol::EAP];

/// None of them is answered, and nothing changes.
fn is_deaf_to(server: &mut Server, protocols: &[Protocol]) {
    let (phase, before) = (server.link.phase(), server.link.negotiated());
    for protocol in protocols {
        for code in 1..=8 {
            let heard = server.packet(*protocol, code, 1, &[3, 6, 0, 0, 0, 0]);
            assert_eq!(heard, [], "{protocol:?}, code {code}, in {phase:?}");
        }
    }
    let after = (server.link.phase(), server.link.negotiated());
    assert_eq!(after, (phase, before));
}

fn is_deaf_to_all_but_lcp(server: &mut Server) {
    is_deaf_to(server, &NETWORK);
    is_deaf_to(server, &AUTHENTICATION);
}

/// A link that has asked and knows nothing of its client, and the request.
fn asked(config: LinkConfig) -> (Server, crate::server::Sent) {
    let mut server = Server::new(config, 1);
    let heard = server.input(Input::LowerUp);
    let request = find(&heard, Protocol::LCP, code::CONFIGURE_REQUEST);
    (server, request)
}

#[test]
fn rfc1661_s3_3_nothing_is_said_in_the_dead_phase() {
    let mut server = Server::new(LinkConfig::default(), 1);
    assert_eq!(server.pass(Duration::from_secs(3600)), []);
    for code in 0..=20 {
        assert_eq!(server.packet(Protocol::LCP, code, 1, &[0; 8]), []);
    }
    assert_eq!(server.link.refusals().get(Refusal::WrongPhase), 21);
    is_deaf_to_all_but_lcp(&mut server);
    assert_eq!(server.link.phase(), Phase::Dead);
}

#[test]
fn rfc1661_s3_4_the_peer_may_speak_first_and_is_asked_as_soon_as_it_has() {
    let waiting = || {
        let start_delay = Duration::from_millis(50);
        let mut server = Server::new(
            LinkConfig {
                start_delay,
                ..LinkConfig::default()
            },
            1,
        );
        assert_eq!(server.input(Input::LowerUp), []);
        server
    };
    let mut server = waiting();
    assert_eq!(server.pass(Duration::from_millis(49)), []);
    let heard = server.pass(Duration::from_millis(1));
    find(&heard, Protocol::LCP, code::CONFIGURE_REQUEST);
    let mut server = waiting();
    let magic = option_of(0x0102_0304);
    let heard = server.packet(Protocol::LCP, code::CONFIGURE_REQUEST, 7, &magic);
    let asked = find(&heard, Protocol::LCP, code::CONFIGURE_REQUEST);
    find(&heard, Protocol::LCP, code::CONFIGURE_ACK);
    let later = server.pass(Duration::from_millis(100));
    assert_eq!(later, [], "{asked:?} was said once");
}

#[test]
fn rfc1661_s3_4_all_but_lcp_is_discarded_in_the_establishment_phase() {
    let (mut server, request) = asked(LinkConfig::default());
    is_deaf_to_all_but_lcp(&mut server);
    server.packet(Protocol::LCP, 1, 0, PPPD_LCP);
    is_deaf_to_all_but_lcp(&mut server);
    let heard = server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    assert_eq!(names(&heard), ["Challenge"]);
    // And when LCP starts over.
    let mut server = up(LinkConfig::default());
    server.packet(Protocol::LCP, 1, 200, &[5, 6, 9, 9, 9, 9]);
    assert_eq!(server.link.phase(), Phase::Establish);
    is_deaf_to_all_but_lcp(&mut server);
}

#[test]
fn rfc1661_s3_5_only_lcp_and_authentication_are_heard_before_the_client_is_known() {
    let (mut server, challenge) = authenticating(LinkConfig::default());
    is_deaf_to(&mut server, &NETWORK);
    let heard = server.input(Input::Frame(&response(challenge)));
    assert_eq!(names(&heard), ["Authenticate"]);
    // Nor while somebody decides, however long that takes.
    is_deaf_to(&mut server, &NETWORK);
    assert_eq!(server.pass(Duration::from_secs(20)), []);
    assert_eq!(server.link.phase(), Phase::Authenticate);
    let heard = server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    });
    assert_eq!(names(&heard), ["Success", "CCP Request"]);
    assert_eq!(server.link.phase(), Phase::Network);
}

#[test]
fn rfc1661_s3_7_all_but_lcp_is_discarded_while_the_link_goes_down() {
    let mut ours = up(LinkConfig::default());
    let heard = ours.input(Input::Close(EndReason::AdministrativeStop));
    let request = find(&heard, Protocol::LCP, code::TERMINATE_REQUEST);
    is_deaf_to_all_but_lcp(&mut ours);
    let heard = ours.packet(Protocol::LCP, 6, request.identifier, &[]);
    assert_eq!(names(&heard), ["Ended(AdministrativeStop)"]);
    is_deaf_to_all_but_lcp(&mut ours);

    let mut theirs = up(LinkConfig::default());
    let heard = theirs.packet(Protocol::LCP, 5, 9, &[]);
    assert_eq!(names(&heard), ["LCP TerminateAck"]);
    assert_eq!(theirs.link.phase(), Phase::Terminate);
    is_deaf_to_all_but_lcp(&mut theirs);
}

#[test]
fn rfc1661_s5_a_packet_of_a_wrong_length_is_discarded_and_padding_is_ignored() {
    let (mut server, _) = asked(LinkConfig::default());
    let before = server.link.negotiated();
    let wrong = [
        "ff03 c021 01 05 0000 0104 0578",
        "ff03 c021 01 05 0003 0104 0578",
        "ff03 c021 01 05 0009 0104 0578",
        "ff03 c021 01 05 ffff 0104 0578",
        "ff03 c021 01 05 00",
        "ff03 c021",
        // An option that reaches out of the packet, though not out of the frame.
        "ff03 c021 01 05 0007 0104 05 78",
    ];
    for says in wrong {
        dialogue(&mut server, says, &[]);
    }
    assert_eq!(server.link.negotiated(), before);
    dialogue(
        &mut server,
        "ff03 c021 01 05 0008 0104 0578 0506 0000 0000 ff",
        &["ff03 c021 02 05 0008 0104 0578"],
    );
}

#[test]
fn rfc1661_s5_3_a_nak_has_the_wrong_options_alone_in_their_order() {
    const PFC: [u8; 2] = [7, 2];
    const ACFC: [u8; 2] = [8, 2];
    const SMALL_MRU: [u8; 4] = [1, 4, 0, 64];
    const NO_MAGIC: [u8; 6] = [5, 6, 0, 0, 0, 0];
    for (request, wanted) in [
        ([&PFC[..], &SMALL_MRU, &ACFC, &NO_MAGIC].concat(), [1, 5]),
        ([&NO_MAGIC[..], &PFC, &SMALL_MRU, &ACFC].concat(), [5, 1]),
    ] {
        let (mut server, _) = asked(LinkConfig::default());
        let heard = server.packet(Protocol::LCP, 1, 7, &request);
        let [nak] = &packets(&heard)[..] else {
            panic!("{heard:?}")
        };
        assert_eq!((nak.code, nak.identifier), (code::CONFIGURE_NAK, 7));
        let first = usize::from(nak.data[1]);
        assert_eq!([nak.data[0], nak.data[first]], wanted);
        assert_eq!(nak.data.len(), 10);
        // What is asked for in it is acceptable.
        let heard = server.packet(Protocol::LCP, 1, 8, &nak.data);
        let ack = find(&heard, Protocol::LCP, code::CONFIGURE_ACK);
        assert_eq!(ack.data, nak.data);
    }
}

#[test]
fn rfc1661_s5_6_s5_7_each_reject_has_an_identifier_of_its_own() {
    let mut server = up(LinkConfig::default());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let heard = server.packet(Protocol::LCP, 200, 7, b"?");
        seen.push(find(&heard, Protocol::LCP, code::CODE_REJECT).identifier);
        let heard = server.packet(Protocol(0x8031), 1, 7, &[]);
        seen.push(find(&heard, Protocol::LCP, code::PROTOCOL_REJECT).identifier);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6);
}

#[test]
fn rfc1661_s5_7_a_rejected_protocol_is_not_sent_again() {
    let (mut server, heard) = granted(LinkConfig {
        mppe: MppePolicy::OPTIONAL,
        ..LinkConfig::default()
    });
    let request = find(&heard, Protocol::CCP, code::CONFIGURE_REQUEST);
    let rejected = [
        0x80,
        0xfd,
        1,
        request.identifier,
        0,
        10,
        18,
        6,
        1,
        0,
        0,
        0x40,
    ];
    let heard = server.packet(Protocol::LCP, code::PROTOCOL_REJECT, 1, &rejected);
    assert_eq!(names(&heard), ["IPCP Request"]);
    let heard = server.pass(Duration::from_secs(25));
    let sent = packets(&heard);
    assert!(sent.iter().any(|it| it.protocol == Protocol::IPCP));
    assert!(sent.iter().all(|it| it.protocol != Protocol::CCP));
    assert_eq!(server.link.end_reason(), None);
}

#[test]
fn rfc1661_s5_8_our_echo_requests_have_an_identifier_each_and_our_magic_number() {
    let mut server = up(LinkConfig::default());
    let mut seen = Vec::new();
    for _ in 0..6 {
        let heard = server.pass(Duration::from_secs(20));
        let echo = find(&heard, Protocol::LCP, code::ECHO_REQUEST);
        let magic = server.link.negotiated().local_magic;
        assert_eq!(echo.data[..4], magic.to_be_bytes());
        assert!(!seen.contains(&echo.identifier));
        seen.push(echo.identifier);
        server.packet(Protocol::LCP, code::ECHO_REPLY, echo.identifier, &[9; 4]);
    }
}

#[test]
fn rfc1661_s5_8_we_ask_for_an_echo_in_the_opened_state_only() {
    let (mut fresh, _) = asked(LinkConfig::default());
    let mut again = up(LinkConfig::default());
    again.packet(Protocol::LCP, 1, 200, &[5, 6, 9, 9, 9, 9]);
    for server in [&mut fresh, &mut again] {
        let heard = server.pass(Duration::from_secs(29));
        assert!(packets(&heard).len() > 5);
        for packet in packets(&heard) {
            assert!(packet.is(Protocol::LCP, code::CONFIGURE_REQUEST));
        }
    }
}

#[test]
fn rfc1661_s6_4_a_request_with_our_number_gets_a_nak_and_no_new_request() {
    let (mut server, _) = asked(LinkConfig::default());
    let magic = server.link.negotiated().local_magic;
    let heard = server.packet(Protocol::LCP, 1, 0, &option_of(magic));
    let [nak] = &packets(&heard)[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(nak.code, code::CONFIGURE_NAK);
    assert_ne!(nak.data, option_of(magic));
    let heard = server.packet(Protocol::LCP, 1, 1, &option_of(magic ^ 1));
    assert_eq!(names(&heard), ["LCP Ack"]);
}

fn option_of(magic: u32) -> Vec<u8> {
    [&[5, 6][..], &magic.to_be_bytes()].concat()
}

#[test]
fn rfc1661_s6_4_rfc1570_s1_without_a_magic_number_every_packet_carries_zero() {
    let config = LinkConfig {
        identification: "pns".into(),
        ..LinkConfig::default()
    };
    let (mut server, request) = asked(config);
    let magic = server.link.negotiated().local_magic;
    let heard = server.packet(
        Protocol::LCP,
        code::CONFIGURE_REJECT,
        request.identifier,
        &option_of(magic),
    );
    let request = find(&heard, Protocol::LCP, code::CONFIGURE_REQUEST);
    server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    let heard = server.packet(Protocol::LCP, 1, 9, &[5, 6, 9, 9, 9, 9]);
    let mut said = vec![find(&heard, Protocol::LCP, code::IDENTIFICATION)];
    let challenge = find(&heard, Protocol::CHAP, 1).identifier;

    let heard = server.packet(Protocol::LCP, 9, 1, &[9, 9, 9, 9, 1]);
    said.push(find(&heard, Protocol::LCP, code::ECHO_REPLY));
    let heard = server.input(Input::TimeRemaining { seconds: 7 });
    said.push(find(&heard, Protocol::LCP, code::TIME_REMAINING));
    server.input(Input::Frame(&response(challenge)));
    server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: true,
    });
    let heard = server.pass(Duration::from_secs(20));
    said.push(find(&heard, Protocol::LCP, code::ECHO_REQUEST));
    for packet in said {
        assert_eq!(packet.data[..4], [0; 4], "{packet:?}");
    }
}

#[test]
fn rfc1661_s6_5_s6_6_lcp_goes_uncompressed_to_a_client_that_reads_compressed_frames() {
    let mut server = up(LinkConfig::default());
    let agreed = server.link.negotiated();
    assert!(agreed.peer_protocol_field_compression);
    assert!(agreed.peer_address_control_field_compression);
    let mut sent = 0;
    // Echo-Request, unknown code, unknown protocol, Terminate-Request; all without address.
    for says in [
        "c021 09 01 0008 0000 0000",
        "c021 c8 02 0004",
        "8031 01 03 0004",
        "c021 05 04 0004",
    ] {
        server.link.handle(Input::Frame(&hex(says)), server.now);
        while let Some(output) = server.link.poll_output() {
            if let Output::Frame(frame) = output {
                assert_eq!(frame.as_bytes()[..4], [0xff, 0x03, 0xc0, 0x21]);
                sent += 1;
            }
        }
    }
    assert_eq!(sent, 4);
}
