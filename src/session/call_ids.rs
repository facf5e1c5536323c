//! Our Call IDs of one local address: who may have which, and when it may be used again.
//!
//! A Call ID is a name that frames of an old call still carry for a while. So it comes back only
//! after the worker's final report ([`CallIds::release`]), rests 2 s at least and 60 s if there is
//! any other, and does not go to the peer that had it last before those 60 s are over.
//!
//! Free Call IDs lie in 256 queues, one a bucket, each ordered by the time of release, so the ones
//! that have rested are the front of a queue. An allocation looks at each bucket once at most.

use std::net::Ipv4Addr;
use std::time::Duration;

use arrayvec::ArrayVec;

use crate::clock::Timestamp;
use crate::counted_enum;
use crate::wire::call_id::CallId;

/// The least time between the final report and the next use.
pub const REST_MIN: Duration = Duration::from_secs(2);
/// The time after which a Call ID is as good as new.
pub const REST_AIM: Duration = Duration::from_secs(60);
/// When none has rested that long: how many of the longest rested there is a choice of, and how many
/// of a bucket are looked at.
pub const OLDEST_MAX: usize = 16;

/// Call IDs of one bucket: the high byte tells them apart.
const BUCKET_IDS: usize = 256;

counted_enum! {
    /// Why there is no Call ID.
    pub enum CallIdRefusal {
        /// The caller allows no bucket.
        NoBucket => "no_bucket",
        /// All Call IDs of the allowed buckets belong to calls.
        Exhausted => "exhausted",
        /// The free ones were released less than 2 s ago.
        TooHot => "too_hot",
        /// The ones that rested 2 s were this peer's, less than 60 s ago.
        PeerTooHot => "peer_too_hot",
    }
}

/// Where one Call ID stands.
#[derive(Clone, Copy, Debug)]
enum Slot {
    /// Never used, or not for so long that it makes no difference.
    Fresh,
    Live {
        peer: Ipv4Addr,
    },
    Released {
        peer: Ipv4Addr,
        at: Timestamp,
    },
}

/// The free Call IDs of one bucket, by their high bytes, the longest rested first.
#[derive(Clone, Debug)]
struct Bucket {
    free: Vec<u8>,
    slots: [Slot; BUCKET_IDS],
}

impl Bucket {
    fn new(number: usize) -> Self {
        // 0 is never allocated: it is what a refusal carries in place of a Call ID.
        let lowest = u8::from(number == 0);
        let mut free = Vec::with_capacity(BUCKET_IDS);
        free.extend(lowest..=u8::MAX);
        Self {
            free,
            slots: [Slot::Fresh; BUCKET_IDS],
        }
    }

    fn slot(&self, high: u8) -> Slot {
        self.slots
            .get(usize::from(high))
            .copied()
            .unwrap_or(Slot::Fresh)
    }

    fn set_slot(&mut self, high: u8, slot: Slot) {
        if let Some(place) = self.slots.get_mut(usize::from(high)) {
            *place = slot;
        }
    }

    /// How many at the front of the queue have rested for `rest`.
    fn rested(&self, rest: Duration, now: Timestamp) -> usize {
        let is_rested = |high: &u8| match self.slot(*high) {
            Slot::Fresh => true,
            Slot::Released { at, .. } => at + rest <= now,
            Slot::Live { .. } => false,
        };
        // In a busy space most buckets have none, and the first says so.
        if !self.free.first().is_some_and(is_rested) {
            return 0;
        }
        self.free.partition_point(is_rested)
    }

    /// Places in the queue, among the [`OLDEST_MAX`] longest rested, of those that rested
    /// [`REST_MIN`] and were not `peer`'s.
    fn warm(&self, peer: Ipv4Addr, now: Timestamp) -> impl Iterator<Item = usize> + '_ {
        let rested = self.rested(REST_MIN, now).min(OLDEST_MAX);
        (0..rested).filter(
            move |place| match self.free.get(*place).map(|high| self.slot(*high)) {
                Some(Slot::Released { peer: last, .. }) => last != peer,
                Some(Slot::Fresh) => true,
                Some(Slot::Live { .. }) | None => false,
            },
        )
    }

    /// When the Call ID at this place of the queue was released.
    fn released_at(&self, place: usize) -> Timestamp {
        match self.free.get(place).map(|high| self.slot(*high)) {
            Some(Slot::Released { at, .. }) => at,
            Some(Slot::Fresh | Slot::Live { .. }) | None => Timestamp::ZERO,
        }
    }
}

/// The Call IDs of one local address; about 1 MB, all of it allocated at the start.
#[derive(Clone, Debug)]
pub struct CallIds {
    buckets: Vec<Bucket>,
    live: usize,
    refusals: [u64; CallIdRefusal::COUNT],
}

impl CallIds {
    /// How many Call IDs one local address has.
    pub const CAPACITY: usize = 65_535;

    /// All of them free.
    #[must_use]
    pub fn new() -> Self {
        let buckets = (0..CallId::BUCKETS).map(Bucket::new).collect();
        Self {
            buckets,
            live: 0,
            refusals: [0; CallIdRefusal::COUNT],
        }
    }

    /// A Call ID for a call of `peer`, in a bucket that `bucket_ok` allows: any of those that
    /// rested [`REST_AIM`], else one of the longest rested. `random` has to be unpredictable,
    /// since a Call ID is what a forger of GRE frames has to guess.
    ///
    /// # Errors
    /// Says why there is none; each refusal is counted.
    pub fn allocate(
        &mut self,
        bucket_ok: impl Fn(u8) -> bool,
        peer: Ipv4Addr,
        now: Timestamp,
        random: u64,
    ) -> Result<CallId, CallIdRefusal> {
        let found = self.find(bucket_ok, peer, now, random);
        let taken = found.and_then(|(bucket, place)| {
            let taken = self.take(bucket, place, peer);
            taken.ok_or(CallIdRefusal::Exhausted)
        });
        if let Err(refusal) = taken
            && let Some(count) = self.refusals.get_mut(refusal.index())
        {
            *count = count.saturating_add(1);
        }
        taken
    }

    /// The same, of the buckets that are near if one of these has any, else of all.
    ///
    /// # Errors
    /// As of [`Self::allocate`].
    pub fn allocate_near(
        &mut self,
        is_near: impl Fn(u8) -> bool,
        peer: Ipv4Addr,
        now: Timestamp,
        random: u64,
    ) -> Result<CallId, CallIdRefusal> {
        let near = self.find(&is_near, peer, now, random).is_ok();
        self.allocate(|bucket| !near || is_near(bucket), peer, now, random)
    }

    /// The bucket and the place of the Call ID to take.
    fn find(
        &self,
        bucket_ok: impl Fn(u8) -> bool,
        peer: Ipv4Addr,
        now: Timestamp,
        random: u64,
    ) -> Result<(u8, usize), CallIdRefusal> {
        let [start_0, start_1, start_2, start_3, pick @ ..] = random.to_le_bytes();
        let start = u32::from_le_bytes([start_0, start_1, start_2, start_3]);
        let pick = u32::from_le_bytes(pick);
        let mut order: ArrayVec<u8, { CallId::BUCKETS }> =
            (0..=u8::MAX).filter(|bucket| bucket_ok(*bucket)).collect();
        let start = pick_below(start, order.len()).unwrap_or_default();
        order.rotate_left(start);
        self.cool(&order, pick, now)
            .or_else(|| self.warm(&order, peer, pick, now))
            .ok_or_else(|| self.why_not(&order, now))
    }

    /// The call is over and its worker has reported for the last time: the Call ID starts to rest.
    /// `false`, and no effect, if it is not allocated. `now` must not run backwards.
    pub fn release(&mut self, call_id: CallId, now: Timestamp) -> bool {
        let [high, bucket] = call_id.get().to_be_bytes();
        let Some(bucket) = self.buckets.get_mut(usize::from(bucket)) else {
            return false;
        };
        let Slot::Live { peer } = bucket.slot(high) else {
            return false;
        };
        bucket.set_slot(high, Slot::Released { peer, at: now });
        bucket.free.push(high);
        self.live = self.live.saturating_sub(1);
        true
    }

    /// Whether a call has it.
    #[must_use]
    pub fn is_live(&self, call_id: CallId) -> bool {
        let [high, bucket] = call_id.get().to_be_bytes();
        let bucket = self.buckets.get(usize::from(bucket));
        matches!(
            bucket.map(|bucket| bucket.slot(high)),
            Some(Slot::Live { .. })
        )
    }

    /// How many calls have one.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live
    }

    /// How often there was none, for this reason.
    #[must_use]
    pub fn refused(&self, refusal: CallIdRefusal) -> u64 {
        self.refusals
            .get(refusal.index())
            .copied()
            .unwrap_or_default()
    }

    /// Any that rested [`REST_AIM`], of the first bucket that has one.
    fn cool(&self, order: &[u8], pick: u32, now: Timestamp) -> Option<(u8, usize)> {
        order.iter().find_map(|number| {
            let rested = self
                .buckets
                .get(usize::from(*number))?
                .rested(REST_AIM, now);
            Some((*number, pick_below(pick, rested)?))
        })
    }

    /// Any of the [`OLDEST_MAX`] longest rested of all. Not of one bucket: the bucket of the longest
    /// rested one would be drawn from until that one is hit, down to those that are hardly cold.
    fn warm(&self, order: &[u8], peer: Ipv4Addr, pick: u32, now: Timestamp) -> Option<(u8, usize)> {
        let mut oldest: ArrayVec<(Timestamp, u8, usize), OLDEST_MAX> = ArrayVec::new();
        for number in order {
            let bucket = self.buckets.get(usize::from(*number))?;
            let is_younger = |(other, ..): &(Timestamp, u8, usize)| *other <= bucket.released_at(0);
            if oldest.is_full() && oldest.last().is_some_and(is_younger) {
                continue;
            }
            for place in bucket.warm(peer, now) {
                let released_at = bucket.released_at(place);
                let at = oldest.partition_point(|(other, ..)| *other <= released_at);
                if at == OLDEST_MAX {
                    break;
                }
                if oldest.is_full() {
                    oldest.pop();
                }
                // There is room now, and `at` is not behind the end.
                let _inserted = oldest.try_insert(at, (released_at, *number, place));
            }
        }
        let (_, number, place) = oldest.get(pick_below(pick, oldest.len())?)?;
        Some((*number, *place))
    }

    fn why_not(&self, order: &[u8], now: Timestamp) -> CallIdRefusal {
        let buckets = || {
            order
                .iter()
                .filter_map(|number| self.buckets.get(usize::from(*number)))
        };
        if buckets().next().is_none() {
            CallIdRefusal::NoBucket
        } else if buckets().all(|bucket| bucket.free.is_empty()) {
            CallIdRefusal::Exhausted
        } else if buckets().all(|bucket| bucket.rested(REST_MIN, now) == 0) {
            CallIdRefusal::TooHot
        } else {
            CallIdRefusal::PeerTooHot
        }
    }

    fn take(&mut self, number: u8, place: usize, peer: Ipv4Addr) -> Option<CallId> {
        let bucket = self.buckets.get_mut(usize::from(number))?;
        if place >= bucket.free.len() {
            return None;
        }
        let high = bucket.free.remove(place);
        bucket.set_slot(high, Slot::Live { peer });
        self.live = self.live.saturating_add(1);
        Some(CallId::new(u16::from_be_bytes([high, number])))
    }
}

impl Default for CallIds {
    fn default() -> Self {
        Self::new()
    }
}

/// A number below `count`, or `None` if there is none.
fn pick_below(pick: u32, count: usize) -> Option<usize> {
    usize::try_from(pick).ok()?.checked_rem(count)
}

#[cfg(test)]
#[path = "call_ids/tests.rs"]
mod tests;
