//! RFC 2548 §2.1.4, §2.1.6 and §2.3.4: a new password on its way to a RADIUS server, which is scripted
//! here and reads it with the functions of RFC 2759 §8.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case fails by these")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use pns::aaa::radius::{Caller, Client, Demand, Output, ServerConfig, Service};
use pns::aaa::{Access, Decision, Denial, Grant, Rejection};
use pns::auth::change_password::{decrypt_password, encrypt_hash, encrypt_password, verify_hash};
use pns::auth::mschapv2::{Exchange, authenticator_response, generate_nt_response};
use pns::auth::{NtHash, mschapv1};
use pns::clock::Timestamp;
use pns::flow::{Authenticated, FlowKey};
use pns::mppe::keys::StartKeys;
use pns::ppp::link::{Credentials, MppePolicy};
use pns::wire::call_id::CallId;
use pns::wire::chap::{ChangePasswordV2, ChangePasswordV3};
use pns::wire::radius::attribute::{
    MS_CHAP_CHALLENGE, MS_CHAP_CPW_2, MS_CHAP_ERROR, MS_CHAP_MPPE_KEYS, MS_CHAP_NT_ENC_PW,
    MS_CHAP2_CPW, MS_CHAP2_SUCCESS,
};
use pns::wire::radius::microsoft::hide_mppe_key;
use pns::wire::radius::proof::hide;
use pns::wire::radius::{Attributes, Code, Packet, Reply, attribute};

use radius_settings::{server, settings};

#[path = "support/radius_settings.rs"]
mod radius_settings;

const SECRET: &[u8] = b"a secret of both ends";
const CHALLENGE: [u8; 16] = [0x5b; 16];
const PEER_CHALLENGE: [u8; 16] = [0x21; 16];
const OLD: &str = "wonderland-7";
const NEW: &str = "looking-glass-8";

/// What a client that was told `E=648` sends with MS-CHAPv2.
fn change_v3(old: &str) -> Credentials {
    let (old, new) = (NtHash::from_password(old), NtHash::from_password(NEW));
    Credentials::ChangePasswordV3 {
        name: b"alice".to_vec(),
        authenticator_challenge: CHALLENGE,
        change: Box::new(ChangePasswordV3 {
            encrypted_password: encrypt_password(NEW, &old, &[0x5a; 512]).unwrap(),
            encrypted_hash: encrypt_hash(&old, &new),
            peer_challenge: PEER_CHALLENGE,
            nt_response: generate_nt_response(&exchange(), &new),
            flags: 0,
        }),
        identifier: 42,
    }
}

/// The same with MS-CHAPv1.
fn change_v2(old: &str) -> Credentials {
    let (old, new) = (NtHash::from_password(old), NtHash::from_password(NEW));
    Credentials::ChangePasswordV2 {
        name: b"alice".to_vec(),
        challenge: [0x5b; 8],
        change: Box::new(ChangePasswordV2 {
            encrypted_password: encrypt_password(NEW, &old, &[0x5a; 512]).unwrap(),
            encrypted_hash: encrypt_hash(&old, &new),
            nt_response: mschapv1::nt_response(&[0x5b; 8], &new),
            flags: 1,
        }),
        identifier: 42,
    }
}

fn exchange() -> Exchange<'static> {
    Exchange {
        authenticator_challenge: &CHALLENGE,
        peer_challenge: &PEER_CHALLENGE,
        user_name: b"alice",
    }
}

/// The new password, whole again, as a server reads it that knows the old one.
fn new_password(request: &Packet<'_>) -> Option<String> {
    let mut block = Vec::new();
    for (index, piece) in request.values(&MS_CHAP_NT_ENC_PW).enumerate() {
        // Code, identifier, and the place of the piece.
        let place = u8::try_from(index + 1).unwrap();
        assert_eq!(piece[..4], [6, 42, 0, place]);
        block.extend(&piece[4..]);
    }
    let block = block.try_into().unwrap();
    let found = decrypt_password(&block, &NtHash::from_password(OLD))?;
    Some(found.to_string())
}

/// A server for which alice's password was [`OLD`]; what it answers, and whether it took the new one.
fn serve(request: &Packet<'_>) -> (Code, Attributes) {
    let mut answer = Attributes::new();
    let Some(password) = new_password(request) else {
        answer.octets(&MS_CHAP_ERROR, b"\x2aE=709 R=0 M=Not like this");
        return (Code::ACCESS_REJECT, answer);
    };
    let (old, new) = (NtHash::from_password(OLD), NtHash::from_password(&password));
    let bound = |hash: &[u8]| verify_hash(hash.try_into().unwrap(), &old, &new);
    let authenticator = &request.authenticator;
    if let Some(value) = request.octets(&MS_CHAP2_CPW) {
        assert_eq!(request.octets(&MS_CHAP_CHALLENGE), Some(&CHALLENGE[..]));
        assert_eq!((value.len(), &value[..2]), (68, &[7, 42][..]));
        assert!(bound(&value[2..18]) && value[18..34] == PEER_CHALLENGE);
        assert_eq!((&value[34..42], &value[66..]), (&[0; 8][..], &[0; 2][..]));
        let response = generate_nt_response(&exchange(), &new);
        assert_eq!(value[42..66], response);
        let success = authenticator_response(&exchange(), &new.hash(), &response);
        let keys = StartKeys::from_mschapv2(new.hash().expose(), &response);
        let hidden = |key: &[u8; 16]| hide_mppe_key(key, [0x80, 1], SECRET, authenticator).unwrap();
        answer
            .octets(&MS_CHAP2_SUCCESS, &[&[42], success.as_bytes()].concat())
            .octets(
                &attribute::MS_MPPE_SEND_KEY,
                &hidden(keys.downstream.expose()),
            )
            .octets(
                &attribute::MS_MPPE_RECV_KEY,
                &hidden(keys.upstream.expose()),
            );
    } else {
        let value = request.octets(&MS_CHAP_CPW_2).unwrap();
        assert_eq!(request.octets(&MS_CHAP_CHALLENGE), Some(&[0x5b; 8][..]));
        assert_eq!((value.len(), &value[..2]), (84, &[6, 42][..]));
        assert!(bound(&value[2..18]));
        assert_eq!(value[18..58], [0; 40], "nothing of LAN Manager");
        assert_eq!(value[58..82], mschapv1::nt_response(&[0x5b; 8], &new));
        assert_eq!(value[82..], [0, 1], "the NT response counts");
        let keys = [&[0; 8][..], new.hash().expose(), &[0; 8]].concat();
        let hidden = hide(&keys, SECRET, authenticator).unwrap();
        answer.octets(&MS_CHAP_MPPE_KEYS, &hidden);
    }
    (Code::ACCESS_ACCEPT, answer)
}

/// The decision about a change of password, and the server's answers on the way.
fn log_in(credentials: &Credentials) -> Decision {
    let now = Timestamp::ZERO;
    let address = (Ipv4Addr::LOCALHOST, 1812).into();
    let server = ServerConfig {
        demand: Demand::Always,
        ..server("scripted", Service::Authentication, address, SECRET)
    };
    let settings = settings(vec![server]);
    let mut client = Client::new(settings, Box::new(|buffer: &mut [u8]| buffer.fill(7)));
    let caller = Caller {
        client: pns::aaa::radius::ClientSaid::default(),
        flow: FlowKey::new(0, CallId::new(7)),
        peer_address: Ipv4Addr::new(198, 51, 100, 7),
        local_address: Ipv4Addr::new(198, 51, 100, 1),
        calling_number: None,
        called_number: None,
        state: None,
    };
    let access = Arc::new(Access {
        mppe: MppePolicy::OPTIONAL,
        ..Access::default()
    });
    let asked = client.ask(&caller, "1", credentials, &access, None, now);
    assert!(asked.is_ok());
    while let Some(output) = client.poll_output() {
        match output {
            Output::Transmit { socket, bytes } => {
                let request = Packet::parse(&bytes).unwrap();
                let (code, attributes) = serve(&request);
                let reply = Reply {
                    code,
                    identifier: request.identifier,
                    request_authenticator: &request.authenticator,
                    secret: SECRET,
                    attributes: &attributes,
                    signed: true,
                };
                client.receive(socket, address, &reply.to_packet().unwrap(), now);
            }
            Output::Decided(_, decision) => return decision,
            Output::Unwanted(number) => panic!("{number} is to end"),
            Output::Open { .. } | Output::Close(_) | Output::Billed(..) | Output::Event(_) => {}
        }
    }
    panic!("no decision")
}

fn granted(decision: Decision) -> Grant {
    match decision {
        Decision::Accept(grant) => *grant,
        Decision::Deny(denial) => panic!("{denial:?}"),
        Decision::Reject(_) | Decision::Challenge { .. } => panic!("no grant"),
    }
}

fn digest(grant: &Grant, keys: StartKeys) -> Option<u64> {
    Authenticated::without_login(grant.authenticated.policy(), Some(keys)).key_digest()
}

#[test]
fn section_2_3_4_mschapv2_changes_the_password_and_is_keyed_with_the_new_one() {
    let grant = granted(log_in(&change_v3(OLD)));
    let new = NtHash::from_password(NEW);
    let response = generate_nt_response(&exchange(), &new);
    let success = authenticator_response(&exchange(), &new.hash(), &response);
    assert_eq!(grant.success_message, success);
    let keys = StartKeys::from_mschapv2(new.hash().expose(), &response);
    assert_eq!(grant.authenticated.key_digest(), digest(&grant, keys));
}

#[test]
fn section_2_1_4_mschapv1_changes_the_password_and_is_keyed_with_the_new_one() {
    let grant = granted(log_in(&change_v2(OLD)));
    let hash_hash = NtHash::from_password(NEW).hash();
    let keys = StartKeys::from_mschapv1(hash_hash.expose(), &[0x5b; 8]);
    assert_eq!(grant.authenticated.key_digest(), digest(&grant, keys));
}

#[test]
fn a_change_that_does_not_fit_the_old_password_is_refused_in_the_words_of_the_server() {
    for credentials in [change_v2("another"), change_v3("another")] {
        let Decision::Deny(denial) = log_in(&credentials) else {
            panic!("not refused")
        };
        let Denial {
            rejection, detail, ..
        } = *denial;
        assert_eq!(rejection, Rejection::NewPasswordRefused);
        assert!(detail.unwrap().contains("Not like this"));
    }
}
