//! The network phase (RFC 1661 §3.6): encryption first, then the address.
//!
//! pppd answers an early IPCP request by Terminate-Ack, so ours goes out when encryption is
//! settled. A client that asks early itself is not turned away: its latest request waits.

use super::encryption::Encryption;
use super::{EndReason, Link, NetworkGrant, Output, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::automaton::{Automaton, Effect, Effects, Limits};
use crate::ppp::ccp::{Ccp, Directions, MppePolicy, Resets};
use crate::ppp::fsm::State;
use crate::ppp::ipcp::Ipcp;
use crate::ppp::judgement::Objection;
use crate::wire::ccp::SupportedBits;
use crate::wire::ppp::{Packet, code};

/// A request longer than this does not wait; the client repeats it.
const HELD_MAX: usize = 256;

/// The machines of the network phase.
pub(super) struct Network {
    grant: NetworkGrant,
    /// What holds for this call's encryption.
    pub(super) mppe: MppePolicy,
    pub(super) encryption: Encryption,
    /// `None` when this call has no use for CCP.
    pub(super) ccp: Option<Automaton<Ccp>>,
    pub(super) resets: Resets,
    ipcp: Automaton<Ipcp>,
    held: Option<Vec<u8>>,
}

impl Network {
    pub(super) fn new(
        grant: NetworkGrant,
        mppe: MppePolicy,
        ccp: Option<Automaton<Ccp>>,
        limits: Limits,
    ) -> Self {
        Self {
            grant,
            mppe,
            encryption: Encryption::Off,
            ccp,
            resets: Resets::default(),
            ipcp: Automaton::new(Ipcp::new(grant), limits),
            held: None,
        }
    }

    pub(super) const fn grant(&self) -> NetworkGrant {
        self.grant
    }

    pub(super) fn ccp_state(&self) -> State {
        self.ccp.as_ref().map_or(State::Initial, Automaton::state)
    }

    pub(super) const fn ipcp_state(&self) -> State {
        self.ipcp.state()
    }

    /// What is encrypted with, once both sides agreed.
    pub(super) fn agreed(&self) -> Option<Directions> {
        let ccp = self.ccp.as_ref()?;
        let agreed = ccp.policy().agreed();
        agreed.filter(|_| self.encryption == Encryption::On)
    }

    pub(super) fn peer_offer(&self) -> Option<SupportedBits> {
        self.ccp.as_ref()?.policy().peer_offer()
    }

    pub(super) fn mppe_refusal(&self) -> Option<EndReason> {
        self.ccp.as_ref()?.policy().refusal()
    }

    pub(super) fn awaits_encryption(&self) -> bool {
        self.encryption == Encryption::Pending
    }

    /// IPCP is not running.
    pub(super) const fn has_no_ipcp(&self) -> bool {
        matches!(self.ipcp.state(), State::Initial | State::Starting)
    }

    /// IPCP waits again.
    pub(super) fn stop_ipcp(&mut self, now: Timestamp) {
        let _ = self.ipcp.down(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let ccp = self.ccp.as_ref().and_then(Automaton::poll_timeout);
        [ccp, self.ipcp.poll_timeout()].into_iter().flatten().min()
    }
}

impl Link {
    /// Nothing is negotiated any more; what is in force stays in force until the call is closed.
    pub(super) fn silence_network(&mut self, now: Timestamp) {
        if let Some(network) = &mut self.network {
            let _ = network.ipcp.down(now);
            if let Some(ccp) = &mut network.ccp {
                let _ = ccp.down(now);
            }
        }
    }

    pub(super) fn network_timeout(&mut self, now: Timestamp) {
        self.ccp_timeout(now);
        let stopping = self
            .network
            .as_ref()
            .is_some_and(|n| n.ipcp.state() == State::Stopping);
        let cause = if stopping {
            EndReason::NetworkClosedByPeer
        } else {
            EndReason::NegotiationTimeoutIpcp
        };
        self.with_ipcp(cause, now, |ipcp| ipcp.handle_timeout(now));
    }

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

    fn with_ipcp(
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
                    if let Err(reason) = self.count_renegotiation(now) {
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
        if !self.said.forward_downstream {
            self.said.forward_downstream = true;
            let peer_mru = self.lcp.policy().peer().mru;
            self.outbox.push(Output::ForwardDownstream { peer_mru });
        }
        if !self.said.network_up {
            self.said.network_up = true;
            self.outbox.push(Output::NetworkUp);
        }
    }
}
