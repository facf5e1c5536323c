//! Sessions as a whole, from SCCRQ to the final report, against a scripted client and a worker that
//! only answers: the order of what reaches the worker, and that everything taken is given back.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and looks only at what it is about"
)]

#[path = "support/control_client.rs"]
mod control_client;
#[path = "support/ppp_client.rs"]
mod ppp_client;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use control_client as control;
use pns::aaa::{Decision, LocalUser, LocalUsers, NameServers, PoolConfig, Pools};
use pns::auth::NtHash;
use pns::clock::Timestamp;
use pns::flow::{
    Authenticated, BucketTable, Encryption, FlowCommand, FlowKey, FlowPolicy, FlowReport,
    FlowTotals, OpenRefusal,
};
use pns::mppe::keys::{DownstreamKey, StartKeys, UpstreamKey};
use pns::ppp::link::{AddressPolicy, LinkConfig};
use pns::pptp::ControlConfig;
use pns::session::admission::AdmissionLimits;
use pns::session::{Capacity, ConnectionId, Event, Output, SessionConfig, Sessions};
use ppp_client::PppClient;

const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const SECOND_SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 3);
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const OUTGOING_CALL_REPLY: u16 = 8;
const CALL_DISCONNECT_NOTIFY: u16 = 13;

/// What reached the worker, in a word each.
fn word(command: &FlowCommand) -> &'static str {
    match command {
        FlowCommand::Open { .. } => "open",
        FlowCommand::Connect { .. } => "connect",
        FlowCommand::Frame { .. } => "frame",
        FlowCommand::Authorise { .. } => "authorise",
        FlowCommand::ArmUpstream { .. } => "arm_upstream",
        FlowCommand::ArmDownstream { .. } => "arm_downstream",
        FlowCommand::FlushDownstream { .. } => "flush_downstream",
        FlowCommand::ForwardUpstream { .. } => "forward_upstream",
        FlowCommand::AgreeIpv6 { .. } => "agree_ipv6",
        FlowCommand::EndIpv6 { .. } => "end_ipv6",
        FlowCommand::ForwardDownstream { .. } => "forward_downstream",
        FlowCommand::Suspend { .. } => "suspend",
        FlowCommand::PeerReceive { .. } => "peer-receive",
        FlowCommand::Close { .. } => "close",
    }
}

struct World {
    sessions: Sessions,
    users: LocalUsers,
    now: Timestamp,
    written: Vec<u8>,
    closed: Vec<ConnectionId>,
    /// Connections that sessions asked to be opened.
    connects: Vec<(ConnectionId, SocketAddrV4)>,
    events: Vec<Event>,
    /// Everything the worker got: (word, PPP frame if it is one).
    commands: Vec<(&'static str, Vec<u8>)>,
    leases: Vec<Ipv4Addr>,
    flow: Option<FlowKey>,
    refuse_open: Option<OpenRefusal>,
    /// The worker answers nothing.
    silent: bool,
    /// Every login gives the same start keys, as a careless RADIUS server has it.
    same_keys: bool,
}

impl World {
    fn new() -> Self {
        Self::with_pool(10)
    }

    fn with_pool(addresses: u8) -> Self {
        Self::with(addresses, AddressPolicy::Assign, None)
    }

    /// Of these addresses in the pool, alice may have one of her own.
    fn with(addresses: u8, policy_of_address: AddressPolicy, own: Option<Ipv4Addr>) -> Self {
        let policy = FlowPolicy {
            encryption: Encryption::Required,
            client_to_client: false,
            mss_max: 0,
        };
        let alice = LocalUser {
            address: own,
            ..LocalUser::new("alice", NtHash::from_password("wonderland-7"), "default")
        };
        let first = Ipv4Addr::new(10, 77, 0, 100);
        let last = Ipv4Addr::new(10, 77, 0, 99 + addresses);
        let pool = PoolConfig {
            name: "default".into(),
            ranges: vec![first..=last],
            gateway: Ipv4Addr::new(10, 77, 0, 1),
        };
        let config = SessionConfig {
            listen: vec![SERVER, SECOND_SERVER],
            control: Arc::new(ControlConfig::default()),
            peers: Vec::new(),
            link: Arc::new(LinkConfig {
                retries_max: 0,
                address: policy_of_address,
                ..LinkConfig::default()
            }),
            limits: AdmissionLimits {
                control_connections_max: 16,
                control_connections_per_source_max: 16,
                half_open_max: 16,
                calls_max: 16,
                calls_per_source_max: 16,
            },
            setup_timeout: Duration::from_secs(30),
            mtu_max: 1500,
            name_servers: NameServers::default(),
        };
        let mut counter = 0u8;
        let entropy = move |buffer: &mut [u8]| {
            for byte in buffer {
                counter = counter.wrapping_mul(5).wrapping_add(13);
                *byte = counter;
            }
        };
        Self {
            sessions: Sessions::new(
                config,
                Arc::new(BucketTable::new(1)),
                Pools::new(&[pool], own),
                Capacity {
                    connections: 16,
                    calls: 16,
                },
                Box::new(entropy),
            ),
            users: LocalUsers::new([alice], policy),
            now: Timestamp::ZERO + Duration::from_secs(100),
            written: Vec::new(),
            closed: Vec::new(),
            connects: Vec::new(),
            events: Vec::new(),
            commands: Vec::new(),
            leases: Vec::new(),
            flow: None,
            refuse_open: None,
            silent: false,
            same_keys: false,
        }
    }

    fn connect(&mut self) -> ConnectionId {
        self.connect_to(SERVER)
    }

    fn connect_to(&mut self, local: Ipv4Addr) -> ConnectionId {
        let peer = SocketAddrV4::new(CLIENT, 40_000);
        let id = self
            .sessions
            .accept(peer, local, self.now)
            .expect("admitted");
        self.run();
        id
    }

    fn receive(&mut self, id: ConnectionId, bytes: &[u8]) {
        self.sessions.receive(id, bytes, self.now);
        self.run();
    }

    /// Does what the loop and the worker do, until nothing moves. Returns the frames for the client.
    fn run(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        loop {
            let mut moved = false;
            while let Some(output) = self.sessions.poll_output() {
                moved = true;
                self.carry_out(output);
            }
            while let Some(command) = self.sessions.poll_command(0) {
                moved = true;
                frames.extend(self.work(command));
            }
            if !moved {
                return frames;
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit(id) | Output::Close(id) => {
                let pending = self.sessions.pending(id).to_vec();
                self.sessions.consumed(id, pending.len(), self.now);
                self.written.extend(pending);
                if matches!(output, Output::Close(_)) {
                    self.sessions.forget(id);
                    self.closed.push(id);
                }
            }
            Output::Connect {
                connection, peer, ..
            } => self.connects.push((connection, peer)),
            Output::Ask {
                call, credentials, ..
            } => {
                let mut decision = self.users.decide(&credentials);
                if let (true, Decision::Accept(grant)) = (self.same_keys, &mut decision) {
                    let policy = grant.authenticated.policy();
                    let keys = StartKeys {
                        upstream: UpstreamKey::from_bytes([7; 16]),
                        downstream: DownstreamKey::from_bytes([8; 16]),
                    };
                    grant.authenticated = Authenticated::without_login(policy, Some(keys));
                }
                self.sessions.decide(call, decision, self.now);
            }
            Output::LeaseSet { lease, .. } => self.leases.push(lease),
            Output::LeaseCleared { lease } => self.leases.retain(|other| *other != lease),
            Output::Event(event) => self.events.push(event),
        }
    }

    fn work(&mut self, command: FlowCommand) -> Option<Vec<u8>> {
        let bytes = match &command {
            FlowCommand::Frame { frame, .. } => frame.as_slice().to_vec(),
            _ => Vec::new(),
        };
        self.commands.push((word(&command), bytes.clone()));
        let flow = command.flow();
        let report = match command {
            FlowCommand::Open { .. } => {
                self.flow = Some(flow);
                Some(match self.refuse_open {
                    Some(refusal) => FlowReport::OpenRefused { flow, refusal },
                    None => FlowReport::Opened { flow, slot: 0 },
                })
            }
            FlowCommand::Close { .. } => Some(FlowReport::Closed {
                flow,
                totals: FlowTotals::default(),
            }),
            _ => None,
        };
        if let Some(report) = report.filter(|_| !self.silent) {
            self.sessions.report(report, self.now);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Lets `client` and the server talk until both are silent.
    fn talk(&mut self, client: &mut PppClient, mut from_client: Vec<Vec<u8>>) {
        for _ in 0..100 {
            let flow = self.flow.expect("a call");
            for frame in std::mem::take(&mut from_client) {
                self.sessions.frame(flow, &frame, self.now);
            }
            let frames = self.run();
            if frames.is_empty() {
                return;
            }
            for frame in frames {
                from_client.extend(client.handle(&frame));
            }
        }
        panic!("the dialogue does not end");
    }

    /// A whole dial-in.
    fn dial(&mut self, client: &mut PppClient) -> ConnectionId {
        let id = self.connect();
        self.receive(id, &control::start_request());
        let first = self.frames_of(|world| {
            world
                .sessions
                .receive(id, &control::call_request(0), world.now)
        });
        let mut from_client = client.start();
        for frame in first {
            from_client.extend(client.handle(&frame));
        }
        self.talk(client, from_client);
        id
    }

    fn frames_of(&mut self, act: impl FnOnce(&mut Self)) -> Vec<Vec<u8>> {
        act(self);
        self.run()
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self
            .sessions
            .poll_timeout()
            .filter(|deadline| *deadline <= end)
        {
            self.now = self.now.max(deadline);
            self.sessions.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    fn position(&self, word: &str) -> usize {
        self.commands
            .iter()
            .position(|(other, _)| *other == word)
            .unwrap_or_else(|| {
                let words: Vec<_> = self.commands.iter().map(|(word, _)| word).collect();
                panic!("no {word} in {words:?}")
            })
    }

    /// Where the first Configure-Ack of a protocol was sent.
    fn position_of_ack(&self, protocol: u16) -> usize {
        let is_ack = |(_, frame): &(&str, Vec<u8>)| {
            frame.len() > 4 && frame[2..4] == protocol.to_be_bytes() && frame[4] == 2
        };
        self.commands
            .iter()
            .position(is_ack)
            .expect("a Configure-Ack")
    }

    fn end_reason(&self) -> String {
        let reason = |event: &Event| match event {
            Event::CallEnded { reason, .. } => Some(reason.name()),
            _ => None,
        };
        self.events.iter().find_map(reason).expect("the call ended")
    }

    fn assert_all_given_back(&mut self) {
        assert!(
            self.leases.is_empty(),
            "leases in the directory: {:?}",
            self.leases
        );
        assert_eq!(self.sessions.pool_usage()[0].used, 0);
        assert_eq!(self.sessions.call_count(), 0);
    }
}

#[test]
fn a_call_reaches_the_network_and_the_upstream_half_precedes_every_acknowledgement() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    assert!(client.network_up() && client.encrypted());
    assert_eq!(client.address, Ipv4Addr::new(10, 77, 0, 100));
    assert_eq!(world.leases, [client.address]);
    let up = |event: &Event| matches!(event, Event::NetworkUp { mppe: Some(_), .. });
    assert!(world.events.iter().any(up), "{:?}", world.events);
    assert_eq!(world.position("open"), 0);
    assert!(world.position("authorise") < world.position("arm_upstream"));
    assert!(world.position("arm_upstream") < world.position_of_ack(ppp_client::CCP));
    assert!(world.position("forward_upstream") < world.position_of_ack(ppp_client::IPCP));
    assert!(world.position("arm_downstream") < world.position("forward_downstream"));
}

/// What alice gets who asks for `wanted`, and how many addresses of the pool are leased then.
fn dialled_for(
    policy: AddressPolicy,
    own: Option<Ipv4Addr>,
    wanted: Ipv4Addr,
) -> (Ipv4Addr, usize) {
    let mut world = World::with(10, policy, own);
    let mut client = PppClient::new("alice", "wonderland-7");
    client.address = wanted;
    let id = world.dial(&mut client);
    assert!(client.network_up());
    assert_eq!(
        world.leases,
        [client.address],
        "one address is in the directory"
    );
    let used = world.sessions.pool_usage()[0].used;
    let address = client.address;
    world.sessions.peer_closed(id, world.now);
    world.run();
    world.assert_all_given_back();
    (address, used)
}

#[test]
fn p10_whose_choice_the_address_is() {
    use AddressPolicy::{Assign, Keep, Override};
    let address = |last| Ipv4Addr::new(10, 77, 0, last);
    let own = Some(address(200));
    let elsewhere = Ipv4Addr::new(192, 168, 1, 7);
    for (policy, own, wanted, expected) in [
        (Assign, None, address(105), (address(100), 1)),
        (Keep, None, address(105), (address(105), 1)),
        (Override, None, address(105), (address(105), 1)),
        // The gateway, and what is not of the pool.
        (Keep, None, address(1), (address(100), 1)),
        (Keep, None, elsewhere, (address(100), 1)),
        // The user has an address.
        (Assign, own, address(105), (address(200), 0)),
        (Keep, own, address(105), (address(105), 1)),
        (Override, own, address(105), (address(200), 0)),
        (Keep, own, address(200), (address(200), 0)),
    ] {
        assert_eq!(
            dialled_for(policy, own, wanted),
            expected,
            "{policy:?} {own:?} {wanted}"
        );
    }
}

#[test]
fn outgoing_call_reply_waits_for_the_worker() {
    let mut world = World::new();
    world.silent = true;
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(7));
    let replied = |world: &World| {
        control::split(&world.written)
            .iter()
            .any(|m| control::kind(m) == OUTGOING_CALL_REPLY)
    };
    assert!(!replied(&world));
    let flow = world.flow.unwrap();
    world
        .sessions
        .report(FlowReport::Opened { flow, slot: 3 }, world.now);
    world.run();
    assert!(replied(&world));
}

#[test]
fn a_worker_without_room_refuses_the_call_and_nothing_leaks() {
    let mut world = World::new();
    world.refuse_open = Some(OpenRefusal::SlabFull);
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(7));
    let messages = control::split(&world.written);
    let reply = messages
        .iter()
        .find(|m| control::kind(m) == OUTGOING_CALL_REPLY)
        .unwrap();
    assert_eq!((reply[16], reply[17]), (2, 4), "general error, no resource");
    assert_eq!(world.end_reason(), "worker.slab_full");
    world.assert_all_given_back();
}

#[test]
fn a_wrong_password_is_told_and_named() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wrong");
    world.dial(&mut client);
    let message = client.failure_message.clone().expect("a Failure");
    assert!(message.starts_with("E=691 R=0"), "{message}");
    world.pass(Duration::from_secs(10));
    assert!(client.terminated || world.end_reason().starts_with("link."));
    let rejected = |event: &Event| matches!(event, Event::Rejected { .. });
    assert!(world.events.iter().any(rejected));
    world.assert_all_given_back();
}

#[test]
fn a_client_without_encryption_is_told_and_named() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    client.mppe = false;
    world.dial(&mut client);
    world.pass(Duration::from_secs(10));
    assert!(client.terminated, "LCP says goodbye");
    assert!(!client.network_up());
    assert!(
        world.end_reason().contains("mppe"),
        "{}",
        world.end_reason()
    );
    world.assert_all_given_back();
}

#[test]
fn a_client_that_closes_tcp_gives_everything_back_at_once() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    let id = world.dial(&mut client);
    world.sessions.peer_closed(id, world.now);
    world.run();
    assert_eq!(world.end_reason(), "control.peer_closed");
    assert_eq!(world.closed, [id]);
    world.assert_all_given_back();
    assert!(world.sessions.is_empty());
}

#[test]
fn a_client_that_falls_silent_is_gone_within_the_keep_alive_bound() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    world.pass(Duration::from_secs(150));
    let reason = world.end_reason();
    assert!(
        ["link.echo_timeout", "control.echo_timeout"].contains(&reason.as_str()),
        "{reason}"
    );
    world.assert_all_given_back();
}

#[test]
fn call_clear_request_is_answered_with_our_call_id() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    let id = world.dial(&mut client);
    world.receive(id, &control::call_clear(0));
    let notify = control::split(&world.written)
        .into_iter()
        .find(|message| control::kind(message) == CALL_DISCONNECT_NOTIFY)
        .expect("Call-Disconnect-Notify")
        .to_vec();
    assert_eq!(control::call_id(&notify), world.flow.unwrap().call_id.get());
    assert_eq!(world.end_reason(), "cleared_by_peer");
    world.assert_all_given_back();
}

#[test]
fn a_stop_ends_every_call_with_lcp_then_our_call_id_then_tcp() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    let id = world.dial(&mut client);
    let frames = world.frames_of(|world| world.sessions.stop(world.now));
    let replies = frames
        .iter()
        .flat_map(|frame| client.handle(frame))
        .collect();
    assert!(client.terminated);
    world.talk(&mut client, replies);
    world.pass(Duration::from_secs(3));
    let notify = control::split(&world.written)
        .into_iter()
        .find(|message| control::kind(message) == CALL_DISCONNECT_NOTIFY)
        .expect("Call-Disconnect-Notify")
        .to_vec();
    assert_eq!(control::call_id(&notify), world.flow.unwrap().call_id.get());
    assert_eq!(world.closed, [id]);
    assert_eq!(world.end_reason(), "administrative_stop");
    assert!(world.sessions.is_empty());
    let refused = world
        .sessions
        .accept(SocketAddrV4::new(CLIENT, 1), SERVER, world.now);
    assert!(refused.is_err(), "nobody is admitted after the stop");
    assert_eq!(world.sessions.refusals().get("stopping"), 1);
}

#[test]
fn an_exhausted_pool_is_named_and_the_client_is_told() {
    let mut world = World::with_pool(0);
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    world.pass(Duration::from_secs(5));
    assert!(client.terminated);
    assert_eq!(world.end_reason(), "no_address.pool_exhausted");
}

#[test]
fn a_client_that_never_negotiates_is_given_up_in_time() {
    let mut world = World::new();
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(5));
    world.pass(Duration::from_secs(60));
    assert_ne!(world.events.len(), 0);
    let reason = world.end_reason();
    assert!(reason.contains("timeout"), "{reason}");
    world.assert_all_given_back();
}

#[test]
fn a_dead_client_is_not_waited_for_when_lcp_says_goodbye() {
    let mut world = World::new();
    let mut client = PppClient::new("alice", "wonderland-7");
    world.dial(&mut client);
    let config = LinkConfig::default();
    let bound = config.echo_interval * (u32::from(config.echo_failures_max) + 1);
    world.pass(bound + Duration::from_secs(1));
    assert_eq!(world.end_reason(), "link.echo_timeout");
    world.assert_all_given_back();
}

#[test]
fn a_client_that_asks_for_calls_without_end_is_slowed_down() {
    let mut world = World::new();
    let id = world.connect();
    world.receive(id, &control::start_request());
    let mut refused = 0;
    for _ in 0..200 {
        world.receive(id, &control::call_request(5));
        world.receive(id, &control::call_clear(5));
        refused = world.sessions.refusals().get("call_rate");
    }
    assert!((100..200).contains(&refused), "{refused} of 200 at once");
    world.pass(Duration::from_secs(2));
    world.receive(id, &control::call_request(6));
    assert_eq!(
        world.sessions.refusals().get("call_rate"),
        refused,
        "and may call again later"
    );
}

#[test]
fn what_reaches_no_call_is_counted() {
    let mut world = World::new();
    let peer = SocketAddrV4::new(CLIENT, 40_000);
    let elsewhere = Ipv4Addr::new(198, 51, 100, 9);
    assert!(world.sessions.accept(peer, elsewhere, world.now).is_err());
    let nobody = FlowKey::new(0, pns::wire::call_id::CallId::new(9));
    world.sessions.frame(nobody, &[0xc0, 0x21], world.now);
    world.silent = true;
    let id = world.connect();
    world.receive(id, &control::start_request());
    world.receive(id, &control::call_request(7));
    let opening = world.flow.unwrap();
    world.sessions.frame(opening, &[0xc0, 0x21], world.now);
    let refusals = world.sessions.refusals();
    for reason in [
        "local_address_unknown",
        "frame_without_call",
        "frame_out_of_state",
    ] {
        assert_eq!(refusals.get(reason), 1, "{reason}");
    }
}

/// RFC 2637 §2.8: a client whose call is refused for want of a Call ID is told so, the refusal is
/// counted, and another local address has a space of its own.
#[test]
fn a_space_of_call_ids_that_is_too_hot_is_a_counted_refusal() {
    let mut world = World::new();
    let mut used = std::collections::HashSet::new();
    // Below the rate at which one connection may call.
    const CALLS_PER_CONNECTION: u16 = 60;
    while used.len() < 65_535 {
        let id = world.connect();
        world.receive(id, &control::start_request());
        for number in 0..CALLS_PER_CONNECTION.min((65_535 - used.len()) as u16) {
            world.written.clear();
            world.receive(id, &control::call_request(number));
            assert!(used.insert(control::call_id(&world.written)), "it rests");
            world.receive(id, &control::call_clear(number));
        }
        world.sessions.peer_closed(id, world.now);
        world.run();
        world.commands.clear();
        world.events.clear();
    }
    assert!(!used.contains(&0));
    let ask = |world: &mut World, local| {
        let id = world.connect_to(local);
        world.receive(id, &control::start_request());
        world.written.clear();
        world.receive(id, &control::call_request(5));
        (world.written[16], world.written[17])
    };
    assert_eq!(
        ask(&mut world, SERVER),
        (2, 4),
        "general error, no resource"
    );
    assert_eq!(
        world.sessions.refusals().get("too_hot"),
        2,
        "by the space and by the call"
    );
    assert_eq!(ask(&mut world, SECOND_SERVER), (1, 0), "another space");
    world.pass(Duration::from_secs(61));
    assert_eq!(ask(&mut world, SERVER), (1, 0), "they have rested");
}

#[test]
fn rfc3078_a_login_on_a_live_call_must_not_bring_back_keys_that_were_used() {
    for same_keys in [false, true] {
        let mut world = World::new();
        world.same_keys = same_keys;
        let mut client = PppClient::new("alice", "wonderland-7");
        world.dial(&mut client);
        assert!(client.network_up());
        let (armed, lease) = (world.position("arm_upstream"), client.address);
        world.commands.clear();
        let frames = client.restart();
        world.talk(&mut client, frames);
        if same_keys {
            assert!(world.commands.iter().all(|(word, _)| *word != "authorise"));
            world.pass(Duration::from_secs(10));
            assert_eq!(world.end_reason(), "link.rekey_not_possible");
            world.assert_all_given_back();
            continue;
        }
        assert!(client.network_up() && client.encrypted());
        assert!(world.position("suspend") < world.position("authorise"));
        assert!(world.position("authorise") < world.position("arm_upstream"));
        assert!(armed > 0 && world.leases == [lease], "the lease stays");
        let ups = world
            .events
            .iter()
            .filter(|event| matches!(event, Event::NetworkUp { .. }));
        assert_eq!(ups.count(), 1);
    }
}
