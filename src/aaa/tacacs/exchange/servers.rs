//! Which server and which connection a question gets, and where it goes when that fails.

use super::{
    Connection, ConnectionId, Event, Exchange, Fault, Outcome, Output, Pending, Question, Server,
    ServerConfig, Sharing, Ticket, Timestamp, Zeroizing,
};
use crate::aaa::servers::may_ask;

impl Exchange {
    /// How a server is configured.
    #[must_use]
    pub fn server(&self, index: usize) -> Option<&ServerConfig> {
        self.servers.get(index).map(|server| &server.config)
    }

    /// How every server is configured.
    pub fn servers(&self) -> impl Iterator<Item = &ServerConfig> {
        self.servers.iter().map(|server| &server.config)
    }

    /// Every server, whether it is held dead, and how many questions it has.
    pub(in crate::aaa::tacacs) fn view(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Server, bool, usize)> {
        let indexed = self.servers.iter().enumerate();
        indexed.map(move |(index, server)| {
            let carried = self.connections.iter().flatten();
            let carried = carried.filter(|connection| connection.server == index);
            let carried: usize = carried.map(Connection::load).sum();
            (server, server.is_dead(now), carried + server.waiting.len())
        })
    }

    pub(super) fn ask(&mut self, ticket: Ticket, question: Question, now: Timestamp) {
        if self.pending.len() >= self.timing.questions_max {
            let output = Output::Answered(ticket, Outcome::Overloaded);
            return self.outputs.push_back(output);
        }
        let pending = Pending {
            question,
            server: 0,
            asked: now,
            put: now,
            due: now,
            faults: Vec::new(),
            again: false,
        };
        self.pending.insert(ticket, pending);
        self.put(ticket, now);
    }

    /// Puts a question to the best server that has not failed it; without one it is answered so.
    pub(super) fn put(&mut self, ticket: Ticket, now: Timestamp) {
        let Some(pending) = self.pending.get(&ticket) else {
            return;
        };
        let end = pending.asked + self.timing.give_up;
        let chosen = self.choose(pending, now).filter(|_| now < end);
        let server = chosen.and_then(|index| Some((index, self.servers.get_mut(index)?)));
        let (Some((index, server)), Some(pending)) = (server, self.pending.get_mut(&ticket)) else {
            if let Some(pending) = self.pending.remove(&ticket) {
                let outcome = Outcome::NoAnswer(pending.faults);
                self.outputs.push_back(Output::Answered(ticket, outcome));
            }
            return;
        };
        server.counters.questions += 1;
        pending.server = index;
        pending.put = now;
        pending.due = (now + server.config.timeout).min(end);
        self.due.insert((pending.due, ticket));
        server.waiting.push_back(ticket);
        self.pump(index);
    }

    /// In the order of the configuration, but what lives before what may not.
    fn choose(&self, pending: &Pending, now: Timestamp) -> Option<usize> {
        let untried = |index: &usize| !pending.faults.iter().any(|(tried, _)| tried == index);
        let rank = |index: &usize| {
            let dead = self.servers.get(*index).is_none_or(|it| it.is_dead(now));
            (dead, pending.question.prefer != Some(*index), *index)
        };
        let among = pending.question.among.as_deref();
        let may = |index: &usize| {
            let config = self.server(*index);
            config.is_some_and(|it| may_ask(among, &it.name, it.group.as_deref()))
        };
        let candidates = (0..self.servers.len()).filter(may);
        candidates.filter(untried).min_by_key(rank)
    }

    /// Gives questions that wait for a server a connection, as far as there is room.
    pub(super) fn pump(&mut self, index: usize) {
        loop {
            let Some(server) = self.servers.get_mut(index) else {
                return;
            };
            let Some(ticket) = server.waiting.pop_front() else {
                return;
            };
            if self
                .pending
                .get(&ticket)
                .is_none_or(|it| it.server != index)
            {
                continue;
            }
            if let Some(id) = self.room(index) {
                let shared = self.connection(id).is_some_and(|connection| {
                    connection.queue.push_back(ticket);
                    connection.sharing == Sharing::Shared
                });
                if shared {
                    self.transmit_next(id);
                }
            } else if let Some(server) = self.servers.get_mut(index) {
                server.waiting.push_front(ticket);
                return;
            }
        }
    }

    /// A connection to a server that takes one more question, a new one if need be.
    fn room(&mut self, index: usize) -> Option<ConnectionId> {
        let sessions_max = self.timing.sessions_max;
        let server = self.servers.get_mut(index)?;
        if server.shares == Some(true) {
            let takes = |found: &Option<Connection>| {
                let found = found.as_ref().filter(|found| found.server == index);
                found.is_some_and(|found| found.load() < sessions_max)
            };
            if let Some(found) = self.connections.iter().position(takes) {
                return Some(ConnectionId(found));
            }
        }
        if server.connections >= self.timing.connections_max {
            return None;
        }
        server.connections += 1;
        server.counters.connections += 1;
        let address = server.config.address;
        let connection = Some(Connection::new(index));
        let id = match self.connections.iter().position(Option::is_none) {
            Some(free) => {
                if let Some(place) = self.connections.get_mut(free) {
                    *place = connection;
                }
                ConnectionId(free)
            }
            None => {
                self.connections.push(connection);
                ConnectionId(self.connections.len() - 1)
            }
        };
        self.outputs.push_back(Output::Connect(id, address));
        Some(id)
    }

    /// Closes a connection of ours.
    pub(super) fn close(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.forget(id);
        if connection.is_some() {
            self.outputs.push_back(Output::Close(id));
        }
        connection
    }

    fn forget(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.connections.get_mut(id.0)?.take()?;
        if let Some(server) = self.servers.get_mut(connection.server) {
            server.connections = server.connections.saturating_sub(1);
        }
        Some(connection)
    }

    /// A connection that cannot be gone on with.
    pub(super) fn broken(&mut self, id: ConnectionId, fault: Fault, now: Timestamp) {
        if let Some(connection) = self.close(id) {
            self.fail_all(connection, fault, now);
        }
    }

    /// The server has closed a connection, or the kernel could not open it.
    pub(super) fn closed(&mut self, id: ConnectionId, now: Timestamp) {
        let Some(mut connection) = self.close(id) else {
            return;
        };
        let index = connection.server;
        match connection.sharing {
            Sharing::Opening => {
                self.hold_dead(index, Fault::Unreachable, now);
                self.fail_all(connection, Fault::Unreachable, now);
            }
            // It may at any time; what was just on its way is put again, once.
            Sharing::Shared => {
                let mut again = Vec::new();
                connection.sessions.retain(|_, ticket| {
                    let pending = self.pending.get_mut(ticket).filter(|it| !it.again);
                    let once = pending.map(|pending| pending.again = true).is_some();
                    if once {
                        again.push(*ticket);
                    }
                    !once
                });
                if let Some(server) = self.servers.get_mut(index) {
                    server.waiting.extend(again);
                }
                self.fail_all(connection, Fault::Closed, now);
            }
            Sharing::Asked => self.fail_all(connection, Fault::Closed, now),
        }
        self.pump(index);
    }

    fn fail_all(&mut self, connection: Connection, fault: Fault, now: Timestamp) {
        let out = connection.sessions.into_values();
        for ticket in out.chain(connection.queue) {
            self.failed(ticket, fault, now);
        }
        self.pump(connection.server);
    }

    /// The server that a question was put to gives no answer: the next one is asked.
    pub(super) fn failed(&mut self, ticket: Ticket, fault: Fault, now: Timestamp) {
        let Some(pending) = self.pending.get_mut(&ticket) else {
            return;
        };
        self.due.remove(&(pending.due, ticket));
        let server = pending.server;
        pending.faults.push((server, fault));
        if let Some(server) = self.servers.get_mut(server) {
            server.count(fault);
        }
        self.put(ticket, now);
    }

    /// A server was silent for its time; dead if it was so for everybody.
    pub(super) fn too_late(&mut self, ticket: Ticket, now: Timestamp) {
        let Some(pending) = self.pending.get(&ticket) else {
            return;
        };
        let (index, put) = (pending.server, pending.put);
        self.release(ticket, now);
        self.failed(ticket, Fault::Silent, now);
        let server = self.servers.get(index);
        if server.is_some_and(|server| !server.heard_since(put)) {
            self.hold_dead(index, Fault::Silent, now);
            for id in self.connections_of(index) {
                self.broken(id, Fault::Silent, now);
            }
        }
    }

    /// Every connection to a server.
    pub(super) fn connections_of(&self, index: usize) -> Vec<ConnectionId> {
        let all = self.connections.iter().enumerate();
        let its = all.filter(|(_, found)| found.as_ref().is_some_and(|it| it.server == index));
        its.map(|(id, _)| ConnectionId(id)).collect()
    }

    /// Nobody waits any more for what a connection has to bring.
    fn release(&mut self, ticket: Ticket, now: Timestamp) {
        let has = |found: &Connection| {
            found.queue.contains(&ticket) || found.sessions.values().any(|out| *out == ticket)
        };
        let found = self.connections.iter_mut().enumerate();
        let mut found = found.filter_map(|(id, found)| Some((id, found.as_mut()?)));
        let Some((id, connection)) = found.find(|(_, connection)| has(connection)) else {
            return;
        };
        connection.queue.retain(|queued| *queued != ticket);
        connection.sessions.retain(|_, out| *out != ticket);
        if connection.sharing != Sharing::Shared {
            // It carries this question alone, or others that have waited as long for its opening.
            self.broken(ConnectionId(id), Fault::Silent, now);
        } else if connection.load() == 0 {
            connection.idle_since = Some(now);
            self.idle.push_back((now, ConnectionId(id)));
        }
    }

    fn hold_dead(&mut self, index: usize, fault: Fault, now: Timestamp) {
        let dead_time = self.timing.dead_time;
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        if server.die(dead_time, now) {
            self.outputs
                .push_back(Output::Event(Event::Dead(index, fault)));
        }
        // What waits there for a connection has somewhere else to go.
        for ticket in std::mem::take(&mut server.waiting) {
            if self
                .pending
                .get(&ticket)
                .is_some_and(|it| it.server == index)
            {
                self.failed(ticket, fault, now);
            }
        }
    }

    pub(super) fn answered(&mut self, ticket: Ticket, body: Zeroizing<Vec<u8>>, now: Timestamp) {
        let Some(pending) = self.pending.remove(&ticket) else {
            return;
        };
        self.due.remove(&(pending.due, ticket));
        let index = pending.server;
        let was_dead = self
            .servers
            .get_mut(index)
            .is_some_and(|server| server.answered(now.since(pending.put), now));
        if was_dead {
            self.outputs.push_back(Output::Event(Event::Alive(index)));
        }
        let outcome = Outcome::Answer {
            server: index,
            body,
        };
        self.outputs.push_back(Output::Answered(ticket, outcome));
    }
}
