//! The records that are not written down, in their order, for each group of servers apart. Those of one
//! call go out one after another, those of different calls together, and those of the server alone: an
//! On is between all that was before it and all that came after. While nobody answers, one at a time.
//!
//! With a spool, memory holds the oldest of them only: the others are on disk and come back in order.

mod lane;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::record::{Kind, Record};
use super::spool::{Order, Recovered};
use crate::clock::Timestamp;
use crate::counted_enum;
use lane::Lane;

/// Records that memory alone may hold, about half a KiB each.
pub const RECORDS_MAX: usize = 65_536;
/// Records in memory where others wait on disk.
const HELD_MAX: usize = 4096;
/// Orders that wait for a disk that takes its time.
const ORDERS_MAX: usize = 65_536;

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
    /// By the group that writes them down; `None`: whoever has none.
    lanes: BTreeMap<Option<Box<str>>, Lane>,
    /// Those that wait and can be given up first.
    interims: BTreeSet<u64>,
    next_number: u64,
    out: HashMap<u64, Arc<Record>>,
    /// Calls of which a record is out.
    busy: HashSet<Box<str>>,
    spool: Option<SpoolSide>,
    fates: [u64; RecordFate::COUNT],
}

impl Queue {
    /// Empty, but for what a spool has recovered, for these groups.
    pub(super) fn new(writers: &[Option<Box<str>>], recovered: Option<&Recovered>) -> Self {
        let side = |recovered: &Recovered| SpoolSide {
            orders: VecDeque::new(),
            loaded_to: recovered.first_unsettled.unwrap_or(recovered.next_number),
            loading: false,
        };
        let mut queue = Self {
            lanes: writers
                .iter()
                .map(|it| (it.clone(), Lane::default()))
                .collect(),
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
        let waiting = self.waiting();
        let Some(spool) = &mut self.spool else {
            if waiting >= RECORDS_MAX {
                self.make_room();
            }
            return self.wait(number, record);
        };
        let held = spool.loaded_to == number && waiting < HELD_MAX;
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
        let (until, room, waiting) = (self.next_number, HELD_MAX / 2, self.waiting());
        let Some(spool) = &mut self.spool else { return };
        if waiting <= room && spool.loaded_to < until && !spool.loading {
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
        self.lane(&record).waiting.insert(number, record);
    }

    /// Gives the oldest interim record up, or else the oldest of all.
    fn make_room(&mut self) {
        let oldest = |lanes: &BTreeMap<_, Lane>| {
            let firsts = lanes.values().filter_map(|lane| lane.waiting.keys().next());
            firsts.min().copied()
        };
        let (fate, number) = match self.interims.pop_first() {
            Some(number) => (RecordFate::InterimDropped, Some(number)),
            None => (RecordFate::Lost, oldest(&self.lanes)),
        };
        for lane in self.lanes.values_mut() {
            number.and_then(|number| lane.waiting.remove(&number));
        }
        self.count(fate);
    }

    /// The next record that can go out, which then is out.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(u64, Arc<Record>)> {
        let busy = &self.busy;
        let mut lanes = self.lanes.values_mut();
        let (number, record) = lanes.find_map(|lane| lane.next(busy, now))?;
        self.interims.remove(&number);
        if !record.is_of_server() {
            self.busy.insert(record.session_id.clone());
        }
        self.out.insert(number, Arc::clone(&record));
        Some((number, record))
    }

    /// The Acct-Session-Id of a record that is out.
    pub(super) fn session_of(&self, number: u64) -> Option<&str> {
        self.out.get(&number).map(|record| &*record.session_id)
    }

    pub(super) fn written(&mut self, number: u64) {
        if let Some(record) = self.take(number) {
            self.lane(&record).written();
            self.count(RecordFate::Written);
            self.settle(number);
        }
    }

    pub(super) fn unanswered(&mut self, number: u64, why: Box<str>, now: Timestamp) {
        if let Some(record) = self.take(number) {
            self.lane(&record).unanswered(why, now);
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
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.lanes.values().filter_map(Lane::poll_timeout).min()
    }

    fn take(&mut self, number: u64) -> Option<Arc<Record>> {
        let record = self.out.remove(&number)?;
        self.lane(&record).take(&record);
        if !record.is_of_server() {
            self.busy.remove(&record.session_id);
        }
        Some(record)
    }

    /// Where a record goes: of a group that writes none, to those without one.
    fn lane(&mut self, record: &Record) -> &mut Lane {
        let group = record.servers.as_ref();
        let own = group.filter(|_| self.lanes.contains_key(&record.servers));
        self.lanes.entry(own.cloned()).or_default()
    }

    /// Records that are not out.
    fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    fn count(&mut self, fate: RecordFate) {
        if let Some(count) = self.fates.get_mut(fate.index()) {
            *count += 1;
        }
    }

    /// Records in memory that nobody has written down.
    pub(super) fn outstanding(&self) -> u64 {
        (self.waiting() + self.out.len()) as u64
    }

    /// Why nobody has written the last record down, of each group that has not.
    pub(super) fn silences(&self) -> impl Iterator<Item = &str> {
        self.lanes.values().filter_map(Lane::silence)
    }

    /// Whether nobody writes down what is left.
    pub(super) fn rests(&self) -> bool {
        let mut left = self.lanes.values().filter(|lane| !lane.is_empty());
        self.silences().next().is_some() && left.all(|lane| lane.silence().is_some())
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
    use super::lane::RETRY_TIME;
    use super::*;

    const LATER: Timestamp = Timestamp::from_nanos(10_000_000_000);

    #[test]
    fn room_is_made_by_giving_interim_records_up_first() {
        let mut queue = Queue::new(&[None], None);
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
        let mut queue = Queue::new(&[None], None);
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
        let mut queue = Queue::new(&[None], None);
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
        let mut queue = Queue::new(&[None], None);
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

    #[test]
    fn a_group_that_does_not_answer_holds_up_nobody_else() {
        let mut queue = Queue::new(&[None, Some("dead".into())], None);
        let push = |queue: &mut Queue, kind, number, servers: Option<&str>| {
            queue.push(Arc::new(Record {
                servers: servers.map(Into::into),
                ..record(kind, number)
            }));
        };
        push(&mut queue, Kind::On, 0, Some("dead"));
        push(&mut queue, Kind::On, 0, None);
        push(&mut queue, Kind::Start, 1, Some("dead"));
        push(&mut queue, Kind::Start, 2, Some("gone, or never billed"));
        let next = |queue: &mut Queue| queue.next(LATER).map(|(number, _)| number);
        assert_eq!([0; 3].map(|_| next(&mut queue)), [Some(1), Some(0), None]);
        queue.unanswered(0, "it is dead".into(), LATER);
        queue.written(1);
        assert_eq!([0; 2].map(|_| next(&mut queue)), [Some(3), None]);
        assert!(!queue.rests(), "one is out that is written down");
        queue.written(3);
        assert!(queue.rests());
        assert_eq!(queue.silences().collect::<Vec<_>>(), ["it is dead"]);
        assert_eq!(queue.poll_timeout(), Some(LATER + RETRY_TIME));
        assert_eq!(queue.outstanding(), 2);
    }
}
