//! The short way of a client's data: a frame with the usual headers, in place and from the right
//! address, is read in one go. It does what `classify`, `gre_input` and `ppp_input` do one after the
//! other. Whatever is unusual, or wrong, is left to them as it came: nothing has moved then.

use crate::clock::Timestamp;
use crate::dataplane::batch::{Cipher, Packet, Verdict};
use crate::dataplane::compression::Packing;
use crate::dataplane::config::View;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::wire::ethernet;
use crate::wire::ppp::Protocol;
use crate::wire::tunnel::Headers;

/// A received Ethernet frame that was located. Leaves an IP packet, or the MPPE header of an
/// encrypted frame; `None`: the frame has to go the long way.
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
    now: Timestamp,
) -> Option<Verdict> {
    let slot = packet.meta.flow;
    let flow = flows.get_mut(slot)?;
    let headers = Headers::read(packet.frame.bytes())?;
    let port = view.ports.get(usize::from(packet.meta.port))?;
    let tag = packet.frame.stripped_vlan();
    let vlan = tag.map(|tag| tag & ethernet::VLAN_MASK);
    let here = headers.station == port.mac && vlan == port.vlan && packet.frame.is_contiguous();
    if !here || headers.source != flow.peer.address() {
        return None;
    }
    let armed = flow.permissions.decrypts;
    let (cipher, packing) = match headers.protocol {
        Protocol::COMPRESSED if armed => (Cipher::Encrypted, flow.packing.upstream),
        Protocol::IPV4 if !flow.refuses_clear(armed) => (Cipher::Clear, Packing::Off),
        _ => return None,
    };
    let standing = flow.window.expect(headers.sequence, view.reach)?;
    if !packet.frame.narrow(headers.length, headers.payload_length) {
        return None;
    }
    if let Some(acknowledgment) = headers.acknowledgment {
        flow.acknowledged(acknowledgment, now);
    }
    packet.meta.sequence = headers.sequence;
    packet.meta.standing = standing;
    packet.meta.ip.source = headers.source;
    packet.meta.cipher = cipher;
    packet.meta.packing = packing;
    if cipher == Cipher::Encrypted {
        return Some(Verdict::Next);
    }
    Some(match flows.accept_clear(slot, packet.arrival(now)) {
        Ok(()) => Verdict::Next,
        Err(refusal) => Verdict::Drop(refusal.into()),
    })
}
