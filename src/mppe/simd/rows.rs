//! Eight streams whose tables are interleaved byte by byte: row r holds entry r of each lane.
//!
//! What binds RC4 on current cores is that a core commits one store to a cache line in a cycle, and a
//! step of a stream makes two: one at index i, one at index j. Index i is the same for all lanes, so
//! their stores at i are one store of a word. No step has to know of it: if j is i, both stores of a
//! lane write the same byte.
//!
//! Lanes come in halves of four, so that a half whose frames have ended costs nothing.

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_storeu_si128};

use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

use super::turn::{as_eight, as_eight_mut, set_word, turn, word};
use crate::mppe::kernel::{BLOCK, Lockstep, Staging, StagingChunk};
use crate::mppe::rc4::{StoredRc4, stored_i};

const LANES: usize = 8;
const HALF: usize = LANES / 2;

/// Tables, key bytes and indices of eight lanes. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(64))]
pub(crate) struct Rows {
    /// A row a word: the entry of lane n in its byte n.
    table: [u64; 256],
    keys: [[u8; LANES]; 16],
    j: [u64; LANES],
    /// Of the next byte: the same for all lanes, below 256.
    i: u64,
    staging: Staging<LANES>,
}

/// The two entries and the store at index j of one lane, `j` its register, `a` (`a8` its low byte) a
/// register for what the table held at i; `merge` makes room in rcx for what it held at j.
macro_rules! swap {
    ($lane:literal, $j:literal, $a:literal, $a8:literal, $first:literal, $key:expr) => {
        concat!(
            "movzx ",
            $a,
            ", byte ptr [rdi + 8*rsi + ",
            $lane,
            "]\n",
            $key,
            "add ",
            $j,
            "b, ",
            $a8,
            "\n",
            $first,
            "byte ptr [rdi + 8*",
            $j,
            " + ",
            $lane,
            "]\n",
            "mov byte ptr [rdi + 8*",
            $j,
            " + ",
            $lane,
            "], ",
            $a8,
            "\n",
        )
    };
}

/// Index j moves on by a byte of the key too.
macro_rules! add_key {
    ($lane:literal, $j:literal, $column:literal) => {
        concat!(
            "add ",
            $j,
            "b, byte ptr [rdx + 8*",
            $column,
            " + ",
            $lane,
            "]\n"
        )
    };
}

macro_rules! key_half {
    ($column:literal, $at:literal, $l0:literal $j0:literal, $l1:literal $j1:literal,
     $l2:literal $j2:literal, $l3:literal $j3:literal) => {
        concat!(
            swap!(
                $l0,
                $j0,
                "eax",
                "al",
                "movzx ecx, ",
                add_key!($l0, $j0, $column)
            ),
            swap!(
                $l1,
                $j1,
                "eax",
                "al",
                "shl ecx, 8\nmov cl, ",
                add_key!($l1, $j1, $column)
            ),
            swap!(
                $l2,
                $j2,
                "eax",
                "al",
                "shl ecx, 8\nmov cl, ",
                add_key!($l2, $j2, $column)
            ),
            swap!(
                $l3,
                $j3,
                "eax",
                "al",
                "shl ecx, 8\nmov cl, ",
                add_key!($l3, $j3, $column)
            ),
            "mov dword ptr [rdi + 8*rsi + ",
            $at,
            "], ecx\n",
        )
    };
}

macro_rules! low_half {
    ($half:ident, $column:literal) => {
        $half!($column, "0", "3" "r11", "2" "r10", "1" "r9", "0" "r8")
    };
}

macro_rules! high_half {
    ($half:ident, $column:literal) => {
        $half!($column, "4", "7" "r15", "6" "r14", "5" "r13", "4" "r12")
    };
}

macro_rules! key_step {
    ($column:literal, low) => {
        concat!(low_half!(key_half, $column), "inc esi\n")
    };
    ($column:literal, both) => {
        concat!(
            high_half!(key_half, $column),
            low_half!(key_half, $column),
            "inc esi\n"
        )
    };
}

/// One step of four lanes: after the swap, the sum of both entries says where the byte is.
macro_rules! run_half {
    ($column:literal, $at:literal, $l0:literal $j0:literal, $l1:literal $j1:literal,
     $l2:literal $j2:literal, $l3:literal $j3:literal) => {
        concat!(
            swap!($l0, $j0, "eax", "al", "movzx ecx, ", ""),
            "add al, cl\n",
            swap!($l1, $j1, "edx", "dl", "shl ecx, 8\nmov cl, ", ""),
            "add dl, cl\n",
            swap!($l2, $j2, "ebx", "bl", "shl ecx, 8\nmov cl, ", ""),
            "add bl, cl\n",
            swap!($l3, $j3, "ebp", "bpl", "shl ecx, 8\nmov cl, ", ""),
            "add bpl, cl\n",
            "mov dword ptr [rdi + 8*rsi + ",
            $at,
            "], ecx\n",
            "vpinsrb xmm",
            $l0,
            ", xmm",
            $l0,
            ", byte ptr [rdi + 8*rax + ",
            $l0,
            "], ",
            $column,
            "\n",
            "vpinsrb xmm",
            $l1,
            ", xmm",
            $l1,
            ", byte ptr [rdi + 8*rdx + ",
            $l1,
            "], ",
            $column,
            "\n",
            "vpinsrb xmm",
            $l2,
            ", xmm",
            $l2,
            ", byte ptr [rdi + 8*rbx + ",
            $l2,
            "], ",
            $column,
            "\n",
            "vpinsrb xmm",
            $l3,
            ", xmm",
            $l3,
            ", byte ptr [rdi + 8*rbp + ",
            $l3,
            "], ",
            $column,
            "\n",
        )
    };
}

macro_rules! run_step {
    ($column:literal, low) => {
        concat!(low_half!(run_half, $column), "inc sil\n")
    };
    ($column:literal, both) => {
        concat!(
            high_half!(run_half, $column),
            low_half!(run_half, $column),
            "inc sil\n"
        )
    };
}

macro_rules! sixteen {
    ($step:ident, $lanes:ident) => {
        concat!(
            $step!("0", $lanes),
            $step!("1", $lanes),
            $step!("2", $lanes),
            $step!("3", $lanes),
            $step!("4", $lanes),
            $step!("5", $lanes),
            $step!("6", $lanes),
            $step!("7", $lanes),
            $step!("8", $lanes),
            $step!("9", $lanes),
            $step!("10", $lanes),
            $step!("11", $lanes),
            $step!("12", $lanes),
            $step!("13", $lanes),
            $step!("14", $lanes),
            $step!("15", $lanes),
        )
    };
}

impl Rows {
    /// How many lanes there are.
    pub(crate) const LANES: usize = LANES;

    /// How many lanes run with so many frames.
    pub(crate) const fn width(frames: usize) -> usize {
        frames.next_multiple_of(HALF)
    }

    /// An unkeyed one, if the CPU can run it.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx").then_some(Self {
            table: [0; 256],
            keys: [[0; LANES]; 16],
            j: [0; LANES],
            i: 0,
            staging: [[0; _]; LANES],
        })
    }

    fn key_low_half(&mut self) {
        let (table, keys) = (self.table.as_mut_ptr(), self.keys.as_ptr());
        // SAFETY: rdi points to 256 rows of 8 bytes, rdx to 16. Rows are indexed by rsi, 0 to 255, and by
        // bytes zero-extended; lanes are 0 to 3 here. Only rows are written.
        unsafe {
            asm!(
                "2:",
                sixteen!(key_step, low),
                "cmp esi, 256",
                "jb 2b",
                in("rdi") table, in("rdx") keys, inout("rsi") 0u64 => _,
                out("rax") _, out("rcx") _,
                inout("r8") 0u64 => _, inout("r9") 0u64 => _,
                inout("r10") 0u64 => _, inout("r11") 0u64 => _,
                options(nostack),
            );
        }
    }

    fn key_both_halves(&mut self) {
        let (table, keys) = (self.table.as_mut_ptr(), self.keys.as_ptr());
        // SAFETY: rdi points to 256 rows of 8 bytes, rdx to 16. Rows are indexed by rsi, 0 to 255, and by
        // bytes zero-extended; lanes are 0 to 7. Only rows are written.
        unsafe {
            asm!(
                "2:",
                sixteen!(key_step, both),
                "cmp esi, 256",
                "jb 2b",
                in("rdi") table, in("rdx") keys, inout("rsi") 0u64 => _,
                out("rax") _, out("rcx") _,
                inout("r8") 0u64 => _, inout("r9") 0u64 => _,
                inout("r10") 0u64 => _, inout("r11") 0u64 => _,
                inout("r12") 0u64 => _, inout("r13") 0u64 => _,
                inout("r14") 0u64 => _, inout("r15") 0u64 => _,
                options(nostack),
            );
        }
    }

    #[target_feature(enable = "avx")]
    fn run_low_half(&mut self, block: usize) {
        let table = self.table.as_mut_ptr();
        let [j0, j1, j2, j3, ..] = &mut self.j;
        let (x0, x1, x2, x3): (__m128i, __m128i, __m128i, __m128i);
        // SAFETY: rdi points to 256 rows of 8 bytes, which are indexed by bytes zero-extended: `self.i`
        // and `self.j` are below 256. Only rows are written. rbx and rbp, which cannot be operands, are
        // put back. The CPU has AVX.
        unsafe {
            asm!(
                "push rbx", "push rbp",
                sixteen!(run_step, low),
                "pop rbp", "pop rbx",
                in("rdi") table, inout("rsi") self.i,
                out("rax") _, out("rcx") _, out("rdx") _,
                inout("r8") *j0, inout("r9") *j1, inout("r10") *j2, inout("r11") *j3,
                out("xmm0") x0, out("xmm1") x1, out("xmm2") x2, out("xmm3") x3,
            );
        }
        self.stage(block, &[x0, x1, x2, x3]);
    }

    #[target_feature(enable = "avx")]
    fn run_both_halves(&mut self, block: usize) {
        let table = self.table.as_mut_ptr();
        let [j0, j1, j2, j3, j4, j5, j6, j7] = &mut self.j;
        let (x0, x1, x2, x3): (__m128i, __m128i, __m128i, __m128i);
        let (x4, x5, x6, x7): (__m128i, __m128i, __m128i, __m128i);
        // SAFETY: rdi points to 256 rows of 8 bytes, which are indexed by bytes zero-extended: `self.i`
        // and `self.j` are below 256. Only rows are written. rbx and rbp, which cannot be operands, are
        // put back. The CPU has AVX.
        unsafe {
            asm!(
                "push rbx", "push rbp",
                sixteen!(run_step, both),
                "pop rbp", "pop rbx",
                in("rdi") table, inout("rsi") self.i,
                out("rax") _, out("rcx") _, out("rdx") _,
                inout("r8") *j0, inout("r9") *j1, inout("r10") *j2, inout("r11") *j3,
                inout("r12") *j4, inout("r13") *j5, inout("r14") *j6, inout("r15") *j7,
                out("xmm0") x0, out("xmm1") x1, out("xmm2") x2, out("xmm3") x3,
                out("xmm4") x4, out("xmm5") x5, out("xmm6") x6, out("xmm7") x7,
            );
        }
        self.stage(block, &[x0, x1, x2, x3, x4, x5, x6, x7]);
    }

    #[inline(always)]
    fn stage(&mut self, block: usize, made: &[__m128i]) {
        for (chunk, bytes) in self.staging.iter_mut().zip(made) {
            let (blocks, _) = chunk.as_chunks_mut::<BLOCK>();
            if let Some(place) = blocks.get_mut(block) {
                // SAFETY: `place` has 16 bytes.
                unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), *bytes) };
            }
        }
    }
}

impl Lockstep for Rows {
    fn schedule(&mut self, keys: &[[u8; 16]]) {
        let mut lane_keys = [[0u8; 16]; LANES];
        for (lane_key, key) in lane_keys.iter_mut().zip(keys) {
            *lane_key = *key;
        }
        for (column, row) in self.keys.iter_mut().enumerate() {
            *row = lane_keys.map(|key| key[column]);
        }
        lane_keys = [[0; 16]; LANES];
        optimization_barrier(&lane_keys);
        let mut value = 0u64;
        for row in &mut self.table {
            *row = value;
            value = value.wrapping_add(u64::from_le_bytes([1; LANES]));
        }
        if keys.len() <= HALF {
            self.key_low_half();
        } else {
            self.key_both_halves();
        }
        self.j = [0; LANES];
        self.i = 1;
    }

    fn run(&mut self, active: usize, blocks: usize) {
        for block in 0..blocks.min(size_of::<StagingChunk>() / BLOCK) {
            if active <= HALF {
                // SAFETY: there is no `Rows` where there is no AVX.
                unsafe { self.run_low_half(block) };
            } else {
                // SAFETY: there is no `Rows` where there is no AVX.
                unsafe { self.run_both_halves(block) };
            }
        }
    }

    fn staged(&self) -> &[StagingChunk] {
        &self.staging
    }

    fn resume(&mut self, streams: &[StoredRc4]) {
        self.i = u64::from(streams.first().map_or(0, stored_i).wrapping_add(1));
        for (j, [_, stored_j, ..]) in self.j.iter_mut().zip(streams) {
            *j = u64::from(*stored_j);
        }
        let (blocks, _) = self.table.as_chunks_mut::<LANES>();
        as_eight(streams, |streams| {
            for (place, rows) in blocks.iter_mut().enumerate() {
                turn(
                    |lane| word(&streams[lane], place),
                    |row, word| rows[row] = word,
                );
            }
        });
    }

    fn store(&self, streams: &mut [StoredRc4]) {
        let [next_i, ..] = self.i.to_le_bytes();
        for ([i, stored_j, ..], j) in streams.iter_mut().zip(&self.j) {
            *i = next_i.wrapping_sub(1);
            [*stored_j, ..] = j.to_le_bytes();
        }
        let (blocks, _) = self.table.as_chunks::<LANES>();
        as_eight_mut(streams, |streams| {
            for (place, rows) in blocks.iter().enumerate() {
                turn(
                    |row| rows[row],
                    |lane, word| set_word(&mut streams[lane], place, word),
                );
            }
        });
    }
}
