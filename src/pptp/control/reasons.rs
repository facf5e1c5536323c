//! Where a control connection stands, what its peer did wrong, and why it ended.

use crate::counted_enum;

counted_enum! {
    /// The states of the control connection (RFC 2637 §3.1.1 for the end that opened TCP, §3.1.2 for
    /// the other).
    pub enum ControlState {
        /// The peer opened TCP and has not asked for a control connection.
        Idle => "idle",
        /// We opened TCP; our Start-Control-Connection-Request is on its way (wait_ctl_reply).
        WaitStartReply => "wait_start_reply",
        /// The peer opened TCP and lost the race of §3.1.3: it has to close, and nothing may be sent.
        Held => "held",
        /// Calls may be placed.
        Established => "established",
        /// Our Stop-Control-Connection-Request is on its way.
        WaitStopReply => "wait_stop_reply",
        /// The last bytes are being written; nothing is read any more.
        Draining => "draining",
        /// [`super::Output::Close`] was given.
        Closed => "closed",
    }
}

counted_enum! {
    /// Messages that the RFC does not foresee where they came.
    pub enum Misbehaviour {
        /// A message before the one that starts the control connection; closes.
        MessageBeforeStart => "message_before_start",
        /// A second Start-Control-Connection-Request.
        StartRepeated => "start_repeated",
        /// A reply to what was not asked.
        ReplyUnasked => "reply_unasked",
        /// An Echo-Reply whose identifier is not that of the outstanding Echo-Request.
        EchoIdentifierWrong => "echo_identifier_wrong",
        /// An Echo-Request was not answered, and a call of the connection was heard meanwhile.
        EchoUnanswered => "echo_unanswered",
        /// An Incoming-Call-Request, and the configuration takes none.
        IncomingCallOffered => "incoming_call_offered",
        /// A call with a Call ID that is in use on this control connection.
        CallIdRepeated => "call_id_repeated",
        /// A call beyond `calls_max`.
        CallsTooMany => "calls_too_many",
        /// A Call-Clear-Request or Call-Disconnect-Notify for no call of this connection.
        CallUnknown => "call_unknown",
        /// Our Call-Clear-Request was never answered with Call-Disconnect-Notify.
        DisconnectOwed => "disconnect_owed",
        /// Set-Link-Info of a wrong length; skipped.
        LinkInfoMalformed => "link_info_malformed",
        /// Set-Link-Info or WAN-Error-Notify faster than the session takes them; not passed on.
        InformationFlood => "information_flood",
    }
}

counted_enum! {
    /// Why a control connection ended.
    pub enum CloseReason {
        /// The peer closed TCP.
        PeerClosed => "peer_closed",
        /// The peer sent Stop-Control-Connection-Request.
        PeerStopped => "peer_stopped",
        /// The peer cleared its last call and then did not close TCP.
        PeerCleared => "peer_cleared",
        /// We ended the last call, or have no more use for a connection that we opened.
        CallsEnded => "calls_ended",
        /// We sent Stop-Control-Connection-Request.
        Stopped => "stopped",
        /// The control connection was not established in time.
        EstablishTimeout => "establish_timeout",
        /// The control connection had no established call for too long.
        NoCall => "no_call",
        /// Our Echo-Request was not answered in time.
        EchoTimeout => "echo_timeout",
        /// The peer speaks another version of the protocol.
        VersionUnsupported => "version_unsupported",
        /// The peer sent what is not a control message: see `Control::malformed`.
        Malformed => "malformed",
        /// The peer sent a message that cannot come first.
        MessageBeforeStart => "message_before_start",
        /// The peer does not read what we send.
        PeerNotReading => "peer_not_reading",
        /// The TCP connection that we wanted to open did not open.
        PeerUnreachable => "peer_unreachable",
        /// The peer refused our Start-Control-Connection-Request: see `Control::start_refusal`.
        StartRefused => "start_refused",
        /// Both ends opened a control connection at once; the peer's is used.
        CollisionLost => "collision_lost",
        /// Both ends opened a control connection at once; ours is used.
        CollisionWon => "collision_won",
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
                "TCP was connected, but the control connection was not established in time: there \
                 was no Start-Control-Connection-Request, or no reply to ours"
            }
            Self::NoCall => "the control connection was without an established call for too long",
            Self::EchoTimeout => "the client did not answer an Echo-Request",
            Self::VersionUnsupported => "the client asked for a protocol version other than 1.0",
            Self::Malformed => "the client sent something that is not a PPTP control message",
            Self::MessageBeforeStart => {
                "the client sent another message before Start-Control-Connection-Request"
            }
            Self::PeerNotReading => "the client does not read what the server sends",
            Self::PeerUnreachable => {
                "no TCP connection to the peer: check its address and port, and what is between"
            }
            Self::StartRefused => "the peer refused our Start-Control-Connection-Request",
            Self::CollisionLost => {
                "both ends opened a control connection at once, and the peer's is used"
            }
            Self::CollisionWon => "both ends opened a control connection at once, and ours is used",
        }
    }
}
