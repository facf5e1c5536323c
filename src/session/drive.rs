//! Moves what one machine says to the machine that must hear it.

use std::sync::Arc;
use std::time::Duration;

use super::call::Order;
use super::verdict;
use super::{
    CallRef, CallState, ConnectionId, EndReason, Event, FlowCommand, Output, Sessions, TimerKey,
};
use crate::clock::Timestamp;
use crate::ppp::link as ppp;
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
            let flow = call.flow;
            match output {
                ppp::Output::Frame(frame) => {
                    call.attempt.observed.sent(frame.as_bytes());
                    self.queue(id, Order::Frame(frame.into_bytes()), now);
                }
                ppp::Output::Authenticate(credentials) => self.authenticate(id, credentials, now),
                ppp::Output::ArmUpstream(agreement) => {
                    let command = FlowCommand::ArmUpstream { flow, agreement };
                    self.arm(id, agreement, command, now);
                }
                ppp::Output::ArmDownstream(agreement) => {
                    let command = FlowCommand::ArmDownstream { flow, agreement };
                    self.arm(id, agreement, command, now);
                }
                ppp::Output::FlushDownstream => {
                    self.order(id, FlowCommand::FlushDownstream { flow }, now);
                }
                ppp::Output::LoggedIn(keying) => self.logged_in(id, &keying, now),
                ppp::Output::ForwardUpstream => self.forward_upstream(id, now),
                ppp::Output::AddressWished(wanted) => self.address_wished(id, wanted, now),
                ppp::Output::AgreeIpv6 { local, peer } => {
                    let command = FlowCommand::AgreeIpv6 { flow, local, peer };
                    self.order(id, command, now);
                }
                ppp::Output::EndIpv6 => self.order(id, FlowCommand::EndIpv6 { flow }, now),
                ppp::Output::ForwardDownstream { peer_mru } => {
                    let mtu = self.config.mtu_max.min(call.mtu(peer_mru));
                    self.forward_downstream(id, mtu, now);
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

    /// The client says who it is: somebody has to decide.
    fn authenticate(&mut self, id: CallRef, credentials: ppp::Credentials, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.attempt
            .named(credentials.name(), now.since(call.created));
        // Whatever is still to come of an earlier log-in is nobody's.
        call.pending = None;
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (caller, local) = (Box::new(self.caller_of(call)), usize::from(call.flow.local));
        if let Some(denial) = self.back_off(credentials.name(), now) {
            return self.deny(id, denial, now);
        }
        if let Some(listener) = self.config.listeners.get(local) {
            self.outputs.push_back(Output::Ask {
                call: id,
                credentials,
                caller,
                access: Arc::clone(&listener.access),
            });
        }
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
        call.begin_time(now);
        let event = Event::NetworkUp {
            flow: call.flow,
            user: call.user.as_deref().unwrap_or_default().to_owned(),
            lease: call.far_end(),
            mppe: call.link.negotiated().mppe,
            setup: now.since(call.created),
            left_alone: std::mem::take(&mut call.network.left_alone),
        };
        self.event(event);
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
