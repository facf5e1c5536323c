//! What is left of frames that are longer than the keystream in stock for them: RC4 goes on from where that
//! ended, for all such frames of a burst together.

use arrayvec::ArrayVec;

use crate::mppe::batch::BATCH;
use crate::mppe::kernel::{Kernel, LANES_MAX, StagingChunk};
use crate::mppe::rc4::StoredRc4;
use crate::mppe::stock::{Slot, Stock, wipe_lanes};

/// Frames that are longer than the keystream in their slots: where RC4 is to go on.
pub(super) struct Tails {
    states: Box<[StoredRc4; BATCH]>,
    tails: ArrayVec<Tail, BATCH>,
    lanes: Box<[StoredRc4; LANES_MAX]>,
}

#[derive(Clone, Copy)]
struct Tail {
    frame: usize,
    done: usize,
    left: usize,
    state: usize,
}

impl Tails {
    pub(super) fn new() -> Self {
        let empty = [0; size_of::<StoredRc4>()];
        Self {
            states: Box::new([empty; BATCH]),
            tails: ArrayVec::new(),
            lanes: Box::new([empty; LANES_MAX]),
        }
    }

    /// Of frame number `frame` of the burst, `length` bytes long, what its slot has is done.
    pub(super) fn add(&mut self, frame: usize, length: usize, slot: Slot, stock: &Stock) {
        let state = self.tails.len();
        if let (Some(place), Some(stored)) = (self.states.get_mut(state), stock.state(slot)) {
            *place = *stored;
        }
        let done = slot.made();
        let left = length.saturating_sub(done);
        // As many places as frames in a burst.
        let _full = self.tails.try_push(Tail {
            frame,
            done,
            left,
            state,
        });
    }

    /// Makes all that is left, and hands it to `sink`: the frame, how many of its bytes come before, and a
    /// chunk.
    pub(super) fn run(
        &mut self,
        kernel: &mut Kernel,
        mut sink: impl FnMut(usize, usize, &StagingChunk),
    ) {
        if self.tails.is_empty() {
            return;
        }
        self.tails
            .sort_unstable_by_key(|tail| std::cmp::Reverse(tail.left));
        for tails in self.tails.chunks(LANES_MAX) {
            let mut lengths = [0; LANES_MAX];
            for ((tail, lane), length) in tails.iter().zip(self.lanes.iter_mut()).zip(&mut lengths)
            {
                if let Some(state) = self.states.get(tail.state) {
                    *lane = *state;
                }
                *length = tail.left;
            }
            let (lanes, _) = self.lanes.split_at_mut(tails.len());
            kernel.go_on(lanes, &lengths, |lane, done, chunk| {
                if let Some(tail) = tails.get(lane) {
                    sink(tail.frame, tail.done + done, chunk);
                }
            });
            wipe_lanes(lanes);
        }
        let (used, _) = self.states.split_at_mut(self.tails.len());
        wipe_lanes(used);
        self.tails.clear();
    }
}
