//! A path that loses, repeats and reorders GRE both ways, from the first frame of the set-up on.

use std::time::Duration;

use pns::dataplane::DropReason;
use pns::mppe::decrypt::DecryptRefusal;

use super::packets::numbers;
use super::server::{Setup, random};
use super::world::{Path, World};

/// What a late or repeated frame is refused for: nothing else may be lost inside the server.
const LATE: [DropReason; 5] = [
    DropReason::SequenceDuplicate,
    DropReason::SequenceOutOfWindow,
    DropReason::MppeDuplicate,
    DropReason::MppeKeyGone,
    DropReason::MppeFarCount,
];

fn path(seed: &mut u64, most: u64) -> Path {
    let mut percent = || (random(seed) % (most + 1)) as u8;
    let (loss, duplication, reordering) = (percent(), percent(), percent());
    Path {
        loss,
        duplication,
        reordering,
        late_ms_max: 1 + random(seed) % 40,
        delay_ms: 0,
    }
}

/// Everything that arrived was sent, once, and nothing else was refused than late and repeated frames.
fn assert_clean(world: &World, place: usize, story: &str) {
    for (reason, frames) in world.server.drops() {
        assert!(
            LATE.contains(&reason),
            "{story}: {frames} frames were lost for {reason}"
        );
    }
    for refusal in &world.clients[place].refused {
        let late = [DecryptRefusal::Duplicate, DecryptRefusal::KeyGone];
        assert!(
            late.contains(refusal),
            "{story}: the client could not decrypt: {refusal}"
        );
    }
    assert_eq!(world.clients[place].in_clear, 0, "{story}");
    world.server.assert_conserved();
    world.server.assert_no_command_was_refused();
}

/// How many different numbers there are; each came once.
fn distinct(mut all: Vec<u32>, story: &str) -> u64 {
    let arrived = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), arrived, "{story}: a packet was delivered twice");
    arrived as u64
}

#[test]
fn a_call_over_a_bad_path_comes_up_or_ends_for_a_typed_reason() {
    let mut seed = 0x5eed_0002;
    println!("seed {seed:#x}");
    let (mut up, mut ended) = (0, Vec::new());
    for round in 0..60 {
        let mut world = World::new(Setup {
            seed: seed ^ round,
            flows: 2,
            ..Setup::default()
        });
        world.tick = Duration::from_millis(5);
        world.path = path(&mut seed, 20);
        let story = format!("round {round}, {:?}", world.path);
        let place = world.add_client();
        world.dial(place);
        let limit = world.now + Duration::from_secs(60);
        while !world.is_up(place) && world.server.ends().is_empty() && world.now < limit {
            world.step();
        }
        let ends = world.server.ends();
        if ends.is_empty() {
            assert!(world.is_up(place), "{story}: neither up nor ended");
            up += 1;
            for burst in 0..20u32 {
                world.client_counts(place, burst * 10..burst * 10 + 10);
                world.host_counts(place, burst * 10..burst * 10 + 10);
                world.pass(Duration::from_millis(50));
            }
            world.pass(Duration::from_millis(500));
            let (sent, lost) = (200, u64::from(world.path.loss));
            let least = sent * (100 - lost) / 100 - 40;
            let arrived = distinct(numbers(&world.host), &story);
            assert!(
                arrived >= least,
                "{story}: {arrived} of {sent} reached the host"
            );
            let arrived = distinct(numbers(&world.clients[place].received), &story);
            assert!(
                arrived >= least,
                "{story}: {arrived} of {sent} reached the client"
            );
        } else {
            assert_eq!(ends.len(), 1, "{story}");
            assert!(ends[0].starts_with("link."), "{story}: {ends:?}");
            ended.extend(ends);
            world.clients[place].dead = true;
            world.pass(Duration::from_secs(5));
            world.server.assert_no_call_is_left();
        }
        assert_clean(&world, place, &story);
    }
    println!("{up} came up; the others: {ended:?}");
    assert!(up >= 50, "{up} of 60 came up; the others: {ended:?}");
}

/// Reordering alone loses nothing: whatever comes late comes late, and decrypts.
#[test]
fn rfc2637_s4_4_what_is_overtaken_a_little_is_still_delivered() {
    let mut world = World::new(Setup::default());
    let place = world.bring_up();
    world.path = Path {
        reordering: 30,
        late_ms_max: 8,
        ..Path::default()
    };
    for burst in 0..200u32 {
        world.client_counts(place, burst * 3..burst * 3 + 3);
        world.host_counts(place, burst * 3..burst * 3 + 3);
        world.step();
    }
    world.path = Path::default();
    world.pass(Duration::from_millis(50));
    let mut upstream = numbers(&world.host);
    assert!(!upstream.is_sorted(), "the path did reorder");
    upstream.sort_unstable();
    assert_eq!(
        upstream,
        (0..600).collect::<Vec<_>>(),
        "{:?}",
        world.server.drops()
    );
    let mut downstream = numbers(&world.clients[place].received);
    downstream.sort_unstable();
    assert_eq!(downstream, (0..600).collect::<Vec<_>>());
    assert_eq!(world.server.drops(), []);
    assert_eq!(
        world.server.totals(world.lease(place)).upstream_lost,
        0,
        "late, not lost"
    );
    world.server.assert_conserved();
}

/// A minute of data over a path that loses every tenth frame, in bursts and with pauses.
#[test]
fn no_call_is_lost_in_a_minute_with_a_tenth_of_all_frames_lost() {
    let mut seed = 0x5eed_0003;
    println!("seed {seed:#x}");
    let mut world = World::new(Setup {
        seed,
        ..Setup::default()
    });
    let places: Vec<usize> = (0..6).map(|_| world.bring_up()).collect();
    world.tick = Duration::from_millis(10);
    world.path = Path {
        loss: 10,
        duplication: 2,
        reordering: 5,
        late_ms_max: 30,
        delay_ms: 0,
    };
    let end = world.now + Duration::from_secs(60);
    let mut next = vec![0u32; places.len()];
    while world.now < end {
        for place in &places {
            if random(&mut seed).is_multiple_of(3) {
                let first = next[*place];
                let burst = 1 + (random(&mut seed) % 4) as u32;
                world.client_counts(*place, first..first + burst);
                world.host_counts(*place, first..first + burst);
                next[*place] += burst;
            }
        }
        world.step();
    }
    world.path = Path::default();
    // A loss shows when something comes after it.
    for place in &places {
        world.client_counts(*place, next[*place]..next[*place] + 1);
        world.host_counts(*place, next[*place]..next[*place] + 1);
        next[*place] += 1;
    }
    world.pass(Duration::from_millis(200));
    assert_eq!(world.server.ends(), Vec::<String>::new(), "no call ended");
    for place in places {
        assert!(world.is_up(place));
        let sent = u64::from(next[place]);
        let story = format!("client {place}");
        let arrived = distinct(numbers(&world.clients[place].received), &story);
        assert!(
            (sent * 87 / 100..=sent * 93 / 100).contains(&arrived),
            "{arrived} of {sent}"
        );
        let totals = world.server.totals(world.lease(place));
        assert_eq!(totals.downstream_packets, sent);
        let counted = totals.upstream_packets;
        assert!(
            (sent * 87 / 100..=sent * 93 / 100).contains(&counted),
            "{counted} of {sent}"
        );
        // Frames that never came are counted as such, data and control together.
        let lost = totals.upstream_lost;
        assert!(
            lost >= sent - counted && lost <= sent - counted + 60,
            "{lost} lost"
        );
        assert_clean(&world, place, &story);
    }
}
