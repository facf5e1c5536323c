//! Encryption in the network phase: when CCP is asked for, when keys are armed, and how a stateful
//! stream gets back into step.
//!
//! A start key serves once. So each direction is armed once for each login, and CCP may be negotiated
//! anew on the same keys only while no frame can have been encrypted; after that the client has to
//! authenticate again (`renegotiation`).

use super::network::Network;
use super::teardown::Ending;
use super::{EndReason, Link, MppePolicy, MppeRequirement, Output, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::automaton::{Automaton, Effect, Effects, Limits};
use crate::ppp::ccp::{Ccp, Directions};
use crate::ppp::fsm::State;
use crate::ppp::ipcp::Ipcp;
use crate::ppp::judgement::Objection;
use crate::ppp::outbox::PppFrame;
use crate::wire::ccp::{Agreement, kind};
use crate::wire::options::Options;
use crate::wire::ppp::{Frame, Packet, Protocol, code};
use std::time::Duration;

/// How often a client that need not encrypt is asked whether it would: the silent ones must have
/// time left to negotiate their address.
const OPTIONAL_REQUESTS_MAX: u8 = 4;

/// How many Naks a client may answer by the same wish again: no negotiation takes ten rounds.
const FAILURES_MAX: u8 = 8;

/// Time for a client to ask for encryption by itself before we speak of addresses, if it did not do
/// so first: pppd that wants encryption answers an earlier IPCP request by Terminate-Ack.
const PASSIVE_WAIT: Duration = Duration::from_secs(1);

/// Whether frames are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// The client may ask for it, and we do not.
    Awaited,
    /// CCP is being negotiated.
    Pending,
    /// MPPE is in force, or MPPC alone.
    On,
    /// There is none.
    Off,
}

impl Link {
    /// `mppe` is what the grant says of encryption, if it says anything.
    pub(super) fn start_network(
        &mut self,
        ipcp: Ipcp,
        mppe: Option<MppePolicy>,
        keys: bool,
        now: Timestamp,
    ) {
        let limits = self.config.limits(self.config.configure_max);
        let (policy, keys) = self.keyed_policy(mppe.unwrap_or(self.config.mppe), keys);
        let ccp = || {
            let configure_max = match policy.requirement {
                MppeRequirement::Required => limits.configure_max,
                MppeRequirement::Optional | MppeRequirement::Passive | MppeRequirement::Off => {
                    limits.configure_max.min(OPTIONAL_REQUESTS_MAX)
                }
            };
            let limits = Limits {
                configure_max,
                failure_max: limits.failure_max.min(FAILURES_MAX),
                ..limits
            };
            Automaton::new(Ccp::new(policy, keys), limits)
        };
        match policy.requirement {
            MppeRequirement::Required if !keys => self.end(EndReason::MppeKeysMissing, now),
            MppeRequirement::Required | MppeRequirement::Optional if keys => {
                self.network = Some(Network::new(ipcp, policy, Some(ccp()), limits));
                self.open_ccp(now);
            }
            // Without keys a client may still compress, if it asks for that.
            MppeRequirement::Optional | MppeRequirement::Passive if keys || policy.compression => {
                let mut network = Network::new(ipcp, policy, Some(ccp()), limits);
                network.encryption = Encryption::Awaited;
                self.network = Some(network);
                self.timers.set(Timer::Encryption, now + PASSIVE_WAIT);
            }
            MppeRequirement::Required
            | MppeRequirement::Optional
            | MppeRequirement::Passive
            | MppeRequirement::Off => {
                self.network = Some(Network::new(ipcp, policy, None, limits));
                self.start_ipcp(now);
            }
        }
    }

    fn open_ccp(&mut self, now: Timestamp) {
        self.timers.clear(Timer::Encryption);
        if let Some(network) = &mut self.network {
            network.encryption = Encryption::Pending;
            if !self.said.forward_upstream {
                network.stop_ipcp(now);
            }
        }
        self.with_ccp(EndReason::NegotiationTimeoutCcp, now, |ccp| ccp.open(now));
        self.with_ccp(EndReason::NegotiationTimeoutCcp, now, |ccp| ccp.up(now));
    }

    /// The client speaks of its address, or of nothing: it will hardly ask for encryption.
    pub(super) fn encryption_not_asked_for(&mut self, now: Timestamp) {
        let network = self.network.as_mut();
        if let Some(network) = network.filter(|n| n.encryption == Encryption::Awaited) {
            network.encryption = Encryption::Off;
            self.timers.clear(Timer::Encryption);
            self.start_ipcp(now);
        }
    }

    pub(super) fn ccp_timeout(&mut self, now: Timestamp) {
        self.with_ccp(EndReason::NegotiationTimeoutCcp, now, |ccp| {
            ccp.handle_timeout(now)
        });
    }

    pub(super) fn ccp_rejected(&mut self, now: Timestamp) {
        self.with_ccp(EndReason::MppeProtocolRejected, now, |ccp| {
            ccp.protocol_rejected(now)
        });
    }

    pub(super) fn ccp_frame(&mut self, frame: &Frame<'_>, now: Timestamp) {
        let Some(state) = self.ccp_state() else {
            return self.reject_protocol(frame, now);
        };
        let packet = match Packet::parse(frame.payload) {
            Ok(packet) => packet,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        if state == State::Initial {
            // We never ask; the first request of a client that does opens CCP, even late.
            if !asks_for_mppe(&packet) {
                return self.reject_protocol(frame, now);
            }
            self.open_ccp(now);
        }
        match packet.code {
            code::RESET_REQUEST => self.reset_requested(packet.identifier, now),
            code::RESET_ACK => self.reset_acknowledged(packet.identifier),
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

    fn ccp_state(&self) -> Option<State> {
        let network = self.network.as_ref()?;
        network.ccp.as_ref().map(Automaton::state)
    }

    fn with_ccp(
        &mut self,
        cause: EndReason,
        now: Timestamp,
        act: impl FnOnce(&mut Automaton<Ccp>) -> Effects,
    ) {
        let network = self.network.as_mut();
        let Some(ccp) = network.and_then(|network| network.ccp.as_mut()) else {
            return;
        };
        let effects = act(ccp);
        let refusal = ccp.policy().refusal();
        let agreed = ccp.policy().agreed();
        for effect in effects {
            match effect {
                Effect::Frame(frame) => self.send(frame),
                Effect::AckFollows => self.say_arm_upstream(agreed),
                Effect::LayerUp => self.ccp_up(agreed, now),
                Effect::LayerDown => {
                    if let Err(reason) = self.ccp_down(cause, now) {
                        return self.end(reason, now);
                    }
                    if self.network.is_none() {
                        // What the machine that is gone had to say would be on the old keys.
                        return;
                    }
                }
                Effect::LayerFinished => self.give_up_encryption(refusal.unwrap_or(cause), now),
                Effect::Objection(Objection::EndLink(reason)) => return self.end(reason, now),
                // The reason for it is the refusal below.
                Effect::Objection(Objection::CloseProtocol) | Effect::LayerStarted => {}
                Effect::Refused(refusal) => self.refusals.count(refusal),
            }
        }
        if let Some(reason) = refusal {
            self.give_up_encryption(reason, now);
        }
    }

    /// CCP acknowledges nothing but MPPE and MPPC, so the peer may encrypt from the Ack on.
    fn say_arm_upstream(&mut self, agreed: Option<Directions>) {
        if let Some(agreed) = agreed.filter(|_| !self.said.arm_upstream) {
            self.said.arm_upstream = true;
            self.outbox.push(Output::ArmUpstream(agreed.upstream));
        }
    }

    fn ccp_up(&mut self, agreed: Option<Directions>, now: Timestamp) {
        if let Some(agreed) = agreed.filter(|_| !self.said.arm_downstream) {
            self.said.arm_downstream = true;
            self.outbox.push(Output::ArmDownstream(agreed.downstream));
        }
        if let Some(network) = &mut self.network {
            network.encryption = Encryption::On;
        }
        self.start_ipcp_once(now);
    }

    /// CCP is negotiated anew. Until something was forwarded no frame can have been encrypted, so
    /// the start keys are still unused on both sides; after that there have to be others.
    fn ccp_down(&mut self, cause: EndReason, now: Timestamp) -> Result<(), EndReason> {
        let network = self.network.as_mut();
        let Some(network) = network.filter(|n| n.encryption != Encryption::Off) else {
            return Ok(());
        };
        let in_use = self.said.forward_upstream || network.ipv6.was_agreed();
        if in_use && self.said.arm_upstream {
            let closed = [EndReason::MppeClosedByPeer, EndReason::MppeProtocolRejected];
            return if closed.contains(&cause) {
                Err(cause)
            } else {
                self.authenticate_anew(now)
            };
        }
        network.encryption = Encryption::Pending;
        if !self.said.forward_upstream {
            network.stop_ipcp(now);
        }
        self.count_renegotiation(now)
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
        let required = network.mppe.requirement == MppeRequirement::Required;
        if required || self.said.arm_upstream {
            return self.end(cause, now);
        }
        network.encryption = Encryption::Off;
        self.with_ccp(cause, now, |ccp| ccp.close("no encryption", now));
        self.start_ipcp_once(now);
    }

    /// A client that asked for encryption late has its address already.
    fn start_ipcp_once(&mut self, now: Timestamp) {
        if self.network.as_ref().is_some_and(Network::has_no_ipcp) {
            self.start_ipcp(now);
        } else {
            self.answer_held(now);
            self.start_ipv6cp(now);
        }
    }

    /// Whether frames of one direction need those before them, in a link that is not ending.
    fn is_stateful(&self, direction: fn(Directions) -> Agreement) -> bool {
        if self.ending != Ending::None {
            return false;
        }
        let agreed = self.network.as_ref().and_then(Network::agreed);
        agreed.is_some_and(|agreed| direction(agreed).is_stateful())
    }

    /// The worker lost step with the client's stream.
    pub(super) fn request_reset(&mut self, now: Timestamp) {
        if !self.is_stateful(|agreed| agreed.upstream) {
            // A stateless stream is in step again with the next frame.
            return self.refusals.count(Refusal::ResetIgnored);
        }
        let Some(network) = &mut self.network else {
            return;
        };
        if !network.resets().may_ask(now) {
            return self.refusals.count(Refusal::ResetPending);
        }
        if let Some(ccp) = &mut network.ccp {
            let identifier = ccp.take_identifier();
            network.resets().asked(identifier, now);
            self.send(reset(code::RESET_REQUEST, identifier));
        }
    }

    /// The client lost step with our stream. The acknowledgment goes first: Linux decrypts nothing
    /// until it has it.
    fn reset_requested(&mut self, identifier: u8, now: Timestamp) {
        if !self.is_stateful(|agreed| agreed.downstream) {
            return self.refusals.count(Refusal::ResetIgnored);
        }
        let Some(network) = &mut self.network else {
            return;
        };
        let flush = network.resets().requested(now);
        self.send(reset(code::RESET_ACK, identifier));
        if flush {
            self.outbox.push(Output::FlushDownstream);
        } else {
            self.refusals.count(Refusal::ResetRepeated);
        }
    }

    fn reset_acknowledged(&mut self, identifier: u8) {
        if !self.is_stateful(|agreed| agreed.upstream) {
            return self.refusals.count(Refusal::ResetIgnored);
        }
        let network = self.network.as_mut();
        if !network.is_some_and(|network| network.resets().acknowledged(identifier)) {
            self.refusals.count(Refusal::UnexpectedResetAck);
        }
    }
}

fn reset(code: u8, identifier: u8) -> PppFrame {
    let packet = Packet {
        code,
        identifier,
        data: &[],
    };
    PppFrame::new(packet.to_frame(Protocol::CCP))
}

fn asks_for_mppe(packet: &Packet<'_>) -> bool {
    packet.code == code::CONFIGURE_REQUEST
        && Options::parse(packet.data).is_ok_and(|options| options.find(kind::MPPE).is_some())
}
