//! Several workers: frames find their owner from every queue, and real threads agree with that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::Encryption;

use crate::lab::{ACCESS, HOST, HOST_MAC, Lab, NETWORK, NETWORK_MAC, policy};
use crate::packets::{self, udp};

#[test]
fn frames_find_their_owner_from_every_queue_both_ways() {
    let mut lab = Lab::new();
    let mut clients: Vec<_> = (0..6)
        .map(|n| {
            lab.dial(
                100 + n,
                2 + u8::try_from(n).unwrap(),
                policy(Encryption::Required),
            )
        })
        .collect();
    for queue in 0..3 {
        for client in &mut clients {
            let (up, down) = (udp(client.lease, HOST, 77), udp(HOST, client.lease, 77));
            let frame = client.data(&up);
            lab.push(queue, ACCESS, &frame);
            let frame = packets::frame(NETWORK_MAC, HOST_MAC, 0x0800, &down);
            lab.push(queue, NETWORK, &frame);
            lab.settle();
            assert_eq!(lab.network_received().len(), 1);
            let sent = lab.sent(ACCESS);
            assert_eq!(client.packets(&sent).len(), 1);
        }
    }
    assert_eq!(lab.drops(), []);
    // Four of six calls are somebody else's from each queue.
    assert_eq!(lab.frames(FrameCount::HandedOut), 3 * 4 * 2 + greetings());
}

/// Frames that were handed over while the calls were set up by queue 0.
fn greetings() -> u64 {
    4
}

#[test]
fn a_worker_shows_its_heartbeat() {
    let mut lab = Lab::single();
    lab.settle();
    let before = lab.stats[0].heartbeat();
    lab.advance(Duration::from_millis(5));
    assert_eq!(
        lab.stats[0].heartbeat().since(before),
        Duration::from_millis(5)
    );
    let (turns, busy) = lab.stats[0].turns();
    assert!(turns > busy);
}

#[test]
fn threads_carry_traffic_both_ways_and_stop_when_told() {
    const PACKETS: usize = 300;
    let mut lab = Lab::new();
    let mut clients: Vec<_> = (0..6)
        .map(|n| {
            lab.dial(
                100 + n,
                2 + u8::try_from(n).unwrap(),
                policy(Encryption::Required),
            )
        })
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let epoch = Instant::now() - Duration::from_secs(2);
    let threads: Vec<_> = lab
        .workers
        .drain(..)
        .map(|mut worker| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                worker.run(&stop, epoch);
                worker
            })
        })
        .collect();
    for round in 0..PACKETS {
        let queue = u8::try_from(round % 3).unwrap();
        for client in &mut clients {
            let frame = client.data(&udp(client.lease, HOST, 200));
            lab.push(queue, ACCESS, &frame);
            let down = udp(HOST, client.lease, 200);
            lab.push(
                queue,
                NETWORK,
                &packets::frame(NETWORK_MAC, HOST_MAC, 0x0800, &down),
            );
        }
        if round % 4 == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    let (mut up, mut down) = (0, Vec::new());
    let deadline = Instant::now() + Duration::from_secs(30);
    // From three queues at once frames of one call overtake each other, so that a few are late by
    // more than the window; nothing else is lost.
    let late = |lab: &Lab| lab.drops().iter().map(|(_, frames)| *frames).sum::<u64>();
    let rest = |up: usize, lab: &Lab| up as u64 + late(lab) < 6 * PACKETS as u64;
    while Instant::now() < deadline && (rest(up, &lab) || packets_in(&down) < 6 * PACKETS) {
        up += lab.network_received().len();
        down.extend(lab.sent(ACCESS));
        std::thread::sleep(Duration::from_millis(1));
    }
    stop.store(true, Ordering::Relaxed);
    lab.workers = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    lab.now = lab.now + Duration::from_secs(100);
    assert_eq!(
        up as u64 + late(&lab),
        6 * PACKETS as u64,
        "{:?}",
        lab.drops()
    );
    assert_eq!(packets_in(&down), 6 * PACKETS);
    let overtaken = [DropReason::SequenceOutOfWindow, DropReason::MppeKeyGone];
    assert!(
        lab.drops()
            .iter()
            .all(|(reason, _)| overtaken.contains(reason)),
        "{:?}",
        lab.drops()
    );
}

/// How many GRE packets carry something.
fn packets_in(frames: &[Vec<u8>]) -> usize {
    frames
        .iter()
        .filter(|frame| packets::ip_of(frame).1.len() > 40)
        .count()
}
