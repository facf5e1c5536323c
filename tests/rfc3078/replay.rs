//! Replaying any frame with a new GRE sequence number decrypts nothing twice, in both modes.

use std::num::NonZeroU64;

use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptState, DecryptWorker};
use pns::mppe::keys::{Mode, Strength, UpstreamKey};
use pns::mppe::skipped::KeyId;

use crate::naive::{NaiveChain, START_KEY, packet};
use crate::peers::{Rule, Sender};

struct Receiver {
    state: DecryptState,
    worker: DecryptWorker,
    /// The sequence number of the newest true frame.
    newest: u32,
}

impl Receiver {
    fn new(mode: Mode) -> Self {
        let rich = Budget::new(u32::MAX, 0, Timestamp::ZERO);
        let id = KeyId::new(NonZeroU64::MIN);
        let key = UpstreamKey::from_bytes(START_KEY);
        let strength = Strength::Bits128;
        Self {
            state: DecryptState::new(key, strength, mode, id, u32::MAX, rich),
            worker: DecryptWorker::new(4, rich).with_places(1),
            newest: u32::MAX,
        }
    }

    fn decrypts(&mut self, payload: &[u8], sequence: u32) -> bool {
        let mut buffer = payload.to_vec();
        let now = Timestamp::ZERO;
        let outcome = self
            .state
            .decrypt(&mut buffer, sequence, &mut self.worker, now);
        outcome.is_ok()
    }

    fn is_given(&mut self, payload: &[u8]) {
        self.newest = self.newest.wrapping_add(1);
        assert!(self.decrypts(payload, self.newest), "{}", self.newest);
    }

    /// Tries a captured frame with numbers near and far, behind and ahead.
    fn refuses(&mut self, payload: &[u8], original: u32) {
        for offset in [
            -4000, -65, -64, -2, -1, 0, 1, 2, 64, 255, 256, 4095, 4096, 4097, 9000,
        ] {
            let sequence = self.newest.wrapping_add_signed(offset);
            assert!(
                !self.decrypts(payload, sequence),
                "frame {original} decrypted again with number {sequence}"
            );
        }
    }
}

/// Frames before, between and after the places where something happens.
const REPLAYED: [usize; 14] = [
    0, 1, 2, 100, 254, 255, 256, 257, 299, 300, 301, 511, 4095, 4096,
];

fn assert_nothing_twice(mode: Mode, mut next: impl FnMut(usize) -> Vec<u8>) {
    let mut receiver = Receiver::new(mode);
    let mut captured: Vec<Vec<u8>> = Vec::new();
    for number in 0..4400 {
        let payload = next(number);
        receiver.is_given(&payload);
        captured.push(payload);
        // Whole turns of the count later, too.
        if [0, 1, 255, 256, 300, 301, 4095, 4096, 4351, 4396].contains(&number) {
            for original in REPLAYED.into_iter().chain([number]) {
                if let Some(payload) = captured.get(original) {
                    receiver.refuses(payload, u32::try_from(original).unwrap());
                }
            }
        }
    }
}

#[test]
fn stateless_frames_decrypt_once() {
    let mut chain = NaiveChain::new(&START_KEY, Strength::Bits128);
    assert_nothing_twice(Mode::Stateless, |number| {
        chain.encrypt(number, &packet(number, 60))
    });
}

#[test]
fn stateful_frames_decrypt_once_flushed_or_not() {
    for rule in [Rule::Rfc, Rule::Linux] {
        let mut sender = Sender::new(rule, &START_KEY, Strength::Bits128);
        assert_nothing_twice(Mode::Stateful, |number| {
            if number == 300 {
                sender.flush();
            }
            sender.send(&packet(number, 60))
        });
    }
}
