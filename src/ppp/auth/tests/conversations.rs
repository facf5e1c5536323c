//! PAP, where the client has the first word, and EAP, where a third one speaks.

use super::*;
use wire_eap::{Eap, kind};
use wire_pap::Pap;

fn pap_request(it: &mut Authenticator, identifier: u8, password: &[u8]) -> Outcome {
    let request = Pap::Request {
        identifier,
        name: b"alice",
        password,
    };
    it.receive(Protocol::PAP, &request.to_frame()[4..])
}

#[test]
fn rfc_1334_section_2_2_the_client_begins_and_gets_the_same_reply_for_ever() {
    for granted in [true, false] {
        let mut it = new(3);
        assert_eq!(it.start(Method::Pap, "pns"), None);
        let credentials = asked(pap_request(&mut it, 7, b"wonderland-7"));
        assert!(matches!(&credentials, Credentials::Pap { name, password }
            if name == b"alice" && password == b"wonderland-7"));
        // Each repetition has another Identifier, and the answer is for the latest.
        assert_eq!(pap_request(&mut it, 8, b"wonderland-7"), NOTHING);
        let answer = if granted {
            it.grant("").unwrap()
        } else {
            let (frame, next) = it.refuse(WRONG).unwrap();
            assert_eq!(next, Next::Over, "RFC 1334 §2.2.2 ends the link");
            frame
        };
        let code = |frame: &PppFrame| match Pap::parse(payload(frame)).unwrap() {
            Pap::Ack { identifier, .. } => (true, identifier),
            Pap::Nak { identifier, .. } => (false, identifier),
            Pap::Request { .. } => panic!("a request"),
        };
        assert_eq!(code(&answer), (granted, 8));
        for (identifier, password) in [(8, &b"wonderland-7"[..]), (9, b"another"), (0, b"")] {
            match pap_request(&mut it, identifier, password) {
                Outcome::Repeat(frame) => assert_eq!(code(&frame), (granted, identifier)),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_silent_pap_client_is_given_up_in_time() {
    let mut it = new(0);
    it.start(Method::Pap, "pns");
    for _ in 0..9 {
        assert_eq!(it.tick(), Tick::Wait);
    }
    assert_eq!(it.tick(), Tick::GiveUp);
    let ack = Pap::Ack {
        identifier: 1,
        message: b"",
    };
    let outcome = it.receive(Protocol::PAP, &ack.to_frame()[4..]);
    assert_eq!(outcome, Outcome::Refused(Refusal::UnexpectedPap));
    for cut in 0..12 {
        let request = [1, 1, 0, 12, 3, b'b', b'o', b'b', 3, b'1', b'2', b'3'];
        let outcome = it.receive(Protocol::PAP, &request[..cut]);
        assert_eq!(outcome, Outcome::Refused(Refusal::MalformedPap));
    }
}

/// An EAP machine that has sent its Identity-Request, and the Identifier of that.
fn identifying() -> (Authenticator, u8) {
    let mut it = new(0);
    let frame = it.start(Method::Eap, "pns").unwrap();
    match Eap::parse(payload(&frame)).unwrap() {
        Eap::Request {
            identifier,
            kind: kind::IDENTITY,
            data: [],
        } => (it, identifier),
        other => panic!("{other:?}"),
    }
}

fn answer(it: &mut Authenticator, identifier: u8, kind: u8, data: &[u8]) -> Outcome {
    let response = Eap::Response {
        identifier,
        kind,
        data,
    };
    it.receive(Protocol::EAP, &response.to_packet())
}

fn request(identifier: u8, kind: u8, data: &[u8]) -> Vec<u8> {
    let request = Eap::Request {
        identifier,
        kind,
        data,
    };
    request.to_packet()
}

#[test]
fn rfc_3748_section_2_3_packets_pass_through_with_their_state() {
    let (mut it, first) = identifying();
    let credentials = asked(answer(&mut it, first, kind::IDENTITY, b"EXAMPLE\\alice"));
    let Credentials::Eap {
        identity,
        packet,
        state,
        nonce,
    } = &credentials
    else {
        panic!("{credentials:?}")
    };
    assert_eq!(identity, b"EXAMPLE\\alice");
    assert_eq!(Eap::parse(packet).map(|_| packet[1]), Ok(first));
    assert!(state.is_empty() && *nonce != [0; 16]);
    let second = first.wrapping_add(40);
    let next = request(second, 13, &[1, 2, 3]);
    let frame = it.challenge(&next, b"where we are", 1500).unwrap().unwrap();
    assert_eq!(payload(&frame), next);
    // The authenticator alone repeats, and what comes twice counts once (RFC 3748 §4.1).
    assert_eq!(it.tick(), Tick::Ask(frame));
    assert_eq!(answer(&mut it, first, kind::IDENTITY, b"alice"), NOTHING);
    let credentials = asked(answer(&mut it, second, 13, &[4]));
    assert!(
        matches!(&credentials, Credentials::Eap { identity, state, .. }
        if identity == b"EXAMPLE\\alice" && state == b"where we are")
    );
    assert_eq!(answer(&mut it, second, 13, &[4]), NOTHING);
    assert_eq!(it.tick(), Tick::Idle);
    let success = it.grant("").unwrap();
    assert_eq!(payload(&success), [3, second, 0, 4], "RFC 3748 §4.2");
    let again = answer(&mut it, second, 13, &[4]);
    assert_eq!(again, Outcome::Repeat(success));
}

#[test]
fn rfc_3748_section_4_1_a_response_has_its_requests_type_or_is_a_nak() {
    for (asked_for, answered, fits) in [
        (kind::IDENTITY, kind::IDENTITY, true),
        (kind::IDENTITY, kind::NAK, false),
        (kind::IDENTITY, kind::EXPANDED, false),
        (kind::NOTIFICATION, kind::NOTIFICATION, true),
        (kind::NOTIFICATION, kind::NAK, false),
        (kind::MD5_CHALLENGE, kind::MD5_CHALLENGE, true),
        (kind::MD5_CHALLENGE, kind::NAK, true),
        (kind::MD5_CHALLENGE, kind::EXPANDED, true),
        (kind::MD5_CHALLENGE, kind::MSCHAPV2, false),
        (kind::MD5_CHALLENGE, kind::IDENTITY, false),
    ] {
        let (mut it, mut identifier) = identifying();
        if asked_for != kind::IDENTITY {
            asked(answer(&mut it, identifier, kind::IDENTITY, b"alice"));
            identifier = identifier.wrapping_add(1);
            let next = request(identifier, asked_for, &[]);
            it.challenge(&next, b"", 1500).unwrap().unwrap();
        }
        let outcome = answer(&mut it, identifier, answered, &[]);
        let taken = matches!(outcome, Outcome::Ask(_));
        assert_eq!(taken, fits, "{asked_for} answered by {answered}");
    }
}

#[test]
fn what_cannot_be_passed_on_is_named() {
    let ask = |packet: &[u8], state: &[u8]| {
        let (mut it, first) = identifying();
        asked(answer(&mut it, first, kind::IDENTITY, b"alice"));
        let packet = if packet.is_empty() {
            request(first, 4, &[])
        } else {
            packet.to_vec()
        };
        it.challenge(&packet, state, 100).unwrap().unwrap_err()
    };
    use super::super::eap::Unfit;
    let (mut it, first) = identifying();
    assert_eq!(
        it.challenge(&request(9, 4, &[]), b"", 1500),
        None,
        "nobody asked"
    );
    let other = first.wrapping_add(1);
    assert_eq!(ask(&[], b""), Unfit::IdentifierRepeated);
    assert_eq!(ask(&request(other, 4, &[0; 96]), b""), Unfit::TooLong);
    assert_eq!(
        ask(&request(other, 4, &[]), &[0; 2000]),
        Unfit::StateTooLong
    );
    assert_eq!(ask(&[3, other, 0, 4], b""), Unfit::NoRequest);
    assert_eq!(ask(&[1, other, 0, 9, 4], b""), Unfit::NoRequest);
    asked(answer(&mut it, first, kind::IDENTITY, b"alice"));
    let mut rounds = 0;
    let mut identifier = first;
    loop {
        identifier = identifier.wrapping_add(1);
        match it
            .challenge(&request(identifier, 13, &[]), b"", 1500)
            .unwrap()
        {
            Ok(_) => rounds += 1,
            Err(unfit) => break assert_eq!(unfit, Unfit::TooMany),
        }
        asked(answer(&mut it, identifier, 13, &[]));
    }
    assert_eq!(rounds, 64);
}

#[test]
fn only_responses_of_the_peer_are_looked_at() {
    let (mut it, first) = identifying();
    for (packet, refusal) in [
        (request(first, kind::IDENTITY, &[]), Refusal::UnexpectedEap),
        (vec![3, first, 0, 4], Refusal::UnexpectedEap),
        (vec![4, first, 0, 4], Refusal::UnexpectedEap),
        (vec![2, first, 0, 4], Refusal::MalformedEap),
        (vec![2, first, 0, 9, 1], Refusal::MalformedEap),
        (vec![5, first, 0, 5, 1], Refusal::MalformedEap),
    ] {
        let outcome = it.receive(Protocol::EAP, &packet);
        assert_eq!(outcome, Outcome::Refused(refusal), "{packet:?}");
    }
    for other in (0..=u8::MAX).filter(|other| *other != first) {
        assert_eq!(answer(&mut it, other, kind::IDENTITY, b"mallory"), NOTHING);
    }
    // A name that no server takes is cut, not refused: the packet is whole.
    let credentials = asked(answer(&mut it, first, kind::IDENTITY, &[b'a'; 1200]));
    assert!(
        matches!(&credentials, Credentials::Eap { identity, packet, .. }
        if identity.len() == 253 && packet.len() == 1205)
    );
    let failure = it.refuse(WRONG).unwrap();
    assert_eq!(
        (payload(&failure.0), failure.1),
        (&[4, first, 0, 4][..], Next::Over)
    );
}
