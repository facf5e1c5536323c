//! Catching up with a sender whose frames were lost. Every lost frame costs a key change, and a
//! forged count can pretend that thousands were lost; so the work is budgeted, and what the budget
//! did not allow today is not done again from the start tomorrow.

use zeroize::Zeroize;

use crate::clock::Timestamp;
use crate::mppe::chain::Link;
use crate::mppe::skipped::KeyId;

/// Key changes that may still be spent on frames that were never seen. Refills with time, up to a
/// limit. A flow has one, and a worker has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Budget {
    refilled: Timestamp,
    remaining: u32,
    most: u32,
    steps_per_s: u32,
}

impl Budget {
    /// A full budget of `most` key changes that refills at `steps_per_s`.
    #[must_use]
    pub const fn new(most: u32, steps_per_s: u32, now: Timestamp) -> Self {
        Self {
            refilled: now,
            remaining: most,
            most,
            steps_per_s,
        }
    }

    /// Adds what time has earned since the last call.
    pub fn refill(&mut self, now: Timestamp) {
        const NANOS_PER_S: u128 = 1_000_000_000;
        let elapsed = now.since(self.refilled).as_nanos();
        let earned = elapsed * u128::from(self.steps_per_s) / NANOS_PER_S;
        let room = self.most.saturating_sub(self.remaining);
        match u32::try_from(earned) {
            Ok(0) => {}
            Ok(earned) if earned < room => {
                // The time of the fraction of a key change that is not paid yet stays earned.
                let spent = u128::from(earned) * NANOS_PER_S / u128::from(self.steps_per_s);
                let spent = u64::try_from(spent).unwrap_or(u64::MAX);
                self.refilled =
                    Timestamp::from_nanos(self.refilled.as_nanos().saturating_add(spent));
                self.remaining = self.remaining.saturating_add(earned);
            }
            Ok(_) | Err(_) => {
                self.refilled = now;
                self.remaining = self.most;
            }
        }
    }

    /// Key changes left.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// Key changes that both budgets can pay.
    pub(crate) fn affordable(flow: &Self, worker: &Self) -> u32 {
        flow.remaining.min(worker.remaining)
    }

    /// Takes up to `wanted` key changes that both budgets can pay, and answers how many.
    pub(crate) fn take(flow: &mut Self, worker: &mut Self, wanted: u64) -> u64 {
        let granted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let granted = granted.min(Self::affordable(flow, worker));
        flow.remaining -= granted;
        worker.remaining -= granted;
        u64::from(granted)
    }
}

/// Where a chain got to that ran out of budget on the way to a frame: who owns it, the committed position
/// that it started from, which another commit makes useless, the GRE sequence number of the frame, since
/// frames before that one need keys before it, and the link.
///
/// It is words, so that those of all flows are one zeroed allocation, which the system backs with memory as
/// it is written.
type Walk = [u64; 6];

/// The walks of a worker's flows that ran out of budget, by place. It is look-ahead only: without it
/// nothing is wrong, but a loss longer than a budget would never be caught up with. Each flow has its own:
/// when a line fails, all that it carries have the same frames to catch up with at the same time.
pub(crate) struct UnfinishedWalks {
    walks: Box<[Walk]>,
    /// Places from here on were never written.
    untouched: usize,
}

impl UnfinishedWalks {
    /// For flows at places below `places`; flows without a place share the first.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            walks: vec![[0; 6]; places.max(1)].into_boxed_slice(),
            untouched: 0,
        }
    }

    /// Where a walk for a frame with `sequence` can go on. A walk for a later frame is left alone:
    /// it may have been forged, and it may be past the key that is wanted.
    pub(crate) fn find(&self, (place, owner): Owner, base: u64, sequence: u32) -> Option<Link> {
        let walk = self.walks.get(place as usize)?;
        is_useful(walk, owner, base, sequence).then(|| link_of(walk))
    }

    /// Remembers how far a walk got.
    pub(crate) fn save(&mut self, whose: Owner, base: u64, sequence: u32, link: &Link) {
        let (place, owner) = whose;
        let Some(walk) = self.walks.get_mut(place as usize) else {
            return;
        };
        let same_walk = is_useful(walk, owner, base, sequence);
        let [_, _, kept_sequence, position, ..] = *walk;
        if same_walk && position >= link.position {
            return;
        }
        let sequence = if same_walk {
            kept_sequence
        } else {
            sequence.into()
        };
        let key = u128::from_ne_bytes(link.session_key);
        *walk = [
            owner.name(),
            base,
            sequence,
            link.position,
            (key >> 64) as u64,
            key as u64,
        ];
        self.untouched = self.untouched.max(place as usize + 1);
    }

    /// Wipes the walk of a flow.
    pub(crate) fn forget(&mut self, (place, owner): Owner) {
        let walk = self.walks.get_mut(place as usize);
        if let Some(walk) = walk.filter(|walk| is_of(walk, owner)) {
            walk.zeroize();
        }
    }
}

impl Drop for UnfinishedWalks {
    fn drop(&mut self) {
        self.walks
            .iter_mut()
            .take(self.untouched)
            .for_each(Zeroize::zeroize);
    }
}

/// The place of a flow, and who has it now.
pub(crate) type Owner = (u32, KeyId);

fn is_of([name, ..]: &Walk, owner: KeyId) -> bool {
    *name == owner.name() && owner != KeyId::default()
}

/// Whether a walk of this owner from `base` is one for a frame no later than `sequence`.
fn is_useful(walk: &Walk, owner: KeyId, base: u64, sequence: u32) -> bool {
    let [_, from, kept, ..] = *walk;
    let kept = u32::try_from(kept).unwrap_or(0);
    is_of(walk, owner) && from == base && !is_before(sequence, kept)
}

fn link_of([_, _, _, position, high, low]: &Walk) -> Link {
    Link {
        session_key: (u128::from(*high) << 64 | u128::from(*low)).to_ne_bytes(),
        position: *position,
    }
}

/// Serial number arithmetic on GRE sequence numbers.
const fn is_before(sequence: u32, other: u32) -> bool {
    other.wrapping_sub(sequence).wrapping_sub(1) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_budget_refills_with_time_up_to_its_limit_and_loses_no_fraction() {
        let mut flow = Budget::new(10, 1000, Timestamp::ZERO);
        let mut worker = Budget::new(1000, 1, Timestamp::ZERO);
        assert_eq!(Budget::take(&mut flow, &mut worker, 25), 10);
        assert_eq!(worker.remaining(), 990);
        // 1000 a second is one a millisecond: twenty half steps make ten.
        for half in 1..=10 {
            flow.refill(Timestamp::from_nanos(half * MS / 2));
        }
        assert_eq!(flow.remaining(), 5);
        flow.refill(Timestamp::from_nanos(MS * 3_600_000));
        assert_eq!(flow.remaining(), 10);
    }

    #[test]
    fn the_poorer_budget_decides() {
        let mut flow = Budget::new(10, 0, Timestamp::ZERO);
        let mut worker = Budget::new(4, 0, Timestamp::ZERO);
        assert_eq!(Budget::take(&mut flow, &mut worker, 9), 4);
        assert_eq!(Budget::take(&mut flow, &mut worker, u64::MAX), 0);
        assert_eq!((flow.remaining(), worker.remaining()), (6, 0));
        worker.refill(Timestamp::MAX);
        assert_eq!(worker.remaining(), 0, "a rate of nothing earns nothing");
    }

    #[test]
    fn a_walk_serves_later_frames_of_the_same_flow_and_commit_only() {
        let owner = (1, KeyId::new(std::num::NonZeroU64::MIN));
        let at = |position| Link {
            session_key: [7; 16],
            position,
        };
        let mut walks = UnfinishedWalks::new(2);
        walks.save(owner, 10, 100, &at(60));
        let found = |walks: &mut UnfinishedWalks, owner, base, sequence| {
            walks.find(owner, base, sequence).map(|link| link.position)
        };
        assert_eq!(found(&mut walks, owner, 10, 100), Some(60));
        assert_eq!(found(&mut walks, owner, 10, 101), Some(60));
        assert_eq!(
            found(&mut walks, owner, 10, 99),
            None,
            "that one needs earlier keys"
        );
        assert_eq!(
            found(&mut walks, owner, 11, 100),
            None,
            "the chain moved on"
        );
        assert_eq!(found(&mut walks, (1, KeyId::default()), 10, 100), None);
        assert_eq!(
            found(&mut walks, (0, owner.1), 10, 100),
            None,
            "another place"
        );
        assert_eq!(found(&mut walks, (2, owner.1), 10, 100), None, "no place");
        // A later frame takes the walk further, never back; an earlier one starts its own.
        walks.save(owner, 10, 105, &at(70));
        walks.save(owner, 10, 105, &at(65));
        assert_eq!(found(&mut walks, owner, 10, 100), Some(70));
        walks.save(owner, 10, 50, &at(20));
        assert_eq!(found(&mut walks, owner, 10, 50), Some(20));
        walks.forget((1, KeyId::default()));
        assert_eq!(found(&mut walks, owner, 10, 50), Some(20));
        walks.forget(owner);
        assert_eq!(found(&mut walks, owner, 10, 100), None);
        assert_eq!(walks.walks.as_flattened(), [0; 12]);
    }

    #[test]
    fn sequence_numbers_wrap() {
        assert!(is_before(1, 2) && !is_before(2, 2) && !is_before(3, 2));
        assert!(is_before(u32::MAX, 0) && !is_before(0, u32::MAX));
    }
}
