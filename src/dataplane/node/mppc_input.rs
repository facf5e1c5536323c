//! MPPC from clients (RFC 2118), under MPPE or alone: one frame after the other, because each builds
//! upon those before it, and so does what tells whether it was decrypted right.

use std::slice;

use crate::clock::Timestamp;
use crate::dataplane::batch::{Cipher, Packet, Verdict};
use crate::dataplane::compression::Compression;
use crate::dataplane::config::View;
use crate::dataplane::decryption_reports::ask_for_reset;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::mppe_decrypt::{accept, job_of, strip};
use crate::flow::FlowReport;
use crate::mppe::decrypt::{DecryptWorker, decrypt_batch};
use crate::wire::mppe::{CoherencyCount, Header};

/// A frame of a flow that agreed on compression. Leaves its IP packet.
#[cold]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    worker: &mut DecryptWorker,
    compression: &mut Compression,
    (view, now): (&View, Timestamp),
) -> (Verdict, Option<FlowReport>) {
    if packet.meta.cipher != Cipher::Encrypted {
        return alone(packet, flows, compression, now);
    }
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return (Verdict::Drop(DropReason::GreCallIdUnknown), None);
    };
    let packing = flow.packing;
    let mut job = job_of(packet);
    job.history = Some(compression.upstream(packing));
    decrypt_batch(flows, slice::from_mut(&mut job), worker, now);
    packet.meta.cipher = match job.outcome {
        Ok(()) => Cipher::Decrypted,
        Err(refusal) => {
            packet.meta.cipher = Cipher::Refused(refusal);
            return accept(packet, flows, view, now);
        }
    };
    let unpacked = unpack(packet, flows, compression, now);
    let (verdict, report) = accept(packet, flows, view, now);
    match unpacked {
        // It was decrypted, so it counts as come all the same.
        Err((reason, report)) => (Verdict::Drop(reason), report),
        Ok(()) => (verdict, report),
    }
}

/// Decompresses a frame, and says why it cannot be and whether the client has to be asked to start
/// afresh.
fn unpack<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    compression: &mut Compression,
    now: Timestamp,
) -> Result<(), (DropReason, Option<FlowReport>)> {
    let flow = flows.get_mut(packet.meta.flow);
    let flow = flow.ok_or((DropReason::GreCallIdUnknown, None))?;
    let unpacked = compression.unpack(flow.packing, &mut packet.frame);
    // A flow whose packets stand alone has nothing to recover.
    if flow.packing.place().is_none() {
        return unpacked.map_err(|reason| (reason, None));
    }
    let flushed = Header::parse(packet.frame.bytes()).is_ok_and(|header| header.flushed);
    let histories = compression.histories(flow.packing, flow.packing.upstream);
    match unpacked {
        Ok(()) if flushed => histories.recovery.start_afresh(now),
        Ok(()) => histories.recovery.run_on(),
        Err(reason) => {
            histories.recovery.lose();
            let wanted = histories.recovery.wanted(now);
            return Err((reason, ask_for_reset(flow, wanted, now)));
        }
    }
    Ok(())
}

/// A frame without MPPE. The count tells whether one is missing (RFC 2118 §4.3); the 32-bit sequence
/// number whether this one is late, when it can be no use to anybody.
fn alone<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    compression: &mut Compression,
    now: Timestamp,
) -> (Verdict, Option<FlowReport>) {
    let Ok(header) = Header::parse(packet.frame.bytes()) else {
        return (Verdict::Drop(DropReason::MppeHeaderShort), None);
    };
    if header.encrypted {
        return (Verdict::Drop(DropReason::MppeNotArmed), None);
    }
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return (Verdict::Drop(DropReason::GreCallIdUnknown), None);
    };
    let behind = flow
        .window
        .newest()
        .map(|newest| newest.wrapping_sub(packet.meta.sequence));
    if behind.is_some_and(|behind| behind < 1 << 31) {
        return (Verdict::Drop(DropReason::MppcOutOfStep), None);
    }
    let histories = compression.histories(flow.packing, flow.packing.upstream);
    let count = header.coherency_count;
    if count != histories.next_upstream && !header.flushed {
        histories.lose_step();
    }
    histories.next_upstream = CoherencyCount::new(count.value() + 1);
    if let Err((reason, report)) = unpack(packet, flows, compression, now) {
        return (Verdict::Drop(reason), report);
    }
    match flows.accept_clear(packet.meta.flow, packet.arrival(now)) {
        Ok(()) => (strip(packet), None),
        Err(refusal) => (Verdict::Drop(refusal.into()), None),
    }
}
