//! The calls that are billed: when each has begun, what it has carried, and what is due of it.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::record::{BilledCall, DecidedBy, Kind, Octets, Record, Usage};
use super::{Settings, TerminateCause};
use crate::aaa::radius::Caller;
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowTotals};

/// Digits of an Acct-Session-Id that are the call's key: so a call is found by it without an index.
const KEY_DIGITS: usize = 8;

/// What the bill needs to know of a client that was let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Billing {
    /// Who has let it in.
    pub decided_by: DecidedBy,
    /// The name that whoever did wants to see in the bill.
    pub user: Option<Box<[u8]>>,
    /// What it wants to see there besides.
    pub class: Vec<Box<[u8]>>,
    /// The user's domain, as it says it.
    pub domain: Option<Box<[u8]>>,
    /// Time between interim records, if not as everybody's.
    pub interim: Option<Duration>,
    /// The group of the servers that let it in, if they have one.
    pub servers: Option<Box<str>>,
}

/// A call that is billed.
struct Session {
    id: Box<str>,
    caller: Caller,
    user: Box<[u8]>,
    billing: Billing,
    started: Option<Timestamp>,
    lease: Option<Ipv4Addr>,
    /// When it is looked at next.
    due: Option<Timestamp>,
    interim_at: Option<Timestamp>,
}

/// Every call that is billed.
pub(super) struct Ledger {
    /// Whether anybody writes bills.
    on: bool,
    /// In every Acct-Session-Id: tells this process from those before it.
    epoch: Box<str>,
    unix_at_zero_ms: u64,
    interim: Option<Duration>,
    sessions: HashMap<FlowKey, Session>,
    last_number: u64,
    due: BTreeSet<(Timestamp, FlowKey)>,
}

impl Ledger {
    pub(super) fn new(settings: &Settings, random: u16, now: Timestamp) -> Self {
        let mut ledger = Self {
            on: !settings.writers.is_empty(),
            epoch: Box::default(),
            unix_at_zero_ms: settings.unix_at_zero_ms,
            interim: settings.interim,
            sessions: HashMap::new(),
            last_number: 0,
            due: BTreeSet::new(),
        };
        // Times differ from start to start, and where the clock was set back the rest does.
        let start_s = ledger.unix_ms(now) / 1000;
        ledger.epoch = format!("{start_s:08X}{random:04X}").into();
        ledger
    }

    /// Milliseconds since 1970.
    pub(super) fn unix_ms(&self, now: Timestamp) -> u64 {
        let up_ms = now.since(Timestamp::ZERO).as_millis();
        let up_ms = u64::try_from(up_ms).unwrap_or(u64::MAX);
        self.unix_at_zero_ms.saturating_add(up_ms)
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
                id: format!("{epoch}{last_number:08X}{:08X}", caller.flow.pack()).into(),
                caller: caller.clone(),
                user: Box::default(),
                billing: Billing::default(),
                started: None,
                lease: None,
                due: None,
                interim_at: None,
            }
        });
        session.id.clone()
    }

    /// Somebody has let the client in, and says this for the bill.
    pub(super) fn granted(&mut self, flow: FlowKey, billing: Billing) {
        if let Some(session) = self.sessions.get_mut(&flow) {
            session.billing = billing;
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
    ) -> Option<Record> {
        let interim = self.interim;
        let session = self.sessions.get_mut(&flow)?;
        if session.started.is_some() {
            return None;
        }
        session.started = Some(now);
        session.user = match &session.billing.user {
            Some(user) => user.clone(),
            None => user.as_bytes().into(),
        };
        session.lease = lease;
        session.interim_at = self
            .on
            .then_some(session.billing.interim.or(interim))
            .flatten()
            .map(|interval| now + jittered(interval, jitter));
        self.watch(flow);
        self.record(flow, Kind::Start, None, now)
    }

    /// The worker has given its final report.
    pub(super) fn stop(
        &mut self,
        flow: FlowKey,
        cause: TerminateCause,
        totals: &FlowTotals,
        now: Timestamp,
    ) -> Option<Record> {
        let record = self.record(flow, Kind::Stop, Some(totals), now);
        let session = self.sessions.remove(&flow)?;
        if let Some(due) = session.due {
            self.due.remove(&(due, flow));
        }
        session.started?;
        record.map(|record| Record {
            terminate_cause: Some(cause),
            ..record
        })
    }

    /// The server begins, or ends (RFC 2866 §5.1).
    pub(super) fn server(&self, kind: Kind, now: Timestamp) -> Record {
        Record {
            kind,
            session_id: format!("{}00000000", self.epoch).into(),
            happened_ms: self.unix_ms(now),
            servers: None,
            call: None,
            usage: None,
            terminate_cause: None,
        }
    }

    /// A call whose counters are wanted now, for [`Self::look`].
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<FlowKey> {
        let (_, flow) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.pop_first();
        self.sessions.get_mut(&flow)?.due = None;
        Some(flow)
    }

    /// Looks at a call that is due: its interim record, if it is time.
    pub(super) fn look(
        &mut self,
        flow: FlowKey,
        totals: &FlowTotals,
        jitter: u8,
        now: Timestamp,
    ) -> Option<Record> {
        let interim = self.interim;
        let session = self.sessions.get_mut(&flow)?;
        let interim_due = session.interim_at.is_some_and(|at| at <= now);
        if interim_due {
            let interval = session.billing.interim.or(interim);
            session.interim_at = interval.map(|interval| now + jittered(interval, jitter));
        }
        self.watch(flow);
        let record = interim_due.then(|| self.record(flow, Kind::Interim, Some(totals), now));
        record.flatten()
    }

    /// From here on the bill says this of a call: other classes, unless there are none, and another
    /// time between interim records.
    pub(super) fn change(
        &mut self,
        flow: FlowKey,
        class: &[Box<[u8]>],
        interim: Option<Duration>,
        jitter: u8,
        now: Timestamp,
    ) {
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if !class.is_empty() {
            session.billing.class = class.to_vec();
        }
        let Some(interval) = interim else { return };
        session.billing.interim = Some(interval);
        if self.on && session.started.is_some() {
            session.interim_at = Some(now + jittered(interval, jitter));
            self.watch(flow);
        }
    }

    /// The call with this Acct-Session-Id, which has its key in it.
    pub(super) fn flow_of(&self, session_id: &[u8]) -> Option<FlowKey> {
        let (_, key) = session_id.split_last_chunk::<KEY_DIGITS>()?;
        let key = u32::from_str_radix(std::str::from_utf8(key).ok()?, 16).ok()?;
        let flow = FlowKey::unpack(key)?;
        let session = self.sessions.get(&flow)?;
        (session.id.as_bytes() == session_id).then_some(flow)
    }

    /// The Acct-Session-Id of a call, and the name that the bill has for its user.
    pub(super) fn names_of(&self, flow: FlowKey) -> Option<(&str, Option<&[u8]>)> {
        let session = self.sessions.get(&flow)?;
        Some((&session.id, session.billing.user.as_deref()))
    }

    fn watch(&mut self, flow: FlowKey) {
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if let Some(before) = session.due.take() {
            self.due.remove(&(before, flow));
        }
        if let Some(at) = session.interim_at {
            session.due = Some(at);
            self.due.insert((at, flow));
        }
    }

    fn record(
        &self,
        flow: FlowKey,
        kind: Kind,
        totals: Option<&FlowTotals>,
        now: Timestamp,
    ) -> Option<Record> {
        if !self.on {
            return None;
        }
        let session = self.sessions.get(&flow)?;
        let since = session.started.unwrap_or(now);
        let usage = |totals| Usage::new(totals, now.since(since).as_secs());
        let class = session.billing.class.iter().cloned().map(Octets);
        Some(Record {
            kind,
            session_id: session.id.clone(),
            happened_ms: self.unix_ms(now),
            servers: session.billing.servers.clone(),
            call: Some(BilledCall {
                user: Octets(session.user.clone()),
                lease: session.lease,
                decided_by: session.billing.decided_by,
                caller: session.caller.clone(),
                domain: session.billing.domain.clone().map(Octets),
                class: class.collect(),
            }),
            usage: totals.map(usage),
            terminate_cause: None,
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}

/// Up to a tenth earlier or later, so that calls that came together do not report together.
fn jittered(time: Duration, jitter: u8) -> Duration {
    time * (900 + u32::from(jitter) * 200 / 255) / 1000
}
