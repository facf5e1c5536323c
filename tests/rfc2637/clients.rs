//! What real clients do, as dialogues.

use pns::pptp::{CloseReason, Event, Input};
use pns::wire::call_id::CallId;
use pns::wire::pptp::*;
use std::time::Duration;

use crate::support::*;

fn link_info(peer_call_id: CallId, accm: u32) -> SetLinkInfo {
    SetLinkInfo {
        peer_call_id,
        send_accm: accm,
        receive_accm: accm,
    }
}

/// Windows: empty host name, no channels, vendor `Microsoft` (W1); a binary GUID as sub-address
/// (W2); Set-Link-Info twice, once with no Call ID (W3).
#[test]
fn windows_dials_in_and_hangs_up() {
    let mut dialogue = Dialogue::new();
    dialogue.say(StartControlConnectionRequest {
        vendor_string: Text::new("Microsoft"),
        ..start_request()
    });
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StartControlConnectionReply]
    );
    let [Event::Established { host, vendor, .. }] = dialogue.events()[..] else {
        panic!()
    };
    assert!(host.is_empty());
    assert_eq!(vendor.to_string(), "Microsoft");

    let mut guid = [0; 64];
    guid[..16].copy_from_slice(b"\x00\x1b[31m\xff\n\x7f\x80\x81\x82\x83\x84\x85\x86");
    dialogue.say(OutgoingCallRequest {
        subaddress: Text::from_raw(guid),
        ..call_request(CallId::new(0x4000))
    });
    let [Event::CallRequested(request)] = dialogue.events()[..] else {
        panic!()
    };
    assert_eq!(
        (request.subaddress.raw(), request.call_serial_number),
        (&guid, 1)
    );
    assert!(request.subaddress.to_string().is_ascii());
    dialogue.accept(CallId::new(0x4000), LOCAL_CALL);
    assert_eq!(dialogue.heard_types(), [MessageType::OutgoingCallReply]);

    for info in [
        link_info(LOCAL_CALL, u32::MAX),
        link_info(CallId::new(0), 0),
    ] {
        dialogue.say(info);
        assert!(matches!(dialogue.events()[..], [Event::LinkInfo(_)]));
        assert_eq!(
            (dialogue.heard(), dialogue.misbehaviours()),
            (vec![], vec![])
        );
    }

    // One segment with both, the second with result 0 and the client's own Call ID (W4).
    let clear = bytes(CallClearRequest {
        call_id: CallId::new(0x4000),
    });
    let notify = bytes(CallDisconnectNotify {
        call_id: CallId::new(0x4000),
        result_code: DisconnectResult(0),
        error_code: GeneralError::NONE,
        cause_code: 0,
        call_statistics: Text::EMPTY,
    });
    dialogue.say_bytes(&[clear, notify].concat());
    assert_eq!(dialogue.heard_types(), [MessageType::CallDisconnectNotify]);
    assert_eq!(dialogue.events(), [cleared(CallId::new(0x4000))]);
    dialogue.say(StopControlConnectionRequest {
        reason: StopReason::NONE,
    });
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StopControlConnectionReply]
    );
    assert_eq!(dialogue.closed(), Some(CloseReason::PeerStopped));
}

/// Windows ignores Call-Disconnect-Notify and goes by TCP alone (W4), as Apple does (M7).
#[test]
fn windows_and_apple_learn_of_the_end_by_tcp() {
    let mut dialogue = Dialogue::with_call();
    dialogue.disconnect(LOCAL_CALL);
    dialogue.pass(Duration::from_millis(100));
    assert_eq!(dialogue.heard_types(), [MessageType::CallDisconnectNotify]);
    assert_eq!(
        dialogue.closed(),
        Some(CloseReason::CallsEnded),
        "well within a second"
    );
}

/// Windows waits 30 s for a reply to its start (W5): ours needs nobody else.
#[test]
fn windows_gets_its_start_reply_without_waiting() {
    let mut dialogue = Dialogue::new();
    dialogue.say(start_request());
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StartControlConnectionReply]
    );
}

/// Apple: asynchronous and analog only, nothing named (M1, M3); each reply is read with one
/// fixed-size read, so nothing may stand between them (M2); Set-Link-Info of all ones (M4).
#[test]
fn apple_reads_one_reply_at_a_time() {
    let mut dialogue = Dialogue::established_with(pns::pptp::ControlConfig {
        echo_interval: Duration::from_secs(1),
        ..config()
    });
    dialogue.pass_s(40);
    assert_eq!(
        dialogue.heard(),
        [],
        "no echo before the Outgoing-Call-Reply"
    );
    dialogue.say(call_request(CLIENT_CALL));
    assert_eq!(dialogue.events().len(), 1);
    dialogue.pass_s(40);
    assert_eq!(dialogue.heard(), [], "nor while it is owed");
    dialogue.accept(CLIENT_CALL, LOCAL_CALL);
    assert_eq!(dialogue.control.pending().len(), 32, "one reply, one read");
    dialogue.heard();
    dialogue.say(link_info(LOCAL_CALL, u32::MAX));
    assert!(matches!(
        dialogue.events()[..],
        [Event::LinkInfo(SetLinkInfo {
            send_accm: u32::MAX,
            ..
        })]
    ));
    dialogue.pass_s(1);
    assert_eq!(dialogue.heard_types(), [MessageType::EchoRequest]);
}

/// Apple's clients stop sending at a window of zero (M5).
#[test]
fn the_window_is_never_zero() {
    for (receive_window, announced) in [(0, 1), (1, 1), (64, 64), (u16::MAX, u16::MAX)] {
        let mut dialogue = Dialogue::established_with(pns::pptp::ControlConfig {
            receive_window,
            ..config()
        });
        dialogue.say(call_request(CLIENT_CALL));
        dialogue.accept(CLIENT_CALL, LOCAL_CALL);
        let [Message::OutgoingCallReply(reply)] = dialogue.heard()[..] else {
            panic!()
        };
        assert_eq!(reply.packet_receive_window_size, announced);
    }
}

/// Android: host `anonymous` (A1), a window of 8192 (A2), wants its own Call ID back (A3), goes by
/// Call-Disconnect-Notify with our Call ID (A4), and just closes TCP (A5).
#[test]
fn android_dials_in_twice() {
    let mut dialogue = Dialogue::new();
    dialogue.say(StartControlConnectionRequest {
        framing_capabilities: Framing::EITHER,
        bearer_capabilities: Bearer::EITHER,
        maximum_channels: 1,
        host_name: Text::new("anonymous"),
        ..start_request()
    });
    assert_eq!(
        dialogue.heard_types(),
        [MessageType::StartControlConnectionReply]
    );
    let random = CallId::new(0xbeef);
    dialogue.say(OutgoingCallRequest {
        call_serial_number: 0xcafe,
        minimum_bps: 1000,
        packet_receive_window_size: 8192,
        ..call_request(random)
    });
    assert_eq!(dialogue.events().len(), 2);
    dialogue.accept(random, LOCAL_CALL);
    let [Message::OutgoingCallReply(reply)] = dialogue.heard()[..] else {
        panic!()
    };
    assert_eq!((reply.peer_call_id, reply.call_id), (random, LOCAL_CALL));
    let mut again = dialogue.clone();

    dialogue.disconnect(LOCAL_CALL);
    let [Message::CallDisconnectNotify(notify)] = dialogue.heard()[..] else {
        panic!()
    };
    assert_eq!(notify.call_id, LOCAL_CALL);

    again.input(Input::PeerClosed);
    assert_eq!(again.closed(), Some(CloseReason::PeerClosed));
}

/// Old pptp-linux always calls itself 0 (L1); it waits 1 s between the start and its call, asks
/// and answers echo every 60 s (L3); at the end it clears and closes without a stop.
#[test]
fn pptp_linux_dials_in() {
    let mut dialogue = Dialogue::new();
    dialogue.say(StartControlConnectionRequest {
        framing_capabilities: Framing::EITHER,
        bearer_capabilities: Bearer::EITHER,
        maximum_channels: u16::MAX,
        firmware_revision: 1,
        host_name: Text::new("local"),
        vendor_string: Text::new("cananian"),
        ..start_request()
    });
    dialogue.pass_s(1);
    let [Message::StartControlConnectionReply(reply)] = dialogue.heard()[..] else {
        panic!()
    };
    assert!(matches!(reply.result_code.0, 0 | 1));
    dialogue.say(OutgoingCallRequest {
        packet_receive_window_size: 3,
        ..call_request(CallId::new(0))
    });
    assert_eq!(dialogue.events().len(), 2);
    dialogue.accept(CallId::new(0), LOCAL_CALL);
    assert_eq!(dialogue.heard_types(), [MessageType::OutgoingCallReply]);
    for identifier in 1..100 {
        dialogue.pass(Duration::from_millis(60_500));
        let (result_code, error_code) = (EchoResult::OK, GeneralError::NONE);
        for message in dialogue.heard() {
            let Message::EchoRequest(request) = message else {
                panic!("{message:?}")
            };
            let identifier = request.identifier;
            dialogue.say(EchoReply {
                identifier,
                result_code,
                error_code,
            });
        }
        dialogue.say(EchoRequest { identifier });
        let expected = EchoReply {
            identifier,
            result_code,
            error_code,
        };
        assert_eq!(dialogue.heard(), [Message::from(expected)]);
    }
    dialogue.say(CallClearRequest {
        call_id: CallId::new(0),
    });
    dialogue.input(Input::PeerClosed);
    assert_eq!(dialogue.events(), [cleared(CallId::new(0))]);
    assert_eq!(dialogue.closed(), Some(CloseReason::PeerClosed));
    assert_eq!(dialogue.misbehaviours(), []);
}

/// Two clients behind one address both call themselves 0 (L1): their connections share nothing.
#[test]
fn two_clients_with_call_id_0_do_not_meet() {
    let mut clients = [Dialogue::established(), Dialogue::established()];
    for (client, local) in clients.iter_mut().zip([0x0101, 0x0202]) {
        client.say(call_request(CallId::new(0)));
        client.accept(CallId::new(0), CallId::new(local));
        client.heard();
        client.events();
    }
    clients[0].disconnect(CallId::new(0x0202));
    assert_eq!(clients[0].heard(), []);
    clients[0].disconnect(CallId::new(0x0101));
    assert_eq!(
        clients[0].heard_types(),
        [MessageType::CallDisconnectNotify]
    );
    assert_eq!((clients[1].heard(), clients[1].closed()), (vec![], None));
}
