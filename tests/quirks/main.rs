//! What real clients do, each replayed byte by byte against the whole server: the dialogues of Windows,
//! macOS, Android, pptp-linux, RouterOS, Cisco and the NAT boxes in between. `script.rs` is the
//! language of the dialogues.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a dialogue that goes otherwise has failed"
)]

mod addresses;
mod android;
mod apple;
mod common;
mod dialogue;
mod gre;
mod linux;
mod nat;
#[path = "../system/packets.rs"]
mod packets;
mod ppp;
mod routers;
mod script;
#[path = "../system/server.rs"]
mod server;
#[path = "../system/settings.rs"]
mod settings;
mod verdicts;
mod windows;
