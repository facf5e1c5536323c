//! Forged frames: whatever a stranger guesses right, the call that he means loses nothing and its
//! state does not move.

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::{Encryption, FlowReport};

use crate::client::Client;
use crate::gre::stranger;
use crate::lab::{ACCESS, HOST, Lab, policy};
use crate::packets::{self, udp};

/// A call, and how much of its own traffic arrives while forged frames come between.
struct Victim {
    lab: Lab,
    client: Client,
}

impl Victim {
    fn new() -> Self {
        let mut lab = Lab::new();
        let mut client = lab.dial(7, 2, policy(Encryption::Required));
        let packet = udp(client.lease, HOST, 20);
        client.send(&mut lab, &packet);
        assert_eq!(lab.network_received().len(), 1);
        Self { lab, client }
    }

    /// One forged frame before each of 40 true ones, in the same burst and alone.
    fn endures(&mut self, mut forge: impl FnMut(&Client, u32) -> Vec<u8>) {
        for round in 0..40 {
            let forged = forge(&self.client, round);
            self.lab.push(0, ACCESS, &forged);
            if round % 2 == 0 {
                self.lab.settle();
            }
            let packet = udp(self.client.lease, HOST, 20);
            self.client.send(&mut self.lab, &packet);
            assert_eq!(
                self.lab.network_received().len(),
                1,
                "round {round}: {:?}",
                self.lab.drops()
            );
        }
    }
}

/// PPP bytes that look encrypted, with this count.
fn encrypted_noise(count: u16, seed: u32) -> Vec<u8> {
    let mut ppp = vec![0xff, 0x03, 0x00, 0xfd];
    ppp.extend_from_slice(&(0x9000 | count).to_be_bytes());
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    for _ in 0..40 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        ppp.push(state.to_be_bytes()[0]);
    }
    ppp
}

#[test]
fn from_another_address() {
    let mut victim = Victim::new();
    victim.endures(|client, round| {
        let forger = stranger(client, 9);
        forger.numbered(client.sequence + round, &encrypted_noise(1, round))
    });
    assert_eq!(victim.lab.drops(), [(DropReason::GrePeerAddress, 40)]);
    let totals = victim.lab.close(&victim.client);
    assert_eq!(totals.upstream_drops, 0, "not charged to the call");
}

#[test]
fn with_a_call_id_that_nobody_has() {
    let mut victim = Victim::new();
    victim.endures(|client, round| {
        let call_id = pns::wire::call_id::CallId::new(1000 + u16::try_from(round).unwrap());
        client.outer(&packets::gre(
            call_id,
            Some(1),
            None,
            &encrypted_noise(1, round),
        ))
    });
    assert_eq!(victim.lab.drops(), [(DropReason::GreCallIdUnknown, 40)]);
}

#[test]
fn with_sequence_numbers_far_off() {
    let mut victim = Victim::new();
    victim.endures(|client, round| {
        let far = [0x8000_0000, 5000, 1_000_000, 0xffff_0000][round as usize % 4];
        client.numbered(
            client.sequence.wrapping_add(far),
            &encrypted_noise(1, round),
        )
    });
    assert_eq!(victim.lab.drops(), [(DropReason::SequenceOutOfWindow, 40)]);
}

/// A run of frames far off is how a peer is found again after an outage, once its keys prove it. A
/// clear LCP Terminate-Request at the end of such a run proves nothing and must not reach the link.
#[test]
fn a_run_far_off_that_ends_in_a_clear_control_frame() {
    let mut victim = Victim::new();
    let before = victim.lab.frames(FrameCount::PuntedPpp);
    let start = victim.client.sequence.wrapping_add(1_000_000);
    let terminate = [0xff, 0x03, 0xc0, 0x21, 5, 1, 0, 4];
    for step in 0..40 {
        let forged = victim.client.numbered(start + step, &terminate);
        victim.lab.push(0, ACCESS, &forged);
    }
    victim.lab.settle();
    assert_eq!(victim.lab.frames(FrameCount::PuntedPpp), before);
    assert_eq!(victim.lab.drops(), [(DropReason::SequenceOutOfWindow, 40)]);
    victim.endures(|client, round| client.numbered(start + 100 + round, &terminate));
}

#[test]
fn in_the_window_but_with_the_wrong_key() {
    let mut victim = Victim::new();
    victim.endures(|client, round| {
        // Counts that the sequence number allows, near and far.
        let ahead = 1 + round * 100;
        let count = client.sequence.wrapping_add(ahead) & 0x0fff;
        let noise = encrypted_noise(u16::try_from(count).unwrap(), round);
        client.numbered(client.sequence + ahead, &noise)
    });
    let refused: u64 = [
        DropReason::MppeImplausible,
        DropReason::MppeFarCount,
        DropReason::MppeBudgetExhausted,
    ]
    .map(|reason| victim.lab.dropped(reason))
    .iter()
    .sum();
    assert_eq!(refused, 40, "{:?}", victim.lab.drops());
}

#[test]
fn with_the_number_of_the_next_true_frame() {
    let mut victim = Victim::new();
    victim.endures(|client, round| {
        let count = u16::try_from(client.sequence - 1).unwrap();
        client.numbered(client.sequence, &encrypted_noise(count, round))
    });
    assert_eq!(victim.lab.drops(), [(DropReason::MppeImplausible, 40)]);
}

#[test]
fn with_a_count_further_than_the_sequence_number() {
    let mut victim = Victim::new();
    victim.endures(|client, round| {
        client.numbered(client.sequence + 1, &encrypted_noise(2000, round))
    });
    assert_eq!(victim.lab.drops(), [(DropReason::MppeFarCount, 40)]);
}

#[test]
fn a_true_frame_sent_again_in_its_own_burst() {
    let mut victim = Victim::new();
    let packet = udp(victim.client.lease, HOST, 20);
    let frame = victim.client.data(&packet);
    for _ in 0..3 {
        victim.lab.push(0, ACCESS, &frame);
    }
    victim.lab.settle();
    assert_eq!(victim.lab.network_received().len(), 1);
    assert_eq!(victim.lab.drops(), [(DropReason::MppeDuplicate, 2)]);
}

#[test]
fn clear_control_frames_on_an_encrypted_call() {
    let mut victim = Victim::new();
    let reject = [0xff, 0x03, 0xc0, 0x21, 8, 1, 0, 6, 0, 0x21];
    victim.endures(|client, round| client.numbered(client.sequence + 20 + round * 50, &reject));
    assert_eq!(victim.lab.drops(), []);
    assert_eq!(
        victim.lab.frames(FrameCount::PuntedPpp),
        41,
        "obeyed, since they may be genuine"
    );
}

#[test]
fn clear_control_frames_with_the_numbers_of_true_frames() {
    let mut victim = Victim::new();
    let reject = [0xff, 0x03, 0xc0, 0x21, 8, 1, 0, 6, 0, 0x21];
    victim.endures(|client, round| client.numbered(client.sequence + round % 16, &reject));
    assert_eq!(victim.lab.drops(), []);
}

#[test]
fn a_run_of_clear_control_frames_far_off_ends_no_encrypted_call() {
    let mut victim = Victim::new();
    let terminate = [0xff, 0x03, 0xc0, 0x21, 5, 1, 0, 4];
    for number in 0..100 {
        let forged = victim.client.numbered(700_000 + number, &terminate);
        victim.lab.push(0, ACCESS, &forged);
    }
    victim.lab.settle();
    assert_eq!(victim.lab.drops(), [(DropReason::SequenceOutOfWindow, 100)]);
    victim.endures(|client, round| client.numbered(800_000 + round, &terminate));
}

#[test]
fn more_clear_control_frames_than_a_call_may_send() {
    let mut victim = Victim::new();
    let echo = [0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0];
    for number in 0..500 {
        let forged = victim
            .client
            .numbered(victim.client.sequence + number, &echo);
        victim.lab.push(0, ACCESS, &forged);
    }
    victim.lab.settle();
    assert_eq!(victim.lab.frames(FrameCount::PuntedPpp), 50);
    assert_eq!(victim.lab.drops(), [(DropReason::PuntPppCallPoliced, 451)]);
    let mut other = victim.lab.dial(8, 3, policy(Encryption::Required));
    other.greet(&mut victim.lab);
    assert_eq!(
        victim.lab.dropped(DropReason::PuntPppCallPoliced),
        451,
        "others are not held back"
    );
}

#[test]
fn clear_data_on_an_encrypted_call() {
    let mut victim = Victim::new();
    victim.endures(|client, round| {
        let mut ppp = vec![0xff, 0x03, 0x00, 0x21];
        ppp.extend_from_slice(&udp(client.lease, HOST, 20));
        client.numbered(client.sequence + round % 3, &ppp)
    });
    assert_eq!(victim.lab.drops(), [(DropReason::PlaintextRefused, 40)]);
}

#[test]
fn wrong_keys_are_reported_once() {
    let mut victim = Victim::new();
    for number in 0..200_u32 {
        let count = u16::try_from(victim.client.sequence - 1).unwrap();
        let forged = victim
            .client
            .numbered(victim.client.sequence, &encrypted_noise(count, number));
        victim.lab.push(0, ACCESS, &forged);
    }
    victim.lab.settle();
    let flow = victim.client.key;
    assert_eq!(
        victim.lab.reports(),
        [FlowReport::DecryptionFailing { flow }]
    );
}

/// Counts as far ahead as counts go: when the budget is gone, nobody knows whether the keys are right.
#[test]
fn keys_out_of_reach_are_reported_once() {
    let mut victim = Victim::new();
    for number in 0..200_u32 {
        let ahead = 3000 + number;
        let count = u16::try_from((victim.client.sequence + ahead - 1) & 0xfff).unwrap();
        let noise = encrypted_noise(count, number);
        let forged = victim
            .client
            .numbered(victim.client.sequence + ahead, &noise);
        victim.lab.push(0, ACCESS, &forged);
    }
    victim.lab.settle();
    assert!(victim.lab.dropped(DropReason::MppeBudgetExhausted) > 64);
    let flow = victim.client.key;
    assert_eq!(
        victim.lab.reports(),
        [FlowReport::DecryptionFailing { flow }]
    );
}

#[test]
fn a_true_frame_in_between_says_that_the_keys_are_right() {
    let mut victim = Victim::new();
    for number in 0..200_u32 {
        let count = u16::try_from(victim.client.sequence - 1).unwrap();
        let noise = encrypted_noise(count, number);
        let forged = victim.client.numbered(victim.client.sequence, &noise);
        victim.lab.push(0, ACCESS, &forged);
        if number % 60 == 59 {
            victim.lab.settle();
            let packet = udp(victim.client.lease, HOST, 20);
            victim.client.send(&mut victim.lab, &packet);
        }
    }
    victim.lab.settle();
    assert_eq!(victim.lab.reports(), []);
}
