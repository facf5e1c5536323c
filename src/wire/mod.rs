//! Bytes to values and back: pure, without state. One protocol, one file.

pub mod field;
pub mod mppe;
