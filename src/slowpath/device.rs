//! What TAP and TUN have in common: a nonblocking file that gives and takes one frame a time. The
//! interface lives as long as the value.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::netlink::Requests;
use crate::counted_enum;

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A frame of so many bytes.
    Frame(usize),
    /// Nothing more for now.
    Empty,
    /// A frame that filled the buffer to its end, so it may have been cut: drop it.
    Overlong,
    /// The interface is down, or gone.
    Down,
}

counted_enum! {
    /// Why the kernel did not take a frame.
    pub enum SendRefusal {
        /// Its queue is full.
        Full => "full",
        /// The interface is down, or gone.
        Down => "down",
        /// It is no frame, or longer than the kernel takes.
        Malformed => "malformed",
        /// Anything else.
        Other => "other",
    }
}

/// Sends and receives frames of one kernel interface. Not multi-queue and without offloads: every
/// frame is whole, with checksums, and no longer than the MTU allows.
pub(super) struct Device {
    device: SyncDevice,
    name: String,
    ifindex: u32,
}

impl Device {
    /// Makes the interface, leaves it down.
    pub(super) fn open(name: &str, builder: DeviceBuilder) -> io::Result<Self> {
        let create = || -> io::Result<Self> {
            let device = builder.name(name).inherit_enable_state().build_sync()?;
            device.set_nonblocking(true)?;
            let ifindex = device.if_index()?;
            Ok(Self {
                device,
                name: name.to_owned(),
                ifindex,
            })
        };
        create().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("interface {name} cannot be made: {error}"),
            )
        })
    }

    pub(super) fn set_up(&self) -> io::Result<()> {
        Requests::open()?.set_link_up(self.ifindex, true)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn ifindex(&self) -> u32 {
        self.ifindex
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> Received {
        loop {
            return match self.device.recv(buffer) {
                Ok(0) => Received::Empty,
                Ok(length) if length >= buffer.len() => Received::Overlong,
                Ok(length) => Received::Frame(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Empty,
                Err(_) => Received::Down,
            };
        }
    }

    pub(super) fn write(&self, frame: &[u8]) -> Result<(), SendRefusal> {
        loop {
            let error = match self.device.send(frame) {
                Ok(length) if length == frame.len() => return Ok(()),
                Ok(_) => return Err(SendRefusal::Malformed),
                Err(error) => error,
            };
            return Err(match error.raw_os_error() {
                Some(libc::EINTR) => continue,
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => SendRefusal::Full,
                Some(libc::EIO | libc::EBADFD | libc::ENETDOWN) => SendRefusal::Down,
                Some(libc::EINVAL | libc::EMSGSIZE | libc::E2BIG) => SendRefusal::Malformed,
                _ => SendRefusal::Other,
            });
        }
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}

impl Source for Device {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).deregister(registry)
    }
}
