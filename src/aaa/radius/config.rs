//! What the client of RADIUS is told.

use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::Secret;

/// What a UDP port of a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Decides who may come in (RFC 2865).
    Authentication,
    /// Writes the bill (RFC 2866).
    Accounting,
}

impl Service {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Accounting => "accounting",
        }
    }
}

/// Whether answers about users must have a Message-Authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// From the first one that has it on: old servers sign nothing, and a server that signs does not
    /// stop.
    Auto,
    /// Always.
    Always,
    /// Never; one that is there must be right.
    Never,
}

/// One UDP port of a server.
pub struct ServerConfig {
    /// In tables, logs and verdicts.
    pub name: Box<str>,
    /// What it does.
    pub service: Service,
    /// Where it listens.
    pub address: SocketAddr,
    /// Shared with it.
    pub secret: Secret,
    /// Servers with a lower number are asked first.
    pub priority: u8,
    /// Its share among servers of the same priority; at least 1.
    pub weight: u16,
    /// The group, if it is asked only where that is named.
    pub group: Option<Box<str>>,
    /// How long it is left alone when it is dead, if not as all.
    pub dead_time: Option<Duration>,
    /// Whether its answers must be signed.
    pub demand: Demand,
}

/// How long to wait, and how much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Before the first repetition; doubles from one to the next.
    pub timeout: Duration,
    /// A server that was silent so long while it was asked is dead.
    pub dead_after: Duration,
    /// A dead server is not asked for so long, unless it answers a probe.
    pub dead_time: Duration,
    /// How often a dead server is probed with Status-Server (RFC 5997); `None`: never.
    pub probe_interval: Option<Duration>,
    /// A question without an answer is given up after this.
    pub give_up: Duration,
    /// A question without an answer is put to a second server after this; `None`: only if it fails.
    pub hedge: Option<Duration>,
    /// Sockets to one server: each has 256 identifiers.
    pub sockets_max: u8,
    /// Questions at once, those that wait for an identifier included.
    pub questions_max: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(1200),
            dead_after: Duration::from_millis(2500),
            dead_time: Duration::from_secs(30),
            probe_interval: Some(Duration::from_secs(5)),
            give_up: Duration::from_secs(8),
            hedge: None,
            sockets_max: 16,
            questions_max: 8192,
        }
    }
}
