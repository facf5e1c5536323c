//! The authenticator against clients that repeat themselves, try again, or talk nonsense.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at what it is about"
)]

use super::*;
use crate::wire::chap::{ChangePasswordV2, ChangePasswordV3, MsChapV1Response, MsChapV2Response};
use crate::wire::ppp::Frame;
use crate::wire::{chap, eap as wire_eap, pap as wire_pap};

mod conversations;

const PROOF: &str = "S=0123456789ABCDEF0123456789ABCDEF01234567";
const WRONG: Denial<'_> = Denial {
    code: FailureCode::AuthenticationFailure,
    text: "Wrong",
    retry: true,
};
const NOTHING: Outcome = Outcome::Refused(Refusal::UnexpectedResponse);

fn new(retries_max: u8) -> Authenticator {
    let attempts = Attempts {
        asks_max: 10,
        retries_max,
    };
    Authenticator::new(Draws::new(&[7; 32], 1), attempts)
}

/// An authenticator whose challenge is out, and the Identifier of that.
fn challenging(method: Method, retries_max: u8) -> (Authenticator, u8) {
    let mut authenticator = new(retries_max);
    let frame = authenticator.start(method, "pns").unwrap();
    let chap::Chap::Challenge {
        identifier,
        value,
        name,
    } = parse(&frame)
    else {
        panic!("{frame:?}")
    };
    let length = if method == Method::MsChapV1 { 8 } else { 16 };
    assert_eq!((value.len(), name), (length, &b"pns"[..]));
    (authenticator, identifier)
}

fn payload(frame: &PppFrame) -> &[u8] {
    Frame::parse(frame.as_bytes()).unwrap().payload
}

fn parse(frame: &PppFrame) -> chap::Chap<'_> {
    chap::Chap::parse(payload(frame)).unwrap()
}

fn respond(authenticator: &mut Authenticator, identifier: u8, value: &[u8]) -> Outcome {
    let response = chap::Chap::Response {
        identifier,
        value,
        name: b"alice",
    };
    authenticator.receive(Protocol::CHAP, &response.to_frame()[4..])
}

fn v2(proof: u8, flags: u8) -> [u8; 49] {
    MsChapV2Response {
        peer_challenge: [1; 16],
        nt_response: [proof; 24],
        flags,
    }
    .emit()
}

fn v1(proof: u8) -> [u8; 49] {
    MsChapV1Response {
        nt_response: [proof; 24],
        flags: 1,
    }
    .emit()
}

fn message(frame: &PppFrame) -> (u8, String) {
    match parse(frame) {
        chap::Chap::Success {
            identifier,
            message,
        }
        | chap::Chap::Failure {
            identifier,
            message,
        } => (identifier, String::from_utf8(message.to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn asked(outcome: Outcome) -> Credentials {
    match outcome {
        Outcome::Ask(credentials) => credentials,
        other => panic!("{other:?}"),
    }
}

fn challenge_of(outcome: Outcome) -> Vec<u8> {
    match asked(outcome) {
        Credentials::MsChapV2 {
            authenticator_challenge: challenge,
            ..
        }
        | Credentials::ChangePasswordV3 {
            authenticator_challenge: challenge,
            ..
        } => challenge.to_vec(),
        Credentials::MsChapV1 { challenge, .. }
        | Credentials::ChangePasswordV2 { challenge, .. } => challenge.to_vec(),
        ref other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn p4_a_repeated_response_gets_the_same_success_again() {
    let (mut it, identifier) = challenging(Method::MsChapV2, 0);
    asked(respond(&mut it, identifier, &v2(2, 0)));
    assert_eq!(respond(&mut it, identifier, &v2(2, 0)), NOTHING);
    let success = it.grant(PROOF).unwrap();
    let expected = (identifier, format!("{PROOF} M=Access granted"));
    assert_eq!(message(&success), expected);
    for _ in 0..3 {
        let again = respond(&mut it, identifier, &v2(2, 0));
        assert_eq!(again, Outcome::Repeat(success.clone()));
    }
    let next = identifier.wrapping_add(1);
    assert_eq!(respond(&mut it, next, &v2(2, 0)), NOTHING);
    assert_eq!(it.grant(PROOF), None, "one question has one answer");
}

#[test]
fn rfc_1994_section_4_2_the_reply_code_stays_whatever_comes_under_that_identifier() {
    let (mut it, identifier) = challenging(Method::ChapMd5, 3);
    let credentials = asked(respond(&mut it, identifier, &[4; 16]));
    assert!(matches!(
        credentials,
        Credentials::ChapMd5 { response: [4, ..], identifier: of, .. } if of == identifier
    ));
    let (failure, next) = it.refuse(WRONG).unwrap();
    assert_eq!(next, Next::Over, "CHAP with MD5 has no second attempt");
    assert_eq!(message(&failure), (identifier, "Wrong".to_owned()));
    // Another guess under the same Identifier is not even looked at.
    for guess in 0..16 {
        let again = respond(&mut it, identifier, &[guess; 16]);
        assert_eq!(again, Outcome::Repeat(failure.clone()));
    }
}

#[test]
fn rfc_2759_section_6_and_rfc_2433_section_8_another_attempt_has_a_new_challenge() {
    for (method, value, text, version) in [
        (
            Method::MsChapV2,
            &v2 as &dyn Fn(u8, u8) -> [u8; 49],
            " M=Wrong",
            3,
        ),
        (Method::MsChapV1, &|proof, _| v1(proof), "", 2),
    ] {
        let (mut it, identifier) = challenging(method, 1);
        let first = challenge_of(respond(&mut it, identifier, &value(2, 0)));
        let (failure, next) = it.refuse(WRONG).unwrap();
        assert_eq!(next, Next::Again);
        let (of, said) = message(&failure);
        assert_eq!(of, identifier);
        // The client did not hear us.
        let again = respond(&mut it, identifier, &value(2, 0));
        assert_eq!(again, Outcome::Repeat(failure));
        let following = identifier.wrapping_add(1);
        let second = challenge_of(respond(&mut it, following, &value(3, 0)));
        assert_ne!(first, second);
        let expected = format!("E=691 R=1 C={} V={version}{text}", hex(&second));
        assert_eq!(said, expected, "the challenge that was announced");
        // While someone decides nothing is repeated, least of all the old Failure.
        assert_eq!(respond(&mut it, following, &value(3, 0)), NOTHING);
        let (failure, next) = it.refuse(WRONG).unwrap();
        assert_eq!(next, Next::Over, "one retry and no more");
        assert!(message(&failure).1.starts_with("E=691 R=0 C="));
        let third = following.wrapping_add(1);
        assert_eq!(respond(&mut it, third, &value(4, 0)), NOTHING);
    }
}

#[test]
fn another_attempt_under_the_old_identifier_is_told_from_a_repetition() {
    let (mut it, identifier) = challenging(Method::MsChapV2, 1);
    challenge_of(respond(&mut it, identifier, &v2(2, 0)));
    it.refuse(WRONG).unwrap();
    challenge_of(respond(&mut it, identifier, &v2(3, 0)));
}

#[test]
fn p5_every_failure_code_is_said_as_it_is() {
    for &code in FailureCode::ALL {
        let (mut it, identifier) = challenging(Method::MsChapV2, 3);
        challenge_of(respond(&mut it, identifier, &v2(2, 0)));
        let denial = Denial {
            code,
            text: "locked\r\nM=\u{7}",
            retry: false,
        };
        let (failure, next) = it.refuse(denial).unwrap();
        let expired = code == FailureCode::PasswordExpired;
        assert_eq!(next == Next::Again, expired, "{code}");
        let text = message(&failure).1;
        assert!(
            text.starts_with(&format!("E={} R=0 C=", code.number())),
            "{text}"
        );
        assert!(text.ends_with(" V=3 M=lockedM="), "one line");
    }
}

#[test]
fn w18_windows_9x_gets_no_text() {
    let (mut first, identifier) = challenging(Method::MsChapV2, 0);
    challenge_of(respond(&mut first, identifier, &v2(2, 4)));
    assert_eq!(message(&first.grant(PROOF).unwrap()).1, PROOF);
    let (mut second, identifier) = challenging(Method::MsChapV2, 0);
    challenge_of(respond(&mut second, identifier, &v2(2, 4)));
    let (failure, _) = second.refuse(WRONG).unwrap();
    assert!(message(&failure).1.ends_with(" V=3"));
}

#[test]
fn only_a_response_to_our_challenge_is_looked_at() {
    for other in 0..=u8::MAX {
        let (mut it, identifier) = challenging(Method::MsChapV2, 0);
        let outcome = respond(&mut it, other, &v2(2, 0));
        assert_eq!(
            matches!(outcome, Outcome::Ask(_)),
            other == identifier,
            "{other}"
        );
    }
    let (mut it, identifier) = challenging(Method::MsChapV2, 0);
    let unexpected = Outcome::Refused(Refusal::UnexpectedChap);
    for packet in [
        chap::Chap::Challenge {
            identifier,
            value: &[1; 16],
            name: b"",
        },
        chap::Chap::Success {
            identifier,
            message: b"",
        },
        chap::Chap::Failure {
            identifier,
            message: b"",
        },
    ] {
        let outcome = it.receive(Protocol::CHAP, &packet.to_frame()[4..]);
        assert_eq!(outcome, unexpected);
    }
    let malformed = Outcome::Refused(Refusal::MalformedChap);
    assert_eq!(respond(&mut it, identifier, &[1; 16]), malformed);
    assert!(matches!(it.tick(), Tick::Ask(_)), "still waiting");
}

#[test]
fn the_same_challenge_is_repeated_a_bounded_number_of_times() {
    for method in [
        Method::ChapMd5,
        Method::MsChapV1,
        Method::MsChapV2,
        Method::Eap,
    ] {
        let attempts = Attempts {
            asks_max: 3,
            retries_max: 0,
        };
        let mut it = Authenticator::new(Draws::new(&[7; 32], 1), attempts);
        assert_eq!(it.tick(), Tick::Idle);
        let first = it.start(method, "pns").unwrap();
        assert_eq!(it.tick(), Tick::Ask(first.clone()));
        assert_eq!(it.tick(), Tick::Ask(first.clone()));
        assert_eq!(it.tick(), Tick::GiveUp);
        assert_ne!(
            it.start(method, "pns").unwrap(),
            first,
            "another Identifier"
        );
    }
}

#[test]
fn frames_of_another_protocol_are_not_negotiated() {
    let (mut it, identifier) = challenging(Method::MsChapV2, 0);
    let unnegotiated = Outcome::Refused(Refusal::UnnegotiatedAuthentication);
    let request = wire_pap::Pap::Request {
        identifier,
        name: b"alice",
        password: b"pw",
    };
    assert_eq!(
        it.receive(Protocol::PAP, &request.to_frame()[4..]),
        unnegotiated
    );
    assert_eq!(
        it.receive(Protocol::EAP, &[2, identifier, 0, 5, 1]),
        unnegotiated
    );
    let mut idle = new(0);
    assert_eq!(respond(&mut idle, identifier, &v2(2, 0)), unnegotiated);
}

fn change_v3() -> Vec<u8> {
    ChangePasswordV3 {
        encrypted_password: [1; 516],
        encrypted_hash: [2; 16],
        peer_challenge: [3; 16],
        nt_response: [4; 24],
        flags: 0,
    }
    .emit()
}

fn change(it: &mut Authenticator, identifier: u8, version: u8, body: &[u8]) -> Outcome {
    let packet = chap::Chap::ChangePassword {
        identifier,
        version,
        body,
    };
    it.receive(Protocol::CHAP, &packet.to_frame()[4..])
}

const EXPIRED: Denial<'_> = Denial {
    code: FailureCode::PasswordExpired,
    text: "Password expired",
    retry: false,
};

#[test]
fn rfc_2759_section_7_a_new_password_follows_the_failure_that_asks_for_it() {
    let (mut it, identifier) = challenging(Method::MsChapV2, 0);
    assert_eq!(
        change(&mut it, identifier, 3, &change_v3()),
        NOTHING,
        "too early"
    );
    challenge_of(respond(&mut it, identifier, &v2(2, 0)));
    let (failure, next) = it.refuse(EXPIRED).unwrap();
    assert_eq!(next, Next::Again);
    let following = identifier.wrapping_add(1);
    // Another attempt at the old password is not permitted by R=0.
    assert_eq!(respond(&mut it, following, &v2(9, 0)), NOTHING);
    // The forms of MS-CHAPv1, the wrong Identifier, the wrong length.
    assert_eq!(change(&mut it, following, 2, &change_v3()), NOTHING);
    assert_eq!(
        change(&mut it, following.wrapping_add(1), 3, &change_v3()),
        NOTHING
    );
    let malformed = Outcome::Refused(Refusal::MalformedChap);
    assert_eq!(change(&mut it, following, 3, &change_v3()[1..]), malformed);
    let credentials = asked(change(&mut it, following, 3, &change_v3()));
    let Credentials::ChangePasswordV3 {
        name,
        authenticator_challenge,
        change: body,
        ..
    } = &credentials
    else {
        panic!("{credentials:?}")
    };
    assert_eq!((&name[..], body.nt_response), (&b"alice"[..], [4; 24]));
    assert!(message(&failure).1.contains(&hex(authenticator_challenge)));
    let success = it.grant(PROOF).unwrap();
    assert_eq!(message(&success).0, following);
    let again = change(&mut it, following, 3, &change_v3());
    assert_eq!(again, Outcome::Repeat(success));
}

#[test]
fn rfc_2433_section_10_a_new_password_by_version_1() {
    let (mut it, identifier) = challenging(Method::MsChapV1, 0);
    challenge_of(respond(&mut it, identifier, &v1(2)));
    it.refuse(EXPIRED).unwrap();
    let following = identifier.wrapping_add(1);
    let body = ChangePasswordV2 {
        encrypted_password: [1; 516],
        encrypted_hash: [2; 16],
        nt_response: [3; 24],
        flags: 1,
    };
    // Version 1 of the packet hands the hash to every listener.
    assert_eq!(change(&mut it, following, 1, &[0; 68]), NOTHING);
    assert_eq!(
        challenge_of(change(&mut it, following, 2, &body.emit())).len(),
        8
    );
    let denial = Denial {
        code: FailureCode::ChangingPassword,
        text: "no",
        retry: false,
    };
    let (failure, next) = it.refuse(denial).unwrap();
    assert_eq!(next, Next::Over);
    assert!(message(&failure).1.starts_with("E=709 R=0 C="));
}

#[test]
fn every_cut_of_every_packet_is_refused() {
    for method in [Method::ChapMd5, Method::MsChapV1, Method::MsChapV2] {
        let value = if method == Method::ChapMd5 {
            vec![1; 16]
        } else {
            v1(1).to_vec()
        };
        let (mut it, identifier) = challenging(method, 0);
        let response = chap::Chap::Response {
            identifier,
            value: &value,
            name: b"",
        };
        let whole = response.to_frame()[4..].to_vec();
        for end in 0..whole.len() {
            let mut cut = whole[..end].to_vec();
            assert!(matches!(
                it.receive(Protocol::CHAP, &cut),
                Outcome::Refused(_)
            ));
            if end >= 4 {
                cut[2..4].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
                assert!(matches!(
                    it.receive(Protocol::CHAP, &cut),
                    Outcome::Refused(_)
                ));
            }
        }
        asked(it.receive(Protocol::CHAP, &whole));
    }
}
