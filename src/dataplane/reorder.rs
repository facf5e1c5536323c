//! Frames that came early and wait for those before them, for calls that want order: clear ones, and
//! stateful MPPE, which can decrypt a frame only after the one before it. Off by default; a stateless
//! call never waits, because its late frames decrypt by keys of their own.
//!
//! ```text
//! gre_input --- next in order, or late -----------------------> ready --> ppp_input
//!          \--- early --> held --- the missing one has come,      ^
//!                              --- it waited long enough,         |
//!                              --- too many of its call wait -----+
//! ```
//!
//! Everything is bounded: so many frames of one call, so many of the worker, so long each. Waiting
//! decides nothing but the order: every frame that enters leaves, unless an equal one waits already,
//! and whether it is believed is decided behind this. A forged early frame costs at most one place
//! and the wait.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::{BURST, Batch, Packet};
use super::flow::Flow;
use super::flow_table::FlowTable;
use super::window::Standing;
use crate::clock::Timestamp;

/// Frames that wait, of all calls of a worker: so many of a port's buffers are not free.
const HELD_MAX: usize = 512;

struct Held<F> {
    packet: Packet<F>,
    since: Timestamp,
}

/// What waits in one worker.
pub(super) struct Reorder<F> {
    /// Most frames of one call; 0: the whole thing is off.
    per_call_max: u16,
    hold: Duration,
    /// In the order of arrival.
    held: Vec<Held<F>>,
    /// In order, to go on.
    ready: VecDeque<Packet<F>>,
}

impl<F> Reorder<F> {
    /// Up to `per_call_max` frames of a call wait, for `hold` at most. Takes no memory if that is 0.
    #[must_use]
    pub(super) fn new(per_call_max: u16, hold: Duration) -> Self {
        let (held, ready) = match per_call_max {
            0 => (0, 0),
            _ => (HELD_MAX, HELD_MAX + 4 * BURST),
        };
        Self {
            per_call_max,
            hold,
            held: Vec::with_capacity(held),
            ready: VecDeque::with_capacity(ready),
        }
    }

    /// Whether frames wait at all.
    #[inline]
    #[must_use]
    pub(super) const fn is_on(&self) -> bool {
        self.per_call_max != 0
    }

    /// Whether frames are ready to go on.
    #[inline]
    #[must_use]
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many frames are in here.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.held.len() + self.ready.len()
    }

    /// Takes a burst that `gre_input` has let pass. What is answered has an equal that waits.
    pub(super) fn arrange(
        &mut self,
        batch: &mut Batch<F>,
        flows: &mut FlowTable,
        now: Timestamp,
        mut duplicate: impl FnMut(Packet<F>),
    ) {
        for packet in batch.packets().drain(..) {
            let Some(flow) = flows.get_mut(packet.meta.flow) else {
                self.ready.push_back(packet);
                continue;
            };
            if let Some(packet) = self.take(packet, flow, now) {
                duplicate(packet);
            }
        }
    }

    /// Fills an empty burst with what is ready.
    pub(super) fn refill(&mut self, batch: &mut Batch<F>) {
        let count = self.ready.len().min(BURST);
        batch.packets().extend(self.ready.drain(..count));
    }

    /// Lets everything of a call go on, in order.
    pub(super) fn release(&mut self, slot: u32, flow: &mut Flow) {
        while flow.order.held > 0 {
            if !self.release_first(slot, flow) {
                return;
            }
        }
    }

    /// Gives up waiting for what did not come in time.
    pub(super) fn expire(&mut self, flows: &mut FlowTable, now: Timestamp) {
        while let Some(oldest) = self.held.first()
            && now.since(oldest.since) >= self.hold
        {
            let slot = oldest.packet.meta.flow;
            let released = flows
                .get_mut(slot)
                .is_some_and(|flow| self.release_first(slot, flow));
            if !released {
                // No call, no order.
                self.ready.push_back(self.held.remove(0).packet);
            }
        }
    }

    fn take(&mut self, packet: Packet<F>, flow: &mut Flow, now: Timestamp) -> Option<Packet<F>> {
        let (slot, sequence) = (packet.meta.flow, packet.meta.sequence);
        if !flow.wants_order() {
            self.release(slot, flow);
            self.ready.push_back(packet);
            return None;
        }
        self.follow(&packet, flow);
        let early = sequence.wrapping_sub(flow.order.next);
        if early > i32::MAX.unsigned_abs() {
            // Late: its successors have gone on long ago.
            self.ready.push_back(packet);
            return None;
        }
        if early > 0 && early <= u32::from(self.per_call_max) {
            if self.place(slot, sequence).is_some() {
                return Some(packet);
            }
            let room = self.held.len() < HELD_MAX && flow.order.held < self.per_call_max;
            if room {
                flow.order.held += 1;
                self.held.push(Held { packet, since: now });
                return None;
            }
        }
        if early > 0 {
            // Too far ahead to wait. If it is believed further on, it moves the window, and `follow`
            // takes the order there.
            self.release(slot, flow);
            self.ready.push_back(packet);
            return None;
        }
        self.ready.push_back(packet);
        flow.order.next = sequence.wrapping_add(1);
        self.release_run(slot, flow);
        None
    }

    /// Brings the order to where the sequence window has gone since.
    #[inline]
    fn follow(&mut self, packet: &Packet<F>, flow: &mut Flow) {
        let begins = !flow.order.begun || packet.meta.standing == Standing::Run;
        let next = match flow.window.newest() {
            _ if begins => packet.meta.sequence,
            Some(newest) => newest.wrapping_add(1),
            None => return,
        };
        let ahead = next.wrapping_sub(flow.order.next);
        if begins || (ahead != 0 && ahead <= i32::MAX.unsigned_abs()) {
            self.release(packet.meta.flow, flow);
            flow.order.next = next;
            flow.order.begun = true;
        }
    }

    /// Lets the first of a call's waiting frames go on, and what follows it without a gap.
    fn release_first(&mut self, slot: u32, flow: &mut Flow) -> bool {
        let next = flow.order.next;
        let of_call = self
            .held
            .iter()
            .filter(|held| held.packet.meta.flow == slot);
        let numbers = of_call.map(|held| held.packet.meta.sequence);
        let Some(first) = numbers.min_by_key(|sequence| sequence.wrapping_sub(next)) else {
            flow.order.held = 0;
            return false;
        };
        flow.order.next = first;
        self.release_run(slot, flow);
        true
    }

    /// Lets go on what is next in order.
    #[inline]
    fn release_run(&mut self, slot: u32, flow: &mut Flow) {
        while flow.order.held > 0
            && let Some(place) = self.place(slot, flow.order.next)
        {
            self.ready.push_back(self.held.remove(place).packet);
            flow.order.held -= 1;
            flow.order.next = flow.order.next.wrapping_add(1);
        }
    }

    fn place(&self, slot: u32, sequence: u32) -> Option<usize> {
        let is_it =
            |held: &Held<F>| held.packet.meta.flow == slot && held.packet.meta.sequence == sequence;
        self.held.iter().position(is_it)
    }
}

#[cfg(test)]
mod tests;
