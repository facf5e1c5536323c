//! What a worker does when there is nothing to do. A core of its own may spin; a shared one must let
//! others run, or the kernel that feeds the port waits for us while we wait for it.

use std::time::Duration;

use super::worker::Work;

/// Empty turns before the core is offered to others.
const SPINS: u32 = 64;
/// Empty turns before the first sleep, which waits until there is keystream enough.
const YIELDS: u32 = 128;

/// How long nothing has happened.
pub(super) struct Idle {
    empty_turns: u32,
    sleep_max: Duration,
}

impl Idle {
    pub(super) const fn new(sleep_max: Duration) -> Self {
        Self {
            empty_turns: 0,
            sleep_max,
        }
    }

    /// Takes a break that fits the turn.
    pub(super) fn after(&mut self, work: Work) {
        if !work.is_idle() {
            self.empty_turns = 0;
            return;
        }
        self.empty_turns = self.empty_turns.saturating_add(1);
        if self.empty_turns <= SPINS || self.sleep_max.is_zero() {
            std::hint::spin_loop();
        } else if let Some(pause) = self.pause(work) {
            std::thread::sleep(pause);
        } else {
            std::thread::yield_now();
        }
    }

    /// Sleeps grow with idleness, up to the longest.
    fn pause(&self, work: Work) -> Option<Duration> {
        let steps = self.empty_turns.saturating_sub(YIELDS).min(16);
        let sleeps = steps > 0 && work.stocked == 0;
        sleeps.then(|| self.sleep_max.mul_f32(1.0 / 16.0) * steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_grow_to_the_longest_and_work_ends_them() {
        let mut idle = Idle::new(Duration::from_micros(16));
        let pause = |idle: &Idle| idle.pause(Work::default());
        idle.empty_turns = YIELDS;
        assert_eq!(pause(&idle), None);
        idle.empty_turns = YIELDS + 1;
        assert_eq!(pause(&idle), Some(Duration::from_micros(1)));
        idle.empty_turns = YIELDS + 100;
        assert_eq!(pause(&idle), Some(Duration::from_micros(16)));
        idle.after(Work {
            frames: 1,
            ..Work::default()
        });
        assert_eq!(idle.empty_turns, 0);
    }

    #[test]
    fn nobody_sleeps_while_keystream_is_low() {
        let mut idle = Idle::new(Duration::from_micros(16));
        idle.empty_turns = YIELDS + 100;
        let stocked = Work {
            stocked: 1,
            ..Work::default()
        };
        assert_eq!(idle.pause(stocked), None);
    }
}
