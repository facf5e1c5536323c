//! We are the PAC of an incoming call: we announced it to the peer (RFC 2637 §3.2.3.1).
//!
//! ```text
//!         begun / Incoming-Call-Request       accepted by the peer / Incoming-Call-Connected
//!    idle ------------------------------> wait_reply ---------------------------> established
//!      ^    Incoming-Call-Reply, refused      |                                      |
//!      +--------------------------------------+                                      |
//!      +-- ended by either / Call-Disconnect-Notify ---------------------------------+
//! ```

use super::exchange::{CallAction, CallInput};

/// The states of RFC 2637 §3.2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no such call.
    Idle,
    /// Our Incoming-Call-Request is out.
    WaitReply,
    /// Up.
    Established,
}

/// The state table.
pub(super) const fn transition(state: State, input: CallInput<'_>) -> (CallAction<'_>, State) {
    use CallInput::{
        Accepted, Begun, Disconnected, PeerAccepted, PeerConnected, PeerEnded, PeerRefused, Refused,
    };
    use State::{Established, Idle, WaitReply};
    match (state, input) {
        (Idle, Begun(request)) => (CallAction::Begin(request), WaitReply),
        (Idle, PeerEnded(_)) => (CallAction::Unknown, Idle),
        (Idle | Established, PeerAccepted { .. } | PeerRefused(_)) => (CallAction::Unasked, state),

        (WaitReply, PeerAccepted { line, .. }) => (CallAction::Connect(line), Established),
        (WaitReply, PeerRefused(refusal)) => (CallAction::ReportRefused(refusal), Idle),

        (WaitReply | Established, Disconnected(disconnect)) => {
            (CallAction::Notify(disconnect), Idle)
        }
        (WaitReply | Established, PeerEnded(ending)) => {
            (CallAction::NotifyAndReportEnded(ending), Idle)
        }

        (WaitReply | Established, Begun(request)) => (CallAction::RefuseRepeated(request), state),
        (Idle | WaitReply | Established, PeerConnected(_)) => (CallAction::Unasked, state),
        (Idle | WaitReply | Established, Accepted(_) | Refused { .. })
        | (Idle, Disconnected(_)) => (CallAction::Nothing, state),
    }
}
