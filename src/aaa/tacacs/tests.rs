//! The client against servers that are scripted in memory, in virtual time.

mod bill;
mod fail_over;
mod log_ins;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{Client, ConnectionId, Event, Layer, Output, ServerConfig, Settings, Timing};
use crate::aaa::Servers;
use crate::aaa::radius::{Billed, Caller, Ticket};
use crate::aaa::{Access, Decision, Denial, Grant};
use crate::auth::Secret;
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::ppp::link::{Credentials, MppePolicy};
use crate::wire::call_id::CallId;
use crate::wire::tacacs::authentication::{Reply, Start, Status};
use crate::wire::tacacs::authorization::{self, Response};
use crate::wire::tacacs::{HEADER_BYTES, Header, Kind, accounting, flag};

const SECRET: &str = "between pns and tacacs";

/// What a server does.
#[derive(Clone)]
struct Script {
    /// Takes connections.
    listens: bool,
    /// Says anything.
    answers: bool,
    /// Lets sessions share a connection.
    shares: bool,
    secret: &'static str,
    flags: u8,
    status: Status,
    message: &'static [u8],
    data: &'static [u8],
    grant: authorization::Status,
    arguments: Vec<&'static [u8]>,
    written: accounting::Status,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            listens: true,
            answers: true,
            shares: true,
            secret: SECRET,
            flags: 0,
            status: Status::Pass,
            message: b"",
            data: b"",
            grant: authorization::Status::PassAdd,
            arguments: Vec::new(),
            written: accounting::Status::Success,
        }
    }
}

impl Script {
    fn answer(&self, kind: Kind) -> Vec<u8> {
        let body = match kind {
            Kind::Authentication => Reply {
                status: self.status,
                no_echo: false,
                message: self.message,
                data: self.data,
            }
            .encode(),
            Kind::Authorization => Response {
                status: self.grant,
                message: self.message,
                data: b"",
                arguments: self.arguments.clone(),
            }
            .encode(),
            Kind::Accounting => accounting::Reply {
                status: self.written,
                message: b"",
                data: b"",
            }
            .encode(),
        };
        body.unwrap().to_vec()
    }
}

/// A client, its servers, and the wire between.
struct World {
    client: Client,
    now: Timestamp,
    servers: Vec<Script>,
    /// Which server each open connection leads to.
    wires: HashMap<ConnectionId, usize>,
    /// Connections that were ever opened, by server.
    opened: Vec<usize>,
    /// Packets that the servers read, revealed.
    read: Vec<(usize, Header, Vec<u8>)>,
    decided: HashMap<Ticket, Decision>,
    billed: Vec<(u64, Billed)>,
    events: Vec<Event>,
}

fn address(server: usize) -> SocketAddr {
    let last = u8::try_from(server).unwrap();
    (Ipv4Addr::new(192, 0, 2, last), 49).into()
}

impl World {
    fn new(servers: Vec<Script>) -> Self {
        Self::with(servers, Timing::default(), vec![Layer::Lcp, Layer::Ip])
    }

    fn with(servers: Vec<Script>, timing: Timing, layers: Vec<Layer>) -> Self {
        let server = |index| ServerConfig {
            name: format!("t{index}").into(),
            address: address(index),
            secret: Secret::from(SECRET.to_owned()),
            group: None,
            timeout: Duration::from_secs(2),
        };
        let settings = Settings {
            servers: (0..servers.len()).map(server).collect(),
            timing,
            layers,
            pool: "default".into(),
        };
        // The worst that can be: identifiers that are all the same.
        let entropy = |buffer: &mut [u8]| buffer.fill(7);
        Self {
            client: Client::new(settings, Box::new(entropy)),
            now: Timestamp::ZERO + Duration::from_secs(100),
            opened: vec![0; servers.len()],
            servers,
            wires: HashMap::new(),
            read: Vec::new(),
            decided: HashMap::new(),
            billed: Vec::new(),
            events: Vec::new(),
        }
    }

    fn ask(&mut self, credentials: &Credentials) -> Ticket {
        let access = Access {
            mppe: MppePolicy::OPTIONAL,
            ..Access::default()
        };
        let asked = self.client.ask(
            &caller(),
            credentials,
            &Arc::new(access),
            &Servers::Any,
            self.now,
        );
        asked.unwrap_or_else(|denial| panic!("{denial:?}"))
    }

    /// Until nobody has anything to say at this time.
    fn settle(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect(id, to) => self.connect(id, to),
                Output::Transmit(id, bytes) => self.serve(id, &bytes),
                Output::Close(id) => {
                    self.wires.remove(&id);
                }
                Output::Decided(ticket, decision) => {
                    assert!(self.decided.insert(ticket, decision).is_none());
                }
                Output::Billed(number, billed) => self.billed.push((number, billed)),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn connect(&mut self, id: ConnectionId, to: SocketAddr) {
        let index = (0..self.servers.len()).find(|index| address(*index) == to);
        let index = index.unwrap();
        self.opened[index] += 1;
        if self.servers[index].listens {
            assert!(self.wires.insert(id, index).is_none(), "{id:?} is in use");
            self.client.connected(id, self.now);
        } else {
            self.client.closed(id, self.now);
        }
    }

    fn serve(&mut self, id: ConnectionId, packet: &[u8]) {
        let index = self.wires[&id];
        let script = self.servers[index].clone();
        let header = Header::parse(packet).unwrap().unwrap();
        let body = header.reveal(&packet[HEADER_BYTES..], script.secret.as_bytes());
        self.read.push((index, header, body.to_vec()));
        if !script.answers || header.sequence != 1 {
            return;
        }
        let share = if script.shares {
            flag::SINGLE_CONNECT
        } else {
            0
        };
        let reply = Header {
            sequence: 2,
            flags: share | script.flags,
            ..header
        };
        let bytes = reply.packet(&script.answer(header.kind), script.secret.as_bytes());
        // Streams have no packets: it comes in pieces.
        for piece in bytes.chunks(5) {
            self.client.receive(id, piece, self.now);
        }
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.client.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn log_in(&mut self, credentials: &Credentials) -> Decision {
        let ticket = self.ask(credentials);
        self.pass(Duration::from_secs(10));
        self.decided.remove(&ticket).expect("a decision")
    }

    fn granted(&mut self, credentials: &Credentials) -> Grant {
        match self.log_in(credentials) {
            Decision::Accept(grant) => *grant,
            Decision::Deny(denial) => panic!("{denial:?}"),
            Decision::Reject(_) | Decision::Challenge { .. } => panic!("no grant"),
        }
    }

    fn denied(&mut self, credentials: &Credentials) -> Denial {
        match self.log_in(credentials) {
            Decision::Deny(denial) => *denial,
            Decision::Accept(_) => panic!("let in"),
            Decision::Reject(_) | Decision::Challenge { .. } => panic!("no denial"),
        }
    }

    /// How often a server was asked.
    fn asked(&self, server: usize) -> usize {
        let asked = self.read.iter();
        asked.filter(|(index, ..)| *index == server).count()
    }
}

fn caller() -> Caller {
    Caller {
        client: crate::aaa::radius::ClientSaid::default(),
        flow: FlowKey::new(0, CallId::new(7)),
        peer_address: Ipv4Addr::new(198, 51, 100, 7),
        local_address: Ipv4Addr::new(198, 51, 100, 1),
        calling_number: None,
        called_number: None,
        state: None,
    }
}

fn pap() -> Credentials {
    Credentials::Pap {
        name: b"alice".to_vec(),
        password: b"wonderland-7".to_vec(),
    }
}

/// What a server read first, as a log-in.
fn start_of(body: &[u8]) -> Start<'_> {
    Start::parse(body).unwrap()
}
