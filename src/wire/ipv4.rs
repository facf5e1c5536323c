//! IPv4 headers (RFC 791 §3.1).
//!
//! ```text
//!  0                   1                   2                   3
//! |Version|  IHL  |Type of Service|          Total Length         |
//! |         Identification        |Flags|      Fragment Offset    |
//! |  Time to Live |    Protocol   |         Header Checksum       |
//! |                       Source Address                          |
//! |                    Destination Address                        |
//! |                    Options                    |    Padding    |
//! ```

use std::net::Ipv4Addr;

use super::checksum;
use super::field::array_at;
use crate::counted_enum;

/// Bytes of a header without options.
pub const HEADER_LENGTH: usize = 20;
/// What every host must be able to receive in one piece on a link, in bytes (RFC 791 §3.2).
pub const MTU_MIN: u16 = 68;

const CHECKSUM_OFFSET: usize = 10;
const TTL_OFFSET: usize = 8;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// Protocol numbers that we tell apart.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// GRE.
    pub const GRE: u8 = 47;
}

counted_enum! {
    /// Why bytes are not an IPv4 packet.
    pub enum Malformed {
        /// The packet ends before its header does.
        Short => "ipv4_short",
        /// Another version.
        Version => "ipv4_version",
        /// A header length below 20 bytes.
        HeaderLength => "ipv4_header_length",
        /// A total length below the header's own.
        TotalLength => "ipv4_total_length",
        /// A total length beyond the bytes that arrived.
        Truncated => "ipv4_truncated",
        /// The header checksum does not fit.
        Checksum => "ipv4_checksum",
    }
}

/// A header; options are counted in `header_length` and left where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the header with its options: 20 to 60, a multiple of 4.
    pub header_length: u8,
    /// Type of Service (now DSCP and ECN).
    pub type_of_service: u8,
    /// Bytes of the packet, header and all.
    pub total_length: u16,
    /// Shared by the fragments of one datagram.
    pub identification: u16,
    /// Whether routers must not fragment the packet.
    pub dont_fragment: bool,
    /// Whether this is a fragment and not the last one.
    pub more_fragments: bool,
    /// Where this fragment belongs in its datagram, in bytes: a multiple of 8.
    pub fragment_offset: u16,
    /// Hops that are left.
    pub time_to_live: u8,
    /// What the packet carries.
    pub protocol: u8,
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
}

impl Header {
    /// Reads the header in front of `packet` and checks version, lengths and checksum. `packet` may
    /// be longer than its total length says (padding).
    ///
    /// # Errors
    /// Every [`Malformed`].
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let fixed: [u8; HEADER_LENGTH] = array_at(packet, 0).ok_or(Malformed::Short)?;
        let [
            first,
            tos,
            l0,
            l1,
            i0,
            i1,
            f0,
            f1,
            ttl,
            protocol,
            _,
            _,
            s @ ..,
            d0,
            d1,
            d2,
            d3,
        ] = fixed;
        if first >> 4 != 4 {
            return Err(Malformed::Version);
        }
        let header_length = (first & 0x0f) * 4;
        if usize::from(header_length) < HEADER_LENGTH {
            return Err(Malformed::HeaderLength);
        }
        let header = packet
            .get(..usize::from(header_length))
            .ok_or(Malformed::Short)?;
        let total_length = u16::from_be_bytes([l0, l1]);
        if total_length < u16::from(header_length) {
            return Err(Malformed::TotalLength);
        }
        if usize::from(total_length) > packet.len() {
            return Err(Malformed::Truncated);
        }
        let sum = if header.len() == HEADER_LENGTH {
            checksum::sum_of(&fixed)
        } else {
            checksum::sum(header)
        };
        if sum != 0xffff {
            return Err(Malformed::Checksum);
        }
        let flags = u16::from_be_bytes([f0, f1]);
        Ok(Self {
            header_length,
            type_of_service: tos,
            total_length,
            identification: u16::from_be_bytes([i0, i1]),
            dont_fragment: flags & DONT_FRAGMENT != 0,
            more_fragments: flags & MORE_FRAGMENTS != 0,
            fragment_offset: (flags & OFFSET_MASK) << 3,
            time_to_live: ttl,
            protocol,
            source: Ipv4Addr::from(s),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
        })
    }

    /// A header without options for a whole packet of `total_length` bytes; the rest is zero.
    #[must_use]
    pub const fn plain(
        protocol: u8,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        total_length: u16,
    ) -> Self {
        Self {
            header_length: 20,
            type_of_service: 0,
            total_length,
            identification: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            time_to_live: 64,
            protocol,
            source,
            destination,
        }
    }

    /// Whether the packet is a piece of a datagram.
    #[inline]
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }

    /// Whether there are options.
    #[inline]
    #[must_use]
    pub const fn has_options(&self) -> bool {
        self.header_length as usize > HEADER_LENGTH
    }

    /// Writes the fixed part of the header in front of `packet`, with a checksum that covers the
    /// options which must already be there. Answers the header's length; `None` if it does not fit.
    #[inline]
    pub fn emit(&self, packet: &mut [u8]) -> Option<usize> {
        let length = usize::from(self.header_length);
        let header = packet.get_mut(..length)?;
        let flags = (self.fragment_offset >> 3) & OFFSET_MASK
            | if self.dont_fragment { DONT_FRAGMENT } else { 0 }
            | if self.more_fragments {
                MORE_FRAGMENTS
            } else {
                0
            };
        let [l0, l1] = self.total_length.to_be_bytes();
        let [i0, i1] = self.identification.to_be_bytes();
        let [f0, f1] = flags.to_be_bytes();
        let [s0, s1, s2, s3] = self.source.octets();
        let [d0, d1, d2, d3] = self.destination.octets();
        let first = 0x40 | (self.header_length >> 2);
        let mut fixed = [
            first,
            self.type_of_service,
            l0,
            l1,
            i0,
            i1,
            f0,
            f1,
            self.time_to_live,
            self.protocol,
            0,
            0,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ];
        let (place, options) = header.split_first_chunk_mut::<HEADER_LENGTH>()?;
        let mut sum = checksum::sum_of(&fixed);
        if !options.is_empty() {
            sum = checksum::add(sum, checksum::sum(options));
        }
        [fixed[CHECKSUM_OFFSET], fixed[CHECKSUM_OFFSET + 1]] = (!sum).to_be_bytes();
        *place = fixed;
        Some(length)
    }
}

/// Takes one hop off the time to live of `packet` and corrects the header checksum (RFC 1141).
/// `None`, and no change, if none is left to take or this is no header.
#[inline]
pub fn decrement_ttl(packet: &mut [u8]) -> Option<()> {
    let place = packet.get_mut(TTL_OFFSET..)?.first_chunk_mut::<4>()?;
    let [hops, protocol, s0, s1] = *place;
    let left = hops.checked_sub(1)?;
    let (old, new) = ([hops, protocol], [left, protocol]);
    let [old, new, sum] = [old, new, [s0, s1]].map(u16::from_be_bytes);
    let [s0, s1] = checksum::update(sum, old, new).to_be_bytes();
    *place = [left, protocol, s0, s1];
    Some(())
}

#[cfg(test)]
mod tests;
