//! The client as its owner sees it: log-ins go in and decisions come out. Sans-IO, like what it is made
//! of.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::bill;
use super::config::{Layer, ServerConfig, Timing};
use super::exchange::{self, ConnectionId, Event, Exchange, Outcome, Question};
use super::log_in::{LogIn, denial, whose};
use super::server::{Counters, Fault};
use crate::aaa::accounting::Record;
use crate::aaa::radius::{Billed, Caller, Entropy, OVERLOADED, Ticket};
use crate::aaa::servers::{groups, may_ask, writers};
use crate::aaa::{Access, Decision, Denial, Names, Rejection, Servers};
use crate::auth::Secret;
use crate::clock::Timestamp;
use crate::ppp::link::{Credentials, MppeRequirement};

/// Bit of the tickets of records; those of log-ins are without.
const RECORD: u64 = 1 << 63;
/// Before a record that no server took is sent again: connections are refused at once.
const REST_TIME: Duration = Duration::from_secs(2);

/// What a client of TACACS+ is made from.
pub struct Settings {
    /// In the order in which they are asked.
    pub servers: Vec<ServerConfig>,
    /// How long to wait, and how much of everything.
    pub timing: Timing,
    /// What a log-in has to be granted, in this order.
    pub layers: Vec<Layer>,
    /// The pool to lease from where no server names one.
    pub pool: Box<str>,
}

/// What the owner has to do.
pub enum Output {
    /// Open a TCP connection; then [`Client::connected`] or [`Client::closed`].
    Connect(ConnectionId, SocketAddr),
    /// Send bytes.
    Transmit(ConnectionId, Vec<u8>),
    /// Close it. Nothing more is said of it.
    Close(ConnectionId),
    /// What became of a log-in.
    Decided(Ticket, Decision),
    /// What became of a record.
    Billed(u64, Billed),
    /// Something that an operator may want to know.
    Event(Event),
}

/// How a server is, and what it has done.
pub struct ServerView<'a> {
    /// As configured.
    pub config: &'a ServerConfig,
    /// Whether others are asked before it.
    pub is_dead: bool,
    /// Whether it lets sessions share a connection, as far as it has said.
    pub shares: Option<bool>,
    /// Connections that are open or opening.
    pub connections: usize,
    /// Questions that it has not answered.
    pub outstanding: usize,
    /// What was counted.
    pub counters: &'a Counters,
}

/// The client of TACACS+.
pub struct Client {
    exchange: Exchange,
    layers: Vec<Layer>,
    pool: Box<str>,
    log_ins: HashMap<Ticket, LogIn>,
    last_ticket: u64,
    /// Records that no server took, when that is said, and why: whoever hears it sends them again.
    refused: VecDeque<(Timestamp, u64, Box<str>)>,
    outputs: VecDeque<Output>,
}

impl Client {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(settings: Settings, entropy: Entropy) -> Self {
        Self {
            exchange: Exchange::new(settings.servers, settings.timing, entropy),
            layers: settings.layers,
            pool: settings.pool,
            log_ins: HashMap::new(),
            last_ticket: 0,
            refused: VecDeque::new(),
            outputs: VecDeque::new(),
        }
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
        servers: &Servers,
        now: Timestamp,
    ) -> Result<Ticket, Box<Denial>> {
        if access.mppe.requirement == MppeRequirement::Required {
            return Err(self.refuse_for_want_of_keys());
        }
        let (log_in, question) = LogIn::begin(caller, credentials, access, servers.names())?;
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.log_ins.insert(ticket, log_in);
        self.exchange
            .handle(exchange::Input::Ask(ticket, question), now);
        self.settle(now);
        Ok(ticket)
    }

    /// Whether any server decides about log-ins for which none is named.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.exchange.servers().any(|server| server.group.is_none())
    }

    /// Whether every server is held dead among these.
    #[must_use]
    pub fn is_out(&self, among: Option<&Names>, now: Timestamp) -> bool {
        let among = among.map(|names| &**names);
        let mut asked = self.servers(now).filter(|server| {
            let config = server.config;
            may_ask(among, &config.name, config.group.as_deref())
        });
        asked.all(|server| server.is_dead)
    }

    /// The groups of those who write bills; `None`: whoever has none.
    #[must_use]
    pub fn bill_groups(&self) -> Vec<Option<Box<str>>> {
        groups(self.exchange.servers().map(|it| it.group.as_deref()))
    }

    fn writers(&self, group: Option<&str>) -> Names {
        writers(
            self.exchange
                .servers()
                .map(|it| (&*it.name, it.group.as_deref())),
            group,
        )
    }

    /// Lets a server write down a record; what becomes of it is an output, which bears its number.
    pub fn bill(&mut self, number: u64, record: &Record, now: Timestamp) {
        let among = Some(self.writers(record.servers.as_deref()));
        let question = bill::record(record).map(|question| Question { among, ..question });
        let Some(question) = question else {
            let output = Output::Billed(number, Billed::TooLong);
            return self.outputs.push_back(output);
        };
        let ticket = Ticket(RECORD | number);
        self.hear(exchange::Input::Ask(ticket, question), now);
    }

    /// The server of this name shares another secret with us from now on.
    pub fn set_secret(&mut self, name: &str, secret: &Secret, now: Timestamp) {
        self.exchange.set_secret(name, secret, now);
        self.settle(now);
    }

    /// A connection is open.
    pub fn connected(&mut self, connection: ConnectionId, now: Timestamp) {
        self.hear(exchange::Input::Connected(connection), now);
    }

    /// Bytes came.
    pub fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Timestamp) {
        self.hear(exchange::Input::Received(connection, bytes), now);
    }

    /// A connection could not be opened, has broken, or was closed by the server.
    pub fn closed(&mut self, connection: ConnectionId, now: Timestamp) {
        self.hear(exchange::Input::Closed(connection), now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.exchange.handle_timeout(now);
        self.settle(now);
        while self.refused.front().is_some_and(|(at, ..)| *at <= now)
            && let Some((_, number, why)) = self.refused.pop_front()
        {
            let output = Output::Billed(number, Billed::Unanswered(why));
            self.outputs.push_back(output);
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let refused = self.refused.front().map(|(at, ..)| *at);
        [self.exchange.poll_timeout(), refused]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Every server.
    pub fn servers(&self, now: Timestamp) -> impl Iterator<Item = ServerView<'_>> {
        let servers = self.exchange.view(now);
        servers.map(|(server, is_dead, outstanding)| ServerView {
            config: &server.config,
            is_dead,
            shares: server.shares,
            connections: server.connections,
            outstanding,
            counters: &server.counters,
        })
    }

    /// The name and address of a server, for logs and verdicts.
    #[must_use]
    pub fn name_of(&self, server: usize) -> String {
        self.exchange.server(server).map_or_else(String::new, whose)
    }

    fn hear(&mut self, input: exchange::Input<'_>, now: Timestamp) {
        self.exchange.handle(input, now);
        self.settle(now);
    }

    /// Hands on what the exchange says, until it says nothing more.
    fn settle(&mut self, now: Timestamp) {
        while let Some(output) = self.exchange.poll_output() {
            let output = match output {
                exchange::Output::Connect(id, to) => Output::Connect(id, to),
                exchange::Output::Transmit(id, bytes) => Output::Transmit(id, bytes),
                exchange::Output::Close(id) => Output::Close(id),
                exchange::Output::Event(event) => Output::Event(event),
                exchange::Output::Answered(Ticket(ticket), outcome) if ticket & RECORD != 0 => {
                    let number = ticket & !RECORD;
                    let why = match outcome {
                        Outcome::Answer { .. } => {
                            let output = Output::Billed(number, Billed::Written);
                            self.outputs.push_back(output);
                            continue;
                        }
                        Outcome::NoAnswer(faults) => self.who_failed(&faults),
                        Outcome::Overloaded => OVERLOADED.to_owned(),
                    };
                    self.refused
                        .push_back((now + REST_TIME, number, why.into()));
                    continue;
                }
                exchange::Output::Answered(ticket, outcome) => {
                    match self.answered(ticket, &outcome, now) {
                        Some(decision) => Output::Decided(ticket, decision),
                        None => continue,
                    }
                }
            };
            self.outputs.push_back(output);
        }
    }

    /// `None`: the log-in goes on, or is none of ours.
    fn answered(&mut self, ticket: Ticket, outcome: &Outcome, now: Timestamp) -> Option<Decision> {
        let mut log_in = self.log_ins.remove(&ticket)?;
        let (index, body) = match outcome {
            Outcome::Answer { server, body } => (*server, body),
            Outcome::NoAnswer(faults) => {
                let who = self.who_failed(faults);
                return Some(Decision::Deny(denial(Rejection::TacacsNoAnswer, who)));
            }
            Outcome::Overloaded => {
                let what = OVERLOADED.to_owned();
                return Some(Decision::Deny(denial(Rejection::TacacsOverloaded, what)));
            }
        };
        let server = self.exchange.server(index)?;
        match log_in.answer((index, server), body, &self.layers) {
            Err(denial) => Some(Decision::Deny(denial)),
            Ok(None) => {
                let mut grant = log_in.grant(server, &self.pool);
                grant.billing.servers.clone_from(&server.group);
                Some(Decision::Accept(Box::new(grant)))
            }
            Ok(Some(question)) => {
                self.log_ins.insert(ticket, log_in);
                self.exchange
                    .handle(exchange::Input::Ask(ticket, question), now);
                None
            }
        }
    }

    /// Each server that gave no answer, and why.
    fn who_failed(&self, faults: &[(usize, Fault)]) -> String {
        let each = faults.iter();
        let each = each.map(|(server, fault)| {
            let whose = self.name_of(*server);
            format!("{whose} {}", fault.describe())
        });
        each.collect::<Vec<_>>().join("; ")
    }

    /// TACACS+ carries no keys, so nothing has to be asked, and no password sent.
    fn refuse_for_want_of_keys(&self) -> Box<Denial> {
        let all = self.exchange.servers().map(whose);
        let all = all.collect::<Vec<_>>().join(", ");
        denial(Rejection::TacacsNoKeys, all)
    }
}
