//! Whole links: dialogues in the orders that real clients use, lossy paths under virtual time,
//! and hostile peers.

mod client;
mod dialogues;
mod encryption;
mod hostile;
mod lossy;
mod server;
