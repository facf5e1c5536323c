//! Follows the kernel's routes and neighbours, and publishes a snapshot for the workers when one of
//! them changed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::jobs::{JobPool, Outcome};
use super::netlink::{GatewayKeeper, Monitor, Progress, Requests};
use crate::clock::Timestamp;
use crate::routing::retired::Retired;
use crate::routing::{Mirror, Published, Snapshot};

/// Datagrams of news read in one turn.
const READ_BUDGET: usize = 64;
/// How often neighbours that the fast path uses are confirmed; the kernel keeps them for longer.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15);
/// How long the first dump may take.
const FIRST_DUMP_TIME_MAX: Duration = Duration::from_secs(5);

/// The mirror, its source, and its readers.
pub(super) struct KernelMirror {
    monitor: Monitor,
    requests: Requests,
    mirror: Mirror,
    keeper: GatewayKeeper,
    published: Published,
    /// Snapshots that a worker may still hold: freed here, never on the packet path.
    retired: Retired<Snapshot>,
    /// Builds snapshots beside the loop: 100,000 routes take tens of milliseconds.
    jobs: JobPool<Snapshot>,
    building: bool,
    news: bool,
    refreshed: Timestamp,
}

impl KernelMirror {
    /// Reads all of the kernel's state once; `mirror` knows already which interfaces are ports. `wake`
    /// wakes the loop when a snapshot has been built.
    pub(super) fn start(
        mut monitor: Monitor,
        requests: Requests,
        mut mirror: Mirror,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        monitor.synchronise(&mut mirror, FIRST_DUMP_TIME_MAX)?;
        let published = mirror.snapshot().publish();
        let mut this = Self {
            monitor,
            requests,
            mirror,
            keeper: GatewayKeeper::default(),
            published,
            retired: Retired::default(),
            jobs: JobPool::new(1, 1, wake)?,
            building: false,
            news: true,
            refreshed: Timestamp::ZERO,
        };
        this.publish();
        Ok(this)
    }

    /// Where workers read.
    pub(super) fn published(&self) -> Published {
        Arc::clone(&self.published)
    }

    pub(super) const fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    pub(super) fn ready(&mut self) {
        self.news = true;
    }

    pub(super) fn has_work(&self) -> bool {
        self.news
    }

    /// Reads news, publishes what changed, and keeps gateways resolved.
    pub(super) fn turn(&mut self, now: Timestamp) {
        while let Some((_, outcome)) = self.jobs.poll_output() {
            self.building = false;
            match outcome {
                Outcome::Done(snapshot) => {
                    self.retired.keep(self.published.swap(Arc::new(snapshot)));
                }
                Outcome::Panicked => tracing::error!("a snapshot of the routes could not be built"),
            }
            // What changed meanwhile.
            self.publish();
        }
        if self.news {
            self.news = match self.monitor.read(&mut self.mirror, READ_BUDGET) {
                Ok(progress) => progress == Progress::More,
                Err(error) => {
                    tracing::error!(%error, "cannot follow the kernel's routes");
                    false
                }
            };
            self.publish();
        }
        if now.since(self.refreshed) >= REFRESH_INTERVAL {
            self.refreshed = now;
            // After a failure nothing new may come of itself: look again.
            self.news = true;
            self.refresh();
            self.retired.sweep();
        }
    }

    /// Has a snapshot built if something changed, one at a time.
    fn publish(&mut self) {
        if self.building {
            return;
        }
        let Some(builder) = self.mirror.builder_if_changed() else {
            return;
        };
        self.building = self.jobs.submit(move || builder.build()).is_ok();
        if let Err(error) = self.keeper.update(&self.mirror, &mut self.requests) {
            tracing::warn!(%error, "cannot ask the kernel to keep a gateway resolved");
        }
    }

    /// The kernel does not see what the fast path sends, so it would forget the neighbours.
    fn refresh(&mut self) {
        for (ifindex, address) in self.mirror.stale_neighbours() {
            if let Err(error) = self.requests.use_neighbour(ifindex, address) {
                tracing::debug!(%error, %address, "cannot ask the kernel to confirm a neighbour");
            }
        }
    }
}
