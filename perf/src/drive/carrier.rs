//! What carries the clients' GRE.

use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::net::{self, RecvFlags, SendFlags, ipproto, sockopt};

use crate::Outcome;

/// GRE to the server and from it.
pub(super) enum Carrier {
    /// A raw socket of this machine's kernel.
    Sockets(OwnedFd),
    /// A DPDK port.
    #[cfg(feature = "dpdk")]
    Port(Box<super::port::PortCarrier>),
}

impl Carrier {
    /// A raw socket to `server`.
    pub(super) fn sockets(server: Ipv4Addr) -> Outcome<Self> {
        let flags = net::SocketFlags::NONBLOCK | net::SocketFlags::CLOEXEC;
        let (family, kind) = (net::AddressFamily::INET, net::SocketType::RAW);
        let gre = net::socket_with(family, kind, flags, Some(ipproto::GRE))?;
        // The kernel gives less to who may not ask for more; then frames are said again.
        let _as_much_as_there_is = sockopt::set_socket_recv_buffer_size_force(&gre, 64 << 20)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&gre, 8 << 20));
        net::connect(&gre, &SocketAddrV4::new(server, 0))?;
        Ok(Self::Sockets(gre))
    }

    /// What it is, for the report.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Sockets(_) => "a raw socket of the kernel",
            #[cfg(feature = "dpdk")]
            Self::Port(_) => "a DPDK port, with a TAP for TCP",
        }
    }

    /// What the kernel's poll can wait on; `None` has to be looked at again and again.
    pub(super) fn pollable(&self) -> Option<i32> {
        match self {
            Self::Sockets(gre) => Some(gre.as_raw_fd()),
            #[cfg(feature = "dpdk")]
            Self::Port(_) => None,
        }
    }

    /// Sends what follows an IP header; what there is no room for is lost, as on any wire.
    pub(super) fn send(&mut self, packet: &[u8]) {
        match self {
            Self::Sockets(gre) => {
                let _sent = net::send(gre, packet, SendFlags::empty());
            }
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.send(packet),
        }
    }

    /// The next IP packet with GRE in it: its length.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self {
            Self::Sockets(gre) => {
                let received = net::recv(gre, buffer, RecvFlags::empty());
                received.ok().map(|(length, _)| length)
            }
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.receive(buffer),
        }
    }

    /// Moves what waits on its way.
    pub(super) fn flush(&mut self) {
        match self {
            Self::Sockets(_) => {}
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.flush(),
        }
    }
}
