//! What a link refused or ignored, each with a counter.

use crate::counted_enum;
use crate::wire::{chap, eap, options, pap, ppp};

counted_enum! {
    /// Something that came in and was not obeyed.
    pub enum Refusal {
        /// Not a PPP frame.
        MalformedFrame => "malformed_frame",
        /// Not a control packet.
        MalformedPacket => "malformed_packet",
        /// Option lengths that do not add up.
        MalformedOptions => "malformed_options",
        /// An option type twice in one Configure-Nak or -Reject.
        DuplicateOption => "duplicate_option",
        /// Not a CHAP packet, or not one of the algorithm that was agreed on.
        MalformedChap => "malformed_chap",
        /// Not a PAP packet.
        MalformedPap => "malformed_pap",
        /// Not an EAP packet.
        MalformedEap => "malformed_eap",
        /// A protocol or packet for which the link is not ready (RFC 1661 §3.4 to §3.7).
        WrongPhase => "wrong_phase",
        /// A frame of an authentication protocol that was not negotiated.
        UnnegotiatedAuthentication => "unnegotiated_authentication",
        /// A data frame among control frames.
        DataFrame => "data_frame",
        /// A protocol that PNS does not speak; answered by Protocol-Reject.
        UnsupportedProtocol => "unsupported_protocol",
        /// A code that the protocol does not have; answered by Code-Reject.
        UnknownCode => "unknown_code",
        /// A Protocol-Reject or Code-Reject that was not sent since there were too many.
        RejectSuppressed => "reject_suppressed",
        /// An Ack, Nak or Reject that does not fit our outstanding request.
        AnswerMismatch => "answer_mismatch",
        /// A Terminate-Ack that is older than the agreement that we have.
        StaleTerminateAck => "stale_terminate_ack",
        /// A repeated Configure-Request that was acknowledged again without a renegotiation.
        RequestRepeated => "request_repeated",
        /// A Response, of whatever protocol, that nobody waits for.
        UnexpectedResponse => "unexpected_response",
        /// A CHAP packet that only an authenticator may send.
        UnexpectedChap => "unexpected_chap",
        /// A PAP packet that only an authenticator may send.
        UnexpectedPap => "unexpected_pap",
        /// An EAP packet that only an authenticator may send.
        UnexpectedEap => "unexpected_eap",
        /// A Success or Failure that is about nothing that we said, or contradicts the one before.
        UnexpectedVerdict => "unexpected_verdict",
        /// An EAP Request of the authentication server that cannot be passed on.
        UnfitEapRequest => "unfit_eap_request",
        /// A decision on credentials that are not in question any more.
        UnexpectedDecision => "unexpected_decision",
        /// A wish to flush a stream, or the answer to one, without meaning in stateless mode.
        ResetIgnored => "reset_ignored",
        /// A Reset-Ack without its request.
        UnexpectedResetAck => "unexpected_reset_ack",
        /// A copy of a Reset-Request: acknowledged, but the stream was flushed a moment ago.
        ResetRepeated => "reset_repeated",
        /// A worker wanted a reset that is under way already.
        ResetPending => "reset_pending",
        /// An Echo-Reply without its request.
        UnexpectedEchoReply => "unexpected_echo_reply",
        /// An Echo-Reply that carries our own magic number.
        EchoReplyOwnMagic => "echo_reply_own_magic",
        /// An Echo-Request that carries our own magic number.
        EchoRequestOwnMagic => "echo_request_own_magic",
        /// An Echo-Request that was not answered since there were too many.
        EchoSuppressed => "echo_suppressed",
        /// A Protocol-Reject of user data.
        DataRejected => "data_rejected",
        /// An Echo packet without a magic number.
        MalformedEcho => "malformed_echo",
        /// A frame of ours that was dropped because the queue was full.
        OutboxFull => "outbox_full",
    }
}

impl From<ppp::Malformed> for Refusal {
    fn from(reason: ppp::Malformed) -> Self {
        match reason {
            ppp::Malformed::FrameTooShort | ppp::Malformed::ProtocolField => Self::MalformedFrame,
            ppp::Malformed::PacketTooShort
            | ppp::Malformed::LengthBelowHeader
            | ppp::Malformed::LengthBeyondFrame => Self::MalformedPacket,
        }
    }
}

impl From<options::Malformed> for Refusal {
    fn from(reason: options::Malformed) -> Self {
        match reason {
            options::Malformed::Truncated
            | options::Malformed::LengthBelowTwo
            | options::Malformed::BeyondPacket => Self::MalformedOptions,
        }
    }
}

impl From<chap::Malformed> for Refusal {
    fn from(reason: chap::Malformed) -> Self {
        match reason {
            chap::Malformed::Packet
            | chap::Malformed::ValueSize
            | chap::Malformed::ResponseValue
            | chap::Malformed::ChangePassword
            | chap::Malformed::NameTooLong => Self::MalformedChap,
            chap::Malformed::Code => Self::UnexpectedChap,
        }
    }
}

impl From<pap::Malformed> for Refusal {
    fn from(reason: pap::Malformed) -> Self {
        match reason {
            pap::Malformed::Packet | pap::Malformed::Code | pap::Malformed::Lengths => {
                Self::MalformedPap
            }
        }
    }
}

impl From<eap::Malformed> for Refusal {
    fn from(reason: eap::Malformed) -> Self {
        match reason {
            eap::Malformed::Packet
            | eap::Malformed::Code
            | eap::Malformed::TypeMissing
            | eap::Malformed::ResultWithData
            | eap::Malformed::TypeData => Self::MalformedEap,
        }
    }
}

/// Counters of one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals([u32; Refusal::COUNT]);

impl Default for Refusals {
    fn default() -> Self {
        Self([0; Refusal::COUNT])
    }
}

impl Refusals {
    /// How often `refusal` happened.
    #[must_use]
    pub fn get(&self, refusal: Refusal) -> u32 {
        self.0.get(refusal.index()).copied().unwrap_or_default()
    }

    /// Every refusal that happened, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u32)> + '_ {
        Refusal::ALL
            .iter()
            .map(|&refusal| (refusal, self.get(refusal)))
            .filter(|(_, n)| *n > 0)
    }

    pub(super) fn count(&mut self, refusal: Refusal) {
        if let Some(counter) = self.0.get_mut(refusal.index()) {
            *counter = counter.saturating_add(1);
        }
    }
}
