//! The client as its owner sees it: log-ins go in and decisions come out, records of the bill go in
//! and are written down. Sans-IO, like what it is made of.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::accounting::accounting_request;
use super::caller::{Caller, Nas};
use super::config::{ServerConfig, Service, Timing};
use super::exchange::{self, Entropy, Event, Exchange, Outcome, Question, Reply, SocketId, Ticket};
use super::meaning::Mapped;
use super::reply::{Answer, Asked, decide, whose};
use super::request::{Login, access_request, authorize_request, is_state_of_radius};
use super::server::{Counters, Health, ReplyRefusal};
use crate::aaa::accounting::Record;
use crate::aaa::servers::{groups, may_ask, writers};
use crate::aaa::{Access, Decision, Denial, Names, Realm, Rejection, Servers};
use crate::auth::Secret;
use crate::clock::Timestamp;
use crate::ppp::link::Credentials;
use crate::wire::radius::Packet;
use crate::wire::radius::attribute::MPD_DROP_USER;

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
    /// Seconds since 1970 at [`Timestamp::ZERO`].
    pub unix_at_zero_s: u64,
    /// What attributes mean that the dictionary does not have.
    pub map: Vec<Mapped>,
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
    /// Close a socket; its name may be given again.
    Close(SocketId),
    /// What became of a log-in.
    Decided(Ticket, Decision),
    /// Who writes down the record of this number wants its call to end.
    Unwanted(u64),
    /// What became of the record of this number.
    Billed(u64, Billed),
    /// Something that an operator may want to know.
    Event(Event),
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Billed {
    /// A server has written it down.
    Written,
    /// No server has answered in time; which, and why as far as that is known.
    Unanswered(Box<str>),
    /// It does not fit a packet.
    TooLong,
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
/// Why a question was not even put.
pub(in crate::aaa) const OVERLOADED: &str = "more questions wait than may";

/// The client of RADIUS.
pub struct Client {
    exchange: Exchange,
    nas: Nas,
    pool: Box<str>,
    map: Vec<Mapped>,
    unix_at_zero_s: u64,
    asked: HashMap<Ticket, Asked>,
    last_ticket: u64,
    outputs: VecDeque<Output>,
}

impl Client {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(settings: Settings, entropy: Entropy) -> Self {
        Self {
            exchange: Exchange::new(settings.servers, settings.timing, entropy),
            nas: settings.nas,
            pool: settings.pool,
            map: settings.map,
            unix_at_zero_s: settings.unix_at_zero_s,
            asked: HashMap::new(),
            last_ticket: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Whether any server decides about log-ins for which none is named.
    #[must_use]
    pub fn decides(&self) -> bool {
        let service = Service::Authentication;
        let mut deciding = self.serving(service, None, Timestamp::ZERO);
        deciding.next().is_some()
    }

    /// Whether every server is held dead that decides among these.
    #[must_use]
    pub fn is_out(&self, among: Option<&Names>, now: Timestamp) -> bool {
        let mut deciding = self.serving(Service::Authentication, among, now);
        deciding.all(|server| server.health == Health::Dead)
    }

    fn serving<'a>(
        &'a self,
        service: Service,
        among: Option<&'a Names>,
        now: Timestamp,
    ) -> impl Iterator<Item = ServerView<'a>> {
        let names = among.map(|names| &**names);
        self.servers(now).filter(move |server| {
            let config = server.config;
            config.service == service && may_ask(names, &config.name, config.group.as_deref())
        })
    }

    /// Whether a conversation in EAP with this state is one of ours.
    #[must_use]
    pub fn is_state(state: &[u8]) -> bool {
        is_state_of_radius(state)
    }

    /// Asks whether the client of the call with this Acct-Session-Id may come in. The answer is an
    /// output, which bears the ticket. `realm` is that of its name.
    ///
    /// # Errors
    /// What no server has to be asked about.
    pub fn ask(
        &mut self,
        caller: &Caller,
        session_id: &str,
        credentials: &Credentials,
        access: &Arc<Access>,
        realm: Option<&Realm>,
        now: Timestamp,
    ) -> Result<Ticket, Rejection> {
        let (question, login) = access_request(credentials, realm, caller, &self.nas, session_id)?;
        let name = String::from_utf8_lossy(credentials.name());
        Ok(self.put(question, (&name, login), access, realm, now))
    }

    /// Asks what holds for a live call of `user` from here on (RFC 5176 §3.2); the State of `caller` is
    /// that of who wants it to be asked. The answer is an output, which bears the ticket.
    pub fn authorize(
        &mut self,
        caller: &Caller,
        session_id: &str,
        user: &str,
        access: &Arc<Access>,
        realm: Option<&Realm>,
        now: Timestamp,
    ) -> Ticket {
        let question = authorize_request(user, caller, &self.nas, session_id);
        self.put(question, (user, Login::Password), access, realm, now)
    }

    fn put(
        &mut self,
        mut question: Question,
        (name, login): (&str, Login),
        access: &Arc<Access>,
        realm: Option<&Realm>,
        now: Timestamp,
    ) -> Ticket {
        question.among = Servers::of(realm, access).names().cloned();
        let asked = Asked {
            user: name.into(),
            login,
            access: Arc::clone(access),
            pool: realm
                .and_then(|realm| realm.pool.clone())
                .unwrap_or_else(|| self.pool.clone()),
        };
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.asked.insert(ticket, asked);
        let input = exchange::Input::Ask(ticket, question);
        self.exchange.handle(input, now);
        self.settle();
        ticket
    }

    /// The server of this name shares another secret with us from now on.
    pub fn set_secret(&mut self, name: &str, secret: &Secret, now: Timestamp) {
        self.exchange.set_secret(name, secret, now);
        self.settle();
    }

    /// A datagram came.
    pub fn receive(&mut self, socket: SocketId, from: SocketAddr, bytes: &[u8], now: Timestamp) {
        let input = exchange::Input::Datagram {
            socket,
            from,
            bytes,
        };
        self.exchange.handle(input, now);
        self.settle();
    }

    /// Nobody listens at the other end of a socket.
    pub fn unreachable(&mut self, socket: SocketId, now: Timestamp) {
        let input = exchange::Input::Unreachable(socket);
        self.exchange.handle(input, now);
        self.settle();
    }

    /// Whether any server writes bills.
    #[must_use]
    pub fn bills(&self) -> bool {
        self.exchange.serves(Service::Accounting)
    }

    /// Has a record of this age written down. What became of it is an output, which bears the number.
    pub fn bill(&mut self, number: u64, record: &Record, age: Duration, now: Timestamp) {
        let question = Question {
            among: Some(self.writers(record.servers.as_deref())),
            ..accounting_request(record, &self.nas, age, now)
        };
        let input = exchange::Input::Ask(Ticket(RECORD | number), question);
        self.exchange.handle(input, now);
        self.settle();
    }

    /// The groups of those who write bills; `None`: whoever has none.
    #[must_use]
    pub fn bill_groups(&self) -> Vec<Option<Box<str>>> {
        groups(self.billing().map(|it| it.group.as_deref()))
    }

    fn billing(&self) -> impl Iterator<Item = &ServerConfig> {
        let all = self.servers(Timestamp::ZERO).map(|server| server.config);
        all.filter(|it| it.service == Service::Accounting)
    }

    fn writers(&self, group: Option<&str>) -> Names {
        writers(
            self.billing().map(|it| (&*it.name, it.group.as_deref())),
            group,
        )
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.exchange.handle_timeout(now);
        self.settle();
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.exchange.poll_timeout()
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

    /// Hands on what the exchange says, until it says nothing more.
    fn settle(&mut self) {
        while let Some(output) = self.exchange.poll_output() {
            match output {
                exchange::Output::Close(socket) => self.outputs.push_back(Output::Close(socket)),
                exchange::Output::Open { socket, to } => {
                    self.outputs.push_back(Output::Open { socket, to });
                }
                exchange::Output::Transmit { socket, bytes } => {
                    self.outputs.push_back(Output::Transmit { socket, bytes });
                }
                exchange::Output::Answered(ticket, outcome) if ticket.0 & RECORD != 0 => {
                    let billed = match &outcome {
                        Outcome::Reply(_) => Billed::Written,
                        Outcome::NoAnswer(among) => {
                            let who = self.who_was_silent(Service::Accounting, among.as_ref());
                            Billed::Unanswered(who.into())
                        }
                        Outcome::Overloaded => Billed::Unanswered(OVERLOADED.into()),
                        Outcome::TooLong => Billed::TooLong,
                    };
                    let number = ticket.0 & !RECORD;
                    if is_unwanted(&outcome) {
                        self.outputs.push_back(Output::Unwanted(number));
                    }
                    self.outputs.push_back(Output::Billed(number, billed));
                }
                exchange::Output::Answered(ticket, outcome) => self.answered(ticket, &outcome),
                exchange::Output::Event(event) => self.outputs.push_back(Output::Event(event)),
            }
        }
    }

    fn answered(&mut self, ticket: Ticket, outcome: &Outcome) {
        let Some(asked) = self.asked.remove(&ticket) else {
            return;
        };
        let decision = match outcome {
            Outcome::Reply(reply) => self.believed(&asked, reply),
            Outcome::NoAnswer(among) => {
                let who = self.who_was_silent(Service::Authentication, among.as_ref());
                refuse(Rejection::RadiusNoAnswer, who)
            }
            Outcome::Overloaded | Outcome::TooLong => {
                refuse(Rejection::RadiusOverloaded, OVERLOADED.to_owned())
            }
        };
        self.outputs.push_back(Output::Decided(ticket, decision));
    }

    fn believed(&self, asked: &Asked, reply: &Reply) -> Decision {
        let server = self.exchange.server(reply.server);
        let (Some(server), Ok(packet)) = (server, Packet::parse(&reply.packet)) else {
            return refuse(Rejection::RadiusAnswerUnusable, String::new());
        };
        let answer = Answer {
            server,
            index: reply.server,
            packet,
            request_authenticator: &reply.request_authenticator,
            map: &self.map,
            unix_at_zero_s: self.unix_at_zero_s,
        };
        let mut decision = decide(asked, &answer);
        if let Decision::Accept(grant) = &mut decision {
            grant.billing.servers.clone_from(&server.group);
        }
        decision
    }

    fn who_was_silent(&self, service: Service, among: Option<&Names>) -> String {
        let asked = self.serving(service, among, Timestamp::ZERO);
        let names = asked.map(|it| format!("{}{}", whose(it.config), not_believed(it.counters)));
        let names: Vec<_> = names.collect();
        names.join(", ")
    }
}

/// Whether whoever has written a record down wants its call to end.
fn is_unwanted(outcome: &Outcome) -> bool {
    let Outcome::Reply(reply) = outcome else {
        return false;
    };
    let packet = Packet::parse(&reply.packet).ok();
    let said = packet.and_then(|packet| packet.integer(&MPD_DROP_USER));
    said.is_some_and(|said| said != 0)
}

/// What a server answered in vain since the start, in the words of `pns show radius`.
fn not_believed(counters: &Counters) -> String {
    let causes = ReplyRefusal::ALL.iter().zip(counters.refused);
    let causes = causes.filter(|(cause, count)| *count > 0 && cause.is_of_a_disbelief());
    let causes: Vec<_> = causes
        .map(|(cause, count)| format!("{count} {cause}"))
        .collect();
    match causes.is_empty() {
        true => String::new(),
        false => format!(
            ", of which answers were not believed: {}",
            causes.join(", ")
        ),
    }
}

fn refuse(rejection: Rejection, detail: String) -> Decision {
    Decision::Deny(Box::new(Denial {
        detail: (!detail.is_empty()).then(|| detail.into()),
        ..Denial::from(rejection)
    }))
}
