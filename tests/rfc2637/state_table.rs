//! Every message in every state: 15 types, 8 situations, 120 cells (RFC 2637 §3.1.2, §3.2.4.1).

use pns::pptp::{ControlState, Event, Input};
use pns::wire::pptp::*;

use crate::support::{CLIENT_CALL, Dialogue, LOCAL_CALL, bytes, one_of_each};

const SITUATIONS: [&str; 8] = [
    "idle",
    "established, no call",
    "established, call waits for the session",
    "established, call up",
    "established, call cleared while it waited",
    "wait_stop_reply",
    "draining",
    "closed",
];

fn situation(index: usize) -> Dialogue {
    let mut dialogue = match index {
        0 => Dialogue::new(),
        1 => Dialogue::established(),
        2 => Dialogue::with_waiting_call(),
        3 => Dialogue::with_call(),
        4 => {
            let mut dialogue = Dialogue::with_waiting_call();
            dialogue.say(CallClearRequest {
                call_id: CLIENT_CALL,
            });
            dialogue
        }
        5 => {
            let mut dialogue = Dialogue::with_call();
            dialogue.input(Input::Stop(StopReason::STOP_LOCAL_SHUTDOWN));
            dialogue
        }
        6 => {
            let mut dialogue = Dialogue::with_call();
            dialogue.disconnect(LOCAL_CALL);
            assert_eq!(dialogue.control.state(), ControlState::Draining);
            assert_eq!(dialogue.control.pending().len(), 148);
            return dialogue;
        }
        _ => {
            let mut dialogue = Dialogue::with_call();
            dialogue.input(Input::PeerClosed);
            assert!(dialogue.closed().is_some());
            dialogue
        }
    };
    dialogue.heard();
    dialogue.events();
    dialogue
}

const EARLY: &str = "!message_before_start =message_before_start";
const UNASKED: &str = "!reply_unasked";
const STOP: &str = "<StopReply1 draining";

/// `<` a reply with its result and error, `+` an event, `!` a misbehaviour, `=` the close reason.
#[rustfmt::skip]
const TABLE: [[&str; 8]; 15] = [
    // Start-Control-Connection-Request
    ["<StartReply1 +established", "<StartReply3 !start_repeated", "<StartReply3 !start_repeated",
     "<StartReply3 !start_repeated", "<StartReply3 !start_repeated", "", "", ""],
    // Start-Control-Connection-Reply
    [EARLY, UNASKED, UNASKED, UNASKED, UNASKED, "", "", ""],
    // Stop-Control-Connection-Request
    [STOP, STOP, STOP, STOP, STOP, STOP, "", ""],
    // Stop-Control-Connection-Reply
    [EARLY, UNASKED, UNASKED, UNASKED, UNASKED, "=stopped", "", ""],
    // Echo-Request
    [EARLY, "<EchoReply1", "<EchoReply1", "<EchoReply1", "<EchoReply1", "<EchoReply1", "", ""],
    // Echo-Reply
    [EARLY, "!echo_identifier_wrong", "!echo_identifier_wrong", "!echo_identifier_wrong",
     "!echo_identifier_wrong", "", "", ""],
    // Outgoing-Call-Request
    [EARLY, "+requested", "<CallReply2/5 !call_id_repeated", "<CallReply2/5 !call_id_repeated",
     "<CallReply2/5 !call_id_repeated", "", "", ""],
    // Outgoing-Call-Reply
    [EARLY, UNASKED, UNASKED, UNASKED, UNASKED, "", "", ""],
    // Incoming-Call-Request
    [EARLY, "<IncomingReply3 !incoming_call_offered", "<IncomingReply3 !incoming_call_offered",
     "<IncomingReply3 !incoming_call_offered", "<IncomingReply3 !incoming_call_offered", "", "", ""],
    // Incoming-Call-Reply
    [EARLY, UNASKED, UNASKED, UNASKED, UNASKED, "", "", ""],
    // Incoming-Call-Connected
    [EARLY, UNASKED, UNASKED, UNASKED, UNASKED, "", "", ""],
    // Call-Clear-Request
    [EARLY, "!call_unknown", "+cleared", "<Disconnect4 +cleared", "", "", "", ""],
    // Call-Disconnect-Notify
    [EARLY, "!call_unknown", "+cleared", "<Disconnect4 +cleared", "", "", "", ""],
    // WAN-Error-Notify
    [EARLY, "+wan_error", "+wan_error", "+wan_error", "+wan_error", "", "", ""],
    // Set-Link-Info
    [EARLY, "+link_info", "+link_info", "+link_info", "+link_info", "", "", ""],
];

fn heard(message: &Message) -> String {
    match message {
        Message::StartControlConnectionReply(reply) => {
            format!("<StartReply{}", reply.result_code.0)
        }
        Message::StopControlConnectionReply(reply) => format!("<StopReply{}", reply.result_code.0),
        Message::EchoReply(reply) => {
            assert_eq!(reply.identifier, 0xdead_beef);
            format!("<EchoReply{}", reply.result_code.0)
        }
        Message::OutgoingCallReply(reply) => {
            assert_eq!(reply.peer_call_id, CLIENT_CALL);
            format!("<CallReply{}/{}", reply.result_code.0, reply.error_code.0)
        }
        Message::IncomingCallReply(reply) => {
            assert_eq!(reply.peer_call_id, CLIENT_CALL);
            format!("<IncomingReply{}", reply.result_code.0)
        }
        Message::CallDisconnectNotify(notify) => {
            assert_eq!(
                notify.call_id, LOCAL_CALL,
                "a notify carries the sender's Call ID"
            );
            format!("<Disconnect{}", notify.result_code.0)
        }
        other => panic!("we never send {other:?}"),
    }
}

fn event(event: &Event) -> &'static str {
    match event {
        Event::Established { .. } => "+established",
        Event::CallRequested {
            peer_call_id: CLIENT_CALL,
            ..
        } => "+requested",
        Event::CallCleared {
            peer_call_id: CLIENT_CALL,
        } => "+cleared",
        Event::LinkInfo {
            local_call_id: LOCAL_CALL,
            ..
        } => "+link_info",
        Event::WanError {
            local_call_id: LOCAL_CALL,
            alignment_errors: 6,
            ..
        } => "+wan_error",
        Event::CallRequested { .. }
        | Event::CallCleared { .. }
        | Event::LinkInfo { .. }
        | Event::WanError { .. } => panic!("of another call: {event:?}"),
    }
}

fn observe(dialogue: &mut Dialogue, message: Message) -> String {
    let (state, was_closed) = (dialogue.control.state(), dialogue.closed().is_some());
    let pending = dialogue.control.pending().len();
    dialogue.say_bytes(&bytes(message));
    let mut seen: Vec<String> = Vec::new();
    let draining = dialogue.control.state() == ControlState::Draining;
    if state == ControlState::Draining {
        assert_eq!(
            dialogue.control.pending().len(),
            pending,
            "nothing is added while draining"
        );
    } else {
        seen.extend(dialogue.heard().iter().map(heard));
    }
    seen.extend(dialogue.events().iter().map(|one| event(one).to_owned()));
    seen.extend(dialogue.misbehaviours().iter().map(|one| format!("!{one}")));
    if draining && state != ControlState::Draining {
        seen.push("draining".to_owned());
        assert!(
            dialogue.closed().is_some(),
            "closes as soon as the reply is written"
        );
    } else if let Some(reason) = dialogue.closed().filter(|_| !was_closed) {
        seen.push(format!("={reason}"));
    }
    seen.join(" ")
}

#[test]
fn s3_1_2_every_message_in_every_situation() {
    for (row, message) in one_of_each().into_iter().enumerate() {
        assert_eq!(usize::from(message.message_type().code()), row + 1);
        for (column, name) in SITUATIONS.iter().enumerate() {
            let mut dialogue = situation(column);
            let seen = observe(&mut dialogue, message);
            assert_eq!(
                seen,
                TABLE[row][column],
                "{} when {name}",
                message.message_type()
            );
        }
    }
}
