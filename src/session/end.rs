//! Why a call ended: one typed reason, whatever the cause, that shows in logs, tables and metrics.

use std::fmt;

use crate::aaa::LeaseRefusal;
use crate::flow::OpenRefusal;
use crate::ppp::link as ppp;
use crate::pptp::{self, Disconnect, PlaceRefusal};
use crate::wire::pptp::{DisconnectResult, GeneralError};

/// Why a call ended, by the machine that knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The PPP link ended, by its own rules or by the client's word.
    Link(ppp::EndReason),
    /// The control connection under it ended.
    Control(pptp::CloseReason),
    /// The client sent Call-Clear-Request.
    ClearedByPeer,
    /// The PAC sent Call-Disconnect-Notify.
    DisconnectedByPeer(DisconnectResult),
    /// The peer did not take a call of ours.
    RefusedByPeer(PlaceRefusal),
    /// The peer did not connect a call that it offered, or that we placed, in time.
    NotConnected,
    /// The network phase was not reached in time.
    SetupTimeout,
    /// The client proved who it is, but there was no address for it.
    NoAddress(LeaseRefusal),
    /// The peer that we called has, or assigned us, an address that is ours to give.
    AddressConflict,
    /// The data plane could not take the call.
    Worker(OpenRefusal),
    /// The client's commands pile up faster than the data plane takes them.
    OutboxFull,
    /// It has carried as much as it may.
    QuotaUsed,
    /// A Disconnect-Request named it (RFC 5176 §2.1).
    DisconnectRequested,
    /// The same user logged in elsewhere, and may not have more sessions.
    Replaced,
    /// An operator, or the stop of the server, ended it.
    AdministrativeStop,
}

impl EndReason {
    /// The name in logs and tables: the machine, then its own reason.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Link(reason) => format!("link.{reason}"),
            Self::Control(reason) => format!("control.{reason}"),
            Self::ClearedByPeer => "cleared_by_peer".into(),
            Self::DisconnectedByPeer(result) => format!("disconnected_by_peer.{}", word(result)),
            Self::RefusedByPeer(refusal) => format!("refused_by_peer.{}", refusal.name()),
            Self::NotConnected => "not_connected".into(),
            Self::SetupTimeout => "setup_timeout".into(),
            Self::NoAddress(refusal) => format!("no_address.{refusal}"),
            Self::AddressConflict => "address_conflict".into(),
            Self::Worker(refusal) => format!("worker.{refusal}"),
            Self::OutboxFull => "outbox_full".into(),
            Self::QuotaUsed => "quota_used".into(),
            Self::DisconnectRequested => "disconnect_requested".into(),
            Self::Replaced => "replaced".into(),
            Self::AdministrativeStop => "administrative_stop".into(),
        }
    }

    /// One plain sentence: what happened, and what to change on which side.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Link(reason) => reason.describe(),
            Self::Control(reason) => reason.describe(),
            Self::ClearedByPeer => "The client hung up.",
            Self::DisconnectedByPeer(DisconnectResult::LOST_CARRIER) => {
                "The access concentrator lost the carrier of its line."
            }
            Self::DisconnectedByPeer(DisconnectResult::ADMIN_SHUTDOWN) => {
                "An administrator of the access concentrator ended the call."
            }
            Self::DisconnectedByPeer(_) => "The access concentrator ended the call.",
            Self::RefusedByPeer(refusal) => refusal.describe(),
            Self::NotConnected => {
                "The peer did not connect the call within server.setup_timeout_s."
            }
            Self::SetupTimeout => {
                "The call did not reach the network phase within server.setup_timeout_s. If LCP never \
                 started, GRE (IP protocol 47) is blocked between client and server."
            }
            Self::NoAddress(refusal) => refusal.describe(),
            Self::AddressConflict => {
                "The peer has, or assigned us, an address of our own pools or of this server: choose \
                 other pools on one side."
            }
            Self::Worker(OpenRefusal::SlabFull) => {
                "The worker has no room for another call: raise server.calls_max or add workers."
            }
            Self::Worker(OpenRefusal::CallIdInUse | OpenRefusal::NotOwner) => {
                "The worker and the slow path disagree about a Call ID: this is an error of PNS."
            }
            Self::OutboxFull => {
                "More control frames waited for the data plane than one call may have: its worker is \
                 overloaded or has stalled."
            }
            Self::QuotaUsed => {
                "The call has carried as much as its user may; raise the user's quota if it is too small."
            }
            Self::DisconnectRequested => {
                "A Disconnect-Request (RFC 5176) of a client of radius.dynamic ended the call."
            }
            Self::Replaced => {
                "A newer log-in of the same user took its place: at_user_limit is \"replace\"."
            }
            Self::AdministrativeStop => "The server ended the call.",
        }
    }

    /// Every reason there is, for tables and tests.
    #[must_use]
    pub fn every() -> Vec<Self> {
        let links = ppp::EndReason::ALL.iter().copied().map(Self::Link);
        let controls = pptp::CloseReason::ALL.iter().copied().map(Self::Control);
        let leases = LeaseRefusal::ALL.iter().copied().map(Self::NoAddress);
        let workers = OpenRefusal::ALL.iter().copied().map(Self::Worker);
        let own = [
            Self::ClearedByPeer,
            Self::NotConnected,
            Self::SetupTimeout,
            Self::AddressConflict,
            Self::OutboxFull,
            Self::QuotaUsed,
            Self::DisconnectRequested,
            Self::Replaced,
            Self::AdministrativeStop,
        ];
        let disconnects = (0..=4).map(|result| Self::DisconnectedByPeer(DisconnectResult(result)));
        let refusals = PlaceRefusal::every().into_iter().map(Self::RefusedByPeer);
        links
            .chain(controls)
            .chain(leases)
            .chain(workers)
            .chain(own)
            .chain(disconnects)
            .chain(refusals)
            .collect()
    }

    /// What Call-Disconnect-Notify says (RFC 2637 §2.12).
    #[must_use]
    pub const fn disconnect_result(self) -> DisconnectResult {
        match self {
            Self::Link(ppp::EndReason::EchoTimeout) | Self::Control(_) => {
                DisconnectResult::LOST_CARRIER
            }
            Self::Link(ppp::EndReason::AdministrativeStop)
            | Self::QuotaUsed
            | Self::DisconnectRequested
            | Self::Replaced
            | Self::AdministrativeStop => DisconnectResult::ADMIN_SHUTDOWN,
            Self::Link(ppp::EndReason::PeerTerminated)
            | Self::ClearedByPeer
            | Self::DisconnectedByPeer(_)
            | Self::RefusedByPeer(_) => DisconnectResult::REQUEST,
            Self::NotConnected
            | Self::Link(_)
            | Self::SetupTimeout
            | Self::NoAddress(_)
            | Self::AddressConflict
            | Self::Worker(_)
            | Self::OutboxFull => DisconnectResult::GENERAL_ERROR,
        }
    }
}

impl EndReason {
    /// What our Call-Disconnect-Notify says, error code included (RFC 2637 §2.13, §2.16).
    #[must_use]
    pub const fn disconnect(self) -> Disconnect {
        let result = self.disconnect_result();
        let error = match (result, self) {
            (
                DisconnectResult::GENERAL_ERROR,
                Self::NoAddress(_) | Self::Worker(_) | Self::OutboxFull,
            ) => GeneralError::NO_RESOURCE,
            (DisconnectResult::GENERAL_ERROR, _) => GeneralError::PAC_ERROR,
            _ => GeneralError::NONE,
        };
        Disconnect {
            result,
            error,
            cause: 0,
        }
    }
}

/// A result of Call-Disconnect-Notify in a word.
const fn word(result: DisconnectResult) -> &'static str {
    match result {
        DisconnectResult::LOST_CARRIER => "lost_carrier",
        DisconnectResult::GENERAL_ERROR => "general_error",
        DisconnectResult::ADMIN_SHUTDOWN => "admin_shutdown",
        DisconnectResult::REQUEST => "request",
        DisconnectResult(_) => "result_unknown",
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}
