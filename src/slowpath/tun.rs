//! The TUN where inner packets of calls meet the kernel. It carries the pool routes, so what the
//! kernel sends to a client is read here, and what a client sends to the box is written here.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::{Interest, Registry, Token};
use tun_rs::{DeviceBuilder, Layer};

use super::device::{Device, Received, SendRefusal};
use super::sysctl;

/// The usual name of the TUN.
pub const TUN_NAME: &str = "pns0";

/// The TUN. Dropping it removes the interface, and the pool routes with it.
pub struct Tun {
    device: Device,
}

impl Tun {
    /// Makes interface `name` with an MTU in bytes, settles its sysctls, and sets it up. The MTU should
    /// be the largest of any call, so that it is us who say when a packet does not fit the call.
    ///
    /// # Errors
    ///
    /// When the kernel refuses: no right to, or the name is in use.
    pub fn open(name: &str, mtu: u16) -> io::Result<Self> {
        let builder = DeviceBuilder::new().layer(Layer::L3).mtu(mtu);
        let device = Device::open(name, builder)?;
        sysctl::settle_interface(name);
        device.set_up()?;
        Ok(Self { device })
    }

    /// The interface's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.device.name()
    }

    /// The interface's number: what pool routes point to.
    #[must_use]
    pub const fn ifindex(&self) -> u32 {
        self.device.ifindex()
    }

    /// Reads one IP packet that the kernel sends to a client. `buffer` must be longer than the longest
    /// packet.
    #[must_use]
    pub fn read(&self, buffer: &mut [u8]) -> Received {
        self.device.read(buffer)
    }

    /// Hands one IP packet of a client to the kernel.
    ///
    /// # Errors
    ///
    /// Why the kernel did not take it; the packet is to be counted as dropped.
    pub fn write(&self, packet: &[u8]) -> Result<(), SendRefusal> {
        self.device.write(packet)
    }
}

impl AsRawFd for Tun {
    fn as_raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}

impl Source for Tun {
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
