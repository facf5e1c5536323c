//! The MPPE header: two bytes between the PPP protocol field 0x00fd and the encrypted frame
//! (RFC 3078 §3).

use crate::counted_enum;
use crate::wire::field::u16_at;

/// Length of the header, in bytes.
pub const HEADER_LENGTH: usize = 2;
/// The PPP protocol number of an encrypted frame (RFC 3078 §3).
pub const PROTOCOL: u16 = 0x00fd;

const FLUSHED: u16 = 0x8000;
const AT_FRONT: u16 = 0x4000;
const COMPRESSED: u16 = 0x2000;
const ENCRYPTED: u16 = 0x1000;

counted_enum! {
    /// Why bytes are not an MPPE header.
    pub enum Malformed {
        /// Fewer than two bytes.
        Short => "short",
    }
}

/// How many bits of a session key are secret (RFC 3078 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Strength {
    /// 40 bits: eight bytes, of which the first three are fixed.
    Bits40,
    /// 56 bits: eight bytes, of which the first is fixed.
    Bits56,
    /// 128 bits: sixteen bytes, all secret.
    Bits128,
}

impl Strength {
    /// Length of a session key, in bytes (RFC 3079 §3.5).
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Bits40 | Self::Bits56 => 8,
            Self::Bits128 => 16,
        }
    }

    /// The bits in words, as tables show them.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Bits40 => 40,
            Self::Bits56 => 56,
            Self::Bits128 => 128,
        }
    }
}

/// How often the key changes (RFC 3078 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// Before every frame; a lost frame costs nothing but itself.
    Stateless,
    /// After the frame whose count ends in 0xff; RC4 runs on from frame to frame, so a lost frame
    /// costs all that follow until the sender starts RC4 afresh (RFC 3078 §8).
    Stateful,
}

/// What CCP agreed on for one direction of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Suite {
    /// How strong the keys are.
    pub strength: Strength,
    /// How often they change.
    pub mode: Mode,
}

impl Suite {
    /// The one that PNS prefers to all others: 128-bit keys that change before every frame.
    pub const STATELESS_128: Self = Self {
        strength: Strength::Bits128,
        mode: Mode::Stateless,
    };
}

/// The 12-bit coherency count (RFC 3078 §3.1), which wraps from 4095 to 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct CoherencyCount(u16);

impl CoherencyCount {
    /// How many counts there are before they repeat.
    pub const MODULUS: u16 = 4096;

    /// The count that a running number of frames shows, which is its low 12 bits.
    #[must_use]
    pub const fn new(value: u16) -> Self {
        Self(value % Self::MODULUS)
    }

    /// The count, 0 to 4095.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// Whether a stateful sender changes the key for this frame: the count's low byte is 0xff
    /// (RFC 3078 §7.2).
    #[must_use]
    pub const fn is_flag(self) -> bool {
        self.0 & 0xff == 0xff
    }

    /// How many frames after `earlier` this one is if it is after it: 0 to 4095.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u16 {
        self.0.wrapping_sub(earlier.0) % Self::MODULUS
    }
}

/// The header (RFC 3078 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bit A: the key was re-initialised before this frame; set on every stateless frame.
    pub flushed: bool,
    /// Bit B: the packet was put at the front of MPPC's history; without meaning in MPPE.
    pub at_front: bool,
    /// Bit C: the packet is compressed by MPPC.
    pub compressed: bool,
    /// Bit D: the packet is encrypted.
    pub encrypted: bool,
    /// Which frame this is.
    pub coherency_count: CoherencyCount,
}

impl Header {
    /// The header of an encrypted stateless frame: bits A and D (RFC 3078 §3.1, §7.2).
    #[must_use]
    pub const fn stateless(coherency_count: CoherencyCount) -> Self {
        Self {
            flushed: true,
            at_front: false,
            compressed: false,
            encrypted: true,
            coherency_count,
        }
    }

    /// The header of an encrypted stateful frame: bit D, and bit A if RC4 starts afresh with it
    /// (RFC 3078 §3.1).
    #[must_use]
    pub const fn stateful(coherency_count: CoherencyCount, flushed: bool) -> Self {
        Self {
            flushed,
            ..Self::stateless(coherency_count)
        }
    }

    /// Reads the header in front of `bytes`.
    ///
    /// # Errors
    /// [`Malformed::Short`] if there are fewer than two bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        u16_at(bytes, 0).map(Self::of).ok_or(Malformed::Short)
    }

    /// What the two bytes of a header say.
    #[inline]
    #[must_use]
    pub const fn of(bits: u16) -> Self {
        Self {
            flushed: bits & FLUSHED != 0,
            at_front: bits & AT_FRONT != 0,
            compressed: bits & COMPRESSED != 0,
            encrypted: bits & ENCRYPTED != 0,
            coherency_count: CoherencyCount::new(bits),
        }
    }

    /// The two bytes on the wire.
    #[inline]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let mut bits = self.coherency_count.value();
        if self.flushed {
            bits |= FLUSHED;
        }
        if self.at_front {
            bits |= AT_FRONT;
        }
        if self.compressed {
            bits |= COMPRESSED;
        }
        if self.encrypted {
            bits |= ENCRYPTED;
        }
        bits.to_be_bytes()
    }

    /// Writes the header in front of `buffer` and answers its length, or `None` if it does not fit.
    #[inline]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        *buffer.first_chunk_mut::<HEADER_LENGTH>()? = self.to_bytes();
        Some(HEADER_LENGTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let bytes = bits.to_be_bytes();
            let header = Header::parse(&bytes).unwrap();
            let mut out = [0u8; 3];
            assert_eq!(header.emit(&mut out), Some(HEADER_LENGTH));
            assert_eq!(out, [bytes[0], bytes[1], 0]);
        }
    }

    #[test]
    fn bits_are_where_rfc_3078_section_3_1_puts_them() {
        let header = Header::parse(&[0x90, 0x00, 0x55]).unwrap();
        assert_eq!(header, Header::stateless(CoherencyCount::new(0)));
        let header = Header::parse(&[0x6a, 0xbc]).unwrap();
        assert!(!header.flushed && header.at_front && header.compressed && !header.encrypted);
        assert_eq!(header.coherency_count.value(), 0xabc);
    }

    #[test]
    fn what_is_cut_short_is_refused_and_never_overruns() {
        assert_eq!(Header::parse(&[]), Err(Malformed::Short));
        assert_eq!(Header::parse(&[0x90]), Err(Malformed::Short));
        assert_eq!(
            Header::stateless(CoherencyCount::default()).emit(&mut [0u8; 1]),
            None
        );
    }

    #[test]
    fn the_count_wraps_at_4096() {
        let (last, first) = (CoherencyCount::new(4095), CoherencyCount::new(4096));
        assert_eq!(first.value(), 0);
        assert_eq!(first.since(last), 1);
        assert_eq!(last.since(first), 4095);
        assert_eq!(last.since(last), 0);
    }

    #[test]
    fn s7_2_every_256th_frame_is_a_flag_frame() {
        let flags: Vec<u16> = (0..4096)
            .filter(|count| CoherencyCount::new(*count).is_flag())
            .collect();
        assert_eq!(flags.len(), 16);
        assert_eq!(flags[..3], [0x0ff, 0x1ff, 0x2ff]);
        let header = Header::stateful(CoherencyCount::new(0x2ff), true);
        assert_eq!(header.to_bytes(), [0x92, 0xff]);
        let header = Header::stateful(CoherencyCount::new(0x300), false);
        assert_eq!(header.to_bytes(), [0x13, 0x00]);
    }
}
