//! Ethernet II frames with at most one 802.1Q tag (IEEE 802.3 §3, IEEE 802.1Q §9).

use super::field::{array_at, u16_at};
use crate::counted_enum;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Bytes of a header without a tag.
pub const HEADER_LENGTH: usize = 14;
/// Bytes that an 802.1Q tag adds.
pub const TAG_LENGTH: usize = 4;
/// Where the tag is, behind both addresses.
pub const TAG_OFFSET: usize = 12;
/// EtherType of an 802.1Q tag.
pub const TAGGED: u16 = 0x8100;
/// The 12 bits of a tag that name the VLAN.
pub const VLAN_MASK: u16 = 0x0fff;

/// EtherTypes that we tell apart.
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
}

counted_enum! {
    /// Why bytes are not an Ethernet frame.
    pub enum Malformed {
        /// The frame ends before its header does.
        Short => "ethernet_short",
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who shall receive the frame.
    pub destination: Mac,
    /// Who sent it.
    pub source: Mac,
    /// The VLAN that an 802.1Q tag names; 0 is a tag with a priority only.
    pub vlan: Option<u16>,
    /// What the frame carries.
    pub ether_type: u16,
}

impl Header {
    /// Reads the header in front of `frame`.
    ///
    /// # Errors
    /// [`Malformed::Short`].
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let header: [u8; HEADER_LENGTH] = array_at(frame, 0).ok_or(Malformed::Short)?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = header;
        let mut vlan = None;
        let mut ether_type = u16::from_be_bytes([t0, t1]);
        if ether_type == TAGGED {
            let tag = u16_at(frame, HEADER_LENGTH).ok_or(Malformed::Short)?;
            vlan = Some(tag & VLAN_MASK);
            ether_type = u16_at(frame, HEADER_LENGTH + 2).ok_or(Malformed::Short)?;
        }
        Ok(Self {
            destination: [d0, d1, d2, d3, d4, d5],
            source: [s0, s1, s2, s3, s4, s5],
            vlan,
            ether_type,
        })
    }

    /// Bytes of this header.
    #[inline]
    #[must_use]
    pub const fn length(&self) -> usize {
        match self.vlan {
            Some(_) => HEADER_LENGTH + TAG_LENGTH,
            None => HEADER_LENGTH,
        }
    }

    /// Writes the header in front of `frame` and answers its length; `None` if it does not fit.
    #[inline]
    pub fn emit(&self, frame: &mut [u8]) -> Option<usize> {
        let (destination, rest) = frame.split_first_chunk_mut()?;
        let (source, rest) = rest.split_first_chunk_mut()?;
        let place = match self.vlan {
            None => rest.first_chunk_mut()?,
            Some(vlan) => {
                let (tag, rest) = rest.split_first_chunk_mut()?;
                let place = rest.first_chunk_mut()?;
                let [a, b] = TAGGED.to_be_bytes();
                let [c, d] = (vlan & VLAN_MASK).to_be_bytes();
                *tag = [a, b, c, d];
                place
            }
        };
        *destination = self.destination;
        *source = self.source;
        *place = self.ether_type.to_be_bytes();
        Some(self.length())
    }
}

/// Whether `frame` is an untagged one with IPv4 for this station.
#[inline]
#[must_use]
pub fn is_ipv4_for(station: Mac, frame: &[u8]) -> bool {
    let Some(header) = frame.first_chunk::<HEADER_LENGTH>() else {
        return false;
    };
    array_at(header, 0) == Some(station) && u16_at(header, TAG_OFFSET) == Some(ether_type::IPV4)
}

/// Whether `address` names a group: multicast or broadcast.
#[inline]
#[must_use]
pub const fn is_group(address: Mac) -> bool {
    let [first, ..] = address;
    first & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Header = Header {
        destination: [2, 0, 0, 0, 0, 1],
        source: [2, 0, 0, 0, 0, 2],
        vlan: None,
        ether_type: ether_type::IPV4,
    };

    #[test]
    fn headers_come_back_with_and_without_a_tag() {
        for header in [
            PLAIN,
            Header {
                vlan: Some(4094),
                ..PLAIN
            },
            Header {
                vlan: Some(0),
                ether_type: ether_type::ARP,
                ..PLAIN
            },
        ] {
            let mut bytes = [0xee; 20];
            let length = header.emit(&mut bytes).unwrap();
            assert_eq!(length, header.length());
            assert_eq!(Header::parse(&bytes), Ok(header));
            assert_eq!(bytes[length], 0xee);
            for cut in 0..length {
                assert_eq!(Header::parse(&bytes[..cut]), Err(Malformed::Short));
                assert_eq!(header.emit(&mut bytes[..cut].to_vec()), None);
            }
        }
    }

    #[test]
    fn the_priority_of_a_tag_is_not_part_of_its_vlan() {
        let mut bytes = [0; 18];
        Header {
            vlan: Some(7),
            ..PLAIN
        }
        .emit(&mut bytes);
        bytes[14] |= 0xe0;
        assert_eq!(Header::parse(&bytes).unwrap().vlan, Some(7));
    }

    #[test]
    fn one_look_finds_what_the_whole_header_says() {
        let mut bytes = [0; 18];
        PLAIN.emit(&mut bytes);
        assert!(is_ipv4_for(PLAIN.destination, &bytes));
        assert!(!is_ipv4_for(PLAIN.source, &bytes));
        assert!(!is_ipv4_for(PLAIN.destination, &bytes[..13]));
        let vlan = Some(3);
        Header { vlan, ..PLAIN }.emit(&mut bytes);
        assert!(!is_ipv4_for(PLAIN.destination, &bytes));
    }

    #[test]
    fn groups_have_the_lowest_bit() {
        assert!(is_group([0xff; 6]) && is_group([1, 0, 0x5e, 0, 0, 1]));
        assert!(!is_group(PLAIN.destination));
    }
}
