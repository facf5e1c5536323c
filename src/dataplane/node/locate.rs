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
use crate::wire::gre;

/// The name of no call: a Call ID of ours is never zero.
pub(in crate::dataplane) const NOBODY: FlowKey = FlowKey::new(0, CallId::new(0));

/// Notes which call of ours a GRE packet to us names, and answers its Call ID: as it stands, before
/// anything of the header was checked.
#[inline]
pub(in crate::dataplane) fn note_call<F: Frame>(packet: &mut Packet<F>, local: u16) -> CallId {
    let header = usize::from(packet.meta.ip.header_length);
    let call_id = gre::call_id(packet.frame.bytes().get(header..).unwrap_or_default());
    packet.meta.key = FlowKey::new(local, call_id);
    call_id
}

/// Notes the slots of the flows that packets were found to belong to.
#[inline]
pub(in crate::dataplane) fn upstream<F>(packets: &mut [Packet<F>], flows: &FlowTable) {
    for packet in &mut *packets {
        packet.meta.flow = flows.find(packet.meta.key).unwrap_or(NO_FLOW);
    }
    let touched = packets
        .iter()
        .fold(0, |sum, packet| sum ^ flows.touch(packet.meta.flow));
    black_box(touched);
}

/// Notes the names of the flows that IPv4 packets to clients belong to, and the slots of those that
/// are this worker's.
#[inline]
pub(in crate::dataplane) fn downstream<F>(
    packets: &mut [Packet<F>],
    directory: &Directory,
    flows: &FlowTable,
) {
    for packet in &mut *packets {
        let owner = directory.owner(packet.meta.ip.destination);
        packet.meta.key = owner.unwrap_or(NOBODY);
    }
    upstream(packets, flows);
}

/// Whether any packet of a burst is encrypted or compressed, or is to be.
#[inline]
pub(in crate::dataplane) fn is_sealed<F>(packets: &[Packet<F>]) -> bool {
    packets
        .iter()
        .any(|packet| packet.meta.cipher != Cipher::Clear || packet.meta.packing != Packing::Off)
}
