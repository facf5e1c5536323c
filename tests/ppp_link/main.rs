//! Whole links: dialogues in the orders that real clients use, lossy paths under virtual time,
//! and hostile peers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

mod addresses;
mod authentication;
mod bytes;
mod client;
mod client_role;
mod dialogues;
mod encryption;
mod endings;
#[expect(dead_code, reason = "shared with tests that count sequence numbers")]
#[path = "../captures/frames.rs"]
mod frames;
mod granted_policy;
mod hostile;
mod lcp_options;
mod lcp_packets;
mod lossy;
mod mppe_clients;
mod mppe_resets;
mod mppe_table;
mod phases;
mod renegotiation;
mod server;
