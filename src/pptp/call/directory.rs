//! The calls of one control connection, at most `calls_max`. A few: they are looked through.

use super::{Call, CallAction, CallInput, CallState};
use crate::clock::Timestamp;
use crate::wire::call_id::CallId;

/// The calls that are not idle.
#[derive(Clone, Debug)]
pub(in crate::pptp) struct Calls {
    calls: Vec<Call>,
    calls_max: usize,
}

impl Calls {
    pub(in crate::pptp) const fn new(calls_max: usize) -> Self {
        Self {
            calls: Vec::new(),
            calls_max,
        }
    }

    pub(in crate::pptp) fn as_slice(&self) -> &[Call] {
        &self.calls
    }

    pub(in crate::pptp) fn is_full(&self) -> bool {
        self.calls.len() >= self.calls_max
    }

    pub(in crate::pptp) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(in crate::pptp) fn any_established(&self) -> bool {
        self.calls.iter().any(|call| call.state.is_established())
    }

    /// Whether no call is left that both ends still want.
    pub(in crate::pptp) fn none_wanted(&self) -> bool {
        self.calls.iter().all(|call| call.state.is_ending())
    }

    /// The call to which the peer gave this Call ID.
    pub(in crate::pptp) fn of_peer(&self, peer_call_id: CallId) -> Option<Call> {
        self.find(|call| call.peer_call_id == Some(peer_call_id))
    }

    /// The call to which we gave this Call ID.
    pub(in crate::pptp) fn of_ours(&self, local_call_id: CallId) -> Option<Call> {
        self.find(|call| call.local_call_id == Some(local_call_id))
    }

    /// The call that the peer ends. RFC 2637 §2.12, §2.13: it names its own Call ID. Where we are
    /// the PNS there are PACs that name ours, and calls of which we never learned the PAC's: the one
    /// that was cleared first is then meant.
    pub(in crate::pptp) fn ended_by_peer(&self, call_id: CallId) -> Option<Call> {
        let named_by_ours = || self.of_ours(call_id).filter(|call| call.state.is_pns());
        let nameless =
            || self.find(|call| call.peer_call_id.is_none() && call.state.awaits_disconnect());
        self.of_peer(call_id)
            .or_else(named_by_ours)
            .or_else(nameless)
    }

    fn find(&self, wanted: impl Fn(&Call) -> bool) -> Option<Call> {
        self.calls.iter().copied().find(|call| wanted(call))
    }

    /// Steps `call`, which may be new. Answers what to do, and the call with all that is known of
    /// it now.
    pub(in crate::pptp) fn step<'a>(
        &mut self,
        call: Call,
        input: CallInput<'a>,
    ) -> (CallAction<'a>, Call) {
        let place = self.calls.iter().position(|other| *other == call);
        let (action, state) = call.state.transition(input);
        let mut next = Call { state, ..call };
        match input {
            CallInput::Accepted(local_call_id) => {
                next.local_call_id = next.local_call_id.or(Some(local_call_id));
            }
            CallInput::PeerAccepted { peer_call_id, .. } => {
                next.peer_call_id = next.peer_call_id.or(Some(peer_call_id));
            }
            CallInput::Begun(_)
            | CallInput::Refused { .. }
            | CallInput::Disconnected(_)
            | CallInput::PeerRefused(_)
            | CallInput::PeerConnected(_)
            | CallInput::PeerEnded(_) => {}
        }
        match (place, state.is_idle()) {
            (Some(place), false) => {
                if let Some(call) = self.calls.get_mut(place) {
                    *call = next;
                }
            }
            (Some(place), true) => {
                self.calls.remove(place);
            }
            (None, false) => self.calls.push(next),
            (None, true) => {}
        }
        (action, next)
    }

    /// Sets until when the peer may answer the Call-Clear-Request for `local_call_id`.
    pub(in crate::pptp) fn await_disconnect(&mut self, local_call_id: CallId, until: Timestamp) {
        let wanted = |call: &&mut Call| call.local_call_id == Some(local_call_id);
        if let Some(call) = self.calls.iter_mut().find(wanted) {
            call.forget_at = Some(until);
        }
    }

    /// Forgets calls whose Call-Disconnect-Notify did not come in time; how many.
    pub(in crate::pptp) fn forget_overdue(&mut self, now: Timestamp) -> u32 {
        let before = self.calls.len();
        self.calls
            .retain(|call| call.forget_at.is_none_or(|at| at > now));
        u32::try_from(before - self.calls.len()).unwrap_or(u32::MAX)
    }

    /// When the next such call is to be forgotten.
    pub(in crate::pptp) fn next_overdue(&self) -> Option<Timestamp> {
        self.calls.iter().filter_map(|call| call.forget_at).min()
    }
}

impl Call {
    /// A call that does not exist yet, named by the end that begins it.
    pub(in crate::pptp) const fn new(
        state: CallState,
        local_call_id: Option<CallId>,
        peer_call_id: Option<CallId>,
    ) -> Self {
        Self {
            local_call_id,
            peer_call_id,
            state,
            forget_at: None,
        }
    }
}
