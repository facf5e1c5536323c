//! Workers on cables, with calls that are up, and nothing else on the machine's side: no slow path
//! runs, and no NIC.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use pns::clock::Timestamp;
use pns::dataplane::{
    DropReason, PortConfig, Side, Worker, WorkerConfig, WorkerShared, WorkerStats, mesh,
};
use pns::flow::counters::counter_arena;
use pns::flow::ring::{Doorbell, RingCapacities, SlowPathEnds, rings};
use pns::flow::{Authenticated, BucketTable, Encryption, FlowCommand, FlowPolicy, FlowReport};
use pns::mppe::keys::Suite;
use pns::routing::directory::directory;
use pns::routing::{DirectoryWriter, Prefix, Snapshot};

use super::client::{Client, start_keys};
use super::medium::Medium;
use super::nodes::{Parts, Stopwatch};
use super::packets;
use crate::measure::Meter;
use crate::{Outcome, machine};

const ACCESS: u8 = 0;
const NETWORK: u8 = 1;
/// No packet is too long for a call, and no frame for a port.
const CALL_MTU: u16 = 1404;
/// Packets that a ring between two workers holds: a sample, for the other may not run just now.
const HANDOFF_SLOTS: usize = 16_384;

/// A worker, and what is around it.
pub(super) struct Post<M: Medium> {
    worker: Worker<M::Port, M::Laps>,
    pub(super) access: M::Wire,
    pub(super) network: M::Wire,
    stats: Arc<WorkerStats>,
    slow: SlowPathEnds,
    now: Timestamp,
}

/// All workers of a server with the same calls.
pub(super) struct Rig<M: Medium> {
    pub(super) posts: Vec<Post<M>>,
    buckets: BucketTable,
    directory: DirectoryWriter,
    pub(super) footprint: Footprint,
}

/// What workers and calls take of memory, by the calls, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Footprint {
    /// What they ask of the heap.
    pub(crate) requested: f64,
    /// What of it the machine has to give: pages that were written to.
    pub(crate) resident: f64,
}

impl Footprint {
    pub(super) const UNKNOWN: Self = Self {
        requested: f64::NAN,
        resident: f64::NAN,
    };
}

/// Memory that this process has in pages of the machine, in bytes.
fn resident_octets() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages = text.split_whitespace().nth(1).ok_or("no second figure")?;
    Ok(pages.parse::<f64>()? * rustix::param::page_size() as f64)
}

impl<M: Medium> Rig<M> {
    /// So many workers, with the calls of all `clients` up.
    pub(super) fn new(
        medium: &mut M,
        workers: u8,
        clients: &[Client],
        encryption: Encryption,
    ) -> Outcome<Self> {
        let mut made = None;
        let before = resident_octets()?;
        let counted = allocation_counter::measure(|| {
            made = Some(Self::make(medium, workers, clients, encryption));
        });
        let mut rig = made.ok_or("no rig")??;
        let calls = clients.len().max(1) as f64;
        rig.footprint = Footprint {
            requested: counted.bytes_current as f64 / calls,
            resident: (resident_octets()? - before) / calls,
        };
        Ok(rig)
    }

    fn make(
        medium: &mut M,
        workers: u8,
        clients: &[Client],
        encryption: Encryption,
    ) -> Outcome<Self> {
        let count = u32::try_from(clients.len())?;
        let buckets = BucketTable::new(workers);
        let first_and_last = packets::lease(0)..=packets::lease(count);
        let (writer, _reader) = directory(&[first_and_last]);
        let routes = routes(packets::locals(count)?)?.publish();
        let mut posts = Vec::new();
        for (index, handoff) in (0..workers).zip(mesh(workers, HANDOFF_SLOTS)) {
            let (access_port, access) = medium.cable()?;
            let (network_port, network) = medium.cable()?;
            let (slow, ends) = rings(RingCapacities::default());
            let stats = Arc::new(WorkerStats::default());
            let shared = WorkerShared {
                buckets: buckets.clone(),
                directory: writer.reader(),
                routes: Arc::clone(&routes),
                rings: ends,
                doorbell: Doorbell::new(Box::new(|| {})),
                counters: counter_arena(count),
                stats: Arc::clone(&stats),
            };
            let now = Timestamp::from_nanos(1_000_000_000);
            let ports = vec![access_port, network_port];
            let config = config(index, packets::locals(count)?);
            posts.push(Post {
                worker: Worker::measured(config, ports, handoff, shared, now, M::Laps::default()),
                access,
                network,
                stats,
                slow,
                now,
            });
        }
        let mut rig = Self {
            posts,
            buckets,
            directory: writer,
            footprint: Footprint::UNKNOWN,
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
            client_to_client: true,
            mss_max: 0,
        };
        let keys = (encryption != Encryption::Off).then(|| start_keys(client.flow));
        self.directory.set(lease, flow);
        let owner = self.owner(client);
        let post = self.posts.get_mut(owner).ok_or("no such worker")?;
        let call = client.call();
        post.command(FlowCommand::Open { flow, call })?;
        let authenticated = Authenticated::without_login(policy, keys);
        post.command(FlowCommand::Authorise {
            flow,
            authenticated,
        })?;
        if encryption != Encryption::Off {
            let agreement = Suite::STATELESS_128.into();
            post.command(FlowCommand::ArmUpstream { flow, agreement })?;
            post.command(FlowCommand::ArmDownstream { flow, agreement })?;
        }
        post.command(FlowCommand::ForwardUpstream { flow, lease })?;
        let mtu = CALL_MTU;
        post.command(FlowCommand::ForwardDownstream { flow, mtu })?;
        post.worker.turn(post.now);
        match (post.slow.reports.pop(), post.slow.reports.pop()) {
            (Ok(FlowReport::Opened { .. }), Err(_)) => Ok(()),
            other => Err(format!("a call did not come up: {other:?}").into()),
        }
    }

    /// The worker of a client's call.
    pub(super) fn owner(&self, client: &Client) -> usize {
        usize::from(self.buckets.worker(client.key().call_id))
    }
}

impl<M: Medium> Post<M> {
    fn command(&mut self, command: FlowCommand) -> Outcome<()> {
        let full = self.slow.commands.push(command).is_err();
        if full {
            return Err("the command ring is full".into());
        }
        Ok(())
    }

    /// So many turns as the worker's loop makes them, and what each took, in cycles. Only the time
    /// that is spent here passes for the worker.
    pub(super) fn turns(&mut self, turns: usize, meter: &mut Meter) -> Vec<f64> {
        let began = self.now;
        meter.laps(turns, |passed| {
            self.now = began + passed;
            self.worker.turn(self.now);
        })
    }

    /// What the parts of each turn took, in cycles.
    pub(super) fn parts(&mut self, turns: usize, meter: &mut Meter) -> Vec<Parts>
    where
        M: Medium<Laps = Stopwatch>,
    {
        let mut parts = Vec::with_capacity(turns);
        let (began, start) = (self.now, Instant::now());
        let unit_ns = meter.unit_during(|| {
            for _ in 0..turns {
                self.now = began + start.elapsed();
                self.worker.laps().take();
                self.worker.turn(self.now);
                parts.push(self.worker.laps().take());
            }
        });
        for part in parts.as_flattened_mut() {
            *part /= unit_ns;
        }
        parts
    }

    /// One turn at the time that the last of [`Self::turns`] had.
    pub(super) fn turn(&mut self) {
        self.worker.turn(self.now);
    }

    /// Does `work` with the harness's ends of both cables while the worker runs its own loop on another
    /// thread, on `core`.
    pub(super) fn while_running<T>(
        &mut self,
        medium: &M,
        core: Option<usize>,
        work: impl FnOnce(&mut M::Wire, &mut M::Wire) -> T,
    ) -> Outcome<T>
    where
        M: Sync,
    {
        let (stop, ready) = (AtomicBool::new(false), Barrier::new(2));
        // Its clock goes on from where it was.
        let before = self.now.since(Timestamp::ZERO);
        let epoch = Instant::now().checked_sub(before);
        let epoch = epoch.ok_or("this machine has only just started")?;
        let (worker, access, network) = (&mut self.worker, &mut self.access, &mut self.network);
        let done = thread::scope(|scope| {
            let running = scope.spawn(|| {
                let entered = medium.enter().map_err(|error| error.to_string());
                let pinned = core.map_or(Ok(()), |core| machine::stay_on(&[core]));
                let pinned = pinned.map_err(|error| error.to_string());
                ready.wait();
                worker.run(&stop, epoch);
                entered.and(pinned)
            });
            ready.wait();
            let done = work(access, network);
            stop.store(true, Ordering::Relaxed);
            let ended = running
                .join()
                .map_err(|_panicked| "the worker has failed")?;
            Ok::<_, Box<dyn Error>>(ended.map(|()| done)?)
        });
        self.now = Timestamp::ZERO + epoch.elapsed();
        done
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

fn config(index: u8, locals: u16) -> WorkerConfig {
    let port = |mac, side| PortConfig {
        mac,
        vlan: None,
        side,
        address: None,
    };
    WorkerConfig {
        index,
        ports: vec![
            port(packets::ACCESS_MAC, Side::Access),
            port(packets::NETWORK_MAC, Side::Network),
        ],
        listen: (0..locals).map(packets::local).collect(),
        kernel: crate::kernel(),
        // A core of its own, which need not wait for others.
        idle_sleep_max: Duration::ZERO,
        ..WorkerConfig::default()
    }
}

/// A small appliance's routes: clients behind a router, the network behind a default route.
fn routes(locals: u16) -> Outcome<Snapshot> {
    let prefix = |address, length| Prefix::new(address, length).ok_or("not a prefix");
    let mut builder = Snapshot::builder()
        .port(ACCESS, packets::ACCESS_MAC, 1500)
        .port(NETWORK, packets::NETWORK_MAC, 1500);
    for local in 0..locals {
        builder = builder.local_address(packets::local(local));
    }
    let (clients, length) = packets::CLIENTS;
    let snapshot = builder
        .neighbour(ACCESS, packets::ROUTER, packets::ROUTER_MAC)
        .neighbour(NETWORK, packets::HOST, packets::HOST_MAC)
        .on_link(prefix(Ipv4Addr::new(198, 51, 100, 0), 24)?, ACCESS)
        .on_link(prefix(Ipv4Addr::new(192, 168, 99, 0), 24)?, NETWORK)
        .route(prefix(clients, length)?, ACCESS, packets::ROUTER)
        .route(prefix(Ipv4Addr::UNSPECIFIED, 0)?, NETWORK, packets::HOST)
        .build();
    Ok(snapshot)
}
