//! What goes into a control connection and what comes out.

use std::time::Duration;

use crate::counted_enum;
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    Bearer, DisconnectResult, Framing, GeneralError, OutgoingCallResult, StopReason, Text,
};

/// What all control connections of a listener have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// Our name in Start-Control-Connection-Reply; cut at 64 octets.
    pub host_name: String,
    /// What we call ourselves there; cut at 64 octets.
    pub vendor_name: String,
    /// Framing Capabilities that we announce (RFC 2637 §2.2).
    pub framing: Framing,
    /// How long a client may take to establish the control connection, and how long it may then
    /// be without an established call (RFC 2637 §3.1.4 says 60 s for the former).
    pub establish_timeout: Duration,
    /// Silence after which an Echo-Request is sent (RFC 2637 §3.1.4: 60 s); zero sends none.
    pub echo_interval: Duration,
    /// How long its Echo-Reply may take (RFC 2637 §3.1.4: 60 s).
    pub echo_timeout: Duration,
    /// Calls that we say we can support at once.
    pub maximum_channels: u16,
    /// GRE packets that we say we will buffer. Zero would stop Apple's clients: sent as 1.
    pub receive_window: u16,
    /// Bytes that may wait for a client that does not read.
    pub out_buffer_bytes_max: usize,
    /// Calls on one control connection.
    pub calls_max: usize,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            host_name: String::new(),
            vendor_name: "pns".to_owned(),
            framing: Framing::EITHER,
            establish_timeout: Duration::from_secs(60),
            echo_interval: Duration::from_secs(60),
            echo_timeout: Duration::from_secs(60),
            maximum_channels: u16::MAX,
            receive_window: 64,
            out_buffer_bytes_max: 8192,
            calls_max: 64,
        }
    }
}

/// What happens to a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Bytes from the client, in any segmentation.
    Bytes(&'a [u8]),
    /// The client closed the TCP connection, or it broke: all calls are gone.
    PeerClosed,
    /// The session took the call that [`Event::CallRequested`] asked for.
    CallAccepted {
        /// The client's Call ID.
        peer_call_id: CallId,
        /// Our Call ID; the session makes sure that it is unique.
        local_call_id: CallId,
        /// Line speed to announce, bits a second.
        connect_speed_bps: u32,
    },
    /// The session did not take it.
    CallRefused {
        /// The client's Call ID.
        peer_call_id: CallId,
        /// What to tell the client.
        result: OutgoingCallResult,
        /// Why, if the result is a general error.
        error: GeneralError,
    },
    /// The session ends a call: the client gets a Call-Disconnect-Notify with our Call ID. When
    /// it was the last call the TCP connection closes too, since Windows and Apple go by that.
    /// Without effect if the call is gone already.
    Disconnect {
        /// Our Call ID.
        local_call_id: CallId,
        /// What to tell the client.
        result: DisconnectResult,
        /// Q.931 cause code, 0 for none.
        cause: u16,
    },
    /// Ends the control connection and all its calls with a Stop-Control-Connection-Request.
    Stop(StopReason),
}

/// What the owner has to know. Bytes to send come from [`super::Control::pending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Something for the session.
    Event(Event),
    /// Close the TCP connection. The last output: what is still pending need not be written.
    Close(CloseReason),
}

/// What the client asked for or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The control connection is established.
    Established {
        /// The client's host name; often empty.
        host: Text<64>,
        /// What the client calls itself.
        vendor: Text<64>,
        /// Framing that the client can provide.
        framing: Framing,
        /// Bearers that the client can provide.
        bearer: Bearer,
        /// Calls that the client says it can support.
        maximum_channels: u16,
        /// The client's firmware revision.
        firmware_revision: u16,
    },
    /// The client places a call. Answer with [`Input::CallAccepted`] or [`Input::CallRefused`],
    /// even if the call was cleared in between.
    CallRequested {
        /// The client's Call ID; unique within this control connection only.
        peer_call_id: CallId,
        /// The client's number for the call, for logs.
        serial: u16,
        /// Lowest acceptable line speed, bits a second.
        minimum_bps: u32,
        /// Highest acceptable line speed, bits a second.
        maximum_bps: u32,
        /// GRE packets that the client will buffer.
        receive_window: u16,
        /// Delay of packet processing at the client, tenths of a second.
        processing_delay: u16,
        /// Bearer that the call needs.
        bearer: Bearer,
        /// Framing that the call needs.
        framing: Framing,
        /// Number to dial, usually empty.
        phone_number: Text<64>,
        /// Further dialling information; Windows puts a binary GUID here.
        subaddress: Text<64>,
    },
    /// The client cleared the call. An established call has been answered with
    /// Call-Disconnect-Notify already and a later [`Input::Disconnect`] has no effect.
    CallCleared {
        /// The client's Call ID.
        peer_call_id: CallId,
    },
    /// Set-Link-Info. The Call ID is as the client sent it, which may be wrong.
    LinkInfo {
        /// Our Call ID, if the client was right.
        local_call_id: CallId,
        /// Characters that the client wants escaped when sending.
        send_accm: u32,
        /// Characters that the client wants escaped when receiving.
        receive_accm: u32,
    },
    /// WAN-Error-Notify. The Call ID is as the client sent it, which may be wrong.
    WanError {
        /// Our Call ID, if the client was right.
        local_call_id: CallId,
        /// PPP frames with a wrong checksum.
        crc_errors: u32,
        /// Improperly framed PPP packets.
        framing_errors: u32,
        /// Overruns of the receive hardware.
        hardware_overruns: u32,
        /// Overruns of the receive buffer.
        buffer_overruns: u32,
        /// Time-outs.
        time_out_errors: u32,
        /// Alignment errors.
        alignment_errors: u32,
    },
}

counted_enum! {
    /// The states of the control connection's receiver (RFC 2637 §3.1.2).
    pub enum ControlState {
        /// The client has not asked for a control connection.
        Idle => "idle",
        /// Calls may be placed.
        Established => "established",
        /// Our Stop-Control-Connection-Request is on its way.
        WaitStopReply => "wait_stop_reply",
        /// The last bytes are being written; nothing is read any more.
        Draining => "draining",
        /// [`Output::Close`] was given.
        Closed => "closed",
    }
}

counted_enum! {
    /// Messages that the RFC does not foresee where they came.
    pub enum Misbehaviour {
        /// A message before Start-Control-Connection-Request; closes.
        MessageBeforeStart => "message_before_start",
        /// A second Start-Control-Connection-Request.
        StartRepeated => "start_repeated",
        /// A reply to something we never ask.
        ReplyUnasked => "reply_unasked",
        /// An Echo-Reply whose identifier is not that of the outstanding Echo-Request.
        EchoIdentifierWrong => "echo_identifier_wrong",
        /// An Incoming-Call-Request: the client offers us a call as if it were the PAC.
        IncomingCallOffered => "incoming_call_offered",
        /// An Outgoing-Call-Request with a Call ID that is in use.
        CallIdRepeated => "call_id_repeated",
        /// An Outgoing-Call-Request beyond `calls_max`.
        CallsTooMany => "calls_too_many",
        /// A Call-Clear-Request or Call-Disconnect-Notify for no call of this connection.
        CallUnknown => "call_unknown",
        /// Set-Link-Info or WAN-Error-Notify faster than the session takes them; not passed on.
        InformationFlood => "information_flood",
    }
}

counted_enum! {
    /// Why a control connection ended.
    pub enum CloseReason {
        /// The client closed TCP.
        PeerClosed => "peer_closed",
        /// The client sent Stop-Control-Connection-Request.
        PeerStopped => "peer_stopped",
        /// The client cleared its last call and then did not close TCP.
        PeerCleared => "peer_cleared",
        /// We ended the last call.
        CallsEnded => "calls_ended",
        /// We sent Stop-Control-Connection-Request.
        Stopped => "stopped",
        /// The client did not establish the control connection in time.
        EstablishTimeout => "establish_timeout",
        /// The control connection had no established call for too long.
        NoCall => "no_call",
        /// Our Echo-Request was not answered in time.
        EchoTimeout => "echo_timeout",
        /// The client speaks another version of the protocol.
        VersionUnsupported => "version_unsupported",
        /// The client sent what is not a control message: see `Control::malformed`.
        Malformed => "malformed",
        /// The client sent a message that cannot come first.
        MessageBeforeStart => "message_before_start",
        /// The client does not read what we send.
        PeerNotReading => "peer_not_reading",
    }
}

impl CloseReason {
    /// A sentence for logs and `pns explain`.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::PeerClosed => "the client closed the control connection",
            Self::PeerStopped => "the client asked to stop the control connection",
            Self::PeerCleared => "the client cleared its last call",
            Self::CallsEnded => "the server ended the last call",
            Self::Stopped => "the server stopped the control connection",
            Self::EstablishTimeout => {
                "the client connected but sent no Start-Control-Connection-Request in time"
            }
            Self::NoCall => "the control connection was without an established call for too long",
            Self::EchoTimeout => "the client did not answer an Echo-Request",
            Self::VersionUnsupported => "the client asked for a protocol version other than 1.0",
            Self::Malformed => "the client sent something that is not a PPTP control message",
            Self::MessageBeforeStart => {
                "the client sent another message before Start-Control-Connection-Request"
            }
            Self::PeerNotReading => "the client does not read what the server sends",
        }
    }
}
