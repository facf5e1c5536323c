//! LCP's packets that are not negotiation (RFC 1661 §5.5 to §5.9, RFC 1570 §1): who says them when,
//! and what becomes of them.

use crate::bytes::{dialogue, expect, hex};
use crate::dialogues::{authenticating, encrypted, find, granted, up};
use crate::server::{Heard, Server, names, packets};
use pns::ppp::fsm::State;
use pns::ppp::link::{EndReason, Farewell, Input, LinkConfig, Output, Phase, Refusal};
use pns::wire::ppp::{Protocol, code};
use std::time::Duration;

/// A link in each state of LCP that a peer can meet, and whether it is the Opened one.
fn states() -> Vec<(State, Server)> {
    let mut all = Vec::new();
    let mut server = Server::new(LinkConfig::default(), 1);
    let request = find(&server.input(Input::LowerUp), Protocol::LCP, 1);
    server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    all.push((State::AckRcvd, server));
    let mut server = Server::new(LinkConfig::default(), 1);
    server.input(Input::LowerUp);
    all.push((State::ReqSent, server));
    let mut server = Server::new(LinkConfig::default(), 1);
    server.input(Input::LowerUp);
    server.packet(Protocol::LCP, 1, 0, &[5, 6, 9, 9, 9, 9]);
    all.push((State::AckSent, server));
    all.push((State::Opened, authenticating(LinkConfig::default()).0));
    all.push((State::Opened, up(LinkConfig::default())));
    let mut server = up(LinkConfig::default());
    server.input(Input::Close(EndReason::AdministrativeStop));
    all.push((State::Closing, server));
    for (state, server) in &all {
        assert_eq!(server.link.negotiated().lcp, *state);
    }
    all
}

#[test]
fn rfc1661_s4_1_echo_and_discard_in_every_state() {
    for (state, mut server) in states() {
        let magic = server.link.negotiated().local_magic.to_be_bytes();
        let heard = server.packet(Protocol::LCP, 9, 5, &[0, 0, 0, 0, b'x']);
        if state == State::Opened {
            let reply = find(&heard, Protocol::LCP, 10);
            assert_eq!(reply.identifier, 5);
            assert_eq!(reply.data, [&magic[..], b"x"].concat());
        } else {
            assert_eq!(heard, [], "{state:?}");
        }
        for code in [code::ECHO_REPLY, code::DISCARD_REQUEST] {
            assert_eq!(server.packet(Protocol::LCP, code, 5, &[0; 8]), []);
        }
        assert_eq!(server.link.negotiated().lcp, state);
    }
}

#[test]
fn p1_identification_time_remaining_and_discard_are_never_answered() {
    for (state, mut server) in states() {
        for code in 11..=13 {
            for data in [&[][..], &[1], &[0; 4], &[0; 300]] {
                assert_eq!(server.packet(Protocol::LCP, code, 1, data), [], "{state:?}");
            }
        }
        assert_eq!(server.link.refusals().get(Refusal::UnknownCode), 0);
    }
}

#[test]
fn w10_windows_names_itself_three_times() {
    // Between LCP and CHAP, as Windows does.
    let (mut server, _) = authenticating(LinkConfig::default());
    for frame in [
        "ff03 c021 0c 02 0012 5bd3 6c21 4d53 5241 5356 352e 3230",
        "ff03 c021 0c 03 0019 5bd3 6c21 4d53 5241 532d 302d 4445 534b 544f 502d 37",
        "ff03 c021 0c 04 0018 5bd3 6c21 78ed 1f44 a0c2 4b4e 9a31 00ff 1b5b 326a",
        // Once more: nothing new.
        "ff03 c021 0c 05 0012 5bd3 6c21 4d53 5241 5356 352e 3230",
    ] {
        dialogue(&mut server, frame, &[]);
    }
    let said = server.link.remarks().identifications();
    let shown: Vec<String> = said.iter().map(ToString::to_string).collect();
    let guid = "{441FED78-C2A0-4E4B-9A31-00FF1B5B326A}";
    assert_eq!(shown, ["MSRASV5.20", "MSRAS-0-DESKTOP-7", guid]);
    assert_eq!(said[2].as_bytes(), hex("78ed1f44a0c24b4e9a3100ff1b5b326a"));
}

#[test]
fn rfc1570_s1_2_time_remaining_is_kept_in_the_opened_state() {
    for (state, mut server) in states() {
        dialogue(&mut server, "ff03 c021 0d 01 000c 0a0b 0c0d 0000 0e10", &[]);
        let kept = server.link.remarks().time_remaining_s();
        assert_eq!(kept, (state == State::Opened).then_some(3600), "{state:?}");
    }
}

#[test]
fn rfc1570_s1_1_we_name_ourselves_if_told_to() {
    let config = LinkConfig {
        identification: "pns".into(),
        ..LinkConfig::default()
    };
    let mut server = Server::new(config, 1);
    let request = find(&server.input(Input::LowerUp), Protocol::LCP, 1);
    server.packet(Protocol::LCP, 1, 0, &[5, 6, 9, 9, 9, 9]);
    let heard = server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    let [said, challenge] = &packets(&heard)[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(challenge.protocol, Protocol::CHAP);
    let magic = server.link.negotiated().local_magic.to_be_bytes();
    assert_eq!((said.code, said.identifier), (12, 2));
    assert_eq!(said.data, [&magic[..], b"pns"].concat());
    // A peer that does not know the code is not asked to.
    assert_eq!(server.packet(Protocol::LCP, 7, 9, &[12, 2, 0, 11]), []);
    assert_eq!(server.link.negotiated().lcp, State::Opened);
}

#[test]
fn rfc1570_s1_2_the_client_is_told_how_long_the_link_will_last() {
    let mut server = up(LinkConfig::default());
    let heard = server.input(Input::TimeRemaining { seconds: 300 });
    expect(&server, &heard, &["ff03 c021 0d 02 000c mmmmmmmm 0000012c"]);
    for (state, mut server) in states() {
        let heard = server.input(Input::TimeRemaining { seconds: 300 });
        let said = usize::from(state == State::Opened);
        assert_eq!(packets(&heard).len(), said, "{state:?}");
    }
}

#[test]
fn p6_a_terminate_request_is_acknowledged_in_every_state_before_the_call_ends() {
    for (state, mut server) in states() {
        dialogue(
            &mut server,
            "ff03 c021 05 07 0010 5573 6572 2072 6571 7565 7374",
            &["ff03 c021 06 07 0004"],
        );
        assert_eq!(server.promises.end_reason(), None, "{state:?}");
        // It is lost, and asked for again.
        dialogue(
            &mut server,
            "ff03 c021 05 08 0004",
            &["ff03 c021 06 08 0004"],
        );
        server.pass(Duration::from_millis(900));
        if state != State::Closing {
            assert_eq!(server.promises.end_reason(), None, "{state:?}");
            server.pass(Duration::from_millis(200));
            let ended = server.promises.end_reason();
            assert_eq!(ended, Some(EndReason::PeerTerminated), "{state:?}");
        }
        let farewell = server.link.remarks().farewell().map(ToString::to_string);
        assert_eq!(farewell.as_deref(), Some("User request"));
    }
}

#[test]
fn w15_the_error_number_of_windows_is_kept() {
    for (number, frame) in [
        (0, "ff03 c021 05 06 0010 5bd3 6c21 003c cd74 0000 0000"),
        (734, "ff03 c021 05 06 0010 5bd3 6c21 003c cd74 0000 02de"),
        (742, "ff03 c021 05 06 0010 5bd3 6c21 003c cd74 0000 02e6"),
    ] {
        let mut server = up(LinkConfig::default());
        dialogue(&mut server, frame, &["ff03 c021 06 06 0004"]);
        assert_eq!(server.link.negotiated().peer_error, Some(number));
        let farewell = server.link.remarks().farewell();
        assert_eq!(farewell, Some(&Farewell::WindowsError(number)));
    }
    // Another mark, and a number that is cut off: bytes as any other.
    for frame in [
        "ff03 c021 05 06 0010 5bd3 6c21 003c cd75 0000 02de",
        "ff03 c021 05 06 000f 5bd3 6c21 003c cd74 0000 02",
    ] {
        let mut server = up(LinkConfig::default());
        dialogue(&mut server, frame, &["ff03 c021 06 06 0004"]);
        assert_eq!(server.link.negotiated().peer_error, None);
        let farewell = server.link.remarks().farewell();
        assert!(matches!(farewell, Some(Farewell::Text(_))));
    }
}

#[test]
fn p7_an_echo_request_with_magic_zero_before_lcp_is_open() {
    let mut server = Server::new(LinkConfig::default(), 1);
    server.input(Input::LowerUp);
    dialogue(&mut server, "ff03 c021 09 01 0008 0000 0000", &[]);
    assert_eq!(server.link.refusals().get(Refusal::WrongPhase), 1);
    let mut server = up(LinkConfig::default());
    dialogue(
        &mut server,
        "ff03 c021 09 01 0008 0000 0000",
        &["ff03 c021 0a 01 0008 mmmmmmmm"],
    );
}

#[test]
fn rfc1661_s5_8_a_reply_is_no_longer_than_the_request_or_the_peers_mru() {
    let mut server = Server::new(LinkConfig::default(), 1);
    let request = find(&server.input(Input::LowerUp), Protocol::LCP, 1);
    server.packet(Protocol::LCP, 1, 0, &[1, 4, 0, 128]);
    server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    for length in [0, 3, 4, 5, 119, 120, 121, 124, 125, 128, 400, 1400] {
        server.pass(Duration::from_millis(200));
        let heard = server.packet(Protocol::LCP, 9, 1, &vec![7; length]);
        let replies = packets(&heard);
        if length < 4 {
            assert_eq!(replies, [], "there is no magic number");
            continue;
        }
        // Code, identifier and length are part of the information field.
        assert_eq!(replies[0].data.len(), length.min(124));
        assert_eq!(replies[0].data[4..], vec![7; length.min(124) - 4]);
    }
}

#[test]
fn rfc1661_s5_8_a_flood_of_echo_requests_is_answered_ten_times_a_second() {
    let mut server = up(LinkConfig::default());
    let mut replies = 0;
    for _ in 0..2000 {
        server.pass(Duration::from_millis(1));
        replies += packets(&server.packet(Protocol::LCP, 9, 1, &[0; 8])).len();
    }
    assert!((16 + 18..=16 + 20).contains(&replies), "{replies}");
    let suppressed = server.link.refusals().get(Refusal::EchoSuppressed);
    assert_eq!(suppressed as usize, 2000 - replies);
    // A client that asks once a second is always answered.
    for _ in 0..50 {
        server.pass(Duration::from_secs(1));
        let heard = server.packet(Protocol::LCP, 9, 1, &[0; 8]);
        find(&heard, Protocol::LCP, code::ECHO_REPLY);
    }
}

/// Protocols that clients try: LQR, Deflate's and BSD's are inside CCP; these have numbers of their own.
const FOREIGN: [(u16, &str); 10] = [
    (0x8031, "K1: bridging"),
    (0x0031, "K1: bridged frames"),
    (0x8235, "M9: Apple's client-server protocol"),
    (0x0235, "M9: its frames"),
    (0xc02b, "W19: bandwidth allocation control"),
    (0xc029, "W19: callback control"),
    (0x002d, "L6: VJ-compressed TCP"),
    (0x8053, "encryption control"),
    (0x803f, "NetBIOS frames control"),
    (0xc025, "link quality report"),
];

#[test]
fn rfc1661_s5_7_protocols_that_we_do_not_speak_are_rejected() {
    for (protocol, what) in FOREIGN {
        let mut server = up(LinkConfig::default());
        let says = format!("ff03 {protocol:04x} 01 01 0008 1122 3344");
        let reject = format!("ff03 c021 08 02 000e {protocol:04x} 01 01 0008 1122 3344");
        dialogue(&mut server, &says, &[&reject]);
        assert_eq!(server.link.end_reason(), None, "{what}");
        // Not before the client is known.
        let (mut server, _) = authenticating(LinkConfig::default());
        dialogue(&mut server, &says, &[]);
    }
    // With a compressed protocol field: the Reject has two bytes.
    let mut server = up(LinkConfig::default());
    dialogue(
        &mut server,
        "31 00 00 00 00",
        &["ff03 c021 08 02 000a 0031 00 00 00 00"],
    );
}

#[test]
fn rfc1661_s5_7_a_protocol_reject_fits_the_peers_mru() {
    for (mru, length) in [(128_u16, 122), (1400, 1394)] {
        let mut server = Server::new(LinkConfig::default(), 1);
        let request = find(&server.input(Input::LowerUp), Protocol::LCP, 1);
        server.packet(
            Protocol::LCP,
            1,
            0,
            &[&[1, 4][..], &mru.to_be_bytes()].concat(),
        );
        server.packet(Protocol::LCP, 2, request.identifier, &request.data);
        server.packet(Protocol::LCP, 8, 1, &[]);
        assert_eq!(server.link.refusals().get(Refusal::MalformedPacket), 1);
        let mut server = log_in(server);
        let long = [&[0xff, 0x03, 0x80, 0x31][..], &[5; 1500]].concat();
        let heard = server.input(Input::Frame(&long));
        let reject = find(&heard, Protocol::LCP, code::PROTOCOL_REJECT);
        assert_eq!(reject.data[..2], [0x80, 0x31]);
        assert_eq!(reject.data[2..], vec![5; length]);
    }
}

/// Takes a link whose LCP has just opened to the network phase.
fn log_in(mut server: Server) -> Server {
    // The challenge went out with the Ack; a repetition shows its identifier.
    let heard = server.pass(Duration::from_secs(3));
    let challenge = find(&heard, Protocol::CHAP, 1);
    server.input(Input::Frame(&crate::dialogues::response(
        challenge.identifier,
    )));
    server.input(Input::Granted {
        success_message: crate::server::PROOF,
        network: crate::server::GRANT,
        keys: true,
    });
    assert_eq!(server.link.phase(), Phase::Network);
    server
}

#[test]
fn g14_two_stacks_that_reject_each_other_come_to_rest() {
    let mut server = up(LinkConfig::default());
    let mut rejects = 0;
    let mut says = hex("ff03 8031 01 01 0004");
    for _ in 0..1000 {
        let heard = server.input(Input::Frame(&says));
        let Some(reject) = packets(&heard).into_iter().next() else {
            continue;
        };
        rejects += 1;
        // The other stack rejects our Protocol-Reject: it does not know the code. Back it goes.
        let copy = [&[8, reject.identifier][..], &[0, 4]].concat();
        let heard = server.packet(Protocol::LCP, 7, 1, &copy);
        assert_eq!(heard, [], "a Code-Reject is never answered");
        says = hex("ff03 8031 01 02 0004");
    }
    assert_eq!(rejects, 8);
    assert_eq!(server.link.end_reason(), None);
    // And likewise codes that nobody knows.
    let mut server = up(LinkConfig::default());
    let answers: usize = (0..1000)
        .map(|n: u32| {
            let code = 16 + n.to_le_bytes()[0] % 200;
            packets(&server.packet(Protocol::LCP, code, 1, b"?")).len()
        })
        .sum();
    assert_eq!(answers, 8);
}

#[test]
fn rfc1661_s5_7_a_reject_of_user_data_ends_the_call_unless_it_is_a_straggler() {
    for (protocol, reason) in [
        (0x00fd_u16, EndReason::MppeClosedByPeer),
        (0x0021, EndReason::NetworkClosedByPeer),
    ] {
        let mut server = up(LinkConfig::default());
        let data = [&protocol.to_be_bytes()[..], &[0x90, 0, 1, 2, 3]].concat();
        for _ in 0..3 {
            server.packet(Protocol::LCP, 8, 1, &data);
            assert_eq!(server.link.end_reason(), None);
        }
        server.packet(Protocol::LCP, 8, 1, &data);
        assert_eq!(server.link.end_reason(), Some(reason));
    }
}

#[test]
fn rfc1661_s5_7_a_protocol_reject_outside_the_opened_state_means_nothing() {
    for (state, mut server) in states() {
        if state != State::Opened {
            let before = server.link.end_reason();
            assert_eq!(server.packet(Protocol::LCP, 8, 1, &[0xc0, 0x21, 1, 1]), []);
            assert_eq!(server.link.end_reason(), before, "{state:?}");
        }
    }
}

#[test]
fn rfc1661_s5_6_a_code_reject_of_an_echo_request_ends_the_asking_only() {
    let mut server = up(LinkConfig::default());
    let asked = server.pass(Duration::from_secs(20));
    assert_eq!(names(&asked), ["LCP EchoRequest"]);
    let echo = find(&asked, Protocol::LCP, code::ECHO_REQUEST);
    let copy = [9, echo.identifier, 0, 8, 0, 0, 0, 0];
    assert_eq!(server.packet(Protocol::LCP, 7, 1, &copy), []);
    assert_eq!(server.pass(Duration::from_secs(3600)), []);
    assert_eq!(server.link.end_reason(), None);
}

/// Answers every Echo-Request of a link for so long, and counts them.
fn echoes(server: &mut Server, time: Duration, every: Duration) -> usize {
    let (mut count, end) = (0, server.now + time);
    while server.now < end {
        let heard = server.pass(every);
        count += packets(&heard).len();
        assert!(packets(&heard).iter().all(|it| it.is(Protocol::LCP, 9)));
        let at = server.now;
        server.input(Input::Heard { at });
    }
    count
}

#[test]
fn an_adaptive_link_asks_only_silent_clients() {
    let adaptive = LinkConfig {
        echo_adaptive: true,
        ..LinkConfig::default()
    };
    let day = Duration::from_secs(86_400);
    // Data every few seconds: not one Echo-Request in a day.
    let mut server = up(adaptive.clone());
    assert_eq!(echoes(&mut server, day, Duration::from_secs(5)), 0);
    // Data every 50 s: two in each silence, unanswered, and the call goes on.
    let mut server = up(adaptive.clone());
    let asked = echoes(
        &mut server,
        Duration::from_secs(5000),
        Duration::from_secs(50),
    );
    assert!((190..=200).contains(&asked), "{asked}");
    // Silence: asked after the interval, and dead after the failures.
    let mut server = up(adaptive);
    let start = server.now;
    echoes(&mut server, Duration::from_secs(40), Duration::from_secs(5));
    let heard = server.pass(Duration::from_secs(200));
    assert_eq!(
        names(&heard),
        [
            "LCP EchoRequest",
            "LCP EchoRequest",
            "LCP EchoRequest",
            "LCP TerminateRequest",
            "Ended(EchoTimeout)"
        ]
    );
    assert!(server.now.since(start) > Duration::from_secs(100));
    // Not adaptive: asked whatever comes, and answers are missed.
    let mut server = up(LinkConfig::default());
    echoes(&mut server, Duration::from_secs(70), Duration::from_secs(5));
    assert_eq!(server.link.end_reason(), None);
    let heard = server.pass(Duration::from_secs(20));
    assert!(heard.contains(&Heard::Told(Output::Ended(EndReason::EchoTimeout))));
}

#[test]
fn the_round_trip_is_measured() {
    let mut server = up(LinkConfig::default());
    assert_eq!(server.link.round_trip(), None);
    let heard = server.pass(Duration::from_secs(20));
    let echo = find(&heard, Protocol::LCP, code::ECHO_REQUEST);
    server.pass(Duration::from_millis(37));
    server.packet(Protocol::LCP, 10, echo.identifier, &[9, 9, 9, 9]);
    let round_trip = Some(Duration::from_millis(37));
    assert_eq!(server.link.round_trip(), round_trip);
}

#[test]
fn rfc1661_s3_6_lcp_and_authentication_pass_while_the_network_is_negotiated() {
    for mut server in [
        granted(LinkConfig::default()).0,
        encrypted(LinkConfig::default()).0,
    ] {
        dialogue(
            &mut server,
            "c021 09 01 0008 0000 0000",
            &["ff03 c021 0a 01 0008 mmmmmmmm"],
        );
    }
}
