//! Verdicts are made here, where connections, calls and refusals end, and asked for here, together
//! with what is live.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

use super::call::Call;
use super::types::CallRefusal;
use super::verdict::{CameBy, Cause, Facts, Finding, Key, Stage, Step, Verdict, bare};
use super::{AcceptRefusal, CallState, Connection, ConnectionId, Sessions};
use crate::clock::Timestamp;
use crate::counted_enum;
use crate::flow::FlowTotals;
use crate::pptp::{CloseReason, ControlState};
use crate::wire::call_id::CallId;

counted_enum! {
    /// What something that is live waits for.
    pub enum Wait {
        /// Start-Control-Connection-Request, or the reply to ours.
        ControlConnection => "control_connection",
        /// Outgoing-Call-Request.
        CallRequest => "call_request",
        /// The worker's word that the flow exists.
        Worker => "worker",
        /// The peer's word that it has connected a call that it offered, or that we placed.
        CallConnected => "call_connected",
        /// The client's part of LCP.
        Lcp => "lcp",
        /// The client's proof of who it is.
        Authentication => "authentication",
        /// The decision about it.
        Decision => "decision",
        /// The client's part of CCP.
        Ccp => "ccp",
        /// The client's part of IPCP.
        Ipcp => "ipcp",
        /// Nothing: the call is up.
        Nothing => "nothing",
        /// The client's answer to our goodbye.
        Goodbye => "goodbye",
        /// The worker's final report.
        FinalReport => "final_report",
    }
}

/// One answer to the question why.
#[derive(Clone, Debug)]
pub enum Account {
    /// A call or a control connection that lives.
    Live {
        /// What was seen of it so far.
        facts: Box<Facts>,
        /// What it waits for.
        wait: Wait,
    },
    /// An attempt or a call that ended.
    Ended(Box<Verdict>),
}

/// How many attempts and calls ended, by how far they came and what that means.
#[derive(Clone, Debug)]
pub struct Failures(Box<[[u64; Finding::COUNT]; Stage::COUNT]>);

impl Default for Failures {
    fn default() -> Self {
        Self(Box::new([[0; Finding::COUNT]; Stage::COUNT]))
    }
}

impl Failures {
    fn count(&mut self, stage: Stage, finding: Finding) {
        let of_stage = self.0.get_mut(stage.index());
        if let Some(count) = of_stage.and_then(|counts| counts.get_mut(finding.index())) {
            *count = count.saturating_add(1);
        }
    }

    /// Every pair that happened, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Finding, u64)> {
        Stage::ALL
            .iter()
            .zip(self.0.iter())
            .flat_map(|(stage, counts)| {
                let of = Finding::ALL.iter().zip(counts.iter());
                of.map(|(finding, count)| (*stage, *finding, *count))
            })
            .filter(|(.., count)| *count > 0)
    }
}

impl Sessions {
    /// How many verdicts are kept.
    pub fn set_history_max(&mut self, max: usize) {
        self.history.set_max(max);
    }

    /// Attempts and calls that ended, by stage and finding.
    #[must_use]
    pub const fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Everything known of `key`: first what is live, then the verdicts, the latest first, `max` at
    /// the most.
    #[must_use]
    pub fn explain(&self, key: &Key, max: usize) -> Vec<Account> {
        let mut accounts = self.explain_live(key, 0..self.places(), max);
        accounts.extend(self.explain_ended(key, max.saturating_sub(accounts.len())));
        accounts
    }

    /// What is live of `key` in these places, `max` at the most.
    #[must_use]
    pub fn explain_live(&self, key: &Key, places: Range<usize>, max: usize) -> Vec<Account> {
        let calls = self.calls.iter_in(places.clone()).map(|(_, call)| call);
        let live_calls = calls
            .filter(|call| is_of(call, key))
            .map(|call| self.live_call(call));
        let connections = self.connections.iter_in(places);
        let connections = connections
            .map(|(_, connection)| connection)
            .filter(|connection| {
                *key == Key::Peer(*connection.peer.ip())
                    && connection.calls.is_empty()
                    && !connection.closing
            });
        let connections = connections.map(live_connection);
        live_calls.chain(connections).take(max).collect()
    }

    /// The verdicts of `key`, the latest first, `max` at the most.
    #[must_use]
    pub fn explain_ended(&self, key: &Key, max: usize) -> Vec<Account> {
        let ended = self.history.find(key).into_iter().take(max);
        let ended = ended.map(|verdict| Account::Ended(Box::new(verdict.clone())));
        ended.collect()
    }

    fn live_call(&self, call: &Call) -> Account {
        let wait = match (call.state, call.attempt.stage) {
            (CallState::Opening, _) => Wait::Worker,
            (CallState::Connecting, _) => Wait::CallConnected,
            (CallState::Terminating, _) => Wait::Goodbye,
            (CallState::Closing, _) => Wait::FinalReport,
            (CallState::Network, _) | (CallState::Negotiating, Stage::Network) => Wait::Nothing,
            (CallState::Negotiating, Stage::Authentication) => Wait::Authentication,
            (CallState::Negotiating, Stage::Decision) => Wait::Decision,
            (CallState::Negotiating, Stage::Ccp) => Wait::Ccp,
            (CallState::Negotiating, Stage::Ipcp) => Wait::Ipcp,
            (
                CallState::Negotiating,
                Stage::Tcp | Stage::ControlConnection | Stage::Call | Stage::Lcp,
            ) => Wait::Lcp,
        };
        let facts = Box::new(self.facts_of(call, FlowTotals::default()));
        Account::Live { facts, wait }
    }

    fn facts_of(&self, call: &Call, totals: FlowTotals) -> Facts {
        let attempt = &call.attempt;
        let connection = self.connections.get(call.connection).map(came_by);
        let connection = connection.or_else(|| attempt.came_by.as_deref().cloned());
        let connected_before = connection
            .as_ref()
            .map(|it| call.created.since(it.accepted));
        let refusals = call.link.refusals().iter();
        Facts {
            peer_address: call.peer_address,
            peer_port: connection.as_ref().map(|connection| connection.peer_port),
            local_address: call.local_address,
            local_call_id: Some(call.flow.call_id),
            peer_call_id: call.peer_call_id,
            host_and_vendor: connection.map(|connection| connection.host_and_vendor),
            name: attempt.name.clone(),
            user: call.user.clone(),
            terms: call.terms().cloned(),
            identifications: call.link.remarks().identifications().into(),
            farewell: call.link.remarks().farewell().cloned(),
            stage: attempt.stage,
            began: call.created,
            connected_before: connected_before.unwrap_or_default(),
            steps: attempt.steps,
            observed: attempt.observed,
            rejection: attempt.rejection,
            detail: attempt.detail.clone(),
            gre_heard: attempt.observed.frames > 0
                || totals.last_heard_ns > 0
                || totals.upstream_drops > 0,
            decryption_failing: attempt.steps.at_ms(Step::DecryptionFailing).is_some(),
            upstream_packets: totals.upstream_packets,
            downstream_packets: totals.downstream_packets,
            refusals: refusals.collect(),
            malformed: None,
        }
    }

    /// A call is gone; its connection may be gone already. Answers how far it came, and what its end
    /// means.
    pub(super) fn judge_call(
        &mut self,
        call: &Call,
        totals: FlowTotals,
        now: Timestamp,
    ) -> (Stage, Finding) {
        let reason = call.end.unwrap_or(super::EndReason::AdministrativeStop);
        let verdict = Verdict::new(self.facts_of(call, totals), Cause::Ended(reason), now);
        let judgement = (verdict.facts.stage, verdict.finding);
        self.keep(verdict);
        judgement
    }

    /// A control connection ends. If it carried calls, theirs are the verdicts.
    pub(super) fn judge_connection(
        &mut self,
        id: ConnectionId,
        reason: CloseReason,
        now: Timestamp,
    ) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        // What we called is nobody's attempt to dial in.
        if connection.called || connection.originated {
            return;
        }
        let mut facts = facts_of_connection(connection);
        facts.malformed = connection.control.malformed().map(|reason| reason.name());
        self.keep(Verdict::new(facts, Cause::Control(reason), now));
    }

    /// A TCP connection was not accepted.
    pub(super) fn judge_not_accepted(
        &mut self,
        peer: SocketAddrV4,
        local_address: Ipv4Addr,
        refusal: AcceptRefusal,
        now: Timestamp,
    ) {
        let facts = Facts::of_connection(peer, local_address, now);
        self.keep(Verdict::new(facts, Cause::NotAccepted(refusal), now));
    }

    /// A call was asked for and refused.
    pub(super) fn judge_refused_call(
        &mut self,
        id: ConnectionId,
        peer_call_id: CallId,
        refusal: CallRefusal,
        now: Timestamp,
    ) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let mut facts = facts_of_connection(connection);
        facts.stage = Stage::Call;
        facts.began = now;
        facts.connected_before = now.since(connection.accepted);
        facts.peer_call_id = Some(peer_call_id);
        facts.detail =
            self.guard
                .source_blocked(facts.peer_address, now)
                .map(|(failures, left)| {
                    let left_s = left.as_secs() + 1;
                    format!("{failures} in a row, and for another {left_s} s it is not heard")
                        .into()
                });
        self.keep(Verdict::new(facts, Cause::CallRefused(refusal), now));
    }

    fn keep(&mut self, verdict: Verdict) {
        self.failures.count(verdict.facts.stage, verdict.finding);
        self.history.insert(verdict);
    }
}

fn is_of(call: &Call, key: &Key) -> bool {
    match key {
        Key::CallId(call_id) => call.flow.call_id == *call_id,
        Key::Peer(peer) => call.peer_address == *peer,
        Key::User(name) => {
            let proved = call.user.as_deref().map(str::as_bytes);
            let claimed = call.attempt.name.as_deref().map(bare);
            proved.or(claimed) == Some(bare(name))
        }
    }
}

/// What outlives a control connection.
pub(super) fn came_by(connection: &Connection) -> CameBy {
    CameBy {
        peer_port: connection.peer.port(),
        accepted: connection.accepted,
        host_and_vendor: (
            connection.host_name.as_str().into(),
            connection.vendor_name.as_str().into(),
        ),
    }
}

fn facts_of_connection(connection: &Connection) -> Facts {
    let (peer, local) = (connection.peer, connection.local_address);
    let mut facts = Facts::of_connection(peer, local, connection.accepted);
    if connection.started {
        facts.stage = Stage::ControlConnection;
        facts.host_and_vendor = Some(came_by(connection).host_and_vendor);
    }
    facts
}

fn live_connection(connection: &Connection) -> Account {
    let wait = match connection.control.state() {
        ControlState::Idle | ControlState::WaitStartReply => Wait::ControlConnection,
        ControlState::Established => Wait::CallRequest,
        ControlState::Held
        | ControlState::WaitStopReply
        | ControlState::Draining
        | ControlState::Closed => Wait::Goodbye,
    };
    let facts = Box::new(facts_of_connection(connection));
    Account::Live { facts, wait }
}
