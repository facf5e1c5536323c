//! From a cause and what was seen to the finding: every reason of every machine has one, and a new
//! reason does not compile without.

mod table;

pub use table::Finding;

use super::{Cause, Facts, Stage};
use crate::aaa::{LeaseRefusal, Rejection};
use crate::flow::OpenRefusal;
use crate::ppp::link as ppp;
use crate::pptp::CloseReason;
use crate::session::call_ids::CallIdRefusal;
use crate::session::types::CallRefusal;
use crate::session::{AcceptRefusal, AdmissionRefusal, EndReason};

/// What the end means.
#[must_use]
pub fn find(cause: Cause, facts: &Facts) -> Finding {
    match cause {
        Cause::NotAccepted(AcceptRefusal::Limit(limit)) => of_limit(limit),
        Cause::NotAccepted(AcceptRefusal::LocalAddressUnknown) => Finding::NotListening,
        Cause::NotAccepted(AcceptRefusal::Stopping) => Finding::ServerStopping,
        Cause::Control(reason) => of_control(reason),
        Cause::CallRefused(refusal) => of_call_refusal(refusal),
        Cause::Ended(reason) => match of_end(reason, facts) {
            finding if wrong_keys_explain(finding, facts) => Finding::KeysWrong,
            finding => finding,
        },
    }
}

const fn of_limit(limit: AdmissionRefusal) -> Finding {
    match limit {
        AdmissionRefusal::ControlConnections | AdmissionRefusal::HalfOpen => Finding::ServerFull,
        AdmissionRefusal::ControlConnectionsPerSource => Finding::SourceFull,
        AdmissionRefusal::Calls => Finding::CallsFull,
        AdmissionRefusal::CallsPerSource => Finding::CallsOfSourceFull,
    }
}

const fn of_call_refusal(refusal: CallRefusal) -> Finding {
    match refusal {
        CallRefusal::Limit(limit) => of_limit(limit),
        CallRefusal::Rate => Finding::CallsTooFast,
        CallRefusal::StartRate => Finding::StartsLimited,
        CallRefusal::SourceRate => Finding::StartsOfSourceLimited,
        CallRefusal::SourceBackOff => Finding::SourceBackOff,
        CallRefusal::TableFull => Finding::CallsFull,
        CallRefusal::LocalAddressUnknown | CallRefusal::ConnectionGone => Finding::ServerFault,
        CallRefusal::Stopping => Finding::ServerStopping,
        CallRefusal::CallId(refusal) => match refusal {
            CallIdRefusal::NoBucket => Finding::ServerFault,
            CallIdRefusal::Exhausted | CallIdRefusal::TooHot | CallIdRefusal::PeerTooHot => {
                Finding::CallIdsResting
            }
        },
    }
}

/// A control connection on which nobody asked for a call.
const fn of_control(reason: CloseReason) -> Finding {
    match reason {
        CloseReason::PeerClosed | CloseReason::PeerStopped | CloseReason::PeerCleared => {
            Finding::LeftBeforeCall
        }
        CloseReason::CallsEnded | CloseReason::Stopped => Finding::ControlEnded,
        CloseReason::EstablishTimeout => Finding::SaidNothing,
        CloseReason::NoCall => Finding::NoCallAsked,
        CloseReason::EchoTimeout => Finding::ControlSilent,
        CloseReason::VersionUnsupported => Finding::VersionUnsupported,
        CloseReason::Malformed | CloseReason::MessageBeforeStart => Finding::NotPptp,
        CloseReason::PeerNotReading => Finding::NotReading,
        CloseReason::PeerUnreachable => Finding::PeerUnreachable,
        CloseReason::StartRefused => Finding::PeerRefusedStart,
        CloseReason::CollisionLost | CloseReason::CollisionWon => Finding::Collision,
    }
}

fn of_end(reason: EndReason, facts: &Facts) -> Finding {
    match reason {
        EndReason::Link(reason) => of_link(reason, facts),
        EndReason::Control(reason) => of_control_under_call(reason, facts),
        EndReason::ClearedByPeer => client_left(facts, Finding::ClientEndedCall),
        EndReason::DisconnectedByPeer(_) => client_left(facts, Finding::LineEnded),
        EndReason::RefusedByPeer(_) => Finding::PeerRefusedCall,
        EndReason::NotConnected => Finding::NotConnected,
        EndReason::SetupTimeout | EndReason::OutboxFull => Finding::DataPathOverloaded,
        EndReason::NoAddress(LeaseRefusal::PoolExhausted) => Finding::PoolEmpty,
        EndReason::NoAddress(LeaseRefusal::PoolUnknown) => Finding::PoolMissing,
        EndReason::NoAddress(LeaseRefusal::StaticAddressInUse) => Finding::AddressInUse,
        EndReason::Worker(OpenRefusal::SlabFull) => Finding::CallsFull,
        EndReason::Worker(OpenRefusal::CallIdInUse | OpenRefusal::NotOwner) => Finding::ServerFault,
        EndReason::AddressConflict => Finding::AddressConflict,
        EndReason::QuotaUsed => Finding::QuotaUsed,
        EndReason::DisconnectRequested => Finding::DisconnectRequested,
        EndReason::Replaced => Finding::Replaced,
        EndReason::AdministrativeStop => Finding::EndedByOperator,
    }
}

fn of_control_under_call(reason: CloseReason, facts: &Facts) -> Finding {
    match reason {
        CloseReason::PeerClosed if facts.stage == Stage::Network => Finding::ControlConnectionLost,
        CloseReason::PeerClosed | CloseReason::PeerStopped | CloseReason::PeerCleared => {
            client_left(facts, Finding::ClientEndedCall)
        }
        CloseReason::CallsEnded
        | CloseReason::Stopped
        | CloseReason::EstablishTimeout
        | CloseReason::NoCall
        | CloseReason::EchoTimeout
        | CloseReason::VersionUnsupported
        | CloseReason::Malformed
        | CloseReason::MessageBeforeStart
        | CloseReason::PeerNotReading
        | CloseReason::PeerUnreachable
        | CloseReason::StartRefused
        | CloseReason::CollisionLost
        | CloseReason::CollisionWon => of_control(reason),
    }
}

fn of_link(reason: ppp::EndReason, facts: &Facts) -> Finding {
    match reason {
        ppp::EndReason::PeerTerminated => client_left(facts, Finding::ClientEndedLink),
        ppp::EndReason::CallCleared => client_left(facts, Finding::ClientEndedCall),
        ppp::EndReason::ControlConnectionClosed => {
            of_control_under_call(CloseReason::PeerClosed, facts)
        }
        ppp::EndReason::AdministrativeStop | ppp::EndReason::Shutdown => Finding::EndedByOperator,
        ppp::EndReason::SessionTimeout => Finding::SessionTimeUp,
        ppp::EndReason::IdleTimeout => Finding::IdleTooLong,
        ppp::EndReason::InternalFailure => Finding::ServerFault,
        ppp::EndReason::NegotiationTimeoutLcp => blocked(facts).unwrap_or(Finding::LcpTimeout),
        ppp::EndReason::NegotiationTimeoutCcp => Finding::EncryptionTimeout,
        ppp::EndReason::NegotiationTimeoutIpcp => Finding::AddressTimeout,
        ppp::EndReason::NegotiationDidNotConverge | ppp::EndReason::ProtocolFailure => {
            Finding::LcpNotConverging
        }
        ppp::EndReason::RenegotiationLimit => Finding::LinkRestarting,
        ppp::EndReason::AuthenticationNotAgreed => Finding::MethodNotAgreed,
        ppp::EndReason::AuthenticationTimeout => {
            rejected(facts).unwrap_or(Finding::AuthenticationTimeout)
        }
        ppp::EndReason::DecisionTimeout => Finding::DecisionTimeout,
        ppp::EndReason::AuthenticationFailed => {
            rejected(facts).unwrap_or(Finding::CredentialsWrong)
        }
        ppp::EndReason::ReauthenticationFailed => Finding::ReauthenticationFailed,
        ppp::EndReason::LogonHoursRestricted => Finding::LogonHoursRestricted,
        ppp::EndReason::AccountDisabled => rejected(facts).unwrap_or(Finding::AccountDisabled),
        ppp::EndReason::PasswordExpired => Finding::PasswordExpired,
        ppp::EndReason::DialInNotPermitted => {
            rejected(facts).unwrap_or(Finding::DialInNotPermitted)
        }
        ppp::EndReason::PasswordChangeFailed => Finding::PasswordNotChanged,
        ppp::EndReason::AuthenticationServerFault => Finding::AuthenticationServerFault,
        ppp::EndReason::MppeNoStrength => Finding::EncryptionNoStrength,
        ppp::EndReason::MppeStatefulOnly => Finding::EncryptionStateful,
        ppp::EndReason::MppcCallsFull => Finding::CompressionFull,
        ppp::EndReason::MppeCompressionOnly => Finding::CompressionOnly,
        ppp::EndReason::MppeStrengthNotAllowed => {
            difference(facts).unwrap_or(Finding::EncryptionTooWeak)
        }
        ppp::EndReason::MppeRefusedByPeer
        | ppp::EndReason::MppeProtocolRejected
        | ppp::EndReason::MppeNotOffered => difference(facts).unwrap_or(Finding::EncryptionRefused),
        ppp::EndReason::MppeNotAgreed => difference(facts).unwrap_or(Finding::EncryptionNotAgreed),
        ppp::EndReason::MppeKeysMissing => Finding::KeysMissing,
        ppp::EndReason::MppeClosedByPeer => Finding::EncryptionClosed,
        ppp::EndReason::IdentityChanged => Finding::IdentityChanged,
        ppp::EndReason::RekeyNotPossible => Finding::RekeyImpossible,
        ppp::EndReason::LoginMethodNotAllowed => Finding::LoginMethodNotAllowed,
        ppp::EndReason::LoginRefused => Finding::LoginRefused,
        ppp::EndReason::LoginPasswordExpired => Finding::LoginPasswordExpired,
        ppp::EndReason::LoginNotPermitted => Finding::LoginNotPermitted,
        ppp::EndReason::LoginUnanswered => Finding::LoginUnanswered,
        ppp::EndReason::PeerNotProven => Finding::PeerNotProven,
        ppp::EndReason::AddressNotAssigned => Finding::AddressNotAssigned,
        ppp::EndReason::AddressChanged => Finding::AddressChanged,
        ppp::EndReason::AddressNotAgreed => match facts.observed.address_offered {
            Some(address) if !address.is_unspecified() => Finding::AddressRefused,
            // It asks for any address, and does not take the one that it is told.
            Some(_) | None => Finding::AddressTimeout,
        },
        ppp::EndReason::NetworkRefusedByPeer => Finding::Ipv4Refused,
        ppp::EndReason::NetworkClosedByPeer => Finding::Ipv4Closed,
        ppp::EndReason::EchoTimeout => Finding::EchoTimeout,
        ppp::EndReason::LoopDetected => Finding::LinkLooped,
    }
}

/// Whether GRE does not pass, and in which direction.
fn blocked(facts: &Facts) -> Option<Finding> {
    let observed = &facts.observed;
    if !facts.gre_heard {
        Some(Finding::GreNeverHeard)
    } else if observed.lcp_requested && !observed.lcp_answered {
        Some(Finding::GreOneWay)
    } else {
        None
    }
}

/// What was wrong with the credentials, if the client never got further.
fn rejected(facts: &Facts) -> Option<Finding> {
    if facts.user.is_some() {
        return None;
    }
    facts.rejection.map(|rejection| match rejection {
        Rejection::UserUnknown => Finding::UserUnknown,
        Rejection::PasswordWrong => Finding::PasswordWrong,
        Rejection::NameUnusable => Finding::NameUnusable,
        Rejection::PasswordNotInClear => Finding::PasswordNotInClear,
        Rejection::LanManagerOnly => Finding::LanManagerOnly,
        Rejection::MethodNotPermitted => Finding::MethodNotPermitted,
        Rejection::PasswordExpired => Finding::PasswordExpired,
        Rejection::UserDisabled => Finding::AccountDisabled,
        Rejection::AccountExpired => Finding::AccountExpired,
        Rejection::TooManySessions => Finding::TooManySessions,
        Rejection::GroupFull => Finding::GroupFull,
        Rejection::UserBackOff => Finding::UserBackOff,
        Rejection::RealmUnknown => Finding::RealmUnknown,
        Rejection::NewPasswordRefused => Finding::PasswordNotChanged,
        Rejection::EapOutOfStep => Finding::EapBroken,
        Rejection::EapMethodNotAgreed => Finding::EapMethodNotAgreed,
        Rejection::ServerNotBelieved => Finding::ServerNotBelieved,
        Rejection::RadiusRefused => Finding::RadiusRefused,
        Rejection::RadiusNoAnswer => Finding::RadiusNoAnswer,
        Rejection::RadiusOverloaded => Finding::RadiusOverloaded,
        Rejection::RadiusAnswerUnusable => Finding::RadiusAnswerUnusable,
        Rejection::TacacsRefused => Finding::TacacsRefused,
        Rejection::TacacsNotAuthorized => Finding::TacacsNotAuthorized,
        Rejection::TacacsNoAnswer => Finding::TacacsNoAnswer,
        Rejection::TacacsOverloaded => Finding::TacacsOverloaded,
        Rejection::TacacsAnswerUnusable => Finding::TacacsAnswerUnusable,
        Rejection::TacacsMethodUnknown => Finding::TacacsMethodUnknown,
        Rejection::TacacsNoKeys => Finding::TacacsNoKeys,
        Rejection::OutageUserUnknown => Finding::OutageUserUnknown,
        Rejection::OutagePasswordWrong => Finding::OutagePasswordWrong,
        Rejection::OutageNotProvable => Finding::OutageNotProvable,
        Rejection::OutageOverloaded => Finding::OutageOverloaded,
    })
}

/// How the key lengths of both sides differ, if the client named any.
fn difference(facts: &Facts) -> Option<Finding> {
    let observed = &facts.observed;
    let (offered, asked) = (observed.mppe_offered?, observed.mppe_asked?);
    let (weakest, strongest) = (
        offered.strengths().next()?,
        offered.strengths().next_back()?,
    );
    let (least, most) = (asked.strengths().next()?, asked.strengths().next_back()?);
    if strongest < least {
        Some(Finding::EncryptionTooWeak)
    } else if weakest > most {
        Some(Finding::EncryptionTooStrong)
    } else if observed.mppe_rejected_by_peer {
        None
    } else {
        Some(Finding::EncryptionNotAgreed)
    }
}

/// The client went by itself. Whatever stood in its way is the reason; `otherwise` if nothing did.
fn client_left(facts: &Facts, otherwise: Finding) -> Finding {
    let observed = &facts.observed;
    if let Some(finding) = rejected(facts) {
        return finding;
    }
    match facts.stage {
        Stage::Network => Finding::ClientHungUp,
        Stage::Lcp => {
            let methods_differ = observed.authentication_rejected
                || (!observed.methods_offered.is_empty()
                    && !observed.methods_offered.meets(observed.methods_asked));
            let method = methods_differ.then_some(Finding::MethodNotAgreed);
            blocked(facts).or(method).unwrap_or(otherwise)
        }
        Stage::Ccp | Stage::Ipcp => match observed.terminate_error {
            Some(741) => Finding::EncryptionTooWeak,
            _ if observed.ccp_rejected_by_us => Finding::EncryptionOff,
            Some(742) => Finding::EncryptionTooStrong,
            _ if facts.stage == Stage::Ccp => difference(facts)
                .filter(|finding| *finding != Finding::EncryptionNotAgreed)
                .unwrap_or(otherwise),
            _ => otherwise,
        },
        Stage::Tcp
        | Stage::ControlConnection
        | Stage::Call
        | Stage::Authentication
        | Stage::Decision => otherwise,
    }
}

/// Whether the call ended because nothing of the client could be decrypted: a client that sees no
/// answer leaves, or is cut off, in many ways.
fn wrong_keys_explain(finding: Finding, facts: &Facts) -> bool {
    let by_client = matches!(
        finding,
        Finding::ClientHungUp
            | Finding::ClientEndedLink
            | Finding::ClientEndedCall
            | Finding::ControlConnectionLost
            | Finding::EchoTimeout
            | Finding::EncryptionClosed
            | Finding::RekeyImpossible
            | Finding::IdleTooLong
    );
    by_client && facts.decryption_failing && facts.upstream_packets == 0
}

#[cfg(test)]
mod tests;
