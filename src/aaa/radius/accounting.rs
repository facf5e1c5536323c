//! The bill (RFC 2866): a Start, interim records and a Stop for each call, On and Off for the server.
//!
//! A record is made once, with what was true then, and kept until a server has written it down;
//! Acct-Delay-Time says how late it comes. The records of one call go out one after another, those of
//! different calls together; while no server answers, one at a time. Memory alone keeps them: what
//! waits when the process ends is lost, and at most [`RECORDS_MAX`] wait.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::exchange::{Exchange, Input, Outcome, Question, Ticket};
use super::reply::Billing;
use super::request::{Caller, Nas, describe};
use crate::clock::Timestamp;
use crate::counted_enum;
use crate::flow::{FlowKey, FlowTotals};
use crate::wire::radius::attribute::{
    ACCT_AUTHENTIC, ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_INPUT_PACKETS,
    ACCT_OUTPUT_GIGAWORDS, ACCT_OUTPUT_OCTETS, ACCT_OUTPUT_PACKETS, ACCT_SESSION_ID,
    ACCT_SESSION_TIME, ACCT_STATUS_TYPE, ACCT_TERMINATE_CAUSE, CLASS, EVENT_TIMESTAMP,
    FRAMED_IP_ADDRESS, NAS_IDENTIFIER, NAS_IP_ADDRESS, USER_NAME,
};
use crate::wire::radius::{Attributes, Code};

/// Records that may wait, about half a KiB each.
pub const RECORDS_MAX: usize = 65_536;
/// Records that are out at once while servers answer.
const WINDOW: usize = 64;
/// Waiting records that are looked through for one of another call.
const SCAN_MAX: usize = 256;
/// How often traffic is looked at where calls may not be idle for ever.
const IDLE_LOOKS: u32 = 4;

counted_enum! {
    /// What became of records.
    pub enum RecordFate {
        /// Made.
        Made => "made",
        /// Written down by a server.
        Written => "written",
        /// No server has answered in time, and it will be sent again.
        Unanswered => "unanswered",
        /// Given up for want of room: an interim record, which a later one makes good.
        InterimDropped => "interim_dropped",
        /// Given up for want of room: a record that is missing in the bill.
        Lost => "lost",
    }
}

/// Acct-Status-Type (RFC 2866 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Start,
    Stop,
    Interim,
    On,
    Off,
}

impl Status {
    const fn number(self) -> u32 {
        match self {
            Self::Start => 1,
            Self::Stop => 2,
            Self::Interim => 3,
            Self::On => 7,
            Self::Off => 8,
        }
    }
}

/// A record until it is written down.
struct Record {
    attributes: Attributes,
    happened: Timestamp,
    /// Whose it is; 0 for the server itself.
    session: u64,
    interim: bool,
}

/// A call that is billed.
struct Session {
    number: u64,
    id: Box<str>,
    caller: Caller,
    user: Box<[u8]>,
    billing: Billing,
    by_radius: bool,
    started: Option<Timestamp>,
    lease: Option<Ipv4Addr>,
    /// When it is looked at next.
    due: Option<Timestamp>,
    interim_at: Option<Timestamp>,
    /// What it had carried when it last carried something, and when that was seen.
    last_active: (u64, Timestamp),
}

/// Every call that is billed, and every record that is not written down.
pub(super) struct Ledger {
    /// Whether any server writes bills.
    on: bool,
    nas: Nas,
    /// In every Acct-Session-Id: tells this process from those before it.
    epoch: Box<str>,
    /// Seconds since 1970 at [`Timestamp::ZERO`].
    unix_at_zero_s: u64,
    interim: Option<Duration>,
    sessions: HashMap<FlowKey, Session>,
    last_number: u64,
    due: BTreeSet<(Timestamp, FlowKey)>,
    waiting: BTreeMap<u64, Record>,
    next_record: u64,
    out: HashMap<Ticket, (u64, Record)>,
    busy: HashSet<u64>,
    /// No server has answered the last record.
    silence: bool,
    fates: [u64; RecordFate::COUNT],
}

impl Ledger {
    pub(super) fn new(
        on: bool,
        nas: Nas,
        epoch: Box<str>,
        unix_at_zero_s: u64,
        interim: Option<Duration>,
    ) -> Self {
        Self {
            on,
            nas,
            epoch,
            unix_at_zero_s,
            interim,
            sessions: HashMap::new(),
            last_number: 0,
            due: BTreeSet::new(),
            waiting: BTreeMap::new(),
            next_record: 0,
            out: HashMap::new(),
            busy: HashSet::new(),
            silence: false,
            fates: [0; RecordFate::COUNT],
        }
    }

    /// The Acct-Session-Id of a call, from its first question to its Stop.
    pub(super) fn session_id(&mut self, caller: &Caller) -> Box<str> {
        let Self {
            sessions,
            last_number,
            epoch,
            ..
        } = self;
        let session = sessions.entry(caller.flow).or_insert_with(|| {
            *last_number += 1;
            Session {
                number: *last_number,
                id: format!("{epoch}{last_number:08X}").into(),
                caller: caller.clone(),
                user: Box::default(),
                billing: Billing::default(),
                by_radius: false,
                started: None,
                lease: None,
                due: None,
                interim_at: None,
                last_active: (0, Timestamp::ZERO),
            }
        });
        session.id.clone()
    }

    /// A server has let the client in, and says this for the bill.
    pub(super) fn granted(&mut self, flow: FlowKey, billing: Billing) {
        if let Some(session) = self.sessions.get_mut(&flow) {
            session.billing = billing;
            session.by_radius = true;
        }
    }

    /// The client can use its network.
    pub(super) fn start(
        &mut self,
        flow: FlowKey,
        user: &str,
        lease: Option<Ipv4Addr>,
        jitter: u8,
        now: Timestamp,
    ) {
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if session.started.is_some() {
            return;
        }
        session.started = Some(now);
        session.user = match &session.billing.user {
            Some(user) => user.clone(),
            None => user.as_bytes().into(),
        };
        session.lease = lease;
        session.last_active = (0, now);
        session.interim_at = self
            .on
            .then_some(session.billing.interim.or(self.interim))
            .flatten()
            .map(|interval| now + jittered(interval, jitter));
        self.record(flow, Status::Start, None, now);
        self.watch(flow, now);
    }

    /// The worker has given its final report.
    pub(super) fn stop(&mut self, flow: FlowKey, cause: u32, totals: &FlowTotals, now: Timestamp) {
        let started = self.sessions.get(&flow).and_then(|session| session.started);
        if started.is_some() {
            self.record(flow, Status::Stop, Some((totals, Some(cause))), now);
        }
        if let Some(due) = self.sessions.remove(&flow).and_then(|session| session.due) {
            self.due.remove(&(due, flow));
        }
    }

    /// The server begins, or ends (RFC 2866 §5.1).
    pub(super) fn server(&mut self, begins: bool, now: Timestamp) {
        let status = if begins { Status::On } else { Status::Off };
        let mut attributes = Attributes::new();
        attributes
            .integer(&ACCT_STATUS_TYPE, status.number())
            .text(&ACCT_SESSION_ID, &format!("{}00000000", self.epoch))
            .text(&NAS_IDENTIFIER, &self.nas.identifier);
        if let Some(address) = self.nas.address {
            attributes.address(&NAS_IP_ADDRESS, address);
        }
        self.keep(attributes, 0, false, now);
    }

    /// A call whose counters are wanted now, for [`Self::look`].
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<FlowKey> {
        let (_, flow) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.pop_first();
        self.sessions.get_mut(&flow)?.due = None;
        Some(flow)
    }

    /// Looks at a call that is due; `true` if it has been idle for too long.
    pub(super) fn look(
        &mut self,
        flow: FlowKey,
        totals: &FlowTotals,
        jitter: u8,
        now: Timestamp,
    ) -> bool {
        let interim = self.interim;
        let Some(session) = self.sessions.get_mut(&flow) else {
            return false;
        };
        let carried = totals.upstream_packets + totals.downstream_packets;
        if carried != session.last_active.0 {
            session.last_active = (carried, now);
        }
        let idle = session
            .billing
            .idle
            .is_some_and(|limit| now.since(session.last_active.1) >= limit);
        let interim_due = session.interim_at.is_some_and(|at| at <= now);
        if interim_due {
            let interval = session.billing.interim.or(interim);
            session.interim_at = interval.map(|interval| now + jittered(interval, jitter));
            self.record(flow, Status::Interim, Some((totals, None)), now);
        }
        if !idle {
            self.watch(flow, now);
        }
        idle
    }

    fn watch(&mut self, flow: FlowKey, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        let idle = session.billing.idle.map(|limit| now + limit / IDLE_LOOKS);
        if let Some(at) = [session.interim_at, idle].into_iter().flatten().min() {
            session.due = Some(at);
            self.due.insert((at, flow));
        }
    }

    fn record(
        &mut self,
        flow: FlowKey,
        status: Status,
        totals: Option<(&FlowTotals, Option<u32>)>,
        now: Timestamp,
    ) {
        let Some(session) = self.sessions.get(&flow) else {
            return;
        };
        let mut attributes = Attributes::new();
        attributes
            .integer(&ACCT_STATUS_TYPE, status.number())
            .octets(&USER_NAME, &session.user);
        if let Some(lease) = session.lease {
            attributes.address(&FRAMED_IP_ADDRESS, lease);
        }
        for class in &session.billing.class {
            attributes.octets(&CLASS, class);
        }
        attributes.integer(&ACCT_AUTHENTIC, if session.by_radius { 1 } else { 2 });
        if let Some((totals, cause)) = totals {
            let since = session.started.unwrap_or(now);
            add_totals(&mut attributes, totals, now.since(since));
            if let Some(cause) = cause {
                attributes.integer(&ACCT_TERMINATE_CAUSE, cause);
            }
        }
        attributes.append(&describe(&session.caller, &self.nas, &session.id));
        let number = session.number;
        self.keep(attributes, number, status == Status::Interim, now);
    }

    fn keep(&mut self, mut attributes: Attributes, session: u64, interim: bool, now: Timestamp) {
        if !self.on {
            return;
        }
        let unix_s = self.unix_at_zero_s + now.since(Timestamp::ZERO).as_secs();
        let unix_s = u32::try_from(unix_s).unwrap_or(u32::MAX);
        attributes.integer(&EVENT_TIMESTAMP, unix_s);
        self.count(RecordFate::Made);
        if self.waiting.len() >= RECORDS_MAX {
            self.make_room();
        }
        let record = Record {
            attributes,
            happened: now,
            session,
            interim,
        };
        self.waiting.insert(self.next_record, record);
        self.next_record += 1;
    }

    /// Gives the oldest interim record up, or else the oldest of all.
    fn make_room(&mut self) {
        let mut waiting = self.waiting.iter();
        let interim = waiting
            .find(|(_, record)| record.interim)
            .map(|(at, _)| *at);
        let fate = match interim {
            Some(at) => {
                self.waiting.remove(&at);
                RecordFate::InterimDropped
            }
            None => {
                self.waiting.pop_first();
                RecordFate::Lost
            }
        };
        self.count(fate);
    }

    fn count(&mut self, fate: RecordFate) {
        if let Some(count) = self.fates.get_mut(fate.index()) {
            *count += 1;
        }
    }

    /// Sends what can go out. `ticket` makes one of a record's number.
    pub(super) fn send(
        &mut self,
        exchange: &mut Exchange,
        ticket: impl Fn(u64) -> Ticket,
        now: Timestamp,
    ) {
        let window = if self.silence { 1 } else { WINDOW };
        while self.out.len() < window {
            let mut skipped = HashSet::new();
            let mut waiting = self.waiting.iter().take(SCAN_MAX);
            let next = waiting.find(|(_, record)| {
                let blocked = record.session != 0 && self.busy.contains(&record.session);
                !blocked && skipped.insert(record.session)
            });
            let Some(at) = next.map(|(at, _)| *at) else {
                return;
            };
            let Some(record) = self.waiting.remove(&at) else {
                return;
            };
            let question = Question {
                code: Code::ACCOUNTING_REQUEST,
                attributes: record.attributes.clone(),
                password: None,
                happened: Some(record.happened),
                only: None,
            };
            let ticket = ticket(at);
            self.busy.insert(record.session);
            self.out.insert(ticket, (at, record));
            exchange.handle(Input::Ask(ticket, question), now);
        }
    }

    /// What became of a record that was sent.
    pub(super) fn answered(&mut self, ticket: Ticket, outcome: &Outcome) {
        let Some((at, record)) = self.out.remove(&ticket) else {
            return;
        };
        self.busy.remove(&record.session);
        match outcome {
            Outcome::Reply(_) => {
                self.silence = false;
                self.count(RecordFate::Written);
            }
            Outcome::NoAnswer | Outcome::Overloaded => {
                self.silence = true;
                self.count(RecordFate::Unanswered);
                self.waiting.insert(at, record);
            }
            // Made of bounded values, so it does not happen; but it must not stand in the way.
            Outcome::TooLong => self.count(RecordFate::Lost),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Records that are not written down.
    pub(super) fn outstanding(&self) -> usize {
        self.waiting.len() + self.out.len()
    }

    pub(super) const fn fates(&self) -> &[u64; RecordFate::COUNT] {
        &self.fates
    }
}

/// RFC 2866 §5.3 to §5.9 and RFC 2869 §5.1, §5.2: input is from the client.
fn add_totals(attributes: &mut Attributes, totals: &FlowTotals, time: Duration) {
    let low = |count: u64| u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    let high = |count: u64| u32::try_from(count >> 32).unwrap_or(u32::MAX);
    attributes
        .integer(&ACCT_SESSION_TIME, low(time.as_secs()))
        .integer(&ACCT_INPUT_OCTETS, low(totals.upstream_bytes))
        .integer(&ACCT_OUTPUT_OCTETS, low(totals.downstream_bytes))
        .integer(&ACCT_INPUT_PACKETS, low(totals.upstream_packets))
        .integer(&ACCT_OUTPUT_PACKETS, low(totals.downstream_packets))
        .integer(&ACCT_INPUT_GIGAWORDS, high(totals.upstream_bytes))
        .integer(&ACCT_OUTPUT_GIGAWORDS, high(totals.downstream_bytes));
}

/// Up to a tenth earlier or later, so that calls that came together do not report together.
fn jittered(time: Duration, jitter: u8) -> Duration {
    time * (900 + u32::from(jitter) * 200 / 255) / 1000
}

#[cfg(test)]
mod tests;
