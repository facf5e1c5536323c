//! What becomes of a call when `aaa` has decided about its client.

use super::tenants::Room;
use super::verdict::Step;
use super::ways::Way;
use super::{CallRef, CallState, EndReason, Event, FlowCommand, Sessions};
use std::sync::Arc;

use crate::aaa::accounting::DecidedBy;
use crate::aaa::radius::Caller;
use crate::aaa::{
    Access, Decision, Denial, Grant, NameServers, NetworkTerms, RatePolicy, Rejection,
};
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::ppp::link::{self as ppp, NetworkGrant};
use crate::wire::prefix::Prefix;

impl Sessions {
    /// `aaa` has decided about the credentials of a call.
    pub fn decide(&mut self, id: CallRef, decision: Decision, now: Timestamp) {
        match decision {
            Decision::Accept(grant) => self.granted(id, *grant, now),
            Decision::Challenge { packet, state } => self.challenge(id, &packet, &state, now),
            Decision::Reject(rejection) => self.deny(id, Denial::from(rejection), now),
            Decision::Deny(denial) => self.deny(id, *denial, now),
        }
        self.settle(now);
    }

    /// The client proved who it is.
    pub(super) fn granted(&mut self, id: CallRef, grant: Grant, now: Timestamp) {
        if let Err(reason) = self.grant(id, grant, now) {
            self.begin_end(id, reason, now);
        }
    }

    /// EAP goes on.
    fn challenge(&mut self, id: CallRef, packet: &[u8], state: &[u8], now: Timestamp) {
        if let Some(call) = self.calls.get_mut(id) {
            call.link
                .handle(ppp::Input::Challenge { packet, state }, now);
            self.touched_calls.push_back(id);
        }
    }

    fn grant(&mut self, id: CallRef, grant: Grant, now: Timestamp) -> Result<(), EndReason> {
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        // LCP may have started over while the question was out: this answer is to nobody's question.
        let asks = matches!(call.state, CallState::Negotiating | CallState::Network);
        if !asks || !call.link.awaits_decision() {
            return Ok(());
        }
        if call.state == CallState::Network && call.user.as_deref() != Some(&*grant.user) {
            return Err(EndReason::Link(ppp::EndReason::IdentityChanged));
        }
        if call.link.phase() == ppp::Phase::Network {
            self.reauthenticated(id, grant, now);
            return Ok(());
        }
        if !call.keys.grant(grant.authenticated.key_digest()) {
            return Err(EndReason::Link(ppp::EndReason::RekeyNotPossible));
        }
        match self.make_room(id, &grant, now) {
            Room::Free => self.admit_tenant(id, grant, now),
            Room::Wait => {
                if let Some(call) = self.calls.get_mut(id) {
                    call.pending = Some(Box::new(grant));
                }
                Ok(())
            }
            Room::Refused(denial) => {
                self.deny(id, denial, now);
                Ok(())
            }
        }
    }

    /// There is room for the session of a user who proved who it is.
    fn admit_tenant(&mut self, id: CallRef, grant: Grant, now: Timestamp) -> Result<(), EndReason> {
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        let after = now.since(call.created);
        call.attempt.steps.note(Step::Accepted, after);
        if grant.billing.decided_by == DecidedBy::Cached {
            call.attempt.steps.note(Step::AdmittedInOutage, after);
        }
        if let Some(name) = &call.attempt.name {
            self.guard.succeeded(name, call.peer_address, now);
        }
        if let Err(refusal) = self.lease_for(id, &grant) {
            return Err(self.no_address(id, &grant.pool, refusal));
        }
        self.enter_tenant(id, &grant);
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        let Some(lease) = &call.lease else {
            return Ok(());
        };
        let (address, gateway, flow) = (lease.address(), lease.gateway(), call.flow);
        call.user = Some(grant.user);
        let mppe = grant.terms.mppe();
        call.terms = grant.terms;
        call.way = Way::to(grant.networks);
        let name_servers = grant.network.name_servers;
        let peer_chooses = grant.network.client_chooses;
        let rates = grant.network.policy.rates;
        call.network = grant.network;
        call.attempt.detail = grant.remark;
        let keys = grant.authenticated.has_keys();
        let authorise = FlowCommand::Authorise {
            flow,
            authenticated: grant.authenticated,
        };
        self.order(id, authorise, now);
        if rates != RatePolicy::default() {
            let rates = rates.flow_rates();
            self.order(id, FlowCommand::Shape { flow, rates }, now);
        }
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        let NameServers { dns, nbns } = self.config.name_servers.unless(name_servers);
        let network = NetworkGrant {
            local_address: gateway,
            peer_address: address,
            dns,
            nbns,
            peer_chooses,
            mppe: Some(mppe),
        };
        let success_message = &grant.success_message;
        call.link.handle(
            ppp::Input::Granted {
                success_message,
                network,
                keys,
            },
            now,
        );
        self.touched_calls.push_back(id);
        Ok(())
    }

    /// The client of a live call has proven once more who it is. Lease, encryption and keys stay what
    /// they are, and the proof that came with the grant is dropped; how long, how much and how fast is
    /// what the grant says, and the time begins anew.
    fn reauthenticated(&mut self, id: CallRef, grant: Grant, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some(network) = call.link.negotiated().network else {
            return;
        };
        let success_message = &grant.success_message;
        call.link.handle(
            ppp::Input::Granted {
                success_message,
                network,
                keys: grant.authenticated.has_keys(),
            },
            now,
        );
        self.grant_anew(id, grant.network, grant.networks, now);
        if let Some(call) = self.calls.get_mut(id) {
            call.begin_time(now);
        }
        self.touched_calls.push_back(id);
    }

    /// This is what a live call is granted from here on, in place of what it was granted before; lease,
    /// name servers and encryption stay.
    fn grant_anew(
        &mut self,
        id: CallRef,
        network: NetworkTerms,
        networks: Arc<[Prefix]>,
        now: Timestamp,
    ) {
        if let Some(call) = self.calls.get_mut(id) {
            call.network.state = network.state;
        }
        self.apply(id, network.policy, now);
        self.lead_elsewhere(id, networks, now);
        self.set_mtu(id, network.mtu_max, now);
    }

    /// Who may be asked what a live call is granted from here on: its caller, the name of its user, and
    /// what holds for it.
    #[must_use]
    pub fn subject(&self, flow: FlowKey) -> Option<(CallRef, Caller, &str, Arc<Access>)> {
        let id = self.live_client(flow)?;
        let call = self.calls.get(id)?;
        let user = call.user.as_deref()?;
        Some((id, self.caller_of(call), user, call.terms.access()))
    }

    /// A server was asked what a live call is granted from here on (RFC 5176 §3.2), and has decided:
    /// packets go on, or the call ends. `false`: there was no decision, and nothing has changed.
    pub fn reauthorized(&mut self, id: CallRef, decision: Decision, now: Timestamp) -> bool {
        let live = self.calls.get(id).map(|call| call.state) == Some(CallState::Network);
        let decided = match decision {
            Decision::Accept(grant) if live => {
                self.grant_anew(id, grant.network, grant.networks, now);
                true
            }
            Decision::Deny(denial) if denial.rejection.is_of_the_server() => {
                self.begin_end(id, EndReason::DisconnectRequested, now);
                true
            }
            Decision::Accept(_)
            | Decision::Deny(_)
            | Decision::Reject(_)
            | Decision::Challenge { .. } => false,
        };
        self.settle(now);
        decided
    }

    /// Why nobody looks at a log-in under this name now.
    #[must_use]
    pub fn back_off(&self, name: &[u8], now: Timestamp) -> Option<Denial> {
        let (failures, left) = self.guard.user_blocked(name, now)?;
        let left_s = left.as_secs() + 1;
        let detail =
            format!("{failures} log-ins under that name failed, and for another {left_s} s");
        Some(Denial {
            detail: Some(detail.into()),
            ..Denial::from(Rejection::UserBackOff)
        })
    }

    pub(super) fn deny(&mut self, id: CallRef, denial: Denial, now: Timestamp) {
        let rejection = denial.rejection;
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let (flow, peer_address) = (call.flow, call.peer_address);
        let after = now.since(call.created);
        call.attempt.refused(rejection, denial.detail, after);
        // Of local users the same words whoever is asking: nobody learns which names exist. The
        // decision may come too late, and is about nothing then.
        if !call.link.awaits_decision() {
            return;
        }
        if let Some(name) = call
            .attempt
            .name
            .as_ref()
            .filter(|_| rejection.is_of_a_guess())
        {
            self.guard.failed(name, peer_address, now);
        }
        call.link.handle(
            ppp::Input::Refused {
                code: denial.code,
                message: &denial.text,
                retry: denial.retry,
            },
            now,
        );
        self.touched_calls.push_back(id);
        self.tally.add("aaa", rejection.name(), 1);
        self.event(Event::Rejected {
            flow,
            peer_address,
            rejection,
        });
    }
}
