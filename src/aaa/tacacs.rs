//! The client of TACACS+ (RFC 8907): servers elsewhere say who may come in and what they get.
//!
//! ```text
//!   log-in -> question: START -> exchange ~~~ server ~~~ exchange -> PASS, FAIL
//!          -> question: service=ppp, protocol=... -> exchange ~~~ -> grant -> decision
//!   record of the bill -> bill: question -> exchange ~~~ server
//! ```
//!
//! - [`client`]: the front door, for the owner of sockets and clock.
//! - [`exchange`]: questions and answers over TCP connections, one server after the other.
//!
//! TACACS+ carries no keys, so calls that have to be encrypted are refused before anything is asked.

pub mod client;
pub mod config;
pub mod exchange;
pub mod server;

mod bill;
mod connection;
mod grant;
mod log_in;
mod question;

pub use client::{Client, Output, ServerView, Settings};
pub use config::{Layer, ServerConfig, Timing};
pub use exchange::{ConnectionId, Event};
pub use server::{Counters, Fault};

#[cfg(test)]
mod tests;
