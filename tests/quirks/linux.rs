//! L1 to L9: pptp-linux, NetworkManager and pppd.

use std::time::Duration;

use pns::dataplane::DropReason;

use super::dialogue::Dialogue;
use super::packets;
use super::server::{HOST, Setup};

#[test]
fn l1_a_call_id_of_0_is_one() {
    let mut linux = Dialogue::open(Setup::default());
    linux.play(
        r#"
        tcp > 009c 0001 1a2b3c4d 0001 0000 0100 0000 00000001 00000001 0000 0001 "local" 00*59 \
            "cananian" 00*56
        tcp < 009c 0001 1a2b3c4d 0002 0000 0100 01 00 00000003 00000003 ffff 0001 00*64 "pns" 00*61
        tcp > 00a8 0001 1a2b3c4d 0007 0000 0000 0000 00000960 00989680 00000003 00000003 0003 \
            0000 0000 0000 00*128
        tcp < 0020 0001 1a2b3c4d 0008 0000 $server_call_id/2 0000 01 00 0000 ........ 0040 0000 \
            00000000
        "#,
    );
    linux.come_up();
    linux.assert_data_moves();
}

#[test]
fn l2_the_first_sequence_number_is_1() {
    let mut linux = Dialogue::open(Setup::default());
    linux.next_sequence = 1;
    linux.place_call();
    linux.come_up();
    linux.assert_data_moves();
}

#[test]
fn l3_an_echo_request_after_60_s_of_silence_is_answered() {
    let mut linux = Dialogue::up(Setup::default());
    linux.answer_lcp_echoes(Duration::from_secs(59));
    linux.play(
        "
        tcp > 0010 0001 1a2b3c4d 0005 0000 00000001
        tcp < 0014 0001 1a2b3c4d 0006 0000 00000001 01 00 0000
        ",
    );
}

#[test]
fn l4_the_server_places_no_call_and_its_notify_carries_its_own_call_id() {
    let mut linux = Dialogue::up(Setup::default());
    linux.hang_up();
    linux.play(
        "
        wait 1s
        tcp < 0094 0001 1a2b3c4d 000d 0000 $server_call_id .. 00 .... 0000 00*128
        closed
        ",
    );
    // Start and call replies, and the notify: no Outgoing-Call-Request, which it would refuse.
    let kinds: Vec<u8> = linux.writes.iter().map(|message| message[9]).collect();
    assert_eq!(kinds, [2, 8, 13]);
}

#[test]
fn l5_a_stream_that_is_reordered_on_purpose_arrives_whole() {
    // As --test-type 1 and 2 do it: neighbours swapped, and one frame ten late.
    for late_by in [1, 10] {
        let mut linux = Dialogue::up(Setup::default());
        let (lease, first) = (linux.lease(), linux.next_sequence);
        let frames: Vec<_> = (0..100)
            .map(|number| linux.frame(&packets::numbered(lease, HOST, number)))
            .collect();
        let mut order: Vec<usize> = (0..100).collect();
        for late in (0..80).step_by(20) {
            let number = order.remove(late);
            order.insert(late + late_by, number);
        }
        for number in order {
            linux.send_gre(Some(first + number as u32), None, &frames[number]);
        }
        linux.pass(Duration::from_millis(20));
        let mut arrived = packets::numbers(&linux.host);
        arrived.sort_unstable();
        assert_eq!(arrived, (0..100).collect::<Vec<_>>(), "late by {late_by}");
    }
}

#[test]
fn l5_what_is_lost_on_purpose_costs_itself_alone() {
    // As --test-type 3 does it.
    let mut linux = Dialogue::up(Setup::default());
    let (lease, first) = (linux.lease(), linux.next_sequence);
    for number in 0..100 {
        let frame = linux.frame(&packets::numbered(lease, HOST, number));
        if number % 7 != 3 {
            linux.send_gre(Some(first + number), None, &frame);
        }
    }
    linux.pass(Duration::from_millis(20));
    let sent: Vec<_> = (0..100).filter(|number| number % 7 != 3).collect();
    assert_eq!(packets::numbers(&linux.host), sent);
    assert_eq!(linux.server.drops(), []);
}

#[test]
fn l6_header_compression_and_other_compressors_are_rejected() {
    let mut linux = Dialogue::logged_in(Setup::default());
    linux.play(
        "
        # MPPE with Deflate, its draft, and BSD-Compress
        ppp > ff03 80fd 01 05 0015 1206 01000040 1a04 7800 1804 7800 1503 2f
        ppp < ff03 80fd 04 05 000f 1a04 7800 1804 7800 1503 2f
        ",
    );
    linux.open_ccp();
    linux.play(
        "
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ppp > ff03 8021 01 05 0010 0206 002d0f01 0306 00000000
        ppp < ff03 8021 04 05 000a 0206 002d0f01
        ppp > ff03 8021 01 06 000a 0306 00000000
        ppp < ff03 8021 03 06 000a 0306 $address/4
        ppp > ff03 8021 01 07 000a 0306 $address
        ppp < ff03 8021 02 07 000a 0306 $address
        ",
    );
    linux.assert_data_moves();
}

#[test]
fn l7_a_client_that_asks_for_mppe_without_a_bit_is_ended_for_a_reason() {
    let mut linux = Dialogue::logged_in(Setup::default());
    linux.insist("ppp > ff03 80fd 01 $id 000a 1206 00000000");
    let answers = linux.take_ppp().len();
    linux.pass(Duration::from_secs(10));
    assert!(answers <= 12, "{answers} answers");
    let ends = linux.server.ends();
    assert!(
        matches!(&ends[..], [end] if end.starts_with("link.mppe")),
        "{ends:?}"
    );
}

#[test]
fn l8_nobody_authenticates_the_server() {
    // A client that would have us authenticate is told that we do not.
    let mut linux = Dialogue::placed(Setup::default());
    linux.hear_lcp_request();
    linux.play(
        "
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ppp > ff03 c021 01 01 0013 0104 0578 0305 c22381 0506 11223344
        ppp < ff03 c021 04 01 0009 0305 c22381
        ppp > ff03 c021 01 02 000e 0104 0578 0506 11223344
        ppp < ff03 c021 02 02 000e 0104 0578 0506 11223344
        ",
    );
    linux.hear_challenge();
    linux.log_in();
}

#[test]
fn l9_keys_of_either_length_start_the_same_chain() {
    use pns::mppe::chain::initial_session_key;
    use pns::mppe::keys::Strength;
    // RFC 3079 §3.5: of a key of sixteen octets the weaker strengths use the first eight.
    let long: [u8; 16] = std::array::from_fn(|place| place as u8 * 7);
    let mut short = long;
    short[8..].fill(0);
    for strength in [Strength::Bits40, Strength::Bits56] {
        assert_eq!(
            initial_session_key(&long, strength),
            initial_session_key(&short, strength)
        );
    }
    let strong = Strength::Bits128;
    assert_ne!(
        initial_session_key(&long, strong),
        initial_session_key(&short, strong)
    );
}

#[test]
fn l2_frames_with_checksum_or_routing_bits_are_nobodys() {
    let mut linux = Dialogue::up(Setup::default());
    let call_id = linux.names["server_call_id"].clone();
    for flags in [0xb001u16, 0x7001] {
        let mut gre = flags.to_be_bytes().to_vec();
        gre.extend([
            0x88, 0x0b, 0, 4, call_id[0], call_id[1], 0, 0, 1, 0, 1, 2, 3, 4,
        ]);
        linux.send_outer(&gre);
    }
    linux.pass(Duration::from_millis(2));
    assert_eq!(linux.server.dropped(DropReason::GreForbiddenFlags), 2);
}

#[test]
fn rfc2637_s2_3_a_stop_of_the_client_ends_its_calls() {
    let mut linux = Dialogue::up(Setup::default());
    linux.play(
        "
        tcp > 0010 0001 1a2b3c4d 0003 0000 01 00 0000
        tcp < 0010 0001 1a2b3c4d 0004 0000 01 00 0000
        closed
        ",
    );
    linux.pass(Duration::from_secs(1));
    linux.server.assert_nothing_is_left();
}
