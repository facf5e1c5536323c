//! Numbered places for as many things as there may ever be: address space from the start, and memory only
//! as things come. The lowest places are given first, so that memory stays dense, and what has been
//! given back before what never was.

/// The places. They never move and never grow.
pub struct Places<T> {
    /// Those that were ever taken; the others are capacity.
    things: Vec<T>,
    free: Vec<u32>,
    most: usize,
}

impl<T> Places<T> {
    /// Room for `most` things.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.min(u32::MAX as usize);
        Self {
            things: Vec::with_capacity(most),
            free: Vec::with_capacity(most),
            most,
        }
    }

    /// Takes a place, in which is what its last holder left, or what `make` makes; `None` if all are taken.
    pub fn take(&mut self, make: impl FnOnce() -> T) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        let place = u32::try_from(self.things.len()).ok()?;
        (self.things.len() < self.most).then(|| {
            self.things.push(make());
            place
        })
    }

    /// Gives a place back, once.
    pub fn give_back(&mut self, place: u32) {
        debug_assert!(self.free.len() < self.things.len(), "nobody has it");
        self.free.push(place);
    }

    /// How many places are taken.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.things.len() - self.free.len()
    }

    /// What is in a place, if it was ever taken.
    #[inline]
    #[must_use]
    pub fn get(&self, place: u32) -> Option<&T> {
        self.things.get(place as usize)
    }

    /// The same, to change it.
    #[inline]
    pub fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.things.get_mut(place as usize)
    }

    /// All places that were ever taken.
    #[inline]
    pub fn all_mut(&mut self) -> &mut [T] {
        &mut self.things
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_places_come_first_and_none_is_lost_or_made_up() {
        let mut places = Places::new(3);
        let before = places.things.as_ptr();
        assert_eq!(places.take(|| 'a'), Some(0));
        assert_eq!(places.take(|| 'b'), Some(1));
        assert_eq!((places.get(1), places.get(2)), (Some(&'b'), None));
        places.give_back(0);
        assert_eq!(places.take(|| unreachable!()), Some(0), "before a new one");
        assert_eq!(places.take(|| 'c'), Some(2));
        assert_eq!((places.take(|| 'd'), places.taken()), (None, 3));
        assert_eq!(places.things.as_ptr(), before, "nothing moves");
    }
}
