//! Every method from the first question to the network, and to every kind of end.

use crate::dialogues::{PPPD_LCP, find};
use crate::server::{GRANT, Heard, PROOF, Server, names, packets};
use pns::ppp::link::{
    Credentials, EndReason, Input, LinkConfig, Method, MppePolicy, Output, Refusal,
};
use pns::wire::chap::{Chap, FailureCode, MsChapV1Response, MsChapV2Response};
use pns::wire::eap::{Eap, kind};
use pns::wire::pap::Pap;
use pns::wire::ppp::{Frame, Protocol, code};
use std::time::Duration;

/// What a client of this method says when it is asked under `identifier`.
pub(crate) fn proof(method: Method, identifier: u8) -> Vec<u8> {
    let name = b"alice";
    let chap = |value: &[u8]| {
        let response = Chap::Response {
            identifier,
            value,
            name,
        };
        response.to_frame()
    };
    match method {
        Method::Pap => {
            let request = Pap::Request {
                identifier,
                name,
                password: b"pw",
            };
            request.to_frame()
        }
        Method::ChapMd5 => chap(&[2; 16]),
        Method::MsChapV1 => {
            let value = MsChapV1Response {
                nt_response: [2; 24],
                flags: 1,
            };
            chap(&value.emit())
        }
        Method::MsChapV2 => {
            let value = MsChapV2Response {
                peer_challenge: [1; 16],
                nt_response: [2; 24],
                flags: 0,
            };
            chap(&value.emit())
        }
        Method::Eap => eap(identifier, kind::IDENTITY, name),
    }
}

pub(super) fn eap(identifier: u8, kind: u8, data: &[u8]) -> Vec<u8> {
    let response = Eap::Response {
        identifier,
        kind,
        data,
    };
    response.to_frame()
}

pub(super) fn config(method: Method) -> LinkConfig {
    let mppe = if method.can_give_keys() {
        MppePolicy::REQUIRED
    } else {
        MppePolicy::OPTIONAL
    };
    LinkConfig {
        methods: vec![method],
        mppe,
        ..LinkConfig::default()
    }
}

/// A link whose LCP is open, and the Identifier of its question.
pub(super) fn asking(method: Method, config: LinkConfig) -> (Server, u8) {
    let mut server = Server::new(config, 1);
    let heard = server.input(Input::LowerUp);
    let request = find(&heard, Protocol::LCP, code::CONFIGURE_REQUEST);
    server.packet(Protocol::LCP, 1, 0, PPPD_LCP);
    let heard = server.packet(Protocol::LCP, 2, request.identifier, &request.data);
    let expected: &[&str] = match method {
        Method::Pap => &[],
        Method::ChapMd5 | Method::MsChapV1 | Method::MsChapV2 => &["Challenge"],
        Method::Eap => &["EAP Request"],
    };
    assert_eq!(names(&heard), expected);
    let identifier = packets(&heard).first().map_or(7, |sent| sent.identifier);
    (server, identifier)
}

/// The answer is out with whoever decides.
pub(super) fn deciding(method: Method, config: LinkConfig) -> (Server, u8) {
    let (mut server, identifier) = asking(method, config);
    let heard = server.input(Input::Frame(&proof(method, identifier)));
    assert_eq!(names(&heard), ["Authenticate"], "{method}");
    let Heard::Told(Output::Authenticate(credentials)) = &heard[0] else {
        panic!("{heard:?}")
    };
    assert_eq!(credentials.name(), b"alice");
    assert!(server.link.awaits_decision());
    (server, identifier)
}

pub(super) fn granted(keys: bool) -> Input<'static> {
    Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys,
    }
}

pub(super) const WRONG: Input<'static> = Input::Refused {
    code: FailureCode::AuthenticationFailure,
    message: "Access denied",
    retry: true,
};

const fn success(method: Method) -> &'static str {
    match method {
        Method::Pap => "PAP Ack",
        Method::ChapMd5 | Method::MsChapV1 | Method::MsChapV2 => "Success",
        Method::Eap => "EAP Success",
    }
}

#[test]
fn every_method_leads_to_the_network_phase() {
    for &method in Method::ALL {
        let (mut server, identifier) = deciding(method, config(method));
        let keys = method.can_give_keys();
        let heard = server.input(granted(keys));
        let next = if keys { "CCP Request" } else { "IPCP Request" };
        assert_eq!(names(&heard), [success(method), next], "{method}");
        assert_eq!(packets(&heard)[0].identifier, identifier);
        assert_eq!(server.link.negotiated().authentication, Some(method));
        // P4: the client has not heard, and says it again.
        let again = server.input(Input::Frame(&proof(method, identifier)));
        assert_eq!(packets(&again), packets(&heard)[..1], "{method}");
    }
}

#[test]
fn every_method_leads_to_a_clean_end() {
    for &method in Method::ALL {
        let config = LinkConfig {
            retries_max: 0,
            ..config(method)
        };
        let (mut server, identifier) = deciding(method, config);
        let heard = server.input(WRONG);
        let failure = match method {
            Method::Pap => "PAP Nak",
            Method::ChapMd5 | Method::MsChapV1 | Method::MsChapV2 => "Failure",
            Method::Eap => "EAP Failure",
        };
        assert_eq!(names(&heard), [failure, "LCP TerminateRequest"], "{method}");
        assert_eq!(packets(&heard)[0].identifier, identifier);
        let reason = server.link.end_reason();
        assert_eq!(reason, Some(EndReason::AuthenticationFailed));
    }
}

#[test]
fn a_client_that_says_nothing_is_given_up_in_the_time_of_configure_max() {
    for &method in Method::ALL {
        let (mut server, _) = asking(method, config(method));
        let heard = server.pass(Duration::from_secs(26));
        let asked = packets(&heard).len();
        let expected = if method == Method::Pap { 0 } else { 8 };
        assert_eq!(asked, expected, "{method}");
        assert_eq!(server.link.end_reason(), None);
        server.pass(Duration::from_secs(5));
        let reason = server.link.end_reason();
        assert_eq!(reason, Some(EndReason::AuthenticationTimeout), "{method}");
    }
}

#[test]
fn encryption_is_never_agreed_on_without_keys() {
    for method in [Method::Pap, Method::ChapMd5, Method::Eap] {
        let required = LinkConfig {
            mppe: MppePolicy::REQUIRED,
            ..config(method)
        };
        let (mut server, _) = deciding(method, required);
        server.input(granted(false));
        let reason = server.link.end_reason();
        assert_eq!(reason, Some(EndReason::MppeKeysMissing), "{method}");
    }
}

#[test]
fn ms_chap_version_1_has_keys_of_128_bits_only() {
    use pns::wire::ccp::Strengths;
    use pns::wire::mppe::Strength;
    let with = |strengths| {
        let mppe = MppePolicy {
            strengths,
            ..MppePolicy::REQUIRED
        };
        let (mut server, _) = deciding(
            Method::MsChapV1,
            LinkConfig {
                mppe,
                ..config(Method::MsChapV1)
            },
        );
        let heard = server.input(granted(true));
        (server, heard)
    };
    let (_, heard) = with(Strengths::ALL);
    assert_eq!(find(&heard, Protocol::CCP, 1).data, [18, 6, 1, 0, 0, 0x40]);
    let (server, _) = with(Strengths::only(Strength::Bits40));
    let reason = server.link.end_reason();
    assert_eq!(reason, Some(EndReason::MppeKeysMissing));
}

#[test]
fn every_failure_code_is_the_reason_that_the_call_ends_with() {
    for (code, reason) in [
        (
            FailureCode::RestrictedLogonHours,
            EndReason::LogonHoursRestricted,
        ),
        (FailureCode::AccountDisabled, EndReason::AccountDisabled),
        (
            FailureCode::NoDialInPermission,
            EndReason::DialInNotPermitted,
        ),
        (
            FailureCode::AuthenticationFailure,
            EndReason::AuthenticationFailed,
        ),
        (
            FailureCode::ChangingPassword,
            EndReason::PasswordChangeFailed,
        ),
    ] {
        let (mut server, _) = deciding(Method::MsChapV2, config(Method::MsChapV2));
        let heard = server.input(Input::Refused {
            code,
            message: "no",
            retry: false,
        });
        let text = String::from_utf8(packets(&heard)[0].data.clone()).unwrap();
        assert!(
            text.starts_with(&format!("E={} R=0 C=", code.number())),
            "{text}"
        );
        assert_eq!(server.link.end_reason(), Some(reason));
    }
}

#[test]
fn an_expired_password_is_replaced_in_the_dialogue() {
    let expired = Input::Refused {
        code: FailureCode::PasswordExpired,
        message: "Password expired",
        retry: false,
    };
    let (mut server, identifier) = deciding(Method::MsChapV2, config(Method::MsChapV2));
    assert_eq!(names(&server.input(expired)), ["Failure"]);
    // The user types for a while.
    server.pass(Duration::from_secs(20));
    let change = Chap::ChangePassword {
        identifier: identifier.wrapping_add(1),
        version: 3,
        body: &[5; 582],
    };
    let heard = server.input(Input::Frame(&change.to_frame()));
    let changed = |heard: &Heard| {
        matches!(heard, Heard::Told(Output::Authenticate(Credentials::ChangePasswordV3 { name, .. }))
            if name == b"alice")
    };
    assert!(heard.len() == 1 && changed(&heard[0]), "{heard:?}");
    let heard = server.input(granted(true));
    assert_eq!(names(&heard), ["Success", "CCP Request"]);
    // One who does not is let go when the time is up.
    let (mut server, _) = deciding(Method::MsChapV2, config(Method::MsChapV2));
    server.input(expired);
    server.pass(Duration::from_secs(31));
    assert_eq!(
        server.link.end_reason(),
        Some(EndReason::AuthenticationTimeout)
    );
}

#[test]
fn rfc_3748_an_eap_conversation_passes_through() {
    let (mut server, first) = deciding(Method::Eap, config(Method::Eap));
    let mut identifier = first;
    for round in 0..6_u8 {
        identifier = identifier.wrapping_add(1);
        let request = Eap::Request {
            identifier,
            kind: 13,
            data: &[round; 100],
        };
        let packet = request.to_packet();
        let state = [round; 4];
        let heard = server.input(Input::Challenge {
            packet: &packet,
            state: &state,
        });
        assert_eq!(names(&heard), ["EAP Request"]);
        assert!(!server.link.awaits_decision());
        // Lost once: the authenticator repeats.
        let again = server.pass(Duration::from_secs(3));
        assert_eq!(again, heard);
        let heard = server.input(Input::Frame(&eap(identifier, 13, &[round; 7])));
        let Heard::Told(Output::Authenticate(Credentials::Eap { state: back, .. })) = &heard[0]
        else {
            panic!("{heard:?}")
        };
        assert_eq!(back[..], state);
        let twice = server.input(Input::Frame(&eap(identifier, 13, &[round; 7])));
        assert_eq!(twice, [], "a duplicate counts once");
    }
    let heard = server.input(granted(true));
    assert_eq!(names(&heard), ["EAP Success", "CCP Request"]);
    assert_eq!(packets(&heard)[0].identifier, identifier);
}

#[test]
fn an_eap_server_that_sends_nonsense_ends_the_call_and_not_more() {
    for packet in [
        &[][..],
        &[2, 9, 0, 5, 1],
        &[1, 9, 0, 4],
        &[1; 40],
        &[3, 9, 0, 4],
    ] {
        let (mut server, _) = deciding(Method::Eap, config(Method::Eap));
        server.input(Input::Challenge { packet, state: b"" });
        let reason = server.link.end_reason();
        assert_eq!(reason, Some(EndReason::AuthenticationServerFault));
        assert_eq!(server.link.refusals().get(Refusal::UnfitEapRequest), 1);
    }
    // A Challenge to a client of another method is nobody's.
    let (mut server, _) = deciding(Method::MsChapV2, config(Method::MsChapV2));
    let packet = [1, 9, 0, 5, 4];
    assert_eq!(
        server.input(Input::Challenge {
            packet: &packet,
            state: b""
        }),
        []
    );
    assert_eq!(server.link.end_reason(), None);
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedDecision), 1);
}

#[test]
fn frames_of_other_methods_are_counted_and_change_nothing() {
    for &method in Method::ALL {
        let (mut server, identifier) = asking(method, config(method));
        let mut foreign = 0;
        for &other in Method::ALL {
            let frame = proof(other, identifier);
            let same = |frame: &[u8]| Frame::parse(frame).unwrap().protocol;
            if same(&frame) == same(&proof(method, identifier)) {
                continue;
            }
            foreign += 1;
            assert_eq!(server.input(Input::Frame(&frame)), [], "{method} {other}");
        }
        let counted = server
            .link
            .refusals()
            .get(Refusal::UnnegotiatedAuthentication);
        assert_eq!(counted, foreign, "{method}");
        let heard = server.input(Input::Frame(&proof(method, identifier)));
        assert_eq!(names(&heard), ["Authenticate"]);
    }
}
