//! Six streams in lockstep in safe Rust, for any machine.
//!
//! Each lane has a table of bytes of its own. Six lanes are where a step of one lane no longer waits
//! for the stores of its last, and where the indices still fit the registers of most cores.

use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

use super::ORDER;
use super::lockstep::{BLOCK, Lockstep, Staging, StagingChunk};
use crate::mppe::rc4::{StoredRc4, stored_i};

const LANES: usize = 6;

/// Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Interleaved {
    tables: [[u8; 256]; LANES],
    j: [u8; LANES],
    /// Of the last byte made: the same for all lanes.
    i: u8,
    staging: Staging<LANES>,
}

impl Interleaved {
    pub(super) const LANES: usize = LANES;

    pub(super) fn new() -> Self {
        Self {
            tables: [[0; 256]; LANES],
            j: [0; LANES],
            i: 0,
            staging: [[0; _]; LANES],
        }
    }
}

impl Lockstep for Interleaved {
    fn schedule(&mut self, keys: &[[u8; 16]]) {
        let mut lane_keys = [[0; 16]; LANES];
        for (lane_key, key) in lane_keys.iter_mut().zip(keys) {
            *lane_key = *key;
        }
        self.tables = [ORDER; LANES];
        key(&mut self.tables, &lane_keys);
        self.j = [0; LANES];
        self.i = 0;
        lane_keys = [[0; 16]; LANES];
        optimization_barrier(&lane_keys);
    }

    fn run(&mut self, _active: usize, blocks: usize) {
        let length = blocks.min(CHUNK / BLOCK) * BLOCK;
        run(
            &mut self.tables,
            &mut self.j,
            self.i,
            &mut self.staging,
            length,
        );
        let [low, ..] = length.to_le_bytes();
        self.i = self.i.wrapping_add(low);
    }

    fn staged(&self) -> &[StagingChunk] {
        &self.staging
    }

    fn resume(&mut self, streams: &[StoredRc4]) {
        self.i = streams.first().map_or(0, stored_i);
        let lanes = self.tables.iter_mut().zip(&mut self.j);
        for ((table, j), stream) in lanes.zip(streams) {
            let [_, stored_j, stored @ ..] = stream;
            (*j, *table) = (*stored_j, *stored);
        }
    }

    fn store(&self, streams: &mut [StoredRc4]) {
        let lanes = self.tables.iter().zip(&self.j);
        for ((table, j), stream) in lanes.zip(streams) {
            let [stored_i, stored_j, stored @ ..] = stream;
            (*stored_i, *stored_j, *stored) = (self.i, *j, *table);
        }
    }
}

const CHUNK: usize = size_of::<StagingChunk>();

/// The key schedule of all lanes, from tables in order.
#[inline(never)]
#[expect(
    clippy::needless_range_loop,
    reason = "columns index the keys of all lanes"
)]
fn key(tables: &mut [[u8; 256]; LANES], keys: &[[u8; 16]; LANES]) {
    let mut j = [0u8; LANES];
    for row in (0..256).step_by(16) {
        for column in 0..16 {
            let i = low_byte(row + column);
            for lane in 0..LANES {
                let entry = tables[lane][i];
                j[lane] = j[lane].wrapping_add(entry).wrapping_add(keys[lane][column]);
                let other = tables[lane][usize::from(j[lane])];
                tables[lane][i] = other;
                tables[lane][usize::from(j[lane])] = entry;
            }
        }
    }
}

/// `length` bytes of each lane, where `i` was the index of the byte before.
#[inline(never)]
fn run(
    tables: &mut [[u8; 256]; LANES],
    indices: &mut [u8; LANES],
    i: u8,
    out: &mut Staging<LANES>,
    length: usize,
) {
    let mut j = *indices;
    for row in (0..length).step_by(BLOCK) {
        for column in 0..BLOCK {
            let i = low_byte(usize::from(i) + row + column + 1);
            for lane in 0..LANES {
                let entry = tables[lane][i];
                j[lane] = j[lane].wrapping_add(entry);
                let other = tables[lane][usize::from(j[lane])];
                tables[lane][i] = other;
                tables[lane][usize::from(j[lane])] = entry;
                let sum = entry.wrapping_add(other);
                out[lane][(row + column) % CHUNK] = tables[lane][usize::from(sum)];
            }
        }
    }
    *indices = j;
}

#[inline(always)]
const fn low_byte(value: usize) -> usize {
    value & 0xff
}
