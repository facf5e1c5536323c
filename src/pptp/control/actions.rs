//! What a control connection does about a reaction: replies, events, and its own end.

use super::types::{CloseReason, ControlState, Event, Misbehaviour, Output};
use super::{CLOSING_TIMEOUT, Control, FIRMWARE_REVISION, INFORMATION_MAX, LINGER_TIMEOUT, Timer};
use crate::clock::Timestamp;
use crate::pptp::call::{CallAction, CallInput, Calls};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    Bearer, CallDisconnectNotify, DisconnectResult, EchoReply, EchoRequest, EchoResult,
    GeneralError, IncomingCallReply, IncomingCallResult, Message, OutgoingCallReply,
    OutgoingCallRequest, OutgoingCallResult, PROTOCOL_VERSION, SetLinkInfo,
    StartControlConnectionReply, StartControlConnectionRequest, StartResult,
    StopControlConnectionReply, StopControlConnectionRequest, StopReason, StopResult, Text,
    WanErrorNotify,
};

/// No Call ID of ours: what a refusal carries in its place.
const NO_CALL_ID: CallId = CallId::new(0);

impl Control {
    // ---- start and stop ----

    pub(super) fn start(&mut self, request: &StartControlConnectionRequest, now: Timestamp) {
        // RFC 2637 §3.1.2: a version that is not acceptable is answered, then TCP is closed.
        if request.protocol_version != PROTOCOL_VERSION {
            self.send_start_reply(StartResult::VERSION_UNSUPPORTED);
            return self.drain(CloseReason::VersionUnsupported, now);
        }
        self.send_start_reply(StartResult::OK);
        if self.state == ControlState::Closed {
            return;
        }
        self.state = ControlState::Established;
        self.disarm(Timer::Establish);
        self.arm(Timer::NoCall, now + self.config.establish_timeout);
        self.report(Event::Established {
            host: request.host_name,
            vendor: request.vendor_string,
            framing: request.framing_capabilities,
            bearer: request.bearer_capabilities,
            maximum_channels: request.maximum_channels,
            firmware_revision: request.firmware_revision,
        });
    }

    pub(super) fn send_start_reply(&mut self, result_code: StartResult) {
        let reply = StartControlConnectionReply {
            protocol_version: PROTOCOL_VERSION,
            result_code,
            error_code: GeneralError::NONE,
            framing_capabilities: self.config.framing,
            bearer_capabilities: Bearer::EITHER,
            maximum_channels: self.config.maximum_channels,
            firmware_revision: FIRMWARE_REVISION,
            host_name: Text::new(&self.config.host_name),
            vendor_string: Text::new(&self.config.vendor_name),
        };
        self.send(reply);
    }

    pub(super) fn stop(&mut self, reason: StopReason, why: CloseReason, now: Timestamp) {
        match self.state {
            ControlState::Idle => self.close(why),
            ControlState::Established => {
                self.send(StopControlConnectionRequest { reason });
                self.begin_closing(ControlState::WaitStopReply, why, now);
            }
            ControlState::WaitStopReply | ControlState::Draining | ControlState::Closed => {}
        }
    }

    pub(super) fn answer_stop(&mut self, now: Timestamp) {
        let (result_code, error_code) = (StopResult::OK, GeneralError::NONE);
        self.send(StopControlConnectionReply {
            result_code,
            error_code,
        });
        self.drain(self.closing_for.unwrap_or(CloseReason::PeerStopped), now);
    }

    // ---- echo (RFC 2637 §3.1.4) ----

    pub(super) fn send_echo_reply(&mut self, identifier: u32) {
        let (result_code, error_code) = (EchoResult::OK, GeneralError::NONE);
        self.send(EchoReply {
            identifier,
            result_code,
            error_code,
        });
    }

    pub(super) fn send_echo_request(&mut self, now: Timestamp) {
        self.echo_identifier = self.echo_identifier.wrapping_add(1);
        self.echo_outstanding = true;
        self.arm(Timer::Echo, now + self.config.echo_timeout);
        self.send(EchoRequest {
            identifier: self.echo_identifier,
        });
    }

    pub(super) fn take_echo_reply(&mut self, identifier: u32) {
        if self.echo_outstanding && identifier == self.echo_identifier {
            self.echo_outstanding = false;
        } else {
            self.count(Misbehaviour::EchoIdentifierWrong);
        }
    }

    /// Counts the silence from `now`. An outstanding Echo-Request keeps its own deadline: only its
    /// reply helps it.
    pub(super) fn arm_echo(&mut self, now: Timestamp) {
        let may_send = self.state == ControlState::Established
            && self.replied
            && !self.config.echo_interval.is_zero();
        if self.state == ControlState::Established && self.echo_outstanding {
            return;
        }
        self.set_timer(
            Timer::Echo,
            may_send.then(|| now + self.config.echo_interval),
        );
    }

    // ---- calls ----

    pub(super) fn request_call(&mut self, request: &OutgoingCallRequest, now: Timestamp) {
        if self.calls.is_full() {
            self.count(Misbehaviour::CallsTooMany);
            let result = OutgoingCallResult::GENERAL_ERROR;
            return self.refuse_call(request.call_id, result, GeneralError::NO_RESOURCE);
        }
        self.step_call(request.call_id, CallInput::Requested(request), now);
    }

    /// Steps a call by a decision of the session, which may be the reply that an echo waited for.
    pub(super) fn decide_call(
        &mut self,
        peer_call_id: CallId,
        decision: CallInput<'_>,
        now: Timestamp,
    ) {
        self.step_call(peer_call_id, decision, now);
        self.arm_echo(now);
    }

    pub(super) fn step_call(&mut self, peer_call_id: CallId, input: CallInput<'_>, now: Timestamp) {
        if self.state != ControlState::Established {
            return;
        }
        match self.calls.step(peer_call_id, input) {
            CallAction::Ask(request) => self.ask(request, now),
            CallAction::RefuseDuplicate => {
                self.count(Misbehaviour::CallIdRepeated);
                let result = OutgoingCallResult::GENERAL_ERROR;
                self.refuse_call(peer_call_id, result, GeneralError::BAD_CALL_ID);
            }
            CallAction::Unknown => self.count(Misbehaviour::CallUnknown),
            CallAction::ReportCleared => self.report_cleared(peer_call_id, now),
            CallAction::NotifyAndReportCleared { local_call_id } => {
                self.notify(local_call_id, DisconnectResult::REQUEST, 0);
                self.report_cleared(peer_call_id, now);
            }
            CallAction::NotifyCleared { local_call_id } => {
                self.notify(local_call_id, DisconnectResult::REQUEST, 0);
            }
            CallAction::ReplyConnected {
                local_call_id,
                connect_speed_bps,
            } => {
                self.connect_call(peer_call_id, local_call_id, connect_speed_bps);
            }
            CallAction::ReplyRefused { result, error } => {
                self.refuse_call(peer_call_id, result, error);
            }
            CallAction::Notify {
                local_call_id,
                result,
                cause,
            } => {
                self.notify(local_call_id, result, cause);
                if self.calls.none_wanted() {
                    self.drain(CloseReason::CallsEnded, now);
                }
            }
            CallAction::Nothing => {}
        }
        self.watch_for_calls(now);
    }

    fn ask(&mut self, request: &OutgoingCallRequest, now: Timestamp) {
        self.disarm(Timer::Linger);
        self.arm(Timer::NoCall, now + self.config.establish_timeout);
        self.report(Event::CallRequested {
            peer_call_id: request.call_id,
            serial: request.call_serial_number,
            minimum_bps: request.minimum_bps,
            maximum_bps: request.maximum_bps,
            receive_window: request.packet_receive_window_size,
            processing_delay: request.packet_processing_delay,
            bearer: request.bearer_type,
            framing: request.framing_type,
            phone_number: request.phone_number,
            subaddress: request.subaddress,
        });
    }

    fn connect_call(&mut self, peer_call_id: CallId, call_id: CallId, connect_speed_bps: u32) {
        self.replied = true;
        self.send(OutgoingCallReply {
            call_id,
            peer_call_id,
            result_code: OutgoingCallResult::CONNECTED,
            error_code: GeneralError::NONE,
            cause_code: 0,
            connect_speed_bps,
            packet_receive_window_size: self.config.receive_window.max(1),
            packet_processing_delay: 0,
            physical_channel_id: 0,
        });
    }

    fn refuse_call(
        &mut self,
        peer_call_id: CallId,
        result_code: OutgoingCallResult,
        error_code: GeneralError,
    ) {
        self.replied = true;
        self.send(OutgoingCallReply {
            call_id: NO_CALL_ID,
            peer_call_id,
            result_code,
            error_code,
            cause_code: 0,
            connect_speed_bps: 0,
            packet_receive_window_size: 0,
            packet_processing_delay: 0,
            physical_channel_id: 0,
        });
    }

    /// RFC 2637 §2.13: the Call ID is the sender's own.
    fn notify(&mut self, call_id: CallId, result_code: DisconnectResult, cause_code: u16) {
        self.send(CallDisconnectNotify {
            call_id,
            result_code,
            error_code: GeneralError::NONE,
            cause_code,
            call_statistics: Text::EMPTY,
        });
    }

    fn report_cleared(&mut self, peer_call_id: CallId, now: Timestamp) {
        self.report(Event::CallCleared { peer_call_id });
        if self.state == ControlState::Established && self.calls.none_wanted() {
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

    /// Clients place calls here, they do not offer any (RFC 2637 §2.10).
    pub(super) fn refuse_incoming_call(&mut self, peer_call_id: CallId) {
        self.count(Misbehaviour::IncomingCallOffered);
        self.send(IncomingCallReply {
            call_id: NO_CALL_ID,
            peer_call_id,
            result_code: IncomingCallResult::DO_NOT_ACCEPT,
            error_code: GeneralError::NONE,
            packet_receive_window_size: 0,
            packet_transit_delay: 0,
        });
    }

    // ---- to the session ----

    pub(super) fn report_link_info(&mut self, info: &SetLinkInfo) {
        self.inform(Event::LinkInfo {
            local_call_id: info.peer_call_id,
            send_accm: info.send_accm,
            receive_accm: info.receive_accm,
        });
    }

    pub(super) fn report_wan_error(&mut self, notify: &WanErrorNotify) {
        self.inform(Event::WanError {
            local_call_id: notify.peer_call_id,
            crc_errors: notify.crc_errors,
            framing_errors: notify.framing_errors,
            hardware_overruns: notify.hardware_overruns,
            buffer_overruns: notify.buffer_overruns,
            time_out_errors: notify.time_out_errors,
            alignment_errors: notify.alignment_errors,
        });
    }

    /// The other events are bounded by the number of calls; these are not, so they are counted.
    fn inform(&mut self, event: Event) {
        if self.information >= INFORMATION_MAX {
            return self.count(Misbehaviour::InformationFlood);
        }
        self.information += 1;
        self.report(event);
    }

    fn report(&mut self, event: Event) {
        if self.state != ControlState::Closed {
            self.outputs.push_back(Output::Event(event));
        }
    }

    // ---- to the client, and the end ----

    fn send(&mut self, message: impl Into<Message>) {
        if self.state != ControlState::Closed && self.out.push(&message.into()).is_err() {
            self.close(CloseReason::PeerNotReading);
        }
    }

    /// Reads no more, and closes when the pending bytes are written or after a bounded time.
    pub(super) fn drain(&mut self, reason: CloseReason, now: Timestamp) {
        self.begin_closing(ControlState::Draining, reason, now);
    }

    fn begin_closing(&mut self, state: ControlState, reason: CloseReason, now: Timestamp) {
        if self.state != ControlState::Closed {
            self.state = state;
            self.closing_for = Some(reason);
            self.timers.fill(None);
            self.arm(Timer::Closing, now + CLOSING_TIMEOUT);
        }
    }

    pub(super) fn close_when_drained(&mut self) {
        if self.state == ControlState::Draining && self.out.pending().is_empty() {
            self.close(self.closing_for.unwrap_or(CloseReason::Stopped));
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.state != ControlState::Closed {
            self.state = ControlState::Closed;
            self.timers.fill(None);
            self.out.clear();
            self.calls = Calls::new(0);
            self.outputs.push_back(Output::Close(reason));
        }
    }
}
