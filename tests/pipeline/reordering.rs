//! A path that loses order: what the pipeline delivers, and what a receiver that drops whatever is
//! late would. `docs/reordering.md` shows the figures, and is held to them here.

use std::time::Duration;

use pns::dataplane::GreConfig;
use pns::flow::Encryption;
use pns::mppe::keys::{Mode, Strength, Suite};

use crate::client::Client;
use crate::lab::{ACCESS, HOST, Lab, Plan, policy};
use crate::packets::udp;

const FRAMES: u32 = 20_000;
const STATEFUL: Suite = Suite {
    strength: Strength::Bits128,
    mode: Mode::Stateful,
};
/// A frame that is late is overtaken by 1 to this many others: inside the window of kept keys.
const LATE_MAX: u64 = 48;
/// 100,000 frames a second.
const FRAME_TIME: Duration = Duration::from_micros(10);
/// Where the number of a packet is: behind IPv4 and UDP headers.
const NUMBER: std::ops::Range<usize> = 28..32;

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
}

/// The order in which frames arrive on a path that makes so many of a hundred late.
fn arrivals(percent: u64) -> Vec<u32> {
    let mut state = 0x5eed_0000 | percent;
    let mut arrivals: Vec<(u64, u32)> = (0..FRAMES)
        .map(|number| {
            let is_late = random(&mut state) % 100 < percent;
            let by = 1 + random(&mut state) % LATE_MAX;
            (
                u64::from(number) * 2 + if is_late { by * 2 + 1 } else { 0 },
                number,
            )
        })
        .collect();
    arrivals.sort_unstable();
    arrivals.into_iter().map(|(_, number)| number).collect()
}

/// A receiver that takes a frame only if none after it has come: how many it drops, and how many
/// frames behind the newest the latest one is.
fn in_order(arrivals: &[u32]) -> (u32, u32) {
    let (mut newest, mut dropped, mut furthest) = (0, 0, 0);
    for number in arrivals {
        if *number < newest {
            dropped += 1;
            furthest = furthest.max(newest - number);
        }
        newest = newest.max(*number);
    }
    (dropped, furthest)
}

fn frames(client: &mut Client) -> Vec<Vec<u8>> {
    (0..FRAMES)
        .map(|number| {
            let mut packet = udp(client.lease, HOST, 20);
            packet[NUMBER].copy_from_slice(&number.to_be_bytes());
            client.data(&packet)
        })
        .collect()
}

/// What became of the frames.
struct Outcome {
    lost: usize,
    /// The longest that a frame waited.
    added: Duration,
    in_order: bool,
}

/// Sends the frames in this order, one a frame time.
fn carry(mut lab: Lab, client: &mut Client, arrivals: &[u32]) -> Outcome {
    let frames = frames(client);
    let mut arrived = vec![Duration::ZERO; frames.len()];
    let (mut now, mut added, mut numbers) = (Duration::ZERO, Duration::ZERO, Vec::new());
    let mut receive = |lab: &mut Lab, arrived: &[Duration], now: Duration| {
        for packet in lab.network_received() {
            let number = u32::from_be_bytes(packet[NUMBER].try_into().unwrap());
            added = added.max(now - arrived[number as usize]);
            numbers.push(number);
        }
    };
    for number in arrivals {
        now += FRAME_TIME;
        arrived[*number as usize] = now;
        lab.push(0, ACCESS, &frames[*number as usize]);
        lab.advance(FRAME_TIME);
        receive(&mut lab, &arrived, now);
        lab.sent(ACCESS);
    }
    for _ in 0..20 {
        now += Duration::from_millis(1);
        lab.advance(Duration::from_millis(1));
        receive(&mut lab, &arrived, now);
    }
    let in_order = numbers.is_sorted();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(lab.drops(), []);
    let totals = lab.close(client);
    assert_eq!(
        totals.upstream_lost,
        u64::from(FRAMES) - numbers.len() as u64
    );
    if in_order {
        assert_eq!(totals.upstream_late, 0);
    } else {
        let (late, furthest) = self::in_order(arrivals);
        assert_eq!(totals.upstream_late, u64::from(late));
        assert_eq!(totals.late_distance_max, u64::from(furthest));
    }
    Outcome {
        lost: frames.len() - numbers.len(),
        added,
        in_order,
    }
}

fn lab(hold_packets: u16) -> Lab {
    let mut plan = Plan {
        workers: 1,
        ..Plan::default()
    };
    plan.config.gre = GreConfig {
        hold_packets,
        ..GreConfig::default()
    };
    Lab::of(plan)
}

/// A row of the table in the documentation.
fn row(percent: u64) -> String {
    let arrivals = arrivals(percent);
    let (dropped, furthest) = in_order(&arrivals);

    let mut encrypted = lab(0);
    let mut client = encrypted.dial(7, 2, policy(Encryption::Required));
    let kept_keys = carry(encrypted, &mut client, &arrivals);
    assert_eq!(
        (kept_keys.lost, kept_keys.added),
        (0, Duration::ZERO),
        "{percent} %"
    );
    assert!(!kept_keys.in_order);

    let mut clear = lab(64);
    let mut client = clear.dial(7, 2, policy(Encryption::Off));
    let held = carry(clear, &mut client, &arrivals);
    assert!(held.in_order && held.lost == 0, "{percent} %");
    assert!(held.added <= FRAME_TIME * 64, "{:?}", held.added);

    let mut stateful = lab(64);
    let mut client = stateful.dial_with(7, 2, policy(Encryption::Required), STATEFUL);
    let in_step = carry(stateful, &mut client, &arrivals);
    assert!(in_step.in_order && in_step.lost == 0, "{percent} %");
    assert_eq!(in_step.added, held.added);

    let share = f64::from(dropped) * 100.0 / f64::from(FRAMES);
    assert!((percent as f64 - 1.0..=percent as f64 + 1.0).contains(&share));
    let held_ms = held.added.as_secs_f64() * 1000.0;
    format!(
        "| {percent} % | {furthest} frames | {dropped} frames, {share:.2} % | nothing | nothing | \
         nothing | {held_ms:.2} ms |"
    )
}

#[test]
fn reordering_inside_the_window_of_kept_keys_loses_nothing_and_adds_no_delay() {
    let documented = include_str!("../../docs/reordering.md");
    let rows = [1, 3, 10].map(row);
    let missing: Vec<_> = rows
        .iter()
        .filter(|row| !documented.contains(*row))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/reordering.md should have {missing:#?}"
    );
}
