//! A port as its queues see it: what they keep alive, and what closes it in the end.

use std::ffi::CStr;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::burst::{BURST, Burst};
use crate::eal::{Eal, control};
use crate::error::{Errno, Error};
use crate::mempool::Mempool;
use crate::port::PortConfig;
use crate::ring::Rings;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Receive,
    Transmit,
}

/// Dropped in this order after the port is closed: rings, pool, environment.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(super) id: u16,
    pub(super) name: String,
    pub(super) driver: String,
    pub(super) started: AtomicBool,
    pub(super) promiscuous: bool,
    pub(super) remove: bool,
    rx_taken: Box<[AtomicBool]>,
    tx_taken: Box<[AtomicBool]>,
    rings: Option<Arc<Rings>>,
    pool: Option<Mempool>,
    _eal: Eal,
}

/// Which ports have an owner.
static OWNED: [AtomicBool; dpdk_sys::RTE_MAX_ETHPORTS as usize] =
    [const { AtomicBool::new(false) }; dpdk_sys::RTE_MAX_ETHPORTS as usize];

impl Inner {
    pub(super) fn adopt(
        eal: &Eal,
        id: u16,
        name: &str,
        rings: Option<Arc<Rings>>,
    ) -> Result<Self, Error> {
        let free = |owned: &AtomicBool| !owned.swap(true, Ordering::SeqCst);
        if !OWNED.get(usize::from(id)).is_some_and(free) {
            return Err(Error::DeviceInUse {
                name: name.to_owned(),
            });
        }
        let mut inner = Self {
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
        Ok(inner)
    }

    /// Sets up the stopped port and its queues, none of which is held.
    pub(super) fn configure(&mut self, config: &PortConfig, pool: &Mempool) -> Result<(), Error> {
        self.rx_taken = Box::default();
        self.tx_taken = Box::default();
        self.configure_device(config)?;
        // Kept before the queues know it, so that no failure leaves them without.
        let before = self.pool.replace(pool.clone());
        if let Some(rings) = &self.rings {
            rings.keep(pool);
        }
        self.set_up_queues(config, pool)?;
        drop(before);
        self.set_mtu(config.mtu)?;
        self.promiscuous = config.promiscuous && self.enable_promiscuous()?;
        let free = |count| (0..count).map(|_| AtomicBool::new(false)).collect();
        self.rx_taken = free(config.rx_queues);
        self.tx_taken = free(config.tx_queues);
        Ok(())
    }

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

    pub(super) fn take(&self, direction: Direction, index: u16) -> Option<()> {
        let flag = self.flag(direction, index)?;
        // Acquire: what the last holder did to the queue comes before what the next one does.
        (!flag.swap(true, Ordering::Acquire)).then_some(())
    }

    pub(crate) fn give_back(&self, direction: Direction, index: u16) {
        if let Some(flag) = self.flag(direction, index) {
            flag.store(false, Ordering::Release);
        }
    }

    pub(super) fn any_taken(&self) -> bool {
        self.rx_taken
            .iter()
            .chain(&self.tx_taken)
            .any(|flag| flag.load(Ordering::Acquire))
    }

    pub(super) fn check(&self, operation: &'static str, code: i32) -> Result<(), Error> {
        Errno::check(code).map_err(|errno| Error::Port {
            port: self.name.clone(),
            operation,
            errno,
        })
    }

    pub(super) fn info(&self) -> Result<dpdk_sys::rte_eth_dev_info, Error> {
        // SAFETY: integers and pointers, for which zero is valid.
        let mut info: dpdk_sys::rte_eth_dev_info = unsafe { mem::zeroed() };
        // SAFETY: the port is ours and the call fills the structure.
        let code = unsafe { dpdk_sys::rte_eth_dev_info_get(self.id, &raw mut info) };
        self.check("read its capabilities", code)?;
        Ok(info)
    }

    fn configure_device(&self, config: &PortConfig) -> Result<(), Error> {
        let info = self.info()?;
        let both = [
            (config.rx_queues, info.max_rx_queues),
            (config.tx_queues, info.max_tx_queues),
        ];
        if let Some((asked, available)) = both.into_iter().find(|(asked, most)| asked > most) {
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
    pub(super) fn drain(&self) {
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

fn driver_name(info: &dpdk_sys::rte_eth_dev_info) -> String {
    if info.driver_name.is_null() {
        return String::new();
    }
    // SAFETY: not null, so a NUL-terminated string of the driver, which is never unloaded.
    unsafe { CStr::from_ptr(info.driver_name) }
        .to_string_lossy()
        .into_owned()
}
