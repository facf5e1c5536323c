//! What a control connection tells, and the calls that come of it.

use super::placement::peer_receive;
use super::{CallRef, CallState, ConnectionId, EndReason, Event, FlowCommand, FlowKey, Sessions};
use crate::clock::Timestamp;
use crate::ppp::link as ppp;
use crate::pptp::{self, CallName, Ending, Line, PlaceRefusal};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{SetLinkInfo, WanErrorNotify};

impl Sessions {
    pub(super) fn control_event(&mut self, id: ConnectionId, event: pptp::Event, now: Timestamp) {
        match event {
            pptp::Event::Established { host, vendor, .. } => {
                self.connection_established(id, host.to_string(), vendor.to_string(), now);
            }
            pptp::Event::CallRequested(request) => self.dialled(id, &request, now),
            pptp::Event::CallOffered(request) => {
                self.adopt_connection(id);
                self.offered(id, &request, now);
            }
            pptp::Event::CallConnected {
                local_call_id,
                peer_call_id,
                line,
            } => self.call_connected(id, local_call_id, peer_call_id, line, now),
            pptp::Event::CallFailed {
                local_call_id,
                refusal,
            } => self.call_failed(id, local_call_id, refusal, now),
            pptp::Event::CallEnded { call, ending } => self.ended_by_peer(id, call, ending, now),
            pptp::Event::LinkInfo(info) => self.note_link_info(id, &info),
            pptp::Event::WanError(notify) => self.note_wan_errors(id, notify),
        }
    }

    fn connection_established(
        &mut self,
        id: ConnectionId,
        host_name: String,
        vendor_name: String,
        now: Timestamp,
    ) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.permit.established();
        connection.started = true;
        connection.host_name.clone_from(&host_name);
        connection.vendor_name.clone_from(&vendor_name);
        let peer = connection.peer;
        self.event(Event::ConnectionEstablished {
            peer,
            host_name,
            vendor_name,
        });
        self.give_way(id, now);
        self.place_waiting(id, now);
    }

    /// A call that we placed, or took from a PAC, is up: PPP begins.
    fn call_connected(
        &mut self,
        id: ConnectionId,
        local_call_id: CallId,
        peer_call_id: CallId,
        line: Line,
        now: Timestamp,
    ) {
        let Some(call_ref) = self.call_on(id, local_call_id) else {
            return;
        };
        let Some(call) = self.calls.get_mut(call_ref) else {
            return;
        };
        if call.state != CallState::Connecting {
            return;
        }
        call.state = CallState::Negotiating;
        call.attempt.placed(now.since(call.created));
        call.facts.line = Some(line);
        let (flow, placed_to) = (call.flow, call.placed_to.clone());
        // Before the first frame, which has to carry it.
        if call.peer_call_id.replace(peer_call_id).is_none() {
            self.order(call_ref, FlowCommand::Connect { flow, peer_call_id }, now);
        }
        let receive = peer_receive(line);
        self.order(call_ref, FlowCommand::PeerReceive { flow, receive }, now);
        if let Some(peer) = placed_to {
            self.note_connected(&peer);
        }
        self.begin_link(call_ref, now);
    }

    /// PPP begins, with the frames that were faster than the message that connected the call.
    pub(super) fn begin_link(&mut self, id: CallRef, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.link.handle(ppp::Input::LowerUp, now);
        for frame in std::mem::take(&mut call.early) {
            call.link.handle(ppp::Input::Frame(&frame), now);
        }
        let event = call.opened_event();
        self.touched_calls.push_back(id);
        self.event(event);
    }

    fn call_failed(
        &mut self,
        id: ConnectionId,
        local_call_id: CallId,
        refusal: PlaceRefusal,
        now: Timestamp,
    ) {
        if let Some(call) = self.call_on(id, local_call_id) {
            self.close(call, EndReason::RefusedByPeer(refusal), now);
        }
    }

    fn ended_by_peer(&mut self, id: ConnectionId, name: CallName, ending: Ending, now: Timestamp) {
        let found = match name {
            CallName::Ours(local_call_id) => self.call_on(id, local_call_id),
            CallName::Peers(peer_call_id) => self.call_of_peer(id, peer_call_id),
        };
        let Some(call_ref) = found else { return };
        let Some(call) = self.calls.get(call_ref) else {
            return;
        };
        // What a client that dialled in says of the end means nothing (Windows always says 0); what
        // a PAC says of its line does.
        let reason = match ending {
            Ending::Disconnected { result, .. } if !call.dialled_in() => {
                EndReason::DisconnectedByPeer(result)
            }
            Ending::Disconnected { .. } | Ending::Cleared => EndReason::ClearedByPeer,
        };
        self.close(call_ref, reason, now);
    }

    /// The call of this connection that has this Call ID of ours.
    fn call_on(&self, id: ConnectionId, local_call_id: CallId) -> Option<CallRef> {
        let connection = self.connections.get(id)?;
        let call_ref = self.call_of(FlowKey::new(connection.local, local_call_id))?;
        (self.calls.get(call_ref)?.connection == id).then_some(call_ref)
    }

    /// The call of this connection that the peer began under this Call ID.
    fn call_of_peer(&self, id: ConnectionId, peer_call_id: CallId) -> Option<CallRef> {
        let meant = |call_ref: &CallRef| {
            self.calls.get(*call_ref).is_some_and(|call| {
                call.peer_call_id == Some(peer_call_id)
                    && call.placed_to.is_none()
                    && call.state != CallState::Closing
            })
        };
        let connection = self.connections.get(id)?;
        connection.calls.iter().copied().find(meant)
    }

    /// The ACCM means nothing on GRE; it is shown to whoever looks for a client's oddities.
    fn note_link_info(&mut self, id: ConnectionId, info: &SetLinkInfo) {
        let call_ref = self.call_on(id, info.peer_call_id);
        if let Some(call) = call_ref.and_then(|call_ref| self.calls.get_mut(call_ref)) {
            call.facts.link_info = Some((info.send_accm, info.receive_accm));
        }
    }

    /// The errors of the peer's own line, counted from the start of the call.
    fn note_wan_errors(&mut self, id: ConnectionId, notify: WanErrorNotify) {
        match self
            .call_on(id, notify.peer_call_id)
            .and_then(|call_ref| self.calls.get_mut(call_ref))
        {
            Some(call) => call.facts.wan_errors = Some(Box::new(notify)),
            None => self.tally.add("pptp", "wan_error_call_unknown", 1),
        }
    }
}
