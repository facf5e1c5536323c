//! MPPE to clients (RFC 3078): the whole burst at once.

use arrayvec::ArrayVec;

use crate::dataplane::batch::{BURST, Batch, Cipher, Verdict};
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::mppe::encrypt::{EncryptJob, EncryptWorker, encrypt_batch};
use crate::wire::mppe::Header;

/// IP packets of calls. Those of encrypted calls are left encrypted, with the protocol field that
/// is part of what is encrypted, and with their MPPE header noted.
#[inline]
pub(in crate::dataplane) fn run<F: Frame>(
    batch: &mut Batch<F>,
    flows: &mut FlowTable,
    worker: &mut EncryptWorker,
    exits: &mut Exits<F>,
) {
    batch.stage(
        |packet| {
            if packet.meta.cipher != Cipher::Encrypted {
                return Verdict::Next;
            }
            match packet.frame.prepend(2) {
                Some(room) => {
                    room.copy_from_slice(&packet.meta.protocol.0.to_be_bytes());
                    Verdict::Next
                }
                None => Verdict::Drop(DropReason::HeadroomShort),
            }
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
        if packet.meta.cipher == Cipher::Encrypted {
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
    let encrypted = packets
        .iter_mut()
        .filter(|packet| packet.meta.cipher == Cipher::Encrypted);
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
