//! One TAP per port: the kernel's face of the port, with the port's MAC address and MTU. What the
//! fast path punts is written to it, and what the kernel sends by it goes out of the port.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::{Interest, Registry, Token};
use tun_rs::{DeviceBuilder, Layer};

use super::device::{Device, Received, SendRefusal};
use super::sysctl;

/// The TAP of a port. Dropping it removes the interface, with its addresses and routes.
pub struct Tap {
    device: Device,
    port: u8,
}

impl Tap {
    /// Makes interface `name` for `port` with the port's MAC address and MTU (in bytes, of IP
    /// packets), settles its sysctls, and sets it up.
    ///
    /// # Errors
    ///
    /// When the kernel refuses: no right to, or the name is in use.
    pub fn open(port: u8, name: &str, mac: [u8; 6], mtu: u16) -> io::Result<Self> {
        let builder = DeviceBuilder::new().layer(Layer::L2).mac_addr(mac).mtu(mtu);
        let device = Device::open(name, builder)?;
        sysctl::settle_interface(name);
        device.set_up()?;
        Ok(Self { device, port })
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u8 {
        self.port
    }

    /// The interface's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.device.name()
    }

    /// The interface's number: what the mirror binds to the port.
    #[must_use]
    pub const fn ifindex(&self) -> u32 {
        self.device.ifindex()
    }

    /// Reads one Ethernet frame that the kernel sends. `buffer` must be longer than the longest frame.
    #[must_use]
    pub fn read(&self, buffer: &mut [u8]) -> Received {
        self.device.read(buffer)
    }

    /// Hands one Ethernet frame to the kernel as if it had arrived on the port.
    ///
    /// # Errors
    ///
    /// Why the kernel did not take it; the frame is to be counted as dropped.
    pub fn write(&self, frame: &[u8]) -> Result<(), SendRefusal> {
        self.device.write(frame)
    }
}

impl AsRawFd for Tap {
    fn as_raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}

impl Source for Tap {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.device.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.device.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.device.deregister(registry)
    }
}
