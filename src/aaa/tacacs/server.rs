//! One server as its client sees it: whether it lives, and what came of questions to it.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::ServerConfig;
use crate::aaa::radius::Ticket;
use crate::clock::Timestamp;
use crate::counted_enum;

counted_enum! {
    /// Why a server gave no answer to a question.
    pub enum Fault {
        /// No TCP connection can be had.
        Unreachable => "unreachable",
        /// It said nothing in time.
        Silent => "silent",
        /// It closed the connection, or the connection broke.
        Closed => "closed",
        /// What it sent is not TACACS+, or is out of sequence.
        Malformed => "malformed",
        /// Its body is hidden with another secret, or not well made.
        Unreadable => "unreadable",
        /// Its body is not hidden at all (RFC 8907 §4.5).
        Unhidden => "unhidden",
        /// It says itself that it cannot answer (status ERROR).
        ServerError => "server_error",
        /// An answer after its time; nobody waits for it any more.
        Late => "late",
    }
}

impl Fault {
    /// What an operator reads behind the server's name.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Unreachable => "cannot be reached",
            Self::Silent => "said nothing in time",
            Self::Closed => "closed the connection",
            Self::Malformed => "sent what is not TACACS+",
            Self::Unreadable => {
                "sent what cannot be read: most likely its secret is not that of \
                 tacacs.server.secret_file"
            }
            Self::Unhidden => "sent a body that is not hidden, which is not believed",
            Self::ServerError => "says that it cannot answer",
            Self::Late => "answered too late",
        }
    }
}

/// What was counted of a server.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Questions put to it.
    pub questions: u64,
    /// Answers that were believed.
    pub answers: u64,
    /// TCP connections opened, or tried to.
    pub connections: u64,
    /// Times that it was held dead.
    pub deaths: u64,
    /// What went wrong, by [`Fault`].
    pub faults: [u64; Fault::COUNT],
    /// From question to answer, connecting included, of the last one.
    pub last_round_trip: Option<Duration>,
}

/// A server and what waits for it.
pub(super) struct Server {
    pub(super) config: ServerConfig,
    pub(super) counters: Counters,
    /// Questions that wait for a connection.
    pub(super) waiting: VecDeque<Ticket>,
    /// Connections that are open or opening.
    pub(super) connections: usize,
    /// Whether it lets sessions share a connection (RFC 8907 §4.3), as far as it has said.
    pub(super) shares: Option<bool>,
    last_heard: Option<Timestamp>,
    dead_until: Option<Timestamp>,
}

impl Server {
    pub(super) const fn new(config: ServerConfig) -> Self {
        Self {
            config,
            counters: Counters {
                questions: 0,
                answers: 0,
                connections: 0,
                deaths: 0,
                faults: [0; Fault::COUNT],
                last_round_trip: None,
            },
            waiting: VecDeque::new(),
            connections: 0,
            shares: None,
            last_heard: None,
            dead_until: None,
        }
    }

    pub(super) fn count(&mut self, fault: Fault) {
        if let Some(count) = self.counters.faults.get_mut(fault.index()) {
            *count += 1;
        }
    }

    /// Whether others are asked before it.
    pub(super) fn is_dead(&self, now: Timestamp) -> bool {
        self.dead_until.is_some_and(|until| now < until)
    }

    /// `true` if it had been held dead.
    pub(super) fn answered(&mut self, after: Duration, now: Timestamp) -> bool {
        self.counters.answers += 1;
        self.counters.last_round_trip = Some(after);
        self.last_heard = Some(now);
        self.dead_until.take().is_some()
    }

    /// Whether it has said anything since.
    pub(super) fn heard_since(&self, since: Timestamp) -> bool {
        self.last_heard.is_some_and(|heard| heard > since)
    }

    /// It is held dead for a while; `true` if it was not before.
    pub(super) fn die(&mut self, dead_time: Duration, now: Timestamp) -> bool {
        let was_dead = self.dead_until.replace(now + dead_time).is_some();
        if !was_dead {
            self.counters.deaths += 1;
        }
        !was_dead
    }
}
