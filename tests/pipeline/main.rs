//! The data plane from wire to wire: the production nodes on ports of memory and virtual time, with
//! clients that speak GRE, PPP and MPPE on one side and a network on the other.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected has to fail"
)]

mod activation;
mod client;
mod downstream;
mod drop_reasons;
mod forgery;
mod fragments;
mod gre;
mod gre_quirks;
mod gre_source;
mod ipv6;
mod isolation;
mod lab;
mod memory;
mod mppc;
mod mppc_model;
mod packets;
mod ports;
mod reordering;
mod send_window;
mod short_way;
mod stateful;
mod workers;
