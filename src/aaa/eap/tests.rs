//! Whole EAP conversations with a client that knows its part.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at what it is about"
)]

use super::*;
use crate::aaa::Standing;
use crate::aaa::local::tests::{in_group, users};
use crate::auth::mschapv2::{Exchange, check_authenticator_response, generate_nt_response};
use crate::auth::{NtHash, Secret, change_password, chap_md5};
use crate::clock::Timestamp;
use crate::mppe::keys::StartKeys;
use crate::ppp::link::Method;

const PEER_CHALLENGE: [u8; 16] = [0x21; 16];

/// The client's side of a conversation, and what the server asked last.
struct Conversation {
    users: LocalUsers,
    access: Arc<Access>,
    name: &'static str,
    identifier: u8,
    state: Vec<u8>,
    turns: u8,
}

/// What the server asked, by type.
#[derive(Debug)]
enum Asked {
    MsChapV2(Vec<u8>),
    Md5(Vec<u8>),
    Accepted { keys: Option<[[u8; 16]; 2]> },
    Rejected(Rejection),
}

impl Conversation {
    fn new(methods: &[EapMethod], name: &'static str, retries_max: u8) -> (Self, Asked) {
        let mut it = Self {
            users: users().with_eap("pns", retries_max),
            access: Arc::new(Access {
                eap_methods: methods.to_vec(),
                ..Access::default()
            }),
            name,
            identifier: 7,
            state: Vec::new(),
            turns: 0,
        };
        let asked = it.say(kind::IDENTITY, name.as_bytes());
        (it, asked)
    }

    fn say(&mut self, kind: u8, data: &[u8]) -> Asked {
        self.turns += 1;
        let response = Eap::Response {
            identifier: self.identifier,
            kind,
            data,
        };
        let credentials = Credentials::Eap {
            identity: self.name.as_bytes().to_vec(),
            packet: response.to_packet(),
            state: self.state.clone(),
            nonce: [self.turns; 16],
        };
        match self
            .users
            .decide(&credentials, &self.access, Timestamp::ZERO)
        {
            Decision::Accept(grant) => {
                let (_, keys) = grant.authenticated.into_parts();
                let keys = keys.map(|it| [*it.upstream.expose(), *it.downstream.expose()]);
                Asked::Accepted { keys }
            }
            Decision::Reject(rejection) => Asked::Rejected(rejection),
            Decision::Deny(denial) => Asked::Rejected(denial.rejection),
            Decision::Challenge { packet, state } => {
                let Ok(Eap::Request {
                    identifier,
                    kind,
                    data,
                }) = Eap::parse(&packet)
                else {
                    panic!("{packet:?}")
                };
                assert_ne!(identifier, self.identifier, "each Request has its own");
                self.identifier = identifier;
                self.state = state;
                match kind {
                    kind::MSCHAPV2 => Asked::MsChapV2(data.to_vec()),
                    kind::MD5_CHALLENGE => Asked::Md5(data.to_vec()),
                    other => panic!("type {other}"),
                }
            }
        }
    }

    fn respond(&mut self, challenge: &[u8; 16], password: &str) -> Asked {
        let answer = Answer::Response {
            identifier: 1,
            value: response(self.name, challenge, password),
            name: self.name.as_bytes(),
        };
        self.say(kind::MSCHAPV2, &answer.emit())
    }

    fn answer(&mut self, answer: &Answer<'_>) -> Asked {
        self.say(kind::MSCHAPV2, &answer.emit())
    }
}

fn exchange<'a>(name: &'a str, challenge: &'a [u8; 16]) -> Exchange<'a> {
    Exchange {
        authenticator_challenge: challenge,
        peer_challenge: &PEER_CHALLENGE,
        user_name: name.as_bytes(),
    }
}

fn response(name: &str, challenge: &[u8; 16], password: &str) -> MsChapV2Response {
    let nt_hash = NtHash::from_password(password);
    MsChapV2Response {
        peer_challenge: PEER_CHALLENGE,
        nt_response: generate_nt_response(&exchange(name, challenge), &nt_hash),
        flags: 0,
    }
}

fn challenge(asked: &Asked) -> [u8; 16] {
    match asked {
        Asked::MsChapV2(data) => match Ask::parse(data).unwrap() {
            Ask::Challenge {
                challenge, name, ..
            } => {
                assert_eq!(name, b"pns");
                challenge
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The text of a Success or Failure.
fn message(asked: &Asked) -> String {
    match asked {
        Asked::MsChapV2(data) => match Ask::parse(data).unwrap() {
            Ask::Success { message, .. } | Ask::Failure { message, .. } => {
                String::from_utf8(message.to_vec()).unwrap()
            }
            other @ Ask::Challenge { .. } => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The challenge in the text of a Failure.
fn announced(text: &str) -> [u8; 16] {
    let digits = &text[text.find("C=").unwrap() + 2..][..32];
    let bytes: Vec<u8> = (0..16)
        .map(|place| u8::from_str_radix(&digits[2 * place..][..2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

#[test]
fn draft_kamath_a_right_password_is_answered_by_a_proof_and_gives_the_keys_of_rfc_3079() {
    let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], "DOMAIN\\alice", 0);
    let sent = challenge(&asked);
    let asked = it.respond(&sent, "wonderland-7");
    let hash_hash = NtHash::from_password("wonderland-7").hash();
    let value = response("DOMAIN\\alice", &sent, "wonderland-7");
    assert!(check_authenticator_response(
        &exchange("DOMAIN\\alice", &sent),
        &hash_hash,
        &value.nt_response,
        message(&asked).as_bytes()
    ));
    let keys = StartKeys::from_mschapv2(hash_hash.expose(), &value.nt_response);
    let expected = [*keys.upstream.expose(), *keys.downstream.expose()];
    match it.answer(&Answer::Success) {
        Asked::Accepted { keys } => assert_eq!(keys, Some(expected)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn draft_kamath_a_wrong_password_may_be_tried_again_as_often_as_is_permitted() {
    let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], "alice", 1);
    let mut sent = challenge(&asked);
    let asked = it.respond(&sent, "wrong");
    let text = message(&asked);
    assert!(text.starts_with("E=691 R=1 C="), "{text}");
    assert_ne!(announced(&text), sent);
    sent = announced(&text);
    let again = it.respond(&sent, "wrong");
    assert!(message(&again).starts_with("E=691 R=0 C="));
    let end = it.answer(&Answer::Failure);
    assert!(
        matches!(end, Asked::Rejected(Rejection::PasswordWrong)),
        "{end:?}"
    );

    let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], "alice", 1);
    let asked = it.respond(&challenge(&asked), "wrong");
    let asked = it.respond(&announced(&message(&asked)), "wonderland-7");
    assert!(message(&asked).starts_with("S="));
    assert!(matches!(
        it.answer(&Answer::Success),
        Asked::Accepted { .. }
    ));
}

#[test]
fn who_is_refused_is_told_before_the_end_and_the_reason_is_kept() {
    for (name, password, code, rejection) in [
        ("nobody", "wonderland-7", 691, Rejection::UserUnknown),
        ("gone", "wonderland-7", 647, Rejection::UserDisabled),
        ("alice", "wrong", 691, Rejection::PasswordWrong),
    ] {
        let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], name, 0);
        let asked = it.respond(&challenge(&asked), password);
        let text = message(&asked);
        assert!(text.starts_with(&format!("E={code} R=0 ")), "{text}");
        match it.answer(&Answer::Failure) {
            Asked::Rejected(found) => assert_eq!(found, rejection),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_group_that_does_not_permit_the_method_inside_eap_is_told_and_named() {
    for (methods, offered, good) in [
        (Method::Eap, EapMethod::MsChapV2, true),
        (Method::MsChapV2, EapMethod::MsChapV2, false),
        (Method::Eap, EapMethod::Md5, false),
    ] {
        let (mut it, asked) = Conversation::new(&[offered], "alice", 0);
        it.users = in_group(&[methods], "alice", Standing::Good).with_eap("pns", 0);
        let end = match &asked {
            Asked::Md5(data) => {
                let data = Md5Data::parse(data).unwrap();
                let secret = Secret::from("wonderland-6".to_owned());
                let digest = chap_md5::response(it.identifier, &secret, data.value);
                let answer = Md5Data {
                    value: &digest,
                    name: b"alice",
                };
                it.say(kind::MD5_CHALLENGE, &answer.emit())
            }
            _ => {
                let asked = it.respond(&challenge(&asked), "wonderland-6");
                let text = message(&asked);
                assert!(good || text.starts_with("E=649 R=0 "), "{text}");
                it.answer(if good {
                    &Answer::Success
                } else {
                    &Answer::Failure
                })
            }
        };
        match end {
            Asked::Accepted { keys } => assert!(good && keys.is_some()),
            Asked::Rejected(found) => {
                assert!(!good);
                assert_eq!(found, Rejection::MethodNotPermitted);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn draft_kamath_section_2_7_an_expired_password_is_changed_inside_eap() {
    let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], "old", 0);
    let asked = it.respond(&challenge(&asked), "wonderland-6");
    let text = message(&asked);
    assert!(text.starts_with("E=648 R=0 "), "{text}");
    let fresh = announced(&text);
    let (old, new) = (
        NtHash::from_password("wonderland-6"),
        NtHash::from_password("brave new 8"),
    );
    let change = ChangePasswordV3 {
        encrypted_password: change_password::encrypt_password("brave new 8", &old, &[5; 512])
            .unwrap(),
        encrypted_hash: change_password::encrypt_hash(&old, &new),
        peer_challenge: PEER_CHALLENGE,
        nt_response: response("old", &fresh, "brave new 8").nt_response,
        flags: 0,
    };
    let asked = it.answer(&Answer::ChangePassword {
        identifier: 2,
        change: Box::new(change),
    });
    assert!(message(&asked).starts_with("S="));
    assert_eq!(it.users.take_password_changes().len(), 1);
    assert!(matches!(
        it.answer(&Answer::Success),
        Asked::Accepted { keys: Some(_) }
    ));
}

#[test]
fn rfc_3748_section_5_4_md5_lets_in_without_keys() {
    for (password, good) in [("wonderland-7", true), ("wrong", false)] {
        let (mut it, asked) = Conversation::new(&[EapMethod::Md5], "alice", 0);
        let Asked::Md5(data) = asked else {
            panic!("{asked:?}")
        };
        let sent = Md5Data::parse(&data).unwrap();
        assert_eq!(sent.name, b"pns");
        let secret = Secret::from(password.to_owned());
        let value = &chap_md5::response(it.identifier, &secret, sent.value);
        // Some peers leave their name out; the identity stands for it.
        let answer = Md5Data { value, name: b"" }.emit();
        match it.say(kind::MD5_CHALLENGE, &answer) {
            Asked::Accepted { keys } => assert!(good && keys.is_none()),
            Asked::Rejected(rejection) => assert!(!good, "{rejection}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rfc_3748_section_5_1_the_method_says_who_it_is_and_not_the_identity() {
    let alices = |challenge: &[u8; 16]| Answer::Response {
        identifier: 1,
        value: response("alice", challenge, "wonderland-7"),
        name: b"alice",
    };
    for identity in ["anonymous@example.net", "gone", "old"] {
        let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], identity, 0);
        let sent = challenge(&asked);
        let asked = it.answer(&alices(&sent));
        assert!(message(&asked).starts_with("S="), "{identity}");
        assert!(matches!(
            it.answer(&Answer::Success),
            Asked::Accepted { .. }
        ));
    }
    // And to claim to be alice beforehand is of no use.
    let (mut it, asked) = Conversation::new(&[EapMethod::Md5], "alice", 0);
    let Asked::Md5(data) = asked else {
        panic!("{asked:?}")
    };
    let sent = Md5Data::parse(&data).unwrap();
    let secret = Secret::from("wonderland-7".to_owned());
    let value = &chap_md5::response(it.identifier, &secret, sent.value);
    let name = b"nobody";
    let end = it.say(kind::MD5_CHALLENGE, &Md5Data { value, name }.emit());
    assert!(
        matches!(end, Asked::Rejected(Rejection::UserUnknown)),
        "{end:?}"
    );
}

#[test]
fn rfc_3748_section_5_3_1_a_nak_leads_to_a_later_method_or_to_the_end() {
    let both = [EapMethod::MsChapV2, EapMethod::Md5];
    let (mut it, asked) = Conversation::new(&both, "alice", 0);
    challenge(&asked);
    let asked = it.say(kind::NAK, &[13, kind::MD5_CHALLENGE]);
    assert!(matches!(asked, Asked::Md5(_)), "{asked:?}");
    // It will not have what it has declined.
    let asked = it.say(kind::NAK, &[kind::MSCHAPV2]);
    let none = Rejection::EapMethodNotAgreed;
    assert!(
        matches!(asked, Asked::Rejected(found) if found == none),
        "{asked:?}"
    );
    for named in [&[0][..], &[], &[13, 25]] {
        let (mut it, _) = Conversation::new(&both, "alice", 0);
        let asked = it.say(kind::NAK, named);
        assert!(
            matches!(asked, Asked::Rejected(found) if found == none),
            "{asked:?}"
        );
    }
}

#[test]
fn a_client_that_does_not_believe_us_is_not_let_in() {
    let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], "alice", 0);
    let asked = it.respond(&challenge(&asked), "wonderland-7");
    assert!(message(&asked).starts_with("S="));
    let end = it.answer(&Answer::Failure);
    assert!(
        matches!(end, Asked::Rejected(Rejection::ServerNotBelieved)),
        "{end:?}"
    );
}

#[test]
fn packets_out_of_step_are_refused() {
    let out_of_step = |asked: Asked| match asked {
        Asked::Rejected(found) => assert_eq!(found, Rejection::EapOutOfStep),
        other => panic!("{other:?}"),
    };
    // Success before any proof was given, a new password that nobody asked for, cut data.
    for data in [&[3][..], &[4], &[], &[2, 1, 0, 59, 49], &[9; 40]] {
        let (mut it, _) = Conversation::new(&[EapMethod::MsChapV2], "alice", 0);
        out_of_step(it.say(kind::MSCHAPV2, data));
    }
    let (mut it, _) = Conversation::new(&[EapMethod::MsChapV2], "alice", 0);
    out_of_step(it.say(kind::MD5_CHALLENGE, &[16; 17]));
    it.state = vec![99];
    out_of_step(it.say(kind::IDENTITY, b"alice"));
    let (mut it, asked) = Conversation::new(&[EapMethod::MsChapV2], "alice", 0);
    let sent = challenge(&asked);
    it.respond(&sent, "wonderland-7");
    out_of_step(it.respond(&sent, "wonderland-7"));
    let (mut it, _) = Conversation::new(&[EapMethod::Md5], "alice", 0);
    for data in [&[][..], &[16; 4], &[15; 16], &[0]] {
        out_of_step(it.say(kind::MD5_CHALLENGE, data));
    }
}

/// A client that calls itself `identity`, and names itself `name` to the method.
fn of_two_names(method: EapMethod, identity: &'static str, name: &'static str) -> Asked {
    let (mut client, asked) = Conversation::new(&[method], identity, 0);
    let password = "wonderland-7";
    match asked {
        Asked::Md5(data) => {
            let challenge = Md5Data::parse(&data).unwrap().value.to_vec();
            let secret = Secret::from(password.to_owned());
            let value = chap_md5::response(client.identifier, &secret, &challenge);
            let name = name.as_bytes();
            client.say(
                kind::MD5_CHALLENGE,
                &Md5Data {
                    value: &value,
                    name,
                }
                .emit(),
            )
        }
        asked => {
            let challenge = challenge(&asked);
            let answer = Answer::Response {
                identifier: 1,
                value: response(name, &challenge, password),
                name: name.as_bytes(),
            };
            match client.answer(&answer) {
                Asked::MsChapV2(data) if data[0] == 3 => client.answer(&Answer::Success),
                other => other,
            }
        }
    }
}

#[test]
fn rfc_3748_section_5_1_the_method_says_who_the_client_is_and_the_identity_does_not() {
    for method in [EapMethod::MsChapV2, EapMethod::Md5] {
        let hidden = of_two_names(method, "anonymous", "alice");
        assert!(matches!(hidden, Asked::Accepted { .. }), "{hidden:?}");
        let borrowed = of_two_names(method, "alice", "nobody");
        assert!(!matches!(borrowed, Asked::Accepted { .. }), "{borrowed:?}");
    }
}
