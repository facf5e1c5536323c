//! Which machine a frame is for, and the LCP packets that are not negotiation (RFC 1661 §5.7 and
//! §5.9, RFC 1570 §1).

use super::teardown::Ending;
use super::{EndReason, Link, Phase, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::fsm::State;
use crate::ppp::outbox::PppFrame;
use crate::wire::field::u16_at;
use crate::wire::ppp::{Frame, PACKET_HEADER, Packet, Protocol, code};
use std::sync::Arc;

/// How many frames of user data the peer may reject.
const DATA_REJECTS_MAX: u8 = 3;

impl Link {
    pub(super) fn frame(&mut self, bytes: &[u8], now: Timestamp) {
        self.heard(now);
        self.start_lcp(now);
        let frame = match Frame::parse(bytes) {
            Ok(frame) => frame,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        if matches!(
            frame.protocol,
            Protocol::CCP | Protocol::IPCP | Protocol::IPV6CP
        ) {
            self.login_concluded(now);
        }
        match frame.protocol {
            Protocol::LCP => self.lcp_frame(frame.payload, now),
            protocol @ (Protocol::PAP | Protocol::CHAP | Protocol::EAP) => {
                self.authentication_frame(protocol, frame.payload, now);
            }
            Protocol::IPV4 | Protocol::IPV6 | Protocol::COMPRESSED => {
                self.refusals.count(Refusal::DataFrame);
            }
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
        if packet.code == code::TERMINATE_REQUEST {
            self.remarks.terminated(packet.data);
        }
        match self.ending {
            Ending::None if self.phase == Phase::Dead => {
                self.refusals.count(Refusal::WrongPhase);
            }
            Ending::None => self.lcp_packet(&packet, now),
            // Both ends hang up at once: the peer waits for its acknowledgment, not we for ours.
            Ending::Closing(reason) if packet.code == code::TERMINATE_REQUEST => {
                self.drain(&packet, reason, now);
            }
            Ending::Draining(_) if packet.code == code::TERMINATE_ACK => {}
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
            code::IDENTIFICATION => self.remarks.identified(packet.data),
            // RFC 1570 §1.2: as good as unsaid in another state.
            code::TIME_REMAINING if opened => self.remarks.time_remaining(packet.data),
            code::DISCARD_REQUEST | code::TIME_REMAINING => {}
            // RFC 1661 §5.7 and §5.8: these mean something in the Opened state only.
            code::PROTOCOL_REJECT | code::ECHO_REQUEST | code::ECHO_REPLY if !opened => {
                self.refusals.count(Refusal::WrongPhase);
            }
            code::PROTOCOL_REJECT => self.protocol_rejected(packet, now),
            code::ECHO_REQUEST => self.echo_requested(packet, now),
            code::ECHO_REPLY => self.echo_replied(packet, now),
            _ if !self.rejects.take(now) => self.refusals.count(Refusal::RejectSuppressed),
            _ => {
                let effects = self.lcp.receive(packet, now);
                self.run_lcp(effects, EndReason::ProtocolFailure, now);
            }
        }
    }

    fn protocol_rejected(&mut self, packet: &Packet<'_>, now: Timestamp) {
        let Some(protocol) = u16_at(packet.data, 0) else {
            return self.refusals.count(Refusal::MalformedPacket);
        };
        match Protocol(protocol) {
            Protocol::LCP => self.end(EndReason::ProtocolFailure, now),
            Protocol::PAP | Protocol::CHAP | Protocol::EAP => {
                self.end(EndReason::AuthenticationNotAgreed, now);
            }
            Protocol::CCP => self.ccp_rejected(now),
            Protocol::IPCP => self.ipcp_rejected(now),
            Protocol::IPV6CP | Protocol::IPV6 => self.ipv6cp_rejected(now),
            Protocol::COMPRESSED => self.data_rejected(EndReason::MppeClosedByPeer, now),
            Protocol::IPV4 => self.data_rejected(EndReason::NetworkClosedByPeer, now),
            _ => self.refusals.count(Refusal::AnswerMismatch),
        }
    }

    /// RFC 1661 §5.7: what the peer rejects must not be sent any more. Without data there is no
    /// call, but frames may have crossed a negotiation: the first rejects are forgiven.
    fn data_rejected(&mut self, reason: EndReason, now: Timestamp) {
        self.data_rejects = self.data_rejects.saturating_add(1);
        self.refusals.count(Refusal::DataRejected);
        if self.data_rejects > DATA_REJECTS_MAX {
            self.end(reason, now);
        }
    }

    /// RFC 1570 §1.1: an Identification may be sent at any time.
    pub(super) fn identify(&mut self) {
        if !self.config.identification.is_empty() {
            let config = Arc::clone(&self.config);
            self.say(code::IDENTIFICATION, config.identification.as_bytes());
        }
    }

    pub(super) fn announce_time_remaining(&mut self, seconds: u32) {
        if self.lcp.state() == State::Opened && self.ending == Ending::None {
            self.say(code::TIME_REMAINING, &seconds.to_be_bytes());
        }
    }

    /// A packet that wants no answer: our magic number, and `data` behind it.
    fn say(&mut self, code: u8, data: &[u8]) {
        let magic = self.lcp.policy().local_magic().to_be_bytes();
        let data = [&magic[..], data].concat();
        let packet = Packet {
            code,
            identifier: self.lcp.take_identifier(),
            data: &data,
        };
        self.send(PppFrame::new(packet.to_frame(Protocol::LCP)));
    }

    /// Tells the peer that we do not speak a protocol (RFC 1661 §5.7), as often as is decent.
    pub(super) fn reject_protocol(&mut self, frame: &Frame<'_>, now: Timestamp) {
        self.refusals.count(Refusal::UnsupportedProtocol);
        if !self.rejects.take(now) {
            return self.refusals.count(Refusal::RejectSuppressed);
        }
        let mut data = frame.protocol.0.to_be_bytes().to_vec();
        data.extend_from_slice(frame.payload);
        data.truncate(usize::from(self.lcp.policy().peer().mru).saturating_sub(PACKET_HEADER));
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
