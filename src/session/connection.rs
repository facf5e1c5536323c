//! One control connection: the PPTP machine, its peer, and the calls that it carries.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use super::admission::ConnectionPermit;
use super::{CallRef, ConnectionId, Peer, Sessions};
use crate::clock::Timestamp;
use crate::pptp::{Control, ControlState};

/// Calls that one connection may place in the long run, as the time between two.
const CALL_INTERVAL: Duration = Duration::from_millis(100);
/// Calls that it may place at once, more than it may have at a time.
const CALL_BURST: u32 = 64;

/// One TCP connection.
pub struct Connection {
    pub(super) control: Control,
    pub(super) peer: SocketAddrV4,
    /// Position of our address in `server.listen`.
    pub(super) local: u16,
    pub(super) local_address: Ipv4Addr,
    /// Whether we opened it.
    pub(super) originated: bool,
    pub(super) calls: Vec<CallRef>,
    /// Whom to call as soon as it is established.
    pub(super) waiting: Vec<Arc<Peer>>,
    /// The place among the admitted connections, given back when this is dropped.
    pub(super) permit: ConnectionPermit,
    pub(super) host_name: String,
    pub(super) vendor_name: String,
    /// When TCP was accepted, or we began to open it.
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
    /// A connection that the peer opened.
    pub(super) const fn new(
        control: Control,
        peer: SocketAddrV4,
        local: u16,
        local_address: Ipv4Addr,
        permit: ConnectionPermit,
        now: Timestamp,
    ) -> Self {
        Self {
            control,
            peer,
            local,
            local_address,
            originated: false,
            calls: Vec::new(),
            waiting: Vec::new(),
            permit,
            host_name: String::new(),
            vendor_name: String::new(),
            accepted: now,
            started: false,
            called: false,
            next_call_due: now,
            closing: false,
            armed: None,
        }
    }

    /// Whether the peer may ask for a call now. One that places and clears calls as fast as it can
    /// write would keep every Call ID of our address resting.
    pub(super) fn may_call(&mut self, now: Timestamp) -> bool {
        let due = self.next_call_due.max(now);
        if due.since(now) > CALL_INTERVAL * CALL_BURST {
            return false;
        }
        self.next_call_due = due + CALL_INTERVAL;
        true
    }

    /// Whether our Start-Control-Connection-Request is on the wire and not answered.
    pub(super) fn has_asked(&self) -> bool {
        self.control.state() == ControlState::WaitStartReply && self.control.pending().is_empty()
    }

    /// When this connection next wants time.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        if self.closing {
            return None;
        }
        self.control.poll_timeout()
    }
}

impl Sessions {
    /// The client has closed a control connection, or it has broken.
    pub fn peer_closed(&mut self, id: ConnectionId, now: Timestamp) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection
                .control
                .handle(crate::pptp::Input::PeerClosed, now);
            self.touched_connections.push_back(id);
            self.settle(now);
        }
    }

    /// What waits to be written to a control connection.
    #[must_use]
    pub fn pending(&self, id: ConnectionId) -> &[u8] {
        self.connections
            .get(id)
            .map_or(&[], |connection| connection.control.pending())
    }

    /// `bytes` of what was pending have been written.
    pub fn consumed(&mut self, id: ConnectionId, bytes: usize, now: Timestamp) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.control.consume(bytes);
            // With its last words written, a machine that is closing closes.
            if connection.control.pending().is_empty() {
                self.touched_connections.push_back(id);
                self.settle(now);
            }
        }
    }

    /// The socket of a connection that was told to close is closed.
    pub fn forget(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(id) {
            self.tally.add_connection(&connection);
        }
    }
}
