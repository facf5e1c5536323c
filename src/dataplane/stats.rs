//! What a worker counts. The worker alone writes, with relaxed stores to its own cache lines; the
//! slow path reads whenever somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};

use super::drop_reason::DropReason;
use crate::clock::Timestamp;
use crate::counted_enum;

counted_enum! {
    /// Where frames enter a worker and where they leave it. Together with the drops this balances:
    /// what entered has left, was dropped, or is held ([`WorkerStats::balance`]).
    pub enum FrameCount {
        /// Enters: received by a port.
        Received => "received",
        /// Enters: from the kernel, by TAP or TUN.
        Injected => "injected",
        /// Enters: a PPP control frame of the slow path.
        ControlOut => "control_out",
        /// Enters: handed in by another worker.
        HandedIn => "handed_in",
        /// Enters: made here (a lone acknowledgment, a fragment, a datagram put together).
        Generated => "generated",
        /// Leaves: sent by a port.
        Sent => "sent",
        /// Leaves: a frame of a control connection, to the kernel.
        PuntedControl => "punted_control",
        /// Leaves: the first segment of a new control connection, to the kernel.
        PuntedOpening => "punted_opening",
        /// Leaves: ARP, to the kernel.
        PuntedArp => "punted_arp",
        /// Leaves: for our own addresses, to the kernel.
        PuntedLocal => "punted_local",
        /// Leaves: a packet that only the kernel can forward.
        PuntedException => "punted_exception",
        /// Leaves: a PPP control frame, to the slow path.
        PuntedPpp => "punted_ppp",
        /// Leaves: handed to the worker that owns it.
        HandedOut => "handed_out",
        /// Leaves: a GRE packet without payload has done its work.
        PayloadEmpty => "payload_empty",
        /// Leaves: a fragment was used for a datagram.
        FragmentUsed => "fragment_used",
    }
}

impl FrameCount {
    /// Whether frames enter here.
    #[must_use]
    pub const fn enters(self) -> bool {
        (self as u8) < (Self::Sent as u8)
    }
}

/// The counters of one worker.
#[repr(C, align(64))]
pub struct WorkerStats {
    frames: [AtomicU64; FrameCount::COUNT],
    drops: [AtomicU64; DropReason::COUNT],
    held: AtomicU64,
    mppe_alone: AtomicU64,
    turns: AtomicU64,
    busy_turns: AtomicU64,
    heartbeat_ns: AtomicU64,
}

impl Default for WorkerStats {
    fn default() -> Self {
        Self {
            frames: [const { AtomicU64::new(0) }; FrameCount::COUNT],
            drops: [const { AtomicU64::new(0) }; DropReason::COUNT],
            held: AtomicU64::new(0),
            mppe_alone: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            busy_turns: AtomicU64::new(0),
            heartbeat_ns: AtomicU64::new(0),
        }
    }
}

/// Adds without a locked instruction: there is one writer.
#[inline]
fn add(counter: Option<&AtomicU64>, amount: u64) {
    if let Some(counter) = counter {
        let before = counter.load(Ordering::Relaxed);
        counter.store(before.wrapping_add(amount), Ordering::Relaxed);
    }
}

impl WorkerStats {
    /// Counts frames that entered or left.
    #[inline]
    pub(super) fn count(&self, place: FrameCount, frames: usize) {
        add(self.frames.get(place.index()), frames as u64);
    }

    /// Counts dropped frames.
    #[inline]
    pub(super) fn drop_frames(&self, reason: DropReason, frames: usize) {
        add(self.drops.get(reason.index()), frames as u64);
    }

    /// Notes the end of a turn.
    #[inline]
    pub(super) fn turn(&self, now: Timestamp, busy: bool, held: usize) {
        add(Some(&self.turns), 1);
        add(Some(&self.busy_turns), u64::from(busy));
        self.held.store(held as u64, Ordering::Relaxed);
        self.heartbeat_ns.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// Notes stateful MPPE frames so far for which no keystream could be made ahead.
    #[inline]
    pub(super) fn mppe_alone(&self, frames: u64) {
        self.mppe_alone.store(frames, Ordering::Relaxed);
    }

    /// Stateful MPPE frames so far for which no keystream could be made ahead: more flows were active than
    /// there is room for, or the frame was too long.
    #[must_use]
    pub fn mppe_alone_frames(&self) -> u64 {
        self.mppe_alone.load(Ordering::Relaxed)
    }

    /// Frames that entered or left at `place` so far.
    #[must_use]
    pub fn frames(&self, place: FrameCount) -> u64 {
        let counter = self.frames.get(place.index());
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Frames that were dropped for `reason` so far.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        let counter = self.drops.get(reason.index());
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Frames held between turns: unfinished datagrams, and what a port did not take yet.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// When the last turn began. A worker that does not move this has stalled.
    #[must_use]
    pub fn heartbeat(&self) -> Timestamp {
        Timestamp::from_nanos(self.heartbeat_ns.load(Ordering::Relaxed))
    }

    /// Turns so far, and how many of them found something to do.
    #[must_use]
    pub fn turns(&self) -> (u64, u64) {
        (
            self.turns.load(Ordering::Relaxed),
            self.busy_turns.load(Ordering::Relaxed),
        )
    }

    /// Frames that entered, and frames that left, were dropped or are held. Between turns they are
    /// equal.
    #[must_use]
    pub fn balance(&self) -> (u64, u64) {
        let mut entered = 0;
        let mut gone = self.held();
        for place in FrameCount::ALL {
            if place.enters() {
                entered += self.frames(*place);
            } else {
                gone += self.frames(*place);
            }
        }
        gone += DropReason::ALL
            .iter()
            .map(|reason| self.dropped(*reason))
            .sum::<u64>();
        (entered, gone)
    }
}
