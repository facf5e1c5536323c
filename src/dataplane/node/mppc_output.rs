//! MPPC to clients (RFC 2118), under MPPE or alone: a frame is compressed if that makes it shorter, and
//! then encrypted (RFC 3078 §3).
//!
//! Bit A is one bit for both: RC4 and the history start afresh. Without MPPE it is MPPC's. With
//! stateless MPPE it is in every frame. With stateful MPPE it is in those that start RC4 afresh, and
//! in no other: after a packet that would have grown the history starts anew too, but RC4 must not,
//! and bit B, which such a frame has, tells the client all that it needs.

use std::slice;

use crate::dataplane::batch::{Cipher, Packet, Verdict};
use crate::dataplane::compression::Compression;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::mppe::encrypt::{EncryptJob, EncryptState, EncryptWorker, encrypt_batch};
use crate::wire::mppe::{CoherencyCount, Header};

/// A frame of a flow that agreed on compression, from its protocol field on. Notes its header.
#[cold]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    worker: &mut EncryptWorker,
    compression: &mut Compression,
) -> Verdict {
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return Verdict::Drop(DropReason::NoLease);
    };
    let afresh = flow
        .encrypt
        .as_ref()
        .is_some_and(EncryptState::starts_afresh);
    let restart = std::mem::take(&mut flow.packing.flush) || afresh;
    let packing = flow.packing;
    let done = compression.pack(packing, restart, &mut packet.frame);
    let header = if packet.meta.cipher == Cipher::Encrypted {
        let mut job = EncryptJob::new(packet.meta.flow, packet.frame.bytes_mut());
        encrypt_batch(flows, slice::from_mut(&mut job), worker);
        let Some(header) = job.header else {
            return Verdict::Drop(DropReason::MppeNotArmed);
        };
        header
    } else {
        let histories = compression.histories(packing, packing.downstream);
        let count = histories.next_downstream;
        histories.next_downstream = CoherencyCount::new(count.value() + 1);
        Header {
            flushed: done.flushed,
            encrypted: false,
            ..Header::stateless(count)
        }
    };
    let header = Header {
        at_front: done.at_front,
        compressed: done.compressed,
        ..header
    };
    packet.meta.mppe_header = header.to_bytes();
    Verdict::Next
}
