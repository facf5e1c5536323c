//! The network phase (RFC 1661 §3.6): encryption first, then the addresses.

use super::ipcp::Waiting;
use super::ipv6cp::Ipv6;
use super::teardown::Ending;
use super::{EndReason, Link, MppePolicy, NetworkGrant, Output, Refusal};
use crate::clock::Timestamp;
use crate::ppp::automaton::{Automaton, Effect, Effects, Limits};
use crate::ppp::ccp::Ccp;
use crate::ppp::fsm::State;
use crate::ppp::ipcp::Ipcp;
use crate::ppp::judgement::Objection;
use crate::wire::mppe::Suite;
use crate::wire::ppp::{Frame, Packet, code};
use std::net::Ipv4Addr;

/// How often a client that need not encrypt is asked whether it would: the silent ones must have
/// time left to negotiate their address.
const OPTIONAL_REQUESTS_MAX: u8 = 4;

/// Whether frames are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    /// CCP is being negotiated.
    Pending,
    /// MPPE is in force.
    On,
    /// There is none.
    Off,
}

/// The machines of the network phase.
pub(super) struct Network {
    grant: NetworkGrant,
    encryption: Encryption,
    /// `None` when this call has no use for CCP.
    ccp: Option<Automaton<Ccp>>,
    pub(super) ipcp: Automaton<Ipcp>,
    pub(super) ipv4: Waiting,
    pub(super) ipv6: Ipv6,
}

impl Network {
    fn new(grant: NetworkGrant, ccp: Option<Automaton<Ccp>>, ipv6: Ipv6, limits: Limits) -> Self {
        Self {
            grant,
            encryption: if ccp.is_some() {
                Encryption::Pending
            } else {
                Encryption::Off
            },
            ccp,
            ipcp: Automaton::new(Ipcp::new(grant), limits),
            ipv4: Waiting::default(),
            ipv6,
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

    /// The client may have this address, and no other.
    pub(super) const fn assign(&mut self, address: Ipv4Addr) {
        self.grant.peer_address = address;
        self.ipcp.policy_mut().assign(address);
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.encryption == Encryption::On
    }

    pub(super) fn awaits_encryption(&self) -> bool {
        self.encryption == Encryption::Pending
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let ccp = self.ccp.as_ref().and_then(Automaton::poll_timeout);
        [ccp, self.ipcp.poll_timeout(), self.ipv6.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Link {
    pub(super) fn start_network(&mut self, grant: NetworkGrant, keys: bool, now: Timestamp) {
        let limits = self.config.limits(self.config.configure_max);
        let ccp = match self.config.mppe {
            MppePolicy::Required if !keys => {
                return self.end(EndReason::MppeKeysMissing, now);
            }
            MppePolicy::Required => Some(Automaton::new(Ccp::new(true), limits)),
            MppePolicy::Optional if keys => {
                let configure_max = limits.configure_max.min(OPTIONAL_REQUESTS_MAX);
                Some(Automaton::new(
                    Ccp::new(false),
                    Limits {
                        configure_max,
                        ..limits
                    },
                ))
            }
            MppePolicy::Optional | MppePolicy::Off => None,
        };
        let encrypts = ccp.is_some();
        let ipv6 = Ipv6::new(self.config.ipv6cp);
        self.network = Some(Network::new(grant, ccp, ipv6, limits));
        if encrypts {
            self.with_ccp(EndReason::NegotiationTimeoutCcp, now, |ccp| ccp.open(now));
            self.with_ccp(EndReason::NegotiationTimeoutCcp, now, |ccp| ccp.up(now));
        } else {
            self.start_addresses(now);
        }
    }

    /// Nothing is negotiated any more; what is in force stays in force until the call is closed.
    pub(super) fn silence_network(&mut self, now: Timestamp) {
        if let Some(network) = &mut self.network {
            let _ = network.ipcp.down(now);
            network.ipv6.down(now);
            if let Some(ccp) = &mut network.ccp {
                let _ = ccp.down(now);
            }
        }
    }

    pub(super) fn network_timeout(&mut self, now: Timestamp) {
        self.with_ccp(EndReason::NegotiationTimeoutCcp, now, |ccp| {
            ccp.handle_timeout(now)
        });
        self.ipcp_timeout(now);
        self.ipv6cp_timeout(now);
    }

    pub(super) fn ccp_frame(&mut self, frame: &Frame<'_>, now: Timestamp) {
        if self
            .network
            .as_ref()
            .is_none_or(|network| network.ccp.is_none())
        {
            return self.reject_protocol(frame, now);
        }
        let packet = match Packet::parse(frame.payload) {
            Ok(packet) => packet,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        match packet.code {
            code::RESET_REQUEST | code::RESET_ACK => self.refusals.count(Refusal::ResetIgnored),
            code::TERMINATE_REQUEST => {
                self.with_ccp(EndReason::MppeClosedByPeer, now, |ccp| {
                    ccp.receive(&packet, now)
                });
                self.give_up_encryption(EndReason::MppeClosedByPeer, now);
            }
            code if code > code::CODE_REJECT && !self.rejects.take(now) => {
                self.refusals.count(Refusal::RejectSuppressed);
            }
            _ => self.with_ccp(EndReason::MppeRefusedByPeer, now, |ccp| {
                ccp.receive(&packet, now)
            }),
        }
    }

    pub(super) fn ccp_rejected(&mut self, now: Timestamp) {
        self.with_ccp(EndReason::MppeRefusedByPeer, now, |ccp| {
            ccp.protocol_rejected(now)
        });
    }

    fn with_ccp(
        &mut self,
        cause: EndReason,
        now: Timestamp,
        act: impl FnOnce(&mut Automaton<Ccp>) -> Effects,
    ) {
        let ccp = self
            .network
            .as_mut()
            .and_then(|network| network.ccp.as_mut());
        let effects = ccp.map(act).unwrap_or_default();
        for effect in effects {
            match effect {
                Effect::Frame(frame) => self.send(frame),
                Effect::AckFollows => self.say_arm_upstream(),
                Effect::LayerUp => self.ccp_up(now),
                Effect::LayerDown => {
                    if let Err(reason) = self.ccp_down(cause, now) {
                        return self.end(reason, now);
                    }
                }
                Effect::LayerFinished => self.give_up_encryption(cause, now),
                Effect::Objection(Objection::EndLink(reason)) => return self.end(reason, now),
                Effect::Objection(Objection::CloseProtocol) => {
                    return self.give_up_encryption(EndReason::MppeNotAgreed, now);
                }
                Effect::Refused(refusal) => self.refusals.count(refusal),
                Effect::LayerStarted => {}
            }
        }
    }

    /// CCP acknowledges nothing without MPPE, so the peer may encrypt from the Ack on.
    fn say_arm_upstream(&mut self) {
        if !self.said.arm_upstream {
            self.said.arm_upstream = true;
            self.outbox.push(Output::ArmUpstream(Suite::STATELESS_128));
        }
    }

    fn ccp_up(&mut self, now: Timestamp) {
        if !self.said.arm_downstream {
            self.said.arm_downstream = true;
            self.outbox
                .push(Output::ArmDownstream(Suite::STATELESS_128));
        }
        if let Some(network) = &mut self.network {
            network.encryption = Encryption::On;
        }
        self.start_addresses(now);
    }

    /// CCP is negotiated anew. Until an address was acknowledged no frame can have been encrypted,
    /// so the start keys are still unused on both sides.
    fn ccp_down(&mut self, cause: EndReason, now: Timestamp) -> Result<(), EndReason> {
        let Some(network) = self
            .network
            .as_mut()
            .filter(|n| n.encryption != Encryption::Off)
        else {
            return Ok(());
        };
        if self.said.forward_upstream || network.ipv6.was_agreed() {
            let closed = cause == EndReason::MppeClosedByPeer;
            return Err(if closed {
                cause
            } else {
                EndReason::RekeyNotPossible
            });
        }
        network.encryption = Encryption::Pending;
        let _ = network.ipcp.down(now);
        network.ipv6.down(now);
        self.count_renegotiation()
    }

    /// There will be no encryption: the end of the call, or its going on in the clear. After an
    /// Ack the worker waits for encrypted frames, so there is no way back.
    fn give_up_encryption(&mut self, cause: EndReason, now: Timestamp) {
        let Some(network) = &mut self.network else {
            return;
        };
        if self.ending != Ending::None || network.encryption == Encryption::Off {
            return;
        }
        if self.config.mppe == MppePolicy::Required || self.said.arm_upstream {
            return self.end(cause, now);
        }
        network.encryption = Encryption::Off;
        self.with_ccp(cause, now, |ccp| ccp.close("no encryption", now));
        self.start_addresses(now);
    }

    /// Encryption is settled, one way or the other.
    fn start_addresses(&mut self, now: Timestamp) {
        self.start_ipcp(now);
        self.start_ipv6cp(now);
    }
}
