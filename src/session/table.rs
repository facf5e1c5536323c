//! A slab whose identifiers do not outlive what they name: an old identifier finds nothing, even when
//! its place has been taken again.

use std::ops::Range;

use slab::Slab;

/// Names one entry of one [`Table`], now and never again another.
pub struct Id<T> {
    index: u32,
    serial: u32,
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The place in the table: small, dense, and used again later.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    const fn order(&self) -> (u32, u32) {
        (self.index, self.serial)
    }
}

impl<T> std::fmt::Debug for Id<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}#{}", self.index, self.serial)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

/// A bounded table.
pub(super) struct Table<T> {
    slab: Slab<(u32, T)>,
    serial: u32,
    capacity: usize,
    /// One more than the highest place that was ever taken.
    places: usize,
}

impl<T> Table<T> {
    /// Room for `capacity` entries, taken at once: the table never grows later.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            slab: Slab::with_capacity(capacity),
            serial: 0,
            capacity,
            places: 0,
        }
    }

    /// Adds an entry; gives it back if the table is full.
    ///
    /// # Errors
    /// The entry itself.
    pub(super) fn insert(&mut self, entry: T) -> Result<Id<T>, T> {
        if self.slab.len() >= self.capacity {
            return Err(entry);
        }
        self.serial = self.serial.wrapping_add(1);
        let Ok(index) = u32::try_from(self.slab.vacant_key()) else {
            return Err(entry);
        };
        let place = self.slab.insert((self.serial, entry));
        self.places = self.places.max(place + 1);
        Ok(Id {
            index,
            serial: self.serial,
            kind: std::marker::PhantomData,
        })
    }

    /// The entry that `id` names, if it still exists.
    #[must_use]
    pub(super) fn get(&self, id: Id<T>) -> Option<&T> {
        self.slab
            .get(id.index())
            .filter(|(serial, _)| *serial == id.serial)
            .map(|(_, entry)| entry)
    }

    /// The entry that `id` names, if it still exists.
    pub(super) fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        let (serial, entry) = self.slab.get_mut(id.index())?;
        (*serial == id.serial).then_some(entry)
    }

    /// Takes the entry out.
    pub(super) fn remove(&mut self, id: Id<T>) -> Option<T> {
        self.get(id)?;
        Some(self.slab.remove(id.index()).1)
    }

    /// All entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.iter_in(0..self.places)
    }

    /// How many places there are to look at. An entry stays in its place.
    #[must_use]
    pub(super) const fn places(&self) -> usize {
        self.places
    }

    /// The entries in these places: for who may not look at all in one turn.
    pub(super) fn iter_in(&self, places: Range<usize>) -> impl Iterator<Item = (Id<T>, &T)> {
        let places = places.start..places.end.min(self.places);
        places.filter_map(|place| {
            let (serial, entry) = self.slab.get(place)?;
            let index = u32::try_from(place).ok()?;
            Some((
                Id {
                    index,
                    serial: *serial,
                    kind: std::marker::PhantomData,
                },
                entry,
            ))
        })
    }

    /// How many entries there are.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are none.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_identifier_finds_nothing_and_a_full_table_refuses() {
        let mut table = Table::new(1);
        let old = table.insert('a').unwrap();
        assert_eq!(table.insert('b'), Err('b'));
        assert_eq!(table.remove(old), Some('a'));
        let new = table.insert('c').unwrap();
        assert_eq!(new.index(), old.index());
        assert_eq!((table.get(old), table.get(new)), (None, Some(&'c')));
        assert_eq!((table.remove(old), table.len()), (None, 1));
    }
}
