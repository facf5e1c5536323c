//! What must not move, and what the work may cost.

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::mppe::encrypt::{EncryptState, EncryptWorker};

mod outage;

/// A ping of 28 bytes behind its protocol field.
const PING: [u8; 30] = [
    0, 0x21, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0x4c, 0x85, 10, 77, 0, 100, 192, 168, 99, 2, 8, 0,
    0, 0, 0, 0, 0, 0,
];
const KEY: [u8; 16] = *b"sixteen byte key";

struct Pair {
    sender: EncryptState,
    receiver: DecryptState,
    worker: DecryptWorker,
    encrypt_worker: EncryptWorker,
    sequence: u32,
    now: Timestamp,
}

impl Pair {
    fn new(flow: Budget, worker: Budget) -> Self {
        let (strength, mode) = (Strength::Bits128, Mode::Stateless);
        let id = KeyId::new(NonZeroU64::MIN);
        let sequence = u32::MAX - 10;
        let key = UpstreamKey::from_bytes(KEY);
        Self {
            sender: EncryptState::new_for_client(UpstreamKey::from_bytes(KEY), strength, mode),
            receiver: DecryptState::new(key, strength, mode, id, sequence, flow),
            worker: DecryptWorker::new(4, worker),
            encrypt_worker: EncryptWorker::new(1),
            sequence,
            now: Timestamp::ZERO,
        }
    }

    fn rich() -> Self {
        let budget = Budget::new(u32::MAX, 0, Timestamp::ZERO);
        Self::new(budget, budget)
    }

    /// The next frame of the sender, and its sequence number.
    fn send(&mut self) -> (u32, Vec<u8>) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut frame = PING.to_vec();
        let header = self
            .sender
            .encrypt(&mut frame, &mut self.encrypt_worker)
            .unwrap();
        (self.sequence, [&header.to_bytes()[..], &frame].concat())
    }

    fn lose(&mut self, frames: u32) {
        for _ in 0..frames {
            self.send();
        }
    }

    fn receive(&mut self, sequence: u32, payload: &[u8]) -> Result<(), DecryptRefusal> {
        let mut buffer = payload.to_vec();
        match self
            .receiver
            .decrypt(&mut buffer, sequence, &mut self.worker, self.now)
        {
            Ok(frame) => {
                assert_eq!(frame, PING);
                Ok(())
            }
            Err(refusal) => {
                assert_eq!(buffer, payload, "a refused frame stays as it was");
                Err(refusal)
            }
        }
    }

    fn pass(&mut self) -> Result<(), DecryptRefusal> {
        let (sequence, payload) = self.send();
        self.receive(sequence, &payload)
    }

    /// Every byte of the state but the budget.
    fn snapshot(&self) -> Vec<u8> {
        let state = &self.receiver;
        let mut bytes = state.chain.committed.session_key.to_vec();
        bytes.extend(state.chain.copy_start_key());
        bytes.extend(state.chain.committed.position.to_le_bytes());
        bytes.extend(state.decrypted.to_le_bytes());
        bytes.extend(state.sequence.to_le_bytes());
        bytes
    }
}

#[test]
fn a_state_is_small_and_plain() {
    assert!(
        size_of::<DecryptState>() <= 128,
        "{}",
        size_of::<DecryptState>()
    );
    assert!(
        size_of::<EncryptState>() <= 64,
        "{}",
        size_of::<EncryptState>()
    );
    assert_eq!(size_of::<Chain>(), 48);
}

#[test]
fn headers_that_are_not_mppe_are_refused_by_name() {
    let mut pair = Pair::rich();
    let (sequence, payload) = pair.send();
    assert_eq!(
        pair.receive(sequence, &[]),
        Err(DecryptRefusal::HeaderShort)
    );
    assert_eq!(
        pair.receive(sequence, &payload[..1]),
        Err(DecryptRefusal::HeaderShort)
    );
    assert_eq!(
        pair.receive(sequence, &payload[..2]),
        Err(DecryptRefusal::Implausible)
    );
    let with = |bits: u8| [&[bits], &payload[1..]].concat();
    assert_eq!(
        pair.receive(sequence, &with(0x80)),
        Err(DecryptRefusal::NotEncrypted)
    );
    assert_eq!(
        pair.receive(sequence, &with(0xb0)),
        Err(DecryptRefusal::Compressed)
    );
    // Bit A is not asked for: not every stateless sender sets it.
    assert_eq!(pair.receive(sequence, &with(0x10)), Ok(()));
}

#[test]
fn every_cut_of_a_frame_is_refused_and_the_whole_still_decrypts() {
    let mut pair = Pair::rich();
    let (sequence, payload) = pair.send();
    for cut in 0..payload.len() {
        assert!(
            pair.receive(sequence, &payload[..cut]).is_err(),
            "cut at {cut}"
        );
    }
    assert_eq!(pair.receive(sequence, &payload), Ok(()));
}

#[test]
fn the_count_may_not_run_further_than_the_sequence_number() {
    let mut pair = Pair::rich();
    let (first, _) = pair.send();
    let (_, second) = pair.send();
    assert_eq!(pair.receive(first, &second), Err(DecryptRefusal::FarCount));
    assert_eq!(pair.receive(first.wrapping_add(1), &second), Ok(()));
    // Backwards too: three counts back, but only two frames.
    pair.lose(2);
    assert_eq!(pair.pass(), Ok(()));
    let (_, mut late) = pair.send();
    late[1] = 1;
    assert_eq!(
        pair.receive(first.wrapping_add(2), &late),
        Err(DecryptRefusal::FarCount)
    );
}

#[test]
fn a_late_key_is_used_once_and_wiped() {
    let mut pair = Pair::rich();
    let (sequence, overtaken) = pair.send();
    assert_eq!(pair.pass(), Ok(()));
    assert_eq!(pair.worker.kept_keys(), 1);
    let mut forged = overtaken.clone();
    forged[7] ^= 1;
    assert_eq!(
        pair.receive(sequence, &forged),
        Err(DecryptRefusal::Implausible)
    );
    assert_eq!(pair.receive(sequence, &overtaken), Ok(()));
    assert_eq!(pair.worker.kept_keys(), 0);
    assert_eq!(
        pair.receive(sequence, &overtaken),
        Err(DecryptRefusal::Duplicate)
    );
}

#[test]
fn sixty_four_back_is_kept_and_sixty_five_is_gone() {
    for (overtakers, expected) in [(64, Ok(())), (65, Err(DecryptRefusal::KeyGone))] {
        let mut pair = Pair::rich();
        assert_eq!(pair.pass(), Ok(()));
        let (sequence, overtaken) = pair.send();
        for _ in 0..overtakers {
            assert_eq!(pair.pass(), Ok(()));
        }
        assert_eq!(pair.receive(sequence, &overtaken), expected);
        assert!(pair.receive(sequence, &overtaken).is_err());
    }
}

#[test]
fn one_jump_keeps_the_keys_of_the_last_sixty_four_it_skipped() {
    let mut pair = Pair::rich();
    assert_eq!(pair.pass(), Ok(()));
    let skipped: Vec<_> = (0..100).map(|_| pair.send()).collect();
    assert_eq!(pair.pass(), Ok(()));
    assert_eq!(pair.worker.kept_keys(), 64);
    for (number, (sequence, payload)) in skipped.iter().enumerate() {
        let expected = if number < 36 {
            Err(DecryptRefusal::KeyGone)
        } else {
            Ok(())
        };
        assert_eq!(
            pair.receive(*sequence, payload),
            expected,
            "skipped frame {number}"
        );
    }
    assert_eq!(pair.worker.kept_keys(), 0);
}

#[test]
fn wiped_keys_decrypt_and_encrypt_nothing() {
    let mut pair = Pair::rich();
    pair.lose(3);
    assert_eq!(pair.pass(), Ok(()));
    assert_eq!(pair.worker.kept_keys(), 3);
    let (sequence, payload) = pair.send();
    pair.receiver.wipe(&mut pair.worker);
    pair.sender.wipe(&mut pair.encrypt_worker);
    assert_eq!(pair.worker.kept_keys(), 0);
    assert_eq!(
        pair.receive(sequence, &payload),
        Err(DecryptRefusal::NoKeys)
    );
    assert!(pair.snapshot().iter().all(|byte| *byte == 0));
    let mut frame = PING;
    assert_eq!(
        pair.sender.encrypt(&mut frame, &mut pair.encrypt_worker),
        None
    );
    assert_eq!(frame, PING);
}

#[test]
fn forged_far_counts_cost_no_more_than_the_budget_and_disturb_nobody() {
    let (flow, worker) = (
        Budget::new(1000, 0, Timestamp::ZERO),
        Budget::new(3000, 0, Timestamp::ZERO),
    );
    let mut pair = Pair::new(flow, worker);
    for round in 0..500u32 {
        assert_eq!(pair.pass(), Ok(()), "round {round}");
        for far in [2000u32, 4095, 70_000] {
            let before = pair.snapshot();
            let count = CoherencyCount::new(((round + far) & 0xfff) as u16);
            let mut forged = vec![0x5a; 100];
            Header::stateless(count).emit(&mut forged);
            let outcome = pair.receive(pair.sequence.wrapping_add(far + 1), &forged);
            assert!(matches!(
                outcome,
                Err(DecryptRefusal::BudgetExhausted | DecryptRefusal::Implausible)
            ));
            assert_eq!(pair.snapshot(), before);
        }
        // Everyday losses need no budget.
        pair.lose(round % 4);
    }
    assert_eq!(
        pair.worker.budget_remaining(),
        2000,
        "all of the flow's share and no more"
    );
}

#[test]
fn a_loss_longer_than_the_budget_is_caught_up_with_in_parts() {
    let flow = Budget::new(300, 3000, Timestamp::ZERO);
    let worker = Budget::new(1_000_000, 0, Timestamp::ZERO);
    let mut pair = Pair::new(flow, worker);
    assert_eq!(pair.pass(), Ok(()));
    pair.lose(20_000);
    let mut refused = 0u64;
    loop {
        pair.now = Timestamp::from_nanos(refused * 10_000_000);
        match pair.pass() {
            Ok(()) => break,
            Err(refusal) => assert_eq!(refusal, DecryptRefusal::BudgetExhausted),
        }
        refused += 1;
        assert!(refused < 1000, "never caught up");
    }
    // 300 at once, then 30 for each frame, and each frame adds one to the distance.
    assert!((600..720).contains(&refused), "{refused}");
    let spent = 1_000_000 - u64::from(pair.worker.budget_remaining());
    assert!(spent < 21_000, "no key was made twice: {spent}");
    for _ in 0..100 {
        assert_eq!(pair.pass(), Ok(()));
    }
}

#[test]
fn a_count_that_looks_near_after_whole_turns_does_not_start_the_walk_again() {
    let flow = Budget::new(5000, 1, Timestamp::ZERO);
    let mut pair = Pair::new(flow, Budget::new(1_000_000, 0, Timestamp::ZERO));
    assert_eq!(pair.pass(), Ok(()));
    // The next count looks two ahead, and is 8194 ahead.
    pair.lose(8193);
    assert_eq!(pair.pass(), Err(DecryptRefusal::BudgetExhausted));
    pair.now = Timestamp::MAX;
    assert_eq!(pair.pass(), Ok(()));
}

#[test]
fn a_forged_frame_far_ahead_does_not_hide_the_keys_of_a_real_loss() {
    let flow = Budget::new(500, 5000, Timestamp::ZERO);
    let mut pair = Pair::new(flow, Budget::new(1_000_000, 0, Timestamp::ZERO));
    assert_eq!(pair.pass(), Ok(()));
    pair.lose(700);
    let mut refused = 0u64;
    loop {
        // A forger whose walk is further than the real one, time and again.
        let mut forged = vec![0x5a; 100];
        let position = pair.sender.frames() + 3000;
        Header::stateless(CoherencyCount::new((position & 0xfff) as u16)).emit(&mut forged);
        let _ = pair.receive(pair.sequence.wrapping_add(3001), &forged);
        refused += 1;
        pair.now = Timestamp::from_nanos(refused * 100_000_000);
        match pair.pass() {
            Ok(()) => break,
            Err(refusal) => assert_eq!(refusal, DecryptRefusal::BudgetExhausted),
        }
        assert!(refused < 20, "never caught up");
    }
}

#[test]
fn batches_do_the_jobs_of_a_flow_in_order() {
    struct One(DecryptState);
    impl DecryptStates for One {
        fn decrypt_state(&mut self, flow: u32) -> Option<&mut DecryptState> {
            (flow == 7).then_some(&mut self.0)
        }
    }
    let mut pair = Pair::rich();
    let mut frames: Vec<_> = (0..5).map(|_| pair.send()).collect();
    frames.swap(1, 2);
    let mut jobs: Vec<_> = frames
        .iter_mut()
        .map(|(sequence, payload)| DecryptJob::new(7, *sequence, payload))
        .collect();
    let mut stranger = PING;
    jobs.push(DecryptJob::new(8, 1, &mut stranger));
    let mut states = One(pair.receiver);
    decrypt_batch(&mut states, &mut jobs, &mut pair.worker, Timestamp::ZERO);
    for job in &jobs[..5] {
        assert_eq!(job.outcome, Ok(()));
        assert_eq!(job.payload[HEADER_LENGTH..], PING);
    }
    assert_eq!(jobs[5].outcome, Err(DecryptRefusal::NoKeys));
}

/// A frame of a stateful flow that is due is believed for its protocol field, but not from just
/// anywhere.
#[test]
fn a_due_frame_from_elsewhere_has_to_be_a_whole_packet() {
    struct One(DecryptState);
    impl DecryptStates for One {
        fn decrypt_state(&mut self, _flow: u32) -> Option<&mut DecryptState> {
            Some(&mut self.0)
        }
    }
    let budget = Budget::new(0, 0, Timestamp::ZERO);
    let (strength, mode) = (Strength::Bits128, Mode::Stateful);
    let key = || UpstreamKey::from_bytes(KEY);
    let id = KeyId::new(NonZeroU64::MIN);
    let mut states = One(DecryptState::new(key(), strength, mode, id, 0, budget));
    let mut worker = DecryptWorker::new(1, budget).with_places(1);
    let mut sender = EncryptState::new_for_client(key(), strength, mode);
    let mut encrypt_worker = EncryptWorker::new(1);
    let mut decrypts = |payload: &[u8], sequence, source| {
        let mut payload = payload.to_vec();
        let mut jobs = [DecryptJob::new(0, sequence, &mut payload)];
        jobs[0].source = source;
        decrypt_batch(&mut states, &mut jobs, &mut worker, Timestamp::ZERO);
        jobs[0].outcome
    };
    let mut odd = [0, 0x2b, 1, 2, 3, 4];
    let mut packet = PING;
    for (sequence, frame) in [(1, &mut odd[..]), (2, &mut packet[..])] {
        let is_packet = frame.len() == PING.len();
        let header = sender.encrypt(frame, &mut encrypt_worker).unwrap();
        let payload = [&header.to_bytes()[..], frame].concat();
        if is_packet {
            assert_eq!(decrypts(&payload, sequence, Source::Elsewhere), Ok(()));
        } else {
            let refused = Err(DecryptRefusal::Implausible);
            assert_eq!(decrypts(&payload, sequence, Source::Elsewhere), refused);
            assert_eq!(decrypts(&payload, sequence, Source::Peer), Ok(()));
        }
    }
}

/// How far a forged frame is from the newest: mostly near, sometimes past a turn of the count.
fn forged_offset() -> impl Strategy<Value = i32> {
    prop_oneof![6 => -80i32..80, 1 => 80i32..6000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_forged_frame_changes_not_one_byte(
        lost in prop::collection::vec(0u32..5, 1..12),
        forged in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..90), forged_offset(), any::<bool>()), 1..30
        ),
    ) {
        let mut pair = Pair::rich();
        for gap in lost {
            pair.lose(gap);
            pair.pass().unwrap();
        }
        let before = (pair.snapshot(), pair.worker.kept_keys());
        for (mut payload, offset, fitting) in forged {
            let sequence = pair.sequence.wrapping_add_signed(offset);
            if fitting && payload.len() >= 2 {
                // A count that agrees with the sequence number gets furthest.
                let position = pair.sender.frames().wrapping_add_signed(i64::from(offset) - 1);
                let count = CoherencyCount::new((position & 0xfff) as u16);
                Header::stateless(count).emit(&mut payload);
            }
            prop_assert!(pair.receive(sequence, &payload).is_err());
            prop_assert_eq!(&(pair.snapshot(), pair.worker.kept_keys()), &before);
        }
        prop_assert_eq!(pair.pass(), Ok(()));
    }
}
