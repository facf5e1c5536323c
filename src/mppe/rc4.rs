//! RC4, one stream at a time, in safe Rust.
//!
//! A table of 256 entries indexed by bytes needs no bounds check. What costs is memory: loads of
//! `table[i + 1]` meet the stores of the step before and wait for them. So the next entry is loaded
//! before the stores and mended in a register if a store changed it, which nearly halves the time of
//! the textbook loop.

use std::hint::select_unpredictable;

use zeroize::optimization_barrier;

use crate::mppe::kernel::ORDER;

/// An RC4 table with its two indices. Keyed anew for every frame, wiped when dropped.
#[repr(C)]
pub struct Rc4 {
    table: [u8; 256],
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
        self.table = ORDER;
        let mut entry = self.at(0);
        let mut j = 0u8;
        let (mut row, mut i) = (0, 0u8);
        while row < 256 {
            for key in key.iter().take(256 - row) {
                j = j.wrapping_add(*key).wrapping_add(entry);
                (entry, _) = self.swap_known(i, entry, j);
                i = i.wrapping_add(1);
            }
            row += N;
        }
        self.i = 0;
        self.j = 0;
    }

    /// Encrypts or decrypts `data` in place and moves the stream on by its length.
    #[inline]
    pub fn apply(&mut self, data: &mut [u8]) {
        let (words, bytes) = data.as_chunks_mut::<8>();
        let mut i = self.i;
        let mut j = self.j;
        let mut entry = self.at(i.wrapping_add(1));
        let mut next = |table: &mut Self| {
            i = i.wrapping_add(1);
            j = j.wrapping_add(entry);
            let (next, other) = table.swap_known(i, entry, j);
            let sum = entry.wrapping_add(other);
            entry = next;
            table.at(sum)
        };
        for word in words {
            // In a register: a store for each byte would be a third one.
            let mut mask = 0u64;
            for _ in 0..8 {
                mask = (mask | u64::from(next(self))).rotate_right(8);
            }
            *word = (u64::from_le_bytes(*word) ^ mask).to_le_bytes();
        }
        for byte in bytes {
            *byte ^= next(self);
        }
        self.i = i;
        self.j = j;
    }

    /// Packs the stream where it stands, for [`Self::resume`].
    #[inline]
    pub(crate) fn store(&self, stored: &mut StoredRc4) {
        let [i, j, table @ ..] = stored;
        (*i, *j) = (self.i, self.j);
        *table = self.table;
    }

    /// Goes on where a stream was stored.
    #[inline]
    pub(crate) fn resume(&mut self, stored: &StoredRc4) {
        let [i, j, table @ ..] = stored;
        (self.i, self.j) = (*i, *j);
        self.table = *table;
    }

    /// Takes the last `count` bytes back: the stream gives them once more.
    pub(crate) fn rewind(&mut self, count: usize) {
        for _ in 0..count {
            let (i, j) = (self.i, self.j);
            let entry = self.at(j);
            self.swap_known(j, entry, i);
            self.i = i.wrapping_sub(1);
            self.j = j.wrapping_sub(entry);
        }
    }

    /// Overwrites the table and the indices.
    pub fn wipe(&mut self) {
        self.table.fill(0);
        self.i = 0;
        self.j = 0;
        optimization_barrier(self);
    }

    /// The same, unless there is nothing to overwrite.
    pub(crate) fn wipe_if_keyed(&mut self) {
        if self.is_keyed() {
            self.wipe();
        }
    }

    /// Whether the table holds a stream: entries that are all different, so no two zeros.
    pub(crate) const fn is_keyed(&self) -> bool {
        let [first, second, ..] = self.table;
        first != second
    }

    #[inline(always)]
    const fn at(&self, index: u8) -> u8 {
        self.table[index as usize]
    }

    /// Swaps entry `i`, whose value is known, with entry `j`, and answers entry `i + 1` and what `j`
    /// held.
    #[inline(always)]
    fn swap_known(&mut self, i: u8, entry: u8, j: u8) -> (u8, u8) {
        let (other, next_i) = (self.at(j), i.wrapping_add(1));
        let next = self.at(next_i);
        self.table[usize::from(j)] = entry;
        self.table[usize::from(i)] = other;
        (select_unpredictable(j == next_i, entry, next), other)
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
        assert!(!rc4.is_keyed());
        // Before the first byte, too, where the indices say nothing.
        rc4.schedule(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(rc4.is_keyed());
        rc4.wipe_if_keyed();
        assert_eq!(rc4.table, [0; 256]);
    }
}
