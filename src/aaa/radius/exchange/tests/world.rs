//! A network and servers made of plain data.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::auth::Secret;
use crate::wire::radius::attribute::{ACCT_DELAY_TIME, USER_NAME};
use crate::wire::radius::proof::{Signature, is_digest_of_itself, request_signature};
use crate::wire::radius::{Packet, Reply as ReplyPacket};

pub(super) const SECRET: &[u8] = b"a secret of the tests";

pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A server as it should be, until a test says otherwise.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    pub(super) alive: bool,
    pub(super) secret: &'static [u8],
    pub(super) knows_status: bool,
    pub(super) mute_users: bool,
    pub(super) signs: bool,
    pub(super) doubled: bool,
    pub(super) delay: Duration,
    pub(super) lose_next: u32,
    pub(super) lost_percent: u64,
    pub(super) attributes: Attributes,
    pub(super) heard: u32,
}

type Datagram = (SocketId, SocketAddr, Vec<u8>);

pub(super) struct World {
    pub(super) exchange: Exchange,
    pub(super) servers: Vec<Fake>,
    pub(super) now: Timestamp,
    pub(super) sent: Vec<(SocketId, Vec<u8>)>,
    pub(super) opened: usize,
    pub(super) answered: HashMap<Ticket, (Outcome, Duration)>,
    pub(super) twice: usize,
    pub(super) events: Vec<Event>,
    on_the_way: BTreeMap<(Timestamp, u64), Datagram>,
    asked: HashMap<Ticket, Timestamp>,
    random: u64,
}

impl World {
    /// Servers with these priorities and weights.
    pub(super) fn new(servers: &[(u8, u16)], timing: Timing) -> Self {
        Self::of(Service::Authentication, servers, timing)
    }

    pub(super) fn accounting(servers: u8) -> Self {
        let servers: Vec<_> = (0..servers).map(|priority| (priority, 1)).collect();
        Self::of(Service::Accounting, &servers, Timing::default())
    }

    fn of(service: Service, servers: &[(u8, u16)], timing: Timing) -> Self {
        let address = |index: usize| SocketAddr::from(([10, 0, 0, index as u8 + 1], 1812));
        let configs = servers
            .iter()
            .enumerate()
            .map(|(index, server)| ServerConfig {
                name: format!("server-{index}").into(),
                service,
                address: address(index),
                secret: Secret::new(SECRET.to_vec()),
                priority: server.0,
                weight: server.1,
                group: None,
                dead_time: None,
                demand: Demand::Auto,
            });
        let fakes = (0..servers.len()).map(|index| Fake {
            address: address(index),
            alive: true,
            secret: SECRET,
            knows_status: true,
            mute_users: false,
            signs: true,
            doubled: false,
            delay: ms(2),
            lose_next: 0,
            lost_percent: 0,
            attributes: Attributes::new(),
            heard: 0,
        });
        let mut state = 0x9e37_79b9_7f4a_7c15;
        let entropy = move |buffer: &mut [u8]| {
            for byte in buffer {
                *byte = next(&mut state) as u8;
            }
        };
        Self {
            exchange: Exchange::new(configs.collect(), timing, Box::new(entropy)),
            servers: fakes.collect(),
            now: Timestamp::ZERO + Duration::from_secs(100),
            sent: Vec::new(),
            opened: 0,
            answered: HashMap::new(),
            twice: 0,
            events: Vec::new(),
            on_the_way: BTreeMap::new(),
            asked: HashMap::new(),
            random: 1,
        }
    }

    pub(super) fn seed(&mut self, seed: u64) {
        self.random = seed | 1;
    }

    pub(super) fn ask(&mut self) {
        self.ask_of(Code::ACCESS_REQUEST, None);
    }

    pub(super) fn ask_of(&mut self, code: Code, happened: Option<Timestamp>) {
        let ticket = Ticket(self.asked.len() as u64);
        let mut attributes = Attributes::new();
        attributes.octets(&USER_NAME, b"alice");
        let question = Question {
            code,
            attributes,
            password: None,
            age: happened.map(|at| Age {
                at,
                age: Duration::ZERO,
            }),
            only: None,
            among: None,
        };
        self.asked.insert(ticket, self.now);
        self.exchange.handle(Input::Ask(ticket, question), self.now);
        self.drain();
    }

    pub(super) fn ask_and_run(&mut self, times: usize) {
        for _ in 0..times {
            self.ask();
            self.run(ms(9000));
        }
    }

    /// Lets time pass, event by event.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.on_the_way.keys().next().map(|(at, _)| *at);
            let next = [arrival, self.exchange.poll_timeout()];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            if arrival == Some(at) {
                let (_, (socket, from, bytes)) = self.on_the_way.pop_first().unwrap();
                let bytes = &bytes;
                let input = Input::Datagram {
                    socket,
                    from,
                    bytes,
                };
                self.exchange.handle(input, self.now);
            }
            self.exchange.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// A datagram out of nowhere, on the first socket of the first server.
    pub(super) fn deliver(&mut self, from: SocketAddr, bytes: &[u8]) {
        let socket = SocketId {
            server: 0,
            index: 0,
        };
        let input = Input::Datagram {
            socket,
            from,
            bytes,
        };
        self.exchange.handle(input, self.now);
        self.drain();
    }

    pub(super) fn replies(&self) -> usize {
        let replied = |(outcome, _): &&(Outcome, Duration)| matches!(outcome, Outcome::Reply(_));
        self.answered.values().filter(replied).count()
    }

    pub(super) fn busy(&self) -> usize {
        self.exchange.servers.iter().map(Server::outstanding).sum()
    }

    pub(super) fn refused(&self, server: usize) -> Vec<(ReplyRefusal, u64)> {
        let counts = self.exchange.servers[server].counters.refused;
        let causes = ReplyRefusal::ALL.iter().copied().zip(counts);
        causes.filter(|(_, count)| *count > 0).collect()
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.exchange.poll_output() {
            match output {
                Output::Open { socket, to } => {
                    assert_eq!(to, self.servers[socket.server].address);
                    self.opened += 1;
                }
                Output::Close(_) => {}
                Output::Transmit { socket, bytes } => {
                    self.serve(socket, &bytes);
                    self.sent.push((socket, bytes));
                }
                Output::Answered(ticket, outcome) => {
                    let took = self.now.since(self.asked[&ticket]);
                    let before = self.answered.insert(ticket, (outcome, took));
                    self.twice += usize::from(before.is_some());
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn serve(&mut self, socket: SocketId, bytes: &[u8]) {
        let lost = next(&mut self.random) % 100;
        let server = &mut self.servers[socket.server];
        let request = Packet::parse(bytes).unwrap();
        let probe = request.code == Code::STATUS_SERVER;
        let accounting = request.code == Code::ACCOUNTING_REQUEST;
        if accounting {
            assert!(is_digest_of_itself(&request, server.secret));
        } else {
            let signature = request_signature(&request, server.secret);
            assert_eq!(signature, Signature::Right);
        }
        if !server.alive || (probe && !server.knows_status) || (!probe && server.mute_users) {
            return;
        }
        server.heard += u32::from(!probe);
        if lost < server.lost_percent || server.lose_next > 0 {
            server.lose_next = server.lose_next.saturating_sub(1);
            return;
        }
        let code = match accounting {
            true => Code::ACCOUNTING_RESPONSE,
            false => Code::ACCESS_ACCEPT,
        };
        let attributes = if probe {
            &Attributes::new()
        } else {
            &server.attributes
        };
        let reply = reply_to(bytes, code, server.secret, attributes, server.signs);
        let (at, from) = (self.now + server.delay, server.address);
        for copy in 0..=u64::from(server.doubled) {
            let number = (self.sent.len() as u64) * 2 + copy;
            let datagram = (socket, from, reply.clone());
            self.on_the_way.insert((at, number), datagram);
        }
    }
}

pub(super) fn reply_to(
    request: &[u8],
    code: Code,
    secret: &[u8],
    attributes: &Attributes,
    signed: bool,
) -> Vec<u8> {
    let request = Packet::parse(request).unwrap();
    let reply = ReplyPacket {
        code,
        identifier: request.identifier,
        request_authenticator: &request.authenticator,
        secret,
        attributes,
        signed,
    };
    reply.to_packet().unwrap()
}

pub(super) fn delay_of(request: &[u8]) -> Option<u32> {
    Packet::parse(request).ok()?.integer(&ACCT_DELAY_TIME)
}

/// xorshift.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 11
}
