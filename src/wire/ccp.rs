//! Options of the Compression Control Protocol: MPPE and MPPC share type 18 (RFC 3078 §2.1,
//! RFC 2118 §3); the other algorithms are known by name so that refusals can say what they were.

use super::options::{self, RawOption};
use crate::counted_enum;

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
    /// The one combination that PNS agrees to: 128-bit keys, stateless.
    pub const STATELESS_128: Self = Self(Self::STATELESS.0 | Self::KEY_128.0);

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub const fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }
}

impl std::fmt::Debug for SupportedBits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SupportedBits({:#010x})", self.0)
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
