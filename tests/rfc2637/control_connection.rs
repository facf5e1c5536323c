//! RFC 2637 §1.4, §2, §3.1: framing, start, stop, keep-alive.

use pns::pptp::{CloseReason, ControlConfig, ControlState, Event, Input, Misbehaviour};
use pns::wire::pptp::*;
use std::time::Duration;

use crate::support::*;

fn start_result(dialogue: &mut Dialogue) -> StartResult {
    match dialogue.heard()[..] {
        [Message::StartControlConnectionReply(reply)] => {
            assert_eq!(reply.protocol_version, 0x0100);
            reply.result_code
        }
        ref other => panic!("expected a Start-Control-Connection-Reply, not {other:?}"),
    }
}

#[test]
fn s1_4_a_wrong_magic_cookie_closes_at_once() {
    for situation in [Dialogue::new, Dialogue::established, Dialogue::with_call] {
        for message in one_of_each() {
            let mut dialogue = situation();
            let mut wrong = bytes(message);
            wrong[6] ^= 1;
            dialogue.say_bytes(&wrong[..8]);
            assert_eq!(dialogue.closed(), Some(CloseReason::Malformed));
            assert_eq!(
                dialogue.control.malformed(),
                Some(Malformed::MagicCookieWrong)
            );
            assert!(dialogue.control.pending().is_empty());
        }
    }
}

#[test]
fn s1_4_a_lost_segment_is_noticed_and_never_resynchronised() {
    let stream: Vec<u8> = one_of_each().into_iter().skip(4).flat_map(bytes).collect();
    for lost in 1..16 {
        let mut dialogue = Dialogue::with_call();
        dialogue.say_bytes(&stream[..100]);
        assert_eq!(dialogue.closed(), None);
        dialogue.say_bytes(&stream[100 + lost..]);
        assert_eq!(
            dialogue.closed(),
            Some(CloseReason::Malformed),
            "{lost} bytes lost"
        );
    }
}

#[test]
fn s2_the_length_has_to_be_that_of_the_type() {
    // Set-Link-Info has a test of its own.
    for message in one_of_each().into_iter().take(14) {
        let good = bytes(message);
        for length in (0..=260).filter(|length| usize::from(*length) != good.len()) {
            let mut wrong = good.clone();
            wrong[..2].copy_from_slice(&u16::to_be_bytes(length));
            let mut dialogue = Dialogue::established();
            dialogue.say_bytes(&wrong);
            assert_eq!(dialogue.closed(), Some(CloseReason::Malformed));
            assert_eq!(dialogue.control.malformed(), Some(Malformed::LengthWrong));
        }
    }
}

#[test]
fn s2_unknown_types_close() {
    for code in [0, 16, 17, 255, 256, u16::MAX] {
        let mut wrong = bytes(EchoRequest { identifier: 1 });
        wrong[8..10].copy_from_slice(&u16::to_be_bytes(code));
        let mut dialogue = Dialogue::established();
        dialogue.say_bytes(&wrong);
        assert_eq!(dialogue.closed(), Some(CloseReason::Malformed));
        assert_eq!(
            dialogue.control.malformed(),
            Some(Malformed::ControlMessageTypeUnknown)
        );
    }
}

/// A whole control connection: every byte the client sends from start to stop.
fn session_stream() -> Vec<u8> {
    let mut stream = bytes(start_request());
    for identifier in 0..3 {
        stream.extend(bytes(EchoRequest { identifier }));
    }
    stream.extend(bytes(call_request(CLIENT_CALL)));
    stream.extend(bytes(SetLinkInfo {
        peer_call_id: LOCAL_CALL,
        send_accm: 0,
        receive_accm: 0,
    }));
    stream.extend(bytes(CallClearRequest {
        call_id: CLIENT_CALL,
    }));
    stream.extend(bytes(StopControlConnectionRequest {
        reason: StopReason::NONE,
    }));
    stream
}

#[test]
fn s2_segmentation_does_not_matter() {
    let stream = session_stream();
    let mut expected = Dialogue::new();
    expected.say_bytes(&stream);
    let (replies, events) = (expected.heard(), expected.events());
    assert_eq!(replies.len(), 5);
    assert_eq!(events.len(), 4);
    for size in 1..stream.len() {
        let mut dialogue = Dialogue::new();
        for segment in stream.chunks(size) {
            dialogue.say_bytes(segment);
        }
        assert_eq!(dialogue.heard(), replies, "segments of {size}");
        assert_eq!(dialogue.events(), events, "segments of {size}");
        assert_eq!(dialogue.closed(), Some(CloseReason::PeerStopped));
    }
}

#[test]
fn s2_1_start_is_answered_and_reported() {
    let mut dialogue = Dialogue::new();
    assert_eq!(dialogue.control.state(), ControlState::Idle);
    dialogue.say(StartControlConnectionRequest {
        host_name: Text::new("laptop"),
        vendor_string: Text::new("cananian"),
        maximum_channels: 5,
        ..start_request()
    });
    let [Message::StartControlConnectionReply(reply)] = dialogue.heard()[..] else {
        panic!()
    };
    assert_eq!(reply.result_code, StartResult::OK);
    assert_eq!(reply.error_code, GeneralError::NONE);
    assert_eq!(reply.maximum_channels, 1000);
    assert_eq!(reply.host_name.to_string(), "pns.example");
    assert_eq!(reply.vendor_string.to_string(), "pns");
    let [
        Event::Established {
            host,
            vendor,
            maximum_channels,
            ..
        },
    ] = dialogue.events()[..]
    else {
        panic!()
    };
    assert_eq!(
        (host.to_string(), vendor.to_string()),
        ("laptop".into(), "cananian".into())
    );
    assert_eq!(maximum_channels, 5);
    assert_eq!(dialogue.control.state(), ControlState::Established);
}

#[test]
fn s2_2_other_versions_are_refused_with_result_5_and_closed() {
    for protocol_version in [0, 1, 0x00ff, 0x0101, 0x0200, 0xffff] {
        let mut dialogue = Dialogue::new();
        dialogue.say(StartControlConnectionRequest {
            protocol_version,
            ..start_request()
        });
        assert_eq!(
            dialogue.control.poll_output(),
            None,
            "not before the reply is written"
        );
        assert_eq!(
            start_result(&mut dialogue),
            StartResult::VERSION_UNSUPPORTED
        );
        assert_eq!(dialogue.closed(), Some(CloseReason::VersionUnsupported));
    }
}

#[test]
fn s2_2_a_second_start_is_refused_with_result_3_and_changes_nothing() {
    let mut dialogue = Dialogue::with_call();
    dialogue.say(StartControlConnectionRequest {
        protocol_version: 9,
        ..start_request()
    });
    assert_eq!(start_result(&mut dialogue), StartResult::ALREADY_EXISTS);
    assert_eq!(dialogue.misbehaviours(), [Misbehaviour::StartRepeated]);
    assert_eq!(dialogue.closed(), None);
    assert_eq!(dialogue.control.calls().len(), 1);
}

#[test]
fn s2_3_the_clients_stop_is_answered_then_closed() {
    for situation in [Dialogue::new, Dialogue::established, Dialogue::with_call] {
        let mut dialogue = situation();
        dialogue.say(StopControlConnectionRequest {
            reason: StopReason::STOP_LOCAL_SHUTDOWN,
        });
        assert_eq!(dialogue.closed(), None, "the reply has to go out first");
        let [Message::StopControlConnectionReply(reply)] = dialogue.heard()[..] else {
            panic!()
        };
        assert_eq!(
            (reply.result_code, reply.error_code),
            (StopResult::OK, GeneralError::NONE)
        );
        assert_eq!(dialogue.closed(), Some(CloseReason::PeerStopped));
        assert_eq!(dialogue.control.poll_timeout(), None);
    }
}

#[test]
fn s2_3_our_stop_waits_for_the_reply_but_not_for_ever() {
    let stopped = || {
        let mut dialogue = Dialogue::with_call();
        dialogue.input(Input::Stop(StopReason::STOP_LOCAL_SHUTDOWN));
        let [Message::StopControlConnectionRequest(request)] = dialogue.heard()[..] else {
            panic!()
        };
        assert_eq!(request.reason, StopReason::STOP_LOCAL_SHUTDOWN);
        assert_eq!(dialogue.control.state(), ControlState::WaitStopReply);
        dialogue
    };
    let mut answered = stopped();
    let (result_code, error_code) = (StopResult::OK, GeneralError::NONE);
    answered.say(StopControlConnectionReply {
        result_code,
        error_code,
    });
    assert_eq!(answered.closed(), Some(CloseReason::Stopped));

    let mut crossed = stopped();
    crossed.say(StopControlConnectionRequest {
        reason: StopReason::NONE,
    });
    assert_eq!(
        crossed.heard_types(),
        [MessageType::StopControlConnectionReply]
    );
    assert_eq!(crossed.closed(), Some(CloseReason::Stopped));

    let mut silent = stopped();
    silent.pass(Duration::from_millis(2999));
    assert_eq!(silent.closed(), None);
    silent.pass(Duration::from_millis(1));
    assert_eq!(silent.closed(), Some(CloseReason::Stopped));

    let mut gone = stopped();
    gone.input(Input::PeerClosed);
    assert_eq!(gone.closed(), Some(CloseReason::Stopped));

    let mut idle = Dialogue::new();
    idle.input(Input::Stop(StopReason::NONE));
    assert_eq!(
        idle.closed(),
        Some(CloseReason::Stopped),
        "nothing to stop, nothing to wait for"
    );
}

#[test]
fn s2_6_an_echo_reply_carries_the_identifier() {
    let mut dialogue = Dialogue::established();
    for identifier in [0, 1, 0x8000_0000, u32::MAX] {
        dialogue.say(EchoRequest { identifier });
        let (result_code, error_code) = (EchoResult::OK, GeneralError::NONE);
        let expected = EchoReply {
            identifier,
            result_code,
            error_code,
        };
        assert_eq!(dialogue.heard(), [Message::from(expected)]);
    }
}

#[test]
fn s3_1_4_a_client_that_does_not_start_is_closed_after_60_s() {
    for prefix in [0, 1, 9, 155] {
        let mut dialogue = Dialogue::new();
        dialogue.say_bytes(&bytes(start_request())[..prefix]);
        dialogue.pass(Duration::from_millis(59_999));
        assert_eq!(dialogue.closed(), None);
        dialogue.pass(Duration::from_millis(1));
        assert_eq!(dialogue.closed(), Some(CloseReason::EstablishTimeout));
    }
}

#[test]
fn s3_1_4_silence_is_answered_with_echo_and_then_with_the_end() {
    let mut dialogue = Dialogue::with_call();
    dialogue.pass(Duration::from_millis(59_999));
    assert_eq!(dialogue.heard(), []);
    dialogue.pass(Duration::from_millis(1));
    assert_eq!(dialogue.heard_types(), [MessageType::EchoRequest]);
    dialogue.pass(Duration::from_millis(59_999));
    assert_eq!((dialogue.heard(), dialogue.closed()), (vec![], None));
    dialogue.pass(Duration::from_millis(1));
    assert_eq!(dialogue.closed(), Some(CloseReason::EchoTimeout));
}

#[test]
fn s3_1_4_each_echo_request_has_its_own_identifier_and_only_its_reply_counts() {
    let mut dialogue = Dialogue::with_call();
    let mut seen = Vec::new();
    for _ in 0..5 {
        dialogue.pass_s(60);
        let [Message::EchoRequest(request)] = dialogue.heard()[..] else {
            panic!()
        };
        assert!(!seen.contains(&request.identifier));
        seen.push(request.identifier);
        dialogue.pass_s(59);
        let (result_code, error_code) = (EchoResult::OK, GeneralError::NONE);
        dialogue.say(EchoReply {
            identifier: request.identifier,
            result_code,
            error_code,
        });
        dialogue.pass_s(1);
        assert_eq!(dialogue.closed(), None);
        dialogue.say(EchoReply {
            identifier: request.identifier,
            result_code,
            error_code,
        });
    }
    assert_eq!(
        dialogue
            .control
            .misbehaved(Misbehaviour::EchoIdentifierWrong),
        5
    );
    dialogue.pass_s(60);
    dialogue.heard();
    let (result_code, error_code) = (EchoResult::OK, GeneralError::NONE);
    dialogue.say(EchoReply {
        identifier: seen[0],
        result_code,
        error_code,
    });
    dialogue.say(EchoRequest { identifier: 1 });
    dialogue.pass_s(60);
    assert_eq!(
        dialogue.closed(),
        Some(CloseReason::EchoTimeout),
        "stale replies do not count"
    );
}

#[test]
fn s3_1_4_any_message_starts_the_silence_anew() {
    let mut dialogue = Dialogue::with_call();
    for identifier in 0..10 {
        dialogue.pass_s(59);
        dialogue.say(EchoRequest { identifier });
        assert_eq!(dialogue.heard_types(), [MessageType::EchoReply]);
    }
    assert_eq!(dialogue.closed(), None);
}

#[test]
fn s3_1_4_an_interval_of_zero_sends_no_echo() {
    let mut dialogue = Dialogue::established_with(ControlConfig {
        echo_interval: Duration::ZERO,
        ..config()
    });
    dialogue.say(call_request(CLIENT_CALL));
    dialogue.accept(CLIENT_CALL, LOCAL_CALL);
    dialogue.heard();
    dialogue.pass_s(100_000);
    assert_eq!((dialogue.heard(), dialogue.closed()), (vec![], None));
}

#[test]
fn a_control_connection_without_a_call_is_stopped() {
    let mut dialogue = Dialogue::established();
    dialogue.pass_s(60);
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StopControlConnectionRequest]
    );
    dialogue.pass_s(3);
    assert_eq!(dialogue.closed(), Some(CloseReason::NoCall));
}

#[test]
fn a_client_that_does_not_read_is_closed_at_a_bounded_queue() {
    let mut dialogue = Dialogue::with_call();
    let flood: Vec<u8> = (0..1000)
        .flat_map(|identifier| bytes(EchoRequest { identifier }))
        .collect();
    for segment in flood.chunks(160) {
        dialogue.say_bytes(segment);
        assert!(dialogue.control.pending().len() <= 2048);
    }
    assert_eq!(dialogue.closed(), Some(CloseReason::PeerNotReading));
    assert!(dialogue.control.pending().is_empty());
}

#[test]
fn a_client_that_reads_may_send_as_many_echo_requests_as_it_likes() {
    let mut dialogue = Dialogue::with_call();
    for identifier in 0..10_000 {
        dialogue.say(EchoRequest { identifier });
        assert_eq!(dialogue.heard_types(), [MessageType::EchoReply]);
    }
    assert_eq!(dialogue.closed(), None);
}

#[test]
fn partial_writes_keep_the_tail() {
    let mut dialogue = Dialogue::with_call();
    for identifier in 0..3 {
        dialogue.say(EchoRequest { identifier });
    }
    let mut written = Vec::new();
    while !dialogue.control.pending().is_empty() {
        let some = dialogue.control.pending().len().min(7);
        written.extend_from_slice(&dialogue.control.pending()[..some]);
        dialogue.control.consume(some);
    }
    let (mut framer, mut stream) = (Framer::new(), written.as_slice());
    for identifier in 0..3 {
        let Ok(Some(Message::EchoReply(reply))) = framer.next_message(&mut stream) else {
            panic!()
        };
        assert_eq!(reply.identifier, identifier);
    }
    assert!(stream.is_empty());
}

#[test]
fn a_last_message_that_is_not_read_delays_the_close_by_3_s_at_most() {
    let mut dialogue = Dialogue::with_call();
    dialogue.disconnect(LOCAL_CALL);
    dialogue.control.consume(147);
    dialogue.pass(Duration::from_millis(2999));
    assert_eq!(dialogue.closed(), None);
    dialogue.pass(Duration::from_millis(1));
    assert_eq!(dialogue.closed(), Some(CloseReason::CallsEnded));
}

#[test]
fn what_comes_after_the_last_message_does_not_matter() {
    for (last, reason) in [
        (
            bytes(StopControlConnectionRequest {
                reason: StopReason::NONE,
            }),
            CloseReason::PeerStopped,
        ),
        (
            bytes(StartControlConnectionRequest {
                protocol_version: 2,
                ..start_request()
            }),
            CloseReason::VersionUnsupported,
        ),
    ] {
        let mut dialogue = Dialogue::new();
        dialogue.say_bytes(&[last.as_slice(), &[0xff; 300]].concat());
        dialogue.say_bytes(&[0xff; 300]);
        assert_eq!(dialogue.heard().len(), 1);
        assert_eq!(dialogue.closed(), Some(reason));
        assert_eq!(dialogue.control.malformed(), None);
    }
}

#[test]
fn every_close_reason_has_its_own_description() {
    let mut descriptions: Vec<_> = CloseReason::ALL.iter().map(|one| one.describe()).collect();
    descriptions.sort_unstable();
    descriptions.dedup();
    assert_eq!(descriptions.len(), CloseReason::COUNT);
}
