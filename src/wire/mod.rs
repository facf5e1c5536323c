//! Bytes to values and back: pure, without state. One protocol, one file.

pub mod call_id;
pub mod field;
pub mod mppe;
pub mod pptp;
