//! A live call whose client starts LCP over: it logs in again and goes on with new keys; nothing
//! passes in between, nothing in the clear, and nothing that was encrypted before means anything after.

use std::time::Duration;

use pns::dataplane::DropReason;
use pns::mppe::decrypt::DecryptRefusal;

use super::packets::{self, numbered, numbers};
use super::server::{HOST, Setup};
use super::world::World;

const LIMIT: Duration = Duration::from_secs(5);

/// Starts LCP over and waits until the call is up again. The host sends all the while; answers how
/// many datagrams it sent into the void.
fn start_over(world: &mut World, place: usize) -> u32 {
    let now = world.now;
    world.clients[place].restart_lcp(now);
    let (end, mut sent) = (now + LIMIT, 0);
    while !world.is_up(place) {
        assert!(world.now < end, "{:?}", world.server.ends());
        world.host_counts(place, sent..sent + 1);
        sent += 1;
        world.step();
    }
    sent
}

#[test]
fn rfc1661_s3_4_a_call_that_starts_over_goes_on_with_new_keys() {
    let mut world = World::new(Setup::default());
    let place = world.bring_up();
    let lease = world.lease(place);
    world.client_counts(place, 0..20);
    world.host_counts(place, 0..20);
    world.pass(Duration::from_millis(50));
    // A frame under the first keys, kept for later.
    let old = world.clients[place].encrypted(&numbered(lease, HOST, 999));

    for round in 0..3 {
        world.host.clear();
        world.clients[place].received.clear();
        let sent = start_over(&mut world, place);
        assert!(sent > 3, "round {round}: the host did not send in between");
        assert_eq!(world.lease(place), lease, "the lease stays");
        // What the host sent while the call was suspended is dropped, and not in secret.
        let dropped = world.server.dropped(DropReason::NotForwarding)
            + world.server.dropped(DropReason::EncryptionNotReady);
        assert!(dropped > 0, "{:?}", world.server.drops());
        world.pass(Duration::from_millis(20));
        world.clients[place].received.clear();
        world.client_counts(place, 100..160);
        world.host_counts(place, 100..160);
        world.pass(Duration::from_millis(100));
        let wanted: Vec<u32> = (100..160).collect();
        assert_eq!(numbers(&world.host), wanted, "upstream, round {round}");
        let received = numbers(&world.clients[place].received);
        assert_eq!(received, wanted, "downstream, round {round}");
    }
    // What was under way when the client forgot its keys is all that it could not read.
    let client = &world.clients[place];
    assert_eq!(client.in_clear, 0);
    let unread = client.refused.iter();
    assert!(
        unread.clone().all(|&it| it == DecryptRefusal::NoKeys) && unread.count() <= 3,
        "{:?}",
        client.refused
    );

    // The old frame with a new sequence number: its key is gone.
    let now = world.now;
    world.clients[place].send_ppp(old, now);
    world.pass(Duration::from_millis(20));
    assert!(!numbers(&world.host).contains(&999));
    // One call, one bill.
    assert_eq!(world.server.ends(), [""; 0]);
    let totals = world.server.totals(lease);
    assert!(totals.upstream_packets >= 20 + 3 * 60, "{totals:?}");
    world.server.assert_conserved();
    world.server.assert_no_command_was_refused();
}

#[test]
fn a_suspended_call_takes_neither_clear_nor_encrypted_frames() {
    let mut world = World::new(Setup::default());
    let place = world.bring_up();
    let lease = world.lease(place);
    let encrypted = world.clients[place].encrypted(&numbered(lease, HOST, 1));
    let mut clear = vec![0xff, 0x03, 0x00, 0x21];
    clear.extend(numbered(lease, HOST, 2));
    let now = world.now;
    world.clients[place].restart_lcp(now);
    // The request arrives, and the worker has been told.
    world.pass(Duration::from_millis(3));
    world.host.clear();
    assert!(!world.is_up(place));
    let now = world.now;
    for frame in [encrypted, clear] {
        world.clients[place].send_ppp(frame, now);
    }
    world.step();
    world.step();
    assert_eq!(world.host, Vec::<Vec<u8>>::new());
    assert_eq!(world.server.dropped(DropReason::MppeNotArmed), 1);
    assert_eq!(world.server.dropped(DropReason::PlaintextRefused), 1);
    world.run_until(LIMIT, |world| world.is_up(place));
    world.client_counts(place, 7..9);
    world.pass(Duration::from_millis(20));
    assert_eq!(packets::numbers(&world.host), [7, 8]);
}

#[test]
fn another_name_on_a_live_call_ends_it() {
    let mut world = World::new(Setup::default());
    let place = world.bring_up();
    let now = world.now;
    world.clients[place].ppp.name = "bob".into();
    world.clients[place].ppp.password = "builder-3".into();
    world.clients[place].restart_lcp(now);
    world.run_until(LIMIT, |world| !world.server.ends().is_empty());
    assert_eq!(world.server.ends(), ["link.identity_changed"]);
}
