//! Cuts the TCP stream into messages: pipelined in one segment or one byte at a time.

use super::{MESSAGE_BYTES_MAX, Malformed, Message, MessageType, checked_header};

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
    /// ran out first. Call it until it answers `None`: each message it gives has taken at least
    /// one byte off `stream`.
    ///
    /// # Errors
    /// Says how the stream broke the framing. The control connection has to be closed then
    /// (RFC 2637 §1.4): the bad bytes stay, so every later call gives the same answer.
    pub fn next_message(&mut self, stream: &mut &[u8]) -> Result<Option<Message>, Malformed> {
        let Some(message_type) = self.message_type(stream)? else {
            return Ok(None);
        };
        self.fill_to(message_type.message_bytes(), stream);
        if self.length < message_type.message_bytes() {
            return Ok(None);
        }
        let message = Message::parse(self.held())?;
        self.length = 0;
        Ok(Some(message))
    }

    /// Bytes held of a message that is not complete.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.length
    }

    fn message_type(&mut self, stream: &mut &[u8]) -> Result<Option<MessageType>, Malformed> {
        self.fill_to(Self::TYPE_END, stream);
        checked_header(self.held())
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
