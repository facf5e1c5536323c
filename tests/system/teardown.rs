//! The end of a call from either side, after every step of its set-up: everything that was taken
//! comes back, and one typed reason is told once.

use std::time::Duration;

use pns::session::Event;

use super::control_client as control;
use super::ppp_client::{self, LCP};
use super::server::{Setup, random};
use super::world::World;

/// How a client goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    TcpClose,
    CallClear,
    StopRequest,
    Terminate,
    Silence,
}

const FAREWELLS: [Farewell; 5] = [
    Farewell::TcpClose,
    Farewell::CallClear,
    Farewell::StopRequest,
    Farewell::Terminate,
    Farewell::Silence,
];

/// Steps of a dialogue: three messages on the control connection, then ticks. A call on a good path
/// is up after fewer.
const STAGES: usize = 28;

/// Takes the dialogue of a new client as far as `stage`, and answers its place.
fn dialogue(world: &mut World, stage: usize) -> usize {
    let place = world.add_client();
    let call_id = world.clients[place].local_call_id;
    for step in 0..=stage {
        match step {
            0 => world.connect(place),
            1 => world.say(place, &control::start_request()),
            2 => world.say(place, &control::call_request(call_id)),
            _ => world.step(),
        }
    }
    place
}

impl Farewell {
    fn say(self, world: &mut World, place: usize) {
        let now = world.now;
        let client = &mut world.clients[place];
        let (id, call_id) = (client.connection.expect("connected"), client.local_call_id);
        match self {
            Self::TcpClose => {
                world.server.sessions.peer_closed(id, now);
                client.dead = true;
            }
            Self::CallClear => world.say(place, &control::call_clear(call_id)),
            Self::StopRequest => world.say(place, &control::stop_request()),
            Self::Terminate if client.peer_call_id.is_some() => {
                client.send_ppp(ppp_client::frame(LCP, 5, 77, b""), now);
            }
            Self::Terminate | Self::Silence => client.dead = true,
        }
    }

    /// Whether a call that was requested may end for this reason.
    fn explains(self, reason: &str) -> bool {
        match self {
            Self::TcpClose => reason == "control.peer_closed",
            Self::CallClear => reason == "cleared_by_peer",
            Self::StopRequest => reason == "control.peer_stopped",
            Self::Terminate => reason == "link.peer_terminated" || is_timeout(reason),
            Self::Silence => is_timeout(reason),
        }
    }
}

/// The reason names the step in which nothing came any more.
fn is_timeout(reason: &str) -> bool {
    reason.contains("_timeout") && reason.contains('.')
}

/// Lets minutes pass, in large steps.
fn pass_minutes(world: &mut World, minutes: u64) {
    world.tick = Duration::from_millis(100);
    world.pass(Duration::from_secs(60 * minutes));
    world.tick = Duration::from_millis(1);
}

#[test]
fn a_call_that_the_client_ends_after_any_step_gives_everything_back_for_one_reason() {
    let mut world = World::new(Setup::default());
    let mut seen = std::collections::BTreeSet::new();
    for farewell in FAREWELLS {
        for stage in 0..STAGES {
            world.clients.clear();
            world.server.events.clear();
            let place = dialogue(&mut world, stage);
            if stage + 1 == STAGES {
                assert!(
                    world.is_up(place),
                    "the dialogue is longer than {STAGES} steps"
                );
            }
            farewell.say(&mut world, place);
            world.pass(Duration::from_millis(20));
            pass_minutes(&mut world, 4);
            let ends = world.server.ends();
            let calls = usize::from(stage >= 2);
            assert_eq!(
                ends.len(),
                calls,
                "{farewell:?} after step {stage}: {ends:?}"
            );
            for reason in &ends {
                assert!(
                    farewell.explains(reason),
                    "{farewell:?} after step {stage}: {reason}"
                );
                seen.insert(reason.clone());
            }
            world.server.assert_nothing_is_left();
        }
    }
    let steps = ["lcp", "ccp", "ipcp"].map(|step| format!("link.negotiation_timeout_{step}"));
    for reason in steps
        .iter()
        .map(String::as_str)
        .chain(["link.authentication_timeout"])
    {
        assert!(seen.contains(reason), "{reason} is not among {seen:?}");
    }
}

#[test]
fn a_stop_of_the_server_after_any_step_ends_every_call_for_one_reason() {
    for stage in 0..STAGES {
        let mut world = World::new(Setup::default());
        let first = world.bring_up();
        let second = dialogue(&mut world, stage);
        world.server.sessions.stop(world.now);
        world.pass(Duration::from_secs(4));
        let ends = world.server.ends();
        assert_eq!(
            ends.len(),
            1 + usize::from(stage >= 2),
            "after step {stage}: {ends:?}"
        );
        for reason in &ends {
            assert_eq!(reason, "administrative_stop", "after step {stage}");
        }
        assert!(world.clients[first].ppp.terminated, "LCP said goodbye");
        assert!(world.clients[first].disconnected && world.clients[second].disconnected);
        world.server.assert_nothing_is_left();
    }
}

#[test]
fn a_worker_without_room_refuses_and_the_calls_before_it_go_on() {
    let mut world = World::new(Setup {
        flows: 2,
        ..Setup::default()
    });
    let places: Vec<usize> = (0..24).map(|_| world.add_client()).collect();
    for place in &places {
        world.dial(*place);
    }
    world.pass(Duration::from_millis(100));
    let up: Vec<usize> = places
        .iter()
        .copied()
        .filter(|place| world.is_up(*place))
        .collect();
    assert_eq!(up.len(), 6, "three workers with two flows each");
    let ends = world.server.ends();
    assert_eq!(ends, vec!["worker.slab_full"; 18]);
    assert_eq!(world.server.sessions.live_call_ids(), 6);
    assert_eq!(world.server.sessions.pool_usage()[0].used, 6);
    for place in up {
        world.client_counts(place, 0..5);
    }
    world.pass(Duration::from_millis(20));
    assert_eq!(world.host.len(), 30);
    for place in places {
        Farewell::TcpClose.say(&mut world, place);
    }
    world.pass(Duration::from_millis(20));
    assert_eq!(world.server.ends().len(), 24);
    world.server.assert_nothing_is_left();
}

/// A place that was given back is as good as new: counters start from nothing.
#[test]
fn counters_of_a_call_do_not_inherit_from_the_call_before_it() {
    let mut world = World::new(Setup {
        flows: 1,
        ..Setup::default()
    });
    let mut up = 0;
    for round in 0..12u32 {
        world.clients.clear();
        world.server.events.clear();
        let place = world.add_client();
        world.dial(place);
        world.pass(Duration::from_millis(60));
        assert!(world.is_up(place), "round {round}");
        up += 1;
        world.client_counts(place, 0..round);
        world.pass(Duration::from_millis(5));
        Farewell::TcpClose.say(&mut world, place);
        world.pass(Duration::from_millis(5));
        let packets = |event: &Event| match event {
            Event::CallEnded { totals, .. } => {
                Some((totals.upstream_packets, totals.upstream_lost))
            }
            _ => None,
        };
        let bills: Vec<_> = world.server.events.iter().filter_map(packets).collect();
        assert_eq!(bills, [(u64::from(round), 0)]);
        world.server.assert_nothing_is_left();
    }
    assert_eq!(up, 12);
}

#[test]
fn nothing_leaks_in_a_thousand_random_calls() {
    let mut seed = 0x5eed_0001;
    println!("seed {seed:#x}");
    let mut world = World::new(Setup {
        flows: 16,
        seed,
        ..Setup::default()
    });
    let (mut requested, mut ended, mut refused) = (0, 0, 0);
    for _ in 0..20 {
        for _ in 0..50 {
            let stage = (random(&mut seed) % (STAGES as u64 + 10)) as usize;
            let place = dialogue(&mut world, stage);
            requested += usize::from(stage >= 2);
            if world.is_up(place) {
                world.client_counts(place, 0..3);
                world.host_counts(place, 0..3);
            }
            let farewell = FAREWELLS[(random(&mut seed) % FAREWELLS.len() as u64) as usize];
            farewell.say(&mut world, place);
            for _ in 0..random(&mut seed) % 4 {
                world.step();
            }
        }
        pass_minutes(&mut world, 4);
        ended += world.server.ends().len();
        refused += world
            .server
            .count_events(|it| matches!(it, Event::CallRefused { .. }));
        world.server.assert_nothing_is_left();
        world.server.events.clear();
        world.clients.clear();
    }
    assert_eq!(ended + refused, requested, "each call ends once");
    assert!(ended > 900, "{ended}");
}
