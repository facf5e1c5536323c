//! Sessions, a worker that only answers, and what the event loop does between them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use pns::aaa::{Decision, Grant, LocalUser, LocalUsers, NameServers, PoolConfig, Pools};
use pns::auth::NtHash;
use pns::clock::Timestamp;
use pns::flow::{
    Authenticated, BucketTable, FlowCommand, FlowKey, FlowPolicy, FlowRates, FlowReport,
    FlowTotals, OpenRefusal,
};
use pns::mppe::keys::{DownstreamKey, StartKeys, UpstreamKey};
use pns::ppp::link::LinkConfig;
use pns::pptp::ControlConfig;
use pns::session::admission::AdmissionLimits;
use pns::session::{
    Capacity, ConnectionId, Event, Listener, Output, SessionConfig, SessionPolicy, Sessions,
};
use pns::wire::prefix::Prefix;

use super::control_client as control;
use super::ppp_client::PppClient;

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const SECOND_SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 3);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
pub(crate) const OUTGOING_CALL_REPLY: u16 = 8;
pub(crate) const CALL_DISCONNECT_NOTIFY: u16 = 13;

/// What reached the worker, in a word each.
pub(crate) fn word(command: &FlowCommand) -> &'static str {
    match command {
        FlowCommand::Open { .. } => "open",
        FlowCommand::Connect { .. } => "connect",
        FlowCommand::Frame { .. } => "frame",
        FlowCommand::Authorise { .. } => "authorise",
        FlowCommand::Shape { .. } => "shape",
        FlowCommand::ArmUpstream { .. } => "arm_upstream",
        FlowCommand::ArmDownstream { .. } => "arm_downstream",
        FlowCommand::FlushDownstream { .. } => "flush_downstream",
        FlowCommand::ForwardUpstream { .. } => "forward_upstream",
        FlowCommand::AgreeIpv6 { .. } => "agree_ipv6",
        FlowCommand::LeadTo { .. } => "lead_to",
        FlowCommand::EndIpv6 { .. } => "end_ipv6",
        FlowCommand::ForwardDownstream { .. } => "forward_downstream",
        FlowCommand::Suspend { .. } => "suspend",
        FlowCommand::PeerReceive { .. } => "peer-receive",
        FlowCommand::Close { .. } => "close",
    }
}

pub(crate) struct World {
    pub(crate) sessions: Sessions,
    pub(crate) users: LocalUsers,
    pub(crate) now: Timestamp,
    pub(crate) written: Vec<u8>,
    pub(crate) closed: Vec<ConnectionId>,
    /// Connections that sessions asked to be opened.
    pub(crate) connects: Vec<(ConnectionId, SocketAddrV4)>,
    pub(crate) events: Vec<Event>,
    /// Everything the worker got: (word, PPP frame if it is one).
    pub(crate) commands: Vec<(&'static str, Vec<u8>)>,
    pub(crate) leases: Vec<Ipv4Addr>,
    /// What became of networks: in the directory, and in the kernel.
    pub(crate) ways: Vec<(&'static str, Prefix)>,
    /// The longest packet to the client that the worker was told of.
    pub(crate) mtu: Option<u16>,
    /// What the worker was told to enforce, by each login.
    pub(crate) policies: Vec<FlowPolicy>,
    /// How fast the worker was told that a call may be.
    pub(crate) rates: Vec<FlowRates>,
    pub(crate) flow: Option<FlowKey>,
    pub(crate) refuse_open: Option<OpenRefusal>,
    /// The worker answers nothing.
    pub(crate) silent: bool,
    /// The worker does not say that a flow is closed.
    pub(crate) mute_closed: bool,
    /// What an authentication server makes of a decision.
    pub(crate) elsewhere: Option<fn(Decision) -> Decision>,
}

/// Every login gives the same start keys, as a careless RADIUS server has it.
pub(crate) fn same_keys(decision: Decision) -> Decision {
    let keys = StartKeys {
        upstream: UpstreamKey::from_bytes([7; 16]),
        downstream: DownstreamKey::from_bytes([8; 16]),
    };
    with_grant(decision, |grant| {
        let policy = grant.authenticated.policy();
        grant.authenticated = Authenticated::without_login(policy, Some(keys));
    })
}

/// A decision with another grant.
pub(crate) fn with_grant(mut decision: Decision, change: impl FnOnce(&mut Grant)) -> Decision {
    if let Decision::Accept(grant) = &mut decision {
        change(grant);
    }
    decision
}

/// So many addresses.
fn pool(addresses: u8) -> PoolConfig {
    let of_pool = |last: u8| Ipv4Addr::new(10, 77, 0, last);
    let range = of_pool(100)..=of_pool(99 + addresses);
    PoolConfig::new("default", vec![range], of_pool(1))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_pool(10)
    }

    pub(crate) fn with_pool(addresses: u8) -> Self {
        Self::with(addresses, None, |_| {})
    }

    /// Of these addresses in the pool, alice may have one of her own. `adjust` says what else is
    /// different.
    pub(crate) fn with(
        addresses: u8,
        own: Option<Ipv4Addr>,
        adjust: impl FnOnce(&mut SessionConfig),
    ) -> Self {
        let alice = LocalUser {
            address: own,
            ..LocalUser::new("alice", NtHash::from_password("wonderland-7"), "default")
        };
        let pool = pool(addresses);
        let link = Arc::new(LinkConfig {
            retries_max: 0,
            ..LinkConfig::default()
        });
        let listener = |address| Listener {
            address,
            link: Arc::clone(&link),
            access: Arc::default(),
        };
        let mut config = SessionConfig {
            listeners: [SERVER, SECOND_SERVER].map(listener).into(),
            control: Arc::new(ControlConfig::default()),
            peers: Vec::new(),
            limits: AdmissionLimits {
                control_connections_max: 16,
                control_connections_per_source_max: 16,
                half_open_max: 16,
                calls_max: 16,
                calls_per_source_max: 16,
            },
            setup_timeout: Duration::from_secs(30),
            mtu_max: 1500,
            mppc_calls_max: 0,
            name_servers: NameServers::default(),
            policy: SessionPolicy::default(),
        };
        adjust(&mut config);
        let capacity = Capacity {
            connections: config.limits.control_connections_max,
            calls: config.limits.calls_max,
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
                capacity,
                Box::new(entropy),
            ),
            users: LocalUsers::new([alice]),
            now: Timestamp::ZERO + Duration::from_secs(100),
            written: Vec::new(),
            closed: Vec::new(),
            connects: Vec::new(),
            events: Vec::new(),
            commands: Vec::new(),
            leases: Vec::new(),
            ways: Vec::new(),
            mtu: None,
            policies: Vec::new(),
            rates: Vec::new(),
            flow: None,
            refuse_open: None,
            silent: false,
            mute_closed: false,
            elsewhere: None,
        }
    }

    pub(crate) fn connect(&mut self) -> ConnectionId {
        self.connect_to(SERVER)
    }

    pub(crate) fn connect_to(&mut self, local: Ipv4Addr) -> ConnectionId {
        let peer = SocketAddrV4::new(CLIENT, 40_000);
        let id = self
            .sessions
            .accept(peer, local, self.now)
            .expect("admitted");
        self.run();
        id
    }

    pub(crate) fn receive(&mut self, id: ConnectionId, bytes: &[u8]) {
        self.sessions.receive(id, bytes, self.now);
        self.run();
    }

    /// Does what the loop and the worker do, until nothing moves. Returns the frames for the client.
    pub(crate) fn run(&mut self) -> Vec<Vec<u8>> {
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

    pub(crate) fn carry_out(&mut self, output: Output) {
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
                call,
                credentials,
                access,
                ..
            } => {
                let mut decision = self.users.decide(&credentials, &access, self.now);
                if let Some(elsewhere) = self.elsewhere {
                    decision = elsewhere(decision);
                }
                self.sessions.decide(call, decision, self.now);
            }
            Output::LeaseSet { lease, .. } => self.leases.push(lease),
            Output::LeaseCleared { lease } => self.leases.retain(|other| *other != lease),
            Output::NetworkSet { network, .. } => self.ways.push(("set", network)),
            Output::NetworkCleared { network } => self.ways.push(("cleared", network)),
            Output::RouteSet { network, .. } => self.ways.push(("route", network)),
            Output::RouteCleared { network } => self.ways.push(("route_cleared", network)),
            Output::OwnAddressSet { .. } | Output::OwnAddressCleared { .. } => {}
            Output::Event(event) => self.events.push(event),
        }
    }

    pub(crate) fn work(&mut self, command: FlowCommand) -> Option<Vec<u8>> {
        let bytes = match &command {
            FlowCommand::Frame { frame, .. } => frame.as_slice().to_vec(),
            _ => Vec::new(),
        };
        self.commands.push((word(&command), bytes.clone()));
        if let FlowCommand::Authorise { authenticated, .. } = &command {
            self.policies.push(authenticated.policy());
        }
        if let FlowCommand::Shape { rates, .. } = &command {
            self.rates.push(*rates);
        }
        if let FlowCommand::ForwardDownstream { mtu, .. } = &command {
            self.mtu = Some(*mtu);
        }
        let flow = command.flow();
        let report = match command {
            FlowCommand::Open { .. } => {
                self.flow = Some(flow);
                Some(match self.refuse_open {
                    Some(refusal) => FlowReport::OpenRefused { flow, refusal },
                    None => FlowReport::Opened { flow, slot: 0 },
                })
            }
            FlowCommand::Close { .. } if self.mute_closed => None,
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

    /// The worker's last word of a flow.
    pub(crate) fn report_closed(&mut self, flow: FlowKey) {
        let totals = FlowTotals::default();
        let report = FlowReport::Closed { flow, totals };
        self.sessions.report(report, self.now);
    }

    /// Lets `client` and the server talk until both are silent.
    pub(crate) fn talk(&mut self, client: &mut PppClient, mut from_client: Vec<Vec<u8>>) {
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
    pub(crate) fn dial(&mut self, client: &mut PppClient) -> ConnectionId {
        self.dial_to(SERVER, client)
    }

    pub(crate) fn dial_to(&mut self, local: Ipv4Addr, client: &mut PppClient) -> ConnectionId {
        let id = self.connect_to(local);
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

    pub(crate) fn frames_of(&mut self, act: impl FnOnce(&mut Self)) -> Vec<Vec<u8>> {
        act(self);
        self.run()
    }

    /// Time passes, and nobody hears what the server says.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.pass_with(time, |_, _| {});
    }

    /// Time passes; `hear` gets what the server says.
    pub(crate) fn pass_with(
        &mut self,
        time: Duration,
        mut hear: impl FnMut(&mut Self, Vec<Vec<u8>>),
    ) {
        let end = self.now + time;
        while let Some(deadline) = self
            .sessions
            .poll_timeout()
            .filter(|deadline| *deadline <= end)
        {
            self.now = self.now.max(deadline);
            self.sessions.handle_timeout(self.now);
            let frames = self.run();
            hear(self, frames);
        }
        self.now = end;
    }

    pub(crate) fn position(&self, word: &str) -> usize {
        self.commands
            .iter()
            .position(|(other, _)| *other == word)
            .unwrap_or_else(|| {
                let words: Vec<_> = self.commands.iter().map(|(word, _)| word).collect();
                panic!("no {word} in {words:?}")
            })
    }

    /// Where the first Configure-Ack of a protocol was sent.
    pub(crate) fn position_of_ack(&self, protocol: u16) -> usize {
        let is_ack = |(_, frame): &(&str, Vec<u8>)| {
            frame.len() > 4 && frame[2..4] == protocol.to_be_bytes() && frame[4] == 2
        };
        self.commands
            .iter()
            .position(is_ack)
            .expect("a Configure-Ack")
    }

    pub(crate) fn end_reason(&self) -> String {
        let reason = |event: &Event| match event {
            Event::CallEnded { reason, .. } => Some(reason.name()),
            _ => None,
        };
        self.events.iter().find_map(reason).expect("the call ended")
    }

    pub(crate) fn assert_all_given_back(&mut self) {
        assert!(
            self.leases.is_empty(),
            "leases in the directory: {:?}",
            self.leases
        );
        assert_eq!(self.sessions.pool_usage()[0].used, 0);
        assert_eq!(self.sessions.call_count(), 0);
    }
}
