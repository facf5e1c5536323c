//! Our TACACS+ client against a server whose packets are scapy's, on loopback: who is let in, what is
//! granted, what is refused, and the bill.
//! `packaging/install-dependencies.sh test` installs it; without it the cases
//! say so and end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case fails by these")]

mod accounting;
mod log_in;
mod server;
#[path = "../support/server_process.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod server_process;

/// Starts a server, or says why not and ends the test.
macro_rules! server_or_skip {
    ($($word:expr),*) => {
        match crate::server::Server::start(&[$($word),*]) {
            Some(server) => server,
            None => {
                eprintln!("skipped: there is no scapy here");
                return;
            }
        }
    };
}
pub(crate) use server_or_skip;
