//! The peers that we call: which control connection leads to whom, and what became of the attempts.
//!
//! RFC 2637 §3.1.3: there is one control connection between a PAC and a PNS. So calls to one address
//! share the connection that was opened for the first of them, and when both ends open one at once,
//! the end with the lower address gives way.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use super::connection::Connection;
use super::types::CallRefusal;
use super::{AdmissionRefusal, CallRef, ConnectionId, EndReason, Event, Output, Sessions};
use crate::clock::Timestamp;
use crate::flow::FlowPolicy;
use crate::ppp::link::LinkConfig;
use crate::pptp::{self, CallOffer, CloseReason, Control, ControlState};
use crate::wire::pptp::StopReason;
use crate::wire::prefix::Prefix;

/// Connections of one peer that may wait for the end of a race.
const HELD_MAX: usize = 4;

/// Somebody whom we call.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What operators call it.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Our address of the connection and of GRE; one of `SessionConfig::listen`.
    pub local_address: Ipv4Addr,
    /// What we ask of it.
    pub offer: CallOffer,
    /// What we are on the call, if we log in to the peer; `None`: it logs in to us.
    pub client: Option<Client>,
}

/// What we are on a call to a peer that we log in to.
#[derive(Clone, Debug)]
pub struct Client {
    /// Settings of the link, with name and password.
    pub link: Arc<LinkConfig>,
    /// What the data plane enforces.
    pub policy: FlowPolicy,
    /// The networks behind the peer.
    pub networks: Arc<[Prefix]>,
}

impl Client {
    /// Our name there.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.link.client.as_ref().map(|client| client.login.user())
    }
}

/// A peer, and what was tried.
pub(super) struct PeerRecord {
    peer: Arc<Peer>,
    /// The connection that leads there, unless it is gone.
    connection: Option<ConnectionId>,
    /// Its own connections that lost a race against ours and have not closed yet.
    held: Vec<ConnectionId>,
    /// Our calls to it that exist now.
    calls: Vec<CallRef>,
    attempts: u64,
    connected: u64,
    last: Option<String>,
}

impl PeerRecord {
    pub(super) fn new(peer: &Arc<Peer>) -> Self {
        Self {
            peer: Arc::clone(peer),
            connection: None,
            held: Vec::new(),
            calls: Vec::new(),
            attempts: 0,
            connected: 0,
            last: None,
        }
    }
}

/// A peer as operators see it.
#[derive(Clone, Debug)]
pub struct PeerView {
    /// The peer.
    pub peer: Arc<Peer>,
    /// The state of the control connection that leads there; `None` if there is none.
    pub connection: Option<ControlState>,
    /// Calls that wait for it to be established.
    pub waiting: usize,
    /// Calls to this peer that exist now.
    pub calls: usize,
    /// Calls that were asked for since the start.
    pub attempts: u64,
    /// Those that the peer connected.
    pub connected: u64,
    /// What became of the last one.
    pub last: Option<String>,
}

/// Why a peer is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No peer has this name.
    PeerUnknown,
    /// The peer's `local_address` is none of ours.
    LocalAddressUnknown,
    /// The server is about to stop.
    Stopping,
    /// We are the client on calls to this peer, and there is one already.
    CalledAlready,
    /// As many calls as one connection may carry wait for it.
    WaitingTooMany,
    /// A limit on connections is reached.
    Limit(AdmissionRefusal),
}

impl CallError {
    /// The name in logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerUnknown => "peer_unknown",
            Self::LocalAddressUnknown => "local_address_unknown",
            Self::Stopping => "stopping",
            Self::CalledAlready => "called_already",
            Self::WaitingTooMany => "waiting_too_many",
            Self::Limit(refusal) => refusal.name(),
        }
    }
}

/// Why a call to a peer ended before there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPlaced {
    /// The control connection was not established, or ended.
    Control(CloseReason),
    /// This server had no room for it.
    Refused(CallRefusal),
}

impl NotPlaced {
    /// The name in logs and tables.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Control(reason) => format!("control.{reason}"),
            Self::Refused(refusal) => format!("not_admitted.{}", refusal.name()),
        }
    }

    /// A sentence for an operator.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Control(reason) => reason.describe(),
            Self::Refused(_) => {
                "A limit of this server allows no more calls, or no Call ID has rested long enough."
            }
        }
    }
}

impl fmt::Display for NotPlaced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}

impl Sessions {
    /// Calls the peer of this name: over the control connection that leads there, or one that is
    /// opened for it. What becomes of it shows in [`Self::peers`].
    ///
    /// # Errors
    /// Why there is not even an attempt.
    pub fn call(&mut self, name: &str, now: Timestamp) -> Result<(), CallError> {
        let called = self.is_called(name);
        let record = self.peers.iter_mut().find(|it| it.peer.name == name);
        let record = record.ok_or(CallError::PeerUnknown)?;
        if self.stopping {
            return Err(CallError::Stopping);
        }
        // Two calls would lead to the same networks.
        if called && record.peer.client.is_some() {
            return Err(CallError::CalledAlready);
        }
        record.attempts += 1;
        let peer = Arc::clone(&record.peer);
        let id = match self.connection_to(&peer) {
            Some(id) => id,
            None => self.connect(&peer, now)?,
        };
        let waiting_max = self.config.control.calls_max;
        if let Some(connection) = self.connections.get_mut(id) {
            if connection.waiting.len() >= waiting_max {
                return Err(CallError::WaitingTooMany);
            }
            connection.waiting.push(peer);
        }
        self.place_waiting(id, now);
        self.settle(now);
        Ok(())
    }

    /// Whether there is a call to the peer of this name, or one waits.
    fn is_called(&self, name: &str) -> bool {
        let mut peers = self.peers();
        peers.any(|it| it.peer.name == name && it.calls + it.waiting > 0)
    }

    /// Ends every call to the peer of this name, also those that wait; how many there were.
    ///
    /// # Errors
    /// No peer has this name.
    pub fn hang_up(&mut self, name: &str, now: Timestamp) -> Result<usize, CallError> {
        let record = self.peers.iter().find(|it| it.peer.name == name);
        let record = record.ok_or(CallError::PeerUnknown)?;
        let mut ended = 0;
        if let Some(id) = record.connection
            && let Some(connection) = self.connections.get_mut(id)
        {
            let waiting = connection.waiting.len();
            connection.waiting.retain(|peer| peer.name != name);
            ended += waiting - connection.waiting.len();
        }
        let connection = record.connection;
        let calls = record.calls.clone();
        ended += calls.len();
        for id in calls {
            self.begin_end(id, EndReason::AdministrativeStop, now);
        }
        if let Some(id) = connection {
            self.release_if_unused(id, now);
        }
        self.settle(now);
        Ok(ended)
    }

    /// The socket that [`Output::Connect`] asked for could not be connected.
    pub fn connect_failed(&mut self, id: ConnectionId, now: Timestamp) {
        self.tell_control(id, pptp::Input::ConnectFailed, now);
        self.settle(now);
    }

    /// Every peer.
    pub fn peers(&self) -> impl Iterator<Item = PeerView> {
        self.peers.iter().map(|record| {
            let connection = record.connection.and_then(|id| self.connections.get(id));
            let name = &record.peer.name;
            let of_peer = |peer: &&Arc<Peer>| peer.name == *name;
            PeerView {
                peer: Arc::clone(&record.peer),
                connection: connection.map(|it| it.control.state()),
                waiting: connection.map_or(0, |it| it.waiting.iter().filter(of_peer).count()),
                calls: record.calls.len(),
                attempts: record.attempts,
                connected: record.connected,
                last: record.last.clone(),
            }
        })
    }

    /// Notes a call to `peer`.
    pub(super) fn note_placed(&mut self, peer: &Peer, call: CallRef) {
        if let Some(record) = self.peers.iter_mut().find(|it| it.peer.name == peer.name) {
            record.calls.push(call);
        }
    }

    /// Notes that a call to `peer` is gone.
    pub(super) fn note_gone(&mut self, peer: &Peer, call: CallRef) {
        if let Some(record) = self.peers.iter_mut().find(|it| it.peer.name == peer.name) {
            record.calls.retain(|other| *other != call);
        }
    }

    /// Notes what became of a call to `peer`.
    pub(super) fn note_outcome(&mut self, peer: &Peer, outcome: String) {
        if let Some(record) = self.peers.iter_mut().find(|it| it.peer.name == peer.name) {
            record.last = Some(outcome);
        }
    }

    /// Notes that `peer` connected a call.
    pub(super) fn note_connected(&mut self, peer: &Peer) {
        if let Some(record) = self.peers.iter_mut().find(|it| it.peer.name == peer.name) {
            record.connected += 1;
            record.last = Some("connected".to_owned());
        }
    }

    /// A control connection that can take calls to this peer, or soon will.
    fn connection_to(&self, peer: &Peer) -> Option<ConnectionId> {
        let same = |record: &&PeerRecord| {
            record.peer.address == peer.address && record.peer.local_address == peer.local_address
        };
        let records = self.peers.iter().filter(same);
        let usable = |id: &ConnectionId| {
            self.connections.get(*id).is_some_and(|connection| {
                let state = connection.control.state();
                matches!(
                    state,
                    ControlState::WaitStartReply | ControlState::Established
                )
            })
        };
        records.filter_map(|record| record.connection).find(usable)
    }

    /// Begins to open a control connection.
    fn connect(&mut self, peer: &Arc<Peer>, now: Timestamp) -> Result<ConnectionId, CallError> {
        let local = self
            .local_of(peer.local_address)
            .ok_or(CallError::LocalAddressUnknown)?;
        let permit = self
            .admission
            .admit_connection(*peer.address.ip())
            .map_err(CallError::Limit)?;
        let control = Control::originate(Arc::clone(&self.config.control), now);
        let connection = Connection {
            originated: true,
            ..Connection::new(
                control,
                peer.address,
                local,
                peer.local_address,
                permit,
                now,
            )
        };
        let Ok(id) = self.connections.insert(connection) else {
            return Err(CallError::Limit(AdmissionRefusal::ControlConnections));
        };
        self.lead_to(*peer.address.ip(), peer.local_address, id);
        self.outputs.push_back(Output::Connect {
            connection: id,
            local_address: peer.local_address,
            peer: peer.address,
        });
        self.touched_connections.push_back(id);
        Ok(id)
    }

    /// From now on this connection leads to the peers at this address.
    fn lead_to(&mut self, address: Ipv4Addr, local_address: Ipv4Addr, id: ConnectionId) {
        for record in &mut self.peers {
            if *record.peer.address.ip() == address && record.peer.local_address == local_address {
                record.connection = Some(id);
            }
        }
    }

    /// A PAC that offers us a call on its own connection is the PAC that we would ask on ours.
    pub(super) fn adopt_connection(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let (address, local_address) = (*connection.peer.ip(), connection.local_address);
        for record in &mut self.peers {
            let same =
                *record.peer.address.ip() == address && record.peer.local_address == local_address;
            let gone = record
                .connection
                .is_none_or(|other| self.connections.get(other).is_none());
            if same && gone {
                record.connection = Some(id);
            }
        }
    }

    /// Places the calls that waited for a connection, if it is established.
    pub(super) fn place_waiting(&mut self, id: ConnectionId, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.control.state() != ControlState::Established {
            return;
        }
        for peer in std::mem::take(&mut connection.waiting) {
            self.originate(id, &peer, now);
        }
        self.release_if_unused(id, now);
    }

    /// Lets go of a connection of ours that nothing needs.
    pub(super) fn release_if_unused(&mut self, id: ConnectionId, now: Timestamp) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        if !connection.originated || !connection.waiting.is_empty() || !connection.calls.is_empty()
        {
            return;
        }
        let input = match connection.control.state() {
            ControlState::WaitStartReply => pptp::Input::Stop(StopReason::NONE),
            ControlState::Idle
            | ControlState::Held
            | ControlState::Established
            | ControlState::WaitStopReply
            | ControlState::Draining
            | ControlState::Closed => pptp::Input::Release,
        };
        self.tell_control(id, input, now);
    }

    /// The calls that waited for a connection which is gone will not be.
    pub(super) fn fail_waiting(&mut self, id: ConnectionId, reason: CloseReason) {
        let waiting = self
            .connections
            .get_mut(id)
            .map(|connection| std::mem::take(&mut connection.waiting));
        for peer in waiting.into_iter().flatten() {
            self.not_placed(&peer, NotPlaced::Control(reason));
        }
    }

    /// A call to `peer` ended before there was one.
    pub(super) fn not_placed(&mut self, peer: &Peer, reason: NotPlaced) {
        self.note_outcome(peer, reason.name());
        self.event(Event::CallNotPlaced {
            peer: peer.name.clone(),
            reason,
        });
    }

    // ---- collision (RFC 2637 §3.1.3) ----

    /// Tells a connection that a peer has just opened whether it lost the race against one of ours,
    /// before what it says is heard.
    pub(super) fn judge_race(&mut self, id: ConnectionId, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if self.peers.is_empty() || connection.control.state() != ControlState::Idle {
            return;
        }
        let (address, local_address) = (*connection.peer.ip(), connection.local_address);
        if local_address <= address {
            return;
        }
        let record = self.peers.iter_mut().find(|record| {
            let racing = record.connection.and_then(|own| self.connections.get(own));
            *record.peer.address.ip() == address
                && record.peer.local_address == local_address
                && racing.is_some_and(Connection::has_asked)
        });
        if let Some(record) = record
            && record.held.len() < HELD_MAX
        {
            record.held.push(id);
            self.tell_control(id, pptp::Input::CollisionWon, now);
        }
    }

    /// A peer has established its own connection while ours was still asking: ours gives way, and
    /// its calls are placed on the peer's.
    pub(super) fn give_way(&mut self, id: ConnectionId, now: Timestamp) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let (address, local_address) = (*connection.peer.ip(), connection.local_address);
        if connection.originated || local_address >= address {
            return;
        }
        let own = self.peers.iter().find_map(|record| {
            let own = record.connection.filter(|own| *own != id)?;
            let same =
                *record.peer.address.ip() == address && record.peer.local_address == local_address;
            (same && self.connections.get(own)?.has_asked()).then_some(own)
        });
        let Some(own) = own else { return };
        let waiting = self
            .connections
            .get_mut(own)
            .map(|connection| std::mem::take(&mut connection.waiting));
        if let Some(connection) = self.connections.get_mut(id) {
            connection.waiting.extend(waiting.into_iter().flatten());
        }
        self.lead_to(address, local_address, id);
        self.tell_control(own, pptp::Input::GiveWay, now);
    }

    /// Our own connection is gone: what was held for it is heard.
    pub(super) fn end_race(&mut self, own: ConnectionId, now: Timestamp) {
        let mut held = Vec::new();
        for record in &mut self.peers {
            if record.connection == Some(own) {
                record.connection = None;
                held.append(&mut record.held);
            }
        }
        for id in held {
            self.tell_control(id, pptp::Input::CollisionOver, now);
        }
    }
}
