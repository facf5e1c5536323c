//! One control connection, for clients that dial in (RFC 2637 §3.1.2, §3.1.4, §3.2.4.1).
//!
//! ```text
//!          Start-Control-Connection-Request / Reply         Stop / Stop-Control-Connection-Request
//!   idle ---------------------------------> established -----------------------> wait_stop_reply
//!    | wrong version, time-out                |  Stop-Control-Connection-Request / Reply,   |
//!    |                                        |  last call ended by us, time-out            |
//!    +----------> draining / closed <---------+---------------------------------------------+
//! ```
//! The owner writes `pending()` in one `write` call after each step, tells how much went with
//! `consume()`, and then polls the outputs: a close that has to wait for the last bytes comes out
//! of `consume()`.
//!
//! Apple's client reads each reply with one fixed-size read and expects that very message next,
//! so no Echo-Request is sent before the first Outgoing-Call-Reply. We
//! never send Set-Link-Info: there are NAT boxes that cut the connection after it.

mod actions;
mod reaction;
mod types;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use types::{CloseReason, ControlConfig, ControlState, Event, Input, Misbehaviour, Output};

use self::reaction::{Reaction, reaction};
use super::call::{Call, CallInput, Calls};
use super::out_buffer::OutBuffer;
use crate::clock::Timestamp;
use crate::wire::pptp::{Framer, Malformed, Message, StartResult, StopReason};

/// How long Stop-Control-Connection-Reply, or a client that has to read the last bytes, may take.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a client may take to close TCP after clearing its last call.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Set-Link-Info and WAN-Error-Notify that may wait for the session.
const INFORMATION_MAX: usize = 8;
const FIRMWARE_REVISION: u16 = 1;

/// The timers of a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Establish,
    NoCall,
    Linger,
    Echo,
    Closing,
}

impl Timer {
    const ALL: [Self; 5] = [
        Self::Establish,
        Self::NoCall,
        Self::Linger,
        Self::Echo,
        Self::Closing,
    ];
}

/// The machine of one control connection.
#[derive(Clone, Debug)]
pub struct Control {
    config: Arc<ControlConfig>,
    state: ControlState,
    framer: Framer,
    calls: Calls,
    out: OutBuffer,
    outputs: VecDeque<Output>,
    /// Set-Link-Info and WAN-Error-Notify among `outputs`.
    information: usize,
    timers: [Option<Timestamp>; Timer::ALL.len()],
    echo_identifier: u32,
    echo_outstanding: bool,
    /// Whether the client has had an Outgoing-Call-Reply.
    replied: bool,
    /// Why we are in `WaitStopReply` or `Draining`.
    closing_for: Option<CloseReason>,
    misbehaviours: [u32; Misbehaviour::COUNT],
    malformed: Option<Malformed>,
}

impl Control {
    /// A control connection whose TCP connection was accepted at `now`.
    #[must_use]
    pub fn new(config: impl Into<Arc<ControlConfig>>, now: Timestamp) -> Self {
        let config = config.into();
        let mut control = Self {
            state: ControlState::Idle,
            framer: Framer::new(),
            calls: Calls::new(config.calls_max),
            out: OutBuffer::new(config.out_buffer_bytes_max),
            outputs: VecDeque::new(),
            information: 0,
            timers: [None; Timer::ALL.len()],
            echo_identifier: 0,
            echo_outstanding: false,
            replied: false,
            closing_for: None,
            misbehaviours: [0; Misbehaviour::COUNT],
            malformed: None,
            config,
        };
        control.arm(Timer::Establish, now + control.config.establish_timeout);
        control
    }

    /// Takes one input. After [`Output::Close`] nothing has an effect any more.
    pub fn handle(&mut self, input: Input<'_>, now: Timestamp) {
        match input {
            Input::Bytes(bytes) => self.receive(bytes, now),
            Input::PeerClosed => {
                self.close(self.closing_for.unwrap_or(CloseReason::PeerClosed));
            }
            Input::CallAccepted {
                peer_call_id,
                local_call_id,
                connect_speed_bps,
            } => {
                let accepted = CallInput::Accepted {
                    local_call_id,
                    connect_speed_bps,
                };
                self.decide_call(peer_call_id, accepted, now);
            }
            Input::CallRefused {
                peer_call_id,
                result,
                error,
            } => {
                self.decide_call(peer_call_id, CallInput::Refused { result, error }, now);
            }
            Input::Disconnect {
                local_call_id,
                result,
                cause,
            } => {
                if let Some(peer_call_id) = self.calls.peer_of(local_call_id) {
                    self.step_call(peer_call_id, CallInput::Disconnected { result, cause }, now);
                }
            }
            Input::Stop(reason) => self.stop(reason, CloseReason::Stopped, now),
        }
    }

    /// Lets the timers that are due at `now` fire.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        for timer in Timer::ALL {
            if self.timer(timer).is_some_and(|deadline| deadline <= now) {
                self.disarm(timer);
                self.fire(timer, now);
            }
        }
    }

    /// When [`Self::handle_timeout`] has to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.iter().flatten().min().copied()
    }

    /// The next thing for the owner, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if let Output::Event(Event::LinkInfo { .. } | Event::WanError { .. }) = output {
            self.information = self.information.saturating_sub(1);
        }
        // Most connections say nothing for hours, and there may be a million of them.
        if self.outputs.is_empty() {
            self.outputs = VecDeque::new();
        }
        Some(output)
    }

    /// Bytes to write to the client, in one `write` call as far as it takes them.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.out.pending()
    }

    /// The first `count` pending bytes were written.
    pub fn consume(&mut self, count: usize) {
        self.out.consume(count);
        self.close_when_drained();
    }

    /// Where the control connection stands.
    #[must_use]
    pub const fn state(&self) -> ControlState {
        self.state
    }

    /// The calls that are not idle.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        self.calls.as_slice()
    }

    /// How often the client did `misbehaviour`; stops at the type's maximum.
    #[must_use]
    pub fn misbehaved(&self, misbehaviour: Misbehaviour) -> u32 {
        self.misbehaviours
            .get(misbehaviour.index())
            .copied()
            .unwrap_or_default()
    }

    /// What was wrong with the stream, when the reason to close is [`CloseReason::Malformed`].
    #[must_use]
    pub const fn malformed(&self) -> Option<Malformed> {
        self.malformed
    }

    // ---- from the client ----

    fn receive(&mut self, mut stream: &[u8], now: Timestamp) {
        while !matches!(self.state, ControlState::Draining | ControlState::Closed) {
            match self.framer.next_message(&mut stream) {
                Ok(Some(message)) => self.receive_message(&message, now),
                Ok(None) => return,
                Err(malformed) => {
                    self.malformed = Some(malformed);
                    self.close(CloseReason::Malformed);
                }
            }
        }
    }

    fn receive_message(&mut self, message: &Message, now: Timestamp) {
        self.react(reaction(self.state, message), now);
        self.arm_echo(now);
    }

    fn react(&mut self, reaction: Reaction<'_>, now: Timestamp) {
        match reaction {
            Reaction::Start(request) => self.start(request, now),
            Reaction::RefuseStart => {
                self.count(Misbehaviour::StartRepeated);
                self.send_start_reply(StartResult::ALREADY_EXISTS);
            }
            Reaction::AnswerStop => self.answer_stop(now),
            Reaction::Stopped => self.close(self.closing_for.unwrap_or(CloseReason::Stopped)),
            Reaction::AnswerEcho(identifier) => self.send_echo_reply(identifier),
            Reaction::TakeEchoReply(identifier) => self.take_echo_reply(identifier),
            Reaction::RequestCall(request) => self.request_call(request, now),
            Reaction::ClearCall(peer_call_id) => {
                self.step_call(peer_call_id, CallInput::Cleared, now);
            }
            Reaction::RefuseIncomingCall(peer_call_id) => self.refuse_incoming_call(peer_call_id),
            Reaction::ReportWanError(notify) => self.report_wan_error(notify),
            Reaction::ReportLinkInfo(info) => self.report_link_info(info),
            Reaction::Ignore => {}
            Reaction::Misbehaved(misbehaviour) => self.count(misbehaviour),
            Reaction::CloseBeforeStart => {
                self.count(Misbehaviour::MessageBeforeStart);
                self.close(CloseReason::MessageBeforeStart);
            }
        }
    }

    // ---- time ----

    fn fire(&mut self, timer: Timer, now: Timestamp) {
        match timer {
            Timer::Establish => self.close(CloseReason::EstablishTimeout),
            Timer::NoCall => self.stop(StopReason::NONE, CloseReason::NoCall, now),
            Timer::Linger => self.close(CloseReason::PeerCleared),
            Timer::Echo if self.echo_outstanding => self.close(CloseReason::EchoTimeout),
            Timer::Echo => self.send_echo_request(now),
            Timer::Closing => self.close(self.closing_for.unwrap_or(CloseReason::Stopped)),
        }
    }

    fn arm(&mut self, timer: Timer, deadline: Timestamp) {
        self.set_timer(timer, Some(deadline));
    }

    fn disarm(&mut self, timer: Timer) {
        self.set_timer(timer, None);
    }

    fn timer(&self, timer: Timer) -> Option<Timestamp> {
        self.timers.get(timer as usize).copied().flatten()
    }

    fn set_timer(&mut self, timer: Timer, deadline: Option<Timestamp>) {
        if let Some(place) = self.timers.get_mut(timer as usize) {
            *place = deadline;
        }
    }

    fn count(&mut self, misbehaviour: Misbehaviour) {
        if let Some(count) = self.misbehaviours.get_mut(misbehaviour.index()) {
            *count = count.saturating_add(1);
        }
    }
}
