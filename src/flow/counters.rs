//! What a flow has carried. The owner alone writes, with relaxed stores to its own cache lines; the
//! slow path reads whenever somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::zeroed::zeroed;

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

/// The live counters of one flow: one writer. All that counts while the path keeps order is one cache
/// line; the rest is beside those of other flows.
#[derive(Clone, Copy)]
pub struct FlowCounters<'a> {
    line: &'a [AtomicU64; LINE],
    order: &'a [AtomicU64; ORDER],
}

/// Words of a cache line.
const LINE: usize = 8;
const UPSTREAM_PACKETS: usize = 0;
const UPSTREAM_BYTES: usize = 1;
const DOWNSTREAM_PACKETS: usize = 2;
const DOWNSTREAM_BYTES: usize = 3;
const UPSTREAM_DROPS: usize = 4;
const DOWNSTREAM_DROPS: usize = 5;
const UPSTREAM_LOST: usize = 6;
const LAST_HEARD: usize = 7;

/// Words that are touched only when the path loses order.
const ORDER: usize = 4;
const UPSTREAM_LATE: usize = 0;
const UPSTREAM_DUPLICATES: usize = 1;
const DISTANCE_LAST: usize = 2;
const DISTANCE_MAX: usize = 3;

#[inline]
fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[inline]
fn write(counter: &AtomicU64, value: u64) {
    counter.store(value, Ordering::Relaxed);
}

/// Adds without a locked instruction: there is one writer.
#[inline]
fn add(counter: &AtomicU64, amount: u64) {
    write(counter, read(counter).wrapping_add(amount));
}

impl FlowCounters<'_> {
    /// Counts one IP packet of `bytes` from the client.
    #[inline]
    pub fn upstream(self, bytes: u64) {
        add(&self.line[UPSTREAM_PACKETS], 1);
        add(&self.line[UPSTREAM_BYTES], bytes);
    }

    /// Counts one IP packet of `bytes` to the client.
    #[inline]
    pub fn downstream(self, bytes: u64) {
        add(&self.line[DOWNSTREAM_PACKETS], 1);
        add(&self.line[DOWNSTREAM_BYTES], bytes);
    }

    /// Counts a frame of the client that was dropped.
    #[inline]
    pub fn upstream_drop(self) {
        add(&self.line[UPSTREAM_DROPS], 1);
    }

    /// Counts a packet for the client that was dropped.
    #[inline]
    pub fn downstream_drop(self) {
        add(&self.line[DOWNSTREAM_DROPS], 1);
    }

    /// Counts sequence numbers that were skipped.
    #[inline]
    pub fn lost(self, frames: u64) {
        add(&self.line[UPSTREAM_LOST], frames);
    }

    /// A frame that seemed lost came after all, so many behind the newest.
    #[inline]
    pub fn late(self, behind: u64) {
        let lost = read(&self.line[UPSTREAM_LOST]);
        write(&self.line[UPSTREAM_LOST], lost.saturating_sub(1));
        add(&self.order[UPSTREAM_LATE], 1);
        write(&self.order[DISTANCE_LAST], behind);
        let most = read(&self.order[DISTANCE_MAX]);
        write(&self.order[DISTANCE_MAX], most.max(behind));
    }

    /// Counts a frame that was received before.
    #[inline]
    pub fn duplicate(self) {
        add(&self.order[UPSTREAM_DUPLICATES], 1);
    }

    /// Notes that the client was heard.
    #[inline]
    pub fn heard(self, now_ns: u64) {
        write(&self.line[LAST_HEARD], now_ns);
    }

    /// When the client was last heard, in nanoseconds of the worker's clock.
    #[inline]
    #[must_use]
    pub fn last_heard(self) -> u64 {
        read(&self.line[LAST_HEARD])
    }

    /// The values now.
    #[must_use]
    pub fn totals(self) -> FlowTotals {
        let (line, order) = (
            self.line.each_ref().map(read),
            self.order.each_ref().map(read),
        );
        FlowTotals {
            upstream_packets: line[UPSTREAM_PACKETS],
            upstream_bytes: line[UPSTREAM_BYTES],
            downstream_packets: line[DOWNSTREAM_PACKETS],
            downstream_bytes: line[DOWNSTREAM_BYTES],
            upstream_drops: line[UPSTREAM_DROPS],
            downstream_drops: line[DOWNSTREAM_DROPS],
            upstream_lost: line[UPSTREAM_LOST],
            upstream_late: order[UPSTREAM_LATE],
            upstream_duplicates: order[UPSTREAM_DUPLICATES],
            late_distance_last: order[DISTANCE_LAST],
            late_distance_max: order[DISTANCE_MAX],
            last_heard_ns: line[LAST_HEARD],
        }
    }

    /// Starts again from zero, for the next flow in this slot.
    pub fn reset(self) {
        // Memory comes now, and not with the first packet; where order is kept, none ever comes for that.
        self.line.iter().for_each(|word| write(word, 0));
        let order = self.order.iter().filter(|word| read(word) != 0);
        order.for_each(|word| write(word, 0));
    }
}

/// The counters of all flows of one worker, by slab slot. They are address space from the start, and
/// memory as far as flows have written to them.
#[derive(Clone)]
pub struct CounterArena(Arc<Words>);

struct Words {
    /// The line of each flow, behind what aligns it.
    lines: Vec<AtomicU64>,
    aligned: usize,
    order: Vec<AtomicU64>,
}

/// An arena for `flows` flows.
#[must_use]
pub fn counter_arena(flows: u32) -> CounterArena {
    let flows = flows as usize;
    // A type that is aligned to more than a word would be zeroed by hand, and so be memory at once.
    let mut lines = zeroed::<AtomicU64>(flows * LINE + LINE);
    let aligned = lines.as_ptr().align_offset(LINE * size_of::<AtomicU64>());
    lines.truncate(aligned + flows * LINE);
    CounterArena(Arc::new(Words {
        aligned,
        lines,
        order: zeroed(flows * ORDER),
    }))
}

impl CounterArena {
    /// How many flows it is for.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.0.order.len() / ORDER
    }

    /// The counters of the flow in a slot.
    #[inline]
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<FlowCounters<'_>> {
        let (lines, _) = self.0.lines.get(self.0.aligned..)?.as_chunks();
        let (order, _) = self.0.order.as_chunks();
        Some(FlowCounters {
            line: lines.get(slot)?,
            order: order.get(slot)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_count_and_a_reset_slot_is_new() {
        let arena = counter_arena(2);
        assert!(arena.flows() == 2 && arena.get(2).is_none());
        let address = arena.get(0).unwrap().line.as_ptr().addr();
        assert_eq!(address % 64, 0, "a flow is one cache line");
        arena.get(1).unwrap().upstream(100);
        arena.get(1).unwrap().upstream(50);
        arena.get(1).unwrap().downstream(7);
        arena.get(1).unwrap().lost(3);
        arena.get(1).unwrap().late(9);
        arena.get(1).unwrap().late(4);
        arena.get(1).unwrap().duplicate();
        let totals = arena.get(1).unwrap().totals();
        assert_eq!((totals.upstream_packets, totals.upstream_bytes), (2, 150));
        assert_eq!((totals.downstream_packets, totals.upstream_lost), (1, 1));
        assert_eq!((totals.upstream_late, totals.upstream_duplicates), (2, 1));
        let distances = (totals.late_distance_last, totals.late_distance_max);
        assert_eq!(distances, (4, 9));
        assert_eq!(arena.get(0).unwrap().totals(), FlowTotals::default());
        arena.get(1).unwrap().reset();
        assert_eq!(arena.get(1).unwrap().totals(), FlowTotals::default());
    }
}
