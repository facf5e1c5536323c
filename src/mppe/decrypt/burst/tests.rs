//! Bursts against one frame at a time: the same outcomes, bytes, states and budgets, whatever comes.

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::mppe::catch_up::Budget;
use crate::mppe::decrypt::decrypt_batch;
use crate::mppe::encrypt::{EncryptState, EncryptWorker};
use crate::mppe::kernel::{Kernel, KernelKind};
use crate::mppe::keys::UpstreamKey;

struct Receivers(Vec<DecryptState>);

impl DecryptStates for Receivers {
    fn decrypt_state(&mut self, flow: u32) -> Option<&mut DecryptState> {
        self.0.get_mut(flow as usize)
    }
}

const SUITES: [(Strength, Mode); 5] = [
    (Strength::Bits128, Mode::Stateless),
    (Strength::Bits40, Mode::Stateless),
    (Strength::Bits128, Mode::Stateful),
    (Strength::Bits56, Mode::Stateless),
    (Strength::Bits128, Mode::Stateless),
];

fn suite(flow: u32) -> (Strength, Mode) {
    SUITES[flow as usize % SUITES.len()]
}

fn key(flow: u32) -> UpstreamKey {
    let [a, b, c, d] = flow.wrapping_mul(0x9e37_79b9).to_be_bytes();
    UpstreamKey::from_bytes([a, b, c, d, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
}

fn senders(flows: u32) -> Vec<EncryptState> {
    let sender = |flow| {
        let (strength, mode) = suite(flow);
        EncryptState::new_for_client(key(flow), strength, mode).at(flow)
    };
    (0..flows).map(sender).collect()
}

fn receivers(flows: u32) -> Receivers {
    let budget = Budget::new(20, 1000, Timestamp::ZERO);
    let receiver = |flow| {
        let (strength, mode) = suite(flow);
        let id = KeyId::new(NonZeroU64::new(u64::from(flow) + 1).unwrap());
        DecryptState::new(key(flow), strength, mode, id, u32::MAX - 3, budget).at(flow)
    };
    Receivers((0..flows).map(receiver).collect())
}

fn decrypt_worker(kind: Option<KernelKind>, flows: u32, active: usize) -> DecryptWorker {
    let budget = Budget::new(60, 3000, Timestamp::ZERO);
    let worker = DecryptWorker::keeping(8, 2, budget).with_stock(flows as usize, active, 4);
    match kind.and_then(Kernel::of) {
        Some(kernel) => worker.with_kernel(kernel),
        None => worker,
    }
}

/// An IPv4 packet behind its protocol field, `length` bytes in all, at least 22.
fn packet(length: usize) -> Vec<u8> {
    let total = u16::try_from(length - 2).unwrap().to_be_bytes();
    let mut packet = vec![
        0, 0x21, 0x45, 0, total[0], total[1], 0, 1, 0, 0, 64, 17, 0, 0,
    ];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    let (words, _) = packet[2..].as_chunks::<2>();
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[12..14].copy_from_slice(&checksum.to_be_bytes());
    packet.resize(length, 0x5a);
    packet
}

/// What becomes of a frame on its way.
#[derive(Clone, Debug)]
enum Fate {
    Arrives,
    Lost,
    ArrivesTwice,
    /// So many frames of any flow later.
    Late(usize),
    /// Noise in its place, with its numbers moved by so much.
    Forged(u16, u32),
    /// Noise before it.
    Overtaken(u16, u32),
    /// Its first so many bytes, header and all, before it.
    Cut(usize),
    /// With these bits of the header turned, before it.
    Turned(u16),
}

/// Now and then a frame is too long for a queue.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![40 => 22usize..400, 4 => Just(1402), 1 => 22usize..6000]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        20 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        1 => Just(Fate::ArrivesTwice),
        2 => (1usize..30).prop_map(Fate::Late),
        1 => (0u16..40, 0u32..40).prop_map(|(count, ahead)| Fate::Forged(count, ahead)),
        1 => (0u16..4096, 0u32..10_000).prop_map(|(count, ahead)| Fate::Overtaken(count, ahead)),
        1 => (0u16..2, 0u32..2).prop_map(|(count, ahead)| Fate::Overtaken(count, ahead)),
        1 => (0usize..70).prop_map(Fate::Cut),
        1 => (0u32..16).prop_map(|bit| Fate::Turned(1 << bit)),
        1 => any::<u16>().prop_map(Fate::Turned),
    ]
}

#[derive(Clone)]
struct Arrival {
    flow: u32,
    sequence: u32,
    payload: Vec<u8>,
}

impl Arrival {
    fn cut(&self, length: usize) -> Self {
        let mut cut = self.clone();
        cut.payload.truncate(length);
        cut
    }

    fn turned(&self, bits: u16) -> Self {
        let mut turned = self.clone();
        let header = turned.payload.iter_mut().zip(bits.to_be_bytes());
        header.for_each(|(byte, bits)| *byte ^= bits);
        turned
    }

    fn forged(&self, count: u16, ahead: u32) -> Self {
        let mut payload = self.payload.clone();
        payload.iter_mut().skip(2).for_each(|byte| *byte ^= 0x99);
        let [high, low, ..] = payload[..] else {
            unreachable!("every frame has a header")
        };
        let header = u16::from_be_bytes([high, low]);
        let header = header & 0xf000 | header.wrapping_add(count) & 0x0fff;
        payload[..2].copy_from_slice(&header.to_be_bytes());
        let sequence = self.sequence.wrapping_add(ahead);
        Self {
            flow: self.flow,
            sequence,
            payload,
        }
    }
}

/// Sends a frame for each fate, and answers what arrives, in order.
fn arrivals(flows: u32, script: &[(u32, usize, Fate)]) -> Vec<Arrival> {
    let mut senders = senders(flows);
    let mut worker = EncryptWorker::new(flows as usize);
    let mut sequences = vec![u32::MAX - 3; flows as usize];
    let mut placed = Vec::new();
    for (place, (flow, length, fate)) in script.iter().enumerate() {
        let flow = flow % flows;
        let sequence = &mut sequences[flow as usize];
        *sequence = sequence.wrapping_add(1);
        let mut frame = packet(*length);
        let header = senders[flow as usize]
            .encrypt(&mut frame, &mut worker)
            .unwrap();
        let arrival = Arrival {
            flow,
            sequence: *sequence,
            payload: [&header.to_bytes()[..], &frame].concat(),
        };
        match fate {
            Fate::Arrives => placed.push((place, arrival)),
            Fate::Lost => {}
            Fate::ArrivesTwice => placed.extend([(place, arrival.clone()), (place, arrival)]),
            Fate::Late(by) => placed.push((place + by, arrival)),
            Fate::Forged(count, ahead) => placed.push((place, arrival.forged(*count, *ahead))),
            Fate::Overtaken(count, ahead) => {
                placed.push((place, arrival.forged(*count, *ahead)));
                placed.push((place, arrival));
            }
            Fate::Cut(length) => placed.extend([(place, arrival.cut(*length)), (place, arrival)]),
            Fate::Turned(bits) => placed.extend([(place, arrival.turned(*bits)), (place, arrival)]),
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, arrival)| arrival).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_burst_is_as_its_frames_one_by_one(
        flows in 1u32..12,
        script in prop::collection::vec((any::<u32>(), length(), fate()), 1..250),
        cuts in prop::collection::vec((1usize..100, 0usize..12), 1..8),
        active in 0usize..6,
    ) {
        let arrivals = arrivals(flows, &script);
        for kind in KernelKind::ALL {
            let (mut together, mut alone) = (receivers(flows), receivers(flows));
            let mut together_worker = decrypt_worker(Some(kind), flows, active);
            let mut alone_worker = decrypt_worker(None, flows, 0);
            let mut rest = &arrivals[..];
            let mut now = Timestamp::ZERO;
            for (cut, idle_turns) in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (burst, later) = rest.split_at((*cut).min(rest.len()));
                rest = later;
                for _ in 0..*idle_turns {
                    together_worker.engine.stock_up();
                }
                now = Timestamp::from_nanos(now.as_nanos() + 1_500_000);
                let mut payloads: Vec<_> = burst.iter().map(|one| one.payload.clone()).collect();
                let mut jobs: Vec<_> = burst
                    .iter()
                    .zip(&mut payloads)
                    .map(|(one, payload)| DecryptJob::new(one.flow, one.sequence, payload))
                    .collect();
                decrypt_batch(&mut together, &mut jobs, &mut together_worker, now);
                let outcomes: Vec<_> = jobs.into_iter().map(|job| job.outcome).collect();
                for ((one, outcome), payload) in burst.iter().zip(outcomes).zip(payloads) {
                    let mut expected = one.payload.clone();
                    let state = &mut alone.0[one.flow as usize];
                    let found = state
                        .decrypt(&mut expected, one.sequence, &mut alone_worker, now)
                        .map(|_frame| ());
                    prop_assert_eq!(outcome, found, "{}", kind.name());
                    prop_assert_eq!(payload, expected, "{}", kind.name());
                }
                prop_assert_eq!(together_worker.kept_keys(), alone_worker.kept_keys());
                prop_assert_eq!(together_worker.budget, alone_worker.budget);
                for (together, alone) in together.0.iter().zip(&alone.0) {
                    prop_assert_eq!(together.frames(), alone.frames());
                    prop_assert_eq!(together.newest_sequence(), alone.newest_sequence());
                    prop_assert_eq!(together.decrypted, alone.decrypted);
                    prop_assert_eq!(together.budget, alone.budget);
                    let keys = [together, alone].map(|one| one.chain.committed.session_key);
                    prop_assert_eq!(keys[0], keys[1]);
                }
            }
            for state in &mut together.0 {
                state.wipe(&mut together_worker);
            }
            prop_assert_eq!(together_worker.engine.frames_in_stock(), 0);
            prop_assert!(together_worker.engine.stock.is_wiped() && together_worker.engine.queues.is_wiped());
        }
    }
}
