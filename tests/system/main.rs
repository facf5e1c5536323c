//! The whole server without its IO, against scripted clients: sessions, users and three workers as
//! in production, on memory and in virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

mod activation;
mod authentication;
mod client;
#[path = "../support/control_client.rs"]
mod control_client;
mod echo;
mod forgery;
mod hostile;
mod isolation;
mod lossy;
mod mtu;
#[path = "../rfc3078/naive.rs"]
#[expect(dead_code, reason = "shared with the tests of RFC 3078")]
mod naive;
mod one_address;
mod packets;
#[path = "../rfc3078/peers.rs"]
mod peers;
mod placement;
#[path = "../support/ppp_client.rs"]
mod ppp_client;
mod renegotiation;
mod roles;
mod server;
mod settings;
mod sites;
mod stateful;
mod teardown;
mod verdicts;
mod victim;
mod world;
