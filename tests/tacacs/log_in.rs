//! Who is let in with what, and who is not.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::aaa::{Decision, Grant, Rejection};
use pns::auth::{Secret, chap_md5};
use pns::ppp::link::Credentials;

use crate::server::{Dialler, SECRET};
use crate::server_or_skip;

fn pap(name: &str, password: &str) -> Credentials {
    Credentials::Pap {
        name: name.as_bytes().to_vec(),
        password: password.as_bytes().to_vec(),
    }
}

fn chap(password: &str) -> Credentials {
    let challenge = [0x5b; 16];
    let secret = Secret::from(password.to_owned());
    Credentials::ChapMd5 {
        name: b"alice".to_vec(),
        challenge,
        response: chap_md5::response(7, &secret, &challenge),
        identifier: 7,
    }
}

fn granted(client: &mut Dialler, credentials: &Credentials) -> Grant {
    match client.log_in(credentials) {
        Decision::Accept(grant) => *grant,
        Decision::Deny(denial) => panic!("{denial:?}"),
        Decision::Reject(_) | Decision::Challenge { .. } => panic!("no grant"),
    }
}

#[test]
fn pap_and_chap_are_let_in_with_what_is_granted() {
    let server = server_or_skip!();
    let mut client = server.client();
    for credentials in [pap("alice", "wonderland-7"), chap("wonderland-7")] {
        let grant = granted(&mut client, &credentials);
        assert_eq!((&*grant.user, &*grant.pool), ("alice", "staff"));
        assert_eq!(grant.address, Some(Ipv4Addr::new(10, 9, 8, 7)));
        assert_eq!(grant.networks[0].to_string(), "10.1.0.0/16");
        assert_eq!(
            grant.network.policy.session_limit,
            Some(Duration::from_secs(3600))
        );
        let dns = grant.network.name_servers.dns;
        assert_eq!(dns[0], Some(Ipv4Addr::new(9, 9, 9, 9)));
    }
    assert_eq!(client.opened, 6, "one connection for each session");
}

#[test]
fn a_server_that_shares_connections_gets_one() {
    let server = server_or_skip!("shared");
    let mut client = server.client();
    for _ in 0..5 {
        granted(&mut client, &pap("alice", "wonderland-7"));
        client.denied(&pap("alice", "wonderland-8"));
    }
    assert_eq!(client.opened, 1);
}

#[test]
fn each_refusal_says_why() {
    let server = server_or_skip!();
    let mut client = server.client();
    for (credentials, rejection, word) in [
        (
            pap("alice", "wonderland-8"),
            Rejection::TacacsRefused,
            "Who are you?",
        ),
        (
            chap("wonderland-8"),
            Rejection::TacacsRefused,
            "Who are you?",
        ),
        (pap("nobody", "x"), Rejection::TacacsRefused, "Who are you?"),
        (
            pap("bob", "builder-3"),
            Rejection::TacacsNotAuthorized,
            "protocol=ip",
        ),
        (
            pap("carol", "caroline"),
            Rejection::TacacsAnswerUnusable,
            "autocmd=hangup",
        ),
        (mschapv2(), Rejection::TacacsMethodUnknown, "does not take"),
    ] {
        let denial = client.denied(&credentials);
        assert_eq!(denial.rejection, rejection);
        let detail = denial.detail.unwrap();
        assert!(
            detail.contains(word) && detail.contains("\"scapy\""),
            "{detail}"
        );
    }
}

fn mschapv2() -> Credentials {
    Credentials::MsChapV2 {
        name: b"alice".to_vec(),
        authenticator_challenge: [1; 16],
        peer_challenge: [3; 16],
        nt_response: [2; 24],
        identifier: 9,
    }
}

#[test]
fn a_wrong_secret_is_told_from_a_server_that_is_not_there() {
    let server = server_or_skip!();
    let mut stranger = Dialler::new(server.address, "another secret");
    let denial = stranger.denied(&pap("alice", "wonderland-7"));
    assert_eq!(denial.rejection, Rejection::TacacsNoAnswer);
    let detail = denial.detail.unwrap();
    assert!(!detail.contains("cannot be reached"), "{detail}");
    let address = server.address;
    drop(server);
    let mut late = Dialler::new(address, SECRET);
    let detail = late.denied(&pap("alice", "wonderland-7")).detail.unwrap();
    assert!(detail.contains("cannot be reached"), "{detail}");
}
