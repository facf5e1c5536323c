//! Worker to slow path: answers to commands and what a worker noticed by itself.

use std::net::Ipv4Addr;

use super::{FlowKey, FlowTotals};
use crate::counted_enum;

counted_enum! {
    /// Why a worker could not open a flow.
    pub enum OpenRefusal {
        /// The worker's flow slab is full.
        SlabFull => "slab_full",
        /// The Call ID is in use: the slow path and the worker disagree.
        CallIdInUse => "call_id_in_use",
        /// The Call ID belongs to another worker, or the local address is unknown.
        NotOwner => "not_owner",
    }
}

/// A message from the worker that owns `flow`. Order holds within one worker only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowReport {
    /// The flow exists: the client may now be told our Call ID.
    Opened {
        /// The call.
        flow: FlowKey,
        /// Where its counters are in the worker's [`super::counters::CounterArena`].
        slot: u32,
    },
    /// The flow could not be created.
    OpenRefused {
        /// The call.
        flow: FlowKey,
        /// Why.
        refusal: OpenRefusal,
    },
    /// The flow is gone and its keys are wiped; these are the exact final counters. Only now may its
    /// lease and its Call ID be used again.
    Closed {
        /// The call.
        flow: FlowKey,
        /// The bill.
        totals: FlowTotals,
    },
    /// Frames from the client fail to decrypt steadily: its keys are wrong, or so many of its frames were
    /// lost that theirs are out of reach for now.
    DecryptionFailing {
        /// The call.
        flow: FlowKey,
    },
    /// GRE of the client comes from another address than its control connection, and what is sent to
    /// the client goes there now. Told once.
    SourceMoved {
        /// The call.
        flow: FlowKey,
        /// The other address.
        address: Ipv4Addr,
    },
    /// Frames from the client are missing in stateful MPPE, and nothing decrypts until the client
    /// starts RC4 afresh: ask for it with a CCP Reset-Request (RFC 3078 §8.2). Comes once for each
    /// loss, and again, at a bounded rate, while it holds.
    ResetWanted {
        /// The call.
        flow: FlowKey,
    },
    /// A command named a flow that does not exist, or asked to arm or forward without proof of
    /// authentication: an error of the slow path, to be counted and logged.
    CommandRefused {
        /// The call.
        flow: FlowKey,
    },
}
