//! We are the PAC of an outgoing call: what a client dials in with (RFC 2637 §3.2.4.1). The RFC's
//! wait_cs_ans, the wait for the telephone line, is here the wait for the session.
//!
//! ```text
//!            Outgoing-Call-Request                 accepted / Outgoing-Call-Reply
//!    idle  ------------------------> wait_answer --------------------------------> established
//!      ^                               |    | ended by the peer                      |
//!      |  refused / Outgoing-Call-Reply|    v                                        |
//!      +-------------------------------+  abandoned                                  |
//!      +-- decided / Outgoing-Call-Reply or Call-Disconnect-Notify                   |
//!      +-- ended by either / Call-Disconnect-Notify ---------------------------------+
//! ```

use super::exchange::{CallAction, CallInput, Disconnect};

/// The states of RFC 2637 §3.2.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no such call.
    Idle,
    /// Asked for; the session has not decided.
    WaitAnswer,
    /// Ended by the peer before the session decided; the decision is still owed.
    Abandoned,
    /// Up.
    Established,
}

/// The state table.
pub(super) const fn transition(state: State, input: CallInput<'_>) -> (CallAction<'_>, State) {
    use CallInput::{
        Accepted, Begun, Disconnected, PeerAccepted, PeerConnected, PeerEnded, PeerRefused, Refused,
    };
    use State::{Abandoned, Established, Idle, WaitAnswer};
    match (state, input) {
        (Idle, Begun(request)) => (CallAction::Begin(request), WaitAnswer),
        (Idle, PeerEnded(_)) => (CallAction::Unknown, Idle),
        (Idle, Accepted(_) | Refused { .. } | Disconnected(_)) => (CallAction::Nothing, Idle),

        (WaitAnswer, Accepted(_)) => (CallAction::ReplyAccepted, Established),
        (WaitAnswer | Abandoned, Refused { result, error }) => {
            (CallAction::ReplyRefused { result, error }, Idle)
        }
        (WaitAnswer, PeerEnded(ending)) => (CallAction::ReportEnded(ending), Abandoned),
        (WaitAnswer | Abandoned, Disconnected(_)) => (CallAction::Nothing, state),

        (Abandoned, Accepted(_)) => (CallAction::Notify(Disconnect::REQUESTED), Idle),
        (Abandoned, PeerEnded(_)) => (CallAction::Nothing, Abandoned),

        (Established, Disconnected(disconnect)) => (CallAction::Notify(disconnect), Idle),
        (Established, PeerEnded(ending)) => (CallAction::NotifyAndReportEnded(ending), Idle),
        (Established, Accepted(_) | Refused { .. }) => (CallAction::Nothing, Established),

        (WaitAnswer | Abandoned | Established, Begun(request)) => {
            (CallAction::RefuseRepeated(request), state)
        }
        (
            Idle | WaitAnswer | Abandoned | Established,
            PeerAccepted { .. } | PeerRefused(_) | PeerConnected(_),
        ) => (CallAction::Unasked, state),
    }
}
