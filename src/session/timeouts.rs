//! What happens when the time of a connection or a call has come.

use super::{CallRef, CallState, ConnectionId, EndReason, Sessions};
use crate::clock::Timestamp;
use crate::flow::FlowTotals;
use crate::ppp::link as ppp;
use crate::pptp;

impl Sessions {
    pub(super) fn connection_timeout(
        &mut self,
        id: ConnectionId,
        deadline: Timestamp,
        now: Timestamp,
    ) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.armed == Some(deadline) {
            connection.armed = None;
        }
        if connection.control.is_echo_overdue(now) && self.is_heard(id, now) {
            self.tell_control(id, pptp::Input::CallHeard, now);
        }
        if let Some(connection) = self.connections.get_mut(id) {
            connection.control.handle_timeout(now);
        }
        self.touched_connections.push_back(id);
    }

    /// Whether a call of this connection was heard since its Echo-Request was sent.
    fn is_heard(&self, id: ConnectionId, now: Timestamp) -> bool {
        let recent = |call: &super::Call| {
            let worker = self.buckets.worker(call.flow.call_id);
            let by_worker = call
                .counter_slot
                .map(|slot| heard_at(&(self.counters)(worker, slot)));
            let heard_at = call.link.last_heard().max(by_worker.unwrap_or_default());
            call.state == CallState::Network
                && now.since(heard_at) < self.config.control.echo_timeout
        };
        let calls = self.connections.get(id).map(|connection| &connection.calls);
        let mut calls = calls.into_iter().flatten();
        calls.any(|call| self.calls.get(*call).is_some_and(recent))
    }

    pub(super) fn call_timeout(&mut self, id: CallRef, deadline: Timestamp, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.armed == Some(deadline) {
            call.armed = None;
        }
        if call.state == CallState::Closing {
            return;
        }
        if let Some(slot) = call.counter_slot {
            let worker = self.buckets.worker(call.flow.call_id);
            let at = heard_at(&(self.counters)(worker, slot));
            call.link.handle(ppp::Input::Heard { at }, now);
        }
        call.link.handle_timeout(now);
        let expired = call.deadline.is_some_and(|deadline| deadline <= now);
        match call.state {
            CallState::Opening if expired => self.close(id, EndReason::SetupTimeout, now),
            CallState::Connecting if expired => self.close(id, EndReason::NotConnected, now),
            CallState::Negotiating if expired => {
                // The link knows how far it came, and so where to look for the cause.
                let reason = EndReason::Link(call.link.setup_timeout_reason());
                self.begin_end(id, reason, now);
            }
            CallState::Network => self.check_limits(id, now),
            // Its reason was noted when it began to terminate.
            CallState::Terminating if expired => {
                self.close(id, EndReason::AdministrativeStop, now);
            }
            CallState::Opening
            | CallState::Connecting
            | CallState::Negotiating
            | CallState::Terminating
            | CallState::Closing => {}
        }
        self.touched_calls.push_back(id);
    }
}

/// When a frame of the client last proved right.
const fn heard_at(totals: &FlowTotals) -> Timestamp {
    Timestamp::from_nanos(totals.last_heard_ns)
}
