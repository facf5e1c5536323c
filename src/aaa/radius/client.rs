//! The client as its owner sees it: log-ins go in and decisions come out, ends of calls go in and the
//! bill is written. Sans-IO, like what it is made of.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::accounting::{Ledger, RecordFate};
use super::config::{ServerConfig, Service, Timing};
use super::exchange::{self, Entropy, Event, Exchange, Outcome, Reply, SocketId, Ticket};
use super::reply::{Answer, Asked, decide, whose};
use super::request::{Caller, Nas, access_request, is_state_of_radius};
use super::server::{Counters, Health};
use crate::aaa::{Access, Decision, Denial, Rejection};
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowTotals};
use crate::ppp::link::Credentials;
use crate::wire::radius::Packet;

/// What a client of RADIUS is made from.
pub struct Settings {
    /// The servers, each of its services an entry.
    pub servers: Vec<ServerConfig>,
    /// How long to wait, and how much of everything.
    pub timing: Timing,
    /// What we call ourselves.
    pub nas: Nas,
    /// The pool to lease from where no server names one.
    pub pool: Box<str>,
    /// Time between interim records where no server says; `None`: only if one says.
    pub interim: Option<Duration>,
    /// Seconds since 1970 at [`Timestamp::ZERO`].
    pub unix_at_zero_s: u64,
}

/// What the owner has to do.
pub enum Output {
    /// Open a UDP socket on a random port, connected to `to`.
    Open {
        /// Its name from here on.
        socket: SocketId,
        /// The server.
        to: SocketAddr,
    },
    /// Send a datagram.
    Transmit {
        /// On which socket.
        socket: SocketId,
        /// What.
        bytes: Vec<u8>,
    },
    /// What became of a log-in.
    Decided(Ticket, Decision),
    /// Something that an operator may want to know.
    Event(Event),
}

/// How a server is, and what it has done.
pub struct ServerView<'a> {
    /// As configured.
    pub config: &'a ServerConfig,
    /// Whether it answers.
    pub health: Health,
    /// Questions that it has not answered.
    pub outstanding: usize,
    /// What was counted.
    pub counters: &'a Counters,
}

/// Bit of the tickets of records; those of log-ins are without.
const RECORD: u64 = 1 << 63;

/// The client of RADIUS.
pub struct Client {
    exchange: Exchange,
    ledger: Ledger,
    nas: Nas,
    pool: Box<str>,
    asked: HashMap<Ticket, (FlowKey, Asked)>,
    last_ticket: u64,
    random: Entropy,
    outputs: VecDeque<Output>,
}

impl Client {
    /// Asks nobody yet, and tells those who write bills that the server begins.
    #[must_use]
    pub fn new(settings: Settings, mut random: Entropy, entropy: Entropy, now: Timestamp) -> Self {
        let mut bytes = [0; 2];
        random(&mut bytes);
        // Times differ from start to start, and where the clock was set back the rest does.
        let start_s = settings.unix_at_zero_s + now.since(Timestamp::ZERO).as_secs();
        let epoch = format!("{start_s:08X}{:04X}", u16::from_be_bytes(bytes));
        let exchange = Exchange::new(settings.servers, settings.timing, entropy);
        let mut client = Self {
            ledger: Ledger::new(
                exchange.serves(Service::Accounting),
                settings.nas.clone(),
                epoch.into(),
                settings.unix_at_zero_s,
                settings.interim,
            ),
            exchange,
            nas: settings.nas,
            pool: settings.pool,
            asked: HashMap::new(),
            last_ticket: 0,
            random,
            outputs: VecDeque::new(),
        };
        client.ledger.server(true, now);
        client.settle(now);
        client
    }

    /// Whether any server decides about log-ins.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.exchange.serves(Service::Authentication)
    }

    /// Whether a conversation in EAP with this state is one of ours.
    #[must_use]
    pub fn is_state(state: &[u8]) -> bool {
        is_state_of_radius(state)
    }

    /// A call whose user somebody else decides about; it is billed all the same.
    pub fn note_caller(&mut self, caller: &Caller) {
        self.ledger.session_id(caller);
    }

    /// Asks whether a client may come in. The answer is an output, which bears the ticket.
    ///
    /// # Errors
    /// What no server has to be asked about.
    pub fn ask(
        &mut self,
        caller: &Caller,
        credentials: &Credentials,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Result<Ticket, Rejection> {
        let session_id = self.ledger.session_id(caller);
        let (question, login) = access_request(credentials, caller, &self.nas, &session_id)?;
        let name = String::from_utf8_lossy(credentials.name());
        let asked = Asked {
            user: name.into(),
            login,
            access: Arc::clone(access),
            pool: self.pool.clone(),
        };
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.asked.insert(ticket, (caller.flow, asked));
        let input = exchange::Input::Ask(ticket, question);
        self.exchange.handle(input, now);
        self.settle(now);
        Ok(ticket)
    }

    /// A datagram came.
    pub fn receive(&mut self, socket: SocketId, from: SocketAddr, bytes: &[u8], now: Timestamp) {
        let input = exchange::Input::Datagram {
            socket,
            from,
            bytes,
        };
        self.exchange.handle(input, now);
        self.settle(now);
    }

    /// Nobody listens at the other end of a socket.
    pub fn unreachable(&mut self, socket: SocketId, now: Timestamp) {
        let input = exchange::Input::Unreachable(socket);
        self.exchange.handle(input, now);
        self.settle(now);
    }

    /// A client can use its network.
    pub fn network_up(
        &mut self,
        flow: FlowKey,
        user: &str,
        lease: Option<Ipv4Addr>,
        now: Timestamp,
    ) {
        let jitter = self.jitter();
        self.ledger.start(flow, user, lease, jitter, now);
        self.settle(now);
    }

    /// A call is over: `cause` is the number of its Acct-Terminate-Cause, `totals` the worker's final
    /// report.
    pub fn ended(&mut self, flow: FlowKey, cause: u32, totals: &FlowTotals, now: Timestamp) {
        self.ledger.stop(flow, cause, totals, now);
        self.settle(now);
    }

    /// The next call whose counters are wanted, for [`Self::look`].
    pub fn next_due(&mut self, now: Timestamp) -> Option<FlowKey> {
        self.ledger.next_due(now)
    }

    /// Writes an interim record of a call if it is time; `true` if it was idle for too long.
    pub fn look(&mut self, flow: FlowKey, totals: &FlowTotals, now: Timestamp) -> bool {
        let jitter = self.jitter();
        let idle = self.ledger.look(flow, totals, jitter, now);
        self.settle(now);
        idle
    }

    /// The server ends: those who write bills are told.
    pub fn stop(&mut self, now: Timestamp) {
        self.ledger.server(false, now);
        self.settle(now);
    }

    /// Records that no server has written down.
    #[must_use]
    pub fn records_outstanding(&self) -> usize {
        self.ledger.outstanding()
    }

    /// What became of records.
    #[must_use]
    pub const fn records(&self) -> &[u64; RecordFate::COUNT] {
        self.ledger.fates()
    }

    /// Does what is due. Counters are asked for by [`Self::next_due`].
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.exchange.handle_timeout(now);
        self.settle(now);
    }

    /// When [`Self::handle_timeout`] or [`Self::next_due`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let both = [self.exchange.poll_timeout(), self.ledger.poll_timeout()];
        both.into_iter().flatten().min()
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Every server.
    pub fn servers(&self, now: Timestamp) -> impl Iterator<Item = ServerView<'_>> {
        let view = |(config, health, outstanding, counters)| ServerView {
            config,
            health,
            outstanding,
            counters,
        };
        self.exchange.view(now).map(view)
    }

    /// The name and address of a server, for logs.
    #[must_use]
    pub fn name_of(&self, server: usize) -> String {
        self.exchange.server(server).map_or_else(String::new, whose)
    }

    fn jitter(&mut self) -> u8 {
        let mut byte = [0];
        (self.random)(&mut byte);
        let [byte] = byte;
        byte
    }

    /// Hands on what the exchange says, until it says nothing more.
    fn settle(&mut self, now: Timestamp) {
        loop {
            let ticket = |record| Ticket(RECORD | record);
            self.ledger.send(&mut self.exchange, ticket, now);
            let Some(output) = self.exchange.poll_output() else {
                return;
            };
            match output {
                exchange::Output::Open { socket, to } => {
                    self.outputs.push_back(Output::Open { socket, to });
                }
                exchange::Output::Transmit { socket, bytes } => {
                    self.outputs.push_back(Output::Transmit { socket, bytes });
                }
                exchange::Output::Answered(ticket, outcome) if ticket.0 & RECORD != 0 => {
                    self.ledger.answered(ticket, &outcome);
                }
                exchange::Output::Answered(ticket, outcome) => self.answered(ticket, &outcome),
                exchange::Output::Event(event) => self.outputs.push_back(Output::Event(event)),
            }
        }
    }

    fn answered(&mut self, ticket: Ticket, outcome: &Outcome) {
        let Some((flow, asked)) = self.asked.remove(&ticket) else {
            return;
        };
        let decision = match outcome {
            Outcome::Reply(reply) => self.believed(flow, &asked, reply),
            Outcome::NoAnswer => refuse(Rejection::RadiusNoAnswer, self.who_was_silent()),
            Outcome::Overloaded | Outcome::TooLong => {
                let what = "more questions wait than may".to_owned();
                refuse(Rejection::RadiusOverloaded, what)
            }
        };
        self.outputs.push_back(Output::Decided(ticket, decision));
    }

    fn believed(&mut self, flow: FlowKey, asked: &Asked, reply: &Reply) -> Decision {
        let server = self.exchange.server(reply.server);
        let (Some(server), Ok(packet)) = (server, Packet::parse(&reply.packet)) else {
            return refuse(Rejection::RadiusAnswerUnusable, String::new());
        };
        let answer = Answer {
            server,
            index: reply.server,
            packet,
            request_authenticator: &reply.request_authenticator,
        };
        let (decision, billing) = decide(asked, &answer);
        if let Some(billing) = billing {
            self.ledger.granted(flow, billing);
        }
        decision
    }

    fn who_was_silent(&self) -> String {
        let views = self.exchange.view(Timestamp::ZERO);
        let deciding = views.filter(|(config, ..)| config.service == Service::Authentication);
        let names: Vec<_> = deciding.map(|(config, ..)| whose(config)).collect();
        names.join(", ")
    }
}

fn refuse(rejection: Rejection, detail: String) -> Decision {
    Decision::Deny(Box::new(Denial {
        detail: (!detail.is_empty()).then(|| detail.into()),
        ..Denial::from(rejection)
    }))
}
