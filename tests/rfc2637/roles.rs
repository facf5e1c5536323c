//! RFC 2637 §3.1.1, §3.2.4.2: we open the control connection, and have the peer dial.

use pns::pptp::{
    CallName, CallOffer, CloseReason, ControlState, Ending, Event, Input, Line, Misbehaviour,
    PlaceRefusal,
};
use pns::wire::call_id::CallId;
use pns::wire::pptp::*;
use std::time::Duration;

use crate::support::*;

pub(crate) fn only(dialogue: &mut Dialogue) -> Message {
    match dialogue.heard()[..] {
        [message] => message,
        ref other => panic!("expected one message, not {other:?}"),
    }
}

pub(crate) fn established_call(offer: &CallOffer) -> Dialogue {
    let mut dialogue = Dialogue::with_placed_call(offer);
    match offer {
        CallOffer::Outgoing { .. } => {
            dialogue.say(call_reply(LOCAL_CALL, OutgoingCallResult::CONNECTED));
        }
        CallOffer::Incoming { .. } => {
            dialogue.say(offer_reply(LOCAL_CALL, IncomingCallResult::CONNECT));
            assert_eq!(dialogue.heard_types(), [MessageType::IncomingCallConnected]);
        }
    }
    assert!(matches!(
        dialogue.events()[..],
        [Event::CallConnected { .. }]
    ));
    dialogue
}

// ---- RFC 2637 §3.1.1: we open the control connection ----

#[test]
fn s2_1_our_request_says_who_we_are() {
    let config = config();
    let control = pns::pptp::Control::originate(config, pns::clock::Timestamp::ZERO);
    let Ok(Message::StartControlConnectionRequest(request)) = Message::parse(control.pending())
    else {
        panic!()
    };
    assert_eq!(request.protocol_version, 0x0100);
    assert_eq!(request.maximum_channels, 1000);
    assert_eq!(request.framing_capabilities, Framing::EITHER);
    assert_eq!(request.host_name.to_string(), "pns.example");
    assert_eq!(control.state(), ControlState::WaitStartReply);
}

#[test]
fn s2_2_a_reply_of_result_0_or_1_establishes() {
    for result in [0, 1] {
        let mut dialogue = Dialogue::calling();
        dialogue.say(StartControlConnectionReply {
            result_code: StartResult(result),
            vendor_string: Text::new("mpd"),
            ..start_reply()
        });
        let [Event::Established { vendor, .. }] = dialogue.events()[..] else {
            panic!()
        };
        assert_eq!(vendor.to_string(), "mpd");
        assert_eq!(dialogue.control.state(), ControlState::Established);
    }
}

#[test]
fn s2_2_every_refusal_of_the_start_closes_and_is_kept() {
    for result in [2, 3, 4, 6, 255] {
        let mut dialogue = Dialogue::calling();
        dialogue.say(StartControlConnectionReply {
            result_code: StartResult(result),
            error_code: GeneralError::NO_RESOURCE,
            ..start_reply()
        });
        assert_eq!(dialogue.closed(), Some(CloseReason::StartRefused));
        let refusal = Some((StartResult(result), GeneralError::NO_RESOURCE));
        assert_eq!(dialogue.control.start_refusal(), refusal);
    }
    let mut version = Dialogue::calling();
    version.say(StartControlConnectionReply {
        result_code: StartResult::VERSION_UNSUPPORTED,
        protocol_version: 0x0200,
        ..start_reply()
    });
    assert_eq!(version.closed(), Some(CloseReason::VersionUnsupported));
}

#[test]
fn s3_1_1_a_reply_of_another_version_is_stopped_with_reason_2() {
    for protocol_version in [0, 0x00ff, 0x0101, 0x0200] {
        let mut dialogue = Dialogue::calling();
        dialogue.say(StartControlConnectionReply {
            protocol_version,
            ..start_reply()
        });
        let Message::StopControlConnectionRequest(stop) = only(&mut dialogue) else {
            panic!()
        };
        assert_eq!(stop.reason, StopReason::STOP_PROTOCOL);
        assert_eq!(dialogue.control.state(), ControlState::WaitStopReply);
        assert_eq!(dialogue.events(), []);
        dialogue.say(StopControlConnectionReply {
            result_code: StopResult::OK,
            error_code: GeneralError::NONE,
        });
        assert_eq!(dialogue.closed(), Some(CloseReason::VersionUnsupported));
    }
}

#[test]
fn s3_1_4_a_server_that_does_not_reply_is_closed_after_60_s() {
    let mut dialogue = Dialogue::calling();
    dialogue.pass(Duration::from_millis(59_999));
    assert_eq!(dialogue.closed(), None);
    dialogue.pass(Duration::from_millis(1));
    assert_eq!(dialogue.closed(), Some(CloseReason::EstablishTimeout));
}

#[test]
fn s3_1_1_a_connection_that_cannot_be_opened_says_so() {
    let mut dialogue = Dialogue::calling();
    dialogue.input(Input::ConnectFailed);
    assert_eq!(dialogue.closed(), Some(CloseReason::PeerUnreachable));
}

#[test]
fn s3_1_4_echo_runs_both_ways_on_a_connection_of_ours() {
    let mut dialogue = established_call(&OUTGOING);
    dialogue.say(EchoRequest { identifier: 9 });
    assert_eq!(dialogue.heard_types(), [MessageType::EchoReply]);
    dialogue.pass_s(60);
    assert_eq!(dialogue.heard_types(), [MessageType::EchoRequest]);
    dialogue.pass_s(60);
    assert_eq!(dialogue.closed(), Some(CloseReason::EchoTimeout));
}

// ---- RFC 2637 §3.1.3: collision ----

#[test]
fn s3_1_3_the_winner_sends_nothing_on_the_losers_connection() {
    let mut dialogue = Dialogue::new();
    dialogue.input(Input::CollisionWon);
    dialogue.say(start_request());
    dialogue.say(EchoRequest { identifier: 1 });
    assert_eq!((dialogue.heard(), dialogue.events()), (vec![], vec![]));
    dialogue.input(Input::PeerClosed);
    assert_eq!(dialogue.closed(), Some(CloseReason::CollisionWon));

    let mut silent = Dialogue::new();
    silent.input(Input::CollisionWon);
    silent.say(start_request());
    silent.pass_s(60);
    assert_eq!(silent.heard(), []);
    assert_eq!(silent.closed(), Some(CloseReason::EstablishTimeout));
}

#[test]
fn s3_1_3_what_was_held_is_answered_when_our_own_attempt_fails() {
    for before in [true, false] {
        let mut dialogue = Dialogue::new();
        dialogue.input(Input::CollisionWon);
        let over = |it: &mut Dialogue| it.input(Input::CollisionOver);
        if before {
            over(&mut dialogue);
        }
        dialogue.say(start_request());
        if !before {
            over(&mut dialogue);
        }
        let Message::StartControlConnectionReply(reply) = only(&mut dialogue) else {
            panic!()
        };
        assert_eq!(reply.result_code, StartResult::OK);
        assert_eq!(dialogue.control.state(), ControlState::Established);
    }
}

#[test]
fn s3_1_3_the_loser_closes_its_own_without_another_word() {
    let mut dialogue = Dialogue::calling();
    dialogue.input(Input::GiveWay);
    assert_eq!(dialogue.heard(), []);
    assert_eq!(dialogue.closed(), Some(CloseReason::CollisionLost));

    let mut late = Dialogue::calling_established();
    late.input(Input::GiveWay);
    late.input(Input::CollisionWon);
    assert_eq!(late.closed(), None, "there is no race any more");
}

// ---- RFC 2637 §3.2.4.2: we ask the peer to dial ----

#[test]
fn s2_7_our_request_carries_what_the_operator_wants() {
    let mut dialogue = Dialogue::calling_established();
    let offer = CallOffer::Outgoing {
        minimum_bps: 9600,
        maximum_bps: 64_000,
        bearer: Bearer::DIGITAL,
        framing: Framing::SYNCHRONOUS,
        phone_number: Text::new("5551234"),
        subaddress: Text::new("7"),
    };
    dialogue.place(LOCAL_CALL, &offer);
    let expected = OutgoingCallRequest {
        call_id: LOCAL_CALL,
        call_serial_number: 77,
        minimum_bps: 9600,
        maximum_bps: 64_000,
        bearer_type: Bearer::DIGITAL,
        framing_type: Framing::SYNCHRONOUS,
        packet_receive_window_size: 64,
        packet_processing_delay: 0,
        phone_number_length: 7,
        phone_number: Text::new("5551234"),
        subaddress: Text::new("7"),
    };
    assert_eq!(only(&mut dialogue), Message::from(expected));
}

#[test]
fn s2_8_a_connected_reply_names_both_call_ids_and_the_line() {
    let mut dialogue = Dialogue::with_placed_call(&OUTGOING);
    dialogue.say(call_reply(LOCAL_CALL, OutgoingCallResult::CONNECTED));
    let expected = Event::CallConnected {
        local_call_id: LOCAL_CALL,
        peer_call_id: CLIENT_CALL,
        line: Line {
            connect_speed_bps: 56_000,
            receive_window: 32,
            processing_delay: 4,
        },
    };
    assert_eq!(dialogue.events(), [expected]);
    assert_eq!(dialogue.control.calls()[0].peer_call_id, Some(CLIENT_CALL));
}

#[test]
fn s2_8_every_result_but_connected_is_told_with_its_error_and_cause() {
    for result in (0..=u8::MAX).filter(|result| *result != 1) {
        let mut dialogue = Dialogue::with_placed_call(&OUTGOING);
        dialogue.say(OutgoingCallReply {
            error_code: GeneralError::PAC_ERROR,
            cause_code: 17,
            ..call_reply(LOCAL_CALL, OutgoingCallResult(result))
        });
        let refusal = PlaceRefusal::Outgoing {
            result: OutgoingCallResult(result),
            error: GeneralError::PAC_ERROR,
            cause: 17,
        };
        let expected = Event::CallFailed {
            local_call_id: LOCAL_CALL,
            refusal,
        };
        assert_eq!(dialogue.events(), [expected]);
        assert!(!refusal.describe().is_empty());
        assert_eq!(dialogue.control.calls(), []);
        assert_eq!(dialogue.closed(), None);
    }
}

#[test]
fn s2_8_a_call_id_that_the_peer_has_given_already_is_cleared() {
    let mut dialogue = established_call(&OUTGOING);
    let second = CallId::new(0x0202);
    dialogue.place(second, &OUTGOING);
    dialogue.heard();
    dialogue.say(call_reply(second, OutgoingCallResult::CONNECTED));
    let refusal = PlaceRefusal::CallIdRepeated;
    let expected = Event::CallFailed {
        local_call_id: second,
        refusal,
    };
    assert_eq!(dialogue.events(), [expected]);
    let Message::CallClearRequest(clear) = only(&mut dialogue) else {
        panic!()
    };
    assert_eq!(clear.call_id, second);
    assert_eq!(dialogue.misbehaviours(), [Misbehaviour::CallIdRepeated]);
    assert!(dialogue.control.calls()[0].state.is_established());
}

#[test]
fn s2_12_our_clear_waits_for_the_notify_and_then_the_connection_is_free() {
    let mut dialogue = established_call(&OUTGOING);
    dialogue.input(Input::Release);
    assert_eq!(dialogue.heard(), [], "a call is left");
    dialogue.disconnect(LOCAL_CALL);
    let Message::CallClearRequest(clear) = only(&mut dialogue) else {
        panic!()
    };
    assert_eq!(clear.call_id, LOCAL_CALL);
    dialogue.say(disconnect_notify(CLIENT_CALL, DisconnectResult::REQUEST));
    assert_eq!(dialogue.events(), [], "the session knows");
    let Message::StopControlConnectionRequest(stop) = only(&mut dialogue) else {
        panic!()
    };
    assert_eq!(stop.reason, StopReason::NONE);
    dialogue.say(StopControlConnectionReply {
        result_code: StopResult::OK,
        error_code: GeneralError::NONE,
    });
    assert_eq!(dialogue.closed(), Some(CloseReason::CallsEnded));
}

#[test]
fn s2_12_a_notify_that_never_comes_is_awaited_for_3_s() {
    let mut dialogue = established_call(&OUTGOING);
    dialogue.disconnect(LOCAL_CALL);
    dialogue.heard();
    dialogue.input(Input::Release);
    dialogue.pass(Duration::from_millis(2_999));
    assert_eq!(
        (dialogue.heard(), dialogue.control.calls().len()),
        (vec![], 1)
    );
    dialogue.pass(Duration::from_millis(1));
    assert_eq!(dialogue.control.calls(), []);
    assert_eq!(dialogue.misbehaviours(), [Misbehaviour::DisconnectOwed]);
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StopControlConnectionRequest]
    );
}

/// §2.13: the PAC's Call ID is not known to a PNS that clears before the reply; and there are PACs
/// that name the PNS's Call ID.
#[test]
fn s2_13_a_notify_is_matched_however_the_pac_names_the_call() {
    let cleared_early = || {
        let mut dialogue = Dialogue::with_placed_call(&OUTGOING);
        dialogue.disconnect(LOCAL_CALL);
        assert_eq!(dialogue.heard_types(), [MessageType::CallClearRequest]);
        dialogue
    };
    for name in [CallId::new(0x7777), LOCAL_CALL] {
        let mut dialogue = cleared_early();
        dialogue.say(disconnect_notify(name, DisconnectResult::REQUEST));
        assert_eq!(dialogue.control.calls(), []);
        assert_eq!(dialogue.misbehaviours(), []);
    }
    let mut crossed = cleared_early();
    crossed.say(call_reply(LOCAL_CALL, OutgoingCallResult::CONNECTED));
    assert_eq!(crossed.events(), [], "nobody wants it any more");
    crossed.say(disconnect_notify(CLIENT_CALL, DisconnectResult::REQUEST));
    assert_eq!(crossed.control.calls(), []);

    let mut established = established_call(&OUTGOING);
    established.say(disconnect_notify(
        LOCAL_CALL,
        DisconnectResult::LOST_CARRIER,
    ));
    assert!(matches!(
        established.events()[..],
        [Event::CallEnded {
            call: CallName::Ours(LOCAL_CALL),
            ..
        }]
    ));
}

#[test]
fn s2_13_the_pacs_disconnect_is_told_with_its_codes() {
    let mut dialogue = established_call(&OUTGOING);
    dialogue.say(CallDisconnectNotify {
        error_code: GeneralError::PAC_ERROR,
        cause_code: 16,
        ..disconnect_notify(CLIENT_CALL, DisconnectResult::GENERAL_ERROR)
    });
    let expected = Event::CallEnded {
        call: CallName::Ours(LOCAL_CALL),
        ending: Ending::Disconnected {
            result: DisconnectResult::GENERAL_ERROR,
            error: GeneralError::PAC_ERROR,
            cause: 16,
        },
    };
    assert_eq!(dialogue.events(), [expected]);
    assert_eq!(dialogue.heard(), [], "the PAC waits for no answer");
    dialogue.disconnect(LOCAL_CALL);
    assert_eq!(dialogue.heard(), []);
}

#[test]
fn s3_2_calls_beyond_the_limit_are_not_even_asked_for() {
    let mut dialogue = Dialogue::calling_established();
    for number in 1..=5 {
        dialogue.place(CallId::new(number), &OUTGOING);
    }
    assert_eq!(dialogue.heard().len(), 4);
    let refusal = PlaceRefusal::CallsTooMany;
    let expected = Event::CallFailed {
        local_call_id: CallId::new(5),
        refusal,
    };
    assert_eq!(dialogue.events(), [expected]);
}

// ---- N1 ----

/// Checklist 3.11, 8: Set-Link-Info of any length is skipped; what follows it is heard.
#[test]
fn s2_15_set_link_info_of_a_wrong_length_does_not_close() {
    for length in (12..=220).filter(|length| *length != 24) {
        let mut wrong = bytes(one_of_each()[14]);
        wrong.resize(length, 0xa5);
        wrong[..2].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        let stream = [wrong, bytes(EchoRequest { identifier: 5 })].concat();
        for size in [1, 7, stream.len()] {
            let mut dialogue = Dialogue::with_call();
            for segment in stream.chunks(size) {
                dialogue.say_bytes(segment);
            }
            assert_eq!(dialogue.heard_types(), [MessageType::EchoReply]);
            assert_eq!(dialogue.misbehaviours(), [Misbehaviour::LinkInfoMalformed]);
            assert_eq!((dialogue.events(), dialogue.closed()), (vec![], None));
        }
    }
    for length in [0_u16, 11, 221, u16::MAX] {
        let mut wrong = bytes(one_of_each()[14]);
        wrong[..2].copy_from_slice(&length.to_be_bytes());
        let mut dialogue = Dialogue::with_call();
        dialogue.say_bytes(&wrong);
        assert_eq!(dialogue.closed(), Some(CloseReason::Malformed));
    }
}
