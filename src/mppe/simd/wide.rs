//! Sixteen streams in a vector of AVX-512, or two such groups in lockstep.
//!
//! Row r of a group holds entry r of its sixteen lanes as dwords, one cache line. What a step stores at
//! index i is then one store for sixteen lanes; what it loads and stores at index j is a gather and a
//! scatter.
//!
//! - Values are kept times 16, and the low four bits of an index are the number of its lane: so an
//!   index is a value added to the last index, and at once the place for gather and scatter.
//! - A row must not be loaded right behind a scatter that may have written to it. Rows are loaded
//!   ahead, and mended in registers where a scatter touched them.
//! - For keystream the gathers of a step also go before the stores of the step before.

use std::arch::x86_64::{
    __m512i, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_storeu_si128, _mm_unpackhi_epi64,
    _mm512_add_epi32, _mm512_and_si512, _mm512_cmpeq_epi32_mask, _mm512_cvtepi32_epi8,
    _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_i32gather_epi32,
    _mm512_i32scatter_epi32, _mm512_load_si512, _mm512_mask_mov_epi32, _mm512_or_si512,
    _mm512_set1_epi32, _mm512_setr_epi32, _mm512_setzero_si512, _mm512_slli_epi32,
    _mm512_srli_epi32, _mm512_store_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

use super::turn::{Eight, as_eight, as_eight_mut, set_word, turn, word};
use crate::mppe::kernel::{BLOCK, LANES_MAX, Lockstep, Staging, StagingChunk};
use crate::mppe::rc4::{StoredRc4, stored_i};

/// Lanes of a vector.
const GROUP: usize = 16;
const HALF: usize = GROUP / 2;
const GROUPS_MAX: usize = LANES_MAX / GROUP;
/// How far ahead rows are loaded when keys are scheduled.
const AHEAD: usize = 3;
const INDEX_MASK: i32 = 0xfff;
const VALUE_MASK: i32 = 0xff0;

/// A vector as it lies in memory.
#[derive(Clone, Copy, Zeroize)]
#[repr(C, align(64))]
struct Row([u32; GROUP]);

impl Row {
    const ZERO: Self = Self([0; GROUP]);

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(&self) -> __m512i {
        // SAFETY: a row is 64 aligned bytes.
        unsafe { _mm512_load_si512(self.0.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(&mut self, vector: __m512i) {
        // SAFETY: a row is 64 aligned bytes.
        unsafe { _mm512_store_si512(self.0.as_mut_ptr().cast(), vector) };
    }
}

/// The tables of sixteen lanes.
#[derive(Zeroize)]
#[repr(C, align(64))]
struct Table([Row; 256]);

impl Table {
    /// The entries at `index`, one of each lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn gather(&self, index: __m512i) -> __m512i {
        let index = within(index);
        // SAFETY: every index is made by `within`, so it is below 4096, and there are as many dwords.
        unsafe { _mm512_i32gather_epi32::<4>(index, self.0.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn scatter(&mut self, index: __m512i, entries: __m512i) {
        let index = within(index);
        // SAFETY: every index is made by `within`, so it is below 4096, and there are as many dwords.
        unsafe { _mm512_i32scatter_epi32::<4>(self.0.as_mut_ptr().cast(), index, entries) };
    }

    /// Takes the tables of sixteen streams.
    #[target_feature(enable = "avx512f")]
    fn resume(&mut self, low: &Eight, high: &Eight) {
        let (blocks, _) = self.0.as_chunks_mut::<HALF>();
        for (place, rows) in blocks.iter_mut().enumerate() {
            let mut halves = [[0; HALF]; 2];
            for (half, streams) in halves.iter_mut().zip([low, high]) {
                turn(
                    |lane| word(&streams[lane], place),
                    |row, word| half[row] = word,
                );
            }
            let [low, high] = halves;
            for (row, (low, high)) in rows.iter_mut().zip(low.into_iter().zip(high)) {
                let bytes = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
                row.store(_mm512_slli_epi32::<4>(_mm512_cvtepu8_epi32(bytes)));
            }
        }
    }

    /// Leaves the tables in sixteen streams.
    #[target_feature(enable = "avx512f")]
    fn rest(&self, low_streams: &mut Eight, high_streams: &mut Eight) {
        let (blocks, _) = self.0.as_chunks::<HALF>();
        for (place, rows) in blocks.iter().enumerate() {
            let (mut low, mut high) = ([0; HALF], [0; HALF]);
            for ((low, high), row) in low.iter_mut().zip(&mut high).zip(rows) {
                let bytes = _mm512_cvtepi32_epi8(_mm512_srli_epi32::<4>(row.load()));
                *low = _mm_cvtsi128_si64(bytes).cast_unsigned();
                *high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(bytes, bytes)).cast_unsigned();
            }
            turn(
                |row| low[row],
                |lane, word| set_word(&mut low_streams[lane], place, word),
            );
            turn(
                |row| high[row],
                |lane, word| set_word(&mut high_streams[lane], place, word),
            );
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn row(&self, row: u8) -> __m512i {
        self.0[usize::from(row)].load()
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn set_row(&mut self, row: u8, entries: __m512i) {
        self.0[usize::from(row)].store(entries);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn within(index: __m512i) -> __m512i {
    _mm512_and_si512(index, _mm512_set1_epi32(INDEX_MASK))
}

/// What is stored only after the gathers of the next step.
#[derive(Clone, Copy)]
struct Pending {
    row: u8,
    entry: __m512i,
    other: __m512i,
    index: __m512i,
    sum: __m512i,
}

/// Sixteen lanes, or twice sixteen. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(64))]
pub(crate) struct Wide {
    tables: [Table; GROUPS_MAX],
    keys: [[Row; 16]; GROUPS_MAX],
    /// Index j of each lane, with the number of the lane below it.
    index: [Row; GROUPS_MAX],
    /// Of the next byte: the same for all lanes.
    i: u8,
    #[zeroize(skip)]
    groups: usize,
    staging: Staging<LANES_MAX>,
}

impl Wide {
    /// Lanes of one vector.
    pub(crate) const GROUP: usize = GROUP;
    /// With fewer frames than this, most of a vector would be empty.
    pub(crate) const WORTH: usize = 10;
    /// So few frames that are longer than all others do not go on here.
    pub(crate) const FEW: usize = HALF;

    /// An unkeyed one, if the CPU can run it.
    pub(crate) fn detect(two_groups: bool) -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self {
            tables: [const { Table([Row::ZERO; 256]) }; GROUPS_MAX],
            keys: [[Row::ZERO; 16]; GROUPS_MAX],
            index: [Row::ZERO; GROUPS_MAX],
            i: 0,
            groups: if two_groups { 2 } else { 1 },
            staging: [[0; _]; LANES_MAX],
        })
    }

    /// How many lanes there are.
    pub(crate) const fn lanes(&self) -> usize {
        self.groups * GROUP
    }

    #[target_feature(enable = "avx512f")]
    fn write_keys(&mut self, keys: &[[u8; 16]]) {
        for (rows, keys) in self.keys.iter_mut().zip(keys.chunks(GROUP)) {
            let mut words = [Row::ZERO; 4];
            for (lane, key) in keys.iter().enumerate() {
                let (key_words, _) = key.as_chunks::<4>();
                for (row, word) in words.iter_mut().zip(key_words) {
                    row.0[lane] = u32::from_le_bytes(*word);
                }
            }
            let (quads, _) = rows.as_chunks_mut::<4>();
            for (quad, word) in quads.iter_mut().zip(&words) {
                spread(word.load(), quad);
            }
            words = [Row::ZERO; 4];
            optimization_barrier(&words);
        }
    }

    #[target_feature(enable = "avx512f")]
    fn key_groups<const G: usize>(&mut self) {
        for table in self.tables.iter_mut().take(G) {
            for (row, value) in table.0.iter_mut().zip(0i32..) {
                row.store(_mm512_set1_epi32(value << 4));
            }
        }
        let mut index = [lane_numbers(); G];
        let mut ahead = [[_mm512_setzero_si512(); AHEAD]; G];
        for (ahead, table) in ahead.iter_mut().zip(&self.tables) {
            for (entries, row) in ahead.iter_mut().zip(0u8..) {
                *entries = table.row(row);
            }
        }
        for round in 0..16u8 {
            for column in 0..16u8 {
                let i = round * 16 + column;
                for group in 0..G {
                    let key = self.keys[group][usize::from(column)].load();
                    let table = &mut self.tables[group];
                    key_step(table, i, key, &mut index[group], &mut ahead[group]);
                }
            }
        }
        self.index = [Row::ZERO; GROUPS_MAX];
        for row in &mut self.index {
            row.store(lane_numbers());
        }
        self.i = 1;
    }

    #[target_feature(enable = "avx512f")]
    fn run_groups<const G: usize>(&mut self, blocks: usize) {
        let zero = _mm512_setzero_si512();
        let mut index = [zero; G];
        let mut entry = [zero; G];
        let mut pending = [Pending::nothing(&self.tables[0], 0); G];
        for group in 0..G {
            index[group] = self.index[group].load();
            entry[group] = self.tables[group].row(self.i);
            pending[group] = Pending::nothing(&self.tables[group], self.i.wrapping_sub(1));
        }
        let mut words = [[zero; 4]; G];
        for block in 0..blocks {
            for place in 0..BLOCK {
                for group in 0..G {
                    let table = &mut self.tables[group];
                    let step = (&mut index[group], &mut entry[group], &mut pending[group]);
                    let before = run_step(table, self.i, step);
                    // The byte is that of the step before.
                    if place > 0 {
                        push(&mut words[group], place - 1, before);
                    } else if let Some(block) = block.checked_sub(1) {
                        push(&mut words[group], BLOCK - 1, before);
                        stage(
                            &words[group],
                            self.staging.split_at_mut(group * GROUP).1,
                            block,
                        );
                    }
                }
                self.i = self.i.wrapping_add(1);
            }
        }
        for group in 0..G {
            let table = &mut self.tables[group];
            pending[group].settle(table);
            if let Some(block) = blocks.checked_sub(1) {
                push(
                    &mut words[group],
                    BLOCK - 1,
                    table.gather(pending[group].sum),
                );
                stage(
                    &words[group],
                    self.staging.split_at_mut(group * GROUP).1,
                    block,
                );
            }
            self.index[group].store(index[group]);
        }
    }
}

impl Pending {
    /// What stores row `row` as it is.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn nothing(table: &Table, row: u8) -> Self {
        let (entries, index) = (table.row(row), row_index(row));
        Self {
            row,
            entry: entries,
            other: entries,
            index,
            sum: index,
        }
    }

    /// What a gather of `index` would have found after the stores.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn mend(&self, index: __m512i, found: __m512i) -> __m512i {
        let at_row = _mm512_cmpeq_epi32_mask(index, row_index(self.row));
        let found = _mm512_mask_mov_epi32(found, at_row, self.other);
        let at_index = _mm512_cmpeq_epi32_mask(index, self.index);
        _mm512_mask_mov_epi32(found, at_index, self.entry)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn settle(&self, table: &mut Table) {
        table.set_row(self.row, self.other);
        table.scatter(self.index, self.entry);
    }
}

/// Index j, the row at i, and the stores of the step before.
type Step<'s> = (&'s mut __m512i, &'s mut __m512i, &'s mut Pending);

/// A step of RC4 in sixteen lanes but for its stores; makes those of the step before, and answers the
/// bytes of that.
#[inline]
#[target_feature(enable = "avx512f")]
fn run_step(table: &mut Table, i: u8, (index, entry, pending): Step<'_>) -> __m512i {
    let next_index = row_index(i.wrapping_add(1));
    let before = *pending;
    let at = within(_mm512_add_epi32(*index, *entry));
    let other = before.mend(at, table.gather(at));
    let bytes = before.mend(before.sum, table.gather(before.sum));
    let next = before.mend(next_index, table.row(i.wrapping_add(1)));
    before.settle(table);
    let touched = _mm512_cmpeq_epi32_mask(next_index, at);
    let sum = _mm512_and_si512(
        _mm512_add_epi32(*entry, other),
        _mm512_set1_epi32(VALUE_MASK),
    );
    *pending = Pending {
        row: i,
        entry: *entry,
        other,
        index: at,
        sum: _mm512_or_si512(sum, lane_numbers()),
    };
    *index = at;
    *entry = _mm512_mask_mov_epi32(next, touched, *entry);
    bytes
}

/// A step of the key schedule in sixteen lanes. `ahead` holds the rows from i on.
#[inline]
#[target_feature(enable = "avx512f")]
fn key_step(
    table: &mut Table,
    i: u8,
    key: __m512i,
    index: &mut __m512i,
    ahead: &mut [__m512i; AHEAD],
) {
    let [entry, ..] = *ahead;
    *index = within(_mm512_add_epi32(*index, _mm512_add_epi32(entry, key)));
    let other = table.gather(*index);
    table.set_row(i, other);
    table.scatter(*index, entry);
    for (distance, step) in (1..AHEAD).zip(1u8..) {
        let touched = _mm512_cmpeq_epi32_mask(*index, row_index(i.wrapping_add(step)));
        ahead[distance - 1] = _mm512_mask_mov_epi32(ahead[distance], touched, entry);
    }
    let next = u8::try_from(AHEAD).unwrap_or(0);
    ahead[AHEAD - 1] = table.row(i.wrapping_add(next));
}

/// The index of a row in each lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn row_index(row: u8) -> __m512i {
    _mm512_or_si512(_mm512_set1_epi32(i32::from(row) << 4), lane_numbers())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn lane_numbers() -> __m512i {
    _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
}

/// The four bytes of each dword as rows of values times 16.
#[inline]
#[target_feature(enable = "avx512f")]
fn spread(words: __m512i, rows: &mut [Row; 4]) {
    let values = _mm512_set1_epi32(VALUE_MASK);
    let [a, b, c, d] = rows;
    a.store(_mm512_and_si512(_mm512_slli_epi32::<4>(words), values));
    b.store(_mm512_and_si512(_mm512_srli_epi32::<4>(words), values));
    c.store(_mm512_and_si512(_mm512_srli_epi32::<12>(words), values));
    d.store(_mm512_and_si512(_mm512_srli_epi32::<20>(words), values));
}

/// Adds a byte, times 16, to each lane's word that byte `place` of a block is in.
#[inline]
#[target_feature(enable = "avx512f")]
fn push(words: &mut [__m512i; 4], place: usize, bytes: __m512i) {
    let word = &mut words[place / 4];
    *word = _mm512_or_si512(
        _mm512_srli_epi32::<8>(*word),
        _mm512_slli_epi32::<20>(bytes),
    );
}

/// Turns four words of sixteen lanes into sixteen bytes of each.
#[inline]
#[target_feature(enable = "avx512f")]
fn stage(words: &[__m512i; 4], staging: &mut [StagingChunk], block: usize) {
    let [a, b, c, d] = *words;
    let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (low_2, high_2) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let quarters = [
        _mm512_unpacklo_epi64(low, low_2),
        _mm512_unpackhi_epi64(low, low_2),
        _mm512_unpacklo_epi64(high, high_2),
        _mm512_unpackhi_epi64(high, high_2),
    ];
    for (lane, quarter) in quarters.into_iter().enumerate() {
        let groups = [
            _mm512_extracti32x4_epi32::<0>(quarter),
            _mm512_extracti32x4_epi32::<1>(quarter),
            _mm512_extracti32x4_epi32::<2>(quarter),
            _mm512_extracti32x4_epi32::<3>(quarter),
        ];
        for (group, bytes) in groups.into_iter().enumerate() {
            let Some(chunk) = staging.get_mut(group * 4 + lane) else {
                return;
            };
            let (blocks, _) = chunk.as_chunks_mut::<BLOCK>();
            if let Some(place) = blocks.get_mut(block) {
                // SAFETY: `place` has 16 bytes.
                unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), bytes) };
            }
        }
    }
}

impl Lockstep for Wide {
    fn schedule(&mut self, keys: &[[u8; 16]]) {
        // SAFETY: there is no `Wide` where there is no AVX-512.
        unsafe { self.write_keys(keys) };
        if keys.len() <= GROUP {
            // SAFETY: there is no `Wide` where there is no AVX-512.
            unsafe { self.key_groups::<1>() };
        } else {
            // SAFETY: there is no `Wide` where there is no AVX-512.
            unsafe { self.key_groups::<2>() };
        }
    }

    fn run(&mut self, active: usize, blocks: usize) {
        let blocks = blocks.min(size_of::<StagingChunk>() / BLOCK);
        if active <= GROUP {
            // SAFETY: there is no `Wide` where there is no AVX-512.
            unsafe { self.run_groups::<1>(blocks) };
        } else {
            // SAFETY: there is no `Wide` where there is no AVX-512.
            unsafe { self.run_groups::<2>(blocks) };
        }
    }

    fn staged(&self) -> &[StagingChunk] {
        &self.staging
    }

    fn resume(&mut self, streams: &[StoredRc4]) {
        self.i = streams.first().map_or(0, stored_i).wrapping_add(1);
        for (group, streams) in streams.chunks(GROUP).enumerate().take(GROUPS_MAX) {
            // Lanes without a stream run too, in their own places.
            for (index, number) in self.index[group].0.iter_mut().zip(0u32..) {
                *index = number;
            }
            for (index, [_, j, ..]) in self.index[group].0.iter_mut().zip(streams) {
                *index |= u32::from(*j) << 4;
            }
            let (low, high) = streams.split_at(streams.len().min(HALF));
            let table = &mut self.tables[group];
            as_eight(low, |low| {
                // SAFETY: there is no `Wide` where there is no AVX-512.
                as_eight(high, |high| unsafe { table.resume(low, high) });
            });
        }
    }

    fn store(&self, streams: &mut [StoredRc4]) {
        for (group, streams) in streams.chunks_mut(GROUP).enumerate().take(GROUPS_MAX) {
            for ([i, j, ..], index) in streams.iter_mut().zip(&self.index[group].0) {
                *i = self.i.wrapping_sub(1);
                [*j, ..] = (index >> 4).to_le_bytes();
            }
            let (low, high) = streams.split_at_mut(streams.len().min(HALF));
            let table = &self.tables[group];
            as_eight_mut(low, |low| {
                // SAFETY: there is no `Wide` where there is no AVX-512.
                as_eight_mut(high, |high| unsafe { table.rest(low, high) });
            });
        }
    }
}
