//! Addresses of the measured network, and packets of it.

use std::net::Ipv4Addr;

use pns::flow::FlowKey;
use pns::wire::call_id::CallId;
use pns::wire::ethernet::{self, Mac, ether_type};
use pns::wire::gre;
use pns::wire::ipv4::{self, protocol};

use crate::Outcome;

/// Our port towards the clients, and the router that all of them are behind.
pub(crate) const ACCESS_MAC: Mac = [2, 0, 0, 0, 0, 0xa0];
pub(crate) const ROUTER_MAC: Mac = [2, 0, 0, 0, 0, 0xa1];
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);
/// Our port towards the network, and the host there.
pub(crate) const NETWORK_MAC: Mac = [2, 0, 0, 0, 0, 0xb0];
pub(crate) const HOST_MAC: Mac = [2, 0, 0, 0, 0, 0xb1];
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 2);
/// Calls on one of our addresses: all Call IDs but 0.
const CALLS_A_LOCAL: u32 = 65_535;
/// Outer addresses of clients, and the addresses that they have been given, by flow.
pub(crate) const CLIENTS: (Ipv4Addr, u8) = (Ipv4Addr::new(172, 16, 0, 0), 12);
const LEASES: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 0);

/// An address that clients dial.
pub(crate) fn local(position: u16) -> Ipv4Addr {
    plus(Ipv4Addr::new(198, 51, 100, 1), position.into())
}

/// How many of these `flows` calls take.
pub(crate) fn locals(flows: u32) -> Outcome<u16> {
    Ok(u16::try_from(flows.div_ceil(CALLS_A_LOCAL))?)
}

/// The name of a call.
pub(crate) fn key(flow: u32) -> FlowKey {
    let local = u16::try_from(flow / CALLS_A_LOCAL).unwrap_or(u16::MAX);
    let call_id = u16::try_from(flow % CALLS_A_LOCAL + 1).unwrap_or(u16::MAX);
    FlowKey::new(local, CallId::new(call_id))
}

/// The outer address of a client.
pub(crate) fn client(flow: u32) -> Ipv4Addr {
    plus(CLIENTS.0, flow)
}

/// The address that a client has been given.
pub(crate) fn lease(flow: u32) -> Ipv4Addr {
    plus(LEASES, flow)
}

fn plus(first: Ipv4Addr, position: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(first.to_bits().wrapping_add(position))
}

/// A UDP packet of `length` bytes in all, at least 28, whose payload counts up.
pub(crate) fn udp(source: Ipv4Addr, destination: Ipv4Addr, length: usize) -> Vec<u8> {
    let total = u16::try_from(length).unwrap_or(u16::MAX);
    let mut packet = vec![0; 20];
    header(protocol::UDP, source, destination, total).emit(&mut packet);
    let datagram = total.saturating_sub(20);
    for word in [12_345, 53, datagram, 0] {
        packet.extend_from_slice(&word.to_be_bytes());
    }
    packet.extend((0..=250).cycle().take(length.saturating_sub(28)));
    packet
}

/// The same packet one hop further.
pub(crate) fn forwarded(packet: &[u8]) -> Option<Vec<u8>> {
    let mut forwarded = packet.to_vec();
    let mut header = ipv4::Header::parse(packet).ok()?;
    header.time_to_live = header.time_to_live.checked_sub(1)?;
    header.emit(&mut forwarded)?;
    Some(forwarded)
}

/// Whether a frame to a client is an acknowledgment alone.
pub(crate) fn is_acknowledgment(frame: &[u8]) -> bool {
    let packet = frame.get(ethernet::HEADER_LENGTH + ipv4::HEADER_LENGTH..);
    let header = gre::Header::parse(packet.unwrap_or_default());
    header.is_ok_and(|header| header.sequence.is_none() && header.acknowledgment.is_some())
}

/// A frame around `payload` in an IPv4 packet.
pub(crate) fn outer(source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0; 20];
    header(protocol::GRE, source, destination, total).emit(&mut packet);
    packet.extend_from_slice(payload);
    frame(ACCESS_MAC, ROUTER_MAC, &packet)
}

fn header(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, total: u16) -> ipv4::Header {
    ipv4::Header::plain(protocol, source, destination, total)
}

/// A frame around an IPv4 packet.
pub(crate) fn frame(destination: Mac, source: Mac, packet: &[u8]) -> Vec<u8> {
    let header = ethernet::Header {
        destination,
        source,
        vlan: None,
        ether_type: ether_type::IPV4,
    };
    let mut bytes = vec![0; header.length()];
    header.emit(&mut bytes);
    bytes.extend_from_slice(packet);
    bytes
}
