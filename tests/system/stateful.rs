//! Calls with stateful MPPE over a path that loses 3 % in each direction: the whole server against
//! clients of both kinds, that of RFC 3078 and Linux.

use std::time::Duration;

use pns::clock::Timestamp;
use pns::dataplane::DropReason;
use pns::mppe::keys::{StartKeys, Strength};
use pns::session::Event;

use super::packets::numbers;
use super::peers::{Received, Receiver, Rule, Sender};
use super::ppp_client::{CCP, frame};
use super::server::{Setup, link_of};
use super::world::{Path, World};

const RESET_REQUEST: u8 = 14;
const RESET_ACK: u8 = 15;

/// The stateful streams of a client.
pub(crate) struct Stateful {
    rule: Rule,
    streams: Option<(Sender, Receiver)>,
    identifier: u8,
}

impl Stateful {
    pub(crate) fn new(rule: Rule) -> Self {
        Self {
            rule,
            streams: None,
            identifier: 100,
        }
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.streams.is_some()
    }

    pub(crate) fn arm(&mut self, keys: &StartKeys) {
        let (rule, strength) = (self.rule, Strength::Bits128);
        let sender = Sender::new(rule, keys.upstream.expose(), strength);
        let receiver = Receiver::new(rule, keys.downstream.expose(), strength);
        self.streams = Some((sender, receiver));
    }

    /// The PPP frame around a protocol field and a packet.
    pub(crate) fn send(&mut self, inner: &[u8]) -> Vec<u8> {
        let (sender, _) = self.streams.as_mut().expect("armed");
        [&[0xff, 0x03, 0x00, 0xfd], &sender.send(inner)[..]].concat()
    }

    /// The packet of an encrypted frame, or the Reset-Request that it is answered with.
    pub(crate) fn receive(
        &mut self,
        payload: &[u8],
        now: Timestamp,
    ) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let (_, receiver) = self.streams.as_mut().expect("armed");
        match receiver.receive(payload, now.as_nanos() / 1_000_000) {
            Received::Plain(plain) => match &plain[..] {
                [0x00, 0x21, packet @ ..] => (Some(packet.to_vec()), None),
                other => panic!("garbage: {other:02x?}"),
            },
            Received::Dropped { request: false } => (None, None),
            Received::Dropped { request: true } => {
                self.identifier = self.identifier.wrapping_add(1);
                let request = frame(CCP, RESET_REQUEST, self.identifier, &[]);
                (None, Some(request))
            }
        }
    }

    /// The answers to a control frame, if it is about the step.
    pub(crate) fn handle_reset(&mut self, control: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (sender, receiver) = self.streams.as_mut()?;
        match control {
            [0x80, 0xfd, RESET_REQUEST, identifier, ..] => {
                sender.flush();
                Some(vec![frame(CCP, RESET_ACK, *identifier, &[])])
            }
            [0x80, 0xfd, RESET_ACK, ..] => {
                receiver.reset_acknowledged();
                Some(Vec::new())
            }
            _ => None,
        }
    }
}

fn allow_stateful(config: &mut pns::session::SessionConfig) {
    link_of(config).mppe.stateful = pns::ppp::link::Stateful::Allowed;
}

fn stateful_world(rule: Rule) -> (World, usize) {
    let mut world = World::new(Setup {
        adjust: allow_stateful,
        ..Setup::default()
    });
    let place = world.add_client();
    let client = &mut world.clients[place];
    client.ppp.mppe_bits = [0, 0, 0, 0x40];
    client.stateful = Some(Stateful::new(rule));
    world.dial(place);
    world.run_until(Duration::from_secs(10), |world| world.is_up(place));
    (world, place)
}

/// When each number arrived, in milliseconds.
#[derive(Default)]
struct Arrivals {
    seen: usize,
    all: Vec<(u32, u64)>,
}

impl Arrivals {
    fn look(&mut self, packets: &[Vec<u8>], now: Timestamp) {
        let now_ms = now.as_nanos() / 1_000_000;
        let new = numbers(&packets[self.seen..]);
        self.all
            .extend(new.into_iter().map(|number| (number, now_ms)));
        self.seen = packets.len();
    }

    /// In order, each once; then the times without arrivals behind each loss, sorted.
    fn gaps_ms(&self, sent: u32, story: &str) -> Vec<u64> {
        let pairs = self.all.windows(2);
        let mut gaps = Vec::new();
        for pair in pairs {
            let ((before, before_ms), (after, after_ms)) = (pair[0], pair[1]);
            assert!(after > before, "{story}: {after} came after {before}");
            if after > before + 1 {
                gaps.push(after_ms - before_ms);
            }
        }
        let arrived = self.all.len();
        // One loss in 33 frames costs 20 more, and sometimes a second of waiting.
        assert!(
            arrived > sent as usize * 2 / 5,
            "{story}: {arrived} of {sent}"
        );
        gaps.sort_unstable();
        gaps
    }
}

#[test]
fn a_stateful_call_is_back_within_a_round_trip_after_each_loss() {
    for rule in [Rule::Rfc, Rule::Linux] {
        let (mut world, place) = stateful_world(rule);
        world.path = Path {
            loss: 3,
            delay_ms: 20,
            ..Path::default()
        };
        let (mut up, mut down) = (Arrivals::default(), Arrivals::default());
        let frames = 5000;
        for number in 0..frames {
            world.client_counts(place, number..number + 1);
            world.host_counts(place, number..number + 1);
            for _ in 0..2 {
                world.step();
                up.look(&world.host, world.now);
                down.look(&world.clients[place].received, world.now);
            }
        }
        assert!(world.is_up(place), "{:?}", world.server.ends());
        for (arrivals, way) in [(up, "up"), (down, "down")] {
            let story = format!("{rule:?} {way}");
            let gaps = arrivals.gaps_ms(frames, &story);
            // From the last frame before to the first after: a round trip, and a frame at each end.
            // Those recoveries that were hit by the path as well take longer.
            let median = gaps[gaps.len() / 2];
            assert!(gaps.len() > 50 && median <= 48, "{story}: {gaps:?}");
            assert!(gaps[gaps.len() * 3 / 4] <= 48, "{story}: {gaps:?}");
        }
        let drops = world.server.drops();
        let other = drops
            .iter()
            .find(|(reason, _)| *reason != DropReason::MppeOutOfStep);
        assert_eq!(other, None, "{drops:?}");
        let failing = |event: &Event| matches!(event, Event::DecryptionFailing { .. });
        assert!(!world.server.events.iter().any(failing));
        world.server.assert_conserved();
        world.server.assert_no_command_was_refused();
    }
}

#[test]
fn a_stateful_call_without_losses_loses_nothing() {
    for rule in [Rule::Rfc, Rule::Linux] {
        let (mut world, place) = stateful_world(rule);
        for number in 0..1000 {
            world.client_counts(place, number..number + 1);
            world.host_counts(place, number..number + 1);
            world.step();
        }
        world.pass(Duration::from_millis(20));
        let all: Vec<u32> = (0..1000).collect();
        assert_eq!(numbers(&world.host), all);
        assert_eq!(numbers(&world.clients[place].received), all);
        assert_eq!(world.server.drops(), []);
    }
}
