//! How a stateful stream that lost a frame gets back into step (RFC 1962 §5.6, RFC 3078 §8): the
//! receiver sends a Reset-Request, the sender flushes its stream.
//!
//! By RFC 3078 the flushed frame is the whole answer. Linux sends a Reset-Ack before it, and decrypts
//! nothing until it got one; so every Reset-Request is answered by a Reset-Ack, and then by the frame.

use crate::clock::Timestamp;
use std::time::Duration;

/// Time in which a Reset-Request that was not answered is not repeated. The worker knows the way to
/// the client, and when an answer is overdue; this only bounds what it asks for.
const REQUEST_SPACING: Duration = Duration::from_millis(10);

/// The stream is flushed once in this time at most, however many Reset-Requests arrive: copies of one
/// are answered by one fresh start.
const FLUSH_SPACING: Duration = Duration::from_millis(10);

/// How often one call lost step, for tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResetCounts {
    /// Reset-Requests that we sent: the client's stream was lost.
    pub requests_sent: u32,
    /// Reset-Acks that answered one of them.
    pub acks_received: u32,
    /// Reset-Requests of the client: it lost our stream.
    pub requests_received: u32,
    /// How often our stream was flushed for it.
    pub flushes: u32,
}

/// The resets of one call, both ways.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resets {
    counts: ResetCounts,
    /// The Identifier of the Reset-Request that waits for its Reset-Ack, and when it was sent.
    asked: Option<(u8, Timestamp)>,
    flushed_at: Option<Timestamp>,
}

impl Resets {
    /// What happened so far.
    #[must_use]
    pub const fn counts(&self) -> ResetCounts {
        self.counts
    }

    /// Whether a Reset-Request may be sent now: the last one was answered, or is long gone.
    #[must_use]
    pub fn may_ask(&self, now: Timestamp) -> bool {
        self.asked
            .is_none_or(|(_, asked_at)| now.since(asked_at) >= REQUEST_SPACING)
    }

    /// A Reset-Request was sent.
    pub fn asked(&mut self, identifier: u8, now: Timestamp) {
        self.asked = Some((identifier, now));
        self.counts.requests_sent = self.counts.requests_sent.saturating_add(1);
    }

    /// Takes a Reset-Ack; `false` if it answers nothing that is open.
    pub fn acknowledged(&mut self, identifier: u8) -> bool {
        let expected = self.asked.is_some_and(|(asked, _)| asked == identifier);
        if expected {
            self.asked = None;
            self.counts.acks_received = self.counts.acks_received.saturating_add(1);
        }
        expected
    }

    /// Takes a Reset-Request; `true` if the stream has to be flushed for it.
    pub fn requested(&mut self, now: Timestamp) -> bool {
        self.counts.requests_received = self.counts.requests_received.saturating_add(1);
        let fresh = self
            .flushed_at
            .is_some_and(|flushed_at| now.since(flushed_at) < FLUSH_SPACING);
        if !fresh {
            self.flushed_at = Some(now);
            self.counts.flushes = self.counts.flushes.saturating_add(1);
        }
        !fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn requests_wait_for_their_answer_or_a_hundredth_of_a_second() {
        let mut resets = Resets::default();
        let mut sent = 0;
        for millis in 0..1000 {
            if resets.may_ask(at(millis)) {
                resets.asked(sent, at(millis));
                sent += 1;
            }
        }
        assert_eq!(sent, 100, "nobody answers");
        assert!(!resets.acknowledged(3), "an old one");
        assert!(resets.acknowledged(99));
        assert!(!resets.acknowledged(99), "a copy");
        assert!(resets.may_ask(at(1000)), "answered, and lost again");
        assert_eq!(resets.counts().acks_received, 1);
    }

    #[test]
    fn copies_of_a_request_flush_once() {
        let mut resets = Resets::default();
        let flushes = (0..30).filter(|&millis| resets.requested(at(millis)));
        assert_eq!(flushes.count(), 3);
        let counts = resets.counts();
        assert_eq!((counts.requests_received, counts.flushes), (30, 3));
    }
}
