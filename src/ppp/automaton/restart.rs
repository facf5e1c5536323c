//! The Restart timer and its counter (RFC 1661 §4.6).

use super::Limits;
use crate::clock::Timestamp;

/// Says when a packet that was not answered is sent again, and how often yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restart {
    left: u8,
    /// How often the timer has run out in vain.
    in_vain: u8,
    deadline: Option<Timestamp>,
}

impl Restart {
    pub(super) const fn new() -> Self {
        Self {
            left: 0,
            in_vain: 0,
            deadline: None,
        }
    }

    /// Initialize-Restart-Count and Zero-Restart-Count.
    pub(super) const fn set_count(&mut self, times: u8) {
        self.left = times;
    }

    /// A packet of the kind that is counted goes out.
    pub(super) const fn count(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// Whether the packet may be sent once more.
    pub(super) const fn may_repeat(&self) -> bool {
        self.left > 0
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Whether the timer has run out; it is stopped then.
    pub(super) fn take_due(&mut self, now: Timestamp) -> bool {
        let due = self.deadline.is_some_and(|at| at <= now);
        if due {
            self.deadline = None;
        }
        due
    }

    pub(super) const fn stop(&mut self) {
        self.deadline = None;
    }

    /// Starts the timer. After each time that it ran out in vain (`again`) it takes twice as long,
    /// up to what the limits say.
    pub(super) fn start(&mut self, again: bool, limits: &Limits, now: Timestamp) {
        self.in_vain = if again {
            self.in_vain.saturating_add(1)
        } else {
            0
        };
        let doubled = limits
            .restart_timer_initial
            .saturating_mul(1_u32.checked_shl(self.in_vain.into()).unwrap_or(u32::MAX));
        self.deadline = Some(now + doubled.min(limits.restart_timer));
    }
}
