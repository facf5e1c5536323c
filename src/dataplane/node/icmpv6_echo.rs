//! IPv6 of a call that agreed on it: an Echo-Request from the client's link-local address to ours,
//! or to all nodes of the link, is answered through the call; nothing else of IPv6 is routed.
//!
//! The link has two ends only, so there are no neighbours to solicit, and the answer goes back the
//! way that the request came, encrypted if the call is.

use std::net::Ipv6Addr;

use crate::clock::Timestamp;
use crate::dataplane::batch::{Direction, Entry, Origin, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::downstream_input::{Moment, seal};
use crate::dataplane::policer::Rate;
use crate::routing::Snapshot;
use crate::wire::icmpv6::{NotEcho, answer_echo, check_echo_request};
use crate::wire::{ipv4, ipv6};

/// All nodes of the link (RFC 4291 §2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// An IPv6 packet of a client. Leaves the answer, at the way back.
#[cold]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
    limit: (Rate, Timestamp),
) -> Verdict {
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return Verdict::Drop(DropReason::GreCallIdUnknown);
    };
    let Some(ends) = flow.ipv6.agreed() else {
        return Verdict::Drop(DropReason::Ipv6NotAgreed);
    };
    let Ok(header) = ipv6::Header::parse(packet.frame.bytes()) else {
        return Verdict::Drop(DropReason::Ipv6Malformed);
    };
    packet.frame.truncate(header.total_length());
    let (local, peer) = (ends.local.link_local(), ends.peer.link_local());
    let to_us = header.destination == local || header.destination == ALL_NODES;
    if header.source != peer || !to_us {
        return Verdict::Drop(DropReason::Ipv6NotRouted);
    }
    match check_echo_request(&header, packet.frame.bytes()) {
        Ok(()) if header.hop_limit > 0 => {}
        Err(NotEcho::Other) => return Verdict::Drop(DropReason::Ipv6NotRouted),
        Ok(()) | Err(NotEcho::Short | NotEcho::Checksum) => {
            return Verdict::Drop(DropReason::Ipv6Malformed);
        }
    }
    let (rate, now) = limit;
    if !flow.exceptions.allow(rate, now) {
        return Verdict::Drop(DropReason::Ipv6EchoPoliced);
    }
    if answer_echo(&header, packet.frame.bytes_mut(), local).is_none() {
        return Verdict::Drop(DropReason::Ipv6Malformed);
    }
    let total_length = u16::try_from(header.total_length()).unwrap_or(u16::MAX);
    // What is counted and billed is as long as the IPv6 packet, and has no addresses of IPv4.
    packet.meta.ip = ipv4::Header::plain(
        0,
        std::net::Ipv4Addr::UNSPECIFIED,
        std::net::Ipv4Addr::UNSPECIFIED,
        total_length,
    );
    packet.meta.origin = Origin::Client;
    Verdict::Steer {
        worker: view.index,
        entry: Entry::Echo,
    }
}

/// The answer, on its way to the client. Leaves it with a next hop for the outer packet.
#[cold]
pub(in crate::dataplane) fn run_answer<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    routes: &Snapshot,
    moment: Moment,
) -> Verdict {
    packet.meta.direction = Direction::Downstream;
    let slot = flows.find(packet.meta.key);
    let Some((slot, flow)) = slot.and_then(|slot| Some((slot, flows.get_mut(slot)?))) else {
        return Verdict::Drop(DropReason::NoLease);
    };
    packet.meta.flow = slot;
    let next_hop = routes.lookup(flow.peer.address());
    match seal(packet, flow, next_hop) {
        // What the client receives need not be longer than every IPv6 link takes.
        Ok(path_mtu)
            if packet.meta.ip.total_length > flow.path_max(path_mtu).min(ipv6::MTU_MIN) =>
        {
            Verdict::Drop(DropReason::MtuExceeded)
        }
        Ok(_) if !flow.window_admits(1, moment.burst, moment.now) => {
            Verdict::Drop(DropReason::SendWindowFull)
        }
        Ok(_) => Verdict::Next,
        Err(reason) => Verdict::Drop(reason),
    }
}
