//! Addresses of the measured network, and packets of it.

use std::net::Ipv4Addr;

use pns::wire::ethernet::{self, Mac, ether_type};
use pns::wire::ipv4::{self, protocol};

/// Our port towards the clients, and the router that all of them are behind.
pub(crate) const ACCESS_MAC: Mac = [2, 0, 0, 0, 0, 0xa0];
pub(crate) const ROUTER_MAC: Mac = [2, 0, 0, 0, 0, 0xa1];
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);
/// Our port towards the network, and the host there.
pub(crate) const NETWORK_MAC: Mac = [2, 0, 0, 0, 0, 0xb0];
pub(crate) const HOST_MAC: Mac = [2, 0, 0, 0, 0, 0xb1];
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 2);
/// The address that clients dial.
pub(crate) const LOCAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// The outer address of a client.
pub(crate) fn client(flow: u16) -> Ipv4Addr {
    let [high, low] = flow.to_be_bytes();
    Ipv4Addr::new(203, 0, high, low)
}

/// The address that a client has been given.
pub(crate) fn lease(flow: u16) -> Ipv4Addr {
    let [high, low] = flow.to_be_bytes();
    Ipv4Addr::new(10, 77, high, low)
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
