//! The kernel's face of us: a TAP for each port, with the port's MAC address and MTU, to which what the
//! fast path punts is written and by which the kernel sends; and the TUN where inner packets of calls
//! meet the kernel, which carries the pool routes. Each is a nonblocking file that gives and takes one
//! frame or packet at a time, and an interface that lives as long as the value.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use super::netlink::Requests;
use super::sysctl;
use crate::counted_enum;

/// The usual name of the TUN.
pub const TUN_NAME: &str = "pns0";

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
/// frame is whole, with checksums, and no longer than the MTU allows. Dropping it removes the
/// interface, with its addresses and routes.
pub struct Device {
    device: SyncDevice,
    name: String,
    ifindex: u32,
}

impl Device {
    /// Makes TAP `name` with the MAC address and the MTU (in bytes, of IP packets) of a port, settles
    /// its sysctls, and sets it up.
    ///
    /// # Errors
    ///
    /// When the kernel refuses: no right to, or the name is in use.
    pub fn tap(name: &str, mac: [u8; 6], mtu: u16) -> io::Result<Self> {
        let builder = DeviceBuilder::new().layer(Layer::L2).mac_addr(mac);
        Self::open(name, builder.mtu(mtu))
    }

    /// Makes TUN `name` with an MTU in bytes, settles its sysctls, and sets it up. The MTU should be the
    /// largest of any call, so that it is us who say when a packet does not fit the call.
    ///
    /// # Errors
    ///
    /// When the kernel refuses: no right to, or the name is in use.
    pub fn tun(name: &str, mtu: u16) -> io::Result<Self> {
        Self::open(name, DeviceBuilder::new().layer(Layer::L3).mtu(mtu))
    }

    fn open(name: &str, builder: DeviceBuilder) -> io::Result<Self> {
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
        let device = create().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("interface {name} cannot be made: {error}"),
            )
        })?;
        sysctl::settle_interface(name);
        Requests::open()?.set_link_up(device.ifindex, true)?;
        Ok(device)
    }

    /// The interface's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interface's number: what routes point to, and what the mirror binds to a port.
    #[must_use]
    pub const fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Reads one frame or packet that the kernel sends. `buffer` must be longer than the longest one.
    #[must_use]
    pub fn read(&self, buffer: &mut [u8]) -> Received {
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

    /// Hands one frame or packet to the kernel as if it had arrived by the interface.
    ///
    /// # Errors
    ///
    /// Why the kernel did not take it; it is to be counted as dropped.
    pub fn write(&self, frame: &[u8]) -> Result<(), SendRefusal> {
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
