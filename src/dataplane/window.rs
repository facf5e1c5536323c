//! The sequence window of GRE frames from one peer (RFC 2637 §4.3): which frames are ahead, late,
//! seen before, or too far off to believe.
//!
//! A number a little past the newest is believed ([`Reach`]), so one forged frame cannot move the
//! window out of the peer's reach. A peer that really is further (an outage, a restart) is believed
//! after [`BELIEVED_RUN`] frames in order out there. Nothing but that run moves before
//! [`SequenceWindow::commit`], which is called when the rest of the frame has proved right.

use seen::Seen;

/// The furthest that a late frame may be behind the newest, whatever is configured.
pub const LATE_MAX: u16 = Seen::BITS;
/// How many frames in order, outside the window, make the window move there.
pub const BELIEVED_RUN: u8 = 16;
/// How far apart two frames of such a run may be.
const RUN_GAP_MAX: u32 = 32;

/// How far from the newest frame another is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    ahead_max: u32,
    late_max: u32,
}

impl Reach {
    /// Everything that the window can tell apart.
    const WIDEST: Self = Self::new(i32::MAX.unsigned_abs(), LATE_MAX);

    /// Frames up to `ahead_max` ahead and up to `late_max` behind; at most [`LATE_MAX`] behind.
    #[must_use]
    pub const fn new(ahead_max: u32, late_max: u16) -> Self {
        let late_max = if late_max < LATE_MAX {
            late_max
        } else {
            LATE_MAX
        };
        Self {
            ahead_max,
            late_max: late_max as u32,
        }
    }
}

/// Why a sequence number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowRefusal {
    /// It was received before.
    Duplicate,
    /// It is too far behind or ahead.
    OutOfWindow,
}

/// Why a sequence number may be looked at further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in the window.
    Within,
    /// It is not, but it ends a run in order there. Only what proves itself may be believed.
    Run,
}

/// What the acceptance of a frame means for the count of lost frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The newest frame now; so many before it are missing.
    Ahead {
        /// Frames that were skipped.
        missing: u32,
    },
    /// One of the missing frames, so many behind the newest.
    Late {
        /// The distance.
        behind: u32,
    },
}

/// The state. Plain data; all zero is a peer that was never heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SequenceWindow {
    seen: Seen,
    newest: u32,
    /// The last frame outside the window, and how many came in order there.
    stray: u32,
    run: u8,
    heard: bool,
    /// Whether the newest itself was received. It was not if it is only known from a frame that
    /// proved nothing.
    newest_seen: bool,
}

enum Place {
    Ahead(u32),
    /// Missing, so many behind the newest.
    Late(u32),
    Received,
    Elsewhere,
}

impl SequenceWindow {
    /// The newest sequence number, if anything was accepted.
    #[inline]
    #[must_use]
    pub fn newest(&self) -> Option<u32> {
        self.heard.then_some(self.newest)
    }

    /// Whether a frame with this number may be looked at further.
    ///
    /// # Errors
    /// [`WindowRefusal`].
    #[inline]
    pub fn check(&mut self, sequence: u32, reach: Reach) -> Result<Standing, WindowRefusal> {
        match self.look(sequence, reach) {
            Ok(()) => Ok(Standing::Within),
            Err(WindowRefusal::Duplicate) => Err(WindowRefusal::Duplicate),
            Err(WindowRefusal::OutOfWindow) => self.stray(sequence),
        }
    }

    /// How a frame with this number stands if it is in the window and was not received yet; nothing
    /// moves.
    #[inline]
    pub fn expect(&self, sequence: u32, reach: Reach) -> Option<Standing> {
        self.look(sequence, reach).ok().map(|()| Standing::Within)
    }

    /// As [`Self::check`], for a frame of somebody who may be a stranger: it makes no run, and
    /// interrupts none.
    ///
    /// # Errors
    /// [`WindowRefusal`].
    #[inline]
    pub fn look(&self, sequence: u32, reach: Reach) -> Result<(), WindowRefusal> {
        if !self.heard {
            return Ok(());
        }
        match self.place(sequence, reach) {
            Place::Ahead(_) | Place::Late(_) => Ok(()),
            Place::Received => Err(WindowRefusal::Duplicate),
            Place::Elsewhere => Err(WindowRefusal::OutOfWindow),
        }
    }

    /// Takes the frame as received; `standing` is what [`Self::check`] said of it.
    ///
    /// # Errors
    /// [`WindowRefusal`]: since the check, an equal frame was committed, or so many others that this
    /// one is too late now.
    #[expect(clippy::inline_always, reason = "a call for each packet is felt")]
    #[inline(always)]
    pub fn commit(
        &mut self,
        sequence: u32,
        standing: Standing,
    ) -> Result<Committed, WindowRefusal> {
        if !self.heard {
            self.restart(sequence);
            return Ok(Committed::Ahead { missing: 0 });
        }
        self.run = 0;
        if self.newest_seen && sequence == self.newest.wrapping_add(1) {
            self.seen.push();
            self.newest = sequence;
            return Ok(Committed::Ahead { missing: 0 });
        }
        match (self.place(sequence, Reach::WIDEST), standing) {
            (Place::Ahead(ahead), _) => {
                self.advance(ahead);
                self.newest_seen = true;
                Ok(Committed::Ahead { missing: ahead - 1 })
            }
            (Place::Late(behind), Standing::Within) => {
                self.take(behind);
                Ok(Committed::Late { behind })
            }
            (Place::Received, Standing::Within) => Err(WindowRefusal::Duplicate),
            (Place::Elsewhere, Standing::Within) => Err(WindowRefusal::OutOfWindow),
            (Place::Late(_) | Place::Received, Standing::Run) if sequence == self.newest => {
                Err(WindowRefusal::Duplicate)
            }
            // Behind, and believed after a run: the peer started again.
            (Place::Late(_) | Place::Received | Place::Elsewhere, Standing::Run) => {
                self.restart(sequence);
                Ok(Committed::Ahead { missing: 0 })
            }
        }
    }

    /// Moves up to a frame that proves nothing about itself, if it is at most `steps_max` ahead. Its
    /// number is not taken: a frame of the same number that proves itself is still in time. Answers
    /// how many frames are missing before it.
    #[inline]
    pub fn follow(&mut self, sequence: u32, steps_max: u32) -> u32 {
        let Place::Ahead(ahead) = self.place(sequence, Reach::new(steps_max, 0)) else {
            return 0;
        };
        self.advance(ahead);
        ahead - 1
    }

    fn advance(&mut self, ahead: u32) {
        self.seen.shift(ahead);
        if self.newest_seen {
            self.seen.set(ahead - 1);
        }
        self.newest = self.newest.wrapping_add(ahead);
        self.newest_seen = false;
    }

    fn take(&mut self, behind: u32) {
        match behind.checked_sub(1) {
            Some(place) => self.seen.set(place),
            None => self.newest_seen = true,
        }
    }

    /// Begins at a frame: nothing is missing before it, and nothing before it is late.
    fn restart(&mut self, sequence: u32) {
        *self = Self {
            seen: Seen::ALL,
            newest: sequence,
            heard: true,
            newest_seen: true,
            ..Self::default()
        };
    }

    #[inline]
    fn place(&self, sequence: u32, reach: Reach) -> Place {
        let ahead = sequence.wrapping_sub(self.newest);
        let behind = ahead.wrapping_neg();
        if ahead != 0 && ahead <= reach.ahead_max {
            return Place::Ahead(ahead);
        }
        let received = match behind.checked_sub(1) {
            None => self.newest_seen,
            Some(_) if behind > reach.late_max => return Place::Elsewhere,
            Some(place) => self.seen.get(place),
        };
        if received {
            Place::Received
        } else {
            Place::Late(behind)
        }
    }

    #[cold]
    fn stray(&mut self, sequence: u32) -> Result<Standing, WindowRefusal> {
        let step = sequence.wrapping_sub(self.stray);
        let in_order = self.run > 0 && step != 0 && step <= RUN_GAP_MAX;
        self.run = if in_order {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.stray = sequence;
        if self.run >= BELIEVED_RUN {
            Ok(Standing::Run)
        } else {
            Err(WindowRefusal::OutOfWindow)
        }
    }
}

mod seen {
    /// Bit n: the frame n + 1 before the newest was received.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[repr(transparent)]
    pub(super) struct Seen([u64; 4]);

    impl Seen {
        pub(super) const BITS: u16 = 256;
        pub(super) const ALL: Self = Self([u64::MAX; 4]);

        /// The newest frame is one newer, and the one before it was received.
        #[inline]
        pub(super) fn push(&mut self) {
            let [a, b, c, d] = self.0;
            let carry = |word: u64| word >> 63;
            self.0 = [
                a << 1 | 1,
                b << 1 | carry(a),
                c << 1 | carry(b),
                d << 1 | carry(c),
            ];
        }

        /// The newest frame is `by` newer; what is shifted in was not received.
        #[inline]
        pub(super) fn shift(&mut self, by: u32) {
            let [a, b, c, d] = self.0;
            let [a, b, c, d] = match by / 64 {
                0 => [a, b, c, d],
                1 => [0, a, b, c],
                2 => [0, 0, a, b],
                3 => [0, 0, 0, a],
                _ => [0; 4],
            };
            let bits = by % 64;
            // In two steps, as a shift by 64 is none.
            let carry = |word: u64| word >> 1 >> (63 - bits);
            self.0 = [
                a << bits,
                b << bits | carry(a),
                c << bits | carry(b),
                d << bits | carry(c),
            ];
        }

        #[inline]
        pub(super) fn get(&self, place: u32) -> bool {
            let word = self.0.get((place / 64) as usize);
            word.is_some_and(|word| word >> (place % 64) & 1 != 0)
        }

        #[inline]
        pub(super) fn set(&mut self, place: u32) {
            if let Some(word) = self.0.get_mut((place / 64) as usize) {
                *word |= 1 << (place % 64);
            }
        }
    }
}

#[cfg(test)]
mod tests;
