//! The TCP sockets of the TACACS+ client. What the bytes mean is the business of `aaa::tacacs`.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry};

use super::control_plane::ControlPlane;
use super::sockets::connected;
use super::token;
use crate::aaa::tacacs::ConnectionId;
use crate::clock::Timestamp;

/// Reads from one socket in one turn of the loop.
const READS_MAX: usize = 16;
/// Octets that may wait for a server that does not read; more than all its questions are.
const UNSENT_MAX: usize = 1 << 20;

struct Socket {
    stream: TcpStream,
    connecting: bool,
    /// What the kernel had no room for.
    unsent: Vec<u8>,
}

/// All of them, by their names.
#[derive(Default)]
pub(super) struct TacacsSockets {
    sockets: Vec<Option<Socket>>,
    /// Sockets that the kernel has said something about.
    ready: VecDeque<ConnectionId>,
    /// Those that are over without the kernel saying so again.
    failed: VecDeque<ConnectionId>,
}

impl TacacsSockets {
    /// The kernel has something for a socket.
    pub(super) fn ready(&mut self, index: usize) {
        let id = ConnectionId(index);
        if !self.ready.contains(&id) {
            self.ready.push_back(id);
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.failed.is_empty()
    }

    /// Reads and writes what waits.
    pub(super) fn turn(&mut self, plane: &mut ControlPlane, now: Timestamp) {
        for _ in 0..self.ready.len() {
            if let Some(id) = self.ready.pop_front() {
                self.serve(id, plane, now);
            }
        }
        while let Some(id) = self.failed.pop_front() {
            plane.stream_closed(id, now);
        }
    }

    fn serve(&mut self, id: ConnectionId, plane: &mut ControlPlane, now: Timestamp) {
        let Some(socket) = self.sockets.get_mut(id.0).and_then(Option::as_mut) else {
            return;
        };
        if socket.connecting {
            match connected(&socket.stream) {
                None => return,
                Some(Ok(())) => {
                    socket.connecting = false;
                    plane.stream_open(id, now);
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "a TACACS+ server cannot be reached");
                    return self.failed.push_back(id);
                }
            }
        }
        if socket.flush().is_err() {
            return self.failed.push_back(id);
        }
        let mut buffer = [0; 4096];
        for _ in 0..READS_MAX {
            match socket.stream.read(&mut buffer) {
                Ok(0) => return self.failed.push_back(id),
                Ok(length) => plane.stream_bytes(id, buffer.get(..length).unwrap_or(&[]), now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.failed.push_back(id),
            }
        }
        self.ready.push_back(id);
    }

    /// Begins to open a connection.
    pub(super) fn open(&mut self, id: ConnectionId, to: SocketAddr, registry: &Registry) {
        let open = || -> io::Result<TcpStream> {
            let mut stream = TcpStream::connect(to)?;
            let _nagle = stream.set_nodelay(true);
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut stream, token::tacacs(id), interest)?;
            Ok(stream)
        };
        if self.sockets.len() <= id.0 {
            self.sockets.resize_with(id.0 + 1, || None);
        }
        let opened = open();
        if let Err(error) = &opened {
            tracing::warn!(%to, %error, "cannot open a connection to a TACACS+ server");
            self.failed.push_back(id);
        }
        if let Some(place) = self.sockets.get_mut(id.0) {
            *place = opened.ok().map(|stream| Socket {
                stream,
                connecting: true,
                unsent: Vec::new(),
            });
        }
    }

    /// Sends octets; what the kernel does not take waits.
    pub(super) fn send(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(socket) = self.sockets.get_mut(id.0).and_then(Option::as_mut) else {
            return;
        };
        socket.unsent.extend_from_slice(bytes);
        if socket.flush().is_err() || socket.unsent.len() > UNSENT_MAX {
            self.failed.push_back(id);
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, id: ConnectionId, registry: &Registry) {
        self.ready.retain(|other| *other != id);
        self.failed.retain(|other| *other != id);
        let socket = self.sockets.get_mut(id.0).and_then(Option::take);
        if let Some(mut socket) = socket {
            let _unregistered = registry.deregister(&mut socket.stream);
        }
    }
}

impl Socket {
    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
