//! What a worker is told of a call when its flow is opened.

use std::net::Ipv4Addr;

use crate::wire::call_id::CallId;

/// What the peer says of its receive side in the messages that set up a call (RFC 2637 §2.7-§2.11).
/// All zero: it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PeerReceive {
    /// Its Packet Receive Window Size: packets that it buffers.
    pub window_packets: u16,
    /// Its Packet Processing Delay, in tenths of a second.
    pub processing_delay_ds: u16,
}

/// The ends of a call as GRE sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct OpenCall {
    /// Our address: the source of downstream GRE.
    pub local_address: Ipv4Addr,
    /// The peer of the control connection: where GRE comes from, unless the server was told
    /// otherwise.
    pub peer_address: Ipv4Addr,
    /// The peer's Call ID: what downstream GRE carries; `None` of a call that we place, until the
    /// peer has told it ([`super::FlowCommand::Connect`]).
    pub peer_call_id: Option<CallId>,
    /// What the client buffers. Matters only if the server honours windows.
    pub peer_receive: PeerReceive,
}
