//! ICMP errors of our own, on their way to whoever sent what could not be forwarded: a client, a host
//! of the network, or the box itself.

use crate::dataplane::batch::{Entry, Origin, Packet, Punt, PuntClass, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::routing::{Directory, NextHop, Snapshot};

/// An IPv4 packet of our own. Leaves it with a next hop.
#[inline]
pub(in crate::dataplane) fn run<F>(
    packet: &mut Packet<F>,
    view: &View,
    directory: &Directory,
    routes: &Snapshot,
) -> Verdict {
    let destination = packet.meta.ip.destination;
    if let Some(owner) = directory.owner(destination) {
        packet.meta.origin = Origin::Kernel;
        return Verdict::Steer {
            worker: view.buckets.worker(owner.call_id),
            entry: Entry::Downstream,
        };
    }
    match routes.lookup(destination) {
        next_hop @ NextHop::Port { .. } => {
            packet.meta.next_hop = next_hop;
            Verdict::Next
        }
        NextHop::Local | NextHop::Kernel => Verdict::Punt(Punt::Inner(PuntClass::Local)),
        NextHop::Unresolved => Verdict::Drop(DropReason::NeighbourUnresolved),
        NextHop::Unreachable => Verdict::Drop(DropReason::PeerUnreachable),
        NextHop::Blackhole => Verdict::Drop(DropReason::RouteBlackhole),
    }
}
