//! Why an attempt or a call ended, as one plain value: what was seen of it ([`Facts`]), the typed
//! [`Cause`], and what both together mean ([`Finding`]), with the error that a Windows user sees
//! and what to change on which side.
//!
//! ```text
//!   frames both ways -> Observed --+
//!   the link         -> Stage -----+-> Facts --+
//!   the session      -> steps -----+           +-> find() -> Finding -> Verdict -> History
//!   EndReason, CloseReason, refusals -> Cause -+
//! ```
//!
//! A new reason for an end does not compile before `finding` says what it means.

mod attempt;
mod finding;
mod history;
mod observed;
mod text;
mod windows;

use std::net::Ipv4Addr;
use std::time::Duration;

pub(super) use attempt::{Attempt, CameBy};
pub use attempt::{STEPS_MAX, Step, Steps};
pub use finding::{Finding, find};
pub use history::{HISTORY_DEFAULT, History, Key};
pub use observed::{Method, Methods, MppeOffer, Observed};
pub use text::{Change, Side};
pub use windows::{WindowsError, WindowsErrors};

use super::types::CallRefusal;
use super::{AcceptRefusal, EndReason};
use crate::aaa::{Rejection, Terms};
use crate::clock::Timestamp;
use crate::counted_enum;
use crate::ppp::fsm::State;
use crate::ppp::link::{Farewell, Link, PeerText, Phase, Refusal};
use crate::pptp::CloseReason;
use crate::wire::call_id::CallId;

/// How much of the name that a client claims is kept, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

counted_enum! {
    /// How far an attempt came.
    pub enum Stage {
        /// A TCP connection, and not one valid message on it.
        Tcp => "tcp",
        /// The control connection (RFC 2637 §2.1).
        ControlConnection => "control_connection",
        /// A call was asked for (RFC 2637 §2.7).
        Call => "call",
        /// The client was told our Call ID; LCP negotiates.
        Lcp => "lcp",
        /// The client proves who it is.
        Authentication => "authentication",
        /// Somebody decides about what it said.
        Decision => "decision",
        /// Encryption is negotiated.
        Ccp => "ccp",
        /// The address is negotiated.
        Ipcp => "ipcp",
        /// The client can use its network.
        Network => "network",
    }
}

/// Why it ended, by the machine that knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The TCP connection was not accepted.
    NotAccepted(AcceptRefusal),
    /// The control connection ended, and nobody had asked for a call on it.
    Control(CloseReason),
    /// A call was asked for and refused.
    CallRefused(CallRefusal),
    /// A call ended.
    Ended(EndReason),
}

impl Cause {
    /// The name in logs, tables and metrics.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::NotAccepted(refusal) => format!("not_accepted.{}", refusal.name()),
            Self::Control(reason) => format!("no_call.{reason}"),
            Self::CallRefused(refusal) => format!("call_refused.{}", refusal.name()),
            Self::Ended(reason) => reason.name(),
        }
    }
}

/// What was seen of an attempt: of a live call until now, of any other until its end.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where the client dials from.
    pub peer_address: Ipv4Addr,
    /// The TCP port of its control connection.
    pub peer_port: Option<u16>,
    /// The address that it dialled.
    pub local_address: Ipv4Addr,
    /// Our Call ID, if there was a call.
    pub local_call_id: Option<CallId>,
    /// The client's Call ID, if it asked for a call.
    pub peer_call_id: Option<CallId>,
    /// Host Name and Vendor Name of its Start-Control-Connection-Request.
    pub host_and_vendor: Option<(Box<str>, Box<str>)>,
    /// The name that it claimed, as it came: its bytes, at most [`NAME_BYTES_MAX`] of them.
    pub name: Option<Box<[u8]>>,
    /// Who it is, once it has proved it.
    pub user: Option<Box<str>>,
    /// What holds for it: of the address that it dialled, or of the user; `None` if there was no call.
    pub terms: Option<Terms>,
    /// What it called itself in LCP Identification (RFC 1570 §1.1).
    pub identifications: Box<[PeerText]>,
    /// What it said with its LCP Terminate-Request.
    pub farewell: Option<Farewell>,
    /// How far it came.
    pub stage: Stage,
    /// Outgoing-Call-Request, or the TCP connection if there was no call.
    pub began: Timestamp,
    /// The TCP connection, before `began`.
    pub connected_before: Duration,
    /// What happened when, counted from `began`.
    pub steps: Steps,
    /// What was negotiated for, read off the frames.
    pub observed: Observed,
    /// The latest refusal of its credentials.
    pub rejection: Option<Rejection>,
    /// Who decided about it, and what it said beside.
    pub detail: Option<Box<str>>,
    /// Whether any GRE of the client was ever heard.
    pub gre_heard: bool,
    /// Whether its frames failed to decrypt steadily.
    pub decryption_failing: bool,
    /// IP packets that were accepted from the client.
    pub upstream_packets: u64,
    /// IP packets that were sent to it.
    pub downstream_packets: u64,
    /// What its link refused or ignored, with how often.
    pub refusals: Box<[(Refusal, u32)]>,
    /// Why its bytes on the control connection were no control message.
    pub malformed: Option<&'static str>,
}

impl Facts {
    /// Nothing but who dialled which address when.
    #[must_use]
    pub fn of_connection(peer: std::net::SocketAddrV4, local: Ipv4Addr, began: Timestamp) -> Self {
        Self {
            peer_address: *peer.ip(),
            peer_port: Some(peer.port()),
            local_address: local,
            local_call_id: None,
            peer_call_id: None,
            host_and_vendor: None,
            name: None,
            user: None,
            terms: None,
            identifications: Box::default(),
            farewell: None,
            stage: Stage::Tcp,
            began,
            connected_before: Duration::ZERO,
            steps: Steps::default(),
            observed: Observed::default(),
            rejection: None,
            detail: None,
            gre_heard: false,
            decryption_failing: false,
            upstream_packets: 0,
            downstream_packets: 0,
            refusals: Box::default(),
            malformed: None,
        }
    }

    /// The user that it is, or claims to be: how operators look for it.
    #[must_use]
    pub fn user_key(&self) -> Option<&[u8]> {
        match (&self.user, &self.name) {
            (Some(user), _) => Some(user.as_bytes()),
            (None, name) => name.as_deref().map(bare),
        }
    }
}

/// A name without the domain that Windows puts before it.
#[must_use]
pub fn bare(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'\\').next().unwrap_or(name)
}

/// Why an attempt or a call ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was seen of it.
    pub facts: Facts,
    /// Why it ended, by the machine that knows.
    pub cause: Cause,
    /// What that means.
    pub finding: Finding,
    /// When it ended; of several equal attempts the latest.
    pub ended: Timestamp,
    /// When the first of several equal attempts ended.
    pub first_ended: Timestamp,
    /// How many equal attempts in a row this is.
    pub times: u32,
}

impl Verdict {
    /// Judges.
    #[must_use]
    pub fn new(mut facts: Facts, cause: Cause, ended: Timestamp) -> Self {
        let finding = find(cause, &facts);
        // The link ends in the very moment in which encryption would have begun.
        if finding == Finding::KeysMissing {
            facts.stage = Stage::Ccp;
        }
        Self {
            facts,
            cause,
            finding,
            ended,
            first_ended: ended,
            times: 1,
        }
    }

    /// The errors that a Windows user may see; `None` for a call that was up, since Windows then
    /// says no more than that it was disconnected.
    #[must_use]
    pub fn windows_errors(&self) -> Option<WindowsErrors> {
        WindowsErrors::of(self.finding, &self.facts)
    }

    /// What happened, in plain words.
    #[must_use]
    pub fn conclusion(&self) -> String {
        text::conclusion(self.finding, &self.facts)
    }

    /// What to change, and on which side.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        text::changes(self.finding, &self.facts)
    }
}

/// What a link says of itself. The one place that asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkProgress {
    /// Where it is; `None` before its begin and while it ends.
    pub(super) stage: Option<Stage>,
    /// MPPE is in force.
    pub(super) encrypted: bool,
}

/// What a link says of itself at this moment.
pub(super) fn observe(link: &Link) -> LinkProgress {
    let negotiated = link.negotiated();
    let stage = match link.phase() {
        Phase::Dead | Phase::Terminate => None,
        Phase::Establish => Some(Stage::Lcp),
        Phase::Authenticate if link.awaits_decision() => Some(Stage::Decision),
        Phase::Authenticate => Some(Stage::Authentication),
        Phase::Network if negotiated.mppe.is_some() => Some(Stage::Ipcp),
        Phase::Network => Some(match negotiated.ccp {
            State::Starting | State::ReqSent | State::AckRcvd | State::AckSent => Stage::Ccp,
            State::Initial
            | State::Closed
            | State::Stopped
            | State::Closing
            | State::Stopping
            | State::Opened => Stage::Ipcp,
        }),
    };
    LinkProgress {
        stage,
        encrypted: negotiated
            .mppe
            .is_some_and(|agreed| agreed.downstream.suite.is_some()),
    }
}
