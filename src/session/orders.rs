//! What calls have for their workers, in order, and which call has which Call ID.

use super::call::Order;
use super::{CallRef, EndReason, FlowCommand, FlowKey, Sessions};
use crate::clock::Timestamp;

impl Sessions {
    /// The next order for `worker`. The calls take turns, each keeps its own order, and an order that
    /// is taken must be delivered: ask only when the ring has room.
    pub fn poll_command(&mut self, worker: u8) -> Option<FlowCommand> {
        let ready = self.ready.get_mut(usize::from(worker))?;
        while let Some(id) = ready.pop_front() {
            let Some(call) = self.calls.get_mut(id) else {
                continue;
            };
            let flow = call.flow;
            let order = call.next_order();
            if call.has_orders() {
                ready.push_back(id);
            }
            let Some(order) = order else { continue };
            match order.into_command(flow) {
                Some(command) => return Some(command),
                None => self.tally.add("call", "frame_too_long", 1),
            }
        }
        None
    }

    /// Queues a command for the worker of a call.
    pub(super) fn order(&mut self, id: CallRef, command: FlowCommand, now: Timestamp) {
        self.queue(id, Order::Command(Box::new(command)), now);
    }

    pub(super) fn queue(&mut self, id: CallRef, order: Order, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let waiting = call.has_orders();
        if !call.queue(order) {
            self.close(id, EndReason::OutboxFull, now);
            return;
        }
        if !waiting {
            let worker = self.buckets.worker(call.flow.call_id);
            if let Some(ready) = self.ready.get_mut(usize::from(worker)) {
                ready.push_back(id);
            }
        }
    }

    /// The call that has this key now.
    /// Where a worker keeps the counters of a call: the worker and the place there.
    #[must_use]
    pub fn counters_of(&self, flow: FlowKey) -> Option<(u8, u32)> {
        let call = self.calls.get(self.call_of(flow)?)?;
        Some((self.buckets.worker(flow.call_id), call.counter_slot?))
    }

    pub(super) fn call_of(&self, flow: FlowKey) -> Option<CallRef> {
        let table = self.by_call_id.get(usize::from(flow.local))?;
        table
            .get(usize::from(flow.call_id.get()))
            .copied()
            .flatten()
    }

    pub(super) fn index_call(&mut self, flow: FlowKey, call: Option<CallRef>) {
        let worker = usize::from(self.buckets.worker(flow.call_id));
        if let Some(calls) = self.worker_calls.get_mut(worker) {
            *calls = match call {
                Some(_) => calls.saturating_add(1),
                None => calls.saturating_sub(1),
            };
        }
        let table = self.by_call_id.get_mut(usize::from(flow.local));
        let place = table.and_then(|table| table.get_mut(usize::from(flow.call_id.get())));
        if let Some(place) = place {
            *place = call;
        }
    }
}
