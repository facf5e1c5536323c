//! Log-ins that fail, one way each, through the control plane as the server has it: configuration,
//! sessions, local users and the client of RADIUS, on memory and in virtual time. What `pns explain`
//! says has to name the cause, and what would help. And servers of the bill that nobody can reach: no
//! call suffers, and no record is missing. And what servers say of calls while they live.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

mod bill;
#[path = "../support/control_client.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod control_client;
mod live;
mod new_password;
#[path = "../support/plane.rs"]
mod plane;
#[path = "../support/ppp_client.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod ppp_client;
mod radius;
#[path = "../support/radius_settings.rs"]
mod radius_settings;
mod table;
mod trial;
mod view;
mod world;
