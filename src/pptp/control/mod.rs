//! One control connection, of either end: a peer opened TCP (RFC 2637 §3.1.2), or we did (§3.1.1).
//!
//! ```text
//!   they call:  idle --------- Start-Control-Connection-Request / Reply --+      +-- Stop-... --+
//!                | a race won: held                                       v      ^              v
//!   we call:    wait_start_reply -- Start-Control-Connection-Reply --> established      wait_stop_reply
//!                | refused, wrong version, a race lost, time-out          |                     |
//!                |                      Stop-Control-Connection-Request / Reply,                |
//!                |                      last call ended by us, time-out   |                     |
//!                +----------> draining / closed <-------------------------+---------------------+
//! ```
//! The owner writes `pending()` in one `write` call after each step, tells how much went with
//! `consume()`, and then polls the outputs: a close that has to wait for the last bytes comes out
//! of `consume()`.
//!
//! Apple's client reads each reply with one fixed-size read and expects that very message next,
//! so no Echo-Request is sent before the first Outgoing-Call-Reply. We
//! never send Set-Link-Info: there are NAT boxes that cut the connection after it.

mod call_messages;
mod calls;
mod connection;
mod reaction;
mod reasons;
mod types;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use reasons::{CloseReason, ControlState, Misbehaviour};
pub use types::{CallName, ControlConfig, Event, Input, Output};

use self::reaction::{Reaction, reaction};
use super::call::{Call, CallInput, Calls};
use super::out_buffer::OutBuffer;
use crate::clock::Timestamp;
use crate::wire::pptp::{
    Framed, Framer, GeneralError, Malformed, Message, StartControlConnectionRequest, StartResult,
    StopReason,
};

/// How long Stop-Control-Connection-Reply, a Call-Disconnect-Notify that is owed to us, or a peer that
/// has to read the last bytes, may take.
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
    Disconnect,
    Closing,
}

impl Timer {
    const ALL: [Self; 6] = [
        Self::Establish,
        Self::NoCall,
        Self::Linger,
        Self::Echo,
        Self::Disconnect,
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
    /// Whether the peer has had the reply to its first call, or needs none.
    replied: bool,
    /// Whether nobody will place another call on this connection.
    released: bool,
    /// The request of the loser of a collision.
    held_start: Option<Box<StartControlConnectionRequest>>,
    /// Why we are in `WaitStopReply` or `Draining`.
    closing_for: Option<CloseReason>,
    misbehaviours: [u32; Misbehaviour::COUNT],
    malformed: Option<Malformed>,
    start_refusal: Option<(StartResult, GeneralError)>,
}

impl Control {
    /// A control connection whose TCP connection was accepted at `now`.
    #[must_use]
    pub fn new(config: impl Into<Arc<ControlConfig>>, now: Timestamp) -> Self {
        Self::in_state(ControlState::Idle, config.into(), now)
    }

    /// A control connection whose TCP connection begins to be opened by us at `now`; what is
    /// pending is to be written as soon as it is open.
    #[must_use]
    pub fn originate(config: impl Into<Arc<ControlConfig>>, now: Timestamp) -> Self {
        let mut control = Self::in_state(ControlState::WaitStartReply, config.into(), now);
        control.send_start_request();
        control
    }

    fn in_state(state: ControlState, config: Arc<ControlConfig>, now: Timestamp) -> Self {
        let mut control = Self {
            state,
            framer: Framer::new(),
            calls: Calls::new(config.calls_max),
            out: OutBuffer::new(config.out_buffer_bytes_max),
            outputs: VecDeque::new(),
            information: 0,
            timers: [None; Timer::ALL.len()],
            echo_identifier: 0,
            echo_outstanding: false,
            replied: false,
            released: false,
            held_start: None,
            closing_for: None,
            misbehaviours: [0; Misbehaviour::COUNT],
            malformed: None,
            start_refusal: None,
            config,
        };
        control.arm(Timer::Establish, now + control.config.establish_timeout);
        control
    }

    /// Takes one input. After [`Output::Close`] nothing has an effect any more.
    pub fn handle(&mut self, input: Input<'_>, now: Timestamp) {
        match input {
            Input::Bytes(bytes) => self.receive(bytes, now),
            Input::PeerClosed => self.close(self.reason_of_peer_close()),
            Input::ConnectFailed => self.close(CloseReason::PeerUnreachable),
            Input::CallAccepted {
                peer_call_id,
                local_call_id,
            } => self.decide_call(peer_call_id, CallInput::Accepted(local_call_id), now),
            Input::CallRefused {
                peer_call_id,
                result,
                error,
            } => self.decide_call(peer_call_id, CallInput::Refused { result, error }, now),
            Input::PlaceCall {
                local_call_id,
                serial,
                offer,
            } => self.place_call(local_call_id, serial, offer, now),
            Input::Disconnect {
                local_call_id,
                disconnect,
            } => self.disconnect_call(local_call_id, disconnect, now),
            Input::CallHeard => self.forgive_echo(now),
            Input::Release => self.release(now),
            Input::CollisionWon => self.hold(),
            Input::CollisionOver => self.stop_holding(now),
            Input::GiveWay => self.give_way(),
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
        if let Output::Event(Event::LinkInfo(_) | Event::WanError(_)) = output {
            self.information = self.information.saturating_sub(1);
        }
        // Most connections say nothing for hours, and there may be a million of them.
        if self.outputs.is_empty() {
            self.outputs = VecDeque::new();
        }
        Some(output)
    }

    /// Bytes to write to the peer, in one `write` call as far as it takes them.
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

    /// Whether the end of the control connection is due because an Echo-Request was not answered.
    #[must_use]
    pub fn is_echo_overdue(&self, now: Timestamp) -> bool {
        self.echo_outstanding && self.timer(Timer::Echo).is_some_and(|at| at <= now)
    }

    /// The calls that are not idle.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        self.calls.as_slice()
    }

    /// How often the peer did `misbehaviour`; stops at the type's maximum.
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

    /// What the peer answered, when the reason to close is [`CloseReason::StartRefused`].
    #[must_use]
    pub const fn start_refusal(&self) -> Option<(StartResult, GeneralError)> {
        self.start_refusal
    }

    // ---- from the peer ----

    fn receive(&mut self, mut stream: &[u8], now: Timestamp) {
        while !matches!(self.state, ControlState::Draining | ControlState::Closed) {
            match self.framer.next(&mut stream) {
                Ok(Some(Framed::Message(message))) => self.receive_message(&message, now),
                Ok(Some(Framed::Skipped)) => self.count(Misbehaviour::LinkInfoMalformed),
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
            Reaction::HoldStart(request) => self.held_start = Some(Box::new(*request)),
            Reaction::RefuseStart => {
                self.count(Misbehaviour::StartRepeated);
                self.send_start_reply(StartResult::ALREADY_EXISTS);
            }
            Reaction::TakeStartReply(reply) => self.take_start_reply(reply, now),
            Reaction::AnswerStop => self.answer_stop(now),
            Reaction::Stopped => self.close(self.closing_for.unwrap_or(CloseReason::Stopped)),
            Reaction::AnswerEcho(identifier) => self.send_echo_reply(identifier),
            Reaction::TakeEchoReply(identifier) => self.take_echo_reply(identifier),
            Reaction::RequestOutgoing(request) => self.request_outgoing(request, now),
            Reaction::AnswerOutgoing(reply) => self.answer_outgoing(reply, now),
            Reaction::RequestIncoming(request) => self.request_incoming(request, now),
            Reaction::AnswerIncoming(reply) => self.answer_incoming(reply, now),
            Reaction::ConnectIncoming(connected) => self.connect_incoming(connected, now),
            Reaction::EndCall(call_id, ending) => self.end_call(call_id, ending, now),
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
            Timer::Disconnect => self.forget_overdue_calls(now),
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
