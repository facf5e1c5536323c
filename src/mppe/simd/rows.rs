//! Sixteen streams whose tables are interleaved byte by byte: row r holds entry r of each lane, in two
//! halves of eight lanes.
//!
//! What binds RC4 on current cores is that a core commits one store to a cache line in a cycle, and a
//! step of a stream makes two: one at index i, one at index j. Index i is the same for all lanes, so
//! their stores at i are one store of a word for each half.
//!
//! - All indices j are one vector, and so are the entries at i: one addition moves sixteen streams on.
//! - A row is loaded one step ahead, since a load of a row right behind the store of one of its bytes
//!   would wait for that store. Where a step's index j is that row, the row is mended in the register.
//! - Bytes of keystream are looked up in the step behind the one that they are of, so that a step's loads
//!   do not wait for each other: that takes a fifth from it (Zen 4).
//! - Bytes are loaded into vectors and stored from vectors. What went through general registers on one
//!   of the ways, or indices through memory, took up to twice as long where this was measured (Zen 4).
//!
//! Eight lanes or fewer leave the second half alone.

use std::arch::asm;
use std::arch::x86_64::{
    __m128i, __m256i, _mm_load_si128, _mm_set_epi64x, _mm_set1_epi8, _mm_setzero_si128,
    _mm_store_si128, _mm256_castsi256_si128, _mm256_set_m128i, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

use super::turn::{as_eight, as_eight_mut, set_word, turn, word};
use crate::mppe::kernel::{BLOCK, Lockstep, Staging, StagingChunk};
use crate::mppe::rc4::{StoredRc4, stored_i};

const LANES: usize = 16;
const HALF: usize = LANES / 2;
/// Rows of a half: 256, and two that are loaded ahead of the last step and never used.
const ROWS: usize = 258;
// The macros below say it in numbers.
const _: () = assert!(8 * ROWS == 2064);

/// A half whose lanes all have their entries in order.
static ROWS_IN_ORDER: [u64; ROWS] = {
    let mut rows = [0u64; ROWS];
    let mut row = 1;
    while row < ROWS {
        rows[row] = rows[row - 1].wrapping_add(u64::from_le_bytes([1; HALF]));
        row += 1;
    }
    rows
};

/// One byte of each lane, as it lies in memory.
#[derive(Clone, Copy, Zeroize)]
#[repr(C, align(16))]
struct Bytes([u8; LANES]);

impl Bytes {
    const ZERO: Self = Self([0; LANES]);

    #[inline(always)]
    fn load(&self) -> __m128i {
        // SAFETY: 16 aligned bytes; SSE2 is part of x86-64.
        unsafe { _mm_load_si128(self.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(&mut self, vector: __m128i) {
        // SAFETY: 16 aligned bytes; SSE2 is part of x86-64.
        unsafe { _mm_store_si128(self.0.as_mut_ptr().cast(), vector) };
    }
}

/// Tables, key bytes and indices of all lanes. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(64))]
pub(crate) struct Rows {
    /// A row of a half a word: the entry of lane n, or 8 + n, in its byte n.
    table: [[u64; ROWS]; 2],
    keys: [Bytes; 16],
    j: Bytes,
    /// Of the next byte: the same for all lanes.
    i: u8,
    staging: Staging<LANES>,
    /// Keystream by row, before it is turned into `staging`. Nothing is in the first row, since each is
    /// written a step late.
    made: [Bytes; 1 + CHUNK],
}

const CHUNK: usize = size_of::<StagingChunk>();

/// The table's byte of a lane in the row that `$index` says. The second half begins `8 * ROWS` bytes on.
macro_rules! entry {
    (0, $lane:tt, $index:literal) => {
        concat!("byte ptr [rdi + 8*", $index, " + ", $lane, "]")
    };
    (1, $lane:tt, $index:literal) => {
        concat!("byte ptr [rdi + 8*", $index, " + 2064 + ", $lane, "]")
    };
}

/// Inserting begins anew at each half's first lane, from a vector that waits for nothing.
macro_rules! before {
    ("0", $vector:literal) => {
        "xmm4"
    };
    ($lane:tt, $vector:literal) => {
        $vector
    };
}

/// What a lane's table holds at j goes to `$others`, and what it held at i, in xmm1, to j.
macro_rules! swap {
    ($half:tt, $lane:tt, $at:literal, $others:literal, $index:literal) => {
        concat!(
            "vpinsrb ",
            $others,
            ", ",
            before!($lane, $others),
            ", ",
            entry!($half, $lane, $index),
            ", ",
            $lane,
            "\n",
            "vpextrb ",
            entry!($half, $lane, $index),
            ", xmm1, ",
            $at,
            "\n",
        )
    };
}

/// The byte of keystream goes to `$made`.
macro_rules! look_up {
    ($half:tt, $lane:tt, $at:literal, $made:literal, $index:literal) => {
        concat!(
            "vpinsrb ",
            $made,
            ", ",
            before!($lane, $made),
            ", ",
            entry!($half, $lane, $index),
            ", ",
            $lane,
            "\n"
        )
    };
}

/// Two lanes, whose indices are the low bytes of a register.
macro_rules! pair {
    ($do:ident, $half:tt, $even:tt $even_at:literal, $odd:tt $odd_at:literal,
     $low:literal $high:literal, $vector:literal) => {
        concat!(
            "movzx r11d, ",
            $low,
            "\n",
            "movzx esi, ",
            $high,
            "\n",
            $do!($half, $even, $even_at, $vector, "r11"),
            $do!($half, $odd, $odd_at, $vector, "rsi"),
        )
    };
}

/// Eight lanes, whose indices are the bytes of rax or rdx.
macro_rules! half {
    ($do:ident, 0, $vector:literal) => {
        concat!(
            pair!($do, 0, "0" "0", "1" "1", "al" "ah", $vector), "shr rax, 16\n",
            pair!($do, 0, "2" "2", "3" "3", "al" "ah", $vector), "shr rax, 16\n",
            pair!($do, 0, "4" "4", "5" "5", "al" "ah", $vector), "shr rax, 16\n",
            pair!($do, 0, "6" "6", "7" "7", "al" "ah", $vector),
        )
    };
    ($do:ident, 1, $vector:literal) => {
        concat!(
            pair!($do, 1, "0" "8", "1" "9", "dl" "dh", $vector), "shr rdx, 16\n",
            pair!($do, 1, "2" "10", "3" "11", "dl" "dh", $vector), "shr rdx, 16\n",
            pair!($do, 1, "4" "12", "5" "13", "dl" "dh", $vector), "shr rdx, 16\n",
            pair!($do, 1, "6" "14", "7" "15", "dl" "dh", $vector),
        )
    };
}

/// The bytes of a half of a vector as indices.
macro_rules! indices {
    (0, $vector:literal) => {
        concat!("vmovq rax, ", $vector, "\n")
    };
    (1, $vector:literal) => {
        concat!("vpextrq rdx, ", $vector, ", 1\n")
    };
}

/// The row at `$place` to xmm2.
macro_rules! load_row {
    (low, $place:literal) => {
        concat!("vmovq xmm2, qword ptr [rdi + ", $place, "]\n")
    };
    (both, $place:literal) => {
        concat!(
            load_row!(low, $place),
            "vmovhps xmm2, xmm2, qword ptr [rdi + 2064 + ",
            $place,
            "]\n",
        )
    };
}

/// xmm5, and xmm6 for the second half, to the row at i.
macro_rules! store_row {
    (low) => {
        "vmovq qword ptr [rdi + 8*r10], xmm5\n"
    };
    (both) => {
        concat!(
            store_row!(low),
            "vmovq qword ptr [rdi + 8*r10 + 2064], xmm6\n"
        )
    };
}

/// The halves of a vector become one.
macro_rules! join {
    (low, $first:literal, $second:literal) => {
        ""
    };
    (both, $first:literal, $second:literal) => {
        concat!("vpunpcklqdq ", $first, ", ", $first, ", ", $second, "\n")
    };
}

/// All indices j are in xmm0 and the row at i in xmm1: xmm2, the row at i + 1, is mended. xmm3 says which
/// row that is.
macro_rules! mend_next {
    () => {
        concat!(
            "vpcmpeqb xmm7, xmm0, xmm3\n",
            "vpblendvb xmm2, xmm2, xmm1, xmm7\n",
            "vpaddb xmm3, xmm3, xmm4\n",
        )
    };
}

/// Entries at i and j are exchanged, of which those at i are to be written yet.
macro_rules! swap_lanes {
    (low) => {
        concat!(indices!(0, "xmm0"), half!(swap, 0, "xmm5"))
    };
    (both) => {
        concat!(
            swap_lanes!(low),
            indices!(1, "xmm0"),
            half!(swap, 1, "xmm6")
        )
    };
}

/// Bytes of keystream, whose places are in xmm8, to xmm9.
macro_rules! look_up_lanes {
    (low) => {
        concat!(indices!(0, "xmm8"), half!(look_up, 0, "xmm9"))
    };
    (both) => {
        concat!(
            look_up_lanes!(low),
            indices!(1, "xmm8"),
            half!(look_up, 1, "xmm10"),
            join!(both, "xmm9", "xmm10"),
        )
    };
}

/// The same of this step and of the one before it, by halves: neither waits for the other.
macro_rules! swap_and_look_up_lanes {
    (low) => {
        concat!(
            indices!(0, "xmm0"),
            half!(swap, 0, "xmm5"),
            indices!(0, "xmm8"),
            half!(look_up, 0, "xmm9"),
        )
    };
    (both) => {
        concat!(
            swap_and_look_up_lanes!(low),
            indices!(1, "xmm0"),
            half!(swap, 1, "xmm6"),
            indices!(1, "xmm8"),
            half!(look_up, 1, "xmm10"),
            join!(both, "xmm9", "xmm10"),
        )
    };
}

macro_rules! key_step {
    ($lanes:ident) => {
        concat!(
            "vpaddb xmm7, xmm1, xmmword ptr [r9]\n",
            "vpaddb xmm0, xmm0, xmm7\n",
            mend_next!(),
            swap_lanes!($lanes),
            store_row!($lanes),
            "vmovdqa xmm1, xmm2\n",
            "inc r10d\n",
            load_row!($lanes, "8*r10 + 8"),
        )
    };
}

/// The byte of keystream of the step before is looked up behind this step's exchange at j. Where that was
/// its place, which xmm11 says, it is what the exchange took from there.
macro_rules! run_step {
    ($lanes:ident) => {
        concat!(
            "vpaddb xmm0, xmm0, xmm1\n",
            "vpcmpeqb xmm11, xmm0, xmm8\n",
            mend_next!(),
            swap_and_look_up_lanes!($lanes),
            store_row!($lanes),
            join!($lanes, "xmm5", "xmm6"),
            "vpblendvb xmm9, xmm9, xmm5, xmm11\n",
            "vmovdqa xmmword ptr [r9], xmm9\n",
            "vpaddb xmm8, xmm5, xmm1\n",
            "vmovdqa xmm1, xmm2\n",
            "add r10b, 2\n",
            load_row!($lanes, "8*r10"),
            "dec r10b\n",
        )
    };
}

macro_rules! key_all {
    ($lanes:ident) => {
        concat!(
            "2:\n",
            "mov r9, rcx\n",
            "3:\n",
            key_step!($lanes),
            "add r9, 16\n",
            "cmp r9, r8\n",
            "jb 3b\n",
            "cmp r10d, 256\n",
            "jb 2b\n",
        )
    };
}

macro_rules! run_all {
    ($lanes:ident) => {
        concat!(
            "2:\n",
            run_step!($lanes),
            "add r9, 16\n",
            "cmp r9, r8\n",
            "jb 2b\n",
            look_up_lanes!($lanes),
            "vmovdqa xmmword ptr [r9], xmm9\n",
        )
    };
}

macro_rules! key_lanes {
    ($lanes:ident, $rows:expr) => {{
        let rows: &mut Rows = $rows;
        let (row, next) = (rows.row(0), rows.row(1));
        let keys = rows.keys.as_ptr_range();
        // SAFETY: rdi points to two halves of `ROWS` rows of 8 bytes. They are indexed by r10, 0 to 255, two
        // more for what is loaded, and by bytes zero-extended; only rows up to 255 are written. r9 goes from
        // rcx to r8, the keys. The CPU has AVX2.
        unsafe {
            asm!(
                key_all!($lanes),
                in("rdi") rows.table.as_mut_ptr(), inout("r10") 0u64 => _,
                in("rcx") keys.start, in("r8") keys.end, out("r9") _,
                out("rax") _, out("rdx") _, out("rsi") _, out("r11") _,
                inout("xmm0") _mm_setzero_si128() => _, inout("xmm1") row => _,
                inout("xmm2") next => _, inout("xmm3") _mm_set1_epi8(1) => _,
                in("xmm4") _mm_set1_epi8(1), out("xmm5") _, out("xmm6") _, out("xmm7") _,
                options(nostack),
            );
        }
    }};
}

macro_rules! run_lanes {
    ($lanes:ident, $rows:expr, $length:expr) => {{
        let (rows, length): (&mut Rows, usize) = ($rows, $length);
        let next_i = rows.i.wrapping_add(1);
        let (row, next) = (rows.row(rows.i), rows.row(next_i));
        let (mut i, mut j) = (u64::from(rows.i), rows.j.load());
        let made = rows.made.get_mut(..length).filter(|made| !made.is_empty());
        let Some(made) = made.filter(|made| made.len() <= CHUNK) else {
            return;
        };
        let made = made.as_mut_ptr_range();
        // SAFETY: rdi points to two halves of `ROWS` rows of 8 bytes, which are indexed by bytes
        // zero-extended: r10 is below 256. r9 goes from the first row that is written to r8, which is a row
        // too since no more than `CHUNK` were before it, and written last. The CPU has AVX2.
        unsafe {
            asm!(
                run_all!($lanes),
                in("rdi") rows.table.as_mut_ptr(), inout("r10") i,
                inout("r9") made.start => _, in("r8") made.end,
                out("rax") _, out("rdx") _, out("rsi") _, out("r11") _,
                inout("xmm0") j, inout("xmm1") row => _, inout("xmm2") next => _,
                inout("xmm3") _mm_set1_epi8(next_i.cast_signed()) => _,
                in("xmm4") _mm_set1_epi8(1), out("xmm5") _, out("xmm6") _, out("xmm7") _,
                inout("xmm8") _mm_setzero_si128() => _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                options(nostack),
            );
        }
        rows.j.store(j);
        [rows.i, ..] = i.to_le_bytes();
    }};
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
        is_x86_feature_detected!("avx2").then_some(Self {
            table: [[0; ROWS]; 2],
            keys: [Bytes::ZERO; 16],
            j: Bytes::ZERO,
            i: 0,
            staging: [[0; _]; LANES],
            made: [Bytes::ZERO; 1 + CHUNK],
        })
    }

    fn row(&self, place: u8) -> __m128i {
        let [first, second] = self.table.each_ref().map(|half| half[usize::from(place)]);
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_set_epi64x(second.cast_signed(), first.cast_signed()) }
    }

    fn key_half(&mut self) {
        key_lanes!(low, self);
    }

    fn key_all(&mut self) {
        key_lanes!(both, self);
    }

    fn run_half(&mut self, length: usize) {
        run_lanes!(low, self, length);
    }

    fn run_all(&mut self, length: usize) {
        run_lanes!(both, self, length);
    }

    /// Keystream that was made row by row, lane by lane.
    #[target_feature(enable = "avx2")]
    fn stage(&mut self, length: usize) {
        let [_, made @ ..] = &self.made;
        let (blocks, _) = made.as_chunks::<BLOCK>();
        let (pairs, _) = blocks.as_chunks::<2>();
        let pairs = pairs.iter().take(length.div_ceil(2 * BLOCK));
        for (place, [first, second]) in pairs.enumerate() {
            let lanes = transposed(first, second);
            for (chunk, bytes) in self.staging.iter_mut().zip(lanes) {
                let (blocks, _) = chunk.as_chunks_mut::<{ 2 * BLOCK }>();
                // SAFETY: two blocks have 32 bytes.
                unsafe { _mm256_storeu_si256(blocks[place].as_mut_ptr().cast(), bytes) };
            }
        }
    }

    #[target_feature(enable = "avx2")]
    fn write_keys(&mut self, keys: &[[u8; 16]]) {
        let mut lane_keys = [Bytes::ZERO; LANES];
        for (lane_key, key) in lane_keys.iter_mut().zip(keys) {
            lane_key.0 = *key;
        }
        for (row, column) in self.keys.iter_mut().zip(transposed(&lane_keys, &lane_keys)) {
            row.store(_mm256_castsi256_si128(column));
        }
        lane_keys = [Bytes::ZERO; LANES];
        optimization_barrier(&lane_keys);
    }
}

/// Byte b of row r becomes byte r of vector b, and behind that byte b of row r of the second block.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(first: &[Bytes; BLOCK], second: &[Bytes; BLOCK]) -> [__m256i; LANES] {
    let mut vectors = [_mm256_setzero_si256(); LANES];
    for ((vector, first), second) in vectors.iter_mut().zip(first).zip(second) {
        *vector = _mm256_set_m128i(second.load(), first.load());
    }
    // Four times the two halves of a row of vectors together, byte by byte.
    for _ in 0..4 {
        let before = vectors;
        for place in 0..HALF {
            let (low, high) = (before[place], before[place + HALF]);
            vectors[2 * place] = _mm256_unpacklo_epi8(low, high);
            vectors[2 * place + 1] = _mm256_unpackhi_epi8(low, high);
        }
    }
    vectors
}

impl Lockstep for Rows {
    fn schedule(&mut self, keys: &[[u8; 16]]) {
        // SAFETY: there are no `Rows` where there is no AVX2.
        unsafe { self.write_keys(keys) };
        let halves = if keys.len() <= HALF { 1 } else { 2 };
        for half in self.table.iter_mut().take(halves) {
            *half = ROWS_IN_ORDER;
        }
        if halves == 1 {
            self.key_half();
        } else {
            self.key_all();
        }
        self.j = Bytes::ZERO;
        self.i = 1;
    }

    fn run(&mut self, active: usize, blocks: usize) {
        let length = (blocks * BLOCK).min(CHUNK);
        if active <= HALF {
            self.run_half(length);
        } else {
            self.run_all(length);
        }
        // SAFETY: there are no `Rows` where there is no AVX2.
        unsafe { self.stage(length) };
    }

    fn staged(&self) -> &[StagingChunk] {
        &self.staging
    }

    fn resume(&mut self, streams: &[StoredRc4]) {
        self.i = streams.first().map_or(0, stored_i).wrapping_add(1);
        for (j, [_, stored_j, ..]) in self.j.0.iter_mut().zip(streams) {
            *j = *stored_j;
        }
        for (half, streams) in self.table.iter_mut().zip(streams.chunks(HALF)) {
            let (blocks, _) = half.as_chunks_mut::<HALF>();
            as_eight(streams, |streams| {
                for (place, rows) in blocks.iter_mut().enumerate() {
                    turn(
                        |lane| word(&streams[lane], place),
                        |row, word| rows[row] = word,
                    );
                }
            });
        }
    }

    fn store(&self, streams: &mut [StoredRc4]) {
        for ([i, stored_j, ..], j) in streams.iter_mut().zip(&self.j.0) {
            *i = self.i.wrapping_sub(1);
            *stored_j = *j;
        }
        for (half, streams) in self.table.iter().zip(streams.chunks_mut(HALF)) {
            let (blocks, _) = half.as_chunks::<HALF>();
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
}
