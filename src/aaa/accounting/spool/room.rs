//! Room: segments go in the order of their age, so that a note that a record is settled never goes
//! before the record itself.

use std::collections::HashSet;

use super::frame::{self, Frame};
use super::{Place, Segment, Spool, SpoolDrop, Store, StoreError};

/// Segments are so long at the most.
const SEGMENT_OCTETS_MAX: u32 = 1 << 20;
/// The limit holds at least so many segments: one is moved while another is filled.
const SEGMENTS_MIN: u64 = 8;
/// Segments that are looked at for room in one go.
const STEPS_MAX: usize = 8;

impl<S: Store> Spool<S> {
    /// Segments end here.
    pub(super) fn segment_octets_max(&self) -> u32 {
        let share = self.limits.octets_max / SEGMENTS_MIN;
        u32::try_from(share)
            .unwrap_or(u32::MAX)
            .min(SEGMENT_OCTETS_MAX)
    }

    /// What is appended next goes to a new segment if this one is long enough.
    pub(super) fn roll_if_full(&mut self) {
        if self.batch_end() >= self.segment_octets_max() {
            self.current += 1;
        }
    }

    /// Removes what is not needed, and gives up what there is no room for.
    pub(super) fn make_room(&mut self, now_ms: u64) {
        for _ in 0..STEPS_MAX {
            let Some((oldest, segment)) = self.segments.first_key_value() else {
                return;
            };
            let (oldest, octets, needed) = (*oldest, segment.octets, segment.needed);
            if oldest == self.current {
                return;
            }
            let age_max_ms = u64::try_from(self.limits.age_max.as_millis()).unwrap_or(u64::MAX);
            let too_old = segment.newest_ms.saturating_add(age_max_ms) < now_ms;
            let full = self.octets > self.limits.octets_max;
            // Moving a quarter to be rid of the rest is worth its while.
            let sparse = u64::from(needed) * 4 <= u64::from(octets);
            if needed > 0 {
                if too_old {
                    self.give_up(oldest, SpoolDrop::TooOld, |_| true);
                } else if full && !sparse {
                    self.give_up(oldest, SpoolDrop::InterimForRoom, |place| place.interim);
                    let gains = |left: u32| u64::from(left) * 4 <= u64::from(octets) * 3;
                    if !gains(self.needed_of(oldest)) {
                        self.give_up(oldest, SpoolDrop::ForRoom, |_| true);
                    }
                    if !gains(self.needed_of(oldest)) {
                        self.give_up_calls(oldest);
                    }
                } else if !full && (!sparse || (self.segments.len() as u64) < SEGMENTS_MIN / 2) {
                    return;
                }
            }
            if !self.empty(oldest) {
                return;
            }
        }
    }

    fn needed_of(&self, segment: u32) -> u32 {
        self.segments.get(&segment).map_or(0, |it| it.needed)
    }

    /// Gives up the records of a segment that `which` names and nobody has written down. The last
    /// records of calls stay.
    fn give_up(&mut self, segment: u32, why: SpoolDrop, which: impl Fn(&Place) -> bool) {
        for number in self.numbers_in(segment) {
            let place = self.places.get(&number).copied();
            if place.is_some_and(|place| which(&place)) && self.unsettled.remove(&number) {
                // What memory has it still writes down.
                let held = place.is_some_and(|place| place.held);
                self.count(if held { SpoolDrop::MemoryOnly } else { why });
                self.release(number);
            }
        }
    }

    /// Gives up the last records of calls in a segment: there are more calls than room.
    fn give_up_calls(&mut self, segment: u32) {
        let numbers: HashSet<u64> = self.numbers_in(segment).into_iter().collect();
        self.latest.retain(|_, latest| !numbers.contains(latest));
        for number in numbers {
            self.count(SpoolDrop::CallForRoom);
            self.forget(number);
        }
    }

    /// The records that are needed and lie in a segment.
    fn numbers_in(&self, segment: u32) -> Vec<u64> {
        let Some(found) = self.segments.get(&segment) else {
            return Vec::new();
        };
        let lies = |number: &&u64| {
            let place = self.places.get(number);
            place.is_some_and(|place| place.segment == segment)
        };
        found.numbers.iter().filter(lies).copied().collect()
    }

    /// Moves what is needed of a segment to the end, and removes it. `false`: the disk did not do it.
    fn empty(&mut self, segment: u32) -> bool {
        let moved = self.move_to_end(segment);
        let removed = moved.and_then(|()| self.store.remove(segment));
        match removed {
            Ok(()) => {
                if let Some(Segment { octets, .. }) = self.segments.remove(&segment) {
                    self.octets = self.octets.saturating_sub(u64::from(octets));
                }
                true
            }
            Err(StoreError(why)) => {
                self.trouble = Some(why);
                false
            }
        }
    }

    fn move_to_end(&mut self, segment: u32) -> Result<(), StoreError> {
        let numbers = self.numbers_in(segment);
        if numbers.is_empty() {
            return Ok(());
        }
        self.roll_if_full();
        let end = self.segments.entry(self.current).or_default().octets;
        let mut octets = if end == 0 {
            frame::MARK.to_vec()
        } else {
            Vec::new()
        };
        let mut moved = Vec::new();
        for number in numbers {
            let Some(place) = self.places.get(&number).copied() else {
                continue;
            };
            let old = self.store.read(segment, place.at, place.octets)?;
            let at = end + u32::try_from(octets.len()).unwrap_or(u32::MAX);
            if let Some((Frame::Record { json, .. }, _)) = frame::read(&old) {
                let settled = !self.unsettled.contains(&number);
                Frame::Record {
                    number,
                    settled,
                    followed: !place.latest,
                    json,
                }
                .write(&mut octets);
                moved.push((
                    number,
                    Place {
                        segment: self.current,
                        at,
                        ..place
                    },
                ));
            } else {
                self.lose(number);
            }
        }
        self.store.append(self.current, end, &octets)?;
        let octets = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        self.octets += u64::from(octets);
        self.dirty = true;
        self.segments.entry(self.current).or_default().octets += octets;
        for (number, place) in moved {
            self.places.insert(number, place);
            self.put(number);
        }
        Ok(())
    }

    /// The disk gave a record back wrong.
    pub(super) fn lose(&mut self, number: u64) {
        if self.unsettled.remove(&number) {
            self.count(SpoolDrop::Unreadable);
        }
        self.forget(number);
        self.latest.retain(|_, latest| *latest != number);
    }
}
