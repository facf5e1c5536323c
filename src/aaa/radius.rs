//! The client of RADIUS (RFC 2865, RFC 2866, RFC 3579, RFC 5997): who may come in is asked of servers
//! elsewhere, and the bill is written there.
//!
//! - [`exchange`]: questions and answers over a network that loses and can be forged.

pub mod config;
pub mod exchange;
pub mod server;

mod choose;
mod slots;
mod verify;

pub use config::{Demand, ServerConfig, Service, Timing};
pub use exchange::{Event, Exchange, Input, Outcome, Output, Question, Reply, SocketId, Ticket};
pub use server::{Counters, Health, RTT_BOUNDS_MS, ReplyRefusal};
