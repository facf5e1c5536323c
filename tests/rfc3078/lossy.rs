//! Stateful streams over a link with 3 % loss in each direction, on virtual time: after each loss the
//! stream is back within one round trip, whatever rule the peer follows, and no frame is lost that
//! could be decrypted.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptRefusal, DecryptState, DecryptWorker, FlushRule};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use pns::mppe::skipped::KeyId;

use crate::naive::{START_KEY, STRENGTHS, packet};
use crate::peers::{Received, Receiver, Rule, Sender};

const INTERVAL_MS: u64 = 2;
const DELAY_MS: u64 = 20;
const ROUND_TRIP_MS: u64 = 2 * DELAY_MS;
const LOSS_PER_MILLE: u64 = 30;
const FRAMES: usize = 20_000;

/// A fixed sequence of dice.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn loses(&mut self) -> bool {
        self.roll() % 1000 < LOSS_PER_MILLE
    }
}

/// What crosses the link towards the receiver.
enum Message {
    Frame { number: usize, payload: Vec<u8> },
    ResetAck,
}

/// What the sending end is, seen from the link.
trait SendingEnd {
    fn send(&mut self, plain: &[u8]) -> Vec<u8>;
    fn flush(&mut self);
}

/// What the receiving end is, seen from the link.
trait ReceivingEnd {
    /// Takes a frame with its GRE sequence number: the packet if it decrypts, and whether a
    /// Reset-Request leaves.
    fn receive(&mut self, payload: &[u8], sequence: u32, now_ms: u64) -> (Option<Vec<u8>>, bool);
    fn reset_acknowledged(&mut self) {}
}

/// Our own sending half.
struct OurSender(EncryptState, EncryptWorker);

impl OurSender {
    fn new(strength: Strength) -> Self {
        let key = DownstreamKey::from_bytes(START_KEY);
        let state = EncryptState::new(key, strength, Mode::Stateful);
        Self(state, EncryptWorker::new(1))
    }
}

impl SendingEnd for OurSender {
    fn send(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut frame = plain.to_vec();
        let header = self.0.encrypt(&mut frame, &mut self.1).unwrap();
        [&header.to_bytes()[..], &frame].concat()
    }

    fn flush(&mut self) {
        self.0.flush();
    }
}

impl SendingEnd for Sender {
    fn send(&mut self, plain: &[u8]) -> Vec<u8> {
        Self::send(self, plain)
    }

    fn flush(&mut self) {
        Self::flush(self);
    }
}

impl ReceivingEnd for Receiver {
    fn receive(&mut self, payload: &[u8], _sequence: u32, now_ms: u64) -> (Option<Vec<u8>>, bool) {
        match Self::receive(self, payload, now_ms) {
            Received::Plain(plain) => (Some(plain), false),
            Received::Dropped { request } => (None, request),
        }
    }

    fn reset_acknowledged(&mut self) {
        Self::reset_acknowledged(self);
    }
}

/// Our own receiving half.
struct OurReceiver(DecryptState, DecryptWorker);

impl OurReceiver {
    fn new(strength: Strength) -> Self {
        // Everyday losses cost next to nothing.
        let poor = Budget::new(64, 0, Timestamp::ZERO);
        let key = UpstreamKey::from_bytes(START_KEY);
        let id = KeyId::new(NonZeroU64::MIN);
        Self(
            DecryptState::new(key, strength, Mode::Stateful, id, u32::MAX, poor),
            DecryptWorker::new(1, poor).with_places(1),
        )
    }
}

impl ReceivingEnd for OurReceiver {
    fn receive(&mut self, payload: &[u8], sequence: u32, now_ms: u64) -> (Option<Vec<u8>>, bool) {
        let now = Timestamp::from_nanos(now_ms * 1_000_000);
        let mut buffer = payload.to_vec();
        match self.0.decrypt(&mut buffer, sequence, &mut self.1, now) {
            Ok(plain) => (Some(plain.to_vec()), false),
            Err(refusal) => {
                assert_eq!(refusal, DecryptRefusal::OutOfStep);
                (None, self.0.reset_wanted(now))
            }
        }
    }
}

/// A time without decrypted frames.
struct Gap {
    from_ms: u64,
    to_ms: u64,
    /// How many messages of its recovery were lost: requests, answers, flushed frames.
    unlucky: u64,
}

/// What became of a run.
struct Outcome {
    gaps: Vec<Gap>,
    decrypted: usize,
    lost: usize,
    dropped: usize,
}

/// The link between both ends, one message after the other in each direction.
struct Link {
    dice: Dice,
    forth: VecDeque<(u64, Message)>,
    back: VecDeque<u64>,
    /// Messages of a recovery that were lost so far.
    unlucky: u64,
    lost: usize,
}

impl Link {
    fn frame(&mut self, number: usize, payload: Vec<u8>, now_ms: u64) {
        let flushed = payload[0] & 0x80 != 0;
        if self.dice.loses() {
            self.lost += 1;
            self.unlucky += u64::from(flushed);
        } else {
            let message = Message::Frame { number, payload };
            self.forth.push_back((now_ms + DELAY_MS, message));
        }
    }

    fn acknowledge(&mut self, now_ms: u64) {
        if self.dice.loses() {
            self.unlucky += 1;
        } else {
            self.forth.push_back((now_ms + DELAY_MS, Message::ResetAck));
        }
    }

    /// The next message that has crossed by now.
    fn arrived(&mut self, now_ms: u64) -> Option<Message> {
        let (arrives, _) = self.forth.front()?;
        if *arrives > now_ms {
            return None;
        }
        self.forth.pop_front().map(|(_, message)| message)
    }

    fn request(&mut self, now_ms: u64) {
        if self.dice.loses() {
            self.unlucky += 1;
        } else {
            self.back.push_back(now_ms + DELAY_MS);
        }
    }
}

fn run(sender: &mut impl SendingEnd, receiver: &mut impl ReceivingEnd, seed: u64) -> Outcome {
    let mut link = Link {
        dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        forth: VecDeque::new(),
        back: VecDeque::new(),
        unlucky: 0,
        lost: 0,
    };
    let plain = |number: usize| packet(number, 20 + number * 37 % 500);
    let mut gaps = Vec::new();
    let mut open: Option<(u64, u64)> = None;
    let (mut decrypted, mut dropped) = (0, 0);
    for now_ms in 0.. {
        while link.back.front().is_some_and(|arrives| *arrives <= now_ms) {
            link.back.pop_front();
            link.acknowledge(now_ms);
            sender.flush();
        }
        let number = usize::try_from(now_ms / INTERVAL_MS).unwrap();
        if now_ms % INTERVAL_MS == 0 && number < FRAMES {
            let payload = sender.send(&plain(number));
            link.frame(number, payload, now_ms);
        }
        while let Some(message) = link.arrived(now_ms) {
            let Message::Frame { number, payload } = message else {
                receiver.reset_acknowledged();
                continue;
            };
            let sequence = u32::try_from(number).unwrap();
            let (found, request) = receiver.receive(&payload, sequence, now_ms);
            let before = link.unlucky;
            if request {
                link.request(now_ms);
            }
            match found {
                Some(found) => {
                    assert_eq!(found, plain(number), "frame {number} came out wrong");
                    decrypted += 1;
                    if let Some((from_ms, unlucky)) = open.take() {
                        gaps.push(Gap {
                            from_ms,
                            to_ms: now_ms,
                            unlucky: link.unlucky - unlucky,
                        });
                    }
                }
                None => {
                    dropped += 1;
                    // What was lost before the request is the loss itself.
                    open.get_or_insert((now_ms, before));
                }
            }
        }
        if number >= FRAMES && link.forth.is_empty() && link.back.is_empty() {
            break;
        }
    }
    let lost = link.lost;
    Outcome {
        gaps,
        decrypted,
        lost,
        dropped,
    }
}

/// After each loss back within one round trip, and within one more for each message of the recovery
/// that was lost too, after the wait of the end that asks.
fn assert_back_in_time(outcome: &Outcome, wait_ms: u64, what: &str) {
    let Outcome {
        gaps,
        decrypted,
        lost,
        dropped,
    } = outcome;
    assert_eq!(decrypted + lost + dropped, FRAMES, "{what}");
    for gap in gaps {
        let took_ms = gap.to_ms - gap.from_ms;
        let bound_ms = ROUND_TRIP_MS + INTERVAL_MS + gap.unlucky * (wait_ms + ROUND_TRIP_MS);
        assert!(
            took_ms <= bound_ms,
            "{what}: {took_ms} ms after the loss at {} ms, {} of its recovery lost",
            gap.from_ms,
            gap.unlucky
        );
    }
    let clean = gaps.iter().filter(|gap| gap.unlucky == 0).count();
    assert!(clean > 100, "{what}: only {clean} undisturbed recoveries");
}

#[test]
fn section_8_2_both_kinds_of_receivers_are_back_within_a_round_trip() {
    for rule in [Rule::Rfc, Rule::Linux] {
        for (seed, strength) in (1..).zip(STRENGTHS) {
            let mut receiver = Receiver::new(rule, &START_KEY, strength);
            let outcome = run(&mut OurSender::new(strength), &mut receiver, seed);
            assert_back_in_time(&outcome, 1000 + ROUND_TRIP_MS, &format!("{rule:?}"));
        }
    }
}

#[test]
fn section_8_2_our_receiver_is_back_within_a_round_trip_of_both_kinds_of_senders() {
    for rule in [Rule::Rfc, Rule::Linux] {
        for (seed, strength) in (11..).zip(STRENGTHS) {
            let mut receiver = OurReceiver::new(strength);
            let mut sender = Sender::new(rule, &START_KEY, strength);
            let outcome = run(&mut sender, &mut receiver, seed);
            // A round trip is 40 ms, so an answer is overdue after 80, later after 160 and so on.
            assert_back_in_time(&outcome, 8 * ROUND_TRIP_MS, &format!("{rule:?}"));
            let learned = match rule {
                Rule::Rfc => FlushRule::KeyInForce,
                Rule::Linux => FlushRule::NewKey,
            };
            assert_eq!(receiver.0.flush_rule(), Some(learned));
        }
    }
}

#[test]
fn our_two_halves_understand_each_other() {
    for (seed, strength) in (21..).zip(STRENGTHS) {
        let mut receiver = OurReceiver::new(strength);
        let outcome = run(&mut OurSender::new(strength), &mut receiver, seed);
        assert_back_in_time(&outcome, 8 * ROUND_TRIP_MS, "ours");
    }
}

/// A frame decrypts if it is flushed, or if the one before it did. Nothing less, nothing more.
struct Judged<R> {
    receiver: R,
    /// The sequence number of the newest decrypted frame.
    newest: Option<u32>,
}

impl<R: ReceivingEnd> ReceivingEnd for Judged<R> {
    fn receive(&mut self, payload: &[u8], sequence: u32, now_ms: u64) -> (Option<Vec<u8>>, bool) {
        let flushed = payload[0] & 0x80 != 0;
        let due = self.newest.map_or(0, |newest| newest + 1) == sequence;
        let (plain, request) = self.receiver.receive(payload, sequence, now_ms);
        assert_eq!(plain.is_some(), flushed || due, "frame {sequence}");
        if plain.is_some() {
            self.newest = Some(sequence);
        }
        (plain, request)
    }
}

#[test]
fn no_frame_that_could_be_decrypted_is_lost() {
    for rule in [Rule::Rfc, Rule::Linux] {
        for seed in 31..35 {
            let mut receiver = Judged {
                receiver: OurReceiver::new(Strength::Bits128),
                newest: None,
            };
            let mut sender = Sender::new(rule, &START_KEY, Strength::Bits128);
            let outcome = run(&mut sender, &mut receiver, seed);
            assert!(outcome.decrypted > FRAMES / 2, "{}", outcome.decrypted);
        }
    }
}
