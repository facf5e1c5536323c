//! What each answer means, attribute by attribute.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::aaa::radius::Demand;
use crate::aaa::radius::config::Service;
use crate::auth::Secret;
use crate::wire::radius::attribute::{
    ACCT_INTERIM_INTERVAL, CLASS, FILTER_ID, FRAMED_IP_ADDRESS, FRAMED_IP_NETMASK, FRAMED_MTU,
    FRAMED_POOL, FRAMED_ROUTE, IDLE_TIMEOUT, MIKROTIK_RATE_LIMIT, MS_PRIMARY_DNS_SERVER,
    PORT_LIMIT, SESSION_TIMEOUT, TERMINATION_ACTION, WISPR_SESSION_TERMINATE_TIME,
};
use crate::wire::radius::microsoft::hide_mppe_key;
use crate::wire::radius::proof::hide;
use crate::wire::radius::{Attributes, Reply};

const SECRET: &[u8] = b"a secret of the tests";
const AUTHENTICATOR: [u8; 16] = [9; 16];
const PROOF: &str = "S=407A5589115FD0D6209F510FE9C04566932CDA56";

pub(super) fn asked(login: Login, mppe: MppePolicy) -> Asked {
    Asked {
        user: "alice".into(),
        login,
        access: Arc::new(Access {
            mppe,
            ..Access::default()
        }),
        pool: "default".into(),
    }
}

pub(super) fn answer(asked: &Asked, code: Code, attributes: &Attributes) -> Decision {
    let server = ServerConfig {
        name: "main".into(),
        service: Service::Authentication,
        address: "192.0.2.1:1812".parse().unwrap(),
        secret: Secret::new(SECRET.to_vec()),
        priority: 1,
        weight: 1,
        group: None,
        dead_time: None,
        demand: Demand::Auto,
    };
    let reply = Reply {
        code,
        identifier: 1,
        request_authenticator: &AUTHENTICATOR,
        secret: SECRET,
        attributes,
        signed: true,
    };
    let bytes = reply.to_packet().unwrap();
    let answer = Answer {
        server: &server,
        index: 3,
        packet: Packet::parse(&bytes).unwrap(),
        request_authenticator: &AUTHENTICATOR,
        map: &[],
        unix_at_zero_s: 951_868_700,
    };
    decide(asked, &answer)
}

pub(super) fn granted(asked: &Asked, attributes: &Attributes) -> Grant {
    match answer(asked, Code::ACCESS_ACCEPT, attributes) {
        Decision::Accept(grant) => *grant,
        Decision::Deny(denial) => panic!("{denial:?}"),
        Decision::Challenge { .. } | Decision::Reject(_) => panic!("something else"),
    }
}

pub(super) fn denied(asked: &Asked, code: Code, attributes: &Attributes) -> Denial {
    match answer(asked, code, attributes) {
        Decision::Deny(denial) => *denial,
        Decision::Accept(_) | Decision::Challenge { .. } | Decision::Reject(_) => {
            panic!("not denied")
        }
    }
}

/// Those of a server that does it right.
pub(super) fn with_keys() -> Attributes {
    let mut attributes = Attributes::new();
    let key = |key, salt| hide_mppe_key(&[key; 16], [0x80, salt], SECRET, &AUTHENTICATOR).unwrap();
    let success = [&[5], PROOF.as_bytes()].concat();
    attributes
        .octets(&MS_CHAP2_SUCCESS, &success)
        .octets(&MS_MPPE_SEND_KEY, &key(0x11, 1))
        .octets(&MS_MPPE_RECV_KEY, &key(0x22, 2));
    attributes
}

pub(super) const V2: Login = Login::MsChapV2 { identifier: 5 };

#[test]
fn the_send_key_is_downstream_and_the_receive_key_upstream() {
    let grant = granted(&asked(V2, MppePolicy::REQUIRED), &with_keys());
    assert_eq!(grant.success_message, PROOF);
    let (policy, keys) = grant.authenticated.into_parts();
    let keys = keys.unwrap();
    assert_eq!(policy.encryption, Encryption::Required);
    assert_eq!(keys.downstream.expose(), &[0x11; 16]);
    assert_eq!(keys.upstream.expose(), &[0x22; 16]);
    assert_eq!(grant.remark, None);
}

#[test]
fn keys_of_eap_are_longer_and_the_front_of_them_is_taken() {
    let mut attributes = Attributes::new();
    let key: Vec<u8> = (0..32).collect();
    let hidden = |salt| hide_mppe_key(&key, [0x80, salt], SECRET, &AUTHENTICATOR).unwrap();
    attributes
        .octets(&MS_MPPE_SEND_KEY, &hidden(1))
        .octets(&MS_MPPE_RECV_KEY, &hidden(2));
    let grant = granted(&asked(Login::Eap, MppePolicy::REQUIRED), &attributes);
    let (_, keys) = grant.authenticated.into_parts();
    assert_eq!(keys.unwrap().upstream.expose()[..], key[..16]);
}

#[test]
fn mschapv1_derives_its_keys_from_the_hash_in_ms_chap_mppe_keys() {
    let plain: Vec<u8> = [[0; 8].as_slice(), &[0x33; 16], &[0; 8]].concat();
    let mut attributes = Attributes::new();
    let hidden = hide(&plain, SECRET, &AUTHENTICATOR).unwrap();
    attributes.octets(&MS_CHAP_MPPE_KEYS, &hidden);
    let login = Login::MsChapV1 { challenge: [7; 8] };
    let grant = granted(&asked(login, MppePolicy::REQUIRED), &attributes);
    let (_, keys) = grant.authenticated.into_parts();
    let expected = StartKeys::from_mschapv1(&[0x33; 16], &[7; 8]);
    assert_eq!(keys.unwrap().upstream.expose(), expected.upstream.expose());
}

/// Issue 5: the classic error 742, with server and attribute.
#[test]
fn what_is_missing_of_the_keys_is_named_with_its_server() {
    let mut attributes = Attributes::new();
    let success = [&[5], PROOF.as_bytes()].concat();
    attributes.octets(&MS_CHAP2_SUCCESS, &success);
    let grant = granted(&asked(V2, MppePolicy::REQUIRED), &attributes);
    assert!(!grant.authenticated.has_keys());
    assert_eq!(
        grant.remark.as_deref(),
        Some(
            "RADIUS server \"main\" (192.0.2.1:1812), which sent no MS-MPPE-Send-Key and no \
             MS-MPPE-Recv-Key,"
        )
    );
    let key = hide_mppe_key(&[1; 16], [0x80, 0], SECRET, &AUTHENTICATOR).unwrap();
    attributes.octets(&MS_MPPE_SEND_KEY, &key);
    let grant = granted(&asked(V2, MppePolicy::REQUIRED), &attributes);
    let remark = grant.remark.unwrap();
    assert!(remark.contains("no MS-MPPE-Recv-Key,"), "{remark}");
    assert!(!remark.contains("Send-Key"), "{remark}");
}

#[test]
fn without_a_success_of_this_response_mschapv2_is_not_let_in() {
    let denial = denied(
        &asked(V2, MppePolicy::REQUIRED),
        Code::ACCESS_ACCEPT,
        &Attributes::new(),
    );
    assert_eq!(denial.rejection, Rejection::RadiusAnswerUnusable);
    assert!(denial.detail.unwrap().contains("no MS-CHAP2-Success"));
    let other = Login::MsChapV2 { identifier: 6 };
    let denial = denied(
        &asked(other, MppePolicy::REQUIRED),
        Code::ACCESS_ACCEPT,
        &with_keys(),
    );
    assert!(denial.detail.unwrap().contains("not of this log-in"));
}

#[test]
fn policy_and_types_demand_more_and_allow_less_and_never_the_reverse() {
    let changed = |own: MppePolicy, policy: Option<u32>, types: Option<u32>| {
        let mut attributes = with_keys();
        if let Some(policy) = policy {
            attributes.integer(&MS_MPPE_ENCRYPTION_POLICY, policy);
        }
        if let Some(types) = types {
            attributes.integer(&MS_MPPE_ENCRYPTION_TYPES, types);
        }
        granted(&asked(V2, own), &attributes).terms.mppe()
    };
    let every = MppePolicy {
        strengths: Strengths::ALL,
        ..MppePolicy::OPTIONAL
    };
    let required = changed(MppePolicy::OPTIONAL, Some(2), Some(4));
    assert_eq!(required.requirement, MppeRequirement::Required);
    let allowed = changed(MppePolicy::REQUIRED, Some(1), Some(6));
    assert_eq!(allowed, MppePolicy::REQUIRED);
    let strong = changed(every, Some(1), Some(4));
    assert_eq!(strong.strengths, Strengths::only(Strength::Bits128));
    assert_eq!(changed(every, Some(1), Some(0)).strengths, Strengths::ALL);
    assert_eq!(changed(MppePolicy::OFF, Some(2), Some(4)), MppePolicy::OFF);
    let mut attributes = with_keys();
    attributes
        .integer(&MS_MPPE_ENCRYPTION_POLICY, 2)
        .integer(&MS_MPPE_ENCRYPTION_TYPES, types::BITS_40);
    let denial = denied(
        &asked(V2, MppePolicy::REQUIRED),
        Code::ACCESS_ACCEPT,
        &attributes,
    );
    assert!(denial.detail.unwrap().contains("MS-MPPE-Encryption-Types"));
}

#[test]
fn addresses_limits_and_servers_are_those_of_the_answer() {
    let mut attributes = with_keys();
    attributes
        .address(&FRAMED_IP_ADDRESS, Ipv4Addr::new(10, 9, 8, 7))
        .text(&FRAMED_POOL, "staff")
        .integer(&FRAMED_MTU, 1200)
        .integer(&SESSION_TIMEOUT, 3600)
        .integer(&IDLE_TIMEOUT, 300)
        .integer(&ACCT_INTERIM_INTERVAL, 5)
        .octets(&CLASS, b"gold")
        .octets(&CLASS, b"silver")
        .octets(&USER_NAME, b"alice@isp")
        .address(&MS_PRIMARY_DNS_SERVER, Ipv4Addr::new(9, 9, 9, 9));
    let asked = asked(V2, MppePolicy::REQUIRED);
    let grant = granted(&asked, &attributes);
    assert_eq!(grant.address, Some(Ipv4Addr::new(10, 9, 8, 7)));
    assert_eq!((&*grant.pool, &*grant.user), ("staff", "alice"));
    assert_eq!(grant.network.mtu_max, Some(1200));
    assert_eq!(
        grant.network.policy.session_limit,
        Some(Duration::from_secs(3600))
    );
    assert_eq!(
        grant.network.name_servers.dns[0],
        Some(Ipv4Addr::new(9, 9, 9, 9))
    );
    let billing = grant.billing;
    assert_eq!(billing.decided_by, DecidedBy::Radius);
    assert_eq!(billing.user.as_deref(), Some(&b"alice@isp"[..]));
    assert_eq!(billing.class.len(), 2);
    assert_eq!(
        grant.network.policy.idle_limit,
        Some(Duration::from_secs(300))
    );
    assert_eq!(
        billing.interim,
        Some(Duration::from_secs(60)),
        "RFC 2869 §2.1"
    );
}

/// RFC 2865 §5.9, §5.22: what lies behind the call.
#[test]
fn netmask_and_routes_are_networks_behind_the_call() {
    let networks = |mask: u32, address: u32| {
        let mut attributes = with_keys();
        attributes
            .integer(&FRAMED_IP_ADDRESS, address)
            .integer(&FRAMED_IP_NETMASK, mask)
            .text(&FRAMED_ROUTE, "10.5.0.0/16 0.0.0.0 1");
        let grant = granted(&asked(V2, MppePolicy::REQUIRED), &attributes);
        let networks = grant.networks.iter().map(ToString::to_string);
        networks.collect::<Vec<_>>()
    };
    assert_eq!(
        networks(0xffff_fff8, 0x0a09_0809),
        ["10.9.8.8/29", "10.5.0.0/16"]
    );
    assert_eq!(networks(0xffff_ffff, 0x0a09_0809), ["10.5.0.0/16"]);
    assert_eq!(networks(0xffff_fff8, 0xffff_fffe), ["10.5.0.0/16"]);
}

#[test]
fn the_policy_of_the_call_is_in_the_grant() {
    let mut attributes = with_keys();
    attributes
        .text(&FILTER_ID, "guest.in")
        .text(&MIKROTIK_RATE_LIMIT, "64k/1M")
        .integer(&PORT_LIMIT, 2)
        .integer(&TERMINATION_ACTION, 1)
        .octets(&STATE, b"again")
        .text(&WISPR_SESSION_TERMINATE_TIME, "2000-03-01T00:00:00");
    let network = granted(&asked(V2, MppePolicy::REQUIRED), &attributes).network;
    assert_eq!(network.state.as_deref(), Some(&b"again"[..]));
    let policy = &network.policy;
    assert_eq!(policy.rates.downstream.sustained_bps, 1_000_000);
    assert_eq!(network.sessions_max, Some(2));
    assert_eq!(policy.filters.upstream.as_deref(), Some("guest"));
    assert_eq!(policy.at_session_limit, AtSessionLimit::Reauthenticate);
    assert_eq!(policy.ends_at.unwrap().as_nanos(), 100_000_000_000);
}

#[test]
fn an_acceptance_with_a_limit_that_nobody_can_read_lets_nobody_in() {
    let mut attributes = with_keys();
    attributes.text(&MIKROTIK_RATE_LIMIT, "fast");
    let asked = asked(V2, MppePolicy::REQUIRED);
    let denial = denied(&asked, Code::ACCESS_ACCEPT, &attributes);
    assert_eq!(denial.rejection, Rejection::RadiusAnswerUnusable);
    let detail = denial.detail.unwrap();
    assert!(
        detail.contains("Mikrotik-Rate-Limit") && detail.contains("\"fast\""),
        "{detail}"
    );
}

/// RFC 2865 §5.18, RFC 2759 §5.
#[test]
fn the_words_of_an_acceptance_are_for_the_user() {
    let mut attributes = with_keys();
    attributes.text(&REPLY_MESSAGE, "Two days\nare left");
    let grant = granted(&asked(V2, MppePolicy::REQUIRED), &attributes);
    assert_eq!(grant.success_message, format!("{PROOF} M=Two daysare left"));
    let grant = granted(&asked(Login::Password, MppePolicy::OPTIONAL), &attributes);
    assert_eq!(grant.success_message, "Two daysare left");
}

/// RFC 2865 §5.8.
#[test]
fn two_addresses_mean_any() {
    for (address, chooses) in [(CLIENT_CHOOSES, true), (NAS_CHOOSES, false)] {
        let mut attributes = with_keys();
        attributes.address(&FRAMED_IP_ADDRESS, address);
        let grant = granted(&asked(V2, MppePolicy::REQUIRED), &attributes);
        assert_eq!(grant.address, None);
        assert_eq!(grant.network.client_chooses, chooses);
    }
}

#[test]
fn an_answer_with_a_wrong_length_is_a_refusal() {
    for attribute in [
        &FRAMED_IP_ADDRESS,
        &SESSION_TIMEOUT,
        &MS_MPPE_ENCRYPTION_POLICY,
    ] {
        let mut attributes = with_keys();
        attributes.octets(attribute, &[0; 3]);
        let denial = denied(
            &asked(V2, MppePolicy::REQUIRED),
            Code::ACCESS_ACCEPT,
            &attributes,
        );
        assert!(denial.detail.unwrap().contains(attribute.name));
    }
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_server() {
    let mut attributes = Attributes::new();
    attributes.octets(&MS_CHAP_ERROR, b"\x05E=648 R=0 C=00 V=3 M=Renew it");
    let refusal = |attributes| {
        denied(
            &asked(V2, MppePolicy::REQUIRED),
            Code::ACCESS_REJECT,
            attributes,
        )
    };
    let denial = refusal(&attributes);
    assert_eq!(denial.code, FailureCode::PasswordExpired);
    assert_eq!(denial.rejection, Rejection::PasswordExpired);
    assert_eq!((&*denial.text, denial.retry), ("Renew it", false));
    let mut attributes = Attributes::new();
    attributes.text(&REPLY_MESSAGE, "Pay your bill");
    let denial = refusal(&attributes);
    assert_eq!(denial.rejection, Rejection::RadiusRefused);
    assert_eq!((&*denial.text, denial.retry), ("Pay your bill", true));
    let detail = denial.detail.unwrap();
    assert!(
        detail.contains("\"main\"") && detail.contains("Pay your bill"),
        "{detail}"
    );
}

#[test]
fn a_challenge_goes_to_eap_alone_and_comes_back_to_its_server() {
    let mut attributes = Attributes::new();
    attributes
        .pieces(&EAP_MESSAGE, &[1; 300])
        .octets(&STATE, b"where we were");
    let eap = asked(Login::Eap, MppePolicy::REQUIRED);
    let decision = answer(&eap, Code::ACCESS_CHALLENGE, &attributes);
    let Decision::Challenge { packet, state } = decision else {
        panic!()
    };
    assert_eq!(packet, [1; 300]);
    assert_eq!(state, pack_state(3, b"where we were"));
    let denial = denied(
        &asked(V2, MppePolicy::REQUIRED),
        Code::ACCESS_CHALLENGE,
        &attributes,
    );
    assert_eq!(denial.rejection, Rejection::RadiusAnswerUnusable);
}
