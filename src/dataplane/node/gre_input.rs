//! Enhanced GRE from a client (RFC 2637 §4): header, call, peer address, sequence number,
//! acknowledgment. Nothing moves here but the peer's acknowledgment: the sequence number is taken
//! when the frame has proved right further on.

use crate::dataplane::batch::{Entry, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::stats::FrameCount;
use crate::dataplane::window::WindowRefusal;
use crate::flow::FlowKey;
use crate::wire::gre;

/// A GRE packet to us, from its outer IPv4 header on. Leaves the PPP frame.
#[inline]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
) -> Verdict {
    let ip_length = usize::from(packet.meta.ip.header_length);
    let bytes = packet.frame.bytes().get(ip_length..).unwrap_or_default();
    let header = match gre::Header::parse(bytes) {
        Ok(header) => header,
        Err(reason) => return Verdict::Drop(reason.into()),
    };
    let worker = view.buckets.worker(header.call_id);
    if worker != view.index {
        let entry = Entry::Upstream;
        return Verdict::Steer { worker, entry };
    }
    let key = FlowKey::new(packet.meta.key.local, header.call_id);
    let slot = flows.find(key);
    let Some((slot, flow)) = slot.and_then(|slot| Some((slot, flows.get_mut(slot)?))) else {
        return Verdict::Drop(DropReason::GreCallIdUnknown);
    };
    // A stranger's frames are not charged to the call whose number he guessed.
    if flow.peer_address != packet.meta.ip.source {
        return Verdict::Drop(DropReason::GrePeerAddress);
    }
    packet.meta.flow = slot;
    packet.meta.key = key;
    let Some(sequence) = header.sequence else {
        if let Some(acknowledgment) = header.acknowledgment {
            flow.acknowledged(acknowledgment);
        }
        return Verdict::Consume(FrameCount::PayloadEmpty);
    };
    match flow.window.check(sequence, view.sequence_ahead_max) {
        Ok(standing) => packet.meta.standing = standing,
        Err(WindowRefusal::Duplicate) => return Verdict::Drop(DropReason::SequenceDuplicate),
        Err(WindowRefusal::OutOfWindow) => {
            return Verdict::Drop(DropReason::SequenceOutOfWindow);
        }
    }
    if let Some(acknowledgment) = header.acknowledgment {
        flow.acknowledged(acknowledgment);
    }
    if header.payload_length == 0 {
        return Verdict::Consume(FrameCount::PayloadEmpty);
    }
    packet.meta.sequence = sequence;
    packet.frame.trim_front(ip_length + header.length());
    packet.frame.truncate(usize::from(header.payload_length));
    Verdict::Next
}
