//! What the workers say of their calls.

use super::verdict::Step;
use super::{CallState, EndReason, Event, Sessions};
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowReport};
use crate::ppp::link as ppp;

impl Sessions {
    /// A worker reports.
    pub fn report(&mut self, report: FlowReport, now: Timestamp) {
        match report {
            FlowReport::Opened { flow, slot } => self.flow_opened(flow, slot, now),
            FlowReport::OpenRefused { flow, refusal } => {
                self.flow_refused(flow, EndReason::Worker(refusal), now);
            }
            FlowReport::Closed { flow, totals } => self.flow_closed(flow, totals, now),
            FlowReport::DecryptionFailing { flow } => {
                let id = self.call_of(flow);
                if let Some(call) = id.and_then(|id| self.calls.get_mut(id)) {
                    let (peer_address, after) = (call.peer_address, now.since(call.created));
                    call.attempt.steps.note(Step::DecryptionFailing, after);
                    self.event(Event::DecryptionFailing { flow, peer_address });
                }
            }
            FlowReport::SourceMoved { flow, address } => {
                if let Some(call) = self.call_of(flow).and_then(|id| self.calls.get(id)) {
                    let peer_address = call.peer_address;
                    self.event(Event::SourceMoved {
                        flow,
                        peer_address,
                        address,
                    });
                }
            }
            FlowReport::ResetWanted { flow } => self.reset_wanted(flow, now),
            FlowReport::CommandRefused { flow } => self.event(Event::CommandRefused { flow }),
        }
        self.settle(now);
    }

    /// The worker has lost step with a client's stateful encryption.
    fn reset_wanted(&mut self, flow: FlowKey, now: Timestamp) {
        let id = self.call_of(flow);
        if let Some((id, call)) = id.and_then(|id| Some((id, self.calls.get_mut(id)?))) {
            match call.state {
                CallState::Negotiating | CallState::Network => {
                    call.link.handle(ppp::Input::ResetWanted, now);
                    self.touched_calls.push_back(id);
                }
                // Nothing more is decrypted for a call that is being taken down.
                CallState::Opening
                | CallState::Connecting
                | CallState::Terminating
                | CallState::Closing => {}
            }
        }
    }
}
