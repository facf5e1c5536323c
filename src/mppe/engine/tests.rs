//! How soon there is enough ahead: of one direction, and of two that take turns.

use crate::mppe::encrypt::{EncryptJob, EncryptState, EncryptStates, encrypt_batch};
use crate::mppe::kernel::{Kernel, KernelKind};
use crate::mppe::keys::{DownstreamKey, Mode, Strength};
use crate::mppe::stock::SLOTS;

use super::*;

struct States(Vec<EncryptState>);

impl EncryptStates for States {
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState> {
        self.0.get_mut(flow as usize)
    }
}

/// Places of a worker that is larger than what is used of it.
const PLACES: usize = 4096;

/// An engine, and so many flows of it, each of which has sent frames in calm moments.
fn active(flows: u32, mode: Mode, kernel: Kernel) -> (Engine, States) {
    let mut engine = Engine::new(PLACES).with_kernel(kernel);
    let state = |flow: u32| {
        let mut key = [7; 16];
        key[..4].copy_from_slice(&flow.to_be_bytes());
        EncryptState::new(DownstreamKey::from_bytes(key), Strength::Bits128, mode).at(flow)
    };
    let mut states = States((0..flows).map(state).collect());
    // The first frame changes the key, and a stateful flow has no queue yet.
    for flow in (0..flows).chain(0..flows) {
        send(&mut engine, &mut states, flow);
    }
    (engine, states)
}

fn send(engine: &mut Engine, states: &mut States, flow: u32) {
    let mut frame = [0; 66];
    let mut jobs = [EncryptJob::new(flow, &mut frame)];
    encrypt_batch(states, &mut jobs, engine);
    assert!(jobs[0].header.is_some());
}

/// Idle turns that made or found something, before the first that answers that there is enough.
fn turns(engine: &mut Engine) -> usize {
    let mut turns = 0;
    while engine.stock_up() > 0 {
        turns += 1;
        assert!(turns < 100_000, "there is never enough");
    }
    turns
}

#[test]
fn each_idle_turn_fills_a_group_of_lanes_until_all_shelves_are_full() {
    for kind in KernelKind::ALL {
        for flows in [1, 17, 2048] {
            let Some(kernel) = Kernel::of(kind) else {
                continue;
            };
            let lanes = kernel.lanes();
            let (mut engine, mut states) = active(flows, Mode::Stateless, kernel);
            let all = flows as usize * SLOTS;
            // Few flows leave lanes empty: a chain gives one key in a turn.
            let most = SLOTS.max(all.div_ceil(lanes));
            let found = turns(&mut engine);
            assert!(found <= most, "{} {flows}: {found}", kind.name());
            assert_eq!(engine.frames_in_stock(), all, "{} {flows}", kind.name());
            assert_eq!(turns(&mut engine), 0, "nothing was used");
            send(&mut engine, &mut states, flows - 1);
            assert_eq!(turns(&mut engine), 1, "{} {flows}", kind.name());
            assert_eq!(engine.frames_in_stock(), all);
        }
    }
}

#[test]
fn queues_of_active_flows_are_full_after_two_rounds() {
    for flows in [1, 17, 2048] {
        let kernel = Kernel::portable();
        let groups = (flows as usize).div_ceil(kernel.lanes());
        let (mut engine, mut states) = active(flows, Mode::Stateful, kernel);
        let found = turns(&mut engine);
        assert!(found <= 2 * groups + 1, "{flows}: {found}");
        assert!(engine.octets_ahead() >= flows as usize * 2560, "{flows}");
        assert_eq!(turns(&mut engine), 0, "nothing was used");
        send(&mut engine, &mut states, 0);
        assert_eq!(turns(&mut engine), 1, "looked at, and still full");
    }
}

#[test]
fn a_flow_that_ends_in_line_costs_a_look_and_gets_nothing() {
    let (mut engine, _states) = active(3, Mode::Stateless, Kernel::portable());
    (0..3).for_each(|place| engine.wipe(place, false));
    assert_eq!(turns(&mut engine), 1);
    assert_eq!((engine.octets_ahead(), turns(&mut engine)), (0, 0));
}

#[test]
fn a_busy_direction_leaves_the_other_its_share() {
    let (mut upstream, mut sender) = active(1, Mode::Stateless, Kernel::portable());
    let (mut downstream, _states) = active(1, Mode::Stateless, Kernel::portable());
    let mut turns = Alternation::default();
    for _ in 0..2 * SLOTS {
        send(&mut upstream, &mut sender, 0);
        assert!(turns.stock_up(&mut upstream, &mut downstream) > 0);
    }
    assert_eq!(downstream.frames_in_stock(), SLOTS);
    // What one direction does not need is the other's.
    for _ in 0..SLOTS {
        turns.stock_up(&mut upstream, &mut downstream);
    }
    assert_eq!(upstream.frames_in_stock(), SLOTS);
    assert_eq!(turns.stock_up(&mut upstream, &mut downstream), 0);
}

#[test]
fn the_first_idle_turn_with_nothing_to_make_leaves_no_remnant_of_a_stream() {
    for kind in KernelKind::ALL {
        for mode in [Mode::Stateless, Mode::Stateful] {
            let Some(kernel) = Kernel::of(kind) else {
                continue;
            };
            let (mut engine, mut states) = active(17, mode, kernel);
            assert!(!is_scratch_wiped(&engine), "{} {mode:?}", kind.name());
            turns(&mut engine);
            assert!(is_scratch_wiped(&engine), "{} {mode:?}", kind.name());
            // And again, once there was more to make.
            (0..17).for_each(|flow| send(&mut engine, &mut states, flow));
            assert!(turns(&mut engine) > 0);
            assert!(is_scratch_wiped(&engine), "{} {mode:?}", kind.name());
        }
    }
}

fn is_scratch_wiped(engine: &Engine) -> bool {
    !engine.rc4.is_keyed() && engine.queues.is_scratch_wiped() && engine.kernel.is_wiped()
}
