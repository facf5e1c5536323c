//! Drives the table of [`super::fsm`] for one control protocol: identifiers, the Restart timer
//! and counter, building and answering Configure-Requests, terminating, rejecting codes
//! (RFC 1661 §4.3 to §5.6). What the options mean is an [`OptionPolicy`].
//!
//! Four things go beyond the table, each because real links lose and repeat frames:
//! - A repeated request gets the identical answer, and does not use up patience.
//! - A request for exactly what is agreed already is acknowledged again without a renegotiation,
//!   since the peer evidently missed our Ack; after `repeats_max` of them the table rules.
//! - An answer counts once: a second Ack to the same request is dropped rather than read as a
//!   crossed connection.
//! - The first repetitions may come sooner than the later ones.
//!
//! A type of option that comes twice in a request has its repetitions rejected (RFC 1661 §6), so
//! that a policy judges each type once.

mod interface;
mod restart;

pub use interface::{Effect, Effects, Limits, OptionPolicy};

use super::end_reason::EndReason;
use super::fsm::{Actions, Event, State, transition};
use super::judgement::{Answer, Judgement, Objection, Verdict};
use super::outbox::PppFrame;
use super::refusal::Refusal;
use crate::clock::Timestamp;
use crate::wire::options::Options;
use crate::wire::ppp::{Packet, code};
use restart::Restart;

/// More Configure-Requests than this without an agreement are no negotiation.
const REQUESTS_MAX: u8 = 100;

/// A request longer than this is judged anew when it is repeated instead of being remembered.
const REMEMBERED_MAX: usize = 256;

/// Our outstanding Configure-Request.
#[derive(Debug, Default)]
struct Request {
    identifier: u8,
    options: Vec<u8>,
    answered: bool,
}

/// The peer's latest Configure-Request and what we said to it.
#[derive(Debug)]
struct Answered {
    identifier: u8,
    request: Vec<u8>,
    answer: Answer,
}

/// What an answering action needs to know of the packet that it answers.
#[derive(Clone, Copy, Default)]
struct Reply<'a> {
    identifier: u8,
    answer: Option<&'a Answer>,
    rejected: Option<Packet<'a>>,
}

/// One control protocol of one link.
#[derive(Debug)]
pub struct Automaton<P> {
    policy: P,
    limits: Limits,
    state: State,
    restart: Restart,
    next_identifier: u8,
    request: Request,
    answered: Option<Answered>,
    naks_sent: u8,
    answers_received: u8,
    requests_received: u8,
    repeats: u8,
    terminate_text: &'static str,
}

impl<P: OptionPolicy> Automaton<P> {
    /// An automaton in the Initial state.
    pub fn new(policy: P, limits: Limits) -> Self {
        Self {
            policy,
            limits,
            state: State::Initial,
            restart: Restart::new(),
            next_identifier: 1,
            request: Request::default(),
            answered: None,
            naks_sent: 0,
            answers_received: 0,
            requests_received: 0,
            repeats: 0,
            terminate_text: "",
        }
    }

    /// Where the negotiation is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The options' side.
    #[must_use]
    pub const fn policy(&self) -> &P {
        &self.policy
    }

    /// The options' side, to be told what they are about.
    #[must_use]
    pub const fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Timestamp> {
        self.restart.deadline()
    }

    /// The protocol is wanted.
    pub fn open(&mut self, now: Timestamp) -> Effects {
        self.forget_negotiation();
        self.event(Event::Open, now)
    }

    /// The lower layer carries packets.
    pub fn up(&mut self, now: Timestamp) -> Effects {
        self.forget_negotiation();
        self.event(Event::Up, now)
    }

    /// The lower layer carries no packets any more.
    pub fn down(&mut self, now: Timestamp) -> Effects {
        self.event(Event::Down, now)
    }

    /// The protocol is not wanted; `text` goes into the Terminate-Request.
    pub fn close(&mut self, text: &'static str, now: Timestamp) -> Effects {
        self.terminate_text = text;
        self.event(Event::Close, now)
    }

    /// The peer does not know the protocol at all (RFC 1661 §5.7).
    pub fn protocol_rejected(&mut self, now: Timestamp) -> Effects {
        self.event(Event::RejectCatastrophic, now)
    }

    /// Repeats or gives up, if the time has come.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        if !self.restart.take_due(now) {
            return Effects::new();
        }
        let event = if self.restart.may_repeat() {
            Event::TimeoutRetry
        } else {
            Event::TimeoutFinal
        };
        self.event(event, now)
    }

    /// Takes a packet of this protocol. Codes above Code-Reject are the protocol's own and come
    /// here only to be rejected.
    pub fn receive(&mut self, packet: &Packet<'_>, now: Timestamp) -> Effects {
        let mut effects = Effects::new();
        if matches!(self.state, State::Initial | State::Starting) {
            emit(&mut effects, Effect::Refused(Refusal::WrongPhase));
            return effects;
        }
        let reply = Reply {
            identifier: packet.identifier,
            ..Reply::default()
        };
        match packet.code {
            code::CONFIGURE_REQUEST => self.configure_request(packet, now, &mut effects),
            code::CONFIGURE_ACK => self.configure_ack(packet, now, &mut effects),
            code::CONFIGURE_NAK | code::CONFIGURE_REJECT => {
                self.configure_nak_or_reject(packet, now, &mut effects);
            }
            code::TERMINATE_REQUEST => {
                self.step(Event::TerminateRequest, reply, now, &mut effects);
            }
            code::TERMINATE_ACK => self.terminate_ack(packet, now, &mut effects),
            code::CODE_REJECT => self.code_reject(packet, now, &mut effects),
            _ => {
                emit(&mut effects, Effect::Refused(Refusal::UnknownCode));
                let reply = Reply {
                    rejected: Some(*packet),
                    ..reply
                };
                self.step(Event::UnknownCode, reply, now, &mut effects);
            }
        }
        effects
    }

    fn event(&mut self, event: Event, now: Timestamp) -> Effects {
        let mut effects = Effects::new();
        self.step(event, Reply::default(), now, &mut effects);
        effects
    }

    fn configure_request(&mut self, packet: &Packet<'_>, now: Timestamp, effects: &mut Effects) {
        let options = match Options::parse(packet.data) {
            Ok(options) => options,
            Err(reason) => return emit(effects, Effect::Refused(reason.into())),
        };
        let reply = Reply {
            identifier: packet.identifier,
            ..Reply::default()
        };
        if matches!(self.state, State::Closed | State::Closing | State::Stopping) {
            return self.step(Event::RequestBad, reply, now, effects);
        }
        if self.state == State::Opened && self.repeats_agreement(&options) {
            self.repeats += 1;
            emit(effects, Effect::Refused(Refusal::RequestRepeated));
            return self.send(code::CONFIGURE_ACK, packet.identifier, packet.data, effects);
        }
        self.requests_received = self.requests_received.saturating_add(1);
        if self.requests_received > REQUESTS_MAX {
            return emit(effects, converge_no_more());
        }
        let answer = match self.judge(packet.identifier, &options) {
            Ok(answer) => answer,
            Err(objection) => return emit(effects, Effect::Objection(objection)),
        };
        let event = match answer.verdict {
            Verdict::Ack => Event::RequestGood,
            Verdict::Nak | Verdict::Reject => Event::RequestBad,
        };
        self.step(
            event,
            Reply {
                answer: Some(&answer),
                ..reply
            },
            now,
            effects,
        );
    }

    fn repeats_agreement(&self, options: &Options<'_>) -> bool {
        self.repeats < self.limits.repeats_max
            && self.answered.as_ref().is_some_and(|answered| {
                answered.answer.verdict == Verdict::Ack && answered.request == options.as_bytes()
            })
    }

    fn judge(&mut self, identifier: u8, options: &Options<'_>) -> Result<Answer, Objection> {
        if let Some(answered) = &self.answered
            && answered.identifier == identifier
            && answered.request == options.as_bytes()
        {
            return Ok(answered.answer.clone());
        }
        let mut judgement = Judgement::new(self.naks_sent >= self.limits.failure_max);
        for option in options.repeated() {
            judgement.reject(option);
        }
        if !judgement.has_rejects() {
            self.policy.judge(options, &mut judgement)?;
        }
        let answer = judgement.into_answer(options);
        match answer.verdict {
            Verdict::Ack => {
                self.naks_sent = 0;
                self.policy.agreed(options);
            }
            Verdict::Nak => self.naks_sent = self.naks_sent.saturating_add(1),
            Verdict::Reject => {}
        }
        let request = options.as_bytes();
        self.answered = (request.len() <= REMEMBERED_MAX).then(|| Answered {
            identifier,
            request: request.to_vec(),
            answer: answer.clone(),
        });
        Ok(answer)
    }

    fn configure_ack(&mut self, packet: &Packet<'_>, now: Timestamp, effects: &mut Effects) {
        let reply = Reply {
            identifier: packet.identifier,
            ..Reply::default()
        };
        if self.state_negotiates() {
            if !self.awaits(packet.identifier) || packet.data != self.request.options {
                return emit(effects, Effect::Refused(Refusal::AnswerMismatch));
            }
            self.request.answered = true;
            self.answers_received = 0;
        }
        self.step(Event::Ack, reply, now, effects);
    }

    fn configure_nak_or_reject(
        &mut self,
        packet: &Packet<'_>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let reply = Reply {
            identifier: packet.identifier,
            ..Reply::default()
        };
        if self.state_negotiates() {
            if !self.awaits(packet.identifier) {
                return emit(effects, Effect::Refused(Refusal::AnswerMismatch));
            }
            let options = match Options::parse(packet.data) {
                Ok(options) => options,
                Err(reason) => return emit(effects, Effect::Refused(reason.into())),
            };
            if options.repeated().next().is_some() {
                return emit(effects, Effect::Refused(Refusal::DuplicateOption));
            }
            if packet.code == code::CONFIGURE_REJECT && !self.asked_for(&options) {
                return emit(effects, Effect::Refused(Refusal::AnswerMismatch));
            }
            self.request.answered = true;
            if let Err(objection) = self.take_answer(packet.code, &options) {
                return emit(effects, Effect::Objection(objection));
            }
        }
        self.step(Event::NakOrReject, reply, now, effects);
    }

    fn take_answer(&mut self, code: u8, options: &Options<'_>) -> Result<(), Objection> {
        self.answers_received = self.answers_received.saturating_add(1);
        if self.answers_received > REQUESTS_MAX {
            return Err(Objection::EndLink(EndReason::NegotiationDidNotConverge));
        }
        if code == code::CONFIGURE_REJECT {
            return self.policy.reject_received(options);
        }
        let out_of_patience = self.answers_received >= self.limits.failure_max;
        self.policy.nak_received(options, out_of_patience)
    }

    fn terminate_ack(&mut self, packet: &Packet<'_>, now: Timestamp, effects: &mut Effects) {
        // An unasked-for Terminate-Ack names the packet that the peer could not use. The peer has
        // acknowledged this one since, so the Terminate-Ack was overtaken on its way.
        let acknowledged = self.request.answered && packet.identifier == self.request.identifier;
        if self.state == State::Opened && acknowledged {
            return emit(effects, Effect::Refused(Refusal::StaleTerminateAck));
        }
        self.step(Event::TerminateAck, Reply::default(), now, effects);
    }

    fn code_reject(&mut self, packet: &Packet<'_>, now: Timestamp, effects: &mut Effects) {
        let event = match packet.data.first() {
            Some(code::CONFIGURE_REQUEST..=code::CODE_REJECT) => Event::RejectCatastrophic,
            Some(_) => Event::RejectPermitted,
            None => return emit(effects, Effect::Refused(Refusal::MalformedPacket)),
        };
        self.step(event, Reply::default(), now, effects);
    }

    const fn state_negotiates(&self) -> bool {
        matches!(
            self.state,
            State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
        )
    }

    const fn awaits(&self, identifier: u8) -> bool {
        !self.request.answered && identifier == self.request.identifier
    }

    fn asked_for(&self, options: &Options<'_>) -> bool {
        let ours = Options::parse(&self.request.options).unwrap_or(Options::EMPTY);
        !options.is_empty()
            && options
                .iter()
                .all(|option| ours.find(option.kind) == Some(option))
    }

    /// The one place where the state changes: looks the event up and carries the actions out in
    /// the order of [`Actions`].
    fn step(&mut self, event: Event, reply: Reply<'_>, now: Timestamp, effects: &mut Effects) {
        let (actions, next) = transition(self.state, event);
        if actions.contains(Actions::IMPOSSIBLE) {
            return;
        }
        self.state = next;
        if actions.contains(Actions::TLD) {
            self.renew_patience();
            emit(effects, Effect::LayerDown);
        }
        if actions.contains(Actions::TLS) {
            emit(effects, Effect::LayerStarted);
        }
        if actions.contains(Actions::IRC) {
            self.restart.set_count(if actions.contains(Actions::STR) {
                self.limits.terminate_max
            } else {
                self.limits.configure_max
            });
        }
        if actions.contains(Actions::ZRC) {
            self.restart.set_count(0);
        }
        self.send_packets(actions, event, reply, effects);
        if actions.contains(Actions::TLU) {
            self.requests_received = 0;
            emit(effects, Effect::LayerUp);
        }
        if actions.contains(Actions::TLF) {
            emit(effects, Effect::LayerFinished);
        }
        self.run_timer(actions, event == Event::TimeoutRetry, now);
    }

    fn send_packets(
        &mut self,
        actions: Actions,
        event: Event,
        reply: Reply<'_>,
        effects: &mut Effects,
    ) {
        if actions.contains(Actions::SCR) {
            self.send_request(event == Event::TimeoutRetry, effects);
        }
        if let Some(answer) = reply.answer {
            if actions.contains(Actions::SCA) {
                emit(effects, Effect::AckFollows);
            }
            if actions.contains(Actions::SCA) || actions.contains(Actions::SCN) {
                self.send(
                    answer.verdict.code(),
                    reply.identifier,
                    &answer.options,
                    effects,
                );
            }
        }
        if actions.contains(Actions::STR) {
            self.restart.count();
            let identifier = self.take_identifier();
            let text = self.terminate_text.as_bytes();
            self.send(code::TERMINATE_REQUEST, identifier, text, effects);
        }
        if actions.contains(Actions::STA) {
            self.send(code::TERMINATE_ACK, reply.identifier, &[], effects);
        }
        if let Some(packet) = reply.rejected
            && actions.contains(Actions::SCJ)
        {
            let identifier = self.take_identifier();
            let mut copy = Vec::new();
            packet.emit(&mut copy);
            copy.truncate(REJECTED_COPY_MAX);
            self.send(code::CODE_REJECT, identifier, &copy, effects);
        }
    }

    /// Our Configure-Request: the same one again if it was not answered, a new one otherwise.
    fn send_request(&mut self, again: bool, effects: &mut Effects) {
        self.restart.count();
        if !again || self.request.answered {
            let mut options = Vec::new();
            self.policy.request(&mut options);
            let identifier = self.take_identifier();
            self.request = Request {
                identifier,
                options,
                answered: false,
            };
        }
        let Request {
            identifier,
            options,
            ..
        } = &self.request;
        self.send(code::CONFIGURE_REQUEST, *identifier, options, effects);
    }

    fn send(&self, code: u8, identifier: u8, data: &[u8], effects: &mut Effects) {
        let frame = Packet {
            code,
            identifier,
            data,
        }
        .to_frame(P::PROTOCOL);
        emit(effects, Effect::Frame(PppFrame::new(frame)));
    }

    /// An Identifier for a packet of ours.
    pub const fn take_identifier(&mut self) -> u8 {
        let identifier = self.next_identifier;
        self.next_identifier = identifier.wrapping_add(1);
        identifier
    }

    fn run_timer(&mut self, actions: Actions, again: bool, now: Timestamp) {
        let restarts = actions.contains(Actions::SCR)
            || actions.contains(Actions::STR)
            || actions.contains(Actions::ZRC);
        if !self.state.runs_timer() {
            self.restart.stop();
        } else if restarts || self.restart.deadline().is_none() {
            self.restart.start(again, &self.limits, now);
        }
    }

    /// What the peer said on an earlier link does not count on this one.
    fn forget_negotiation(&mut self) {
        self.answered = None;
        self.renew_patience();
    }

    /// Patience is for one negotiation.
    const fn renew_patience(&mut self) {
        self.naks_sent = 0;
        self.answers_received = 0;
        self.requests_received = 0;
        self.repeats = 0;
    }
}

/// How much of a packet with an unknown code is sent back: enough to tell what it was, and less
/// than any peer receives.
const REJECTED_COPY_MAX: usize = 64;

fn converge_no_more() -> Effect {
    Effect::Objection(Objection::EndLink(EndReason::NegotiationDidNotConverge))
}

fn emit(effects: &mut Effects, effect: Effect) {
    // The capacity covers the longest row of the table; a full list could only lose a counter.
    let _ = effects.try_push(effect);
}

#[cfg(test)]
mod tests;
