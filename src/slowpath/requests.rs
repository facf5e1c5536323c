//! Carries out what billing systems ask about live calls (RFC 5176): finds the calls, a slice of the
//! table in a turn, and ends or changes them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::log_ins::LogIns;
use crate::aaa::radius::dynamic::{
    Dynamic, ErrorCause, Identity, Input, Outcome, Output, Request, Selector, Wanted,
};
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::session::{EndReason, Sessions, Standing};

/// Places of the table of calls that are looked through in one turn.
const PLACES_BUDGET: usize = 2048;
/// Calls that one request may be about.
const CALLS_MAX: usize = 256;
/// Requests that may wait for their turn.
const WAITING_MAX: usize = 1024;

/// A request whose calls are being looked for.
struct Search {
    request: Request,
    next_place: usize,
    found: Vec<(FlowKey, Standing)>,
}

/// Requests about live calls.
pub struct Requests {
    machine: Dynamic,
    waiting: VecDeque<Request>,
    search: Option<Search>,
    answers: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Requests {
    pub(super) fn new(machine: Dynamic) -> Self {
        Self {
            machine,
            waiting: VecDeque::new(),
            search: None,
            answers: VecDeque::new(),
        }
    }

    /// Whose requests were heard, and how that went.
    pub(super) const fn machine(&self) -> &Dynamic {
        &self.machine
    }

    /// The same, for who changes it.
    pub(super) const fn machine_mut(&mut self) -> &mut Dynamic {
        &mut self.machine
    }

    /// A datagram came.
    pub(super) fn receive(&mut self, from: SocketAddr, bytes: &[u8], now: Timestamp) {
        self.machine.handle(Input::Datagram { from, bytes }, now);
        self.take_outputs(now);
    }

    /// Whether anything is left to do at once.
    pub(super) fn has_work(&self) -> bool {
        self.search.is_some() || !self.waiting.is_empty()
    }

    /// The next answer to send.
    pub(super) fn poll_answer(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.answers.pop_front()
    }

    /// Looks through a slice of the calls, and carries out what is found.
    pub(super) fn turn(&mut self, sessions: &mut Sessions, log_ins: &mut LogIns, now: Timestamp) {
        let mut budget = PLACES_BUDGET;
        while budget > 0 {
            let waiting = &mut self.waiting;
            let next = self.search.take();
            let next = next.or_else(|| waiting.pop_front().map(Search::new));
            let Some(mut search) = next else {
                return;
            };
            if !search.go_on(sessions, log_ins, &mut budget) {
                self.search = Some(search);
                return;
            }
            let number = search.request.number;
            let outcome = search.carry_out(sessions, log_ins, now);
            self.machine.handle(Input::Carried(number, outcome), now);
            self.take_outputs(now);
        }
    }

    fn take_outputs(&mut self, now: Timestamp) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit { to, bytes } => self.answers.push_back((to, bytes)),
                Output::Carry(request) if self.waiting.len() < WAITING_MAX => {
                    self.waiting.push_back(request);
                }
                Output::Carry(request) => {
                    let outcome = Outcome::Refused(ErrorCause::ResourcesUnavailable);
                    let input = Input::Carried(request.number, outcome);
                    self.machine.handle(input, now);
                }
                Output::Audit {
                    from,
                    wanted,
                    calls,
                    outcome,
                } => audit(from, wanted, &calls, outcome),
            }
        }
    }
}

/// One line for each request that was proven, whatever became of it.
fn audit(from: SocketAddr, wanted: &str, calls: &str, outcome: Outcome) {
    match outcome {
        Outcome::Done { calls: count, .. } => {
            tracing::info!(target: "pns::audit", %from, wanted, calls, count, "carried out");
        }
        Outcome::Refused(ErrorCause::RequestInitiated) => {
            tracing::info!(target: "pns::audit", %from, wanted, calls, "a server is asked");
        }
        Outcome::Refused(cause) => {
            let error_cause = cause.number();
            tracing::warn!(target: "pns::audit", %from, wanted, calls, error_cause, %cause, "refused");
        }
    }
}

impl Search {
    const fn new(request: Request) -> Self {
        Self {
            request,
            next_place: 0,
            found: Vec::new(),
        }
    }

    /// Looks further; `true` when there is nothing more to look at.
    fn go_on(&mut self, sessions: &Sessions, log_ins: &LogIns, budget: &mut usize) -> bool {
        let selector = &self.request.selector;
        if let Some(flow) = the_only(selector, log_ins) {
            *budget = budget.saturating_sub(1);
            let found = flow.and_then(|flow| select(selector, flow, sessions, log_ins));
            self.found.extend(found);
            return true;
        }
        let end = sessions.places().min(self.next_place + *budget);
        *budget = budget.saturating_sub(end - self.next_place).max(1) - 1;
        let flows = sessions.flows_in(self.next_place..end);
        let found = flows.filter_map(|flow| select(selector, flow, sessions, log_ins));
        self.found.extend(found.take(CALLS_MAX + 1));
        self.next_place = end;
        end == sessions.places() || self.found.len() > CALLS_MAX
    }

    fn carry_out(&self, sessions: &mut Sessions, log_ins: &mut LogIns, now: Timestamp) -> Outcome {
        let of = |standing: Standing| self.found.iter().filter(move |(_, it)| *it == standing);
        let (live, beginning) = (of(Standing::Live), of(Standing::Beginning));
        if self.found.len() > CALLS_MAX {
            return Outcome::Refused(ErrorCause::MultipleSessionSelectionUnsupported);
        }
        let residual = of(Standing::Ending).count();
        let done = match &self.request.wanted {
            Wanted::End => {
                let flows: Vec<_> = live.chain(beginning).map(|(flow, _)| *flow).collect();
                for flow in &flows {
                    sessions.end(*flow, EndReason::DisconnectRequested, now);
                }
                flows.len()
            }
            Wanted::Change(change) => {
                let mut changed = 0;
                for (flow, _) in live {
                    changed += usize::from(sessions.change(*flow, &change.policy, now));
                    let networks = change.networks.clone();
                    sessions.change_network(*flow, networks, change.mtu_max, now);
                    log_ins.change_bill(*flow, change, now);
                }
                changed
            }
            Wanted::Authorize(state) => match live.collect::<Vec<_>>().as_slice() {
                [] => 0,
                [(flow, _)] if log_ins.authorize(sessions, *flow, state, now) => {
                    return Outcome::Refused(ErrorCause::RequestInitiated);
                }
                [_] => return Outcome::Refused(ErrorCause::UnsupportedService),
                [_, ..] => {
                    let cause = ErrorCause::MultipleSessionSelectionUnsupported;
                    return Outcome::Refused(cause);
                }
            },
        };
        let ends = self.request.wanted == Wanted::End;
        match done {
            0 if ends && residual > 0 => Outcome::Done {
                calls: residual,
                residual: true,
            },
            0 if of(Standing::Ours).next().is_some() => {
                Outcome::Refused(ErrorCause::SessionContextNotRemovable)
            }
            0 => Outcome::Refused(ErrorCause::SessionContextNotFound),
            calls => Outcome::Done {
                calls,
                residual: false,
            },
        }
    }
}

/// The only call that can be meant; `Some(None)`: there is none. `None`: all have to be looked at.
fn the_only(selector: &Selector, log_ins: &LogIns) -> Option<Option<FlowKey>> {
    let id = selector.session_id.as_ref();
    match id.or(selector.multi_session_id.as_ref()) {
        Some(id) => Some(log_ins.flow_of_session(id)),
        None => selector.nas_port.map(FlowKey::unpack),
    }
}

fn select(
    selector: &Selector,
    flow: FlowKey,
    sessions: &Sessions,
    log_ins: &LogIns,
) -> Option<(FlowKey, Standing)> {
    let (mut identity, standing): (Identity, Standing) = sessions.identity_of(flow)?;
    log_ins.complete(flow, &mut identity);
    selector.selects(&identity).then_some((flow, standing))
}
