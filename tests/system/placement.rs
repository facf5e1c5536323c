//! Which worker gets a call: the one whose queue its GRE comes in by, unless that one is full.

use std::net::Ipv4Addr;

use pns::session::NearestWorker;

use super::server::{Setup, WORKERS};
use super::world::{World, queue_between};

fn calls_of_workers(world: &World) -> Vec<usize> {
    let calls = |worker| world.server.sessions.calls_of(worker);
    (0..WORKERS).map(calls).collect()
}

/// So many clients who came in one after the other, with calls placed by `nearest`.
fn with_clients(count: usize, nearest: NearestWorker) -> World {
    let mut world = World::new(Setup::default());
    world.server.sessions.place_by(nearest);
    for _ in 0..count {
        world.bring_up();
    }
    world
}

#[test]
fn a_call_is_placed_where_its_gre_comes_in() {
    let nearest = |local: Ipv4Addr, peer: Ipv4Addr| u8::try_from(queue_between(peer, local)).ok();
    let world = with_clients(12, Box::new(nearest));
    let sessions = &world.server.sessions;
    let mut seen = 0;
    for call in sessions.views_in(0..sessions.places()) {
        let queue = queue_between(call.peer_address, call.local_address);
        assert_eq!(usize::from(call.worker), queue, "{}", call.peer_address);
        seen += 1;
    }
    assert_eq!(seen, 12);
    assert!(calls_of_workers(&world).iter().all(|calls| *calls > 0));
}

#[test]
fn a_worker_that_is_full_leaves_the_rest_to_the_others() {
    let world = with_clients(30, Box::new(|_local, _peer| Some(1)));
    let calls = calls_of_workers(&world);
    assert_eq!(calls.iter().sum::<usize>(), 30);
    // Its third, a quarter of that, eight, and the one that made it full.
    assert!((18..=22).contains(&calls[1]), "{calls:?}");
    assert!(calls[0] > 0 && calls[2] > 0, "{calls:?}");
}

#[test]
fn a_worker_without_calls_is_nobodys_choice() {
    let world = with_clients(6, Box::new(|_local, _peer| Some(WORKERS)));
    assert_eq!(calls_of_workers(&world).iter().sum::<usize>(), 6);
}
