//! Enhanced GRE (RFC 2637 §4): headers, sequence numbers, acknowledgments.

use pns::mppe::keys::Suite;
use std::time::Duration;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::ring::Punted;
use pns::flow::{Encryption, FlowCommand, FrameBytes};

use crate::client::{Client, Received};
use crate::lab::{ACCESS, HOST, Lab, policy};
use crate::packets::{self, udp};

/// Puts many frames on the wire, a burst's worth at a time, and keeps the rest of the lab empty.
fn flood(lab: &mut Lab, frames: impl Iterator<Item = Vec<u8>>) {
    for (number, frame) in frames.enumerate() {
        lab.push(0, ACCESS, &frame);
        if number % 512 == 511 {
            lab.settle();
            lab.punted.clear();
            lab.sent(ACCESS);
        }
    }
    lab.settle();
}

#[test]
fn s4_1_every_flag_word_beside_an_established_call() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let other = lab.open(8, 3);
    let mut delivered = 0;
    for flags in 0..=u16::MAX {
        // Both numbers are there, so that only the flags decide. No payload, so nothing is taken.
        let mut gre = packets::gre(other.key.call_id, Some(1), Some(0), &[]);
        gre[..2].copy_from_slice(&flags.to_be_bytes());
        lab.push(0, ACCESS, &other.outer(&gre));
        if flags % 256 == 0 {
            let packet = udp(client.lease, HOST, 64);
            let frame = client.data(&packet);
            lab.push(0, ACCESS, &frame);
            lab.settle();
            delivered += lab.network_received().len();
        }
    }
    lab.settle();
    assert_eq!(delivered, 256, "the call beside loses nothing");
    let accepted = 1 << 2;
    assert_eq!(lab.frames(FrameCount::PayloadEmpty), accepted);
    let wrong_version = lab.dropped(DropReason::GreVersion);
    let no_key = lab.dropped(DropReason::GreKeyMissing);
    let forbidden = lab.dropped(DropReason::GreForbiddenFlags);
    assert_eq!(wrong_version, 65_536 * 7 / 8);
    assert_eq!(no_key, 4, "K clear and S and A as they like");
    assert_eq!(wrong_version + no_key + forbidden + accepted, 65_536);
}

#[test]
fn s4_1_trailing_padding_is_no_part_of_the_payload() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 20);
    let mut frame = client.data(&packet);
    frame.extend_from_slice(&[0xee; 30]);
    lab.push(0, ACCESS, &frame);
    // Padding within the outer packet as well.
    let ppp = client.wrap(&packet);
    let mut gre = packets::gre(client.key.call_id, Some(client.sequence), None, &ppp);
    gre.extend_from_slice(&[0xee; 9]);
    client.sequence += 1;
    lab.push(0, ACCESS, &client.outer(&gre));
    lab.settle();
    let sent = lab.network_received();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|sent| sent.len() == packet.len()));
    assert_eq!(lab.drops(), []);
}

#[test]
fn s4_1_padding_behind_a_control_frame_does_not_reach_the_slow_path() {
    let mut lab = Lab::new();
    let client = lab.open(7, 2);
    let mut gre = packets::gre(client.key.call_id, Some(0), None, &[0xc0, 0x21, 9, 1, 0, 4]);
    gre.extend_from_slice(&[0xee; 9]);
    lab.push(0, ACCESS, &client.outer(&gre));
    lab.settle();
    match lab.punted.as_slice() {
        [Punted::Ppp { frame, .. }] => assert_eq!(frame.as_slice(), [0xc0, 0x21, 9, 1, 0, 4]),
        other => panic!("{} frames", other.len()),
    }
}

#[test]
fn address_control_and_protocol_fields_may_be_compressed_unasked() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    for (strip_address, compress) in [(false, true), (true, false), (true, true)] {
        let packet = udp(client.lease, HOST, 20);
        let mut ppp = client.wrap(&packet);
        assert_eq!(ppp[..4], [0xff, 0x03, 0x00, 0xfd]);
        if compress {
            ppp.remove(2);
        }
        if strip_address {
            ppp.drain(..2);
        }
        let frame = client.ppp(&ppp);
        lab.push(0, ACCESS, &frame);
        lab.settle();
        assert_eq!(
            lab.network_received().len(),
            1,
            "{strip_address} {compress}"
        );
    }
}

#[test]
fn s4_3_an_acknowledgment_without_payload_is_taken_and_not_answered() {
    let mut lab = Lab::new();
    let client = lab.open(7, 2);
    let frame = client.outer(&packets::gre(client.key.call_id, None, Some(3), &[]));
    lab.push(0, ACCESS, &frame);
    lab.settle();
    assert_eq!(lab.frames(FrameCount::PayloadEmpty), 1);
    lab.advance(Duration::from_secs(1));
    assert_eq!(lab.sent(ACCESS), [[0; 0]; 0]);
    assert_eq!(lab.drops(), []);
}

#[test]
fn s4_3_an_acknowledgment_goes_alone_within_100_ms() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    lab.advance(Duration::from_secs(1));
    let sent = lab.sent(ACCESS);
    assert_eq!(client.packets(&sent).len(), 0);
    for sequence in 1..20 {
        let packet = udp(client.lease, HOST, 20);
        client.send(&mut lab, &packet);
        let mut waited = 0;
        let sent = loop {
            lab.advance(Duration::from_millis(1));
            waited += 1;
            let sent = lab.sent(ACCESS);
            if !sent.is_empty() {
                break sent;
            }
        };
        assert!((2..=100).contains(&waited), "{waited} ms");
        assert_eq!(sent.len(), 1);
        assert_eq!(client.receive(&sent[0]), Received::Nothing);
        assert_eq!(client.acknowledged, Some(sequence));
    }
}

#[test]
fn s4_3_nothing_is_acknowledged_before_the_peer_has_told_its_call_id() {
    let mut lab = Lab::single();
    let mut client = lab.place(7, 2);
    // More frames than may wait for an acknowledgment, before Outgoing-Call-Reply.
    for _ in 0..40 {
        client.greet(&mut lab);
    }
    lab.advance(Duration::from_secs(1));
    assert_eq!(lab.sent(ACCESS).len(), 0, "to Call ID 0, which is nobody");
    let (flow, peer_call_id) = (client.key, client.call_id);
    lab.command(FlowCommand::Connect { flow, peer_call_id });
    lab.advance(Duration::from_millis(100));
    let sent = lab.sent(ACCESS);
    assert_eq!(sent.len(), 1);
    assert_eq!(client.receive(&sent[0]), Received::Nothing);
    assert_eq!(client.acknowledged, Some(39));
}

#[test]
fn s4_3_traffic_carries_acknowledgments_and_then_none_goes_alone() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    for round in 1..200 {
        let (up, down) = (udp(client.lease, HOST, 20), udp(HOST, client.lease, 20));
        client.send(&mut lab, &up);
        lab.push_from_network(&down);
        lab.advance(Duration::from_millis(7));
        let sent = lab.sent(ACCESS);
        assert_eq!(sent.len(), 1, "round {round}");
        assert_eq!(client.packets(&sent), [udp_with_ttl(&down, 63)]);
        assert_eq!(client.acknowledged, Some(round));
    }
    assert_eq!(lab.frames(FrameCount::Generated), 0);
}

#[test]
fn s4_1_what_we_send_byte_by_byte() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    let [high, low] = client.call_id.get().to_be_bytes();
    let ppp = [0xff, 3, 0xc0, 0x21, 9, 1, 0, 4];
    let flow = client.key;
    let say = |lab: &mut Lab| {
        let frame = FrameBytes::copy_of(&ppp).unwrap();
        lab.command(FlowCommand::Frame { flow, frame });
        lab.settle();
        gre_of(&lab.sent(ACCESS))
    };
    // K and S, version 1, Protocol Type, length and Call ID of the key; the first number is 0. The
    // PPP frame has no flags, escapes or FCS.
    let head = [0x30, 0x01, 0x88, 0x0b, 0, 8, high, low, 0, 0, 0, 0];
    assert_eq!(say(&mut lab), [&head[..], &ppp].concat());
    // With an acknowledgment: A as well, and the number of the client's first frame.
    client.greet(&mut lab);
    let head = [
        0x30, 0x81, 0x88, 0x0b, 0, 8, high, low, 0, 0, 0, 1, 0, 0, 0, 0,
    ];
    assert_eq!(say(&mut lab), [&head[..], &ppp].concat());
    // The acknowledgment alone: K and A, and no number.
    client.greet(&mut lab);
    lab.advance(Duration::from_secs(1));
    let head = [0x20, 0x81, 0x88, 0x0b, 0, 0, high, low, 0, 0, 0, 1];
    assert_eq!(gre_of(&lab.sent(ACCESS)), head);
    // It has used no number up.
    let head = [0x30, 0x01, 0x88, 0x0b, 0, 8, high, low, 0, 0, 0, 2];
    assert_eq!(say(&mut lab), [&head[..], &ppp].concat());
}

/// What the only frame has behind its Ethernet and IPv4 headers.
fn gre_of(sent: &[Vec<u8>]) -> Vec<u8> {
    assert_eq!(sent.len(), 1);
    sent[0][34..].to_vec()
}

#[test]
fn s4_1_the_acknowledgment_is_the_highest_number_received() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    lab.advance(Duration::from_secs(1));
    lab.sent(ACCESS);
    let packet = udp(client.lease, HOST, 20);
    let frames: Vec<_> = (0..6).map(|_| client.data(&packet)).collect();
    let highest = client.sequence - 1;
    for number in [2, 5, 0, 4, 1, 3] {
        lab.push(0, ACCESS, &frames[number]);
        lab.settle();
        lab.advance(Duration::from_secs(1));
        for frame in lab.sent(ACCESS) {
            assert_eq!(client.receive(&frame), Received::Nothing);
        }
        let newest = if number == 2 { highest - 3 } else { highest };
        assert_eq!(client.acknowledged, Some(newest), "after frame {number}");
    }
    assert_eq!(lab.network_received().len(), 6);
}

#[test]
fn rfc1661_s6_5_s6_6_data_goes_with_whole_address_control_and_protocol_fields() {
    let mut lab = Lab::new();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    lab.advance(Duration::from_secs(1));
    lab.sent(ACCESS);
    lab.push_from_network(&udp(HOST, client.lease, 20));
    lab.settle();
    let gre = gre_of(&lab.sent(ACCESS));
    assert_eq!(gre[12..16], [0xff, 0x03, 0x00, 0xfd]);
}

/// The packet with another time to live.
pub(crate) fn udp_with_ttl(packet: &[u8], ttl: u8) -> Vec<u8> {
    let header = pns::wire::ipv4::Header::parse(packet).unwrap();
    let header = pns::wire::ipv4::Header {
        time_to_live: ttl,
        ..header
    };
    packets::ip_with(header, &[], &packet[20..])
}

#[test]
fn s4_4_sequence_numbers_start_anywhere_and_wrap() {
    for first in [0, 1, u32::MAX - 5, 0x7fff_fffe] {
        let mut lab = Lab::new();
        let mut client = lab.open(7, 2);
        client.sequence = first;
        client.greet(&mut lab);
        lab.authorise(&mut client, policy(Encryption::Required));
        let flow = client.key;
        lab.command(FlowCommand::ArmUpstream {
            flow,
            agreement: Suite::STATELESS_128.into(),
        });
        lab.command(FlowCommand::ForwardUpstream {
            flow,
            lease: client.lease,
        });
        lab.settle();
        client.arm(Suite::STATELESS_128);
        for _ in 0..12 {
            let packet = udp(client.lease, HOST, 20);
            client.send(&mut lab, &packet);
        }
        assert_eq!(lab.network_received().len(), 12, "from {first}");
        assert_eq!(lab.drops(), []);
    }
}

#[test]
fn late_frames_are_delivered_once_and_duplicates_never() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 20);
    let frames: Vec<_> = (0..60).map(|_| client.data(&packet)).collect();
    // Every third first, then the others, then all again.
    let (early, late): (Vec<_>, Vec<_>) = frames
        .iter()
        .enumerate()
        .partition(|(number, _)| number % 3 == 2);
    for (_, frame) in early.iter().chain(&late) {
        lab.push(0, ACCESS, frame);
        lab.settle();
    }
    assert_eq!(lab.network_received().len(), 60);
    assert_eq!(lab.drops(), []);
    flood(&mut lab, frames.into_iter());
    assert_eq!(lab.network_received().len(), 0);
    assert_eq!(lab.dropped(DropReason::SequenceDuplicate), 60);
    let totals = lab.close(&client);
    assert_eq!((totals.upstream_packets, totals.upstream_lost), (60, 0));
}

#[test]
fn lost_frames_are_counted_and_cost_only_themselves() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 20);
    let mut delivered = 0;
    for number in 0..3000 {
        let frame = client.data(&packet);
        if number % 10 != 3 {
            lab.push(0, ACCESS, &frame);
            delivered += 1;
        }
        if number % 50 == 49 {
            lab.settle();
        }
    }
    lab.settle();
    assert_eq!(lab.network_received().len(), delivered);
    assert_eq!(lab.drops(), []);
    assert_eq!(lab.close(&client).upstream_lost, 300);
}

#[test]
fn a_long_outage_is_caught_up_with() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 20);
    for _ in 0..6000 {
        let _lost = client.data(&packet);
    }
    // Past the window: believed after a run, and the keys are made up for within the budget.
    let mut delivered = 0;
    for _ in 0..200 {
        client.send(&mut lab, &packet);
        lab.advance(Duration::from_millis(50));
        delivered += lab.network_received().len();
    }
    assert!(delivered > 150, "{delivered} of 200");
    assert_eq!(lab.dropped(DropReason::SequenceOutOfWindow), 15);
    client.send(&mut lab, &packet);
    assert_eq!(lab.network_received().len(), 1);
}

#[test]
fn control_frames_of_an_idle_encrypted_call_do_not_lead_out_of_the_window() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 20);
    client.send(&mut lab, &packet);
    for _ in 0..6000 {
        let echo = client.ppp(&[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4]);
        lab.push(0, ACCESS, &echo);
        lab.advance(Duration::from_secs(1));
        lab.punted.clear();
        lab.sent(ACCESS);
    }
    assert_eq!(lab.frames(FrameCount::PuntedPpp), 6001);
    client.send(&mut lab, &packet);
    assert_eq!(lab.network_received().len(), 2);
    assert_eq!(lab.drops(), []);
}

#[test]
fn the_same_call_id_on_another_local_address_is_another_call() {
    let mut lab = Lab::new();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let gre = packets::gre(
        client.key.call_id,
        Some(9),
        None,
        &[0xff, 3, 0xc0, 0x21, 9, 1, 0, 4],
    );
    let packet = packets::ip(47, client.address, crate::lab::LOCAL_2, &gre);
    let mut frame = client.outer(&gre);
    frame.truncate(14);
    frame.extend_from_slice(&packet);
    lab.push(0, ACCESS, &frame);
    lab.settle();
    assert_eq!(lab.drops(), [(DropReason::GreCallIdUnknown, 1)]);
}

/// Frames of a client that is not there.
pub(crate) fn stranger(client: &Client, last: u8) -> Client {
    Client::new(client.key, last)
}
