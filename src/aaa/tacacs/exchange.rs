//! Questions and answers over TCP connections: which server, which connection, and what is believed.
//! Sans-IO; the owner has the sockets and the clock.
//!
//! ```text
//!   Ask ------> the first server that lives, a connection with room -> Connect, Transmit
//!   Received -> whole packets, revealed, or counted why not ---------> Answered
//!   Closed, timeout, status ERROR: the next server ------------------> Transmit, Event
//! ```
//!
//! Each question is one session of one packet in each direction. A server that lets sessions share a
//! connection gets them all on one; of another each has its own, `connections_max` at once.

mod secrets;
mod servers;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::config::{ServerConfig, Timing};
use super::connection::{Connection, Sharing};
use super::server::{Fault, Server};
use crate::aaa::Names;
use crate::aaa::radius::{Entropy, Ticket};
use crate::clock::Timestamp;
use crate::wire::tacacs::authentication::{Continue, Reply, Status};
use crate::wire::tacacs::{Header, Kind, Minor, accounting, authorization, flag};

/// One TCP connection; the name of a closed one is given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub usize);

/// What is asked.
#[derive(Clone)]
pub struct Question {
    /// What it is about.
    pub kind: Kind,
    /// Under which rules.
    pub minor: Minor,
    /// The body; of log-ins it holds a password, or what is as good for who searches.
    pub body: Zeroizing<Vec<u8>>,
    /// The server that has answered about this user before.
    pub prefer: Option<usize>,
    /// The names of the servers that may be asked; `None`: those without a group.
    pub among: Option<Names>,
}

/// What happens to an exchange.
pub enum Input<'a> {
    /// Ask, and answer under this ticket.
    Ask(Ticket, Question),
    /// A connection is open.
    Connected(ConnectionId),
    /// Bytes came.
    Received(ConnectionId, &'a [u8]),
    /// A connection could not be opened, has broken, or was closed by the server.
    Closed(ConnectionId),
}

/// What the owner has to do.
pub enum Output {
    /// Open a TCP connection; then [`Input::Connected`] or [`Input::Closed`].
    Connect(ConnectionId, SocketAddr),
    /// Send bytes.
    Transmit(ConnectionId, Vec<u8>),
    /// Close it. Nothing more is said of it.
    Close(ConnectionId),
    /// What became of a question; the ticket is free again.
    Answered(Ticket, Outcome),
    /// Something that an operator may want to know.
    Event(Event),
}

/// What became of a question.
pub enum Outcome {
    /// A server has answered.
    Answer {
        /// Its position in the configuration.
        server: usize,
        /// The body, whose lengths hold together.
        body: Zeroizing<Vec<u8>>,
    },
    /// No server has; each that was tried, and why not.
    NoAnswer(Vec<(usize, Fault)>),
    /// So many questions are out that this one was not put.
    Overloaded,
}

/// What an operator may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server does not answer, and is left alone for a while.
    Dead(usize, Fault),
    /// A server answers again.
    Alive(usize),
}

/// A question that has no answer yet.
struct Pending {
    question: Question,
    server: usize,
    asked: Timestamp,
    /// When it came to this server.
    put: Timestamp,
    due: Timestamp,
    faults: Vec<(usize, Fault)>,
    /// The server closed a connection under it, as it may (§4.3), and it was put again.
    again: bool,
}

/// All servers, connections and questions.
pub struct Exchange {
    timing: Timing,
    servers: Vec<Server>,
    connections: Vec<Option<Connection>>,
    pending: HashMap<Ticket, Pending>,
    due: BTreeSet<(Timestamp, Ticket)>,
    /// Connections that have carried nothing since; in the order of time.
    idle: VecDeque<(Timestamp, ConnectionId)>,
    outputs: VecDeque<Output>,
    entropy: Entropy,
}

impl Exchange {
    /// Nothing asked yet.
    #[must_use]
    pub fn new(servers: Vec<ServerConfig>, timing: Timing, entropy: Entropy) -> Self {
        Self {
            timing,
            servers: servers.into_iter().map(Server::new).collect(),
            connections: Vec::new(),
            pending: HashMap::new(),
            due: BTreeSet::new(),
            idle: VecDeque::new(),
            outputs: VecDeque::new(),
            entropy,
        }
    }

    /// Takes an input; what follows from it waits in [`Self::poll_output`].
    pub fn handle(&mut self, input: Input<'_>, now: Timestamp) {
        match input {
            Input::Ask(ticket, question) => self.ask(ticket, question, now),
            Input::Connected(id) => self.connected(id),
            Input::Received(id, bytes) => self.received(id, bytes, now),
            Input::Closed(id) => self.closed(id, now),
        }
    }

    /// Gives up what waits for too long, and closes what carries nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((at, ticket)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, ticket));
            self.too_late(ticket, now);
        }
        while let Some((since, id)) = self.idle.front().copied() {
            if since + self.timing.idle > now {
                break;
            }
            self.idle.pop_front();
            let found = self.connections.get(id.0).and_then(Option::as_ref);
            if found.is_some_and(|connection| connection.idle_since == Some(since)) {
                self.close(id);
            }
        }
    }

    /// When [`Self::handle_timeout`] is next needed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let question = self.due.first().map(|(at, _)| *at);
        let idle = self
            .idle
            .front()
            .map(|(since, _)| *since + self.timing.idle);
        [question, idle].into_iter().flatten().min()
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Questions that have no answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn connected(&mut self, id: ConnectionId) {
        let Some(connection) = self.connection(id) else {
            return;
        };
        connection.sharing = Sharing::Asked;
        self.transmit_next(id);
        if self.connection(id).is_some_and(|it| it.load() == 0) {
            self.close(id);
        }
    }

    /// Puts the next question that waits for this connection.
    fn transmit_next(&mut self, id: ConnectionId) {
        while let Some(ticket) = self.connection(id).and_then(|it| it.queue.pop_front()) {
            if self.transmit(id, ticket) {
                return;
            }
        }
    }

    /// `false` if nobody waits for the answer any more.
    fn transmit(&mut self, id: ConnectionId, ticket: Ticket) -> bool {
        let mut session = [0; 4];
        (self.entropy)(&mut session);
        let connection = self.connections.get_mut(id.0).and_then(Option::as_mut);
        let (Some(pending), Some(connection)) = (self.pending.get(&ticket), connection) else {
            return false;
        };
        let Some(server) = self.servers.get(connection.server) else {
            return false;
        };
        // Random, but no two at once.
        let mut session_id = u32::from_be_bytes(session);
        while connection.sessions.contains_key(&session_id) {
            session_id = session_id.wrapping_add(1);
        }
        let header = Header {
            kind: pending.question.kind,
            minor: pending.question.minor,
            sequence: 1,
            flags: flag::SINGLE_CONNECT,
            session_id,
            body_bytes: 0,
        };
        let packet = header.packet(&pending.question.body, server.config.secret.expose());
        connection.sessions.insert(session_id, ticket);
        connection.idle_since = None;
        self.outputs.push_back(Output::Transmit(id, packet));
        true
    }

    fn received(&mut self, id: ConnectionId, bytes: &[u8], now: Timestamp) {
        if let Some(connection) = self.connection(id) {
            connection.receive(bytes);
        }
        while let Some(connection) = self.connection(id) {
            match connection.next_packet() {
                Ok(Some((header, body))) => {
                    if let Err(fault) = self.packet(id, header, &body, now) {
                        return self.broken(id, fault, now);
                    }
                }
                Ok(None) => return,
                Err(_) => return self.broken(id, Fault::Malformed, now),
            }
        }
    }

    /// # Errors
    /// The connection has to be closed for this.
    fn packet(
        &mut self,
        id: ConnectionId,
        header: Header,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let connection = self.connections.get_mut(id.0).and_then(Option::as_mut);
        let connection = connection.ok_or(Fault::Late)?;
        let index = connection.server;
        let server = self.servers.get_mut(index).ok_or(Fault::Malformed)?;
        if header.flags & flag::UNENCRYPTED != 0 {
            return Err(Fault::Unhidden);
        }
        if header.sequence != 2 {
            return Err(Fault::Malformed);
        }
        let first = connection.sharing == Sharing::Asked;
        if first && header.flags & flag::SINGLE_CONNECT != 0 {
            connection.sharing = Sharing::Shared;
        }
        let shared = connection.sharing == Sharing::Shared;
        if first {
            server.shares = Some(shared);
        }
        let ticket = connection.sessions.remove(&header.session_id);
        match ticket.and_then(|ticket| Some((ticket, self.pending.get(&ticket)?))) {
            // Given up, or put elsewhere meanwhile.
            None => server.count(Fault::Late),
            Some((_, pending)) if pending.question.kind != header.kind => {
                return Err(Fault::Malformed);
            }
            Some((ticket, _)) => {
                let body = header.reveal(body, server.config.secret.expose());
                self.answer(id, header, ticket, body, now);
            }
        }
        self.after_answer(id, shared, now);
        Ok(())
    }

    /// A body of the server of `id` about `ticket`.
    fn answer(
        &mut self,
        id: ConnectionId,
        header: Header,
        ticket: Ticket,
        body: Zeroizing<Vec<u8>>,
        now: Timestamp,
    ) {
        let verdict = judge(header.kind, &body);
        if verdict == Ok(Usable::AsksBack) {
            self.abort(id, header);
        }
        match verdict {
            Ok(Usable::Final | Usable::AsksBack) => self.answered(ticket, body, now),
            Err(fault) => self.failed(ticket, fault, now),
        }
    }

    /// Ends a log-in whose server wants to know more than START said (RFC 8907 §5.4.3).
    fn abort(&mut self, id: ConnectionId, header: Header) {
        let end = Continue {
            abort: true,
            message: b"",
            data: b"",
        };
        let server = self
            .server_of(id)
            .map(|server| server.config.secret.duplicate());
        if let (Some(body), Some(secret)) = (end.encode(), server) {
            let header = Header {
                sequence: 3,
                flags: 0,
                ..header
            };
            let packet = header.packet(&body, secret.expose());
            self.outputs.push_back(Output::Transmit(id, packet));
        }
    }

    /// What becomes of a connection when it has brought an answer.
    fn after_answer(&mut self, id: ConnectionId, shared: bool, now: Timestamp) {
        let Some(connection) = self.connection(id) else {
            return;
        };
        if !shared {
            let (server, queue) = (connection.server, std::mem::take(&mut connection.queue));
            self.close(id);
            if let Some(server) = self.servers.get_mut(server) {
                server.waiting.extend(queue);
            }
            return self.pump(server);
        }
        while self.connection(id).is_some_and(|it| !it.queue.is_empty()) {
            self.transmit_next(id);
        }
        let server = self.connection(id).map(|connection| connection.server);
        if let Some(server) = server {
            self.pump(server);
        }
        if let Some(connection) = self.connection(id).filter(|it| it.load() == 0) {
            connection.idle_since = Some(now);
            self.idle.push_back((now, id));
        }
    }

    fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id.0)?.as_mut()
    }

    fn server_of(&mut self, id: ConnectionId) -> Option<&mut Server> {
        let server = self.connection(id)?.server;
        self.servers.get_mut(server)
    }
}

/// What an answer is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usable {
    /// It ends its session.
    Final,
    /// The server waits for more.
    AsksBack,
}

/// # Errors
/// It is no answer: the next server has to be asked.
fn judge(kind: Kind, body: &[u8]) -> Result<Usable, Fault> {
    let is_error = match kind {
        Kind::Authentication => {
            let reply = Reply::parse(body).map_err(|_| Fault::Unreadable)?;
            match reply.status {
                Status::GetData | Status::GetUser | Status::GetPass => {
                    return Ok(Usable::AsksBack);
                }
                Status::Error => true,
                Status::Pass | Status::Fail | Status::Restart | Status::Follow => false,
            }
        }
        Kind::Authorization => {
            let response = authorization::Response::parse(body).map_err(|_| Fault::Unreadable)?;
            response.status == authorization::Status::Error
        }
        Kind::Accounting => {
            let reply = accounting::Reply::parse(body).map_err(|_| Fault::Unreadable)?;
            reply.status != accounting::Status::Success
        }
    };
    if is_error {
        Err(Fault::ServerError)
    } else {
        Ok(Usable::Final)
    }
}
