use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const AHEAD_MAX: u32 = 4096;

impl SequenceWindow {
    fn receive(&mut self, sequence: u32) -> Result<Committed, WindowRefusal> {
        self.check(sequence, AHEAD_MAX)?;
        self.commit(sequence)
    }
}

fn heard(sequence: u32) -> SequenceWindow {
    let mut window = SequenceWindow::default();
    window.receive(sequence).unwrap();
    window
}

#[test]
fn the_first_number_may_be_anything() {
    for first in [0, 1, 77, i32::MAX.unsigned_abs(), u32::MAX] {
        let mut window = heard(first);
        assert_eq!(window.newest(), Some(first));
        assert_eq!(window.receive(first), Err(WindowRefusal::Duplicate));
        let next = first.wrapping_add(1);
        assert_eq!(window.receive(next), Ok(Committed::Ahead { missing: 0 }));
        assert_eq!(
            window.receive(first.wrapping_sub(1)),
            Err(WindowRefusal::Duplicate)
        );
    }
}

#[test]
fn late_frames_pass_once_and_only_within_63() {
    let mut window = heard(1000);
    assert_eq!(window.receive(1070), Ok(Committed::Ahead { missing: 69 }));
    assert_eq!(window.receive(1007), Ok(Committed::Late));
    assert_eq!(window.receive(1007), Err(WindowRefusal::Duplicate));
    assert_eq!(window.receive(1006), Err(WindowRefusal::OutOfWindow));
    assert_eq!(window.receive(1069), Ok(Committed::Late));
    assert_eq!(window.receive(1070), Err(WindowRefusal::Duplicate));
}

#[test]
fn one_frame_far_ahead_moves_nothing() {
    for forged in [1000 + AHEAD_MAX + 1, 0x8000_0000 + 1000, 900, u32::MAX] {
        let mut window = heard(1000);
        assert_eq!(window.receive(forged), Err(WindowRefusal::OutOfWindow));
        assert_eq!(window.newest(), Some(1000));
        assert_eq!(window.receive(1001), Ok(Committed::Ahead { missing: 0 }));
    }
    let mut window = heard(1000);
    assert!(window.check(1000 + AHEAD_MAX, AHEAD_MAX).is_ok());
    assert_eq!(window.newest(), Some(1000), "a check alone commits nothing");
}

#[test]
fn a_run_in_order_is_believed_and_any_true_frame_interrupts_it() {
    for start in [1_000_000_u32, 10, 0x9000_0000] {
        let mut window = heard(500);
        for step in 0..u32::from(BELIEVED_RUN) - 1 {
            assert_eq!(
                window.receive(start + step),
                Err(WindowRefusal::OutOfWindow)
            );
        }
        let mut interrupted = window;
        assert_eq!(window.check(start + 15, AHEAD_MAX), Ok(Standing::Run));
        assert!(window.commit(start + 15).is_ok());
        assert_eq!(window.newest(), Some(start + 15));
        assert_eq!(
            window.receive(start + 16),
            Ok(Committed::Ahead { missing: 0 })
        );

        assert!(interrupted.receive(501).is_ok());
        assert_eq!(
            interrupted.receive(start + 15),
            Err(WindowRefusal::OutOfWindow)
        );
        assert_eq!(interrupted.newest(), Some(501));
    }
}

#[test]
fn scattered_forgeries_are_never_a_run() {
    let mut window = heard(500);
    for step in 0..1000_u32 {
        let forged = 1_000_000 + step * (RUN_GAP_MAX + 1);
        assert_eq!(window.receive(forged), Err(WindowRefusal::OutOfWindow));
        assert_eq!(window.receive(1_000_000), Err(WindowRefusal::OutOfWindow));
    }
}

#[test]
fn the_number_wraps() {
    let mut window = heard(u32::MAX - 2);
    for step in 0..6_u32 {
        let sequence = (u32::MAX - 1).wrapping_add(step);
        assert_eq!(
            window.receive(sequence),
            Ok(Committed::Ahead { missing: 0 })
        );
    }
    assert_eq!(window.newest(), Some(3));
    assert_eq!(window.receive(u32::MAX), Err(WindowRefusal::Duplicate));
}

#[test]
fn a_frame_that_proves_nothing_takes_nobodys_number() {
    let mut window = heard(1000);
    window.follow(1001, 16);
    window.follow(1010, 16);
    window.follow(1500, 16);
    window.follow(990, 16);
    assert_eq!(window.newest(), Some(1010));
    for sequence in 1001..=1010 {
        assert_eq!(window.check(sequence, AHEAD_MAX), Ok(Standing::Within));
        assert_eq!(window.receive(sequence), Ok(Committed::Late));
        assert_eq!(window.receive(sequence), Err(WindowRefusal::Duplicate));
    }
    assert_eq!(window.receive(1011), Ok(Committed::Ahead { missing: 0 }));
}

proptest! {
    /// Against a set of all numbers received: no number passes twice, every new number within
    /// reach passes, and lost less found is what is missing.
    #[test]
    fn the_window_agrees_with_a_set(start: u32, steps in proptest::collection::vec(-80i32..80, 1..400)) {
        let mut window = heard(start);
        let mut received = BTreeSet::from([0_i64]);
        let (mut newest, mut missing) = (0_i64, 0_i64);
        let mut position = 0_i64;
        for step in steps {
            position = (newest.max(position) + i64::from(step)).max(-80);
            let sequence = start.wrapping_add(u32::try_from(position.rem_euclid(1 << 32)).unwrap());
            let fresh = !received.contains(&position) && position > 0;
            let reachable = position > newest - 64;
            match window.receive(sequence) {
                Ok(Committed::Ahead { missing: skipped }) => {
                    prop_assert!(fresh && position > newest);
                    missing += i64::from(skipped);
                }
                Ok(Committed::Late) => {
                    prop_assert!(fresh && position < newest);
                    missing -= 1;
                }
                Err(_) => prop_assert!(!fresh || !reachable),
            }
            if window.newest() == Some(sequence) && position > newest {
                newest = position;
            }
            if fresh && reachable {
                received.insert(position);
            }
            prop_assert_eq!(missing, newest + 1 - i64::try_from(received.len()).unwrap());
        }
    }
}
