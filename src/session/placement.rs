//! How a call comes to be, whoever asks for it: admission, a Call ID of ours, a link, and the
//! question to the worker. No message with our Call ID leaves before the worker has opened the flow,
//! because the peer may send GRE the moment it has it.

use std::sync::Arc;

use super::call::{Call, NewCall};
use super::facts::{CallFacts, CallOrigin};
use super::peers::NotPlaced;
use super::teardown::refusal;
use super::types::CallRefusal;
use super::{CallState, ConnectionId, Event, FlowCommand, FlowKey, Peer, Sessions};
use crate::aaa::Terms;
use crate::clock::Timestamp;
use crate::flow::{OpenCall, PeerReceive};
use crate::ppp::link::{Link, MppeChange};
use crate::pptp::{self, Line};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{IncomingCallRequest, OutgoingCallRequest};

impl Sessions {
    /// Outgoing-Call-Request: a client dials in.
    pub(super) fn dialled(
        &mut self,
        id: ConnectionId,
        request: &OutgoingCallRequest,
        now: Timestamp,
    ) {
        let facts = CallFacts::of_request(request);
        self.place_for_peer(id, request.call_id, CallOrigin::Dialled, facts, now);
    }

    /// Incoming-Call-Request: a PAC has a caller for us.
    pub(super) fn offered(
        &mut self,
        id: ConnectionId,
        request: &IncomingCallRequest,
        now: Timestamp,
    ) {
        let facts = CallFacts::of_offer(request);
        self.place_for_peer(id, request.call_id, CallOrigin::Offered, facts, now);
    }

    fn place_for_peer(
        &mut self,
        id: ConnectionId,
        peer_call_id: CallId,
        origin: CallOrigin,
        facts: CallFacts,
        now: Timestamp,
    ) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.called = true;
        let peer = connection.peer;
        let opened = if self.stopping {
            Err(CallRefusal::Stopping)
        } else if connection.may_call(now) {
            let admitted = self.guard.admit_call(*peer.ip(), now);
            admitted.and_then(|()| self.open_call(id, Some(peer_call_id), origin, facts, None, now))
        } else {
            Err(CallRefusal::Rate)
        };
        if let Err(refused) = opened {
            self.tell_control(id, refusal(peer_call_id), now);
            self.judge_refused_call(id, peer_call_id, refused, now);
            let reason = refused.name();
            self.tally.add("call", reason, 1);
            self.event(Event::CallRefused { peer, reason });
        }
    }

    /// Calls a peer over an established connection.
    pub(super) fn originate(&mut self, id: ConnectionId, peer: &Arc<Peer>, now: Timestamp) {
        self.call_serial = self.call_serial.wrapping_add(1);
        let facts = CallFacts::of_own(self.call_serial, &peer.offer);
        let placed_to = Some(Arc::clone(peer));
        let origin = CallOrigin::Placed;
        if let Err(refused) = self.open_call(id, None, origin, facts, placed_to, now) {
            self.tally.add("call", refused.name(), 1);
            self.not_placed(peer, NotPlaced::Refused(refused));
        }
    }

    fn open_call(
        &mut self,
        id: ConnectionId,
        peer_call_id: Option<CallId>,
        origin: CallOrigin,
        facts: CallFacts,
        placed_to: Option<Arc<Peer>>,
        now: Timestamp,
    ) -> Result<(), CallRefusal> {
        let gone = CallRefusal::ConnectionGone;
        let connection = self.connections.get(id).ok_or(gone)?;
        let peer_receive = facts.line.map(peer_receive).unwrap_or_default();
        let (peer_address, local) = (*connection.peer.ip(), connection.local);
        let listener = self.config.listeners.get(usize::from(local));
        let listener = listener.ok_or(CallRefusal::LocalAddressUnknown)?.clone();
        let local_address = connection.local_address;
        let permit = connection.permit.admit_call().map_err(CallRefusal::Limit)?;
        let flow = self.reserve_call_id(local, local_address, peer_address, now)?;
        let mut seed = [0; 32];
        (self.entropy)(&mut seed);
        let placed = placed_to.clone();
        let client = placed.as_ref().and_then(|peer| peer.client.as_ref());
        let link = client.map_or(&listener.link, |client| &client.link);
        let link = Link::new(Arc::clone(link), seed, now);
        let call = Call::new(
            NewCall {
                connection: id,
                flow,
                peer_address,
                local_address,
                peer_call_id,
                origin,
                facts,
                placed_to,
                link,
                terms: Terms::new(listener.access, MppeChange::NONE),
                permit,
                deadline: now + self.config.setup_timeout,
            },
            now,
        );
        let Ok(call_ref) = self.calls.insert(call) else {
            self.release_call_id(flow, now);
            return Err(CallRefusal::TableFull);
        };
        if let Some(peer) = &placed {
            self.note_placed(peer, call_ref);
        }
        self.index_call(flow, Some(call_ref));
        if let Some(connection) = self.connections.get_mut(id) {
            connection.calls.push(call_ref);
        }
        let ends = OpenCall {
            local_address,
            peer_address,
            peer_call_id,
            peer_receive,
        };
        self.order(call_ref, FlowCommand::Open { flow, call: ends }, now);
        self.touched_calls.push_back(call_ref);
        Ok(())
    }

    /// The worker has the flow: now the peer may learn our Call ID.
    pub(super) fn flow_opened(&mut self, flow: FlowKey, slot: u32, now: Timestamp) {
        let Some(id) = self.call_of(flow) else { return };
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.counter_slot = Some(slot);
        if call.state != CallState::Opening {
            return;
        }
        let (connection, local_call_id) = (call.connection, flow.call_id);
        let (serial, placed_to) = (call.facts.serial, call.placed_to.clone());
        call.state = CallState::Connecting;
        if let Some(peer) = placed_to {
            let offer = &peer.offer;
            let place = pptp::Input::PlaceCall {
                local_call_id,
                serial,
                offer,
            };
            return self.tell_control(connection, place, now);
        }
        let Some(peer_call_id) = call.peer_call_id else {
            return;
        };
        // A client that dialled in is connected by the reply; a PAC has to connect its caller yet.
        let dialled_in = call.dialled_in();
        if dialled_in {
            call.state = CallState::Negotiating;
            call.attempt.placed(now.since(call.created));
        }
        let accepted = pptp::Input::CallAccepted {
            peer_call_id,
            local_call_id,
        };
        self.tell_control(connection, accepted, now);
        if dialled_in {
            self.begin_link(id, now);
        }
    }
}

/// What a worker has to know of a peer's receive side.
pub(super) const fn peer_receive(line: Line) -> PeerReceive {
    PeerReceive {
        window_packets: line.receive_window,
        processing_delay_ds: line.processing_delay,
    }
}
