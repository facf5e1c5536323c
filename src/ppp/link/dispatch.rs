//! Which machine a frame is for, and the LCP packets that are not negotiation (RFC 1661 §5.7 to
//! §5.9, RFC 1570 §1).

use super::teardown::Ending;
use super::{EndReason, Link, Output, Phase, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::auth::Outcome;
use crate::ppp::fsm::State;
use crate::ppp::keep_alive;
use crate::ppp::outbox::PppFrame;
use crate::wire::field::{u16_at, u32_at};
use crate::wire::ppp::{Frame, Packet, Protocol, code};

impl Link {
    pub(super) fn frame(&mut self, bytes: &[u8], now: Timestamp) {
        let frame = match Frame::parse(bytes) {
            Ok(frame) => frame,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        match frame.protocol {
            Protocol::LCP => self.lcp_frame(frame.payload, now),
            Protocol::CHAP => self.chap_frame(frame.payload),
            Protocol::PAP | Protocol::EAP => {
                self.refusals.count(Refusal::UnnegotiatedAuthentication);
            }
            protocol if protocol.is_network_layer() => self.refusals.count(Refusal::DataFrame),
            // RFC 1661 §3.5: before the client is known, nothing else is even looked at.
            _ if self.phase != Phase::Network => self.refusals.count(Refusal::WrongPhase),
            Protocol::CCP => self.ccp_frame(&frame, now),
            Protocol::IPCP => {
                self.encryption_not_asked_for(now);
                self.ipcp_frame(frame.payload, now);
            }
            Protocol::IPV6CP => self.ipv6cp_frame(&frame, now),
            _ => self.reject_protocol(&frame, now),
        }
    }

    fn lcp_frame(&mut self, payload: &[u8], now: Timestamp) {
        let packet = match Packet::parse(payload) {
            Ok(packet) => packet,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        match self.ending {
            Ending::None if self.phase == Phase::Dead => {
                self.refusals.count(Refusal::WrongPhase);
            }
            Ending::None => self.lcp_packet(&packet, now),
            Ending::Closing(_) if is_negotiation(packet.code) => {
                let effects = self.lcp.receive(&packet, now);
                self.run_lcp(effects, EndReason::ProtocolFailure, now);
            }
            Ending::Draining(_) | Ending::Ended(_) if packet.code == code::TERMINATE_REQUEST => {
                self.acknowledge_termination(&packet);
            }
            Ending::Closing(_) | Ending::Draining(_) | Ending::Ended(_) => {
                self.refusals.count(Refusal::WrongPhase);
            }
        }
    }

    fn lcp_packet(&mut self, packet: &Packet<'_>, now: Timestamp) {
        let opened = self.lcp.state() == State::Opened;
        match packet.code {
            code::TERMINATE_REQUEST => self.peer_terminates(packet, now),
            code::CODE_REJECT if packet.data.first() == Some(&code::ECHO_REQUEST) => {
                // The peer cannot be asked whether it is there, but it just said so.
                self.timers.clear(Timer::Echo);
            }
            code::CONFIGURE_REQUEST..=code::CODE_REJECT => {
                let effects = self.lcp.receive(packet, now);
                self.run_lcp(effects, EndReason::ProtocolFailure, now);
            }
            code::IDENTIFICATION => self.identified(packet),
            code::DISCARD_REQUEST | code::TIME_REMAINING => {}
            // RFC 1661 §5.7 and §5.8: these mean something in the Opened state only.
            code::PROTOCOL_REJECT | code::ECHO_REQUEST | code::ECHO_REPLY if !opened => {
                self.refusals.count(Refusal::WrongPhase);
            }
            code::PROTOCOL_REJECT => self.protocol_rejected(packet, now),
            code::ECHO_REQUEST => self.echo_requested(packet, now),
            code::ECHO_REPLY => self.echo_replied(packet),
            _ if !self.rejects.take(now) => self.refusals.count(Refusal::RejectSuppressed),
            _ => {
                let effects = self.lcp.receive(packet, now);
                self.run_lcp(effects, EndReason::ProtocolFailure, now);
            }
        }
    }

    fn identified(&mut self, packet: &Packet<'_>) {
        // A magic number goes before the text (RFC 1570 §1.1).
        let text = packet.data.get(4..).unwrap_or_default();
        self.identification = text
            .iter()
            .copied()
            .take(super::IDENTIFICATION_MAX)
            .collect();
    }

    fn protocol_rejected(&mut self, packet: &Packet<'_>, now: Timestamp) {
        let Some(protocol) = u16_at(packet.data, 0) else {
            return self.refusals.count(Refusal::MalformedPacket);
        };
        match Protocol(protocol) {
            Protocol::LCP => self.end(EndReason::ProtocolFailure, now),
            Protocol::CHAP => self.end(EndReason::AuthenticationNotAgreed, now),
            Protocol::CCP => self.ccp_rejected(now),
            Protocol::IPCP => self.ipcp_rejected(now),
            Protocol::IPV6CP => self.ipv6cp_rejected(now),
            _ => self.refusals.count(Refusal::AnswerMismatch),
        }
    }

    fn echo_requested(&mut self, packet: &Packet<'_>, now: Timestamp) {
        let lcp = self.lcp.policy();
        if u32_at(packet.data, 0).is_some_and(|magic| magic != 0 && lcp.is_own_magic(magic)) {
            return self.end(EndReason::LoopDetected, now);
        }
        match keep_alive::reply(packet, lcp.local_magic(), lcp.peer().mru) {
            Some(reply) => self.send(PppFrame::new(reply)),
            None => self.refusals.count(Refusal::MalformedEcho),
        }
    }

    fn echo_replied(&mut self, packet: &Packet<'_>) {
        match u32_at(packet.data, 0) {
            None => return self.refusals.count(Refusal::MalformedEcho),
            // Some clients send our number back instead of theirs. A looped link is told by the
            // Echo-Requests that it sends back too, so this is only counted.
            Some(magic) if magic != 0 && self.lcp.policy().is_own_magic(magic) => {
                self.refusals.count(Refusal::EchoReplyOwnMagic);
            }
            Some(_) => {}
        }
        if !self.keep_alive.answered(packet.identifier) {
            self.refusals.count(Refusal::UnexpectedEchoReply);
        }
    }

    fn chap_frame(&mut self, payload: &[u8]) {
        if !matches!(self.phase, Phase::Authenticate | Phase::Network) {
            return self.refusals.count(Refusal::WrongPhase);
        }
        match self.authenticator.receive(payload) {
            Outcome::Ask(credentials) => {
                self.timers.clear(Timer::Challenge);
                self.outbox.push(Output::Authenticate(credentials));
            }
            Outcome::Repeat(frame) => self.send(frame),
            Outcome::Refused(refusal) => self.refusals.count(refusal),
        }
    }

    /// Tells the peer that we do not speak a protocol (RFC 1661 §5.7), as often as is decent.
    pub(super) fn reject_protocol(&mut self, frame: &Frame<'_>, now: Timestamp) {
        self.refusals.count(Refusal::UnsupportedProtocol);
        if !self.rejects.take(now) {
            return self.refusals.count(Refusal::RejectSuppressed);
        }
        let mut data = frame.protocol.0.to_be_bytes().to_vec();
        data.extend_from_slice(frame.payload);
        data.truncate(usize::from(self.lcp.policy().peer().mru).saturating_sub(8));
        let identifier = self.lcp.take_identifier();
        let packet = Packet {
            code: code::PROTOCOL_REJECT,
            identifier,
            data: &data,
        };
        self.send(PppFrame::new(packet.to_frame(Protocol::LCP)));
    }
}

pub(super) const fn is_negotiation(code: u8) -> bool {
    matches!(code, code::CONFIGURE_REQUEST..=code::CODE_REJECT)
}
