//! A worker on ports of memory, with calls that are up, and nothing else on the machine's side: no
//! slow path runs, no other worker, no NIC.

use pns::mppe::keys::Suite;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use pns::clock::Timestamp;
use pns::dataplane::memory_port::{self, MemoryPort, MemoryWire};
use pns::dataplane::{
    DropReason, PortConfig, Side, Worker, WorkerConfig, WorkerShared, WorkerStats, mesh,
};
use pns::flow::counters::counter_arena;
use pns::flow::ring::{Doorbell, RingCapacities, SlowPathEnds, rings};
use pns::flow::{Authenticated, BucketTable, Encryption, FlowCommand, FlowPolicy, FlowReport};
use pns::routing::directory::directory;
use pns::routing::{DirectoryWriter, Prefix, Snapshot};

use super::client::{Client, start_keys};
use super::packets;
use crate::Outcome;

const ACCESS: u8 = 0;
const NETWORK: u8 = 1;
/// Empty frames in the pool: all calls may be owed an acknowledgment at once.
const ACKNOWLEDGMENTS: usize = 2048;
/// No packet is too long for a call, and no frame for a port.
const CALL_MTU: u16 = 1404;

/// The worker, and what is around it.
pub(super) struct Rig {
    worker: Worker<MemoryPort>,
    pub(super) access: MemoryWire,
    pub(super) network: MemoryWire,
    stats: Arc<WorkerStats>,
    slow: SlowPathEnds,
    directory: DirectoryWriter,
    now: Timestamp,
}

impl Rig {
    /// A worker with the calls of all `clients` up.
    pub(super) fn new(clients: &[Client], encryption: Encryption) -> Outcome<Self> {
        let count = u16::try_from(clients.len())?;
        let (slow, ends) = rings(RingCapacities::default());
        let (access_port, access) = memory_port::wire(ACKNOWLEDGMENTS);
        let (network_port, network) = memory_port::wire(0);
        let (writer, reader) = directory(&[packets::lease(0)..=packets::lease(count)]);
        let stats = Arc::new(WorkerStats::default());
        let shared = WorkerShared {
            buckets: BucketTable::new(1),
            directory: reader,
            routes: routes()?.publish(),
            rings: ends,
            doorbell: Doorbell::new(Box::new(|| {})),
            counters: counter_arena(u32::from(count)),
            stats: Arc::clone(&stats),
        };
        let handoff = mesh(1, 64).pop().ok_or("no handoff ends")?;
        let now = Timestamp::from_nanos(1_000_000_000);
        let ports = vec![access_port, network_port];
        let mut rig = Self {
            worker: Worker::new(config(), ports, handoff, shared, now),
            access,
            network,
            stats,
            slow,
            directory: writer,
            now,
        };
        for client in clients {
            rig.dial(client, encryption)?;
        }
        Ok(rig)
    }

    /// Brings a call up as the slow path does.
    fn dial(&mut self, client: &Client, encryption: Encryption) -> Outcome<()> {
        let flow = client.key();
        let lease = packets::lease(client.flow);
        let policy = FlowPolicy {
            encryption,
            client_to_client: false,
            mss_max: 0,
        };
        let keys = (encryption != Encryption::Off).then(|| start_keys(client.flow));
        let call = client.call();
        self.command(FlowCommand::Open { flow, call })?;
        let authenticated = Authenticated::without_login(policy, keys);
        self.command(FlowCommand::Authorise {
            flow,
            authenticated,
        })?;
        if encryption != Encryption::Off {
            self.command(FlowCommand::ArmUpstream {
                flow,
                agreement: Suite::STATELESS_128.into(),
            })?;
            self.command(FlowCommand::ArmDownstream {
                flow,
                agreement: Suite::STATELESS_128.into(),
            })?;
        }
        self.directory.set(lease, flow);
        self.command(FlowCommand::ForwardUpstream { flow, lease })?;
        let mtu = CALL_MTU;
        self.command(FlowCommand::ForwardDownstream { flow, mtu })?;
        self.worker.turn(self.now);
        match (self.slow.reports.pop(), self.slow.reports.pop()) {
            (Ok(FlowReport::Opened { .. }), Err(_)) => Ok(()),
            other => Err(format!("a call did not come up: {other:?}").into()),
        }
    }

    fn command(&mut self, command: FlowCommand) -> Outcome<()> {
        let full = self.slow.commands.push(command).is_err();
        if full {
            return Err("the command ring is full".into());
        }
        Ok(())
    }

    /// So many turns as the worker's loop makes them, which reads the clock before each. Only the
    /// time that is spent here passes for the worker.
    pub(super) fn turns(&mut self, turns: usize) {
        let start = Instant::now();
        let began = self.now;
        for _ in 0..turns {
            self.now = began + start.elapsed();
            self.worker.turn(self.now);
        }
    }

    /// That every frame so far is accounted for and none was dropped.
    pub(super) fn check(&self) -> Outcome<()> {
        let (entered, gone) = self.stats.balance();
        let dropped: Vec<_> = DropReason::ALL
            .iter()
            .filter(|reason| self.stats.dropped(**reason) > 0)
            .collect();
        if entered != gone || !dropped.is_empty() {
            return Err(format!("{entered} frames in, {gone} gone, drops {dropped:?}").into());
        }
        Ok(())
    }
}

fn config() -> WorkerConfig {
    let port = |mac, side| PortConfig {
        mac,
        vlan: None,
        side,
        address: None,
    };
    WorkerConfig {
        ports: vec![
            port(packets::ACCESS_MAC, Side::Access),
            port(packets::NETWORK_MAC, Side::Network),
        ],
        listen: vec![packets::LOCAL],
        ..WorkerConfig::default()
    }
}

/// A small appliance's routes: clients behind a router, the network behind a default route.
fn routes() -> Outcome<Snapshot> {
    let prefix =
        |a, b, c, d, length| Prefix::new(Ipv4Addr::new(a, b, c, d), length).ok_or("not a prefix");
    let snapshot = Snapshot::builder()
        .port(ACCESS, packets::ACCESS_MAC, 1500)
        .port(NETWORK, packets::NETWORK_MAC, 1500)
        .local_address(packets::LOCAL)
        .neighbour(ACCESS, packets::ROUTER, packets::ROUTER_MAC)
        .neighbour(NETWORK, packets::HOST, packets::HOST_MAC)
        .on_link(prefix(198, 51, 100, 0, 24)?, ACCESS)
        .on_link(prefix(192, 168, 99, 0, 24)?, NETWORK)
        .route(prefix(203, 0, 0, 0, 16)?, ACCESS, packets::ROUTER)
        .route(prefix(0, 0, 0, 0, 0)?, NETWORK, packets::HOST)
        .build();
    Ok(snapshot)
}
