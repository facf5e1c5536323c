//! The TCP sockets of the control connections: accept, connect, read, write, close. What the bytes mean is
//! the business of `session`.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};
use rustix::fd::OwnedFd;
use rustix::net::{self, sockopt};

use super::control_plane::{ACCEPT_BUDGET, ACCEPT_BUDGET_BUSY, READ_BUDGET};
use super::token;
use crate::clock::Timestamp;
use crate::session::{ConnectionId, Sessions};

/// Bytes read from one socket in one turn of the loop, so that none starves the others.
const READ_BUDGET_BYTES: usize = 16 * 1024;
/// How soon accepting is tried again after it failed.
const ACCEPT_RETRY_TIME: Duration = Duration::from_secs(1);
/// How long a socket whose last words are written stays open: closing at once while the client's
/// own last words are unread would reset the connection and could destroy ours on their way.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// Sockets that may linger at once; beyond that the oldest is closed early.
const LINGER_MAX: usize = 4096;

struct Listener {
    socket: TcpListener,
    address: Ipv4Addr,
    ready: bool,
}

struct Socket {
    id: ConnectionId,
    stream: TcpStream,
    /// Readable by the last word of the kernel, which speaks only when that changes.
    readable: bool,
    /// The kernel has said that the peer sends no more, or that the connection broke.
    ending: bool,
    /// We are opening it, and the kernel has not said how that ended.
    connecting: bool,
}

/// What the kernel says of a connected socket.
#[derive(Clone, Copy)]
pub(super) struct Readiness {
    pub(super) readable: bool,
    /// Nothing follows what there is to read.
    pub(super) ending: bool,
}

/// All listening and connected sockets of the control protocol.
pub(super) struct Sockets {
    listeners: Vec<Listener>,
    /// By the index of the connection in its table.
    sockets: Vec<Option<Socket>>,
    /// Sockets that had more than their budget.
    runnable: VecDeque<ConnectionId>,
    lingering: VecDeque<(Timestamp, TcpStream)>,
    /// When listeners that could not accept are tried again.
    retry_accept_at: Option<Timestamp>,
}

impl Sockets {
    /// Listens on `port` of every address.
    ///
    /// # Errors
    /// The address that could not be listened on, and why.
    pub(super) fn listen(
        registry: &Registry,
        addresses: &[Ipv4Addr],
        port: u16,
    ) -> Result<Self, (SocketAddrV4, io::Error)> {
        let mut listeners = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let at = SocketAddrV4::new(*address, port);
            let open = || -> io::Result<TcpListener> {
                let mut socket = begin_listen(at)?;
                registry.register(&mut socket, token::listener(index), Interest::READABLE)?;
                Ok(socket)
            };
            let socket = open().map_err(|error| (at, error))?;
            listeners.push(Listener {
                socket,
                address: *address,
                ready: true,
            });
        }
        Ok(Self {
            listeners,
            sockets: Vec::new(),
            runnable: VecDeque::new(),
            lingering: VecDeque::new(),
            retry_accept_at: None,
        })
    }

    /// The kernel has something for the listener with this index.
    pub(super) fn listener_ready(&mut self, index: usize) {
        if let Some(listener) = self.listeners.get_mut(index) {
            listener.ready = true;
        }
    }

    /// The kernel has something for the connection with this index.
    pub(super) fn socket_ready(
        &mut self,
        index: usize,
        readiness: Readiness,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        let Some(socket) = self.sockets.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let id = socket.id;
        if socket.connecting {
            match connected(&socket.stream) {
                Some(Ok(())) => socket.connecting = false,
                Some(Err(error)) => {
                    tracing::info!(%error, "a peer cannot be reached");
                    return sessions.connect_failed(id, now);
                }
                None => return,
            }
        }
        let Readiness { readable, ending } = readiness;
        socket.ending |= ending;
        if (readable || ending) && !std::mem::replace(&mut socket.readable, true) {
            self.runnable.push_back(id);
        }
        self.write(id, sessions, now);
    }

    /// Whether a turn has something to do without waiting for the kernel.
    #[must_use]
    pub(super) fn has_work(&self) -> bool {
        !self.runnable.is_empty() || self.listeners.iter().any(|listener| listener.ready)
    }

    /// When the next lingering socket is to be closed, or a listener tried again.
    #[must_use]
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let lingering = self.lingering.front().map(|(deadline, _)| *deadline);
        [lingering, self.retry_accept_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether no socket lingers.
    pub(super) fn is_quiet(&self) -> bool {
        self.lingering.is_empty()
    }

    /// Reads and accepts within this turn's budget, and closes what has lingered. In a storm clients
    /// that are in come first, and the others wait in the kernel's backlog, where they cost nothing:
    /// so those that are in are up before their own patience ends. `unhurried` says that nothing
    /// else waits.
    pub(super) fn turn(
        &mut self,
        registry: &Registry,
        unhurried: bool,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        if self.retry_accept_at.is_some_and(|at| at <= now) {
            self.retry_accept_at = None;
            self.listeners
                .iter_mut()
                .for_each(|listener| listener.ready = true);
        }
        for _ in 0..self.runnable.len().min(READ_BUDGET) {
            if let Some(id) = self.runnable.pop_front() {
                self.read(id, sessions, now);
            }
        }
        let budget = if unhurried && self.runnable.is_empty() {
            ACCEPT_BUDGET
        } else {
            ACCEPT_BUDGET_BUSY
        };
        for index in 0..self.listeners.len() {
            self.accept(index, budget, registry, sessions, now);
        }
        while self
            .lingering
            .front()
            .is_some_and(|(deadline, _)| *deadline <= now)
        {
            self.lingering.pop_front();
        }
    }

    /// Writes what waits for a connection.
    pub(super) fn write(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        let Some(socket) = self.sockets.get_mut(id.index()).and_then(Option::as_mut) else {
            return;
        };
        loop {
            let pending = sessions.pending(id);
            if pending.is_empty() {
                return;
            }
            match socket.stream.write(pending) {
                Ok(written) => sessions.consumed(id, written, now),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What is left waits for the kernel's word; a broken connection shows when read.
                Err(_) => return,
            }
        }
    }

    /// Writes the last words, ends our direction, and lets the socket linger.
    pub(super) fn close(
        &mut self,
        id: ConnectionId,
        registry: &Registry,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        self.write(id, sessions, now);
        sessions.forget(id);
        let Some(mut socket) = self.sockets.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        let _unregistered = registry.deregister(&mut socket.stream);
        if socket.stream.shutdown(Shutdown::Write).is_ok() {
            if self.lingering.len() >= LINGER_MAX {
                self.lingering.pop_front();
            }
            self.lingering.push_back((now + LINGER_TIME, socket.stream));
        }
    }

    /// Begins to open the TCP connection of a control connection of ours.
    pub(super) fn connect(
        &mut self,
        id: ConnectionId,
        local_address: Ipv4Addr,
        peer: SocketAddrV4,
        registry: &Registry,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        match begin_connect(local_address, peer) {
            Ok(stream) => self.adopt(id, stream, true, registry, sessions, now),
            Err(error) => {
                tracing::warn!(%peer, %error, "cannot call");
                sessions.connect_failed(id, now);
            }
        }
    }

    fn accept(
        &mut self,
        index: usize,
        budget: usize,
        registry: &Registry,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        for _ in 0..budget {
            let Some(listener) = self
                .listeners
                .get_mut(index)
                .filter(|listener| listener.ready)
            else {
                return;
            };
            let (stream, peer) = match listener.socket.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    listener.ready = false;
                    return;
                }
                Err(error) => {
                    // Out of descriptors, most likely: the kernel says nothing new when some are
                    // free again, so we look again soon, and not at once.
                    tracing::warn!(%error, "cannot accept a control connection");
                    listener.ready = false;
                    self.retry_accept_at = Some(now + ACCEPT_RETRY_TIME);
                    return;
                }
            };
            let address = listener.address;
            let SocketAddr::V4(peer) = peer else { continue };
            match sessions.accept(peer, address, now) {
                Ok(id) => self.adopt(id, stream, false, registry, sessions, now),
                Err(refusal) => {
                    tracing::debug!(%peer, reason = refusal.name(), "control connection refused");
                }
            }
        }
    }

    fn adopt(
        &mut self,
        id: ConnectionId,
        mut stream: TcpStream,
        connecting: bool,
        registry: &Registry,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        // Every message is one write and must leave at once.
        let _nagle = stream.set_nodelay(true);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = registry.register(&mut stream, token::connection(id.index()), interest)
        {
            tracing::warn!(%error, "cannot watch a control connection");
            sessions.peer_closed(id, now);
            return;
        }
        if self.sockets.len() <= id.index() {
            self.sockets.resize_with(id.index() + 1, || None);
        }
        if let Some(place) = self.sockets.get_mut(id.index()) {
            *place = Some(Socket {
                id,
                stream,
                readable: !connecting,
                ending: false,
                connecting,
            });
        }
        if !connecting {
            self.runnable.push_back(id);
        }
    }

    fn read(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        let Some(socket) = self.sockets.get_mut(id.index()).and_then(Option::as_mut) else {
            return;
        };
        if socket.id != id {
            return;
        }
        let mut buffer = [0; 4096];
        for _ in 0..READ_BUDGET_BYTES / buffer.len() {
            match socket.stream.read(&mut buffer) {
                Ok(0) => {
                    socket.readable = false;
                    return sessions.peer_closed(id, now);
                }
                Ok(length) => {
                    sessions.receive(id, buffer.get(..length).unwrap_or(&[]), now);
                    // Less than was asked for is all there was; the kernel tells when there is more.
                    if length < buffer.len() && !socket.ending {
                        socket.readable = false;
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.readable = false;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    socket.readable = false;
                    return sessions.peer_closed(id, now);
                }
            }
        }
        self.runnable.push_back(id);
    }
}

/// Whether it is open, or why it is not; `None` while the kernel is still trying.
pub(super) fn connected(stream: &TcpStream) -> Option<io::Result<()>> {
    if let Ok(Some(error)) | Err(error) = stream.take_error() {
        return Some(Err(error));
    }
    match stream.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
        Err(error) => Some(Err(error)),
    }
}

/// A socket that listens at `at`, with room for as many clients that wait as the kernel allows
/// (`net.core.somaxconn`): in a storm they wait there, and not in the backing off of their own TCP.
fn begin_listen(at: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = tcp_socket()?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(&socket, &at)?;
    net::listen(&socket, i32::from(u16::MAX))?;
    Ok(TcpListener::from_std(std::net::TcpListener::from(socket)))
}

fn tcp_socket() -> io::Result<OwnedFd> {
    let flags = net::SocketFlags::NONBLOCK | net::SocketFlags::CLOEXEC;
    let kind = net::SocketType::STREAM;
    Ok(net::socket_with(
        net::AddressFamily::INET,
        kind,
        flags,
        None,
    )?)
}

/// A TCP connection from `local_address` that the kernel begins to open. GRE will come from there,
/// and the peer has to see one address.
fn begin_connect(local_address: Ipv4Addr, peer: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = tcp_socket()?;
    net::bind(&socket, &SocketAddrV4::new(local_address, 0))?;
    match net::connect(&socket, &peer) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {
            Ok(TcpStream::from_std(std::net::TcpStream::from(socket)))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(peer: SocketAddrV4) -> io::Result<()> {
        let stream = begin_connect(Ipv4Addr::LOCALHOST, peer).expect("begun");
        let local = stream.local_addr().expect("bound");
        assert_eq!(local.ip(), Ipv4Addr::LOCALHOST);
        for _ in 0..1000 {
            match connected(&stream) {
                Some(outcome) => return outcome,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        panic!("the kernel says nothing of {peer}")
    }

    #[test]
    fn a_connection_of_ours_opens_or_says_why_not() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let SocketAddr::V4(peer) = listener.local_addr().expect("bound") else {
            panic!()
        };
        assert!(outcome(peer).is_ok());
        drop(listener);
        let refused = outcome(peer).expect_err("nobody listens any more");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
