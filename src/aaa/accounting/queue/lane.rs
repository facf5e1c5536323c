//! The records for one group of servers: while it answers nothing, the others get theirs.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Record;
use crate::clock::Timestamp;

/// After nobody has answered.
pub(super) const RETRY_TIME: Duration = Duration::from_secs(1);
/// Records that are out at once while somebody writes them down.
const WINDOW: usize = 64;
/// Waiting records that are looked through for one of another call.
const SCAN_MAX: usize = 256;

/// What goes to one group.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) waiting: BTreeMap<u64, Arc<Record>>,
    /// How many are out.
    out: usize,
    /// A record of the server is out.
    server_out: bool,
    /// Why nobody has written the last record down, if nobody has.
    silence: Option<Box<str>>,
    /// Until then nobody is asked.
    retry_at: Option<Timestamp>,
}

impl Lane {
    /// The next record that can go out, which then is out. Of `busy` calls none can.
    pub(super) fn next(
        &mut self,
        busy: &HashSet<Box<str>>,
        now: Timestamp,
    ) -> Option<(u64, Arc<Record>)> {
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        self.retry_at = None;
        let window = if self.silence.is_some() { 1 } else { WINDOW };
        if self.server_out || self.out >= window {
            return None;
        }
        let number = self.choose(busy)?;
        let record = self.waiting.remove(&number)?;
        self.out += 1;
        self.server_out = record.is_of_server();
        Some((number, record))
    }

    fn choose(&self, busy: &HashSet<Box<str>>) -> Option<u64> {
        for (number, record) in self.waiting.iter().take(SCAN_MAX) {
            if record.is_of_server() {
                let is_first = self.waiting.keys().next() == Some(number);
                return (is_first && self.out == 0).then_some(*number);
            }
            if !busy.contains(&record.session_id) {
                return Some(*number);
            }
        }
        None
    }

    /// A record is not out any more.
    pub(super) fn take(&mut self, record: &Record) {
        self.out = self.out.saturating_sub(1);
        if record.is_of_server() {
            self.server_out = false;
        }
    }

    pub(super) fn written(&mut self) {
        self.silence = None;
        self.retry_at = None;
    }

    pub(super) fn unanswered(&mut self, why: Box<str>, now: Timestamp) {
        self.silence = Some(why);
        self.retry_at = Some(now + RETRY_TIME);
    }

    /// When [`Self::next`] may have something to say that it has not now.
    pub(super) const fn poll_timeout(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// Why nobody has written the last record down, if nobody has.
    pub(super) fn silence(&self) -> Option<&str> {
        self.silence.as_deref()
    }

    /// Whether nothing is left to be written down.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.out == 0
    }
}
