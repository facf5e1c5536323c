//! Whether a decrypted frame looks like one that a peer encrypted.
//!
//! MPPE has no integrity check. A forged frame decrypts to noise, and what tells noise from a
//! packet is the packet itself: a protocol that was agreed, the IP version, header length, total
//! length and, for IPv4, the header checksum. Noise passes as IPv4 about once in 2^40 frames (2^32
//! with a compressed protocol field). IPv6 has no checksum, so its version and length alone would let
//! noise pass about once in 2^17 frames, and every pass moves the call's keys. So IPv6 is a packet
//! only on a link that agreed on it, and only from the link-local address that was agreed on, or from
//! none (a client that checks whether it is alone): 128 bits that noise would have to hit.

use crate::mppc::{Decompressor, HISTORY_LENGTH};
use crate::wire::ipv6::{self, InterfaceIdentifier};
use crate::wire::mppe::Header;

/// How much of a frame [`plausible_ppp`] needs to see: the protocol field and the longest IPv4
/// header.
pub const PREFIX_LENGTH: usize = 64;

const IPV4: u8 = 0x21;
const IPV6: u8 = 0x57;

/// The network protocols that a link has agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, u8)]
pub enum Agreed {
    /// IPCP alone.
    #[default]
    Ipv4,
    /// IPCP and IPv6CP.
    Ipv4AndIpv6 {
        /// The interface identifier of whoever encrypts.
        peer: InterfaceIdentifier,
    },
}

/// What has to come out of a frame.
#[derive(Clone, Copy)]
pub struct Looks<'h> {
    /// Which packets it may be.
    pub agreed: Agreed,
    /// Of a frame that is compressed by MPPC: its header, and the history that it builds upon.
    pub compressed: Option<(Header, &'h Decompressor)>,
}

impl Looks<'_> {
    /// As [`plausible_ppp`], for a frame that may be compressed. How long the packet is in the end
    /// is not known of one that is.
    #[must_use]
    pub fn packet(self, prefix: &[u8], length: usize) -> bool {
        match self.compressed {
            None => plausible_ppp(prefix, length, self.agreed),
            Some((header, history)) => {
                let mut start = [0; PREFIX_LENGTH];
                let start = history.peek(header, prefix, &mut start);
                plausible_ppp(start, HISTORY_LENGTH, self.agreed)
            }
        }
    }

    /// As [`plausible_protocol`], for a frame that may be compressed. One that builds upon a history
    /// that we do not have says nothing; its place in the keystream is all the same certain.
    #[must_use]
    pub fn protocol(self, prefix: &[u8]) -> bool {
        match self.compressed {
            None => plausible_protocol(prefix),
            Some((header, history)) if !header.flushed && !history.is_in_step() => true,
            Some((header, history)) => {
                let mut start = [0; 2];
                plausible_protocol(history.peek(header, prefix, &mut start))
            }
        }
    }
}

/// Whether what comes out of `frame` `looks_right`, which sees the start of it and its length; `decrypt` is
/// given a copy of that start.
#[inline]
pub(crate) fn opens(
    frame: &[u8],
    decrypt: impl FnOnce(&mut [u8]),
    looks_right: impl FnOnce(&[u8], usize) -> bool,
) -> bool {
    let mut scratch = [0; PREFIX_LENGTH];
    if let Some(start) = frame.first_chunk() {
        scratch = *start;
        decrypt(&mut scratch);
        return looks_right(&scratch, frame.len());
    }
    let (prefix, _) = scratch.split_at_mut(frame.len());
    prefix.copy_from_slice(frame);
    decrypt(prefix);
    looks_right(prefix, frame.len())
}

/// Whether a decrypted PPP frame of `length` bytes that starts with `prefix` is a packet.
///
/// `prefix` is the whole frame or at least [`PREFIX_LENGTH`] bytes of it. The protocol field may be
/// compressed to one byte whether or not that was negotiated (RFC 1661 §6.5). Bytes after the
/// packet are padding (RFC 1661 §5).
#[must_use]
pub fn plausible_ppp(prefix: &[u8], length: usize, agreed: Agreed) -> bool {
    let (protocol, packet, field_length) = match prefix {
        [0, protocol, packet @ ..] if protocol & 1 == 1 => (*protocol, packet, 2),
        [protocol, packet @ ..] if protocol & 1 == 1 => (*protocol, packet, 1),
        _ => return false,
    };
    let available = length.saturating_sub(field_length);
    match protocol {
        IPV4 => plausible_ipv4(packet, available),
        IPV6 => match agreed {
            Agreed::Ipv4 => false,
            Agreed::Ipv4AndIpv6 { peer } => plausible_ipv6(packet, available, peer),
        },
        _ => false,
    }
}

/// Whether a decrypted PPP frame starts with the protocol field of something that is encrypted: 0x0021
/// to 0x00fa (RFC 3078 §3), of which all are odd in the low byte (RFC 1661 §2). Noise passes about
/// once in 500 frames, so this is for frames whose keystream is known for certain.
///
/// A field of one byte alone would let nearly half of all noise pass. So it counts for IP only, and
/// with the version behind it.
#[must_use]
pub fn plausible_protocol(prefix: &[u8]) -> bool {
    match prefix {
        [0, protocol, ..] => protocol & 1 == 1 && (0x21..=0xfa).contains(protocol),
        [IPV4, version, ..] => version >> 4 == 4,
        [IPV6, version, ..] => version >> 4 == 6,
        _ => false,
    }
}

/// RFC 791 §3.1.
fn plausible_ipv4(packet: &[u8], available: usize) -> bool {
    let [version_and_words, _, length_high, length_low, ..] = packet else {
        return false;
    };
    let header_length = usize::from(version_and_words & 0x0f) * 4;
    let total_length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
    if version_and_words >> 4 != 4 || header_length < 20 {
        return false;
    }
    if total_length < header_length || total_length > available {
        return false;
    }
    packet
        .get(..header_length)
        .is_some_and(|header| ones_complement_sum(header) == 0xffff)
}

/// RFC 8200 §3.
fn plausible_ipv6(packet: &[u8], available: usize, peer: InterfaceIdentifier) -> bool {
    let Ok(header) = ipv6::Header::parse_front(packet) else {
        return false;
    };
    let whole = header.total_length() <= available;
    whole && (header.source == peer.link_local() || header.source.is_unspecified())
}

/// RFC 1071 over an even number of bytes.
fn ones_complement_sum(header: &[u8]) -> u16 {
    let (words, _) = header.as_chunks::<2>();
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = ((folded & 0xffff) + (folded >> 16)).to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ping of 28 bytes, header checksum right.
    const PING: [u8; 28] = [
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0x4c, 0x85, 10, 77, 0, 100, 192, 168, 99, 2, 8, 0, 0, 0,
        0, 0, 0, 0,
    ];

    const PEER: InterfaceIdentifier = InterfaceIdentifier([0x1a, 2, 3, 4, 5, 6, 7, 8]);

    fn agreed_on(agreed: Agreed, frame: &[u8]) -> bool {
        plausible_ppp(
            &frame[..frame.len().min(PREFIX_LENGTH)],
            frame.len(),
            agreed,
        )
    }

    fn framed6(protocol: &[u8], packet: &[u8]) -> bool {
        agreed_on(
            Agreed::Ipv4AndIpv6 { peer: PEER },
            &[protocol, packet].concat(),
        )
    }

    fn framed(protocol: &[u8], packet: &[u8]) -> bool {
        let frame = [protocol, packet].concat();
        agreed_on(Agreed::Ipv4, &frame)
    }

    #[test]
    fn a_packet_passes_with_either_protocol_field_and_with_padding() {
        assert!(framed(&[0, 0x21], &PING));
        assert!(framed(&[0x21], &PING));
        assert!(framed(&[0, 0x21], &[&PING[..], &[0; 90]].concat()));
    }

    #[test]
    fn one_changed_bit_of_the_header_is_noticed() {
        for bit in 0..20 * 8 {
            let mut packet = PING;
            packet[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(!framed(&[0, 0x21], &packet), "bit {bit}");
        }
    }

    #[test]
    fn other_protocols_and_every_cut_are_refused() {
        for protocol in 0..=u16::MAX {
            assert_eq!(framed(&protocol.to_be_bytes(), &PING), protocol == 0x0021);
        }
        for cut in 0..PING.len() {
            assert!(!framed(&[0, 0x21], &PING[..cut]), "cut at {cut}");
        }
        assert!(!framed(&[], &[]));
        assert!(!framed(&[0], &[]));
    }

    #[test]
    fn the_longest_ipv4_header_fits_the_prefix() {
        let mut packet = vec![0x4f, 0, 0x01, 0x00];
        packet.resize(256, 0);
        let sum = ones_complement_sum(&packet[..60]);
        packet[10..12].copy_from_slice(&(!sum).to_be_bytes());
        assert!(framed(&[0, 0x21], &packet));
        packet[59] = 1;
        assert!(!framed(&[0, 0x21], &packet));
    }

    #[test]
    fn the_protocol_field_alone_lets_one_frame_of_noise_in_500_pass() {
        let passes = (0..=u16::MAX).filter(|field| plausible_protocol(&field.to_be_bytes()));
        let passes: Vec<u16> = passes.collect();
        assert!(
            (65536 / 510..=65536 / 450).contains(&passes.len()),
            "{}",
            passes.len()
        );
        assert!(passes.contains(&0x0021) && passes.contains(&0x002d) && passes.contains(&0x0057));
        assert!(passes.contains(&0x2145) && passes.contains(&0x5760));
        assert!(
            !passes.contains(&0x00fd) && !passes.contains(&0x001f) && !passes.contains(&0x0022)
        );
        assert!(!plausible_protocol(&[0x21]) && !plausible_protocol(&[]));
    }

    #[test]
    fn ipv6_needs_its_version_its_length_and_its_source() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 8, 58, 1, 0xfe, 0x80, 0, 0, 0, 0, 0, 0];
        packet.extend(PEER.0);
        packet.resize(48, 0);
        for bit in 64..192 {
            let mut other = packet.clone();
            other[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(!framed6(&[0, 0x57], &other), "bit {bit} of the source");
        }
        let mut nobody = packet.clone();
        nobody[8..24].fill(0);
        assert!(
            framed6(&[0, 0x57], &nobody),
            "RFC 4862 §5.4 asks from no address"
        );
        assert!(framed6(&[0, 0x57], &packet));
        assert!(!framed(&[0, 0x57], &packet), "only where it was agreed");
        assert!(framed6(&[0x57], &packet));
        packet[5] = 9;
        assert!(!framed6(&[0, 0x57], &packet));
        packet[5] = 8;
        packet[0] = 0x40;
        assert!(!framed6(&[0, 0x57], &packet));
        assert!(!framed6(&[0, 0x57], &packet[..5]));
    }
}
