//! W1 to W20: Windows 2000 to 11, 95 and 98.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::dataplane::{DropReason, GreSource};
use pns::mppe::keys::Suite;
use pns::ppp::link::Method;
use pns::session::SessionConfig;

use super::common::{change_link, setup};
use super::dialogue::{Dialogue, NAME, PASSWORD};
use super::packets;
use super::server::{HOST, Setup};

/// Start-Control-Connection and Outgoing-Call as Windows speaks them (W1, W2).
const CONTROL: &str = r#"
    tcp > 009c 0001 1a2b3c4d 0001 0000 0100 0000 00000001 00000001 0000 0000 00*64 "Microsoft" 00*55
    tcp < 009c 0001 1a2b3c4d 0002 0000 0100 01 00 00000003 00000003 ffff 0001 00*64 "pns" 00*61
    tcp > 00a8 0001 1a2b3c4d 0007 0000 3039 0001 0000012c 05f5e100 00000003 00000003 0040 0000 \
        0000 0000 00*64 a1b2c3d4e5f60718293a4b5c6d7e8f90 00*48
    tcp < 0020 0001 1a2b3c4d 0008 0000 $server_call_id/2 3039 01 00 0000 .. .. .. .. 0040 0000 \
        00000000
"#;

/// Windows with a placed call.
fn windows() -> Dialogue {
    let mut windows = Dialogue::open(Setup::default());
    windows.play(CONTROL);
    windows
}

#[test]
fn w1_w2_a_whole_session_with_an_empty_host_name_and_a_guid_in_the_sub_address() {
    let mut windows = windows();
    windows.hear_lcp_request();
    windows.play(
        "
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ppp > ff03 c021 01 00 0012 0104 0578 0506 11223344 0702 0802
        ppp < ff03 c021 02 00 0012 0104 0578 0506 11223344 0702 0802
        ",
    );
    windows.hear_challenge();
    windows.log_in();
    windows.play(
        "
        ppp > ff03 80fd 01 04 000a 1206 010000e0
        ppp < ff03 80fd 03 04 000a 1206 01000040
        ppp > ff03 80fd 01 05 000a 1206 01000040
        ppp < ff03 80fd 02 05 000a 1206 01000040
        ppp > ff03 80fd 02 $ccp_id 000a 1206 01000040
        ",
    );
    windows.encrypt(Suite::STATELESS_128);
    windows.hear_ipcp_request();
    windows.open_ipcp();
    windows.assert_data_moves();
    // The sub-address is no text: it is shown as the number that Windows logs too.
    let view = windows.server.sessions.views().next().unwrap();
    let guid = Some("a1b2c3d4e5f60718293a4b5c6d7e8f90");
    assert_eq!(view.facts.subaddress.as_deref(), guid);
}

#[test]
fn w3_set_link_info_of_any_content_is_taken_without_a_word() {
    let mut windows = windows();
    windows.play(
        "
        tcp > 0018 0001 1a2b3c4d 000f 0000 $server_call_id 0000 ffffffff ffffffff
        ",
    );
    windows.open_lcp();
    windows.play(
        "
        tcp > 0018 0001 1a2b3c4d 000f 0000 0000 0000 00000000 ffffffff  # Call ID 0
        tcp > 0018 0001 1a2b3c4d 000f 0000 ffff 0000 ffffffff 00000000  # a Call ID of nobody
        tcp > 0018 0001 1a2b3c4d 000f abcd $server_call_id ffff 12345678 9abcdef0  # reserved bits
        tcp > 0010 0001 1a2b3c4d 0005 0000 00000007
        tcp < 0014 0001 1a2b3c4d 0006 0000 00000007 01 00 0000
        ",
    );
    windows.hear_challenge();
    windows.log_in();
}

#[test]
fn w4_the_end_of_a_call_is_the_end_of_its_tcp_connection() {
    let mut windows = Dialogue::up(Setup::default());
    windows.hang_up();
    // Call-Disconnect-Notify with our Call ID, and the connection closed within a second.
    windows.play(
        "
        wait 1s
        tcp < 0094 0001 1a2b3c4d 000d 0000 $server_call_id .. 00 .... 0000 00*128
        closed
        ",
    );
    windows.server.assert_nothing_is_left();
}

#[test]
fn w4_result_code_0_in_a_notify_of_windows_ends_the_call() {
    let mut windows = Dialogue::up(Setup::default());
    windows.play("tcp > 0094 0001 1a2b3c4d 000d 0000 3039 00 00 0000 0000 00*128");
    windows.pass(Duration::from_secs(10));
    windows.server.assert_no_call_is_left();
}

#[test]
fn w4_a_closed_tcp_connection_ends_its_calls() {
    let mut windows = Dialogue::up(Setup::default());
    windows.close_tcp();
    windows.pass(Duration::from_secs(1));
    windows.server.assert_nothing_is_left();
}

#[test]
fn w5_replies_wait_for_nothing() {
    let mut windows = Dialogue::open(Setup::default());
    let before = windows.now;
    windows.play(CONTROL);
    let took = windows.now.since(before);
    assert!(took < Duration::from_millis(20), "{took:?}");
}

#[test]
fn w5_replies_do_not_wait_for_somebody_elses_radius_server() {
    let mut stuck = Dialogue::challenged(Setup::default());
    stuck.server.nobody_decides = true;
    stuck.answer_challenge(NAME, PASSWORD);
    stuck.play(
        r#"
        ppp > ff03 c223 02 $challenge_id 003b 31 $response "alice"
        wait 5s
        quiet
        "#,
    );
    // The next one dials, and is not a moment later than usual.
    stuck.reconnect();
    let before = stuck.now;
    stuck.play(CONTROL);
    let took = stuck.now.since(before);
    assert!(took < Duration::from_millis(20), "{took:?}");
}

#[test]
fn w6_late_and_repeated_frames_are_counted_and_harm_nothing() {
    let mut windows = Dialogue::up(Setup::default());
    let lease = windows.lease();
    let frames: Vec<_> = (0..4)
        .map(|number| windows.frame(&packets::numbered(lease, HOST, number)))
        .collect();
    let first = windows.next_sequence;
    windows.next_sequence += 4;
    // 0, then 2 and 3 with 1 late, and every one of them again.
    for number in [0, 2, 3, 1, 0, 1, 2, 3] {
        windows.send_gre(Some(first + number), None, &frames[number as usize]);
        windows.pass(Duration::from_millis(1));
    }
    assert_eq!(packets::numbers(&windows.host), [0, 2, 3, 1]);
    let drops = windows.server.drops();
    assert!(
        matches!(drops[..], [(DropReason::SequenceDuplicate, 4)]),
        "{drops:?}"
    );
    windows.host.clear();
    windows.assert_data_moves();
}

/// What becomes of data that a client sends from another address in the middle of its call.
fn moved(source: GreSource) -> (Dialogue, usize) {
    let mut windows = Dialogue::up(Setup {
        source,
        ..Setup::default()
    });
    windows.assert_data_moves();
    windows.host.clear();
    windows.address = Ipv4Addr::new(198, 51, 100, 200);
    let lease = windows.lease();
    let frame = windows.frame(&packets::numbered(lease, HOST, 7));
    windows.send_ppp(&frame);
    windows.pass(Duration::from_millis(5));
    let arrived = windows.host.len();
    (windows, arrived)
}

#[test]
fn w7_a_nat_that_changes_the_source_of_gre_is_followed_if_the_operator_says_so() {
    // `learn` has settled on the address that the first data came from.
    for source in [GreSource::Strict, GreSource::Learn] {
        let (windows, arrived) = moved(source);
        assert_eq!(arrived, 0, "{source:?}");
        assert_eq!(windows.server.dropped(DropReason::GrePeerAddress), 1);
    }
    let (mut windows, arrived) = moved(GreSource::Any);
    assert_eq!(arrived, 1);
    windows.host.clear();
    windows.gre.clear();
    windows.assert_data_moves();
    assert!(windows.gre.iter().all(|gre| gre.to == windows.address));
}

#[test]
fn w8_callback_is_rejected_as_often_as_it_is_asked_for_and_identifier_0_is_one() {
    let mut windows = windows();
    windows.hear_lcp_request();
    windows.play(
        "
        ppp > ff03 c021 01 00 0015 0104 0578 0506 11223344 0702 0802 0d03 06
        ppp < ff03 c021 04 00 0007 0d03 06
        ppp > ff03 c021 01 01 0015 0104 0578 0506 11223344 0702 0802 0d03 06
        ppp < ff03 c021 04 01 0007 0d03 06
        ppp > ff03 c021 01 02 0012 0104 0578 0506 11223344 0702 0802
        ppp < ff03 c021 02 02 0012 0104 0578 0506 11223344 0702 0802
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ",
    );
    windows.hear_challenge();
    // Compressed headers, since both were agreed on.
    windows.log_in();
}

#[test]
fn w9_version_2_is_offered_first_and_asked_for_as_soon_as_windows_naks_towards_it() {
    type Adjust = fn(&mut SessionConfig);
    // By default it costs no round trip.
    Dialogue::challenged(Setup::default());
    let adjusts: [(Adjust, &str); 3] = [
        (
            |config| methods(config, Method::Pap),
            "0016 0104 0578 0304 c023",
        ),
        (
            |config| methods(config, Method::ChapMd5),
            "0017 0104 0578 0305 c22305",
        ),
        (
            |config| methods(config, Method::MsChapV1),
            "0017 0104 0578 0305 c22380",
        ),
    ];
    for (adjust, first) in adjusts {
        let mut windows = Dialogue::open(setup(adjust));
        windows.play(CONTROL);
        windows.play(&format!(
            "
            ppp < ff03 c021 01 $first/1 {first} 0506 $server_magic/4 0702 0802
            ppp > ff03 c021 03 $first 0009 0305 c22381
            "
        ));
        windows.open_lcp();
        windows.hear_challenge();
        windows.log_in();
    }
}

/// This method is asked for before MS-CHAPv2.
fn methods(config: &mut SessionConfig, first: Method) {
    change_link(config, |link| link.methods = vec![first, Method::MsChapV2]);
}

#[test]
fn w10_three_identifications_are_kept_and_not_answered() {
    let mut windows = windows();
    windows.open_lcp();
    windows.hear_challenge();
    windows.play(
        r#"
        ppp > ff03 c021 0c 02 0012 11223344 "MSRASV5.20"
        ppp > ff03 c021 0c 03 001b 11223344 "MSRAS-0-INDUSTRY-PC"
        ppp > ff03 c021 0c 04 0018 11223344 00ff17c0e2a94b31 9d52 6a7788001122
        quiet
        "#,
    );
    let view = windows.server.sessions.views().next().unwrap();
    let kept: Vec<String> = view
        .identifications
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        kept,
        [
            "MSRASV5.20",
            "MSRAS-0-INDUSTRY-PC",
            "{C017FF00-A9E2-314B-9D52-6A7788001122}"
        ]
    );
    windows.log_in();
}

#[test]
fn w12_name_servers_are_told_and_those_that_we_do_not_have_are_rejected() {
    let setup = Setup {
        adjust: |config| {
            config.name_servers.dns = [
                Some(Ipv4Addr::new(10, 20, 0, 53)),
                Some(Ipv4Addr::new(10, 20, 1, 53)),
            ];
        },
        ..Setup::default()
    };
    let mut windows = Dialogue::encrypted(setup);
    windows.play(
        "
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ppp > ff03 8021 01 05 0022 0306 00000000 8106 00000000 8206 00000000 8306 00000000 8406 \
            00000000
        ppp < ff03 8021 04 05 0010 8206 00000000 8406 00000000
        ppp > ff03 8021 01 06 0016 0306 00000000 8106 00000000 8306 00000000
        ppp < ff03 8021 03 06 0016 0306 $address/4 8106 0a140035 8306 0a140135
        ppp > ff03 8021 01 07 0016 0306 $address 8106 0a140035 8306 0a140135
        ppp < ff03 8021 02 07 0016 0306 $address 8106 0a140035 8306 0a140135
        ",
    );
    windows.assert_data_moves();
}

#[test]
fn w13_an_address_asked_for_before_ccp_waits_for_it() {
    let mut windows = Dialogue::logged_in(Setup::default());
    windows.play(
        "
        ppp > ff03 8021 01 05 000a 0306 00000000
        quiet
        ppp > ff03 8021 01 05 000a 0306 00000000  # and again
        wait 1s
        quiet
        ",
    );
    windows.open_ccp();
    windows.play(
        "
        ppp < ff03 8021 03 05 000a 0306 $address/4
        ppp > ff03 8021 01 06 000a 0306 $address
        ppp < ff03 8021 02 06 000a 0306 $address
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ",
    );
    windows.assert_data_moves();
}

#[test]
fn w14_every_offer_of_windows_is_naked_to_one_strength() {
    // As a client H+M+S+L, as a server with C; 2000 without M.
    for offer in ["010000e0", "010000e1", "01000060", "01000061"] {
        let mut windows = Dialogue::logged_in(Setup::default());
        windows.play(&format!(
            "
            ppp > ff03 80fd 01 05 000a 1206 {offer}
            ppp < ff03 80fd 03 05 000a 1206 01000040
            "
        ));
        windows.open_ccp();
    }
}

#[test]
fn w14_a_windows_without_encryption_rejects_ccp_and_is_told_apart() {
    let mut windows = Dialogue::logged_in(Setup::default());
    windows.play(
        r#"
        ppp > ff03 c021 08 05 0010 80fd 01 $ccp_id 000a 1206 01000040
        ppp < ff03 c021 05 $bye/1 001a "mppe_protocol_rejected"
        ppp > ff03 c021 06 $bye 0004
        wait 3s
        closed
        "#,
    );
    assert_eq!(windows.server.ends(), ["link.mppe_protocol_rejected"]);
}

#[test]
fn w15_a_terminate_request_with_an_error_number_is_acknowledged_and_the_number_kept() {
    let mut windows = Dialogue::up(Setup::default());
    windows.play(
        "
        ppp > ff03 c021 05 09 0010 11223344 003ccd74 000002ce
        ppp < ff03 c021 06 09 0004
        wait 2s
        closed
        ",
    );
    assert_eq!(windows.server.ends(), ["link.peer_terminated"]);
    let row = windows.explain().pop().unwrap();
    assert_eq!(row.terminate_error, Some(718));
    assert_eq!(row.farewell.as_deref(), Some("Windows error 718"));
}

#[test]
fn w16_broadcasts_of_a_fresh_connection_are_dropped_for_a_reason() {
    let mut windows = Dialogue::up(Setup::default());
    // DHCPINFORM and a NetBIOS name registration, as far as the ports tell them.
    for (source_port, port) in [(68, 67), (137, 137)] {
        windows.broadcast(source_port, port, &[1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
    }
    let dropped = windows.server.dropped(DropReason::InnerNotUnicast);
    assert_eq!(dropped, 2);
    windows.play("quiet");
    windows.assert_data_moves();
}

#[test]
fn w17_segments_are_announced_as_small_as_they_fit_the_call() {
    let mut windows = Dialogue::up(Setup::default());
    let lease = windows.lease();
    let mut segment = vec![
        0x04, 0x01, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff,
    ];
    segment.extend([0, 0, 0, 0, 2, 4, 0x05, 0xb4]);
    let header = pns::wire::ipv4::Header::plain(6, lease, HOST, 0);
    let frame = windows.frame(&packets::packet(header, &[], &segment));
    windows.send_ppp(&frame);
    windows.pass(Duration::from_millis(5));
    let arrived = windows.host.last().expect("the segment");
    let mss = u16::from_be_bytes([arrived[42], arrived[43]]);
    // 1400 of the client's MRU, less four of MPPE and forty of IPv4 and TCP.
    assert_eq!(mss, 1356);
}

#[test]
fn w18_windows_98_gets_no_message_it_cannot_read_and_stateless_first() {
    let mut windows = Dialogue::challenged(Setup::default());
    windows.answer_challenge(NAME, "wrong");
    let mut response = windows.names["response"].clone();
    response[48] = 4;
    windows.name("flagged", response);
    windows.play(
        r#"
        ppp > ff03 c223 02 $challenge_id 003b 31 $flagged "alice"
        ppp < ff03 c223 04 $challenge_id 0034 "E=691 R=1 C=" $challenge_2/32 " V=3"
        "#,
    );
    windows.name("challenge", windows.digits("challenge_2"));
    windows.answer_challenge(NAME, PASSWORD);
    let mut response = windows.names["response"].clone();
    response[48] = 4;
    windows.name("flagged", response);
    let next = windows.names["challenge_id"][0].wrapping_add(1);
    windows.name("next_id", [next]);
    windows.play(
        r#"
        ppp > ff03 c223 02 $next_id 003b 31 $flagged "alice"
        ppp < ff03 c223 03 $next_id 002e "S=" $proof/40
        ppp < ff03 80fd 01 $ccp_id/1 000a 1206 01000040  # H is set
        "#,
    );
}

#[test]
fn w19_multilink_bandwidth_allocation_and_callback_control_are_turned_down() {
    let mut windows = windows();
    windows.hear_lcp_request();
    windows.play(
        "
        ppp > ff03 c021 01 05 0024 0104 0578 0506 11223344 1104 064e 1309 03c0ffee012345 1704 \
            1234 0d03 06 0702
        ppp < ff03 c021 04 05 0018 1104 064e 1309 03c0ffee012345 1704 1234 0d03 06
        ppp > ff03 c021 01 06 0010 0104 0578 0506 11223344 0702
        ppp < ff03 c021 02 06 0010 0104 0578 0506 11223344 0702
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ",
    );
    windows.hear_challenge();
    windows.log_in();
    windows.play(
        "
        ppp > ff03 c02b 01 01 000a 0106 00000001         # BACP
        ppp < ff03 c021 08 $r1/1 0010 c02b 01 01 000a 0106 00000001
        ppp > ff03 c029 01 01 0006 0600                  # CBCP
        ppp < ff03 c021 08 $r2/1 000c c029 01 01 0006 0600
        ",
    );
    windows.open_ccp();
    windows.open_ipcp();
    windows.assert_data_moves();
}
