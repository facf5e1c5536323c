//! Options of the IPv6 Control Protocol (RFC 5072 §4).

use super::ipv6::InterfaceIdentifier;
use super::options::{self, RawOption};
use crate::counted_enum;

counted_enum! {
    /// Why an option of a known type has no meaning.
    pub enum Malformed {
        /// The value is not as long as its type demands.
        ValueLength => "ipv6cp_option_value_length",
    }
}

/// Types of IPv6CP options.
pub mod kind {
    /// Interface-Identifier.
    pub const INTERFACE_IDENTIFIER: u8 = 1;
    /// IPv6-Compression-Protocol (RFC 5172).
    pub const COMPRESSION_PROTOCOL: u8 = 2;
}

/// One IPv6CP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6cpOption<'a> {
    /// The sender's half of its link-local address, or zero to ask for one.
    InterfaceIdentifier(InterfaceIdentifier),
    /// An option that PNS does not know or does not want.
    Other(RawOption<'a>),
}

impl<'a> Ipv6cpOption<'a> {
    /// Gives an option its meaning.
    ///
    /// # Errors
    /// [`Malformed::ValueLength`].
    pub fn parse(option: RawOption<'a>) -> Result<Self, Malformed> {
        match option.kind {
            kind::INTERFACE_IDENTIFIER => option
                .fixed()
                .map(|value| Self::InterfaceIdentifier(InterfaceIdentifier(value)))
                .ok_or(Malformed::ValueLength),
            _ => Ok(Self::Other(option)),
        }
    }

    /// Appends the option to a list.
    pub fn emit(&self, list: &mut Vec<u8>) {
        match self {
            Self::InterfaceIdentifier(identifier) => {
                options::push(list, kind::INTERFACE_IDENTIFIER, &identifier.0);
            }
            Self::Other(option) => options::push(list, option.kind, option.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::options::Options;

    #[test]
    fn rfc5072_s4_1_an_interface_identifier_is_eight_bytes_and_nothing_else() {
        for length in 0..=options::VALUE_MAX {
            let value = vec![7; length];
            let option = RawOption {
                kind: 1,
                value: &value,
            };
            assert_eq!(Ipv6cpOption::parse(option).is_ok(), length == 8);
        }
    }

    #[test]
    fn every_option_survives_the_round_trip() {
        for option in [
            Ipv6cpOption::InterfaceIdentifier(InterfaceIdentifier([1, 2, 3, 4, 5, 6, 7, 8])),
            Ipv6cpOption::Other(RawOption {
                kind: kind::COMPRESSION_PROTOCOL,
                value: &[0, 0x4f],
            }),
        ] {
            let mut list = Vec::new();
            option.emit(&mut list);
            let raw = Options::parse(&list).unwrap().iter().next().unwrap();
            assert_eq!(Ipv6cpOption::parse(raw), Ok(option));
        }
    }
}
