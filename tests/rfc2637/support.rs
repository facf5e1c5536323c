//! A client at the other end of the machine.

use std::time::Duration;

use pns::clock::Timestamp;
use pns::pptp::{
    CallName, CallOffer, CloseReason, Control, ControlConfig, Disconnect, Ending, Event, Input,
    Misbehaviour, Output,
};
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
        connect_speed_bps: 10_000_000,
        out_buffer_bytes_max: 2048,
        ..ControlConfig::default()
    }
}

pub(crate) const fn because(result: DisconnectResult, cause: u16) -> Disconnect {
    let error = GeneralError::NONE;
    Disconnect {
        result,
        error,
        cause,
    }
}

/// The client has cleared its call.
pub(crate) const fn cleared(peer_call_id: CallId) -> Event {
    Event::CallEnded {
        call: CallName::Peers(peer_call_id),
        ending: Ending::Cleared,
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

pub(crate) fn start_reply() -> StartControlConnectionReply {
    StartControlConnectionReply {
        protocol_version: 0x0100,
        result_code: StartResult::OK,
        error_code: GeneralError::NONE,
        framing_capabilities: Framing::EITHER,
        bearer_capabilities: Bearer::EITHER,
        maximum_channels: 0,
        firmware_revision: 0,
        host_name: Text::EMPTY,
        vendor_string: Text::EMPTY,
    }
}

/// What we ask as the PNS.
pub(crate) const OUTGOING: CallOffer = CallOffer::Outgoing {
    minimum_bps: 9600,
    maximum_bps: 64_000,
    bearer: Bearer::DIGITAL,
    framing: Framing::SYNCHRONOUS,
    phone_number: Text::EMPTY,
    subaddress: Text::EMPTY,
};

/// What we announce as the PAC.
pub(crate) const INCOMING: CallOffer = CallOffer::Incoming {
    bearer: Bearer::ANALOG,
    dialed_number: Text::EMPTY,
    dialing_number: Text::EMPTY,
    subaddress: Text::EMPTY,
};

pub(crate) fn call_reply(peer_call_id: CallId, result: OutgoingCallResult) -> OutgoingCallReply {
    OutgoingCallReply {
        call_id: CLIENT_CALL,
        peer_call_id,
        result_code: result,
        error_code: GeneralError::NONE,
        cause_code: 0,
        connect_speed_bps: 56_000,
        packet_receive_window_size: 32,
        packet_processing_delay: 4,
        physical_channel_id: 0,
    }
}

pub(crate) fn offer_request(call_id: CallId) -> IncomingCallRequest {
    IncomingCallRequest {
        call_id,
        call_serial_number: 1,
        call_bearer_type: Bearer::ANALOG,
        physical_channel_id: 0,
        dialed_number_length: 0,
        dialing_number_length: 0,
        dialed_number: Text::EMPTY,
        dialing_number: Text::EMPTY,
        subaddress: Text::EMPTY,
    }
}

pub(crate) fn offer_reply(peer_call_id: CallId, result: IncomingCallResult) -> IncomingCallReply {
    IncomingCallReply {
        call_id: CLIENT_CALL,
        peer_call_id,
        result_code: result,
        error_code: GeneralError::NONE,
        packet_receive_window_size: 32,
        packet_transit_delay: 4,
    }
}

pub(crate) const fn connected(peer_call_id: CallId) -> IncomingCallConnected {
    IncomingCallConnected {
        peer_call_id,
        connect_speed_bps: 33_600,
        packet_receive_window_size: 16,
        packet_transit_delay: 2,
        framing_type: Framing::ASYNCHRONOUS,
    }
}

pub(crate) const fn disconnect_notify(
    call_id: CallId,
    result_code: DisconnectResult,
) -> CallDisconnectNotify {
    CallDisconnectNotify {
        call_id,
        result_code,
        error_code: GeneralError::NONE,
        cause_code: 0,
        call_statistics: Text::EMPTY,
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
pub(crate) fn one_of_each() -> [Message; 15] {
    let none = GeneralError::NONE;
    [
        start_request().into(),
        start_reply().into(),
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
            error_code: none,
        }
        .into(),
        call_request(CLIENT_CALL).into(),
        call_reply(LOCAL_CALL, OutgoingCallResult::CONNECTED).into(),
        offer_request(CLIENT_CALL).into(),
        offer_reply(LOCAL_CALL, IncomingCallResult::CONNECT).into(),
        connected(LOCAL_CALL).into(),
        CallClearRequest {
            call_id: CLIENT_CALL,
        }
        .into(),
        disconnect_notify(CLIENT_CALL, DisconnectResult(0)).into(),
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

    /// We opened TCP, and the peer has read our request.
    pub(crate) fn calling() -> Self {
        let now = Timestamp::from_nanos(1_000_000_000);
        let mut dialogue = Self {
            control: Control::originate(config(), now),
            now,
            closed: None,
        };
        let types = dialogue.heard_types();
        assert_eq!(types, [MessageType::StartControlConnectionRequest]);
        dialogue
    }

    pub(crate) fn calling_established() -> Self {
        let mut dialogue = Self::calling();
        dialogue.say(start_reply());
        assert_eq!(dialogue.heard(), []);
        assert!(matches!(dialogue.events()[..], [Event::Established { .. }]));
        dialogue
    }

    /// We have asked the peer to place a call, or have announced one to it.
    pub(crate) fn with_placed_call(offer: &CallOffer) -> Self {
        let mut dialogue = Self::calling_established();
        dialogue.place(LOCAL_CALL, offer);
        assert_eq!(dialogue.heard().len(), 1);
        dialogue
    }

    /// The peer has announced a call, and we have said that we take it.
    pub(crate) fn with_offered_call() -> Self {
        let mut dialogue = Self::established();
        dialogue.say(offer_request(CLIENT_CALL));
        assert!(matches!(dialogue.events()[..], [Event::CallOffered(_)]));
        dialogue.accept(CLIENT_CALL, LOCAL_CALL);
        assert_eq!(dialogue.heard_types(), [MessageType::IncomingCallReply]);
        dialogue
    }

    pub(crate) fn place(&mut self, local_call_id: CallId, offer: &CallOffer) {
        let serial = 77;
        self.input(Input::PlaceCall {
            local_call_id,
            serial,
            offer,
        });
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
        assert!(matches!(dialogue.events()[..], [Event::CallRequested(_)]));
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
        self.input(Input::CallAccepted {
            peer_call_id,
            local_call_id,
        });
    }

    pub(crate) fn disconnect(&mut self, local_call_id: CallId) {
        self.input(Input::Disconnect {
            local_call_id,
            disconnect: because(DisconnectResult::ADMIN_SHUTDOWN, 0),
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
