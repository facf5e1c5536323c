//! The one ICMP message that we make ourselves: Destination Unreachable, fragmentation needed and
//! DF set, with the MTU of the next hop (RFC 792, RFC 1191 §4). Only the data plane knows the MTU
//! of a call; every other ICMP message is the kernel's.

use super::checksum;
use super::field::u8_at;
use super::ipv4;

/// Bytes of the ICMP header.
pub const HEADER_LENGTH: usize = 8;
/// How much of the offending packet is quoted behind its header, in bytes (RFC 792).
const QUOTED_PAYLOAD: usize = 8;
/// Longest message: ICMP header, the longest IPv4 header and the quotation.
pub const MESSAGE_LENGTH_MAX: usize = HEADER_LENGTH + 60 + QUOTED_PAYLOAD;

const DESTINATION_UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;

/// Whether an ICMP message of this type reports an error: about those no error is ever sent
/// (RFC 1122 §3.2.2).
#[must_use]
pub const fn is_error(message_type: u8) -> bool {
    matches!(message_type, 3 | 4 | 5 | 11 | 12)
}

/// Whether an error about `packet`, an IPv4 packet with the parsed `header`, may be sent at all:
/// not about later fragments and not about ICMP errors (RFC 1122 §3.2.2).
#[must_use]
pub fn may_answer(header: &ipv4::Header, packet: &[u8]) -> bool {
    if header.fragment_offset != 0 {
        return false;
    }
    let message_type = u8_at(packet, usize::from(header.header_length));
    header.protocol != ipv4::protocol::ICMP || message_type.is_some_and(|kind| !is_error(kind))
}

/// Writes the message about `packet`, which did not fit `mtu`, in front of `buffer`, and answers its
/// length; `None` if it does not fit or `packet` is none.
pub fn emit_fragmentation_needed(
    buffer: &mut [u8],
    header: &ipv4::Header,
    packet: &[u8],
    mtu: u16,
) -> Option<usize> {
    let end = usize::from(header.header_length) + QUOTED_PAYLOAD;
    let quoted = packet.get(..end.min(packet.len()))?;
    let length = HEADER_LENGTH + quoted.len();
    let message = buffer.get_mut(..length)?;
    let [m0, m1] = mtu.to_be_bytes();
    let (head, quotation) = message.split_at_mut_checked(HEADER_LENGTH)?;
    head.copy_from_slice(&[
        DESTINATION_UNREACHABLE,
        FRAGMENTATION_NEEDED,
        0,
        0,
        0,
        0,
        m0,
        m1,
    ]);
    quotation.copy_from_slice(quoted);
    let sum = checksum::checksum(message).to_be_bytes();
    message.get_mut(2..4)?.copy_from_slice(&sum);
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn packet(protocol: u8, payload: &[u8]) -> (ipv4::Header, Vec<u8>) {
        let total = u16::try_from(20 + payload.len()).unwrap();
        let (from, to) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(10, 0, 0, 2));
        let header = ipv4::Header::plain(protocol, from, to, total);
        let mut bytes = vec![0; 20];
        header.emit(&mut bytes).unwrap();
        bytes.extend_from_slice(payload);
        (header, bytes)
    }

    #[test]
    fn rfc1191_s4_the_message_carries_the_mtu_and_quotes_header_and_8_bytes() {
        let (header, bytes) = packet(ipv4::protocol::UDP, &[7; 100]);
        let mut buffer = [0; MESSAGE_LENGTH_MAX];
        let length = emit_fragmentation_needed(&mut buffer, &header, &bytes, 1400).unwrap();
        assert_eq!(length, 8 + 28);
        assert_eq!(checksum::sum(&buffer[..length]), 0xffff);
        assert_eq!(buffer[..2], [3, 4]);
        assert_eq!(buffer[4..8], [0, 0, 0x05, 0x78]);
        assert_eq!(buffer[8..36], bytes[..28]);
        assert_eq!(
            emit_fragmentation_needed(&mut buffer[..35], &header, &bytes, 1400),
            None
        );
    }

    #[test]
    fn rfc1122_s3_2_2_no_error_about_an_error_or_a_later_fragment() {
        let (header, bytes) = packet(ipv4::protocol::ICMP, &[8, 0, 0, 0]);
        assert!(may_answer(&header, &bytes));
        for kind in [3, 4, 5, 11, 12] {
            let (header, bytes) = packet(ipv4::protocol::ICMP, &[kind, 0, 0, 0]);
            assert!(!may_answer(&header, &bytes), "type {kind}");
        }
        let (mut header, bytes) = packet(ipv4::protocol::UDP, &[0; 8]);
        assert!(may_answer(&header, &bytes));
        header.fragment_offset = 8;
        assert!(!may_answer(&header, &bytes));
        let (header, bytes) = packet(ipv4::protocol::ICMP, &[]);
        assert!(!may_answer(&header, &bytes));
    }
}
