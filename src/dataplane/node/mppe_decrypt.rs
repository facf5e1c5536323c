//! MPPE from clients (RFC 3078): the whole burst at once. A frame that decrypts to a packet proves
//! its sequence number; a forged one moves nothing.

use arrayvec::ArrayVec;

use crate::clock::Timestamp;
use crate::dataplane::batch::{BURST, Batch, Cipher, NO_FLOW, Packet, Verdict};
use crate::dataplane::compression::{Compression, Packing};
use crate::dataplane::config::View;
use crate::dataplane::decryption_reports::refused;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::mppc_input;
use crate::dataplane::source::Sender;
use crate::flow::FlowReport;
use crate::mppe::decrypt::{DecryptJob, DecryptRefusal, DecryptWorker, Source, decrypt_batch};
use crate::wire::mppe::HEADER_LENGTH;
use crate::wire::ppp::Protocol;

/// Decrypts what is encrypted, in place.
#[inline]
pub(in crate::dataplane) fn decrypt<F: Frame>(
    batch: &mut Batch<F>,
    flows: &mut FlowTable,
    worker: &mut DecryptWorker,
    now: Timestamp,
) {
    let packets = batch.packets();
    let mut jobs: ArrayVec<DecryptJob<'_>, BURST> = ArrayVec::new();
    for packet in packets.iter_mut() {
        if is_for_batch(packet) {
            // As many places as packets.
            let _full = jobs.try_push(job_of(packet));
        }
    }
    if jobs.is_empty() {
        return;
    }
    decrypt_batch(flows, &mut jobs, worker, now);
    let outcomes: ArrayVec<Result<(), DecryptRefusal>, BURST> =
        jobs.into_iter().map(|job| job.outcome).collect();
    let encrypted = packets.iter_mut().filter(|packet| is_for_batch(packet));
    for (packet, outcome) in encrypted.zip(outcomes) {
        packet.meta.cipher = match outcome {
            Ok(()) => Cipher::Decrypted,
            Err(refusal) => Cipher::Refused(refusal),
        };
    }
}

/// What is compressed too takes a way of its own.
#[inline]
fn is_for_batch<F>(packet: &Packet<F>) -> bool {
    packet.meta.cipher == Cipher::Encrypted && packet.meta.packing == Packing::Off
}

/// A frame that is still to be decrypted.
#[inline]
pub(super) fn job_of<F: Frame>(packet: &mut Packet<F>) -> DecryptJob<'_> {
    let (flow, sequence) = (packet.meta.flow, packet.meta.sequence);
    let mut job = DecryptJob::new(flow, sequence, packet.frame.bytes_mut());
    job.source = match packet.meta.sender {
        Sender::Peer => Source::Peer,
        Sender::Candidate | Sender::Anybody | Sender::Stranger => Source::Elsewhere,
    };
    job
}

/// Takes the sequence number of a decrypted frame, and leaves its IP packet. Too many frames in a
/// row that do not decrypt are reported, and missing frames in stateful mode.
#[inline]
pub(in crate::dataplane) fn accept<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
    now: Timestamp,
) -> (Verdict, Option<FlowReport>) {
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return (Verdict::Drop(DropReason::GreCallIdUnknown), None);
    };
    match packet.meta.cipher {
        Cipher::Clear => return (Verdict::Next, None),
        Cipher::Encrypted => return (Verdict::Drop(DropReason::MppeNotArmed), None),
        Cipher::Refused(refusal) => {
            if packet.meta.sender == Sender::Candidate {
                // Perhaps a stranger's: it says nothing about the call.
                packet.meta.flow = NO_FLOW;
                return (Verdict::Drop(refusal.into()), None);
            }
            let report = refused(flow, refusal, view.implausible_frames_max, now);
            return (Verdict::Drop(refusal.into()), report);
        }
        Cipher::Decrypted => {}
    }
    flow.implausible = 0;
    match flows.accept_proof(packet.meta.flow, packet.arrival(now), view.gre_source) {
        Ok(()) => (strip(packet), None),
        Err(refusal) => (Verdict::Drop(refusal.into()), None),
    }
}

/// Takes off the MPPE header and the protocol field inside.
#[inline]
pub(super) fn strip<F: Frame>(packet: &mut Packet<F>) -> Verdict {
    packet.frame.trim_front(HEADER_LENGTH);
    let bytes = packet.frame.bytes();
    let Ok((protocol, payload)) = Protocol::parse(bytes) else {
        return Verdict::Drop(DropReason::PppMalformed);
    };
    let front = bytes.len() - payload.len();
    match protocol {
        Protocol::IPV4 | Protocol::IPV6 => {
            packet.meta.protocol = protocol;
            packet.frame.trim_front(front);
            Verdict::Next
        }
        // Nothing else looks like a packet to `mppe::plausible`.
        _ => Verdict::Drop(DropReason::PppMalformed),
    }
}

/// Both, and the reports.
#[inline]
pub(in crate::dataplane) fn run<F: Frame>(
    batch: &mut Batch<F>,
    flows: &mut FlowTable,
    worker: &mut DecryptWorker,
    compression: &mut Compression,
    exits: &mut Exits<F>,
    view: &View,
) {
    let now = exits.now;
    decrypt(batch, flows, worker, now);
    let mut reports: ArrayVec<FlowReport, BURST> = ArrayVec::new();
    batch.stage(
        |packet| {
            let (verdict, report) = if packet.meta.packing == Packing::Off {
                accept(packet, flows, view, now)
            } else {
                mppc_input::run(packet, flows, worker, compression, (view, now))
            };
            reports.extend(report);
            verdict
        },
        |packet, verdict| exits.take(packet, verdict),
    );
    for report in reports {
        // Nothing else depends on it: if there is no room, the slow path has worse trouble.
        let _told = exits.report(report);
    }
}
