//! The join of control connection, call, link and lease: the only place where the machines meet.
//!
//! [`Sessions`] is sans-IO. The event loop (or the simulator) feeds it bytes, reports, frames,
//! decisions and the clock, and takes out what is to be written, asked and ordered:
//!
//! ```text
//!   accept, receive, peer_closed --+                  +--> poll_output: sockets, questions, events
//!   report, frame (from workers) --+--> Sessions -----+--> pending/consumed: bytes for a socket
//!   decide (from aaa) -------------+                  +--> poll_command(worker): orders, in order
//!   handle_timeout ----------------+                  +--> poll_timeout
//! ```
//!
//! Whatever ends a call, `teardown` is the one way out, with one typed [`EndReason`].

mod address;
pub mod admission;
mod call;
pub mod call_ids;
mod call_place;
mod ccp;
mod connection;
mod control_events;
mod decide;
mod drive;
mod end;
mod explain;
mod facts;
pub mod guard;
mod identity;
mod limits;
mod orders;
mod peers;
mod placement;
mod reports;
mod sweep;
mod table;
mod tally;
mod teardown;
mod tenants;
mod terminate_cause;
mod timeouts;
mod timers;
mod types;
pub mod verdict;
mod view;
mod ways;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

pub use crate::aaa::accounting::TerminateCause;
pub use admission::AdmissionRefusal;
pub use call::CallState;
pub use end::EndReason;
pub use explain::{Account, Failures, Wait};
pub use facts::{CallFacts, CallOrigin};
pub use identity::Standing;
pub use peers::{CallError, Client, NotPlaced, Peer, PeerView};
pub use tally::Tally;
pub use types::{
    AcceptRefusal, CallRefusal, Capacity, Counters, Entropy, Event, Listener, NearestWorker,
    Output, SessionConfig, SessionPolicy,
};
pub use view::{CallView, ConnectionView};

use crate::aaa::Pools;
use crate::clock::Timestamp;
use crate::flow::{BucketTable, FlowCommand, FlowKey, FlowTotals};
use crate::pptp::Control;
use admission::Admission;
use call::Call;
use call_ids::CallIds;
use connection::Connection;
use guard::Guard;
use peers::PeerRecord;
use sweep::Sweep;
use table::{Id, Table};
use tenants::Tenants;
use timers::Timers;
use verdict::History;
use ways::Ways;

/// Machines whose time has come, in one turn.
const TIMER_BUDGET: usize = 256;

/// Names a control connection.
pub type ConnectionId = Id<Connection>;
/// Names a call.
pub type CallRef = Id<Call>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TimerKey {
    Connection(ConnectionId),
    Call(CallRef),
}

/// All control connections and calls.
pub struct Sessions {
    config: SessionConfig,
    buckets: Arc<BucketTable>,
    connections: Table<Connection>,
    calls: Table<Call>,
    /// For each local address, the call that has each Call ID.
    by_call_id: Vec<Box<[Option<CallRef>]>>,
    call_ids: Vec<CallIds>,
    admission: Admission,
    peers: Vec<PeerRecord>,
    /// Call Serial Number of the last call that we placed.
    call_serial: u16,
    pools: Pools,
    guard: Guard,
    tenants: Tenants,
    mppc: ccp::MppcPlaces,
    ways: Ways,
    timers: Timers<TimerKey>,
    outputs: VecDeque<Output>,
    /// For each worker, the calls that have orders waiting, each at most once.
    ready: Vec<VecDeque<CallRef>>,
    /// How many calls each worker has.
    worker_calls: Vec<usize>,
    /// Machines that were touched and may have outputs.
    touched_connections: VecDeque<ConnectionId>,
    touched_calls: VecDeque<CallRef>,
    entropy: Entropy,
    counters: Counters,
    nearest_worker: NearestWorker,
    tally: Tally,
    history: History,
    failures: Failures,
    stopping: bool,
    /// How far an orderly stop has come.
    sweep: Option<Sweep>,
}

impl Sessions {
    /// No sessions yet. `entropy` fills a buffer with unpredictable bytes (challenges and magic
    /// numbers come from it).
    #[must_use]
    pub fn new(
        config: SessionConfig,
        buckets: Arc<BucketTable>,
        pools: Pools,
        capacity: Capacity,
        entropy: Entropy,
    ) -> Self {
        let locals = config.listeners.len();
        Self {
            connections: Table::new(capacity.connections),
            calls: Table::new(capacity.calls),
            by_call_id: (0..locals)
                .map(|_| vec![None; 1 << 16].into_boxed_slice())
                .collect(),
            call_ids: (0..locals).map(|_| CallIds::new()).collect(),
            admission: Admission::new(config.limits),
            peers: config.peers.iter().map(PeerRecord::new).collect(),
            call_serial: 0,
            ready: (0..buckets.workers()).map(|_| VecDeque::new()).collect(),
            worker_calls: vec![0; usize::from(buckets.workers())],
            ways: Ways::default(),
            timers: Timers::new(capacity.connections + capacity.calls),
            outputs: VecDeque::new(),
            touched_connections: VecDeque::new(),
            touched_calls: VecDeque::new(),
            tally: Tally::default(),
            history: History::default(),
            failures: Failures::default(),
            stopping: false,
            mppc: ccp::MppcPlaces::new(config.mppc_calls_max),
            sweep: None,
            guard: Guard::new(config.policy.guard),
            tenants: Tenants::default(),
            config,
            buckets,
            pools,
            entropy,
            counters: Box::new(|_worker, _slot| FlowTotals::default()),
            nearest_worker: Box::new(|_local, _peer| None),
        }
    }

    /// Where to look up by which worker's queue a call will come in: it gets that worker, unless that
    /// one has far more calls than others. Without it workers are drawn.
    pub fn place_by(&mut self, nearest_worker: NearestWorker) {
        self.nearest_worker = nearest_worker;
    }

    /// A client has opened a TCP connection to `local_address`.
    ///
    /// # Errors
    /// The limit that refuses it; the caller closes the socket.
    pub fn accept(
        &mut self,
        peer: SocketAddrV4,
        local_address: Ipv4Addr,
        now: Timestamp,
    ) -> Result<ConnectionId, AcceptRefusal> {
        let accepted = self.admit(peer, local_address, now);
        if let Err(refusal) = accepted {
            self.judge_not_accepted(peer, local_address, refusal, now);
        }
        accepted
    }

    fn admit(
        &mut self,
        peer: SocketAddrV4,
        local_address: Ipv4Addr,
        now: Timestamp,
    ) -> Result<ConnectionId, AcceptRefusal> {
        let Some(local) = self.local_of(local_address) else {
            return Err(self.refuse_connection(AcceptRefusal::LocalAddressUnknown));
        };
        if self.stopping {
            return Err(self.refuse_connection(AcceptRefusal::Stopping));
        }
        let permit = self
            .admission
            .admit_connection(*peer.ip())
            .map_err(AcceptRefusal::Limit)?;
        let control = Control::new(Arc::clone(&self.config.control), now);
        let connection = Connection::new(control, peer, local, local_address, permit, now);
        let Ok(id) = self.connections.insert(connection) else {
            return Err(AcceptRefusal::Limit(AdmissionRefusal::ControlConnections));
        };
        self.touched_connections.push_back(id);
        self.settle(now);
        Ok(id)
    }

    /// Position of an address of ours.
    fn local_of(&self, address: Ipv4Addr) -> Option<u16> {
        let mut listeners = self.config.listeners.iter();
        let position = listeners.position(|own| own.address == address)?;
        u16::try_from(position).ok()
    }

    /// Counts a refusal that no limit has counted.
    fn refuse_connection(&mut self, refusal: AcceptRefusal) -> AcceptRefusal {
        self.tally.add("admission", refusal.name(), 1);
        refusal
    }

    /// Bytes have arrived on a control connection.
    pub fn receive(&mut self, id: ConnectionId, bytes: &[u8], now: Timestamp) {
        self.judge_race(id, now);
        if let Some(connection) = self.connections.get_mut(id) {
            connection
                .control
                .handle(crate::pptp::Input::Bytes(bytes), now);
            self.touched_connections.push_back(id);
            self.settle(now);
        }
    }

    /// A PPP control frame of a call, from its protocol field on.
    pub fn frame(&mut self, flow: FlowKey, frame: &[u8], now: Timestamp) {
        // A call may end while its last frames are in the ring.
        let id = self.call_of(flow);
        let Some((id, call)) = id.and_then(|id| Some((id, self.calls.get_mut(id)?))) else {
            return self.tally.add("call", "frame_without_call", 1);
        };
        match call.state {
            CallState::Negotiating | CallState::Network | CallState::Terminating => {
                let after = now.since(call.created);
                call.attempt.received(frame, after);
                call.link.handle(crate::ppp::link::Input::Frame(frame), now);
                self.touched_calls.push_back(id);
                self.settle(now);
            }
            // GRE and TCP race each other; a lost Configure-Request would cost its restart timer.
            CallState::Connecting => {
                if !call.keep_early(frame) {
                    self.tally.add("call", "frame_out_of_state", 1);
                }
            }
            CallState::Opening | CallState::Closing => {
                self.tally.add("call", "frame_out_of_state", 1);
            }
        }
    }

    /// Timers have run out. One turn takes a bounded number of them; [`Self::poll_timeout`] says if
    /// there are more.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        for _ in 0..TIMER_BUDGET {
            let Some((deadline, key)) = self.timers.pop_due(now) else {
                break;
            };
            match key {
                TimerKey::Connection(id) => self.connection_timeout(id, deadline, now),
                TimerKey::Call(id) => self.call_timeout(id, deadline, now),
            }
        }
        self.sweep(now);
        self.settle(now);
    }

    /// When [`Self::handle_timeout`] is next needed, at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.sweep {
            Some(_) => Some(Timestamp::ZERO),
            None => self.timers.next(),
        }
    }

    /// The next thing for the world outside.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether no connection and no call is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.calls.is_empty()
    }
}
