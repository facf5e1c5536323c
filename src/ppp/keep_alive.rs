//! Whether the peer is still there: LCP Echo-Requests and their answers (RFC 1661 §5.8).

use crate::clock::Timestamp;
use crate::wire::ppp::{Packet, Protocol, code};
use std::time::Duration;

/// So many Echo-Requests in a row with our own magic number are not a careless client.
const LOOPED_ECHOES_MAX: u8 = 3;

/// What an interval without news means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Send this Echo-Request.
    Ask(Vec<u8>),
    /// Too many were not answered.
    Dead,
}

/// Counts what is not answered, and times what is.
#[derive(Clone, Debug)]
pub struct KeepAlive {
    failures_max: u8,
    unanswered: u8,
    identifier: u8,
    asked_at: Timestamp,
    round_trip: Option<Duration>,
    looped: u8,
}

impl KeepAlive {
    /// A peer is dead when `failures_max` Echo-Requests in a row are not answered.
    #[must_use]
    pub const fn new(failures_max: u8) -> Self {
        Self {
            failures_max,
            unanswered: 0,
            identifier: 0,
            asked_at: Timestamp::ZERO,
            round_trip: None,
            looped: 0,
        }
    }

    /// Once an interval: the next Echo-Request, or the end.
    pub fn tick(&mut self, magic: u32, now: Timestamp) -> Tick {
        if self.unanswered >= self.failures_max {
            return Tick::Dead;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.identifier = self.identifier.wrapping_add(1);
        self.asked_at = now;
        let data = magic.to_be_bytes();
        let packet = Packet {
            code: code::ECHO_REQUEST,
            identifier: self.identifier,
            data: &data,
        };
        Tick::Ask(packet.to_frame(Protocol::LCP))
    }

    /// The peer said something else, which is as good as an answer.
    pub const fn heard(&mut self) {
        self.unanswered = 0;
    }

    /// Takes an Echo-Reply; `false` if none of the unanswered requests has this identifier.
    pub fn answered(&mut self, identifier: u8, now: Timestamp) -> bool {
        let age = self.identifier.wrapping_sub(identifier);
        let expected = age < self.unanswered;
        if expected {
            self.unanswered = 0;
            if age == 0 {
                self.round_trip = Some(now.since(self.asked_at));
            }
        }
        expected
    }

    /// How long the latest answered Echo-Request took there and back.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// An Echo-Request came: whether with our own magic number. `true` when so many of these came
    /// in a row that the link is looped (RFC 1661 §5.8); one may be a careless client's.
    pub const fn hears_itself(&mut self, own_magic: bool) -> bool {
        self.looped = if own_magic {
            self.looped.saturating_add(1)
        } else {
            0
        };
        self.looped >= LOOPED_ECHOES_MAX
    }
}

/// The answer to an Echo-Request: its data with our magic number in front, and never longer than
/// the request or than the peer receives. `None` if the request has no magic number.
#[must_use]
pub fn reply(request: &Packet<'_>, magic: u32, peer_mru: u16) -> Option<Vec<u8>> {
    let (_peer_magic, text) = request.data.split_first_chunk::<4>()?;
    let room = usize::from(peer_mru).saturating_sub(8);
    let mut data = magic.to_be_bytes().to_vec();
    data.extend_from_slice(text.get(..room).unwrap_or(text));
    let packet = Packet {
        code: code::ECHO_REPLY,
        identifier: request.identifier,
        data: &data,
    };
    Some(packet.to_frame(Protocol::LCP))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(millis)
    }

    fn ask(keep_alive: &mut KeepAlive, times: u8) {
        for _ in 0..times {
            assert!(matches!(keep_alive.tick(1, at(1000)), Tick::Ask(_)));
        }
    }

    #[test]
    fn a_late_answer_to_an_earlier_request_is_a_sign_of_life() {
        let mut keep_alive = KeepAlive::new(3);
        ask(&mut keep_alive, 3);
        assert!(!keep_alive.answered(0, at(1001)));
        assert!(!keep_alive.answered(4, at(1001)));
        assert!(keep_alive.answered(1, at(1001)));
        assert!(
            !keep_alive.answered(1, at(1001)),
            "each request is answered once"
        );
        ask(&mut keep_alive, 3);
        assert_eq!(keep_alive.tick(1, at(2000)), Tick::Dead);
    }

    #[test]
    fn only_the_answer_to_the_latest_request_is_timed() {
        let mut keep_alive = KeepAlive::new(9);
        ask(&mut keep_alive, 2);
        keep_alive.answered(1, at(1030));
        assert_eq!(keep_alive.round_trip(), None);
        ask(&mut keep_alive, 1);
        keep_alive.answered(3, at(1042));
        let round_trip = Some(Duration::from_millis(42));
        assert_eq!(keep_alive.round_trip(), round_trip);
    }

    #[test]
    fn other_news_of_the_peer_count_as_an_answer() {
        let mut keep_alive = KeepAlive::new(2);
        for _ in 0..100 {
            ask(&mut keep_alive, 2);
            keep_alive.heard();
        }
    }

    #[test]
    fn own_numbers_in_a_row_are_a_loop() {
        let mut keep_alive = KeepAlive::new(2);
        for _ in 0..10 {
            assert!(!keep_alive.hears_itself(true));
            assert!(!keep_alive.hears_itself(true));
            assert!(!keep_alive.hears_itself(false));
        }
        assert!(!keep_alive.hears_itself(true));
        assert!(!keep_alive.hears_itself(true));
        assert!(keep_alive.hears_itself(true));
    }

    #[test]
    fn a_reply_is_never_longer_than_its_request() {
        for length in 0..2000 {
            let data = vec![7; length];
            let request = Packet {
                code: code::ECHO_REQUEST,
                identifier: 3,
                data: &data,
            };
            let frame = request.to_frame(Protocol::LCP);
            match reply(&request, 0xaabb_ccdd, 1400) {
                Some(reply) => {
                    assert!(reply.len() <= frame.len() && reply.len() <= 4 + 1400);
                    assert_eq!(reply[8..12], [0xaa, 0xbb, 0xcc, 0xdd]);
                }
                None => assert!(length < 4),
            }
        }
    }
}
