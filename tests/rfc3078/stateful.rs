//! RFC 3078 §7.2 and §8.2: keys and steps of stateful streams.

use std::num::NonZeroU64;

use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptRefusal, DecryptState, DecryptWorker, FlushRule};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use pns::mppe::skipped::KeyId;
use pns::wire::mppe::Header;
use proptest::prelude::*;

use crate::naive::{START_KEY, STRENGTHS, packet};
use crate::peers::{Received, Receiver, Rule, Sender};

const RULES: [Rule; 2] = [Rule::Rfc, Rule::Linux];

/// Our sending half.
struct Ours {
    state: EncryptState,
    worker: EncryptWorker,
    numbers: usize,
}

impl Ours {
    fn new(strength: Strength) -> Self {
        let key = DownstreamKey::from_bytes(START_KEY);
        Self {
            state: EncryptState::new(key, strength, Mode::Stateful),
            worker: EncryptWorker::new(1),
            numbers: 0,
        }
    }

    /// The next packet, and what goes out for it.
    fn send(&mut self) -> (Vec<u8>, Vec<u8>) {
        let plain = packet(self.numbers, 20 + self.numbers % 90);
        self.numbers += 1;
        let mut frame = plain.clone();
        let header = self.state.encrypt(&mut frame, &mut self.worker).unwrap();
        (plain, [&header.to_bytes()[..], &frame].concat())
    }
}

const fn is_flag(count: u16) -> bool {
    count & 0xff == 0xff
}

fn header(payload: &[u8]) -> Header {
    Header::parse(payload).unwrap()
}

/// Our receiving half, with the numbers of GRE.
struct Theirs {
    sender: Sender,
    state: DecryptState,
    worker: DecryptWorker,
    sequence: u32,
    numbers: usize,
    now: Timestamp,
}

impl Theirs {
    fn new(rule: Rule, strength: Strength) -> Self {
        Self::with_budget(rule, strength, Budget::new(u32::MAX, 0, Timestamp::ZERO))
    }

    fn with_budget(rule: Rule, strength: Strength, budget: Budget) -> Self {
        let key = UpstreamKey::from_bytes(START_KEY);
        let id = KeyId::new(NonZeroU64::MIN);
        Self {
            sender: Sender::new(rule, &START_KEY, strength),
            state: DecryptState::new(key, strength, Mode::Stateful, id, 99, budget),
            worker: DecryptWorker::new(1, budget).with_places(1),
            sequence: 99,
            numbers: 0,
            now: Timestamp::ZERO,
        }
    }

    /// The next packet, its number, and what comes in for it.
    fn next(&mut self) -> (Vec<u8>, u32, Vec<u8>) {
        let plain = packet(self.numbers, 20 + self.numbers % 90);
        self.numbers += 1;
        self.sequence += 1;
        let payload = self.sender.send(&plain);
        (plain, self.sequence, payload)
    }

    fn receive(&mut self, payload: &[u8], sequence: u32) -> Result<Vec<u8>, DecryptRefusal> {
        let mut buffer = payload.to_vec();
        let outcome = self
            .state
            .decrypt(&mut buffer, sequence, &mut self.worker, self.now)
            .map(|plain| plain.to_vec());
        if outcome.is_err() {
            assert_eq!(buffer, payload, "a refused frame stays as it was");
        }
        outcome
    }

    /// The next frame arrives.
    fn pass(&mut self) -> Result<(), DecryptRefusal> {
        let (plain, sequence, payload) = self.next();
        self.receive(&payload, sequence)
            .map(|found| assert_eq!(found, plain))
    }

    fn lose(&mut self, frames: usize) {
        for _ in 0..frames {
            self.next();
        }
    }
}

#[test]
fn section_7_2_the_key_changes_for_each_flag_frame_past_the_wrap_of_the_count() {
    for strength in STRENGTHS {
        let mut naive = Sender::new(Rule::Rfc, &START_KEY, strength);
        let mut ours = Ours::new(strength);
        for number in 0..4500 {
            let (plain, payload) = ours.send();
            assert_eq!(payload, naive.send(&plain), "{strength:?} frame {number}");
        }
    }
}

#[test]
fn section_7_2_flag_frames_are_received_past_the_wrap_of_the_count() {
    for strength in STRENGTHS {
        let mut theirs = Theirs::new(Rule::Rfc, strength);
        for number in 0..4500 {
            assert_eq!(theirs.pass(), Ok(()), "{strength:?} frame {number}");
        }
        assert_eq!(theirs.state.flush_rule(), None, "flag frames show no rule");
    }
}

/// Quirk G8. The RFC wants the first frame flushed; Linux does not flush it, and would change the key
/// for a flushed one.
#[test]
fn section_3_1_the_first_frame_has_count_0_and_may_be_flushed_or_not() {
    let (_, payload) = Ours::new(Strength::Bits128).send();
    assert_eq!(header(&payload).coherency_count.value(), 0);
    assert!(!header(&payload).flushed);
    for rule in RULES {
        let mut theirs = Theirs::new(rule, Strength::Bits128);
        assert_eq!(theirs.pass(), Ok(()));
    }
    let mut theirs = Theirs::new(Rule::Rfc, Strength::Bits128);
    theirs.sender.flush();
    let (plain, sequence, payload) = theirs.next();
    assert!(header(&payload).flushed);
    assert_eq!(theirs.receive(&payload, sequence), Ok(plain));
    assert_eq!(theirs.pass(), Ok(()));
}

#[test]
fn section_8_2_a_flush_jumps_to_the_next_flag_frame_where_both_rules_agree() {
    for rule in RULES {
        for lost in [1, 2, 253, 254, 255, 256, 257, 511, 600] {
            let mut ours = Ours::new(Strength::Bits40);
            let mut receiver = Receiver::new(rule, &START_KEY, Strength::Bits40);
            let mut receives = |(plain, payload): (Vec<u8>, Vec<u8>)| {
                let received = receiver.receive(&payload, 0);
                if received == Received::Plain(plain) {
                    return true;
                }
                assert!(matches!(received, Received::Dropped { .. }), "garbage");
                receiver.reset_acknowledged();
                false
            };
            assert!(receives(ours.send()));
            for _ in 0..lost {
                ours.send();
            }
            let (plain, last) = ours.send();
            assert!(!receives((plain, last.clone())) || header(&last).flushed);
            ours.state.flush();
            let flushed = ours.send();
            let (before, after) = (header(&last), header(&flushed.1));
            assert!(after.flushed && after.coherency_count.is_flag());
            let jump = after.coherency_count.since(before.coherency_count);
            assert!((1..=256).contains(&jump), "{jump}");
            assert!(receives(flushed), "{rule:?} after {lost}");
            for _ in 0..300 {
                assert!(receives(ours.send()));
            }
        }
    }
}

/// RFC 3078 lets a sender restart RC4 with the key in force, and two frames under one keystream give
/// both away. Ours never uses one twice.
#[test]
fn section_8_2_a_flush_never_repeats_a_keystream() {
    let mut ours = Ours::new(Strength::Bits128);
    let mut seen = std::collections::HashSet::new();
    for round in 0..200 {
        for _ in 0..round % 3 {
            ours.send();
        }
        ours.state.flush();
        let mut zeros = [0; 32];
        ours.state.encrypt(&mut zeros, &mut ours.worker).unwrap();
        assert!(seen.insert(zeros), "round {round}");
    }
}

/// Quirk G9: the flushed frame alone restores the step; no Reset-Ack is waited for.
#[test]
fn section_8_2_after_a_loss_nothing_decrypts_until_a_flushed_frame() {
    for rule in RULES {
        let mut theirs = Theirs::new(rule, Strength::Bits128);
        assert_eq!(theirs.pass(), Ok(()));
        theirs.lose(1);
        for _ in 0..20 {
            assert_eq!(theirs.pass(), Err(DecryptRefusal::OutOfStep));
        }
        theirs.sender.flush();
        assert_eq!(theirs.pass(), Ok(()));
        let learned = match rule {
            Rule::Rfc => FlushRule::KeyInForce,
            Rule::Linux => FlushRule::NewKey,
        };
        assert_eq!(theirs.state.flush_rule(), Some(learned));
        for _ in 0..300 {
            assert_eq!(theirs.pass(), Ok(()));
        }
    }
}

#[test]
fn section_8_2_a_flag_frame_restores_the_step_by_itself() {
    for rule in RULES {
        let mut theirs = Theirs::new(rule, Strength::Bits56);
        theirs.lose(100);
        for _ in 100..255 {
            assert_eq!(theirs.pass(), Err(DecryptRefusal::OutOfStep));
        }
        assert_eq!(theirs.pass(), Ok(()));
    }
}

/// Quirk G10, and flushed frames that are lost too: a sender of Linux has changed the key for each.
#[test]
fn section_8_2_a_loss_of_any_length_is_caught_up_with() {
    for rule in RULES {
        for lost in [1, 254, 255, 256, 257, 1000, 4095, 4096, 4097, 9000, 70_000] {
            for flushes_lost in [0, 1, 5] {
                let mut theirs = Theirs::new(rule, Strength::Bits128);
                assert_eq!(theirs.pass(), Ok(()));
                theirs.lose(lost);
                for _ in 0..flushes_lost {
                    theirs.sender.flush();
                    theirs.lose(1);
                }
                theirs.sender.flush();
                assert_eq!(theirs.pass(), Ok(()), "{rule:?} {lost} {flushes_lost}");
                assert_eq!(theirs.pass(), Ok(()));
            }
        }
    }
}

#[test]
fn a_loss_longer_than_the_budget_is_caught_up_with_in_parts() {
    for rule in RULES {
        let budget = Budget::new(100, 1000, Timestamp::ZERO);
        let mut theirs = Theirs::with_budget(rule, Strength::Bits128, budget);
        assert_eq!(theirs.pass(), Ok(()));
        // 390 key changes, 100 at once and 100 more for each frame in 100 ms.
        theirs.lose(100_000);
        for _ in 0..3 {
            theirs.sender.flush();
            assert_eq!(theirs.pass(), Err(DecryptRefusal::BudgetExhausted));
            assert_eq!(theirs.worker.budget_remaining(), 0);
            theirs.now = theirs.now + std::time::Duration::from_millis(100);
        }
        theirs.sender.flush();
        assert_eq!(theirs.pass(), Ok(()), "{rule:?}");
    }
}

/// Frames of other protocols and packets with odd headers are the client's to send: they are no reason
/// to lose the step.
#[test]
fn an_odd_packet_does_not_lose_the_step() {
    for rule in RULES {
        let mut theirs = Theirs::new(rule, Strength::Bits128);
        assert_eq!(theirs.pass(), Ok(()));
        let odd: [&[u8]; 5] = [
            &[0, 0x21, 0x45, 0, 0xff],
            &[0, 0x21],
            &[0, 0x57, 0x60, 1, 2, 3],
            &[0, 0x2d, 1, 2, 3, 4],
            &[0x21, 0x4f, 9, 9],
        ];
        for plain in odd {
            theirs.sequence += 1;
            let payload = theirs.sender.send(plain);
            let sequence = theirs.sequence;
            assert_eq!(theirs.receive(&payload, sequence), Ok(plain.to_vec()));
            assert_eq!(theirs.pass(), Ok(()));
        }
        // Flushed, too, once the rule of the peer is known.
        theirs.sender.flush();
        assert_eq!(theirs.pass(), Ok(()));
        for plain in odd {
            theirs.sequence += 1;
            theirs.sender.flush();
            let payload = theirs.sender.send(plain);
            let sequence = theirs.sequence;
            assert_eq!(theirs.receive(&payload, sequence), Ok(plain.to_vec()));
            assert_eq!(theirs.pass(), Ok(()));
        }
    }
}

/// Quirk G11: the GRE sequence number says what is late, whatever the count looks like.
#[test]
fn late_and_repeated_frames_are_refused_and_move_nothing() {
    for rule in RULES {
        let mut theirs = Theirs::new(rule, Strength::Bits128);
        let mut old = Vec::new();
        for number in 0..600 {
            if number % 100 == 50 {
                theirs.sender.flush();
            }
            let (plain, sequence, payload) = theirs.next();
            assert_eq!(theirs.receive(&payload, sequence), Ok(plain));
            let duplicate = theirs.receive(&payload, sequence);
            assert_eq!(duplicate, Err(DecryptRefusal::Duplicate));
            old.push((sequence, payload));
            for back in [2, 60, 255, 256] {
                if let Some((sequence, payload)) = old.iter().rev().nth(back).cloned() {
                    let late = theirs.receive(&payload, sequence);
                    assert_eq!(late, Err(DecryptRefusal::KeyGone));
                }
            }
        }
    }
}

#[test]
fn a_frame_that_was_overtaken_is_still_the_one_that_is_due() {
    let mut theirs = Theirs::new(Rule::Linux, Strength::Bits128);
    assert_eq!(theirs.pass(), Ok(()));
    let (plain, first_sequence, first) = theirs.next();
    let (_, second_sequence, second) = theirs.next();
    let early = theirs.receive(&second, second_sequence);
    assert_eq!(early, Err(DecryptRefusal::OutOfStep));
    assert_eq!(theirs.receive(&first, first_sequence), Ok(plain));
    // It was there and was dropped; if it came again, it would be welcome.
    assert!(theirs.receive(&second, second_sequence).is_ok());
}

#[test]
fn forged_frames_move_nothing_and_cost_no_more_than_the_budget() {
    let budget = Budget::new(200, 0, Timestamp::ZERO);
    let mut theirs = Theirs::with_budget(Rule::Linux, Strength::Bits128, budget);
    let mut dice = 1u32;
    for number in 0..2000u32 {
        assert_eq!(theirs.pass(), Ok(()), "after {number} forged frames");
        // Due or far, flushed or not; never the first byte of a protocol field.
        let (far, flushed) = ([1, 2, 300, 4096][number as usize % 4], number % 8 < 4);
        let count = u16::try_from((number + far) % 4096).unwrap();
        let mut forged = Header::stateful(pns::wire::mppe::CoherencyCount::new(count), flushed)
            .to_bytes()
            .to_vec();
        forged.extend([0; 60]);
        for byte in &mut forged[2..] {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = dice.to_be_bytes()[0];
        }
        let sequence = theirs.sequence + far;
        // About one in 500 that are due passes for a frame: that is another test's.
        if !flushed && far == 1 || is_flag(count) {
            continue;
        }
        assert!(theirs.receive(&forged, sequence).is_err());
    }
    assert_eq!(theirs.worker.budget_remaining(), 0);
}

#[test]
fn wiped_keys_decrypt_and_encrypt_nothing() {
    let mut ours = Ours::new(Strength::Bits128);
    ours.send();
    ours.state.wipe(&mut ours.worker);
    let mut frame = packet(1, 40);
    assert_eq!(ours.state.encrypt(&mut frame, &mut ours.worker), None);
    assert_eq!(frame, packet(1, 40));

    let mut theirs = Theirs::new(Rule::Rfc, Strength::Bits128);
    assert_eq!(theirs.pass(), Ok(()));
    theirs.state.wipe(&mut theirs.worker);
    assert_eq!(theirs.pass(), Err(DecryptRefusal::NoKeys));
}

#[test]
fn a_worker_without_a_place_for_a_stream_refuses_its_frames() {
    let mut ours = Ours::new(Strength::Bits128);
    ours.worker = EncryptWorker::new(0);
    assert_eq!(
        ours.state.encrypt(&mut packet(1, 40), &mut ours.worker),
        None
    );
    let mut theirs = Theirs::new(Rule::Rfc, Strength::Bits128);
    theirs.state = theirs.state.at(1);
    assert_eq!(theirs.pass(), Err(DecryptRefusal::NoKeys));
}

/// What happens to one frame on its way to us.
#[derive(Clone, Debug)]
struct Fate {
    length: usize,
    /// Frames that are not encrypted, sent before this one.
    clear_before: u32,
    /// The sender flushes, asked or not.
    flush: bool,
    lost: bool,
    /// A copy arrives again so many frames later.
    repeated: Option<usize>,
    /// A copy that is damaged so that its protocol field is none arrives just before.
    damaged: Option<u8>,
}

fn fate() -> impl Strategy<Value = Fate> {
    (
        20usize..200,
        prop_oneof![5 => Just(0u32), 1 => 1u32..5],
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.08),
        prop::option::weighted(0.1, 1usize..100),
        prop::option::weighted(0.1, 0u8..8),
    )
        .prop_map(
            |(length, clear_before, flush, lost, repeated, damaged)| Fate {
                length,
                clear_before,
                flush,
                lost,
                repeated,
                damaged,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_frame_decrypts_if_it_is_flushed_or_the_one_before_it_did(
        fates in prop::collection::vec(fate(), 1..400),
        start in prop_oneof![Just(0u32), Just(u32::MAX - 100), any::<u32>()],
        rule in prop::sample::select(RULES.to_vec()),
        strength in prop::sample::select(STRENGTHS.to_vec()),
        lost_at_first in prop_oneof![3 => Just(0usize), 1 => 0usize..9000],
    ) {
        let mut theirs = Theirs::new(rule, strength);
        let key = UpstreamKey::from_bytes(START_KEY);
        let id = KeyId::new(NonZeroU64::MIN);
        let budget = Budget::new(u32::MAX, 0, Timestamp::ZERO);
        theirs.state = DecryptState::new(key, strength, Mode::Stateful, id, start, budget);
        for number in 0..lost_at_first {
            theirs.sender.send(&packet(number, 20));
        }
        let mut sequence = start.wrapping_add(u32::try_from(lost_at_first).unwrap());
        let mut in_step = lost_at_first == 0;
        let mut flushes_lost = 0;
        let mut again: Vec<(usize, u32, Vec<u8>)> = Vec::new();
        for (number, fate) in fates.iter().enumerate() {
            sequence = sequence.wrapping_add(fate.clear_before + 1);
            let plain = packet(number, fate.length);
            if fate.flush && flushes_lost < 16 {
                theirs.sender.flush();
            }
            let payload = theirs.sender.send(&plain);
            let flushed = header(&payload).flushed;
            if fate.lost {
                flushes_lost += u32::from(flushed);
                in_step = false;
                continue;
            }
            if let Some(bit) = fate.damaged {
                let mut damaged = payload.clone();
                damaged[2] ^= 1 << bit;
                prop_assert!(theirs.receive(&damaged, sequence).is_err());
            }
            let expected = if flushed || in_step {
                Ok(plain)
            } else {
                Err(DecryptRefusal::OutOfStep)
            };
            in_step = expected.is_ok();
            prop_assert_eq!(theirs.receive(&payload, sequence), expected, "frame {}", number);
            if in_step {
                flushes_lost = 0;
            }
            again.retain(|(due, sequence, payload)| {
                if *due == number && in_step {
                    assert!(theirs.receive(payload, *sequence).is_err(), "taken twice");
                }
                *due > number
            });
            if let Some(later) = fate.repeated {
                again.push((number + later, sequence, payload));
            }
        }
    }

    #[test]
    fn our_frames_are_understood_by_both_kinds_of_receivers(
        fates in prop::collection::vec(fate(), 1..400),
        rule in prop::sample::select(RULES.to_vec()),
        strength in prop::sample::select(STRENGTHS.to_vec()),
    ) {
        let mut ours = Ours::new(strength);
        let mut receiver = Receiver::new(rule, &START_KEY, strength);
        for fate in fates {
            let (plain, payload) = ours.send();
            if fate.lost {
                continue;
            }
            match receiver.receive(&payload, 0) {
                Received::Plain(found) => prop_assert_eq!(found, plain),
                Received::Dropped { .. } => {
                    prop_assert!(rule == Rule::Linux || !header(&payload).flushed);
                    receiver.reset_acknowledged();
                    ours.state.flush();
                }
            }
        }
    }
}
