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
    /// Ends a call so that the client is told: LCP Terminate-Request first.
    pub(super) fn begin_end(&mut self, id: CallRef, reason: EndReason, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        match call.state {
            CallState::Opening => return self.close(id, reason, now),
            CallState::Negotiating | CallState::Network => {}
            CallState::Terminating | CallState::Closing => return,
        }
        call.ends_for(reason, now);
        call.state = CallState::Terminating;
        call.deadline = Some(now + TERMINATE_TIME);
        call.link
            .handle(ppp::Input::Close(ppp::EndReason::AdministrativeStop), now);
        self.touched_calls.push_back(id);
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
        let (flow, connection, peer_call_id) = (call.flow, call.connection, call.peer_call_id);
        self.order(id, FlowCommand::Close { flow }, now);
        // A client that still waits for Outgoing-Call-Reply does not know our Call ID; one that has it
        // is told by Call-Disconnect-Notify with *our* Call ID, since by the RFC's letter we are the
        // PAC of a call that the client placed (RFC 2637 §2.12).
        let input = if state == CallState::Opening {
            refusal(peer_call_id)
        } else {
            let result = reason.disconnect_result();
            pptp::Input::Disconnect {
                local_call_id: flow.call_id,
                result,
                cause: 0,
            }
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
        let (connection_id, peer_call_id) = (call.connection, call.peer_call_id);
        let waiting = call.state == CallState::Opening;
        call.ends_for(reason, now);
        call.state = CallState::Closing;
        if waiting {
            self.tell_control(connection_id, refusal(peer_call_id), now);
        }
        self.flow_closed(flow, FlowTotals::default(), now);
    }

    /// The worker's final report: only now may the lease and the Call ID be used again.
    pub(super) fn flow_closed(&mut self, flow: FlowKey, totals: FlowTotals, now: Timestamp) {
        let Some(id) = self.call_of(flow) else { return };
        let Some(call) = self.calls.remove(id) else {
            return;
        };
        self.index_call(flow, None);
        self.tally.add_call(&call);
        self.judge_call(&call, totals, now);
        let mut idle = false;
        if let Some(connection) = self.connections.get_mut(call.connection) {
            connection.calls.retain(|other| *other != id);
            idle = connection.calls.is_empty();
        }
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
        self.release_call_id(flow, now);
        self.event(Event::CallEnded {
            flow,
            peer_address: call.peer_address,
            user: call.user.map(String::from),
            reason: call.end.unwrap_or(EndReason::AdministrativeStop),
            duration: now.since(call.created),
            totals,
        });
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
