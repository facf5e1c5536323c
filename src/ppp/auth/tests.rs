//! The authenticator against clients that repeat themselves, try again, or talk nonsense.

use super::*;
use crate::wire::ppp::Frame;

const PROOF: &str = "S=0123456789ABCDEF0123456789ABCDEF01234567";

fn authenticator(retries_max: u8) -> (Authenticator, u8) {
    let mut authenticator = Authenticator::new(Draws::new(&[7; 32], 1), retries_max);
    let frame = authenticator.start("pns", 10);
    let Chap::Challenge {
        identifier,
        value,
        name,
    } = parse(&frame)
    else {
        panic!("{frame:?}")
    };
    assert_eq!((value.len(), name), (16, &b"pns"[..]));
    (authenticator, identifier)
}

fn parse(frame: &PppFrame) -> Chap<'_> {
    Chap::parse(Frame::parse(frame.as_bytes()).unwrap().payload).unwrap()
}

fn response(identifier: u8, proof: u8, flags: u8) -> Vec<u8> {
    let value = MsChapV2Response {
        peer_challenge: [1; 16],
        nt_response: [proof; 24],
        flags,
    }
    .emit();
    Chap::Response {
        identifier,
        value: &value,
        name: b"alice",
    }
    .to_frame()[4..]
        .to_vec()
}

fn message(frame: &PppFrame) -> (u8, String) {
    match parse(frame) {
        Chap::Success {
            identifier,
            message,
        }
        | Chap::Failure {
            identifier,
            message,
        } => (identifier, String::from_utf8(message.to_vec()).unwrap()),
        Chap::Challenge { .. } | Chap::Response { .. } => panic!("{frame:?}"),
    }
}

fn challenge_of(outcome: Outcome) -> [u8; 16] {
    let Outcome::Ask(Credentials::MsChapV2 {
        authenticator_challenge,
        ..
    }) = outcome
    else {
        panic!("{outcome:?}")
    };
    authenticator_challenge
}

#[test]
fn a_repeated_response_gets_the_same_success_again() {
    let (mut authenticator, identifier) = authenticator(0);
    assert!(matches!(
        authenticator.receive(&response(identifier, 2, 0)),
        Outcome::Ask(_)
    ));
    let waiting = Outcome::Refused(Refusal::UnexpectedResponse);
    assert_eq!(authenticator.receive(&response(identifier, 2, 0)), waiting);
    let success = authenticator.grant(PROOF).unwrap();
    assert_eq!(
        message(&success),
        (identifier, format!("{PROOF} M=Access granted"))
    );
    for _ in 0..3 {
        let again = authenticator.receive(&response(identifier, 2, 0));
        assert_eq!(again, Outcome::Repeat(success.clone()));
    }
    assert_eq!(
        authenticator.receive(&response(identifier.wrapping_add(1), 2, 0)),
        waiting
    );
    assert_eq!(
        authenticator.grant(PROOF),
        None,
        "one question has one answer"
    );
}

#[test]
fn rfc_2759_section_6_another_attempt_has_a_new_challenge() {
    let (mut authenticator, identifier) = authenticator(1);
    let first = challenge_of(authenticator.receive(&response(identifier, 2, 0)));
    let (failure, retry) = authenticator.refuse("Wrong", true).unwrap();
    assert!(retry);
    let (of, text) = message(&failure);
    assert_eq!(of, identifier);
    assert!(
        text.starts_with("E=691 R=1 C=") && text.ends_with(" V=3 M=Wrong"),
        "{text}"
    );
    // The client did not hear us.
    let again = authenticator.receive(&response(identifier, 2, 0));
    assert_eq!(again, Outcome::Repeat(failure));
    let next = identifier.wrapping_add(1);
    let second = challenge_of(authenticator.receive(&response(next, 3, 0)));
    assert_ne!(first, second);
    let hex: String = second.iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(
        text.contains(&format!("C={hex} ")),
        "the challenge that was announced"
    );
    let (failure, retry) = authenticator.refuse("Wrong", true).unwrap();
    assert!(!retry, "one retry and no more");
    assert!(message(&failure).1.starts_with("E=691 R=0 C="));
    let nothing = Outcome::Refused(Refusal::UnexpectedResponse);
    assert_eq!(
        authenticator.receive(&response(next.wrapping_add(1), 4, 0)),
        nothing
    );
}

#[test]
fn another_attempt_under_the_old_identifier_is_told_from_a_repetition() {
    let (mut authenticator, identifier) = authenticator(1);
    challenge_of(authenticator.receive(&response(identifier, 2, 0)));
    authenticator.refuse("", true).unwrap();
    challenge_of(authenticator.receive(&response(identifier, 3, 0)));
}

#[test]
fn a_refusal_that_permits_no_retry_permits_none() {
    let (mut authenticator, identifier) = authenticator(3);
    challenge_of(authenticator.receive(&response(identifier, 2, 0)));
    let (failure, retry) = authenticator.refuse("locked\r\nM=\u{7}", false).unwrap();
    assert!(!retry);
    assert!(message(&failure).1.ends_with(" V=3 M=lockedM="), "one line");
}

#[test]
fn windows_9x_gets_no_text() {
    let (mut first, identifier) = authenticator(0);
    challenge_of(first.receive(&response(identifier, 2, 4)));
    assert_eq!(message(&first.grant(PROOF).unwrap()).1, PROOF);
    let (mut second, identifier) = authenticator(0);
    challenge_of(second.receive(&response(identifier, 2, 4)));
    assert!(
        message(&second.refuse("Wrong", false).unwrap().0)
            .1
            .ends_with(" V=3")
    );
}

#[test]
fn only_a_response_to_our_challenge_is_looked_at() {
    for other in 0..=u8::MAX {
        let (mut authenticator, identifier) = authenticator(0);
        let outcome = authenticator.receive(&response(other, 2, 0));
        assert_eq!(
            matches!(outcome, Outcome::Ask(_)),
            other == identifier,
            "{other}"
        );
    }
    let (mut authenticator, identifier) = authenticator(0);
    for (packet, refusal) in [
        (
            Chap::Challenge {
                identifier,
                value: &[1; 16],
                name: b"",
            },
            Refusal::UnexpectedChap,
        ),
        (
            Chap::Success {
                identifier,
                message: b"",
            },
            Refusal::UnexpectedChap,
        ),
        (
            Chap::Failure {
                identifier,
                message: b"",
            },
            Refusal::UnexpectedChap,
        ),
        (
            Chap::Response {
                identifier,
                value: &[1; 16],
                name: b"",
            },
            Refusal::MalformedChap,
        ),
    ] {
        let bytes = packet.to_frame()[4..].to_vec();
        assert_eq!(authenticator.receive(&bytes), Outcome::Refused(refusal));
    }
    assert!(authenticator.is_challenging());
}

#[test]
fn the_same_challenge_is_repeated_a_bounded_number_of_times() {
    let mut authenticator = Authenticator::new(Draws::new(&[7; 32], 1), 0);
    let first = authenticator.start("pns", 3);
    assert_eq!(authenticator.repeat_challenge("pns"), Some(first.clone()));
    assert_eq!(authenticator.repeat_challenge("pns"), Some(first.clone()));
    assert_eq!(authenticator.repeat_challenge("pns"), None);
    assert_ne!(authenticator.start("pns", 3), first);
}
