//! Six streams in lockstep in safe Rust, for any machine.
//!
//! Each lane has a table of bytes of its own. Six lanes are where a step of one lane no longer waits
//! for the stores of its last, and where the indices still fit the registers of most cores.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::lockstep::{BLOCK, Lockstep, Staging, StagingChunk};
use crate::mppe::rc4::StoredRc4;

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
        for table in &mut self.tables {
            for (entry, value) in table.iter_mut().zip(0u8..=255) {
                *entry = value;
            }
        }
        let mut j = [0u8; LANES];
        for row in 0..16u8 {
            for column in 0..16u8 {
                let i = usize::from(row * 16 + column);
                for lane in 0..LANES {
                    let table = &mut self.tables[lane];
                    let entry = table[i];
                    let key_byte = lane_keys[lane][usize::from(column)];
                    j[lane] = j[lane].wrapping_add(entry).wrapping_add(key_byte);
                    let other = table[usize::from(j[lane])];
                    table[i] = other;
                    table[usize::from(j[lane])] = entry;
                }
            }
        }
        self.j = [0; LANES];
        self.i = 0;
        lane_keys.zeroize();
    }

    fn run(&mut self, _active: usize, blocks: usize) {
        let mut j = self.j;
        for block in 0..blocks.min(size_of::<StagingChunk>() / BLOCK) {
            for column in 0..BLOCK {
                let place = block * BLOCK + column;
                self.i = self.i.wrapping_add(1);
                let i = usize::from(self.i);
                for lane in 0..LANES {
                    let table = &mut self.tables[lane];
                    let entry = table[i];
                    j[lane] = j[lane].wrapping_add(entry);
                    let other = table[usize::from(j[lane])];
                    table[i] = other;
                    table[usize::from(j[lane])] = entry;
                    let sum = entry.wrapping_add(other);
                    self.staging[lane][place % size_of::<StagingChunk>()] = table[usize::from(sum)];
                }
            }
        }
        self.j = j;
    }

    fn staged(&self) -> &[StagingChunk] {
        &self.staging
    }

    fn resume(&mut self, streams: &[&mut StoredRc4]) {
        self.i = 0;
        let lanes = self.tables.iter_mut().zip(&mut self.j);
        for ((table, j), stream) in lanes.zip(streams) {
            let [_, stored_j, stored @ ..] = &**stream;
            *j = *stored_j;
            *table = *stored;
        }
    }

    fn store(&self, streams: &mut [&mut StoredRc4]) {
        let lanes = self.tables.iter().zip(&self.j);
        for ((table, j), stream) in lanes.zip(streams) {
            let [stored_i, stored_j, stored @ ..] = &mut **stream;
            (*stored_i, *stored_j) = (self.i, *j);
            *stored = *table;
        }
    }
}
