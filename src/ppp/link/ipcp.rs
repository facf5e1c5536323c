//! The client's address (RFC 1332) in the network phase.
//!
//! pppd answers an early IPCP request by Terminate-Ack, so ours goes out when encryption is
//! settled. A client that asks early itself is not turned away: its latest request waits.

use super::{EndReason, Link, Output, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::automaton::{Automaton, Effect, Effects};
use crate::ppp::ipcp::Ipcp;
use crate::ppp::judgement::Objection;
use crate::wire::ppp::{Packet, code};

/// A request longer than this does not wait; the client repeats it.
const HELD_MAX: usize = 256;

impl Link {
    pub(super) fn ipcp_rejected(&mut self, now: Timestamp) {
        self.with_ipcp(EndReason::NetworkRefusedByPeer, now, |ipcp| {
            ipcp.protocol_rejected(now)
        });
    }

    pub(super) fn ipcp_frame(&mut self, payload: &[u8], now: Timestamp) {
        let packet = match Packet::parse(payload) {
            Ok(packet) => packet,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        let Some(network) = &mut self.network else {
            return;
        };
        if network.awaits_encryption() {
            if packet.code == code::CONFIGURE_REQUEST && payload.len() <= HELD_MAX {
                network.held = Some(payload.to_vec());
            } else {
                self.refusals.count(Refusal::WrongPhase);
            }
        } else if packet.code > code::CODE_REJECT && !self.rejects.take(now) {
            self.refusals.count(Refusal::RejectSuppressed);
        } else {
            self.with_ipcp(EndReason::ProtocolFailure, now, |ipcp| {
                ipcp.receive(&packet, now)
            });
        }
    }

    pub(super) fn start_ipcp(&mut self, now: Timestamp) {
        self.with_ipcp(EndReason::ProtocolFailure, now, |ipcp| ipcp.open(now));
        self.with_ipcp(EndReason::ProtocolFailure, now, |ipcp| ipcp.up(now));
        let held = self
            .network
            .as_mut()
            .and_then(|network| network.held.take());
        if let Some(Ok(packet)) = held.as_deref().map(Packet::parse) {
            self.with_ipcp(EndReason::ProtocolFailure, now, |ipcp| {
                ipcp.receive(&packet, now)
            });
        }
    }

    pub(super) fn with_ipcp(
        &mut self,
        cause: EndReason,
        now: Timestamp,
        act: impl FnOnce(&mut Automaton<Ipcp>) -> Effects,
    ) {
        let effects = self.network.as_mut().map(|network| act(&mut network.ipcp));
        for effect in effects.unwrap_or_default() {
            match effect {
                Effect::Frame(frame) => self.send(frame),
                Effect::AckFollows => self.say_forward_upstream(),
                Effect::LayerUp => self.ipcp_up(),
                Effect::LayerDown => {
                    // The lease stays what it is, so forwarding goes on; but not for ever.
                    self.timers
                        .set(Timer::Setup, now + self.config.setup_timeout);
                    if let Err(reason) = self.count_renegotiation() {
                        return self.end(reason, now);
                    }
                }
                Effect::LayerFinished => return self.end(cause, now),
                Effect::Objection(Objection::EndLink(reason)) => return self.end(reason, now),
                Effect::Objection(Objection::CloseProtocol) => return self.end(cause, now),
                Effect::Refused(refusal) => self.refusals.count(refusal),
                Effect::LayerStarted => {}
            }
        }
    }

    fn say_forward_upstream(&mut self) {
        if !self.said.forward_upstream {
            self.said.forward_upstream = true;
            self.outbox.push(Output::ForwardUpstream);
        }
    }

    fn ipcp_up(&mut self) {
        self.timers.clear(Timer::Setup);
        if !self.said.network_up {
            self.said.network_up = true;
            let peer_mru = self.lcp.policy().peer().mru;
            self.outbox.push(Output::ForwardDownstream { peer_mru });
            self.outbox.push(Output::NetworkUp);
        }
    }
}
