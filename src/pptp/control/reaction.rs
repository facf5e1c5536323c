//! The state tables of the control connection, of the end that opened TCP (RFC 2637 §3.1.1) and of
//! the other (§3.1.2), with what the RFC says of the other messages in its sections 2 and 3: every
//! cell of them on this page. What a message does to its call is in the tables of `pptp::call`.

use super::reasons::{ControlState, Misbehaviour};
use crate::pptp::call::Ending;
use crate::wire::call_id::CallId;
use crate::wire::pptp::{
    IncomingCallConnected, IncomingCallReply, IncomingCallRequest, Message, OutgoingCallReply,
    OutgoingCallRequest, SetLinkInfo, StartControlConnectionReply, StartControlConnectionRequest,
    WanErrorNotify,
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

pub(super) const fn reaction(state: ControlState, message: &Message) -> Reaction<'_> {
    match state {
        ControlState::Idle => idle(message),
        ControlState::WaitStartReply => wait_start_reply(message),
        ControlState::Held => held(message),
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

const fn wait_start_reply(message: &Message) -> Reaction<'_> {
    match message {
        Message::StartControlConnectionReply(reply) => Reaction::TakeStartReply(reply),
        Message::StopControlConnectionRequest(_) => Reaction::AnswerStop,
        Message::StartControlConnectionRequest(_)
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

const fn held(message: &Message) -> Reaction<'_> {
    match message {
        Message::StartControlConnectionRequest(request) => Reaction::HoldStart(request),
        Message::StartControlConnectionReply(_)
        | Message::StopControlConnectionRequest(_)
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
        | Message::SetLinkInfo(_) => Reaction::Ignore,
    }
}

const fn established(message: &Message) -> Reaction<'_> {
    match message {
        Message::StartControlConnectionRequest(_) => Reaction::RefuseStart,
        Message::StopControlConnectionRequest(_) => Reaction::AnswerStop,
        Message::EchoRequest(request) => Reaction::AnswerEcho(request.identifier),
        Message::EchoReply(reply) => Reaction::TakeEchoReply(reply.identifier),
        Message::OutgoingCallRequest(request) => Reaction::RequestOutgoing(request),
        Message::OutgoingCallReply(reply) => Reaction::AnswerOutgoing(reply),
        Message::IncomingCallRequest(request) => Reaction::RequestIncoming(request),
        Message::IncomingCallReply(reply) => Reaction::AnswerIncoming(reply),
        Message::IncomingCallConnected(connected) => Reaction::ConnectIncoming(connected),
        Message::CallClearRequest(request) => Reaction::EndCall(request.call_id, Ending::Cleared),
        Message::CallDisconnectNotify(notify) => Reaction::EndCall(
            notify.call_id,
            Ending::Disconnected {
                result: notify.result_code,
                error: notify.error_code,
                cause: notify.cause_code,
            },
        ),
        Message::WanErrorNotify(notify) => Reaction::ReportWanError(notify),
        Message::SetLinkInfo(info) => Reaction::ReportLinkInfo(info),
        Message::StartControlConnectionReply(_) | Message::StopControlConnectionReply(_) => {
            Reaction::Misbehaved(Misbehaviour::ReplyUnasked)
        }
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
