//! One call: its PPP link, its flow in a worker, its lease, and the orders that wait for the worker.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::admission::CallPermit;
use super::ccp::MppcPlace;
use super::facts::{CallFacts, CallOrigin};
use super::limits::Usage;
use super::tenants::Tenancy;
use super::verdict::{Attempt, Step};
use super::ways::Way;
use super::{Client, EndReason, Event, Peer, Sessions};
use crate::aaa::radius::{Caller, ClientSaid};
use crate::aaa::{Grant, Lease, NetworkTerms, Terms};
use crate::clock::Timestamp;
use crate::flow::{FlowCommand, FlowKey, FrameBytes};
use crate::ppp::link::{self, Link, PeerText};
use crate::wire::call_id::CallId;

/// Orders that one call may have waiting for its worker.
const OUTBOX_MAX: usize = 64;

/// Start keys of one call that are remembered.
const USED_KEYS_MAX: usize = 16;
/// PPP frames that may wait for the message that connects a call.
const EARLY_MAX: usize = 4;

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// The worker has been asked for a flow.
    Opening,
    /// The peer has our Call ID, and has not connected a call that it offered or that we placed.
    Connecting,
    /// The flow exists and the link negotiates.
    Negotiating,
    /// The client has an address and forwards.
    Network,
    /// LCP says goodbye; the flow still carries it.
    Terminating,
    /// The flow is being closed; lease and Call ID wait for the worker's final report.
    Closing,
}

impl CallState {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Connecting => "connecting",
            Self::Negotiating => "negotiating",
            Self::Network => "network",
            Self::Terminating => "terminating",
            Self::Closing => "closing",
        }
    }
}

/// An order for the worker. Frames wait in their own length, not in a ring slot's.
pub(super) enum Order {
    Frame(Vec<u8>),
    Command(Box<FlowCommand>),
}

impl Order {
    /// The form that crosses the ring; `None` for a frame longer than any slot.
    pub(super) fn into_command(self, flow: FlowKey) -> Option<FlowCommand> {
        match self {
            Self::Frame(bytes) => {
                FrameBytes::copy_of(&bytes).map(|frame| FlowCommand::Frame { flow, frame })
            }
            Self::Command(command) => Some(*command),
        }
    }
}

/// Which start keys the worker has been told to use, by their digests: none may be used twice.
#[derive(Default)]
pub(super) struct UsedKeys {
    granted: Option<u64>,
    used: Vec<u64>,
}

impl UsedKeys {
    /// Notes what a login gave; `false` if it has been in use on this call.
    pub(super) fn grant(&mut self, digest: Option<u64>) -> bool {
        self.granted = digest;
        digest.is_none_or(|digest| !self.used.contains(&digest))
    }

    /// The granted keys are in use from here on.
    pub(super) fn arm(&mut self) {
        if let Some(digest) = self.granted.filter(|digest| !self.used.contains(digest)) {
            // Keys that come again come from a constant, so the earliest are worth remembering.
            if self.used.len() < USED_KEYS_MAX {
                self.used.push(digest);
            }
        }
    }
}

/// One call from Outgoing-Call-Request to the worker's final report.
pub struct Call {
    pub(super) connection: super::ConnectionId,
    pub(super) flow: FlowKey,
    pub(super) peer_address: Ipv4Addr,
    pub(super) local_address: Ipv4Addr,
    /// The peer's Call ID; of a call that we place, when it has answered.
    pub(super) peer_call_id: Option<CallId>,
    pub(super) origin: CallOrigin,
    pub(super) facts: CallFacts,
    /// Whom we called, if we did.
    pub(super) placed_to: Option<Arc<Peer>>,
    /// PPP frames that came before the message that connects the call.
    pub(super) early: Vec<Box<[u8]>>,
    pub(super) link: Link,
    /// What holds for it: of the address that was dialled, and once it is known who it is, of the user.
    pub(super) terms: Terms,
    /// The place among the admitted calls, given back when this is dropped.
    _permit: CallPermit,
    pub(super) state: CallState,
    /// The reason is set once; what comes later is a consequence.
    pub(super) end: Option<EndReason>,
    pub(super) lease: Option<Lease>,
    /// Its place among the sessions of its user, from the grant on.
    pub(super) tenancy: Option<Tenancy>,
    /// What it was granted, while it waits for a place.
    pub(super) pending: Option<Box<Grant>>,
    pub(super) user: Option<Box<str>>,
    /// What is noted for the verdict.
    pub(super) attempt: Attempt,
    /// Where the worker keeps the flow's counters, once it is open.
    pub(super) counter_slot: Option<u32>,
    pub(super) created: Timestamp,
    pub(super) network_since: Option<Timestamp>,
    /// When the call must have reached the network phase, or, while terminating, be gone.
    pub(super) deadline: Option<Timestamp>,
    /// The entry of this call in the timer heap.
    pub(super) armed: Option<Timestamp>,
    pub(super) keys: UsedKeys,
    /// The worker's place for histories of MPPC, if this call needs one.
    pub(super) mppc: Option<MppcPlace>,
    /// The networks that it leads to.
    pub(super) way: Way,
    /// What it was granted beside its address.
    pub(super) network: NetworkTerms,
    /// What it has used of that.
    pub(super) usage: Usage,
    outbox: VecDeque<Order>,
}

/// What a new call starts from.
pub(super) struct NewCall {
    pub(super) connection: super::ConnectionId,
    pub(super) flow: FlowKey,
    pub(super) peer_address: Ipv4Addr,
    pub(super) local_address: Ipv4Addr,
    pub(super) peer_call_id: Option<CallId>,
    pub(super) origin: CallOrigin,
    pub(super) facts: CallFacts,
    pub(super) placed_to: Option<Arc<Peer>>,
    pub(super) link: Link,
    pub(super) terms: Terms,
    pub(super) permit: CallPermit,
    pub(super) deadline: Timestamp,
}

impl Call {
    pub(super) fn new(new: NewCall, now: Timestamp) -> Self {
        let placed_to = new.placed_to;
        let client = placed_to.as_ref().and_then(|peer| peer.client.as_ref());
        let way = Way::to(
            client
                .map(|it| Arc::clone(&it.networks))
                .unwrap_or_default(),
        );
        let mut attempt = Attempt::new();
        if let Some(user) = client.and_then(Client::user) {
            attempt.named(user.as_bytes(), Duration::ZERO);
        }
        Self {
            connection: new.connection,
            flow: new.flow,
            peer_address: new.peer_address,
            local_address: new.local_address,
            peer_call_id: new.peer_call_id,
            origin: new.origin,
            facts: new.facts,
            placed_to,
            early: Vec::new(),
            link: new.link,
            terms: new.terms,
            _permit: new.permit,
            state: CallState::Opening,
            end: None,
            lease: None,
            tenancy: None,
            pending: None,
            user: None,
            attempt,
            counter_slot: None,
            created: now,
            network_since: None,
            deadline: Some(new.deadline),
            armed: None,
            keys: UsedKeys::default(),
            mppc: None,
            way,
            network: NetworkTerms::default(),
            usage: Usage::default(),
            outbox: VecDeque::new(),
        }
    }

    /// Who asks for it, in the words of whoever decides.
    fn caller(&self, host_name: &str) -> Caller {
        let printable = |text: &PeerText| text.to_string().into();
        let identifications = self.link.remarks().identifications();
        Caller {
            client: ClientSaid {
                host_name: (!host_name.is_empty()).then(|| host_name.into()),
                connect_bps: self.facts.line.map(|line| line.connect_speed_bps),
                identifications: identifications.iter().map(printable).collect(),
            },
            flow: self.flow,
            peer_address: self.peer_address,
            local_address: self.local_address,
            calling_number: self.facts.calling_number.clone(),
            called_number: self.facts.called_number.clone(),
            state: self.network.state.clone(),
        }
    }

    /// What holds for it, if we are the server.
    pub(super) fn terms(&self) -> Option<&Terms> {
        self.client().is_none().then_some(&self.terms)
    }

    /// Notes why it ends, once, and answers the reason that holds: the first. A client that is refused
    /// clears the call while the link is still saying goodbye, and that is not why it ended.
    pub(super) fn ends_for(&mut self, reason: EndReason, now: Timestamp) -> EndReason {
        let after = now.since(self.created);
        self.attempt.steps.note(Step::Ended, after);
        let of_link = self.link.end_reason();
        let of_link = of_link.filter(|reason| *reason != link::EndReason::PeerTerminated);
        *self
            .end
            .get_or_insert(of_link.map_or(reason, EndReason::Link))
    }

    /// When this call next wants time: its link's timers, or its own deadline.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let both = [self.link.poll_timeout(), self.deadline];
        let of_all = both.into_iter().flatten().min();
        match self.state {
            CallState::Closing => None,
            CallState::Network => [of_all, self.usage.poll_timeout()]
                .into_iter()
                .flatten()
                .min(),
            CallState::Opening
            | CallState::Connecting
            | CallState::Negotiating
            | CallState::Terminating => of_all,
        }
    }

    /// Whether a client dialled in: it is the PNS, and ends the call with Call-Clear-Request.
    pub(super) const fn dialled_in(&self) -> bool {
        matches!(self.origin, CallOrigin::Dialled)
    }

    /// Keeps a frame that was faster than the message that connects the call; `false` if there are
    /// too many.
    pub(super) fn keep_early(&mut self, frame: &[u8]) -> bool {
        let room = self.early.len() < EARLY_MAX;
        if room {
            self.early.push(frame.into());
        }
        room
    }

    /// What to tell of a call that is connected.
    pub(super) fn opened_event(&self) -> Event {
        Event::CallOpened {
            flow: self.flow,
            peer_address: self.peer_address,
            origin: self.origin,
            called_number: self.facts.called_number.clone(),
            calling_number: self.facts.calling_number.clone(),
        }
    }

    /// Queues an order; `false` if the call has too many waiting. Closing always fits, because a call
    /// that is in trouble must still be able to end.
    pub(super) fn queue(&mut self, order: Order) -> bool {
        let closing = matches!(&order, Order::Command(command)
            if matches!(**command, FlowCommand::Close { .. }));
        if self.outbox.len() >= OUTBOX_MAX && !closing {
            return false;
        }
        self.outbox.push_back(order);
        true
    }

    /// Takes the oldest order; an empty outbox gives its memory back.
    pub(super) fn next_order(&mut self) -> Option<Order> {
        let order = self.outbox.pop_front();
        if self.outbox.is_empty() {
            self.outbox = VecDeque::new();
        }
        order
    }

    /// Whether orders wait.
    pub(super) fn has_orders(&self) -> bool {
        !self.outbox.is_empty()
    }
}

impl Sessions {
    /// Who asks for a call, in the words of whoever decides.
    pub(super) fn caller_of(&self, call: &Call) -> Caller {
        let connection = self.connections.get(call.connection);
        call.caller(connection.map_or("", |connection| &connection.host_name))
    }
}
