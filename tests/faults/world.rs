//! The control plane, a worker that only answers, and clients.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pns::aaa::outage::{Cost, Outage};
use pns::aaa::radius::{Demand, SocketId};
use pns::aaa::tacacs::ConnectionId as StreamId;
use pns::clock::Timestamp;
use pns::config::Config;
use pns::dataplane::WorkerStats;
use pns::flow::counters::counter_arena;
use pns::flow::ring::{Punted, RingCapacities, WorkerEnds, rings};
use pns::flow::{BucketTable, FlowCommand, FlowKey, FlowReport, FlowTotals, FrameBytes};
use pns::operate::{account, explain};
use pns::routing::directory::directory;
use pns::session::verdict::Key;
use pns::session::{Account, ConnectionId, Sessions};
use pns::slowpath::control_plane::{ControlPlane, Outside, RouteChange};
use pns::slowpath::worker_link::WorkerLink;
use pns::slowpath::{settings, tacacs_settings};
use zeroize::Zeroizing;

use super::control_client as control;
use super::ppp_client::PppClient;
use super::radius::{self, Script};

const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

const CONFIG: &str = r#"
[server]
listen = ["198.51.100.1"]
[[port]]
name = "both"
device = "net_af_xdp0,iface=wan_s"
side = "both"
addresses = ["198.51.100.1/24"]
[[pool]]
name = "default"
ranges = ["10.77.0.100-10.77.0.199"]
gateway = "10.77.0.1"
[[pool]]
name = "tiny"
ranges = ["10.78.0.2"]
gateway = "10.77.0.1"
next = "spare"
[[pool]]
name = "spare"
ranges = ["10.78.0.3"]
gateway = "10.77.0.1"
[[realm]]
name = "example.com"
[group.office]
authentication = ["mschapv2"]
sessions_max = 1
[group.narrow]
authentication = ["eap"]
[ppp.authentication]
methods = ["mschapv2", "eap", "chap-md5", "pap"]
[users]
file = "users.toml"
unknown_realm = "refuse"
"#;

/// What the machines ask the world for.
#[derive(Default)]
struct Memory {
    datagrams: Vec<(SocketId, Vec<u8>)>,
    servers: HashMap<SocketId, SocketAddr>,
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

    fn open_datagrams(&mut self, socket: SocketId, to: SocketAddr) {
        self.servers.insert(socket, to);
    }

    fn open_stream(&mut self, connection: StreamId, _: SocketAddr) {
        self.streams.push(connection);
    }

    fn send_datagram(&mut self, socket: SocketId, bytes: &[u8]) {
        self.datagrams.push((socket, bytes.to_vec()));
    }
}

pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    worker: WorkerEnds,
    outside: Memory,
    pub(crate) now: Timestamp,
    pub(crate) clients: Vec<PppClient>,
    of_flow: HashMap<FlowKey, usize>,
    radius: Option<Script>,
    config: Option<Config>,
}

impl World {
    /// A server with these users, and with `more` in its configuration.
    pub(crate) fn new(users: &str, more: &str) -> Self {
        let read = |path: &Path| {
            Ok(Zeroizing::new(match path.ends_with("secret") {
                true => String::from_utf8_lossy(radius::SECRET).into_owned(),
                false => users.to_owned(),
            }))
        };
        let config = Config::parse(&format!("{CONFIG}{more}"), "pns.toml", read);
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
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
        plane.keep_for_outages(Outage::new(
            100,
            Cost {
                memory_kib: 8,
                passes: 1,
            },
            Box::new(|bytes| bytes.fill(0x5a)),
        ));
        Self {
            plane,
            worker,
            outside: Memory::default(),
            now: Timestamp::ZERO + Duration::from_secs(100),
            clients: Vec::new(),
            of_flow: HashMap::new(),
            radius: None,
            config: Some(config),
        }
    }

    /// Asks a RADIUS server about whoever is no local user.
    pub(crate) fn ask_radius(&mut self, script: Script, demand: Demand, questions_max: usize) {
        self.radius = Some(script);
        let client = radius::client(demand, questions_max);
        self.plane.ask_servers(client, true);
    }

    /// Asks TACACS+ servers as the configuration says: no connection to one can be had.
    pub(crate) fn ask_tacacs(&mut self) {
        let log_ins = tacacs_settings::log_ins(self.config.as_ref().unwrap()).unwrap();
        self.plane.ask_tacacs(log_ins);
    }

    /// What it was made from, once.
    pub(crate) fn take_config(&mut self) -> Config {
        self.config.take().unwrap()
    }

    /// From here on the RADIUS server does this.
    pub(crate) fn radius_does(&mut self, script: Script) {
        self.radius = Some(script);
    }

    /// A client dials in; `false` if it is not even given a call.
    pub(crate) fn dial(&mut self, client: PppClient) -> bool {
        let place = self.clients.len();
        self.clients.push(client);
        let peer = SocketAddrV4::new(CLIENT, 40_000);
        let id = self.plane.sessions.accept(peer, SERVER, self.now).unwrap();
        self.plane
            .sessions
            .receive(id, &control::start_request(), self.now);
        self.run();
        let call = control::call_request(u16::try_from(place).unwrap());
        self.plane.sessions.receive(id, &call, self.now);
        self.run();
        let Some((flow, _)) = self.of_flow.iter().find(|(_, at)| **at == place) else {
            return false;
        };
        let flow = *flow;
        let frames = self.clients[place].start();
        self.send(flow, frames);
        self.run();
        true
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
                let script = self.radius.expect("nobody else is asked");
                if let Some(reply) = radius::answer(script, &bytes) {
                    let from = self.outside.servers[&socket];
                    self.plane.datagram(socket, from, &reply, self.now);
                    moved = true;
                }
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
                self.of_flow.remove(&flow);
                let totals = FlowTotals::default();
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

    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            let due = [
                self.plane.sessions.poll_timeout(),
                self.plane.poll_timeout(),
            ];
            let due = due.into_iter().flatten().min().filter(|due| *due <= end);
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            self.plane.sessions.handle_timeout(self.now);
            self.plane.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    /// What `pns explain peer` prints of the attempts that ended with this finding, and the names
    /// of all findings.
    pub(crate) fn explain(&self, finding: &str) -> (String, Vec<&'static str>) {
        let accounts = self.plane.sessions.explain(&Key::Peer(CLIENT), 100);
        let name = |account: &Account| match account {
            Account::Ended(verdict) => verdict.finding.name(),
            Account::Live { .. } => "live",
        };
        let found = accounts.iter().filter(|account| name(account) == finding);
        let rows: Vec<_> = found
            .map(|account| account::row(account, self.now, SystemTime::now()))
            .collect();
        (explain::text(&rows), accounts.iter().map(name).collect())
    }
}
