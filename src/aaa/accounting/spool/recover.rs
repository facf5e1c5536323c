//! What a spool holds when the server begins: the records that nobody has written down, and the calls
//! that nobody has ended, because the server that carried them has crashed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::frame::{Frame, frames};
use super::{Limits, Place, Segment, Spool, SpoolDrop, Store, StoreError};
use crate::aaa::accounting::record::{Kind, Record};

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The number of the first record that is made.
    pub next_number: u64,
    /// The oldest record that nobody has written down.
    pub first_unsettled: Option<u64>,
    /// The last record of each call that has no Stop, in the order of their numbers.
    pub unfinished: Vec<Record>,
}

impl<S: Store> Spool<S> {
    /// Reads what is there. What cannot be read is counted and not fatal: the bill goes on with what
    /// can.
    pub fn open(store: S, limits: Limits) -> (Self, Recovered) {
        let mut spool = Self {
            store,
            limits,
            segments: BTreeMap::new(),
            current: 1,
            places: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            latest: HashMap::new(),
            octets: 0,
            batch: Vec::new(),
            appended: Vec::new(),
            settled: Vec::new(),
            dirty: false,
            drops: [0; SpoolDrop::COUNT],
            torn_octets: 0,
            trouble: None,
        };
        let mut finished = HashSet::new();
        let mut next_number = 0;
        match spool.store.list() {
            Ok(segments) => {
                for segment in segments {
                    spool.scan(segment, &mut finished, &mut next_number);
                }
            }
            Err(StoreError(why)) => spool.trouble = Some(why),
        }
        spool
            .latest
            .retain(|session, _| !finished.contains(session));
        let recovered = spool.settle_accounts(next_number);
        (spool, recovered)
    }

    /// Reads one segment, and cuts off what is behind its last whole frame.
    fn scan(&mut self, segment: u32, finished: &mut HashSet<Box<str>>, next_number: &mut u64) {
        self.current = self.current.max(segment.saturating_add(1));
        let octets = match self.store.load(segment) {
            Ok(octets) => octets,
            Err(StoreError(why)) => {
                self.trouble = Some(why);
                return;
            }
        };
        let mut whole = 0;
        for (range, frame) in frames(&octets) {
            whole = range.end;
            match frame {
                Frame::Settled(number) => {
                    self.unsettled.remove(&number);
                }
                Frame::Record {
                    number,
                    settled,
                    followed,
                    json,
                } => {
                    *next_number = (*next_number).max(number.saturating_add(1));
                    let Some(record) = Record::from_json(json) else {
                        self.count(SpoolDrop::Unreadable);
                        continue;
                    };
                    let place = Place {
                        segment,
                        at: u32::try_from(range.start).unwrap_or(u32::MAX),
                        octets: u32::try_from(range.len()).unwrap_or(u32::MAX),
                        happened_ms: record.happened_ms,
                        interim: record.kind == Kind::Interim,
                        there: true,
                        held: false,
                        latest: false,
                    };
                    self.places.insert(number, place);
                    match settled {
                        true => self.unsettled.remove(&number),
                        false => self.unsettled.insert(number),
                    };
                    if !followed {
                        self.note_session(number, &record, finished);
                    }
                }
            }
        }
        self.torn_octets += (octets.len() - whole) as u64;
        if whole < octets.len() {
            let at = u32::try_from(whole).unwrap_or(u32::MAX);
            if let Err(StoreError(why)) = self.store.append(segment, at, &[]) {
                self.trouble = Some(why);
            }
        }
        let whole = u32::try_from(whole).unwrap_or(u32::MAX);
        self.octets += u64::from(whole);
        let found = Segment {
            octets: whole,
            ..Segment::default()
        };
        self.segments.insert(segment, found);
    }

    fn note_session(&mut self, number: u64, record: &Record, finished: &mut HashSet<Box<str>>) {
        if record.call.is_none() {
            return;
        }
        if record.kind == Kind::Stop {
            finished.insert(record.session_id.clone());
        }
        // A record that was moved lies behind those that were made after it.
        let latest = self.latest.entry(record.session_id.clone()).or_default();
        *latest = number.max(*latest);
    }

    /// Keeps what is needed, and answers what that is.
    fn settle_accounts(&mut self, next_number: u64) -> Recovered {
        for number in self.latest.values() {
            if let Some(place) = self.places.get_mut(number) {
                place.latest = true;
            }
        }
        let unsettled = &self.unsettled;
        self.places
            .retain(|number, place| place.latest || unsettled.contains(number));
        let numbers: Vec<u64> = self.places.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.put(number));
        let mut unfinished: Vec<u64> = self.latest.values().copied().collect();
        unfinished.sort_unstable();
        let mut recovered = Recovered {
            next_number,
            first_unsettled: self.unsettled.first().copied(),
            unfinished: Vec::new(),
        };
        for number in unfinished {
            match self.fetch(number) {
                Some(record) => recovered.unfinished.push(record),
                None => self.lose(number),
            }
        }
        recovered
    }
}
