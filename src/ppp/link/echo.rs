//! Whether the peer is there: Echo-Requests of both sides (RFC 1661 §5.8).
//!
//! A peer that was heard a moment ago need not be asked. What carries user data never comes this
//! way, so the owner says when the worker heard it last ([`super::Input::Heard`]).

use super::{EndReason, Link, PppFrame, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::keep_alive::{self, Tick};
use crate::wire::field::u32_at;
use crate::wire::ppp::Packet;
use std::time::Duration;

impl Link {
    /// How long the latest answered Echo-Request took there and back.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.keep_alive.round_trip()
    }

    /// When the client was last heard, as far as the owner has said so or a frame came this way.
    #[must_use]
    pub const fn last_heard(&self) -> Timestamp {
        self.heard_at
    }

    pub(super) fn heard(&mut self, at: Timestamp) {
        self.heard_at = self.heard_at.max(at);
    }

    pub(super) fn start_echo(&mut self, now: Timestamp) {
        if !self.config.echo_interval.is_zero() {
            self.timers
                .set(Timer::Echo, now + self.config.echo_interval);
        }
    }

    pub(super) fn echo(&mut self, now: Timestamp) {
        if self.config.echo_adaptive && now.since(self.heard_at) < self.config.echo_interval {
            self.keep_alive.heard();
            return self.start_echo(self.heard_at.min(now));
        }
        let magic = self.lcp.policy().local_magic();
        match self.keep_alive.tick(magic, now) {
            Tick::Ask(frame) => {
                self.send(PppFrame::new(frame));
                self.start_echo(now);
            }
            Tick::Dead => self.end(EndReason::EchoTimeout, now),
        }
    }

    pub(super) fn echo_requested(&mut self, packet: &Packet<'_>, now: Timestamp) {
        let lcp = self.lcp.policy();
        let magic = u32_at(packet.data, 0).unwrap_or_default();
        let own_magic = magic != 0 && lcp.is_own_magic(magic);
        if own_magic {
            self.refusals.count(Refusal::EchoRequestOwnMagic);
        }
        if self.keep_alive.hears_itself(own_magic) {
            return self.end(EndReason::LoopDetected, now);
        }
        let Some(reply) = keep_alive::reply(packet, lcp.local_magic(), lcp.peer().mru) else {
            return self.refusals.count(Refusal::MalformedEcho);
        };
        if self.echo_replies.take(now) {
            self.send(PppFrame::new(reply));
        } else {
            self.refusals.count(Refusal::EchoSuppressed);
        }
    }

    pub(super) fn echo_replied(&mut self, packet: &Packet<'_>, now: Timestamp) {
        match u32_at(packet.data, 0) {
            None => return self.refusals.count(Refusal::MalformedEcho),
            // Some clients send our number back instead of theirs. A looped link is told by the
            // Echo-Requests that it sends back too, so this is only counted.
            Some(magic) if magic != 0 && self.lcp.policy().is_own_magic(magic) => {
                self.refusals.count(Refusal::EchoReplyOwnMagic);
            }
            Some(_) => {}
        }
        if !self.keep_alive.answered(packet.identifier, now) {
            self.refusals.count(Refusal::UnexpectedEchoReply);
        }
    }
}
