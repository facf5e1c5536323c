//! PPP from a client: encrypted frames to MPPE, clear IP on if that is allowed, and everything else
//! to the slow path, which speaks LCP, authentication, CCP and IPCP and rejects the rest.

use crate::clock::Timestamp;
use crate::dataplane::batch::{Cipher, NO_FLOW, Packet, Punt, Verdict};
use crate::dataplane::compression::Packing;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow::Flow;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::policer::Rate;
use crate::dataplane::source::Sender;
use crate::dataplane::window::Standing;
use crate::wire::ppp::{ADDRESS_CONTROL, Frame as PppFrame, Protocol};

/// A clear control frame on an encrypted call proves nothing about itself. So it must be in the
/// sequence window, takes no number there, and moves it by no more than this: whatever true frames a
/// forgery overtook are still in time.
const UNPROVEN_ADVANCE_MAX: u32 = 16;

/// A PPP frame. Leaves an IP packet, or the MPPE header of an encrypted frame.
#[inline]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    control_rate: Rate,
    now: Timestamp,
) -> Verdict {
    let length = packet.frame.bytes().len();
    let Ok(frame) = PppFrame::parse(packet.frame.bytes()) else {
        return Verdict::Drop(DropReason::PppMalformed);
    };
    let protocol = frame.protocol;
    let front = length - frame.payload.len();
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return Verdict::Drop(DropReason::GreCallIdUnknown);
    };
    if packet.meta.sender == Sender::Candidate && is_stranger(packet, flow, protocol) {
        packet.meta.flow = NO_FLOW;
        return Verdict::Drop(DropReason::GrePeerAddress);
    }
    match protocol {
        Protocol::COMPRESSED if flow.permissions.decrypts => {
            packet.meta.cipher = Cipher::Encrypted;
            packet.meta.packing = flow.packing.upstream;
            packet.frame.trim_front(front);
            Verdict::Next
        }
        // Compressed only.
        Protocol::COMPRESSED if flow.packing.upstream != Packing::Off => {
            packet.meta.packing = flow.packing.upstream;
            packet.frame.trim_front(front);
            Verdict::Next
        }
        Protocol::COMPRESSED => Verdict::Drop(DropReason::MppeNotArmed),
        Protocol::IPV4 | Protocol::IPV6 if flow.refuses_clear(flow.permissions.decrypts) => {
            Verdict::Drop(DropReason::PlaintextRefused)
        }
        Protocol::IPV4 | Protocol::IPV6 => {
            packet.meta.protocol = protocol;
            packet.frame.trim_front(front);
            match flows.accept_clear(packet.meta.flow, packet.arrival(now)) {
                Ok(()) => Verdict::Next,
                Err(refusal) => Verdict::Drop(refusal.into()),
            }
        }
        _ => control(packet, flows, control_rate, now),
    }
}

/// Whether a frame from an address that is not the call's cannot show that it should be. One that is
/// encrypted may yet decrypt.
#[cold]
fn is_stranger<F>(packet: &Packet<F>, flow: &Flow, protocol: Protocol) -> bool {
    let armed = flow.permissions.decrypts;
    let authorised = flow.permissions.authorised;
    let may_teach = !armed && flow.peer.may_teach(packet.meta.ip.source, authorised);
    let may_prove = armed && protocol == Protocol::COMPRESSED;
    !may_teach && !may_prove
}

/// A frame for the slow path, from its protocol field on.
#[cold]
fn control<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    rate: Rate,
    now: Timestamp,
) -> Verdict {
    let (slot, sequence) = (packet.meta.flow, packet.meta.sequence);
    let Some(flow) = flows.get_mut(slot) else {
        return Verdict::Drop(DropReason::GreCallIdUnknown);
    };
    let proves_nothing = flow.permissions.decrypts;
    if proves_nothing && packet.meta.standing == Standing::Run {
        return Verdict::Drop(DropReason::SequenceOutOfWindow);
    }
    if !flow.control.allow(rate, now) {
        return Verdict::Drop(DropReason::PuntPppCallPoliced);
    }
    if proves_nothing {
        flows.follow(slot, sequence, UNPROVEN_ADVANCE_MAX, now);
    } else {
        // A duplicate within one burst: the machines of the slow path know repeated frames.
        let _duplicate = flows.accept_clear(slot, packet.arrival(now));
    }
    if packet.frame.bytes().starts_with(&ADDRESS_CONTROL) {
        packet.frame.trim_front(ADDRESS_CONTROL.len());
    }
    Verdict::Punt(Punt::Ppp)
}
