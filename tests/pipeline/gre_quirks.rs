//! What real peers do with GRE, by the numbers of the list of client quirks, and the rows of the
//! acceptance list about GRE.

use pns::dataplane::{DropReason, FrameCount, GreConfig};
use pns::flow::ring::Punted;
use pns::flow::{Encryption, FlowCommand, FrameBytes};
use std::time::Duration;

use crate::client::{Client, Received};
use crate::gre::udp_with_ttl;
use crate::lab::{ACCESS, HOST, Lab, Plan, policy};
use crate::packets::{self, udp};
use pns::mppe::keys::Suite;

const SUITE: Suite = Suite::STATELESS_128;

fn call() -> (Lab, Client) {
    let mut lab = Lab::new();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    (lab, client)
}

/// A lab that takes frames so late.
fn call_with(gre: GreConfig) -> (Lab, Client) {
    let mut plan = Plan::default();
    plan.config.gre = gre;
    let mut lab = Lab::of(plan);
    let client = lab.dial(7, 2, policy(Encryption::Required));
    (lab, client)
}

fn send(lab: &mut Lab, client: &mut Client) -> usize {
    let packet = udp(client.lease, HOST, 20);
    client.send(lab, &packet);
    lab.network_received().len()
}

/// Takes the frame of the next packet without sending it.
fn withhold(client: &mut Client) -> Vec<u8> {
    let packet = udp(client.lease, HOST, 20);
    client.data(&packet)
}

fn deliver(lab: &mut Lab, frame: &[u8]) -> usize {
    lab.push(0, ACCESS, frame);
    lab.settle();
    lab.network_received().len()
}

#[test]
fn g1_w6_checklist_6_the_sequence_starts_anywhere_and_wraps() {
    for first in [0, 1, 0xffff_fff0] {
        let mut lab = Lab::new();
        let mut client = lab.open(7, 2);
        client.sequence = first;
        client.greet(&mut lab);
        lab.bring_up(&mut client, policy(Encryption::Required), SUITE);
        for _ in 0..40 {
            assert_eq!(send(&mut lab, &mut client), 1, "from {first}");
        }
        let twice = withhold(&mut client);
        assert_eq!(deliver(&mut lab, &twice), 1);
        assert_eq!(deliver(&mut lab, &twice), 0);
        assert_eq!(lab.drops(), [(DropReason::SequenceDuplicate, 1)]);
        let totals = lab.close(&client);
        assert_eq!((totals.upstream_lost, totals.upstream_duplicates), (0, 1));
    }
}

#[test]
fn g2_m5_an_acknowledgment_alone_carries_no_ppp() {
    let (mut lab, client) = call();
    for acknowledgment in [0, 1, u32::MAX] {
        let gre = packets::gre(client.key.call_id, None, Some(acknowledgment), &[]);
        assert_eq!(gre[..2], [0x20, 0x81]);
        deliver(&mut lab, &client.outer(&gre));
    }
    // Neither number: nothing at all, and no reason to complain.
    deliver(
        &mut lab,
        &client.outer(&packets::gre(client.key.call_id, None, None, &[])),
    );
    assert_eq!(lab.frames(FrameCount::PayloadEmpty), 4);
    assert_eq!((lab.drops(), lab.punted.len()), (vec![], 0));
}

#[test]
fn g3_data_comes_with_or_without_an_acknowledgment() {
    let (mut lab, mut client) = call();
    for acknowledgment in [None, Some(0), Some(77)] {
        let packet = udp(client.lease, HOST, 20);
        let ppp = client.wrap(&packet);
        let sequence = Some(client.sequence);
        client.sequence += 1;
        let gre = packets::gre(client.key.call_id, sequence, acknowledgment, &ppp);
        assert_eq!(deliver(&mut lab, &client.outer(&gre)), 1);
    }
    assert_eq!(lab.drops(), []);
}

#[test]
fn g4_a_sequence_number_without_payload_is_ignored_and_padding_is_cut() {
    let (mut lab, mut client) = call();
    let empty = packets::gre(client.key.call_id, Some(client.sequence), None, &[]);
    assert_eq!(deliver(&mut lab, &client.outer(&empty)), 0);
    assert_eq!(lab.frames(FrameCount::PayloadEmpty), 1);
    // The number was not used up.
    let mut padded = withhold(&mut client);
    padded.extend_from_slice(&[0xaa; 26]);
    assert_eq!(deliver(&mut lab, &padded), 1);
    assert_eq!(lab.drops(), []);
}

#[test]
fn g5_every_form_of_the_ppp_header_is_read_for_control_frames_too() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    let echo = [9, 1, 0, 8, 1, 2, 3, 4];
    for head in [&[0xff, 0x03, 0xc0, 0x21][..], &[0xc0, 0x21]] {
        let frame = client.ppp(&[head, &echo].concat());
        deliver(&mut lab, &frame);
    }
    let ppp = |punted| match punted {
        Punted::Ppp { frame, .. } => frame.as_slice().to_vec(),
        Punted::Ethernet { .. } | Punted::Inner { .. } => panic!("no PPP frame"),
    };
    let seen: Vec<_> = lab.punted.drain(..).map(ppp).collect();
    let plain = [&[0xc0, 0x21][..], &echo].concat();
    assert_eq!(seen, [plain.clone(), plain]);
}

#[test]
fn g11_a_large_gap_is_late_and_no_loss() {
    let (mut lab, mut client) = call();
    let before: Vec<_> = (0..4000).map(|_| withhold(&mut client)).collect();
    for frame in &before {
        lab.push(0, ACCESS, frame);
        lab.settle();
    }
    assert_eq!(lab.network_received().len(), 4000);
    // 3,900 behind, with a count that is 196 ahead modulo 4096.
    assert_eq!(deliver(&mut lab, &before[100]), 0);
    assert_eq!(lab.drops(), [(DropReason::SequenceOutOfWindow, 1)]);
    assert_eq!(send(&mut lab, &mut client), 1);
    assert_eq!(lab.close(&client).upstream_lost, 0);
}

#[test]
fn g12_checksum_routing_and_recursion_bits_are_refused_with_their_reason() {
    let (mut lab, client) = call();
    for bits in [0x8000_u16, 0x4000, 0x0800, 0x0100, 0x0700, 0x0040, 0xc000] {
        let mut gre = packets::gre(client.key.call_id, Some(9), None, &[0xff, 3, 0xc0, 0x21]);
        let flags = u16::from_be_bytes([gre[0], gre[1]]) | bits;
        gre[..2].copy_from_slice(&flags.to_be_bytes());
        deliver(&mut lab, &client.outer(&gre));
    }
    assert_eq!(lab.drops(), [(DropReason::GreForbiddenFlags, 7)]);
}

#[test]
fn g13_a_payload_length_beyond_the_packet_is_refused() {
    let (mut lab, mut client) = call();
    for length in [65_535_u16, 1500, 65] {
        let mut gre = packets::gre(client.key.call_id, Some(client.sequence), None, &[0; 64]);
        gre[4..6].copy_from_slice(&length.to_be_bytes());
        deliver(&mut lab, &client.outer(&gre));
    }
    assert_eq!(lab.drops(), [(DropReason::GrePayloadLength, 3)]);
    assert_eq!(send(&mut lab, &mut client), 1);
}

#[test]
fn n2_n3_downstream_carries_the_call_id_that_the_peer_or_its_nat_said() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    assert_ne!(client.call_id, client.key.call_id);
    let frame = FrameBytes::copy_of(&[0xff, 3, 0xc0, 0x21, 9, 1, 0, 4]).unwrap();
    let flow = client.key;
    lab.command(FlowCommand::Frame { flow, frame });
    lab.settle();
    let sent = lab.sent(ACCESS);
    assert!(matches!(client.receive(&sent[0]), Received::Clear(..)));
}

#[test]
fn n4_frames_for_no_call_are_counted_noise_and_cost_nobody_anything() {
    let (mut lab, mut client) = call();
    for other in (0..2000_u16).filter(|other| *other != 7) {
        let call_id = pns::wire::call_id::CallId::new(other);
        let gre = packets::gre(call_id, Some(1), Some(1), &[0xff, 3, 0, 0xfd, 0x90, 0, 1]);
        lab.push(0, ACCESS, &client.outer(&gre));
        if other % 64 == 0 {
            assert_eq!(send(&mut lab, &mut client), 1);
        }
    }
    lab.settle();
    assert_eq!(lab.drops(), [(DropReason::GreCallIdUnknown, 1999)]);
    assert_eq!((lab.reports(), lab.punted.len()), (vec![], 0));
}

#[test]
fn m6_what_we_send_is_never_out_of_order() {
    let (mut lab, mut client) = call();
    let mut received = 0;
    for round in 0..50 {
        for _ in 0..40 {
            lab.push_from_network(&udp(HOST, client.lease, 20));
        }
        if round % 5 == 0 {
            send(&mut lab, &mut client);
        }
        lab.advance(Duration::from_millis(3));
        // The client refuses any number but the next.
        received += client.packets(&lab.sent(ACCESS)).len();
    }
    assert_eq!(received, 2000);
}

#[test]
fn w6_c2_c3_without_acknowledgments_we_send_on_and_duplicates_do_no_harm() {
    let (mut lab, mut client) = call();
    let receive = pns::flow::PeerReceive {
        window_packets: 1,
        processing_delay_ds: 0,
    };
    let flow = client.key;
    lab.command(FlowCommand::PeerReceive { flow, receive });
    let down = udp(HOST, client.lease, 20);
    for _ in 0..100 {
        for _ in 0..30 {
            lab.push_from_network(&down);
        }
        lab.settle();
        let packets = client.packets(&lab.sent(ACCESS));
        assert_eq!(packets, vec![udp_with_ttl(&down, 63); 30]);
    }
    let frame = withhold(&mut client);
    assert_eq!([1; 3].map(|_| deliver(&mut lab, &frame)), [1, 0, 0]);
    assert_eq!(lab.drops(), [(DropReason::SequenceDuplicate, 2)]);
}

#[test]
fn checklist_6_a_frame_64_late_is_delivered_and_one_4000_late_costs_no_key() {
    let (mut lab, mut client) = call();
    for (behind, arrives) in [
        (1, true),
        (63, true),
        (64, true),
        (65, false),
        (4000, false),
    ] {
        let late = withhold(&mut client);
        for _ in 0..behind {
            let frame = withhold(&mut client);
            lab.push(0, ACCESS, &frame);
            lab.settle();
        }
        assert_eq!(lab.network_received().len(), behind);
        assert_eq!(
            deliver(&mut lab, &late),
            usize::from(arrives),
            "{behind} behind"
        );
        assert_eq!(deliver(&mut lab, &late), 0, "never twice");
        assert_eq!(send(&mut lab, &mut client), 1, "no key is lost");
    }
    let totals = lab.close(&client);
    assert_eq!((totals.upstream_late, totals.upstream_lost), (3, 2));
    assert_eq!(
        (totals.late_distance_last, totals.late_distance_max),
        (64, 64)
    );
    assert_eq!(totals.upstream_duplicates, 3);
}

#[test]
fn how_late_is_what_the_operator_says() {
    for late_max in [0, 1, 200, 256] {
        let (mut lab, mut client) = call_with(GreConfig {
            late_max,
            ..GreConfig::default()
        });
        let mut frames: Vec<_> = (0..=usize::from(late_max) + 1)
            .map(|_| withhold(&mut client))
            .collect();
        let newest = frames.pop().unwrap();
        assert_eq!(deliver(&mut lab, &newest), 1);
        let too_late = frames.remove(0);
        for frame in &frames {
            assert_eq!(deliver(&mut lab, frame), 1, "{late_max}");
        }
        assert_eq!(deliver(&mut lab, &too_late), 0);
        assert_eq!(lab.drops(), [(DropReason::SequenceOutOfWindow, 1)]);
        assert_eq!(send(&mut lab, &mut client), 1);
        let totals = lab.close(&client);
        assert_eq!(totals.late_distance_max, u64::from(late_max));
    }
}

#[test]
fn one_forged_frame_far_ahead_does_not_blackhole_a_call() {
    let mut lab = Lab::new();
    // In clear nothing but the number can tell.
    let mut client = lab.dial(7, 2, policy(Encryption::Off));
    let forged = udp(client.lease, HOST, 20);
    let mut ppp = vec![0xff, 0x03, 0x00, 0x21];
    ppp.extend_from_slice(&forged);
    for ahead in [4097, 1 << 20, 1 << 31, u32::MAX - 1000] {
        let sequence = client.sequence.wrapping_sub(1).wrapping_add(ahead);
        assert_eq!(
            deliver(&mut lab, &client.numbered(sequence, &ppp)),
            0,
            "{ahead}"
        );
        assert_eq!(send(&mut lab, &mut client), 1);
    }
    assert_eq!(lab.drops(), [(DropReason::SequenceOutOfWindow, 4)]);
}

/// An Apple client (M5): at most so many frames wait for acknowledgment, half of our window at first,
/// one more with each acknowledgment if it grows.
struct Apple {
    client: Client,
    window: u32,
    grows: bool,
    flying: Vec<(Duration, Vec<u8>)>,
    acknowledged: u32,
}

const TICK: Duration = Duration::from_millis(1);
const ONE_WAY: Duration = Duration::from_millis(5);
const OUR_WINDOW: u32 = 64;

impl Apple {
    /// Sends up to `frames` that the window allows, and answers how many it allowed.
    fn send(&mut self, frames: u32, now: Duration) -> u32 {
        let last = self.client.sequence - 1;
        let room = self.window.saturating_sub(last - self.acknowledged);
        let count = frames.min(room);
        for _ in 0..count {
            let frame = withhold(&mut self.client);
            self.flying.push((now + ONE_WAY, frame));
        }
        count
    }

    fn hear(&mut self) {
        let heard = self.client.acknowledged.unwrap_or(0);
        if heard > self.acknowledged {
            self.acknowledged = heard;
            if self.grows {
                self.window = (self.window + 1).min(OUR_WINDOW);
            }
        }
    }
}

#[test]
fn m5_checklist_4_a_sender_limited_to_half_our_window_reaches_full_rate() {
    for (grows, per_tick) in [(false, 1), (true, 2)] {
        let (mut lab, client) = call();
        let mut apple = Apple {
            client,
            window: OUR_WINDOW / 2,
            grows,
            flying: Vec::new(),
            acknowledged: 0,
        };
        let mut answers: Vec<(Duration, Vec<u8>)> = Vec::new();
        let (mut now, mut sent, mut offered) = (Duration::ZERO, 0, 0);
        for tick in 0..3000 {
            now += TICK;
            let flying = apple.flying.drain(..);
            let (due, flying): (Vec<_>, Vec<_>) = flying.partition(|(at, _)| *at <= now);
            apple.flying = flying;
            for (_, frame) in &due {
                lab.push(0, ACCESS, frame);
            }
            lab.advance(TICK);
            assert_eq!(lab.network_received().len(), due.len());
            answers.extend(
                lab.sent(ACCESS)
                    .into_iter()
                    .map(|frame| (now + ONE_WAY, frame)),
            );
            let (due, later): (Vec<_>, Vec<_>) = answers.drain(..).partition(|(at, _)| *at <= now);
            answers = later;
            for (_, frame) in &due {
                assert_eq!(apple.client.receive(frame), Received::Nothing);
            }
            apple.hear();
            let count = apple.send(per_tick, now);
            if tick >= 500 {
                sent += count;
                offered += per_tick;
            }
        }
        assert_eq!(sent, offered, "nothing waited for an acknowledgment");
        assert_eq!(lab.drops(), []);
        // One acknowledgment for a quarter of the window, no more.
        let most = u64::from(3000 * per_tick / (OUR_WINDOW / 4)) + 100;
        assert!(lab.frames(FrameCount::Generated) <= most);
    }
}
