//! The control plane as the server has it, on memory: a worker that only answers, clients that do
//! what PPP asks of them, and servers that decide and write bills. Time is what the test says it is.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pns::aaa::outage::{Cost, Outage};
use pns::aaa::radius::SocketId;
use pns::aaa::tacacs::ConnectionId as StreamId;
use pns::clock::Timestamp;
use pns::config::Config;
use pns::dataplane::WorkerStats;
use pns::flow::counters::counter_arena;
use pns::flow::ring::{Punted, RingCapacities, WorkerEnds, rings};
use pns::flow::{BucketTable, FlowCommand, FlowKey, FlowReport, FlowTotals, FrameBytes};
use pns::routing::directory::directory;
use pns::session::{ConnectionId, Sessions};
use pns::slowpath::control_plane::{ControlPlane, Outside, RouteChange};
use pns::slowpath::settings;
use pns::slowpath::worker_link::WorkerLink;
use zeroize::Zeroizing;

use super::control_client as control;
use super::ppp_client::PppClient;

const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// The smallest configuration with users of its own; what is appended goes on in `[users]`.
pub(crate) const SMALLEST: &str = include_str!("smallest.toml");
/// Where every client dials from.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// RADIUS servers, as far as the control plane sees them.
pub(crate) trait Servers {
    /// A datagram is on its way to a server.
    fn hear(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]);
    /// Nobody needs the socket any more.
    fn close(&mut self, _socket: SocketId) {}
    /// A datagram that came from one.
    fn next_answer(&mut self) -> Option<(SocketId, SocketAddr, Vec<u8>)>;
}

/// What the machines ask the world for.
#[derive(Default)]
struct Memory {
    datagrams: Vec<(SocketId, Vec<u8>)>,
    servers: HashMap<SocketId, SocketAddr>,
    /// Sockets that are closed from now on.
    closed: Vec<SocketId>,
    /// Connections to TACACS+ servers, of which none can be had.
    streams: Vec<StreamId>,
}

impl Outside for Memory {
    fn write(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        let length = sessions.pending(id).len();
        sessions.consumed(id, length, now);
    }

    fn connect(
        &mut self,
        _: ConnectionId,
        _: Ipv4Addr,
        _: SocketAddrV4,
        _: &mut Sessions,
        _: Timestamp,
    ) {
    }

    fn close(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        self.write(id, sessions, now);
        sessions.forget(id);
    }

    fn ethernet(&mut self, _: u8, _: &[u8]) {}

    fn inner(&mut self, _: &[u8]) {}

    fn route(&mut self, _: RouteChange) {}

    fn open_stream(&mut self, connection: StreamId, _: SocketAddr) {
        self.streams.push(connection);
    }

    fn open_datagrams(&mut self, socket: SocketId, to: SocketAddr) {
        self.servers.insert(socket, to);
    }

    fn close_datagrams(&mut self, socket: SocketId) {
        self.servers.remove(&socket);
        self.closed.push(socket);
    }

    fn send_datagram(&mut self, socket: SocketId, bytes: &[u8]) {
        self.datagrams.push((socket, bytes.to_vec()));
    }
}

/// A server and everybody around it.
pub(crate) struct Rig<S> {
    pub(crate) plane: ControlPlane,
    /// What it was made from.
    pub(crate) config: Option<Config>,
    pub(crate) servers: S,
    pub(crate) now: Timestamp,
    /// By the order in which they dialled.
    pub(crate) clients: Vec<PppClient>,
    connections: Vec<ConnectionId>,
    worker: WorkerEnds,
    outside: Memory,
    of_flow: HashMap<FlowKey, usize>,
}

impl<S: Servers> Rig<S> {
    /// A server with this configuration and these users, at time `now`.
    pub(crate) fn new(config: &str, users: &str, servers: S, now: Timestamp) -> Self {
        let read = |path: &Path| {
            let secret = path.ends_with("secret");
            let text = if secret {
                "a shared secret of thirty"
            } else {
                users
            };
            Ok(Zeroizing::new(text.to_owned()))
        };
        let config = Config::parse(config, "pns.toml", read);
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
        Self::of(config, servers, now)
    }

    /// A server with a configuration that was read already.
    pub(crate) fn of(config: Config, servers: S, now: Timestamp) -> Self {
        let users = settings::local_users(&config);
        let ranges: Vec<_> = config
            .pools
            .iter()
            .flat_map(|pool| &pool.ranges)
            .map(|range| range.first..=range.last)
            .collect();
        let (writer, _owners) = directory(&ranges);
        let mut random = 0_u8;
        let entropy = move |buffer: &mut [u8]| {
            for byte in buffer {
                random = random.wrapping_mul(5).wrapping_add(13);
                *byte = random;
            }
        };
        let sessions = Sessions::new(
            settings::session_config(&config),
            Arc::new(BucketTable::new(1)),
            settings::pools(&config, &users),
            settings::capacity(&config),
            Box::new(entropy),
        );
        let (slow_path, worker) = rings(RingCapacities::default());
        let stats = Arc::new(WorkerStats::default());
        let link = WorkerLink::new(0, slow_path, counter_arena(0), stats, None);
        let mut plane = ControlPlane::new(sessions, users, vec![link], writer);
        plane.set_realms(settings::realms(&config));
        let cost = Cost {
            memory_kib: 8,
            passes: 1,
        };
        let salt = Box::new(|salt: &mut [u8]| salt.fill(0x5a));
        plane.keep_for_outages(Outage::new(100, cost, salt));
        Self {
            plane,
            config: Some(config),
            servers,
            now,
            clients: Vec::new(),
            connections: Vec::new(),
            worker,
            outside: Memory::default(),
            of_flow: HashMap::new(),
        }
    }

    /// A client dials in; `false` if it is not even given a call.
    pub(crate) fn dial(&mut self, client: PppClient) -> bool {
        let place = self.clients.len();
        self.clients.push(client);
        let peer = SocketAddrV4::new(CLIENT, 40_000);
        let id = self.plane.sessions.accept(peer, SERVER, self.now).unwrap();
        self.connections.push(id);
        self.say(place, &control::start_request());
        self.say(place, &control::call_request(call_id(place)));
        let Some((flow, _)) = self.of_flow.iter().find(|(_, at)| **at == place) else {
            return false;
        };
        let flow = *flow;
        let frames = self.clients[place].start();
        self.send(flow, frames);
        self.run();
        true
    }

    /// A client hangs up, and closes its control connection.
    pub(crate) fn hang_up(&mut self, place: usize) {
        self.say(place, &control::call_clear(call_id(place)));
        self.plane
            .sessions
            .peer_closed(self.connections[place], self.now);
        self.run();
    }

    fn say(&mut self, place: usize, message: &[u8]) {
        let id = self.connections[place];
        self.plane.sessions.receive(id, message, self.now);
        self.run();
    }

    fn send(&mut self, flow: FlowKey, frames: Vec<Vec<u8>>) {
        for bytes in frames {
            let frame = FrameBytes::copy_of(&bytes).unwrap();
            assert!(self.worker.punted.push(Punted::Ppp { flow, frame }).is_ok());
        }
    }

    /// Does what everybody has to do, until nobody has.
    pub(crate) fn run(&mut self) {
        loop {
            self.plane.hear_workers(&mut self.outside, self.now);
            self.plane.carry_out(&mut self.outside, self.now);
            let mut moved = false;
            for (socket, bytes) in std::mem::take(&mut self.outside.datagrams) {
                self.servers
                    .hear(socket, self.outside.servers[&socket], &bytes);
            }
            for socket in self.outside.closed.drain(..) {
                self.servers.close(socket);
            }
            while let Some((socket, from, bytes)) = self.servers.next_answer() {
                self.plane.datagram(socket, from, &bytes, self.now);
                moved = true;
            }
            for connection in std::mem::take(&mut self.outside.streams) {
                self.plane.stream_closed(connection, self.now);
                moved = true;
            }
            while let Ok(command) = self.worker.commands.pop() {
                moved = true;
                self.work(&command);
            }
            if !moved {
                return;
            }
        }
    }

    fn work(&mut self, command: &FlowCommand) {
        let flow = command.flow();
        let report = match command {
            FlowCommand::Open { .. } => {
                self.of_flow.insert(flow, self.clients.len() - 1);
                FlowReport::Opened { flow, slot: 0 }
            }
            FlowCommand::Close { .. } => {
                let place = self.of_flow.remove(&flow).expect("an open flow");
                let totals = FlowTotals {
                    upstream_packets: place as u64,
                    ..FlowTotals::default()
                };
                FlowReport::Closed { flow, totals }
            }
            FlowCommand::Frame { frame, .. } => {
                if let Some(place) = self.of_flow.get(&flow).copied() {
                    let answers = self.clients[place].handle(frame.as_slice());
                    self.send(flow, answers);
                }
                return;
            }
            _ => return,
        };
        assert!(self.worker.reports.push(report).is_ok());
    }

    /// Does what is due at this time.
    pub(crate) fn turn(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.plane.sessions.handle_timeout(self.now);
        self.plane.handle_timeout(self.now);
        self.run();
    }

    /// Lets time pass, from one timer to the next.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due = [
                self.plane.sessions.poll_timeout(),
                self.plane.poll_timeout(),
            ];
            let due = due.into_iter().flatten().min().filter(|due| *due <= end);
            let Some(due) = due else { break };
            self.turn(due);
        }
        self.now = end;
    }

    /// Flows that the worker has.
    pub(crate) fn flows(&self) -> usize {
        self.of_flow.len()
    }

    /// Sockets to servers that are open.
    pub(crate) fn sockets(&self) -> usize {
        self.outside.servers.len()
    }
}

/// [`SMALLEST`] for thousands of calls from one address.
pub(crate) fn roomy() -> String {
    let limits = "[server]
calls_max = 4000
control_connections_max = 4000
control_connections_per_source_max = 4000
";
    SMALLEST
        .replace("[server]\n", limits)
        .replace("10.77.0.100-10.77.0.199", "10.80.0.1-10.80.15.254")
}

/// The Call ID that a client chooses.
fn call_id(place: usize) -> u16 {
    place as u16
}
