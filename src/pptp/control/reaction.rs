//! The state tables of the control connection, of the end that opened TCP (RFC 2637 §3.1.1) and of
//! the other (§3.1.2), with what the RFC says of the other messages in its sections 2 and 3: every
//! cell of them on this page. What a message does to its call is in the tables of `pptp::call`.

use super::reasons::{ControlState, Misbehaviour};
use crate::pptp::call::Ending;
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    CallDisconnectNotify, IncomingCallConnected, IncomingCallReply, IncomingCallRequest, Message,
    OutgoingCallReply, OutgoingCallRequest, SetLinkInfo, StartControlConnectionReply,
    StartControlConnectionRequest, WanErrorNotify,
};

/// What a message asks for in the state that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction<'a> {
    /// Answer the Start-Control-Connection-Request, and be established if its version is ours.
    Start(&'a StartControlConnectionRequest),
    /// Keep it: it is the loser's of a collision (§3.1.3).
    HoldStart(&'a StartControlConnectionRequest),
    /// Answer it with result 3: the control connection exists already.
    RefuseStart,
    /// Our own was answered: be established, or not.
    TakeStartReply(&'a StartControlConnectionReply),
    /// Answer the Stop-Control-Connection-Request, then close.
    AnswerStop,
    /// Our own Stop-Control-Connection-Request was answered: close.
    Stopped,
    /// Send Echo-Reply with this identifier.
    AnswerEcho(u32),
    /// Compare this identifier with that of the outstanding Echo-Request.
    TakeEchoReply(u32),
    /// Step the call: the peer wants us to place it.
    RequestOutgoing(&'a OutgoingCallRequest),
    /// Step the call: the peer answers our request to place it.
    AnswerOutgoing(&'a OutgoingCallReply),
    /// Step the call: the peer announces it.
    RequestIncoming(&'a IncomingCallRequest),
    /// Step the call: the peer answers our announcement.
    AnswerIncoming(&'a IncomingCallReply),
    /// Step the call: the peer has connected its caller.
    ConnectIncoming(&'a IncomingCallConnected),
    /// Step the call: the peer ends it.
    EndCall(CallId, Ending),
    /// Pass it on.
    ReportWanError(&'a WanErrorNotify),
    /// Pass it on.
    ReportLinkInfo(&'a SetLinkInfo),
    /// It crossed our own closing on the wire.
    Ignore,
    /// Count it and carry on.
    Misbehaved(Misbehaviour),
    /// Count it and close: nothing can come before the start (§3).
    CloseBeforeStart,
}

/// The whole table. A row that names no message in particular stands behind those that do.
pub(super) const fn reaction(state: ControlState, message: &Message) -> Reaction<'_> {
    use ControlState::{Closed, Draining, Established, Held, Idle, WaitStartReply, WaitStopReply};
    use Message as M;
    match (state, message) {
        (Idle, M::StartControlConnectionRequest(request)) => Reaction::Start(request),
        (Held, M::StartControlConnectionRequest(request)) => Reaction::HoldStart(request),
        (Established, M::StartControlConnectionRequest(_)) => Reaction::RefuseStart,
        (WaitStartReply, M::StartControlConnectionReply(reply)) => Reaction::TakeStartReply(reply),
        (
            Idle | WaitStartReply | Established | WaitStopReply,
            M::StopControlConnectionRequest(_),
        ) => Reaction::AnswerStop,
        (WaitStopReply, M::StopControlConnectionReply(_)) => Reaction::Stopped,
        (Established | WaitStopReply, M::EchoRequest(request)) => {
            Reaction::AnswerEcho(request.identifier)
        }
        (Established, M::StartControlConnectionReply(_) | M::StopControlConnectionReply(_)) => {
            Reaction::Misbehaved(Misbehaviour::ReplyUnasked)
        }
        (Established, M::EchoReply(reply)) => Reaction::TakeEchoReply(reply.identifier),
        (Established, M::OutgoingCallRequest(request)) => Reaction::RequestOutgoing(request),
        (Established, M::OutgoingCallReply(reply)) => Reaction::AnswerOutgoing(reply),
        (Established, M::IncomingCallRequest(request)) => Reaction::RequestIncoming(request),
        (Established, M::IncomingCallReply(reply)) => Reaction::AnswerIncoming(reply),
        (Established, M::IncomingCallConnected(it)) => Reaction::ConnectIncoming(it),
        (Established, M::CallClearRequest(request)) => {
            Reaction::EndCall(request.call_id, Ending::Cleared)
        }
        (Established, M::CallDisconnectNotify(notify)) => disconnected(notify),
        (Established, M::WanErrorNotify(notify)) => Reaction::ReportWanError(notify),
        (Established, M::SetLinkInfo(info)) => Reaction::ReportLinkInfo(info),
        (
            Idle | WaitStartReply,
            M::StartControlConnectionRequest(_)
            | M::StartControlConnectionReply(_)
            | M::StopControlConnectionReply(_)
            | M::EchoRequest(_)
            | M::EchoReply(_)
            | M::OutgoingCallRequest(_)
            | M::OutgoingCallReply(_)
            | M::IncomingCallRequest(_)
            | M::IncomingCallReply(_)
            | M::IncomingCallConnected(_)
            | M::CallClearRequest(_)
            | M::CallDisconnectNotify(_)
            | M::WanErrorNotify(_)
            | M::SetLinkInfo(_),
        ) => Reaction::CloseBeforeStart,
        (
            Held | WaitStopReply,
            M::StartControlConnectionRequest(_)
            | M::StartControlConnectionReply(_)
            | M::StopControlConnectionRequest(_)
            | M::StopControlConnectionReply(_)
            | M::EchoRequest(_)
            | M::EchoReply(_)
            | M::OutgoingCallRequest(_)
            | M::OutgoingCallReply(_)
            | M::IncomingCallRequest(_)
            | M::IncomingCallReply(_)
            | M::IncomingCallConnected(_)
            | M::CallClearRequest(_)
            | M::CallDisconnectNotify(_)
            | M::WanErrorNotify(_)
            | M::SetLinkInfo(_),
        )
        | (Draining | Closed, _) => Reaction::Ignore,
    }
}

const fn disconnected(notify: &CallDisconnectNotify) -> Reaction<'_> {
    let ending = Ending::Disconnected {
        result: notify.result_code,
        error: notify.error_code,
        cause: notify.cause_code,
    };
    Reaction::EndCall(notify.call_id, ending)
}
