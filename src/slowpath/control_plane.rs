//! The slow path without its IO: sessions, users, and the rings to the workers. The event loop lends
//! it sockets and devices; whoever measures or simulates lends it memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use super::bookkeeper::Bookkeeper;
use super::events::EventLog;
use super::log_ins::LogIns;
pub use super::log_ins::TacacsLogIns;
use super::requests::Requests;
use super::worker_link::{self, WorkerLink};
use crate::aaa::accounting::Accounting;
use crate::aaa::outage::{Done, Outage, Work};
use crate::aaa::radius::{Client, Dynamic, SocketId};
use crate::aaa::tacacs::{self, ConnectionId as StreamId};
use crate::aaa::{LocalUsers, PasswordChange, PoolConfig, Realms};
use crate::auth::Secret;
use crate::clock::Timestamp;
use crate::flow::FlowReport;
use crate::flow::ring::Punted;
use crate::routing::directory::DirectoryWriter;
use crate::session::{ConnectionId, Output, SessionConfig, Sessions};
use crate::wire::call_id::CallId;
use crate::wire::prefix::Prefix;

/// Reports heard from one worker in one turn.
const REPORT_BUDGET: usize = 512;
/// Punted frames heard from one worker in one turn.
const PUNT_BUDGET: usize = 256;

/// Connections that are read in one turn; the others keep their place in the queue.
pub const READ_BUDGET: usize = 64;
/// Connections accepted in one turn on one address.
pub const ACCEPT_BUDGET: usize = 64;
/// The same while clients that are in wait for us: nobody can keep others out altogether.
pub const ACCEPT_BUDGET_BUSY: usize = 2;

/// Sockets and devices, as far as the machines need them.
pub trait Outside {
    /// Writes what [`Sessions::pending`] has for a connection, as far as its socket takes it.
    fn write(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp);
    /// Begins to open a connection of ours; a failure is told by [`Sessions::connect_failed`].
    fn connect(
        &mut self,
        id: ConnectionId,
        local_address: Ipv4Addr,
        peer: SocketAddrV4,
        sessions: &mut Sessions,
        now: Timestamp,
    );
    /// Writes the last words and closes; then [`Sessions::forget`].
    fn close(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp);
    /// An Ethernet frame that came in by `port` and is for the kernel.
    fn ethernet(&mut self, port: u8, frame: &[u8]);
    /// An IP packet of a call that is for the kernel.
    fn inner(&mut self, packet: &[u8]);
    /// What the kernel has to know of a call that leads to networks.
    fn route(&mut self, change: RouteChange);
    /// A worker has a call now, whose GRE may come.
    fn call_opened(&mut self, _call_id: CallId) {}
    /// And no more.
    fn call_closed(&mut self, _call_id: CallId) {}
    /// Opens a UDP socket to a RADIUS server; who asks none has none.
    fn open_datagrams(&mut self, _socket: SocketId, _to: SocketAddr) {}
    /// Sends a datagram to a RADIUS server.
    fn send_datagram(&mut self, _socket: SocketId, _bytes: &[u8]) {}
    /// Closes a socket to a RADIUS server.
    fn close_datagrams(&mut self, _socket: SocketId) {}
    /// Answers a request about live calls.
    fn answer_request(&mut self, _to: SocketAddr, _bytes: &[u8]) {}
    /// Begins to open a TCP connection to a TACACS+ server; who asks none has none.
    fn open_stream(&mut self, _connection: StreamId, _to: SocketAddr) {}
    /// Sends bytes to a TACACS+ server.
    fn send_stream(&mut self, _connection: StreamId, _bytes: &[u8]) {}
    /// Closes a connection to a TACACS+ server.
    fn close_stream(&mut self, _connection: StreamId) {}
    /// Works on a password: at once, or beside the loop and tells [`ControlPlane::derived`].
    fn derive(&mut self, work: Work) -> Option<Done> {
        Some(work.run())
    }
}

/// A route or an address of ours that comes and goes with a call that we placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteChange {
    /// The network is reached by the call; what the kernel sends there comes from `source`.
    Set {
        /// The network.
        network: Prefix,
        /// Our address on the call.
        source: Option<Ipv4Addr>,
    },
    /// It is not, any more.
    Cleared {
        /// The network.
        network: Prefix,
    },
    /// The address is ours.
    AddressSet {
        /// Our address on the call.
        address: Ipv4Addr,
    },
    /// It is not, any more.
    AddressCleared {
        /// The address.
        address: Ipv4Addr,
    },
}

/// Everything that decides, and nothing that waits.
pub struct ControlPlane {
    /// Control connections and calls.
    pub sessions: Sessions,
    /// One for each worker, by its number.
    pub workers: Vec<WorkerLink>,
    pub(super) log_ins: LogIns,
    pub(super) requests: Option<Requests>,
    directory: DirectoryWriter,
    events: EventLog,
    /// A command ring was full: its worker says nothing when there is room again.
    commands_wait: bool,
}

impl ControlPlane {
    /// Joins `sessions` with those who decide and those who carry out.
    #[must_use]
    pub fn new(
        mut sessions: Sessions,
        users: LocalUsers,
        workers: Vec<WorkerLink>,
        directory: DirectoryWriter,
    ) -> Self {
        sessions.count_by(worker_link::counters(&workers));
        Self {
            sessions,
            workers,
            log_ins: LogIns::new(users),
            requests: None,
            directory,
            events: EventLog::default(),
            commands_wait: false,
        }
    }

    /// Lets servers decide about log-ins and write the bill; with `local_first` about those only who
    /// are no local users.
    pub fn ask_servers(&mut self, client: Client, local_first: bool) {
        self.log_ins.ask_servers(client, local_first);
    }

    /// Takes over what a changed configuration says of users, calls and pools. What is up stays as it
    /// is; calls that are asked for from now on find the new.
    pub fn reconfigure(&mut self, users: LocalUsers, config: SessionConfig, pools: &[PoolConfig]) {
        self.sessions.reconfigure(config, pools, users.reserved());
        self.log_ins.set_users(users);
    }

    /// What follows from what stands in names beside the user, for log-ins from now on.
    pub fn set_realms(&mut self, realms: Realms) {
        self.log_ins.set_realms(realms);
    }

    /// Keeps what servers permit for the time in which none answers.
    pub fn keep_for_outages(&mut self, cache: Outage) {
        self.log_ins.keep_for_outages(cache);
    }

    /// What is kept for outages, for those who look at it.
    #[must_use]
    pub const fn outage(&self) -> Option<&Outage> {
        self.log_ins.outage()
    }

    /// Forgets what is kept for outages: what the operator says of it has changed.
    pub fn forget_kept(&mut self, users_max: usize) {
        self.log_ins.forget_kept(users_max);
    }

    /// A password was worked on.
    pub fn derived(&mut self, done: Done, now: Timestamp) {
        self.log_ins.derived(done, now);
    }

    /// Passwords that clients have replaced: in force, and lost with this process unless somebody
    /// keeps them.
    pub fn take_password_changes(&mut self) -> Vec<PasswordChange> {
        self.log_ins.take_password_changes()
    }

    /// Keeps the bill, on disk if there is a bookkeeper.
    pub fn keep_accounts(&mut self, accounting: Accounting, bookkeeper: Option<Bookkeeper>) {
        self.log_ins.keep_accounts(accounting, bookkeeper);
    }

    /// The bill, for those who look at it.
    #[must_use]
    pub fn accounting(&self) -> Option<&Accounting> {
        self.log_ins.bill().accounting
    }

    /// The client of RADIUS, for those who look at it.
    #[must_use]
    pub const fn radius(&self) -> Option<&Client> {
        self.log_ins.client()
    }

    /// The RADIUS server of this name shares another secret with us from now on.
    pub fn set_server_secret(&mut self, name: &str, secret: &Secret, now: Timestamp) {
        if let Some(client) = self.log_ins.client_mut() {
            client.set_secret(name, secret, now);
        }
    }

    /// The TACACS+ server of this name shares another secret with us from now on.
    pub fn set_tacacs_secret(&mut self, name: &str, secret: &Secret, now: Timestamp) {
        if let Some(client) = self.log_ins.tacacs_mut() {
            client.set_secret(name, secret, now);
        }
    }

    /// Who asks about live calls from this address shares another secret with us from now on.
    pub fn set_requester_secret(&mut self, address: IpAddr, secret: &Secret) {
        if let Some(requests) = &mut self.requests {
            requests.machine_mut().set_secret(address, secret);
        }
    }

    /// Hears billing systems about live calls (RFC 5176).
    pub fn hear_requests(&mut self, machine: Dynamic) {
        self.requests = Some(Requests::new(machine));
    }

    /// A datagram about live calls came.
    pub fn request(&mut self, from: SocketAddr, bytes: &[u8], now: Timestamp) {
        if let Some(requests) = &mut self.requests {
            requests.receive(from, bytes, now);
        }
    }

    /// Whether calls are looked for that somebody asks about.
    #[must_use]
    pub fn searches(&self) -> bool {
        self.requests.as_ref().is_some_and(Requests::has_work)
    }

    /// Lets TACACS+ servers decide about log-ins.
    pub fn ask_tacacs(&mut self, log_ins: TacacsLogIns) {
        self.log_ins.ask_tacacs(log_ins);
    }

    /// The client of TACACS+, for those who look at it.
    #[must_use]
    pub const fn tacacs(&self) -> Option<&tacacs::Client> {
        self.log_ins.tacacs()
    }

    /// A connection to a TACACS+ server is open.
    pub fn stream_open(&mut self, connection: StreamId, now: Timestamp) {
        if let Some(client) = self.log_ins.tacacs_mut() {
            client.connected(connection, now);
        }
    }

    /// Bytes of a TACACS+ server came.
    pub fn stream_bytes(&mut self, connection: StreamId, bytes: &[u8], now: Timestamp) {
        if let Some(client) = self.log_ins.tacacs_mut() {
            client.receive(connection, bytes, now);
        }
    }

    /// A connection to a TACACS+ server is over, or never came to be.
    pub fn stream_closed(&mut self, connection: StreamId, now: Timestamp) {
        if let Some(client) = self.log_ins.tacacs_mut() {
            client.closed(connection, now);
        }
    }

    /// A datagram of a RADIUS server came.
    pub fn datagram(&mut self, socket: SocketId, from: SocketAddr, bytes: &[u8], now: Timestamp) {
        self.log_ins.receive(socket, from, bytes, now);
    }

    /// Nobody listens at the other end of a socket.
    pub fn unreachable(&mut self, socket: SocketId, now: Timestamp) {
        self.log_ins.unreachable(socket, now);
    }

    /// Does what is due, but for the sessions' own timers.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.log_ins.turn(&self.sessions, &self.workers, now);
        if let Some(requests) = &mut self.requests {
            requests.turn(&mut self.sessions, &mut self.log_ins, now);
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.log_ins.poll_timeout()
    }

    /// The server ends, and its calls are gone: whoever writes the bill is told.
    pub fn end_bills(&mut self, now: Timestamp) {
        self.log_ins.stop(now);
    }

    /// Whether nobody is owed a word of the bill.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.log_ins.is_quiet()
    }

    /// Hears every worker, within this turn's budgets.
    pub fn hear_workers(&mut self, outside: &mut impl Outside, now: Timestamp) {
        for worker in &mut self.workers {
            for _ in 0..REPORT_BUDGET {
                let Some(report) = worker.next_report() else {
                    break;
                };
                match report {
                    FlowReport::Opened { flow, .. } => outside.call_opened(flow.call_id),
                    FlowReport::Closed { flow, .. } => outside.call_closed(flow.call_id),
                    FlowReport::OpenRefused { .. }
                    | FlowReport::DecryptionFailing { .. }
                    | FlowReport::SourceMoved { .. }
                    | FlowReport::ResetWanted { .. }
                    | FlowReport::CommandRefused { .. } => {}
                }
                self.sessions.report(report, now);
            }
            for _ in 0..PUNT_BUDGET {
                match worker.next_punted() {
                    Some(Punted::Ppp { flow, frame }) => {
                        self.sessions.frame(flow, frame.as_slice(), now);
                    }
                    Some(Punted::Ethernet { port, frame }) => {
                        outside.ethernet(port, frame.as_slice());
                    }
                    Some(Punted::Inner { frame, .. }) => outside.inner(frame.as_slice()),
                    None => break,
                }
            }
        }
    }

    /// Whether a worker has said something that nobody has heard yet. While it has, calls that exist
    /// wait, and new ones are better left in the kernel's backlog.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.workers.iter().any(WorkerLink::has_news)
    }

    /// Does what the sessions ask for, until they ask for nothing more, and gives the workers their
    /// orders.
    pub fn carry_out(&mut self, outside: &mut impl Outside, now: Timestamp) {
        self.carry_out_sessions(outside, now);
        while self.log_ins.carry_out(&mut self.sessions, outside, now) {
            self.carry_out_sessions(outside, now);
        }
        while let Some((to, bytes)) = self.requests.as_mut().and_then(Requests::poll_answer) {
            outside.answer_request(to, &bytes);
        }
        self.commands_wait = false;
        for worker in &mut self.workers {
            self.commands_wait |= worker.deliver_commands(&mut self.sessions);
        }
        self.events.turn(now);
    }

    fn carry_out_sessions(&mut self, outside: &mut impl Outside, now: Timestamp) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                Output::Transmit(id) => outside.write(id, &mut self.sessions, now),
                Output::Connect {
                    connection,
                    local_address,
                    peer,
                } => outside.connect(connection, local_address, peer, &mut self.sessions, now),
                Output::Close(id) => outside.close(id, &mut self.sessions, now),
                Output::Ask {
                    call,
                    credentials,
                    caller,
                    access,
                } => {
                    let decision = self.log_ins.ask(call, &caller, &credentials, &access, now);
                    if let Some(decision) = decision {
                        self.sessions.decide(call, decision, now);
                    }
                }
                Output::LeaseSet { lease, flow } => self.directory.set(lease, flow),
                Output::LeaseCleared { lease } => self.directory.clear(lease),
                Output::NetworkSet { network, flow } => self.directory.set_network(network, flow),
                Output::NetworkCleared { network } => self.directory.clear_network(network),
                Output::RouteSet { network, source } => {
                    outside.route(RouteChange::Set { network, source });
                }
                Output::RouteCleared { network } => {
                    outside.route(RouteChange::Cleared { network });
                }
                Output::OwnAddressSet { address } => {
                    outside.route(RouteChange::AddressSet { address });
                }
                Output::OwnAddressCleared { address } => {
                    outside.route(RouteChange::AddressCleared { address });
                }
                Output::Event(event) => {
                    self.log_ins.hear(&event, now);
                    self.events.write(&event, now);
                }
            }
        }
    }

    /// Whether orders are left that found no room in a ring.
    #[must_use]
    pub const fn commands_wait(&self) -> bool {
        self.commands_wait
    }
}
