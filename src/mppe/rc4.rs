//! RC4, one stream at a time, in safe Rust.
//!
//! A table of 256 entries indexed by bytes needs no bounds check. What costs is memory: loads of
//! `table[i + 1]` meet the stores of the step before and wait for them. So the next two entries
//! are loaded before the stores and mended in registers if a store changed them, which halves the
//! time of the textbook loop.

use std::hint::select_unpredictable;

use zeroize::optimization_barrier;

/// An RC4 table with its two indices. Keyed anew for every frame, wiped when dropped.
#[repr(C)]
pub struct Rc4 {
    table: [u32; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// A table without a key: [`Self::schedule`] must come before [`Self::apply`].
    #[must_use]
    pub const fn unkeyed() -> Self {
        Self {
            table: [0; 256],
            i: 0,
            j: 0,
        }
    }

    /// A table with `key` scheduled.
    #[must_use]
    pub fn new<const N: usize>(key: &[u8; N]) -> Self {
        let mut rc4 = Self::unkeyed();
        rc4.schedule(key);
        rc4
    }

    /// Forgets what was there and schedules `key`, 1 to 256 bytes.
    #[inline]
    pub fn schedule<const N: usize>(&mut self, key: &[u8; N]) {
        const { assert!(N >= 1 && N <= 256, "RC4 keys have 1 to 256 bytes") };
        for (entry, value) in self.table.iter_mut().zip(0u32..) {
            *entry = value;
        }
        let mut keys = std::iter::repeat_n(key, 256usize.div_ceil(N))
            .flatten()
            .copied();
        let mut key_byte = || keys.next().unwrap_or(0);
        let mut entry = self.at(0);
        let mut next = self.at(1);
        let mut i = 0u8;
        let mut j = low_byte(entry).wrapping_add(key_byte());
        loop {
            let ahead = self.at(i.wrapping_add(2));
            self.swap_known(i, entry, j);
            i = i.wrapping_add(1);
            if i == 0 {
                break;
            }
            // Both sums are begun before it is known which entry is the right one.
            let key_byte = key_byte();
            let with_entry = j.wrapping_add(low_byte(entry).wrapping_add(key_byte));
            let with_next = j.wrapping_add(low_byte(next).wrapping_add(key_byte));
            let touched = j == i;
            let mended = select_unpredictable(touched, entry, next);
            next = select_unpredictable(j == i.wrapping_add(1), entry, ahead);
            j = select_unpredictable(touched, with_entry, with_next);
            entry = mended;
        }
        self.i = 0;
        self.j = 0;
    }

    /// Encrypts or decrypts `data` in place and moves the stream on by its length.
    #[inline]
    pub fn apply(&mut self, data: &mut [u8]) {
        let mut i = self.i;
        let mut j = self.j;
        let mut entry = self.at(i.wrapping_add(1));
        let mut next = self.at(i.wrapping_add(2));
        for byte in data {
            i = i.wrapping_add(1);
            let ahead = self.at(i.wrapping_add(2));
            j = j.wrapping_add(low_byte(entry));
            let other = self.swap_known(i, entry, j);
            let mended = if j == i.wrapping_add(1) { entry } else { next };
            next = if j == i.wrapping_add(2) { entry } else { ahead };
            *byte ^= low_byte(self.at(low_byte(entry).wrapping_add(low_byte(other))));
            entry = mended;
        }
        self.i = i;
        self.j = j;
    }

    /// Packs the stream where it stands, for [`Self::resume`].
    #[inline]
    pub(crate) fn store(&self, stored: &mut StoredRc4) {
        let [i, j, table @ ..] = stored;
        (*i, *j) = (self.i, self.j);
        for (place, entry) in table.iter_mut().zip(&self.table) {
            *place = low_byte(*entry);
        }
    }

    /// Goes on where a stream was stored.
    #[inline]
    pub(crate) fn resume(&mut self, stored: &StoredRc4) {
        let [i, j, table @ ..] = stored;
        (self.i, self.j) = (*i, *j);
        for (entry, place) in self.table.iter_mut().zip(table) {
            *entry = u32::from(*place);
        }
    }

    /// Takes the last `count` bytes back: the stream gives them once more.
    pub(crate) fn rewind(&mut self, count: usize) {
        for _ in 0..count {
            let (i, j) = (self.i, self.j);
            let entry = self.at(j);
            self.swap_known(j, entry, i);
            self.i = i.wrapping_sub(1);
            self.j = j.wrapping_sub(low_byte(entry));
        }
    }

    /// Overwrites the table and the indices.
    pub fn wipe(&mut self) {
        self.table.fill(0);
        self.i = 0;
        self.j = 0;
        optimization_barrier(self);
    }

    #[inline(always)]
    fn at(&self, index: u8) -> u32 {
        self.table[usize::from(index)]
    }

    /// Swaps entry `i`, whose value is known, with entry `j`, and answers what `j` held.
    #[inline(always)]
    fn swap_known(&mut self, i: u8, entry: u32, j: u8) -> u32 {
        let other = self.at(j);
        self.table[usize::from(i)] = other;
        self.table[usize::from(j)] = entry;
        other
    }
}

/// A stream at rest, in a quarter of the bytes: what a stateful flow keeps between frames. Both
/// indices, then the table.
pub(crate) type StoredRc4 = [u8; 258];

/// Index i of a stored stream: bytes made so far, modulo 256.
pub(crate) const fn stored_i(stored: &StoredRc4) -> u8 {
    let [i, ..] = stored;
    *i
}

impl Drop for Rc4 {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Every entry is below 256.
#[inline(always)]
const fn low_byte(entry: u32) -> u8 {
    let [byte, ..] = entry.to_le_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rc4::{KeyInit, StreamCipher};

    use super::*;

    /// Our stream in two pieces against the other crate's in one.
    fn same_stream<const N: usize>(key: [u8; N], data: &[u8], cut: usize) {
        let mut expected = data.to_vec();
        rc4::Rc4::new_from_slice(&key)
            .unwrap()
            .apply_keystream(&mut expected);

        let mut found = data.to_vec();
        let (head, tail) = found.split_at_mut(cut.min(data.len()));
        let mut ours = Rc4::new(&[0xa5; 7]);
        ours.schedule(&key);
        ours.apply(head);
        ours.apply(tail);
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn equals_the_rc4_crate_for_every_kind_of_key_length(
            key in any::<[u8; 32]>(),
            data in prop::collection::vec(any::<u8>(), 0..2000),
            cut in 0usize..2000,
        ) {
            same_stream::<8>(*key.first_chunk().unwrap(), &data, cut);
            same_stream::<16>(*key.first_chunk().unwrap(), &data, cut);
            same_stream::<1>(*key.first_chunk().unwrap(), &data, cut);
            same_stream::<5>(*key.first_chunk().unwrap(), &data, cut);
            same_stream::<24>(*key.first_chunk().unwrap(), &data, cut);
            same_stream::<32>(key, &data, cut);
        }
    }

    #[test]
    fn a_stored_stream_goes_on_where_it_was() {
        let (mut whole, mut piecemeal) = (Rc4::new(&[7; 16]), Rc4::new(&[7; 16]));
        let mut stored: StoredRc4 = [0; 258];
        for length in [0usize, 1, 255, 256, 257, 1400] {
            let (mut expected, mut found) = (vec![0; length], vec![0; length]);
            whole.apply(&mut expected);
            piecemeal.apply(&mut found);
            assert_eq!(found, expected);
            piecemeal.store(&mut stored);
            piecemeal.schedule(&[1, 2, 3]);
            piecemeal.resume(&stored);
        }
    }

    #[test]
    fn a_rewound_stream_gives_the_same_bytes_once_more() {
        for (before, count) in [(0, 0), (0, 1), (3, 256), (700, 700), (255, 2304)] {
            let mut rc4 = Rc4::new(b"some key");
            rc4.apply(&mut vec![0; before]);
            let (mut expected, mut found) = (vec![0; count], vec![0; count]);
            rc4.apply(&mut expected);
            rc4.rewind(count);
            rc4.apply(&mut found);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn wiping_leaves_zeros() {
        let mut rc4 = Rc4::new(&[1, 2, 3, 4, 5, 6, 7, 8]);
        rc4.apply(&mut [0; 100]);
        rc4.wipe();
        assert_eq!((rc4.table, rc4.i, rc4.j), ([0; 256], 0, 0));
    }
}
