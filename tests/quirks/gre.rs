//! G1 to G14: enhanced GRE and MPPE as peers really send them.

use std::time::Duration;

use pns::dataplane::DropReason;
use pns::wire::mppe::{CoherencyCount, Header};

use super::dialogue::Dialogue;
use super::packets;
use super::server::{HOST, Setup};

/// A call that is up, whose client began its GRE with `first`.
fn up_from(first: u32) -> Dialogue {
    let mut client = Dialogue::open(Setup::default());
    client.next_sequence = first;
    client.place_call();
    client.come_up();
    client
}

#[test]
fn g1_the_first_sequence_number_is_any() {
    for first in [0, 1, 77, 0x7fff_fff8, 0xffff_fff0, u32::MAX] {
        let mut client = up_from(first);
        for _ in 0..20 {
            client.host.clear();
            client.assert_data_moves();
        }
    }
}

#[test]
fn g2_g4_acknowledgments_alone_and_empty_payloads_carry_no_ppp() {
    let mut client = Dialogue::up(Setup::default());
    client.send_gre(None, Some(3), &[]);
    let sequence = client.next_sequence;
    client.next_sequence += 1;
    client.send_gre(Some(sequence), Some(4), &[]);
    client.pass(Duration::from_millis(2));
    assert_eq!(client.server.drops(), []);
    client.assert_data_moves();
}

#[test]
fn g3_data_with_and_without_an_acknowledgment_passes() {
    let mut client = Dialogue::up(Setup::default());
    let lease = client.lease();
    for (number, acknowledgment) in [(0, None), (1, Some(2)), (2, None), (3, Some(5))] {
        let frame = client.frame(&packets::numbered(lease, HOST, number));
        let sequence = client.next_sequence;
        client.next_sequence += 1;
        client.send_gre(Some(sequence), acknowledgment, &frame);
    }
    client.pass(Duration::from_millis(5));
    assert_eq!(packets::numbers(&client.host), [0, 1, 2, 3]);
}

#[test]
fn g4_bytes_beyond_the_payload_length_are_padding() {
    let mut client = Dialogue::up(Setup::default());
    let (lease, sequence) = (client.lease(), client.next_sequence);
    let frame = client.frame(&packets::numbered(lease, HOST, 5));
    let call_id = u16::from_be_bytes(client.names["server_call_id"][..].try_into().unwrap());
    let mut gre = packets::gre(call_id, Some(sequence), None, &frame);
    gre.extend([0xaa; 30]);
    client.send_outer(&gre);
    client.pass(Duration::from_millis(5));
    assert_eq!(packets::numbers(&client.host), [5]);
}

#[test]
fn g5_compressed_headers_are_understood_in_every_form() {
    let mut client = Dialogue::up(Setup::default());
    let lease = client.lease();
    for number in 0..4 {
        let frame = client.frame(&packets::numbered(lease, HOST, number));
        // ff 03 00 fd ..., 00 fd ..., fd ..., ff 03 fd ...
        let frame = match number {
            0 => frame,
            1 => frame[2..].to_vec(),
            2 => frame[3..].to_vec(),
            _ => [&frame[..2], &frame[3..]].concat(),
        };
        client.send_ppp(&frame);
    }
    client.pass(Duration::from_millis(5));
    assert_eq!(packets::numbers(&client.host), [0, 1, 2, 3]);
    // Control frames too.
    client.play(
        "
        ppp > c021 09 07 0008 11223344
        ppp < ff03 c021 0a 07 0008 $server_magic
        ",
    );
}

#[test]
fn g6_control_frames_are_clear_both_ways_while_data_is_encrypted() {
    let mut client = Dialogue::up(Setup::default());
    client.assert_data_moves();
    client.play(
        "
        ppp > ff03 c021 09 07 000c 11223344 deadbeef
        ppp < ff03 c021 0a 07 000c $server_magic deadbeef
        ppp > ff03 8057 01 01 000e 010a 0102030405060708
        ",
    );
    client.host.clear();
    client.pass(Duration::from_millis(10));
    client.take_ppp();
    client.assert_data_moves();
}

#[test]
fn g7_clear_data_on_an_encrypted_call_is_dropped_for_a_reason() {
    let mut client = Dialogue::up(Setup::default());
    let mut frame = vec![0xff, 0x03, 0x00, 0x21];
    frame.extend(packets::numbered(client.lease(), HOST, 1));
    client.send_ppp(&frame);
    client.pass(Duration::from_millis(5));
    assert_eq!(client.host.len(), 0);
    assert_eq!(client.server.dropped(DropReason::PlaintextRefused), 1);
    client.assert_data_moves();
}

#[test]
fn g8_the_first_count_is_0_and_the_flushed_bit_is_not_demanded() {
    let mut client = Dialogue::up(Setup::default());
    let lease = client.lease();
    for number in 0..3u16 {
        let mut frame = client.frame(&packets::numbered(lease, HOST, u32::from(number)));
        let header = Header::parse(&frame[4..]).unwrap();
        assert_eq!(header, Header::stateless(CoherencyCount::new(number)));
        // Without bit A.
        frame[4] &= 0x7f;
        client.send_ppp(&frame);
    }
    client.pass(Duration::from_millis(5));
    assert_eq!(packets::numbers(&client.host), [0, 1, 2]);
}

#[test]
fn g9_a_client_that_lost_step_asks_for_a_fresh_start_and_needs_no_ack() {
    let mut client = Dialogue::up_stateful();
    let lease = client.lease();
    let heard = |client: &mut Dialogue, number| {
        client.host_sends(&packets::numbered(HOST, lease, number));
        client.pass(Duration::from_millis(5));
        packets::numbers(&client.take_data())
    };
    assert_eq!(heard(&mut client, 0), [0]);
    client.is_deaf = true;
    assert!(heard(&mut client, 1).is_empty());
    client.is_deaf = false;
    // What follows a loss cannot be read.
    assert!(heard(&mut client, 2).is_empty());
    assert_eq!(client.out_of_step, 1);
    client.play(
        "
        ppp > ff03 80fd 0e 21 0004
        ppp < ff03 80fd 0f 21 0004
        ",
    );
    // The very next frame can.
    for number in 3..600 {
        assert_eq!(heard(&mut client, number), [number]);
    }
}

#[test]
fn g9_a_server_that_lost_step_asks_once_and_takes_a_flushed_frame_without_a_reset_ack() {
    let mut client = Dialogue::up_stateful();
    let lease = client.lease();
    let arrived = |client: &mut Dialogue, number| {
        let frame = client.frame(&packets::numbered(lease, HOST, number));
        client.send_ppp(&frame);
        client.pass(Duration::from_millis(2));
        packets::numbers(&std::mem::take(&mut client.host))
    };
    assert_eq!(arrived(&mut client, 0), [0]);
    client.next_sequence += 1;
    let _lost = client.frame(&packets::numbered(lease, HOST, 1));
    assert!(arrived(&mut client, 2).is_empty());
    client.play("ppp < ff03 80fd 0e $reset_id/1 0004");
    client.flush();
    for number in 3..600 {
        assert_eq!(arrived(&mut client, number), [number]);
    }
    client.play("quiet");
}

#[test]
fn g10_stateful_keys_change_every_256_frames_and_the_count_wraps() {
    let mut client = Dialogue::up_stateful();
    let lease = client.lease();
    for number in 0..4200 {
        let frame = client.frame(&packets::numbered(lease, HOST, number));
        client.send_ppp(&frame);
        client.host_sends(&packets::numbered(HOST, lease, number));
    }
    client.pass(Duration::from_millis(5));
    let all: Vec<u32> = (0..4200).collect();
    assert_eq!(packets::numbers(&client.host), all);
    assert_eq!(packets::numbers(&client.take_data()), all);
    assert_eq!(client.out_of_step, 0);
    assert_eq!(client.server.drops(), []);
}

#[test]
fn g10_counts_wrap_from_4095_to_0() {
    let mut client = Dialogue::up(Setup::default());
    let lease = client.lease();
    for number in 0..4200 {
        let frame = client.frame(&packets::numbered(lease, HOST, number));
        let sequence = client.next_sequence;
        client.next_sequence += 1;
        client.send_gre(Some(sequence), None, &frame);
        if number % 32 == 0 {
            client.pass(Duration::from_millis(1));
        }
    }
    client.pass(Duration::from_millis(5));
    assert_eq!(
        packets::numbers(&client.host),
        (0..4200).collect::<Vec<_>>()
    );
}

#[test]
fn g11_a_frame_from_far_back_is_late_and_not_a_loss_of_4000() {
    let mut client = Dialogue::up(Setup::default());
    let (lease, first) = (client.lease(), client.next_sequence);
    let frames: Vec<_> = (0..4100)
        .map(|number| client.frame(&packets::numbered(lease, HOST, number)))
        .collect();
    for (number, frame) in frames.iter().enumerate().skip(1) {
        client.send_gre(Some(first + number as u32), None, frame);
        if number % 32 == 0 {
            client.pass(Duration::from_millis(1));
        }
    }
    client.pass(Duration::from_millis(5));
    client.next_sequence = first + 4100;
    client.host.clear();
    // 4,099 late: dropped, and the keys of the others are as they were.
    client.send_gre(Some(first), None, &frames[0]);
    client.pass(Duration::from_millis(5));
    assert_eq!(client.host.len(), 0);
    client.assert_data_moves();
}

#[test]
fn g11_the_oldest_frame_whose_key_is_kept_is_delivered_and_the_next_older_one_is_not() {
    let mut client = Dialogue::up(Setup::default());
    let (lease, first) = (client.lease(), client.next_sequence);
    let frames: Vec<_> = (0..66)
        .map(|number| client.frame(&packets::numbered(lease, HOST, number)))
        .collect();
    for number in (2..66).chain([1, 0]) {
        client.send_gre(Some(first + number), None, &frames[number as usize]);
    }
    client.next_sequence = first + 66;
    client.pass(Duration::from_millis(5));
    let arrived = packets::numbers(&client.host);
    // Frame 65 is the newest: 1 is 64 late, 0 is 65 late.
    assert_eq!(arrived.last(), Some(&1));
    assert_eq!(arrived.len(), 65);
    client.host.clear();
    client.assert_data_moves();
}

#[test]
fn g12_checksum_routing_and_recursion_bits_are_dropped_for_a_reason() {
    let mut client = Dialogue::up(Setup::default());
    let call_id = client.names["server_call_id"].clone();
    for flags in [0xb001u16, 0x7001, 0x3801, 0x3101, 0x3009] {
        let mut gre = flags.to_be_bytes().to_vec();
        gre.extend([
            0x88, 0x0b, 0, 4, call_id[0], call_id[1], 0, 0, 1, 0, 1, 2, 3, 4,
        ]);
        client.send_outer(&gre);
    }
    client.pass(Duration::from_millis(5));
    assert_eq!(client.server.dropped(DropReason::GreForbiddenFlags), 5);
    client.assert_data_moves();
}

#[test]
fn g13_a_payload_length_beyond_the_packet_is_dropped_for_a_reason() {
    let mut client = Dialogue::up(Setup::default());
    let call_id = client.names["server_call_id"].clone();
    let mut gre = vec![0x30, 0x01, 0x88, 0x0b, 0xff, 0xff, call_id[0], call_id[1]];
    gre.extend([0, 0, 1, 0, 0xff, 3, 0, 0xfd, 0x90, 0]);
    client.send_outer(&gre);
    client.pass(Duration::from_millis(5));
    assert_eq!(client.server.dropped(DropReason::GrePayloadLength), 1);
    client.assert_data_moves();
}

#[test]
fn g13_gre_in_fragments_is_put_together() {
    let mut client = Dialogue::up(Setup::default());
    let (lease, sequence) = (client.lease(), client.next_sequence);
    client.next_sequence += 1;
    let frame = client.frame(&packets::ping(lease, HOST, 1396, false));
    let call_id = u16::from_be_bytes(client.names["server_call_id"][..].try_into().unwrap());
    let gre = packets::gre(call_id, Some(sequence), None, &frame);
    let outer = packets::outer(client.address, super::server::SERVER, &gre);
    for fragment in packets::cut(&outer, 800) {
        client.send_packet(&fragment);
    }
    client.pass(Duration::from_millis(5));
    assert_eq!(client.host.len(), 1);
}

#[test]
fn g14_protocol_rejects_do_not_become_a_storm() {
    let mut client = Dialogue::up(Setup::default());
    for _ in 0..200 {
        client.play("ppp > ff03 8025 01 01 0004");
    }
    client.pass(Duration::from_millis(100));
    let rejects = client.take_ppp().len();
    assert!((1..=40).contains(&rejects), "{rejects} Protocol-Rejects");
    // What is rejected of ours is not rejected back.
    client.play(
        "
        wait 5s
        ppp > ff03 c021 08 55 0006 8025
        ",
    );
    client.take_ppp();
    client.play("quiet");
    client.assert_data_moves();
}
