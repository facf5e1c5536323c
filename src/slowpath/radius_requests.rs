//! The UDP socket on which billing systems ask about live calls (RFC 5176).

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry};

use super::control_plane::ControlPlane;
use super::token;
use crate::clock::Timestamp;
use crate::wire::radius::PACKET_BYTES_MAX;

/// Datagrams read in one turn of the loop.
const READ_BUDGET: usize = 64;

/// The socket, where requests are heard at all.
#[derive(Default)]
pub(super) struct RequestSocket {
    socket: Option<UdpSocket>,
    readable: bool,
}

impl RequestSocket {
    /// Listens on `address`.
    pub(super) fn listen(address: SocketAddr, registry: &Registry) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(address)?;
        registry.register(&mut socket, token::REQUESTS, Interest::READABLE)?;
        Ok(Self {
            socket: Some(socket),
            readable: false,
        })
    }

    /// The kernel has something for it.
    pub(super) const fn ready(&mut self) {
        self.readable = true;
    }

    pub(super) const fn has_work(&self) -> bool {
        self.readable
    }

    /// Reads what came.
    pub(super) fn turn(&mut self, plane: &mut ControlPlane, now: Timestamp) {
        let Some(socket) = self.socket.as_ref().filter(|_| self.readable) else {
            return;
        };
        let mut buffer = [0; PACKET_BYTES_MAX];
        for _ in 0..READ_BUDGET {
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    plane.request(from, buffer.get(..length).unwrap_or(&[]), now);
                }
                // Whatever else it is, it is about an answer of ours, and no reason to stop.
                Err(error) => {
                    self.readable = error.kind() != io::ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }

    /// Sends an answer. One that is not sent is asked for again.
    pub(super) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send_to(bytes, to)
        {
            tracing::debug!(%to, %error, "cannot answer a request about live calls");
        }
    }
}
