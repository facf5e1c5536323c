//! Enhanced GRE from a client (RFC 2637 §4): header, call, peer address, sequence number,
//! acknowledgment. Nothing moves here but the peer's acknowledgment: the sequence number is taken
//! when the frame has proved right further on.

use crate::clock::Timestamp;
use crate::dataplane::batch::{Entry, NO_FLOW, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow::Flow;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::source::Sender;
use crate::dataplane::stats::FrameCount;
use crate::dataplane::window::{Standing, WindowRefusal};
use crate::wire::gre;

/// A GRE packet to us, from its outer IPv4 header on, that was located. Leaves the PPP frame.
#[inline]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
    now: Timestamp,
) -> Verdict {
    // Nothing is charged to a flow before the packet is known to be its client's.
    let slot = std::mem::replace(&mut packet.meta.flow, NO_FLOW);
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
    let Some(flow) = flows.get_mut(slot) else {
        return Verdict::Drop(DropReason::GreCallIdUnknown);
    };
    let sender = flow.peer.sender(packet.meta.ip.source, view.gre_source);
    let admitted = match sender {
        Sender::Peer | Sender::Anybody => {
            packet.meta.flow = slot;
            of_peer(&header, flow, view, now)
        }
        Sender::Candidate => of_candidate(&header, flow, view),
        // A stranger's frames are not charged to the call whose number he guessed.
        Sender::Stranger => Err(Verdict::Drop(DropReason::GrePeerAddress)),
    };
    let (sequence, standing) = match admitted {
        Ok(admitted) => admitted,
        Err(verdict) => {
            if verdict == Verdict::Drop(DropReason::SequenceDuplicate) {
                flows.count_duplicate(packet.meta.flow);
            }
            return verdict;
        }
    };
    packet.meta.flow = slot;
    packet.meta.sender = sender;
    packet.meta.sequence = sequence;
    packet.meta.standing = standing;
    let (front, length) = (ip_length + header.length(), header.payload_length);
    packet.frame.narrow(front, length.into());
    Verdict::Next
}

/// The sequence number of a payload, and why it is believed.
#[inline]
fn of_peer(
    header: &gre::Header,
    flow: &mut Flow,
    view: &View,
    now: Timestamp,
) -> Result<(u32, Standing), Verdict> {
    let standing = header
        .sequence
        .map(|sequence| Ok((sequence, flow.window.check(sequence, view.reach)?)))
        .transpose()
        .map_err(|refusal: WindowRefusal| Verdict::Drop(refusal.into()))?;
    if let Some(acknowledgment) = header.acknowledgment {
        flow.acknowledged(acknowledgment, now);
    }
    standing
        .filter(|_| header.payload_length != 0)
        .ok_or(Verdict::Consume(FrameCount::PayloadEmpty))
}

/// The same for somebody who may be a stranger: nothing of the call moves for him, and nothing is
/// charged to it.
#[cold]
fn of_candidate(
    header: &gre::Header,
    flow: &Flow,
    view: &View,
) -> Result<(u32, Standing), Verdict> {
    let payload = header.sequence.filter(|_| header.payload_length != 0);
    let sequence = payload.ok_or(Verdict::Drop(DropReason::GrePeerAddress))?;
    match flow.window.look(sequence, view.reach) {
        Ok(()) => Ok((sequence, Standing::Within)),
        Err(refusal) => Err(Verdict::Drop(refusal.into())),
    }
}
