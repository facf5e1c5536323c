//! Packets for tests, made by hand so that they can be wrong in every way.

use std::net::Ipv4Addr;

use pns::wire::call_id::CallId;
use pns::wire::ethernet::{self, Mac, ether_type};
use pns::wire::{checksum, gre, ipv4};

/// An IPv4 packet.
pub(crate) fn ip(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap();
    ip_with(
        ipv4::Header::plain(protocol, source, destination, total),
        &[],
        payload,
    )
}

/// An IPv4 packet with any header and options; lengths are set here.
pub(crate) fn ip_with(mut header: ipv4::Header, options: &[u8], payload: &[u8]) -> Vec<u8> {
    header.header_length = u8::try_from(20 + options.len()).unwrap();
    header.total_length = u16::try_from(20 + options.len() + payload.len()).unwrap();
    let mut packet = vec![0; 20];
    packet.extend_from_slice(options);
    packet.extend_from_slice(payload);
    header.emit(&mut packet).unwrap();
    packet
}

/// A UDP datagram of `length` payload bytes that count up, checksum left out.
pub(crate) fn udp(source: Ipv4Addr, destination: Ipv4Addr, length: usize) -> Vec<u8> {
    let mut payload = vec![0x30, 0x39, 0x00, 0x35, 0, 0, 0, 0];
    payload[4..6].copy_from_slice(&u16::try_from(8 + length).unwrap().to_be_bytes());
    payload.extend((0..length).map(|n| u8::try_from(n % 251).unwrap()));
    ip(ipv4::protocol::UDP, source, destination, &payload)
}

/// A TCP segment with an MSS option and a right checksum.
pub(crate) fn tcp(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    port: u16,
    flags: u8,
    mss: u16,
) -> Vec<u8> {
    let mut segment = vec![
        0x13, 0x88, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, flags, 0x20, 0, 0, 0, 0, 0,
    ];
    segment[2..4].copy_from_slice(&port.to_be_bytes());
    segment.extend_from_slice(&[2, 4]);
    segment.extend_from_slice(&mss.to_be_bytes());
    let mut covered = pseudo_header(source, destination, segment.len());
    covered.extend_from_slice(&segment);
    segment[16..18].copy_from_slice(&checksum::checksum(&covered).to_be_bytes());
    ip(ipv4::protocol::TCP, source, destination, &segment)
}

/// Whether the TCP checksum of an IPv4 packet is right.
pub(crate) fn tcp_is_right(packet: &[u8]) -> bool {
    let header = ipv4::Header::parse(packet).unwrap();
    let segment = &packet[usize::from(header.header_length)..];
    let mut covered = pseudo_header(header.source, header.destination, segment.len());
    covered.extend_from_slice(segment);
    checksum::sum(&covered) == 0xffff
}

fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&source.octets());
    bytes.extend_from_slice(&destination.octets());
    bytes.extend_from_slice(&[0, 6]);
    bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    bytes
}

/// An Ethernet frame.
pub(crate) fn frame(destination: Mac, source: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    tagged(destination, source, None, kind, payload)
}

/// An Ethernet frame, perhaps with an 802.1Q tag.
pub(crate) fn tagged(
    destination: Mac,
    source: Mac,
    vlan: Option<u16>,
    ether_type: u16,
    payload: &[u8],
) -> Vec<u8> {
    let header = ethernet::Header {
        destination,
        source,
        vlan,
        ether_type,
    };
    let mut bytes = vec![0; header.length()];
    header.emit(&mut bytes).unwrap();
    bytes.extend_from_slice(payload);
    bytes
}

/// An enhanced GRE packet.
pub(crate) fn gre(
    call_id: CallId,
    sequence: Option<u32>,
    ack: Option<u32>,
    payload: &[u8],
) -> Vec<u8> {
    let header = gre::Header {
        payload_length: u16::try_from(payload.len()).unwrap(),
        call_id,
        sequence,
        acknowledgment: ack,
    };
    let mut bytes = vec![0; header.length()];
    header.emit(&mut bytes).unwrap();
    bytes.extend_from_slice(payload);
    bytes
}

/// The IPv4 packet of an Ethernet frame.
pub(crate) fn ip_of(frame: &[u8]) -> (ipv4::Header, Vec<u8>) {
    let ethernet = ethernet::Header::parse(frame).unwrap();
    assert_eq!(ethernet.ether_type, ether_type::IPV4);
    let packet = &frame[ethernet.length()..];
    let header = ipv4::Header::parse(packet).unwrap();
    (header, packet[..usize::from(header.total_length)].to_vec())
}
