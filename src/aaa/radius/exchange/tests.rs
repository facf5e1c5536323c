//! Servers that lose, delay, die, lie and forge, in virtual time.

mod world;

use std::time::Duration;

use proptest::prelude::*;

use super::super::config::Demand;
use super::*;
use crate::auth::Secret;
use crate::wire::radius::attribute::{EAP_MESSAGE, PROXY_STATE, REPLY_MESSAGE};
use crate::wire::radius::{Attributes, Code};
use world::{World, ms};

#[test]
fn the_first_priority_is_asked_and_equals_share_by_weight() {
    let mut world = World::new(&[(1, 3), (1, 1), (2, 100)], Timing::default());
    for _ in 0..400 {
        world.ask();
        world.run(ms(5));
    }
    let heard: Vec<_> = world.servers.iter().map(|server| server.heard).collect();
    assert!((250..350).contains(&heard[0]), "{heard:?}");
    assert_eq!((heard[0] + heard[1], heard[2]), (400, 0));
    assert_eq!(world.replies(), 400);
}

#[test]
fn what_is_lost_is_repeated_unchanged_and_the_answer_is_taken() {
    let mut world = World::new(&[(1, 1)], Timing::default());
    world.servers[0].lose_next = 1;
    world.ask();
    world.run(ms(3000));
    assert_eq!(world.replies(), 1);
    let (first, second) = (&world.sent[0], &world.sent[1]);
    assert_eq!(first, second, "RFC 2865 §2.5");
    let counters = &world.exchange.servers[0].counters;
    assert_eq!((counters.questions, counters.retransmits), (1, 1));
    assert_eq!(counters.last_round_trip, None, "of which it is not known");
}

#[test]
fn a_secret_that_is_replaced_while_a_question_is_out_costs_the_question_nothing() {
    let mut world = World::new(&[(1, 1)], Timing::default());
    // It has the other one already, and says nothing to who does not.
    world.servers[0].alive = false;
    world.ask();
    world.run(ms(500));
    (world.servers[0].alive, world.servers[0].secret) = (true, b"the other one");
    let other = Secret::new(b"the other one".to_vec());
    world.exchange.set_secret("server-0", &other, world.now);
    world.drain();
    world.run(ms(100));
    assert_eq!((world.replies(), world.busy()), (1, 0));
    // The same once more, or that of somebody else, changes nothing.
    world.ask();
    let sent = world.sent.len();
    for name in ["server-0", "server-1"] {
        world.exchange.set_secret(name, &other, world.now);
    }
    world.run(ms(100));
    assert_eq!((world.replies(), world.sent.len()), (2, sent));
}

/// Issue 5, done when 2: two servers, one killed at 200 set-ups a second.
#[test]
fn when_a_server_dies_under_load_nothing_is_lost_and_the_other_serves_within_3_s() {
    let mut world = World::new(&[(1, 1), (2, 1)], Timing::default());
    for round in 0..2000 {
        if round == 400 {
            world.servers[0].alive = false;
        }
        world.ask();
        world.run(ms(5));
    }
    world.run(ms(4000));
    assert_eq!(world.replies(), 2000);
    let slowest = world.answered.values().map(|(_, took)| *took).max();
    assert!(slowest < Some(ms(3000)), "{slowest:?}");
    assert_eq!(world.events, [Event::Dead(0)]);
    let late = world.answered.iter().filter(|(ticket, _)| ticket.0 >= 1000);
    assert!(late.into_iter().all(|(_, (_, took))| *took < ms(100)));
    // It lives again, a probe shows it, and it is the first again.
    world.servers[0].alive = true;
    world.run(ms(6000));
    assert_eq!(world.events, [Event::Dead(0), Event::Alive(0)]);
    let before = world.servers[0].heard;
    world.ask();
    world.run(ms(100));
    assert_eq!(world.servers[0].heard, before + 1);
    assert_eq!(world.busy(), 0);
}

#[test]
fn a_server_that_answers_probes_but_not_one_user_is_not_held_dead() {
    let mut world = World::new(&[(1, 1), (2, 1)], Timing::default());
    world.servers[0].mute_users = true;
    world.ask();
    world.run(ms(9000));
    assert_eq!(world.replies(), 1, "the second server has answered");
    assert_eq!(world.events, []);
}

#[test]
fn a_server_without_status_server_is_tried_again_after_its_dead_time_one_question_at_once() {
    let mut world = World::new(&[(1, 1), (2, 1)], Timing::default());
    world.servers[0].alive = false;
    world.servers[0].knows_status = false;
    world.ask();
    world.run(ms(33_000));
    assert_eq!(world.events, [Event::Dead(0)]);
    world.ask();
    world.ask();
    world.run(ms(20));
    let asked = world.exchange.servers[0].outstanding();
    assert_eq!(asked, 1, "on trial");
    world.servers[0].alive = true;
    world.run(ms(3000));
    assert_eq!(world.events, [Event::Dead(0), Event::Alive(0)]);
    assert_eq!(world.replies(), 3);
}

/// Reliability X2: refused in at most 10 s each, and nothing kept.
#[test]
fn with_every_server_dead_each_question_ends_in_time_and_leaves_nothing() {
    let mut world = World::new(&[(1, 1), (2, 1)], Timing::default());
    world.servers.iter_mut().for_each(|it| it.alive = false);
    for _ in 0..500 {
        world.ask();
        world.run(ms(20));
    }
    world.run(ms(10_000));
    assert_eq!(world.answered.len(), 500);
    for (outcome, took) in world.answered.values() {
        assert_eq!(*outcome, Outcome::NoAnswer(None));
        assert!(*took <= ms(8000), "{took:?}");
    }
    assert_eq!((world.busy(), world.exchange.pending()), (0, 0));
    assert!(world.exchange.due.is_empty());
}

#[test]
fn nobody_listening_is_known_at_once() {
    let mut world = World::new(&[(1, 1), (2, 1)], Timing::default());
    world.servers[0].alive = false;
    world.ask();
    let socket = SocketId {
        server: 0,
        index: 0,
    };
    world.exchange.handle(Input::Unreachable(socket), world.now);
    world.drain();
    world.run(ms(50));
    assert_eq!(world.replies(), 1);
    assert_eq!(world.events, [Event::Dead(0)]);
}

#[test]
fn a_thousand_questions_at_once_have_identifiers_of_their_own() {
    let mut world = World::new(&[(1, 1)], Timing::default());
    world.servers[0].alive = false;
    (0..1000).for_each(|_| world.ask());
    world.drain();
    let mut places: Vec<_> = world
        .sent
        .iter()
        .map(|(socket, it)| (*socket, it[1]))
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 1000);
    assert_eq!(world.opened, 4);
}

#[test]
fn more_than_fits_waits_and_more_than_may_wait_is_refused() {
    let timing = Timing {
        sockets_max: 1,
        questions_max: 300,
        ..Timing::default()
    };
    let mut world = World::new(&[(1, 1)], timing);
    world.servers[0].delay = ms(50);
    (0..301).for_each(|_| world.ask());
    world.drain();
    let refused = world
        .answered
        .values()
        .filter(|it| it.0 == Outcome::Overloaded);
    assert_eq!(refused.count(), 1);
    // Identifiers rest for ten seconds, and the question does not live so long.
    world.run(ms(9000));
    assert_eq!((world.replies(), world.answered.len()), (256, 301));
}

#[test]
fn a_second_server_is_asked_early_if_that_is_wanted() {
    let timing = Timing {
        hedge: Some(ms(100)),
        ..Timing::default()
    };
    let mut world = World::new(&[(1, 1), (2, 1)], timing);
    world.servers[0].delay = ms(900);
    world.ask();
    world.run(ms(2000));
    let (_, took) = world.answered.values().next().unwrap();
    assert!(*took < ms(150), "{took:?}");
    let refused = world.refused(0);
    assert_eq!(
        refused,
        [(ReplyRefusal::Late, 1)],
        "the other answer is known for what it is"
    );
}

/// Reliability X3: refused, counted by cause, and the real answer is still taken.
#[test]
fn what_is_no_answer_is_counted_by_its_cause_and_the_real_one_is_taken() {
    let mut world = World::new(&[(1, 1)], Timing::default());
    world.servers[0].delay = ms(100);
    world.ask();
    world.drain();
    let real = world.servers[0].address;
    let request = world.sent[0].1.clone();
    let (mut state, mut text) = (Attributes::new(), Attributes::new());
    state.octets(&PROXY_STATE, b"collision");
    text.text(&REPLY_MESSAGE, "welcome");
    let forge = |code, secret: &[u8], attributes: &Attributes, signed| {
        world::reply_to(&request, code, secret, attributes, signed)
    };
    let accept = Code::ACCESS_ACCEPT;
    let wrong_secret = forge(accept, b"other", &text, true);
    let mut wrong_signature = Attributes::new();
    wrong_signature.octets(
        &crate::wire::radius::attribute::MESSAGE_AUTHENTICATOR,
        &[1; 16],
    );
    let wrong_signature = forge(accept, world::SECRET, &wrong_signature, false);
    let proxy = forge(accept, world::SECRET, &state, false);
    let code = forge(Code::ACCOUNTING_RESPONSE, world::SECRET, &text, true);
    let mut unsolicited = forge(accept, world::SECRET, &text, true);
    unsolicited[1] = unsolicited[1].wrapping_add(1);
    let right = forge(accept, world::SECRET, &text, true);
    let cases = [
        (real, right[..19].to_vec(), ReplyRefusal::Malformed),
        (
            "127.0.0.9:1812".parse().unwrap(),
            right.clone(),
            ReplyRefusal::Foreign,
        ),
        (real, unsolicited, ReplyRefusal::Unsolicited),
        (real, wrong_secret, ReplyRefusal::BadAuthenticator),
        (real, wrong_signature, ReplyRefusal::BadMessageAuthenticator),
        (real, proxy, ReplyRefusal::ProxyState),
        (real, code, ReplyRefusal::UnexpectedCode),
    ];
    for (from, bytes, _) in &cases {
        world.deliver(*from, bytes);
    }
    assert_eq!(world.answered.len(), 0);
    world.run(ms(200));
    assert_eq!(world.replies(), 1);
    world.deliver(real, &right);
    let mut expected: Vec<_> = cases.iter().map(|(.., cause)| (*cause, 1)).collect();
    expected.push((ReplyRefusal::Duplicate, 1));
    expected.sort_unstable();
    assert_eq!(world.refused(0), expected);
}

#[test]
fn auto_takes_unsigned_answers_with_one_warning_until_the_server_signs() {
    let mut world = World::new(&[(1, 1)], Timing::default());
    world.servers[0].signs = false;
    world.ask_and_run(2);
    assert_eq!(
        (world.replies(), &*world.events),
        (2, &[Event::Unsigned(0)][..])
    );
    world.servers[0].signs = true;
    world.ask_and_run(1);
    world.servers[0].signs = false;
    world.ask_and_run(1);
    assert_eq!(world.replies(), 3, "a forger strips the signature");
    assert!(
        world
            .refused(0)
            .iter()
            .any(|(cause, _)| *cause == ReplyRefusal::Unsigned)
    );
}

#[test]
fn always_and_never_mean_what_they_say_and_eap_is_signed_in_any_case() {
    for (demand, eap, taken) in [
        (Demand::Always, false, 0),
        (Demand::Never, false, 1),
        (Demand::Never, true, 0),
        (Demand::Auto, true, 0),
    ] {
        let mut world = World::new(&[(1, 1)], Timing::default());
        world.exchange.servers[0].config.demand = demand;
        world.servers[0].signs = false;
        if eap {
            world.servers[0]
                .attributes
                .octets(&EAP_MESSAGE, &[3, 0, 0, 4]);
        }
        world.ask_and_run(1);
        assert_eq!(world.replies(), taken, "{demand:?} {eap}");
    }
    // FreeRADIUS 3.2.1 signs answers with EAP and no others.
    let mut world = World::new(&[(1, 1)], Timing::default());
    world.servers[0]
        .attributes
        .octets(&EAP_MESSAGE, &[3, 0, 0, 4]);
    world.ask_and_run(1);
    world.servers[0].attributes = Attributes::new();
    world.servers[0].signs = false;
    world.ask_and_run(1);
    assert_eq!(world.replies(), 2);
}

#[test]
fn accounting_says_how_late_it_is_in_a_packet_of_its_own_for_each_server() {
    let mut world = World::accounting(2);
    world.servers[0].alive = false;
    world.run(ms(7000));
    let happened = world.now - ms(5000);
    world.ask_of(Code::ACCOUNTING_REQUEST, Some(happened));
    world.run(ms(3500));
    assert_eq!(world.replies(), 1);
    let delays: Vec<_> = world
        .sent
        .iter()
        .filter_map(|(_, it)| world::delay_of(it))
        .collect();
    assert_eq!(delays.first(), Some(&5), "RFC 2866 §5.2");
    assert_eq!(delays.last(), Some(&7));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the network does, each question has one outcome, in time, and nothing is left.
    #[test]
    fn every_question_ends_once_and_leaves_nothing(
        seed in any::<u64>(),
        lost_percent in 0..100u64,
        delay_ms in 0..3000u64,
        doubled in any::<bool>(),
    ) {
        let mut world = World::new(&[(1, 1), (1, 2), (2, 1)], Timing::default());
        world.seed(seed);
        for server in &mut world.servers {
            server.lost_percent = lost_percent;
            server.delay = ms(delay_ms);
            server.doubled = doubled;
        }
        for _ in 0..50 {
            world.ask();
            world.run(ms(100));
        }
        world.run(ms(20_000));
        prop_assert_eq!(world.answered.len(), 50);
        prop_assert!(world.answered.values().all(|(_, took)| *took <= ms(8000)));
        prop_assert_eq!(world.busy(), 0);
        prop_assert_eq!(world.twice, 0);
    }
}
