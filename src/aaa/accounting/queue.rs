//! The records that are not written down, in their order. Those of one call go out one after another,
//! those of different calls together, and those of the server alone: an On is between all that was
//! before it and all that came after. While nobody answers, one at a time.
//!
//! With a spool, memory holds the oldest of them only: the others are on disk and come back in order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::record::{Kind, Record};
use super::spool::{Order, Recovered};
use crate::clock::Timestamp;
use crate::counted_enum;

/// Records that memory alone may hold, about half a KiB each.
pub const RECORDS_MAX: usize = 65_536;
/// Records in memory where others wait on disk.
const HELD_MAX: usize = 4096;
/// Orders that wait for a disk that takes its time.
const ORDERS_MAX: usize = 65_536;
/// After nobody has answered.
const RETRY_TIME: Duration = Duration::from_secs(1);
/// Records that are out at once while somebody writes them down.
const WINDOW: usize = 64;
/// Waiting records that are looked through for one of another call.
const SCAN_MAX: usize = 256;

counted_enum! {
    /// What became of records.
    pub enum RecordFate {
        /// Made.
        Made => "made",
        /// Written down.
        Written => "written",
        /// Nobody has written it down in time, and it will be tried again.
        Unanswered => "unanswered",
        /// Given up for want of room: an interim record, which a later one makes good.
        InterimDropped => "interim_dropped",
        /// Given up for want of room: a record that is missing in the bill.
        Lost => "lost",
    }
}

/// What a spool is told, and how far memory has what it holds.
struct SpoolSide {
    orders: VecDeque<Order>,
    /// Every record with a lower number is or was in memory.
    loaded_to: u64,
    loading: bool,
}

/// What is not written down.
#[derive(Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, Arc<Record>>,
    /// Those of them that can be given up first.
    interims: BTreeSet<u64>,
    next_number: u64,
    out: HashMap<u64, Arc<Record>>,
    /// Calls of which a record is out.
    busy: HashSet<Box<str>>,
    /// A record of the server is out.
    server_out: bool,
    /// Why nobody has written the last record down, if nobody has.
    silence: Option<Box<str>>,
    /// Until then nobody is asked.
    retry_at: Option<Timestamp>,
    spool: Option<SpoolSide>,
    fates: [u64; RecordFate::COUNT],
}

impl Queue {
    /// Empty, but for what a spool has recovered.
    pub(super) fn new(recovered: Option<&Recovered>) -> Self {
        let side = |recovered: &Recovered| SpoolSide {
            orders: VecDeque::new(),
            loaded_to: recovered.first_unsettled.unwrap_or(recovered.next_number),
            loading: false,
        };
        let mut queue = Self {
            next_number: recovered.map_or(0, |recovered| recovered.next_number),
            spool: recovered.map(side),
            ..Self::default()
        };
        queue.load_more();
        queue
    }

    /// Takes a record.
    pub(super) fn push(&mut self, record: Arc<Record>) {
        self.count(RecordFate::Made);
        let number = self.next_number;
        self.next_number += 1;
        let Some(spool) = &mut self.spool else {
            if self.waiting.len() >= RECORDS_MAX {
                self.make_room();
            }
            return self.wait(number, record);
        };
        let held = spool.loaded_to == number && self.waiting.len() < HELD_MAX;
        let fits = spool.orders.len() < ORDERS_MAX;
        if fits {
            spool.orders.push_back(Order::Append {
                number,
                record: Arc::clone(&record),
                held,
            });
        }
        if held {
            spool.loaded_to = number + 1;
            self.wait(number, record);
        } else if !fits {
            self.count(RecordFate::Lost);
        }
    }

    /// What the spool is to do next.
    pub(super) fn poll_order(&mut self) -> Option<Order> {
        self.spool.as_mut()?.orders.pop_front()
    }

    pub(super) fn has_orders(&self) -> bool {
        let spool = self.spool.as_ref();
        spool.is_some_and(|spool| !spool.orders.is_empty())
    }

    /// An order that could not be given yet.
    pub(super) fn put_back(&mut self, order: Order) {
        if let Some(spool) = &mut self.spool {
            spool.orders.push_front(order);
        }
    }

    /// Records come back from disk: all below `end`.
    pub(super) fn loaded(&mut self, records: Vec<(u64, Record)>, end: u64) {
        if let Some(spool) = &mut self.spool {
            spool.loading = false;
            spool.loaded_to = spool.loaded_to.max(end);
        }
        for (number, record) in records {
            self.wait(number, Arc::new(record));
        }
        self.load_more();
    }

    /// Asks for what is on disk only, if memory has room.
    fn load_more(&mut self) {
        let (until, room) = (self.next_number, HELD_MAX / 2);
        let Some(spool) = &mut self.spool else { return };
        if self.waiting.len() <= room && spool.loaded_to < until && !spool.loading {
            spool.loading = true;
            spool.orders.push_back(Order::Load {
                from: spool.loaded_to,
                until,
                most: room,
            });
        }
    }

    fn settle(&mut self, number: u64) {
        if let Some(spool) = &mut self.spool
            && spool.orders.len() < ORDERS_MAX
        {
            spool.orders.push_back(Order::Settle(number));
        }
        self.load_more();
    }

    fn wait(&mut self, number: u64, record: Arc<Record>) {
        if record.kind == Kind::Interim {
            self.interims.insert(number);
        }
        self.waiting.insert(number, record);
    }

    /// Gives the oldest interim record up, or else the oldest of all.
    fn make_room(&mut self) {
        let fate = match self.interims.pop_first() {
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

    /// The next record that can go out, which then is out.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(u64, Arc<Record>)> {
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        self.retry_at = None;
        let window = if self.silence.is_some() { 1 } else { WINDOW };
        if self.server_out || self.out.len() >= window {
            return None;
        }
        let number = self.choose()?;
        let record = self.waiting.remove(&number)?;
        self.interims.remove(&number);
        match record.is_of_server() {
            true => self.server_out = true,
            false => {
                self.busy.insert(record.session_id.clone());
            }
        }
        self.out.insert(number, Arc::clone(&record));
        Some((number, record))
    }

    fn choose(&self) -> Option<u64> {
        for (number, record) in self.waiting.iter().take(SCAN_MAX) {
            if record.is_of_server() {
                let is_first = self.waiting.keys().next() == Some(number);
                return (is_first && self.out.is_empty()).then_some(*number);
            }
            if !self.busy.contains(&record.session_id) {
                return Some(*number);
            }
        }
        None
    }

    /// The Acct-Session-Id of a record that is out.
    pub(super) fn session_of(&self, number: u64) -> Option<&str> {
        self.out.get(&number).map(|record| &*record.session_id)
    }

    pub(super) fn written(&mut self, number: u64) {
        if self.take(number).is_some() {
            self.silence = None;
            self.retry_at = None;
            self.count(RecordFate::Written);
            self.settle(number);
        }
    }

    pub(super) fn unanswered(&mut self, number: u64, why: Box<str>, now: Timestamp) {
        if let Some(record) = self.take(number) {
            self.silence = Some(why);
            self.retry_at = Some(now + RETRY_TIME);
            self.count(RecordFate::Unanswered);
            self.wait(number, record);
        }
    }

    /// Made of bounded values it always fits, so it does not happen; but it must not stand in the way.
    pub(super) fn unwritable(&mut self, number: u64) {
        if self.take(number).is_some() {
            self.count(RecordFate::Lost);
            self.settle(number);
        }
    }

    /// When [`Self::next`] may have something to say that it has not now.
    pub(super) const fn poll_timeout(&self) -> Option<Timestamp> {
        self.retry_at
    }

    fn take(&mut self, number: u64) -> Option<Arc<Record>> {
        let record = self.out.remove(&number)?;
        match record.is_of_server() {
            true => self.server_out = false,
            false => {
                self.busy.remove(&record.session_id);
            }
        }
        Some(record)
    }

    fn count(&mut self, fate: RecordFate) {
        if let Some(count) = self.fates.get_mut(fate.index()) {
            *count += 1;
        }
    }

    /// Records in memory that nobody has written down.
    pub(super) fn outstanding(&self) -> u64 {
        (self.waiting.len() + self.out.len()) as u64
    }

    /// Why nobody has written the last record down, if nobody has.
    pub(super) fn silence(&self) -> Option<&str> {
        self.silence.as_deref()
    }

    /// Whether all that there is is in memory.
    pub(super) fn has_all(&self) -> bool {
        let spool = self.spool.as_ref();
        spool.is_none_or(|spool| spool.loaded_to >= self.next_number)
    }

    pub(super) const fn fates(&self) -> &[u64; RecordFate::COUNT] {
        &self.fates
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    const LATER: Timestamp = Timestamp::from_nanos(10_000_000_000);

    #[test]
    fn room_is_made_by_giving_interim_records_up_first() {
        let mut queue = Queue::new(None);
        let push = |queue: &mut Queue, kind| queue.push(Arc::new(record(kind, 7)));
        for number in 0..RECORDS_MAX {
            let kinds = [Kind::Start, Kind::Interim];
            push(&mut queue, kinds[number % 2]);
        }
        for _ in 0..=RECORDS_MAX / 2 {
            push(&mut queue, Kind::Stop);
        }
        let fate = |fate: RecordFate| queue.fates()[fate.index()];
        assert_eq!(fate(RecordFate::InterimDropped), RECORDS_MAX as u64 / 2);
        assert_eq!(fate(RecordFate::Lost), 1);
        assert_eq!(queue.outstanding(), RECORDS_MAX as u64);
    }

    #[test]
    fn records_of_the_server_part_those_before_from_those_after() {
        let mut queue = Queue::new(None);
        for (kind, number) in [
            (Kind::Stop, 1),
            (Kind::Stop, 2),
            (Kind::On, 0),
            (Kind::Start, 3),
        ] {
            queue.push(Arc::new(record(kind, number)));
        }
        let next = |queue: &mut Queue| queue.next(LATER).map(|(number, _)| number);
        assert_eq!([0; 3].map(|_| next(&mut queue)), [Some(0), Some(1), None]);
        queue.written(1);
        assert_eq!(next(&mut queue), None);
        queue.unanswered(0, "nobody".into(), Timestamp::ZERO);
        assert_eq!([0; 2].map(|_| next(&mut queue)), [Some(0), None]);
        queue.written(0);
        assert_eq!([0; 2].map(|_| next(&mut queue)), [Some(2), None]);
        queue.written(2);
        assert_eq!(next(&mut queue), Some(3));
    }

    #[test]
    fn what_became_of_a_record_is_not_told_twice() {
        let mut queue = Queue::new(None);
        queue.push(Arc::new(record(Kind::On, 0)));
        queue.written(7);
        queue.next(LATER);
        queue.written(0);
        queue.written(0);
        queue.unanswered(0, "nobody".into(), Timestamp::ZERO);
        assert_eq!(queue.fates()[RecordFate::Written.index()], 1);
        assert_eq!(queue.outstanding(), 0);
    }

    #[test]
    fn nobody_is_asked_again_at_once_after_nobody_has_answered() {
        let mut queue = Queue::new(None);
        queue.push(Arc::new(record(Kind::Start, 1)));
        queue.push(Arc::new(record(Kind::Start, 2)));
        assert!(queue.next(LATER).is_some());
        queue.unanswered(0, "nobody".into(), LATER);
        assert!(queue.next(LATER).is_none());
        let again = queue.poll_timeout().unwrap();
        assert_eq!(again, LATER + RETRY_TIME);
        assert!(queue.next(again).is_some());
        assert!(queue.next(again).is_none(), "one at a time");
        queue.written(0);
        assert_eq!(queue.poll_timeout(), None);
    }
}
