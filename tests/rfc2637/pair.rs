//! Two machines back to back, in both parts, over a stream that is cut anywhere.

use std::collections::VecDeque;
use std::time::Duration;

use pns::clock::Timestamp;
use pns::pptp::{CallOffer, CloseReason, Control, ControlState, Event, Input, Output};
use pns::wire::call_id::CallId;
use pns::wire::pptp::*;
use proptest::prelude::*;

use crate::support::{INCOMING, OUTGOING, because, config};

/// One end: its machine, a session that takes every call, and what has happened.
struct End {
    control: Control,
    first_call_id: u16,
    events: Vec<Event>,
    closed: Option<CloseReason>,
}

impl End {
    fn new(control: Control, first_call_id: u16) -> Self {
        Self {
            control,
            first_call_id,
            events: Vec::new(),
            closed: None,
        }
    }

    fn session(&mut self, now: Timestamp) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Event(event) => {
                    self.events.push(event);
                    if let Event::CallRequested(OutgoingCallRequest { call_id, .. })
                    | Event::CallOffered(IncomingCallRequest { call_id, .. }) = event
                    {
                        let local_call_id = CallId::new(self.first_call_id + call_id.get());
                        let accepted = Input::CallAccepted {
                            peer_call_id: call_id,
                            local_call_id,
                        };
                        self.control.handle(accepted, now);
                    }
                }
                Output::Close(reason) => self.closed = Some(reason),
            }
        }
    }

    fn count(&self, wanted: fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }
}

/// Our end, which opens TCP, and the other.
struct Pair {
    caller: End,
    called: End,
    now: Timestamp,
    sizes: VecDeque<usize>,
}

impl Pair {
    fn new(sizes: &[usize]) -> Self {
        let now = Timestamp::ZERO;
        Self {
            caller: End::new(Control::originate(config(), now), 0x1000),
            called: End::new(Control::new(config(), now), 0x2000),
            now,
            sizes: sizes.iter().copied().collect(),
        }
    }

    /// Moves bytes in segments of the given sizes until both are silent.
    fn run(&mut self) {
        loop {
            let mut moved = false;
            for caller_sends in [true, false] {
                let size = self.sizes.front().copied().unwrap_or(usize::MAX).max(1);
                self.sizes.rotate_left(self.sizes.len().min(1));
                let (from, to) = if caller_sends {
                    (&mut self.caller, &mut self.called)
                } else {
                    (&mut self.called, &mut self.caller)
                };
                from.session(self.now);
                let pending = from.control.pending();
                let segment = pending[..size.min(pending.len())].to_vec();
                if !segment.is_empty() {
                    moved = true;
                    from.control.consume(segment.len());
                    to.control.handle(Input::Bytes(&segment), self.now);
                }
                from.session(self.now);
                if from.closed.is_some() && to.closed.is_none() {
                    moved = true;
                    to.control.handle(Input::PeerClosed, self.now);
                }
                to.session(self.now);
            }
            if !moved {
                return;
            }
        }
    }

    fn place(&mut self, by_caller: bool, number: u16, offer: &CallOffer) {
        let end = if by_caller {
            &mut self.caller
        } else {
            &mut self.called
        };
        let place = Input::PlaceCall {
            local_call_id: CallId::new(number),
            serial: number,
            offer,
        };
        end.control.handle(place, self.now);
        self.run();
    }
}

const fn is_connected(event: &Event) -> bool {
    matches!(event, Event::CallConnected { .. })
}

const fn is_ended(event: &Event) -> bool {
    matches!(event, Event::CallEnded { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Either end places either kind of call, either end ends it, whatever the segments.
    #[test]
    fn s3_2_calls_come_up_and_end_in_every_part(
        sizes in prop::collection::vec(1_usize..300, 1..20),
        by_caller: bool,
        incoming: bool,
        ended_by_placer: bool,
    ) {
        let offer = if incoming { INCOMING } else { OUTGOING };
        let mut pair = Pair::new(&sizes);
        pair.run();
        prop_assert_eq!(pair.caller.control.state(), ControlState::Established);
        prop_assert_eq!(pair.called.control.state(), ControlState::Established);
        pair.place(by_caller, 5, &offer);
        let first = if by_caller { 0x2000 } else { 0x1000 };
        let (placer, other) = if by_caller {
            (&mut pair.caller, &mut pair.called)
        } else {
            (&mut pair.called, &mut pair.caller)
        };
        prop_assert_eq!(placer.count(is_connected), 1);
        prop_assert_eq!(other.count(is_connected), usize::from(incoming));
        for (end, local, peer) in [(&placer, 5, first + 5), (&other, first + 5, 5)] {
            let call = end.control.calls()[0];
            prop_assert!(call.state.is_established());
            prop_assert_eq!(call.local_call_id, Some(CallId::new(local)));
            prop_assert_eq!(call.peer_call_id, Some(CallId::new(peer)));
        }
        let (ender, told, name) = if ended_by_placer {
            (placer, other, 5)
        } else {
            (other, placer, first + 5)
        };
        let local_call_id = CallId::new(name);
        let disconnect = because(DisconnectResult::ADMIN_SHUTDOWN, 0);
        ender.control.handle(Input::Disconnect { local_call_id, disconnect }, Timestamp::ZERO);
        let (ender_is_caller, told_before) = (ended_by_placer == by_caller, told.events.len());
        pair.run();
        let (ender, told) = if ender_is_caller {
            (&pair.caller, &pair.called)
        } else {
            (&pair.called, &pair.caller)
        };
        prop_assert!(told.events.len() > told_before);
        prop_assert_eq!((told.count(is_ended), ender.count(is_ended)), (1, 0));
        prop_assert_eq!(ender.control.calls(), &[]);
        prop_assert_eq!(told.control.calls(), &[]);
        // The PAC's last notify closes TCP; a PNS keeps the connection that it may use again.
        let pac_ended = ended_by_placer == incoming;
        prop_assert_eq!(ender.closed, pac_ended.then_some(CloseReason::CallsEnded));
    }

    /// Several calls of every part at once, on one connection.
    #[test]
    fn s3_2_calls_of_all_parts_share_a_connection(
        sizes in prop::collection::vec(1_usize..300, 1..20),
    ) {
        let mut pair = Pair::new(&sizes);
        pair.run();
        for (number, by_caller, offer) in [
            (1, true, OUTGOING),
            (2, true, INCOMING),
            (3, false, OUTGOING),
            (4, false, INCOMING),
        ] {
            pair.place(by_caller, number, &offer);
        }
        for end in [&pair.caller, &pair.called] {
            let established = |call: &&pns::pptp::Call| call.state.is_established();
            prop_assert_eq!(end.control.calls().iter().filter(established).count(), 4);
        }
        pair.caller.control.handle(Input::Stop(StopReason::STOP_LOCAL_SHUTDOWN), pair.now);
        pair.run();
        prop_assert_eq!(pair.called.closed, Some(CloseReason::PeerStopped));
        prop_assert_eq!(pair.caller.closed, Some(CloseReason::Stopped));
    }
}

/// Both ends open a connection at once: each has one machine that calls and one that is called.
#[test]
fn s3_1_3_of_two_connections_the_one_of_the_higher_address_lives() {
    let mut of_winner = Pair::new(&[]);
    let mut of_loser = Pair::new(&[]);
    // Both requests are on the wire before either is heard.
    let from_winner = of_winner.caller.control.pending().to_vec();
    let from_loser = of_loser.caller.control.pending().to_vec();
    of_winner.caller.control.consume(from_winner.len());
    of_loser.caller.control.consume(from_loser.len());
    let now = of_winner.now;
    // The winner hears the loser's request, and holds it.
    of_loser.called.control.handle(Input::CollisionWon, now);
    of_loser
        .called
        .control
        .handle(Input::Bytes(&from_loser), now);
    // The loser hears the winner's, answers it, and closes its own.
    of_winner
        .called
        .control
        .handle(Input::Bytes(&from_winner), now);
    of_loser.caller.control.handle(Input::GiveWay, now);
    of_winner.run();
    of_loser.run();
    assert_eq!(of_winner.caller.control.state(), ControlState::Established);
    assert_eq!(of_winner.called.control.state(), ControlState::Established);
    assert_eq!(of_loser.caller.closed, Some(CloseReason::CollisionLost));
    assert_eq!(of_loser.called.closed, Some(CloseReason::CollisionWon));
    assert_eq!(of_loser.called.events, []);
    of_winner.place(false, 9, &OUTGOING);
    assert_eq!(of_winner.called.count(is_connected), 1);
}

/// A peer that is silent is noticed by both kinds of end, and nothing waits for ever.
#[test]
fn s3_1_4_two_machines_keep_each_other_alive() {
    let mut pair = Pair::new(&[]);
    pair.run();
    pair.place(true, 5, &OUTGOING);
    for _ in 0..50 {
        pair.now = pair.now + Duration::from_secs(30);
        pair.caller.control.handle_timeout(pair.now);
        pair.called.control.handle_timeout(pair.now);
        pair.run();
    }
    assert_eq!((pair.caller.closed, pair.called.closed), (None, None));
}
