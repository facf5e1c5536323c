//! What a call was granted of time and traffic: when it is looked at, when it ends, and how that is
//! changed while it lives.

use std::sync::Arc;
use std::time::Duration;

use super::call::Call;
use super::{CallRef, CallState, Counters, EndReason, FlowCommand, Sessions};
use crate::aaa::{AtSessionLimit, CallPolicy, PolicyChange};
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowTotals};
use crate::ppp::fsm::State;
use crate::ppp::link as ppp;
use crate::wire::prefix::Prefix;

/// How often traffic is looked at where a call may not be idle for ever, in the time that it may be.
const IDLE_LOOKS: u32 = 4;
/// No call carries more than this for long: what is left of a quota lasts at least so long.
const RATE_MAX_BYTES_PER_S: u64 = 125_000_000;
/// Soonest and latest look at a call with a quota. What a call carries beyond its quota is what it can
/// carry in the first of them.
const QUOTA_LOOK_TIME: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// How long a client has to prove once more who it is.
const REAUTHENTICATION_TIME: Duration = Duration::from_secs(30);

/// What a call has used of what it was granted.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// The log-in that its time is counted from.
    since: Timestamp,
    /// When it is looked at next.
    look_at: Option<Timestamp>,
    /// How many packets it had carried when it last carried one, and when that was seen.
    active: (u64, Timestamp),
    /// Its time is over, and it was asked to prove who it is.
    asked: bool,
}

impl Usage {
    /// When the call wants to be looked at.
    pub(super) const fn poll_timeout(&self) -> Option<Timestamp> {
        self.look_at
    }
}

impl Call {
    /// The longest packet to a client that receives this much, in bytes.
    pub(super) fn mtu(&self, peer_mru: u16) -> u16 {
        peer_mru.min(self.network.mtu_max.unwrap_or(u16::MAX))
    }

    /// Its time begins, with a log-in.
    pub(super) fn begin_time(&mut self, now: Timestamp) {
        self.usage.since = now;
        self.usage.asked = false;
        self.usage.active.1 = now;
        self.keep_time(now);
    }

    /// What it may use has changed.
    fn keep_time(&mut self, now: Timestamp) {
        let policy = &self.network.policy;
        let limit = policy.session_limit.map(|limit| self.usage.since + limit);
        self.deadline = limit.into_iter().chain(policy.ends_at).min();
        let idle = policy.idle_limit.is_some();
        let quota = policy.quota.left(&FlowTotals::default()).is_some();
        self.usage.look_at = (idle || quota).then_some(now);
    }

    /// Looks at what it has carried; why it ends, if it does.
    fn look(&mut self, totals: &FlowTotals, now: Timestamp) -> Option<EndReason> {
        let policy = &self.network.policy;
        let usage = &mut self.usage;
        let carried = totals.upstream_packets + totals.downstream_packets;
        if carried != usage.active.0 {
            usage.active = (carried, now);
        }
        let left = policy.quota.left(totals);
        if left == Some(0) {
            return Some(EndReason::QuotaUsed);
        }
        let idle = now.since(usage.active.1);
        if policy.idle_limit.is_some_and(|limit| idle >= limit) {
            return Some(EndReason::Link(ppp::EndReason::IdleTimeout));
        }
        let [soonest, latest] = QUOTA_LOOK_TIME;
        let quota = left
            .map(|bytes| Duration::from_secs(bytes / RATE_MAX_BYTES_PER_S).clamp(soonest, latest));
        let idle = policy.idle_limit.map(|limit| limit / IDLE_LOOKS);
        let next = quota.into_iter().chain(idle).min();
        usage.look_at = next.map(|time| now + time);
        None
    }
}

impl Sessions {
    /// Where to look up what calls carry, which never comes this way. Without it a busy client is
    /// asked like a silent one, and no quota is ever used.
    pub fn count_by(&mut self, counters: Counters) {
        self.counters = counters;
    }

    /// Changes what `change` speaks of while the call lives; its packets go on. `false`: there is no
    /// such call with a client that is let in.
    pub fn change(&mut self, flow: FlowKey, change: &PolicyChange, now: Timestamp) -> bool {
        let Some(id) = self.live_client(flow) else {
            return false;
        };
        if let Some(call) = self.calls.get(id) {
            let mut policy = call.network.policy.clone();
            policy.change(change);
            self.apply(id, policy, now);
        }
        self.settle(now);
        true
    }

    /// Changes where a live call leads, and the longest packet to its client, each if it is said;
    /// packets go on. `false` as with [`Self::change`].
    pub fn change_network(
        &mut self,
        flow: FlowKey,
        networks: Option<Arc<[Prefix]>>,
        mtu_max: Option<u16>,
        now: Timestamp,
    ) -> bool {
        let Some(id) = self.live_client(flow) else {
            return false;
        };
        if let Some(networks) = networks {
            self.lead_elsewhere(id, networks, now);
        }
        if mtu_max.is_some() {
            self.set_mtu(id, mtu_max, now);
        }
        self.settle(now);
        true
    }

    /// The longest packet to a client is another one from here on.
    pub(super) fn set_mtu(&mut self, id: CallRef, mtu_max: Option<u16>, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.network.mtu_max == mtu_max {
            return;
        }
        call.network.mtu_max = mtu_max;
        let (flow, negotiated) = (call.flow, call.link.negotiated());
        let mtu = self.config.mtu_max.min(call.mtu(negotiated.peer_mru));
        if negotiated.ipcp == State::Opened {
            self.order(id, FlowCommand::ForwardDownstream { flow, mtu }, now);
        }
    }

    /// The call of this key, if it is in the network phase and somebody was let in.
    pub(super) fn live_client(&self, flow: FlowKey) -> Option<CallRef> {
        let id = self.call_of(flow)?;
        let call = self.calls.get(id)?;
        (call.state == CallState::Network && call.client().is_none()).then_some(id)
    }

    /// This holds for a call from here on.
    pub(super) fn apply(&mut self, id: CallRef, policy: CallPolicy, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut call.network.policy, policy);
        let (flow, rates) = (call.flow, call.network.policy.rates);
        if call.state == CallState::Network {
            call.keep_time(now);
            self.touched_calls.push_back(id);
        }
        if rates != before.rates {
            let rates = rates.flow_rates();
            self.order(id, FlowCommand::Shape { flow, rates }, now);
        }
    }

    /// It is time to look at a call in the network phase: what it carried, and whether its time is over.
    pub(super) fn check_limits(&mut self, id: CallRef, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.usage.look_at.is_some_and(|at| at <= now) {
            let worker = self.buckets.worker(call.flow.call_id);
            let slot = call.counter_slot;
            let totals = slot.map(|slot| (self.counters)(worker, slot));
            if let Some(reason) = call.look(&totals.unwrap_or_default(), now) {
                return self.begin_end(id, reason, now);
            }
        }
        if call.deadline.is_some_and(|deadline| deadline <= now) {
            self.session_limit_reached(id, now);
        }
    }

    fn session_limit_reached(&mut self, id: CallRef, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let again = call.network.policy.at_session_limit == AtSessionLimit::Reauthenticate;
        let over = call.network.policy.ends_at.is_some_and(|at| at <= now);
        if again && !over && !call.usage.asked && call.link.can_be_asked_again() {
            call.usage.asked = true;
            call.deadline = Some(now + REAUTHENTICATION_TIME);
            call.link.handle(ppp::Input::Reauthenticate, now);
            self.touched_calls.push_back(id);
            return;
        }
        let reason = EndReason::Link(ppp::EndReason::SessionTimeout);
        self.begin_end(id, reason, now);
    }
}
