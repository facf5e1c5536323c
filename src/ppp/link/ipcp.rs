//! The client's address (RFC 1332) in the network phase.
//!
//! pppd answers an early IPCP request by Terminate-Ack, so ours goes out when encryption is
//! settled. A client that asks early itself is not turned away: its latest request waits. So does
//! one that names an address of its own, until the owner of the link has said whether it may have
//! it.

use super::dispatch::is_negotiation;
use super::held::Held;
use super::{AddressPolicy, EndReason, Link, Output, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::automaton::{Automaton, Effect, Effects};
use crate::ppp::fsm::State;
use crate::ppp::ipcp::{Ipcp, obtain};
use crate::ppp::judgement::Objection;
use crate::wire::ipcp::{IpcpOption, kind};
use crate::wire::options::Options;
use crate::wire::ppp::{Packet, code};
use std::net::Ipv4Addr;

/// How many addresses a client may wish for, one after the other.
const WISHES_MAX: u8 = 4;

/// What a client wished for.
#[derive(Default)]
struct Wishes {
    last: Option<Ipv4Addr>,
    count: u8,
    /// The owner has not answered yet.
    pending: bool,
}

/// What IPCP has to wait for.
#[derive(Default)]
pub(super) struct Waiting {
    held: Held,
    wishes: Wishes,
}

impl Link {
    pub(super) fn ipcp_rejected(&mut self, now: Timestamp) {
        self.with_ipcp(EndReason::NetworkRefusedByPeer, now, |ipcp| {
            ipcp.protocol_rejected(now)
        });
    }

    pub(super) fn ipcp_timeout(&mut self, now: Timestamp) {
        let stopping = self
            .network
            .as_ref()
            .is_some_and(|network| network.ipcp.state() == State::Stopping);
        let cause = if stopping {
            EndReason::NetworkClosedByPeer
        } else {
            EndReason::NegotiationTimeoutIpcp
        };
        self.with_ipcp(cause, now, |ipcp| ipcp.handle_timeout(now));
    }

    pub(super) fn ipcp_frame(&mut self, payload: &[u8], now: Timestamp) {
        let packet = match Packet::parse(payload) {
            Ok(packet) => packet,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        let Some(network) = &mut self.network else {
            return;
        };
        let undecided = network.ipv4.wishes.pending && packet.code == code::CONFIGURE_REQUEST;
        if network.awaits_encryption() || undecided {
            if !network.ipv4.held.keep(&packet, payload) {
                self.refusals.count(Refusal::WrongPhase);
            }
        } else if !is_negotiation(packet.code) && !self.rejects.take(now) {
            self.refusals.count(Refusal::RejectSuppressed);
        } else {
            self.ipcp_packet(&packet, payload, now);
        }
    }

    /// Encryption is settled: our request goes out, and what the client has asked meanwhile is
    /// answered.
    pub(super) fn start_ipcp(&mut self, now: Timestamp) {
        self.with_ipcp(EndReason::ProtocolFailure, now, |ipcp| ipcp.open(now));
        self.with_ipcp(EndReason::ProtocolFailure, now, |ipcp| ipcp.up(now));
        self.answer_held(now);
        self.start_ipv6cp(now);
    }

    /// The owner has answered [`Output::AddressWished`].
    pub(super) fn address_decided(&mut self, address: Ipv4Addr, now: Timestamp) {
        let Some(network) = self.network.as_mut().filter(|n| n.ipv4.wishes.pending) else {
            return self.refusals.count(Refusal::UnexpectedDecision);
        };
        network.ipv4.wishes.pending = false;
        network.assign(address);
        self.answer_held(now);
    }

    pub(super) fn answer_held(&mut self, now: Timestamp) {
        let held = self
            .network
            .as_mut()
            .and_then(|network| network.ipv4.held.take());
        if let Some(payload) = held
            && let Ok(packet) = Packet::parse(&payload)
        {
            self.ipcp_packet(&packet, &payload, now);
        }
    }

    fn ipcp_packet(&mut self, packet: &Packet<'_>, payload: &[u8], now: Timestamp) {
        if let Some(wanted) = self.wish_of(packet)
            && let Some(network) = &mut self.network
            && network.ipv4.held.keep(packet, payload)
        {
            let wishes = &mut network.ipv4.wishes;
            wishes.last = Some(wanted);
            wishes.count = wishes.count.saturating_add(1);
            wishes.pending = true;
            return self.outbox.push(Output::AddressWished(wanted));
        }
        self.with_ipcp(EndReason::ProtocolFailure, now, |ipcp| {
            ipcp.receive(packet, now)
        });
    }

    /// The address that the client would rather have, if it may have wishes and this is a new one.
    /// What was acknowledged is not wished away any more.
    fn wish_of(&self, packet: &Packet<'_>) -> Option<Ipv4Addr> {
        let network = self.network.as_ref()?;
        let wishes = &network.ipv4.wishes;
        let assigned = self.config.address == AddressPolicy::Assign;
        if (assigned && !network.grant().peer_chooses)
            || self.is_client()
            || self.said.forward_upstream
            || packet.code != code::CONFIGURE_REQUEST
            || wishes.count >= WISHES_MAX
        {
            return None;
        }
        let option = Options::parse(packet.data).ok()?.find(kind::ADDRESS)?;
        let Ok(IpcpOption::Address(wanted)) = IpcpOption::parse(option) else {
            return None;
        };
        let settled = [Some(Ipv4Addr::UNSPECIFIED), wishes.last];
        let new = wanted != network.grant().peer_address && !settled.contains(&Some(wanted));
        new.then_some(wanted)
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
                Effect::LayerUp => self.ipcp_up(now),
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

    fn ipcp_up(&mut self, now: Timestamp) {
        if let Err(reason) = self.check_addresses() {
            return self.end(reason, now);
        }
        self.timers.clear(Timer::Setup);
        if !self.said.forward_downstream {
            self.said.forward_downstream = true;
            let peer_mru = self.lcp.policy().peer().mru;
            self.outbox.push(Output::ForwardDownstream { peer_mru });
            self.schedule_reauthentication(now);
        }
        if !self.said.network_up {
            self.said.network_up = true;
            self.outbox.push(Output::NetworkUp);
        }
    }

    /// What we, as the client, were told has to be usable, and to stay.
    fn check_addresses(&mut self) -> Result<(), EndReason> {
        let client = self.is_client();
        let Some(network) = self.network.as_mut().filter(|_| client) else {
            return Ok(());
        };
        if !obtain::is_usable(network.grant().local_address) {
            return Err(EndReason::AddressNotAssigned);
        }
        if network.settle() {
            Ok(())
        } else {
            Err(EndReason::AddressChanged)
        }
    }
}
