//! The calls of one control connection, as the PAC of an outgoing call sees them
//! (RFC 2637 §3.2.4.1). The RFC's wait_cs_ans, the wait for the line, is here the wait for the
//! session's decision.
//!
//! ```text
//!            Outgoing-Call-Request                accepted / Outgoing-Call-Reply
//!   (idle) ------------------------> wait_reply -----------------------------> established
//!      ^                               |    | cleared                              |
//!      |  refused / Outgoing-Call-Reply|    v                                      |
//!      +-------------------------------+  disconnecting                            |
//!      +-- decided / Outgoing-Call-Reply or Call-Disconnect-Notify                 |
//!      +-- cleared or disconnected / Call-Disconnect-Notify -----------------------+
//! ```
//! An idle call is one that is not in the table.

use crate::wire::call_id::CallId;
use crate::wire::pptp::{DisconnectResult, GeneralError, OutgoingCallRequest, OutgoingCallResult};

/// A call that is not idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The client's Call ID.
    pub peer_call_id: CallId,
    /// Where the call stands.
    pub state: CallState,
}

/// The states of RFC 2637 §3.2.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// Asked for; the session has not decided.
    WaitReply,
    /// Cleared by the client before the session decided; the decision is still owed.
    Disconnecting,
    /// Up.
    Established {
        /// Our Call ID.
        local_call_id: CallId,
    },
}

/// What happens to a call. `None` as a state stands for idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallInput<'a> {
    /// Outgoing-Call-Request.
    Requested(&'a OutgoingCallRequest),
    /// Call-Clear-Request, or Call-Disconnect-Notify from a client that sends that.
    Cleared,
    /// The session took the call.
    Accepted {
        local_call_id: CallId,
        connect_speed_bps: u32,
    },
    /// The session did not.
    Refused {
        result: OutgoingCallResult,
        error: GeneralError,
    },
    /// The session ends the call.
    Disconnected {
        result: DisconnectResult,
        cause: u16,
    },
}

/// What the control connection has to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallAction<'a> {
    /// Ask the session.
    Ask(&'a OutgoingCallRequest),
    /// Refuse: the client uses this Call ID already.
    RefuseDuplicate,
    /// There is no such call.
    Unknown,
    /// Tell the session that the client cleared the call.
    ReportCleared,
    /// The same, and send Call-Disconnect-Notify with our Call ID.
    NotifyAndReportCleared { local_call_id: CallId },
    /// Send only that: the session was told when the call was cleared.
    NotifyCleared { local_call_id: CallId },
    /// Send Outgoing-Call-Reply, connected.
    ReplyConnected {
        local_call_id: CallId,
        connect_speed_bps: u32,
    },
    /// Send Outgoing-Call-Reply with the session's refusal.
    ReplyRefused {
        result: OutgoingCallResult,
        error: GeneralError,
    },
    /// Send Call-Disconnect-Notify for the session.
    Notify {
        local_call_id: CallId,
        result: DisconnectResult,
        cause: u16,
    },
    /// Nothing is left to do.
    Nothing,
}

/// The state table of a call.
pub(super) const fn transition(
    state: Option<CallState>,
    input: CallInput<'_>,
) -> (CallAction<'_>, Option<CallState>) {
    use CallInput::{Accepted, Cleared, Disconnected, Refused, Requested};
    use CallState::{Disconnecting, Established, WaitReply};
    match (state, input) {
        (None, Requested(request)) => (CallAction::Ask(request), Some(WaitReply)),
        (Some(WaitReply | Disconnecting | Established { .. }), Requested(_)) => {
            (CallAction::RefuseDuplicate, state)
        }

        (None, Cleared) => (CallAction::Unknown, None),
        (Some(WaitReply), Cleared) => (CallAction::ReportCleared, Some(Disconnecting)),
        (Some(Disconnecting), Cleared) => (CallAction::Nothing, state),
        (Some(Established { local_call_id }), Cleared) => {
            (CallAction::NotifyAndReportCleared { local_call_id }, None)
        }

        (
            Some(WaitReply),
            Accepted {
                local_call_id,
                connect_speed_bps,
            },
        ) => (
            CallAction::ReplyConnected {
                local_call_id,
                connect_speed_bps,
            },
            Some(Established { local_call_id }),
        ),
        (Some(Disconnecting), Accepted { local_call_id, .. }) => {
            (CallAction::NotifyCleared { local_call_id }, None)
        }
        (Some(WaitReply | Disconnecting), Refused { result, error }) => {
            (CallAction::ReplyRefused { result, error }, None)
        }
        (None | Some(Established { .. }), Accepted { .. } | Refused { .. }) => {
            (CallAction::Nothing, state)
        }

        (Some(Established { local_call_id }), Disconnected { result, cause }) => (
            CallAction::Notify {
                local_call_id,
                result,
                cause,
            },
            None,
        ),
        (None | Some(WaitReply | Disconnecting), Disconnected { .. }) => {
            (CallAction::Nothing, state)
        }
    }
}

/// The calls of one control connection, ordered by the client's Call ID, at most `calls_max`.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    calls: Vec<Call>,
    calls_max: usize,
    /// Calls in `WaitReply`.
    waiting: usize,
    /// Calls in `Disconnecting`.
    disconnecting: usize,
}

impl Calls {
    pub(super) const fn new(calls_max: usize) -> Self {
        Self {
            calls: Vec::new(),
            calls_max,
            waiting: 0,
            disconnecting: 0,
        }
    }

    pub(super) fn as_slice(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn is_full(&self) -> bool {
        self.calls.len() >= self.calls_max
    }

    pub(super) fn any_established(&self) -> bool {
        self.calls.len() > self.waiting.saturating_add(self.disconnecting)
    }

    /// Whether no call is left that the client still wants.
    pub(super) fn none_wanted(&self) -> bool {
        self.calls.len() == self.disconnecting
    }

    /// The client's Call ID of the established call with our `local_call_id`.
    pub(super) fn peer_of(&self, local_call_id: CallId) -> Option<CallId> {
        let established = CallState::Established { local_call_id };
        self.calls
            .iter()
            .find(|call| call.state == established)
            .map(|call| call.peer_call_id)
    }

    /// Steps the call that the client named `peer_call_id`.
    pub(super) fn step<'a>(
        &mut self,
        peer_call_id: CallId,
        input: CallInput<'a>,
    ) -> CallAction<'a> {
        let place = self
            .calls
            .binary_search_by_key(&peer_call_id, |call| call.peer_call_id);
        let state = place
            .ok()
            .and_then(|index| self.calls.get(index))
            .map(|call| call.state);
        let (action, next) = transition(state, input);
        self.count(state, usize::wrapping_sub);
        self.count(next, usize::wrapping_add);
        match (place, next) {
            (Ok(index), Some(state)) => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.state = state;
                }
            }
            (Ok(index), None) => {
                self.calls.remove(index);
            }
            (Err(index), Some(state)) => self.calls.insert(
                index,
                Call {
                    peer_call_id,
                    state,
                },
            ),
            (Err(_), None) => {}
        }
        action
    }

    fn count(&mut self, state: Option<CallState>, change: fn(usize, usize) -> usize) {
        match state {
            Some(CallState::WaitReply) => self.waiting = change(self.waiting, 1),
            Some(CallState::Disconnecting) => self.disconnecting = change(self.disconnecting, 1),
            Some(CallState::Established { .. }) | None => {}
        }
    }
}
