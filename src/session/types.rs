//! What goes into [`super::Sessions`] at the start, and what comes out of it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use super::admission::{AdmissionLimits, AdmissionRefusal};
use super::call_ids::CallIdRefusal;
use super::guard::GuardConfig;
use super::verdict::{Finding, Stage};
use super::{CallOrigin, CallRef, ConnectionId, EndReason, NotPlaced, Peer};
use crate::aaa::radius::Caller;
use crate::aaa::{Access, NameServers};
use crate::flow::{FlowKey, FlowTotals};
use crate::ppp::link::{Credentials, LinkConfig};
use crate::pptp::ControlConfig;
use crate::wire::prefix::Prefix;

/// An address that clients dial, and what holds for who comes in by it.
#[derive(Clone)]
pub struct Listener {
    /// The address.
    pub address: Ipv4Addr,
    /// Settings of every PPP link there: the ways to log in that are offered, among others.
    pub link: Arc<LinkConfig>,
    /// What clients are permitted until they are known, and afterwards if they have no group.
    pub access: Arc<Access>,
}

/// What all sessions share; replaced whole when the configuration changes.
pub struct SessionConfig {
    /// Where clients come in; a position here is the `local` of a [`FlowKey`].
    pub listeners: Vec<Listener>,
    /// Settings of every control connection.
    pub control: Arc<ControlConfig>,
    /// Whom operators may call.
    pub peers: Vec<Arc<Peer>>,
    /// Whom to admit before any work is done.
    pub limits: AdmissionLimits,
    /// From Outgoing-Call-Request to the network phase.
    pub setup_timeout: Duration,
    /// The longest packet to a client, in bytes, whatever it says that it receives.
    pub mtu_max: u16,
    /// How many calls may keep a history of MPPC: as many as each worker has places for.
    pub mppc_calls_max: usize,
    /// What clients are told in IPCP.
    pub name_servers: NameServers,
    /// What keeps guessers and storms out, and who is one user.
    pub policy: SessionPolicy,
}

/// What holds for log-ins from wherever they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionPolicy {
    /// What keeps guessers and storms out.
    pub guard: GuardConfig,
    /// Whether sessions of `Alice` and `alice` count as one user's.
    pub ignore_case: bool,
}

/// Something for the world outside.
pub enum Output {
    /// [`super::Sessions::pending`] has bytes for this connection.
    Transmit(ConnectionId),
    /// Open a TCP connection for this control connection; what is pending is written when it is
    /// open. If it cannot be, say [`super::Sessions::connect_failed`].
    Connect {
        /// The control connection.
        connection: ConnectionId,
        /// The address to come from.
        local_address: Ipv4Addr,
        /// Where to.
        peer: SocketAddrV4,
    },
    /// Write what is pending, then close the socket and call [`super::Sessions::forget`].
    Close(ConnectionId),
    /// A peer wants to be let in: answer with [`super::Sessions::decide`].
    Ask {
        /// The call that asks.
        call: CallRef,
        /// What the peer says of itself.
        credentials: Credentials,
        /// Who and where it is.
        caller: Box<Caller>,
        /// What is permitted where it came in.
        access: Arc<Access>,
    },
    /// Packets to `lease` are for `flow` from now on: enter it in the address directory before any
    /// later command of that flow is delivered.
    LeaseSet {
        /// The client's address.
        lease: Ipv4Addr,
        /// Its call.
        flow: FlowKey,
    },
    /// Packets to `lease` are for nobody.
    LeaseCleared {
        /// The address that was leased.
        lease: Ipv4Addr,
    },
    /// Packets to `network` are for `flow` from now on, as with `LeaseSet`.
    NetworkSet {
        /// What lies behind it, or the one address of its peer.
        network: Prefix,
        /// The call.
        flow: FlowKey,
    },
    /// Packets to `network` are for nobody.
    NetworkCleared {
        /// What lay behind a call.
        network: Prefix,
    },
    /// The kernel reaches `network` by calls from now on.
    RouteSet {
        /// What lies behind a call.
        network: Prefix,
        /// The address that the kernel's own packets to it come from, where we are the client.
        source: Option<Ipv4Addr>,
    },
    /// It does not any more.
    RouteCleared {
        /// What lay behind a call.
        network: Prefix,
    },
    /// A peer has assigned us this address. Precedes the routes that it is the source of.
    OwnAddressSet {
        /// Ours.
        address: Ipv4Addr,
    },
    /// The address is ours no more.
    OwnAddressCleared {
        /// What was ours.
        address: Ipv4Addr,
    },
    /// Something that an operator may want to know.
    Event(Event),
}

/// What happened, for logs and counters.
#[derive(Debug)]
pub enum Event {
    /// A client opened its control connection.
    ConnectionEstablished {
        /// The client.
        peer: SocketAddrV4,
        /// What it calls itself.
        host_name: String,
        /// Who made it.
        vendor_name: String,
    },
    /// A control connection was closed.
    ConnectionClosed {
        /// The client.
        peer: SocketAddrV4,
        /// Why.
        reason: crate::pptp::CloseReason,
    },
    /// A call was refused before it existed.
    CallRefused {
        /// The client.
        peer: SocketAddrV4,
        /// Why, in the words of the one who refused.
        reason: &'static str,
    },
    /// A call is connected, and PPP begins.
    CallOpened {
        /// The call.
        flow: FlowKey,
        /// The peer.
        peer_address: Ipv4Addr,
        /// Who asked for it.
        origin: CallOrigin,
        /// The number that was dialled, if any.
        called_number: Option<Box<str>>,
        /// The number of the caller, if it is known.
        calling_number: Option<Box<str>>,
    },
    /// A call to a peer ended before there was one.
    CallNotPlaced {
        /// The name of the peer.
        peer: String,
        /// Why.
        reason: NotPlaced,
    },
    /// A peer's credentials were not accepted.
    Rejected {
        /// The call.
        flow: FlowKey,
        /// The client.
        peer_address: Ipv4Addr,
        /// Why.
        rejection: crate::aaa::Rejection,
    },
    /// A call has reached the network phase.
    NetworkUp {
        /// The call.
        flow: FlowKey,
        /// Who it is.
        user: String,
        /// The address of the other end: what was leased, or what a peer that we called has.
        lease: Option<Ipv4Addr>,
        /// How each direction is encrypted; `None`: both are clear.
        mppe: Option<crate::ppp::link::Directions>,
        /// From Outgoing-Call-Request until now.
        setup: Duration,
        /// What whoever let it in said of it that has no effect here.
        left_alone: Vec<&'static str>,
    },
    /// Frames of a client fail to decrypt: its keys are probably wrong, or too many were lost at once.
    DecryptionFailing {
        /// The call.
        flow: FlowKey,
        /// The client.
        peer_address: Ipv4Addr,
    },
    /// GRE of a client comes from another address than its control connection, and goes there now.
    SourceMoved {
        /// The call.
        flow: FlowKey,
        /// The client.
        peer_address: Ipv4Addr,
        /// Where its GRE comes from.
        address: Ipv4Addr,
    },
    /// A worker refused an order: an error of ours.
    CommandRefused {
        /// The call.
        flow: FlowKey,
    },
    /// A call is gone: the worker has given its final report.
    CallEnded {
        /// The call.
        flow: FlowKey,
        /// The client.
        peer_address: Ipv4Addr,
        /// Who it was, if it got that far.
        user: Option<String>,
        /// Why.
        reason: EndReason,
        /// How far it came.
        stage: Stage,
        /// What the end means, with everything that was seen of the call.
        finding: Finding,
        /// From Outgoing-Call-Request until now.
        duration: Duration,
        /// The bill.
        totals: FlowTotals,
    },
}

/// Why a TCP connection was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptRefusal {
    /// A limit is reached.
    Limit(AdmissionRefusal),
    /// Nobody listens on the address that was dialled.
    LocalAddressUnknown,
    /// The server is about to stop.
    Stopping,
}

impl AcceptRefusal {
    /// The name in logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limit(refusal) => refusal.name(),
            Self::LocalAddressUnknown => "local_address_unknown",
            Self::Stopping => "stopping",
        }
    }
}

impl From<AdmissionRefusal> for AcceptRefusal {
    fn from(refusal: AdmissionRefusal) -> Self {
        Self::Limit(refusal)
    }
}

/// Why a call that was asked for was refused before it existed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// A limit is reached.
    Limit(AdmissionRefusal),
    /// There is no Call ID for it.
    CallId(CallIdRefusal),
    /// The client asks faster than it may.
    Rate,
    /// So many calls are asked for that this one has to come later.
    StartRate,
    /// The same from one address.
    SourceRate,
    /// Log-ins from this address failed too often.
    SourceBackOff,
    /// The table of calls is full.
    TableFull,
    /// Nobody listens on the address that was dialled.
    LocalAddressUnknown,
    /// The control connection ended while the call was asked for.
    ConnectionGone,
    /// The server is about to stop.
    Stopping,
}

impl CallRefusal {
    /// The name in logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limit(refusal) => refusal.name(),
            Self::CallId(refusal) => refusal.name(),
            Self::Rate => "call_rate",
            Self::StartRate => "start_rate",
            Self::SourceRate => "source_rate",
            Self::SourceBackOff => "source_back_off",
            Self::TableFull => "table_full",
            Self::LocalAddressUnknown => "local_address_unknown",
            Self::ConnectionGone => "connection_gone",
            Self::Stopping => "stopping",
        }
    }
}

/// Calls that may exist on the slow path of one process, and connections under them.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Control connections.
    pub connections: usize,
    /// Calls.
    pub calls: usize,
}

/// What the flow in a slot of a worker has carried, by the workers' counters.
pub type Counters = Box<dyn Fn(u8, u32) -> FlowTotals + Send>;

/// The worker whose queue GRE to our address (first) from a peer's (second) comes in by; `None` if
/// nobody can tell.
pub type NearestWorker = Box<dyn Fn(Ipv4Addr, Ipv4Addr) -> Option<u8> + Send>;

/// Fills a buffer with unpredictable bytes.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;
