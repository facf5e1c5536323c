//! Lone acknowledgments (RFC 2637 §4.2.5): a flow that owes one and has sent nothing it could ride on
//! sends it alone, within 100 ms.
//!
//! The delay is the same for all, so a queue is a timer wheel with one slot. An entry whose flow has
//! paid and owes again goes to the back, which at worst doubles the delay.
//!
//! The queue is two arrays, one that is taken from and one that is added to, which change places when the
//! first is empty. So both stay where they begin, and take memory for as many flows as ever waited; a
//! ring would wander through all its room.
//!
//! A peer that honours our window would stand still for that long each time its window is full. So an
//! acknowledgment of a quarter of the window does not wait at all: it leaves at the end of the turn.

use std::mem;
use std::time::Duration;

use super::flow::Flow;
use crate::clock::Timestamp;

/// Flows that owe an acknowledgment, in the order in which they began to.
pub struct AcknowledgmentSchedule {
    /// Those that wait longest, and how many of them are done with.
    leaving: Vec<Waiting>,
    left: usize,
    /// Those behind them.
    coming: Vec<Waiting>,
    delay: Ticks,
    /// Flows that owe for so many frames that they do not wait.
    urgent: Vec<u32>,
    /// How many that is.
    frames_max: u16,
}

/// A flow in the queue, and since when it owed.
#[derive(Clone, Copy)]
struct Waiting {
    since: Ticks,
    slot: u32,
}

/// Time in units of 1,024 ns, which goes round in 73 minutes. Whoever has not been looked at for so long
/// waits for the delay once more, and no longer.
#[derive(Clone, Copy)]
struct Ticks(u32);

impl Ticks {
    const NANOS_BITS: u32 = 10;

    #[expect(clippy::cast_possible_truncation, reason = "it goes round")]
    const fn of(time: Timestamp) -> Self {
        Self((time.as_nanos() >> Self::NANOS_BITS) as u32)
    }

    fn of_delay(delay: Duration) -> Self {
        let ticks = delay.as_nanos() >> Self::NANOS_BITS;
        Self(u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    const fn less_than(self, delay: Self, now: Self) -> bool {
        now.0.wrapping_sub(self.0) < delay.0
    }
}

/// Flows that can be urgent in one turn. More than that wait for the delay.
const URGENT_MAX: usize = 1024;

impl AcknowledgmentSchedule {
    /// For `flows` flows; a flow owes at most twice `delay`, and at most for `frames_max` frames.
    #[must_use]
    pub fn new(flows: usize, delay: Duration, frames_max: u16) -> Self {
        Self {
            leaving: Vec::with_capacity(flows),
            left: 0,
            coming: Vec::with_capacity(flows),
            delay: Ticks::of_delay(delay),
            urgent: Vec::with_capacity(flows.min(URGENT_MAX)),
            frames_max: frames_max.max(1),
        }
    }

    /// Notes that the flow in `slot` may owe. Each slot is in the queue once at most, so that the
    /// queue never grows beyond the number of slots. What is owed to a peer whose Call ID is not
    /// known is to be noted when it is.
    #[inline]
    pub fn note(&mut self, slot: u32, flow: &mut Flow) {
        if !flow.permissions.connected {
            return;
        }
        if flow.owed.owed && !flow.owed.queued {
            flow.owed.queued = true;
            self.push(slot, Ticks::of(flow.owed.since));
        }
        if flow.owed.frames >= self.frames_max
            && !flow.owed.urgent
            && self.urgent.len() < self.urgent.capacity()
        {
            flow.owed.urgent = true;
            self.urgent.push(slot);
        }
    }

    /// The next slot that has received so much that its acknowledgment shall not wait.
    #[inline]
    pub fn urgent(&mut self, flows: &mut [Flow]) -> Option<u32> {
        while let Some(slot) = self.urgent.pop() {
            let Some(flow) = flows.get_mut(slot as usize) else {
                continue;
            };
            flow.owed.urgent = false;
            if flow.owed.frames >= self.frames_max && flow.permissions.open {
                return Some(slot);
            }
        }
        None
    }

    /// The next slot whose acknowledgment must go out alone now.
    pub fn due(&mut self, flows: &mut [Flow], now: Timestamp) -> Option<u32> {
        let now = Ticks::of(now);
        while let Some(Waiting { since, slot }) = self.front() {
            if since.less_than(self.delay, now) {
                return None;
            }
            self.left += 1;
            let Some(flow) = flows.get_mut(slot as usize) else {
                continue;
            };
            let since = Ticks::of(flow.owed.since);
            if flow.owed.owed && since.less_than(self.delay, now) {
                self.push(slot, since);
                continue;
            }
            flow.owed.queued = false;
            if flow.owed.owed && flow.permissions.open {
                return Some(slot);
            }
        }
        None
    }

    #[inline]
    fn push(&mut self, slot: u32, since: Ticks) {
        debug_assert!(self.coming.len() < self.coming.capacity(), "each slot once");
        self.coming.push(Waiting { since, slot });
    }

    fn front(&mut self) -> Option<Waiting> {
        if self.left == self.leaving.len() {
            self.leaving.clear();
            self.left = 0;
            mem::swap(&mut self.leaving, &mut self.coming);
        }
        self.leaving.get(self.left).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::window::Standing;
    use crate::flow::{FlowKey, OpenCall, PeerReceive};
    use crate::wire::call_id::CallId;
    use std::net::Ipv4Addr;

    const DELAY: Duration = Duration::from_millis(40);

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn open_flow() -> Flow {
        let call = OpenCall {
            local_address: Ipv4Addr::LOCALHOST,
            peer_address: Ipv4Addr::LOCALHOST,
            peer_call_id: Some(CallId::new(1)),
            peer_receive: PeerReceive::default(),
        };
        let mut flow = Flow::empty();
        flow.open(FlowKey::new(0, CallId::new(1)), call);
        flow
    }

    fn hear(schedule: &mut AcknowledgmentSchedule, flow: &mut Flow, sequence: u32, ms: u64) {
        flow.accept(sequence, Standing::Within, None, at(ms))
            .unwrap();
        schedule.note(0, flow);
    }

    #[test]
    fn an_acknowledgment_is_due_after_the_delay_and_once() {
        let mut flows = [open_flow()];
        let mut schedule = AcknowledgmentSchedule::new(1, DELAY, 4);
        hear(&mut schedule, &mut flows[0], 1, 0);
        hear(&mut schedule, &mut flows[0], 2, 10);
        assert_eq!(schedule.due(&mut flows, at(39)), None);
        assert_eq!(schedule.due(&mut flows, at(40)), Some(0));
        assert_eq!(flows[0].take_acknowledgment(), Some(2));
        assert_eq!(schedule.due(&mut flows, at(1000)), None);
    }

    #[test]
    fn whoever_paid_in_between_waits_again_but_never_longer_than_twice() {
        let mut flows = [open_flow()];
        let mut schedule = AcknowledgmentSchedule::new(1, DELAY, 4);
        hear(&mut schedule, &mut flows[0], 1, 0);
        flows[0].take_acknowledgment();
        hear(&mut schedule, &mut flows[0], 2, 30);
        assert_eq!(schedule.due(&mut flows, at(40)), None);
        assert_eq!(schedule.due(&mut flows, at(70)), Some(0));
    }

    #[test]
    fn flows_leave_in_the_order_in_which_they_came_however_long_it_goes_on() {
        let mut flows: Vec<_> = (0..5).map(|_| open_flow()).collect();
        let mut schedule = AcknowledgmentSchedule::new(5, DELAY, 99);
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        // From just before the ticks go round.
        let start = ((1 << 32) * 1024) / 1_000_000 - 500;
        for step in 0..1000 {
            let (now, slot) = (at(start + 10 * step), (step * 3 % 5) as u32);
            let flow = &mut flows[slot as usize];
            flow.accept(1 + step as u32, Standing::Within, None, now)
                .unwrap();
            schedule.note(slot, flow);
            expected.push(slot);
            while let Some(slot) = schedule.due(&mut flows, now) {
                assert!(flows[slot as usize].take_acknowledgment().is_some());
                found.push(slot);
            }
            assert_eq!(expected.len() - found.len(), expected.len().min(4));
        }
        assert_eq!(found, expected[..found.len()]);
        assert_eq!(
            schedule.coming.capacity().max(schedule.leaving.capacity()),
            5
        );
    }

    #[test]
    fn a_closed_flow_is_not_acknowledged_and_its_successor_starts_anew() {
        let mut flows = [open_flow()];
        let mut schedule = AcknowledgmentSchedule::new(1, DELAY, 4);
        hear(&mut schedule, &mut flows[0], 1, 0);
        flows[0].close();
        assert!(flows[0].owed.queued, "the slot still waits in the queue");
        assert_eq!(schedule.due(&mut flows, at(100)), None);
        assert!(!flows[0].owed.queued);
    }

    #[test]
    fn a_quarter_of_the_window_is_acknowledged_at_once_and_once() {
        let mut flows = [open_flow()];
        let mut schedule = AcknowledgmentSchedule::new(1, DELAY, 4);
        for sequence in 1..=3 {
            hear(&mut schedule, &mut flows[0], sequence, 0);
            assert_eq!(schedule.urgent(&mut flows), None);
        }
        hear(&mut schedule, &mut flows[0], 4, 0);
        hear(&mut schedule, &mut flows[0], 5, 0);
        assert_eq!(schedule.urgent(&mut flows), Some(0));
        assert_eq!(flows[0].take_acknowledgment(), Some(5));
        assert_eq!(schedule.urgent(&mut flows), None);
        // What rode on traffic in the same turn is not sent again alone.
        for sequence in 6..=9 {
            hear(&mut schedule, &mut flows[0], sequence, 0);
        }
        assert_eq!(flows[0].take_acknowledgment(), Some(9));
        assert_eq!(schedule.urgent(&mut flows), None);
        assert!(!flows[0].owed.urgent);
    }
}
