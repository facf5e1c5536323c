//! The driver with a policy of one option, number 1, whose only good value is 5.

use super::*;
use crate::wire::options;
use crate::wire::ppp::{Frame, Protocol};
use std::time::Duration;

#[derive(Debug, Default)]
struct One {
    own: u8,
    patience_lost: bool,
}

impl OptionPolicy for One {
    const PROTOCOL: Protocol = Protocol::IPCP;

    fn request(&self, options: &mut Vec<u8>) {
        options::push(options, 1, &[self.own]);
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        for option in options.iter() {
            match (option.kind, option.value) {
                (1, [5]) => {}
                (1, _) => judgement.nak(option, |list| options::push(list, 1, &[5])),
                _ => judgement.reject(option),
            }
        }
        Ok(())
    }

    fn agreed(&mut self, _options: &Options<'_>) {}

    fn nak_received(
        &mut self,
        options: &Options<'_>,
        patience_lost: bool,
    ) -> Result<(), Objection> {
        self.own = options.find(1).map_or(0, |option| option.value[0]);
        self.patience_lost = patience_lost;
        Ok(())
    }

    fn reject_received(&mut self, _options: &Options<'_>) -> Result<(), Objection> {
        Err(Objection::CloseProtocol)
    }
}

const GOOD: &[u8] = &[1, 3, 5];
const LIMITS: Limits = Limits {
    restart_timer_initial: Duration::from_secs(3),
    restart_timer: Duration::from_secs(3),
    configure_max: 10,
    terminate_max: 2,
    failure_max: 5,
    repeats_max: 2,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

/// What was sent: code, identifier, data.
fn sent(effects: &Effects) -> Vec<(u8, u8, Vec<u8>)> {
    let frames = effects.iter().filter_map(|effect| {
        let Effect::Frame(frame) = effect else {
            return None;
        };
        let bytes = Frame::parse(frame.as_bytes()).unwrap().payload;
        let packet = Packet::parse(bytes).unwrap();
        Some((packet.code, packet.identifier, packet.data.to_vec()))
    });
    frames.collect()
}

fn started() -> Automaton<One> {
    let mut automaton = Automaton::new(One::default(), LIMITS);
    automaton.open(at(0));
    assert_eq!(sent(&automaton.up(at(0))), [(1, 1, vec![1, 3, 0])]);
    automaton
}

fn receive(automaton: &mut Automaton<One>, code: u8, identifier: u8, data: &[u8]) -> Effects {
    automaton.receive(
        &Packet {
            code,
            identifier,
            data,
        },
        at(1),
    )
}

fn opened() -> Automaton<One> {
    let mut automaton = started();
    receive(&mut automaton, 1, 77, GOOD);
    let effects = receive(&mut automaton, 2, 1, &[1, 3, 0]);
    assert_eq!(effects.as_slice(), [Effect::LayerUp]);
    automaton
}

#[test]
fn s4_6_a_request_is_repeated_unchanged_max_configure_times() {
    let mut automaton = started();
    for n in 1..10 {
        assert_eq!(automaton.poll_timeout(), Some(at(3 * n)));
        assert!(automaton.handle_timeout(at(3 * n - 1)).is_empty());
        assert_eq!(
            sent(&automaton.handle_timeout(at(3 * n))),
            [(1, 1, vec![1, 3, 0])]
        );
    }
    let effects = automaton.handle_timeout(at(30));
    assert_eq!(effects.as_slice(), [Effect::LayerFinished]);
    assert_eq!(
        (automaton.state(), automaton.poll_timeout()),
        (State::Stopped, None)
    );
}

#[test]
fn the_ack_is_announced_and_the_layer_comes_up_after_it() {
    let mut automaton = started();
    receive(&mut automaton, 2, 1, &[1, 3, 0]);
    let effects = receive(&mut automaton, 1, 0, GOOD);
    assert!(matches!(
        effects.as_slice(),
        [Effect::AckFollows, Effect::Frame(_), Effect::LayerUp]
    ));
    assert_eq!(sent(&effects), [(2, 0, GOOD.to_vec())]);
}

#[test]
fn s5_1_the_identifier_changes_with_every_answer() {
    let mut automaton = started();
    assert_eq!(
        sent(&receive(&mut automaton, 3, 1, &[1, 3, 9])),
        [(1, 2, vec![1, 3, 9])]
    );
    // The same Nak once more, and one for no request of ours.
    for identifier in [1, 3] {
        let effects = receive(&mut automaton, 3, identifier, &[1, 3, 8]);
        assert_eq!(
            effects.as_slice(),
            [Effect::Refused(Refusal::AnswerMismatch)]
        );
    }
}

#[test]
fn s5_2_an_ack_has_to_repeat_the_request() {
    let mut automaton = started();
    for (identifier, data) in [(1, &[1, 3, 1][..]), (1, &[]), (2, &[1, 3, 0])] {
        let effects = receive(&mut automaton, 2, identifier, data);
        assert_eq!(
            effects.as_slice(),
            [Effect::Refused(Refusal::AnswerMismatch)]
        );
    }
    receive(&mut automaton, 2, 1, &[1, 3, 0]);
    assert_eq!(automaton.state(), State::AckRcvd);
    // A second copy is not a crossed connection.
    receive(&mut automaton, 2, 1, &[1, 3, 0]);
    assert_eq!(automaton.state(), State::AckRcvd);
}

#[test]
fn s5_4_a_reject_may_name_only_what_was_asked_for() {
    let mut automaton = started();
    for data in [&[][..], &[1, 3, 7], &[2, 2], &[1, 3, 0, 2, 2]] {
        let effects = receive(&mut automaton, 4, 1, data);
        assert_eq!(
            effects.as_slice(),
            [Effect::Refused(Refusal::AnswerMismatch)],
            "{data:?}"
        );
    }
    let effects = receive(&mut automaton, 4, 1, &[1, 3, 0]);
    assert_eq!(
        effects.as_slice(),
        [Effect::Objection(Objection::CloseProtocol)]
    );
}

#[test]
fn s4_6_after_max_failure_naks_a_nak_becomes_a_reject() {
    let mut automaton = started();
    for identifier in 0..5 {
        let effects = receive(&mut automaton, 1, identifier, &[1, 3, identifier + 10]);
        assert_eq!(sent(&effects), [(3, identifier, GOOD.to_vec())]);
        // A repetition is answered alike, and costs no patience.
        let again = receive(&mut automaton, 1, identifier, &[1, 3, identifier + 10]);
        assert_eq!(again, effects);
    }
    let effects = receive(&mut automaton, 1, 9, &[1, 3, 99]);
    assert_eq!(sent(&effects), [(4, 9, vec![1, 3, 99])]);
}

#[test]
fn patience_with_the_peers_naks_ends_too() {
    let mut automaton = started();
    for identifier in 1..5 {
        receive(&mut automaton, 3, identifier, &[1, 3, 1]);
        assert!(!automaton.policy().patience_lost);
    }
    receive(&mut automaton, 3, 5, &[1, 3, 1]);
    assert!(automaton.policy().patience_lost);
    for identifier in 6..=100 {
        receive(&mut automaton, 3, identifier, &[1, 3, 1]);
    }
    let effects = receive(&mut automaton, 3, 101, &[1, 3, 1]);
    assert_eq!(effects.as_slice(), [converge_no_more()]);
}

#[test]
fn what_is_agreed_is_acknowledged_again_without_a_restart() {
    let mut automaton = opened();
    // With the old identifier and with another one.
    for identifier in [77, 78] {
        let effects = receive(&mut automaton, 1, identifier, GOOD);
        assert_eq!(sent(&effects), [(2, identifier, GOOD.to_vec())]);
        assert_eq!(automaton.state(), State::Opened);
    }
    let effects = receive(&mut automaton, 1, 79, GOOD);
    assert_eq!(
        automaton.state(),
        State::AckSent,
        "the third one is a restart"
    );
    assert!(matches!(
        effects.as_slice(),
        [
            Effect::LayerDown,
            Effect::Frame(_),
            Effect::AckFollows,
            Effect::Frame(_)
        ]
    ));
}

#[test]
fn another_request_in_the_opened_state_is_a_restart() {
    let mut automaton = opened();
    let effects = receive(&mut automaton, 1, 79, &[1, 3, 6]);
    assert_eq!(
        sent(&effects),
        [(1, 2, vec![1, 3, 0]), (3, 79, GOOD.to_vec())]
    );
    assert_eq!(effects[0], Effect::LayerDown);
}

#[test]
fn an_overtaken_terminate_ack_does_not_close() {
    let mut automaton = opened();
    let effects = receive(&mut automaton, 6, 1, &[]);
    assert_eq!(
        effects.as_slice(),
        [Effect::Refused(Refusal::StaleTerminateAck)]
    );
    let effects = receive(&mut automaton, 6, 77, &[]);
    assert_eq!(effects[0], Effect::LayerDown);
}

#[test]
fn s5_5_a_terminate_request_is_repeated_max_terminate_times() {
    let mut automaton = opened();
    let effects = automaton.close("bye", at(10));
    assert_eq!(effects[0], Effect::LayerDown);
    assert_eq!(sent(&effects), [(5, 2, b"bye".to_vec())]);
    assert_eq!(
        sent(&automaton.handle_timeout(at(13))),
        [(5, 3, b"bye".to_vec())]
    );
    assert_eq!(
        automaton.handle_timeout(at(16)).as_slice(),
        [Effect::LayerFinished]
    );
    assert_eq!(automaton.state(), State::Closed);
    // A closed protocol tells everybody so.
    assert_eq!(sent(&receive(&mut automaton, 1, 9, GOOD)), [(6, 9, vec![])]);
}

#[test]
fn s5_6_unknown_codes_are_sent_back() {
    let mut automaton = opened();
    let long = [7; 300];
    let effects = receive(&mut automaton, 200, 3, &long);
    let [(7, 2, copy)] = &sent(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((copy.len(), &copy[..4]), (64, &[200, 3, 1, 48][..]));
    assert_eq!(automaton.state(), State::Opened);
    receive(&mut automaton, 7, 9, &[200, 3, 0, 4]);
    assert_eq!(
        automaton.state(),
        State::Opened,
        "an unknown code may be rejected"
    );
    let effects = receive(&mut automaton, 7, 9, &[1, 3, 0, 4]);
    assert_eq!(effects[0], Effect::LayerDown, "Configure-Request may not");
}

#[test]
fn malformed_options_change_nothing() {
    let mut automaton = started();
    for (data, refusal) in [
        (&[1][..], Refusal::MalformedOptions),
        (&[1, 0], Refusal::MalformedOptions),
        (&[1, 1], Refusal::MalformedOptions),
        (&[1, 4, 0], Refusal::MalformedOptions),
    ] {
        for code in [1, 3, 4] {
            let effects = receive(&mut automaton, code, 1, data);
            assert_eq!(effects.as_slice(), [Effect::Refused(refusal)]);
        }
    }
    for code in [3, 4] {
        let effects = receive(&mut automaton, code, 1, &[1, 3, 0, 1, 3, 0]);
        let refusal = Refusal::DuplicateOption;
        assert_eq!(effects.as_slice(), [Effect::Refused(refusal)]);
    }
    assert_eq!(automaton.state(), State::ReqSent);
}
