//! Ethernet ports.

use std::ffi::{CStr, CString};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::burst::{BURST, Burst};
use crate::eal::{Eal, control};
use crate::error::{Errno, Error};
use crate::mempool::Mempool;
use crate::queue::{RxQueue, TxQueue};
use crate::ring::Rings;

/// How a port is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Receive queues: one for each worker that polls the port.
    pub rx_queues: u16,
    /// Transmit queues: one for each worker that sends on it.
    pub tx_queues: u16,
    /// Frames that a queue holds; rounded to what the device can do.
    pub descriptors: u16,
    /// Accept frames to every address. A device that cannot says so in [`Port::promiscuous`].
    pub promiscuous: bool,
    /// The largest IP packet in octets; `None` leaves the device's.
    pub mtu: Option<u16>,
    /// Spread received frames over the queues by their addresses and ports.
    pub rss: bool,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self {
            rx_queues: 1,
            tx_queues: 1,
            descriptors: 1024,
            promiscuous: true,
            mtu: None,
            rss: true,
        }
    }
}

/// What a device can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The name of the DPDK driver, such as `net_ice` or `net_af_xdp`.
    pub driver: String,
    /// How many receive queues it has at most.
    pub max_rx_queues: u16,
    /// How many transmit queues it has at most.
    pub max_tx_queues: u16,
    /// The largest IP packet that it can be set to, in octets.
    pub max_mtu: u16,
    /// Computes IPv4 header checksums on transmission.
    pub ipv4_checksum_tx: bool,
    /// Spreads frames over queues.
    pub rss: bool,
}

/// The state of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whether there is one.
    pub up: bool,
    /// How fast it is; `None` if the device does not know.
    pub speed_mbps: Option<u32>,
}

/// Counters since the port was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Frames received.
    pub rx_frames: u64,
    /// Frames sent.
    pub tx_frames: u64,
    /// Octets received.
    pub rx_octets: u64,
    /// Octets sent.
    pub tx_octets: u64,
    /// Frames that the device dropped because no worker fetched them in time.
    pub rx_missed: u64,
    /// Frames received broken.
    pub rx_errors: u64,
    /// Frames that could not be sent.
    pub tx_errors: u64,
    /// Frames dropped because the pool had no buffer for them.
    pub rx_no_buffer: u64,
}

/// A port, closed when it and its last queue are dropped.
#[derive(Debug)]
pub struct Port {
    inner: Arc<Inner>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Receive,
    Transmit,
}

/// Dropped in this order after the port is closed: rings, pool, environment.
#[derive(Debug)]
pub(crate) struct Inner {
    id: u16,
    name: String,
    driver: String,
    started: AtomicBool,
    promiscuous: bool,
    remove: bool,
    rx_taken: Box<[AtomicBool]>,
    tx_taken: Box<[AtomicBool]>,
    rings: Option<Arc<Rings>>,
    pool: Option<Mempool>,
    _eal: Eal,
}

/// Which ports have an owner.
static OWNED: [AtomicBool; dpdk_sys::RTE_MAX_ETHPORTS as usize] =
    [const { AtomicBool::new(false) }; dpdk_sys::RTE_MAX_ETHPORTS as usize];

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
        let free = OWNED
            .get(usize::from(id))
            .is_some_and(|it| !it.swap(true, Ordering::SeqCst));
        if !free {
            return Err(Error::DeviceInUse {
                name: name.to_owned(),
            });
        }
        let mut inner = Inner {
            id,
            name: name.to_owned(),
            driver: String::new(),
            started: AtomicBool::new(false),
            promiscuous: false,
            remove: rings.is_some(),
            rx_taken: Box::default(),
            tx_taken: Box::default(),
            rings,
            pool: None,
            _eal: eal.clone(),
        };
        inner.driver = driver_name(&inner.info()?);
        Ok(Self {
            inner: Arc::new(inner),
        })
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
        inner.rx_taken = Box::default();
        inner.tx_taken = Box::default();
        inner.configure_device(config)?;
        // Kept before the queues know it, so that no failure leaves them without.
        let before = inner.pool.replace(pool.clone());
        if let Some(rings) = &inner.rings {
            rings.keep(pool);
        }
        inner.set_up_queues(config, pool)?;
        drop(before);
        inner.set_mtu(config.mtu)?;
        inner.promiscuous = config.promiscuous && inner.enable_promiscuous()?;
        let free = |count| (0..count).map(|_| AtomicBool::new(false)).collect();
        inner.rx_taken = free(config.rx_queues);
        inner.tx_taken = free(config.tx_queues);
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
            ipv4_checksum_tx: info.tx_offload_capa & dpdk_sys::SHIM_TX_OFFLOAD_IPV4_CKSUM != 0,
            rss: info.flow_type_rss_offloads != 0,
        })
    }
}

impl Inner {
    #[inline]
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    #[inline]
    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    fn flag(&self, direction: Direction, index: u16) -> Option<&AtomicBool> {
        let list = match direction {
            Direction::Receive => &self.rx_taken,
            Direction::Transmit => &self.tx_taken,
        };
        list.get(usize::from(index))
    }

    fn take(&self, direction: Direction, index: u16) -> Option<()> {
        let flag = self.flag(direction, index)?;
        // Acquire: what the last holder did to the queue comes before what the next one does.
        (!flag.swap(true, Ordering::Acquire)).then_some(())
    }

    pub(crate) fn give_back(&self, direction: Direction, index: u16) {
        if let Some(flag) = self.flag(direction, index) {
            flag.store(false, Ordering::Release);
        }
    }

    fn any_taken(&self) -> bool {
        self.rx_taken
            .iter()
            .chain(&self.tx_taken)
            .any(|flag| flag.load(Ordering::Acquire))
    }

    fn check(&self, operation: &'static str, code: i32) -> Result<(), Error> {
        Errno::check(code).map_err(|errno| Error::Port {
            port: self.name.clone(),
            operation,
            errno,
        })
    }

    fn info(&self) -> Result<dpdk_sys::rte_eth_dev_info, Error> {
        // SAFETY: integers and pointers, for which zero is valid.
        let mut info: dpdk_sys::rte_eth_dev_info = unsafe { mem::zeroed() };
        // SAFETY: the port is ours and the call fills the structure.
        let code = unsafe { dpdk_sys::rte_eth_dev_info_get(self.id, &raw mut info) };
        self.check("read its capabilities", code)?;
        Ok(info)
    }

    fn configure_device(&self, config: &PortConfig) -> Result<(), Error> {
        let info = self.info()?;
        let asked = config.rx_queues.max(config.tx_queues);
        let available = info.max_rx_queues.min(info.max_tx_queues);
        if asked > available {
            return Err(Error::TooManyQueues {
                port: self.name.clone(),
                asked,
                available,
            });
        }
        // SAFETY: integers and pointers, for which zero is valid: DPDK's defaults.
        let mut conf: dpdk_sys::rte_eth_conf = unsafe { mem::zeroed() };
        conf.rxmode.mtu = config.mtu.map_or(0, u32::from);
        let spread = info.flow_type_rss_offloads & dpdk_sys::SHIM_RSS_IP_TCP_UDP;
        if config.rss && config.rx_queues > 1 && spread != 0 {
            conf.rxmode.mq_mode = dpdk_sys::SHIM_MQ_RX_RSS;
            conf.rx_adv_conf.rss_conf.rss_hf = spread;
        }
        // SAFETY: the port is ours and stopped; DPDK copies the structure.
        let code = unsafe {
            dpdk_sys::rte_eth_dev_configure(
                self.id,
                config.rx_queues,
                config.tx_queues,
                &raw const conf,
            )
        };
        self.check("configure it", code)
    }

    fn set_up_queues(&self, config: &PortConfig, pool: &Mempool) -> Result<(), Error> {
        let (mut rx, mut tx) = (config.descriptors, config.descriptors);
        // SAFETY: the port is ours and configured; the call changes the two numbers.
        let code = unsafe {
            dpdk_sys::rte_eth_dev_adjust_nb_rx_tx_desc(self.id, &raw mut rx, &raw mut tx)
        };
        self.check("choose its queue sizes", code)?;
        // SAFETY: the port is ours; reads an integer.
        let socket = unsafe { dpdk_sys::rte_eth_dev_socket_id(self.id) }.cast_unsigned();
        for queue in 0..config.rx_queues {
            let (defaults, pool) = (std::ptr::null(), pool.raw());
            // SAFETY: the port is ours and stopped, and holds the pool as long as it is open.
            let code = unsafe {
                dpdk_sys::rte_eth_rx_queue_setup(self.id, queue, rx, socket, defaults, pool)
            };
            self.check("set up a receive queue", code)?;
        }
        for queue in 0..config.tx_queues {
            let defaults = std::ptr::null();
            // SAFETY: the port is ours and stopped.
            let code =
                unsafe { dpdk_sys::rte_eth_tx_queue_setup(self.id, queue, tx, socket, defaults) };
            self.check("set up a transmit queue", code)?;
        }
        Ok(())
    }

    /// A driver without this operation has taken the MTU from the configuration.
    fn set_mtu(&self, mtu: Option<u16>) -> Result<(), Error> {
        let Some(mtu) = mtu else { return Ok(()) };
        // SAFETY: the port is ours and stopped.
        let code = unsafe { dpdk_sys::rte_eth_dev_set_mtu(self.id, mtu) };
        if code == -libc::ENOTSUP {
            Ok(())
        } else {
            self.check("set its MTU", code)
        }
    }

    fn enable_promiscuous(&self) -> Result<bool, Error> {
        // SAFETY: the port is ours.
        let code = unsafe { dpdk_sys::rte_eth_promiscuous_enable(self.id) };
        if code == -libc::ENOTSUP {
            return Ok(false);
        }
        self.check("accept frames to every address", code)?;
        Ok(true)
    }

    /// `net_ring` keeps frames in its rings, and forgets them there when it closes.
    fn drain(&self) {
        if self.driver != "net_ring" {
            return;
        }
        let mut burst = Burst::new();
        for queue in 0..u16::try_from(self.rx_taken.len()).unwrap_or(0) {
            loop {
                let space = burst.as_mut_ptr().cast();
                // SAFETY: the queue is set up, started and held by nobody; the burst is empty.
                let count =
                    unsafe { dpdk_sys::shim_eth_rx_burst(self.id, queue, space, BURST as u16) };
                // SAFETY: the driver has written `count` buffers that are ours now.
                unsafe { burst.set_len(usize::from(count)) };
                if burst.is_empty() {
                    break;
                }
                crate::free(&mut burst);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let device = if self.remove {
            self.info().ok().map(|info| info.device)
        } else {
            None
        };
        let guard = control();
        if *self.started.get_mut() {
            self.drain();
            // SAFETY: the port is ours, and no queue of it is left.
            unsafe { dpdk_sys::rte_eth_dev_stop(self.id) };
        }
        // SAFETY: the port is ours and stopped, and nothing uses it after this.
        unsafe { dpdk_sys::rte_eth_dev_close(self.id) };
        if let Some(device) = device {
            // SAFETY: the device outlives its port, and this was its only one.
            unsafe { dpdk_sys::rte_dev_remove(device) };
        }
        drop(guard);
        if let Some(owned) = OWNED.get(usize::from(self.id)) {
            owned.store(false, Ordering::SeqCst);
        }
    }
}

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

fn driver_name(info: &dpdk_sys::rte_eth_dev_info) -> String {
    if info.driver_name.is_null() {
        return String::new();
    }
    // SAFETY: not null, so a NUL-terminated string of the driver, which is never unloaded.
    unsafe { CStr::from_ptr(info.driver_name) }
        .to_string_lossy()
        .into_owned()
}
