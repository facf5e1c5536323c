//! RFC 2637 §3.2.3: callers that we announce as the PAC, and callers that a PAC announces to us.

use pns::pptp::{
    CallOffer, CloseReason, ControlConfig, Event, Input, Line, Misbehaviour, PlaceRefusal,
};
use pns::wire::call_id::CallId;
use pns::wire::pptp::*;
use std::time::Duration;

use crate::roles::{established_call, only};
use crate::support::*;

// ---- RFC 2637 §3.2.3.1: we announce a caller ----

#[test]
fn s2_9_our_announcement_carries_the_numbers() {
    let mut dialogue = Dialogue::calling_established();
    let offer = CallOffer::Incoming {
        bearer: Bearer::ANALOG,
        dialed_number: Text::new("5551234"),
        dialing_number: Text::new("555"),
        subaddress: Text::new("1"),
    };
    dialogue.place(LOCAL_CALL, &offer);
    let expected = IncomingCallRequest {
        call_id: LOCAL_CALL,
        call_serial_number: 77,
        call_bearer_type: Bearer::ANALOG,
        physical_channel_id: 0,
        dialed_number_length: 7,
        dialing_number_length: 3,
        dialed_number: Text::new("5551234"),
        dialing_number: Text::new("555"),
        subaddress: Text::new("1"),
    };
    assert_eq!(only(&mut dialogue), Message::from(expected));
}

#[test]
fn s2_11_an_accepted_announcement_is_connected_at_once() {
    let mut dialogue = Dialogue::with_placed_call(&INCOMING);
    dialogue.say(offer_reply(LOCAL_CALL, IncomingCallResult::CONNECT));
    let expected = IncomingCallConnected {
        peer_call_id: CLIENT_CALL,
        connect_speed_bps: 10_000_000,
        packet_receive_window_size: 64,
        packet_transit_delay: 0,
        framing_type: Framing::EITHER,
    };
    assert_eq!(only(&mut dialogue), Message::from(expected));
    assert!(matches!(
        dialogue.events()[..],
        [Event::CallConnected {
            local_call_id: LOCAL_CALL,
            peer_call_id: CLIENT_CALL,
            ..
        }]
    ));
}

#[test]
fn s2_10_every_result_but_connect_refuses_the_announcement() {
    for result in (0..=u8::MAX).filter(|result| *result != 1) {
        let mut dialogue = Dialogue::with_placed_call(&INCOMING);
        dialogue.say(IncomingCallReply {
            error_code: GeneralError::BAD_VALUE,
            ..offer_reply(LOCAL_CALL, IncomingCallResult(result))
        });
        let refusal = PlaceRefusal::Incoming {
            result: IncomingCallResult(result),
            error: GeneralError::BAD_VALUE,
        };
        let expected = Event::CallFailed {
            local_call_id: LOCAL_CALL,
            refusal,
        };
        assert_eq!(dialogue.events(), [expected]);
        assert_eq!(dialogue.heard(), []);
    }
}

/// W4, M7: a call that we end as the PAC ends TCP with it.
#[test]
fn s2_13_our_notify_as_the_pac_carries_our_call_id_and_then_tcp_closes() {
    for mut dialogue in [
        Dialogue::with_placed_call(&INCOMING),
        established_call(&INCOMING),
    ] {
        dialogue.disconnect(LOCAL_CALL);
        let Message::CallDisconnectNotify(notify) = only(&mut dialogue) else {
            panic!()
        };
        assert_eq!(notify.call_id, LOCAL_CALL);
        assert_eq!(dialogue.closed(), Some(CloseReason::CallsEnded));
    }
}

// ---- RFC 2637 §3.2.3.2: a PAC announces a caller ----

#[test]
fn s2_10_an_accepted_announcement_is_answered_with_both_call_ids() {
    let mut dialogue = Dialogue::established();
    let offer = IncomingCallRequest {
        dialed_number: Text::new("5551234"),
        dialing_number: Text::new("555"),
        ..offer_request(CLIENT_CALL)
    };
    dialogue.say(offer);
    assert_eq!(dialogue.events(), [Event::CallOffered(offer)]);
    assert_eq!(dialogue.heard(), [], "the reply waits for the session");
    dialogue.accept(CLIENT_CALL, LOCAL_CALL);
    let expected = IncomingCallReply {
        call_id: LOCAL_CALL,
        peer_call_id: CLIENT_CALL,
        result_code: IncomingCallResult::CONNECT,
        error_code: GeneralError::NONE,
        packet_receive_window_size: 64,
        packet_transit_delay: 0,
    };
    assert_eq!(only(&mut dialogue), Message::from(expected));
    assert_eq!(
        dialogue.events(),
        [],
        "not up before Incoming-Call-Connected"
    );
    dialogue.say(connected(LOCAL_CALL));
    let expected = Event::CallConnected {
        local_call_id: LOCAL_CALL,
        peer_call_id: CLIENT_CALL,
        line: Line {
            connect_speed_bps: 33_600,
            receive_window: 16,
            processing_delay: 2,
        },
    };
    assert_eq!(dialogue.events(), [expected]);
}

#[test]
fn s2_10_a_refusal_is_a_general_error_or_do_not_accept() {
    let (general, none) = (OutgoingCallResult::GENERAL_ERROR, GeneralError::NONE);
    for (result, error, expected) in [
        (
            general,
            GeneralError::NO_RESOURCE,
            IncomingCallResult::GENERAL_ERROR,
        ),
        (
            OutgoingCallResult::BUSY,
            none,
            IncomingCallResult::DO_NOT_ACCEPT,
        ),
        (
            OutgoingCallResult::DO_NOT_ACCEPT,
            none,
            IncomingCallResult::DO_NOT_ACCEPT,
        ),
    ] {
        let mut dialogue = Dialogue::established();
        dialogue.say(offer_request(CLIENT_CALL));
        dialogue.input(Input::CallRefused {
            peer_call_id: CLIENT_CALL,
            result,
            error,
        });
        let Message::IncomingCallReply(reply) = only(&mut dialogue) else {
            panic!()
        };
        assert_eq!((reply.result_code, reply.error_code), (expected, error));
        assert_eq!(
            (reply.peer_call_id, reply.call_id),
            (CLIENT_CALL, CallId::new(0))
        );
    }
}

#[test]
fn s2_10_a_server_that_takes_no_incoming_calls_says_so() {
    let mut dialogue = Dialogue::established_with(ControlConfig {
        incoming_calls: false,
        ..config()
    });
    dialogue.say(offer_request(CLIENT_CALL));
    let Message::IncomingCallReply(reply) = only(&mut dialogue) else {
        panic!()
    };
    assert_eq!(reply.peer_call_id, CLIENT_CALL);
    assert_eq!(reply.result_code, IncomingCallResult::DO_NOT_ACCEPT);
    assert_eq!(
        dialogue.misbehaviours(),
        [Misbehaviour::IncomingCallOffered]
    );
    assert_eq!((dialogue.events(), dialogue.closed()), (vec![], None));
}

/// A PAC keeps its connection for the next caller.
#[test]
fn s3_2_3_2_a_connection_outlives_the_calls_of_a_pac_for_a_while() {
    let mut dialogue = Dialogue::with_offered_call();
    dialogue.say(connected(LOCAL_CALL));
    dialogue.say(disconnect_notify(
        CLIENT_CALL,
        DisconnectResult::LOST_CARRIER,
    ));
    assert_eq!(dialogue.events().len(), 2);
    dialogue.pass(Duration::from_millis(59_999));
    assert_eq!(dialogue.closed(), None);
    dialogue.say(offer_request(CLIENT_CALL));
    assert!(matches!(dialogue.events()[..], [Event::CallOffered(_)]));
    dialogue.input(Input::CallRefused {
        peer_call_id: CLIENT_CALL,
        result: OutgoingCallResult::BUSY,
        error: GeneralError::NONE,
    });
    dialogue.heard();
    dialogue.pass_s(60);
    assert_eq!(
        dialogue.heard_types().last(),
        Some(&MessageType::StopControlConnectionRequest)
    );
}
