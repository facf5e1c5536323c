//! MPPE from clients (RFC 3078): the whole burst at once. A frame that decrypts to a packet proves
//! its sequence number; a forged one moves nothing.

use arrayvec::ArrayVec;

use crate::clock::Timestamp;
use crate::dataplane::batch::{BURST, Batch, Cipher, NO_FLOW, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::flow::Flow;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::policer::Rate;
use crate::dataplane::source::Sender;
use crate::flow::FlowReport;
use crate::mppe::decrypt::{DecryptJob, DecryptRefusal, DecryptWorker, Source, decrypt_batch};
use crate::mppe::keys::Mode;
use crate::wire::mppe::HEADER_LENGTH;
use crate::wire::ppp::Protocol;

/// With wrong keys all stateful frames but the fresh starts are only out of step, so of those it takes
/// no more than this in a row to say that the keys are wrong.
const FRESH_STARTS_FAILING: u32 = 4;
/// A stranger who can guess much makes us ask for fresh starts that nobody needs, and each costs a
/// real client something. So a flow asks at most so often.
const RESETS_PER_S: u32 = 50;
const RESETS_AT_ONCE: u32 = 10;

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
        if packet.meta.cipher == Cipher::Encrypted {
            let (flow, sequence) = (packet.meta.flow, packet.meta.sequence);
            // As many places as packets.
            let mut job = DecryptJob::new(flow, sequence, packet.frame.bytes_mut());
            job.source = match packet.meta.sender {
                Sender::Peer => Source::Peer,
                Sender::Candidate | Sender::Anybody | Sender::Stranger => Source::Elsewhere,
            };
            let _full = jobs.try_push(job);
        }
    }
    if jobs.is_empty() {
        return;
    }
    decrypt_batch(flows, &mut jobs, worker, now);
    let outcomes: ArrayVec<Result<(), DecryptRefusal>, BURST> =
        jobs.into_iter().map(|job| job.outcome).collect();
    let encrypted = packets
        .iter_mut()
        .filter(|packet| packet.meta.cipher == Cipher::Encrypted);
    for (packet, outcome) in encrypted.zip(outcomes) {
        packet.meta.cipher = match outcome {
            Ok(()) => Cipher::Decrypted,
            Err(refusal) => Cipher::Refused(refusal),
        };
    }
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

/// What the slow path must know about a frame that did not decrypt.
#[cold]
fn refused(
    flow: &mut Flow,
    refusal: DecryptRefusal,
    failing_after: u32,
    now: Timestamp,
) -> Option<FlowReport> {
    let key = flow.key;
    let state = flow.decrypt.as_mut()?;
    if refusal == DecryptRefusal::Implausible {
        let weight = match state.mode() {
            Mode::Stateless => 1,
            Mode::Stateful => failing_after / FRESH_STARTS_FAILING,
        };
        let before = flow.implausible;
        flow.implausible = before.saturating_add(weight.max(1));
        if before < failing_after && flow.implausible >= failing_after {
            return Some(FlowReport::DecryptionFailing { flow: key });
        }
    }
    let wanted = state.reset_wanted(now)
        && flow
            .resets
            .allow(Rate::new(RESETS_PER_S, RESETS_AT_ONCE), now);
    wanted.then_some(FlowReport::ResetWanted { flow: key })
}

/// Takes off the MPPE header and the protocol field inside.
#[inline]
fn strip<F: Frame>(packet: &mut Packet<F>) -> Verdict {
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
    exits: &mut Exits<F>,
    view: &View,
) {
    let now = exits.now;
    decrypt(batch, flows, worker, now);
    let mut reports: ArrayVec<FlowReport, BURST> = ArrayVec::new();
    batch.stage(
        |packet| {
            let (verdict, report) = accept(packet, flows, view, now);
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
