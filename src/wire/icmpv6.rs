//! ICMPv6 Echo (RFC 4443 §4): the one message that we answer ourselves.

use super::checksum;
use super::field::u8_at;
use super::ipv6::{self, HEADER_LENGTH, Header, next_header};
use crate::counted_enum;
use std::net::Ipv6Addr;

/// Bytes of an Echo message without data.
pub const ECHO_LENGTH_MIN: u16 = 8;

const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;

counted_enum! {
    /// Why an IPv6 packet is no Echo-Request that could be answered.
    pub enum NotEcho {
        /// Another message, another protocol, or an extension header.
        Other => "icmpv6_other",
        /// Shorter than its type demands.
        Short => "icmpv6_short",
        /// The checksum does not fit.
        Checksum => "icmpv6_checksum",
    }
}

/// Whether `packet`, an IPv6 packet with the parsed `header`, is an Echo-Request with the right
/// checksum.
///
/// # Errors
/// Every [`NotEcho`].
pub fn check_echo_request(header: &Header, packet: &[u8]) -> Result<(), NotEcho> {
    let message = packet
        .get(HEADER_LENGTH..header.total_length())
        .ok_or(NotEcho::Short)?;
    if header.next_header != next_header::ICMPV6 || u8_at(message, 0) != Some(ECHO_REQUEST) {
        return Err(NotEcho::Other);
    }
    if header.payload_length < ECHO_LENGTH_MIN {
        return Err(NotEcho::Short);
    }
    if sum(header, message) == 0xffff {
        Ok(())
    } else {
        Err(NotEcho::Checksum)
    }
}

/// Turns `packet`, a checked Echo-Request, into its Echo-Reply from `source` (RFC 4443 §4.2: the
/// same identifier, sequence number and data), and answers the header of the reply.
pub fn answer_echo(request: &Header, packet: &mut [u8], source: Ipv6Addr) -> Option<Header> {
    let reply = Header {
        hop_limit: ipv6::HOP_LIMIT,
        source,
        destination: request.source,
        ..*request
    };
    let (head, message) = packet
        .get_mut(..request.total_length())?
        .split_at_mut_checked(HEADER_LENGTH)?;
    reply.emit(head)?;
    message
        .first_chunk_mut::<4>()?
        .copy_from_slice(&[ECHO_REPLY, 0, 0, 0]);
    let checksum = (!sum(&reply, message)).to_be_bytes();
    message.get_mut(2..4)?.copy_from_slice(&checksum);
    Some(reply)
}

/// The one's-complement sum over pseudo-header and message (RFC 8200 §8.1).
fn sum(header: &Header, message: &[u8]) -> u16 {
    let mut pseudo = [0; 40];
    let (addresses, rest) = pseudo.split_at_mut(32);
    let (source, destination) = addresses.split_at_mut(16);
    source.copy_from_slice(&header.source.octets());
    destination.copy_from_slice(&header.destination.octets());
    let [high, low] = header.payload_length.to_be_bytes();
    rest.copy_from_slice(&[0, 0, high, low, 0, 0, 0, next_header::ICMPV6]);
    checksum::add(checksum::sum(&pseudo), checksum::sum(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ipv6::InterfaceIdentifier;
    use proptest::prelude::*;

    const CLIENT: Ipv6Addr = InterfaceIdentifier([0, 0, 0, 0, 0, 0, 0, 1]).link_local();
    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    const SERVER: Ipv6Addr = InterfaceIdentifier([0, 0, 0, 0, 0, 0, 0, 2]).link_local();

    fn request(data: &[u8]) -> (Header, Vec<u8>) {
        let header = Header {
            payload_length: u16::try_from(8 + data.len()).unwrap(),
            next_header: 58,
            hop_limit: 1,
            source: CLIENT,
            destination: ALL_NODES,
        };
        let mut packet = vec![0; 40];
        header.emit(&mut packet).unwrap();
        packet.extend([128, 0, 0, 0, 0x12, 0x34, 0, 7]);
        packet.extend(data);
        let checksum = !sum(&header, &packet[40..]);
        packet[42..44].copy_from_slice(&checksum.to_be_bytes());
        (header, packet)
    }

    #[test]
    fn a_checksum_computed_by_hand() {
        // fe80::1 to ff02::1, length 8: fe80+1+ff02+1+8+3a, and 8000+1234+7 of the message.
        let total: u32 = 0xfe80 + 1 + 0xff02 + 1 + 8 + 0x3a + 0x8000 + 0x1234 + 7;
        let folded = (total & 0xffff) + (total >> 16);
        let (_, packet) = request(&[]);
        assert_eq!(packet[42..44], (!folded as u16).to_be_bytes());
    }

    #[test]
    fn rfc4443_s2_3_one_changed_bit_is_noticed() {
        let (_, packet) = request(b"ping");
        for bit in 64..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 0x80 >> (bit % 8);
            let header = Header::parse(&changed).unwrap();
            assert!(check_echo_request(&header, &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn rfc4443_s4_2_only_an_echo_request_is_one() {
        let (header, packet) = request(&[]);
        for kind in 0..=255 {
            let mut other = packet.clone();
            other[40] = kind;
            let found = check_echo_request(&header, &other);
            assert_eq!(found == Err(NotEcho::Other), kind != 128, "type {kind}");
        }
        let extended = Header {
            next_header: 0,
            ..header
        };
        assert_eq!(check_echo_request(&extended, &packet), Err(NotEcho::Other));
        for payload_length in 0..8 {
            let header = Header {
                payload_length,
                ..header
            };
            assert!(check_echo_request(&header, &packet).is_err());
        }
    }

    proptest! {
        #[test]
        fn rfc4443_s4_2_the_reply_has_the_data_and_a_right_checksum(
            data in proptest::collection::vec(any::<u8>(), 0..1300)
        ) {
            let (header, mut packet) = request(&data);
            prop_assert_eq!(check_echo_request(&header, &packet), Ok(()));
            let reply = answer_echo(&header, &mut packet, SERVER).unwrap();
            prop_assert_eq!(Header::parse(&packet), Ok(reply));
            prop_assert_eq!((reply.source, reply.destination), (SERVER, CLIENT));
            prop_assert_eq!((reply.hop_limit, packet[40]), (64, 129));
            prop_assert_eq!(sum(&reply, &packet[40..]), 0xffff);
            prop_assert_eq!(&packet[44..48], &[0x12, 0x34, 0, 7]);
            prop_assert_eq!(&packet[48..], &data[..]);
        }
    }
}
