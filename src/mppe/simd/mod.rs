//! RC4 and SHA-1 with the machine instructions of x86-64: the only unsafe code outside `dpdk/`.
//!
//! - [`Rows`]: eight tables, interleaved byte by byte, by hand-scheduled scalar instructions. The
//!   eight entries that a step stores at its own index are stored as two words.
//! - [`Wide`]: sixteen or twice sixteen tables, interleaved dword by dword, with AVX-512.
//! - [`digests`]: SHA-1 of sixteen messages, compiled for the vectors of the machine.
//!
//! Every value here is made by `detect`, which makes none where an instruction is missing.
#![expect(
    unsafe_code,
    reason = "machine instructions; everything else of MPPE is safe"
)]

mod rows;
mod wide;

pub(super) use rows::Rows;
pub(super) use wide::Wide;

use super::kernel::{Message, Words, hash_digests};

/// The first four words of the SHA-1 digests of sixteen messages of two blocks.
pub(super) fn digests(message: &Message<16>) -> [Words<16>; 4] {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
        // SAFETY: the CPU has AVX-512.
        return unsafe { digests_avx512(message) };
    }
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2.
        return unsafe { digests_avx2(message) };
    }
    hash_digests(message)
}

#[target_feature(enable = "avx512f,avx512vl")]
fn digests_avx512(message: &Message<16>) -> [Words<16>; 4] {
    hash_digests(message)
}

#[target_feature(enable = "avx2")]
fn digests_avx2(message: &Message<16>) -> [Words<16>; 4] {
    hash_digests(message)
}
