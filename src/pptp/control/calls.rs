//! What a control connection does about its calls: from a message or a word of the session to the
//! call that it means, through that call's state table, to messages and events.

use super::reasons::{CloseReason, ControlState, Misbehaviour};
use super::types::{CallName, Event};
use super::{CLOSING_TIMEOUT, Control, INFORMATION_MAX, LINGER_TIMEOUT, Timer};
use crate::clock::Timestamp;
use crate::pptp::call::{
    Call, CallAction, CallInput, CallOffer, CallState, Disconnect, Ending, Line, PlaceRefusal,
    Request,
};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    DisconnectResult, GeneralError, IncomingCallConnected, IncomingCallReply, IncomingCallRequest,
    IncomingCallResult, OutgoingCallReply, OutgoingCallRequest, OutgoingCallResult, SetLinkInfo,
    StopReason, WanErrorNotify,
};

impl Control {
    // ---- from the peer ----

    pub(super) fn request_outgoing(&mut self, request: &OutgoingCallRequest, now: Timestamp) {
        let call = Call::new(CallState::PAC_OUTGOING, None, Some(request.call_id));
        self.begin_peer_call(call, Request::PeerOutgoing(request), now);
    }

    pub(super) fn request_incoming(&mut self, request: &IncomingCallRequest, now: Timestamp) {
        let call = Call::new(CallState::PNS_INCOMING, None, Some(request.call_id));
        if !self.config.incoming_calls {
            self.count(Misbehaviour::IncomingCallOffered);
            let result = OutgoingCallResult::DO_NOT_ACCEPT;
            return self.refuse_call(&call, result, GeneralError::NONE);
        }
        self.begin_peer_call(call, Request::PeerIncoming(request), now);
    }

    fn begin_peer_call(&mut self, call: Call, request: Request<'_>, now: Timestamp) {
        let known = call.peer_call_id.and_then(|id| self.calls.of_peer(id));
        if known.is_none() && self.calls.is_full() {
            self.count(Misbehaviour::CallsTooMany);
            let result = OutgoingCallResult::GENERAL_ERROR;
            return self.refuse_call(&call, result, GeneralError::NO_RESOURCE);
        }
        self.step_call(known.unwrap_or(call), CallInput::Begun(request), now);
    }

    pub(super) fn answer_outgoing(&mut self, reply: &OutgoingCallReply, now: Timestamp) {
        let answer = if reply.result_code == OutgoingCallResult::CONNECTED {
            let line = Line {
                connect_speed_bps: reply.connect_speed_bps,
                receive_window: reply.packet_receive_window_size,
                processing_delay: reply.packet_processing_delay,
            };
            let peer_call_id = reply.call_id;
            CallInput::PeerAccepted { peer_call_id, line }
        } else {
            CallInput::PeerRefused(PlaceRefusal::Outgoing {
                result: reply.result_code,
                error: reply.error_code,
                cause: reply.cause_code,
            })
        };
        let ours = |call: &Call| matches!(call.state, CallState::PnsOutgoing(_));
        let call = self.calls.of_ours(reply.peer_call_id).filter(ours);
        let unasked = Call::new(CallState::PNS_OUTGOING, Some(reply.peer_call_id), None);
        self.take_answer(call.unwrap_or(unasked), answer, now);
    }

    pub(super) fn answer_incoming(&mut self, reply: &IncomingCallReply, now: Timestamp) {
        let answer = if reply.result_code == IncomingCallResult::CONNECT {
            let line = Line {
                connect_speed_bps: self.config.connect_speed_bps,
                receive_window: reply.packet_receive_window_size,
                processing_delay: reply.packet_transit_delay,
            };
            let peer_call_id = reply.call_id;
            CallInput::PeerAccepted { peer_call_id, line }
        } else {
            CallInput::PeerRefused(PlaceRefusal::Incoming {
                result: reply.result_code,
                error: reply.error_code,
            })
        };
        let ours = |call: &Call| matches!(call.state, CallState::PacIncoming(_));
        let call = self.calls.of_ours(reply.peer_call_id).filter(ours);
        let unasked = Call::new(CallState::PAC_INCOMING, Some(reply.peer_call_id), None);
        self.take_answer(call.unwrap_or(unasked), answer, now);
    }

    /// A peer that gives two calls of one connection the same Call ID has made them one name in GRE:
    /// the second is not taken.
    fn take_answer(&mut self, call: Call, answer: CallInput<'_>, now: Timestamp) {
        if let (CallInput::PeerAccepted { peer_call_id, .. }, Some(local_call_id)) =
            (answer, call.local_call_id)
            && call.peer_call_id.is_none()
            && !call.state.is_idle()
            && self.calls.of_peer(peer_call_id).is_some()
        {
            self.count(Misbehaviour::CallIdRepeated);
            if !call.state.is_ending() {
                let refusal = PlaceRefusal::CallIdRepeated;
                self.report(Event::CallFailed {
                    local_call_id,
                    refusal,
                });
            }
            let bad_call_id = Disconnect {
                result: DisconnectResult::GENERAL_ERROR,
                error: GeneralError::BAD_CALL_ID,
                cause: 0,
            };
            return self.step_call(call, CallInput::Disconnected(bad_call_id), now);
        }
        self.step_call(call, answer, now);
    }

    pub(super) fn connect_incoming(&mut self, connected: &IncomingCallConnected, now: Timestamp) {
        let line = Line {
            connect_speed_bps: connected.connect_speed_bps,
            receive_window: connected.packet_receive_window_size,
            processing_delay: connected.packet_transit_delay,
        };
        let offered = |call: &Call| matches!(call.state, CallState::PnsIncoming(_));
        let call = self.calls.of_ours(connected.peer_call_id).filter(offered);
        let unasked = Call::new(CallState::PNS_INCOMING, Some(connected.peer_call_id), None);
        self.step_call(call.unwrap_or(unasked), CallInput::PeerConnected(line), now);
    }

    pub(super) fn end_call(&mut self, call_id: CallId, ending: Ending, now: Timestamp) {
        let unknown = Call::new(CallState::PAC_OUTGOING, None, Some(call_id));
        let call = self.calls.ended_by_peer(call_id).unwrap_or(unknown);
        self.step_call(call, CallInput::PeerEnded(ending), now);
    }

    // ---- from the session ----

    /// Steps a call by a decision of the session, which may be the reply that an echo waited for.
    pub(super) fn decide_call(
        &mut self,
        peer_call_id: CallId,
        decision: CallInput<'_>,
        now: Timestamp,
    ) {
        let asked = |call: &Call| !call.state.is_ours();
        if let Some(call) = self.calls.of_peer(peer_call_id).filter(asked) {
            self.step_call(call, decision, now);
            self.arm_echo(now);
        }
    }

    pub(super) fn place_call(
        &mut self,
        local_call_id: CallId,
        serial: u16,
        offer: &CallOffer,
        now: Timestamp,
    ) {
        if self.state != ControlState::Established {
            return;
        }
        self.released = false;
        // A peer that is asked is no client that waits for its one reply.
        self.replied = true;
        if self.calls.is_full() {
            let refusal = PlaceRefusal::CallsTooMany;
            return self.report(Event::CallFailed {
                local_call_id,
                refusal,
            });
        }
        let state = match offer {
            CallOffer::Outgoing { .. } => CallState::PNS_OUTGOING,
            CallOffer::Incoming { .. } => CallState::PAC_INCOMING,
        };
        let call = Call::new(state, Some(local_call_id), None);
        let request = Request::Own { serial, offer };
        self.step_call(call, CallInput::Begun(request), now);
        self.arm_echo(now);
    }

    pub(super) fn disconnect_call(
        &mut self,
        local_call_id: CallId,
        disconnect: Disconnect,
        now: Timestamp,
    ) {
        if let Some(call) = self.calls.of_ours(local_call_id) {
            self.step_call(call, CallInput::Disconnected(disconnect), now);
        }
    }

    pub(super) fn release(&mut self, now: Timestamp) {
        self.released = true;
        self.stop_if_released(now);
    }

    pub(super) fn forget_overdue_calls(&mut self, now: Timestamp) {
        for _ in 0..self.calls.forget_overdue(now) {
            self.count(Misbehaviour::DisconnectOwed);
        }
        self.set_timer(Timer::Disconnect, self.calls.next_overdue());
        self.watch_for_calls(now);
        self.stop_if_released(now);
    }

    // ---- one step ----

    fn step_call(&mut self, call: Call, input: CallInput<'_>, now: Timestamp) {
        if self.state != ControlState::Established {
            return;
        }
        let (action, call) = self.calls.step(call, input);
        self.act(action, &call, now);
        self.watch_for_calls(now);
        self.stop_if_released(now);
    }

    fn act(&mut self, action: CallAction<'_>, call: &Call, now: Timestamp) {
        match action {
            CallAction::Begin(request) => self.begin_call(request, call, now),
            CallAction::RefuseRepeated(request) => {
                self.count(Misbehaviour::CallIdRepeated);
                self.refuse_repeated(request);
            }
            CallAction::ReplyAccepted => self.accept_call(call),
            CallAction::ReplyRefused { result, error } => self.refuse_call(call, result, error),
            CallAction::Connect(line) => {
                self.send_incoming_connected(call);
                self.report_connected(call, line);
            }
            CallAction::ReportConnected(line) => self.report_connected(call, line),
            CallAction::ReportRefused(refusal) => self.report_refused(call, refusal),
            CallAction::ReportEnded(ending) => self.report_ended(call, ending, now),
            CallAction::NotifyAndReportEnded(ending) => {
                self.notify(call, Disconnect::REQUESTED);
                self.report_ended(call, ending, now);
            }
            CallAction::Notify(disconnect) => {
                self.notify(call, disconnect);
                // A peer that ended its last call itself is given the time to close TCP itself.
                if self.calls.none_wanted() && self.timer(Timer::Linger).is_none() {
                    self.drain(CloseReason::CallsEnded, now);
                }
            }
            CallAction::Clear => self.clear(call, now),
            CallAction::Unknown => self.count(Misbehaviour::CallUnknown),
            CallAction::Unasked => self.count(Misbehaviour::ReplyUnasked),
            CallAction::Nothing => {}
        }
    }

    fn begin_call(&mut self, request: Request<'_>, call: &Call, now: Timestamp) {
        self.disarm(Timer::Linger);
        self.arm(Timer::NoCall, now + self.config.establish_timeout);
        match request {
            Request::PeerOutgoing(request) => self.report(Event::CallRequested(*request)),
            Request::PeerIncoming(request) => self.report(Event::CallOffered(*request)),
            Request::Own { serial, offer } => self.send_request(call, serial, offer),
        }
    }

    fn clear(&mut self, call: &Call, now: Timestamp) {
        self.send_clear(call);
        if let Some(local_call_id) = call.local_call_id {
            self.calls
                .await_disconnect(local_call_id, now + CLOSING_TIMEOUT);
            self.set_timer(Timer::Disconnect, self.calls.next_overdue());
        }
    }

    fn report_connected(&mut self, call: &Call, line: Line) {
        if let (Some(local_call_id), Some(peer_call_id)) = (call.local_call_id, call.peer_call_id) {
            self.report(Event::CallConnected {
                local_call_id,
                peer_call_id,
                line,
            });
        }
    }

    fn report_refused(&mut self, call: &Call, refusal: PlaceRefusal) {
        if let Some(local_call_id) = call.local_call_id {
            self.report(Event::CallFailed {
                local_call_id,
                refusal,
            });
        }
    }

    fn report_ended(&mut self, call: &Call, ending: Ending, now: Timestamp) {
        let name = if call.state.is_ours() {
            call.local_call_id.map(CallName::Ours)
        } else {
            call.peer_call_id.map(CallName::Peers)
        };
        if let Some(call) = name {
            self.report(Event::CallEnded { call, ending });
        }
        // A client that hangs up closes TCP; a PAC may have another caller soon.
        let dialled_in = matches!(call.state, CallState::PacOutgoing(_));
        if dialled_in && self.state == ControlState::Established && self.calls.none_wanted() {
            self.arm(Timer::Linger, now + LINGER_TIMEOUT);
        }
    }

    /// Without an established call the control connection has only so long, whoever is slow.
    fn watch_for_calls(&mut self, now: Timestamp) {
        if self.calls.any_established() {
            self.disarm(Timer::NoCall);
        } else if self.state == ControlState::Established && self.timer(Timer::NoCall).is_none() {
            self.arm(Timer::NoCall, now + self.config.establish_timeout);
        }
    }

    fn stop_if_released(&mut self, now: Timestamp) {
        if self.released && self.calls.is_empty() {
            self.stop(StopReason::NONE, CloseReason::CallsEnded, now);
        }
    }

    // ---- what is only passed on ----

    pub(super) fn report_link_info(&mut self, info: &SetLinkInfo) {
        self.inform(Event::LinkInfo(*info));
    }

    pub(super) fn report_wan_error(&mut self, notify: &WanErrorNotify) {
        self.inform(Event::WanError(*notify));
    }

    /// The other events are bounded by the number of calls; these are not, so they are counted.
    fn inform(&mut self, event: Event) {
        if self.information >= INFORMATION_MAX {
            return self.count(Misbehaviour::InformationFlood);
        }
        self.information += 1;
        self.report(event);
    }
}
