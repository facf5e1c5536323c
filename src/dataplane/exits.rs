//! Where frames go that do not reach the next node: to another entry, to another worker, to the slow
//! path, or away. Every one of them is counted here.

use std::mem;
use std::sync::Arc;

use rtrb::Producer;

use super::batch::{
    Direction, Entries, Entry, Meta, NO_FLOW, Origin, Packet, Punt, PuntClass, Verdict,
};
use super::config::PuntLimits;
use super::drop_reason::DropReason;
use super::frame::Frame;
use super::handoff::{Handoff, HandoffEnds};
use super::policer::{Policer, Rate};
use super::stats::{FrameCount, WorkerStats};
use crate::clock::Timestamp;
use crate::flow::counters::CounterArena;
use crate::flow::frame::FRAME_BYTES_MAX;
use crate::flow::ring::{Doorbell, Punted};
use crate::flow::{FlowCounters, FlowReport, FrameBytes};

/// The ways out of a worker.
pub(super) struct Exits<F> {
    pub(super) entries: Entries<F>,
    pub(super) handoff: HandoffEnds<F>,
    pub(super) now: Timestamp,
    index: u8,
    punted: Producer<Punted>,
    reports: Producer<FlowReport>,
    rates: [Rate; PuntClass::COUNT],
    policers: [Policer; PuntClass::COUNT],
    doorbell: Arc<Doorbell>,
    something_to_tell: bool,
    /// Frames that were handed over in this turn.
    handed_out: usize,
    stats: Arc<WorkerStats>,
    counters: CounterArena,
}

/// What [`Exits::new`] needs.
pub(super) struct ExitsParts<F> {
    pub(super) index: u8,
    pub(super) handoff: HandoffEnds<F>,
    pub(super) punted: Producer<Punted>,
    pub(super) reports: Producer<FlowReport>,
    pub(super) limits: PuntLimits,
    pub(super) doorbell: Arc<Doorbell>,
    pub(super) stats: Arc<WorkerStats>,
    pub(super) counters: CounterArena,
}

/// New control connections get one in so many of the frames of control connections.
const OPENING_SHARE: u32 = 10;

impl<F: Frame> Exits<F> {
    pub(super) fn new(parts: ExitsParts<F>) -> Self {
        let limits = parts.limits;
        // What a class may send in 100 ms may come at once.
        let rate = |per_s: u32| Rate::new(per_s, per_s.div_ceil(10));
        Self {
            entries: Entries::default(),
            handoff: parts.handoff,
            now: Timestamp::ZERO,
            index: parts.index,
            punted: parts.punted,
            reports: parts.reports,
            rates: [
                rate(limits.control_frames_per_s),
                // A flood of new connections must leave room for those that exist: their clients'
                // calls end with them.
                rate(limits.control_frames_per_s.div_ceil(OPENING_SHARE)),
                rate(limits.arp_frames_per_s),
                rate(limits.local_frames_per_s),
                rate(limits.exception_frames_per_s),
                rate(limits.ppp_frames_per_s),
            ],
            policers: [Policer::default(); PuntClass::COUNT],
            doorbell: parts.doorbell,
            something_to_tell: false,
            handed_out: 0,
            stats: parts.stats,
            counters: parts.counters,
        }
    }

    /// Does what a node said about a frame.
    pub(super) fn take(&mut self, packet: Packet<F>, verdict: Verdict) {
        match verdict {
            Verdict::Drop(reason) => self.refuse(&packet.meta, reason),
            Verdict::Steer { worker, entry } => self.steer(packet, worker, entry),
            Verdict::Punt(punt) => self.punt(&packet, punt),
            Verdict::Consume(place) => self.stats.count(place, 1),
            // A packet that passed the last node, or one that nobody cuts.
            Verdict::Next | Verdict::Fragment { .. } => {
                self.refuse(&packet.meta, DropReason::MtuExceeded);
            }
        }
    }

    /// Counts a lost frame, for the worker and for its call if that is known.
    #[cold]
    pub(super) fn refuse(&self, meta: &Meta, reason: DropReason) {
        self.stats.drop_frames(reason, 1);
        if let Some(flow) = self.flow_counters(meta.flow) {
            match meta.direction {
                Direction::Upstream => flow.upstream_drop(),
                Direction::Downstream => flow.downstream_drop(),
            }
        }
    }

    /// Counts lost frames that belong to no call.
    pub(super) fn refuse_frames(&self, reason: DropReason, frames: usize) {
        self.stats.drop_frames(reason, frames);
    }

    /// Counts frames that entered or left.
    #[inline]
    pub(super) fn count(&self, place: FrameCount, frames: usize) {
        self.stats.count(place, frames);
    }

    #[inline]
    fn flow_counters(&self, flow: u32) -> Option<FlowCounters<'_>> {
        self.counters.get(flow as usize)
    }

    /// Puts a packet where it enters, here or in another worker. A packet of a client that goes to
    /// another client is what the first has sent.
    #[inline]
    pub(super) fn steer(&mut self, mut packet: Packet<F>, worker: u8, entry: Entry) {
        let before = packet.meta;
        packet.meta.flow = NO_FLOW;
        let steered = if worker == self.index {
            let entered = self.entries.at(entry).packets().try_push(packet);
            entered.map_err(|full| full.element().frame)
        } else {
            let sent = self.handoff.send(worker, Handoff::new(packet, entry));
            sent.inspect(|()| self.handed_out += 1)
        };
        match steered {
            Err(_frame) => self.refuse(&before, DropReason::HandoffFull),
            Ok(()) if before.origin == Origin::Client => {
                if let Some(flow) = self.flow_counters(before.flow) {
                    flow.upstream(u64::from(before.ip.total_length));
                }
            }
            Ok(()) => {}
        }
    }

    /// Hands a received frame to the worker that has to read it.
    #[inline]
    pub(super) fn hand_over(&mut self, worker: u8, handoff: Handoff<F>) {
        match self.handoff.send(worker, handoff) {
            Ok(()) => self.handed_out += 1,
            Err(_frame) => self.refuse_frames(DropReason::HandoffFull, 1),
        }
    }

    fn punt(&mut self, packet: &Packet<F>, punt: Punt) {
        let class = match punt {
            Punt::Ethernet(class) | Punt::Inner(class) => class,
            Punt::Ppp => PuntClass::Ppp,
        };
        match self.try_punt(packet, punt, class) {
            Ok(()) => {
                self.stats.count(class.count(), 1);
                self.something_to_tell = true;
                if matches!(punt, Punt::Inner(_))
                    && packet.meta.direction == Direction::Upstream
                    && let Some(flow) = self.flow_counters(packet.meta.flow)
                {
                    flow.upstream(u64::from(packet.meta.ip.total_length));
                }
            }
            Err(reason) => self.refuse(&packet.meta, reason),
        }
    }

    fn try_punt(
        &mut self,
        packet: &Packet<F>,
        punt: Punt,
        class: PuntClass,
    ) -> Result<(), DropReason> {
        let bytes = packet.frame.bytes();
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(DropReason::PuntTooLong);
        }
        let place = class as usize;
        if let (Some(policer), Some(rate)) = (self.policers.get_mut(place), self.rates.get(place))
            && !policer.allow(*rate, self.now)
        {
            return Err(class.policed());
        }
        if self.punted.is_full() {
            return Err(DropReason::PuntRingFull);
        }
        let frame = FrameBytes::copy_of(bytes).ok_or(DropReason::PuntTooLong)?;
        let flow = packet.meta.key;
        let message = match punt {
            Punt::Ethernet(_) => Punted::Ethernet {
                port: packet.meta.port,
                frame,
            },
            Punt::Inner(_) => Punted::Inner { flow, frame },
            Punt::Ppp => Punted::Ppp { flow, frame },
        };
        self.punted
            .push(message)
            .map_err(|_full| DropReason::PuntRingFull)
    }

    /// Whether a report would find room: commands are taken only then, so that no answer is lost.
    pub(super) fn has_room_for_report(&self) -> bool {
        self.reports.slots() > 0
    }

    /// Tells the slow path; `false` if there is no room now.
    pub(super) fn report(&mut self, report: FlowReport) -> bool {
        let told = self.reports.push(report).is_ok();
        self.something_to_tell |= told;
        told
    }

    /// Ends a turn: hands over what is queued for other workers, and wakes the slow path if there is
    /// something for it.
    pub(super) fn flush(&mut self) {
        self.handoff.flush();
        self.stats
            .count(FrameCount::HandedOut, mem::take(&mut self.handed_out));
        if self.something_to_tell {
            self.something_to_tell = false;
            self.doorbell.notify();
        }
    }
}
