//! Our client against our server: both links are the product's, the users are those of `aaa`, and the
//! path between loses, repeats and overtakes.

mod pair;

use pair::{PERFECT, Pair, Setup, server};

use crate::lossy::Path;
use pns::aaa::EapMethod;
use pns::clock::Timestamp;
use pns::ppp::fsm::State;
use pns::ppp::link::{
    EndReason, Input, Keying, Link, Method, MppePolicy, MppeRequirement, Output, Phase, Refusal,
    Stateful,
};
use pns::wire::ccp::Strengths;
use pns::wire::mppe::Strength;
use proptest::prelude::*;
use std::time::Duration;

fn up(setup: &Setup, what: &str) -> Pair {
    let mut pair = Pair::new(setup, PERFECT, 1);
    pair.run(Duration::from_secs(3));
    assert!(pair.is_up(), "{what}: {:?}", pair.ends());
    pair.assert_agree(what);
    pair
}

#[test]
fn every_method_logs_in_and_those_with_keys_encrypt() {
    for &method in Method::ALL {
        let clear = up(&Setup::by(method).without_encryption(), method.name());
        assert_eq!(clear.client.negotiated().mppe, None);
        if method.can_give_keys() {
            let pair = up(&Setup::by(method), method.name());
            assert!(pair.client.negotiated().mppe.is_some(), "{method}");
        }
    }
    let md5 = Setup {
        eap: vec![EapMethod::Md5],
        may_eap: vec![EapMethod::MsChapV2, EapMethod::Md5],
        ..Setup::by(Method::Eap).without_encryption()
    };
    assert!(up(&md5, "EAP-MD5").client_keys.is_none());
}

/// RFC 1661 §6.2: a demand that cannot be met is answered by a Nak that names what can.
#[test]
fn s6_2_a_demand_is_naked_until_it_fits_or_the_link_ends_for_a_named_reason() {
    let weak = vec![Method::Pap, Method::ChapMd5, Method::MsChapV1];
    let moved = Setup {
        offers: [&weak[..], &[Method::Eap]].concat(),
        ..Setup::default()
    };
    let pair = up(&moved, "the fourth");
    assert_eq!(pair.client.negotiated().authentication, Some(Method::Eap));
    let hopeless = Setup {
        offers: weak,
        ..Setup::default()
    };
    let mut pair = Pair::new(&hopeless, PERFECT, 1);
    pair.run(Duration::from_secs(3));
    let [server, client] = pair.ends();
    assert_eq!(server, Some(EndReason::AuthenticationNotAgreed));
    assert_eq!(client, Some(EndReason::PeerTerminated));
    // A server that insists ends the patience of the client instead.
    let mut link = Pair::new(&hopeless, PERFECT, 1).client;
    for identifier in 0..20 {
        let pap = [0xff, 3, 0xc0, 0x21, 1, identifier, 0, 8, 3, 4, 0xc0, 0x23];
        link.handle(Input::Frame(&pap), Timestamp::ZERO);
    }
    let reason = Some(EndReason::LoginMethodNotAllowed);
    assert_eq!(link.end_reason(), reason);
}

#[test]
fn a_wrong_password_is_refused_whatever_the_method() {
    for &method in Method::ALL {
        let setup = Setup {
            password: "wonderland-8",
            ..Setup::by(method).without_encryption()
        };
        let mut pair = Pair::new(&setup, PERFECT, 1);
        pair.run(Duration::from_secs(2));
        assert_eq!(
            pair.client.end_reason(),
            Some(EndReason::LoginRefused),
            "{method}"
        );
        assert!(!pair.was_told(|it| matches!(it, Output::LoggedIn(_))));
    }
}

/// RFC 2759 §8.8: a Success that does not prove that the peer knows the password is none.
#[test]
fn s8_8_a_forged_authenticator_response_ends_the_link() {
    fn spoil(frame: &mut [u8]) {
        let found = frame.windows(2).position(|pair| pair == b"S=");
        if let Some(digit) = found.and_then(|at| frame.get_mut(at + 7)) {
            *digit = if *digit == b'0' { b'1' } else { b'0' };
        }
    }
    fn leave_out(frame: &mut Vec<u8>) {
        if frame.get(2..5) == Some(&[0xc2, 0x23, 3]) {
            frame.truncate(8);
            frame[6..8].copy_from_slice(&[0, 4]);
        }
    }
    type Forgery = fn(&mut Vec<u8>);
    let forgeries: [(Method, Forgery); 3] = [
        (Method::MsChapV2, |frame| spoil(frame)),
        (Method::MsChapV2, leave_out),
        (Method::Eap, |frame| spoil(frame)),
    ];
    for (method, forge) in forgeries {
        let mut pair = Pair::new(&Setup::by(method), PERFECT, 1);
        pair.forge = forge;
        pair.run(Duration::from_secs(2));
        assert_eq!(
            pair.client.end_reason(),
            Some(EndReason::PeerNotProven),
            "{method}"
        );
        assert!(!pair.was_told(|it| matches!(it, Output::LoggedIn(_))));
    }
}

/// An impostor that does not know the password may say that all is well, before or without asking.
#[test]
fn a_success_out_of_the_blue_lets_nobody_in() {
    for (method, frame) in [
        (Method::MsChapV2, vec![0xff, 3, 0xc2, 0x23, 3, 1, 0, 4]),
        (Method::Eap, vec![0xff, 3, 0xc2, 0x27, 3, 1, 0, 4]),
        (Method::Pap, vec![0xff, 3, 0xc0, 0x23, 2, 0x77, 0, 5, 0]),
    ] {
        let mut pair = Pair::new(&Setup::by(method).without_encryption(), PERFECT, 1);
        // What the server says of who it is never arrives.
        pair.forge = |frame| {
            if frame.get(2..4) != Some(&[0xc0, 0x21]) {
                frame.clear();
            }
        };
        pair.run(Duration::from_millis(500));
        assert_eq!(pair.client.phase(), Phase::Authenticate);
        pair.client_input(Input::Frame(&frame));
        assert_eq!(pair.client.phase(), Phase::Authenticate, "{method}");
        assert_eq!(pair.client.refusals().get(Refusal::UnexpectedVerdict), 1);
        pair.run(Duration::from_secs(60));
        assert!(!pair.client_is_up());
    }
}

/// A peer that wants no log-in is fine without encryption, and ends a link that needs keys.
#[test]
fn a_peer_that_asks_for_nothing_gives_no_keys() {
    for (mppe, reason) in [
        (MppePolicy::OFF, None),
        (MppePolicy::REQUIRED, Some(EndReason::MppeKeysMissing)),
    ] {
        let setup = Setup {
            client_mppe: mppe,
            ..Setup::default()
        };
        let mut link = Pair::new(&setup, PERFECT, 1).client;
        let now = Timestamp::ZERO;
        let request = [0xff, 3, 0xc0, 0x21, 1, 1, 0, 4];
        link.handle(Input::Frame(&request), now);
        // Our own request, acknowledged: what the link sent first.
        let ack = acknowledged(&setup);
        link.handle(Input::Frame(&ack), now);
        assert_eq!(link.end_reason(), reason);
        let told = std::iter::from_fn(|| link.poll_output());
        let logged_in = told.filter(|it| *it == Output::LoggedIn(Keying::None));
        assert_eq!(logged_in.count(), 1);
    }
}

/// The first Configure-Request of the client, turned into its Ack.
fn acknowledged(setup: &Setup) -> Vec<u8> {
    let mut pair = Pair::new(setup, PERFECT, 1);
    let now = pair.now();
    let mut arrivals = pair.network.arrivals(now).into_iter();
    let (_, mut frame) = arrivals.find(|(to_server, _)| *to_server).unwrap();
    frame[4] = 2;
    frame
}

/// RFC 1332 §3.3 from the other end: no address, no link.
#[test]
fn s3_3_a_peer_that_assigns_no_address_is_named() {
    let mut pair = Pair::new(&Setup::default().without_encryption(), PERFECT, 1);
    // The Nak that would tell the address becomes a Reject of the option.
    pair.forge = |frame| {
        if frame.get(2..5) == Some(&[0x80, 0x21, 3]) {
            frame[4] = 4;
            frame[10..14].copy_from_slice(&[0; 4]);
        }
    };
    pair.run(Duration::from_secs(2));
    let reason = Some(EndReason::AddressNotAssigned);
    assert_eq!(pair.client.end_reason(), reason);
}

/// RFC 1661 §3.4: LCP anew falls back to the beginning; the next log-in has other keys.
#[test]
fn a_server_that_negotiates_anew_is_logged_in_to_again() {
    let mut pair = up(&Setup::default(), "first");
    let first = *pair.client_keys.as_ref().unwrap().upstream.expose();
    // The server's own end is new, and asks with another magic number.
    let now = pair.now();
    pair.server = server(&Setup::default(), 77);
    pair.server.now = now;
    let heard = pair.server.input(Input::LowerUp);
    pair.deliver(heard);
    pair.run(Duration::from_secs(10));
    assert_eq!(pair.ends(), [None, None]);
    let forwards = |it: &Output| matches!(it, Output::ForwardDownstream { .. });
    assert!(pair.was_told(|it| *it == Output::Suspend) && pair.was_told(forwards));
    assert_ne!(first, *pair.client_keys.as_ref().unwrap().upstream.expose());
    pair.assert_agree("second");
}

#[test]
fn a_live_link_is_asked_again_and_no_key_changes() {
    let mut pair = up(&Setup::default(), "first");
    let told = pair.told.len();
    for _ in 0..3 {
        let heard = pair.server.input(Input::Reauthenticate);
        pair.deliver(heard);
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.ends(), [None, None]);
        assert!(!pair.server.link.awaits_decision());
    }
    assert_eq!(pair.told.len(), told);
}

/// Whatever both ends want of encryption, they come to the same, and soon.
#[test]
fn every_pair_of_policies_has_one_outcome_at_both_ends() {
    let requirements = [
        MppeRequirement::Required,
        MppeRequirement::Optional,
        MppeRequirement::Passive,
        MppeRequirement::Off,
    ];
    let strengths = [
        Strengths::ALL,
        Strengths::only(Strength::Bits40),
        Strengths::only(Strength::Bits128),
    ];
    let modes = [Stateful::Refused, Stateful::Allowed, Stateful::Preferred];
    let mut policies = Vec::new();
    for requirement in requirements {
        for strengths in strengths {
            policies.extend(modes.map(|stateful| MppePolicy {
                requirement,
                strengths,
                stateful,
                compression: false,
            }));
        }
    }
    let mut encrypted = 0;
    for &server_mppe in &policies {
        for &client_mppe in &policies {
            let what = format!("{server_mppe:?} and {client_mppe:?}");
            let setup = Setup {
                server_mppe,
                client_mppe,
                ..Setup::default()
            };
            let mut pair = Pair::new(&setup, PERFECT, 1);
            pair.run(Duration::from_secs(20));
            let [server, client] = pair.ends();
            let both = [server_mppe, client_mppe];
            let wants = |it: &MppePolicy| match it.requirement {
                MppeRequirement::Required | MppeRequirement::Optional => true,
                MppeRequirement::Passive | MppeRequirement::Off => false,
            };
            let off = both.iter().any(|it| it.requirement == MppeRequirement::Off);
            let common = server_mppe
                .strengths
                .common(client_mppe.strengths)
                .is_some();
            let possible = common && !off && both.iter().any(wants);
            let required = both
                .iter()
                .any(|it| it.requirement == MppeRequirement::Required);
            if !possible && required {
                assert!(
                    server.is_some() && client.is_some(),
                    "{what}: it has to end"
                );
                continue;
            }
            assert_eq!([server, client], [None, None], "{what}");
            assert!(pair.is_up(), "{what}");
            pair.assert_agree(&what);
            let mppe = pair.client.negotiated().mppe;
            assert_eq!(mppe.is_some(), possible, "{what}: {mppe:?}");
            encrypted += usize::from(possible);
            let refused = |it: &MppePolicy| it.stateful == Stateful::Refused;
            if let Some(agreed) = mppe.filter(|_| both.iter().any(refused)) {
                let modes = [agreed.upstream, agreed.downstream].map(|it| it.suite.unwrap().mode);
                assert_eq!(modes, [pns::wire::mppe::Mode::Stateless; 2], "{what}");
            }
        }
    }
    assert!(encrypted > 100, "{encrypted}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Over a bad path too: up, with the same at both ends, or an end that both know.
    #[test]
    fn a_bad_path(seed: u64, method in 0..Method::COUNT, loss in 0_u8..30, delay_ms_max in 0_u64..300) {
        let method = Method::ALL[method];
        let setup = if method.can_give_keys() {
            Setup::by(method)
        } else {
            Setup::by(method).without_encryption()
        };
        let path = Path { loss, duplication: loss / 2, delay_ms_max };
        let mut pair = Pair::new(&setup, path, seed);
        pair.run(Duration::from_secs(90));
        if pair.ends().iter().any(Option::is_some) {
            // Of one end's end the other learns by its silence, at worst.
            pair.run(Duration::from_secs(200));
        }
        let [server, client] = pair.ends();
        if pair.is_up() && server.is_none() && client.is_none() {
            pair.assert_agree(method.name());
            prop_assert_eq!(pair.client.negotiated().lcp, State::Opened);
        } else {
            prop_assert!(loss > 0 || delay_ms_max > 0, "{:?}", pair.ends());
            prop_assert!(server.is_some() && client.is_some(), "{:?}", pair.ends());
        }
    }
}

/// RFC 3748 §4.1, §5.2, §5.3: the peer's side of EAP, packet by packet.
#[test]
fn rfc_3748_the_peers_side_answers_what_it_knows_and_declines_the_rest() {
    fn answers(link: &mut Link, request: &[u8]) -> Vec<Vec<u8>> {
        let frame = [&[0xff, 3, 0xc2, 0x27], request].concat();
        link.handle(Input::Frame(&frame), Timestamp::ZERO);
        let outputs = std::iter::from_fn(|| link.poll_output());
        let frames = outputs.filter_map(|output| match output {
            Output::Frame(frame) => frame
                .as_bytes()
                .strip_prefix(&[0xff, 3, 0xc2, 0x27])
                .map(<[u8]>::to_vec),
            _ => None,
        });
        frames.collect()
    }
    // A link whose peer has asked for EAP, and then speaks no more.
    let mut pair = Pair::new(&Setup::by(Method::Eap), PERFECT, 1);
    pair.forge = |frame| {
        if frame.get(2..4) != Some(&[0xc0, 0x21]) {
            frame.clear();
        }
    };
    pair.run(Duration::from_millis(200));
    let link = &mut pair.client;
    assert_eq!(link.phase(), Phase::Authenticate);
    let identity = vec![2, 7, 0, 10, 1, b'a', b'l', b'i', b'c', b'e'];
    let expanded = vec![
        2, 10, 0, 20, 254, 0, 0, 0, 0, 0, 0, 3, 254, 0, 0, 0, 0, 0, 0, 26,
    ];
    for (request, answer) in [
        (&[1, 7, 0, 5, 1][..], identity.clone()),
        // Again: the same, though it is no other question.
        (&[1, 7, 0, 5, 1], identity),
        (&[1, 8, 0, 8, 2, b'h', b'e', b'y'], vec![2, 8, 0, 5, 2]),
        // MD5-Challenge and TLS are not among what may be used here; EAP-MSCHAPv2 is.
        (&[1, 9, 0, 7, 4, 1, 5], vec![2, 9, 0, 6, 3, 26]),
        (&[1, 9, 0, 6, 13, 0x20], vec![2, 9, 0, 6, 3, 26]),
        (&[1, 10, 0, 12, 254, 0, 1, 0x37, 0, 0, 0, 1], expanded),
    ] {
        assert_eq!(answers(link, request), [answer], "{request:?}");
    }
    // Nothing is said unasked.
    let soon = Timestamp::ZERO + Duration::from_secs(2000);
    link.handle_timeout(soon);
    let unasked = std::iter::from_fn(|| link.poll_output());
    let eap = unasked
        .filter(|it| matches!(it, Output::Frame(frame) if frame.as_bytes()[2..4] == [0xc2, 0x27]));
    assert_eq!(eap.count(), 0);
}
