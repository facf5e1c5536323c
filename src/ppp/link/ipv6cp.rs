//! IPv6 beside IPv4 (RFC 5072): negotiated when the client asks, held like IPCP until encryption is
//! settled, and never a reason to end the call.
//!
//! We do not ask first: a client that does not speak IPv6 never sees a packet of it, and one that
//! does gets our request together with the answer to its own.

use super::Link;
use super::dispatch::is_negotiation;
use super::held::Held;
use super::{Output, Refusal};
use crate::clock::Timestamp;
use crate::ppp::automaton::{Automaton, Effect, Effects};
use crate::ppp::fsm::State;
use crate::ppp::ipv6cp::Ipv6cp;
use crate::wire::ipv6::{InterfaceIdentifier, MTU_MIN};
use crate::wire::ppp::{Frame, Packet, Protocol, code};

/// How often IPv6CP may leave the Opened state before it is given up.
const RENEGOTIATIONS_MAX: u8 = 8;

/// Our identifier and the client's.
pub(super) type Identifiers = (InterfaceIdentifier, InterfaceIdentifier);

/// IPv6 on a call. A client that never asks costs a pointer.
#[derive(Default)]
pub(super) struct Ipv6(Option<Box<Negotiation>>);

/// What a client has asked, and what came of it.
#[derive(Default)]
struct Negotiation {
    given_up: bool,
    /// `None` until encryption is settled.
    machine: Option<Automaton<Ipv6cp>>,
    held: Held,
    renegotiations: u8,
    /// What the worker was told, and holds.
    said: Option<Identifiers>,
}

/// The negotiation makes no sense: the client has to be told.
struct GivenUp;

impl Ipv6 {
    pub(super) fn state(&self) -> State {
        self.machine().map_or(State::Initial, Automaton::state)
    }

    /// What both ends agreed on, if IPv6CP is open.
    pub(super) fn identifiers(&self) -> Option<Identifiers> {
        let open = self
            .machine()
            .filter(|machine| machine.state() == State::Opened);
        open.and_then(|machine| machine.policy().identifiers())
    }

    /// Whether the client may have sent IPv6.
    pub(super) fn was_agreed(&self) -> bool {
        let was_agreed = |ipv6: &Negotiation| ipv6.said.is_some() || ipv6.renegotiations > 0;
        self.0.as_deref().is_some_and(was_agreed)
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.machine()?.poll_timeout()
    }

    /// Encryption has to be settled anew.
    pub(super) fn down(&mut self, now: Timestamp) {
        if let Some(machine) = self.machine_mut() {
            let _ = machine.down(now);
        }
    }

    fn machine(&self) -> Option<&Automaton<Ipv6cp>> {
        self.0.as_ref()?.machine.as_ref()
    }

    fn machine_mut(&mut self) -> Option<&mut Automaton<Ipv6cp>> {
        self.0.as_mut()?.machine.as_mut()
    }

    fn negotiation(&mut self) -> &mut Negotiation {
        self.0.get_or_insert_default()
    }
}

impl Link {
    pub(super) fn ipv6cp_frame(&mut self, frame: &Frame<'_>, now: Timestamp) {
        let takes_ipv6 = self.config.ipv6cp && self.is_wide_enough_for_ipv6();
        let Some(network) = &mut self.network else {
            return;
        };
        if !takes_ipv6 || network.ipv6.negotiation().given_up {
            return self.reject_protocol(frame, now);
        }
        let packet = match Packet::parse(frame.payload) {
            Ok(packet) => packet,
            Err(reason) => return self.refusals.count(reason.into()),
        };
        if network.may_await_encryption() {
            let held = &mut network.ipv6.negotiation().held;
            if !held.keep(&packet, frame.payload) {
                self.refusals.count(Refusal::WrongPhase);
            }
        } else if !is_negotiation(packet.code) && !self.rejects.take(now) {
            self.refusals.count(Refusal::RejectSuppressed);
        } else {
            self.ipv6cp_packet(&packet, frame.payload, now);
        }
    }

    /// RFC 5072 §2: whatever carries IPv6 carries its shortest MTU, both ways.
    fn is_wide_enough_for_ipv6(&self) -> bool {
        let lcp = self.lcp.policy();
        lcp.peer().mru.min(lcp.local_mru()) >= MTU_MIN
    }

    /// Encryption is settled. What the client has asked meanwhile is answered now.
    pub(super) fn start_ipv6cp(&mut self, now: Timestamp) {
        let Some(ipv6) = self.network.as_mut().map(|network| &mut network.ipv6) else {
            return;
        };
        let held = ipv6.0.as_mut().and_then(|ipv6| ipv6.held.take());
        // Under way before encryption was negotiated anew.
        if ipv6.state() == State::Starting {
            let _ = self.with_ipv6cp(|ipv6cp| ipv6cp.up(now));
        }
        if let Some(payload) = held
            && let Ok(packet) = Packet::parse(&payload)
        {
            self.ipv6cp_packet(&packet, &payload, now);
        }
    }

    pub(super) fn ipv6cp_timeout(&mut self, now: Timestamp) {
        let _ = self.with_ipv6cp(|ipv6cp| ipv6cp.handle_timeout(now));
    }

    pub(super) fn ipv6cp_rejected(&mut self, now: Timestamp) {
        let _ = self.with_ipv6cp(|ipv6cp| ipv6cp.protocol_rejected(now));
    }

    fn ipv6cp_packet(&mut self, packet: &Packet<'_>, payload: &[u8], now: Timestamp) {
        let machine = self.network.as_ref().map(|network| network.ipv6.machine());
        let begun = machine.flatten().is_some();
        if packet.code == code::CONFIGURE_REQUEST {
            self.begin_ipv6cp(now);
        } else if !begun {
            return self.refusals.count(Refusal::WrongPhase);
        }
        if let Err(GivenUp) = self.with_ipv6cp(|ipv6cp| ipv6cp.receive(packet, now)) {
            let protocol = Protocol::IPV6CP;
            self.reject_protocol(&Frame { protocol, payload }, now);
        }
    }

    /// Our own request goes out, if it did not yet.
    fn begin_ipv6cp(&mut self, now: Timestamp) {
        let Some(network) = &mut self.network else {
            return;
        };
        let ipv6 = network.ipv6.negotiation();
        if ipv6.machine.is_none() {
            let limits = self.config.limits(self.config.configure_max);
            let policy = Ipv6cp::new(self.identifiers.clone());
            ipv6.machine = Some(Automaton::new(policy, limits));
            let _ = self.with_ipv6cp(|ipv6cp| ipv6cp.open(now));
            let _ = self.with_ipv6cp(|ipv6cp| ipv6cp.up(now));
        }
    }

    fn with_ipv6cp(
        &mut self,
        act: impl FnOnce(&mut Automaton<Ipv6cp>) -> Effects,
    ) -> Result<(), GivenUp> {
        let network = self.network.as_mut();
        let machine = network.and_then(|network| network.ipv6.machine_mut());
        let effects = machine.map(act).unwrap_or_default();
        for effect in effects {
            match effect {
                // Whatever shows the client another identifier goes after the worker knows it.
                Effect::Frame(frame) => {
                    self.say_ipv6(false);
                    self.send(frame);
                }
                Effect::AckFollows => self.say_ipv6(true),
                Effect::LayerDown => self.ipv6cp_down()?,
                Effect::Objection(_) => return self.give_up_ipv6(),
                Effect::Refused(refusal) => self.refusals.count(refusal),
                // RFC 1661 §4.2: a machine that has stopped starts again when the client asks.
                Effect::LayerUp | Effect::LayerFinished | Effect::LayerStarted => {}
            }
        }
        Ok(())
    }

    /// Tells the worker the identifiers: before the first Ack, and when they have changed.
    fn say_ipv6(&mut self, first: bool) {
        let Some(ipv6) = self.network.as_mut().and_then(|n| n.ipv6.0.as_mut()) else {
            return;
        };
        let machine = ipv6.machine.as_ref();
        let agreed = machine.and_then(|machine| machine.policy().identifiers());
        if let Some((local, peer)) = agreed
            && (first || ipv6.said.is_some())
            && ipv6.said != agreed
        {
            ipv6.said = agreed;
            self.outbox.push(Output::AgreeIpv6 { local, peer });
        }
    }

    fn ipv6cp_down(&mut self) -> Result<(), GivenUp> {
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        let ipv6 = network.ipv6.negotiation();
        if ipv6.said.take().is_some() {
            self.outbox.push(Output::EndIpv6);
        }
        ipv6.renegotiations = ipv6.renegotiations.saturating_add(1);
        if ipv6.renegotiations > RENEGOTIATIONS_MAX {
            return self.give_up_ipv6();
        }
        Ok(())
    }

    fn give_up_ipv6(&mut self) -> Result<(), GivenUp> {
        if let Some(network) = &mut self.network {
            let ipv6 = network.ipv6.negotiation();
            ipv6.given_up = true;
            ipv6.machine = None;
        }
        Err(GivenUp)
    }
}
