//! The socket that hears of every change, and fills the mirror from dumps first and again whenever
//! something may have been missed.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkPayload};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use tracing::{debug, info, warn};

use super::{Message, decode, during, encode, split};
use crate::routing::Mirror;

/// Multicast groups (`RTNLGRP_*`): links, neighbours, IPv4 addresses, IPv4 routes.
const GROUPS: [u32; 4] = [1, 3, 5, 7];
/// A dump fills datagrams up to 32 KiB.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// Room for about 20,000 routes told in one go.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// How much [`Monitor::synchronise`] reads between two looks at the clock.
const DATAGRAMS_PER_TURN: usize = 256;
/// More than a receive buffer holds.
const DISCARD_MAX: usize = 1 << 16;

/// What a dump is about; in this order, since routes mean something only with their links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Links,
    Addresses,
    Routes,
    Neighbours,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The mirror is complete; changes keep it so.
    Following,
    /// Waiting to start over.
    Pending,
    Dumping(Subject),
}

/// Whether there is more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The socket is empty: wait for it.
    Drained,
    /// The budget is used up: come back without waiting.
    More,
}

/// What the monitor has met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MonitorCounters {
    /// Changes that reached the mirror.
    pub changes: u64,
    /// Times that the kernel dropped news because we read too slowly.
    pub overruns: u64,
    /// Complete dumps.
    pub resyncs: u64,
    /// Messages that could not be understood.
    pub undecodable: u64,
}

/// A nonblocking netlink socket that follows links, addresses, routes and neighbours. Register it
/// for reading, and call [`Self::read`] until it is [`Progress::Drained`].
pub struct Monitor {
    socket: Socket,
    buffer: Vec<u8>,
    phase: Phase,
    /// The running dump is spoilt; start over when it ends.
    spoilt: bool,
    sequence: u32,
    counters: MonitorCounters,
}

impl Monitor {
    /// Opens the socket in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the socket or a group.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_non_blocking(true)?;
        // Without the right to exceed the system's limit, the limit will do.
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES)
            .or_else(|_| {
                rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES)
            })?;
        socket.bind_auto()?;
        for group in GROUPS {
            socket.add_membership(group)?;
        }
        Ok(Self {
            socket,
            buffer: vec![0; DATAGRAM_BYTES_MAX],
            phase: Phase::Pending,
            spoilt: false,
            sequence: 0,
            counters: MonitorCounters::default(),
        })
    }

    /// Whether the mirror shows everything that the kernel has told.
    #[must_use]
    pub fn is_synchronised(&self) -> bool {
        self.phase == Phase::Following
    }

    /// What has been met so far.
    #[must_use]
    pub const fn counters(&self) -> MonitorCounters {
        self.counters
    }

    /// Makes the receive buffer `bytes` long, for tests of overruns.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_socket_recv_buffer_size(
            &self.socket,
            bytes,
        )?)
    }

    /// Takes up to `datagrams_max` datagrams into `mirror`, and starts a dump whenever one is needed.
    ///
    /// # Errors
    ///
    /// When the socket fails; an overrun is no error, it starts a new dump.
    pub fn read(&mut self, mirror: &mut Mirror, datagrams_max: usize) -> io::Result<Progress> {
        self.begin_if_due(mirror)?;
        for _ in 0..datagrams_max {
            match self.receive() {
                Ok(length) => self.take(mirror, length)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::Drained);
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.overrun(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(during("reading netlink", &error)),
            }
            self.begin_if_due(mirror)?;
        }
        Ok(Progress::More)
    }

    /// Blocks until the mirror is complete, for start-up.
    ///
    /// # Errors
    ///
    /// When the socket fails, or when it takes longer than `limit`.
    pub fn synchronise(&mut self, mirror: &mut Mirror, limit: Duration) -> io::Result<()> {
        let begun = Instant::now();
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1);
        poll.registry().register(
            &mut SourceFd(&self.as_raw_fd()),
            Token(0),
            Interest::READABLE,
        )?;
        loop {
            let progress = self.read(mirror, DATAGRAMS_PER_TURN)?;
            if self.is_synchronised() {
                break;
            }
            let left = limit.checked_sub(begun.elapsed()).ok_or_else(|| {
                let text = format!("the kernel did not finish its dumps within {limit:?}");
                io::Error::new(io::ErrorKind::TimedOut, text)
            })?;
            if progress == Progress::Drained {
                wait(&mut poll, &mut events, left)?;
            }
        }
        poll.registry().deregister(&mut SourceFd(&self.as_raw_fd()))
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut space = self.buffer.as_mut_slice();
        let length = self.socket.recv(&mut space, libc::MSG_TRUNC)?;
        if length > self.buffer.len() {
            warn!(length, "netlink datagram cut short");
            self.counters.undecodable += 1;
        }
        Ok(length.min(self.buffer.len()))
    }

    fn overrun(&mut self) {
        self.counters.overruns += 1;
        info!("the kernel told more changes than could be read; reading everything again");
        match self.phase {
            Phase::Following => self.phase = Phase::Pending,
            Phase::Pending => {}
            Phase::Dumping(_) => self.spoilt = true,
        }
    }

    fn begin_if_due(&mut self, mirror: &mut Mirror) -> io::Result<()> {
        if self.phase == Phase::Following && mirror.wants_resync() {
            self.phase = Phase::Pending;
        }
        if self.phase != Phase::Pending {
            return Ok(());
        }
        // What waits in the socket is older than the dump will be, and after an overrun its sequel
        // may be missing: applied on top it could bring back what is gone.
        for _ in 0..DISCARD_MAX {
            match self.receive() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    mirror.begin_resync();
                    self.spoilt = false;
                    return self.dump(Subject::Links);
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.counters.overruns += 1;
                }
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn dump(&mut self, subject: Subject) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = encode(query(subject), NLM_F_REQUEST | NLM_F_DUMP, self.sequence);
        self.socket
            .send_to(&request, &SocketAddr::new(0, 0), 0)
            .map_err(|error| during("asking for a netlink dump", &error))?;
        self.phase = Phase::Dumping(subject);
        Ok(())
    }

    fn take(&mut self, mirror: &mut Mirror, length: usize) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let datagram = buffer.get(..length).unwrap_or_default();
        let taken = split(datagram).try_for_each(|message| self.take_message(mirror, message));
        self.buffer = buffer;
        taken
    }

    fn take_message(&mut self, mirror: &mut Mirror, bytes: &[u8]) -> io::Result<()> {
        let message = match Message::deserialize(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.counters.undecodable += 1;
                debug!(%error, "netlink message not understood");
                return Ok(());
            }
        };
        let flags = message.header.flags;
        let answers_dump = message.header.sequence_number == self.sequence;
        if flags & NLM_F_DUMP_INTR != 0 && answers_dump {
            self.spoilt = true;
        }
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => {
                if let Some(change) = decode::change(&inner, flags) {
                    self.counters.changes += 1;
                    mirror.apply(change);
                }
                Ok(())
            }
            NetlinkPayload::Done(done) if answers_dump && done.code == 0 => self.next_dump(mirror),
            NetlinkPayload::Done(done) if answers_dump => {
                let error = io::Error::from_raw_os_error(done.code.saturating_abs());
                self.phase = Phase::Pending;
                Err(during("netlink dump", &error))
            }
            // The dump has begun all the same, and goes on as the socket is read.
            NetlinkPayload::Error(error) if error.raw_code() == -libc::ENOBUFS => Ok(()),
            NetlinkPayload::Error(error) if error.code.is_some() => {
                self.phase = Phase::Pending;
                Err(during("netlink dump", &error.to_io()))
            }
            NetlinkPayload::Done(_)
            | NetlinkPayload::Error(_)
            | NetlinkPayload::Noop
            | NetlinkPayload::Overrun(_)
            | _ => Ok(()),
        }
    }

    fn next_dump(&mut self, mirror: &mut Mirror) -> io::Result<()> {
        let Phase::Dumping(subject) = self.phase else {
            return Ok(());
        };
        if self.spoilt {
            self.phase = Phase::Pending;
            return Ok(());
        }
        match subject {
            Subject::Links => self.dump(Subject::Addresses),
            Subject::Addresses => self.dump(Subject::Routes),
            Subject::Routes => self.dump(Subject::Neighbours),
            Subject::Neighbours => {
                mirror.finish_resync();
                self.counters.resyncs += 1;
                self.phase = Phase::Following;
                Ok(())
            }
        }
    }
}

/// A signal is no reason to fail: the caller looks again.
fn wait(poll: &mut Poll, events: &mut Events, limit: Duration) -> io::Result<()> {
    match poll.poll(events, Some(limit)) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn query(subject: Subject) -> RouteNetlinkMessage {
    match subject {
        Subject::Links => RouteNetlinkMessage::GetLink(LinkMessage::default()),
        Subject::Addresses => {
            let mut message = AddressMessage::default();
            message.header.family = AddressFamily::Inet;
            RouteNetlinkMessage::GetAddress(message)
        }
        Subject::Routes => {
            let mut message = RouteMessage::default();
            message.header.address_family = AddressFamily::Inet;
            RouteNetlinkMessage::GetRoute(message)
        }
        Subject::Neighbours => {
            let mut message = NeighbourMessage::default();
            message.header.family = AddressFamily::Inet;
            RouteNetlinkMessage::GetNeighbour(message)
        }
    }
}

impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
