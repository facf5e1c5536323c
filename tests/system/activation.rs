//! Activation has two halves: whatever the client was entitled to send arrives, in whichever order
//! Acks and data come, and what the host sends once the network is up arrives as well.

use std::time::Duration;

use super::client::Delay;
use super::packets::{numbered, numbers};
use super::ppp_client::{CCP, IPCP, LCP};
use super::server::{HOST, Setup};
use super::world::World;

const HELD: Duration = Duration::from_millis(50);
/// Datagrams that the client sends as soon as it may, in one burst with its Ack.
const EAGER: u32 = 60;

/// Dials with these delays and an eager client; everything must arrive both ways, in order.
fn nothing_is_lost(delays: &[(u16, Delay)], slow_path_every: u32) {
    let mut world = World::new(Setup::default());
    let place = world.add_client();
    world.clients[place].delays = delays.to_vec();
    // The lease is not known yet, but the pool gives its first address to the first call.
    let lease = "10.77.0.100".parse().unwrap();
    let backlog = (0..EAGER).map(|number| numbered(lease, HOST, number));
    world.clients[place].backlog = backlog.collect();
    world.dial(place);
    let (mut turn, end) = (0, world.now + Duration::from_secs(10));
    while !world.is_up(place) {
        assert!(world.now < end, "{delays:?}: {:?}", world.server.ends());
        turn += 1;
        world.server.slow_path_stalls = !u32::is_multiple_of(turn, slow_path_every);
        world.step();
    }
    assert_eq!(world.lease(place), lease);
    world.server.slow_path_stalls = false;
    world.host_counts(place, 0..EAGER);
    world.pass(Duration::from_millis(100));
    let wanted: Vec<u32> = (0..EAGER).collect();
    assert_eq!(
        numbers(&world.host),
        wanted,
        "upstream, {delays:?}: {:?}",
        world.server.drops()
    );
    assert_eq!(
        numbers(&world.clients[place].received),
        wanted,
        "downstream, {delays:?}"
    );
    assert_eq!(world.server.drops(), []);
    assert_eq!(
        (
            world.clients[place].in_clear,
            world.clients[place].refused.len()
        ),
        (0, 0)
    );
    let totals = world.server.totals(lease);
    assert_eq!(totals.upstream_packets, u64::from(EAGER));
    assert_eq!(totals.downstream_packets, u64::from(EAGER));
    world.server.assert_conserved();
    world.server.assert_no_command_was_refused();
}

/// A prompt slow path, and one that looks around every 20 ms only.
fn nothing_is_lost_whatever_the_pace(delays: &[(u16, Delay)]) {
    for slow_path_every in [1, 2, 20] {
        nothing_is_lost(delays, slow_path_every);
    }
}

#[test]
fn a_prompt_client_loses_nothing() {
    nothing_is_lost_whatever_the_pace(&[]);
}

#[test]
fn rfc1661_s4_an_ack_held_back_with_data_right_behind_it() {
    for protocol in [LCP, CCP, IPCP] {
        nothing_is_lost_whatever_the_pace(&[(protocol, Delay::Stall(HELD))]);
    }
}

#[test]
fn rfc1661_s4_all_acks_held_back_together() {
    let delays = [LCP, CCP, IPCP].map(|protocol| (protocol, Delay::Stall(HELD)));
    nothing_is_lost_whatever_the_pace(&delays);
}

#[test]
fn rfc3078_s2_the_client_opens_on_our_ack_and_its_data_overtakes_its_own_ack() {
    for protocol in [LCP, CCP, IPCP] {
        nothing_is_lost_whatever_the_pace(&[(protocol, Delay::Overtaken(HELD))]);
    }
    let delays = [CCP, IPCP].map(|protocol| (protocol, Delay::Overtaken(HELD)));
    nothing_is_lost_whatever_the_pace(&delays);
}

#[test]
fn rfc3078_s2_the_client_opens_on_our_ack_and_its_own_ack_is_lost() {
    for protocol in [LCP, CCP, IPCP] {
        nothing_is_lost_whatever_the_pace(&[(protocol, Delay::Lost)]);
    }
}

#[test]
fn every_way_to_treat_every_ack() {
    let ways = [
        None,
        Some(Delay::Stall(HELD)),
        Some(Delay::Overtaken(HELD)),
        Some(Delay::Lost),
    ];
    for lcp in ways {
        for ccp in ways {
            for ipcp in ways {
                let delays: Vec<_> = [(LCP, lcp), (CCP, ccp), (IPCP, ipcp)]
                    .into_iter()
                    .filter_map(|(protocol, way)| way.map(|way| (protocol, way)))
                    .collect();
                nothing_is_lost(&delays, 3);
            }
        }
    }
}
