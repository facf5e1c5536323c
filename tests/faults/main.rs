//! Log-ins that fail, one way each, through the control plane as the server has it: configuration,
//! sessions, local users and the client of RADIUS, on memory and in virtual time. What `pns explain`
//! says has to name the cause, and what would help.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

#[path = "../support/control_client.rs"]
mod control_client;
#[path = "../support/ppp_client.rs"]
mod ppp_client;
mod radius;
mod table;
mod trial;
mod world;
