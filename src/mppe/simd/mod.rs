//! RC4 and SHA-1 with the machine instructions of x86-64: the only unsafe code outside `dpdk/`.
//!
//! - [`Rows`]: sixteen tables, interleaved byte by byte, by hand-scheduled instructions. The sixteen
//!   entries that a step stores at its own index are stored as two words.
//! - [`Wide`]: sixteen or twice sixteen tables, interleaved dword by dword, with AVX-512.
//! - [`digests`]: SHA-1 of four messages with the SHA instructions.
//! - [`mod@prefetch`]: cache lines asked for ahead of time.
//!
//! Values are made by `detect`, which makes none where an instruction is missing.
#![expect(
    unsafe_code,
    reason = "machine instructions; everything else of MPPE is safe"
)]

mod prefetch;
mod rows;
mod sha;
mod turn;
mod wide;

pub(super) use prefetch::prefetch;
pub(super) use rows::Rows;
pub(super) use sha::digests;
pub(super) use wide::Wide;
