//! The state table of the control connection's receiver (RFC 2637 §3.1.2), with what the RFC says
//! of the other messages in its sections 2 and 3: every cell of it on this page.

use super::types::{ControlState, Misbehaviour};
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    Message, OutgoingCallRequest, SetLinkInfo, StartControlConnectionRequest, WanErrorNotify,
};

/// What a message asks for in the state that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction<'a> {
    /// Answer the Start-Control-Connection-Request, and be established if its version is ours.
    Start(&'a StartControlConnectionRequest),
    /// Answer it with result 3: the control connection exists already.
    RefuseStart,
    /// Answer the Stop-Control-Connection-Request, then close.
    AnswerStop,
    /// Our own Stop-Control-Connection-Request was answered: close.
    Stopped,
    /// Send Echo-Reply with this identifier.
    AnswerEcho(u32),
    /// Compare this identifier with that of the outstanding Echo-Request.
    TakeEchoReply(u32),
    /// Step the call: the client places it.
    RequestCall(&'a OutgoingCallRequest),
    /// Step the call: the client wants its end.
    ClearCall(CallId),
    /// Answer the Incoming-Call-Request for this call with a refusal.
    RefuseIncomingCall(CallId),
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

pub(super) const fn reaction(state: ControlState, message: &Message) -> Reaction<'_> {
    match state {
        ControlState::Idle => idle(message),
        ControlState::Established => established(message),
        ControlState::WaitStopReply => wait_stop_reply(message),
        ControlState::Draining | ControlState::Closed => Reaction::Ignore,
    }
}

const fn idle(message: &Message) -> Reaction<'_> {
    match message {
        Message::StartControlConnectionRequest(request) => Reaction::Start(request),
        Message::StopControlConnectionRequest(_) => Reaction::AnswerStop,
        Message::StartControlConnectionReply(_)
        | Message::StopControlConnectionReply(_)
        | Message::EchoRequest(_)
        | Message::EchoReply(_)
        | Message::OutgoingCallRequest(_)
        | Message::OutgoingCallReply(_)
        | Message::IncomingCallRequest(_)
        | Message::IncomingCallReply(_)
        | Message::IncomingCallConnected(_)
        | Message::CallClearRequest(_)
        | Message::CallDisconnectNotify(_)
        | Message::WanErrorNotify(_)
        | Message::SetLinkInfo(_) => Reaction::CloseBeforeStart,
    }
}

const fn established(message: &Message) -> Reaction<'_> {
    match message {
        Message::StartControlConnectionRequest(_) => Reaction::RefuseStart,
        Message::StopControlConnectionRequest(_) => Reaction::AnswerStop,
        Message::EchoRequest(request) => Reaction::AnswerEcho(request.identifier),
        Message::EchoReply(reply) => Reaction::TakeEchoReply(reply.identifier),
        Message::OutgoingCallRequest(request) => Reaction::RequestCall(request),
        Message::IncomingCallRequest(request) => Reaction::RefuseIncomingCall(request.call_id),
        Message::CallClearRequest(request) => Reaction::ClearCall(request.call_id),
        // Only a PAC sends this, yet some clients do, with their own Call ID.
        Message::CallDisconnectNotify(notify) => Reaction::ClearCall(notify.call_id),
        Message::WanErrorNotify(notify) => Reaction::ReportWanError(notify),
        Message::SetLinkInfo(info) => Reaction::ReportLinkInfo(info),
        Message::StartControlConnectionReply(_)
        | Message::StopControlConnectionReply(_)
        | Message::OutgoingCallReply(_)
        | Message::IncomingCallReply(_)
        | Message::IncomingCallConnected(_) => Reaction::Misbehaved(Misbehaviour::ReplyUnasked),
    }
}

const fn wait_stop_reply(message: &Message) -> Reaction<'_> {
    match message {
        Message::StopControlConnectionReply(_) => Reaction::Stopped,
        Message::StopControlConnectionRequest(_) => Reaction::AnswerStop,
        Message::EchoRequest(request) => Reaction::AnswerEcho(request.identifier),
        Message::StartControlConnectionRequest(_)
        | Message::StartControlConnectionReply(_)
        | Message::EchoReply(_)
        | Message::OutgoingCallRequest(_)
        | Message::OutgoingCallReply(_)
        | Message::IncomingCallRequest(_)
        | Message::IncomingCallReply(_)
        | Message::IncomingCallConnected(_)
        | Message::CallClearRequest(_)
        | Message::CallDisconnectNotify(_)
        | Message::WanErrorNotify(_)
        | Message::SetLinkInfo(_) => Reaction::Ignore,
    }
}
