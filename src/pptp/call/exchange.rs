//! What happens to a call, and what the control connection has to do about it: the words that the
//! four state tables share.

use std::fmt;

use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    Bearer, DisconnectResult, Framing, GeneralError, IncomingCallRequest, IncomingCallResult,
    OutgoingCallRequest, OutgoingCallResult, Text,
};

/// A call that we place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOffer {
    /// As the PNS we ask the PAC to dial out: Outgoing-Call-Request (RFC 2637 §2.7).
    Outgoing {
        /// Lowest acceptable line speed, bits a second.
        minimum_bps: u32,
        /// Highest acceptable line speed, bits a second.
        maximum_bps: u32,
        /// Bearer that the call needs.
        bearer: Bearer,
        /// Framing that the call needs.
        framing: Framing,
        /// Number to dial.
        phone_number: Text<64>,
        /// Further dialling information.
        subaddress: Text<64>,
    },
    /// As the PAC we announce a caller to the PNS: Incoming-Call-Request (RFC 2637 §2.9).
    Incoming {
        /// Bearer of the call.
        bearer: Bearer,
        /// Number that the caller dialed.
        dialed_number: Text<64>,
        /// Number of the caller.
        dialing_number: Text<64>,
        /// Further dialling information.
        subaddress: Text<64>,
    },
}

/// What the peer says of an established call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Line speed, bits a second.
    pub connect_speed_bps: u32,
    /// GRE packets that the peer will buffer.
    pub receive_window: u16,
    /// Delay of packet processing at the peer, tenths of a second.
    pub processing_delay: u16,
}

/// Why a call of ours was not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceRefusal {
    /// The peer's Outgoing-Call-Reply (RFC 2637 §2.8).
    Outgoing {
        /// Any result but [`OutgoingCallResult::CONNECTED`].
        result: OutgoingCallResult,
        /// Why, if the result is a general error.
        error: GeneralError,
        /// Further information, as the PAC's line gave it.
        cause: u16,
    },
    /// The peer's Incoming-Call-Reply (RFC 2637 §2.10).
    Incoming {
        /// Any result but [`IncomingCallResult::CONNECT`].
        result: IncomingCallResult,
        /// Why, if the result is a general error.
        error: GeneralError,
    },
    /// The peer accepted it with a Call ID that another call of the control connection has.
    CallIdRepeated,
    /// The control connection carries as many calls as it may.
    CallsTooMany,
}

impl PlaceRefusal {
    /// The name in logs and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outgoing { result, .. } => match result {
                OutgoingCallResult::GENERAL_ERROR => "general_error",
                OutgoingCallResult::NO_CARRIER => "no_carrier",
                OutgoingCallResult::BUSY => "busy",
                OutgoingCallResult::NO_DIAL_TONE => "no_dial_tone",
                OutgoingCallResult::TIME_OUT => "time_out",
                OutgoingCallResult::DO_NOT_ACCEPT => "do_not_accept",
                OutgoingCallResult(_) => "result_unknown",
            },
            Self::Incoming { result, .. } => match result {
                IncomingCallResult::GENERAL_ERROR => "announcement_general_error",
                IncomingCallResult::DO_NOT_ACCEPT => "announcement_not_accepted",
                IncomingCallResult(_) => "announcement_result_unknown",
            },
            Self::CallIdRepeated => "call_id_repeated",
            Self::CallsTooMany => "calls_too_many",
        }
    }

    /// One of each name, for tables and tests.
    #[must_use]
    pub fn every() -> Vec<Self> {
        let error = GeneralError::NONE;
        let outgoing = |result| Self::Outgoing {
            result: OutgoingCallResult(result),
            error,
            cause: 0,
        };
        let incoming = |result| Self::Incoming {
            result: IncomingCallResult(result),
            error,
        };
        let known = [Self::CallIdRepeated, Self::CallsTooMany];
        [2, 3, 4, 5, 6, 7, 0]
            .map(outgoing)
            .into_iter()
            .chain([2, 3, 0].map(incoming))
            .chain(known)
            .collect()
    }

    /// A sentence for an operator.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Outgoing { result, .. } => match result {
                OutgoingCallResult::GENERAL_ERROR => {
                    "The access concentrator answered with a general error: see its own log."
                }
                OutgoingCallResult::NO_CARRIER => {
                    "The access concentrator dialled and found no carrier."
                }
                OutgoingCallResult::BUSY => {
                    "The number that the access concentrator dialled is busy."
                }
                OutgoingCallResult::NO_DIAL_TONE => {
                    "The access concentrator found no dial tone on its line."
                }
                OutgoingCallResult::TIME_OUT => {
                    "The access concentrator could not connect the call in the time that it allows."
                }
                OutgoingCallResult::DO_NOT_ACCEPT => {
                    "The access concentrator may not place this call: check what it allows us, and \
                     peer.phone_number."
                }
                OutgoingCallResult(_) => {
                    "The access concentrator refused the call with a result that RFC 2637 does not know."
                }
            },
            Self::Incoming { result, .. } => match result {
                IncomingCallResult::GENERAL_ERROR => {
                    "The network server answered with a general error: see its own log."
                }
                IncomingCallResult::DO_NOT_ACCEPT => {
                    "The network server does not take the call: check that it accepts incoming calls, \
                     and the numbers of the peer."
                }
                IncomingCallResult(_) => {
                    "The network server refused the call with a result that RFC 2637 does not know."
                }
            },
            Self::CallIdRepeated => {
                "The peer gave the call a Call ID that another call of the connection has: its fault."
            }
            Self::CallsTooMany => "The control connection carries as many calls as it may.",
        }
    }
}

impl fmt::Display for PlaceRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outgoing {
                result,
                error,
                cause,
            } => write!(formatter, "{result}, error {error}, cause {cause}"),
            Self::Incoming { result, error } => write!(formatter, "{result}, error {error}"),
            Self::CallIdRepeated | Self::CallsTooMany => formatter.write_str(self.name()),
        }
    }
}

/// How the peer ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By Call-Clear-Request (RFC 2637 §2.12).
    Cleared,
    /// By Call-Disconnect-Notify (RFC 2637 §2.13).
    Disconnected {
        /// Why; Windows always says 0.
        result: DisconnectResult,
        /// More, if the result is a general error.
        error: GeneralError,
        /// Q.931 cause code, 0 for none.
        cause: u16,
    },
}

/// How we end a call. Call-Disconnect-Notify says it, where we are the PAC; Call-Clear-Request has
/// no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// Why.
    pub result: DisconnectResult,
    /// More, if the result is a general error.
    pub error: GeneralError,
    /// Q.931 cause code, 0 for none.
    pub cause: u16,
}

impl Disconnect {
    /// The answer to Call-Clear-Request.
    pub(in crate::pptp) const REQUESTED: Self = Self {
        result: DisconnectResult::REQUEST,
        error: GeneralError::NONE,
        cause: 0,
    };
}

/// The request that begins a call, from either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pptp) enum Request<'a> {
    /// The peer's Outgoing-Call-Request.
    PeerOutgoing(&'a OutgoingCallRequest),
    /// The peer's Incoming-Call-Request.
    PeerIncoming(&'a IncomingCallRequest),
    /// Ours, of either kind.
    Own { serial: u16, offer: &'a CallOffer },
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pptp) enum CallInput<'a> {
    /// One end asks for it.
    Begun(Request<'a>),
    /// The session took the peer's call, under our Call ID.
    Accepted(CallId),
    /// The session did not. An Incoming-Call-Reply has words for a general error only.
    Refused {
        result: OutgoingCallResult,
        error: GeneralError,
    },
    /// The session ends the call.
    Disconnected(Disconnect),
    /// Outgoing-Call-Reply or Incoming-Call-Reply accepts our call, under this Call ID.
    PeerAccepted { peer_call_id: CallId, line: Line },
    /// It refuses it.
    PeerRefused(PlaceRefusal),
    /// Incoming-Call-Connected.
    PeerConnected(Line),
    /// Call-Clear-Request or Call-Disconnect-Notify. Which of the two an end should send depends on
    /// its part; clients send either (Windows, Android), and the call is over both ways.
    PeerEnded(Ending),
}

/// What the control connection has to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pptp) enum CallAction<'a> {
    /// Ask the session about the peer's request, or send our own.
    Begin(Request<'a>),
    /// Refuse the request: its Call ID belongs to a call of this control connection.
    RefuseRepeated(Request<'a>),
    /// Send the reply that accepts the peer's call.
    ReplyAccepted,
    /// Send the reply that refuses it.
    ReplyRefused {
        result: OutgoingCallResult,
        error: GeneralError,
    },
    /// Send Incoming-Call-Connected, and tell the session that its call is up.
    Connect(Line),
    /// Tell the session that the call is up.
    ReportConnected(Line),
    /// Tell the session that its call was refused.
    ReportRefused(PlaceRefusal),
    /// Tell the session that the peer ended the call.
    ReportEnded(Ending),
    /// The same, and send Call-Disconnect-Notify.
    NotifyAndReportEnded(Ending),
    /// Send Call-Disconnect-Notify.
    Notify(Disconnect),
    /// Send Call-Clear-Request.
    Clear,
    /// There is no such call.
    Unknown,
    /// The peer answered what was not asked.
    Unasked,
    /// Nothing is left to do.
    Nothing,
}
