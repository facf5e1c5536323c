//! The Call ID of RFC 2637 §2: each end of a call chooses the number that the other end must put
//! into the key field of GRE towards it.

use std::fmt;

/// A 16-bit Call ID. Zero is legal on the wire (old clients choose it), but we never allocate it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct CallId(u16);

impl CallId {
    /// Wraps a number from the wire.
    #[must_use]
    pub const fn new(value: u16) -> Self {
        Self(value)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The low 8 bits, which alone decide the worker that owns the call.
    #[must_use]
    pub const fn bucket(self) -> u8 {
        self.0.to_be_bytes()[1]
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}
