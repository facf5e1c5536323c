//! What servers are asked, and what their answers mean.

use super::*;
use crate::aaa::Rejection;
use crate::aaa::Servers;
use crate::aaa::accounting::DecidedBy;
use crate::wire::chap::FailureCode;
use crate::wire::tacacs::Minor;
use crate::wire::tacacs::authentication::{Continue, Method};

fn script(arguments: Vec<&'static [u8]>) -> Script {
    Script {
        arguments,
        ..Script::default()
    }
}

#[test]
fn pap_is_asked_then_each_layer_and_what_is_granted_is_given() {
    let mut world = World::new(vec![script(vec![
        b"addr=10.0.0.7",
        b"addr-pool=staff",
        b"route=10.1.0.0 255.255.0.0",
        b"timeout=60",
        b"idletime=5",
    ])]);
    let grant = world.granted(&pap());
    assert_eq!((&*grant.user, &*grant.pool), ("alice", "staff"));
    assert_eq!(grant.address, Some(Ipv4Addr::new(10, 0, 0, 7)));
    // Once on each layer.
    assert_eq!(grant.networks.len(), 2);
    assert_eq!(
        grant.network.policy.session_limit,
        Some(Duration::from_secs(3600))
    );
    assert!(!grant.authenticated.has_keys());
    assert_eq!(grant.billing.decided_by, DecidedBy::Remote);
    assert_eq!(
        grant.network.policy.idle_limit,
        Some(Duration::from_secs(300))
    );
    let remark = grant.remark.unwrap();
    assert!(remark.contains("\"t0\" (192.0.2.0:49)"), "{remark}");

    let [first, lcp, ip] = world.read.as_slice() else {
        panic!("{} packets", world.read.len())
    };
    let (_, header, body) = first;
    assert_eq!(
        (header.kind, header.minor),
        (Kind::Authentication, Minor::One)
    );
    assert_eq!(header.flags, flag::SINGLE_CONNECT);
    let start = start_of(body);
    assert_eq!(
        (start.method, start.data),
        (Method::Pap, &b"wonderland-7"[..])
    );
    assert_eq!(start.asker.port, b"pptp-7");
    assert_eq!(start.asker.remote_address, b"198.51.100.7");
    for ((_, header, body), protocol) in [(lcp, &b"protocol=lcp"[..]), (ip, b"protocol=ip")] {
        assert_eq!(header.kind, Kind::Authorization);
        let request = authorization::Request::parse(body).unwrap();
        assert_eq!(request.arguments, [b"service=ppp", protocol]);
        assert_eq!(request.proved.method, Method::Pap);
    }
    assert_eq!(world.opened, [1], "one connection for all");
}

#[test]
fn without_layers_the_password_is_enough() {
    let mut world = World::with(vec![script(Vec::new())], Timing::default(), Vec::new());
    assert_eq!(&*world.granted(&pap()).pool, "default");
    assert_eq!(world.read.len(), 1);
}

#[test]
fn chap_and_mschap_are_carried_as_section_5_4_2_says() {
    let chap = Credentials::ChapMd5 {
        name: b"alice".to_vec(),
        challenge: [1; 16],
        response: [2; 16],
        identifier: 9,
    };
    let mschapv1 = Credentials::MsChapV1 {
        name: b"alice".to_vec(),
        challenge: [1; 8],
        nt_response: [2; 24],
        uses_nt_response: true,
        identifier: 9,
    };
    let expected_v1 = [&[9][..], &[1; 8], &[0; 24], &[2; 24], &[1]].concat();
    let expected_v2 = [&[9][..], &[1; 16], &[3; 16], &[0; 8], &[2; 24], &[0]].concat();
    for (credentials, method, data) in [
        (chap, Method::Chap, [&[9][..], &[1; 16], &[2; 16]].concat()),
        (mschapv1, Method::MsChapV1, expected_v1),
        (mschapv2(), Method::MsChapV2, expected_v2),
    ] {
        let success: &[u8] = b"S=0123456789ABCDEF0123456789ABCDEF01234567";
        let mut world = World::new(vec![Script {
            data: success,
            ..Script::default()
        }]);
        let grant = world.granted(&credentials);
        let start = start_of(&world.read[0].2);
        assert_eq!((start.method, start.data), (method, data.as_slice()));
        let wanted: &[u8] = if method == Method::MsChapV2 {
            success
        } else {
            b""
        };
        assert_eq!(grant.success_message.as_bytes(), wanted);
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
fn mschapv2_without_an_authenticator_response_is_refused_with_the_reason() {
    for data in [
        &b""[..],
        b"S=0123",
        b"S=0123456789abcdef0123456789abcdef01234567",
    ] {
        let mut world = World::new(vec![Script {
            data,
            ..Script::default()
        }]);
        let denial = world.denied(&mschapv2());
        assert_eq!(denial.rejection, Rejection::TacacsAnswerUnusable);
        let detail = denial.detail.unwrap();
        assert!(
            detail.contains("S=") && detail.contains("\"t0\""),
            "{detail}"
        );
    }
}

#[test]
fn a_refusal_brings_the_words_of_the_server() {
    let mut world = World::new(vec![Script {
        status: Status::Fail,
        message: b"Pay your bill\r\n",
        ..Script::default()
    }]);
    let denial = world.denied(&pap());
    assert_eq!(denial.rejection, Rejection::TacacsRefused);
    assert_eq!(&*denial.text, "Pay your bill");
    assert!(denial.retry);
    assert!(denial.detail.unwrap().ends_with("saying \"Pay your bill\""));
    world.servers[0].message = b"";
    assert_eq!(&*world.denied(&pap()).text, "Access denied");
}

#[test]
fn a_layer_that_is_not_granted_is_named() {
    let mut world = World::new(vec![Script {
        grant: authorization::Status::Fail,
        ..Script::default()
    }]);
    let denial = world.denied(&pap());
    assert_eq!(denial.rejection, Rejection::TacacsNotAuthorized);
    assert_eq!(denial.code, FailureCode::NoDialInPermission);
    assert!(denial.detail.unwrap().contains("protocol=lcp"));
}

#[test]
fn a_mandatory_argument_that_is_not_known_is_a_refusal() {
    let mut world = World::new(vec![script(vec![b"interface-config=ip policy"])]);
    let denial = world.denied(&pap());
    assert_eq!(denial.rejection, Rejection::TacacsAnswerUnusable);
    assert!(denial.detail.unwrap().contains("interface-config"));
    world.servers[0].arguments = vec![b"interface-config*ip policy"];
    world.granted(&pap());
}

#[test]
fn a_server_that_asks_back_is_told_that_nobody_answers() {
    for status in [Status::GetPass, Status::GetUser, Status::GetData] {
        let mut world = World::new(vec![Script {
            status,
            ..Script::default()
        }]);
        let denial = world.denied(&pap());
        assert_eq!(denial.rejection, Rejection::TacacsAnswerUnusable);
        let (_, header, body) = &world.read[1];
        assert_eq!(header.sequence, 3);
        assert!(Continue::parse(body).unwrap().abort);
        // The connection is good for others.
        world.servers[0].status = Status::Pass;
        world.granted(&pap());
        assert_eq!(world.opened, [1]);
    }
}

#[test]
fn what_tacacs_does_not_have_is_not_asked() {
    let mut world = World::new(vec![Script::default()]);
    let eap = Credentials::Eap {
        identity: b"alice".to_vec(),
        packet: vec![2, 0, 0, 10, 1],
        state: Vec::new(),
        nonce: [0; 16],
    };
    let long = Credentials::Pap {
        name: b"alice".to_vec(),
        password: vec![b'x'; 256],
    };
    let nobody = Credentials::Pap {
        name: Vec::new(),
        password: Vec::new(),
    };
    let optional = Access {
        mppe: MppePolicy::OPTIONAL,
        ..Access::default()
    };
    for (credentials, access, rejection) in [
        (eap, optional.clone(), Rejection::TacacsMethodUnknown),
        (long, optional.clone(), Rejection::PasswordWrong),
        (nobody, optional, Rejection::NameUnusable),
        (pap(), Access::default(), Rejection::TacacsNoKeys),
    ] {
        let access = Arc::new(access);
        let asked = world
            .client
            .ask(&caller(), &credentials, &access, &Servers::Any, world.now);
        let denial = asked.unwrap_err();
        assert_eq!(denial.rejection, rejection);
        if rejection == Rejection::TacacsNoKeys {
            assert!(denial.detail.unwrap().contains("TACACS+ server \"t0\""));
        }
    }
    world.settle();
    assert_eq!(world.opened, [0]);
}
