//! One control connection: the PPTP machine, its peer, and the calls that it carries.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::CallRef;
use super::admission::ConnectionPermit;
use crate::clock::Timestamp;
use crate::pptp::Control;

/// Calls that one connection may place in the long run, as the time between two.
const CALL_INTERVAL: Duration = Duration::from_millis(100);
/// Calls that it may place at once, more than it may have at a time.
const CALL_BURST: u32 = 64;

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
    /// When TCP was accepted.
    pub(super) accepted: Timestamp,
    /// Whether Start-Control-Connection-Request came.
    pub(super) started: bool,
    /// Whether the client has asked for a call.
    pub(super) called: bool,
    /// When the next call would be due if all came evenly (the generic cell rate algorithm).
    pub(super) next_call_due: Timestamp,
    /// The socket is to be closed as soon as what is pending has been written.
    pub(super) closing: bool,
    /// The entry of this connection in the timer heap.
    pub(super) armed: Option<Timestamp>,
}

impl Connection {
    /// Whether the client may ask for a call now. One that places and clears calls as fast as it can
    /// write would keep every Call ID of our address resting.
    pub(super) fn may_call(&mut self, now: Timestamp) -> bool {
        let due = self.next_call_due.max(now);
        if due.since(now) > CALL_INTERVAL * CALL_BURST {
            return false;
        }
        self.next_call_due = due + CALL_INTERVAL;
        true
    }

    /// When this connection next wants time.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        if self.closing {
            return None;
        }
        self.control.poll_timeout()
    }
}
