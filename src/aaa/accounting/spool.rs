//! The bill on disk, until it is written down: an append-only log of checksummed frames in segments,
//! which a [`Store`] keeps. What is needed is known in memory, so that nothing is searched for: records
//! that are not settled, and of each call that is not over its last record, settled or not. Of a crash
//! that is what is left of the call.
//!
//! ```text
//!   append, settle -> batch -> flush -> the last segment
//!   oldest segment: nothing needed -> removed; a little needed -> moved to the end, then removed
//!   full, or too old: interim records are given up first, then whatever is oldest, each for a reason
//! ```
//!
//! A record may be replayed although it was written down before a crash: settling is noted after the
//! fact. Acct-Session-Id and kind tell such a copy.

mod frame;
mod recover;
mod room;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::record::{Kind, Record};
use crate::counted_enum;
use frame::Frame;
pub use recover::Recovered;

/// Settled records that could not be noted as such are noted later; more than these are forgotten.
const SETTLED_MAX: usize = 65_536;

/// Why a store did not do it, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub Box<str>);

/// Where segments lie. Nothing is assumed of a write that failed: it is repeated at its place.
pub trait Store {
    /// Every segment, in rising order.
    ///
    /// # Errors
    /// They cannot be listed.
    fn list(&mut self) -> Result<Vec<u32>, StoreError>;
    /// All of a segment.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&mut self, segment: u32) -> Result<Vec<u8>, StoreError>;
    /// So many octets of a segment, from `at` on.
    ///
    /// # Errors
    /// They cannot be read.
    fn read(&mut self, segment: u32, at: u32, octets: u32) -> Result<Vec<u8>, StoreError>;
    /// Makes `octets` the end of a segment, from `at` on; whatever else is there is cut off.
    ///
    /// # Errors
    /// Not all of them are there now.
    fn append(&mut self, segment: u32, at: u32, octets: &[u8]) -> Result<(), StoreError>;
    /// Has what was appended survive a power cut.
    ///
    /// # Errors
    /// It may not.
    fn sync(&mut self) -> Result<(), StoreError>;
    /// Removes a segment.
    ///
    /// # Errors
    /// It may still be there.
    fn remove(&mut self, segment: u32) -> Result<(), StoreError>;
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets in all segments together.
    pub octets_max: u64,
    /// Records that nobody has written down after this are given up.
    pub age_max: Duration,
}

counted_enum! {
    /// Why a record is not on disk though nobody has written it down.
    pub enum SpoolDrop {
        /// An interim record, given up for room; a later one makes it good.
        InterimForRoom => "interim_for_room",
        /// Given up for room, interim records being gone.
        ForRoom => "for_room",
        /// Nobody has written it down for too long.
        TooOld => "too_old",
        /// The disk did not take it, and it is lost.
        NotWritten => "not_written",
        /// The disk did not take it; it waits in memory, and a crash loses it.
        MemoryOnly => "memory_only",
        /// The last record of a call that lives, given up for room: a crash loses its Stop.
        CallForRoom => "call_for_room",
        /// It was there and cannot be read.
        Unreadable => "unreadable",
    }
}

/// How the spool is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolStatus {
    /// In all segments together.
    pub octets: u64,
    /// The most that they may be.
    pub octets_max: u64,
    /// How many segments there are.
    pub segments: u64,
    /// Records that nobody has written down.
    pub records: u64,
    /// Calls that are not over, as far as the disk knows.
    pub calls: u64,
    /// When the oldest record happened that nobody has written down, in milliseconds since 1970.
    pub oldest_ms: Option<u64>,
    /// By [`SpoolDrop`].
    pub drops: [u64; SpoolDrop::COUNT],
    /// Octets that were cut off behind the last whole frame of a segment, at start.
    pub torn_octets: u64,
    /// Why the disk did not do what it had to, if it did not the last time.
    pub trouble: Option<Box<str>>,
}

/// Where a record is that is needed.
#[derive(Clone, Copy)]
struct Place {
    segment: u32,
    at: u32,
    octets: u32,
    happened_ms: u64,
    interim: bool,
    /// It is on disk, not in the batch.
    there: bool,
    /// Memory has it too: if the disk loses it, the bill does not.
    held: bool,
    /// It is the last one of a call that is not over.
    latest: bool,
}

#[derive(Default)]
struct Segment {
    octets: u32,
    /// Of them, in records that are needed.
    needed: u32,
    newest_ms: u64,
    /// Records that were put there and may be needed.
    numbers: Vec<u64>,
}

/// A record of a batch, and the record of its call that was the last before.
struct Appended {
    number: u64,
    session: Option<Box<str>>,
    before: Option<u64>,
}

/// The bill on disk.
pub struct Spool<S> {
    store: S,
    limits: Limits,
    segments: BTreeMap<u32, Segment>,
    current: u32,
    places: BTreeMap<u64, Place>,
    unsettled: BTreeSet<u64>,
    latest: HashMap<Box<str>, u64>,
    octets: u64,
    /// Frames that the next flush appends.
    batch: Vec<u8>,
    appended: Vec<Appended>,
    settled: Vec<u64>,
    dirty: bool,
    drops: [u64; SpoolDrop::COUNT],
    torn_octets: u64,
    trouble: Option<Box<str>>,
}

impl<S: Store> Spool<S> {
    /// Takes a record; it is on disk after [`Self::flush`]. `held`: memory has it too.
    pub fn append(&mut self, number: u64, record: &Record, held: bool) {
        if self.batch_end() >= self.segment_octets_max() {
            self.write_batch();
            self.roll_if_full();
        }
        let at = self.batch_end();
        let json = record.to_json();
        let before = self.batch.len();
        Frame::Record {
            number,
            settled: false,
            followed: false,
            json: &json,
        }
        .write(&mut self.batch);
        let octets = u32::try_from(self.batch.len() - before).unwrap_or(u32::MAX);
        let session = record.call.is_some().then(|| record.session_id.clone());
        let lives = session.clone().filter(|_| record.kind != Kind::Stop);
        let place = Place {
            segment: self.current,
            at,
            octets,
            happened_ms: record.happened_ms,
            interim: record.kind == Kind::Interim,
            there: false,
            held,
            latest: lives.is_some(),
        };
        let before = match (lives, &session) {
            (Some(session), _) => self.latest.insert(session, number),
            (None, Some(session)) => self.latest.remove(session),
            (None, None) => None,
        };
        self.places.insert(number, place);
        self.unsettled.insert(number);
        self.appended.push(Appended {
            number,
            session,
            before,
        });
    }

    /// A record is written down, or was given up.
    pub fn settle(&mut self, number: u64) {
        if !self.unsettled.remove(&number) {
            return;
        }
        if self.settled.len() < SETTLED_MAX {
            self.settled.push(number);
        }
        self.release(number);
    }

    /// Puts everything on disk, and makes room.
    pub fn flush(&mut self, now_ms: u64) {
        self.write_batch();
        self.make_room(now_ms);
    }

    /// Has what is on disk survive a power cut.
    pub fn sync(&mut self) {
        if std::mem::take(&mut self.dirty)
            && let Err(StoreError(why)) = self.store.sync()
        {
            self.trouble = Some(why);
        }
    }

    /// Records that nobody has written down, in order: those with numbers in `from..until`, `most` at
    /// the most, and the number below which there are no others. Memory has them from now on.
    pub fn load(&mut self, from: u64, until: u64, most: usize) -> (Vec<(u64, Record)>, u64) {
        let numbers = self.unsettled.range(from..until).copied();
        let numbers: Vec<u64> = numbers.take(most).collect();
        let end = match numbers.last() {
            Some(last) if numbers.len() == most => last + 1,
            Some(_) | None => until,
        };
        let mut records = Vec::with_capacity(numbers.len());
        for number in numbers {
            if let Some(record) = self.fetch(number) {
                if let Some(place) = self.places.get_mut(&number) {
                    place.held = true;
                }
                records.push((number, record));
            } else {
                self.unsettled.remove(&number);
                self.count(SpoolDrop::Unreadable);
                self.release(number);
            }
        }
        (records, end)
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        let oldest = self.unsettled.first();
        let oldest = oldest.and_then(|number| self.places.get(number));
        SpoolStatus {
            octets: self.octets,
            octets_max: self.limits.octets_max,
            segments: self.segments.len() as u64,
            records: self.unsettled.len() as u64,
            calls: self.latest.len() as u64,
            oldest_ms: oldest.map(|place| place.happened_ms),
            drops: self.drops,
            torn_octets: self.torn_octets,
            trouble: self.trouble.clone(),
        }
    }

    /// Reads a record.
    fn fetch(&mut self, number: u64) -> Option<Record> {
        let place = *self.places.get(&number)?;
        let frame = self.store.read(place.segment, place.at, place.octets);
        match frame::read(&frame.ok()?)? {
            (Frame::Record { json, .. }, _) => Record::from_json(json),
            (Frame::Settled(_), _) => None,
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() && self.settled.is_empty() {
            return;
        }
        let mut octets = std::mem::take(&mut self.batch);
        for number in &self.settled {
            Frame::Settled(*number).write(&mut octets);
        }
        let segment = self.segments.entry(self.current).or_default();
        let at = segment.octets;
        if at == 0 {
            octets.splice(0..0, frame::MARK);
        }
        match self.store.append(self.current, at, &octets) {
            Ok(()) => {
                let octets = u32::try_from(octets.len()).unwrap_or(u32::MAX);
                segment.octets += octets;
                self.octets += u64::from(octets);
                self.dirty = true;
                self.trouble = None;
                self.settled.clear();
                self.batch_is_there();
            }
            Err(StoreError(why)) => {
                self.trouble = Some(why);
                self.batch_is_lost();
            }
        }
    }

    fn batch_is_there(&mut self) {
        for Appended { number, before, .. } in std::mem::take(&mut self.appended) {
            self.put(number);
            if let Some(before) = before {
                if let Some(place) = self.places.get_mut(&before) {
                    place.latest = false;
                }
                self.release(before);
            }
            self.release(number);
        }
    }

    /// A record now lies where its place says.
    fn put(&mut self, number: u64) {
        if let Some(place) = self.places.get_mut(&number)
            && let Some(segment) = self.segments.get_mut(&place.segment)
        {
            place.there = true;
            segment.needed += place.octets;
            segment.newest_ms = segment.newest_ms.max(place.happened_ms);
            segment.numbers.push(number);
        }
    }

    /// The disk has none of the batch: what it had before holds.
    fn batch_is_lost(&mut self) {
        let mut lost = HashSet::new();
        for appended in std::mem::take(&mut self.appended).into_iter().rev() {
            let Appended {
                number,
                session,
                before,
            } = appended;
            lost.insert(number);
            let place = self.places.remove(&number);
            if self.unsettled.remove(&number) {
                self.count(match place.is_some_and(|place| place.held) {
                    true => SpoolDrop::MemoryOnly,
                    false => SpoolDrop::NotWritten,
                });
            }
            if let Some(session) = session {
                match before {
                    Some(before) => self.latest.insert(session, before),
                    None => self.latest.remove(&session),
                };
            }
        }
        self.settled.retain(|settled| !lost.contains(settled));
    }

    /// Forgets a record if it is not needed any more.
    fn release(&mut self, number: u64) {
        let place = self.places.get(&number);
        if place.is_some_and(|place| place.there && !place.latest)
            && !self.unsettled.contains(&number)
        {
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u64) {
        if let Some(place) = self.places.remove(&number)
            && let Some(segment) = self.segments.get_mut(&place.segment)
        {
            segment.needed = segment.needed.saturating_sub(place.octets);
        }
    }

    /// Where the next frame of the batch will lie.
    fn batch_end(&self) -> u32 {
        let segment = self.segments.get(&self.current);
        let octets = segment.map_or(0, |segment| segment.octets);
        let mark = if octets == 0 { frame::MARK.len() } else { 0 };
        let batch = u32::try_from(self.batch.len() + mark).unwrap_or(u32::MAX);
        octets.saturating_add(batch)
    }

    fn count(&mut self, drop: SpoolDrop) {
        if let Some(count) = self.drops.get_mut(drop.index()) {
            *count += 1;
        }
    }
}

/// What the bookkeeper has to do.
#[derive(Debug)]
pub enum Order {
    /// Put a record on disk.
    Append {
        /// Its number.
        number: u64,
        /// What it says.
        record: Arc<Record>,
        /// Memory has it too.
        held: bool,
    },
    /// A record is written down.
    Settle(u64),
    /// Bring records back from disk.
    Load {
        /// The first that memory has not.
        from: u64,
        /// The first that was not made yet.
        until: u64,
        /// So many at the most.
        most: usize,
    },
    /// Write a record down in the local bill.
    WriteLine {
        /// Its number.
        number: u64,
        /// What it says.
        record: Arc<Record>,
    },
}

/// What the bookkeeper has to say.
#[derive(Debug)]
pub enum Answer {
    /// To [`Order::Load`].
    Loaded {
        /// In order.
        records: Vec<(u64, Record)>,
        /// Below this number there are no others.
        end: u64,
    },
    /// To [`Order::WriteLine`].
    LineWritten {
        /// The record.
        number: u64,
        /// Whether it is in the local bill.
        written: bool,
    },
}

#[cfg(test)]
pub(super) mod tests;
