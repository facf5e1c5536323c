//! Moves what one machine says to the machine that must hear it.

use std::time::Duration;

use super::call::Order;
use super::verdict::{self, Step};
use super::{
    CallRef, CallState, ConnectionId, EndReason, Event, FlowCommand, Output, Sessions, TimerKey,
};
use crate::aaa::{Decision, Grant, Rejection};
use crate::clock::Timestamp;
use crate::ppp::link::{self as ppp, NetworkGrant};
use crate::pptp;
use crate::wire::pptp::StopReason;

impl Sessions {
    /// Lets every machine that was touched say what it has to say, until all are silent.
    pub(super) fn settle(&mut self, now: Timestamp) {
        loop {
            if let Some(id) = self.touched_calls.pop_front() {
                self.drain_link(id, now);
            } else if let Some(id) = self.touched_connections.pop_front() {
                self.drain_control(id, now);
            } else {
                return;
            }
        }
    }

    fn drain_control(&mut self, id: ConnectionId, now: Timestamp) {
        while let Some(output) = self
            .connections
            .get_mut(id)
            .and_then(|connection| connection.control.poll_output())
        {
            match output {
                pptp::Output::Event(event) => self.control_event(id, event, now),
                pptp::Output::Close(reason) => self.close_connection(id, reason, now),
            }
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let deadline = connection.poll_timeout();
        self.timers
            .arm(TimerKey::Connection(id), deadline, &mut connection.armed);
        if !connection.control.pending().is_empty() {
            self.outputs.push_back(Output::Transmit(id));
        }
    }

    fn drain_link(&mut self, id: CallRef, now: Timestamp) {
        while let Some(output) = self
            .calls
            .get_mut(id)
            .and_then(|call| call.link.poll_output())
        {
            let Some(call) = self.calls.get_mut(id) else {
                return;
            };
            let (flow, peer_address) = (call.flow, call.peer_address);
            match output {
                ppp::Output::Frame(frame) => {
                    call.attempt.observed.sent(frame.as_bytes());
                    self.queue(id, Order::Frame(frame.into_bytes()), now);
                }
                ppp::Output::Authenticate(credentials) => {
                    let after = now.since(call.created);
                    call.attempt.named(credentials.name(), after);
                    self.outputs.push_back(Output::Ask {
                        call: id,
                        credentials,
                        peer_address,
                    });
                }
                ppp::Output::ArmUpstream(suite) => {
                    call.keys.arm();
                    self.order(id, FlowCommand::ArmUpstream { flow, suite }, now);
                }
                ppp::Output::ArmDownstream(suite) => {
                    call.keys.arm();
                    self.order(id, FlowCommand::ArmDownstream { flow, suite }, now);
                }
                ppp::Output::FlushDownstream => {
                    self.order(id, FlowCommand::FlushDownstream { flow }, now);
                }
                ppp::Output::ForwardUpstream => {
                    if let Some(lease) = call.lease.as_ref().map(crate::aaa::Lease::address) {
                        self.order(id, FlowCommand::ForwardUpstream { flow, lease }, now);
                    }
                }
                ppp::Output::AddressWished(wanted) => self.address_wished(id, wanted, now),
                ppp::Output::AgreeIpv6 { local, peer } => {
                    let command = FlowCommand::AgreeIpv6 { flow, local, peer };
                    self.order(id, command, now);
                }
                ppp::Output::ForwardDownstream { peer_mru } => {
                    let command = FlowCommand::ForwardDownstream {
                        flow,
                        mtu: peer_mru.min(self.config.mtu_max),
                    };
                    self.order(id, command, now);
                }
                ppp::Output::Suspend => self.order(id, FlowCommand::Suspend { flow }, now),
                ppp::Output::NetworkUp => self.network_up(id, now),
                ppp::Output::Ended(reason) => self.close(id, EndReason::Link(reason), now),
            }
        }
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let progress = verdict::observe(&call.link);
        call.attempt.moved(progress, now.since(call.created));
        let deadline = call.poll_timeout();
        self.timers
            .arm(TimerKey::Call(id), deadline, &mut call.armed);
    }

    fn network_up(&mut self, id: CallRef, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.state != CallState::Negotiating {
            return;
        }
        call.state = CallState::Network;
        call.network_since = Some(now);
        call.attempt.network_up(now.since(call.created));
        call.deadline = None;
        let Some(lease) = call.lease.as_ref().map(crate::aaa::Lease::address) else {
            return;
        };
        let event = Event::NetworkUp {
            flow: call.flow,
            user: call.user.as_deref().unwrap_or_default().to_owned(),
            lease,
            mppe: call.link.negotiated().mppe,
            setup: now.since(call.created),
        };
        self.event(event);
    }

    /// `aaa` has decided about the credentials of a call.
    pub fn decide(&mut self, id: CallRef, decision: Decision, now: Timestamp) {
        match decision {
            Decision::Accept(grant) => match self.grant(id, grant, now) {
                Ok(()) => {}
                Err(reason) => self.begin_end(id, reason, now),
            },
            Decision::Reject(rejection) => self.reject(id, rejection, now),
        }
        self.settle(now);
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
        if !call.keys.grant(grant.authenticated.key_digest()) {
            return Err(EndReason::Link(ppp::EndReason::RekeyNotPossible));
        }
        let after = now.since(call.created);
        call.attempt.steps.note(Step::Accepted, after);
        self.lease_for(id, &grant).map_err(EndReason::NoAddress)?;
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        let Some(lease) = &call.lease else {
            return Ok(());
        };
        let (address, gateway, flow) = (lease.address(), lease.gateway(), call.flow);
        call.user = Some(grant.user);
        let keys = grant.authenticated.has_keys();
        let authorise = FlowCommand::Authorise {
            flow,
            authenticated: grant.authenticated,
        };
        self.order(id, authorise, now);
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        let network = NetworkGrant {
            local_address: gateway,
            peer_address: address,
            dns: self.config.name_servers.dns,
            nbns: self.config.name_servers.nbns,
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

    fn reject(&mut self, id: CallRef, rejection: Rejection, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let (flow, peer_address) = (call.flow, call.peer_address);
        call.attempt.refused(rejection, now.since(call.created));
        // The same words whoever is asking: nobody learns which names exist.
        call.link.handle(
            ppp::Input::Refused {
                message: "Access denied",
                retry: true,
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

    pub(super) fn stop_connection(&mut self, id: ConnectionId, reason: StopReason, now: Timestamp) {
        self.tell_control(id, pptp::Input::Stop(reason), now);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// How long LCP may take to say goodbye before the call is closed without it.
pub(super) const TERMINATE_TIME: Duration = Duration::from_secs(2);
