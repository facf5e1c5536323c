//! MPPC (RFC 2118): LZ77 over a history of 8192 bytes that both ends keep, for clients that insist
//! on compression.
//!
//! - [`compress`]: downstream; [`decompress`]: upstream. Both are plain data of a fixed size.
//! - [`bits`]: the code of literals and copies, one bit after the other.
//!
//! The header with its bits A, B and C is MPPE's ([`crate::wire::mppe::Header`]). A packet that is
//! lost leaves the histories different, so a Reset-Request makes the sender start with an empty
//! one (§4.3). With stateless MPPE every packet starts so.
//!
//! Work and memory are bounded: a packet is decompressed to at most the room that the caller has,
//! each code yields at least one byte, and the compressor looks at one earlier place for each byte.

pub mod bits;
pub mod compress;
pub mod decompress;

pub use compress::{Compressed, Compressor};
pub use decompress::{Decompressor, Refusal};

/// Bytes that both ends remember (§4).
pub const HISTORY_LENGTH: usize = 8192;

/// The shortest copy that has a code (§4.2.2).
pub const COPY_MIN: usize = 3;
