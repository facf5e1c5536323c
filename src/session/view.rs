//! What a session looks like from outside: values for tables, copied when somebody asks.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::time::Duration;

use super::admission::AdmissionCounts;
use super::call_ids::CallIds;
use super::{CallFacts, CallOrigin, CallRef, CallState, ConnectionId, Sessions};
use crate::aaa::{CallPolicy, PoolUsage, Terms};
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::ppp::link::{Negotiated, PeerText, Refusals};
use crate::pptp::Control;
use crate::wire::call_id::CallId;

/// A control connection.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    /// The client.
    pub peer: SocketAddrV4,
    /// What it calls itself.
    pub host_name: String,
    /// Who made it.
    pub vendor_name: String,
}

/// A call.
#[derive(Clone, Debug)]
pub struct CallView {
    /// Its key; `call_id` is ours.
    pub flow: FlowKey,
    /// The worker that owns its flow.
    pub worker: u8,
    /// Where the worker keeps its counters.
    pub counter_slot: Option<u32>,
    /// The address that the client dialled.
    pub local_address: Ipv4Addr,
    /// The client's outer address.
    pub peer_address: Ipv4Addr,
    /// The peer's Call ID, once known.
    pub peer_call_id: Option<CallId>,
    /// Who asked for it.
    pub origin: CallOrigin,
    /// The name of the peer, of a call that we placed.
    pub placed_to: Option<String>,
    /// What control messages said of it.
    pub facts: CallFacts,
    /// How far it has come.
    pub state: CallState,
    /// Who it is, once known.
    pub user: Option<String>,
    /// Whose policy holds for it: a group, or nobody's in particular.
    pub group: Option<String>,
    /// The address of the other end: what it leased, or what a peer that we called has.
    pub lease: Option<Ipv4Addr>,
    /// What was negotiated.
    pub negotiated: Negotiated,
    /// What the client calls itself in LCP (RFC 1570 §1.1).
    pub identifications: Vec<PeerText>,
    /// Seconds that the client says the link will last (RFC 1570 §1.2).
    pub time_remaining_s: Option<u32>,
    /// How long the latest LCP Echo-Request took there and back.
    pub round_trip: Option<Duration>,
    /// What its link refused or ignored.
    pub refusals: Refusals,
    /// How long, how much, how fast.
    pub policy: CallPolicy,
    /// When Outgoing-Call-Request came.
    pub created: Timestamp,
    /// When the network phase was reached.
    pub network_since: Option<Timestamp>,
    /// The control connection, unless it is gone.
    pub connection: Option<ConnectionView>,
}

impl Sessions {
    /// Every call.
    pub fn views(&self) -> impl Iterator<Item = CallView> {
        self.calls.iter().filter_map(|(id, _)| self.view(id))
    }

    /// How many places calls and control connections may be in: what [`Self::views_in`] and the like
    /// take a part of at a time.
    #[must_use]
    pub fn places(&self) -> usize {
        self.calls.places().max(self.connections.places())
    }

    /// The calls in these places.
    pub fn views_in(&self, places: Range<usize>) -> impl Iterator<Item = CallView> {
        let calls = self.calls.iter_in(places);
        calls.filter_map(|(id, _)| self.view(id))
    }

    /// The calls in these places that are of `user`.
    pub fn views_of(&self, user: &str, places: Range<usize>) -> impl Iterator<Item = CallView> {
        let calls = self.calls.iter_in(places);
        let calls = calls.filter(move |(_, call)| call.user.as_deref() == Some(user));
        calls.filter_map(|(id, _)| self.view(id))
    }

    /// The calls that have this Call ID of ours, on whichever address.
    pub fn views_with(&self, call_id: CallId) -> impl Iterator<Item = CallView> {
        let locals = (0u16..).zip(&self.by_call_id);
        let calls = locals.filter_map(move |(local, _)| self.call_of(FlowKey::new(local, call_id)));
        calls.filter_map(|id| self.view(id))
    }

    /// How full the pools are.
    #[must_use]
    pub fn pool_usage(&self) -> Vec<PoolUsage> {
        self.pools.usage()
    }

    /// How many control connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// How many calls a worker has.
    #[must_use]
    pub fn calls_of(&self, worker: u8) -> usize {
        let calls = self.worker_calls.get(usize::from(worker));
        calls.copied().unwrap_or_default()
    }

    /// How many buckets of Call IDs a worker owns; one without any has no calls.
    #[must_use]
    pub fn buckets_of(&self, worker: u8) -> usize {
        self.buckets.buckets_of(worker)
    }

    /// How many calls there are, whatever their state.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// How many Call IDs belong to calls: as many as there are calls, or one was lost.
    #[must_use]
    pub fn live_call_ids(&self) -> usize {
        self.call_ids.iter().map(CallIds::live).sum()
    }

    /// The control connection of a call, and its client's outer address.
    #[must_use]
    pub fn ends_of(&self, flow: FlowKey) -> Option<(ConnectionId, Ipv4Addr)> {
        let call = self.calls.get(self.call_of(flow)?)?;
        Some((call.connection, call.peer_address))
    }

    /// What is admitted at the moment.
    #[must_use]
    pub fn admitted(&self) -> AdmissionCounts {
        self.admission.counts()
    }

    /// The machine of a control connection: its state, and what it counted against the client.
    #[must_use]
    pub fn control(&self, id: ConnectionId) -> Option<&Control> {
        self.connections
            .get(id)
            .map(|connection| &connection.control)
    }

    fn view(&self, id: CallRef) -> Option<CallView> {
        let call = self.calls.get(id)?;
        let connection = self
            .connections
            .get(call.connection)
            .map(|connection| ConnectionView {
                peer: connection.peer,
                host_name: connection.host_name.clone(),
                vendor_name: connection.vendor_name.clone(),
            });
        Some(CallView {
            flow: call.flow,
            worker: self.buckets.worker(call.flow.call_id),
            counter_slot: call.counter_slot,
            local_address: call.local_address,
            peer_address: call.peer_address,
            peer_call_id: call.peer_call_id,
            origin: call.origin,
            placed_to: call.placed_to.as_ref().map(|peer| peer.name.clone()),
            facts: call.facts.clone(),
            state: call.state,
            user: call.user.as_deref().map(str::to_owned),
            group: call.terms().and_then(Terms::group).map(str::to_owned),
            lease: call.far_end(),
            negotiated: call.link.negotiated(),
            identifications: call.link.remarks().identifications().to_vec(),
            time_remaining_s: call.link.remarks().time_remaining_s(),
            round_trip: call.link.round_trip(),
            refusals: call.link.refusals().clone(),
            policy: call.network.policy.clone(),
            created: call.created,
            network_since: call.network_since,
            connection,
        })
    }
}
