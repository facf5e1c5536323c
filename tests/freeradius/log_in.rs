//! Who is let in, with which keys, and who is not.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::aaa::radius::{Demand, Event};
use pns::aaa::{Access, AtSessionLimit, Burst, Decision, Denial, Grant, Rejection};
use pns::auth::mschapv2::{
    Exchange, authenticator_response, challenge_response, generate_nt_response,
};
use pns::auth::{NtHash, Secret, chap_md5};
use pns::flow::{Authenticated, FlowPolicy};
use pns::mppe::keys::StartKeys;
use pns::ppp::link::{Credentials, MppePolicy, MppeRequirement};
use pns::wire::chap::FailureCode;
use pns::wire::eap::{Eap, kind};

use crate::server::Dialler;
use crate::server_or_skip;

const CHALLENGE: [u8; 16] = [0x5b; 16];
const PEER_CHALLENGE: [u8; 16] = [0x21; 16];
const PASSWORD: &str = "wonderland-7";

fn exchange(name: &[u8]) -> Exchange<'_> {
    Exchange {
        authenticator_challenge: &CHALLENGE,
        peer_challenge: &PEER_CHALLENGE,
        user_name: name,
    }
}

fn mschapv2(name: &str, password: &str) -> Credentials {
    let hash = NtHash::from_password(password);
    Credentials::MsChapV2 {
        name: name.as_bytes().to_vec(),
        authenticator_challenge: CHALLENGE,
        peer_challenge: PEER_CHALLENGE,
        nt_response: generate_nt_response(&exchange(name.as_bytes()), &hash),
        identifier: 42,
    }
}

fn pap(name: &str, password: &str) -> Credentials {
    Credentials::Pap {
        name: name.as_bytes().to_vec(),
        password: password.as_bytes().to_vec(),
    }
}

fn granted(decision: Decision) -> Grant {
    match decision {
        Decision::Accept(grant) => *grant,
        Decision::Deny(denial) => panic!("{denial:?}"),
        Decision::Reject(rejection) => panic!("{rejection}"),
        Decision::Challenge { .. } => panic!("a challenge"),
    }
}

fn denied(decision: Decision) -> Denial {
    match decision {
        Decision::Deny(denial) => *denial,
        Decision::Accept(_) => panic!("let in"),
        Decision::Reject(rejection) => panic!("{rejection}"),
        Decision::Challenge { .. } => panic!("a challenge"),
    }
}

/// A policy under which each way to log in is let in.
pub(crate) fn lenient() -> Access {
    Access {
        mppe: MppePolicy::OPTIONAL,
        ..Access::default()
    }
}

fn digest(policy: FlowPolicy, keys: StartKeys) -> Option<u64> {
    Authenticated::without_login(policy, Some(keys)).key_digest()
}

#[test]
fn pap_is_let_in_with_what_the_server_grants() {
    let server = server_or_skip!();
    let mut client = server.client();
    let grant = granted(client.log_in_with(&pap("alice", PASSWORD), lenient()));
    assert_eq!((&*grant.user, &*grant.pool), ("alice", "staff"));
    assert_eq!(grant.address, Some(Ipv4Addr::new(10, 9, 8, 7)));
    assert_eq!(grant.network.mtu_max, Some(1200));
    assert_eq!(
        grant.network.policy.session_limit,
        Some(Duration::from_secs(3600))
    );
    let dns = grant.network.name_servers.dns;
    assert_eq!(dns[0], Some(Ipv4Addr::new(9, 9, 9, 9)));
    assert!(!grant.authenticated.has_keys());
    let refused = client.log_in(&pap("alice", "wonderland-8"));
    assert_eq!(denied(refused).rejection, Rejection::RadiusRefused);
    let long = "x".repeat(128);
    assert_eq!(
        denied(client.log_in(&pap("alice", &long))).rejection,
        Rejection::RadiusRefused
    );
}

#[test]
fn a_refusal_brings_its_words() {
    let server = server_or_skip!();
    let denial = denied(server.client().log_in(&pap("locked", PASSWORD)));
    assert_eq!(&*denial.text, "Pay your bill");
    assert!(
        denial
            .detail
            .unwrap()
            .contains("RADIUS server \"freeradius\"")
    );
}

#[test]
fn chap_is_let_in() {
    let server = server_or_skip!();
    let mut client = server.client();
    let log_in = |password: &str| Credentials::ChapMd5 {
        name: b"alice".to_vec(),
        challenge: CHALLENGE,
        response: chap_md5::response(7, &Secret::from(password.to_owned()), &CHALLENGE),
        identifier: 7,
    };
    granted(client.log_in_with(&log_in(PASSWORD), lenient()));
    denied(client.log_in_with(&log_in("wonderland-8"), lenient()));
}

#[test]
fn mschapv1_is_let_in_with_the_keys_that_we_would_derive() {
    let server = server_or_skip!();
    let hash = NtHash::from_password(PASSWORD);
    let challenge = [0x5b; 8];
    let credentials = Credentials::MsChapV1 {
        name: b"alice".to_vec(),
        challenge,
        nt_response: challenge_response(&challenge, &hash),
        uses_nt_response: true,
        identifier: 7,
    };
    let grant = granted(server.client().log_in(&credentials));
    assert_eq!(grant.remark, None);
    let own = StartKeys::from_mschapv1(hash.hash().expose(), &challenge);
    let policy = grant.authenticated.policy();
    assert_eq!(grant.authenticated.key_digest(), digest(policy, own));
}

#[test]
fn mschapv2_is_let_in_with_the_keys_and_the_proof_that_we_would_derive() {
    let server = server_or_skip!();
    let mut client = server.client();
    for name in ["alice", "alice"] {
        let credentials = mschapv2(name, PASSWORD);
        let grant = granted(client.log_in_with(&credentials, lenient()));
        let hash_hash = NtHash::from_password(PASSWORD).hash();
        let Credentials::MsChapV2 { nt_response, .. } = &credentials else {
            panic!()
        };
        let proof = authenticator_response(&exchange(name.as_bytes()), &hash_hash, nt_response);
        assert_eq!(grant.success_message, proof);
        let own = StartKeys::from_mschapv2(hash_hash.expose(), nt_response);
        let policy = grant.authenticated.policy();
        assert_eq!(grant.authenticated.key_digest(), digest(policy, own));
        // require_encryption and require_strong are MS-MPPE-Encryption-Policy and -Types.
        assert_eq!(grant.terms.mppe().requirement, MppeRequirement::Required);
    }
    let denial = denied(client.log_in(&mschapv2("alice", "wonderland-8")));
    assert_eq!(denial.code, FailureCode::AuthenticationFailure);
    assert_eq!(denial.rejection, Rejection::RadiusRefused);
}

/// EAP-MD5, whose digest is that of CHAP (RFC 3748 §5.4).
#[test]
fn eap_is_passed_through_both_ways() {
    let server = server_or_skip!();
    for (password, welcome) in [(PASSWORD, true), ("wonderland-8", false)] {
        let mut client = server.client();
        let response = |identifier, kind, data: &[u8]| {
            let response = Eap::Response {
                identifier,
                kind,
                data,
            };
            response.to_packet()
        };
        let eap = |packet: Vec<u8>, state: Vec<u8>| Credentials::Eap {
            identity: b"alice".to_vec(),
            packet,
            state,
            nonce: [0; 16],
        };
        let first = eap(response(1, kind::IDENTITY, b"alice"), Vec::new());
        let (packet, state) = challenged(&mut client, &first);
        let Ok(Eap::Request {
            identifier, data, ..
        }) = Eap::parse(&packet)
        else {
            panic!("{packet:?}")
        };
        let length = usize::from(data[0]);
        let secret = Secret::from(password.to_owned());
        let digest = chap_md5::response(identifier, &secret, &data[1..=length]);
        let value = [&[16], digest.as_slice()].concat();
        let answer = eap(response(identifier, kind::MD5_CHALLENGE, &value), state);
        let decision = client.log_in_with(&answer, lenient());
        assert_eq!(matches!(decision, Decision::Accept(_)), welcome);
    }
}

fn challenged(client: &mut Dialler, credentials: &Credentials) -> (Vec<u8>, Vec<u8>) {
    match client.log_in(credentials) {
        Decision::Challenge { packet, state } => (packet, state),
        Decision::Accept(_) | Decision::Reject(_) => panic!("no challenge"),
        Decision::Deny(denial) => panic!("{denial:?}"),
    }
}

#[test]
fn with_another_secret_the_server_says_nothing_and_is_named_in_the_verdict() {
    let server = server_or_skip!();
    let mut client = server.client_with("another secret", Demand::Auto);
    let denial = denied(client.log_in(&pap("alice", PASSWORD)));
    assert_eq!(denial.rejection, Rejection::RadiusNoAnswer);
    assert!(denial.detail.unwrap().contains("\"freeradius\""));
    assert!(
        client.events.contains(&Event::Dead(0)),
        "{:?}",
        client.events
    );
}

#[test]
fn rates_quotas_routes_and_times_are_what_the_server_says() {
    let server = server_or_skip!();
    let mut client = server.client();
    let grant = granted(client.log_in_with(&pap("gold", PASSWORD), lenient()));
    assert_eq!(grant.success_message, "Welcome");
    let networks: Vec<_> = grant.networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.9.8.8/29", "10.5.0.0/16"]);
    assert_eq!(grant.network.sessions_max, Some(2));
    let policy = grant.network.policy;
    assert_eq!(policy.idle_limit, Some(Duration::from_secs(300)));
    assert_eq!(policy.at_session_limit, AtSessionLimit::Reauthenticate);
    assert_eq!(policy.quota.total_bytes, (1 << 32) + 7);
    assert_eq!(policy.filters.upstream.as_deref(), Some("guest"));
    assert_eq!(policy.rates.upstream.sustained_bps, 1_000_000);
    assert_eq!(policy.rates.priority, 3);
    let burst = Burst::Averaged {
        rate_bps: 20_000_000,
        threshold_bps: 10_000_000,
        time_s: 8,
    };
    assert_eq!(policy.rates.downstream.burst, burst);

    let grant = granted(client.log_in_with(&pap("slow", PASSWORD), lenient()));
    assert_eq!(&*grant.pool, "staff");
    let policy = grant.network.policy;
    assert_eq!(policy.rates.upstream.sustained_bps, 64_000);
    assert_eq!(policy.rates.downstream.sustained_bps, 128_000);
    assert_eq!(policy.quota.upstream_bytes, 1000);

    let denial = denied(client.log_in_with(&pap("unreadable", PASSWORD), lenient()));
    assert_eq!(denial.rejection, Rejection::RadiusAnswerUnusable);
    assert!(denial.detail.unwrap().contains("Mikrotik-Rate-Limit"));
}
