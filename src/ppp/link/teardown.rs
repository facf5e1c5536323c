//! The end of a link (RFC 1661 §3.7): one way down, whoever asks for it, with one reason.

use super::{EndReason, Link, Output, Phase, Timer};
use crate::clock::Timestamp;
use crate::ppp::fsm::State;
use crate::wire::ppp::{Packet, Protocol, code};
use std::time::Duration;

/// How long a peer that hung up gets its repeated Terminate-Requests acknowledged.
const DRAIN: Duration = Duration::from_secs(1);

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The link is not ending.
    None,
    /// Our Terminate-Request is out.
    Closing(EndReason),
    /// The peer's Terminate-Request was acknowledged and may come again.
    Draining(EndReason),
    /// It is over.
    Ended(EndReason),
}

impl Ending {
    pub(super) const fn reason(self) -> Option<EndReason> {
        match self {
            Self::None => None,
            Self::Closing(reason) | Self::Draining(reason) | Self::Ended(reason) => Some(reason),
        }
    }
}

impl Link {
    /// Takes the link down. The first reason stays.
    pub(super) fn end(&mut self, reason: EndReason, now: Timestamp) {
        if self.ending != Ending::None {
            return;
        }
        self.ending = Ending::Closing(reason);
        self.phase = Phase::Terminate;
        self.timers.clear_all();
        self.silence_network(now);
        let effects = self.lcp.close(reason.name(), now);
        self.run_lcp(effects, reason, now);
        // A client that answers no Echo-Request answers no Terminate-Request either: it is sent once,
        // in case only the way to us is broken, and nobody waits while a lease and a Call ID are held.
        let deaf = reason == EndReason::EchoTimeout;
        if deaf {
            let _ = self.lcp.down(now);
        }
        if !matches!(self.lcp.state(), State::Closing | State::Stopping) {
            self.closed();
        }
    }

    /// Our Terminate-Request was answered, or was repeated often enough, or had nobody to go to.
    pub(super) fn closed(&mut self) {
        if let Ending::Closing(reason) = self.ending {
            self.ended(reason);
        }
    }

    /// The peer hung up.
    pub(super) fn peer_terminates(&mut self, request: &Packet<'_>, now: Timestamp) {
        self.drain(request, EndReason::PeerTerminated, now);
    }

    /// Stays until the peer has had time to hear that its Terminate-Request is acknowledged. pptp-linux
    /// leaves with the control connection, whatever GRE it has not read, and pppd takes that for a
    /// modem that hung up and forgets its own reason.
    pub(super) fn drain(&mut self, request: &Packet<'_>, reason: EndReason, now: Timestamp) {
        self.acknowledge_termination(request);
        self.ending = Ending::Draining(reason);
        self.phase = Phase::Terminate;
        self.timers.clear_all();
        self.timers.set(Timer::Drain, now + DRAIN);
        self.silence_network(now);
        // The table would wait for a Restart timer, or go on asking; nobody is there to answer.
        let _ = self.lcp.down(now);
    }

    /// A Terminate-Request is acknowledged whatever the state, even after the end.
    pub(super) fn acknowledge_termination(&mut self, request: &Packet<'_>) {
        let identifier = request.identifier;
        let ack = Packet {
            code: code::TERMINATE_ACK,
            identifier,
            data: &[],
        };
        self.send(super::PppFrame::new(ack.to_frame(Protocol::LCP)));
    }

    pub(super) fn drained(&mut self) {
        if let Ending::Draining(reason) = self.ending {
            self.ended(reason);
        }
    }

    fn ended(&mut self, reason: EndReason) {
        self.ending = Ending::Ended(reason);
        self.phase = Phase::Dead;
        self.timers.clear_all();
        self.outbox.push(Output::Ended(reason));
    }
}
