//! Operation fuzzing: arbitrary orders of messages, decisions, writes, time and closes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use pns::clock::Timestamp;
use pns::pptp::{Control, ControlConfig, ControlState, Event, Input, Output};
use pns::wire::call_id::CallId;
use pns::wire::pptp::*;
use proptest::prelude::*;

use crate::support::{INCOMING, OUTGOING, because, bytes, call_request, config, one_of_each};

const CALLS_MAX: usize = 4;
const OUT_MAX: usize = 700;
/// Our Call ID of the first call that we place.
const FIRST_PLACED: u16 = 0x200;

#[derive(Clone, Debug)]
enum Operation {
    Say { which: usize, call: u16 },
    Cut(usize),
    Noise(Vec<u8>),
    Decide { accept: bool },
    Disconnect { pick: usize },
    Place { incoming: bool },
    Release,
    Collide(u8),
    Write(usize),
    Poll,
    Pass(u64),
    Stop,
    PeerClosed,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        30 => (0_usize..15, 0_u16..6).prop_map(|(which, call)| Operation::Say { which, call }),
        20 => (0_u16..6).prop_map(|call| Operation::Say { which: 6, call }),
        8 => (0_u16..6).prop_map(|call| Operation::Say { which: 11, call }),
        4 => (1_usize..200).prop_map(Operation::Cut),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Operation::Noise),
        20 => any::<bool>().prop_map(|accept| Operation::Decide { accept }),
        6 => (0_usize..8).prop_map(|pick| Operation::Disconnect { pick }),
        8 => any::<bool>().prop_map(|incoming| Operation::Place { incoming }),
        10 => (8_usize..10, 0_u16..6).prop_map(|(which, call)| Operation::Say { which, call }),
        1 => Just(Operation::Release),
        1 => (0_u8..3).prop_map(Operation::Collide),
        25 => (0_usize..400).prop_map(Operation::Write),
        25 => Just(Operation::Poll),
        8 => (0_u64..70_000).prop_map(Operation::Pass),
        1 => Just(Operation::Stop),
        1 => Just(Operation::PeerClosed),
    ]
}

fn message(which: usize, call: u16) -> Message {
    let call_id = CallId::new(call);
    match one_of_each()[which] {
        Message::OutgoingCallRequest(_) => call_request(call_id).into(),
        Message::CallClearRequest(_) => CallClearRequest { call_id }.into(),
        Message::OutgoingCallReply(reply) => OutgoingCallReply {
            call_id,
            peer_call_id: CallId::new(FIRST_PLACED + call % 3),
            ..reply
        }
        .into(),
        Message::IncomingCallRequest(request) => IncomingCallRequest { call_id, ..request }.into(),
        Message::IncomingCallReply(reply) => IncomingCallReply {
            call_id,
            peer_call_id: CallId::new(FIRST_PLACED + call % 3),
            ..reply
        }
        .into(),
        Message::IncomingCallConnected(connected) => IncomingCallConnected {
            peer_call_id: CallId::new(0x100 + call),
            ..connected
        }
        .into(),
        Message::CallDisconnectNotify(notify) => CallDisconnectNotify { call_id, ..notify }.into(),
        other => other,
    }
}

/// The machine, with what a session and a client would remember of it.
struct World {
    control: Control,
    now: Timestamp,
    asked: Vec<CallId>,
    /// Our Call ID of accepted calls, and the client's.
    accepted: HashMap<CallId, CallId>,
    notified: HashSet<CallId>,
    cleared: HashSet<CallId>,
    calling: bool,
    /// Our Call IDs of calls that we placed.
    placed: HashSet<CallId>,
    next_local: u16,
    read: Framer,
    closed: bool,
    /// The rest of a message that was cut.
    tail: Vec<u8>,
}

impl World {
    fn new(calling: bool) -> Self {
        let config = ControlConfig {
            calls_max: CALLS_MAX,
            out_buffer_bytes_max: OUT_MAX,
            ..config()
        };
        Self {
            control: if calling {
                Control::originate(config, Timestamp::ZERO)
            } else {
                Control::new(config, Timestamp::ZERO)
            },
            placed: HashSet::new(),
            now: Timestamp::ZERO,
            asked: Vec::new(),
            accepted: HashMap::new(),
            notified: HashSet::new(),
            cleared: HashSet::new(),
            calling,
            next_local: 0x100,
            read: Framer::new(),
            closed: false,
            tail: Vec::new(),
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.control.handle(input, self.now);
    }

    fn say(&mut self, new: &[u8]) {
        let stream = [std::mem::take(&mut self.tail).as_slice(), new].concat();
        self.input(Input::Bytes(&stream));
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Say { which, call } => self.say(&bytes(message(*which, *call))),
            Operation::Cut(place) => {
                let whole = bytes(message(6, 5));
                let (head, tail) = whole.split_at((*place).min(whole.len()));
                self.say(head);
                self.tail = tail.to_vec();
            }
            Operation::Noise(noise) => self.say(noise),
            Operation::Decide { accept } => self.decide(*accept),
            Operation::Disconnect { pick } => self.disconnect(*pick),
            Operation::Place { incoming } => self.place(*incoming),
            Operation::Release => self.input(Input::Release),
            Operation::Collide(0) => self.input(Input::CollisionWon),
            Operation::Collide(1) => self.input(Input::CollisionOver),
            Operation::Collide(_) => self.input(Input::GiveWay),
            Operation::Write(count) => self.write(*count),
            Operation::Poll => self.poll(),
            Operation::Pass(millis) => self.pass(Duration::from_millis(*millis)),
            Operation::Stop => self.input(Input::Stop(StopReason::NONE)),
            Operation::PeerClosed => self.input(Input::PeerClosed),
        }
    }

    fn decide(&mut self, accept: bool) {
        let Some(peer_call_id) = self.asked.pop() else {
            return;
        };
        if accept {
            self.next_local += 1;
            let local_call_id = CallId::new(self.next_local);
            self.accepted.insert(local_call_id, peer_call_id);
            self.input(Input::CallAccepted {
                peer_call_id,
                local_call_id,
            });
        } else {
            let (result, error) = (OutgoingCallResult::BUSY, GeneralError::NONE);
            self.input(Input::CallRefused {
                peer_call_id,
                result,
                error,
            });
        }
    }

    fn place(&mut self, incoming: bool) {
        let number = FIRST_PLACED + u16::try_from(self.placed.len()).expect("few");
        let local_call_id = CallId::new(number);
        self.placed.insert(local_call_id);
        self.input(Input::PlaceCall {
            local_call_id,
            serial: number,
            offer: if incoming { &INCOMING } else { &OUTGOING },
        });
    }

    fn disconnect(&mut self, pick: usize) {
        let ours = self.accepted.keys().chain(&self.placed);
        let mut all: Vec<CallId> = ours.copied().collect();
        all.sort_unstable();
        let local_call_id = all.get(pick).copied().unwrap_or(CallId::new(0xffff));
        self.input(Input::Disconnect {
            local_call_id,
            disconnect: because(DisconnectResult::ADMIN_SHUTDOWN, 0),
        });
    }

    /// The client reads some bytes and checks what they say.
    fn write(&mut self, count: usize) {
        let count = count.min(self.control.pending().len());
        let taken = self.control.pending()[..count].to_vec();
        self.control.consume(count);
        let mut stream = taken.as_slice();
        while let Some(message) = self.read.next_message(&mut stream).expect("we send well") {
            self.hear(&message);
        }
    }

    fn hear(&mut self, message: &Message) {
        match message {
            Message::OutgoingCallReply(reply) => {
                if reply.result_code == OutgoingCallResult::CONNECTED {
                    assert_eq!(self.accepted.get(&reply.call_id), Some(&reply.peer_call_id));
                }
            }
            Message::CallDisconnectNotify(notify) => {
                self.assert_ours(notify.call_id);
                assert!(self.notified.insert(notify.call_id), "notified twice");
            }
            Message::CallClearRequest(clear) => {
                self.assert_ours(clear.call_id);
                assert!(self.cleared.insert(clear.call_id), "cleared twice");
            }
            Message::IncomingCallReply(reply) => {
                if reply.result_code == IncomingCallResult::CONNECT {
                    assert_eq!(self.accepted.get(&reply.call_id), Some(&reply.peer_call_id));
                }
            }
            Message::OutgoingCallRequest(request) => self.assert_ours(request.call_id),
            Message::IncomingCallRequest(request) => self.assert_ours(request.call_id),
            Message::StartControlConnectionReply(_)
            | Message::StopControlConnectionRequest(_)
            | Message::StopControlConnectionReply(_)
            | Message::EchoRequest(_)
            | Message::EchoReply(_)
            | Message::IncomingCallConnected(_) => {}
            Message::StartControlConnectionRequest(_) => assert!(self.calling),
            Message::WanErrorNotify(_) | Message::SetLinkInfo(_) => {
                panic!("we never send {message:?}")
            }
        }
    }

    fn assert_ours(&self, call_id: CallId) {
        let ours = self.accepted.contains_key(&call_id) || self.placed.contains(&call_id);
        assert!(ours, "{call_id} is not a call of ours");
    }

    fn poll(&mut self) {
        let mut count = 0;
        while let Some(output) = self.control.poll_output() {
            count += 1;
            assert!(
                count <= 6 * CALLS_MAX + 64,
                "the queue of outputs is bounded"
            );
            assert!(!self.closed, "nothing comes after the close");
            match output {
                Output::Event(
                    Event::CallRequested(OutgoingCallRequest { call_id, .. })
                    | Event::CallOffered(IncomingCallRequest { call_id, .. }),
                ) => {
                    assert!(!self.asked.contains(&call_id), "asked twice");
                    self.asked.push(call_id);
                }
                Output::Event(_) => {}
                Output::Close(_) => self.closed = true,
            }
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut wakes = 0;
        while let Some(deadline) = self
            .control
            .poll_timeout()
            .filter(|deadline| *deadline <= end)
        {
            wakes += 1;
            assert!(wakes < 100, "a timer that does not advance");
            self.now = self.now.max(deadline);
            self.control.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn check(&self) {
        assert!(self.control.pending().len() <= OUT_MAX);
        assert!(self.control.calls().len() <= CALLS_MAX);
        let timer = self.control.poll_timeout().is_some();
        match self.control.state() {
            ControlState::Closed => {
                assert!(!timer && self.control.pending().is_empty());
                assert_eq!(self.control.calls(), []);
            }
            ControlState::Idle
            | ControlState::WaitStartReply
            | ControlState::Held
            | ControlState::Established
            | ControlState::WaitStopReply
            | ControlState::Draining => assert!(timer, "something has to end this state"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_order_of_operations_is_survived(
        established in prop::bool::weighted(0.9),
        calling: bool,
        operations in prop::collection::vec(operation(), 1..64),
    ) {
        let mut world = World::new(calling);
        if established {
            world.say(&bytes(one_of_each()[usize::from(calling)]));
        }
        for operation in &operations {
            world.apply(operation);
            world.check();
        }
        world.poll();
        // A client that has gone is noticed, whatever came before, and whatever the session does.
        world.pass(Duration::from_secs(60 + 60 + 5));
        world.poll();
        prop_assert!(world.closed, "{:?}", world.control.state());
    }
}
