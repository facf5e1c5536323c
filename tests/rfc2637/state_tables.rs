//! Every message in every state: 15 types in 8 states of the control connection and 14 states of a
//! call in each of its four parts, 330 cells, and what the session can say of a call in the same
//! states (RFC 2637 §3.1.1, §3.1.2, §3.2.3, §3.2.4). The tables are written from the RFC's figures.

use pns::pptp::{CallName, ControlState, Ending, Event, Input};
use pns::wire::pptp::*;

use crate::support::*;

/// A state, and how to get there.
type Situation = (&'static str, fn() -> Dialogue);

/// Nothing is left over from the way.
fn quiet(mut dialogue: Dialogue) -> Dialogue {
    dialogue.heard();
    dialogue.events();
    dialogue
}

fn after(mut dialogue: Dialogue, step: impl FnOnce(&mut Dialogue)) -> Dialogue {
    step(&mut dialogue);
    quiet(dialogue)
}

fn held() -> Dialogue {
    after(Dialogue::new(), |it| it.input(Input::CollisionWon))
}

fn wait_stop_reply() -> Dialogue {
    let stop = Input::Stop(StopReason::STOP_LOCAL_SHUTDOWN);
    after(Dialogue::with_call(), |it| it.input(stop))
}

fn draining() -> Dialogue {
    let mut dialogue = Dialogue::with_call();
    dialogue.disconnect(LOCAL_CALL);
    assert_eq!(dialogue.control.state(), ControlState::Draining);
    assert_eq!(dialogue.control.pending().len(), 148);
    dialogue
}

fn closed() -> Dialogue {
    after(Dialogue::with_call(), |it| it.input(Input::PeerClosed))
}

const CONNECTION: [Situation; 8] = [
    ("idle", || quiet(Dialogue::new())),
    ("wait_ctl_reply", || quiet(Dialogue::calling())),
    ("held", held),
    ("established by the peer", || quiet(Dialogue::established())),
    ("established by us", || {
        quiet(Dialogue::calling_established())
    }),
    ("wait_stop_reply", wait_stop_reply),
    ("draining", draining),
    ("closed", closed),
];

const EARLY: &str = "!message_before_start =message_before_start";
const UNASKED: &str = "!reply_unasked";
const STOP: &str = "<StopReply1 draining";
const START_3: &str = "<StartReply3 !start_repeated";
const ECHO: &str = "<EchoReply1";
const WRONG_ECHO: &str = "!echo_identifier_wrong";
const UNKNOWN: &str = "!call_unknown";

/// `<` a message with its result and error, `+` an event, `!` a misbehaviour, `=` the close reason.
#[rustfmt::skip]
const CONNECTION_TABLE: [[&str; 8]; 15] = [
    // idle, wait_ctl_reply, held, established (peer's, ours), wait_stop_reply, draining, closed
    ["<StartReply1 +established", EARLY, "", START_3, START_3, "", "", ""],
    [EARLY, "+established", "", UNASKED, UNASKED, "", "", ""],
    [STOP, STOP, "", STOP, STOP, STOP, "", ""],
    [EARLY, EARLY, "", UNASKED, UNASKED, "=stopped", "", ""],
    [EARLY, EARLY, "", ECHO, ECHO, ECHO, "", ""],
    [EARLY, EARLY, "", WRONG_ECHO, WRONG_ECHO, "", "", ""],
    // Outgoing-Call-Request, -Reply, Incoming-Call-Request, -Reply, -Connected
    [EARLY, EARLY, "", "+requested", "+requested", "", "", ""],
    [EARLY, EARLY, "", UNASKED, UNASKED, "", "", ""],
    [EARLY, EARLY, "", "+offered", "+offered", "", "", ""],
    [EARLY, EARLY, "", UNASKED, UNASKED, "", "", ""],
    [EARLY, EARLY, "", UNASKED, UNASKED, "", "", ""],
    // Call-Clear-Request, Call-Disconnect-Notify, WAN-Error-Notify, Set-Link-Info
    [EARLY, EARLY, "", UNKNOWN, UNKNOWN, "", "", ""],
    [EARLY, EARLY, "", UNKNOWN, UNKNOWN, "", "", ""],
    [EARLY, EARLY, "", "+wan_error", "+wan_error", "", "", ""],
    [EARLY, EARLY, "", "+link_info", "+link_info", "", "", ""],
];

/// The messages that are about the control connection do the same whatever its calls do.
const CONNECTION_ROWS: [&str; 6] = [START_3, UNASKED, STOP, UNASKED, ECHO, WRONG_ECHO];

const REPEATED_OUT: &str = "<CallReply2/5 !call_id_repeated";
const REPEATED_IN: &str = "<IncomingReply2/5 !call_id_repeated";

fn abandoned(dialogue: Dialogue) -> Dialogue {
    let call_id = CLIENT_CALL;
    after(dialogue, |it| it.say(CallClearRequest { call_id }))
}

// ---- RFC 2637 §3.2.4.1: the peer asked us to place the call ----

const PAC_OUTGOING: [Situation; 3] = [
    ("wait_cs_ans", || quiet(Dialogue::with_waiting_call())),
    ("abandoned", || abandoned(Dialogue::with_waiting_call())),
    ("established", || quiet(Dialogue::with_call())),
];

#[rustfmt::skip]
const PAC_OUTGOING_TABLE: [[&str; 3]; 12] = [
    // Outgoing-Call-Request, -Reply, Incoming-Call-Request, -Reply, -Connected
    [REPEATED_OUT, REPEATED_OUT, REPEATED_OUT],
    [UNASKED, UNASKED, UNASKED],
    [REPEATED_IN, REPEATED_IN, REPEATED_IN],
    [UNASKED, UNASKED, UNASKED],
    [UNASKED, UNASKED, UNASKED],
    // Call-Clear-Request, Call-Disconnect-Notify, WAN-Error-Notify, Set-Link-Info
    ["+cleared", "", "<Disconnect4 +cleared"],
    ["+disconnected", "", "<Disconnect4 +disconnected"],
    ["+wan_error", "+wan_error", "+wan_error"],
    ["+link_info", "+link_info", "+link_info"],
    // the session accepts, refuses, ends the call
    ["<CallReply1/0", "<Disconnect4", ""],
    ["<CallReply4/0", "<CallReply4/0", ""],
    ["", "", "<Disconnect3 draining"],
];

// ---- RFC 2637 §3.2.4.2: we asked the peer to place the call ----

fn called() -> Dialogue {
    let mut dialogue = Dialogue::with_placed_call(&OUTGOING);
    dialogue.say(call_reply(LOCAL_CALL, OutgoingCallResult::CONNECTED));
    quiet(dialogue)
}

const PNS_OUTGOING: [Situation; 4] = [
    ("wait_reply", || Dialogue::with_placed_call(&OUTGOING)),
    ("established", called),
    ("wait_disconnect", || {
        after(called(), |it| it.disconnect(LOCAL_CALL))
    }),
    ("wait_disconnect before the reply", || {
        after(Dialogue::with_placed_call(&OUTGOING), |it| {
            it.disconnect(LOCAL_CALL)
        })
    }),
];

#[rustfmt::skip]
const PNS_OUTGOING_TABLE: [[&str; 4]; 12] = [
    // In the first and the last state the peer's Call ID is not known: it may still begin another.
    ["+requested", REPEATED_OUT, REPEATED_OUT, "+requested"],
    ["+connected", UNASKED, "", ""],
    ["+offered", REPEATED_IN, REPEATED_IN, "+offered"],
    [UNASKED, UNASKED, UNASKED, UNASKED],
    [UNASKED, UNASKED, UNASKED, UNASKED],
    [UNKNOWN, "+cleared", "", ""],
    [UNKNOWN, "+disconnected", "", ""],
    ["+wan_error", "+wan_error", "+wan_error", "+wan_error"],
    ["+link_info", "+link_info", "+link_info", "+link_info"],
    ["", "", "", ""],
    ["", "", "", ""],
    ["<Clear", "<Clear", "", ""],
];

// ---- RFC 2637 §3.2.3.1: we announced the call to the peer ----

fn announced() -> Dialogue {
    let mut dialogue = Dialogue::with_placed_call(&INCOMING);
    dialogue.say(offer_reply(LOCAL_CALL, IncomingCallResult::CONNECT));
    quiet(dialogue)
}

const PAC_INCOMING: [Situation; 2] = [
    ("wait_reply", || Dialogue::with_placed_call(&INCOMING)),
    ("established", announced),
];

#[rustfmt::skip]
const PAC_INCOMING_TABLE: [[&str; 2]; 12] = [
    ["+requested", REPEATED_OUT],
    [UNASKED, UNASKED],
    ["+offered", REPEATED_IN],
    ["<Connected +connected", UNASKED],
    [UNASKED, UNASKED],
    [UNKNOWN, "<Disconnect4 +cleared"],
    [UNKNOWN, "<Disconnect4 +disconnected"],
    ["+wan_error", "+wan_error"],
    ["+link_info", "+link_info"],
    ["", ""],
    ["", ""],
    ["<Disconnect3 draining", "<Disconnect3 draining"],
];

// ---- RFC 2637 §3.2.3.2: the peer announced the call ----

fn offered() -> Dialogue {
    let offer = offer_request(CLIENT_CALL);
    after(Dialogue::established(), |it| it.say(offer))
}

fn answered() -> Dialogue {
    after(Dialogue::with_offered_call(), |it| {
        it.say(connected(LOCAL_CALL))
    })
}

const PNS_INCOMING: [Situation; 5] = [
    ("wait for the session", offered),
    ("abandoned", || abandoned(offered())),
    ("wait_connect", || quiet(Dialogue::with_offered_call())),
    ("established", answered),
    ("wait_disconnect", || {
        after(answered(), |it| it.disconnect(LOCAL_CALL))
    }),
];

#[rustfmt::skip]
const PNS_INCOMING_TABLE: [[&str; 5]; 12] = [
    [REPEATED_OUT, REPEATED_OUT, REPEATED_OUT, REPEATED_OUT, REPEATED_OUT],
    [UNASKED, UNASKED, UNASKED, UNASKED, UNASKED],
    [REPEATED_IN, REPEATED_IN, REPEATED_IN, REPEATED_IN, REPEATED_IN],
    [UNASKED, UNASKED, UNASKED, UNASKED, UNASKED],
    [UNASKED, UNASKED, "+connected", UNASKED, ""],
    ["+cleared", "", "+cleared", "+cleared", ""],
    ["+disconnected", "", "+disconnected", "+disconnected", ""],
    ["+wan_error", "+wan_error", "+wan_error", "+wan_error", "+wan_error"],
    ["+link_info", "+link_info", "+link_info", "+link_info", "+link_info"],
    ["<IncomingReply1/0", "", "", "", ""],
    ["<IncomingReply3/0", "", "", "", ""],
    ["", "", "<Clear", "<Clear", ""],
];

/// What the session can say of a call.
fn session_says(row: usize, dialogue: &mut Dialogue) {
    match row {
        0 => dialogue.accept(CLIENT_CALL, LOCAL_CALL),
        1 => dialogue.input(Input::CallRefused {
            peer_call_id: CLIENT_CALL,
            result: OutgoingCallResult::BUSY,
            error: GeneralError::NONE,
        }),
        _ => dialogue.disconnect(LOCAL_CALL),
    }
}

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
            format!(
                "<IncomingReply{}/{}",
                reply.result_code.0, reply.error_code.0
            )
        }
        Message::IncomingCallConnected(connected) => {
            assert_eq!(connected.peer_call_id, CLIENT_CALL);
            "<Connected".to_owned()
        }
        Message::CallClearRequest(clear) => {
            assert_eq!(clear.call_id, LOCAL_CALL, "the sender's own Call ID");
            "<Clear".to_owned()
        }
        Message::CallDisconnectNotify(notify) => {
            assert_eq!(notify.call_id, LOCAL_CALL, "the sender's own Call ID");
            format!("<Disconnect{}", notify.result_code.0)
        }
        other => panic!("nothing asks for {other:?}"),
    }
}

fn event(event: &Event) -> &'static str {
    match event {
        Event::Established { .. } => "+established",
        Event::CallRequested(request) if request.call_id == CLIENT_CALL => "+requested",
        Event::CallOffered(request) if request.call_id == CLIENT_CALL => "+offered",
        Event::CallConnected {
            local_call_id: LOCAL_CALL,
            peer_call_id: CLIENT_CALL,
            ..
        } => "+connected",
        Event::CallEnded {
            call: CallName::Peers(CLIENT_CALL) | CallName::Ours(LOCAL_CALL),
            ending,
        } => match ending {
            Ending::Cleared => "+cleared",
            Ending::Disconnected { .. } => "+disconnected",
        },
        Event::LinkInfo(info) if info.peer_call_id == LOCAL_CALL => "+link_info",
        Event::WanError(notify) if notify.alignment_errors == 6 => "+wan_error",
        other => panic!("of another call: {other:?}"),
    }
}

fn observe(dialogue: &mut Dialogue, step: impl FnOnce(&mut Dialogue)) -> String {
    let (state, was_closed) = (dialogue.control.state(), dialogue.closed().is_some());
    let pending = dialogue.control.pending().len();
    step(dialogue);
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

/// One call in each of `situations`: the 15 messages, then the three words of the session.
fn check_call<const N: usize>(situations: &[Situation; N], table: &[[&str; N]; 12]) -> usize {
    let mut cells = 0;
    for (column, (name, reach)) in situations.iter().enumerate() {
        for (row, message) in one_of_each().into_iter().enumerate() {
            let expected = match CONNECTION_ROWS.get(row) {
                Some(expected) => expected,
                None => table[row - 6][column],
            };
            let seen = observe(&mut reach(), |it| it.say_bytes(&bytes(message)));
            assert_eq!(seen, expected, "{} in {name}", message.message_type());
            cells += 1;
        }
        for row in 0..3 {
            let seen = observe(&mut reach(), |it| session_says(row, it));
            assert_eq!(seen, table[9 + row][column], "decision {row} in {name}");
        }
    }
    cells
}

#[test]
fn s3_1_every_message_in_every_state_of_the_control_connection() {
    let mut cells = 0;
    for (row, message) in one_of_each().into_iter().enumerate() {
        assert_eq!(usize::from(message.message_type().code()), row + 1);
        for (column, (name, reach)) in CONNECTION.iter().enumerate() {
            let seen = observe(&mut reach(), |it| it.say_bytes(&bytes(message)));
            let expected = CONNECTION_TABLE[row][column];
            assert_eq!(seen, expected, "{} in {name}", message.message_type());
            cells += 1;
        }
    }
    assert_eq!(cells, 120);
}

#[test]
fn s3_2_3_1_every_message_in_every_state_of_the_pac_of_an_incoming_call() {
    assert_eq!(check_call(&PAC_INCOMING, &PAC_INCOMING_TABLE), 30);
}

#[test]
fn s3_2_3_2_every_message_in_every_state_of_the_pns_of_an_incoming_call() {
    assert_eq!(check_call(&PNS_INCOMING, &PNS_INCOMING_TABLE), 75);
}

#[test]
fn s3_2_4_1_every_message_in_every_state_of_the_pac_of_an_outgoing_call() {
    assert_eq!(check_call(&PAC_OUTGOING, &PAC_OUTGOING_TABLE), 45);
}

#[test]
fn s3_2_4_2_every_message_in_every_state_of_the_pns_of_an_outgoing_call() {
    assert_eq!(check_call(&PNS_OUTGOING, &PNS_OUTGOING_TABLE), 60);
}
