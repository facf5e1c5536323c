//! Cuts the TCP stream into messages: pipelined in one segment or one byte at a time.

use super::{Header, MESSAGE_BYTES_MAX, Malformed, Message, checked_header};

/// What the stream held next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// It is taken apart at once and never kept.
#[expect(
    clippy::large_enum_variant,
    reason = "a message is passed by value here as everywhere"
)]
pub enum Framed {
    /// A control message.
    Message(Message),
    /// Set-Link-Info whose Length is not the RFC's, taken off the stream by that Length. There are
    /// clients that send such, and nothing in the message matters to GRE.
    Skipped,
}

/// Collects one message at a time in a buffer of the longest message's size; never more.
#[derive(Clone, Debug)]
pub struct Framer {
    buffer: [u8; MESSAGE_BYTES_MAX],
    length: usize,
}

impl Framer {
    /// Octets up to which a header says how long its message is.
    const TYPE_END: usize = 10;

    /// An empty framer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: [0; MESSAGE_BYTES_MAX],
            length: 0,
        }
    }

    /// Takes bytes off the front of `stream` until they complete a message; `None` when `stream`
    /// ran out first. Call it until it answers `None`: each answer has taken at least one byte off
    /// `stream`.
    ///
    /// # Errors
    /// Says how the stream broke the framing. The control connection has to be closed then
    /// (RFC 2637 §1.4): the bad bytes stay, so every later call gives the same answer.
    pub fn next(&mut self, stream: &mut &[u8]) -> Result<Option<Framed>, Malformed> {
        self.fill_to(Self::TYPE_END, stream);
        let Some(header) = checked_header(self.held())? else {
            return Ok(None);
        };
        let length = header.message_bytes();
        self.fill_to(length, stream);
        if self.length < length {
            return Ok(None);
        }
        let framed = match header {
            Header::Message(_) => Framed::Message(Message::parse(self.held())?),
            Header::Skipped { .. } => Framed::Skipped,
        };
        self.length = 0;
        Ok(Some(framed))
    }

    /// As [`Self::next`], for a reader to whom what is skipped is nothing.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_message(&mut self, stream: &mut &[u8]) -> Result<Option<Message>, Malformed> {
        loop {
            match self.next(stream)? {
                Some(Framed::Message(message)) => return Ok(Some(message)),
                Some(Framed::Skipped) => {}
                None => return Ok(None),
            }
        }
    }

    /// Bytes held of a message that is not complete.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.length
    }

    /// Moves bytes from `stream` until `length` are held or `stream` is empty.
    fn fill_to(&mut self, length: usize, stream: &mut &[u8]) {
        let wanted = length.saturating_sub(self.length).min(stream.len());
        let (taken, rest) = stream.split_at_checked(wanted).unwrap_or((stream, &[]));
        let end = self.length.saturating_add(taken.len());
        if let Some(place) = self.buffer.get_mut(self.length..end) {
            place.copy_from_slice(taken);
            self.length = end;
            *stream = rest;
        }
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}
