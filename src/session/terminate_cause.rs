//! What the bill says of the end of a call.

use super::EndReason;
use crate::counted_enum;
use crate::ppp::link as ppp;
use crate::pptp::CloseReason;
use crate::wire::pptp::DisconnectResult;

counted_enum! {
    /// Acct-Terminate-Cause (RFC 2866 §5.10), as far as calls end for it.
    pub enum TerminateCause {
        /// The client hung up, or just closed its TCP connection.
        UserRequest => "user_request",
        /// The client, or the line to it, went silent.
        LostCarrier => "lost_carrier",
        /// No traffic for too long.
        IdleTimeout => "idle_timeout",
        /// The time granted is over.
        SessionTimeout => "session_timeout",
        /// An operator ended the call.
        AdminReset => "admin_reset",
        /// The server stops.
        AdminReboot => "admin_reboot",
        /// The server could not carry the call on.
        NasError => "nas_error",
        /// The server ended the call, and nothing was wrong.
        NasRequest => "nas_request",
        /// A newer session of the same user took its place.
        PortPreempted => "port_preempted",
        /// Somebody whom the server needs did not answer.
        ServiceUnavailable => "service_unavailable",
        /// The client asked for what it does not get, or broke the protocol.
        UserError => "user_error",
    }
}

impl TerminateCause {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::UserRequest => 1,
            Self::LostCarrier => 2,
            Self::IdleTimeout => 4,
            Self::SessionTimeout => 5,
            Self::AdminReset => 6,
            Self::AdminReboot => 7,
            Self::NasError => 9,
            Self::NasRequest => 10,
            Self::PortPreempted => 13,
            Self::ServiceUnavailable => 15,
            Self::UserError => 17,
        }
    }
}

impl EndReason {
    /// What the bill says.
    #[must_use]
    pub const fn terminate_cause(self) -> TerminateCause {
        match self {
            Self::Link(reason) => of_link(reason),
            Self::Control(reason) => of_control(reason),
            Self::DisconnectedByPeer(DisconnectResult::LOST_CARRIER) | Self::NotConnected => {
                TerminateCause::LostCarrier
            }
            Self::ClearedByPeer | Self::DisconnectedByPeer(_) | Self::RefusedByPeer(_) => {
                TerminateCause::UserRequest
            }
            Self::SetupTimeout | Self::NoAddress(_) | Self::Worker(_) | Self::OutboxFull => {
                TerminateCause::NasError
            }
            Self::AddressConflict => TerminateCause::UserError,
            Self::Replaced => TerminateCause::PortPreempted,
            Self::AdministrativeStop => TerminateCause::AdminReset,
        }
    }
}

const fn of_link(reason: ppp::EndReason) -> TerminateCause {
    use ppp::EndReason as Reason;
    match reason {
        Reason::PeerTerminated
        | Reason::CallCleared
        | Reason::ControlConnectionClosed
        | Reason::NetworkClosedByPeer
        | Reason::MppeClosedByPeer => TerminateCause::UserRequest,
        Reason::EchoTimeout
        | Reason::LoopDetected
        | Reason::NegotiationTimeoutLcp
        | Reason::NegotiationTimeoutCcp
        | Reason::NegotiationTimeoutIpcp
        | Reason::AuthenticationTimeout => TerminateCause::LostCarrier,
        Reason::IdleTimeout => TerminateCause::IdleTimeout,
        Reason::SessionTimeout => TerminateCause::SessionTimeout,
        Reason::AdministrativeStop => TerminateCause::AdminReset,
        Reason::Shutdown => TerminateCause::AdminReboot,
        Reason::InternalFailure => TerminateCause::NasError,
        Reason::DecisionTimeout | Reason::AuthenticationServerFault => {
            TerminateCause::ServiceUnavailable
        }
        Reason::NegotiationDidNotConverge
        | Reason::ProtocolFailure
        | Reason::RenegotiationLimit
        | Reason::AuthenticationNotAgreed
        | Reason::AuthenticationFailed
        | Reason::ReauthenticationFailed
        | Reason::LogonHoursRestricted
        | Reason::AccountDisabled
        | Reason::PasswordExpired
        | Reason::DialInNotPermitted
        | Reason::PasswordChangeFailed
        | Reason::LoginMethodNotAllowed
        | Reason::LoginRefused
        | Reason::LoginPasswordExpired
        | Reason::LoginNotPermitted
        | Reason::LoginUnanswered
        | Reason::PeerNotProven
        | Reason::MppeNoStrength
        | Reason::MppeStatefulOnly
        | Reason::MppeCompressionOnly
        | Reason::MppeStrengthNotAllowed
        | Reason::MppeRefusedByPeer
        | Reason::MppeProtocolRejected
        | Reason::MppeNotOffered
        | Reason::MppeNotAgreed
        | Reason::MppcCallsFull
        | Reason::MppeKeysMissing
        | Reason::IdentityChanged
        | Reason::RekeyNotPossible
        | Reason::AddressNotAgreed
        | Reason::AddressNotAssigned
        | Reason::AddressChanged
        | Reason::NetworkRefusedByPeer => TerminateCause::UserError,
    }
}

const fn of_control(reason: CloseReason) -> TerminateCause {
    match reason {
        CloseReason::PeerClosed | CloseReason::PeerStopped | CloseReason::PeerCleared => {
            TerminateCause::UserRequest
        }
        CloseReason::EchoTimeout | CloseReason::PeerNotReading | CloseReason::PeerUnreachable => {
            TerminateCause::LostCarrier
        }
        CloseReason::Stopped => TerminateCause::AdminReboot,
        CloseReason::CallsEnded
        | CloseReason::NoCall
        | CloseReason::CollisionLost
        | CloseReason::CollisionWon => TerminateCause::NasRequest,
        CloseReason::EstablishTimeout
        | CloseReason::VersionUnsupported
        | CloseReason::Malformed
        | CloseReason::MessageBeforeStart
        | CloseReason::StartRefused => TerminateCause::UserError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_rfc_2866_and_all_are_in_use() {
        let numbers: Vec<u32> = TerminateCause::ALL
            .iter()
            .map(|cause| cause.number())
            .collect();
        assert_eq!(numbers, [1, 2, 4, 5, 6, 7, 9, 10, 15, 17]);
        for cause in TerminateCause::ALL {
            let has = |reason: EndReason| reason.terminate_cause() == *cause;
            assert!(EndReason::every().into_iter().any(has), "{cause}");
        }
    }
}
