//! RFC 2637, clause by clause: the control connection and its calls.
//!
//! The tables here are written from the RFC, not from the code.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

#[path = "rfc2637/calls.rs"]
mod calls;
#[path = "rfc2637/clients.rs"]
mod clients;
#[path = "rfc2637/control_connection.rs"]
mod control_connection;
#[path = "rfc2637/incoming_calls.rs"]
mod incoming_calls;
#[path = "rfc2637/operations.rs"]
mod operations;
#[path = "rfc2637/pair.rs"]
mod pair;
#[path = "rfc2637/roles.rs"]
mod roles;
#[path = "rfc2637/state_tables.rs"]
mod state_tables;
#[path = "rfc2637/support.rs"]
mod support;
