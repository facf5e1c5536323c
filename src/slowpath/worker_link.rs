//! The slow path's side of one worker: its rings, its counters, and how many answers it still owes.

use std::sync::Arc;

use crate::dataplane::WorkerStats;
use crate::flow::counters::CounterArena;
use crate::flow::ring::{Injected, Punted, SlowPathEnds};
use crate::flow::{FlowCommand, FlowCounters, FlowReport, FlowTotals};
use crate::session::{Counters, Sessions};

/// Answers that a worker may owe at once: fewer than its report ring holds, so a report always fits.
const ANSWERS_OWED_MAX: usize = 1024;

/// Looks up in the workers' counters what a call has carried.
pub(super) fn counters(workers: &[WorkerLink]) -> Counters {
    let arenas: Vec<CounterArena> = workers
        .iter()
        .map(|worker| worker.counters.clone())
        .collect();
    Box::new(move |worker, slot| {
        let arena = arenas.get(usize::from(worker));
        let counters = usize::try_from(slot).ok().and_then(|slot| arena?.get(slot));
        counters.map(FlowCounters::totals).unwrap_or_default()
    })
}

/// One worker as the slow path sees it.
pub struct WorkerLink {
    /// Its number.
    pub index: u8,
    /// What it has counted.
    pub stats: Arc<WorkerStats>,
    /// The core that it is bound to.
    pub core: Option<u16>,
    /// Frames from the kernel that found the ring full.
    pub injected_dropped: u64,
    ends: SlowPathEnds,
    counters: CounterArena,
    owed: usize,
}

impl WorkerLink {
    /// The slow path's side of worker `index`.
    #[must_use]
    pub fn new(
        index: u8,
        ends: SlowPathEnds,
        counters: CounterArena,
        stats: Arc<WorkerStats>,
        core: Option<u16>,
    ) -> Self {
        Self {
            index,
            stats,
            core,
            injected_dropped: 0,
            ends,
            counters,
            owed: 0,
        }
    }

    /// Whether the worker has said something that nobody has heard yet.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.ends.reports.is_empty() || !self.ends.punted.is_empty()
    }

    pub(super) fn next_report(&mut self) -> Option<FlowReport> {
        let report = self.ends.reports.pop().ok()?;
        if matches!(
            report,
            FlowReport::Opened { .. } | FlowReport::OpenRefused { .. } | FlowReport::Closed { .. }
        ) {
            self.owed = self.owed.saturating_sub(1);
        }
        Some(report)
    }

    pub(super) fn next_punted(&mut self) -> Option<Punted> {
        self.ends.punted.pop().ok()
    }

    /// Moves orders into the ring until either is exhausted. `true` if orders may be left.
    pub(super) fn deliver_commands(&mut self, sessions: &mut Sessions) -> bool {
        while self.ends.commands.slots() > 0 && self.owed < ANSWERS_OWED_MAX {
            let Some(command) = sessions.poll_command(self.index) else {
                return false;
            };
            if matches!(
                command,
                FlowCommand::Open { .. } | FlowCommand::Close { .. }
            ) {
                self.owed += 1;
            }
            // There is a slot: this thread alone writes.
            let _delivered = self.ends.commands.push(command);
        }
        true
    }

    /// Hands the worker a frame from the kernel, or counts that there was no room.
    pub fn inject(&mut self, frame: Injected) {
        if self.ends.injected.push(frame).is_err() {
            self.injected_dropped += 1;
        }
    }

    /// What the flow in `slot` has carried so far.
    #[must_use]
    pub fn totals(&self, slot: Option<u32>) -> FlowTotals {
        slot.and_then(|slot| usize::try_from(slot).ok())
            .and_then(|slot| self.counters.get(slot))
            .map(FlowCounters::totals)
            .unwrap_or_default()
    }
}
