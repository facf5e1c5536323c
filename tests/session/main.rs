//! Sessions as a whole, from SCCRQ to the final report, against a scripted client and a worker that
//! only answers: the order of what reaches the worker, and that everything taken is given back.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and looks only at what it is about"
)]

mod call_ids;
mod changes;
#[path = "../support/control_client.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod control_client;
mod endings;
mod groups;
mod keys;
mod limits;
mod policy;
#[path = "../support/ppp_client.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod ppp_client;
mod servers;
mod set_up;
mod world;
