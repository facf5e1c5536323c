//! Peers that send anything, in any order, and owners that decide at any time.

use crate::authentication::methods::proof;
use crate::server::{GRANT, Heard, PROOF, Sent, Server, packets};
use pns::mppe::keys::Suite;
use pns::ppp::link::{
    AddressPolicy, EndReason, Input, LinkConfig, Method, MppePolicy, Output, Phase, Stateful,
};
use pns::wire::ccp::Strengths;
use pns::wire::chap::{Chap, FailureCode};
use pns::wire::ppp::{Packet, Protocol, code};
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Operation {
    Bytes(Vec<u8>),
    Packet(u16, u8, u8, Vec<u8>),
    /// A request that is as it should be.
    Good(u16, &'static [u8]),
    /// Acknowledges the latest request of a protocol, as a good client does.
    Ack(u16),
    /// Naks or rejects it.
    Dislike(u16, u8),
    Respond(i8),
    Granted(bool),
    Refused(bool),
    /// EAP goes on, or something that is no Request.
    Challenge(u8, Vec<u8>),
    ChangePassword(i8),
    Reauthenticate,
    /// About a wish or out of the blue: the lease, or another address.
    AddressDecided(u8),
    LowerUp,
    Heard,
    TimeRemaining(u32),
    ResetWanted,
    Close,
    Pass(u16),
}

fn protocols() -> impl Strategy<Value = u16> {
    prop_oneof![
        5 => Just(0xc021_u16),
        2 => Just(0xc223),
        4 => Just(0x80fd),
        4 => Just(0x8021),
        2 => Just(0x8057),
        1 => Just(0xc023),
        1 => Just(0xc227),
        1 => Just(0x0021),
        1 => Just(0x0031),
    ]
}

/// Options that mean something, mostly.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just(vec![1_u8, 4, 5, 120]),
        Just(vec![1, 4, 0, 0]),
        Just(vec![3, 5, 0xc2, 0x23, 0x81]),
        Just(vec![3, 5, 0xc2, 0x23, 0x80]),
        Just(vec![3, 5, 0xc2, 0x23, 0x05]),
        Just(vec![3, 4, 0xc0, 0x23]),
        Just(vec![3, 4, 0xc2, 0x27]),
        Just(vec![5, 6, 1, 2, 3, 4]),
        Just(vec![5, 6, 0, 0, 0, 0]),
        Just(vec![7, 2]),
        Just(vec![8, 2]),
        Just(vec![13, 3, 6]),
        Just(vec![18, 6, 1, 0, 0, 0x40]),
        Just(vec![18, 6, 1, 0, 0, 0xe1]),
        Just(vec![18, 6, 0, 0, 0, 0]),
        Just(vec![18, 6, 0, 0, 0, 0x40]),
        Just(vec![18, 6, 0, 0, 0, 0x21]),
        Just(vec![3, 6, 0, 0, 0, 0]),
        Just(vec![3, 6, 10, 77, 0, 100]),
        (1_u8..4).prop_map(|last| vec![3, 6, 10, 77, 0, last]),
        (0_u8..3).prop_map(|last| vec![1, 10, 0, 0, 0, 0, 0, 0, 0, last]),
        Just(vec![129, 6, 0, 0, 0, 0]),
        Just(vec![2, 6, 0, 0x2d, 15, 1]),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(known, 0..4).prop_map(|list| list.concat())
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => proptest::collection::vec(any::<u8>(), 0..64).prop_map(Operation::Bytes),
        30 => (protocols(), 0_u8..18, 0_u8..4, options())
            .prop_map(|(p, c, i, o)| Operation::Packet(p, c, i, o)),
        30 => protocols().prop_map(Operation::Ack),
        8 => (protocols(), 3_u8..5).prop_map(|(p, c)| Operation::Dislike(p, c)),
        20 => (-1_i8..2).prop_map(Operation::Respond),
        20 => any::<bool>().prop_map(Operation::Granted),
        4 => any::<bool>().prop_map(Operation::Refused),
        4 => (0_u8..6, proptest::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(kind, data)| Operation::Challenge(kind, data)),
        2 => (-1_i8..3).prop_map(Operation::ChangePassword),
        2 => Just(Operation::Reauthenticate),
        10 => prop_oneof![Just(100_u8), 1_u8..4].prop_map(Operation::AddressDecided),
        30 => (0..GOOD.len()).prop_map(|step| GOOD[step].clone()),
        2 => Just(Operation::Heard),
        2 => any::<u32>().prop_map(Operation::TimeRemaining),
        4 => Just(Operation::ResetWanted),
        1 => Just(Operation::Close),
        8 => any::<u16>().prop_map(Operation::Pass),
    ]
}

struct Game {
    server: Server,
    requests: Vec<Sent>,
    challenge: u8,
}

impl Game {
    fn play(&mut self, operation: &Operation) {
        let heard = match operation {
            Operation::Bytes(bytes) => self.server.input(Input::Frame(bytes)),
            Operation::Packet(protocol, code, identifier, data) => {
                self.server
                    .packet(Protocol(*protocol), *code, *identifier, data)
            }
            Operation::Good(protocol, data) => {
                self.server
                    .packet(Protocol(*protocol), code::CONFIGURE_REQUEST, 9, data)
            }
            Operation::Ack(protocol) => self.answer(*protocol, code::CONFIGURE_ACK),
            Operation::Dislike(protocol, code) => self.answer(*protocol, *code),
            Operation::Respond(offset) => {
                let agreed = self.server.link.negotiated().authentication;
                let identifier = self.challenge.wrapping_add_signed(*offset);
                let frame = proof(agreed.unwrap_or(Method::MsChapV2), identifier);
                self.server.input(Input::Frame(&frame))
            }
            Operation::Granted(keys) => self.server.input(Input::Granted {
                success_message: PROOF,
                network: GRANT,
                keys: *keys,
            }),
            Operation::Refused(retry) => self.server.input(Input::Refused {
                code: FailureCode::ALL[4 - 2 * usize::from(*retry)],
                message: "no",
                retry: *retry,
            }),
            Operation::Challenge(kind, data) => {
                let identifier = self.challenge.wrapping_add(1);
                let length = u8::try_from(5 + data.len()).unwrap();
                let packet = [&[1, identifier, 0, length, *kind], &data[..]].concat();
                self.server.input(Input::Challenge {
                    packet: &packet,
                    state: data,
                })
            }
            Operation::ChangePassword(offset) => {
                let change = Chap::ChangePassword {
                    identifier: self.challenge.wrapping_add_signed(*offset),
                    version: 3,
                    body: &[7; 582],
                };
                self.server.input(Input::Frame(&change.to_frame()))
            }
            Operation::Reauthenticate => self.server.input(Input::Reauthenticate),
            Operation::AddressDecided(last) => {
                let address = Ipv4Addr::new(10, 77, 0, *last);
                self.server.input(Input::AddressDecided(address))
            }
            Operation::LowerUp => self.server.input(Input::LowerUp),
            Operation::Heard => {
                let at = self.server.now;
                self.server.input(Input::Heard { at })
            }
            Operation::TimeRemaining(seconds) => {
                let seconds = *seconds;
                self.server.input(Input::TimeRemaining { seconds })
            }
            Operation::ResetWanted => self.server.input(Input::ResetWanted),
            Operation::Close => self
                .server
                .input(Input::Close(EndReason::AdministrativeStop)),
            Operation::Pass(millis) => {
                let heard = self.server.pass(Duration::from_millis(u64::from(*millis)));
                return self.note(&heard);
            }
        };
        assert!(heard.len() <= 12, "one input, {} outputs", heard.len());
        self.note(&heard);
    }

    fn answer(&mut self, protocol: u16, code: u8) -> Vec<Heard> {
        let ours = self
            .requests
            .iter()
            .rev()
            .find(|sent| sent.protocol.0 == protocol)
            .cloned();
        match ours {
            Some(Sent {
                protocol,
                identifier,
                data,
                ..
            }) => self.server.packet(protocol, code, identifier, &data),
            None => Vec::new(),
        }
    }

    fn note(&mut self, heard: &[Heard]) {
        for sent in packets(heard) {
            if sent.is(Protocol::CHAP, 1) || sent.is(Protocol::EAP, 1) {
                self.challenge = sent.identifier;
            }
            if sent.code == code::CONFIGURE_REQUEST
                && ![Protocol::CHAP, Protocol::EAP].contains(&sent.protocol)
            {
                self.requests.push(sent);
            }
        }
    }
}

/// What a good client does, step by step: a game begins somewhere along it.
const GOOD: [Operation; 9] = [
    Operation::LowerUp,
    Operation::Good(0xc021, &[5, 6, 9, 9, 9, 9]),
    Operation::Ack(0xc021),
    Operation::Respond(0),
    Operation::Granted(true),
    Operation::Good(0x80fd, &[18, 6, 1, 0, 0, 0x40]),
    Operation::Ack(0x80fd),
    Operation::Good(0x8021, &[3, 6, 10, 77, 0, 100]),
    Operation::Ack(0x8021),
];

const POLICIES: [MppePolicy; 6] = [
    MppePolicy::REQUIRED,
    MppePolicy::OPTIONAL,
    MppePolicy::PASSIVE,
    MppePolicy::OFF,
    MppePolicy {
        strengths: Strengths::ALL,
        stateful: Stateful::Allowed,
        ..MppePolicy::PASSIVE
    },
    MppePolicy {
        strengths: Strengths::ALL,
        stateful: Stateful::Preferred,
        compression: true,
        ..MppePolicy::OPTIONAL
    },
];

fn play(start: usize, operations: &[Operation], mppe: MppePolicy, seed: u8) -> Game {
    let server = Server::new(
        LinkConfig {
            mppe,
            echo_adaptive: seed & 1 == 1,
            // Half of the games, since the others end in the same ways sooner.
            address: if seed.is_multiple_of(2) {
                AddressPolicy::Keep
            } else {
                AddressPolicy::Assign
            },
            ..LinkConfig::default()
        },
        seed,
    );
    let mut game = Game {
        server,
        requests: Vec::new(),
        challenge: 0,
    };
    for operation in GOOD.iter().take(start).chain(operations) {
        game.play(operation);
    }
    // Left alone, every link ends or has its network.
    let heard = game.server.pass(Duration::from_secs(200));
    game.note(&heard);
    game
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn any_order_of_anything(
        operations in proptest::collection::vec(operation(), 0..64),
        start in 0..=GOOD.len(),
        policy in 0_usize..POLICIES.len(),
        seed: u8,
    ) {
        let game = play(start, &operations, POLICIES[policy], seed);
        let began = game.server.promises.frames > 0;
        let over = game.server.promises.end_reason().is_some();
        // Nobody answers echoes, so even a network is gone by now.
        prop_assert!(over || !began, "{:?}", game.server.link.phase());
        if over {
            prop_assert_eq!(game.server.link.phase(), Phase::Dead);
            prop_assert_eq!(game.server.link.poll_timeout(), None);
        }
    }

    #[test]
    fn a_full_queue_loses_frames_and_nothing_else(
        operations in proptest::collection::vec(operation(), 100..300),
    ) {
        // The owner does not fetch anything for a while.
        let mut server = Server::new(LinkConfig::default(), 3);
        server.input(Input::LowerUp);
        let now = server.now;
        for operation in &operations {
            if let Operation::Packet(protocol, code, identifier, data) = operation {
                let packet = Packet { code: *code, identifier: *identifier, data };
                let frame = packet.to_frame(Protocol(*protocol));
                server.link.handle(Input::Frame(&frame), now);
            }
        }
        let mut outputs = 0;
        while let Some(output) = server.link.poll_output() {
            outputs += 1;
            prop_assert!(!matches!(output, Output::Authenticate(_)));
        }
        prop_assert!(outputs <= 32 + 8, "{outputs}");
    }
}

#[test]
fn the_operations_reach_every_depth() {
    // A fuzzer that never gets past LCP proves little: count how far fixed runs come.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = proptest::collection::vec(operation(), 0..64);
    let mut depths = [0; 4];
    for seed in 0..2000_u32 {
        let operations = strategy.new_tree(&mut runner).unwrap().current();
        let start = seed as usize % GOOD.len();
        let game = play(
            start,
            &operations,
            MppePolicy::REQUIRED,
            seed.to_le_bytes()[0],
        );
        let promises = &game.server.promises;
        for (depth, output) in [
            Output::ArmUpstream(Suite::STATELESS_128.into()),
            Output::ArmDownstream(Suite::STATELESS_128.into()),
            Output::ForwardUpstream,
            Output::NetworkUp,
        ]
        .iter()
        .enumerate()
        {
            depths[depth] += u32::from(promises.was_told(output));
        }
    }
    assert!(depths.iter().all(|&count| count >= 100), "{depths:?}");
}
