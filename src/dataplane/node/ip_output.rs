//! Last node of an IPv4 packet to the network: the Ethernet header, and out.

use crate::dataplane::batch::{NO_FLOW, Packet};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::frame::Frame;
use crate::dataplane::port::{Bill, PortIo, Ports};
use crate::routing::NextHop;
use crate::wire::ethernet::{self, ether_type};

/// An IPv4 packet with a resolved next hop.
#[inline]
pub(in crate::dataplane) fn run<P: PortIo>(
    mut packet: Packet<P::Frame>,
    view: &View,
    ports: &mut Ports<P>,
    exits: &Exits<P::Frame>,
) {
    let NextHop::Port {
        port,
        source_mac,
        destination_mac,
        ..
    } = packet.meta.next_hop
    else {
        return exits.refuse(&packet.meta, DropReason::NeighbourUnresolved);
    };
    let header = ethernet::Header {
        destination: destination_mac,
        source: source_mac,
        vlan: view.vlan(port),
        ether_type: ether_type::IPV4,
    };
    let written = packet
        .frame
        .prepend(header.length())
        .and_then(|room| header.emit(room));
    if written.is_none() {
        return exits.refuse(&packet.meta, DropReason::HeadroomShort);
    }
    let bill = if packet.meta.flow == NO_FLOW {
        Bill::FREE
    } else {
        let octets = packet.meta.ip.total_length;
        Bill::packet(packet.meta.flow, packet.meta.direction, octets)
    };
    ports.transmit(port, packet.frame, bill);
}
