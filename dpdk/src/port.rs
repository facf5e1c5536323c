//! Ethernet ports.

mod facts;
mod inner;

use std::ffi::CString;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::eal::{Eal, control};
use crate::error::{Errno, Error};
use crate::mempool::Mempool;
use crate::queue::{RxQueue, TxQueue};
use crate::ring::Rings;
use crate::rss::Rss;

pub use facts::{Capabilities, Link, PortConfig, PortStats};
pub(crate) use inner::{Direction, Inner};

/// A port, closed when it and its last queue are dropped.
#[derive(Debug)]
pub struct Port {
    inner: Arc<Inner>,
}

impl Port {
    /// Takes the port of a device that the environment has probed at its start: a PCI address, or
    /// the name of a virtual device without its arguments.
    ///
    /// # Errors
    /// [`Error::NoSuchDevice`], and [`Error::DeviceInUse`] if it was taken before.
    pub fn by_name(eal: &Eal, name: &str) -> Result<Self, Error> {
        let id = find(name).map_err(|errno| no_such(name, errno))?;
        Self::adopt(eal, id, name, None)
    }

    /// Takes the port of a device, and probes the device first if the environment has not.
    /// `device` is as in [`Self::by_name`], or a virtual device with its arguments behind commas.
    ///
    /// # Errors
    /// [`Error::NoSuchDevice`], and [`Error::DeviceInUse`] if it was taken before.
    pub fn probe(eal: &Eal, device: &str) -> Result<Self, Error> {
        let name = device.split(',').next().unwrap_or(device);
        if find(name).is_ok() {
            return Self::by_name(eal, name);
        }
        let arguments = CString::new(device).map_err(|_| no_such(name, Errno(libc::EINVAL)))?;
        let guard = control();
        // SAFETY: the environment is up and the string is NUL-terminated and copied.
        let code = unsafe { dpdk_sys::rte_dev_probe(arguments.as_ptr()) };
        drop(guard);
        Errno::check(code).map_err(|errno| no_such(name, errno))?;
        let mut port = Self::by_name(eal, name)?;
        // A PCI device can have several ports, which would go with it.
        let is_virtual = !name.contains(':');
        if let Some(inner) = Arc::get_mut(&mut port.inner) {
            inner.remove = is_virtual;
        }
        Ok(port)
    }

    /// Becomes the owner of a port that exists.
    pub(crate) fn adopt(
        eal: &Eal,
        id: u16,
        name: &str,
        rings: Option<Arc<Rings>>,
    ) -> Result<Self, Error> {
        let inner = Arc::new(Inner::adopt(eal, id, name, rings)?);
        Ok(Self { inner })
    }

    /// Sets up the port and its queues, which take their buffers from `pool`: one of the port's
    /// NUMA node ([`Self::socket`]).
    ///
    /// # Errors
    /// [`Error::TooManyQueues`], [`Error::QueuesInUse`] if queues of an earlier set-up are still
    /// held, and [`Error::Port`] if the device refuses.
    pub fn configure(mut self, config: &PortConfig, pool: &Mempool) -> Result<Self, Error> {
        self.stop()?;
        let guard = control();
        let Some(inner) = Arc::get_mut(&mut self.inner) else {
            return Err(Error::QueuesInUse {
                port: self.inner.name.clone(),
            });
        };
        inner.configure(config, pool)?;
        drop(guard);
        Ok(self)
    }

    /// Takes a receive queue; `None` if the port has no such queue or someone holds it.
    #[must_use]
    pub fn take_rx_queue(&mut self, index: u16) -> Option<RxQueue> {
        self.inner.take(Direction::Receive, index)?;
        Some(RxQueue::new(Arc::clone(&self.inner), index))
    }

    /// Takes a transmit queue; `None` if the port has no such queue or someone holds it.
    #[must_use]
    pub fn take_tx_queue(&mut self, index: u16) -> Option<TxQueue> {
        self.inner.take(Direction::Transmit, index)?;
        Some(TxQueue::new(Arc::clone(&self.inner), index))
    }

    /// Lets frames flow. Queues may be taken before or after.
    ///
    /// # Errors
    /// [`Error::Port`] if the port is not configured or the device refuses.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.inner.is_started() {
            return Ok(());
        }
        let guard = control();
        // SAFETY: the port is ours; a worker does not touch it before the flag is set.
        let code = unsafe { dpdk_sys::rte_eth_dev_start(self.inner.id) };
        drop(guard);
        self.inner.check("start it", code)?;
        self.inner.started.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends the flow of frames.
    ///
    /// # Errors
    /// [`Error::QueuesInUse`] while anyone holds a queue, since the device must not be stopped
    /// under a worker, and [`Error::Port`] if the device refuses.
    pub fn stop(&mut self) -> Result<(), Error> {
        if !self.inner.is_started() {
            return Ok(());
        }
        if self.inner.any_taken() {
            return Err(Error::QueuesInUse {
                port: self.inner.name.clone(),
            });
        }
        let guard = control();
        self.inner.drain();
        self.inner.started.store(false, Ordering::Release);
        // SAFETY: the port is ours, and no queue of it is held.
        let code = unsafe { dpdk_sys::rte_eth_dev_stop(self.inner.id) };
        drop(guard);
        self.inner.check("stop it", code)
    }

    /// The name it was found by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// DPDK's number for it.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.inner.id
    }

    /// Its MAC address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        let mut address = dpdk_sys::rte_ether_addr { addr_bytes: [0; 6] };
        let guard = control();
        // SAFETY: the port is ours; fails only for a port that does not exist.
        unsafe { dpdk_sys::rte_eth_macaddr_get(self.inner.id, &raw mut address) };
        drop(guard);
        address.addr_bytes
    }

    /// The largest IP packet in octets.
    #[must_use]
    pub fn mtu(&self) -> u16 {
        let mut mtu = 0;
        let guard = control();
        // SAFETY: the port is ours; fails only for a port that does not exist.
        unsafe { dpdk_sys::rte_eth_dev_get_mtu(self.inner.id, &raw mut mtu) };
        drop(guard);
        mtu
    }

    /// Whether it accepts frames to every address.
    #[must_use]
    pub fn promiscuous(&self) -> bool {
        self.inner.promiscuous
    }

    /// The state of the link, without waiting for it to settle.
    #[must_use]
    pub fn link(&self) -> Link {
        // SAFETY: integers and bit fields, for which zero is valid: no link.
        let mut link: dpdk_sys::rte_eth_link = unsafe { mem::zeroed() };
        let guard = control();
        // SAFETY: the port is ours and the call fills the structure.
        unsafe { dpdk_sys::rte_eth_link_get_nowait(self.inner.id, &raw mut link) };
        drop(guard);
        let known = link.link_speed != 0 && link.link_speed != dpdk_sys::SHIM_SPEED_UNKNOWN;
        Link {
            up: link.link_status() != 0,
            speed_mbps: known.then_some(link.link_speed),
        }
    }

    /// What the device has counted.
    #[must_use]
    pub fn stats(&self) -> PortStats {
        // SAFETY: integers, for which zero is valid.
        let mut raw: dpdk_sys::rte_eth_stats = unsafe { mem::zeroed() };
        let guard = control();
        // SAFETY: the port is ours and the call fills the structure.
        unsafe { dpdk_sys::rte_eth_stats_get(self.inner.id, &raw mut raw) };
        drop(guard);
        PortStats {
            rx_frames: raw.ipackets,
            tx_frames: raw.opackets,
            rx_octets: raw.ibytes,
            tx_octets: raw.obytes,
            rx_missed: raw.imissed,
            rx_errors: raw.ierrors,
            tx_errors: raw.oerrors,
            rx_no_buffer: raw.rx_nombuf,
        }
    }

    /// The NUMA node of the device; `None` for a virtual device or a machine of one node.
    #[must_use]
    pub fn socket(&self) -> Option<u32> {
        // SAFETY: the port is ours; reads an integer.
        let node = unsafe { dpdk_sys::rte_eth_dev_socket_id(self.inner.id) };
        u32::try_from(node).ok()
    }

    /// How the started device spreads GRE over its queues; `None` if it does not, or not by the
    /// outer IPv4 addresses, or does not tell.
    #[must_use]
    pub fn rss(&self) -> Option<Rss> {
        let info = self.inner.info().ok()?;
        let key_octets = match info.hash_key_size {
            0 => RSS_KEY_OCTETS,
            octets => octets,
        };
        // Some drivers write the usual length whatever they are told.
        let mut key = vec![0; key_octets.max(RSS_KEY_OCTETS).into()];
        // SAFETY: integers and a pointer, for which zero is valid.
        let mut conf: dpdk_sys::rte_eth_rss_conf = unsafe { mem::zeroed() };
        conf.rss_key = key.as_mut_ptr();
        conf.rss_key_len = key_octets;
        let guard = control();
        // SAFETY: the port is ours, and there is room for a key of its driver's length and the usual.
        let code = unsafe { dpdk_sys::rte_eth_dev_rss_hash_conf_get(self.inner.id, &raw mut conf) };
        Errno::check(code).ok()?;
        if conf.rss_hf & dpdk_sys::SHIM_RSS_IPV4 == 0 {
            return None;
        }
        let mut table = vec![0; info.reta_size.into()];
        // SAFETY: the port is ours, and there are as many places as it has entries.
        let code =
            unsafe { dpdk_sys::shim_rss_table(self.inner.id, table.as_mut_ptr(), info.reta_size) };
        drop(guard);
        Errno::check(code).ok()?;
        key.truncate(key_octets.into());
        Rss::new(key, table)
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// What the device can do.
    ///
    /// # Errors
    /// [`Error::Port`] if the device does not tell.
    pub fn capabilities(&self) -> Result<Capabilities, Error> {
        let info = self.inner.info()?;
        Ok(Capabilities {
            driver: self.inner.driver.clone(),
            max_rx_queues: info.max_rx_queues,
            max_tx_queues: info.max_tx_queues,
            max_mtu: info.max_mtu,
            queues_in_pairs: QUEUES_IN_PAIRS.contains(&self.inner.driver.as_str()),
            ipv4_checksum_tx: info.tx_offload_capa & dpdk_sys::SHIM_TX_OFFLOAD_IPV4_CKSUM != 0,
            rss: info.flow_type_rss_offloads != 0,
        })
    }
}

/// Octets of an RSS key, where a driver does not say.
const RSS_KEY_OCTETS: u8 = 40;

/// AF_XDP does not start otherwise; virtio spreads frames over as many receive queues as there are of
/// the other kind, and those that nobody polls lose theirs.
const QUEUES_IN_PAIRS: [&str; 2] = ["net_af_xdp", "net_virtio"];

fn no_such(name: &str, errno: Errno) -> Error {
    Error::NoSuchDevice {
        name: name.to_owned(),
        errno,
    }
}

fn find(name: &str) -> Result<u16, Errno> {
    let name = CString::new(name).map_err(|_| Errno(libc::EINVAL))?;
    let mut id = 0;
    // SAFETY: the name is NUL-terminated; the call writes the number.
    let code = unsafe { dpdk_sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut id) };
    Errno::check(code).map(|()| id)
}
