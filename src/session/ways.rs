//! Calls that lead to networks: what lies behind a user or behind a peer that we call, and the
//! addresses of both ends of a call on which we are the client.
//!
//! The address directory learns it before the first packet may pass, the kernel when the call is up.
//! If two calls lead to one network, the younger has it: of the older, the peer is probably gone.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::call::Call;
use super::{CallRef, EndReason, FlowCommand, Output, Sessions};
use crate::aaa::{Lease, own_login};
use crate::clock::Timestamp;
use crate::ppp::link::{Keying, NetworkGrant};
use crate::session::verdict::Step;
use crate::wire::prefix::Prefix;

/// Which call leads where.
#[derive(Default)]
pub(super) struct Ways {
    calls: BTreeMap<Prefix, CallRef>,
    /// Addresses that peers assigned us. One for each call, and not many calls.
    ends: Vec<(CallRef, Ipv4Addr)>,
}

/// Where one call leads.
#[derive(Default)]
pub(super) struct Way {
    /// What lies behind the peer, by our configuration.
    pub(super) networks: Arc<[Prefix]>,
    /// What is in the directory for it.
    entered: Vec<Prefix>,
    /// The kernel knows of it.
    in_kernel: bool,
}

impl Way {
    /// A way to `networks`, which nobody has been told of.
    pub(super) fn to(networks: Arc<[Prefix]>) -> Self {
        Self {
            networks,
            ..Self::default()
        }
    }
}

impl Call {
    /// The address of the other end, once known: its lease, or what it told us.
    pub(super) fn far_end(&self) -> Option<Ipv4Addr> {
        match self.client() {
            None => self.lease.as_ref().map(Lease::address),
            Some(_) => known(self.link.negotiated().network?.peer_address),
        }
    }

    /// What we are on this call, if we are the client.
    pub(super) fn client(&self) -> Option<&super::peers::Client> {
        self.placed_to.as_ref()?.client.as_ref()
    }
}

impl Sessions {
    /// The peer has let us in.
    pub(super) fn logged_in(&mut self, id: CallRef, keying: &Keying, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some(client) = call.client() else { return };
        let authenticated = own_login::admitted_by_peer(keying, client.policy);
        call.user = client.user().map(Into::into);
        if !call.keys.grant(authenticated.key_digest()) {
            // What the link goes on to say rests on keys that it does not get.
            while call.link.poll_output().is_some() {}
            let reason = crate::ppp::link::EndReason::RekeyNotPossible;
            return self.begin_end(id, EndReason::Link(reason), now);
        }
        let (flow, after) = (call.flow, now.since(call.created));
        call.attempt.steps.note(Step::Accepted, after);
        let authorise = FlowCommand::Authorise {
            flow,
            authenticated,
        };
        self.order(id, authorise, now);
    }

    /// The other end may send from now on.
    pub(super) fn forward_upstream(&mut self, id: CallRef, now: Timestamp) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let flow = call.flow;
        let far_end = call.far_end();
        let ends = call.client().and_then(|_| call.link.negotiated().network);
        if let Some(ends) = ends {
            if self.is_taken(&ends) {
                return self.begin_end(id, EndReason::AddressConflict, now);
            }
            self.lead(id, far_end.map(Prefix::host));
        } else if far_end.is_none() {
            return;
        }
        self.lead(id, []);
        let Some(call) = self.calls.get(id) else {
            return;
        };
        if ends.is_some() || !call.way.networks.is_empty() {
            let local = ends.map_or(Ipv4Addr::UNSPECIFIED, |ends| ends.local_address);
            self.order(id, FlowCommand::LeadTo { flow, local }, now);
        }
        let lease = far_end.unwrap_or(Ipv4Addr::UNSPECIFIED);
        self.order(id, FlowCommand::ForwardUpstream { flow, lease }, now);
    }

    /// Both ends are agreed on: a client now knows its own address too.
    pub(super) fn forward_downstream(&mut self, id: CallRef, mtu: u16, now: Timestamp) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let flow = call.flow;
        if call.client().is_some() {
            self.forward_upstream(id, now);
        }
        self.order(id, FlowCommand::ForwardDownstream { flow, mtu }, now);
        self.tell_kernel(id);
    }

    /// Whether an end of a call on which we are the client cannot be used, because we have the
    /// address already, or give it to clients.
    fn is_taken(&self, ends: &NetworkGrant) -> bool {
        let own = |address: Ipv4Addr| self.pools.knows(address) || self.local_of(address).is_some();
        own(ends.local_address) || own(ends.peer_address)
    }

    /// The call leads to its networks and to `more`.
    fn lead(&mut self, id: CallRef, more: impl IntoIterator<Item = Prefix>) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let networks = Arc::clone(&call.way.networks);
        for network in networks.iter().copied().chain(more) {
            if !call.way.entered.contains(&network) {
                call.way.entered.push(network);
            }
            if self.ways.calls.insert(network, id) != Some(id) {
                let flow = call.flow;
                self.outputs.push_back(Output::NetworkSet { network, flow });
            }
        }
    }

    /// `networks` lie behind the client of a live call from now on, and nothing else does. What stays
    /// is not touched, so no packet of it is lost.
    pub(super) fn lead_elsewhere(&mut self, id: CallRef, networks: Arc<[Prefix]>, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.way.networks == networks {
            return;
        }
        let stays = |network: &Prefix| networks.contains(network);
        let before = std::mem::take(&mut call.way.entered);
        let (kept, gone): (Vec<_>, Vec<_>) = before.into_iter().partition(stays);
        call.way.entered.clone_from(&kept);
        let known_to_kernel = std::mem::replace(&mut call.way.in_kernel, true);
        call.way.networks = networks;
        let flow = call.flow;
        self.lead(id, []);
        let local = Ipv4Addr::UNSPECIFIED;
        self.order(id, FlowCommand::LeadTo { flow, local }, now);
        for network in gone {
            self.lead_away(id, network, known_to_kernel);
        }
        let entered = self.calls.get(id).map(|call| call.way.entered.as_slice());
        let new = entered.into_iter().flatten().copied();
        let new = new.filter(|network| !known_to_kernel || !kept.contains(network));
        let routes = new.map(|network| Output::RouteSet {
            network,
            source: None,
        });
        self.outputs.extend(routes);
    }

    /// The call leads to `network` no more, unless another one does already.
    fn lead_away(&mut self, id: CallRef, network: Prefix, in_kernel: bool) {
        if self.ways.calls.get(&network) != Some(&id) {
            return;
        }
        self.ways.calls.remove(&network);
        self.outputs.push_back(Output::NetworkCleared { network });
        if in_kernel {
            self.outputs.push_back(Output::RouteCleared { network });
        }
    }

    fn tell_kernel(&mut self, id: CallRef) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let ends = call.client().and_then(|_| call.link.negotiated().network);
        let source = ends.and_then(|ends| known(ends.local_address));
        if call.way.entered.is_empty() && source.is_none() {
            return;
        }
        call.way.in_kernel = true;
        if let Some(address) = source {
            self.ways.ends.retain(|(other, _)| *other != id);
            self.ways.ends.push((id, address));
            self.outputs.push_back(Output::OwnAddressSet { address });
        }
        for network in call.way.entered.iter().copied() {
            let route = Output::RouteSet { network, source };
            self.outputs.push_back(route);
        }
    }

    /// The call is gone, and whatever it still led to is nowhere.
    pub(super) fn lead_nowhere(&mut self, id: CallRef, way: &Way) {
        for network in way.entered.iter().copied() {
            self.lead_away(id, network, way.in_kernel);
        }
        if !way.in_kernel {
            return;
        }
        let own = self.ways.ends.iter().find(|(other, _)| *other == id);
        if let Some((_, address)) = own.copied() {
            self.ways.ends.retain(|(other, _)| *other != id);
            if !self.ways.ends.iter().any(|(_, other)| *other == address) {
                self.outputs
                    .push_back(Output::OwnAddressCleared { address });
            }
        }
    }
}

fn known(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then_some(address)
}
