//! IPv6 headers (RFC 8200 §3), and the interface identifiers of a link (RFC 4291 §2.5.1).
//!
//! ```text
//! |Version| Traffic Class |           Flow Label                  |
//! |         Payload Length        |  Next Header  |   Hop Limit   |
//! |                    Source Address (16 bytes)                  |
//! |                 Destination Address (16 bytes)                |
//! ```

use std::fmt;
use std::net::Ipv6Addr;

use super::field::{array_at, u8_at, u16_at};
use crate::counted_enum;

/// Bytes of a header; extension headers are payload.
pub const HEADER_LENGTH: usize = 40;
/// What every link must carry in one piece, in bytes (RFC 8200 §5).
pub const MTU_MIN: u16 = 1280;
/// The hop limit of what we send, as of IPv4.
pub const HOP_LIMIT: u8 = 64;

const SOURCE_OFFSET: usize = 8;

/// Next Header values that we tell apart.
pub mod next_header {
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
}

counted_enum! {
    /// Why bytes are not an IPv6 packet.
    pub enum Malformed {
        /// The packet ends before its header does.
        Short => "ipv6_short",
        /// Another version.
        Version => "ipv6_version",
        /// A payload length beyond the bytes that arrived.
        Truncated => "ipv6_truncated",
    }
}

/// The half of an address that is the interface's own (RFC 4291 §2.5.1). The two ends of a PPP
/// link agree on one each (RFC 5072 §4.1); zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct InterfaceIdentifier(pub [u8; 8]);

impl InterfaceIdentifier {
    /// No identifier: who sends it asks for one.
    pub const ZERO: Self = Self([0; 8]);

    /// Makes an identifier out of random bytes: the bits "universal" and "group" are cleared, as
    /// RFC 5072 §4.1 wants of random ones, which also keeps it off the reserved ones (RFC 5453).
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        let [first, middle @ .., last] = bytes;
        let [a, b, c, d, e, f] = middle;
        let identifier = Self([first & !0x03, a, b, c, d, e, f, last]);
        if identifier.is_zero() {
            Self([0, 0, 0, 0, 0, 0, 0, 1])
        } else {
            identifier
        }
    }

    /// Whether this is no identifier.
    #[inline]
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The link-local address with this identifier: `fe80::` and the eight bytes (RFC 5072 §5).
    #[inline]
    #[must_use]
    pub const fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f, g, h] = self.0;
        Ipv6Addr::new(
            0xfe80,
            0,
            0,
            0,
            u16::from_be_bytes([a, b]),
            u16::from_be_bytes([c, d]),
            u16::from_be_bytes([e, f]),
            u16::from_be_bytes([g, h]),
        )
    }
}

impl fmt::Display for InterfaceIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f, g, h] = self.0;
        write!(
            formatter,
            "{a:02x}{b:02x}:{c:02x}{d:02x}:{e:02x}{f:02x}:{g:02x}{h:02x}"
        )
    }
}

/// A header. Traffic class and flow label are not looked at, and written as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes behind the header.
    pub payload_length: u16,
    /// What follows the header.
    pub next_header: u8,
    /// Hops that are left.
    pub hop_limit: u8,
    /// Where it comes from.
    pub source: Ipv6Addr,
    /// Where it goes.
    pub destination: Ipv6Addr,
}

impl Header {
    /// Reads the header in front of `packet` and checks version and length. `packet` may be longer
    /// than its length says (padding).
    ///
    /// # Errors
    /// Every [`Malformed`].
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let header = Self::parse_front(packet)?;
        if header.total_length() > packet.len() {
            return Err(Malformed::Truncated);
        }
        Ok(header)
    }

    /// Reads the header in front of `packet`, which need not be there to its end.
    ///
    /// # Errors
    /// [`Malformed::Short`] and [`Malformed::Version`].
    #[inline]
    pub fn parse_front(packet: &[u8]) -> Result<Self, Malformed> {
        let header: [u8; HEADER_LENGTH] = array_at(packet, 0).ok_or(Malformed::Short)?;
        if u8_at(&header, 0).is_none_or(|first| first >> 4 != 6) {
            return Err(Malformed::Version);
        }
        let address = |offset| {
            array_at::<16>(&header, offset)
                .map(Ipv6Addr::from)
                .ok_or(Malformed::Short)
        };
        Ok(Self {
            payload_length: u16_at(&header, 4).ok_or(Malformed::Short)?,
            next_header: u8_at(&header, 6).ok_or(Malformed::Short)?,
            hop_limit: u8_at(&header, 7).ok_or(Malformed::Short)?,
            source: address(SOURCE_OFFSET)?,
            destination: address(SOURCE_OFFSET + 16)?,
        })
    }

    /// Writes the header into the front of `buffer`; `None` if it does not fit.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<()> {
        let header = buffer.first_chunk_mut::<HEADER_LENGTH>()?;
        let [length_high, length_low] = self.payload_length.to_be_bytes();
        let fixed = [
            0x60,
            0,
            0,
            0,
            length_high,
            length_low,
            self.next_header,
            self.hop_limit,
        ];
        let (front, addresses) = header.split_at_mut_checked(SOURCE_OFFSET)?;
        let (source, destination) = addresses.split_at_mut_checked(16)?;
        front.copy_from_slice(&fixed);
        source.copy_from_slice(&self.source.octets());
        destination.copy_from_slice(&self.destination.octets());
        Some(())
    }

    /// Bytes of the packet, header and all; more than an IPv4 packet can have for the longest ones.
    #[inline]
    #[must_use]
    pub fn total_length(&self) -> usize {
        HEADER_LENGTH + usize::from(self.payload_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header = Header {
        payload_length: 8,
        next_header: next_header::ICMPV6,
        hop_limit: HOP_LIMIT,
        source: InterfaceIdentifier([2, 0, 0, 0, 0, 0, 0, 1]).link_local(),
        destination: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    };

    #[test]
    fn rfc8200_s3_a_header_survives_the_round_trip_and_no_cut_passes() {
        let mut packet = [0; 48];
        HEADER.emit(&mut packet).unwrap();
        assert_eq!(packet[..8], [0x60, 0, 0, 0, 0, 8, 58, 64]);
        assert_eq!(Header::parse(&packet), Ok(HEADER));
        for cut in 0..48 {
            let expected = if cut < 40 {
                Malformed::Short
            } else {
                Malformed::Truncated
            };
            assert_eq!(Header::parse(&packet[..cut]), Err(expected));
        }
        packet[0] = 0x45;
        assert_eq!(Header::parse(&packet), Err(Malformed::Version));
        assert_eq!(HEADER.emit(&mut [0; 39]), None);
    }

    #[test]
    fn rfc5072_s5_the_link_local_address_is_fe80_and_the_identifier() {
        let identifier = InterfaceIdentifier([0x1a, 0x2b, 0, 0, 0, 0, 0, 5]);
        assert_eq!(identifier.link_local().to_string(), "fe80::1a2b:0:0:5");
        assert_eq!(identifier.to_string(), "1a2b:0000:0000:0005");
    }

    proptest! {
        #[test]
        fn rfc5072_s4_1_random_identifiers_are_local_and_not_zero(bytes in any::<[u8; 8]>()) {
            let identifier = InterfaceIdentifier::from_random(bytes);
            prop_assert!(!identifier.is_zero());
            prop_assert_eq!(identifier.0[0] & 3, 0);
            prop_assert_eq!(&identifier.0[1..7], &bytes[1..7]);
        }
    }

    #[test]
    fn nothing_random_becomes_something() {
        assert!(!InterfaceIdentifier::from_random([0; 8]).is_zero());
        assert!(!InterfaceIdentifier::from_random([3, 0, 0, 0, 0, 0, 0, 0]).is_zero());
    }
}
