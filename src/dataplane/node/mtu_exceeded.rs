//! A packet that does not fit its call and must not be fragmented: its sender is told the MTU
//! (RFC 1191 §4), which only we know. The answer takes the packet's place.

use crate::dataplane::batch::{Entry, Origin, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::frame::Frame;
use crate::dataplane::policer::{Policer, Rate};
use crate::wire::icmp;
use crate::wire::ipv4::{self, protocol};

/// The rate of ICMP errors.
pub(in crate::dataplane) struct ErrorLimit {
    rate: Rate,
    policer: Policer,
}

impl ErrorLimit {
    pub(in crate::dataplane) fn new(per_s: u32) -> Self {
        Self {
            rate: Rate::new(per_s, per_s.div_ceil(10)),
            policer: Policer::default(),
        }
    }
}

/// Turns the packet into Fragmentation Needed to its sender.
pub(in crate::dataplane) fn run<F: Frame>(
    mut packet: Packet<F>,
    mtu: u16,
    view: &View,
    exits: &mut Exits<F>,
    limit: &mut ErrorLimit,
) {
    let about = packet.meta.ip;
    let now = exits.now;
    let allowed =
        icmp::may_answer(&about, packet.frame.bytes()) && limit.policer.allow(limit.rate, now);
    let mut message = [0; icmp::MESSAGE_LENGTH_MAX];
    let length = icmp::emit_fragmentation_needed(&mut message, &about, packet.frame.bytes(), mtu);
    let Some(message) = length
        .and_then(|length| message.get(..length))
        .filter(|_| allowed)
    else {
        return exits.refuse(&packet.meta, DropReason::MtuExceeded);
    };
    let total = ipv4::HEADER_LENGTH + message.len();
    let header = ipv4::Header::plain(
        protocol::ICMP,
        view.error_source(packet.meta.port),
        about.source,
        u16::try_from(total).unwrap_or(u16::MAX),
    );
    // The error is shorter than what it is about, so it fits in its place.
    packet.frame.truncate(total);
    let bytes = packet.frame.bytes_mut();
    let written = bytes
        .get_mut(ipv4::HEADER_LENGTH..)
        .filter(|place| place.len() == message.len())
        .map(|place| place.copy_from_slice(message))
        .and_then(|()| header.emit(bytes));
    if written.is_none() {
        return exits.refuse(&packet.meta, DropReason::MtuExceeded);
    }
    packet.meta.ip = header;
    packet.meta.origin = Origin::Kernel;
    exits.take(
        packet,
        Verdict::Steer {
            worker: view.index,
            entry: Entry::Answer,
        },
    );
}
