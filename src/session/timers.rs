//! Deadlines of many machines in one heap. A machine only says when it next wants time
//! (`poll_timeout`); an entry that has become stale costs one look when it surfaces, and no event
//! ever scans the machines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Timestamp;

/// Deadlines of things named by `K`.
pub(super) struct Timers<K> {
    heap: BinaryHeap<Reverse<(Timestamp, K)>>,
}

impl<K: Ord + Copy> Timers<K> {
    /// No deadlines yet, and room for `capacity` of them: one for each machine that may live, and as
    /// a rule some are free for what is stale.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(capacity),
        }
    }

    /// Asks for `key` to come up at `deadline`, unless `armed` says that it comes up as early anyway.
    /// `armed` belongs to the thing that `key` names, and nobody else writes it.
    pub(super) fn arm(
        &mut self,
        key: K,
        deadline: Option<Timestamp>,
        armed: &mut Option<Timestamp>,
    ) {
        let Some(deadline) = deadline else { return };
        if armed.is_none_or(|already| deadline < already) {
            self.heap.push(Reverse((deadline, key)));
            *armed = Some(deadline);
        }
    }

    /// The next deadline, which may prove stale.
    #[must_use]
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// A key whose deadline has passed. The caller clears its `armed` if it is equal to the deadline
    /// given here (an older, later entry for the same key is simply stale), and arms it again.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        let due = self.next().is_some_and(|deadline| deadline <= now);
        if due {
            self.heap.pop().map(|Reverse(entry)| entry)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn an_earlier_deadline_is_armed_and_a_later_one_costs_nothing() {
        let mut timers = Timers::new(4);
        let mut armed = None;
        timers.arm('a', Some(at(5)), &mut armed);
        timers.arm('a', Some(at(7)), &mut armed);
        timers.arm('a', Some(at(2)), &mut armed);
        timers.arm('a', None, &mut armed);
        assert_eq!(armed, Some(at(2)));
        assert_eq!(timers.pop_due(at(1)), None);
        assert_eq!(timers.pop_due(at(2)), Some((at(2), 'a')));
        assert_eq!(
            timers.pop_due(at(9)),
            Some((at(5), 'a')),
            "stale, but it comes up"
        );
        assert_eq!(timers.pop_due(at(9)), None);
    }
}
