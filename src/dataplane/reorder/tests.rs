use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::dataplane::flow_table::Arrival;
use crate::dataplane::window::Reach;
use crate::flow::counters::counter_arena;
use crate::flow::{FlowKey, OpenCall, PeerReceive};
use crate::mppe::catch_up::Budget;
use crate::mppe::decrypt::DecryptState;
use crate::mppe::keys::{Mode, Strength, UpstreamKey};
use crate::mppe::skipped::KeyId;
use crate::wire::call_id::CallId;

const HOLD: Duration = Duration::from_millis(5);

/// Two clear calls, and what comes out of their hold: the number of the call and of the frame.
struct World {
    reorder: Reorder<()>,
    flows: FlowTable,
    now: Timestamp,
    out: Vec<(u32, u32)>,
    duplicates: usize,
}

impl World {
    fn new(per_call_max: u16) -> Self {
        let mut flows = FlowTable::new(counter_arena(2), 1, Duration::from_secs(1), u16::MAX);
        for call in 1..=2 {
            let ends = OpenCall {
                local_address: Ipv4Addr::LOCALHOST,
                peer_address: Ipv4Addr::LOCALHOST,
                peer_call_id: Some(CallId::new(call)),
                peer_receive: PeerReceive::default(),
            };
            flows
                .open(FlowKey::new(0, CallId::new(call)), ends)
                .unwrap();
        }
        Self {
            reorder: Reorder::new(per_call_max, HOLD),
            flows,
            now: Timestamp::from_nanos(1),
            out: Vec::new(),
            duplicates: 0,
        }
    }

    fn receive(&mut self, slot: u32, sequences: &[u32]) {
        for burst in sequences.chunks(BURST) {
            let mut batch = Batch::default();
            for sequence in burst {
                let mut packet = Packet::new((), 0);
                packet.meta.flow = slot;
                packet.meta.sequence = *sequence;
                let flow = self.flows.get_mut(slot).unwrap();
                match flow.window.check(*sequence, Reach::new(4096, 64)) {
                    Ok(standing) => packet.meta.standing = standing,
                    Err(_) => continue,
                }
                batch.packets().push(packet);
            }
            let duplicates = &mut self.duplicates;
            let count = |_packet| *duplicates += 1;
            self.reorder
                .arrange(&mut batch, &mut self.flows, self.now, count);
            self.drain();
        }
    }

    /// As the nodes behind do: each frame is believed, or was received before.
    fn drain(&mut self) {
        while self.reorder.is_ready() {
            let mut batch = Batch::default();
            self.reorder.refill(&mut batch);
            for packet in batch.packets().drain(..) {
                let arrival = Arrival {
                    sequence: packet.meta.sequence,
                    standing: packet.meta.standing,
                    source: Ipv4Addr::LOCALHOST,
                    now: self.now,
                };
                if self.flows.accept_clear(packet.meta.flow, arrival).is_ok() {
                    self.out.push((packet.meta.flow, packet.meta.sequence));
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.reorder.expire(&mut self.flows, self.now);
        self.drain();
    }

    fn numbers(&mut self, slot: u32) -> Vec<u32> {
        let (of_slot, rest) = self.out.drain(..).partition(|(other, _)| *other == slot);
        self.out = rest;
        of_slot.into_iter().map(|(_, sequence)| sequence).collect()
    }
}

#[test]
fn early_frames_wait_for_the_missing_one_and_no_longer() {
    let mut world = World::new(8);
    world.receive(0, &[10, 11, 13, 15, 14]);
    assert_eq!(world.numbers(0), [10, 11]);
    assert_eq!(world.reorder.len(), 3);
    world.receive(0, &[12]);
    assert_eq!(world.numbers(0), [12, 13, 14, 15]);
    assert_eq!(world.reorder.len(), 0);
}

#[test]
fn time_ends_the_wait_one_gap_after_the_other() {
    let mut world = World::new(8);
    world.receive(0, &[10, 12]);
    world.pass(HOLD / 2);
    world.receive(0, &[14]);
    world.pass(HOLD / 2);
    assert_eq!(world.numbers(0), [10, 12]);
    world.receive(0, &[11]);
    assert_eq!(world.numbers(0), [11], "late, and so at once");
    world.pass(HOLD / 2);
    assert_eq!(world.numbers(0), [14]);
}

#[test]
fn too_many_early_frames_and_a_jump_end_the_wait() {
    let mut world = World::new(3);
    world.receive(0, &[10, 12, 13]);
    world.receive(0, &[14, 13]);
    assert_eq!((world.numbers(0), world.duplicates), (vec![10], 1));
    world.receive(0, &[200]);
    assert_eq!(world.numbers(0), [12, 13, 14, 200]);
    world.receive(0, &[202]);
    assert!(
        world.numbers(0).is_empty(),
        "the order begins anew behind the jump"
    );
    world.receive(0, &[201]);
    assert_eq!(world.numbers(0), [201, 202]);
}

#[test]
fn the_calls_of_a_worker_do_not_wait_for_each_other() {
    let mut world = World::new(8);
    world.receive(0, &[10, 12]);
    world.receive(1, &[12, 13, 14]);
    assert_eq!(world.numbers(1), [12, 13, 14]);
    let flow = world.flows.get_mut(0).unwrap();
    world.reorder.release(0, flow);
    world.drain();
    assert_eq!(world.numbers(0), [10, 12]);
}

#[test]
fn all_calls_together_hold_so_many_and_the_next_does_not_wait() {
    let mut world = World::new(u16::MAX);
    world.receive(0, &[0]);
    let early: Vec<u32> = (2..2 + HELD_MAX as u32).collect();
    world.receive(0, &early);
    assert_eq!(world.reorder.len(), HELD_MAX);
    world.receive(1, &[0, 2, 4]);
    assert_eq!(world.numbers(1), [0, 2, 4]);
    world.pass(HOLD);
    assert_eq!(world.numbers(0).len(), HELD_MAX + 1);
}

#[test]
fn a_stateless_call_does_not_wait() {
    let mut world = World::new(8);
    let id = KeyId::new(std::num::NonZeroU64::MIN);
    let budget = Budget::new(1, 1, world.now);
    for (mode, waits) in [(Mode::Stateless, false), (Mode::Stateful, true)] {
        let key = UpstreamKey::from_bytes([1; 16]);
        let state = DecryptState::new(key, Strength::Bits128, mode, id, 0, budget);
        world.flows.get_mut(0).unwrap().arm_upstream(state);
        let first = if waits { 20 } else { 10 };
        world.receive(0, &[first, first + 2]);
        assert_eq!(world.reorder.len() == 1, waits, "{mode:?}");
    }
}

#[test]
fn a_peer_that_starts_again_is_put_in_order_again() {
    let mut world = World::new(8);
    world.receive(0, &[1_000_000, 1_000_001]);
    let run: Vec<u32> = (10..26).collect();
    world.receive(0, &run);
    world.receive(0, &[27]);
    assert_eq!(world.numbers(0), [1_000_000, 1_000_001, 25]);
    world.receive(0, &[26]);
    assert_eq!(world.numbers(0), [26, 27]);
}

proptest! {
    /// Whatever comes in what order: all of it goes on once, and in order if nothing had to wait
    /// longer than it may and nothing came further ahead than it may.
    #[test]
    fn nothing_is_lost_and_a_bounded_disorder_is_undone(
        first: u32,
        delays in proptest::collection::vec(0_u32..8, 1..300),
        pauses in proptest::collection::vec(0_u64..4, 300),
    ) {
        let mut arrivals: Vec<(u32, u32)> = (0..).zip(delays).map(|(n, delay)| (n + delay, n)).collect();
        arrivals.sort_unstable();
        // The first frame is where the order begins.
        arrivals.retain(|(_, number)| *number != 0);
        let (mut patient, mut hasty) = (World::new(16), World::new(16));
        patient.receive(0, &[first]);
        hasty.receive(0, &[first]);
        for ((_, number), pause) in arrivals.iter().zip(pauses) {
            let sequence = first.wrapping_add(*number);
            patient.receive(0, &[sequence]);
            hasty.receive(0, &[sequence]);
            hasty.pass(Duration::from_millis(pause));
        }
        patient.pass(HOLD);
        hasty.pass(HOLD);
        let all: Vec<u32> = (0..).take(arrivals.len() + 1).map(|n| first.wrapping_add(n)).collect();
        prop_assert_eq!(patient.numbers(0), all.clone());
        let mut numbers = hasty.numbers(0);
        numbers.sort_by_key(|number| number.wrapping_sub(first));
        prop_assert_eq!(numbers, all);
        prop_assert_eq!(patient.duplicates + hasty.duplicates, 0);
    }
}
