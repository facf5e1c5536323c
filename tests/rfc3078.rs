//! RFC 3078, Microsoft Point-To-Point Encryption: what we send and receive against a naive model
//! made of the `rc4` and `sha1` crates, over a network that loses, delays, repeats and forges.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "rfc3078/lossy.rs"]
mod lossy;
#[path = "rfc3078/naive.rs"]
mod naive;
#[path = "rfc3078/peers.rs"]
mod peers;
#[path = "rfc3078/replay.rs"]
mod replay;
#[path = "rfc3078/stateful.rs"]
mod stateful;

use std::collections::HashSet;
use std::num::NonZeroU64;

use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptRefusal, DecryptState, DecryptWorker};
use pns::mppe::encrypt::{EncryptJob, EncryptState, EncryptStates, EncryptWorker, encrypt_batch};
use pns::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use pns::mppe::skipped::KeyId;
use proptest::prelude::*;

use naive::{NaiveChain, START_KEY, STRENGTHS, packet};

fn budget(most: u32) -> Budget {
    Budget::new(most, 0, Timestamp::ZERO)
}

fn receiver(strength: Strength, sequence: u32) -> (DecryptState, DecryptWorker) {
    let key = UpstreamKey::from_bytes(START_KEY);
    let id = KeyId::new(NonZeroU64::new(99).unwrap());
    let state = DecryptState::new(
        key,
        strength,
        Mode::Stateless,
        id,
        sequence,
        budget(u32::MAX),
    );
    (state, DecryptWorker::new(8, budget(u32::MAX)))
}

struct Flows(Vec<EncryptState>);

impl EncryptStates for Flows {
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState> {
        self.0.get_mut(usize::try_from(flow).unwrap())
    }
}

#[test]
fn section_7_3_every_stateless_frame_has_a_new_key_past_the_wrap_of_the_count() {
    for strength in STRENGTHS {
        let mut naive = NaiveChain::new(&START_KEY, strength);
        let key = DownstreamKey::from_bytes(START_KEY);
        let mut ours = EncryptState::new(key, strength, Mode::Stateless);
        let mut worker = EncryptWorker::new(0);
        for frame in 0..4200 {
            let plain = packet(frame, frame % 90);
            let mut sent = plain.clone();
            let header = ours.encrypt(&mut sent, &mut worker).unwrap();
            let payload = [&header.to_bytes()[..], &sent].concat();
            assert_eq!(
                payload,
                naive.encrypt(frame, &plain),
                "{strength:?} frame {frame}"
            );
        }
    }
}

#[test]
fn a_burst_of_several_flows_is_encrypted_as_if_one_by_one() {
    let state = |strength| {
        EncryptState::new(
            DownstreamKey::from_bytes(START_KEY),
            strength,
            Mode::Stateless,
        )
    };
    let mut flows = Flows(STRENGTHS.map(state).into());
    let mut naive = STRENGTHS.map(|strength| NaiveChain::new(&START_KEY, strength));
    let order = [0usize, 1, 2, 2, 1, 2, 0, 0];
    let plain: Vec<_> = (0..order.len())
        .map(|number| packet(number, 40 * number))
        .collect();
    let mut frames = plain.clone();
    let mut jobs: Vec<_> = frames
        .iter_mut()
        .zip(order)
        .map(|(frame, flow)| EncryptJob::new(u32::try_from(flow).unwrap(), frame))
        .collect();
    let mut stranger = [1, 2, 3];
    jobs.push(EncryptJob::new(9, &mut stranger));
    encrypt_batch(&mut flows, &mut jobs, &mut EncryptWorker::new(0));
    assert_eq!(jobs.pop().unwrap().header, None);
    let mut done = [0usize; 3];
    for ((job, flow), plain) in jobs.iter().zip(order).zip(&plain) {
        let payload = [&job.header.unwrap().to_bytes()[..], job.frame].concat();
        assert_eq!(payload, naive[flow].encrypt(done[flow], plain));
        done[flow] += 1;
    }
    assert_eq!(stranger, [1, 2, 3]);
}

#[test]
fn losses_of_any_length_are_caught_up_with_even_past_whole_turns_of_the_count() {
    let mut naive = NaiveChain::new(&START_KEY, Strength::Bits128);
    let (mut state, mut worker) = receiver(Strength::Bits128, 0);
    let (mut frame, mut sequence) = (0usize, 0u32);
    for lost in [
        0, 1, 63, 64, 65, 4094, 4095, 4096, 4097, 8191, 8192, 8193, 12_288, 0, 20_000,
    ] {
        frame += lost;
        sequence += u32::try_from(lost).unwrap() + 1;
        let plain = packet(frame, 60);
        let mut payload = naive.encrypt(frame, &plain);
        let outcome = state.decrypt(&mut payload, sequence, &mut worker, Timestamp::ZERO);
        assert_eq!(outcome.as_deref(), Ok(&plain[..]), "after {lost} lost");
        frame += 1;
    }
}

#[test]
fn frames_that_are_not_encrypted_take_sequence_numbers_and_no_counts() {
    let mut naive = NaiveChain::new(&START_KEY, Strength::Bits40);
    let (mut state, mut worker) = receiver(Strength::Bits40, u32::MAX - 20_000);
    let mut sequence = u32::MAX - 20_000;
    // Hours of LCP echoes, then one frame: the nearest key is meant, not one a turn further.
    for (frame, echoes) in [0u32, 5, 4095, 4096, 30_000, 1].into_iter().enumerate() {
        sequence = sequence.wrapping_add(echoes + 1);
        let plain = packet(frame, 60);
        let mut payload = naive.encrypt(frame, &plain);
        let outcome = state.decrypt(&mut payload, sequence, &mut worker, Timestamp::ZERO);
        assert_eq!(outcome.as_deref(), Ok(&plain[..]), "after {echoes} echoes");
    }
    assert_eq!(worker.budget_remaining(), u32::MAX, "nothing was missing");
}

/// What happens to one frame on its way.
#[derive(Clone, Debug)]
struct Fate {
    length: usize,
    /// Frames that are not encrypted, sent before this one.
    clear_before: u32,
    /// How many later frames overtake it, or `None` if it is lost.
    delay: Option<usize>,
    /// It arrives again so many frames later.
    repeated: Option<usize>,
    /// A copy with this bit of its first 22 bytes turned arrives just before.
    damaged: Option<usize>,
}

fn fate() -> impl Strategy<Value = Fate> {
    let delay = prop_oneof![
        6 => Just(Some(0)),
        2 => (0usize..64).prop_map(Some),
        1 => (64usize..130).prop_map(Some),
        2 => Just(None),
    ];
    let clear = prop_oneof![5 => Just(0u32), 1 => 1u32..5];
    let repeated = prop::option::weighted(0.2, 0usize..150);
    let damaged = prop::option::weighted(0.2, 0usize..22 * 8);
    (20usize..200, clear, delay, repeated, damaged).prop_map(
        |(length, clear_before, delay, repeated, damaged)| Fate {
            length,
            clear_before,
            delay,
            repeated,
            damaged,
        },
    )
}

struct Arrival {
    frame: usize,
    sequence: u32,
    payload: Vec<u8>,
    plain: Option<Vec<u8>>,
}

/// The frames in the order of their arrival.
fn arrivals(fates: &[Fate], first: usize, naive: &mut NaiveChain, start: u32) -> Vec<Arrival> {
    let mut timed = Vec::new();
    let mut sequence = start;
    for (number, fate) in fates.iter().enumerate() {
        let frame = first + number;
        sequence = sequence.wrapping_add(fate.clear_before + 1);
        let plain = packet(frame, fate.length);
        let payload = naive.encrypt(frame, &plain);
        let Some(delay) = fate.delay else { continue };
        if let Some(bit) = fate.damaged {
            let mut payload = payload.clone();
            payload[2 + bit / 8] ^= 1 << (bit % 8);
            timed.push((
                number + delay,
                Arrival {
                    frame,
                    sequence,
                    payload,
                    plain: None,
                },
            ));
        }
        let whole = |payload: &Vec<u8>| Arrival {
            frame,
            sequence,
            payload: payload.clone(),
            plain: Some(plain.clone()),
        };
        timed.push((number + delay, whole(&payload)));
        if let Some(later) = fate.repeated {
            timed.push((number + delay + later, whole(&payload)));
        }
    }
    timed.sort_by_key(|(time, _)| *time);
    timed.into_iter().map(|(_, arrival)| arrival).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_the_network_does_each_frame_decrypts_once_or_is_refused_by_name(
        fates in prop::collection::vec(fate(), 1..300),
        start in prop_oneof![Just(0u32), Just(u32::MAX - 100), any::<u32>()],
        strength in prop::sample::select(STRENGTHS.to_vec()),
        lost_at_first in prop_oneof![3 => Just(0usize), 1 => 3900usize..4200],
    ) {
        let mut naive = NaiveChain::new(&START_KEY, strength);
        let (mut state, mut worker) = receiver(strength, start);
        let first_sequence = start.wrapping_add(u32::try_from(lost_at_first).unwrap());
        let mut decrypted = HashSet::new();
        let mut newest: Option<(usize, u32)> = None;
        for arrival in arrivals(&fates, lost_at_first, &mut naive, first_sequence) {
            let mut buffer = arrival.payload.clone();
            let outcome =
                state.decrypt(&mut buffer, arrival.sequence, &mut worker, Timestamp::ZERO);
            let Some(plain) = arrival.plain else {
                prop_assert!(outcome.is_err(), "a damaged frame was taken");
                prop_assert_eq!(buffer, arrival.payload);
                continue;
            };
            let back = newest.map_or(-1, |(frame, _)| frame as i64 - arrival.frame as i64);
            let expected = if decrypted.contains(&arrival.frame) && back <= 64 {
                Err(DecryptRefusal::Duplicate)
            } else if back > 64 {
                Err(DecryptRefusal::KeyGone)
            } else {
                Ok(&plain[..])
            };
            prop_assert_eq!(outcome.as_deref().copied_err(), expected, "frame {}", arrival.frame);
            if expected.is_ok() {
                decrypted.insert(arrival.frame);
                if back < 0 {
                    newest = Some((arrival.frame, arrival.sequence));
                }
            } else {
                prop_assert_eq!(buffer, arrival.payload);
            }
        }
    }
}

/// A refusal by value, so that outcomes compare.
trait CopiedErr<T> {
    fn copied_err(self) -> Result<T, DecryptRefusal>;
}

impl<T> CopiedErr<T> for Result<T, &DecryptRefusal> {
    fn copied_err(self) -> Result<T, DecryptRefusal> {
        self.map_err(|refusal| *refusal)
    }
}
