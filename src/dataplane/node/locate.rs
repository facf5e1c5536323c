//! Which flow each packet of a burst belongs to. In passes of their own, that do nothing else and
//! depend on nothing: so the processor waits for the memory of many flows at once, instead of once
//! for each packet.

use std::hint::black_box;

use crate::dataplane::batch::{Cipher, NO_FLOW, Packet};
use crate::dataplane::compression::Packing;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::flow::FlowKey;
use crate::routing::Directory;
use crate::wire::call_id::CallId;
use crate::wire::field::u16_at;

/// The name of no call: a Call ID of ours is never zero.
pub(in crate::dataplane) const NOBODY: FlowKey = FlowKey::new(0, CallId::new(0));

/// Where the Call ID is in a header of GRE (RFC 2637 §4.1).
const CALL_ID: usize = 6;

/// Notes the slots of the flows that GRE packets to us name.
#[inline]
pub(in crate::dataplane) fn upstream<F: Frame>(packets: &mut [Packet<F>], flows: &FlowTable) {
    for packet in &mut *packets {
        let ip_length = usize::from(packet.meta.ip.header_length);
        let call_id = u16_at(packet.frame.bytes(), ip_length + CALL_ID).map(CallId::new);
        let key = call_id.map(|call_id| FlowKey::new(packet.meta.key.local, call_id));
        packet.meta.flow = key.and_then(|key| flows.find(key)).unwrap_or(NO_FLOW);
    }
    warm(packets, flows);
}

/// Notes the names of the flows that IPv4 packets to clients belong to, and the slots of those that
/// are this worker's.
#[inline]
pub(in crate::dataplane) fn downstream<F: Frame>(
    packets: &mut [Packet<F>],
    directory: &mut Directory,
    flows: &FlowTable,
) {
    for packet in &mut *packets {
        let owner = directory.owner(packet.meta.ip.destination);
        packet.meta.key = owner.unwrap_or(NOBODY);
    }
    for packet in &mut *packets {
        packet.meta.flow = flows.find(packet.meta.key).unwrap_or(NO_FLOW);
    }
    warm(packets, flows);
}

/// Brings the flows into the caches.
#[inline]
fn warm<F>(packets: &[Packet<F>], flows: &FlowTable) {
    let touched = packets
        .iter()
        .fold(0, |sum, packet| sum ^ flows.touch(packet.meta.flow));
    black_box(touched);
}

/// Whether any packet of a burst is encrypted or compressed, or is to be.
#[inline]
pub(in crate::dataplane) fn is_sealed<F>(packets: &[Packet<F>]) -> bool {
    packets
        .iter()
        .any(|packet| packet.meta.cipher != Cipher::Clear || packet.meta.packing != Packing::Off)
}
