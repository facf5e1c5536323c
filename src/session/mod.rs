//! The join of control connection, call, link and lease.
