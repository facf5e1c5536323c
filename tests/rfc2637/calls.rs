//! RFC 2637 §2.7 - §2.15, §3.2.4.1: calls.

use pns::pptp::CallState;
use pns::pptp::call::pac_outgoing::State;
use pns::pptp::{CloseReason, Event, Input, Misbehaviour};
use pns::wire::call_id::CallId;
use pns::wire::pptp::*;
use std::time::Duration;

use crate::support::*;

fn only_reply(dialogue: &mut Dialogue) -> OutgoingCallReply {
    match dialogue.heard()[..] {
        [Message::OutgoingCallReply(reply)] => reply,
        ref other => panic!("expected an Outgoing-Call-Reply, not {other:?}"),
    }
}

fn only_notify(dialogue: &mut Dialogue) -> CallDisconnectNotify {
    match dialogue.heard()[..] {
        [Message::CallDisconnectNotify(notify)] => notify,
        ref other => panic!("expected a Call-Disconnect-Notify, not {other:?}"),
    }
}

#[test]
fn s2_7_the_request_reaches_the_session_whole() {
    let mut dialogue = Dialogue::established();
    dialogue.say(OutgoingCallRequest {
        call_serial_number: 9,
        packet_receive_window_size: 8192,
        packet_processing_delay: 3,
        phone_number: Text::new("555"),
        subaddress: Text::from_raw([0xff; 64]),
        ..call_request(CallId::new(0))
    });
    let [event] = dialogue.events()[..] else {
        panic!()
    };
    let expected = OutgoingCallRequest {
        call_id: CallId::new(0),
        call_serial_number: 9,
        minimum_bps: 300,
        maximum_bps: 100_000_000,
        bearer_type: Bearer::EITHER,
        framing_type: Framing::EITHER,
        packet_receive_window_size: 8192,
        packet_processing_delay: 3,
        phone_number_length: 0,
        phone_number: Text::new("555"),
        subaddress: Text::from_raw([0xff; 64]),
    };
    assert_eq!(event, Event::CallRequested(expected));
    assert_eq!(dialogue.heard(), [], "the reply waits for the session");
    assert_eq!(
        dialogue.control.calls()[0].state,
        CallState::PacOutgoing(State::WaitAnswer)
    );
}

#[test]
fn s2_8_an_accepted_call_is_answered_with_both_call_ids() {
    let mut dialogue = Dialogue::with_waiting_call();
    dialogue.accept(CLIENT_CALL, LOCAL_CALL);
    let expected = OutgoingCallReply {
        call_id: LOCAL_CALL,
        peer_call_id: CLIENT_CALL,
        result_code: OutgoingCallResult::CONNECTED,
        error_code: GeneralError::NONE,
        cause_code: 0,
        connect_speed_bps: 10_000_000,
        packet_receive_window_size: 64,
        packet_processing_delay: 0,
        physical_channel_id: 0,
    };
    assert_eq!(only_reply(&mut dialogue), expected);
    dialogue.accept(CLIENT_CALL, CallId::new(9));
    assert_eq!(dialogue.heard(), [], "a second decision has no effect");
}

#[test]
fn s2_8_a_refused_call_is_answered_and_may_be_tried_again() {
    let mut dialogue = Dialogue::with_waiting_call();
    dialogue.input(Input::CallRefused {
        peer_call_id: CLIENT_CALL,
        result: OutgoingCallResult::GENERAL_ERROR,
        error: GeneralError::NO_RESOURCE,
    });
    let reply = only_reply(&mut dialogue);
    assert_eq!(reply.peer_call_id, CLIENT_CALL);
    assert_eq!(reply.result_code, OutgoingCallResult::GENERAL_ERROR);
    assert_eq!(reply.error_code, GeneralError::NO_RESOURCE);
    assert_eq!(dialogue.closed(), None);
    dialogue.say(call_request(CLIENT_CALL));
    assert!(matches!(dialogue.events()[..], [Event::CallRequested(_)]));
    dialogue.pass_s(59);
    assert_eq!(dialogue.closed(), None);
}

#[test]
fn s2_8_after_a_refusal_the_connection_is_stopped_if_no_call_follows() {
    let mut dialogue = Dialogue::with_waiting_call();
    let (result, error) = (OutgoingCallResult::BUSY, GeneralError::NONE);
    dialogue.input(Input::CallRefused {
        peer_call_id: CLIENT_CALL,
        result,
        error,
    });
    assert_eq!(
        only_reply(&mut dialogue).result_code,
        OutgoingCallResult::BUSY
    );
    dialogue.pass_s(60);
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StopControlConnectionRequest]
    );
}

#[test]
fn s3_a_call_that_the_session_forgets_ends_with_the_connection() {
    let mut dialogue = Dialogue::with_waiting_call();
    dialogue.pass(Duration::from_millis(59_999));
    assert_eq!(dialogue.heard(), []);
    dialogue.pass(Duration::from_millis(1));
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StopControlConnectionRequest]
    );
    dialogue.pass_s(3);
    assert_eq!(dialogue.closed(), Some(CloseReason::NoCall));
}

#[test]
fn s2_8_a_call_id_in_use_is_refused_and_the_first_call_lives() {
    let mut dialogue = Dialogue::with_call();
    dialogue.say(call_request(CLIENT_CALL));
    let reply = only_reply(&mut dialogue);
    assert_eq!(reply.result_code, OutgoingCallResult::GENERAL_ERROR);
    assert_eq!(reply.error_code, GeneralError::BAD_CALL_ID);
    assert_eq!(dialogue.misbehaviours(), [Misbehaviour::CallIdRepeated]);
    let call = dialogue.control.calls()[0];
    assert_eq!(call.state, CallState::PacOutgoing(State::Established));
    assert_eq!(call.local_call_id, Some(LOCAL_CALL));
}

#[test]
fn s2_8_calls_beyond_the_limit_are_refused_with_no_resource() {
    let mut dialogue = Dialogue::established();
    let stream: Vec<u8> = (1..=6)
        .flat_map(|number| bytes(call_request(CallId::new(number))))
        .collect();
    dialogue.say_bytes(&stream);
    assert_eq!(dialogue.events().len(), 4);
    let refused: Vec<_> = dialogue
        .heard()
        .into_iter()
        .map(|message| match message {
            Message::OutgoingCallReply(reply) => (reply.peer_call_id.get(), reply.error_code),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        refused,
        [
            (5, GeneralError::NO_RESOURCE),
            (6, GeneralError::NO_RESOURCE)
        ]
    );
    assert_eq!(dialogue.control.misbehaved(Misbehaviour::CallsTooMany), 2);
}

#[test]
fn s2_12_a_cleared_call_is_notified_at_once_with_our_call_id() {
    let mut dialogue = Dialogue::with_call();
    dialogue.say(CallClearRequest {
        call_id: CLIENT_CALL,
    });
    let notify = only_notify(&mut dialogue);
    assert_eq!(notify.call_id, LOCAL_CALL);
    assert_eq!(notify.result_code, DisconnectResult::REQUEST);
    assert_eq!(dialogue.events(), [cleared(CLIENT_CALL)]);
    dialogue.disconnect(LOCAL_CALL);
    assert_eq!(
        dialogue.heard(),
        [],
        "the session's own disconnect comes too late to matter"
    );
    dialogue.pass(Duration::from_millis(4999));
    assert_eq!(dialogue.closed(), None, "the client closes");
    dialogue.input(Input::PeerClosed);
    assert_eq!(dialogue.closed(), Some(CloseReason::PeerClosed));
}

#[test]
fn s2_12_a_client_that_clears_and_stays_is_closed_unless_it_calls_again() {
    let mut dialogue = Dialogue::with_call();
    dialogue.say(CallClearRequest {
        call_id: CLIENT_CALL,
    });
    dialogue.pass_s(4);
    dialogue.say(call_request(CLIENT_CALL));
    dialogue.pass_s(4);
    assert_eq!(dialogue.closed(), None);
    dialogue.accept(CLIENT_CALL, LOCAL_CALL);
    dialogue.say(CallClearRequest {
        call_id: CLIENT_CALL,
    });
    dialogue.pass_s(5);
    assert_eq!(dialogue.closed(), Some(CloseReason::PeerCleared));
}

#[test]
fn s2_12_a_call_cleared_before_the_reply_is_never_connected() {
    let mut accepted = Dialogue::with_waiting_call();
    accepted.say(CallClearRequest {
        call_id: CLIENT_CALL,
    });
    assert_eq!(accepted.events(), [cleared(CLIENT_CALL)]);
    assert_eq!(accepted.heard(), []);
    accepted.accept(CLIENT_CALL, LOCAL_CALL);
    assert_eq!(only_notify(&mut accepted).call_id, LOCAL_CALL);
    assert_eq!(accepted.control.calls(), []);

    let mut undecided = Dialogue::with_waiting_call();
    undecided.say(CallClearRequest {
        call_id: CLIENT_CALL,
    });
    undecided.pass_s(5);
    assert_eq!(undecided.closed(), Some(CloseReason::PeerCleared));

    let mut refused = Dialogue::with_waiting_call();
    refused.say(CallClearRequest {
        call_id: CLIENT_CALL,
    });
    let (result, error) = (OutgoingCallResult::NO_CARRIER, GeneralError::NONE);
    refused.input(Input::CallRefused {
        peer_call_id: CLIENT_CALL,
        result,
        error,
    });
    assert_eq!(
        only_reply(&mut refused).result_code,
        OutgoingCallResult::NO_CARRIER
    );
    assert_eq!(refused.control.calls(), []);
}

#[test]
fn s2_12_foreign_call_ids_change_nothing() {
    let mut dialogue = Dialogue::with_call();
    for number in (0..=u16::MAX).filter(|number| *number != CLIENT_CALL.get()) {
        dialogue.say(CallClearRequest {
            call_id: CallId::new(number),
        });
    }
    assert_eq!((dialogue.heard(), dialogue.events()), (vec![], vec![]));
    assert_eq!(
        dialogue.control.misbehaved(Misbehaviour::CallUnknown),
        65_535
    );
    assert_eq!(dialogue.control.calls().len(), 1);
}

#[test]
fn s2_13_our_disconnect_carries_our_call_id_and_then_tcp_closes() {
    let mut dialogue = Dialogue::with_call();
    let result = DisconnectResult::LOST_CARRIER;
    dialogue.input(Input::Disconnect {
        local_call_id: LOCAL_CALL,
        disconnect: because(result, 16),
    });
    assert_eq!(dialogue.closed(), None, "not before the notify is written");
    let notify = only_notify(&mut dialogue);
    assert_eq!(
        (notify.call_id, notify.result_code, notify.cause_code),
        (LOCAL_CALL, result, 16)
    );
    assert_eq!(dialogue.closed(), Some(CloseReason::CallsEnded));
}

#[test]
fn s3_2_calls_of_one_connection_end_one_by_one() {
    let mut dialogue = Dialogue::established();
    let calls = [(0, 0x0301), (9, 0x0202), (u16::MAX, 0x0103)]
        .map(|(peer, local)| (CallId::new(peer), CallId::new(local)));
    let stream: Vec<u8> = calls
        .iter()
        .flat_map(|(peer, _)| bytes(call_request(*peer)))
        .collect();
    dialogue.say_bytes(&stream);
    assert_eq!(dialogue.events().len(), 3);
    for (peer, local) in calls.iter().rev() {
        dialogue.accept(*peer, *local);
        let reply = only_reply(&mut dialogue);
        assert_eq!((reply.peer_call_id, reply.call_id), (*peer, *local));
    }
    dialogue.disconnect(calls[1].1);
    assert_eq!(only_notify(&mut dialogue).call_id, calls[1].1);
    assert_eq!(dialogue.closed(), None);
    dialogue.say(CallClearRequest {
        call_id: calls[0].0,
    });
    assert_eq!(only_notify(&mut dialogue).call_id, calls[0].1);
    dialogue.pass_s(30);
    assert_eq!(dialogue.closed(), None, "a call is left");
    dialogue.disconnect(calls[2].1);
    assert_eq!(only_notify(&mut dialogue).call_id, calls[2].1);
    assert_eq!(dialogue.closed(), Some(CloseReason::CallsEnded));
}

#[test]
fn s2_14_s2_15_information_is_passed_on_but_never_piles_up() {
    let mut dialogue = Dialogue::with_call();
    let flood: Vec<u8> = (0..100)
        .flat_map(|_| [bytes(one_of_each()[13]), bytes(one_of_each()[14])].concat())
        .collect();
    dialogue.say_bytes(&flood);
    assert_eq!(dialogue.events().len(), 8);
    assert_eq!(
        dialogue.control.misbehaved(Misbehaviour::InformationFlood),
        192
    );
    dialogue.say(one_of_each()[14]);
    assert_eq!(
        dialogue.events().len(),
        1,
        "and flows again once the session has caught up"
    );
    assert_eq!(dialogue.closed(), None);
}
