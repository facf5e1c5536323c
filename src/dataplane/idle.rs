//! What a worker does when there is nothing to do. A core of its own may spin; a shared one must let
//! others run, or the kernel that feeds the port waits for us while we wait for it.

use std::time::Duration;

use super::worker::Work;

/// Empty turns before the core is offered to others.
const SPINS: u32 = 64;
/// Empty turns before the first sleep.
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
        } else if self.empty_turns <= YIELDS {
            std::thread::yield_now();
        } else {
            std::thread::sleep(self.pause());
        }
    }

    /// Sleeps grow with idleness, up to the longest.
    fn pause(&self) -> Duration {
        let steps = (self.empty_turns - YIELDS).min(16);
        self.sleep_max.mul_f32(1.0 / 16.0) * steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_grow_to_the_longest_and_work_ends_them() {
        let mut idle = Idle::new(Duration::from_micros(16));
        idle.empty_turns = YIELDS + 1;
        assert_eq!(idle.pause(), Duration::from_micros(1));
        idle.empty_turns = YIELDS + 100;
        assert_eq!(idle.pause(), Duration::from_micros(16));
        idle.after(Work {
            frames: 1,
            commands: 0,
        });
        assert_eq!(idle.empty_turns, 0);
    }
}
