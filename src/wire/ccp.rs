//! Options of the Compression Control Protocol: MPPE and MPPC share type 18 (RFC 3078 §2.1,
//! RFC 2118 §3); the other algorithms are known by name so that refusals can say what they were.

use super::mppe::{Mode, Strength, Suite};
use super::options::{self, RawOption};
use crate::counted_enum;
use std::fmt;

counted_enum! {
    /// Why an option of a known type has no meaning.
    pub enum Malformed {
        /// The value is not as long as its type demands.
        ValueLength => "ccp_option_value_length",
    }
}

/// Types of CCP options.
pub mod kind {
    /// Microsoft Point-to-Point Encryption and Compression.
    pub const MPPE: u8 = 18;
    /// BSD Compress (RFC 1977).
    pub const BSD_COMPRESS: u8 = 21;
    /// Deflate (RFC 1979).
    pub const DEFLATE: u8 = 26;
}

/// The Supported Bits of the MPPE option (RFC 3078 §2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SupportedBits(pub u32);

impl SupportedBits {
    /// H: the key changes with every packet.
    pub const STATELESS: Self = Self(0x0100_0000);
    /// M: 56-bit keys.
    pub const KEY_56: Self = Self(0x0000_0080);
    /// S: 128-bit keys.
    pub const KEY_128: Self = Self(0x0000_0040);
    /// L: 40-bit keys.
    pub const KEY_40: Self = Self(0x0000_0020);
    /// D: obsolete.
    pub const OBSOLETE: Self = Self(0x0000_0010);
    /// C: MPPC compression.
    pub const COMPRESSION: Self = Self(0x0000_0001);
    /// What PNS prefers to all else: 128-bit keys, stateless.
    pub const STATELESS_128: Self = Self(Self::STATELESS.0 | Self::KEY_128.0);

    /// An offer of any of `strengths`, in one mode.
    #[must_use]
    pub const fn offer(strengths: Strengths, mode: Mode, compression: bool) -> Self {
        let mut bits = strengths.0;
        if matches!(mode, Mode::Stateless) {
            bits |= Self::STATELESS.0;
        }
        if compression {
            bits |= Self::COMPRESSION.0;
        }
        Self(bits)
    }

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub const fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// The key lengths among them; `None` if there are none.
    #[must_use]
    pub const fn strengths(self) -> Option<Strengths> {
        match self.0 & Strengths::ALL.0 {
            0 => None,
            bits => Some(Strengths(bits)),
        }
    }

    /// Bit H: what the sender wants of the key.
    #[must_use]
    pub const fn mode(self) -> Mode {
        if self.contains(Self::STATELESS) {
            Mode::Stateless
        } else {
            Mode::Stateful
        }
    }
}

impl fmt::Debug for SupportedBits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SupportedBits({:#010x})", self.0)
    }
}

/// The letters of the RFC, strongest first: `HMSL` is what Windows offers; `-` is no bit at all.
impl fmt::Display for SupportedBits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(SupportedBits, &str); 6] = [
            (SupportedBits::STATELESS, "H"),
            (SupportedBits::KEY_56, "M"),
            (SupportedBits::KEY_128, "S"),
            (SupportedBits::KEY_40, "L"),
            (SupportedBits::OBSOLETE, "D"),
            (SupportedBits::COMPRESSION, "C"),
        ];
        let mut left = self.0;
        for (bit, letter) in LETTERS {
            if self.contains(bit) {
                formatter.write_str(letter)?;
                left &= !bit.0;
            }
        }
        match (self.0, left) {
            (0, _) => formatter.write_str("-"),
            (_, 0) => Ok(()),
            (_, unknown) => write!(formatter, "+{unknown:#x}"),
        }
    }
}

/// One or more key lengths.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Strengths(u32);

impl Strengths {
    /// Every length.
    pub const ALL: Self = Self::only(Strength::Bits40)
        .and(Strength::Bits56)
        .and(Strength::Bits128);

    /// One length.
    #[must_use]
    pub const fn only(strength: Strength) -> Self {
        Self(match strength {
            Strength::Bits40 => SupportedBits::KEY_40.0,
            Strength::Bits56 => SupportedBits::KEY_56.0,
            Strength::Bits128 => SupportedBits::KEY_128.0,
        })
    }

    /// These lengths and one more.
    #[must_use]
    pub const fn and(self, strength: Strength) -> Self {
        Self(self.0 | Self::only(strength).0)
    }

    /// Whether `strength` is one of them.
    #[must_use]
    pub const fn contains(self, strength: Strength) -> bool {
        self.0 & Self::only(strength).0 != 0
    }

    /// The lengths that both have, if there are any.
    #[must_use]
    pub const fn common(self, other: Self) -> Option<Self> {
        SupportedBits(self.0 & other.0).strengths()
    }

    /// The longest of them.
    #[must_use]
    pub const fn strongest(self) -> Strength {
        if self.contains(Strength::Bits128) {
            Strength::Bits128
        } else if self.contains(Strength::Bits56) {
            Strength::Bits56
        } else {
            Strength::Bits40
        }
    }
}

impl fmt::Debug for Strengths {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [Strength::Bits40, Strength::Bits56, Strength::Bits128];
        let bits = all.into_iter().filter(|strength| self.contains(*strength));
        formatter
            .debug_set()
            .entries(bits.map(Strength::bits))
            .finish()
    }
}

/// What an MPPE option says when there is nothing left to choose: one key length and one mode, with or
/// without compression, or compression alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// How frames are encrypted; `None`: they are compressed only.
    pub suite: Option<Suite>,
    /// Whether they may be compressed by MPPC (RFC 2118).
    pub compression: bool,
}

impl Agreement {
    /// Compression without encryption.
    pub const COMPRESSION: Self = Self {
        suite: None,
        compression: true,
    };

    /// The bits that say just this.
    #[must_use]
    pub const fn bits(self) -> SupportedBits {
        match self.suite {
            Some(Suite { strength, mode }) => {
                SupportedBits::offer(Strengths::only(strength), mode, self.compression)
            }
            None if self.compression => SupportedBits::COMPRESSION,
            None => SupportedBits(0),
        }
    }

    /// What the bits say, unless they leave a choice, say nothing, or have a bit that means nothing.
    #[must_use]
    pub fn from_bits(bits: SupportedBits) -> Option<Self> {
        let suite = bits.strengths().map(|strengths| Suite {
            strength: strengths.strongest(),
            mode: bits.mode(),
        });
        let compression = bits.contains(SupportedBits::COMPRESSION);
        let agreement = Self { suite, compression };
        (agreement.bits() == bits && bits.0 != 0).then_some(agreement)
    }

    /// Whether a frame builds upon those before it, so that a lost one costs all until the sender
    /// starts afresh.
    #[must_use]
    pub const fn is_stateful(self) -> bool {
        match self.suite {
            Some(suite) => matches!(suite.mode, Mode::Stateful),
            None => self.compression,
        }
    }

    /// Whether both ends keep a history of what was sent. A stateless sender empties it before each
    /// frame.
    #[must_use]
    pub const fn keeps_history(self) -> bool {
        self.compression && self.is_stateful()
    }
}

/// Encryption alone.
impl From<Suite> for Agreement {
    fn from(suite: Suite) -> Self {
        Self {
            suite: Some(suite),
            compression: false,
        }
    }
}

/// As tables show it: `mppe-128-stateless`, `mppe-40-stateful-mppc`, `mppc`.
impl fmt::Display for Agreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Suite { strength, mode }) = self.suite else {
            return formatter.write_str("mppc");
        };
        let mode = match mode {
            Mode::Stateless => "stateless",
            Mode::Stateful => "stateful",
        };
        write!(formatter, "mppe-{}-{mode}", strength.bits())?;
        formatter.write_str(if self.compression { "-mppc" } else { "" })
    }
}

/// One CCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcpOption<'a> {
    /// What the sender can decrypt and decompress.
    Mppe(SupportedBits),
    /// An algorithm that PNS does not have.
    Other(RawOption<'a>),
}

impl<'a> CcpOption<'a> {
    /// Gives an option its meaning.
    ///
    /// # Errors
    /// [`Malformed::ValueLength`].
    pub fn parse(option: RawOption<'a>) -> Result<Self, Malformed> {
        match option.kind {
            kind::MPPE => {
                let bits = option
                    .fixed()
                    .map(u32::from_be_bytes)
                    .ok_or(Malformed::ValueLength)?;
                Ok(Self::Mppe(SupportedBits(bits)))
            }
            _ => Ok(Self::Other(option)),
        }
    }

    /// Appends the option to a list.
    pub fn emit(&self, list: &mut Vec<u8>) {
        match self {
            Self::Mppe(bits) => options::push(list, kind::MPPE, &bits.0.to_be_bytes()),
            Self::Other(option) => options::push(list, option.kind, option.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::options::Options;

    #[test]
    fn an_agreement_is_one_of_thirteen_sets_of_bits() {
        let agreements: Vec<_> = (0..=0x1ff)
            .map(|low| SupportedBits(low & 0xff | (low & 0x100) << 16))
            .filter_map(|bits| Some((bits, Agreement::from_bits(bits)?)))
            .collect();
        assert_eq!(agreements.len(), 13);
        assert!(
            agreements
                .iter()
                .all(|(bits, agreement)| agreement.bits() == *bits)
        );
        let named = |bits| {
            Agreement::from_bits(SupportedBits(bits))
                .unwrap()
                .to_string()
        };
        assert_eq!(named(0x0100_0040), "mppe-128-stateless");
        assert_eq!(named(0x0000_0021), "mppe-40-stateful-mppc");
        assert_eq!(named(0x0000_0001), "mppc");
    }

    #[test]
    fn bits_are_shown_by_their_letters() {
        for (bits, shown) in [
            (0, "-"),
            (0x0100_00e0, "HMSL"),
            (0x0100_00f1, "HMSLDC"),
            (0x8000_0040, "S+0x80000000"),
        ] {
            assert_eq!(SupportedBits(bits).to_string(), shown);
        }
    }

    #[test]
    fn the_strongest_is_that_with_the_longest_key() {
        let of = |bits: u32| SupportedBits(bits).strengths().map(Strengths::strongest);
        assert_eq!(of(0x0100_0011), None);
        assert_eq!(of(0xe0), Some(Strength::Bits128));
        assert_eq!(of(0xa0), Some(Strength::Bits56));
        assert_eq!(of(0x20), Some(Strength::Bits40));
        let weak = Strengths::only(Strength::Bits40).and(Strength::Bits56);
        assert_eq!(weak.common(Strengths::only(Strength::Bits128)), None);
        assert_eq!(format!("{weak:?}"), "{40, 56}");
    }

    #[test]
    fn mppe_is_four_bytes_and_nothing_else() {
        for length in 0..=options::VALUE_MAX {
            let value = vec![1; length];
            let parsed = CcpOption::parse(RawOption {
                kind: kind::MPPE,
                value: &value,
            });
            if length == 4 {
                assert_eq!(parsed, Ok(CcpOption::Mppe(SupportedBits(0x0101_0101))));
            } else {
                assert_eq!(parsed, Err(Malformed::ValueLength));
            }
        }
    }

    #[test]
    fn options_survive_the_round_trip() {
        for option in [
            CcpOption::Mppe(SupportedBits::STATELESS_128),
            CcpOption::Other(RawOption {
                kind: kind::DEFLATE,
                value: &[0x78, 0],
            }),
        ] {
            let mut list = Vec::new();
            option.emit(&mut list);
            let raw = Options::parse(&list).unwrap().iter().next().unwrap();
            assert_eq!(CcpOption::parse(raw), Ok(option));
        }
        let mut list = Vec::new();
        CcpOption::Mppe(SupportedBits::STATELESS_128).emit(&mut list);
        assert_eq!(list, [18, 6, 1, 0, 0, 0x40]);
    }
}
