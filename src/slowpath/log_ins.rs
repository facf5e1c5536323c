//! Who decides about log-ins, and who writes the bill: local users at once, RADIUS servers when they
//! answer. What has to be sent is handed on to whoever has sockets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::control_plane::Outside;
use super::worker_link::WorkerLink;
use crate::aaa::radius::{Caller, Client, Event as ServerEvent, Output, SocketId, Ticket};
use crate::aaa::{Access, Decision, LocalUsers, PasswordChange};
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowTotals};
use crate::ppp::link::{self as ppp, Credentials};
use crate::session::{CallRef, EndReason, Event, Sessions};

/// Calls whose counters are looked at in one turn.
const LOOK_BUDGET: usize = 256;

/// Local users, and the client of RADIUS where servers are configured.
pub(super) struct LogIns {
    users: LocalUsers,
    client: Option<Client>,
    /// Names in `users.file` are decided about here.
    local_first: bool,
    asked: HashMap<Ticket, CallRef>,
    stopped: bool,
}

impl LogIns {
    pub(super) fn new(users: LocalUsers) -> Self {
        Self {
            users,
            client: None,
            local_first: false,
            asked: HashMap::new(),
            stopped: false,
        }
    }

    /// Asks servers, too.
    pub(super) fn ask_servers(&mut self, client: Client, local_first: bool) {
        self.client = Some(client);
        self.local_first = local_first;
    }

    /// Other users from here on.
    pub(super) fn set_users(&mut self, users: LocalUsers) {
        self.users = users;
    }

    /// The local users.
    pub(super) const fn users(&self) -> &LocalUsers {
        &self.users
    }

    /// Passwords that clients have replaced, for whoever keeps them.
    pub(super) fn take_password_changes(&mut self) -> Vec<PasswordChange> {
        self.users.take_password_changes()
    }

    /// Whether servers decide about who has this name.
    pub(super) fn is_for_servers(&self, name: &str) -> bool {
        let asks = self.client.as_ref().is_some_and(Client::decides);
        asks && !(self.local_first && self.users.knows(name.as_bytes()))
    }

    /// The client, for those who look at it.
    pub(super) const fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.client.as_ref()?.poll_timeout()
    }

    /// Asks about a log-in. `None`: a server was asked, and the decision comes later.
    pub(super) fn ask(
        &mut self,
        call: CallRef,
        caller: &Caller,
        credentials: &Credentials,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Option<Decision> {
        let local = self.is_local(credentials);
        let users = &mut self.users;
        let decision = match &mut self.client {
            Some(client) if !local && client.decides() => {
                match client.ask(caller, credentials, access, now) {
                    Ok(ticket) => {
                        self.asked.insert(ticket, call);
                        return None;
                    }
                    Err(rejection) => Decision::Reject(rejection),
                }
            }
            Some(client) => {
                client.note_caller(caller);
                users.decide(credentials, access)
            }
            None => users.decide(credentials, access),
        };
        Some(decision)
    }

    /// Whose user it is; a conversation in EAP stays where it began.
    fn is_local(&self, credentials: &Credentials) -> bool {
        match credentials {
            Credentials::Eap { state, .. } if !state.is_empty() => !Client::is_state(state),
            Credentials::Eap { .. }
            | Credentials::Pap { .. }
            | Credentials::ChapMd5 { .. }
            | Credentials::MsChapV1 { .. }
            | Credentials::MsChapV2 { .. }
            | Credentials::ChangePasswordV2 { .. }
            | Credentials::ChangePasswordV3 { .. } => {
                self.local_first && self.users.knows(credentials.name())
            }
        }
    }

    /// What the bill needs to know.
    pub(super) fn hear(&mut self, event: &Event, now: Timestamp) {
        let Some(client) = &mut self.client else {
            return;
        };
        match event {
            Event::NetworkUp {
                flow, user, lease, ..
            } => client.network_up(*flow, user, *lease, now),
            Event::CallEnded {
                flow,
                reason,
                totals,
                ..
            } => client.ended(*flow, reason.terminate_cause().number(), totals, now),
            Event::ConnectionEstablished { .. }
            | Event::ConnectionClosed { .. }
            | Event::CallRefused { .. }
            | Event::CallOpened { .. }
            | Event::CallNotPlaced { .. }
            | Event::Rejected { .. }
            | Event::DecryptionFailing { .. }
            | Event::SourceMoved { .. }
            | Event::CommandRefused { .. } => {}
        }
    }

    /// A datagram of a server came.
    pub(super) fn receive(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        bytes: &[u8],
        now: Timestamp,
    ) {
        if let Some(client) = &mut self.client {
            client.receive(socket, from, bytes, now);
        }
    }

    /// Nobody listens at the other end of a socket.
    pub(super) fn unreachable(&mut self, socket: SocketId, now: Timestamp) {
        if let Some(client) = &mut self.client {
            client.unreachable(socket, now);
        }
    }

    /// Does what is due, and looks at calls whose time has come.
    pub(super) fn turn(&mut self, sessions: &mut Sessions, workers: &[WorkerLink], now: Timestamp) {
        let Some(client) = &mut self.client else {
            return;
        };
        client.handle_timeout(now);
        for _ in 0..LOOK_BUDGET {
            let Some(flow) = client.next_due(now) else {
                break;
            };
            if client.look(flow, &totals(sessions, workers, flow), now) {
                let reason = EndReason::Link(ppp::EndReason::IdleTimeout);
                sessions.end(flow, reason, now);
            }
        }
    }

    /// Hands on what the client asks for; `true` if the sessions may have more to say after it.
    pub(super) fn carry_out(
        &mut self,
        sessions: &mut Sessions,
        outside: &mut impl Outside,
        now: Timestamp,
    ) -> bool {
        let mut decided = false;
        while let Some(output) = self.client.as_mut().and_then(Client::poll_output) {
            match output {
                Output::Open { socket, to } => outside.open_datagrams(socket, to),
                Output::Transmit { socket, bytes } => outside.send_datagram(socket, &bytes),
                Output::Decided(ticket, decision) => {
                    if let Some(call) = self.asked.remove(&ticket) {
                        sessions.decide(call, decision, now);
                        decided = true;
                    }
                }
                Output::Event(event) => self.log(event),
            }
        }
        decided
    }

    fn log(&self, event: ServerEvent) {
        let Some(client) = &self.client else { return };
        match event {
            ServerEvent::Dead(server) => {
                let server = client.name_of(server);
                tracing::warn!(server, "it does not answer; others are asked");
            }
            ServerEvent::Alive(server) => {
                let server = client.name_of(server);
                tracing::info!(server, "it answers again");
            }
            ServerEvent::Unsigned(server) => {
                let server = client.name_of(server);
                tracing::warn!(
                    server,
                    "its answers have no Message-Authenticator, so who stands between can forge them \
                     (CVE-2024-3596): update it (FreeRADIUS 3.2.5 or later signs), then set \
                     radius.server.require_message_authenticator = \"always\""
                );
            }
        }
    }

    /// Tells those who write bills that the server ends, once.
    pub(super) fn stop(&mut self, now: Timestamp) {
        if let Some(client) = &mut self.client
            && !std::mem::replace(&mut self.stopped, true)
        {
            client.stop(now);
        }
    }

    /// Whether every record is written down.
    pub(super) fn is_quiet(&self) -> bool {
        self.client
            .as_ref()
            .is_none_or(|client| client.records_outstanding() == 0)
    }
}

/// What a call has carried by now.
fn totals(sessions: &Sessions, workers: &[WorkerLink], flow: FlowKey) -> FlowTotals {
    let found = sessions.counters_of(flow);
    let found = found.and_then(|(at, slot)| Some((workers.get(usize::from(at))?, slot)));
    found.map_or_else(FlowTotals::default, |(worker, slot)| {
        worker.totals(Some(slot))
    })
}
