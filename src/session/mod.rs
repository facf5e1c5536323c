//! The join of control connection, call, link and lease.

pub mod admission;
pub mod call_ids;
