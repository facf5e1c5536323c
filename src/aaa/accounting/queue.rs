//! The records that are not written down, in their order. Those of one call go out one after another,
//! those of different calls together, and those of the server alone: an On is between all that was
//! before it and all that came after. While nobody answers, one at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::record::{Kind, Record};
use crate::counted_enum;

/// Records that memory alone may hold, about half a KiB each.
pub const RECORDS_MAX: usize = 65_536;
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
    /// Nobody has written the last record down.
    silence: bool,
    fates: [u64; RecordFate::COUNT],
}

impl Queue {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Takes a record.
    pub(super) fn push(&mut self, record: Arc<Record>) {
        self.count(RecordFate::Made);
        if self.waiting.len() >= RECORDS_MAX {
            self.make_room();
        }
        self.wait(self.next_number, record);
        self.next_number += 1;
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
    pub(super) fn next(&mut self) -> Option<(u64, Arc<Record>)> {
        let window = if self.silence { 1 } else { WINDOW };
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

    pub(super) fn written(&mut self, number: u64) {
        if self.take(number).is_some() {
            self.silence = false;
            self.count(RecordFate::Written);
        }
    }

    pub(super) fn unanswered(&mut self, number: u64) {
        if let Some(record) = self.take(number) {
            self.silence = true;
            self.count(RecordFate::Unanswered);
            self.wait(number, record);
        }
    }

    /// Made of bounded values it always fits, so it does not happen; but it must not stand in the way.
    pub(super) fn unwritable(&mut self, number: u64) {
        if self.take(number).is_some() {
            self.count(RecordFate::Lost);
        }
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

    /// Records that nobody has written down.
    pub(super) fn outstanding(&self) -> u64 {
        (self.waiting.len() + self.out.len()) as u64
    }

    pub(super) const fn fates(&self) -> &[u64; RecordFate::COUNT] {
        &self.fates
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn room_is_made_by_giving_interim_records_up_first() {
        let mut queue = Queue::new();
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
        let mut queue = Queue::new();
        for (kind, number) in [
            (Kind::Stop, 1),
            (Kind::Stop, 2),
            (Kind::On, 0),
            (Kind::Start, 3),
        ] {
            queue.push(Arc::new(record(kind, number)));
        }
        let next = |queue: &mut Queue| queue.next().map(|(number, _)| number);
        assert_eq!([0; 3].map(|_| next(&mut queue)), [Some(0), Some(1), None]);
        queue.written(1);
        assert_eq!(next(&mut queue), None);
        queue.unanswered(0);
        assert_eq!([0; 2].map(|_| next(&mut queue)), [Some(0), None]);
        queue.written(0);
        assert_eq!([0; 2].map(|_| next(&mut queue)), [Some(2), None]);
        queue.written(2);
        assert_eq!(next(&mut queue), Some(3));
    }

    #[test]
    fn what_became_of_a_record_is_not_told_twice() {
        let mut queue = Queue::new();
        queue.push(Arc::new(record(Kind::On, 0)));
        queue.written(7);
        queue.next();
        queue.written(0);
        queue.written(0);
        queue.unanswered(0);
        assert_eq!(queue.fates()[RecordFate::Written.index()], 1);
        assert_eq!(queue.outstanding(), 0);
    }
}
