//! The bill: a Start, interim records and a Stop for each call, On and Off for the server (RFC 2866),
//! whoever writes it down: RADIUS servers, or a file of our own.
//!
//! ```text
//!   log-ins, ends, counters -> ledger -> record -> queue ~~~ who writes it down
//!                                                    |
//!                                                  spool: on disk until it is written down
//! ```
//!
//! A record is made once, with what was true then, and kept until it is written down. Nothing here
//! ever ends a call or makes one wait: while nobody writes, records wait.
//!
//! - [`record`]: what a record says, and how it looks as JSON.
//! - [`ledger`]: the calls that are billed.
//! - [`queue`]: the records that are not written down, in order.
//! - [`spool`]: the same on disk, so that neither an outage nor a crash loses them.

pub mod ledger;
pub mod queue;
pub mod record;
pub mod spool;

mod terminate_cause;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

pub use ledger::Billing;
use ledger::Ledger;
use queue::Queue;
pub use queue::RecordFate;
pub use record::{DecidedBy, Kind, Record};
use spool::{Answer, Order, Recovered};
pub use terminate_cause::TerminateCause;

use super::radius::{Caller, Entropy};
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowTotals};

/// Who does not write where no server does.
const LOCAL_BILL: &str = "the local bill";

/// What accounting is made from.
pub struct Settings {
    /// The groups of those who write the bill down, `None` being whoever has none; empty: nobody does.
    pub writers: Vec<Option<Box<str>>>,
    /// Time between interim records where no server says; `None`: only if one says.
    pub interim: Option<Duration>,
    /// Milliseconds since 1970 at [`Timestamp::ZERO`].
    pub unix_at_zero_ms: u64,
    /// What a spool holds; `None`: there is no spool.
    pub recovered: Option<Recovered>,
}

/// Every call that is billed, and every record that is not written down.
pub struct Accounting {
    writers: Vec<Option<Box<str>>>,
    ledger: Ledger,
    queue: Queue,
    random: Entropy,
}

impl Accounting {
    /// Begins with the record that the server begins, for each who writes bills. Calls that a crash has
    /// ended are over with it: their Stops follow, with the last counters that are known of them.
    #[must_use]
    pub fn new(settings: &Settings, mut random: Entropy, now: Timestamp) -> Self {
        let mut bytes = [0; 2];
        random(&mut bytes);
        let mut accounting = Self {
            writers: settings.writers.clone(),
            ledger: Ledger::new(settings, u16::from_be_bytes(bytes), now),
            queue: Queue::new(&settings.writers, settings.recovered.as_ref()),
            random,
        };
        accounting.tell_of_server(Kind::On, now);
        for last in settings.recovered.iter().flat_map(|it| &it.unfinished) {
            accounting.keep(last.clone().ended_by_crash());
        }
        accounting
    }

    /// The Acct-Session-Id of a call, from its first question to its Stop.
    pub fn session_id(&mut self, caller: &Caller) -> Box<str> {
        self.ledger.session_id(caller)
    }

    /// The client of a call was let in, and this is for its bill.
    pub fn granted(&mut self, flow: FlowKey, billing: Billing) {
        self.ledger.granted(flow, billing);
    }

    /// A client can use its network.
    pub fn network_up(
        &mut self,
        flow: FlowKey,
        user: &str,
        lease: Option<Ipv4Addr>,
        now: Timestamp,
    ) {
        let jitter = self.jitter();
        let record = self.ledger.start(flow, user, lease, jitter, now);
        record.into_iter().for_each(|record| self.keep(record));
    }

    /// A call is over; `totals` are the worker's final report.
    pub fn ended(
        &mut self,
        flow: FlowKey,
        cause: TerminateCause,
        totals: &FlowTotals,
        now: Timestamp,
    ) {
        let record = self.ledger.stop(flow, cause, totals, now);
        record.into_iter().for_each(|record| self.keep(record));
    }

    /// The next call whose counters are wanted, for [`Self::look`].
    pub fn next_due(&mut self, now: Timestamp) -> Option<FlowKey> {
        self.ledger.next_due(now)
    }

    /// Makes an interim record of a call if it is time.
    pub fn look(&mut self, flow: FlowKey, totals: &FlowTotals, now: Timestamp) {
        let jitter = self.jitter();
        let record = self.ledger.look(flow, totals, jitter, now);
        record.into_iter().for_each(|record| self.keep(record));
    }

    /// From here on the bill says this of a call: other classes, unless there are none, and another
    /// time between interim records.
    pub fn change(
        &mut self,
        flow: FlowKey,
        class: &[Box<[u8]>],
        interim: Option<Duration>,
        now: Timestamp,
    ) {
        let jitter = self.jitter();
        self.ledger.change(flow, class, interim, jitter, now);
    }

    /// The call with this Acct-Session-Id.
    #[must_use]
    pub fn flow_of(&self, session_id: &[u8]) -> Option<FlowKey> {
        self.ledger.flow_of(session_id)
    }

    /// The Acct-Session-Id of a call, and the name that the bill has for its user.
    #[must_use]
    pub fn names_of(&self, flow: FlowKey) -> Option<(&str, Option<&[u8]>)> {
        self.ledger.names_of(flow)
    }

    /// The server ends.
    pub fn stop(&mut self, now: Timestamp) {
        self.tell_of_server(Kind::Off, now);
    }

    /// When [`Self::next_due`] has something to say.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let times = [self.ledger.poll_timeout(), self.queue.poll_timeout()];
        times.into_iter().flatten().min()
    }

    /// The next record to write down, by its number; it is out until [`Self::written`] or another word
    /// of it.
    pub fn poll_record(&mut self, now: Timestamp) -> Option<(u64, Arc<Record>)> {
        self.queue.next(now)
    }

    /// What the spool is to do next.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.queue.poll_order()
    }

    /// An order that the spool has no room for yet.
    pub fn put_back(&mut self, order: Order) {
        self.queue.put_back(order);
    }

    /// Whether [`Self::poll_order`] has something.
    #[must_use]
    pub fn has_orders(&self) -> bool {
        self.queue.has_orders()
    }

    /// What the spool has to say.
    pub fn hear(&mut self, answer: Answer, now: Timestamp) {
        match answer {
            Answer::Loaded { records, end } => self.queue.loaded(records, end),
            Answer::LineWritten {
                number,
                written: true,
            } => self.queue.written(number),
            Answer::LineWritten {
                number,
                written: false,
            } => self.queue.unanswered(number, LOCAL_BILL.into(), now),
        }
    }

    /// The call that a record is about which is out, as long as it is billed.
    #[must_use]
    pub fn flow_of_record(&self, number: u64) -> Option<FlowKey> {
        self.flow_of(self.queue.session_of(number)?.as_bytes())
    }

    /// A record is written down.
    pub fn written(&mut self, number: u64) {
        self.queue.written(number);
    }

    /// Nobody has written a record down, for this reason: it waits again.
    pub fn unanswered(&mut self, number: u64, why: Box<str>, now: Timestamp) {
        self.queue.unanswered(number, why, now);
    }

    /// A record cannot be written down, now or later.
    pub fn unwritable(&mut self, number: u64) {
        self.queue.unwritable(number);
    }

    /// How old a record is.
    #[must_use]
    pub fn age(&self, record: &Record, now: Timestamp) -> Duration {
        let age_ms = self.ledger.unix_ms(now).saturating_sub(record.happened_ms);
        Duration::from_millis(age_ms)
    }

    /// Why nobody has written the last record down, of each group of servers that has not.
    pub fn silences(&self) -> impl Iterator<Item = &str> {
        self.queue.silences()
    }

    /// Whether nobody writes down what is left.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.queue.rests()
    }

    /// Whether everything is written down.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.queue.outstanding() == 0 && self.queue.has_all()
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(&self, now: Timestamp) -> u64 {
        self.ledger.unix_ms(now)
    }

    /// Records in memory that nobody has written down.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.queue.outstanding()
    }

    /// What became of records.
    #[must_use]
    pub const fn fates(&self) -> &[u64; RecordFate::COUNT] {
        self.queue.fates()
    }

    /// The server begins or ends: everybody hears it who writes bills.
    fn tell_of_server(&mut self, kind: Kind, now: Timestamp) {
        for servers in self.writers.clone() {
            let record = self.ledger.server(kind, now);
            self.keep(Record { servers, ..record });
        }
    }

    fn keep(&mut self, record: Record) {
        if !self.writers.is_empty() {
            self.queue.push(Arc::new(record));
        }
    }

    fn jitter(&mut self) -> u8 {
        let mut byte = [0];
        (self.random)(&mut byte);
        let [byte] = byte;
        byte
    }
}

#[cfg(test)]
mod tests;
