//! Keystream of stateless flows, made before there are frames for it.
//!
//! Neither the chain of keys nor any keystream depends on data, so both can be made ahead: keys in lanes that
//! a burst leaves empty, keystream when there is nothing else to do (`factory`). An active flow has a
//! shelf: how far its chain was walked, and for each of the next frames a slot with its session key, and
//! perhaps the first bytes of its keystream and RC4's state behind them. A flow whose frames are steadily
//! long has more of their keystream in its slots; for any other frame that is longer than its slot RC4
//! goes on from the state, with those of other frames.
//!
//! The committed place of a chain never moves here. What is committed is wiped from the shelf.

use arrayvec::ArrayVec;
use zeroize::{Zeroize, optimization_barrier};

use crate::mppe::batch::BATCH;
use crate::mppe::chain::{Chain, Link, rc4_key};
use crate::mppe::kernel::{Kernel, Rekey, StagingChunk, write_chunk, xor};
use crate::mppe::keys::{Mode, Strength};
use crate::mppe::pool::Pool;
use crate::mppe::prefetch;
use crate::mppe::rc4::StoredRc4;

/// Frames ahead of the committed one that a flow has slots for.
pub(super) const SLOTS: usize = 8;
/// Keystream in every slot that has any, in bytes.
pub(super) const PREFIX: usize = size_of::<StagingChunk>();
/// Longer slots have so much more, or a multiple of it: so index i of all states in stock is the same.
pub(super) const STEP: usize = 256;
/// What a slot can have beside its prefix: with it, a frame of 1408 bytes.
const REST: usize = 5 * STEP;
/// Flows of a worker that have a shelf at the same time, in one direction.
pub(super) const SHELVES_MAX: usize = 2048;
/// Slots of a worker that have more than their prefix.
const LONG_MAX: usize = 4096;
const NO_REST: u32 = u32::MAX;

/// How long the frames of a flow are, in fractions of a byte, as RFC 6298 §2 keeps times.
#[derive(Clone, Copy, Default)]
struct Lengths {
    /// Eighths.
    mean: u16,
    /// Quarters.
    deviation: u16,
}

impl Lengths {
    fn note(&mut self, length: usize) {
        let length = u16::try_from(length).unwrap_or(u16::MAX).min(4095);
        let off = length.abs_diff(self.mean / 8);
        self.mean = self.mean - self.mean / 8 + length;
        self.deviation = self.deviation - self.deviation / 4 + off;
    }

    /// Keystream beyond the prefix that nearly every frame will use, in bytes.
    fn rest(self) -> usize {
        let (mean, deviation) = (self.mean / 8, self.deviation / 4);
        if u32::from(deviation) * 8 > u32::from(mean) {
            return 0;
        }
        let beyond = usize::from(mean).saturating_sub(PREFIX);
        beyond.next_multiple_of(STEP).min(REST)
    }
}

/// What was made ahead for a flow.
#[derive(Clone, Copy)]
struct Shelf {
    start_key: [u8; 16],
    strength: Strength,
    lengths: Lengths,
    /// Where the chain was walked to.
    produced_key: [u8; 16],
    produced: u64,
    committed: u64,
    /// By slot: whose frame it is for, or 0.
    positions: [u64; SLOTS],
    /// By slot: keystream in it, in bytes.
    made: [u16; SLOTS],
    /// By slot: where the rest is.
    rests: [u32; SLOTS],
}

impl Shelf {
    const EMPTY: Self = Self {
        start_key: [0; 16],
        strength: Strength::Bits128,
        lengths: Lengths {
            mean: 0,
            deviation: 0,
        },
        produced_key: [0; 16],
        produced: 0,
        committed: 0,
        positions: [0; SLOTS],
        made: [0; SLOTS],
        rests: [NO_REST; SLOTS],
    };
}

/// The slot of a frame.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Of all shelves.
    index: usize,
    made: usize,
    rest: u32,
}

impl Slot {
    /// Keystream in it, in bytes; 0 if there is only the key.
    pub(super) const fn made(self) -> usize {
        self.made
    }
}

/// The stock of one direction of a worker. Wiped when dropped.
pub(super) struct Stock {
    pool: Pool,
    shelves: Box<[Shelf]>,
    /// By slot.
    keys: Box<[[u8; 16]]>,
    prefixes: Box<[StagingChunk]>,
    states: Box<[StoredRc4]>,
    rests: Box<[[u8; REST]]>,
    free_rests: Vec<u32>,
    lanes: Box<[StoredRc4; BATCH]>,
}

impl Stock {
    /// Room for flows at places below `places`, of which so many can have a shelf.
    pub(super) fn new(places: usize, shelves: usize, long: usize) -> Self {
        let pool = Pool::new(places, shelves);
        let slots = pool.things() * SLOTS;
        let long = long.min(slots);
        Self {
            shelves: vec![Shelf::EMPTY; pool.things()].into_boxed_slice(),
            pool,
            keys: vec![[0; 16]; slots].into_boxed_slice(),
            prefixes: vec![[0; PREFIX]; slots].into_boxed_slice(),
            states: vec![[0; size_of::<StoredRc4>()]; slots].into_boxed_slice(),
            rests: vec![[0; REST]; long].into_boxed_slice(),
            free_rests: (0..u32::try_from(long).unwrap_or(0)).rev().collect(),
            lanes: Box::new([[0; size_of::<StoredRc4>()]; BATCH]),
        }
    }

    /// Of the usual size.
    pub(super) fn for_places(places: usize) -> Self {
        Self::new(places, SHELVES_MAX, LONG_MAX)
    }

    /// The slot of the frame at `position` of a chain.
    #[inline]
    pub(super) fn find(&self, place: u32, chain: &Chain, position: u64) -> Option<Slot> {
        let number = self.pool.find(place)?;
        let shelf = self.shelves.get(number)?;
        let slot = slot_of(position);
        if *shelf.positions.get(slot)? != position || !chain.starts_with(&shelf.start_key) {
            return None;
        }
        Some(Slot {
            index: number * SLOTS + slot,
            made: usize::from(*shelf.made.get(slot)?),
            rest: *shelf.rests.get(slot)?,
        })
    }

    /// The slot of the next frame of a chain, if it has keystream for the whole of it.
    #[inline]
    pub(super) fn find_whole(&self, place: u32, chain: &Chain, length: usize) -> Option<Slot> {
        let slot = self.find(place, chain, chain.committed.position + 1)?;
        (slot.made > 0 && slot.made >= length).then_some(slot)
    }

    /// Whether there is such a slot; if so, it will be needed soon.
    #[inline]
    pub(super) fn has_whole_soon(&self, place: u32, chain: &Chain, length: usize) -> bool {
        let slot = self.find_whole(place, chain, length);
        if let Some(slot) = slot {
            let state = self.state(slot).map_or(&[][..], <StoredRc4>::as_slice);
            let key = self
                .keys
                .get(slot.index)
                .map_or(&[][..], <[u8; 16]>::as_slice);
            let rest = self
                .rests
                .get(slot.rest as usize)
                .and_then(|rest| rest.get(..STEP));
            for soon in [self.prefix(slot), key, state, rest.unwrap_or_default()] {
                prefetch(soon);
            }
        }
        slot.is_some()
    }

    /// The place in its chain of the frame at `position`, which has this slot.
    #[inline]
    pub(super) fn link(&self, slot: Slot, position: u64) -> Link {
        Link {
            session_key: self.key(slot),
            position,
        }
    }

    /// The session key of a frame.
    #[inline]
    pub(super) fn key(&self, slot: Slot) -> [u8; 16] {
        self.keys.get(slot.index).copied().unwrap_or_default()
    }

    /// The start of its keystream.
    #[inline]
    pub(super) fn prefix(&self, slot: Slot) -> &[u8] {
        let prefix = self.prefixes.get(slot.index);
        prefix.map_or(&[], <StagingChunk>::as_slice)
    }

    /// RC4 behind its keystream.
    #[inline]
    pub(super) fn state(&self, slot: Slot) -> Option<&StoredRc4> {
        self.states.get(slot.index)
    }

    /// Encrypts or decrypts as much of a frame as there is keystream.
    #[inline]
    pub(super) fn apply(&self, slot: Slot, frame: &mut [u8]) {
        let (start, more) = frame.split_at_mut(frame.len().min(PREFIX));
        xor(start, self.prefix(slot));
        if !more.is_empty()
            && let Some(rest) = self.rests.get(slot.rest as usize)
        {
            let (more, _) = more.split_at_mut(more.len().min(slot.made - PREFIX));
            xor(more, rest);
        }
    }

    /// The frame at `link` was the newest to be encrypted or decrypted, and `length` bytes long: wipes what
    /// is not needed any more.
    #[inline]
    pub(super) fn commit(&mut self, place: u32, chain: &Chain, link: &Link, length: usize) {
        if let Some(number) = self.pool.find(place)
            && let Some(shelf) = self.shelves.get(number)
            && chain.starts_with(&shelf.start_key)
        {
            self.commit_shelf(number, link, length);
        }
    }

    /// The same of a frame that had this slot.
    #[inline]
    pub(super) fn commit_slot(&mut self, slot: Slot, link: &Link, length: usize) {
        self.commit_shelf(slot.index / SLOTS, link, length);
    }

    #[inline]
    fn commit_shelf(&mut self, number: usize, link: &Link, length: usize) {
        self.pool.touch(number);
        let Some(shelf) = self.shelves.get_mut(number) else {
            return;
        };
        shelf.lengths.note(length);
        if link.position > shelf.produced {
            (shelf.produced, shelf.produced_key) = (link.position, link.session_key);
        }
        let passed = link.position - shelf.committed.min(link.position);
        let first = link.position - passed.min(SLOTS as u64);
        shelf.committed = link.position;
        for position in first + 1..=link.position {
            self.wipe_slot(number, slot_of(position));
        }
    }

    /// Whether a stateless flow has nothing in stock for its next frame.
    #[inline]
    pub(super) fn has_none(&self, place: u32, chain: &Chain) -> bool {
        let next = chain.committed.position + 1;
        chain.mode() == Mode::Stateless && self.find(place, chain, next).is_none()
    }

    /// Gives the flow of a burst of one frame a shelf.
    pub(super) fn open_alone(&mut self, place: u32, chain: &Chain) {
        self.pool.begin_burst(1);
        let _full = self.open(place, chain);
    }

    /// Gives a flow a shelf, if there is one.
    pub(super) fn open(&mut self, place: u32, chain: &Chain) -> Option<usize> {
        if let Some(number) = self.pool.find(place) {
            self.pool.touch(number);
            let shelf = self.shelves.get(number)?;
            return chain.starts_with(&shelf.start_key).then_some(number);
        }
        let number = match self.pool.lend(place) {
            Some(number) => number,
            None => {
                let idle = self.pool.idle()?;
                self.wipe(idle);
                self.pool.lend(place)?
            }
        };
        let shelf = self.shelves.get_mut(number)?;
        *shelf = Shelf {
            start_key: chain.copy_start_key(),
            strength: chain.strength(),
            produced_key: chain.committed.session_key,
            produced: chain.committed.position,
            committed: chain.committed.position,
            ..Shelf::EMPTY
        };
        Some(number)
    }

    /// A burst begins.
    pub(super) const fn begin_burst(&mut self, evictions: u8) {
        self.pool.begin_burst(evictions);
    }

    /// The first shelf of those that were used and not looked at since, if somebody has it still.
    pub(super) fn next_in_line(&mut self) -> Option<Option<usize>> {
        let (number, owner) = self.pool.next_in_line()?;
        Some(owner.map(|_| number))
    }

    /// Lets the shelf of a slot be looked at again, if it lacks anything.
    pub(super) fn look_again(&mut self, slot: usize) {
        let shelf = slot / SLOTS;
        if self.ahead_of(shelf, 0) < SLOTS || self.bare_slot(shelf).is_some() {
            self.pool.look_later(shelf);
        }
    }

    /// Frames that a shelf is ahead of this position, or of what is committed.
    pub(super) fn ahead_of(&self, number: usize, position: u64) -> usize {
        let shelf = self.shelves.get(number);
        shelf.map_or(SLOTS, |shelf| {
            let ahead = shelf.produced.saturating_sub(position.max(shelf.committed));
            usize::try_from(ahead).unwrap_or(SLOTS)
        })
    }

    /// A slot of a shelf that has a key and no keystream, the one that is needed first.
    pub(super) fn bare_slot(&self, number: usize) -> Option<usize> {
        let shelf = self.shelves.get(number)?;
        let bare = (shelf.committed + 1..=shelf.produced).find(|position| {
            let slot = slot_of(*position);
            shelf.positions.get(slot) == Some(position) && shelf.made.get(slot) == Some(&0)
        })?;
        Some(number * SLOTS + slot_of(bare))
    }

    /// Where the chain of a shelf was walked to.
    pub(super) fn produced(&self, number: usize) -> u64 {
        self.shelves.get(number).map_or(0, |shelf| shelf.produced)
    }

    /// What the next step of a shelf's chain is made from: start key, session key, strength.
    pub(super) fn chain_end(&self, number: usize) -> Option<([u8; 16], [u8; 16], Strength)> {
        let shelf = self.shelves.get(number)?;
        Some((shelf.start_key, shelf.produced_key, shelf.strength))
    }

    /// Puts the session key of a frame to come on a shelf, if it is of the chain of that shelf.
    pub(super) fn put(&mut self, number: usize, position: u64, key: &Rekey) {
        let Some(shelf) = self.shelves.get_mut(number) else {
            return;
        };
        if shelf.start_key != key.start_key {
            return;
        }
        let ahead = position.saturating_sub(shelf.committed);
        if position <= shelf.produced || ahead > SLOTS as u64 {
            return;
        }
        (shelf.produced, shelf.produced_key) = (position, key.session_key);
        let slot = slot_of(position);
        if let Some(place) = shelf.positions.get_mut(slot) {
            *place = position;
        }
        if let Some(place) = self.keys.get_mut(number * SLOTS + slot) {
            *place = key.session_key;
        }
    }

    /// Makes the keystream of slots that have none.
    pub(super) fn make_keystreams(&mut self, bare: &[usize], kernel: &mut Kernel) {
        let mut keys = [[0u8; 16]; BATCH];
        let mut slots: ArrayVec<(usize, usize), BATCH> = ArrayVec::new();
        for (key, index) in keys.iter_mut().zip(bare) {
            let (shelf, stored) = (self.shelves.get(index / SLOTS), self.keys.get(*index));
            if let (Some(shelf), Some(stored)) = (shelf, stored) {
                *key = rc4_key(stored, shelf.strength);
                slots.push((*index, shelf.lengths.rest()));
            }
        }
        let (keys, _) = keys.split_at_mut(slots.len());
        self.make_prefixes(keys, &slots, kernel);
        for rest in (STEP..=REST).step_by(STEP) {
            self.make_rests(rest, &slots, kernel);
        }
        keys.fill([0; 16]);
        optimization_barrier(keys);
    }

    fn make_prefixes(&mut self, keys: &[[u8; 16]], slots: &[(usize, usize)], kernel: &mut Kernel) {
        let (lanes, _) = self.lanes.split_at_mut(keys.len());
        kernel.begin(keys, lanes, |lane, prefix| {
            let place = slots
                .get(lane)
                .and_then(|(index, _)| self.prefixes.get_mut(*index));
            if let Some(place) = place {
                *place = *prefix;
            }
        });
        for (lane, (index, _)) in lanes.iter().zip(slots) {
            if let Some(state) = self.states.get_mut(*index) {
                *state = *lane;
            }
            let shelf = self.shelves.get_mut(index / SLOTS);
            if let Some(made) = shelf.and_then(|shelf| shelf.made.get_mut(index % SLOTS)) {
                *made = u16::try_from(PREFIX).unwrap_or(0);
            }
        }
        wipe_lanes(lanes);
    }

    /// Makes the rest of those slots that shall have just so much more.
    fn make_rests(&mut self, rest: usize, slots: &[(usize, usize)], kernel: &mut Kernel) {
        let mut long: ArrayVec<(usize, u32), BATCH> = ArrayVec::new();
        for (index, wanted) in slots {
            if *wanted == rest
                && let Some(number) = self.free_rests.pop()
            {
                if let (Some(lane), Some(state)) =
                    (self.lanes.get_mut(long.len()), self.states.get(*index))
                {
                    *lane = *state;
                }
                long.push((*index, number));
            }
        }
        if long.is_empty() {
            return;
        }
        let (lanes, _) = self.lanes.split_at_mut(long.len());
        kernel.go_on(lanes, &[rest; BATCH], |lane, done, chunk| {
            let place = long
                .get(lane)
                .and_then(|(_, number)| self.rests.get_mut(*number as usize));
            if let Some(place) = place {
                write_chunk(place, done, chunk);
            }
        });
        for (lane, (index, number)) in lanes.iter().zip(&long) {
            if let Some(state) = self.states.get_mut(*index) {
                *state = *lane;
            }
            if let Some(shelf) = self.shelves.get_mut(index / SLOTS) {
                if let Some(made) = shelf.made.get_mut(index % SLOTS) {
                    *made = u16::try_from(PREFIX + rest).unwrap_or(0);
                }
                if let Some(place) = shelf.rests.get_mut(index % SLOTS) {
                    *place = *number;
                }
            }
        }
        wipe_lanes(lanes);
    }

    /// Wipes all that was made for a flow.
    pub(super) fn wipe(&mut self, place: u32) {
        let Some(number) = self.pool.end(place) else {
            return;
        };
        for slot in 0..SLOTS {
            self.wipe_slot(number, slot);
        }
        if let Some(shelf) = self.shelves.get_mut(number) {
            shelf.start_key.zeroize();
            shelf.produced_key.zeroize();
            *shelf = Shelf::EMPTY;
        }
    }

    #[inline]
    fn wipe_slot(&mut self, number: usize, slot: usize) {
        let Some(shelf) = self.shelves.get_mut(number) else {
            return;
        };
        let Some(position) = shelf.positions.get_mut(slot) else {
            return;
        };
        if std::mem::take(position) == 0 {
            return;
        }
        let made = shelf.made.get_mut(slot).map_or(0, std::mem::take);
        let rest = shelf.rests.get_mut(slot);
        let rest = rest.map_or(NO_REST, |rest| std::mem::replace(rest, NO_REST));
        let index = number * SLOTS + slot;
        if let Some(key) = self.keys.get_mut(index) {
            *key = [0; 16];
            optimization_barrier(key);
        }
        if made == 0 {
            return;
        }
        if let Some(prefix) = self.prefixes.get_mut(index) {
            *prefix = [0; PREFIX];
            optimization_barrier(prefix);
        }
        if let Some(state) = self.states.get_mut(index) {
            *state = [0; size_of::<StoredRc4>()];
            optimization_barrier(state);
        }
        if let Some(bytes) = self.rests.get_mut(rest as usize) {
            let (used, _) = bytes.split_at_mut(usize::from(made) - PREFIX);
            used.fill(0);
            optimization_barrier(used);
            self.free_rests.push(rest);
        }
    }

    /// Frames in stock.
    pub(super) fn len(&self) -> usize {
        let slots = self.shelves.iter().flat_map(|shelf| &shelf.positions);
        slots.filter(|position| **position != 0).count()
    }

    /// Keys and keystream in stock, in bytes.
    pub(super) fn octets(&self) -> usize {
        let made = self.shelves.iter().flat_map(|shelf| &shelf.made);
        let keystream: usize = made.map(|made| usize::from(*made)).sum();
        keystream + self.len() * size_of::<[u8; 16]>()
    }

    /// Whether nothing of any key or keystream is left.
    #[cfg(test)]
    pub(super) fn is_wiped(&self) -> bool {
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        zero(self.keys.as_flattened())
            && zero(self.prefixes.as_flattened())
            && zero(self.states.as_flattened())
            && zero(self.rests.as_flattened())
            && zero(self.lanes.as_flattened())
            && self
                .shelves
                .iter()
                .all(|shelf| zero(&shelf.start_key) && zero(&shelf.produced_key))
            && self.free_rests.len() == self.rests.len()
            && self.pool.is_all_free()
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        for number in 0..self.pool.things() {
            if let Some(place) = self.pool.owner(number) {
                self.wipe(place);
            }
        }
    }
}

/// Overwrites streams.
pub(super) fn wipe_lanes(lanes: &mut [StoredRc4]) {
    lanes.as_flattened_mut().fill(0);
    optimization_barrier(lanes);
}

const fn slot_of(position: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "below the number of slots")]
    let slot = (position % SLOTS as u64) as usize;
    slot
}
