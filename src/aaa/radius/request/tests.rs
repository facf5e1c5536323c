//! What each way to log in puts into an Access-Request.

use std::collections::BTreeSet;

use super::*;
use crate::aaa::Servers;
use crate::aaa::radius::caller::tests::{nas, talkative};
use crate::wire::radius::attribute::{self as known, ALL, Places, VENDOR_SPECIFIC};
use crate::wire::radius::{Field, Packet, Request};

/// One of each way to log in.
fn every_way() -> Vec<Credentials> {
    let name = || b"OFFICE\\alice".to_vec();
    let change = ChangePasswordV3 {
        encrypted_password: [1; 516],
        encrypted_hash: [2; 16],
        peer_challenge: [3; 16],
        nt_response: [4; 24],
        flags: 0,
    };
    vec![
        Credentials::Pap {
            name: name(),
            password: b"secret".to_vec(),
        },
        Credentials::ChapMd5 {
            name: name(),
            challenge: [1; 16],
            response: [2; 16],
            identifier: 7,
        },
        Credentials::MsChapV1 {
            name: name(),
            challenge: [1; 8],
            nt_response: [2; 24],
            uses_nt_response: true,
            identifier: 7,
        },
        Credentials::MsChapV2 {
            name: name(),
            authenticator_challenge: [1; 16],
            peer_challenge: [2; 16],
            nt_response: [3; 24],
            identifier: 7,
        },
        Credentials::ChangePasswordV2 {
            name: name(),
            challenge: [1; 8],
            change: Box::new(ChangePasswordV2 {
                encrypted_password: [1; 516],
                encrypted_hash: [2; 16],
                nt_response: [4; 24],
                flags: 0,
            }),
            identifier: 7,
        },
        Credentials::ChangePasswordV3 {
            name: name(),
            authenticator_challenge: [1; 16],
            change: Box::new(change),
            identifier: 7,
        },
        Credentials::Eap {
            identity: name(),
            packet: vec![2; 300],
            state: pack_state(1, b"where we are"),
            nonce: [0; 16],
        },
    ]
}

/// Issue 5, done-point 4: the table says what an Access-Request holds, neither more nor less.
#[test]
fn requests_hold_the_attributes_that_the_table_says() {
    let (caller, nas) = (talkative(), nas());
    let realm = Realm {
        name: "OFFICE".into(),
        form: RealmForm::Prefix,
        access: None,
        pool: None,
        strip: false,
        servers: Servers::default(),
    };
    let mut sent = BTreeSet::from([VENDOR_SPECIFIC.name]);
    for credentials in every_way() {
        let (question, login) =
            access_request(&credentials, Some(&realm), &caller, &nas, "0001").unwrap();
        let bytes = packet(&question);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.fault(), None);
        // Of EAP the State is that of the conversation (RFC 2865 §5.24).
        let state: &[u8] = match login {
            Login::Eap => b"where we are",
            Login::Password | Login::MsChapV1 { .. } | Login::MsChapV2 { .. } => b"again",
        };
        assert_eq!(packet.octets(&STATE), Some(state));
        sent.extend(names_in(&packet));
    }
    assert_eq!(sent, names_said_of(Places::REQUEST));
}

/// The names of the attributes that a packet holds.
pub(in crate::aaa::radius) fn names_in(packet: &Packet<'_>) -> BTreeSet<&'static str> {
    let of = |field: Field<'_>| ALL.iter().find(|it| field.is(it));
    packet.fields().filter_map(of).map(|it| it.name).collect()
}

/// The names of those that the table says are sent there.
pub(in crate::aaa::radius) fn names_said_of(places: Places) -> BTreeSet<&'static str> {
    let said = ALL.iter().filter(|it| it.sent.meets(places));
    said.map(|it| it.name).collect()
}

/// A question on its way.
pub(in crate::aaa::radius) fn packet(question: &Question) -> Vec<u8> {
    let request = Request {
        code: question.code,
        identifier: 1,
        authenticator: [9; 16],
        secret: b"secret",
        attributes: &question.attributes,
        password: question.password.as_ref().map(|it| it.as_slice()),
        delay_s: question.age.map(|_| 0),
    };
    request.to_packet().unwrap().0
}

/// What the row of each says, by its value.
#[test]
fn what_a_client_said_of_itself_goes_to_the_server() {
    let mut ways = every_way().into_iter();
    let v2 = ways.find(|it| matches!(it, Credentials::MsChapV2 { .. }));
    let v2 = v2.unwrap();
    let (question, _) = access_request(&v2, None, &talkative(), &nas(), "0001").unwrap();
    let bytes = packet(&question);
    let packet = Packet::parse(&bytes).unwrap();
    for (attribute, said) in [
        (&known::CONNECT_INFO, "100000000 PPTP"),
        (&known::TUNNEL_CLIENT_AUTH_ID, "branch"),
        (&known::TUNNEL_SERVER_AUTH_ID, "pns"),
        (&known::MS_RAS_CLIENT_NAME, "MSRAS-0-BRANCH"),
        (&known::MS_RAS_CLIENT_VERSION, "MSRASV5.20"),
        (&known::MPD_PEER_IDENT, "MSRAS-0-BRANCH"),
        (&known::MPD_LINK, "pptp-7"),
        (&known::MPD_IFACE, "pptp-7"),
        (&known::MS_CHAP_DOMAIN, "\u{7}OFFICE"),
    ] {
        let value = packet.octets(attribute).unwrap();
        assert_eq!(
            value.escape_ascii().to_string(),
            said.as_bytes().escape_ascii().to_string()
        );
    }
    assert_eq!(
        packet.integer(&known::MPD_IFACE_INDEX),
        packet.integer(&known::NAS_PORT)
    );
    // A realm that nobody knows is none.
    assert_eq!(packet.octets(&known::MIKROTIK_REALM), None);
}

/// RFC 5176 §3.2.
#[test]
fn what_a_call_may_is_asked_with_the_state_of_who_wants_to_know() {
    let question = authorize_request("alice", &talkative(), &nas(), "0001");
    assert_eq!(question.code, Code::ACCESS_REQUEST);
    let bytes = packet(&question);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.fault(), None);
    assert_eq!(packet.integer(&known::SERVICE_TYPE), Some(17));
    for (attribute, said) in [
        (&known::USER_NAME, "alice"),
        (&known::STATE, "again"),
        (&known::ACCT_SESSION_ID, "0001"),
        (&known::CALLING_STATION_ID, "198.51.100.7"),
    ] {
        assert_eq!(packet.octets(attribute), Some(said.as_bytes()));
    }
    assert_eq!(packet.values(&known::SERVICE_TYPE).count(), 1);
    assert_eq!(packet.octets(&known::MS_CHAP_DOMAIN), None);
}
