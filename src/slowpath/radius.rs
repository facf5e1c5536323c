//! The UDP sockets of the RADIUS client, and what goes between it and the sessions. What the packets
//! mean is the business of `aaa::radius`.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use mio::net::UdpSocket;
use mio::{Interest, Registry};

use super::token;
use crate::aaa::radius::{Caller, Client, Event as ServerEvent, Output, SocketId, Ticket};
use crate::aaa::{Access, Decision, LocalUsers};
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowTotals};
use crate::ppp::link::{self as ppp, Credentials};
use crate::session::{CallRef, EndReason, Event, Sessions};
use crate::wire::radius::PACKET_BYTES_MAX;

/// Datagrams read from one socket in one turn of the loop.
const READ_BUDGET: usize = 256;
/// Calls whose counters are looked at in one turn.
const LOOK_BUDGET: usize = 256;

struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

/// The RADIUS client with its sockets; nothing at all where no server is configured.
pub(super) struct RadiusPort {
    client: Option<Client>,
    /// Names in `users.file` are decided about here.
    local_first: bool,
    sockets: HashMap<SocketId, Socket>,
    /// Sockets that may have more.
    readable: VecDeque<SocketId>,
    asked: HashMap<Ticket, CallRef>,
    stopped: bool,
}

impl RadiusPort {
    pub(super) fn new(client: Option<Client>, local_first: bool) -> Self {
        Self {
            client,
            local_first,
            sockets: HashMap::new(),
            readable: VecDeque::new(),
            asked: HashMap::new(),
            stopped: false,
        }
    }

    /// The client, for those who look at it.
    pub(super) const fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// The kernel has something for a socket.
    pub(super) fn ready(&mut self, index: usize) {
        let socket = token::radius_socket(index);
        if !self.readable.contains(&socket) {
            self.readable.push_back(socket);
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.readable.is_empty()
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
        users: &mut LocalUsers,
        now: Timestamp,
    ) -> Option<Decision> {
        let local = self.is_local(credentials, users);
        let Some(client) = &mut self.client else {
            return Some(users.decide(credentials, access));
        };
        if local || !client.decides() {
            client.note_caller(caller);
            return Some(users.decide(credentials, access));
        }
        match client.ask(caller, credentials, access, now) {
            Ok(ticket) => {
                self.asked.insert(ticket, call);
                None
            }
            Err(rejection) => Some(Decision::Reject(rejection)),
        }
    }

    /// Whose user it is; a conversation in EAP stays where it began.
    fn is_local(&self, credentials: &Credentials, users: &LocalUsers) -> bool {
        match credentials {
            Credentials::Eap { state, .. } if !state.is_empty() => !Client::is_state(state),
            Credentials::Eap { .. }
            | Credentials::Pap { .. }
            | Credentials::ChapMd5 { .. }
            | Credentials::MsChapV1 { .. }
            | Credentials::MsChapV2 { .. }
            | Credentials::ChangePasswordV2 { .. }
            | Credentials::ChangePasswordV3 { .. } => {
                self.local_first && users.knows(credentials.name())
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

    /// Reads what came, does what is due, and looks at calls whose time has come.
    pub(super) fn turn(
        &mut self,
        sessions: &mut Sessions,
        totals: impl Fn(&Sessions, FlowKey) -> FlowTotals,
        now: Timestamp,
    ) {
        for _ in 0..self.readable.len() {
            if let Some(socket) = self.readable.pop_front() {
                self.read(socket, now);
            }
        }
        let Some(client) = &mut self.client else {
            return;
        };
        client.handle_timeout(now);
        for _ in 0..LOOK_BUDGET {
            let Some(flow) = client.next_due(now) else {
                break;
            };
            if client.look(flow, &totals(sessions, flow), now) {
                let reason = EndReason::Link(ppp::EndReason::IdleTimeout);
                sessions.end(flow, reason, now);
            }
        }
    }

    fn read(&mut self, id: SocketId, now: Timestamp) {
        let (Some(client), Some(socket)) = (&mut self.client, self.sockets.get(&id)) else {
            return;
        };
        let mut buffer = [0; PACKET_BYTES_MAX];
        for _ in 0..READ_BUDGET {
            match socket.socket.recv(&mut buffer) {
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or(&[]);
                    // The kernel lets nobody else in: the socket is connected.
                    client.receive(id, socket.address, bytes, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    client.unreachable(id, now);
                }
                Err(error) => {
                    tracing::debug!(%error, "a RADIUS socket cannot be read");
                    return;
                }
            }
        }
        self.readable.push_back(id);
    }

    /// Does what the client asks for; `true` if the sessions may have more to say after it.
    pub(super) fn carry_out(
        &mut self,
        registry: &Registry,
        sessions: &mut Sessions,
        now: Timestamp,
    ) -> bool {
        let mut decided = false;
        while let Some(output) = self.client.as_mut().and_then(Client::poll_output) {
            match output {
                Output::Open { socket, to } => self.open(socket, to, registry),
                Output::Transmit { socket, bytes } => self.transmit(socket, &bytes, now),
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

    fn open(&mut self, id: SocketId, to: SocketAddr, registry: &Registry) {
        let any = match to {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let open = || -> io::Result<UdpSocket> {
            // The kernel chooses the port at random.
            let mut socket = UdpSocket::bind(any)?;
            socket.connect(to)?;
            registry.register(&mut socket, token::radius(id), Interest::READABLE)?;
            Ok(socket)
        };
        match open() {
            Ok(socket) => {
                let address = to;
                self.sockets.insert(id, Socket { socket, address });
            }
            Err(error) => tracing::warn!(%to, %error, "cannot open a socket to a RADIUS server"),
        }
    }

    fn transmit(&mut self, id: SocketId, bytes: &[u8], now: Timestamp) {
        let Some(socket) = self.sockets.get(&id) else {
            return;
        };
        // What is not sent is repeated like what is lost.
        if let Err(error) = socket.socket.send(bytes)
            && error.kind() == io::ErrorKind::ConnectionRefused
            && let Some(client) = &mut self.client
        {
            client.unreachable(id, now);
        }
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
