//! Lone acknowledgments (RFC 2637 §4.3): a flow that owes one and has sent nothing it could ride on
//! sends it alone, within 100 ms.
//!
//! The delay is the same for all, so a queue is a timer wheel with one slot. An entry whose flow has
//! paid and owes again goes to the back, which at worst doubles the delay.

use std::collections::VecDeque;
use std::time::Duration;

use super::flow::Flow;
use crate::clock::Timestamp;

/// Flows that owe an acknowledgment, in the order in which they began to.
pub struct AcknowledgmentSchedule {
    queue: VecDeque<(Timestamp, u32)>,
    delay: Duration,
}

impl AcknowledgmentSchedule {
    /// For `flows` flows; a flow owes at most twice `delay`.
    #[must_use]
    pub fn new(flows: usize, delay: Duration) -> Self {
        Self {
            queue: VecDeque::with_capacity(flows),
            delay,
        }
    }

    /// Notes that the flow in `slot` may owe. Each slot is in the queue once at most, so that the
    /// queue never grows beyond the number of slots.
    #[inline]
    pub fn note(&mut self, slot: u32, flow: &mut Flow) {
        if flow.owed.owed && !flow.owed.queued {
            flow.owed.queued = true;
            self.queue.push_back((flow.owed.since, slot));
        }
    }

    /// The next slot whose acknowledgment must go out alone now.
    pub fn due(&mut self, flows: &mut [Flow], now: Timestamp) -> Option<u32> {
        while let Some(&(since, slot)) = self.queue.front() {
            if now.since(since) < self.delay {
                return None;
            }
            self.queue.pop_front();
            let Some(flow) = flows.get_mut(slot as usize) else {
                continue;
            };
            if flow.owed.owed && now.since(flow.owed.since) < self.delay {
                self.queue.push_back((flow.owed.since, slot));
                continue;
            }
            flow.owed.queued = false;
            if flow.owed.owed && flow.permissions.open {
                return Some(slot);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowKey, OpenCall};
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
            peer_call_id: CallId::new(1),
        };
        let mut flow = Flow::empty();
        flow.open(FlowKey::new(0, CallId::new(1)), call);
        flow
    }

    fn hear(schedule: &mut AcknowledgmentSchedule, flow: &mut Flow, sequence: u32, ms: u64) {
        flow.accept(sequence, None, at(ms)).unwrap();
        schedule.note(0, flow);
    }

    #[test]
    fn an_acknowledgment_is_due_after_the_delay_and_once() {
        let mut flows = [open_flow()];
        let mut schedule = AcknowledgmentSchedule::new(1, DELAY);
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
        let mut schedule = AcknowledgmentSchedule::new(1, DELAY);
        hear(&mut schedule, &mut flows[0], 1, 0);
        flows[0].take_acknowledgment();
        hear(&mut schedule, &mut flows[0], 2, 30);
        assert_eq!(schedule.due(&mut flows, at(40)), None);
        assert_eq!(schedule.due(&mut flows, at(70)), Some(0));
    }

    #[test]
    fn a_closed_flow_is_not_acknowledged_and_its_successor_starts_anew() {
        let mut flows = [open_flow()];
        let mut schedule = AcknowledgmentSchedule::new(1, DELAY);
        hear(&mut schedule, &mut flows[0], 1, 0);
        flows[0].close();
        assert!(flows[0].owed.queued, "the slot still waits in the queue");
        assert_eq!(schedule.due(&mut flows, at(100)), None);
        assert!(!flows[0].owed.queued);
    }
}
