//! What goes into a control connection and what comes out.

use std::time::Duration;

use super::reasons::CloseReason;
use crate::pptp::call::{CallOffer, Disconnect, Ending, Line, PlaceRefusal};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    Bearer, Framing, GeneralError, IncomingCallRequest, OutgoingCallRequest, OutgoingCallResult,
    SetLinkInfo, StopReason, Text, WanErrorNotify,
};

/// What all control connections of a listener have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// Our name in Start-Control-Connection-Request and -Reply; cut at 64 octets.
    pub host_name: String,
    /// What we call ourselves there; cut at 64 octets.
    pub vendor_name: String,
    /// Framing Capabilities that we announce (RFC 2637 §2.2).
    pub framing: Framing,
    /// How long a peer may take to establish the control connection, and how long it may then
    /// be without an established call (RFC 2637 §3.1.4 says 60 s for the former).
    pub establish_timeout: Duration,
    /// Silence after which an Echo-Request is sent (RFC 2637 §3.1.4: 60 s); zero sends none.
    pub echo_interval: Duration,
    /// How long its Echo-Reply may take (RFC 2637 §3.1.4: 60 s).
    pub echo_timeout: Duration,
    /// Calls that we say we can support at once.
    pub maximum_channels: u16,
    /// Line speed that we announce for every call, bits a second; nobody is held to it.
    pub connect_speed_bps: u32,
    /// GRE packets that we say we will buffer. Zero would stop Apple's clients: sent as 1.
    pub receive_window: u16,
    /// Bytes that may wait for a peer that does not read.
    pub out_buffer_bytes_max: usize,
    /// Calls on one control connection.
    pub calls_max: usize,
    /// Whether a PAC may offer us incoming calls (RFC 2637 §3.2.3).
    pub incoming_calls: bool,
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
            connect_speed_bps: 100_000_000,
            receive_window: 64,
            out_buffer_bytes_max: 8192,
            calls_max: 64,
            incoming_calls: true,
        }
    }
}

/// What happens to a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Bytes from the peer, in any segmentation.
    Bytes(&'a [u8]),
    /// The peer closed the TCP connection, or it broke: all calls are gone.
    PeerClosed,
    /// The TCP connection that was to be opened to the peer could not be opened.
    ConnectFailed,
    /// The session took the call that [`Event::CallRequested`] or [`Event::CallOffered`] asked for.
    CallAccepted {
        /// The peer's Call ID.
        peer_call_id: CallId,
        /// Our Call ID; the session makes sure that it is unique.
        local_call_id: CallId,
    },
    /// The session did not take it.
    CallRefused {
        /// The peer's Call ID.
        peer_call_id: CallId,
        /// What to tell the peer. Of a call that the peer offered only a general error is told as
        /// such; everything else is "do not accept" (RFC 2637 §2.10).
        result: OutgoingCallResult,
        /// Why, if the result is a general error.
        error: GeneralError,
    },
    /// A call of this connection was heard a moment ago, although the control connection is silent:
    /// an Echo-Reply that is overdue is not waited for any longer.
    CallHeard,
    /// The session places a call: as the PNS it asks the peer to dial, as the PAC it announces a
    /// caller. Answered with [`Event::CallConnected`] or [`Event::CallFailed`]; without effect when
    /// the control connection is not established.
    PlaceCall {
        /// Our Call ID; the session makes sure that it is unique.
        local_call_id: CallId,
        /// Number of the call for logs of both ends.
        serial: u16,
        /// The call.
        offer: &'a CallOffer,
    },
    /// The session ends a call. Where we are the PAC the peer gets a Call-Disconnect-Notify with our
    /// Call ID, and after the last call the TCP connection closes too, since Windows and Apple go by
    /// that. Where we are the PNS it gets a Call-Clear-Request and owes the notify.
    /// Without effect if the call is gone already.
    Disconnect {
        /// Our Call ID.
        local_call_id: CallId,
        /// What to tell the peer.
        disconnect: Disconnect,
    },
    /// Nobody will place another call on this control connection, which we opened: it stops as soon
    /// as no call is left. [`Self::PlaceCall`] takes it back.
    Release,
    /// We have sent Start-Control-Connection-Request to the same peer on another TCP connection,
    /// and our address is the higher one (RFC 2637 §3.1.3): nothing is sent on this connection.
    CollisionWon,
    /// That other connection has failed: a request that is held here may be answered.
    CollisionOver,
    /// The same peer has established a control connection meanwhile: this one, which we opened, is
    /// closed without another word (RFC 2637 §3.1.3).
    GiveWay,
    /// Ends the control connection and all its calls with a Stop-Control-Connection-Request.
    Stop(StopReason),
}

/// What the owner has to know. Bytes to send come from [`super::Control::pending`].
// It is taken apart at once, and few wait at a time.
#[expect(
    clippy::large_enum_variant,
    reason = "a message is passed by value here as everywhere"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Something for the session.
    Event(Event),
    /// Close the TCP connection. The last output: what is still pending need not be written.
    Close(CloseReason),
}

/// The end that began a call gave it the only name that it has from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallName {
    /// A call that the peer began, by the peer's Call ID.
    Peers(CallId),
    /// A call that we began, by our Call ID.
    Ours(CallId),
}

/// What the peer asked for or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The control connection is established.
    Established {
        /// The peer's host name; often empty.
        host: Text<64>,
        /// What the peer calls itself.
        vendor: Text<64>,
        /// Framing that the peer can provide.
        framing: Framing,
        /// Bearers that the peer can provide.
        bearer: Bearer,
        /// Calls that the peer says it can support.
        maximum_channels: u16,
        /// The peer's firmware revision.
        firmware_revision: u16,
    },
    /// The peer wants us to place a call: what a client dials in with. Its Call ID is unique within
    /// this control connection only. Answer with [`Input::CallAccepted`] or [`Input::CallRefused`],
    /// even if the call was ended in between.
    CallRequested(OutgoingCallRequest),
    /// The peer announces a call. To be answered likewise; an accepted call is up with
    /// [`Self::CallConnected`].
    CallOffered(IncomingCallRequest),
    /// A call that we placed, or accepted from a PAC, is up.
    CallConnected {
        /// Our Call ID.
        local_call_id: CallId,
        /// The peer's Call ID.
        peer_call_id: CallId,
        /// What the peer says of it.
        line: Line,
    },
    /// A call that we placed will not be.
    CallFailed {
        /// Our Call ID.
        local_call_id: CallId,
        /// Why.
        refusal: PlaceRefusal,
    },
    /// The peer ended the call. What the RFC asks for has been answered already, and a later
    /// [`Input::Disconnect`] has no effect.
    CallEnded {
        /// The call.
        call: CallName,
        /// How.
        ending: Ending,
    },
    /// Set-Link-Info. The Call ID is as the peer sent it, which may be wrong.
    LinkInfo(SetLinkInfo),
    /// WAN-Error-Notify. The Call ID is as the peer sent it, which may be wrong.
    WanError(WanErrorNotify),
}
