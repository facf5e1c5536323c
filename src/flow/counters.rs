//! What a flow has carried. The owner alone writes, with relaxed stores to its own cache lines; the
//! slow path reads whenever somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the counters of one flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FlowTotals {
    /// IP packets accepted from the client.
    pub upstream_packets: u64,
    /// Bytes of those IP packets.
    pub upstream_bytes: u64,
    /// IP packets sent to the client.
    pub downstream_packets: u64,
    /// Bytes of those IP packets.
    pub downstream_bytes: u64,
    /// Frames of the client that were dropped, whatever the reason.
    pub upstream_drops: u64,
    /// Packets for the client that were dropped, whatever the reason.
    pub downstream_drops: u64,
    /// GRE sequence numbers of the client that never arrived.
    pub upstream_lost: u64,
    /// Frames of the client that others had overtaken.
    pub upstream_late: u64,
    /// Frames of the client that had been received before.
    pub upstream_duplicates: u64,
    /// How many frames behind the newest the last late one was.
    pub late_distance_last: u64,
    /// The most that this was.
    pub late_distance_max: u64,
    /// When the client was last heard, in nanoseconds of the worker's clock.
    pub last_heard_ns: u64,
}

/// The live counters of one flow: two cache lines, one writer. The second line is touched only when
/// the path loses order.
#[derive(Default)]
#[repr(C, align(64))]
pub struct FlowCounters {
    upstream_packets: AtomicU64,
    upstream_bytes: AtomicU64,
    downstream_packets: AtomicU64,
    downstream_bytes: AtomicU64,
    upstream_drops: AtomicU64,
    downstream_drops: AtomicU64,
    upstream_lost: AtomicU64,
    last_heard_ns: AtomicU64,
    upstream_late: AtomicU64,
    upstream_duplicates: AtomicU64,
    late_distance_last: AtomicU64,
    late_distance_max: AtomicU64,
}

/// Adds without a locked instruction: there is one writer.
#[inline]
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(amount),
        Ordering::Relaxed,
    );
}

impl FlowCounters {
    /// Counts one IP packet of `bytes` from the client.
    #[inline]
    pub fn upstream(&self, bytes: u64) {
        add(&self.upstream_packets, 1);
        add(&self.upstream_bytes, bytes);
    }

    /// Counts one IP packet of `bytes` to the client.
    #[inline]
    pub fn downstream(&self, bytes: u64) {
        add(&self.downstream_packets, 1);
        add(&self.downstream_bytes, bytes);
    }

    /// Counts a frame of the client that was dropped.
    #[inline]
    pub fn upstream_drop(&self) {
        add(&self.upstream_drops, 1);
    }

    /// Counts a packet for the client that was dropped.
    #[inline]
    pub fn downstream_drop(&self) {
        add(&self.downstream_drops, 1);
    }

    /// Counts sequence numbers that were skipped.
    #[inline]
    pub fn lost(&self, frames: u64) {
        add(&self.upstream_lost, frames);
    }

    /// A frame that seemed lost came after all, so many behind the newest.
    #[inline]
    pub fn late(&self, behind: u64) {
        let lost = self.upstream_lost.load(Ordering::Relaxed);
        self.upstream_lost
            .store(lost.saturating_sub(1), Ordering::Relaxed);
        add(&self.upstream_late, 1);
        self.late_distance_last.store(behind, Ordering::Relaxed);
        let most = self.late_distance_max.load(Ordering::Relaxed);
        self.late_distance_max
            .store(most.max(behind), Ordering::Relaxed);
    }

    /// Counts a frame that was received before.
    #[inline]
    pub fn duplicate(&self) {
        add(&self.upstream_duplicates, 1);
    }

    /// Notes that the client was heard.
    #[inline]
    pub fn heard(&self, now_ns: u64) {
        self.last_heard_ns.store(now_ns, Ordering::Relaxed);
    }

    /// When the client was last heard, in nanoseconds of the worker's clock.
    #[inline]
    #[must_use]
    pub fn last_heard(&self) -> u64 {
        self.last_heard_ns.load(Ordering::Relaxed)
    }

    /// The values now.
    #[must_use]
    pub fn totals(&self) -> FlowTotals {
        FlowTotals {
            upstream_packets: self.upstream_packets.load(Ordering::Relaxed),
            upstream_bytes: self.upstream_bytes.load(Ordering::Relaxed),
            downstream_packets: self.downstream_packets.load(Ordering::Relaxed),
            downstream_bytes: self.downstream_bytes.load(Ordering::Relaxed),
            upstream_drops: self.upstream_drops.load(Ordering::Relaxed),
            downstream_drops: self.downstream_drops.load(Ordering::Relaxed),
            upstream_lost: self.upstream_lost.load(Ordering::Relaxed),
            upstream_late: self.upstream_late.load(Ordering::Relaxed),
            upstream_duplicates: self.upstream_duplicates.load(Ordering::Relaxed),
            late_distance_last: self.late_distance_last.load(Ordering::Relaxed),
            late_distance_max: self.late_distance_max.load(Ordering::Relaxed),
            last_heard_ns: self.last_heard_ns.load(Ordering::Relaxed),
        }
    }

    /// Starts again from zero, for the next flow in this slot.
    pub fn reset(&self) {
        for counter in [
            &self.upstream_packets,
            &self.upstream_bytes,
            &self.downstream_packets,
            &self.downstream_bytes,
            &self.upstream_drops,
            &self.downstream_drops,
            &self.upstream_lost,
            &self.last_heard_ns,
            &self.upstream_late,
            &self.upstream_duplicates,
            &self.late_distance_last,
            &self.late_distance_max,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// The counters of all flows of one worker, by slab slot.
pub type CounterArena = Arc<[FlowCounters]>;

/// An arena for `flows` flows.
#[must_use]
pub fn counter_arena(flows: u32) -> CounterArena {
    (0..flows).map(|_| FlowCounters::default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_count_and_a_reset_slot_is_new() {
        let arena = counter_arena(2);
        arena[1].upstream(100);
        arena[1].upstream(50);
        arena[1].downstream(7);
        arena[1].lost(3);
        arena[1].late(9);
        arena[1].late(4);
        arena[1].duplicate();
        let totals = arena[1].totals();
        assert_eq!((totals.upstream_packets, totals.upstream_bytes), (2, 150));
        assert_eq!((totals.downstream_packets, totals.upstream_lost), (1, 1));
        assert_eq!((totals.upstream_late, totals.upstream_duplicates), (2, 1));
        let distances = (totals.late_distance_last, totals.late_distance_max);
        assert_eq!(distances, (4, 9));
        assert_eq!(arena[0].totals(), FlowTotals::default());
        arena[1].reset();
        assert_eq!(arena[1].totals(), FlowTotals::default());
    }
}
