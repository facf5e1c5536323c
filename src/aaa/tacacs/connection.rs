//! One TCP connection: packets out of its stream, and the sessions that wait for them.

use std::collections::{HashMap, VecDeque};

use crate::aaa::radius::Ticket;
use crate::clock::Timestamp;
use crate::wire::tacacs::{HEADER_BYTES, Header, Malformed};

/// Whether sessions may share it (RFC 8907 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// The kernel is still opening it.
    Opening,
    /// The first session is out, and its answer will tell.
    Asked,
    /// They may.
    Shared,
}

/// A connection and what is outstanding there.
pub(super) struct Connection {
    pub(super) server: usize,
    pub(super) sharing: Sharing,
    /// Sessions by their identifiers.
    pub(super) sessions: HashMap<u32, Ticket>,
    /// Questions that go out when it is open, or shared.
    pub(super) queue: VecDeque<Ticket>,
    /// Since when it carries nothing.
    pub(super) idle_since: Option<Timestamp>,
    /// What came and is no whole packet yet: never more than one packet and one read.
    received: Vec<u8>,
}

impl Connection {
    pub(super) fn new(server: usize) -> Self {
        Self {
            server,
            sharing: Sharing::Opening,
            sessions: HashMap::new(),
            queue: VecDeque::new(),
            idle_since: None,
            received: Vec::new(),
        }
    }

    /// Questions that are out or will go out here.
    pub(super) fn load(&self) -> usize {
        self.sessions.len() + self.queue.len()
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next whole packet: its header and its body, as it came.
    ///
    /// # Errors
    /// The stream is not TACACS+, and nothing behind this can be read.
    pub(super) fn next_packet(&mut self) -> Result<Option<(Header, Vec<u8>)>, Malformed> {
        let Some(header) = Header::parse(&self.received)? else {
            return Ok(None);
        };
        let end = HEADER_BYTES + header.body_bytes;
        if self.received.len() < end {
            return Ok(None);
        }
        let body = self.received.drain(..end).skip(HEADER_BYTES).collect();
        Ok(Some((header, body)))
    }
}
