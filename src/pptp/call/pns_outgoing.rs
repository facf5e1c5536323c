//! We are the PNS of an outgoing call: we asked the peer to place it (RFC 2637 §3.2.4.2).
//!
//! ```text
//!         begun / Outgoing-Call-Request              Outgoing-Call-Reply, connected
//!    idle ------------------------------> wait_reply -----------------------------> established
//!      ^     Outgoing-Call-Reply, refused   |     |                                   |   |
//!      +------------------------------------+     | ended by us / Call-Clear-Request  |   |
//!      |                                          v                                   |   |
//!      +-- Call-Disconnect-Notify ------- wait_disconnect <---------------------------+   |
//!      +-- Call-Disconnect-Notify --------------------------------------------------------+
//! ```

use super::exchange::{CallAction, CallInput};

/// The states of RFC 2637 §3.2.4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no such call.
    Idle,
    /// Our Outgoing-Call-Request is out.
    WaitReply,
    /// Up.
    Established,
    /// Our Call-Clear-Request is out.
    WaitDisconnect,
}

/// The state table.
pub(super) const fn transition(state: State, input: CallInput<'_>) -> (CallAction<'_>, State) {
    use CallInput::{
        Accepted, Begun, Disconnected, PeerAccepted, PeerConnected, PeerEnded, PeerRefused, Refused,
    };
    use State::{Established, Idle, WaitDisconnect, WaitReply};
    match (state, input) {
        (Idle, Begun(request)) => (CallAction::Begin(request), WaitReply),
        (Idle, PeerEnded(_)) => (CallAction::Unknown, Idle),
        (Idle | Established, PeerAccepted { .. } | PeerRefused(_)) => (CallAction::Unasked, state),

        (WaitReply, PeerAccepted { line, .. }) => (CallAction::ReportConnected(line), Established),
        (WaitReply, PeerRefused(refusal)) => (CallAction::ReportRefused(refusal), Idle),

        (WaitReply | Established, Disconnected(_)) => (CallAction::Clear, WaitDisconnect),
        (WaitReply | Established, PeerEnded(ending)) => (CallAction::ReportEnded(ending), Idle),

        // Our Call-Clear-Request crossed the reply: the PAC answers it all the same, unless it had
        // no call to clear.
        (WaitDisconnect, PeerAccepted { .. }) => (CallAction::Nothing, WaitDisconnect),
        (WaitDisconnect, PeerRefused(_) | PeerEnded(_)) => (CallAction::Nothing, Idle),

        (WaitReply | Established | WaitDisconnect, Begun(request)) => {
            (CallAction::RefuseRepeated(request), state)
        }
        (Idle | WaitReply | Established | WaitDisconnect, PeerConnected(_)) => {
            (CallAction::Unasked, state)
        }
        (Idle | WaitReply | Established | WaitDisconnect, Accepted(_) | Refused { .. })
        | (Idle | WaitDisconnect, Disconnected(_)) => (CallAction::Nothing, state),
    }
}
