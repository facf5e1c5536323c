//! The client of RADIUS (RFC 2865, RFC 2866, RFC 3579, RFC 5997): who may come in is asked of servers
//! elsewhere, and the bill is written there.
//!
//! ```text
//!   log-in -> request -> exchange ~~~ server ~~~ exchange -> reply -> decision
//!   record of the bill -> accounting -> exchange ~~~ server
//! ```
//!
//! - [`client`]: the front door, for the owner of sockets and clock.
//! - [`exchange`]: questions and answers over a network that loses and can be forged.
//! - `accounting`: what a record of [`crate::aaa::accounting`] is on the wire.
//! - [`dynamic`]: what billing systems ask of us about live calls (RFC 5176).

pub mod client;
pub mod config;
pub mod dynamic;
pub mod exchange;
pub mod request;
pub mod server;

mod accounting;
mod caller;
mod choose;
mod dialect;
mod meaning;
mod reply;
mod slots;
mod verify;
mod wishes;

#[cfg(test)]
pub(super) use caller::tests::nas;
pub use caller::{Caller, ClientSaid, Nas, nas_port_id};
pub(super) use client::OVERLOADED;
pub use client::{Billed, Client, Output, ServerView, Settings};
pub use config::{Demand, ServerConfig, Service, Timing};
pub use dialect::{Route, rates_of};
pub use dynamic::{Dynamic, Identity};
pub use exchange::{Entropy, Event, Exchange, SocketId, Ticket};
pub use meaning::{Counted, Half, Mapped, Meaning, WORDS};
pub use server::{Counters, Health, RTT_BOUNDS_MS, ReplyRefusal};
