//! §4.1 once more, from outside: what the running automaton sends and says in every cell, in the
//! table's order, and how often it goes on when nobody answers. Each state is reached by packets and
//! time alone.

use std::time::Duration;

use pns::clock::Timestamp;
use pns::ppp::automaton::{Automaton, Effect, Effects, Limits, OptionPolicy};
use pns::ppp::fsm::{Event, State};
use pns::ppp::judgement::{Judgement, Objection};
use pns::ppp::refusal::Refusal;
use pns::wire::options::{self, Options};
use pns::wire::ppp::{Frame, Packet, Protocol};

use crate::state_table::cell;

/// One option, number 1; 5 and 6 are good values.
#[derive(Debug, Default)]
struct One;

impl OptionPolicy for One {
    const PROTOCOL: Protocol = Protocol::IPCP;

    fn request(&self, options: &mut Vec<u8>) {
        options::push(options, 1, &[0]);
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        for option in options.iter() {
            match (option.kind, option.value) {
                (1, [5 | 6]) => {}
                (1, _) => judgement.nak(option, |list| options::push(list, 1, &[5])),
                _ => judgement.reject(option),
            }
        }
        Ok(())
    }

    fn agreed(&mut self, _options: &Options<'_>) {}

    fn nak_received(&mut self, _: &Options<'_>, _: bool) -> Result<(), Objection> {
        Ok(())
    }

    fn reject_received(&mut self, _: &Options<'_>) -> Result<(), Objection> {
        Ok(())
    }
}

const OURS: &[u8] = &[1, 3, 0];
const CONFIGURE_MAX: u8 = 7;
const TERMINATE_MAX: u8 = 3;
const PATIENT: Limits = Limits {
    restart_timer_initial: Duration::from_secs(3),
    restart_timer: Duration::from_secs(3),
    configure_max: CONFIGURE_MAX,
    terminate_max: TERMINATE_MAX,
    failure_max: 5,
    repeats_max: 2,
};
/// Every timeout is the last one.
const IMPATIENT: Limits = Limits {
    configure_max: 0,
    terminate_max: 0,
    ..PATIENT
};

struct Machine {
    automaton: Automaton<One>,
    now: Timestamp,
    /// Identifier of our latest Configure-Request.
    request: u8,
}

impl Machine {
    /// A machine in `state`.
    fn in_state(state: State, limits: Limits) -> Self {
        let mut machine = Self {
            automaton: Automaton::new(One, limits),
            now: Timestamp::ZERO,
            request: 0,
        };
        machine.reach(state);
        assert_eq!(machine.automaton.state(), state);
        machine
    }

    fn reach(&mut self, state: State) {
        match state {
            State::Initial => {}
            State::Closed => {
                self.automaton.up(self.now);
            }
            State::Starting => {
                self.automaton.open(self.now);
            }
            State::ReqSent => {
                self.automaton.open(self.now);
                let effects = self.automaton.up(self.now);
                self.note(&effects);
            }
            State::Stopped => {
                self.reach(State::ReqSent);
                while self.automaton.state() != State::Stopped {
                    self.time_out();
                }
            }
            State::AckRcvd => {
                self.reach(State::ReqSent);
                self.receive(2, self.request, OURS);
            }
            State::AckSent => {
                self.reach(State::ReqSent);
                self.receive(1, 50, &[1, 3, 6]);
            }
            State::Opened => {
                self.reach(State::AckSent);
                self.receive(2, self.request, OURS);
            }
            State::Closing => {
                self.reach(State::Opened);
                self.automaton.close("", self.now);
            }
            State::Stopping => {
                self.reach(State::Opened);
                self.receive(7, 60, &[1, 50, 0, 4]);
            }
        }
    }

    fn receive(&mut self, code: u8, identifier: u8, data: &[u8]) -> Effects {
        let packet = Packet {
            code,
            identifier,
            data,
        };
        let effects = self.automaton.receive(&packet, self.now);
        self.note(&effects);
        effects
    }

    fn time_out(&mut self) -> Effects {
        self.now = self
            .automaton
            .poll_timeout()
            .unwrap_or(self.now + Duration::from_secs(1000));
        let effects = self.automaton.handle_timeout(self.now);
        self.note(&effects);
        effects
    }

    fn note(&mut self, effects: &Effects) {
        for frame in frames(effects) {
            if frame[0] == 1 {
                self.request = frame[1];
            }
        }
    }

    /// Makes an event happen, in one of the ways in which it can.
    fn cause(&mut self, event: Event, way: usize) -> Effects {
        match event {
            Event::Up => self.automaton.up(self.now),
            Event::Down => self.automaton.down(self.now),
            Event::Open => self.automaton.open(self.now),
            Event::Close => self.automaton.close("", self.now),
            Event::TimeoutRetry | Event::TimeoutFinal => self.time_out(),
            Event::RequestGood => self.receive(1, 70, &[1, 3, 5]),
            Event::RequestBad => self.receive(1, 70, [&[1, 3, 9][..], &[2, 2]][way]),
            Event::Ack => self.receive(2, self.request, OURS),
            Event::NakOrReject => {
                let (code, data) = [(3, &[1, 3, 9][..]), (4, OURS)][way];
                self.receive(code, self.request, data)
            }
            Event::TerminateRequest => self.receive(5, 71, b"bye"),
            Event::TerminateAck => self.receive(6, 71, &[]),
            Event::UnknownCode => self.receive([200, 16][way], 72, b"what"),
            Event::RejectPermitted => self.receive(7, 73, &[200, 1, 0, 4]),
            Event::RejectCatastrophic if way == 0 => self.receive(7, 73, &[1, 1, 0, 4]),
            Event::RejectCatastrophic => self.automaton.protocol_rejected(self.now),
            Event::Echo => panic!("Echo is LCP's own"),
        }
    }

    /// How many requests still go out when nobody answers; `None` if no timer runs.
    fn patience(mut self) -> Option<u8> {
        self.automaton.poll_timeout()?;
        let mut sent = 0;
        while self.automaton.poll_timeout().is_some() {
            let effects = self.time_out();
            sent += frames(&effects).len();
        }
        Some(u8::try_from(sent).unwrap())
    }
}

/// The packets: code, identifier, length, data.
fn frames(effects: &Effects) -> Vec<Vec<u8>> {
    let frames = effects.iter().filter_map(|effect| match effect {
        Effect::Frame(frame) => Some(Frame::parse(frame.as_bytes()).unwrap().payload.to_vec()),
        _ => None,
    });
    frames.collect()
}

/// What happened, in the table's words. Answers are named by what they answer.
fn words(effects: &Effects) -> Vec<&'static str> {
    let word = |effect: &Effect| match effect {
        Effect::LayerUp => Some("tlu"),
        Effect::LayerDown => Some("tld"),
        Effect::LayerStarted => Some("tls"),
        Effect::LayerFinished => Some("tlf"),
        Effect::AckFollows | Effect::Refused(Refusal::UnknownCode) => None,
        Effect::Frame(frame) => {
            let payload = Frame::parse(frame.as_bytes()).unwrap().payload.to_vec();
            Some(match (payload[0], payload[1]) {
                (1, _) => "scr",
                (2, 70) => "sca",
                (3 | 4, 70) => "scn",
                (5, _) => "str",
                (6, 70..=73 | 0..=9) => "sta",
                (7, _) => "scj",
                other => panic!("{other:?}"),
            })
        }
        Effect::Refused(_) | Effect::Objection(_) => Some("?"),
    };
    effects.iter().filter_map(word).collect()
}

/// Second answers to one request: dropped instead of taken for a crossed connection, since a lossy
/// path repeats frames. These four cells are the only ones that never happen; in two others of the
/// Opened state one packet is treated otherwise: a request for what is agreed already, and a
/// Terminate-Ack for the request that was acknowledged.
fn is_departure(state: State, event: Event) -> bool {
    matches!(state, State::AckRcvd | State::Opened)
        && matches!(event, Event::Ack | Event::NakOrReject)
}

fn check(state: State, event: Event, way: usize) {
    let place = format!("{event:?} in {state:?}, way {way}");
    let limits = if event == Event::TimeoutFinal {
        IMPATIENT
    } else {
        PATIENT
    };
    let mut machine = Machine::in_state(state, limits);
    let effects = machine.cause(event, way);
    let (said, after) = (words(&effects), machine.automaton.state());
    if is_departure(state, event) {
        assert_eq!(
            effects.as_slice(),
            [Effect::Refused(Refusal::AnswerMismatch)],
            "{place}"
        );
        assert_eq!(after, state, "{place}");
        return;
    }
    let Some((actions, next)) = cell(state, event) else {
        assert!(said.is_empty() || said == ["?"], "{place}: {said:?}");
        assert_eq!(after, state, "{place}");
        return;
    };
    let visible: Vec<&str> = actions
        .iter()
        .copied()
        .filter(|action| !matches!(*action, "irc" | "zrc"))
        .collect();
    assert_eq!(said, visible, "{place}");
    assert_eq!(after, next, "{place}");
    let before = Machine::in_state(state, limits);
    check_patience(&place, &actions, before, machine, limits);
}

/// irc and zrc, which nobody sees but by what follows.
fn check_patience(place: &str, actions: &[&str], before: Machine, after: Machine, limits: Limits) {
    let terminates = actions.contains(&"str") || after.automaton.state() == State::Stopping;
    let whole = if terminates {
        limits.terminate_max
    } else {
        limits.configure_max
    };
    let base = match (actions.contains(&"irc"), actions.contains(&"zrc")) {
        (true, _) => whole,
        (_, true) => 0,
        // The Ack that opened it had initialized the counter.
        (false, false) => before.patience().unwrap_or(whole),
    };
    let sent = actions.iter().filter(|it| matches!(**it, "scr" | "str"));
    let left = base.saturating_sub(u8::try_from(sent.count()).unwrap());
    if let Some(patience) = after.patience() {
        assert_eq!(patience, left, "{place}");
    }
}

#[test]
fn s4_1_every_cell_as_the_peer_sees_it() {
    let mut cells = 0;
    for event in Event::ALL {
        // Receive-Echo is LCP's own and never comes to the automaton: `ppp_link` has that row.
        if event == Event::Echo {
            continue;
        }
        for state in State::ALL {
            let ways = match event {
                Event::RequestBad | Event::NakOrReject => 2,
                Event::UnknownCode | Event::RejectCatastrophic => 2,
                _ => 1,
            };
            for way in 0..ways {
                check(state, event, way);
            }
            cells += 1;
        }
    }
    assert_eq!(cells, 150);
}

#[test]
fn s4_6_a_timeout_counts_only_when_the_timer_has_run_out() {
    for state in State::ALL.into_iter().filter(|state| state.runs_timer()) {
        let mut machine = Machine::in_state(state, PATIENT);
        let deadline = machine.automaton.poll_timeout().unwrap();
        let early = Timestamp::from_nanos(deadline.as_nanos() - 1);
        assert!(machine.automaton.handle_timeout(early).is_empty());
        assert_eq!(machine.automaton.poll_timeout(), Some(deadline));
    }
}

#[test]
fn s4_6_the_restart_timer_may_begin_small_and_double() {
    let limits = Limits {
        restart_timer_initial: Duration::from_millis(500),
        ..PATIENT
    };
    let mut machine = Machine::in_state(State::ReqSent, limits);
    let mut waits = Vec::new();
    while let Some(at) = machine.automaton.poll_timeout() {
        waits.push(at.since(machine.now).as_millis());
        machine.time_out();
    }
    assert_eq!(waits, [500, 1000, 2000, 3000, 3000, 3000, 3000]);
    // Whatever the peer says, the next request is a new one.
    let mut machine = Machine::in_state(State::ReqSent, limits);
    machine.time_out();
    machine.time_out();
    machine.receive(3, machine.request, &[1, 3, 9]);
    let at = machine.automaton.poll_timeout().unwrap();
    assert_eq!(at.since(machine.now).as_millis(), 500);
}

#[test]
fn s6_an_option_that_may_occur_once_is_rejected_where_it_comes_again() {
    let mut machine = Machine::in_state(State::ReqSent, PATIENT);
    let effects = machine.receive(1, 70, &[1, 3, 5, 2, 2, 1, 3, 9, 2, 3, 7, 1, 3, 5]);
    let reject = [4, 70, 0, 13, 1, 3, 9, 2, 3, 7, 1, 3, 5];
    assert_eq!(frames(&effects), [reject]);
    let effects = machine.receive(1, 71, &[1, 3, 5, 2, 2]);
    assert_eq!(frames(&effects), [[4, 71, 0, 6, 2, 2]]);
    let effects = machine.receive(1, 72, &[1, 3, 5]);
    assert_eq!(frames(&effects), [[2, 72, 0, 7, 1, 3, 5]]);
}
