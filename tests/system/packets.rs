//! Packets as bytes: numbered datagrams, pings, and what is around them on the wire.

use std::net::Ipv4Addr;

use pns::wire::checksum;
use pns::wire::ipv4::{self, Header, protocol};

/// Where the number of a numbered datagram is, behind its IPv4 header.
const NUMBER_OFFSET: usize = 8;

/// A UDP datagram that carries a number. The UDP checksum is off.
pub(crate) fn numbered(source: Ipv4Addr, destination: Ipv4Addr, number: u32) -> Vec<u8> {
    let mut payload = vec![0x13, 0x88, 0x13, 0x88, 0, 12, 0, 0];
    payload.extend(number.to_be_bytes());
    let header = Header::plain(protocol::UDP, source, destination, 0);
    packet(header, &[], &payload)
}

/// A packet of `header` with these options (whole words) and payload; lengths and checksum are set.
pub(crate) fn packet(mut header: Header, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_length = ipv4::HEADER_LENGTH + options.len();
    header.header_length = header_length as u8;
    header.total_length = (header_length + payload.len()) as u16;
    let mut bytes = vec![0; ipv4::HEADER_LENGTH];
    bytes.extend(options);
    bytes.extend(payload);
    header.emit(&mut bytes).expect("room for the header");
    bytes
}

/// The number of a numbered datagram.
pub(crate) fn number(packet: &[u8]) -> Option<u32> {
    let header = Header::parse(packet).expect("an IPv4 packet");
    let at = usize::from(header.header_length) + NUMBER_OFFSET;
    let bytes = packet.get(at..at + 4)?;
    (header.protocol == protocol::UDP).then(|| u32::from_be_bytes(bytes.try_into().unwrap()))
}

/// The numbers of all numbered datagrams in `packets`, in order of arrival.
pub(crate) fn numbers(packets: &[Vec<u8>]) -> Vec<u32> {
    packets.iter().filter_map(|packet| number(packet)).collect()
}

/// An ICMP Echo-Request of `total_length` bytes.
pub(crate) fn ping(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    total_length: usize,
    dont_fragment: bool,
) -> Vec<u8> {
    let mut message = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
    message.extend((0..total_length - ipv4::HEADER_LENGTH - 8).map(|place| place as u8));
    let sum = checksum::checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    let header = Header {
        dont_fragment,
        identification: 0x4242,
        ..Header::plain(protocol::ICMP, source, destination, 0)
    };
    packet(header, &[], &message)
}

/// The same packet in pieces whose payloads are `piece` bytes, a multiple of 8.
pub(crate) fn cut(whole: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let header = Header::parse(whole).expect("an IPv4 packet");
    cut_as(whole, piece, header.identification)
}

/// The same with an identification of its own.
pub(crate) fn cut_as(whole: &[u8], piece: usize, identification: u16) -> Vec<Vec<u8>> {
    let header = Header::parse(whole).expect("an IPv4 packet");
    let payload = &whole[usize::from(header.header_length)..];
    let pieces = payload.len().div_ceil(piece);
    let one = |(place, part): (usize, &[u8])| {
        let fragment = Header {
            fragment_offset: (place * piece) as u16,
            more_fragments: place + 1 < pieces,
            identification,
            ..header
        };
        packet(fragment, &[], part)
    };
    payload.chunks(piece).enumerate().map(one).collect()
}

/// A frame from `source` to `destination` around an IPv4 packet.
pub(crate) fn ethernet(destination: [u8; 6], source: [u8; 6], packet: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(14 + packet.len());
    frame.extend(destination);
    frame.extend(source);
    frame.extend(0x0800u16.to_be_bytes());
    frame.extend(packet);
    frame
}

/// The numbers of an enhanced GRE header (RFC 2637 §4.1), laid out by hand.
pub(crate) fn gre(
    call_id: u16,
    sequence: Option<u32>,
    acknowledgment: Option<u32>,
    payload: &[u8],
) -> Vec<u8> {
    let flags: u16 = 0x2001
        | if sequence.is_some() { 0x1000 } else { 0 }
        | if acknowledgment.is_some() { 0x0080 } else { 0 };
    let mut bytes = Vec::with_capacity(16 + payload.len());
    bytes.extend(flags.to_be_bytes());
    bytes.extend(0x880bu16.to_be_bytes());
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(call_id.to_be_bytes());
    for number in [sequence, acknowledgment].into_iter().flatten() {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// An outer packet that carries GRE.
pub(crate) fn outer(source: Ipv4Addr, destination: Ipv4Addr, gre: &[u8]) -> Vec<u8> {
    packet(
        Header::plain(protocol::GRE, source, destination, 0),
        &[],
        gre,
    )
}
