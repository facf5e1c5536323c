//! What a client sends: IPv4 only from its lease, only to whom policy allows, and on to the next hop.
//!
//! Whether the destination is another client is decided before anything else can take the packet out
//! of the fast path, so that no option, TTL or fragment goes round isolation.

use crate::clock::Timestamp;
use crate::dataplane::batch::{Entry, Origin, Packet, Punt, PuntClass, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow::Flow;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::icmpv6_echo;
use crate::dataplane::policer::Rate;
use crate::routing::{Directory, NextHop, Place, Recent};
use crate::wire::ipv4::{self, protocol};
use crate::wire::ppp::Protocol;
use crate::wire::tcp_mss;
use std::net::Ipv4Addr;

/// An IP packet of a client. What only the kernel can take is limited for each call, so that one
/// client's odd packets leave room for the others'.
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
    directory: &mut Directory,
    routes: &mut Recent<'_>,
    limit: (Rate, Timestamp),
) -> Verdict {
    if packet.meta.protocol == Protocol::IPV6 {
        return icmpv6_echo::run(packet, flows, view, limit);
    }
    let verdict = judge(packet, flows, view, directory, routes);
    if !matches!(verdict, Verdict::Punt(_)) {
        return verdict;
    }
    let (rate, now) = limit;
    let flow = flows.get_mut(packet.meta.flow);
    if flow.is_some_and(|flow| flow.exceptions.allow(rate, now)) {
        verdict
    } else {
        Verdict::Drop(DropReason::PuntInnerCallPoliced)
    }
}

#[expect(clippy::inline_always, reason = "a call costs as much as what it does")]
#[inline(always)]
fn judge<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
    directory: &mut Directory,
    routes: &mut Recent<'_>,
) -> Verdict {
    let Ok(header) = ipv4::Header::parse(packet.frame.bytes()) else {
        return Verdict::Drop(DropReason::InnerMalformed);
    };
    packet.frame.truncate(usize::from(header.total_length));
    packet.meta.ip = header;
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return Verdict::Drop(DropReason::GreCallIdUnknown);
    };
    if !flow.permissions.upstream {
        return Verdict::Drop(DropReason::NotForwarding);
    }
    if !is_own(header.source, flow, directory) {
        return Verdict::Drop(DropReason::SourceNotLease);
    }
    let (policy, local_end) = (flow.policy, flow.local_end);
    let place = directory.find(header.destination);
    if let Place::Of(owner) = place {
        if !policy.client_to_client {
            return Verdict::Drop(DropReason::ClientToClientRefused);
        }
        let worker = view.buckets.worker(owner.call_id);
        return to_client(packet, worker, flow);
    }
    let next_hop = routes.lookup(header.destination);
    if *next_hop == NextHop::Local {
        return if view.client_to_server || header.destination == local_end {
            Verdict::Punt(Punt::Inner(PuntClass::Local))
        } else {
            Verdict::Drop(DropReason::ClientToServerRefused)
        };
    }
    if !is_unicast(&header) {
        return Verdict::Drop(DropReason::InnerNotUnicast);
    }
    if place == Place::Vacant {
        return Verdict::Drop(DropReason::NoLease);
    }
    to_network(packet, next_hop, flow)
}

/// Whether the client may send from this address: its lease, and what lies behind it.
#[inline]
fn is_own(source: Ipv4Addr, flow: &Flow, directory: &mut Directory) -> bool {
    if flow.permissions.networks {
        directory.owner(source) == Some(flow.key)
    } else {
        source == flow.lease
    }
}

/// To another client, who may be another worker's.
fn to_client<F: Frame>(packet: &mut Packet<F>, worker: u8, flow: &Flow) -> Verdict {
    if needs_kernel(&packet.meta.ip) {
        return Verdict::Punt(Punt::Inner(PuntClass::Exception));
    }
    forward(packet, flow);
    packet.meta.origin = Origin::Client;
    let entry = Entry::Downstream;
    Verdict::Steer { worker, entry }
}

#[expect(clippy::inline_always, reason = "a call costs as much as what it does")]
#[inline(always)]
fn to_network<F: Frame>(packet: &mut Packet<F>, next_hop: &NextHop, flow: &Flow) -> Verdict {
    match next_hop {
        NextHop::Port { mtu, .. } => {
            if needs_kernel(&packet.meta.ip) || packet.meta.ip.total_length > *mtu {
                return Verdict::Punt(Punt::Inner(PuntClass::Exception));
            }
            forward(packet, flow);
            packet.meta.next_hop = *next_hop;
            Verdict::Next
        }
        NextHop::Blackhole => Verdict::Drop(DropReason::RouteBlackhole),
        NextHop::Local | NextHop::Kernel | NextHop::Unresolved | NextHop::Unreachable => {
            Verdict::Punt(Punt::Inner(PuntClass::Exception))
        }
    }
}

/// What a router does beyond passing on: Time Exceeded, options.
const fn needs_kernel(header: &ipv4::Header) -> bool {
    header.time_to_live <= 1 || header.has_options()
}

/// One hop less, and a segment size that fits the call.
#[inline]
fn forward<F: Frame>(packet: &mut Packet<F>, flow: &Flow) {
    let header = &mut packet.meta.ip;
    ipv4::decrement_ttl(packet.frame.bytes_mut());
    header.time_to_live = header.time_to_live.saturating_sub(1);
    clamp(packet, flow);
}

/// Lowers the Maximum Segment Size that a TCP SYN announces.
#[inline]
pub(in crate::dataplane) fn clamp<F: Frame>(packet: &mut Packet<F>, flow: &Flow) {
    let header = &packet.meta.ip;
    if header.protocol == protocol::TCP && header.fragment_offset == 0 && flow.policy.mss_max != 0 {
        let segment = usize::from(header.header_length);
        if let Some(segment) = packet.frame.bytes_mut().get_mut(segment..) {
            tcp_mss::clamp(segment, flow.mss_max());
        }
    }
}

/// Whether one host shall receive the packet (RFC 1812 §5.3.7).
fn is_unicast(header: &ipv4::Header) -> bool {
    let [first, ..] = header.destination.octets();
    !matches!(first, 0 | 127 | 224..)
}
