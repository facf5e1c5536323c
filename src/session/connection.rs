//! One control connection: the PPTP machine, its peer, and the calls that it carries.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::CallRef;
use super::admission::ConnectionPermit;
use crate::clock::Timestamp;
use crate::pptp::Control;

/// One accepted TCP connection.
pub struct Connection {
    pub(super) control: Control,
    pub(super) peer: SocketAddrV4,
    /// Position of the dialled address in `server.listen`.
    pub(super) local: u16,
    pub(super) local_address: Ipv4Addr,
    pub(super) calls: Vec<CallRef>,
    /// The place among the admitted connections, given back when this is dropped.
    pub(super) permit: ConnectionPermit,
    pub(super) host_name: String,
    pub(super) vendor_name: String,
    /// The socket is to be closed as soon as what is pending has been written.
    pub(super) closing: bool,
    /// The entry of this connection in the timer heap.
    pub(super) armed: Option<Timestamp>,
}

impl Connection {
    /// When this connection next wants time.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        if self.closing {
            return None;
        }
        self.control.poll_timeout()
    }
}
