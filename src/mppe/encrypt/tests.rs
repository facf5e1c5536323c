//! Bursts against the crates, which know nothing of lanes or stock: whatever comes, every frame is
//! encrypted as if it were alone, and no byte of keystream twice.

use std::collections::HashSet;

use proptest::prelude::*;
use rc4::{KeyInit, StreamCipher};
use sha1::{Digest, Sha1};

use super::*;
use crate::mppe::kernel::{Kernel, KernelKind};

/// A chain and a cipher by the letter of RFC 3078 and RFC 3079.
struct Naive {
    strength: Strength,
    mode: Mode,
    start: Vec<u8>,
    session: Vec<u8>,
    frames: u64,
    flush: bool,
    rc4: Option<rc4::Rc4>,
}

impl Naive {
    fn new(key: &[u8; 16], strength: Strength, mode: Mode) -> Self {
        let start = key[..if strength == Strength::Bits128 { 16 } else { 8 }].to_vec();
        let mut naive = Self {
            strength,
            mode,
            session: start.clone(),
            start,
            frames: 0,
            flush: false,
            rc4: None,
        };
        naive.session = naive.hash();
        naive.reduce();
        naive
    }

    fn hash(&self) -> Vec<u8> {
        let message = [&self.start[..], &[0; 40], &self.session, &[0xf2; 40]].concat();
        Sha1::digest(message)[..self.start.len()].to_vec()
    }

    fn reduce(&mut self) {
        match self.strength {
            Strength::Bits40 => self.session[..3].copy_from_slice(&[0xd1, 0x26, 0x9e]),
            Strength::Bits56 => self.session[0] = 0xd1,
            Strength::Bits128 => {}
        }
    }

    fn change_key(&mut self) {
        self.session = self.hash();
        let mut cipher = rc4::Rc4::new_from_slice(&self.session).unwrap();
        cipher.apply_keystream(&mut self.session);
        self.reduce();
    }

    /// Header and keystream of the next frame.
    fn next(&mut self, length: usize) -> (Header, Vec<u8>) {
        self.frames += 1;
        if self.mode == Mode::Stateful && std::mem::take(&mut self.flush) {
            self.frames = self.frames.next_multiple_of(256);
        }
        let fresh = self.mode == Mode::Stateless || self.frames.is_multiple_of(256);
        if fresh {
            self.change_key();
        }
        if fresh || self.rc4.is_none() {
            self.rc4 = rc4::Rc4::new_from_slice(&self.session).ok();
        }
        let mut keystream = vec![0; length];
        self.rc4.as_mut().unwrap().apply_keystream(&mut keystream);
        let link = Link {
            session_key: [0; 16],
            position: self.frames,
        };
        let header = match self.mode {
            Mode::Stateless => Header::stateless(link.coherency_count()),
            Mode::Stateful => Header::stateful(link.coherency_count(), fresh),
        };
        (header, keystream)
    }
}

struct States(Vec<EncryptState>);

impl EncryptStates for States {
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState> {
        self.0.get_mut(flow as usize)
    }
}

/// Flows, each with the naive one beside it.
struct World {
    states: States,
    naive: Vec<Naive>,
    worker: EncryptWorker,
    keys: u32,
}

const SUITES: [(Strength, Mode); 6] = [
    (Strength::Bits128, Mode::Stateless),
    (Strength::Bits128, Mode::Stateful),
    (Strength::Bits40, Mode::Stateless),
    (Strength::Bits56, Mode::Stateless),
    (Strength::Bits40, Mode::Stateful),
    (Strength::Bits128, Mode::Stateless),
];

impl World {
    fn new(flows: u32, worker: EncryptWorker) -> Self {
        let mut world = Self {
            states: States(Vec::new()),
            naive: Vec::new(),
            worker,
            keys: 0,
        };
        for flow in 0..flows {
            let (state, naive) = world.pair(flow);
            world.states.0.push(state);
            world.naive.push(naive);
        }
        world
    }

    fn pair(&mut self, flow: u32) -> (EncryptState, Naive) {
        self.keys += 1;
        let key = *Sha1::digest(self.keys.to_be_bytes()).first_chunk().unwrap();
        let (strength, mode) = SUITES[flow as usize % SUITES.len()];
        let state = EncryptState::new(DownstreamKey::from_bytes(key), strength, mode).at(flow);
        (state, Naive::new(&key, strength, mode))
    }

    /// The call ends, and another takes its place.
    fn reopen(&mut self, flow: u32) {
        self.states.0[flow as usize].wipe(&mut self.worker);
        let pair = self.pair(flow);
        (self.states.0[flow as usize], self.naive[flow as usize]) = pair;
    }

    fn flush(&mut self, flow: u32) {
        self.states.0[flow as usize].flush();
        self.naive[flow as usize].flush = true;
    }

    /// Encrypts zeros, so that what comes out is keystream.
    fn burst(&mut self, frames: &[(u32, usize)]) -> Result<Vec<Vec<u8>>, TestCaseError> {
        let mut found: Vec<_> = frames.iter().map(|(_, length)| vec![0; *length]).collect();
        let flows = u32::try_from(self.naive.len()).unwrap();
        let mut jobs: Vec<_> = frames
            .iter()
            .zip(&mut found)
            .map(|((flow, _), frame)| EncryptJob::new(flow % flows, frame))
            .collect();
        encrypt_batch(&mut self.states, &mut jobs, &mut self.worker);
        let headers: Vec<_> = jobs.into_iter().map(|job| job.header).collect();
        for (((flow, length), found), header) in frames.iter().zip(&found).zip(headers) {
            let (expected, keystream) = self.naive[(flow % flows) as usize].next(*length);
            prop_assert_eq!(header, Some(expected));
            prop_assert_eq!(found, &keystream);
        }
        Ok(found)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Burst(Vec<(u32, usize)>),
    Idle(usize),
    Reopen(u32),
    Flush(u32),
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => Just(66usize),
        2 => Just(596),
        2 => Just(1402),
        1 => Just(128),
        1 => Just(1408),
        1 => 0usize..3000,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec((any::<u32>(), length()), 1..100).prop_map(Step::Burst),
        2 => prop::collection::vec((0u32..3, length()), 1..100).prop_map(Step::Burst),
        4 => (1usize..20).prop_map(Step::Idle),
        1 => any::<u32>().prop_map(Step::Reopen),
        1 => any::<u32>().prop_map(Step::Flush),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_frame_is_encrypted_as_the_rfc_has_it_and_no_keystream_is_used_twice(
        flows in 1u32..24,
        active in 0usize..30,
        long in 0usize..8,
        steps in prop::collection::vec(step(), 1..16),
    ) {
        for kernel in KernelKind::ALL.into_iter().filter_map(Kernel::of) {
            let worker = EncryptWorker::new(0).with_stock(flows as usize, active, long);
            let mut world = World::new(flows, worker.with_kernel(kernel));
            let mut used = HashSet::new();
            for step in &steps {
                match step {
                    Step::Burst(frames) => {
                        for keystream in world.burst(frames)? {
                            let (words, _) = keystream.as_chunks::<8>();
                            prop_assert!(words.iter().all(|word| used.insert(*word)));
                        }
                    }
                    Step::Idle(turns) => {
                        let most = active * crate::mppe::stock::SLOTS;
                        for _ in 0..*turns {
                            world.worker.stock_up();
                            prop_assert!(world.worker.frames_in_stock() <= most);
                        }
                    }
                    Step::Reopen(flow) => world.reopen(flow % flows),
                    Step::Flush(flow) => world.flush(flow % flows),
                }
            }
            for state in &mut world.states.0 {
                state.wipe(&mut world.worker);
            }
            prop_assert!(world.worker.stock.is_wiped() && world.worker.queues.is_wiped());
        }
    }
}

#[test]
fn a_shelf_that_changes_hands_in_a_burst_gets_no_key_of_its_last_owner() {
    let worker = EncryptWorker::new(0).with_stock(60, 4, 0);
    let mut world = World::new(60, worker.with_kernel(Kernel::portable()));
    for round in 0..200u32 {
        // Some of ten stateless flows, of which two have two frames: lanes are left for the others.
        let flow = |place: u32| 6 * ((round * (place + 1) + place * 7) % 10);
        let frames: Vec<_> = (0..7).map(|place| (flow(place % 5), 60)).collect();
        world.burst(&frames).unwrap();
    }
}

/// Sends frames of these lengths in turn, each after an idle moment, and answers how many of the last
/// hundred were in stock with all that they needed.
fn served(lengths: &[usize]) -> usize {
    let mut world = World::new(1, EncryptWorker::new(1));
    let mut served = 0;
    for (frame, length) in lengths.iter().cycle().take(200).enumerate() {
        let state = &world.states.0[0];
        let next = state.chain.committed.position + 1;
        let slot = world.worker.stock.find(0, &state.chain, next);
        let enough = slot.is_some_and(|slot| slot.made() >= *length);
        served += usize::from(frame >= 100 && enough);
        world.burst(&[(0, *length)]).unwrap();
        world.worker.stock_up();
    }
    served
}

#[test]
fn stock_is_as_long_as_frames_steadily_are() {
    for length in [1, 66, 128, 130, 514, 1402, 1408] {
        assert_eq!(served(&[length]), 100, "{length}");
    }
    assert_eq!(served(&[1502]), 0, "longer than any slot");
    assert_eq!(served(&[66, 1402]), 50, "every second one is short");
}

#[test]
fn a_burst_that_fills_all_lanes_leaves_nothing_in_stock() {
    let mut world = World::new(1, EncryptWorker::new(1));
    world.burst(&[(0, 100); 64]).unwrap();
    assert_eq!(world.worker.frames_in_stock(), 0);
}
