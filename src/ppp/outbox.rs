//! What a link says to its owner, and the bounded queue in which it waits.

use super::authenticatee::Keying;
use super::credentials::Credentials;
use super::end_reason::EndReason;
use crate::wire::ccp::Agreement;
use crate::wire::ipv6::InterfaceIdentifier;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// One frame to the peer, address and control fields included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PppFrame(Vec<u8>);

impl PppFrame {
    pub(super) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes from the address field on.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes from the address field on.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for PppFrame {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// What the owner of a link has to do, in this order and without overtaking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this frame to the peer, unencrypted.
    Frame(PppFrame),
    /// Decide on these; the answer is `Input::Granted`, `Input::Refused` or, for EAP alone,
    /// `Input::Challenge`. Only the answer to the latest question counts.
    Authenticate(Credentials),
    /// The peer that we called has let us in, and this is what its keys are made from. Precedes
    /// everything that needs a proof of log-in.
    LoggedIn(Keying),
    /// This was agreed on for what the client sends: install its keys, or decompress it.
    ArmUpstream(Agreement),
    /// This was agreed on for what is sent to the client.
    ArmDownstream(Agreement),
    /// The client lost step with our stateful encryption or compression: start afresh and mark the
    /// next frame as flushed (RFC 3078 §8, RFC 2118 §4.3).
    FlushDownstream,
    /// Forward what the client sends from its lease.
    ForwardUpstream,
    /// The client names this address. The answer is `Input::AddressDecided`.
    AddressWished(Ipv4Addr),
    /// IPv6 was agreed on with these interface identifiers: the client's link-local address may
    /// send. Said again if one of them changes.
    AgreeIpv6 {
        /// Our identifier.
        local: InterfaceIdentifier,
        /// The client's.
        peer: InterfaceIdentifier,
    },
    /// IPv6CP has left Opened: nothing of IPv6 passes until it is agreed on again.
    EndIpv6,
    /// Forward what is for the lease.
    ForwardDownstream {
        /// The largest information field that the client receives, in bytes.
        peer_mru: u16,
    },
    /// The link is negotiated or authenticated anew: wipe the keys and forward nothing until the
    /// commands above are said again, after another `Authenticate`.
    Suspend,
    /// The client can use its network. Said once, however often it is negotiated anew.
    NetworkUp,
    /// The link is over. Nothing but answers to late Terminate-Requests follows.
    Ended(EndReason),
}

/// How many frames wait at most. More can only come of a peer that floods, and each is repeated
/// by one side or the other if it mattered.
pub const FRAMES_MAX: usize = 32;

/// A queue of outputs. Frames are bounded by [`FRAMES_MAX`]; of the others each link makes a
/// bounded number in its life, and none may be lost.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Output>,
    frames: usize,
}

impl Outbox {
    /// Queues a frame; `false` if there are too many.
    pub fn frame(&mut self, frame: PppFrame) -> bool {
        if self.frames >= FRAMES_MAX {
            return false;
        }
        self.frames += 1;
        self.queue.push_back(Output::Frame(frame));
        true
    }

    /// Queues anything else.
    pub fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    /// The next output.
    pub fn pop(&mut self) -> Option<Output> {
        let output = self.queue.pop_front()?;
        if matches!(output, Output::Frame(_)) {
            self.frames -= 1;
        }
        if self.queue.is_empty() {
            // A quiet call holds no memory for its queue.
            self.queue = VecDeque::new();
        }
        Some(output)
    }
}
