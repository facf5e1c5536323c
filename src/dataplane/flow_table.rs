//! The flows of one worker: a slab of fixed size, and for each local address a flat table from Call
//! ID to slot, so that a packet costs two loads and no hash.

use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::time::Duration;

use arrayvec::ArrayVec;

use super::acknowledgments::AcknowledgmentSchedule;
use super::batch::BURST;
use super::flow::Flow;
use super::places::Places;
use super::source::GreSource;
use super::window::{Standing, WindowRefusal};
use crate::clock::Timestamp;
use crate::flow::counters::CounterArena;
use crate::flow::{FlowCounters, FlowKey, FlowTotals, OpenCall, OpenRefusal};
use crate::mppe::decrypt::{DecryptState, DecryptStates, DecryptWorker};
use crate::mppe::encrypt::{EncryptState, EncryptStates, EncryptWorker};
use crate::mppe::skipped::KeyId;
use crate::wire::call_id::CallId;

const CALL_IDS: usize = 1 << 16;

/// The table.
pub struct FlowTable {
    slots: Places<Flow>,
    /// By local address, then by Call ID: one more than the slot, so that what is not used is zero, and
    /// takes no memory.
    index: Box<[Box<[u32]>]>,
    counters: CounterArena,
    acknowledgments: AcknowledgmentSchedule,
    next_key_id: NonZeroU64,
    /// Flows whose GRE was found to come from another address, in this burst.
    moved: ArrayVec<u32, BURST>,
}

/// A frame that is to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its number.
    pub sequence: u32,
    /// Why that is believed.
    pub standing: Standing,
    /// Where it came from.
    pub source: Ipv4Addr,
    /// When.
    pub now: Timestamp,
}

impl FlowTable {
    /// Room for as many flows as `counters` has slots, on `locals` local addresses. Acknowledgments
    /// that nothing carries are due after `acknowledgment_delay`, at most twice that, and at once for
    /// `acknowledgment_frames` frames.
    #[must_use]
    pub fn new(
        counters: CounterArena,
        locals: usize,
        acknowledgment_delay: Duration,
        acknowledgment_frames: u16,
    ) -> Self {
        let flows = counters.flows();
        let call_ids = || vec![0; CALL_IDS].into_boxed_slice();
        Self {
            slots: Places::new(flows),
            index: (0..locals).map(|_| call_ids()).collect(),
            acknowledgments: AcknowledgmentSchedule::new(
                flows,
                acknowledgment_delay,
                acknowledgment_frames,
            ),
            counters,
            next_key_id: NonZeroU64::MIN,
            moved: ArrayVec::new(),
        }
    }

    /// Creates a flow that passes control frames only, and answers its slot.
    ///
    /// # Errors
    /// [`OpenRefusal`]; nothing has changed then.
    pub fn open(&mut self, key: FlowKey, call: OpenCall) -> Result<u32, OpenRefusal> {
        let entry = self
            .index
            .get_mut(usize::from(key.local))
            .and_then(|call_ids| call_ids.get_mut(usize::from(key.call_id.get())))
            .ok_or(OpenRefusal::NotOwner)?;
        if *entry != 0 {
            return Err(OpenRefusal::CallIdInUse);
        }
        let slot = self.slots.take(Flow::empty);
        let slot = slot.ok_or(OpenRefusal::SlabFull)?;
        *entry = slot + 1;
        if let Some(flow) = self.slots.get_mut(slot) {
            flow.open(key, call);
        }
        if let Some(counters) = self.counters.get(slot as usize) {
            counters.reset();
        }
        Ok(slot)
    }

    /// Ends a flow, wipes its keys, and answers its final counters.
    pub fn close(
        &mut self,
        slot: u32,
        decrypt_worker: &mut DecryptWorker,
        encrypt_worker: &mut EncryptWorker,
    ) -> FlowTotals {
        if let Some(flow) = self.slots.get_mut(slot)
            && flow.permissions.open
        {
            if let Some(decrypt) = &mut flow.decrypt {
                decrypt.wipe(decrypt_worker);
            }
            if let Some(encrypt) = &mut flow.encrypt {
                encrypt.wipe(encrypt_worker);
            }
            let key = flow.key;
            flow.close();
            self.slots.give_back(slot);
            let call_ids = self.index.get_mut(usize::from(key.local));
            if let Some(entry) =
                call_ids.and_then(|ids| ids.get_mut(usize::from(key.call_id.get())))
            {
                *entry = 0;
            }
        }
        let counters = self.counters.get(slot as usize);
        counters.map_or_else(FlowTotals::default, FlowCounters::totals)
    }

    /// The slot of a flow.
    #[inline]
    #[must_use]
    pub fn find(&self, key: FlowKey) -> Option<u32> {
        let call_ids = self.index.get(usize::from(key.local))?;
        call_ids.get(usize::from(key.call_id.get()))?.checked_sub(1)
    }

    /// Reads of a flow and its counters what its next packet needs, so that it is in the caches then.
    /// The answer means nothing, but must be used. Prefetch instructions do no more here (425 cycles a
    /// packet either way with 100,000 calls on Zen 4), and would be unsafe code.
    #[inline]
    #[must_use]
    pub fn touch(&self, slot: u32) -> u64 {
        let flow = self.slots.get(slot);
        let counters = self.counters.get(slot as usize);
        let first = flow.map_or(0, |flow| u64::from(flow.permissions.open));
        let second = flow.map_or(0, |flow| u64::from(flow.owed.frames));
        first ^ second ^ counters.map_or(0, FlowCounters::last_heard)
    }

    /// The flow in a slot, if one is.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        let flow = self.slots.get_mut(slot)?;
        flow.permissions.open.then_some(flow)
    }

    /// A frame in clear from the client is right as far as can be seen: moves its window, counts it,
    /// and owes an acknowledgment.
    ///
    /// # Errors
    /// [`WindowRefusal`]: of what came in the same burst, something made this one too late.
    #[expect(clippy::inline_always, reason = "a call costs as much as what it does")]
    #[inline(always)]
    pub fn accept_clear(&mut self, slot: u32, arrival: Arrival) -> Result<(), WindowRefusal> {
        if let Some(flow) = self.slots.get_mut(slot) {
            let Arrival {
                sequence,
                standing,
                source,
                now,
            } = arrival;
            flow.accept(sequence, standing, self.counters.get(slot as usize), now)?;
            self.acknowledgments.note(slot, flow);
            if flow.peer.heard_clear(source, flow.permissions.authorised) && flow.peer.tell() {
                let _told_before = self.moved.try_push(slot);
            }
        }
        Ok(())
    }

    /// A frame from the client has proved right: the same, and its source is the client's, if
    /// `policy` allows another.
    ///
    /// # Errors
    /// As [`Self::accept_clear`].
    #[inline]
    pub fn accept_proof(
        &mut self,
        slot: u32,
        arrival: Arrival,
        policy: GreSource,
    ) -> Result<(), WindowRefusal> {
        if let Some(flow) = self.slots.get_mut(slot) {
            let Arrival {
                sequence,
                standing,
                source,
                now,
            } = arrival;
            let counters = self.counters.get(slot as usize);
            flow.accept(sequence, standing, counters, now)?;
            self.acknowledgments.note(slot, flow);
            let newest = flow.is_newest_proof(sequence);
            if flow.peer.heard_proof(source, newest, policy) && flow.peer.tell() {
                let _told_before = self.moved.try_push(slot);
            }
        }
        Ok(())
    }

    /// The next flow whose GRE turned out to come from another address.
    #[inline]
    pub fn next_moved(&mut self) -> Option<(FlowKey, Ipv4Addr)> {
        let slot = self.moved.pop()?;
        let flow = self.get_mut(slot)?;
        Some((flow.key, flow.peer.address()))
    }

    /// Counts a frame that was received before.
    #[cold]
    pub fn count_duplicate(&self, slot: u32) {
        if let Some(counters) = self.counters.get(slot as usize) {
            counters.duplicate();
        }
    }

    /// A frame with this number was taken that proves nothing about itself: the window moves by
    /// `steps_max` at most.
    pub fn follow(&mut self, slot: u32, sequence: u32, steps_max: u32, now: Timestamp) {
        if let Some(flow) = self.slots.get_mut(slot) {
            flow.follow(sequence, steps_max, self.counters.get(slot as usize), now);
            self.acknowledgments.note(slot, flow);
        }
    }

    /// The peer of a call that we placed has told its Call ID; whether there is such a flow.
    pub fn connect(&mut self, slot: u32, peer_call_id: CallId) -> bool {
        let flow = self.slots.get_mut(slot);
        let Some(flow) = flow.filter(|flow| flow.permissions.open) else {
            return false;
        };
        flow.connect(peer_call_id);
        // For frames that overtook its word.
        self.acknowledgments.note(slot, flow);
        true
    }

    /// The next slot whose acknowledgment must go out alone now.
    pub fn next_lone_acknowledgment(&mut self, now: Timestamp) -> Option<u32> {
        self.acknowledgments.due(self.slots.all_mut(), now)
    }

    /// The next slot that has received so much that its acknowledgment shall not wait.
    #[inline]
    pub fn next_urgent_acknowledgment(&mut self) -> Option<u32> {
        self.acknowledgments.urgent(self.slots.all_mut())
    }

    /// How many flows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.taken()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A name for a set of keys that no other set of this worker ever had.
    pub fn new_key_id(&mut self) -> KeyId {
        let name = self.next_key_id;
        self.next_key_id = name.saturating_add(1);
        KeyId::new(name)
    }
}

impl DecryptStates for FlowTable {
    fn decrypt_state(&mut self, flow: u32) -> Option<&mut DecryptState> {
        self.get_mut(flow)?.decrypt.as_mut()
    }
}

impl EncryptStates for FlowTable {
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState> {
        self.get_mut(flow)?.encrypt.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::flow::PeerReceive;
    use crate::flow::counters::counter_arena;
    use crate::mppe::catch_up::Budget;
    use crate::wire::call_id::CallId;
    use std::net::Ipv4Addr;

    const CALL: OpenCall = OpenCall {
        local_address: Ipv4Addr::new(198, 51, 100, 1),
        peer_address: Ipv4Addr::new(198, 51, 100, 2),
        peer_call_id: Some(CallId::new(1)),
        peer_receive: PeerReceive {
            window_packets: 0,
            processing_delay_ds: 0,
        },
    };

    fn key(local: u16, call_id: u16) -> FlowKey {
        FlowKey::new(local, CallId::new(call_id))
    }

    #[test]
    fn each_local_address_has_call_ids_of_its_own() {
        let mut decrypt = DecryptWorker::new(1, Budget::new(1, 1, Timestamp::ZERO));
        let mut encrypt = EncryptWorker::new(0);
        let mut table = FlowTable::new(counter_arena(3), 2, Duration::ZERO, 16);
        let first = table.open(key(0, 7), CALL).unwrap();
        let second = table.open(key(1, 7), CALL).unwrap();
        assert_ne!(first, second);
        assert_eq!(table.open(key(0, 7), CALL), Err(OpenRefusal::CallIdInUse));
        assert_eq!(table.open(key(2, 7), CALL), Err(OpenRefusal::NotOwner));
        assert!(table.open(key(0, 65535), CALL).is_ok());
        assert_eq!(table.open(key(0, 8), CALL), Err(OpenRefusal::SlabFull));
        assert_eq!(table.find(key(1, 7)), Some(second));
        table.close(second, &mut decrypt, &mut encrypt);
        assert_eq!(table.find(key(1, 7)), None);
        assert!(table.get_mut(second).is_none());
        assert_eq!(table.len(), 2);
        assert_eq!(table.open(key(1, 9), CALL), Ok(second));
    }

    #[test]
    fn a_reused_slot_starts_from_zero_and_closing_twice_frees_once() {
        let mut decrypt = DecryptWorker::new(1, Budget::new(1, 1, Timestamp::ZERO));
        let mut encrypt = EncryptWorker::new(0);
        let arena = counter_arena(1);
        let mut table = FlowTable::new(arena.clone(), 1, Duration::ZERO, 16);
        let slot = table.open(key(0, 1), CALL).unwrap();
        table.get_mut(slot).unwrap().permissions.upstream = true;
        arena.get(0).unwrap().upstream(100);
        assert_eq!(
            table.close(slot, &mut decrypt, &mut encrypt).upstream_bytes,
            100
        );
        table.close(slot, &mut decrypt, &mut encrypt);
        let slot = table.open(key(0, 2), CALL).unwrap();
        assert_eq!(table.open(key(0, 3), CALL), Err(OpenRefusal::SlabFull));
        assert!(!table.get_mut(slot).unwrap().permissions.upstream);
        assert_eq!(arena.get(0).unwrap().totals(), FlowTotals::default());
    }
}
