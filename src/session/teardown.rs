//! The one way out of a call, whatever the cause.
//!
//! ```text
//!   begin_end: LCP says goodbye  ->  close: Call-Disconnect-Notify to the client, Close to the worker
//!                                ->  flow_closed: final counters; lease and Call ID are free again
//! ```

use super::drive::TERMINATE_TIME;
use super::{
    CallRef, CallState, ConnectionId, EndReason, Event, FlowCommand, FlowKey, Output, Sessions,
};
use crate::clock::Timestamp;
use crate::flow::FlowTotals;
use crate::ppp::link as ppp;
use crate::pptp::{self, CloseReason};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{GeneralError, OutgoingCallResult, StopReason};

impl Sessions {
    /// Ends a call for a reason that lies outside of it, such as what its user was granted.
    pub fn end(&mut self, flow: FlowKey, reason: EndReason, now: Timestamp) {
        if let Some(id) = self.call_of(flow) {
            self.begin_end(id, reason, now);
            self.settle(now);
        }
    }

    /// Ends a call so that the client is told: LCP Terminate-Request first.
    pub(super) fn begin_end(&mut self, id: CallRef, reason: EndReason, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        match call.state {
            CallState::Opening | CallState::Connecting => return self.close(id, reason, now),
            CallState::Negotiating | CallState::Network => {}
            CallState::Terminating | CallState::Closing => return,
        }
        call.ends_for(reason, now);
        call.pending = None;
        call.state = CallState::Terminating;
        call.deadline = Some(now + TERMINATE_TIME);
        call.link
            .handle(ppp::Input::Close(ppp::EndReason::AdministrativeStop), now);
        self.touched_calls.push_back(id);
        self.tenant_leaves(id);
    }

    /// Ends a call now: the client is told on the control connection, and the worker closes the flow.
    pub(super) fn close(&mut self, id: CallRef, reason: EndReason, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.state == CallState::Closing {
            return;
        }
        let reason = call.ends_for(reason, now);
        let state = std::mem::replace(&mut call.state, CallState::Closing);
        call.deadline = None;
        call.pending = None;
        let (flow, connection, peer_call_id) = (call.flow, call.connection, call.peer_call_id);
        self.tenant_leaves(id);
        self.order(id, FlowCommand::Close { flow }, now);
        // A peer that still waits for its reply does not know our Call ID; one that has it is told
        // with *our* Call ID, by the message of our part (RFC 2637 §2.12, §2.13). Of a call that we
        // place it knows nothing yet while the flow opens.
        let input = match (state, peer_call_id) {
            (CallState::Opening, Some(peer_call_id)) => refusal(peer_call_id),
            (CallState::Opening, None) => return,
            (
                CallState::Connecting
                | CallState::Negotiating
                | CallState::Network
                | CallState::Terminating
                | CallState::Closing,
                _,
            ) => pptp::Input::Disconnect {
                local_call_id: flow.call_id,
                disconnect: reason.disconnect(),
            },
        };
        self.tell_control(connection, input, now);
    }

    pub(super) fn tell_control(
        &mut self,
        id: ConnectionId,
        input: pptp::Input<'_>,
        now: Timestamp,
    ) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.control.handle(input, now);
            self.touched_connections.push_back(id);
        }
    }

    /// The control machine is done: every call on it ends, then the socket is closed.
    pub(super) fn close_connection(
        &mut self,
        id: ConnectionId,
        reason: CloseReason,
        now: Timestamp,
    ) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut connection.closing, true) {
            return;
        }
        let peer = connection.peer;
        let calls = std::mem::take(&mut connection.calls);
        let came_by = super::explain::came_by(connection);
        self.judge_connection(id, reason, now);
        self.fail_waiting(id, reason);
        self.end_race(id, now);
        for call in calls {
            if let Some(call) = self.calls.get_mut(call) {
                call.attempt.came_by = Some(Box::new(came_by.clone()));
            }
            self.close(call, EndReason::Control(reason), now);
        }
        self.event(Event::ConnectionClosed { peer, reason });
        self.outputs.push_back(Output::Close(id));
    }

    /// The worker could not take the call; nothing was opened, so nothing will be reported closed.
    pub(super) fn flow_refused(&mut self, flow: FlowKey, reason: EndReason, now: Timestamp) {
        let Some(id) = self.call_of(flow) else { return };
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let connection_id = call.connection;
        let waiting = call
            .peer_call_id
            .filter(|_| call.state == CallState::Opening);
        call.ends_for(reason, now);
        call.state = CallState::Closing;
        if let Some(peer_call_id) = waiting {
            self.tell_control(connection_id, refusal(peer_call_id), now);
        }
        self.flow_closed(flow, FlowTotals::default(), now);
    }

    /// The worker's final report: only now may the lease and the Call ID be used again.
    pub(super) fn flow_closed(&mut self, flow: FlowKey, totals: FlowTotals, now: Timestamp) {
        let Some(id) = self.call_of(flow) else { return };
        let Some(mut call) = self.calls.remove(id) else {
            return;
        };
        let tenancy = call.tenancy.take();
        self.index_call(flow, None);
        self.tally.add_call(&call);
        let (stage, finding) = self.judge_call(&call, totals, now);
        let mut idle = false;
        if let Some(connection) = self.connections.get_mut(call.connection) {
            connection.calls.retain(|other| *other != id);
            idle = connection.calls.is_empty();
        }
        self.release_if_unused(call.connection, now);
        if idle && self.stopping {
            // A client whose call was refused may ask for another; not of a server that stops.
            self.stop_connection(call.connection, StopReason::STOP_LOCAL_SHUTDOWN, now);
        }
        if let Some(lease) = call.lease {
            self.outputs.push_back(Output::LeaseCleared {
                lease: lease.address(),
            });
            self.pools.release(lease);
        }
        self.lead_nowhere(id, &call.way);
        self.release_call_id(flow, now);
        if let Some(peer) = &call.placed_to {
            self.note_gone(peer, id);
            if let Some(reason) = call.end {
                self.note_outcome(peer, reason.name());
            }
        }
        self.event(Event::CallEnded {
            flow,
            peer_address: call.peer_address,
            user: call.user.map(String::from),
            reason: call.end.unwrap_or(EndReason::AdministrativeStop),
            stage,
            finding,
            duration: now.since(call.created),
            totals,
        });
        self.resume_tenants(tenancy, now);
    }

    pub(super) fn release_call_id(&mut self, flow: FlowKey, now: Timestamp) {
        if let Some(call_ids) = self.call_ids.get_mut(usize::from(flow.local)) {
            call_ids.release(flow.call_id, now);
        }
    }
}

/// Outgoing-Call-Reply for want of resources (RFC 2637 §2.8).
pub(super) const fn refusal(peer_call_id: CallId) -> pptp::Input<'static> {
    pptp::Input::CallRefused {
        peer_call_id,
        result: OutgoingCallResult::GENERAL_ERROR,
        error: GeneralError::NO_RESOURCE,
    }
}
