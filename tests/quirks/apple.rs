//! M1 to M10: macOS and iOS.

use std::time::Duration;

use pns::dataplane::DropReason;

use super::dialogue::Dialogue;
use super::packets;
use super::server::{HOST, Setup};

/// M1 and M3: nothing but async and analog, no names, no channels.
const CONTROL: &str = "
    tcp > 009c 0001 1a2b3c4d 0001 0000 0100 0000 00000001 00000001 0000 0000 00*128
    tcp < 009c 0001 1a2b3c4d 0002 0000 0100 01 00 00000003 00000003 ffff 0001 00*64 \"pns\" 00*61
    tcp > 00a8 0001 1a2b3c4d 0007 0000 3039 0001 0000012c 05f5e100 00000003 00000003 0040 0000 \
        0000 0000 00*128
    tcp < 0020 0001 1a2b3c4d 0008 0000 $server_call_id/2 3039 01 00 0000 ........ 0040 0000 00000000
";

/// A Mac that can use its network. Its GRE starts with 1 (M5).
fn mac() -> Dialogue {
    let mut mac = Dialogue::open(Setup::default());
    mac.next_sequence = 1;
    mac.play(CONTROL);
    mac.come_up();
    mac
}

#[test]
fn m1_m3_m10_a_whole_session_without_any_name() {
    let mut mac = mac();
    mac.assert_data_moves();
    mac.hang_up();
}

#[test]
fn m2_each_reply_is_one_write_of_exactly_one_message() {
    let mut mac = Dialogue::open(Setup::default());
    mac.play(CONTROL);
    let lengths: Vec<usize> = mac.writes.iter().map(Vec::len).collect();
    assert_eq!(lengths, [156, 32]);
    // Also for a client that is so slow that an Echo-Request would be due before its call.
    let mut slow = Dialogue::open(Setup::default());
    let (start, call) = CONTROL.split_at(CONTROL.find("    tcp > 00a8").unwrap());
    slow.play(start);
    slow.pass(Duration::from_secs(55));
    slow.play(call);
    let lengths: Vec<usize> = slow.writes.iter().map(Vec::len).collect();
    assert_eq!(lengths, [156, 32]);
}

#[test]
fn m4_set_link_info_with_every_bit_set_is_taken() {
    let mut mac = mac();
    mac.play(
        "
        tcp > 0018 0001 1a2b3c4d 000f 0000 $server_call_id 0000 ffffffff ffffffff
        wait 1s
        quiet
        ",
    );
    mac.assert_data_moves();
}

#[test]
fn m5_a_sender_that_keeps_to_half_of_our_window_is_acknowledged_within_100_ms() {
    let mut mac = mac();
    let lease = mac.lease();
    for round in 0..10 {
        // Half of the 64 that we announced, then nothing until the acknowledgment.
        for number in 0..32 {
            let frame = mac.frame(&packets::numbered(lease, HOST, round * 32 + number));
            let (sequence, heard) = (mac.next_sequence, mac.gre.iter());
            let acknowledgment = heard.filter_map(|gre| gre.sequence).max();
            mac.next_sequence += 1;
            mac.send_gre(Some(sequence), acknowledgment, &frame);
        }
        let (sent, last) = (mac.now, mac.next_sequence - 1);
        mac.pass(Duration::from_millis(101));
        let acknowledged = mac
            .gre
            .iter()
            .find(|gre| gre.at > sent && gre.acknowledgment == Some(last));
        assert!(acknowledged.is_some(), "round {round}");
    }
    assert_eq!(packets::numbers(&mac.host), (0..320).collect::<Vec<_>>());
}

#[test]
fn m5_half_of_our_window_is_enough_for_the_full_rate() {
    let mut mac = mac();
    let (lease, began) = (mac.lease(), mac.now);
    let mut acknowledged = mac.next_sequence - 1;
    for number in 0..6400 {
        // Never more than half of 64 on the way.
        while mac.next_sequence - 1 - acknowledged >= 32 {
            mac.pass(Duration::from_millis(1));
            let heard = mac.gre.drain(..).filter_map(|gre| gre.acknowledgment);
            acknowledged = heard.max().unwrap_or(acknowledged);
        }
        let frame = mac.frame(&packets::numbered(lease, HOST, number));
        mac.send_gre(Some(mac.next_sequence), None, &frame);
        mac.next_sequence += 1;
    }
    // 32 frames in each turn of a millisecond, as if there were no window.
    let took = mac.now.since(began);
    assert!(took <= Duration::from_millis(6400 / 32 + 10), "{took:?}");
}

#[test]
fn m6_what_we_send_is_in_order_and_without_gaps() {
    let mut mac = mac();
    let lease = mac.lease();
    for number in 0..200 {
        // From the network, and now and then from the server's own kernel.
        let packet = packets::numbered(HOST, lease, number);
        if number % 10 == 0 {
            mac.server.inject(&packet);
        } else {
            mac.host_sends(&packet);
        }
    }
    mac.pass(Duration::from_millis(50));
    let sequences: Vec<u32> = mac.gre.iter().filter_map(|gre| gre.sequence).collect();
    let first = sequences[0];
    assert!(sequences.len() > 200 && first <= 1);
    assert!(
        sequences.iter().zip(first..).all(|(a, b)| *a == b),
        "{sequences:?}"
    );
}

#[test]
fn m7_a_client_that_ignores_our_goodbye_loses_its_tcp_connection() {
    let mut mac = mac();
    mac.server.sessions.stop(mac.now);
    mac.server.carry_out(mac.now);
    // Terminate-Requests and Stop-Control-Connection-Request stay without an answer.
    mac.pass(Duration::from_secs(12));
    mac.play("closed");
    mac.server.assert_nothing_is_left();
}

#[test]
fn m8_echo_requests_on_a_change_of_network_are_answered_at_once() {
    let mut mac = mac();
    for number in 0..6 {
        mac.name("number", [number]);
        mac.play(
            "
            tcp > 0010 0001 1a2b3c4d 0005 0000 000000 $number
            tcp < 0014 0001 1a2b3c4d 0006 0000 000000 $number 01 00 0000
            wait 5s
            ",
        );
    }
}

#[test]
fn m8_a_silent_control_connection_lives_as_long_as_the_link_answers() {
    let mut mac = mac();
    // Five minutes: every LCP Echo-Request is answered, no Echo-Request of the control connection.
    mac.answer_lcp_echoes(Duration::from_secs(300));
    mac.assert_data_moves();
}

#[test]
fn m9_a_request_for_routes_is_dropped_quietly() {
    let mut mac = mac();
    // DHCPINFORM: op 1, hardware type 8 of length 6; then the cookie, message type 8, and in the
    // parameter list classless static routes by both numbers, 121 and 249.
    let mut inform = vec![1, 8, 6, 0, 0x5a, 0x5a, 0x5a, 0x5a];
    inform.resize(236, 0);
    inform.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 8, 55, 2, 121, 249, 255]);
    mac.broadcast(68, 67, &inform);
    let dropped = mac.server.dropped(DropReason::InnerNotUnicast);
    assert_eq!(dropped, 1);
    assert!(mac.host.is_empty() && mac.take_data().is_empty());
    mac.play("quiet");
    mac.assert_data_moves();
}

#[test]
fn m9_apple_s_own_control_protocol_is_rejected() {
    let mut mac = mac();
    mac.play(
        "
        ppp > ff03 8235 01 01 0008 0104 0000
        ppp < ff03 c021 08 $reject/1 000e 8235 01 01 0008 0104 0000
        ",
    );
    mac.assert_data_moves();
}
