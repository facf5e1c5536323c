//! Watches the workers' heartbeats, and tells systemd that all is well only while it is.

use std::time::Duration;

use super::notify;
use super::view::STALL_TIME;
use super::watchdog::{Watchdog, WorkerHealth};
use super::worker_link::WorkerLink;
use crate::clock::Timestamp;

/// The watchdog, and its two listeners: the log and systemd.
pub(super) struct Supervisor {
    watchdog: Watchdog,
    alive_interval: Option<Duration>,
    alive_told: Timestamp,
}

impl Supervisor {
    pub(super) fn new(workers: u8, now: Timestamp) -> Self {
        Self {
            watchdog: Watchdog::new(workers, STALL_TIME, now),
            alive_interval: notify::alive_interval(),
            alive_told: now,
        }
    }

    /// When the next look is due.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.watchdog.poll_timeout()
    }

    pub(super) fn turn(&mut self, workers: &[WorkerLink], now: Timestamp) {
        for worker in workers {
            self.watchdog
                .handle(worker.index, worker.stats.heartbeat().as_nanos(), now);
        }
        if self
            .watchdog
            .poll_timeout()
            .is_some_and(|deadline| deadline <= now)
        {
            self.watchdog.handle_timeout(now);
        }
        while let Some(health) = self.watchdog.poll_output() {
            report(health);
        }
        let due = self
            .alive_interval
            .is_some_and(|every| now.since(self.alive_told) >= every);
        if due && self.watchdog.all_beating() {
            notify::alive();
            self.alive_told = now;
        }
    }
}

fn report(health: WorkerHealth) {
    match health {
        WorkerHealth::Stalled { worker, silence } => {
            let silence_ms = silence.as_millis();
            tracing::error!(worker, silence_ms, "worker has stalled");
        }
        WorkerHealth::Recovered { worker, silence } => {
            let silence_ms = silence.as_millis();
            tracing::warn!(worker, silence_ms, "worker turns again");
        }
    }
}
