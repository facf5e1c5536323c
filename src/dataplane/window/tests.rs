use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const AHEAD_MAX: u32 = 4096;
const REACH: Reach = Reach::new(AHEAD_MAX, 64);

impl SequenceWindow {
    fn receive(&mut self, sequence: u32) -> Result<Committed, WindowRefusal> {
        self.receive_within(sequence, REACH)
    }

    fn receive_within(&mut self, sequence: u32, reach: Reach) -> Result<Committed, WindowRefusal> {
        let standing = self.check(sequence, reach)?;
        self.commit(sequence, standing)
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
fn late_frames_pass_once_and_only_as_far_back_as_is_said() {
    for late_max in [0, 1, 63, 64, 65, 200, LATE_MAX, u16::MAX] {
        let reach = Reach::new(AHEAD_MAX, late_max);
        let furthest = u32::from(late_max.min(LATE_MAX));
        let mut window = heard(1000);
        let missing = Committed::Ahead { missing: 999 };
        assert_eq!(window.receive_within(2000, reach), Ok(missing));
        for behind in 1..=furthest {
            let late = 2000 - behind;
            assert_eq!(
                window.receive_within(late, reach),
                Ok(Committed::Late { behind })
            );
            assert_eq!(
                window.receive_within(late, reach),
                Err(WindowRefusal::Duplicate)
            );
        }
        let too_late = window.receive_within(2000 - furthest - 1, reach);
        assert_eq!(too_late, Err(WindowRefusal::OutOfWindow), "{late_max}");
        assert_eq!(
            window.receive_within(2000, reach),
            Err(WindowRefusal::Duplicate)
        );
    }
}

#[test]
fn what_grew_too_late_since_its_check_is_refused_and_moves_nothing() {
    let mut window = heard(1000);
    assert!(window.receive(1002).is_ok());
    assert_eq!(window.check(1001, REACH), Ok(Standing::Within));
    assert!(window.receive(2000).is_ok());
    let late = window.commit(1001, Standing::Within);
    assert_eq!(late, Err(WindowRefusal::OutOfWindow));
    assert_eq!(window.newest(), Some(2000));
    assert_eq!(window.receive(2001), Ok(Committed::Ahead { missing: 0 }));
}

#[test]
fn a_look_makes_no_run() {
    let window = heard(1000);
    for sequence in 900_000..900_100 {
        assert_eq!(
            window.look(sequence, REACH),
            Err(WindowRefusal::OutOfWindow)
        );
    }
    assert_eq!(window.look(1001, REACH), Ok(()));
    assert_eq!(window.look(1000, REACH), Err(WindowRefusal::Duplicate));
    assert_eq!(window, heard(1000));
    assert_eq!(SequenceWindow::default().look(77, REACH), Ok(()));
}

#[test]
fn a_peer_that_restarts_a_little_behind_is_believed_after_a_run() {
    let mut window = heard(500);
    for sequence in 501..900 {
        assert!(window.receive(sequence).is_ok());
    }
    // 100 behind: further than is looked at, nearer than is known.
    for sequence in 799..799 + u32::from(BELIEVED_RUN) - 1 {
        assert_eq!(window.receive(sequence), Err(WindowRefusal::OutOfWindow));
    }
    let last = 799 + u32::from(BELIEVED_RUN) - 1;
    assert_eq!(window.check(last, REACH), Ok(Standing::Run));
    let restarted = Committed::Ahead { missing: 0 };
    assert_eq!(window.commit(last, Standing::Run), Ok(restarted));
    assert_eq!(
        window.commit(last, Standing::Run),
        Err(WindowRefusal::Duplicate)
    );
    assert_eq!(window.receive(last + 1), Ok(restarted));
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
    assert!(window.check(1000 + AHEAD_MAX, REACH).is_ok());
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
        assert_eq!(window.check(start + 15, REACH), Ok(Standing::Run));
        assert!(window.commit(start + 15, Standing::Run).is_ok());
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
        assert_eq!(window.check(sequence, REACH), Ok(Standing::Within));
        let behind = 1010 - sequence;
        assert_eq!(window.receive(sequence), Ok(Committed::Late { behind }));
        assert_eq!(window.receive(sequence), Err(WindowRefusal::Duplicate));
    }
    assert_eq!(window.receive(1011), Ok(Committed::Ahead { missing: 0 }));
}

proptest! {
    /// Against a set of all numbers received: no number passes twice, every new number within
    /// reach passes, and lost less found is what is missing.
    #[test]
    fn the_window_agrees_with_a_set(
        start: u32,
        late_max in 0_u16..300,
        steps in proptest::collection::vec(-300i32..80, 1..400),
    ) {
        let reach = Reach::new(AHEAD_MAX, late_max);
        let furthest = i64::from(late_max.min(LATE_MAX));
        let mut window = heard(start);
        let mut received = BTreeSet::from([0_i64]);
        let (mut newest, mut missing) = (0_i64, 0_i64);
        let mut position = 0_i64;
        for step in steps {
            position = (newest.max(position) + i64::from(step)).max(-300);
            let sequence = start.wrapping_add(u32::try_from(position.rem_euclid(1 << 32)).unwrap());
            let fresh = !received.contains(&position) && position > 0;
            let reachable = position >= newest - furthest;
            match window.receive_within(sequence, reach) {
                Ok(Committed::Ahead { missing: skipped }) => {
                    prop_assert!(fresh && position > newest);
                    prop_assert_eq!(i64::from(skipped), position - newest - 1);
                    missing += i64::from(skipped);
                    newest = position;
                    received.insert(position);
                }
                Ok(Committed::Late { behind }) => {
                    prop_assert!(fresh && reachable);
                    prop_assert_eq!(i64::from(behind), newest - position);
                    missing -= 1;
                    received.insert(position);
                }
                Err(WindowRefusal::Duplicate) => prop_assert!(!fresh),
                Err(WindowRefusal::OutOfWindow) => prop_assert!(!reachable),
            }
            prop_assert_eq!(window.newest(), Some(start.wrapping_add(u32::try_from(newest).unwrap())));
            prop_assert_eq!(missing, newest + 1 - i64::try_from(received.len()).unwrap());
        }
    }
}
