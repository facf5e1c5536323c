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
use super::field::{u16_at, u32_at};
use crate::counted_enum;

/// Bytes of a header without options.
pub const HEADER_LENGTH: usize = 20;
/// What every host must be able to receive in one piece on a link, in bytes (RFC 791 §3.2).
pub const MTU_MIN: u16 = 68;

/// The first byte of a header without options.
const PLAIN: u8 = 0x45;
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
        let fixed = packet
            .first_chunk::<HEADER_LENGTH>()
            .ok_or(Malformed::Short)?;
        let [first, type_of_service, .., time_to_live, protocol, _, _] =
            *fixed.first_chunk::<12>().ok_or(Malformed::Short)?;
        let header_length = match first {
            PLAIN => 20,
            _ => length_with_options(first, packet.len())?,
        };
        let total_length = u16_at(fixed, 2).ok_or(Malformed::Short)?;
        if total_length < u16::from(header_length) {
            return Err(Malformed::TotalLength);
        }
        if usize::from(total_length) > packet.len() {
            return Err(Malformed::Truncated);
        }
        let sum = match first {
            PLAIN => checksum::sum_of(fixed),
            _ => checksum::sum(packet.get(..usize::from(header_length)).unwrap_or_default()),
        };
        if sum != 0xffff {
            return Err(Malformed::Checksum);
        }
        let flags = u16_at(fixed, 6).ok_or(Malformed::Short)?;
        Ok(Self {
            header_length,
            type_of_service,
            total_length,
            identification: u16_at(fixed, 4).ok_or(Malformed::Short)?,
            dont_fragment: flags & DONT_FRAGMENT != 0,
            more_fragments: flags & MORE_FRAGMENTS != 0,
            fragment_offset: (flags & OFFSET_MASK) << 3,
            time_to_live,
            protocol,
            source: Ipv4Addr::from_bits(u32_at(fixed, 12).ok_or(Malformed::Short)?),
            destination: Ipv4Addr::from_bits(u32_at(fixed, 16).ok_or(Malformed::Short)?),
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
    #[expect(
        clippy::inline_always,
        reason = "most fields are known where it is called"
    )]
    #[inline(always)]
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
        let pair = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        let first = u16::from_be_bytes([0x40 | (self.header_length >> 2), self.type_of_service]);
        let hops = u16::from_be_bytes([self.time_to_live, self.protocol]);
        let mut words = [
            pair(first, self.total_length),
            pair(self.identification, flags),
            pair(hops, 0),
            self.source.to_bits(),
            self.destination.to_bits(),
        ];
        let (place, options) = header.split_first_chunk_mut::<HEADER_LENGTH>()?;
        let mut sum = checksum::sum_of_words(words);
        if !options.is_empty() {
            sum = checksum::add(sum, checksum::sum(options));
        }
        let [_, _, checked, ..] = &mut words;
        *checked = pair(hops, !sum);
        for (place, word) in place.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_be_bytes();
        }
        Some(length)
    }
}

/// Bytes of a header that begins with `first`, in a packet of so many bytes.
#[cold]
fn length_with_options(first: u8, packet_octets: usize) -> Result<u8, Malformed> {
    if first >> 4 != 4 {
        return Err(Malformed::Version);
    }
    let length = (first & 0x0f) * 4;
    if usize::from(length) < HEADER_LENGTH {
        return Err(Malformed::HeaderLength);
    }
    if usize::from(length) > packet_octets {
        return Err(Malformed::Short);
    }
    Ok(length)
}

/// Takes one hop off the time to live of `packet` and corrects the header checksum (RFC 1141).
/// `None`, and no change, if none is left to take or this is no header.
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
pub fn decrement_ttl(packet: &mut [u8]) -> Option<()> {
    let place = packet.get_mut(TTL_OFFSET..)?.first_chunk_mut::<4>()?;
    let [hops, protocol, s0, s1] = *place;
    let left = hops.checked_sub(1)?;
    // The header's sum is 0x0100 less, so the checksum is as much more; 0xffff stands for 0.
    let sum = u32::from(u16::from_be_bytes([s0, s1])) + 0x0100;
    let [_, _, s0, s1] = (sum + u32::from(sum >= 0xffff)).to_be_bytes();
    *place = [left, protocol, s0, s1];
    Some(())
}

#[cfg(test)]
mod tests;
