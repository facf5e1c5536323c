//! Slow path to worker: one FIFO of commands and outbound PPP control frames, so that "arm the keys,
//! then send the Configure-Ack" is ordered by construction.

use std::net::Ipv4Addr;

use super::{Authenticated, FlowKey, FlowRates, FrameBytes, OpenCall, PeerReceive};
use crate::wire::call_id::CallId;
use crate::wire::ccp::Agreement;
use crate::wire::ipv6::InterfaceIdentifier;

/// An order to the worker that owns `flow`.
// The frame makes one variant long; a ring slot is as long as the longest either way.
#[expect(
    clippy::large_enum_variant,
    reason = "a ring holds commands by value in fixed slots"
)]
pub enum FlowCommand {
    /// Creates the flow: PPP control frames pass between client and slow path, user data does not.
    /// Answered by `Opened` or `OpenRefused`.
    Open {
        /// The new call.
        flow: FlowKey,
        /// Its ends.
        call: OpenCall,
    },
    /// The peer of a call that we placed has told its Call ID: what downstream GRE carries from here
    /// on. Precedes every frame to it.
    Connect {
        /// The call.
        flow: FlowKey,
        /// The peer's Call ID.
        peer_call_id: CallId,
    },
    /// Sends one PPP frame (with address, control and protocol fields) in clear to the client. The
    /// worker adds GRE.
    Frame {
        /// The call.
        flow: FlowKey,
        /// The PPP frame.
        frame: FrameBytes,
    },
    /// The client has proved who it is: policy and start keys are in the worker from here on. The
    /// commands below are refused for a flow without it.
    Authorise {
        /// The call.
        flow: FlowKey,
        /// The proof.
        authenticated: Authenticated,
    },
    /// How fast the call may be from here on. Follows `Authorise`.
    Shape {
        /// The call.
        flow: FlowKey,
        /// Both directions.
        rates: FlowRates,
    },
    /// MPPE or MPPC was agreed for frames from the client: decrypt and decompress them. Precedes
    /// every Configure-Ack of CCP that the client could open on.
    ArmUpstream {
        /// The call.
        flow: FlowKey,
        /// How frames from the client are encrypted and compressed.
        agreement: Agreement,
    },
    /// CCP has reached Opened: encrypt and compress frames to the client.
    ArmDownstream {
        /// The call.
        flow: FlowKey,
        /// How frames to the client are encrypted and compressed.
        agreement: Agreement,
    },
    /// The client has sent a CCP Reset-Request: the next frame to it starts RC4 and the history
    /// afresh and says so (RFC 3078 §8.2, RFC 2118 §4.3). Means nothing in stateless mode. Follows
    /// the Reset-Ack in the FIFO, because a client may wait for that before it looks at a frame again.
    FlushDownstream {
        /// The call.
        flow: FlowKey,
    },
    /// Forward what the client sends from `lease`. Precedes every Configure-Ack of IPCP that the
    /// client could open on.
    ForwardUpstream {
        /// The call.
        flow: FlowKey,
        /// The only source address that the client may use, but for [`Self::LeadTo`]. Unspecified if
        /// it has none of its own.
        lease: Ipv4Addr,
    },
    /// The client stands for networks: whatever the directory leads to this call is a valid source
    /// too. Precedes `ForwardUpstream`; said again when `local` becomes known.
    LeadTo {
        /// The call.
        flow: FlowKey,
        /// Our address on the link, if the peer assigned it: what comes for it goes to the kernel,
        /// whether or not clients may reach the server. Unspecified otherwise.
        local: Ipv4Addr,
    },
    /// IPv6CP has agreed on these interface identifiers: take IPv6 from the client's link-local
    /// address, and answer Echo-Requests to ours. Precedes every Configure-Ack of IPv6CP that the
    /// client could open on, and replaces what was agreed before.
    AgreeIpv6 {
        /// The call.
        flow: FlowKey,
        /// Our identifier.
        local: InterfaceIdentifier,
        /// The client's.
        peer: InterfaceIdentifier,
    },
    /// IPv6CP has left Opened: IPv6 of the client is dropped until it is agreed on anew.
    EndIpv6 {
        /// The call.
        flow: FlowKey,
    },
    /// IPCP has reached Opened: forward to the client what is addressed to its lease.
    ForwardDownstream {
        /// The call.
        flow: FlowKey,
        /// Longest IP packet that the client accepts, in bytes (its LCP Maximum-Receive-Unit).
        mtu: u16,
    },
    /// What the peer said of its receive side after the flow was opened: Incoming-Call-Connected, or
    /// Outgoing-Call-Reply to a call of ours.
    PeerReceive {
        /// The call.
        flow: FlowKey,
        /// What it said.
        receive: PeerReceive,
    },
    /// LCP or CCP is negotiated anew: the flow is again as after `Open`. Its keys are wiped, no user
    /// data passes either way, and what is to pass again needs a new proof and new start keys. GRE
    /// numbers, counters and the lease's entry in the directory stay.
    Suspend {
        /// The call.
        flow: FlowKey,
    },
    /// Ends the flow, wipes its keys, and answers with `Closed`. Frames queued before it still leave.
    Close {
        /// The call.
        flow: FlowKey,
    },
}

impl FlowCommand {
    /// The call that the command is for; its bucket decides the ring.
    #[must_use]
    pub const fn flow(&self) -> FlowKey {
        match self {
            Self::Open { flow, .. }
            | Self::Connect { flow, .. }
            | Self::Frame { flow, .. }
            | Self::Authorise { flow, .. }
            | Self::Shape { flow, .. }
            | Self::ArmUpstream { flow, .. }
            | Self::ArmDownstream { flow, .. }
            | Self::FlushDownstream { flow }
            | Self::ForwardUpstream { flow, .. }
            | Self::LeadTo { flow, .. }
            | Self::AgreeIpv6 { flow, .. }
            | Self::EndIpv6 { flow }
            | Self::ForwardDownstream { flow, .. }
            | Self::PeerReceive { flow, .. }
            | Self::Suspend { flow }
            | Self::Close { flow } => *flow,
        }
    }
}
