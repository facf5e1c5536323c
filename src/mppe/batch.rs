//! Frames of a burst that each have a session key of their own, worked on together: first the keys,
//! then the keystreams.
//!
//! A chain gives one key at a time, so of each chain only one step is in a group of lanes. Chains of
//! which the burst has most frames go first: otherwise they would be what is left, alone.

use arrayvec::ArrayVec;
use zeroize::optimization_barrier;

use crate::mppe::chain::rc4_key;
use crate::mppe::kernel::{Kernel, LANES_MAX, Rekey, StagingChunk};
use crate::mppe::keys::Strength;

/// Frames worked on together at most.
pub(super) const BATCH: usize = 64;

/// A frame that has a key of its own. Wiped when dropped.
pub(super) struct Task {
    /// What is needed for its key; afterwards its key.
    key: Rekey,
    /// The frame that has the next key of the same chain.
    next: Option<usize>,
    /// How many frames follow that way.
    following: u8,
    /// There is nothing to do for its key.
    known: bool,
    /// Bytes to encrypt or decrypt; 0: only its key is wanted.
    length: usize,
}

/// The frames of a burst.
pub(crate) struct Tasks(ArrayVec<Task, BATCH>);

impl Tasks {
    pub(super) const fn new() -> Self {
        Self(ArrayVec::new_const())
    }

    /// Adds the frame after the one whose session key is given, and answers its number, unless there
    /// are too many.
    pub(super) fn start(
        &mut self,
        start_key: &[u8; 16],
        session_key: &[u8; 16],
        strength: Strength,
        length: usize,
    ) -> Option<usize> {
        let task = Task {
            key: Rekey {
                start_key: *start_key,
                session_key: *session_key,
                strength,
            },
            next: None,
            following: 0,
            known: false,
            length,
        };
        self.0.try_push(task).ok()?;
        Some(self.0.len() - 1)
    }

    /// Adds a frame whose session key is there already.
    pub(super) fn known(
        &mut self,
        session_key: &[u8; 16],
        strength: Strength,
        length: usize,
    ) -> Option<usize> {
        let number = self.start(&[0; 16], session_key, strength, length)?;
        self.0.get_mut(number)?.known = true;
        Some(number)
    }

    /// Adds the frame after frame `previous`, of the same chain.
    pub(super) fn follow(&mut self, previous: usize, length: usize) -> Option<usize> {
        let key = &self.0.get(previous)?.key;
        let (start_key, strength) = (key.start_key, key.strength);
        let task = self.start(&start_key, &[0; 16], strength, length)?;
        self.0.get_mut(previous)?.next = Some(task);
        Some(task)
    }

    /// Whether the key of a frame was there from the beginning.
    pub(super) fn is_known(&self, task: usize) -> bool {
        self.0.get(task).is_some_and(|task| task.known)
    }

    /// The chain of a frame, and after [`Self::make_keys`] its session key.
    pub(super) fn key(&self, task: usize) -> Option<&Rekey> {
        Some(&self.0.get(task)?.key)
    }

    /// The session key of a frame, after [`Self::make_keys`].
    pub(super) fn session_key(&self, task: usize) -> [u8; 16] {
        self.0
            .get(task)
            .map_or([0; 16], |task| task.key.session_key)
    }

    /// Changes the keys of all chains as often as they have frames here.
    pub(super) fn make_keys(&mut self, kernel: &mut Kernel) {
        if self.0.is_empty() {
            return;
        }
        let mut follows = [false; BATCH];
        for place in (0..self.0.len()).rev() {
            let Some(next) = self.0.get(place).and_then(|task| task.next) else {
                continue;
            };
            if let Some(follows) = follows.get_mut(next) {
                *follows = true;
            }
            let following = self.0.get(next).map_or(0, |next| next.following + 1);
            if let Some(task) = self.0.get_mut(place) {
                task.following = following;
            }
        }
        let chained = follows.contains(&true);
        let heads = follows.iter().take(self.0.len()).enumerate();
        let known = |place: usize| self.0.get(place).is_none_or(|task| task.known);
        let mut ready: ArrayVec<usize, BATCH> = heads
            .filter_map(|(place, follows)| (!follows && !known(place)).then_some(place))
            .collect();
        while !ready.is_empty() {
            let group = ready.len().min(kernel.lanes());
            // Without chains of several frames any order will do.
            if chained && ready.len() > group {
                ready.sort_unstable_by_key(|task| {
                    self.0.get(*task).map_or(0, |task| task.following)
                });
            }
            let taken: ArrayVec<usize, LANES_MAX> = ready.drain(ready.len() - group..).collect();
            self.make_group(&taken, kernel);
            let next = taken.iter().filter_map(|task| self.0.get(*task)?.next);
            ready.extend(next);
        }
    }

    fn make_group(&mut self, taken: &[usize], kernel: &mut Kernel) {
        let mut keys: ArrayVec<Rekey, LANES_MAX> = ArrayVec::new();
        keys.extend(taken.iter().filter_map(|task| {
            let key = &self.0.get(*task)?.key;
            Some(key.duplicate())
        }));
        kernel.rekey(&mut keys);
        for (task, key) in taken.iter().zip(&keys) {
            let Some(task) = self.0.get_mut(*task) else {
                continue;
            };
            task.key.session_key = key.session_key;
            let next = task.next;
            if let Some(next) = next.and_then(|next| self.0.get_mut(next)) {
                next.key.session_key = key.session_key;
            }
        }
    }

    /// Makes the keystream of every frame, and hands it to `sink` piece by piece: which frame, how many
    /// bytes came before, and a chunk, of which the last may be longer than needed.
    pub(super) fn make_keystreams(
        &self,
        kernel: &mut Kernel,
        mut sink: impl FnMut(usize, usize, &StagingChunk),
    ) {
        let with_frame = |task: &usize| self.0.get(*task).is_some_and(|task| task.length > 0);
        let mut order: ArrayVec<usize, BATCH> = (0..self.0.len()).filter(with_frame).collect();
        order.sort_unstable_by_key(|task| {
            std::cmp::Reverse(self.0.get(*task).map_or(0, |task| task.length))
        });
        if order.is_empty() {
            return;
        }
        let mut keys = [[0u8; 16]; BATCH];
        let mut lengths = [0; BATCH];
        for ((key, length), task) in keys.iter_mut().zip(&mut lengths).zip(&order) {
            if let Some(task) = self.0.get(*task) {
                *key = rc4_key(&task.key.session_key, task.key.strength);
                *length = task.length;
            }
        }
        let (keys_now, _) = keys.split_at_mut(order.len());
        let (lengths_now, _) = lengths.split_at(order.len());
        kernel.each_keystream(keys_now, lengths_now, |lane, done, chunk| {
            if let Some(task) = order.get(lane) {
                sink(*task, done, chunk);
            }
        });
        keys_now.fill([0; 16]);
        optimization_barrier(keys_now);
    }
}

/// The frames of a burst by flow: for each frame, the one before it of the same flow.
pub(super) struct Latest {
    flows: [u32; Self::PLACES],
    places: [u8; Self::PLACES],
}

impl Latest {
    const PLACES: usize = 2 * BATCH;
    const NOBODY: u8 = u8::MAX;

    pub(super) const fn new() -> Self {
        Self {
            flows: [0; Self::PLACES],
            places: [Self::NOBODY; Self::PLACES],
        }
    }

    /// The latest place noted for a flow, and where to note the next. There are twice as many places
    /// as flows in a burst.
    pub(super) fn of(&mut self, flow: u32) -> LatestOf<'_> {
        let mut index = flow.wrapping_mul(0x9e37_79b1) as usize >> 7;
        loop {
            index %= Self::PLACES;
            if self.places[index] == Self::NOBODY || self.flows[index] == flow {
                break;
            }
            index += 1;
        }
        self.flows[index] = flow;
        LatestOf(&mut self.places[index])
    }
}

/// What is noted for one flow.
pub(super) struct LatestOf<'l>(&'l mut u8);

impl LatestOf<'_> {
    pub(super) fn get(&self) -> Option<usize> {
        (*self.0 != Latest::NOBODY).then_some(usize::from(*self.0))
    }

    pub(super) fn set(&mut self, place: usize) {
        *self.0 = u8::try_from(place).unwrap_or(Latest::NOBODY);
    }
}
