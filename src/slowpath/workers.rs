//! Makes the workers: queues, rings and counters for each, and a thread that polls.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::ports::OpenPorts;
use super::settings;
use super::start_error::{StartError, during};
use super::worker_link::WorkerLink;
use super::worker_threads::WorkerThreads;
use crate::clock::MonotonicClock;
use crate::config::{Config, Placement};
use crate::dataplane::{DpdkPort, HandoffEnds, Worker, WorkerShared, WorkerStats, mesh};
use crate::flow::BucketTable;
use crate::flow::counters::counter_arena;
use crate::flow::ring::{Doorbell, RingCapacities, rings};
use crate::routing::Published;
use crate::routing::directory::Directory;

/// Slots of each ring between two workers.
const HANDOFF_SLOTS: usize = 1024;

/// What every worker shares.
pub(super) struct Shared<'a> {
    pub(super) config: &'a Config,
    pub(super) macs: &'a [[u8; 6]],
    pub(super) clock: MonotonicClock,
    pub(super) buckets: &'a BucketTable,
    pub(super) owners: &'a Directory,
    pub(super) routes: Published,
    pub(super) doorbell: &'a Arc<Doorbell>,
}

pub(super) fn start(
    shared: &Shared<'_>,
    ports: &mut OpenPorts,
) -> Result<(Vec<WorkerLink>, WorkerThreads), StartError> {
    let mut threads = WorkerThreads::new();
    let mut links = Vec::new();
    let workers = shared.buckets.workers();
    for (index, handoff) in (0..workers).zip(mesh(workers, HANDOFF_SLOTS)) {
        let core = core_of(shared.config, index);
        let (link, mut worker) = make_worker(shared, index, core, handoff, ports)?;
        let eal = ports.eal.clone();
        let epoch = shared.clock.epoch();
        let work = move |stop: &AtomicBool| {
            let registration = dpdk::ThreadRegistration::new(&eal);
            if let Err(error) = &registration {
                tracing::warn!(index, %error, "frames of this worker are not cached");
            }
            worker.run(stop, epoch);
        };
        threads
            .spawn(index, core, work)
            .map_err(during("cannot start a worker"))?;
        links.push(link);
    }
    Ok((links, threads))
}

fn make_worker(
    shared: &Shared<'_>,
    index: u8,
    core: Option<u16>,
    handoff: HandoffEnds<dpdk::Mbuf>,
    ports: &mut OpenPorts,
) -> Result<(WorkerLink, Worker<DpdkPort>), StartError> {
    let config = shared.config;
    let (slow_path, rings) = rings(RingCapacities::default());
    let counters = counter_arena(config.server.calls_max);
    let stats = Arc::new(WorkerStats::default());
    let mut queues = Vec::new();
    for (port, open) in config.ports.iter().zip(&mut ports.ports) {
        // A device may have fewer receive queues than there are workers: the others live on handoff.
        let rx = open.take_rx_queue(index.into());
        let Some(tx) = open.take_tx_queue(index.into()) else {
            let (port, queues) = (port.name.clone(), u16::from(index));
            let workers = u16::from(shared.buckets.workers());
            return Err(StartError::QueuesTooFew {
                port,
                queues,
                workers,
            });
        };
        queues.push(DpdkPort::new(rx, tx, ports.pool.clone()));
    }
    let parts = WorkerShared {
        buckets: shared.buckets.clone(),
        directory: shared.owners.clone(),
        routes: Arc::clone(&shared.routes),
        doorbell: Arc::clone(shared.doorbell),
        counters: Arc::clone(&counters),
        stats: Arc::clone(&stats),
        rings,
    };
    let settings = settings::worker_config(config, index, shared.macs);
    let worker = Worker::new(settings, queues, handoff, parts, shared.clock.now());
    Ok((
        WorkerLink::new(index, slow_path, counters, stats, core),
        worker,
    ))
}

fn core_of(config: &Config, index: u8) -> Option<u16> {
    match &config.workers.placement {
        Placement::Cores(cores) => cores.get(usize::from(index)).copied(),
        Placement::Anywhere(_) => None,
    }
}
