//! Whether a client that sends user data is asked whether it is there: the slow path sees no data, and
//! hears of it by the worker's counters.

use std::time::Duration;

use pns::session::SessionConfig;

use super::server::{Setup, link_of};
use super::world::World;

/// A minute and a half of a client that sends a datagram every five seconds, or none; answers how often it
/// was asked.
fn asked(echo_adaptive: bool, busy: bool) -> usize {
    let adjust: fn(&mut SessionConfig) = if echo_adaptive {
        |config| link_of(config).echo_adaptive = true
    } else {
        |_| {}
    };
    let mut world = World::new(Setup {
        adjust,
        ..Setup::default()
    });
    let place = world.bring_up();
    world.tick = Duration::from_millis(20);
    for number in 0..18 {
        if busy {
            world.client_counts(place, number..number + 1);
        }
        world.pass(Duration::from_secs(5));
    }
    let lease = world.lease(place);
    let round_trip = world.server.call(lease).round_trip;
    let requests = world.clients[place].ppp.echo_requests;
    assert_eq!(round_trip.is_some(), requests > 0);
    assert_eq!(world.server.ends(), [""; 0]);
    requests
}

#[test]
fn rfc1661_s5_8_only_a_silent_client_is_asked_if_told_so() {
    assert_eq!(asked(true, true), 0);
    assert!(asked(true, false) >= 4);
    assert!(asked(false, true) >= 4);
}
