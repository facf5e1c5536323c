//! The messages that a control connection sends about a call.

use super::Control;
use crate::pptp::call::{Call, CallOffer, CallState, Disconnect, Request};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    CallClearRequest, CallDisconnectNotify, GeneralError, IncomingCallConnected, IncomingCallReply,
    IncomingCallRequest, IncomingCallResult, OutgoingCallReply, OutgoingCallRequest,
    OutgoingCallResult, Text,
};

/// No Call ID of ours: what a refusal carries in its place.
const NO_CALL_ID: CallId = CallId::new(0);

impl Control {
    /// Outgoing-Call-Request or Incoming-Call-Request.
    pub(super) fn send_request(&mut self, call: &Call, serial: u16, offer: &CallOffer) {
        let call_id = call.local_call_id.unwrap_or(NO_CALL_ID);
        match *offer {
            CallOffer::Outgoing {
                minimum_bps,
                maximum_bps,
                bearer,
                framing,
                phone_number,
                subaddress,
            } => self.send(OutgoingCallRequest {
                call_id,
                call_serial_number: serial,
                minimum_bps,
                maximum_bps,
                bearer_type: bearer,
                framing_type: framing,
                packet_receive_window_size: self.config.receive_window.max(1),
                packet_processing_delay: 0,
                phone_number_length: length(&phone_number),
                phone_number,
                subaddress,
            }),
            CallOffer::Incoming {
                bearer,
                dialed_number,
                dialing_number,
                subaddress,
            } => self.send(IncomingCallRequest {
                call_id,
                call_serial_number: serial,
                call_bearer_type: bearer,
                physical_channel_id: 0,
                dialed_number_length: length(&dialed_number),
                dialing_number_length: length(&dialing_number),
                dialed_number,
                dialing_number,
                subaddress,
            }),
        }
    }

    /// The reply that takes the peer's call.
    pub(super) fn accept_call(&mut self, call: &Call) {
        self.replied = true;
        let call_id = call.local_call_id.unwrap_or(NO_CALL_ID);
        let peer_call_id = call.peer_call_id.unwrap_or(NO_CALL_ID);
        let window = self.config.receive_window.max(1);
        match call.state {
            CallState::PacOutgoing(_) | CallState::PnsOutgoing(_) => self.send(OutgoingCallReply {
                call_id,
                peer_call_id,
                result_code: OutgoingCallResult::CONNECTED,
                error_code: GeneralError::NONE,
                cause_code: 0,
                connect_speed_bps: self.config.connect_speed_bps,
                packet_receive_window_size: window,
                packet_processing_delay: 0,
                physical_channel_id: 0,
            }),
            CallState::PnsIncoming(_) | CallState::PacIncoming(_) => self.send(IncomingCallReply {
                call_id,
                peer_call_id,
                result_code: IncomingCallResult::CONNECT,
                error_code: GeneralError::NONE,
                packet_receive_window_size: window,
                packet_transit_delay: 0,
            }),
        }
    }

    /// The reply that refuses it.
    pub(super) fn refuse_call(
        &mut self,
        call: &Call,
        result: OutgoingCallResult,
        error: GeneralError,
    ) {
        let peer_call_id = call.peer_call_id.unwrap_or(NO_CALL_ID);
        match call.state {
            CallState::PacOutgoing(_) | CallState::PnsOutgoing(_) => {
                self.refuse_outgoing(peer_call_id, result, error);
            }
            CallState::PnsIncoming(_) | CallState::PacIncoming(_) => {
                self.refuse_incoming(peer_call_id, result, error);
            }
        }
    }

    /// The answer to a request whose Call ID is taken; the call that has it goes on.
    pub(super) fn refuse_repeated(&mut self, request: Request<'_>) {
        let (result, error) = (OutgoingCallResult::GENERAL_ERROR, GeneralError::BAD_CALL_ID);
        match request {
            Request::PeerOutgoing(request) => self.refuse_outgoing(request.call_id, result, error),
            Request::PeerIncoming(request) => self.refuse_incoming(request.call_id, result, error),
            // Nobody but the session numbers our calls.
            Request::Own { .. } => {}
        }
    }

    fn refuse_outgoing(
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

    /// RFC 2637 §2.10 knows a general error, and "do not accept" for everything else.
    fn refuse_incoming(
        &mut self,
        peer_call_id: CallId,
        result: OutgoingCallResult,
        error_code: GeneralError,
    ) {
        self.replied = true;
        let result_code = if result == OutgoingCallResult::GENERAL_ERROR {
            IncomingCallResult::GENERAL_ERROR
        } else {
            IncomingCallResult::DO_NOT_ACCEPT
        };
        self.send(IncomingCallReply {
            call_id: NO_CALL_ID,
            peer_call_id,
            result_code,
            error_code,
            packet_receive_window_size: 0,
            packet_transit_delay: 0,
        });
    }

    /// RFC 2637 §2.11: our caller is connected, and the PNS may begin.
    pub(super) fn send_incoming_connected(&mut self, call: &Call) {
        self.send(IncomingCallConnected {
            peer_call_id: call.peer_call_id.unwrap_or(NO_CALL_ID),
            connect_speed_bps: self.config.connect_speed_bps,
            packet_receive_window_size: self.config.receive_window.max(1),
            packet_transit_delay: 0,
            framing_type: self.config.framing,
        });
    }

    /// RFC 2637 §2.12: the Call ID is the sender's own.
    pub(super) fn send_clear(&mut self, call: &Call) {
        let call_id = call.local_call_id.unwrap_or(NO_CALL_ID);
        self.send(CallClearRequest { call_id });
    }

    /// RFC 2637 §2.13: the Call ID is the sender's own.
    pub(super) fn notify(&mut self, call: &Call, disconnect: Disconnect) {
        self.send(CallDisconnectNotify {
            call_id: call.local_call_id.unwrap_or(NO_CALL_ID),
            result_code: disconnect.result,
            error_code: disconnect.error,
            cause_code: disconnect.cause,
            call_statistics: Text::EMPTY,
        });
    }
}

/// Octets of a number that count.
fn length(number: &Text<64>) -> u16 {
    u16::try_from(number.as_bytes().len()).unwrap_or(64)
}
