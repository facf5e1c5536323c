//! The UDP sockets of the RADIUS client. What the packets mean is the business of `aaa::radius`.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry};

use super::control_plane::ControlPlane;
use super::token;
use crate::aaa::radius::SocketId;
use crate::clock::Timestamp;
use crate::wire::radius::PACKET_BYTES_MAX;

/// Datagrams read from one socket in one turn of the loop.
const READ_BUDGET: usize = 256;

struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

/// All of them, by their names.
#[derive(Default)]
pub(super) struct RadiusSockets {
    sockets: HashMap<SocketId, Socket>,
    /// Sockets that may have more.
    readable: VecDeque<SocketId>,
}

impl RadiusSockets {
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

    /// Reads what came.
    pub(super) fn turn(&mut self, plane: &mut ControlPlane, now: Timestamp) {
        for _ in 0..self.readable.len() {
            if let Some(socket) = self.readable.pop_front() {
                self.read(socket, plane, now);
            }
        }
    }

    fn read(&mut self, id: SocketId, plane: &mut ControlPlane, now: Timestamp) {
        let Some(socket) = self.sockets.get(&id) else {
            return;
        };
        let mut buffer = [0; PACKET_BYTES_MAX];
        for _ in 0..READ_BUDGET {
            match socket.socket.recv(&mut buffer) {
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or(&[]);
                    // The kernel lets nobody else in: the socket is connected.
                    plane.datagram(id, socket.address, bytes, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    plane.unreachable(id, now);
                }
                Err(error) => {
                    tracing::debug!(%error, "a RADIUS socket cannot be read");
                    return;
                }
            }
        }
        self.readable.push_back(id);
    }

    /// Opens a socket on a random port, connected to a server.
    pub(super) fn open(&mut self, id: SocketId, to: SocketAddr, registry: &Registry) {
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

    /// Closes a socket.
    pub(super) fn close(&mut self, id: SocketId) {
        self.sockets.remove(&id);
    }

    /// Sends a datagram. What is not sent is repeated like what is lost.
    pub(super) fn send(&mut self, id: SocketId, bytes: &[u8]) {
        if let Some(socket) = self.sockets.get(&id)
            && let Err(error) = socket.socket.send(bytes)
            && error.kind() == io::ErrorKind::ConnectionRefused
            && !self.readable.contains(&id)
        {
            // The kernel has told it here instead of there.
            self.readable.push_back(id);
        }
    }
}
