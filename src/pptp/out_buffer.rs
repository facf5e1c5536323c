//! Bytes that wait to be written to the control connection: bounded, so that a peer that stops
//! reading costs a known amount, and whole messages only, so that each is one write.

use crate::wire::pptp::{MESSAGE_BYTES_MAX, Message};

/// A bounded queue of bytes.
#[derive(Clone, Debug)]
pub(super) struct OutBuffer {
    bytes: Vec<u8>,
    bytes_max: usize,
}

/// The message does not fit: the peer does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl OutBuffer {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            bytes_max,
        }
    }

    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes
    }

    /// Queues the whole message or nothing.
    pub(super) fn push(&mut self, message: &Message) -> Result<(), Full> {
        let mut buffer = [0; MESSAGE_BYTES_MAX];
        let length = message.emit(&mut buffer).ok_or(Full)?;
        let message = buffer.get(..length).ok_or(Full)?;
        if self.bytes.len().saturating_add(length) > self.bytes_max {
            return Err(Full);
        }
        self.bytes.extend_from_slice(message);
        Ok(())
    }

    /// Forgets the first `count` bytes: they were written.
    pub(super) fn consume(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
        // Most connections are idle, and there may be a million of them.
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pptp::EchoRequest;

    #[test]
    fn messages_are_queued_whole_up_to_the_bound() {
        let message = Message::from(EchoRequest { identifier: 1 });
        assert_eq!(OutBuffer::new(15).push(&message), Err(Full));
        assert_eq!(OutBuffer::new(16).push(&message), Ok(()));
        let mut out = OutBuffer::new(40);
        assert_eq!(out.push(&message), Ok(()));
        assert_eq!(out.push(&message), Ok(()));
        assert_eq!(out.push(&message), Err(Full));
        assert_eq!(out.pending().len(), 32);
        out.consume(9);
        assert_eq!(out.pending()[..7], [5, 0, 0, 0, 0, 0, 1]);
        assert_eq!(out.push(&message), Ok(()));
        out.consume(1000);
        assert!(out.pending().is_empty());
    }
}
