//! Questions and answers over UDP that loses, delays and can be forged: repetition, fail-over, and
//! what is believed. Sans-IO; the owner has the sockets and the clock.
//!
//! ```text
//!   Ask -----> choose a server, an identifier on a socket ---> Open, Transmit
//!   Datagram -> verify, or count why not --------------------> Answered
//!   timeout --> repeat; silent too long: the next server ----> Transmit, Event
//! ```
//!
//! A server that is silent for half of `dead_after` is probed, and no longer asked first; after the
//! whole of it, it is dead, and all that waits for it goes to others at once. An answer that comes
//! from a server that was given up is taken if it is the first: a slow server is no forger.

mod attempts;
mod secrets;
mod sending;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::iter;
use std::net::SocketAddr;

use super::config::{ServerConfig, Service, Timing};
use super::server::{Counters, Health, ReplyRefusal, Server};
use super::slots::{Known, Owner, Place};
use super::verify::{Signs, verify};
use crate::aaa::Names;
use crate::clock::Timestamp;
use crate::wire::radius::{Code, Packet};
use attempts::Pending;
pub use attempts::{Age, Question, Ticket};

/// Fills a buffer with unpredictable bytes.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// One UDP socket, connected to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId {
    /// The server's position in the configuration.
    pub server: usize,
    /// Which of its sockets.
    pub index: u8,
}

/// What happens to an exchange.
pub enum Input<'a> {
    /// Ask, and answer under this ticket.
    Ask(Ticket, Question),
    /// Nobody wants the answer any more.
    Forget(Ticket),
    /// A datagram came.
    Datagram {
        /// On which socket.
        socket: SocketId,
        /// Who sent it.
        from: SocketAddr,
        /// What it says.
        bytes: &'a [u8],
    },
    /// The machine at the other end says that nobody listens there.
    Unreachable(SocketId),
}

/// What the owner has to do.
pub enum Output {
    /// Open a UDP socket on a random port, connected to `to`. What follows goes out on it.
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
    /// What became of a question; the ticket is free again.
    Answered(Ticket, Outcome),
    /// Something that an operator may want to know.
    Event(Event),
}

/// What became of a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A server has answered, and is believed.
    Reply(Reply),
    /// No server has answered in time, of those that might be asked; `None`: those without a group.
    NoAnswer(Option<Names>),
    /// So many questions are out that this one was not put.
    Overloaded,
    /// It does not fit a packet.
    TooLong,
}

/// An answer that is believed.
#[derive(PartialEq, Eq)]
pub struct Reply {
    /// The server's position in the configuration.
    pub server: usize,
    /// The packet.
    pub packet: Vec<u8>,
    /// Of the question: keys are hidden with it.
    pub request_authenticator: [u8; 16],
}

/// Answers carry keys.
impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What an operator may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server does not answer, and is not asked for a while.
    Dead(usize),
    /// A server answers again.
    Alive(usize),
    /// A server does not sign its answers: said once.
    Unsigned(usize),
}

/// All servers, and all questions that are out.
pub struct Exchange {
    timing: Timing,
    servers: Vec<Server>,
    pending: HashMap<Ticket, Pending>,
    /// When each pending question is to be looked at, once each.
    due: BTreeSet<(Timestamp, Ticket)>,
    outputs: VecDeque<Output>,
    entropy: Entropy,
}

impl Exchange {
    /// Nothing asked yet.
    #[must_use]
    pub fn new(servers: Vec<ServerConfig>, timing: Timing, entropy: Entropy) -> Self {
        let server = |config| Server::new(config, &timing);
        Self {
            servers: servers.into_iter().map(server).collect(),
            timing,
            pending: HashMap::new(),
            due: BTreeSet::new(),
            outputs: VecDeque::new(),
            entropy,
        }
    }

    /// Takes an input; what follows from it waits in [`Self::poll_output`].
    pub fn handle(&mut self, input: Input<'_>, now: Timestamp) {
        match input {
            Input::Ask(ticket, question) => self.ask(ticket, question, now),
            Input::Forget(ticket) => self.finish(ticket, None, now),
            Input::Datagram {
                socket,
                from,
                bytes,
            } => {
                if let Err(refusal) = self.receive(socket, from, bytes, now)
                    && let Some(server) = self.servers.get_mut(socket.server)
                {
                    server.counters.refuse(refusal);
                }
            }
            Input::Unreachable(socket) => self.unreachable(socket.server, now),
        }
    }

    /// Repeats, gives up, and looks after servers that are silent.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        for index in 0..self.servers.len() {
            let Some(server) = self.servers.get_mut(index) else {
                continue;
            };
            let probes = server.probe_due(&self.timing).is_some_and(|due| due <= now);
            if server.tick(&self.timing, now) {
                self.abandon(index, now);
            } else if probes {
                self.probe(index, now);
            }
            self.close_idle(index, now);
        }
        while let Some((at, ticket)) = self.due.first().copied() {
            if at > now {
                break;
            }
            self.due.pop_first();
            self.look_at(ticket, now);
        }
    }

    /// When [`Self::handle_timeout`] is next needed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let questions = self.due.first().map(|(at, _)| *at);
        let servers = self.servers.iter();
        let servers = servers.filter_map(|server| server.poll_timeout(&self.timing));
        questions.into_iter().chain(servers).min()
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How a server is configured.
    #[must_use]
    pub fn server(&self, index: usize) -> Option<&ServerConfig> {
        self.servers.get(index).map(|server| &server.config)
    }

    /// Whether any server has this service.
    #[must_use]
    pub fn serves(&self, service: Service) -> bool {
        let mut servers = self.servers.iter();
        servers.any(|server| server.config.service == service)
    }

    /// Every server: its configuration, how it is, how many questions it has, what was counted.
    pub fn view(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&ServerConfig, Health, usize, &Counters)> {
        self.servers.iter().map(move |server| {
            let health = server.health(&self.timing, now);
            let outstanding = server.outstanding();
            (&server.config, health, outstanding, &server.counters)
        })
    }

    /// How many questions are out.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn receive(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<(), ReplyRefusal> {
        let unsolicited = ReplyRefusal::Unsolicited;
        let server = self.servers.get_mut(socket.server).ok_or(unsolicited)?;
        if from != server.config.address {
            return Err(ReplyRefusal::Foreign);
        }
        let packet = Packet::parse(bytes).map_err(|_| ReplyRefusal::Malformed)?;
        let place = Place {
            socket: socket.index,
            identifier: packet.identifier,
        };
        let sent = match server.slots.known(place, now) {
            Known::Waiting(sent) => sent,
            Known::Over {
                authenticator,
                answered,
            } => {
                // The owner does not matter: it is not obeyed.
                verify(server, &packet, Owner::Question(0), &authenticator)?;
                return Err(match answered {
                    true => ReplyRefusal::Duplicate,
                    false => ReplyRefusal::Late,
                });
            }
            Known::Nothing => return Err(unsolicited),
        };
        let signs = verify(server, &packet, sent.owner, &sent.authenticator)?;
        self.note_signature(socket.server, signs);
        match sent.owner {
            Owner::Probe => self.probe_answered(socket.server, now),
            Owner::Question(number) => {
                let reply = Reply {
                    server: socket.server,
                    packet: packet.as_bytes().to_vec(),
                    request_authenticator: sent.authenticator,
                };
                self.question_answered(Ticket(number), place, reply, now);
            }
        }
        Ok(())
    }

    /// After a rush, fewer sockets do.
    fn close_idle(&mut self, server: usize, now: Timestamp) {
        let slots = self.servers.get_mut(server).map(|it| &mut it.slots);
        for index in slots
            .into_iter()
            .flat_map(|slots| iter::from_fn(|| slots.close_idle(now)))
        {
            let socket = SocketId { server, index };
            self.outputs.push_back(Output::Close(socket));
        }
    }

    fn note_signature(&mut self, index: usize, signs: Signs) {
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        match signs {
            Signs::Yes => server.signs = true,
            Signs::No if !std::mem::replace(&mut server.warned, true) => {
                self.outputs
                    .push_back(Output::Event(Event::Unsigned(index)));
            }
            Signs::No | Signs::Unknown => {}
        }
    }

    fn note_alive(&mut self, index: usize, was_dead: bool) {
        if was_dead {
            self.outputs.push_back(Output::Event(Event::Alive(index)));
        }
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.entropy)(&mut bytes);
        bytes
    }
}

/// What a question of this kind asks for.
const fn service_of(code: Code) -> Service {
    match code {
        Code::ACCOUNTING_REQUEST => Service::Accounting,
        _ => Service::Authentication,
    }
}

#[cfg(test)]
mod tests;
