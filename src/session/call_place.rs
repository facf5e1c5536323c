//! Which Call ID a call gets, and by it which worker: the one whose queue its GRE comes in by, unless
//! that one is full.

use std::net::Ipv4Addr;

use super::Sessions;
use super::types::CallRefusal;
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::wire::call_id::CallId;

/// Calls that a worker may have above its share, beside a quarter of it.
const SPARE_CALLS: usize = 8;

impl Sessions {
    /// A Call ID of ours for a call of `peer` to our address number `local`.
    pub(super) fn reserve_call_id(
        &mut self,
        local: u16,
        local_address: Ipv4Addr,
        peer: Ipv4Addr,
        now: Timestamp,
    ) -> Result<FlowKey, CallRefusal> {
        let near = (self.nearest_worker)(local_address, peer);
        let near = near.filter(|worker| !self.is_full(*worker));
        let mut random = [0; 8];
        (self.entropy)(&mut random);
        let random = u64::from_ne_bytes(random);
        let Some(call_ids) = self.call_ids.get_mut(usize::from(local)) else {
            return Err(CallRefusal::LocalAddressUnknown);
        };
        let buckets = &self.buckets;
        let is_near = |bucket| near.is_some_and(|worker| buckets.owner(bucket) == worker);
        let allocated = call_ids.allocate_near(is_near, peer, now, random);
        let call_id = allocated.map_err(CallRefusal::CallId)?;
        Ok(FlowKey::new(local, call_id))
    }

    /// Whether a worker has so many calls more than its share that another one does better with the
    /// next, although each of its frames is handed over. All clients behind one address come by one
    /// queue.
    fn is_full(&self, worker: u8) -> bool {
        let buckets = self.buckets.buckets_of(worker);
        let share = self.call_count() * buckets / CallId::BUCKETS;
        self.calls_of(worker) > share + share / 4 + SPARE_CALLS
    }
}
