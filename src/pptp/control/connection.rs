//! How a control connection starts, is kept alive, and ends (RFC 2637 §3.1).

use super::reasons::{CloseReason, ControlState, Misbehaviour};
use super::types::{Event, Output};
use super::{CLOSING_TIMEOUT, Control, FIRMWARE_REVISION, Timer};
use crate::clock::Timestamp;
use crate::pptp::call::Calls;
use crate::wire::pptp::{
    Bearer, EchoReply, EchoRequest, EchoResult, GeneralError, Message, PROTOCOL_VERSION,
    StartControlConnectionReply, StartControlConnectionRequest, StartResult,
    StopControlConnectionReply, StopControlConnectionRequest, StopReason, StopResult, Text,
};

impl Control {
    // ---- start, as the end that was called (RFC 2637 §3.1.2) ----

    pub(super) fn start(&mut self, request: &StartControlConnectionRequest, now: Timestamp) {
        // A version that is not acceptable is answered, then TCP is closed.
        if request.protocol_version != PROTOCOL_VERSION {
            self.send_start_reply(StartResult::VERSION_UNSUPPORTED);
            return self.drain(CloseReason::VersionUnsupported, now);
        }
        self.send_start_reply(StartResult::OK);
        self.establish(
            Event::Established {
                host: request.host_name,
                vendor: request.vendor_string,
                framing: request.framing_capabilities,
                bearer: request.bearer_capabilities,
                maximum_channels: request.maximum_channels,
                firmware_revision: request.firmware_revision,
            },
            now,
        );
    }

    pub(super) fn send_start_reply(&mut self, result_code: StartResult) {
        let reply = StartControlConnectionReply {
            protocol_version: PROTOCOL_VERSION,
            result_code,
            error_code: GeneralError::NONE,
            framing_capabilities: self.config.framing,
            bearer_capabilities: Bearer::EITHER,
            maximum_channels: self.config.maximum_channels,
            firmware_revision: FIRMWARE_REVISION,
            host_name: Text::new(&self.config.host_name),
            vendor_string: Text::new(&self.config.vendor_name),
        };
        self.send(reply);
    }

    // ---- start, as the end that calls (RFC 2637 §3.1.1) ----

    pub(super) fn send_start_request(&mut self) {
        let request = StartControlConnectionRequest {
            protocol_version: PROTOCOL_VERSION,
            framing_capabilities: self.config.framing,
            bearer_capabilities: Bearer::EITHER,
            maximum_channels: self.config.maximum_channels,
            firmware_revision: FIRMWARE_REVISION,
            host_name: Text::new(&self.config.host_name),
            vendor_string: Text::new(&self.config.vendor_name),
        };
        self.send(request);
    }

    pub(super) fn take_start_reply(&mut self, reply: &StartControlConnectionReply, now: Timestamp) {
        // Some servers say 0 where the RFC has 1.
        let fine = matches!(reply.result_code, StartResult::OK | StartResult(0));
        if reply.result_code == StartResult::VERSION_UNSUPPORTED {
            return self.close(CloseReason::VersionUnsupported);
        }
        if !fine {
            self.start_refusal = Some((reply.result_code, reply.error_code));
            return self.close(CloseReason::StartRefused);
        }
        if reply.protocol_version != PROTOCOL_VERSION {
            let reason = StopReason::STOP_PROTOCOL;
            self.send(StopControlConnectionRequest { reason });
            let why = CloseReason::VersionUnsupported;
            return self.begin_closing(ControlState::WaitStopReply, why, now);
        }
        // What must not be interleaved is a reply that a client waits for; here we are the client.
        self.replied = true;
        self.establish(
            Event::Established {
                host: reply.host_name,
                vendor: reply.vendor_string,
                framing: reply.framing_capabilities,
                bearer: reply.bearer_capabilities,
                maximum_channels: reply.maximum_channels,
                firmware_revision: reply.firmware_revision,
            },
            now,
        );
    }

    fn establish(&mut self, event: Event, now: Timestamp) {
        if self.state == ControlState::Closed {
            return;
        }
        self.state = ControlState::Established;
        self.disarm(Timer::Establish);
        self.arm(Timer::NoCall, now + self.config.establish_timeout);
        self.report(event);
    }

    // ---- collision (RFC 2637 §3.1.3) ----

    /// Our own attempt is ahead: what the peer sends here is not answered. The peer closes this
    /// connection, or time does.
    pub(super) fn hold(&mut self) {
        if self.state == ControlState::Idle {
            self.state = ControlState::Held;
        }
    }

    /// Our own attempt failed, so this was no collision: the peer has waited long enough.
    pub(super) fn stop_holding(&mut self, now: Timestamp) {
        if self.state != ControlState::Held {
            return;
        }
        self.state = ControlState::Idle;
        if let Some(request) = self.held_start.take() {
            self.start(&request, now);
        }
    }

    pub(super) fn give_way(&mut self) {
        if self.state == ControlState::WaitStartReply {
            self.close(CloseReason::CollisionLost);
        }
    }

    // ---- stop ----

    pub(super) fn stop(&mut self, reason: StopReason, why: CloseReason, now: Timestamp) {
        match self.state {
            ControlState::Idle | ControlState::WaitStartReply | ControlState::Held => {
                self.close(why);
            }
            ControlState::Established => {
                self.send(StopControlConnectionRequest { reason });
                self.begin_closing(ControlState::WaitStopReply, why, now);
            }
            ControlState::WaitStopReply | ControlState::Draining | ControlState::Closed => {}
        }
    }

    pub(super) fn answer_stop(&mut self, now: Timestamp) {
        let (result_code, error_code) = (StopResult::OK, GeneralError::NONE);
        self.send(StopControlConnectionReply {
            result_code,
            error_code,
        });
        self.drain(self.closing_for.unwrap_or(CloseReason::PeerStopped), now);
    }

    /// Why it is over when the peer has closed TCP.
    pub(super) fn reason_of_peer_close(&self) -> CloseReason {
        match self.state {
            ControlState::Held => CloseReason::CollisionWon,
            ControlState::Idle
            | ControlState::WaitStartReply
            | ControlState::Established
            | ControlState::WaitStopReply
            | ControlState::Draining
            | ControlState::Closed => self.closing_for.unwrap_or(CloseReason::PeerClosed),
        }
    }

    // ---- echo (RFC 2637 §3.1.4) ----

    pub(super) fn send_echo_reply(&mut self, identifier: u32) {
        let (result_code, error_code) = (EchoResult::OK, GeneralError::NONE);
        self.send(EchoReply {
            identifier,
            result_code,
            error_code,
        });
    }

    pub(super) fn send_echo_request(&mut self, now: Timestamp) {
        self.echo_identifier = self.echo_identifier.wrapping_add(1);
        self.echo_outstanding = true;
        self.arm(Timer::Echo, now + self.config.echo_timeout);
        self.send(EchoRequest {
            identifier: self.echo_identifier,
        });
    }

    pub(super) fn take_echo_reply(&mut self, identifier: u32) {
        if self.echo_outstanding && identifier == self.echo_identifier {
            self.echo_outstanding = false;
        } else {
            self.count(Misbehaviour::EchoIdentifierWrong);
        }
    }

    /// There are clients that answer on GRE only (Apple's, while nothing changes for them). The call
    /// says that the peer is there, so the RFC's purpose is served.
    pub(super) fn forgive_echo(&mut self, now: Timestamp) {
        if self.is_echo_overdue(now) {
            self.count(Misbehaviour::EchoUnanswered);
            self.echo_outstanding = false;
            self.arm_echo(now);
        }
    }

    /// Counts the silence from `now`. An outstanding Echo-Request keeps its own deadline: only its
    /// reply helps it.
    pub(super) fn arm_echo(&mut self, now: Timestamp) {
        let may_send = self.state == ControlState::Established
            && self.replied
            && !self.config.echo_interval.is_zero();
        if self.state == ControlState::Established && self.echo_outstanding {
            return;
        }
        self.set_timer(
            Timer::Echo,
            may_send.then(|| now + self.config.echo_interval),
        );
    }

    // ---- to the session, to the peer, and the end ----

    pub(super) fn report(&mut self, event: Event) {
        if self.state != ControlState::Closed {
            self.outputs.push_back(Output::Event(event));
        }
    }

    pub(super) fn send(&mut self, message: impl Into<Message>) {
        if self.state != ControlState::Closed && self.out.push(&message.into()).is_err() {
            self.close(CloseReason::PeerNotReading);
        }
    }

    /// Reads no more, and closes when the pending bytes are written or after a bounded time.
    pub(super) fn drain(&mut self, reason: CloseReason, now: Timestamp) {
        self.begin_closing(ControlState::Draining, reason, now);
    }

    fn begin_closing(&mut self, state: ControlState, reason: CloseReason, now: Timestamp) {
        if self.state != ControlState::Closed {
            self.state = state;
            self.closing_for = Some(reason);
            self.timers.fill(None);
            self.arm(Timer::Closing, now + CLOSING_TIMEOUT);
        }
    }

    pub(super) fn close_when_drained(&mut self) {
        if self.state == ControlState::Draining && self.out.pending().is_empty() {
            self.close(self.closing_for.unwrap_or(CloseReason::Stopped));
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.state != ControlState::Closed {
            self.state = ControlState::Closed;
            self.timers.fill(None);
            self.out.clear();
            self.calls = Calls::new(0);
            self.outputs.push_back(Output::Close(reason));
        }
    }
}
