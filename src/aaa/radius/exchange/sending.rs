//! The way out: which server, which identifier, how often, and when to stop.

use std::time::Duration;

use super::super::choose::choose;
use super::super::slots::{Owner, Place, Sent};
use super::attempts::{Attempt, Pending, Question, Ticket};
use super::{Event, Exchange, Outcome, Output, Reply, SocketId};
use crate::clock::Timestamp;
use crate::wire::radius::{Attributes, Code, Request};

/// How soon a question that found no identifier looks again.
const WAIT_TIME: Duration = Duration::from_millis(100);

/// What a try to send came to.
enum Put {
    Done,
    NoIdentifier,
    TooLong,
}

impl Exchange {
    pub(super) fn ask(&mut self, ticket: Ticket, question: Question, now: Timestamp) {
        if self.pending.len() >= self.timing.questions_max || self.pending.contains_key(&ticket) {
            self.outputs
                .push_back(Output::Answered(ticket, Outcome::Overloaded));
            return;
        }
        let pending = Pending::new(question, now + self.timing.give_up);
        self.pending.insert(ticket, pending);
        self.put(ticket, now);
    }

    /// Puts a question to the best server that was not tried in this round.
    pub(super) fn put(&mut self, ticket: Ticket, now: Timestamp) {
        let random = u32::from_be_bytes(self.random());
        let Some(pending) = self.pending.get_mut(&ticket) else {
            return;
        };
        let (servers, timing) = (&self.servers, &self.timing);
        let service = pending.service;
        let among = pending.question.among.clone();
        let asked = (service, among.as_deref());
        let pick = |tried: &[usize]| choose(servers, asked, tried, timing, random, now);
        let chosen = match pending.question.only {
            Some(only) => Some(only),
            None => pick(&pending.tried).or_else(|| {
                pending.tried.clear();
                pick(&[])
            }),
        };
        let Some(chosen) = chosen else {
            return self.finish(ticket, Some(Outcome::NoAnswer(among)), now);
        };
        if !pending.tried.contains(&chosen) {
            pending.tried.push(chosen);
        }
        if pending.is_at(chosen) {
            return self.repeat(ticket, chosen, now);
        }
        match self.put_to(ticket, chosen, now) {
            Put::Done => {}
            Put::TooLong => self.finish(ticket, Some(Outcome::TooLong), now),
            Put::NoIdentifier => self.wait_until(ticket, now + WAIT_TIME),
        }
    }

    fn put_to(&mut self, ticket: Ticket, chosen: usize, now: Timestamp) -> Put {
        let authenticator = self.random();
        let [start] = self.random();
        let (Some(pending), Some(server)) =
            (self.pending.get(&ticket), self.servers.get_mut(chosen))
        else {
            return Put::NoIdentifier;
        };
        let question = &pending.question;
        let sent = Sent {
            owner: Owner::Question(ticket.0),
            authenticator,
        };
        let Some((place, opens)) = server.slots.take(sent, start, now) else {
            return Put::NoIdentifier;
        };
        let request = Request {
            code: question.code,
            identifier: place.identifier,
            authenticator,
            secret: server.config.secret.expose(),
            attributes: &question.attributes,
            password: question.password.as_ref().map(|it| it.as_slice()),
            delay_s: question.age.map(|age| age.seconds(now)),
        };
        let Some((packet, proof)) = request.to_packet() else {
            server.slots.release(place, false, now);
            return Put::TooLong;
        };
        server.slots.set_authenticator(place, proof);
        server.counters.questions += 1;
        server.asked(now);
        self.transmit(chosen, place, opens, packet.clone());
        let jitter = self.jittered(self.timing.timeout);
        let attempt = Attempt {
            server: chosen,
            place,
            packet,
            first_sent: now,
            timeout: jitter,
            repeated: false,
        };
        let hedge = self.timing.hedge;
        if let Some(pending) = self.pending.get_mut(&ticket) {
            let hedge = hedge.filter(|_| !pending.hedged && pending.question.only.is_none());
            let next = hedge.map_or(jitter, |hedge| hedge.min(jitter));
            pending.attempts.push(attempt);
            self.wait_until(ticket, now + next);
        }
        Put::Done
    }

    fn transmit(&mut self, server: usize, place: Place, opens: bool, bytes: Vec<u8>) {
        let socket = SocketId {
            server,
            index: place.socket,
        };
        if let (true, Some(server)) = (opens, self.servers.get(server)) {
            let to = server.config.address;
            self.outputs.push_back(Output::Open { socket, to });
        }
        self.outputs.push_back(Output::Transmit { socket, bytes });
    }

    /// Sends what was sent once more, unchanged, so that the server knows it for a repetition
    /// (RFC 2865 §2.5).
    fn repeat(&mut self, ticket: Ticket, at: usize, now: Timestamp) {
        let doubled = |time: Duration| time.saturating_mul(2);
        let Some(pending) = self.pending.get_mut(&ticket) else {
            return;
        };
        // The latest is the one that is waited for.
        if let Some(index) = pending.attempts.iter().position(|it| it.server == at) {
            let attempt = pending.attempts.remove(index);
            pending.attempts.push(attempt);
        }
        let Some(attempt) = pending.latest() else {
            return;
        };
        attempt.timeout = doubled(attempt.timeout);
        attempt.repeated = true;
        let (place, packet, timeout) = (attempt.place, attempt.packet.clone(), attempt.timeout);
        if let Some(server) = self.servers.get_mut(at) {
            server.counters.retransmits += 1;
            server.asked(now);
        }
        self.transmit(at, place, false, packet);
        self.wait_until(ticket, now + timeout);
    }

    /// A question's time has come: it is given up, put to another server, or repeated.
    pub(super) fn look_at(&mut self, ticket: Ticket, now: Timestamp) {
        let hedge = self.timing.hedge;
        let Some(pending) = self.pending.get_mut(&ticket) else {
            return;
        };
        pending.due = None;
        if pending.deadline <= now {
            let among = pending.question.among.clone();
            return self.finish(ticket, Some(Outcome::NoAnswer(among)), now);
        }
        let Some(latest) = pending.attempts.last() else {
            return self.put(ticket, now);
        };
        let (at, first_sent, repeated) = (latest.server, latest.first_sent, latest.repeated);
        let resend_at = first_sent + latest.timeout;
        if hedge.is_some() && !pending.hedged && pending.question.only.is_none() {
            pending.hedged = true;
            self.put(ticket, now);
            // With no other server it was repeated early, which does no harm.
            return;
        }
        if !repeated && resend_at > now {
            return self.wait_until(ticket, resend_at);
        }
        if repeated {
            // Two tries for each server and round.
            self.put(ticket, now);
        } else {
            self.repeat(ticket, at, now);
        }
    }

    /// Looks at a question again at this time, or at its end if that is sooner.
    fn wait_until(&mut self, ticket: Ticket, at: Timestamp) {
        let Some(pending) = self.pending.get_mut(&ticket) else {
            return;
        };
        let at = at.min(pending.deadline);
        if let Some(before) = pending.due.replace(at) {
            self.due.remove(&(before, ticket));
        }
        self.due.insert((at, ticket));
    }

    /// A server is dead: what waits for it goes elsewhere at once, if there is elsewhere.
    pub(super) fn abandon(&mut self, dead: usize, now: Timestamp) {
        self.outputs.push_back(Output::Event(Event::Dead(dead)));
        let waits = |pending: &Pending| {
            let latest = pending.attempts.last();
            latest.is_some_and(|attempt| attempt.server == dead) && pending.question.only.is_none()
        };
        let tickets: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| waits(pending))
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in tickets {
            let others = self.servers.iter().enumerate().any(|(index, server)| {
                let pending = self.pending.get(&ticket);
                index != dead && pending.is_some_and(|it| it.service == server.config.service)
            });
            if others {
                self.put(ticket, now);
            }
        }
    }

    /// The kernel heard that nobody listens: there is nothing to wait for.
    pub(super) fn unreachable(&mut self, index: usize, now: Timestamp) {
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        if server.die(now) {
            self.abandon(index, now);
        }
    }

    pub(super) fn question_answered(
        &mut self,
        ticket: Ticket,
        place: Place,
        reply: Reply,
        now: Timestamp,
    ) {
        let index = reply.server;
        let Some(pending) = self.pending.get(&ticket) else {
            return;
        };
        let of = |attempt: &&Attempt| attempt.server == index && attempt.place == place;
        let attempt = pending.attempts.iter().find(of);
        // Of a repeated one nobody knows which was answered.
        let round_trip = attempt
            .filter(|attempt| !attempt.repeated)
            .map(|attempt| now.since(attempt.first_sent));
        if let Some(server) = self.servers.get_mut(index) {
            server.slots.release(place, true, now);
            let was_dead = server.answered(round_trip);
            self.note_alive(index, was_dead);
        }
        self.finish(ticket, Some(Outcome::Reply(reply)), now);
    }

    /// A question is over, with an answer for its owner or without.
    pub(super) fn finish(&mut self, ticket: Ticket, outcome: Option<Outcome>, now: Timestamp) {
        let Some(pending) = self.pending.remove(&ticket) else {
            return;
        };
        if let Some(due) = pending.due {
            self.due.remove(&(due, ticket));
        }
        let unanswered = matches!(outcome, Some(Outcome::NoAnswer(_)));
        for attempt in pending.attempts {
            if let Some(server) = self.servers.get_mut(attempt.server) {
                server.slots.release(attempt.place, false, now);
                server.counters.timeouts += u64::from(unanswered);
            }
        }
        if let Some(outcome) = outcome {
            self.outputs.push_back(Output::Answered(ticket, outcome));
        }
    }

    /// Status-Server (RFC 5997 §3): one at a time.
    pub(super) fn probe(&mut self, index: usize, now: Timestamp) {
        let authenticator = self.random();
        let [start] = self.random();
        let Some(interval) = self.timing.probe_interval else {
            return;
        };
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        server.probe_at = Some(now + interval.min(self.timing.dead_after));
        if let Some(place) = server.probe.take() {
            server.slots.release(place, false, now);
        }
        let sent = Sent {
            owner: Owner::Probe,
            authenticator,
        };
        let Some((place, opens)) = server.slots.take(sent, start, now) else {
            return;
        };
        server.probe = Some(place);
        let request = Request {
            code: Code::STATUS_SERVER,
            identifier: place.identifier,
            authenticator,
            secret: server.config.secret.expose(),
            attributes: &Attributes::new(),
            password: None,
            delay_s: None,
        };
        if let Some((packet, _)) = request.to_packet() {
            self.transmit(index, place, opens, packet);
        }
    }

    pub(super) fn probe_answered(&mut self, index: usize, now: Timestamp) {
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        if let Some(place) = server.probe.take() {
            server.slots.release(place, true, now);
        }
        server.answers_probes = true;
        let was_dead = server.answered(None);
        self.note_alive(index, was_dead);
    }

    /// Ten per cent up or down, so that what was sent together is not repeated together.
    fn jittered(&mut self, time: Duration) -> Duration {
        let [random] = self.random();
        time * (900 + u32::from(random) * 200 / 255) / 1000
    }
}
