//! Whether the peer is still there: LCP Echo-Requests and their answers (RFC 1661 §5.8).

use crate::wire::ppp::{Packet, Protocol, code};

/// What an interval without news means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Send this Echo-Request.
    Ask(Vec<u8>),
    /// Too many were not answered.
    Dead,
}

/// Counts what is not answered.
#[derive(Clone, Debug)]
pub struct KeepAlive {
    failures_max: u8,
    unanswered: u8,
    identifier: u8,
}

impl KeepAlive {
    /// A peer is dead when `failures_max` Echo-Requests in a row are not answered.
    #[must_use]
    pub const fn new(failures_max: u8) -> Self {
        Self {
            failures_max,
            unanswered: 0,
            identifier: 0,
        }
    }

    /// Once an interval: the next Echo-Request, or the end.
    pub fn tick(&mut self, magic: u32) -> Tick {
        if self.unanswered >= self.failures_max {
            return Tick::Dead;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.identifier = self.identifier.wrapping_add(1);
        let data = magic.to_be_bytes();
        let packet = Packet {
            code: code::ECHO_REQUEST,
            identifier: self.identifier,
            data: &data,
        };
        Tick::Ask(packet.to_frame(Protocol::LCP))
    }

    /// Takes an Echo-Reply; `false` if none of the unanswered requests has this identifier.
    pub fn answered(&mut self, identifier: u8) -> bool {
        let age = self.identifier.wrapping_sub(identifier);
        let expected = age < self.unanswered;
        if expected {
            self.unanswered = 0;
        }
        expected
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

    #[test]
    fn a_late_answer_to_an_earlier_request_is_a_sign_of_life() {
        let mut keep_alive = KeepAlive::new(3);
        for _ in 0..3 {
            assert!(matches!(keep_alive.tick(1), Tick::Ask(_)));
        }
        assert!(!keep_alive.answered(0));
        assert!(!keep_alive.answered(4));
        assert!(keep_alive.answered(1));
        assert!(!keep_alive.answered(1), "each request is answered once");
        for _ in 0..3 {
            assert!(matches!(keep_alive.tick(1), Tick::Ask(_)));
        }
        assert_eq!(keep_alive.tick(1), Tick::Dead);
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
