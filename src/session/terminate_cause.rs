//! What the bill says of the end of a call.

use super::EndReason;
use crate::aaa::accounting::TerminateCause;
use crate::ppp::link as ppp;
use crate::pptp::CloseReason;
use crate::wire::pptp::DisconnectResult;

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
            Self::QuotaUsed => TerminateCause::NasRequest,
            Self::DisconnectRequested | Self::AdministrativeStop => TerminateCause::AdminReset,
            Self::Replaced => TerminateCause::PortPreempted,
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
    fn every_cause_but_a_crash_is_one_that_calls_end_for() {
        for cause in TerminateCause::ALL {
            let has = |reason: EndReason| reason.terminate_cause() == *cause;
            let ends = EndReason::every().into_iter().any(has);
            assert_eq!(ends, *cause != TerminateCause::NasReboot, "{cause}");
        }
    }
}
