//! The production slow path on memory: its control plane, with queues of bytes for sockets and a
//! stand-in for each worker that opens and closes flows and carries frames, and clients around it.
//! Only the slow path is timed, by the CPU clock of its thread, and its clock advances by just that.

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use pns::clock::Timestamp;
use pns::flow::ring::{Punted, WorkerEnds};
use pns::flow::{BucketTable, FlowCommand, FlowKey, FlowReport, FlowTotals, FrameBytes};
use pns::operate::admin::{Request, Response};
use pns::operate::answer::Answer;
use pns::session::{ConnectionId, Sessions};
use pns::slowpath::control_plane::{
    ACCEPT_BUDGET, ACCEPT_BUDGET_BUSY, ControlPlane, Outside, READ_BUDGET, RouteChange,
};
use pns::slowpath::view::{KernelFigures, ServerFacts, ServerView};
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

use super::settings::{self, CLIENTS_PER_ADDRESS};
use crate::drive::client::{Client, Say, User};

/// When all dial.
const BEGAN: Timestamp = Timestamp::from_nanos(100_000_000_000);

/// One worker, as far as the slow path can tell.
struct StandIn {
    ends: WorkerEnds,
    /// Frames of clients that found the ring full.
    waiting: VecDeque<(FlowKey, Vec<u8>)>,
    next_slot: u32,
}

/// What the slow path wrote, until its clients read it.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    written: Vec<(ConnectionId, usize)>,
}

impl Outside for Memory {
    fn write(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        let pending = sessions.pending(id);
        let length = pending.len();
        self.bytes.extend_from_slice(pending);
        self.written.push((id, length));
        sessions.consumed(id, length, now);
    }

    fn connect(
        &mut self,
        id: ConnectionId,
        _local_address: Ipv4Addr,
        _peer: SocketAddrV4,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        sessions.connect_failed(id, now);
    }

    fn close(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        self.write(id, sessions, now);
        sessions.forget(id);
    }

    fn ethernet(&mut self, _port: u8, _frame: &[u8]) {}

    fn inner(&mut self, _packet: &[u8]) {}

    fn route(&mut self, _change: RouteChange) {}
}

/// One client, its user, and how long it took.
struct Dialled {
    client: Client,
    user: User,
    accepted: Timestamp,
    up: Option<Timestamp>,
}

/// The whole of it.
pub(crate) struct Rig {
    plane: ControlPlane,
    now: Timestamp,
    turns: Vec<Duration>,
    buckets: BucketTable,
    workers: Vec<StandIn>,
    memory: Memory,
    clients: Vec<Dialled>,
    /// The client of each connection, by its place in the table.
    owners: Vec<usize>,
    /// Clients that have opened TCP and are not accepted yet.
    backlog: VecDeque<usize>,
    readable: VecDeque<(ConnectionId, Vec<u8>)>,
    /// Read already; freed when nobody looks at the clock.
    read: Vec<Vec<u8>>,
    say: Vec<Say>,
    is_up: usize,
}

impl Rig {
    /// A server for `clients` calls; all of them dial at this moment.
    pub(crate) fn new(clients: usize) -> Self {
        let (plane, ends) = settings::control_plane(clients);
        let stand_in = |ends| StandIn {
            ends,
            waiting: VecDeque::new(),
            next_slot: 0,
        };
        let mut rig = Self {
            plane,
            now: BEGAN,
            turns: Vec::new(),
            buckets: BucketTable::new(settings::WORKERS),
            workers: ends.into_iter().map(stand_in).collect(),
            memory: Memory::default(),
            clients: Vec::new(),
            owners: Vec::new(),
            backlog: VecDeque::new(),
            readable: VecDeque::new(),
            read: Vec::new(),
            say: Vec::new(),
            is_up: 0,
        };
        allocation_counter::opt_out(|| rig.add_clients(clients));
        rig
    }

    fn add_clients(&mut self, clients: usize) {
        let dialled = |number: usize| Dialled {
            client: Client::new(number, 1 + (number % CLIENTS_PER_ADDRESS) as u16),
            user: User::numbered(number),
            accepted: Timestamp::ZERO,
            up: None,
        };
        self.clients = (0..clients).map(dialled).collect();
        self.owners = vec![0; clients];
        self.backlog = (0..clients).collect();
        self.turns = Vec::with_capacity(clients);
        // Memory of the harness, taken before anybody counts.
        self.memory.bytes = Vec::with_capacity(1 << 20);
        self.memory.written = Vec::with_capacity(1 << 14);
        self.read = Vec::with_capacity(READ_BUDGET);
    }

    /// Turns until every client is up, or nothing happens any more.
    pub(crate) fn run_until_up(&mut self) {
        while self.is_up < self.clients.len() && self.is_busy() {
            self.turn();
        }
    }

    /// Every client is up where it stands, with an address, and the server says the same.
    pub(crate) fn verify(&self) -> Outcome<()> {
        let calls = self.clients.len();
        let views = self.plane.sessions.views();
        let network = views.filter(|call| call.network_since.is_some()).count();
        let addressed = |it: &&Dialled| !it.client.lease.is_unspecified();
        let addressed = self.clients.iter().filter(addressed).count();
        if [self.is_up, network, addressed] == [calls; 3] {
            return Ok(());
        }
        let refused = self.clients.iter().filter(|it| it.client.is_refused);
        Err(format!(
            "of {calls} calls {} are up, {network} in the server's eyes, {addressed} have an \
             address, and {} were refused",
            self.is_up,
            refused.count()
        )
        .into())
    }

    /// CPU time of every turn since the last look, in microseconds.
    pub(crate) fn take_turns_us(&mut self) -> Vec<f64> {
        let turns = std::mem::take(&mut self.turns).into_iter();
        turns.map(|turn| turn.as_secs_f64() * 1e6).collect()
    }

    /// From TCP accept to the network phase, of each client that is up, in milliseconds.
    pub(crate) fn setup_ms(&self) -> Vec<f64> {
        let took = |dialled: &Dialled| Some(dialled.up?.since(dialled.accepted));
        let times = self.clients.iter().filter_map(took);
        times.map(|time| time.as_secs_f64() * 1e3).collect()
    }

    /// When each client was up, in seconds since all dialled.
    pub(crate) fn up_after_s(&self) -> Vec<f64> {
        let up = self.clients.iter().filter_map(|dialled| dialled.up);
        up.map(|up| up.since(BEGAN).as_secs_f64()).collect()
    }

    fn is_busy(&self) -> bool {
        let waits = |worker: &StandIn| !worker.waiting.is_empty();
        self.plane.has_news()
            || self.plane.commands_wait()
            || !self.backlog.is_empty()
            || !self.readable.is_empty()
            || self.workers.iter().any(waits)
    }

    /// Lists every session as for `pns show sessions --json`, while the server does its other work.
    pub(crate) fn list(&mut self) -> Outcome<()> {
        let mut answer = Answer::new(Request::Sessions {});
        let (mut line, mut is_last) = (Vec::new(), false);
        while !is_last {
            self.turn_and(|plane, now| {
                let mut view = ServerView {
                    errands: None,
                    facts: &FACTS,
                    plane,
                    ports: &[],
                    kernel: &NoKernel,
                    slow_turns: 0,
                    now,
                };
                let (bytes, last) = answer.advance(&mut view);
                line.extend(bytes);
                is_last = last;
            });
        }
        let Response::Sessions(rows) = serde_json::from_slice(&line)? else {
            return Err("the list of sessions is none".into());
        };
        let listed: BTreeSet<_> = rows.iter().filter_map(|row| row.address).collect();
        let leased: BTreeSet<_> = self.clients.iter().map(|it| it.client.lease).collect();
        if rows.len() == self.clients.len() && listed == leased {
            return Ok(());
        }
        Err(format!("{} rows for {} sessions", rows.len(), self.clients.len()).into())
    }

    /// Stops the server in an orderly way, until nothing is left.
    pub(crate) fn stop(&mut self) -> Outcome<()> {
        let deadline = self.now + Duration::from_secs(120);
        self.turn_and(|plane, now| plane.sessions.stop(now));
        while !self.plane.sessions.is_empty() {
            self.turn();
            if self.now > deadline {
                let left = self.plane.sessions.call_count();
                return Err(format!("{left} calls are left of an orderly stop").into());
            }
            let next = self.plane.sessions.poll_timeout();
            if let Some(next) = next.filter(|_| !self.is_busy()) {
                self.now = self.now.max(next);
            }
        }
        Ok(())
    }

    /// One turn of the slow path, timed, and then one of all the others.
    fn turn(&mut self) {
        self.turn_and(|_, _| {});
    }

    /// A turn in which the slow path does something else as well.
    fn turn_and(&mut self, also: impl FnOnce(&mut ControlPlane, Timestamp)) {
        let before = thread_time();
        self.slow_path_turn(also);
        let took = thread_time().saturating_sub(before);
        self.now = self.now + took;
        allocation_counter::opt_out(|| {
            self.turns.push(took);
            self.read.clear();
            self.hear_slow_path();
            self.carry_frames();
        });
    }

    /// What the event loop does, in its order.
    fn slow_path_turn(&mut self, also: impl FnOnce(&mut ControlPlane, Timestamp)) {
        let now = self.now;
        self.plane.hear_workers(&mut self.memory, now);
        let unhurried = !self.plane.has_news();
        for _ in 0..READ_BUDGET {
            let Some((id, bytes)) = self.readable.pop_front() else {
                break;
            };
            self.plane.sessions.receive(id, &bytes, now);
            self.read.push(bytes);
        }
        let accepts = if unhurried && self.readable.is_empty() {
            ACCEPT_BUDGET
        } else {
            ACCEPT_BUDGET_BUSY
        };
        for _ in 0..accepts {
            let Some(number) = self.backlog.pop_front() else {
                break;
            };
            self.accept(number, now);
        }
        self.plane.sessions.handle_timeout(now);
        also(&mut self.plane, now);
        self.plane.carry_out(&mut self.memory, now);
    }

    fn accept(&mut self, number: usize, now: Timestamp) {
        let peer = SocketAddrV4::new(settings::client_address(number), 40_000);
        let local = settings::listen_address(number);
        let Ok(id) = self.plane.sessions.accept(peer, local, now) else {
            return;
        };
        if let Some(owner) = self.owners.get_mut(id.index()) {
            *owner = number;
        }
        allocation_counter::opt_out(|| {
            if let Some(dialled) = self.clients.get_mut(number) {
                dialled.accepted = now;
                dialled.client.connected(&mut self.say);
            }
            self.spread(id, None);
        });
    }

    /// Puts what a client has just said where the slow path finds it.
    fn spread(&mut self, id: ConnectionId, flow: Option<FlowKey>) {
        for say in self.say.drain(..) {
            match (say, flow) {
                (Say::Control(bytes), _) => self.readable.push_back((id, bytes)),
                (Say::Ppp(frame), Some(flow)) => {
                    let worker = usize::from(self.buckets.worker(flow.call_id));
                    if let Some(worker) = self.workers.get_mut(worker) {
                        worker.waiting.push_back((flow, frame));
                    }
                }
                (Say::Ppp(_), None) => {}
            }
        }
    }

    /// Clients read their control connections.
    fn hear_slow_path(&mut self) {
        let mut memory = std::mem::take(&mut self.memory);
        let mut rest = memory.bytes.as_slice();
        for (id, length) in memory.written.drain(..) {
            let (message, after) = rest.split_at_checked(length).unwrap_or_default();
            rest = after;
            let number = self.owners.get(id.index()).copied().unwrap_or_default();
            let Some(dialled) = self.clients.get_mut(number) else {
                continue;
            };
            dialled.client.hear_control(message, &mut self.say);
            let local = settings::local_of(number);
            let flow = dialled
                .client
                .peer_call_id
                .map(|it| FlowKey::new(local, it));
            self.spread(id, flow);
        }
        memory.bytes.clear();
        self.memory = memory;
    }

    /// Workers answer orders, and carry frames both ways.
    fn carry_frames(&mut self) {
        for index in 0..self.workers.len() {
            while let Some(command) = self
                .workers
                .get_mut(index)
                .and_then(|worker| worker.ends.commands.pop().ok())
            {
                self.obey(index, &command);
            }
            let Some(worker) = self.workers.get_mut(index) else {
                return;
            };
            while worker.ends.punted.slots() > 0 {
                let Some((flow, frame)) = worker.waiting.pop_front() else {
                    break;
                };
                // The worker takes address and control off.
                let frame = FrameBytes::copy_of(frame.get(2..).unwrap_or_default());
                if let Some(frame) = frame {
                    let _there_is_a_slot = worker.ends.punted.push(Punted::Ppp { flow, frame });
                }
            }
        }
    }

    fn obey(&mut self, index: usize, command: &FlowCommand) {
        let Some(worker) = self.workers.get_mut(index) else {
            return;
        };
        // The rest is between the worker and its packets.
        if let FlowCommand::Open { flow, .. } = command {
            let slot = worker.next_slot;
            worker.next_slot += 1;
            let opened = FlowReport::Opened { flow: *flow, slot };
            let _fits = worker.ends.reports.push(opened);
        } else if let FlowCommand::Close { flow } = command {
            let (flow, totals) = (*flow, FlowTotals::default());
            let _fits = worker
                .ends
                .reports
                .push(FlowReport::Closed { flow, totals });
        } else if let FlowCommand::Frame { flow, frame } = command {
            self.deliver(*flow, frame.as_slice());
        }
    }

    /// A frame reaches its client.
    fn deliver(&mut self, flow: FlowKey, frame: &[u8]) {
        let Some((connection, address)) = self.plane.sessions.ends_of(flow) else {
            return;
        };
        let number = settings::client_number(address);
        let Some(dialled) = self.clients.get_mut(number) else {
            return;
        };
        let Dialled { client, user, .. } = dialled;
        client.hear_ppp(frame, user, &mut self.say);
        if client.is_up() && dialled.up.is_none() {
            dialled.up = Some(self.now);
            self.is_up += 1;
        }
        self.spread(connection, Some(flow));
    }
}

/// There is no kernel here, and nothing passes between it and us.
struct NoKernel;

impl KernelFigures for NoKernel {
    fn tap_frames(&self, _port: usize) -> (u64, u64) {
        (0, 0)
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// No list of sessions says any of it.
const FACTS: ServerFacts = ServerFacts {
    host_name: String::new(),
    memory: "",
    connections_max: 0,
    calls_max: 0,
};

/// The CPU time of this thread, kernel time included.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}
