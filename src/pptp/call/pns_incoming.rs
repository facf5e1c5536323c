//! We are the PNS of an incoming call: the peer announced it (RFC 2637 §3.2.3.2). Before the RFC's
//! wait_connect there is the wait for the session, which the RFC takes for a moment's thought.
//!
//! ```text
//!            Incoming-Call-Request                   accepted / Incoming-Call-Reply
//!    idle  ------------------------> wait_decision --------------------------------> wait_connect
//!      ^                               |    | Call-Disconnect-Notify                   |   |   |
//!      |  refused / Incoming-Call-Reply|    v                                          |   |   |
//!      +-------------------------------+  abandoned           Incoming-Call-Connected  |   |   |
//!      +-- decided                                   established <---------------------+   |   |
//!      |                                               |    | ended by us                  |   |
//!      +-- Call-Disconnect-Notify ---------------------+    |     / Call-Clear-Request     |   |
//!      +-- Call-Disconnect-Notify ---- wait_disconnect <----+------------------------------+   |
//!      +-- Call-Disconnect-Notify -------------------------------------------------------------+
//! ```

use super::exchange::{CallAction, CallInput};

/// The states of RFC 2637 §3.2.3.2, and those of the session's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no such call.
    Idle,
    /// Announced; the session has not decided.
    WaitDecision,
    /// Ended by the peer before the session decided; the decision is still owed.
    Abandoned,
    /// Our Incoming-Call-Reply is out: the PAC answers its caller.
    WaitConnect,
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
    use State::{Abandoned, Established, Idle, WaitConnect, WaitDecision, WaitDisconnect};
    match (state, input) {
        (Idle, Begun(request)) => (CallAction::Begin(request), WaitDecision),
        (Idle, PeerEnded(_)) => (CallAction::Unknown, Idle),

        (WaitDecision, Accepted(_)) => (CallAction::ReplyAccepted, WaitConnect),
        (WaitDecision, Refused { result, error }) => {
            (CallAction::ReplyRefused { result, error }, Idle)
        }
        (WaitDecision, PeerEnded(ending)) => (CallAction::ReportEnded(ending), Abandoned),

        // The PAC has forgotten the call, and waits for nothing.
        (Abandoned, Accepted(_) | Refused { .. }) => (CallAction::Nothing, Idle),
        (Abandoned, PeerEnded(_)) => (CallAction::Nothing, Abandoned),

        (WaitConnect, PeerConnected(line)) => (CallAction::ReportConnected(line), Established),
        (WaitConnect | Established, PeerEnded(ending)) => (CallAction::ReportEnded(ending), Idle),
        (WaitConnect | Established, Disconnected(_)) => (CallAction::Clear, WaitDisconnect),

        // Our Call-Clear-Request crossed it.
        (WaitDisconnect, PeerConnected(_)) => (CallAction::Nothing, WaitDisconnect),
        (WaitDisconnect, PeerEnded(_)) => (CallAction::Nothing, Idle),

        (WaitDecision | Abandoned | WaitConnect | Established | WaitDisconnect, Begun(request)) => {
            (CallAction::RefuseRepeated(request), state)
        }
        (Idle | WaitDecision | Abandoned | Established, PeerConnected(_))
        | (
            Idle | WaitDecision | Abandoned | WaitConnect | Established | WaitDisconnect,
            PeerAccepted { .. } | PeerRefused(_),
        ) => (CallAction::Unasked, state),
        (Idle | WaitConnect | Established | WaitDisconnect, Accepted(_) | Refused { .. })
        | (Idle | WaitDecision | Abandoned | WaitDisconnect, Disconnected(_)) => {
            (CallAction::Nothing, state)
        }
    }
}
