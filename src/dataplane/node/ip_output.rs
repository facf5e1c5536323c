//! Last node of an IPv4 packet to the network: the Ethernet header, and out.

use crate::dataplane::batch::{Batch, NO_FLOW, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::frame::Frame;
use crate::dataplane::port::{Bill, PortIo, Ports};
use crate::routing::NextHop;
use crate::wire::ethernet::{self, ether_type};

/// An IPv4 packet with a resolved next hop. Leaves an Ethernet frame.
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
pub(in crate::dataplane) fn run<F: Frame>(packet: &mut Packet<F>, view: &View) -> Verdict {
    let NextHop::Port {
        port,
        source_mac,
        destination_mac,
        ..
    } = packet.meta.next_hop
    else {
        return Verdict::Drop(DropReason::NeighbourUnresolved);
    };
    let header = ethernet::Header {
        destination: destination_mac,
        source: source_mac,
        vlan: view.vlan(port),
        ether_type: ether_type::IPV4,
    };
    let room = packet.frame.prepend(header.length());
    match room.and_then(|room| header.emit(room)) {
        Some(_) => Verdict::Next,
        None => Verdict::Drop(DropReason::HeadroomShort),
    }
}

/// Ethernet frames, each to the port of its next hop.
#[inline]
pub(in crate::dataplane) fn send<P: PortIo>(batch: &mut Batch<P::Frame>, ports: &mut Ports<P>) {
    for packet in batch.packets().drain(..) {
        let bill = if packet.meta.flow == NO_FLOW {
            Bill::FREE
        } else {
            let octets = packet.meta.ip.total_length;
            Bill::packet(packet.meta.flow, packet.meta.direction, octets)
        };
        // A packet that has passed `run` has a port.
        if let NextHop::Port { port, .. } = packet.meta.next_hop {
            ports.transmit(port, packet.frame, bill);
        }
    }
}
