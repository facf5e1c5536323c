//! Workers on wires of memory, with clients on one side and a network on the other, on virtual time.

use pns::mppe::keys::Suite;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use pns::clock::Timestamp;
use pns::dataplane::memory_port::{self, MemoryFrame, MemoryPort, MemoryWire};
use pns::dataplane::{
    DropReason, Frame, FrameCount, PortConfig, Side, Worker, WorkerConfig, WorkerShared,
    WorkerStats, mesh,
};
use pns::flow::counters::{CounterArena, counter_arena};
use pns::flow::ring::{Doorbell, Injected, Punted, RingCapacities, SlowPathEnds, rings};
use pns::flow::{
    Authenticated, BucketTable, Encryption, FlowCommand, FlowKey, FlowPolicy, FlowReport,
    FlowTotals, FrameBytes, OpenCall, PeerReceive,
};
use pns::mppe::keys::StartKeys;
use pns::routing::directory::directory;
use pns::routing::snapshot::Target;
use pns::routing::{DirectoryWriter, Prefix, Snapshot};
use pns::wire::call_id::CallId;
use pns::wire::ccp::Agreement;
use pns::wire::ethernet::{Mac, ether_type};

use crate::client::Client;
use crate::packets;

pub(crate) const ACCESS: u8 = 0;
pub(crate) const NETWORK: u8 = 1;
pub(crate) const ACCESS_MAC: Mac = [2, 0, 0, 0, 0, 0xa0];
pub(crate) const NETWORK_MAC: Mac = [2, 0, 0, 0, 0, 0xb0];
pub(crate) const HOST_MAC: Mac = [2, 0, 0, 0, 0, 0xb1];
/// Our address, which clients dial; and a second one.
pub(crate) const LOCAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const LOCAL_2: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 251);
/// Our end of the links of clients.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// A host of the network behind us.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 2);
/// An address with a route but no neighbour.
pub(crate) const UNRESOLVED: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 77);

pub(crate) fn mac_of(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [2, 1, a, b, c, d]
}

pub(crate) fn lease(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, number)
}

/// What a lab is made of.
pub(crate) struct Plan {
    pub(crate) workers: u8,
    pub(crate) flows: u32,
    pub(crate) config: WorkerConfig,
    pub(crate) capacities: RingCapacities,
    pub(crate) pool: usize,
    pub(crate) handoff: usize,
}

impl Default for Plan {
    fn default() -> Self {
        let port = |mac, side, address| PortConfig {
            mac,
            vlan: None,
            side,
            address,
        };
        let config = WorkerConfig {
            ports: vec![
                port(ACCESS_MAC, Side::Access, Some(LOCAL)),
                port(
                    NETWORK_MAC,
                    Side::Network,
                    Some(Ipv4Addr::new(192, 168, 99, 1)),
                ),
            ],
            listen: vec![LOCAL, LOCAL_2],
            ..WorkerConfig::default()
        };
        Self {
            workers: 3,
            flows: 64,
            config,
            capacities: RingCapacities::default(),
            pool: 128,
            handoff: 1024,
        }
    }
}

pub(crate) struct Lab {
    pub(crate) workers: Vec<Worker<MemoryPort>>,
    /// By worker, then by port.
    pub(crate) wires: Vec<Vec<MemoryWire>>,
    pub(crate) slow: Vec<SlowPathEnds>,
    pub(crate) stats: Vec<Arc<WorkerStats>>,
    pub(crate) counters: Vec<CounterArena>,
    pub(crate) directory: DirectoryWriter,
    pub(crate) buckets: BucketTable,
    pub(crate) now: Timestamp,
    /// What each worker has punted.
    pub(crate) punted: Vec<Punted>,
}

fn routes() -> Snapshot {
    let prefix = |a, b, c, d, length| Prefix::new(Ipv4Addr::new(a, b, c, d), length).unwrap();
    let mut builder = Snapshot::builder()
        .port(ACCESS, ACCESS_MAC, 1500)
        .port(NETWORK, NETWORK_MAC, 1500)
        .local_address(LOCAL)
        .local_address(LOCAL_2)
        .local_address(GATEWAY)
        .neighbour(NETWORK, HOST, HOST_MAC)
        .on_link(prefix(198, 51, 100, 0, 24), ACCESS)
        .on_link(prefix(192, 168, 99, 0, 24), NETWORK)
        .route(prefix(0, 0, 0, 0, 0), NETWORK, HOST)
        .target(prefix(10, 98, 0, 0, 16), Target::Unreachable)
        .target(prefix(10, 99, 0, 0, 16), Target::Blackhole)
        .target(prefix(10, 77, 0, 0, 24), Target::Kernel);
    for last in 2..100 {
        let address = Ipv4Addr::new(198, 51, 100, last);
        builder = builder.neighbour(ACCESS, address, mac_of(address));
    }
    builder.build()
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::of(Plan::default())
    }

    /// One worker, so that nothing is handed over.
    pub(crate) fn single() -> Self {
        Self::of(Plan {
            workers: 1,
            ..Plan::default()
        })
    }

    pub(crate) fn of(plan: Plan) -> Self {
        let buckets = BucketTable::new(plan.workers);
        let (directory, reader) = directory(&[lease(100)..=lease(199)]);
        let published = routes().publish();
        let doorbell = Doorbell::new(Box::new(|| {}));
        let mut lab = Self {
            workers: Vec::new(),
            wires: Vec::new(),
            slow: Vec::new(),
            stats: Vec::new(),
            counters: Vec::new(),
            directory,
            buckets: buckets.clone(),
            now: Timestamp::from_nanos(1_000_000_000),
            punted: Vec::new(),
        };
        for (index, handoff) in (0..plan.workers).zip(mesh(plan.workers, plan.handoff)) {
            let (slow, ends) = rings(plan.capacities);
            let (ports, wires) = (0..plan.config.ports.len())
                .map(|_| memory_port::wire(plan.pool))
                .unzip();
            let counters = counter_arena(plan.flows);
            let stats = Arc::new(WorkerStats::default());
            let shared = WorkerShared {
                buckets: buckets.clone(),
                directory: reader.clone(),
                routes: Arc::clone(&published),
                rings: ends,
                doorbell: Arc::clone(&doorbell),
                counters: counters.clone(),
                stats: Arc::clone(&stats),
            };
            let config = WorkerConfig {
                index,
                ..plan.config.clone()
            };
            lab.workers
                .push(Worker::new(config, ports, handoff, shared, lab.now));
            lab.wires.push(wires);
            lab.slow.push(slow);
            lab.stats.push(stats);
            lab.counters.push(counters);
        }
        lab
    }

    /// Turns all workers until none has anything to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1000 {
            let works: Vec<_> = self
                .workers
                .iter_mut()
                .map(|worker| worker.turn(self.now))
                .collect();
            for slow in &mut self.slow {
                while let Ok(punted) = slow.punted.pop() {
                    self.punted.push(punted);
                }
            }
            if works.iter().all(|work| work.is_idle()) {
                return;
            }
        }
        panic!("the workers never come to rest");
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.now = self.now + time;
        self.settle();
    }

    /// Puts a frame on the wire of `worker`'s queue of `port`.
    pub(crate) fn push(&self, worker: u8, port: u8, bytes: &[u8]) {
        self.wires[usize::from(worker)][usize::from(port)].push(MemoryFrame::new(bytes));
    }

    /// Puts an IPv4 packet from the network on the wire of worker 0.
    pub(crate) fn push_from_network(&self, packet: &[u8]) {
        let frame = packets::frame(NETWORK_MAC, HOST_MAC, ether_type::IPV4, packet);
        self.push(0, NETWORK, &frame);
    }

    /// All frames that left by `port`, whatever worker sent them.
    pub(crate) fn sent(&mut self, port: u8) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for wires in &self.wires {
            while let Some(mut frame) = wires[usize::from(port)].pop() {
                frames.push(frame.bytes().to_vec());
                frame.refill(&[]);
                wires[usize::from(port)].give(frame);
            }
        }
        frames
    }

    /// The IPv4 packets that left for the network.
    pub(crate) fn network_received(&mut self) -> Vec<Vec<u8>> {
        let frames = self.sent(NETWORK);
        frames.iter().map(|frame| packets::ip_of(frame).1).collect()
    }

    pub(crate) fn command(&mut self, command: FlowCommand) {
        let worker = usize::from(self.buckets.worker(command.flow().call_id));
        assert!(
            self.slow[worker].commands.push(command).is_ok(),
            "the command ring is full"
        );
    }

    pub(crate) fn inject(&mut self, worker: u8, injected: Injected) {
        assert!(
            self.slow[usize::from(worker)]
                .injected
                .push(injected)
                .is_ok()
        );
    }

    /// Writes a packet to the TUN.
    pub(crate) fn inject_inner(&mut self, packet: &[u8]) {
        let frame = FrameBytes::copy_of(packet).unwrap();
        self.inject(0, Injected::Downstream { frame });
        self.settle();
    }

    pub(crate) fn reports(&mut self) -> Vec<FlowReport> {
        let mut reports = Vec::new();
        for slow in &mut self.slow {
            while let Ok(report) = slow.reports.pop() {
                reports.push(report);
            }
        }
        reports
    }

    /// Opens a call for a client at 198.51.100.`last`; nothing more.
    pub(crate) fn open(&mut self, call_id: u16, last: u8) -> Client {
        let client = Client::new(FlowKey::new(0, CallId::new(call_id)), last);
        let peer_call_id = Some(client.call_id);
        self.open_ends(client, peer_call_id)
    }

    /// Opens a call that we place: its peer has told no Call ID yet.
    pub(crate) fn place(&mut self, call_id: u16, last: u8) -> Client {
        let client = Client::new(FlowKey::new(0, CallId::new(call_id)), last);
        self.open_ends(client, None)
    }

    fn open_ends(&mut self, client: Client, peer_call_id: Option<CallId>) -> Client {
        let call = OpenCall {
            local_address: LOCAL,
            peer_address: client.address,
            peer_call_id,
            peer_receive: PeerReceive::default(),
        };
        self.command(FlowCommand::Open {
            flow: client.key,
            call,
        });
        self.settle();
        match self.reports().as_slice() {
            [FlowReport::Opened { flow, .. }] => assert_eq!(*flow, client.key),
            other => panic!("{other:?}"),
        }
        client
    }

    /// Opens the call of a client, if it is not open.
    pub(crate) fn open_if_absent(&mut self, client: &Client) {
        let worker = usize::from(self.buckets.worker(client.key.call_id));
        if self.workers[worker].flows() == 0 {
            let last = client.address.octets()[3];
            self.open(client.key.call_id.get(), last);
        }
    }

    /// A call that forwards both ways, encrypted if `policy` requires it.
    pub(crate) fn dial(&mut self, call_id: u16, last: u8, policy: FlowPolicy) -> Client {
        self.dial_with(call_id, last, policy, Suite::STATELESS_128)
    }

    /// A call with another kind of MPPE, or with MPPC.
    pub(crate) fn dial_with(
        &mut self,
        call_id: u16,
        last: u8,
        policy: FlowPolicy,
        agreement: impl Into<Agreement>,
    ) -> Client {
        let mut client = self.open(call_id, last);
        client.greet(self);
        self.bring_up(&mut client, policy, agreement);
        client
    }

    /// The same of a call that is open.
    pub(crate) fn bring_up(
        &mut self,
        client: &mut Client,
        policy: FlowPolicy,
        agreement: impl Into<Agreement>,
    ) {
        let agreement = agreement.into();
        self.authorise(client, policy);
        let flow = client.key;
        if policy.encryption == Encryption::Required || agreement.suite.is_none() {
            self.command(FlowCommand::ArmUpstream { flow, agreement });
            self.command(FlowCommand::ArmDownstream { flow, agreement });
            client.arm(agreement);
        }
        self.directory.set(client.lease, flow);
        self.command(FlowCommand::ForwardUpstream {
            flow,
            lease: client.lease,
        });
        self.command(FlowCommand::ForwardDownstream { flow, mtu: 1400 });
        self.settle();
        assert_eq!(self.reports(), []);
    }

    pub(crate) fn authorise(&mut self, client: &mut Client, policy: FlowPolicy) {
        let authenticated = Authenticated::without_login(policy, Some(client.start_keys()));
        self.command(FlowCommand::Authorise {
            flow: client.key,
            authenticated,
        });
    }

    pub(crate) fn close(&mut self, client: &Client) -> FlowTotals {
        self.command(FlowCommand::Close { flow: client.key });
        self.settle();
        self.directory.clear(client.lease);
        match self.reports().as_slice() {
            [FlowReport::Closed { flow, totals }] if *flow == client.key => *totals,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn frames(&self, place: FrameCount) -> u64 {
        self.stats.iter().map(|stats| stats.frames(place)).sum()
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.stats.iter().map(|stats| stats.dropped(reason)).sum()
    }

    /// All drops so far, by name.
    pub(crate) fn drops(&self) -> Vec<(DropReason, u64)> {
        let count = |reason: &DropReason| (*reason, self.dropped(*reason));
        DropReason::ALL
            .iter()
            .map(count)
            .filter(|(_, frames)| *frames > 0)
            .collect()
    }

    pub(crate) fn set_room(&self, port: u8, frames: usize) {
        for wires in &self.wires {
            wires[usize::from(port)].set_room(frames);
        }
    }
}

/// Conservation holds in every test, whatever it does.
impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.settle();
        for (worker, stats) in self.stats.iter().enumerate() {
            let (entered, gone) = stats.balance();
            assert_eq!(entered, gone, "worker {worker}: {:?}", self.drops());
        }
        let (out, handed) = (
            self.frames(FrameCount::HandedOut),
            self.frames(FrameCount::HandedIn),
        );
        assert_eq!(out, handed);
    }
}

pub(crate) fn policy(encryption: Encryption) -> FlowPolicy {
    FlowPolicy {
        encryption,
        client_to_client: false,
        mss_max: 0,
    }
}

pub(crate) fn start_keys(seed: u8) -> StartKeys {
    StartKeys::from_mschapv2(&[seed; 16], &[seed ^ 0x5a; 24])
}
