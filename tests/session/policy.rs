//! How many sessions a user may have, what becomes of the next one, and what failed log-ins cost.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use pns::aaa::{Access, AtLimit, LocalUser, LocalUsers, SessionLimits};
use pns::auth::NtHash;
use pns::session::guard::{BackOff, GuardConfig};
use pns::session::verdict::{Finding, Key, Verdict};
use pns::session::{Account, SessionConfig, SessionPolicy};

use super::control_client as control;
use super::ppp_client::PppClient;
use super::world::{CLIENT, World};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);

fn client(name: &str) -> PppClient {
    PppClient::new(name, "wonderland-7")
}

/// All of one group called staff, in which this holds.
fn limited(limits: SessionLimits) -> impl FnOnce(&mut SessionConfig) {
    move |config| {
        for listener in &mut config.listeners {
            listener.access = Arc::new(Access {
                group: Some("staff".into()),
                limits,
                ..Access::default()
            });
        }
    }
}

fn one_session(at_user_limit: AtLimit) -> SessionLimits {
    SessionLimits {
        per_user_max: Some(1),
        at_user_limit,
        ..SessionLimits::default()
    }
}

fn verdicts(world: &World, user: &str) -> Vec<Verdict> {
    let accounts = world
        .sessions
        .explain(&Key::User(user.as_bytes().to_vec()), 10);
    let ended = |account| match account {
        Account::Ended(verdict) => Some(*verdict),
        Account::Live { .. } => None,
    };
    accounts.into_iter().filter_map(ended).collect()
}

fn words(verdict: &Verdict) -> String {
    let changes = verdict.changes().into_iter().map(|change| change.text);
    std::iter::once(verdict.conclusion())
        .chain(changes)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_second_session_is_refused_where_there_may_be_one_and_the_first_lives() {
    let mut world = World::with(4, None, limited(one_session(AtLimit::Deny)));
    world.dial(&mut client("alice"));
    let mut second = client("alice");
    world.dial(&mut second);
    assert!(!second.network_up());
    world.pass(Duration::from_secs(5));
    assert_eq!(world.sessions.views().count(), 1);
    let verdict = &verdicts(&world, "alice")[0];
    assert_eq!(verdict.finding, Finding::TooManySessions);
    let text = words(verdict);
    for part in [
        "has 1 of 1 sessions",
        &CLIENT.to_string(),
        "user.sessions_max",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(world.sessions.refusals().get("too_many_sessions"), 1);
    assert_eq!(world.leases.len(), 1);
}

/// With an address of her own the new session gets the very same one, and only when the worker has
/// said its last word of the old one.
#[test]
fn a_session_takes_the_place_of_the_older_one_which_ends_first() {
    let mut world = World::with(4, Some(OWN), limited(one_session(AtLimit::Replace)));
    let mut first = client("alice");
    world.dial(&mut first);
    assert_eq!(first.address, OWN);
    let old = world.flow;
    let mut second = client("alice");
    world.dial(&mut second);
    assert!(second.network_up());
    assert_eq!(second.address, OWN);
    assert_eq!(world.end_reason(), "replaced");
    let flows: Vec<_> = world.sessions.views().map(|call| Some(call.flow)).collect();
    assert!(flows.len() == 1 && !flows.contains(&old));
    assert_eq!(world.leases, [OWN]);
    let words_of: Vec<_> = world.commands.iter().map(|(word, _)| *word).collect();
    let closed = words_of.iter().position(|word| *word == "close").unwrap();
    let authorised = words_of
        .iter()
        .rposition(|word| *word == "authorise")
        .unwrap();
    assert!(closed < authorised, "{words_of:?}");
    let verdict = &verdicts(&world, "alice")[0];
    assert_eq!(verdict.finding, Finding::Replaced);
    assert!(words(verdict).contains("logged in again elsewhere"));
    assert_eq!(world.sessions.user_count(), 1);
}

#[test]
fn a_log_in_waits_for_the_workers_last_word_and_a_client_that_leaves_meanwhile_leaves_nothing() {
    for leaves in [false, true] {
        let mut world = World::with(4, Some(OWN), limited(one_session(AtLimit::Replace)));
        world.dial(&mut client("alice"));
        let old = world.flow.unwrap();
        world.mute_closed = true;
        let mut second = client("alice");
        let id = world.dial(&mut second);
        assert!(!second.network_up());
        assert_eq!(world.leases, [OWN], "still the old one's");
        if leaves {
            world.sessions.peer_closed(id, world.now);
        }
        world.mute_closed = false;
        world.report_closed(old);
        let frames = world.run();
        let answers = frames
            .iter()
            .flat_map(|frame| second.handle(frame))
            .collect();
        if leaves {
            world.report_closed(world.flow.unwrap());
            world.run();
            world.assert_all_given_back();
            assert_eq!(world.sessions.user_count(), 0);
        } else {
            world.talk(&mut second, answers);
            assert!(second.network_up());
            assert_eq!(second.address, OWN);
        }
    }
}

#[test]
fn capitals_make_another_user_unless_they_do_not_count() {
    for (ignore_case, up) in [(false, true), (true, false)] {
        let mut world = World::with(4, None, |config| {
            limited(one_session(AtLimit::Deny))(config);
            config.policy.ignore_case = ignore_case;
        });
        let user = |name| LocalUser::new(name, NtHash::from_password("wonderland-7"), "default");
        world.users = LocalUsers::new([user("alice"), user("ALICE")]);
        world.dial(&mut client("alice"));
        let mut second = client("ALICE");
        world.dial(&mut second);
        assert_eq!(second.network_up(), up);
    }
}

#[test]
fn a_user_may_have_more_than_its_group_says_and_a_group_is_full_when_it_is() {
    let limits = SessionLimits {
        group_max: Some(2),
        ..one_session(AtLimit::Deny)
    };
    let mut world = World::with(8, None, limited(limits));
    let user = |name, sessions_max| LocalUser {
        sessions_max,
        ..LocalUser::new(name, NtHash::from_password("wonderland-7"), "default")
    };
    world.users = LocalUsers::new([user("alice", Some(3)), user("bob", None)]);
    let first = world.dial(&mut client("alice"));
    let mut second = client("alice");
    world.dial(&mut second);
    assert!(second.network_up(), "three of her own");
    let mut bob = client("bob");
    world.dial(&mut bob);
    assert!(!bob.network_up());
    world.pass(Duration::from_secs(5));
    let verdict = &verdicts(&world, "bob")[0];
    assert_eq!(verdict.finding, Finding::GroupFull);
    assert!(
        words(verdict).contains("group staff has 2 sessions, of 2"),
        "{}",
        words(verdict)
    );
    world.sessions.peer_closed(first, world.now);
    world.run();
    let mut bob = client("bob");
    world.dial(&mut bob);
    assert!(bob.network_up());
}

fn guarded(users: u32, sources: u32) -> impl FnOnce(&mut SessionConfig) {
    let back_off = |failures_max| BackOff {
        failures_max: Some(failures_max),
        first: Duration::from_secs(30),
        longest: Duration::from_secs(30),
    };
    move |config| {
        config.policy = SessionPolicy {
            guard: GuardConfig {
                user: back_off(users),
                source: back_off(sources),
                ..GuardConfig::default()
            },
            ..SessionPolicy::default()
        };
    }
}

#[test]
fn a_name_is_locked_out_after_failures_and_the_right_password_does_not_help_until_it_is_over() {
    let mut world = World::with(4, None, guarded(3, 1000));
    for _ in 0..3 {
        world.dial(&mut PppClient::new("alice", "guessed"));
        world.pass(Duration::from_secs(1));
    }
    let mut right = client("alice");
    world.dial(&mut right);
    assert!(!right.network_up());
    world.pass(Duration::from_secs(5));
    let verdict = &verdicts(&world, "alice")[0];
    assert_eq!(verdict.finding, Finding::UserBackOff);
    let text = words(verdict);
    assert!(text.contains("3 log-ins under that name failed"), "{text}");
    assert!(text.contains("pns user unlock"), "{text}");
    assert!(world.sessions.forgive("alice"));
    let mut right = client("alice");
    world.dial(&mut right);
    assert!(right.network_up());
    for _ in 0..3 {
        world.dial(&mut PppClient::new("alice", "guessed"));
        world.pass(Duration::from_secs(1));
    }
    world.pass(Duration::from_secs(31));
    let mut right = client("alice");
    world.dial(&mut right);
    assert!(right.network_up());
}

#[test]
fn a_source_that_fails_too_often_gets_no_call_for_a_while() {
    let mut world = World::with(4, None, guarded(1000, 2));
    for name in ["alice", "bob"] {
        world.dial(&mut PppClient::new(name, "guessed"));
        world.pass(Duration::from_secs(1));
    }
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(0));
    assert_eq!(world.sessions.refusals().get("source_back_off"), 1);
    let accounts = world.sessions.explain(&Key::Peer(CLIENT), 5);
    let ended = accounts.into_iter().find_map(|account| match account {
        Account::Ended(verdict) => Some(*verdict),
        Account::Live { .. } => None,
    });
    let verdict = ended.unwrap();
    assert_eq!(verdict.finding, Finding::SourceBackOff);
    let text = words(&verdict);
    assert!(
        text.contains("2 in a row") && text.contains("pns explain peer"),
        "{text}"
    );
    world.pass(Duration::from_secs(31));
    let mut right = client("alice");
    world.dial(&mut right);
    assert!(right.network_up());
}
