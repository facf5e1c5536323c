//! The calls of one control connection: four state tables, one for each part that an end may play
//! in a call (RFC 2637 §3.2.3, §3.2.4), and the list of the calls that are not idle.
//!
//! | we are | who asks | table |
//! |---|---|---|
//! | PAC of an outgoing call | the peer, Outgoing-Call-Request | `pac_outgoing` |
//! | PNS of an outgoing call | we, Outgoing-Call-Request | `pns_outgoing` |
//! | PNS of an incoming call | the peer, Incoming-Call-Request | `pns_incoming` |
//! | PAC of an incoming call | we, Incoming-Call-Request | `pac_incoming` |
//!
//! Clients dial in with an outgoing call: by the RFC's letter they are the PNS and we are the PAC.

mod directory;
mod exchange;
pub mod pac_incoming;
pub mod pac_outgoing;
pub mod pns_incoming;
pub mod pns_outgoing;

pub(super) use directory::Calls;
pub(super) use exchange::{CallAction, CallInput, Request};
pub use exchange::{CallOffer, Disconnect, Ending, Line, PlaceRefusal};

use crate::clock::Timestamp;
use crate::wire::call_id::CallId;

/// A call that is not idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Our Call ID, as soon as there is one.
    pub local_call_id: Option<CallId>,
    /// The peer's Call ID, as soon as it is known.
    pub peer_call_id: Option<CallId>,
    /// Where the call stands, and in which part.
    pub state: CallState,
    /// When the peer's Call-Disconnect-Notify is awaited no longer.
    pub(super) forget_at: Option<Timestamp>,
}

/// Our part in a call, with its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// The peer asked us to place it (RFC 2637 §3.2.4.1).
    PacOutgoing(pac_outgoing::State),
    /// We asked the peer to place it (RFC 2637 §3.2.4.2).
    PnsOutgoing(pns_outgoing::State),
    /// We offered it to the peer (RFC 2637 §3.2.3.1).
    PacIncoming(pac_incoming::State),
    /// The peer offered it to us (RFC 2637 §3.2.3.2).
    PnsIncoming(pns_incoming::State),
}

impl CallState {
    /// A call that the peer is asking us to place.
    pub(super) const PAC_OUTGOING: Self = Self::PacOutgoing(pac_outgoing::State::Idle);
    /// A call that we are asking the peer to place.
    pub(super) const PNS_OUTGOING: Self = Self::PnsOutgoing(pns_outgoing::State::Idle);
    /// A call that we are offering to the peer.
    pub(super) const PAC_INCOMING: Self = Self::PacIncoming(pac_incoming::State::Idle);
    /// A call that the peer is offering to us.
    pub(super) const PNS_INCOMING: Self = Self::PnsIncoming(pns_incoming::State::Idle);

    /// Whether the call exists no more, or not yet.
    #[must_use]
    pub const fn is_idle(self) -> bool {
        matches!(
            self,
            Self::PAC_OUTGOING | Self::PNS_OUTGOING | Self::PAC_INCOMING | Self::PNS_INCOMING
        )
    }

    /// Whether both ends agree that the call is up.
    #[must_use]
    pub const fn is_established(self) -> bool {
        matches!(
            self,
            Self::PacOutgoing(pac_outgoing::State::Established)
                | Self::PnsOutgoing(pns_outgoing::State::Established)
                | Self::PacIncoming(pac_incoming::State::Established)
                | Self::PnsIncoming(pns_incoming::State::Established)
        )
    }

    /// Whether one end has ended the call and only an answer is owed.
    #[must_use]
    pub const fn is_ending(self) -> bool {
        matches!(
            self,
            Self::PacOutgoing(pac_outgoing::State::Abandoned)
                | Self::PnsOutgoing(pns_outgoing::State::WaitDisconnect)
                | Self::PnsIncoming(
                    pns_incoming::State::Abandoned | pns_incoming::State::WaitDisconnect
                )
        )
    }

    /// Whether the peer owes us a Call-Disconnect-Notify for our Call-Clear-Request.
    #[must_use]
    pub const fn awaits_disconnect(self) -> bool {
        matches!(
            self,
            Self::PnsOutgoing(pns_outgoing::State::WaitDisconnect)
                | Self::PnsIncoming(pns_incoming::State::WaitDisconnect)
        )
    }

    /// Whether we asked for the call; the other calls are the peer's wish.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::PnsOutgoing(_) | Self::PacIncoming(_))
    }

    /// Whether we are the PNS of the call: we end it with Call-Clear-Request, and the peer with
    /// Call-Disconnect-Notify.
    #[must_use]
    pub const fn is_pns(self) -> bool {
        matches!(self, Self::PnsOutgoing(_) | Self::PnsIncoming(_))
    }

    /// The state table of our part.
    pub(super) const fn transition(self, input: CallInput<'_>) -> (CallAction<'_>, Self) {
        match self {
            Self::PacOutgoing(state) => {
                let (action, state) = pac_outgoing::transition(state, input);
                (action, Self::PacOutgoing(state))
            }
            Self::PnsOutgoing(state) => {
                let (action, state) = pns_outgoing::transition(state, input);
                (action, Self::PnsOutgoing(state))
            }
            Self::PacIncoming(state) => {
                let (action, state) = pac_incoming::transition(state, input);
                (action, Self::PacIncoming(state))
            }
            Self::PnsIncoming(state) => {
                let (action, state) = pns_incoming::transition(state, input);
                (action, Self::PnsIncoming(state))
            }
        }
    }
}
