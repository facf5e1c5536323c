//! MPPE to clients (RFC 3078): the whole burst at once.

use arrayvec::ArrayVec;

use crate::dataplane::batch::{BURST, Batch, Cipher, Packet, Verdict};
use crate::dataplane::compression::{Compression, Packing};
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::mppc_output;
use crate::mppe::encrypt::{EncryptJob, EncryptWorker, encrypt_batch};
use crate::wire::mppe::Header;

/// IP packets of calls. Those of encrypted calls are left encrypted, with the protocol field that
/// is part of what is encrypted, and with their MPPE header noted; likewise those that are
/// compressed.
#[inline]
pub(in crate::dataplane) fn run<F: Frame>(
    batch: &mut Batch<F>,
    flows: &mut FlowTable,
    worker: &mut EncryptWorker,
    compression: &mut Compression,
    exits: &mut Exits<F>,
) {
    batch.stage(
        |packet| {
            let packed = packet.meta.packing != Packing::Off;
            if packet.meta.cipher != Cipher::Encrypted && !packed {
                return Verdict::Next;
            }
            let Some(room) = packet.frame.prepend(2) else {
                return Verdict::Drop(DropReason::HeadroomShort);
            };
            room.copy_from_slice(&packet.meta.protocol.0.to_be_bytes());
            if packed {
                return mppc_output::run(packet, flows, worker, compression);
            }
            Verdict::Next
        },
        |packet, verdict| exits.take(packet, verdict),
    );
    if encrypt(batch, flows, worker) {
        // Only a flow whose keys are gone gets here, and it has no state left to get out of step.
        batch.stage(
            |packet| match packet.meta.cipher {
                Cipher::Refused(refusal) => Verdict::Drop(refusal.into()),
                Cipher::Clear | Cipher::Encrypted | Cipher::Decrypted => Verdict::Next,
            },
            |packet, verdict| exits.take(packet, verdict),
        );
    }
}

/// Encrypts, and answers whether a frame could not be.
fn encrypt<F: Frame>(
    batch: &mut Batch<F>,
    flows: &mut FlowTable,
    worker: &mut EncryptWorker,
) -> bool {
    let packets = batch.packets();
    let mut jobs: ArrayVec<EncryptJob<'_>, BURST> = ArrayVec::new();
    for packet in packets.iter_mut() {
        if is_for_batch(packet) {
            // As many places as packets.
            let job = EncryptJob::new(packet.meta.flow, packet.frame.bytes_mut());
            let _full = jobs.try_push(job);
        }
    }
    if jobs.is_empty() {
        return false;
    }
    encrypt_batch(flows, &mut jobs, worker);
    let headers: ArrayVec<Option<Header>, BURST> = jobs.into_iter().map(|job| job.header).collect();
    let mut refused = false;
    let encrypted = packets.iter_mut().filter(|packet| is_for_batch(packet));
    for (packet, header) in encrypted.zip(headers) {
        match header {
            Some(header) => packet.meta.mppe_header = header.to_bytes(),
            None => {
                packet.meta.cipher = Cipher::Refused(crate::mppe::decrypt::DecryptRefusal::NoKeys);
                refused = true;
            }
        }
    }
    refused
}

/// What is compressed was encrypted with it.
#[inline]
fn is_for_batch<F>(packet: &Packet<F>) -> bool {
    packet.meta.cipher == Cipher::Encrypted && packet.meta.packing == Packing::Off
}
