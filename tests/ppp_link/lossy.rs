//! Server and client over a path that loses, repeats and overtakes, in virtual time.

use crate::client::{Client, Habits};
use crate::server::{GRANT, Heard, PROOF, Server};
use pns::clock::Timestamp;
use pns::ppp::link::{EndReason, Input, LinkConfig, MppePolicy, Output, Stateful};
use pns::wire::ccp::Strengths;
use pns::wire::ppp::Packet;
use proptest::prelude::*;
use std::time::Duration;

/// What a path does to frames, in percent and milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) loss: u8,
    pub(crate) duplication: u8,
    pub(crate) delay_ms_max: u64,
}

pub(crate) const STEP: Duration = Duration::from_millis(10);

pub(crate) struct Network {
    path: Path,
    random: u64,
    /// Arrival, whether it goes to the server, and the frame.
    flying: Vec<(Timestamp, bool, Vec<u8>)>,
    frames: usize,
}

impl Network {
    pub(crate) fn new(path: Path, seed: u64) -> Self {
        Self {
            path,
            random: seed | 1,
            flying: Vec::new(),
            frames: 0,
        }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    pub(crate) fn send(&mut self, to_server: bool, frame: &[u8], now: Timestamp) {
        self.frames += 1;
        let copies = 1 + u8::from(self.random() % 100 < u64::from(self.path.duplication));
        for _ in 0..copies {
            if self.random() % 100 >= u64::from(self.path.loss) {
                let delay = self.random() % (self.path.delay_ms_max + 1);
                let arrival = now + Duration::from_millis(delay);
                self.flying.push((arrival, to_server, frame.to_vec()));
            }
        }
    }

    /// What arrives until `now`, earliest first.
    pub(crate) fn arrivals(&mut self, now: Timestamp) -> Vec<(bool, Vec<u8>)> {
        self.flying.sort_by_key(|(at, ..)| *at);
        let landed = self.flying.partition_point(|(at, ..)| *at <= now);
        self.flying
            .drain(..landed)
            .map(|(_, to_server, frame)| (to_server, frame))
            .collect()
    }
}

struct World {
    server: Server,
    client: Client,
    network: Network,
    decide_at: Option<Timestamp>,
}

impl World {
    fn new(path: Path, habits: Habits, seed: u64) -> Self {
        // Every other server takes more than one kind of encryption.
        let mppe = match seed & 0x100 {
            0 => MppePolicy::REQUIRED,
            _ => MppePolicy {
                strengths: Strengths::ALL,
                stateful: Stateful::Allowed,
                ..MppePolicy::REQUIRED
            },
        };
        let config = LinkConfig {
            mppe,
            ..LinkConfig::default()
        };
        let server = Server::new(config, seed.to_le_bytes()[0]);
        let mut world = Self {
            server,
            client: Client::new(habits),
            network: Network::new(path, seed),
            decide_at: None,
        };
        let heard = world.server.input(Input::LowerUp);
        world.deliver(heard);
        world
    }

    fn deliver(&mut self, heard: Vec<Heard>) {
        let now = self.server.now;
        for one in heard {
            match one {
                Heard::Packet(sent) => {
                    let packet = Packet {
                        code: sent.code,
                        identifier: sent.identifier,
                        data: &sent.data,
                    };
                    self.network
                        .send(false, &packet.to_frame(sent.protocol), now);
                }
                Heard::Told(Output::Authenticate(_)) => {
                    self.decide_at = Some(now + Duration::from_millis(50));
                }
                Heard::Told(_) => {}
            }
        }
    }

    fn step(&mut self) {
        let heard = self.server.pass(STEP);
        self.deliver(heard);
        let now = self.server.now;
        if self.decide_at.is_some_and(|at| at <= now) {
            self.decide_at = None;
            let heard = self.server.input(Input::Granted {
                success_message: PROOF,
                network: GRANT,
                keys: true,
            });
            self.deliver(heard);
        }
        for (to_server, frame) in self.network.arrivals(now) {
            if to_server {
                let heard = self.server.input(Input::Frame(&frame));
                self.deliver(heard);
            } else {
                for answer in self.client.receive(&frame, now) {
                    self.network.send(true, &answer, now);
                }
            }
        }
        for frame in self.client.tick(now) {
            self.network.send(true, &frame, now);
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.server.now + time;
        while self.server.now < end {
            self.step();
        }
    }

    fn is_up(&self) -> bool {
        self.server.promises.was_told(&Output::NetworkUp) && self.client.has_network()
    }

    fn end_reason(&self) -> Option<EndReason> {
        self.server.promises.end_reason()
    }
}

fn habits() -> impl Strategy<Value = Habits> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(restarts, counts_repetitions, waits_for_ccp, offers_all)| Habits {
            restarts,
            counts_repetitions,
            waits_for_ccp,
            offers_all,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Without faults a call is up within two seconds and a few dozen frames, and stays up.
    #[test]
    fn a_good_path(habits in habits(), seed: u64, delay_ms_max in 0_u64..60) {
        // Delays differ, so frames do overtake each other within them.
        let mut world = World::new(Path { loss: 0, duplication: 0, delay_ms_max }, habits, seed);
        world.run(Duration::from_secs(8));
        prop_assert!(world.is_up(), "{:?}", world.server.link.negotiated());
        prop_assert!(world.client.has_lease());
        prop_assert!(world.network.frames < 80, "{} frames", world.network.frames);
    }

    /// With faults it comes up, or ends for a reason; nobody hangs and nobody floods.
    #[test]
    fn a_bad_path(
        habits in habits(),
        seed: u64,
        loss in 0_u8..=30,
        duplication in 0_u8..=30,
        delay_ms_max in 0_u64..2000,
    ) {
        let mut world = World::new(Path { loss, duplication, delay_ms_max }, habits, seed);
        world.run(Duration::from_secs(90));
        let ended = world.end_reason();
        let told_up = world.server.promises.was_told(&Output::NetworkUp);
        prop_assert!(ended.is_some() || told_up, "{:?}", world.server.link.negotiated());
        prop_assert!(world.network.frames < 600, "{} frames", world.network.frames);
        if ended.is_none() {
            // Once the faults stop, both sides agree on what they have.
            world.network.path = Path { loss: 0, duplication: 0, delay_ms_max: 10 };
            world.run(Duration::from_secs(30));
            prop_assert!(world.is_up() || world.end_reason().is_some());
        }
    }
}

#[test]
fn light_loss_rarely_costs_a_call() {
    let mut up = 0;
    let mut ends = Vec::new();
    for seed in 0..300_u64 {
        let habits = Habits {
            restarts: seed & 1 == 1,
            counts_repetitions: seed & 2 == 2,
            waits_for_ccp: seed & 4 == 4,
            offers_all: seed & 8 == 8,
        };
        let path = Path {
            loss: 5,
            duplication: 2,
            delay_ms_max: 80,
        };
        let mut world = World::new(path, habits, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        world.run(Duration::from_secs(40));
        up += u32::from(world.is_up());
        ends.extend(world.end_reason());
    }
    assert!(up >= 297, "{up} of 300 came up; the others: {ends:?}");
}
