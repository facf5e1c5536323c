//! One question, from being asked to its answer.

use std::time::Duration;

use zeroize::Zeroizing;

use super::super::config::Service;
use super::super::slots::Place;
use crate::aaa::Names;
use crate::clock::Timestamp;
use crate::wire::radius::{Attributes, Code};

/// Names a question; the owner chooses it, and does not use it twice at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What is asked, of whichever server.
#[derive(Clone)]
pub struct Question {
    /// Access-Request or Accounting-Request.
    pub code: Code,
    /// Everything but what depends on the server.
    pub attributes: Attributes,
    /// Of PAP.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// How old what is told is: of accounting, for Acct-Delay-Time.
    pub age: Option<Age>,
    /// The only server that can answer: it has asked back.
    pub only: Option<usize>,
    /// The names of the servers that may be asked; `None`: those without a group.
    pub among: Option<Names>,
}

/// How old something was at some time; it may have happened before there was a clock.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// The time.
    pub at: Timestamp,
    /// How old it was then.
    pub age: Duration,
}

impl Age {
    /// In whole seconds.
    pub(super) fn seconds(self, now: Timestamp) -> u32 {
        let seconds = (self.age + now.since(self.at)).as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

/// The question at one server.
pub(super) struct Attempt {
    pub(super) server: usize,
    pub(super) place: Place,
    pub(super) packet: Vec<u8>,
    pub(super) first_sent: Timestamp,
    pub(super) timeout: Duration,
    pub(super) repeated: bool,
}

/// A question that is out.
pub(super) struct Pending {
    pub(super) question: Question,
    pub(super) service: Service,
    pub(super) deadline: Timestamp,
    /// Where it was put, the latest last; answers of the others are still taken.
    pub(super) attempts: Vec<Attempt>,
    /// Servers that had their chance in this round.
    pub(super) tried: Vec<usize>,
    /// A second server was asked because the first took its time.
    pub(super) hedged: bool,
    /// Its entry among those that are due.
    pub(super) due: Option<Timestamp>,
}

impl Pending {
    pub(super) fn new(question: Question, deadline: Timestamp) -> Self {
        Self {
            service: super::service_of(question.code),
            question,
            deadline,
            attempts: Vec::new(),
            tried: Vec::new(),
            hedged: false,
            due: None,
        }
    }

    /// Whether this server has it and has not answered.
    pub(super) fn is_at(&self, server: usize) -> bool {
        self.attempts.iter().any(|attempt| attempt.server == server)
    }

    /// Where it was put last.
    pub(super) fn latest(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut()
    }
}
