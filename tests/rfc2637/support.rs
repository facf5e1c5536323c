//! A client at the other end of the machine.

use std::time::Duration;

use pns::clock::Timestamp;
use pns::pptp::{CloseReason, Control, ControlConfig, Event, Input, Misbehaviour, Output};
use pns::wire::call_id::CallId;
use pns::wire::pptp::*;

pub(crate) const CLIENT_CALL: CallId = CallId::new(7);
pub(crate) const LOCAL_CALL: CallId = CallId::new(0x0101);

pub(crate) fn config() -> ControlConfig {
    ControlConfig {
        host_name: "pns.example".to_owned(),
        vendor_name: "pns".to_owned(),
        maximum_channels: 1000,
        calls_max: 4,
        out_buffer_bytes_max: 2048,
        ..ControlConfig::default()
    }
}

pub(crate) fn bytes(message: impl Into<Message>) -> Vec<u8> {
    let mut buffer = [0; MESSAGE_BYTES_MAX];
    let length = message.into().emit(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

pub(crate) fn start_request() -> StartControlConnectionRequest {
    StartControlConnectionRequest {
        protocol_version: 0x0100,
        framing_capabilities: Framing::ASYNCHRONOUS,
        bearer_capabilities: Bearer::ANALOG,
        maximum_channels: 0,
        firmware_revision: 0,
        host_name: Text::EMPTY,
        vendor_string: Text::EMPTY,
    }
}

pub(crate) fn call_request(call_id: CallId) -> OutgoingCallRequest {
    OutgoingCallRequest {
        call_id,
        call_serial_number: 1,
        minimum_bps: 300,
        maximum_bps: 100_000_000,
        bearer_type: Bearer::EITHER,
        framing_type: Framing::EITHER,
        packet_receive_window_size: 64,
        packet_processing_delay: 0,
        phone_number_length: 0,
        phone_number: Text::EMPTY,
        subaddress: Text::EMPTY,
    }
}

/// One message of each type, in the order of the RFC's numbers; calls are the two named above.
#[expect(clippy::too_many_lines, reason = "a list of fifteen messages")]
pub(crate) fn one_of_each() -> [Message; 15] {
    let (ok, none) = (GeneralError::NONE, GeneralError::NONE);
    [
        start_request().into(),
        StartControlConnectionReply {
            protocol_version: 0x0100,
            result_code: StartResult::OK,
            error_code: none,
            framing_capabilities: Framing::EITHER,
            bearer_capabilities: Bearer::EITHER,
            maximum_channels: 0,
            firmware_revision: 0,
            host_name: Text::EMPTY,
            vendor_string: Text::EMPTY,
        }
        .into(),
        StopControlConnectionRequest {
            reason: StopReason::NONE,
        }
        .into(),
        StopControlConnectionReply {
            result_code: StopResult::OK,
            error_code: none,
        }
        .into(),
        EchoRequest {
            identifier: 0xdead_beef,
        }
        .into(),
        EchoReply {
            identifier: 0xdead_beef,
            result_code: EchoResult::OK,
            error_code: ok,
        }
        .into(),
        call_request(CLIENT_CALL).into(),
        OutgoingCallReply {
            call_id: CLIENT_CALL,
            peer_call_id: LOCAL_CALL,
            result_code: OutgoingCallResult::CONNECTED,
            error_code: none,
            cause_code: 0,
            connect_speed_bps: 0,
            packet_receive_window_size: 64,
            packet_processing_delay: 0,
            physical_channel_id: 0,
        }
        .into(),
        IncomingCallRequest {
            call_id: CLIENT_CALL,
            call_serial_number: 1,
            call_bearer_type: Bearer::ANALOG,
            physical_channel_id: 0,
            dialed_number_length: 0,
            dialing_number_length: 0,
            dialed_number: Text::EMPTY,
            dialing_number: Text::EMPTY,
            subaddress: Text::EMPTY,
        }
        .into(),
        IncomingCallReply {
            call_id: CLIENT_CALL,
            peer_call_id: LOCAL_CALL,
            result_code: IncomingCallResult::CONNECT,
            error_code: none,
            packet_receive_window_size: 64,
            packet_transit_delay: 0,
        }
        .into(),
        IncomingCallConnected {
            peer_call_id: LOCAL_CALL,
            connect_speed_bps: 0,
            packet_receive_window_size: 64,
            packet_transit_delay: 0,
            framing_type: Framing::ASYNCHRONOUS,
        }
        .into(),
        CallClearRequest {
            call_id: CLIENT_CALL,
        }
        .into(),
        CallDisconnectNotify {
            call_id: CLIENT_CALL,
            result_code: DisconnectResult(0),
            error_code: none,
            cause_code: 0,
            call_statistics: Text::EMPTY,
        }
        .into(),
        WanErrorNotify {
            peer_call_id: LOCAL_CALL,
            crc_errors: 1,
            framing_errors: 2,
            hardware_overruns: 3,
            buffer_overruns: 4,
            time_out_errors: 5,
            alignment_errors: 6,
        }
        .into(),
        SetLinkInfo {
            peer_call_id: LOCAL_CALL,
            send_accm: 0,
            receive_accm: u32::MAX,
        }
        .into(),
    ]
}

/// The client, the machine, and virtual time.
#[derive(Clone)]
pub(crate) struct Dialogue {
    pub(crate) control: Control,
    pub(crate) now: Timestamp,
    closed: Option<CloseReason>,
}

impl Dialogue {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: ControlConfig) -> Self {
        let now = Timestamp::from_nanos(1_000_000_000);
        Self {
            control: Control::new(config, now),
            now,
            closed: None,
        }
    }

    pub(crate) fn established() -> Self {
        Self::established_with(config())
    }

    pub(crate) fn established_with(config: ControlConfig) -> Self {
        let mut dialogue = Self::with(config);
        dialogue.say(start_request());
        assert_eq!(
            dialogue.heard_types(),
            [MessageType::StartControlConnectionReply]
        );
        assert!(matches!(dialogue.events()[..], [Event::Established { .. }]));
        dialogue
    }

    pub(crate) fn with_waiting_call() -> Self {
        let mut dialogue = Self::established();
        dialogue.say(call_request(CLIENT_CALL));
        assert!(matches!(
            dialogue.events()[..],
            [Event::CallRequested { .. }]
        ));
        dialogue
    }

    pub(crate) fn with_call() -> Self {
        let mut dialogue = Self::with_waiting_call();
        dialogue.accept(CLIENT_CALL, LOCAL_CALL);
        assert_eq!(dialogue.heard_types(), [MessageType::OutgoingCallReply]);
        dialogue
    }

    pub(crate) fn say(&mut self, message: impl Into<Message>) {
        self.say_bytes(&bytes(message));
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.input(Input::Bytes(bytes));
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.control.handle(input, self.now);
    }

    pub(crate) fn accept(&mut self, peer_call_id: CallId, local_call_id: CallId) {
        let connect_speed_bps = 10_000_000;
        self.input(Input::CallAccepted {
            peer_call_id,
            local_call_id,
            connect_speed_bps,
        });
    }

    pub(crate) fn disconnect(&mut self, local_call_id: CallId) {
        let result = DisconnectResult::ADMIN_SHUTDOWN;
        self.input(Input::Disconnect {
            local_call_id,
            result,
            cause: 0,
        });
    }

    /// Time passes, and the machine is woken just when it asked to be.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(deadline) = self
            .control
            .poll_timeout()
            .filter(|deadline| *deadline <= end)
        {
            assert!(deadline >= self.now, "a timer in the past");
            self.now = deadline;
            self.control.handle_timeout(deadline);
            assert!(
                self.control.poll_timeout() > Some(deadline)
                    || self.control.poll_timeout().is_none()
            );
        }
        self.now = end;
    }

    pub(crate) fn pass_s(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// What the client reads: everything pending, which it takes.
    pub(crate) fn heard(&mut self) -> Vec<Message> {
        let pending = self.control.pending().to_vec();
        self.control.consume(pending.len());
        let (mut framer, mut stream) = (Framer::new(), pending.as_slice());
        let mut messages = Vec::new();
        while let Some(message) = framer.next_message(&mut stream).unwrap() {
            messages.push(message);
        }
        assert_eq!(framer.held_bytes(), 0, "whole messages only");
        messages
    }

    pub(crate) fn heard_types(&mut self) -> Vec<MessageType> {
        self.heard().iter().map(Message::message_type).collect()
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(output) = self.control.poll_output() {
            assert_eq!(self.closed, None, "nothing comes after the close");
            match output {
                Output::Event(event) => events.push(event),
                Output::Close(reason) => self.closed = Some(reason),
            }
        }
        events
    }

    /// Why the machine closed, if it did; events are thrown away.
    pub(crate) fn closed(&mut self) -> Option<CloseReason> {
        self.events();
        self.closed
    }

    pub(crate) fn misbehaviours(&self) -> Vec<Misbehaviour> {
        let all = Misbehaviour::ALL.iter();
        all.filter(|one| self.control.misbehaved(**one) > 0)
            .copied()
            .collect()
    }
}
