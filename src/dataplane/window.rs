//! The sequence window of GRE frames from one peer (RFC 2637 §4.4): which frames are ahead, late,
//! seen before, or too far off to believe.
//!
//! A number up to `ahead_max` past the newest is believed, so one forged frame cannot move the window
//! out of the peer's reach. A peer that really is further (an outage, a restart) is believed after
//! [`BELIEVED_RUN`] frames in order out there. Nothing but that run moves before
//! [`SequenceWindow::commit`], which is called when the rest of the frame has proved right.

/// How far behind the newest frame a late one may be.
pub const LATE_MAX: u32 = 63;
/// How many frames in order, outside the window, make the window move there.
pub const BELIEVED_RUN: u8 = 16;
/// How far apart two frames of such a run may be.
const RUN_GAP_MAX: u32 = 32;

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
    /// One of the missing frames, late.
    Late,
}

/// The state. Plain data; all zero is a peer that was never heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SequenceWindow {
    /// Bit n: the frame n before the newest was received. The newest itself may be missing, if it
    /// is only known from a frame that proved nothing.
    seen: u64,
    newest: u32,
    /// The last frame outside the window, and how many came in order there.
    stray: u32,
    run: u8,
    heard: bool,
}

enum Place {
    Ahead(u32),
    /// The bit of a frame that is missing.
    Late(u64),
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
    pub fn check(&mut self, sequence: u32, ahead_max: u32) -> Result<Standing, WindowRefusal> {
        if !self.heard {
            return Ok(Standing::Within);
        }
        match self.place(sequence, ahead_max) {
            Place::Ahead(_) | Place::Late(_) => Ok(Standing::Within),
            Place::Received => Err(WindowRefusal::Duplicate),
            Place::Elsewhere => self.stray(sequence),
        }
    }

    /// Takes the frame as received.
    ///
    /// # Errors
    /// [`WindowRefusal::Duplicate`] if an equal frame was committed since the check.
    #[inline]
    pub fn commit(&mut self, sequence: u32) -> Result<Committed, WindowRefusal> {
        if !self.heard {
            self.restart(sequence);
            return Ok(Committed::Ahead { missing: 0 });
        }
        self.run = 0;
        match self.place(sequence, i32::MAX.unsigned_abs()) {
            Place::Ahead(ahead) => {
                self.advance(ahead);
                self.seen |= 1;
                Ok(Committed::Ahead { missing: ahead - 1 })
            }
            Place::Late(bit) => {
                self.seen |= bit;
                Ok(Committed::Late)
            }
            Place::Received => Err(WindowRefusal::Duplicate),
            // Far behind, believed after a run: the peer started again.
            Place::Elsewhere => {
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
        let Place::Ahead(ahead) = self.place(sequence, steps_max) else {
            return 0;
        };
        self.advance(ahead);
        ahead - 1
    }

    fn advance(&mut self, ahead: u32) {
        self.seen = self.seen.checked_shl(ahead).unwrap_or(0);
        self.newest = self.newest.wrapping_add(ahead);
    }

    /// Begins at a frame: nothing is missing before it, and nothing before it is late.
    fn restart(&mut self, sequence: u32) {
        *self = Self {
            seen: u64::MAX,
            newest: sequence,
            heard: true,
            ..Self::default()
        };
    }

    fn place(&self, sequence: u32, ahead_max: u32) -> Place {
        let ahead = sequence.wrapping_sub(self.newest);
        let behind = ahead.wrapping_neg();
        if ahead != 0 && ahead <= ahead_max {
            return Place::Ahead(ahead);
        }
        if behind > LATE_MAX {
            return Place::Elsewhere;
        }
        let bit = 1_u64 << behind;
        if self.seen & bit == 0 {
            Place::Late(bit)
        } else {
            Place::Received
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

#[cfg(test)]
mod tests;
