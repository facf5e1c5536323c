//! The Call ID: the 16-bit name one end gives a call, carried in control messages and in the Key
//! of every enhanced GRE header towards that end (RFC 2637 §3.2.2, §4.1).

use std::fmt;

/// A Call ID. Ours says which bucket, and so which worker, owns the call's flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct CallId(u16);

impl CallId {
    /// How many buckets Call IDs fall into.
    pub const BUCKETS: usize = 256;

    /// The Call ID with this number. Peers may use 0 (old pptp-linux always does); we never do.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The low 8 bits: the index into the one table that maps Call IDs to workers.
    #[must_use]
    pub const fn bucket(self) -> u8 {
        let [_, low] = self.0.to_be_bytes();
        low
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CallId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_is_the_low_byte() {
        assert_eq!(CallId::new(0x12_34).bucket(), 0x34);
        assert_eq!(CallId::new(0xff_00).bucket(), 0);
        assert_eq!(CallId::new(513).to_string(), "513");
        assert_eq!(size_of::<CallId>(), 2);
    }
}
