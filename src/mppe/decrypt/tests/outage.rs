//! How many calls catch up after they lost frames together, and while others take the worker's budget.

use super::*;

/// The budgets that flows and workers have in production.
const FLOW: Budget = Budget::new(4096, 4096, Timestamp::ZERO);
const WORKER: Budget = Budget::new(16_384, 65_536, Timestamp::ZERO);
const SUITE: (Strength, Mode) = (Strength::Bits128, Mode::Stateless);

/// Calls of one worker. All have the same keys, so one sender does for all.
struct Outage {
    worker: DecryptWorker,
    encrypt_worker: EncryptWorker,
    sender: EncryptState,
    receivers: Vec<DecryptState>,
    /// Calls whose clients send nothing but what is dear to refuse.
    hostile: Vec<DecryptState>,
    sequence: u32,
}

impl Outage {
    fn new(calls: u32, hostile: u32) -> Self {
        let (strength, mode) = SUITE;
        let key = || UpstreamKey::from_bytes(KEY);
        let receiver = |place: u32| {
            let id = KeyId::new(NonZeroU64::MIN.saturating_add(place.into()));
            DecryptState::new(key(), strength, mode, id, 0, FLOW).at(place)
        };
        let places = (calls + hostile) as usize;
        Self {
            worker: DecryptWorker::new(4, WORKER).with_stock(places, 1, 1),
            encrypt_worker: EncryptWorker::new(1),
            sender: EncryptState::new_for_client(key(), strength, mode),
            receivers: (0..calls).map(receiver).collect(),
            hostile: (calls..calls + hostile).map(receiver).collect(),
            sequence: 0,
        }
    }

    fn send(&mut self) -> Vec<u8> {
        self.sequence += 1;
        let mut frame = PING.to_vec();
        let header = self.sender.encrypt(&mut frame, &mut self.encrypt_worker);
        [&header.unwrap().to_bytes()[..], &frame].concat()
    }

    /// Every hostile client sends a frame whose count is as far ahead as counts go.
    fn attack(&mut self, now: Timestamp) {
        for receiver in &mut self.hostile {
            let mut forged = vec![0x5a; 100];
            Header::stateless(CoherencyCount::new(4094)).emit(&mut forged);
            let outcome = receiver.decrypt(&mut forged, 70_000, &mut self.worker, now);
            assert!(outcome.is_err());
            assert_eq!(receiver.chain.committed.position, 0, "a key moved");
        }
    }

    /// Each call is sent a frame. Answers how many refuse it.
    fn refusing(&mut self, now: Timestamp) -> usize {
        let (payload, sequence) = (self.send(), self.sequence);
        let worker = &mut self.worker;
        let mut refuses = |receiver: &mut DecryptState| {
            let mut payload = payload.clone();
            let outcome = receiver.decrypt(&mut payload, sequence, worker, now);
            assert!(matches!(
                outcome,
                Ok(_) | Err(DecryptRefusal::BudgetExhausted)
            ));
            outcome.is_err()
        };
        let receivers = self.receivers.iter_mut();
        receivers
            .filter_map(|one| refuses(one).then_some(()))
            .count()
    }

    /// After each call has lost `lost` frames: how many still refuse what they are sent when each has been
    /// sent `frames` more, so many a second.
    fn refusing_after(mut self, lost: u32, frames: u32, per_s: u64) -> usize {
        (0..lost).for_each(|_| drop(self.send()));
        let mut refusing = 0;
        for frame in 1..=frames {
            let now = Timestamp::from_nanos(u64::from(frame) * 1_000_000_000 / per_s);
            self.attack(now);
            if !self.hostile.is_empty() {
                assert_eq!(self.worker.budget_remaining(), 0, "all of it is taken");
            }
            refusing = self.refusing(now);
        }
        refusing
    }
}

#[test]
fn calls_that_lose_the_same_frames_at_once_do_not_keep_each_other_from_catching_up() {
    assert_eq!(Outage::new(600, 0).refusing_after(250, 75, 50), 0);
    assert_eq!(Outage::new(100, 0).refusing_after(1000, 40, 20), 0);
}

/// Each frame is one more to catch up with, and takes the free key changes: three are gained.
#[test]
fn calls_catch_up_with_free_key_changes_while_hostile_ones_take_the_whole_budget() {
    for lost in [5u32, 30, 60, 64, 65, 250] {
        let gained = u32::try_from(FREE_STEPS).unwrap() - 1;
        let frames = lost.div_ceil(gained);
        let outage = || Outage::new(40, 20);
        assert_eq!(outage().refusing_after(lost, frames - 1, 50), 40, "{lost}");
        assert_eq!(outage().refusing_after(lost, frames, 50), 0, "{lost}");
    }
}
