//! A worker: one core, its queues on every port, its flows, and the loop.
//!
//! One [`Worker::turn`] takes a bounded amount from every source and never waits: no lock, no system
//! call, no allocation. [`Worker::run`] is the only place that reads the clock or sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Cache};
use rtrb::Consumer;

use super::batch::{BURST, Batch, Burst, Packet};
use super::compression::Compression;
use super::config::{CatchUpLimit, View, WorkerConfig, WorkerShared};
use super::drop_reason::DropReason;
use super::exits::{Exits, ExitsParts};
use super::flow_table::FlowTable;
use super::handoff::{Handoff, HandoffEnds};
use super::idle::Idle;
use super::laps::{Laps, Part, Unmeasured};
use super::node::fragment::PIECES_MAX;
use super::node::gre_output::{Payload, Stamp};
use super::node::mtu_exceeded::ErrorLimit;
use super::policer::Rate;
use super::port::{PortIo, Ports};
use super::reassembly::Reassembly;
use super::reorder::Reorder;
use super::stats::{FrameCount, WorkerStats};
use super::window::LATE_MAX;
use crate::clock::Timestamp;
use crate::flow::FlowCommand;
use crate::flow::ring::Injected;
use crate::mppe::catch_up::Budget;
use crate::mppe::decrypt::DecryptWorker;
use crate::mppe::encrypt::EncryptWorker;
use crate::mppe::engine::Alternation;
use crate::mppe::kernel::Kernel;
use crate::routing::{Directory, Snapshot};

/// Most commands in a turn: they are short, but packets wait meanwhile.
const COMMANDS_PER_TURN: usize = 64;
/// Most acknowledgments alone in a turn. As many as frames that can come in one, so that they keep
/// up, but what a thousand calls owe after a pause does not fill a port's queue at once.
const ACKNOWLEDGMENTS_PER_TURN: usize = 2 * BURST;
/// How often what is late is looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(1);

/// A worker. `L` is told where its time goes.
pub struct Worker<P: PortIo, L: Laps = Unmeasured> {
    pub(super) view: View,
    pub(super) ports: Ports<P>,
    pub(super) flows: FlowTable,
    pub(super) directory: Directory,
    pub(super) routes: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    pub(super) exits: Exits<P::Frame>,
    pub(super) decrypt: DecryptWorker,
    pub(super) encrypt: EncryptWorker,
    alternation: Alternation,
    pub(super) compression: Compression,
    pub(super) reassembly: Reassembly,
    pub(super) reorder: Reorder<P::Frame>,
    pub(super) error_limit: ErrorLimit,
    pub(super) control_rate: Rate,
    pub(super) catch_up_per_flow: CatchUpLimit,
    /// Of the outer packets to clients.
    pub(super) stamp: Stamp,
    /// Counts bursts to clients.
    pub(super) bursts: u32,
    /// The burst in the nodes.
    pub(super) batch: Batch<P::Frame>,
    /// Pieces of packets that were too long.
    pub(super) pieces: Vec<Packet<P::Frame>>,
    commands: Consumer<FlowCommand>,
    injected: Consumer<Injected>,
    /// What a port has given.
    pub(super) burst: Burst<P::Frame>,
    /// What another worker has handed over.
    handed: Burst<Handoff<P::Frame>>,
    stats: Arc<WorkerStats>,
    idle: Idle,
    next_sweep: Timestamp,
    pub(super) laps: L,
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Frames received, injected and handed in.
    pub frames: usize,
    /// Commands obeyed.
    pub commands: usize,
    /// Flows of which an idle turn looked whether they lack keystream; those that did have more now.
    pub stocked: usize,
}

impl Work {
    /// Whether there was nothing that had to be done.
    #[must_use]
    pub const fn is_idle(self) -> bool {
        self.frames == 0 && self.commands == 0
    }
}

impl<P: PortIo> Worker<P> {
    /// A worker with its queues on all ports, by port number. All memory that it will ever use is
    /// taken here.
    #[must_use]
    pub fn new(
        config: WorkerConfig,
        ports: Vec<P>,
        handoff: HandoffEnds<P::Frame>,
        shared: WorkerShared,
        now: Timestamp,
    ) -> Self {
        Self::measured(config, ports, handoff, shared, now, Unmeasured)
    }
}

impl<P: PortIo, L: Laps> Worker<P, L> {
    /// The same, and `laps` is told where its time goes.
    #[must_use]
    pub fn measured(
        config: WorkerConfig,
        ports: Vec<P>,
        handoff: HandoffEnds<P::Frame>,
        shared: WorkerShared,
        now: Timestamp,
        laps: L,
    ) -> Self {
        let locals = config.listen.len();
        let capacity = shared.counters.flows();
        let gre = config.gre;
        let flows = FlowTable::new(
            shared.counters.clone(),
            locals,
            gre.acknowledgment_delay,
            gre.acknowledgment_frames,
        );
        let exits = Exits::new(ExitsParts {
            index: config.index,
            handoff,
            punted: shared.rings.punted,
            reports: shared.rings.reports,
            limits: config.punt,
            doorbell: shared.doorbell,
            stats: Arc::clone(&shared.stats),
            counters: shared.counters.clone(),
        });
        let kernel = || Kernel::of(config.kernel).unwrap_or_else(Kernel::portable);
        let budget = Budget::new(config.catch_up.most, config.catch_up.steps_per_s, now);
        let per_call = config.punt.ppp_frames_per_call_per_s;
        Self {
            view: View::new(&config, shared.buckets),
            ports: Ports::new(ports, Arc::clone(&shared.stats), shared.counters),
            flows,
            directory: shared.directory,
            routes: Cache::new(shared.routes),
            exits,
            decrypt: DecryptWorker::keeping(
                gre.late_max.min(LATE_MAX),
                config.skipped_key_regions,
                budget,
            )
            .with_places(capacity)
            .with_kernel(kernel()),
            encrypt: EncryptWorker::new(capacity).with_kernel(kernel()),
            alternation: Alternation::default(),
            compression: Compression::new(config.mppc_calls_max, config.mru),
            reassembly: Reassembly::new(),
            reorder: Reorder::new(gre.hold_packets, gre.hold),
            error_limit: ErrorLimit::new(config.icmp_errors_per_s),
            control_rate: Rate::new(per_call, per_call),
            catch_up_per_flow: config.catch_up_per_flow,
            stamp: Stamp {
                // Workers share local addresses, so they start apart.
                identification: u16::from(config.index).rotate_right(8),
                now,
            },
            bursts: 0,
            batch: Batch::default(),
            pieces: Vec::with_capacity(PIECES_MAX),
            commands: shared.rings.commands,
            injected: shared.rings.injected,
            burst: Burst::new(),
            handed: Burst::new(),
            stats: shared.stats,
            idle: Idle::new(config.idle_sleep_max),
            next_sweep: now,
            laps,
        }
    }

    /// One round: commands, frames from the kernel, frames from other workers, frames from ports,
    /// what is late, and out with everything.
    pub fn turn(&mut self, now: Timestamp) -> Work {
        self.laps.lap(Part::Rest);
        self.exits.now = now;
        self.stamp.now = now;
        let mut work = Work {
            commands: self.take_commands(),
            frames: self.take_injected(),
            stocked: 0,
        };
        for worker in 0..self.exits.handoff.workers() {
            work.frames += self.take_handoff(worker);
        }
        for port in 0..self.ports.count() {
            work.frames += self.take_received(port);
        }
        if now >= self.next_sweep {
            self.sweep(now);
        }
        while let Some(slot) = self.flows.next_urgent_acknowledgment() {
            self.acknowledge(slot);
        }
        self.laps.lap(Part::Rest);
        self.ports.flush();
        self.laps.lap(Part::Transmit);
        self.exits.flush();
        if work.is_idle() {
            // There is time to make keystream for frames to come: a few microseconds' worth.
            let (upstream, downstream) = (&mut self.decrypt.engine, &mut self.encrypt);
            work.stocked = self.alternation.stock_up(upstream, downstream);
        }
        let held = self.ports.staged() + self.reassembly.held() + self.reorder.len();
        let alone = self.decrypt.engine.frames_alone() + self.encrypt.frames_alone();
        self.stats.mppe_alone(alone);
        self.stats.turn(now, !work.is_idle(), held);
        work
    }

    /// Turns until `stop` is set. Timestamps count from `epoch`, the same for all workers.
    pub fn run(&mut self, stop: &AtomicBool, epoch: Instant) {
        while !stop.load(Ordering::Relaxed) {
            let now = Timestamp::ZERO + epoch.elapsed();
            let work = self.turn(now);
            self.idle.after(work);
        }
    }

    /// What was told where the time goes.
    pub const fn laps(&mut self) -> &mut L {
        &mut self.laps
    }

    /// How many flows the worker has.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    fn take_commands(&mut self) -> usize {
        let mut taken = 0;
        while taken < COMMANDS_PER_TURN && self.exits.has_room_for_report() {
            let Ok(command) = self.commands.pop() else {
                break;
            };
            self.obey(command);
            taken += 1;
        }
        taken
    }

    fn take_injected(&mut self) -> usize {
        let mut taken = 0;
        while taken < BURST {
            let Ok(injected) = self.injected.pop() else {
                break;
            };
            self.inject(&injected);
            taken += 1;
        }
        self.run_nodes();
        taken
    }

    fn take_handoff(&mut self, worker: u8) -> usize {
        self.exits.handoff.receive(worker, &mut self.handed);
        let taken = self.handed.len();
        if taken > 0 {
            self.exits.count(FrameCount::HandedIn, taken);
            for handoff in self.handed.drain(..) {
                let entry = handoff.entry;
                match handoff.into_packet() {
                    Ok(packet) => self.exits.steer(packet, self.view.index, entry),
                    Err(reason) => self.exits.refuse_frames(reason.into(), 1),
                }
            }
            self.run_nodes();
        }
        taken
    }

    fn take_received(&mut self, port: u8) -> usize {
        self.laps.lap(Part::Rest);
        self.ports.receive(port, &mut self.burst);
        let taken = self.burst.len();
        if taken > 0 {
            self.laps.lap(Part::Receive);
            self.sort(port);
            self.laps.lap(Part::Sight);
            self.run_nodes();
        }
        taken
    }

    /// Sends an acknowledgment alone.
    fn acknowledge(&mut self, slot: u32) {
        self.exits.count(FrameCount::Generated, 1);
        if let Err(reason) = self.send_control(slot, &[], Payload::Nothing) {
            self.exits.refuse_frames(reason, 1);
        }
    }

    /// Acknowledgments that nothing carried, early frames whose predecessors did not come, and
    /// fragments whose rest did not.
    fn sweep(&mut self, now: Timestamp) {
        self.next_sweep = now + SWEEP_INTERVAL;
        let mut left = ACKNOWLEDGMENTS_PER_TURN;
        while let Some(slot) = self.flows.next_lone_acknowledgment(now) {
            self.acknowledge(slot);
            left -= 1;
            if left == 0 {
                // The rest in the next turn.
                self.next_sweep = now;
                break;
            }
        }
        self.reorder.expire(&mut self.flows, now);
        self.run_nodes();
        let lost = self.reassembly.expire(now);
        self.exits.refuse_frames(DropReason::FragmentTimeout, lost);
    }
}
