//! What the client of TACACS+ is told.

use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::Secret;

/// One server.
pub struct ServerConfig {
    /// In tables, logs and verdicts.
    pub name: Box<str>,
    /// Where it listens (TCP).
    pub address: SocketAddr,
    /// Shared with it.
    pub secret: Secret,
    /// A question to it that has no answer after this goes to the next server; connecting counts.
    pub timeout: Duration,
    /// The group, if it is asked only where that is named.
    pub group: Option<Box<str>>,
}

/// What a log-in has to be granted: the `protocol` that goes with `service=ppp` (RFC 8907 §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The link.
    Lcp,
    /// Its network.
    Ip,
}

impl Layer {
    /// The name in the argument and in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lcp => "lcp",
            Self::Ip => "ip",
        }
    }
}

/// How long to wait, and how much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// A server that does not answer is left alone for so long, if there is another.
    pub dead_time: Duration,
    /// A question without an answer is given up after this.
    pub give_up: Duration,
    /// A connection that carries nothing is closed after this.
    pub idle: Duration,
    /// TCP connections to one server.
    pub connections_max: usize,
    /// Sessions at once on one connection that carries several (RFC 8907 §4.3).
    pub sessions_max: usize,
    /// Questions at once, those that wait for a connection included.
    pub questions_max: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            dead_time: Duration::from_secs(30),
            give_up: Duration::from_secs(8),
            idle: Duration::from_secs(60),
            connections_max: 32,
            sessions_max: 64,
            questions_max: 8192,
        }
    }
}
