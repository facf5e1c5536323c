//! Makes the workers: queues, rings and counters for each, and a thread that polls.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};

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
    let (made, all_made) = mpsc::channel();
    let queues = queues_of_all(ports, workers);
    let ends = queues.into_iter().zip(mesh(workers, HANDOFF_SLOTS));
    for (index, (queues, handoff)) in (0..workers).zip(ends) {
        let core = core_of(shared.config, index);
        let (link, make) = worker(shared, index, core, handoff, queues);
        let (eal, made) = (ports.eal.clone(), made.clone());
        let epoch = shared.clock.epoch();
        let work = move |stop: &AtomicBool| {
            let registration = dpdk::ThreadRegistration::new(&eal);
            if let Err(error) = &registration {
                tracing::warn!(index, %error, "frames of this worker are not cached");
            }
            let mut worker = make();
            // Nobody waits any more only when another worker could not be started.
            let _told = made.send(index);
            drop(made);
            worker.run(stop, epoch);
        };
        threads
            .spawn(index, core, work)
            .map_err(during("cannot start a worker"))?;
        links.push(link);
    }
    drop(made);
    // The tables of a million flows take a moment, and who is silent so long has stalled.
    all_made
        .into_iter()
        .take(usize::from(workers))
        .for_each(drop);
    Ok((links, threads))
}

/// The slow path's side of a worker, and what makes the worker: called by its own thread, so that its
/// tables are in the memory of its own NUMA node.
fn worker(
    shared: &Shared<'_>,
    index: u8,
    core: Option<u16>,
    handoff: HandoffEnds<dpdk::Mbuf>,
    queues: Vec<DpdkPort>,
) -> (
    WorkerLink,
    impl FnOnce() -> Worker<DpdkPort> + Send + 'static,
) {
    let config = shared.config;
    let (slow_path, rings) = rings(RingCapacities::default());
    let counters = counter_arena(config.server.calls_max);
    let stats = Arc::new(WorkerStats::default());
    let parts = WorkerShared {
        buckets: shared.buckets.clone(),
        directory: shared.owners.clone(),
        routes: Arc::clone(&shared.routes),
        doorbell: Arc::clone(shared.doorbell),
        counters: counters.clone(),
        stats: Arc::clone(&stats),
        rings,
    };
    let settings = settings::worker_config(config, index, shared.macs);
    let clock = shared.clock;
    let make = move || Worker::new(settings, queues, handoff, parts, clock.now());
    let link = WorkerLink::new(index, slow_path, counters, stats, core);
    (link, make)
}

/// Each worker's queues on every port. One without a receive queue lives on handoff.
fn queues_of_all(ports: &mut OpenPorts, workers: u8) -> Vec<Vec<DpdkPort>> {
    let mut all: Vec<Vec<DpdkPort>> = Vec::new();
    all.resize_with(workers.into(), Vec::new);
    for open in &mut ports.ports {
        let transmit = open.take_transmit(workers);
        for ((worker, queues), tx) in (0..workers).zip(&mut all).zip(transmit) {
            let rx = open.take_rx_queue(worker);
            queues.push(DpdkPort::new(rx, tx, open.pool.clone()));
        }
    }
    all
}

fn core_of(config: &Config, index: u8) -> Option<u16> {
    match &config.workers.placement {
        Placement::Cores(cores) => cores.get(usize::from(index)).copied(),
        Placement::Anywhere(_) => None,
    }
}
