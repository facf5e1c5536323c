//! Servers that fail in each way, connections that are shared or not, and what stays behind.

use super::*;
use crate::aaa::Rejection;
use crate::aaa::tacacs::Fault;

fn silent() -> Script {
    Script {
        answers: false,
        ..Script::default()
    }
}

fn counted(world: &World, server: usize, fault: Fault) -> u64 {
    let view = world.client.servers(world.now).nth(server).unwrap();
    view.counters.faults[fault.index()]
}

/// Nothing is left of what was asked.
fn assert_clean(world: &World) {
    for view in world.client.servers(world.now) {
        assert_eq!(view.outstanding, 0);
        assert!(view.connections <= 1, "{} connections", view.connections);
    }
}

#[test]
fn each_failure_of_a_server_leads_to_the_next_and_is_counted() {
    let unhidden = Script {
        flags: flag::UNENCRYPTED,
        ..Script::default()
    };
    let stranger = Script {
        secret: "another",
        ..Script::default()
    };
    let failing = Script {
        status: Status::Error,
        ..Script::default()
    };
    let absent = Script {
        listens: false,
        ..Script::default()
    };
    for (bad, fault, dies) in [
        (unhidden, Fault::Unhidden, false),
        (stranger, Fault::Unreadable, false),
        (failing, Fault::ServerError, false),
        (absent, Fault::Unreachable, true),
        (silent(), Fault::Silent, true),
    ] {
        let mut world = World::new(vec![bad, Script::default()]);
        world.granted(&pap());
        assert_eq!(counted(&world, 0, fault), 1, "{fault}");
        assert_eq!(world.events == [Event::Dead(0, fault)], dies, "{fault}");
        assert_clean(&world);
        // What is dead is not asked again for a while.
        let asked = world.asked(0);
        world.granted(&pap());
        assert_eq!(world.asked(0) == asked, dies, "{fault}");
    }
}

#[test]
fn without_any_answer_each_server_is_named_with_its_fault() {
    let absent = Script {
        listens: false,
        ..Script::default()
    };
    let mut world = World::new(vec![absent, silent()]);
    let denial = world.denied(&pap());
    assert_eq!(denial.rejection, Rejection::TacacsNoAnswer);
    let detail = denial.detail.unwrap();
    assert!(
        detail.contains("\"t0\" (192.0.2.0:49) cannot be reached"),
        "{detail}"
    );
    assert!(
        detail.contains("\"t1\" (192.0.2.1:49) said nothing"),
        "{detail}"
    );
    assert_clean(&world);
}

#[test]
fn a_dead_server_is_asked_again_after_its_time_and_said_to_be_alive() {
    let mut world = World::new(vec![silent(), Script::default()]);
    world.granted(&pap());
    world.servers[0].answers = true;
    world.granted(&pap());
    assert!(!world.events.contains(&Event::Alive(0)));
    world.pass(Duration::from_secs(30));
    world.granted(&pap());
    assert!(
        world.events.contains(&Event::Alive(0)),
        "{:?}",
        world.events
    );
}

#[test]
fn the_only_server_is_asked_even_if_it_is_dead() {
    let mut world = World::new(vec![silent()]);
    world.denied(&pap());
    world.servers[0].answers = true;
    world.granted(&pap());
}

#[test]
fn a_server_that_does_not_share_gets_a_connection_for_each_session_and_a_bound() {
    let script = Script {
        shares: false,
        ..Script::default()
    };
    let timing = Timing {
        connections_max: 3,
        ..Timing::default()
    };
    let mut world = World::with(vec![script], timing, vec![Layer::Ip]);
    let tickets: Vec<_> = (0..20).map(|_| world.ask(&pap())).collect();
    let opening = world.client.servers(world.now).next().unwrap().connections;
    assert_eq!(opening, 3);
    world.pass(Duration::from_secs(1));
    assert!(
        tickets
            .iter()
            .all(|ticket| world.decided.contains_key(ticket))
    );
    assert_eq!(world.opened, [40], "one for each question");
    let view = world.client.servers(world.now).next().unwrap();
    assert_eq!((view.connections, view.shares), (0, Some(false)));
    assert!(world.wires.is_empty());
}

#[test]
fn a_server_that_shares_gets_one_connection_which_is_closed_when_idle() {
    let mut world = World::new(vec![Script::default()]);
    world.granted(&pap());
    let tickets: Vec<_> = (0..20).map(|_| world.ask(&pap())).collect();
    world.pass(Duration::from_secs(1));
    assert!(
        tickets
            .iter()
            .all(|ticket| world.decided.contains_key(ticket))
    );
    assert_eq!(world.opened, [1]);
    world.pass(Duration::from_secs(70));
    assert!(world.wires.is_empty());
    world.granted(&pap());
    assert_eq!(world.opened, [2]);
}

#[test]
fn what_is_on_its_way_when_a_server_closes_is_put_again_once() {
    let mut world = World::new(vec![Script::default()]);
    world.granted(&pap());
    world.servers[0].answers = false;
    let ticket = world.ask(&pap());
    world.settle();
    // As a server may that has had enough of an idle connection (RFC 8907 §4.3).
    let (id, _) = world.wires.drain().next().unwrap();
    world.servers[0].answers = true;
    world.client.closed(id, world.now);
    world.settle();
    assert!(matches!(
        world.decided.get(&ticket),
        Some(Decision::Accept(_))
    ));
    assert_eq!(world.opened, [2]);
}

#[test]
fn questions_beyond_the_bound_are_refused_at_once() {
    let timing = Timing {
        questions_max: 5,
        ..Timing::default()
    };
    let mut world = World::with(vec![silent()], timing, Vec::new());
    let tickets: Vec<_> = (0..6).map(|_| world.ask(&pap())).collect();
    world.settle();
    let Some(Decision::Deny(denial)) = world.decided.remove(&tickets[5]) else {
        panic!("not refused")
    };
    assert_eq!(denial.rejection, Rejection::TacacsOverloaded);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.decided.len(), 5);
    assert_clean(&world);
}

#[test]
fn one_lost_answer_on_a_shared_connection_kills_neither_it_nor_the_server() {
    let mut world = World::new(vec![Script::default(), Script::default()]);
    world.granted(&pap());
    world.servers[0].answers = false;
    let lost = world.ask(&pap());
    world.pass(Duration::from_secs(1));
    world.servers[0].answers = true;
    let other = world.ask(&pap());
    world.pass(Duration::from_secs(5));
    for ticket in [lost, other] {
        assert!(matches!(
            world.decided.get(&ticket),
            Some(Decision::Accept(_))
        ));
    }
    assert_eq!((world.asked(1), counted(&world, 0, Fault::Silent)), (3, 1));
    assert_eq!(world.events, []);
    // Its answer after all.
    let view = world.client.servers(world.now).next().unwrap();
    assert_eq!((view.connections, view.outstanding), (1, 0));
}

/// A minute of nonsense: nothing panics, nothing is believed, and every log-in is decided.
#[test]
fn nonsense_from_a_server_breaks_its_connection_only() {
    let mut world = World::new(vec![silent(), Script::default()]);
    for round in 0..200_u32 {
        let ticket = world.ask(&pap());
        world.settle();
        let wires: Vec<_> = world
            .wires
            .iter()
            .map(|(id, server)| (*id, *server))
            .collect();
        for (id, _) in wires.into_iter().filter(|(_, server)| *server == 0) {
            let bytes: Vec<u8> = (0..40_u32)
                .map(|at| (round.wrapping_mul(2_654_435_761) >> (at % 24)).to_le_bytes()[0])
                .collect();
            // Some begin as they should.
            let front: &[u8] = if round % 2 == 0 {
                &[0xc1, 1, 2, 0, 7, 7, 7, 7]
            } else {
                &[]
            };
            world
                .client
                .receive(id, &[front, &bytes].concat(), world.now);
        }
        world.pass(Duration::from_secs(40));
        assert!(matches!(
            world.decided.remove(&ticket),
            Some(Decision::Accept(_))
        ));
        assert_clean(&world);
    }
}

#[test]
fn a_secret_that_is_replaced_while_questions_are_out_costs_them_nothing() {
    const OTHER: &str = "another between the two";
    for shares in [true, false] {
        // It has the other one already, and says nothing to who does not.
        let script = Script {
            secret: OTHER,
            answers: false,
            shares,
            ..Script::default()
        };
        let mut world = World::new(vec![script]);
        let tickets = [world.ask(&pap()), world.ask(&pap())];
        world.pass(Duration::from_millis(1500));
        world.servers[0].answers = true;
        let other = Secret::from(OTHER.to_owned());
        world.client.set_secret("t0", &other, world.now);
        world.pass(Duration::from_millis(100));
        for ticket in tickets {
            let decision = world.decided.remove(&ticket);
            assert!(matches!(decision, Some(Decision::Accept(_))), "{shares}");
        }
        let view = world.client.servers(world.now).next().unwrap();
        assert_eq!((view.outstanding, view.counters.faults), (0, [0; 8]));
        // The same once more, or that of somebody else, changes nothing.
        world.servers[0].answers = false;
        let ticket = world.ask(&pap());
        world.settle();
        let opened = world.opened[0];
        for name in ["t0", "t1"] {
            world.client.set_secret(name, &other, world.now);
        }
        world.settle();
        assert_eq!(world.opened[0], opened);
        assert!(!world.decided.contains_key(&ticket));
    }
}
