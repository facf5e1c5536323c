//! Bytes to values and back: pure, without state. One protocol, one file.

pub mod call_id;
pub mod ccp;
pub mod chap;
pub mod field;
pub mod ipcp;
pub mod lcp;
pub mod mppe;
pub mod options;
pub mod ppp;
pub mod pptp;
