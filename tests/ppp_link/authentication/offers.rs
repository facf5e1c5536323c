//! Which method comes of what the server offers and what the client can do.

use crate::dialogues::{PPPD_LCP, find};
use crate::server::{Heard, Sent, Server, names, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig, Method};
use pns::wire::lcp::AuthenticationProtocol;
use pns::wire::ppp::{Protocol, code};

/// How a client declines a method that it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Names the first that it has, in this order.
    Names(&'static [Method]),
    /// Names a protocol that nobody knows.
    NamesStrange,
    /// Names the offered protocol once more, to no end.
    Echoes,
}

/// pppd, by the order of its checks; a Windows client alike.
const PPPD: Habit = Habit::Names(&[
    Method::Eap,
    Method::MsChapV2,
    Method::MsChapV1,
    Method::ChapMd5,
    Method::Pap,
]);
const WEAKEST_FIRST: Habit = Habit::Names(&[
    Method::Pap,
    Method::ChapMd5,
    Method::MsChapV1,
    Method::MsChapV2,
    Method::Eap,
]);

fn option(method: Method) -> Vec<u8> {
    match method {
        Method::Pap => vec![3, 4, 0xc0, 0x23],
        Method::ChapMd5 => vec![3, 5, 0xc2, 0x23, 0x05],
        Method::MsChapV1 => vec![3, 5, 0xc2, 0x23, 0x80],
        Method::MsChapV2 => vec![3, 5, 0xc2, 0x23, 0x81],
        Method::Eap => vec![3, 4, 0xc2, 0x27],
    }
}

fn offered(request: &Sent) -> Method {
    let is_in = |method: &&Method| {
        let option = option(**method);
        request.data.windows(option.len()).any(|it| it == option)
    };
    *Method::ALL.iter().find(is_in).unwrap()
}

/// Lets a client that has `able` meet a server that offers `methods`: what they agree on, and how many
/// requests of ours it took.
fn meet(methods: &[Method], able: &[Method], habit: Habit) -> (Option<Method>, usize, Server) {
    let config = LinkConfig {
        methods: methods.to_vec(),
        ..LinkConfig::default()
    };
    let mut server = Server::new(config, 1);
    let mut heard = server.input(Input::LowerUp);
    server.packet(Protocol::LCP, code::CONFIGURE_REQUEST, 1, PPPD_LCP);
    for round in 1..=20 {
        let is_request = |sent: &Sent| sent.is(Protocol::LCP, code::CONFIGURE_REQUEST);
        let Some(request) = packets(&heard).into_iter().find(is_request) else {
            return (None, round - 1, server);
        };
        let method = offered(&request);
        if able.contains(&method) {
            server.packet(
                Protocol::LCP,
                code::CONFIGURE_ACK,
                request.identifier,
                &request.data,
            );
            return (Some(method), round, server);
        }
        let wanted = match habit {
            Habit::Names(order) => order
                .iter()
                .find(|it| able.contains(it))
                .copied()
                .map(option),
            Habit::NamesStrange => Some(vec![3, 4, 0xc0, 0x25]),
            Habit::Echoes => Some(option(method)),
        };
        heard = match wanted {
            Some(wanted) => server.packet(
                Protocol::LCP,
                code::CONFIGURE_NAK,
                request.identifier,
                &wanted,
            ),
            // pppd without any method of its own.
            None => {
                let ours = option(method);
                server.packet(
                    Protocol::LCP,
                    code::CONFIGURE_REJECT,
                    request.identifier,
                    &ours,
                )
            }
        };
    }
    panic!("{methods:?} and {able:?} do not come to an end by {habit:?}")
}

/// What must come of it, told without any machine.
fn expected(methods: &[Method], able: &[Method], habit: Habit) -> Option<Method> {
    let first = methods[0];
    if able.contains(&first) {
        return Some(first);
    }
    let named = match habit {
        Habit::Names(order) => order.iter().find(|it| able.contains(it)).copied(),
        Habit::NamesStrange => None,
        Habit::Echoes => return None,
    };
    named
        .filter(|named| methods.contains(named))
        .or_else(|| methods.iter().find(|it| able.contains(it)).copied())
}

/// Every list of different methods, in every order.
fn lists() -> Vec<Vec<Method>> {
    let mut all = vec![Vec::new()];
    let mut longest: Vec<Vec<Method>> = vec![Vec::new()];
    for _ in 0..Method::COUNT {
        let longer = longest.iter().flat_map(|list| {
            let left = Method::ALL.iter().filter(|method| !list.contains(method));
            left.map(|method| [list.as_slice(), &[*method]].concat())
        });
        longest = longer.collect();
        all.extend(longest.iter().cloned());
    }
    all.remove(0);
    all
}

fn subsets() -> Vec<Vec<Method>> {
    let members = |subset: usize| {
        let of = |method: &&Method| subset >> method.index() & 1 == 1;
        Method::ALL.iter().filter(of).copied().collect()
    };
    (0..1 << Method::COUNT).map(members).collect()
}

#[test]
fn every_list_and_every_client_come_to_one_outcome_without_a_loop() {
    let (lists, subsets) = (lists(), subsets());
    assert_eq!((lists.len(), subsets.len()), (325, 32));
    for methods in &lists {
        for able in &subsets {
            for habit in [PPPD, WEAKEST_FIRST, Habit::NamesStrange, Habit::Echoes] {
                let (agreed, rounds, mut server) = meet(methods, able, habit);
                let what = format!("{methods:?}, client {able:?} by {habit:?}");
                assert_eq!(agreed, expected(methods, able, habit), "{what}");
                assert_eq!(agreed, server.link.negotiated().authentication, "{what}");
                let bound = if habit == Habit::Echoes {
                    5
                } else {
                    methods.len()
                };
                assert!(rounds <= bound, "{rounds} requests: {what}");
                if agreed.is_none() {
                    server.pass(std::time::Duration::from_secs(10));
                    let reason = server.promises.end_reason();
                    assert_eq!(reason, Some(EndReason::AuthenticationNotAgreed), "{what}");
                }
            }
        }
    }
}

#[test]
fn what_the_client_would_have_accepted_is_remembered_for_the_verdict() {
    let (agreed, _, server) = meet(&[Method::MsChapV2], &[Method::Pap, Method::Eap], PPPD);
    assert_eq!(agreed, None);
    let named = server.link.authentication_named_by_peer();
    assert_eq!(named, [AuthenticationProtocol::Eap]);
    let both = [Method::MsChapV2, Method::MsChapV1];
    let (_, _, server) = meet(&both, &[], Habit::NamesStrange);
    let named = server.link.authentication_named_by_peer();
    let strange = AuthenticationProtocol::Other(Protocol(0xc025));
    assert_eq!(named, [strange]);
}

#[test]
fn w9_windows_goes_from_every_weak_method_to_ms_chap_v2() {
    for weak in [Method::Pap, Method::ChapMd5, Method::MsChapV1] {
        let windows = Habit::Names(&[Method::MsChapV2]);
        let methods = [weak, Method::MsChapV2];
        let (agreed, rounds, server) = meet(&methods, &[Method::MsChapV2], windows);
        assert_eq!((agreed, rounds), (Some(Method::MsChapV2), 2), "{weak}");
        // The challenge is out with the right algorithm's length.
        assert_eq!(
            server.link.negotiated().authentication,
            Some(Method::MsChapV2)
        );
    }
}

#[test]
fn a_nak_of_another_option_leaves_the_method_alone() {
    let mut server = Server::new(LinkConfig::default(), 1);
    let heard = server.input(Input::LowerUp);
    let mut request = find(&heard, Protocol::LCP, 1);
    for mru in [1300_u16, 1200, 1100] {
        let [high, low] = mru.to_be_bytes();
        let wanted = [1, 4, high, low];
        let heard = server.packet(Protocol::LCP, 3, request.identifier, &wanted);
        request = find(&heard, Protocol::LCP, 1);
        assert_eq!(offered(&request), Method::MsChapV2);
        assert_eq!(request.data[..4], wanted);
    }
    // An algorithm that is missing names nothing, so the list goes on.
    let heard = server.packet(Protocol::LCP, 3, request.identifier, &[3, 4, 0xc2, 0x23]);
    let request = find(&heard, Protocol::LCP, 1);
    assert_eq!(offered(&request), Method::Eap);
    // And so does CHAP with an algorithm of another planet; there is nothing left.
    let heard = server.packet(
        Protocol::LCP,
        3,
        request.identifier,
        &[3, 5, 0xc2, 0x23, 0x77],
    );
    assert_eq!(names(&heard), ["LCP TerminateRequest"]);
}

#[test]
fn a_link_that_starts_over_offers_what_was_agreed_on() {
    let methods = vec![Method::MsChapV2, Method::Eap, Method::MsChapV1];
    let (agreed, _, mut server) = meet(&methods, &[Method::MsChapV1], PPPD);
    assert_eq!(agreed, Some(Method::MsChapV1));
    let other = [5, 6, 1, 2, 3, 4];
    let heard = server.packet(Protocol::LCP, 1, 9, &other);
    assert!(matches!(&heard[0], Heard::Packet(_)), "{heard:?}");
    let request = find(&heard, Protocol::LCP, 1);
    assert_eq!(offered(&request), Method::MsChapV1);
}

#[test]
fn a_protocol_reject_of_the_method_ends_the_link() {
    for (method, protocol) in [
        (Method::Pap, [0xc0, 0x23]),
        (Method::MsChapV1, [0xc2, 0x23]),
        (Method::Eap, [0xc2, 0x27]),
    ] {
        let (_, _, mut server) = meet(&[method], &[method], PPPD);
        let rejected = [&protocol[..], &[1, 1, 0, 4]].concat();
        server.packet(Protocol::LCP, code::PROTOCOL_REJECT, 7, &rejected);
        let reason = server.link.end_reason();
        assert_eq!(reason, Some(EndReason::AuthenticationNotAgreed), "{method}");
    }
}
