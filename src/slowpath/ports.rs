//! Opens the ports that the configuration names: DPDK's environment, a pool of frames on each NUMA
//! node that has a port, and the devices.

use dpdk::{Eal, EalConfig, LogLevel, Memory, Mempool, Port, PortConfig, RxQueue};

use super::start_error::StartError;
use super::steering::{self, Steering};
use crate::config::{self, Config, Device};
use crate::dataplane::{Transmit, share_transmit};
use crate::flow::BucketTable;
use crate::operate::rows::SteeringRefusal;

/// Bytes behind the headroom of a frame buffer: MTU 1500 with tags, and room to grow.
const DATA_ROOM_BYTES: u16 = 2048 + 128;
/// Buffers that stay with each worker.
const POOL_CACHE_FRAMES: u32 = 256;

/// A port that moves frames. Fields are dropped in this order.
pub(super) struct OpenPort {
    /// The device. Rules go before it does.
    pub(super) port: Port,
    /// Where its frames live: on its own NUMA node.
    pub(super) pool: Mempool,
    /// The driver that serves it.
    pub(super) driver: String,
    /// The worker that polls each receive queue.
    pub(super) queue_workers: Vec<u8>,
    /// How frames come to the queues.
    pub(super) steering: Steering,
    /// What would be better, and why the device does not do it.
    pub(super) steering_refused: Vec<SteeringRefusal>,
    /// The worker that each transmit queue belongs to.
    tx_owners: Vec<u8>,
}

impl OpenPort {
    /// The receive queue that `worker` polls.
    pub(super) fn take_rx_queue(&mut self, worker: u8) -> Option<RxQueue> {
        let mut pollers = self.queue_workers.iter();
        let queue = pollers.position(|poller| *poller == worker)?;
        self.port.take_rx_queue(u16::try_from(queue).ok()?)
    }

    /// How each worker sends. Where a device has fewer transmit queues than there are workers, some
    /// send by the queue of another.
    pub(super) fn take_transmit(&mut self, workers: u8) -> Vec<Transmit> {
        let owners = (0..).zip(&self.tx_owners);
        let take = |(index, owner): (u16, &u8)| Some((*owner, self.port.take_tx_queue(index)?));
        let queues: Vec<_> = owners.filter_map(take).collect();
        share_transmit(queues, workers)
    }
}

/// DPDK as this process uses it. Fields are dropped in this order.
pub(super) struct OpenPorts {
    /// In the order of the configuration.
    pub(super) ports: Vec<OpenPort>,
    /// The environment.
    pub(super) eal: Eal,
    /// Whether frames live in huge pages.
    pub(super) huge_pages: bool,
}

impl OpenPorts {
    /// The Ethernet address of every port: the configuration's, or the device's own.
    #[must_use]
    pub(super) fn macs(&self, config: &Config) -> Vec<[u8; 6]> {
        let mac =
            |(port, open): (&config::Port, &OpenPort)| port.mac.unwrap_or_else(|| open.port.mac());
        config.ports.iter().zip(&self.ports).map(mac).collect()
    }
}

/// Starts DPDK and opens every port.
///
/// # Errors
/// What could not be had, and what to do about it.
pub(super) fn open(config: &Config, buckets: &BucketTable) -> Result<OpenPorts, StartError> {
    let eal_config = eal_config(config);
    let huge_pages = matches!(eal_config.memory, Memory::Huge { .. });
    let eal = Eal::init(&eal_config)?;
    let mut pools = Pools {
        eal: &eal,
        mbufs: config.dpdk.mbufs,
        by_node: Vec::new(),
    };
    let mut ports = Vec::new();
    for port in &config.ports {
        ports.push(open_port(&eal, &mut pools, port, &config.workers, buckets)?);
    }
    Ok(OpenPorts {
        ports,
        eal,
        huge_pages,
    })
}

/// A pool for each NUMA node that has a port, so that a worker beside the port reads no memory of
/// another node.
struct Pools<'e> {
    eal: &'e Eal,
    mbufs: u32,
    by_node: Vec<(Option<u32>, Mempool)>,
}

impl Pools<'_> {
    fn on(&mut self, node: Option<u32>) -> Result<Mempool, dpdk::Error> {
        if let Some((_, pool)) = self.by_node.iter().find(|(other, _)| *other == node) {
            return Ok(pool.clone());
        }
        let name = node.map_or_else(|| "frames".to_owned(), |node| format!("frames-{node}"));
        let (mbufs, cache) = (self.mbufs, POOL_CACHE_FRAMES);
        let pool = Mempool::new(self.eal, &name, mbufs, DATA_ROOM_BYTES, cache, node)?;
        self.by_node.push((node, pool.clone()));
        Ok(pool)
    }
}

fn open_port(
    eal: &Eal,
    pools: &mut Pools<'_>,
    config: &config::Port,
    workers: &config::Workers,
    buckets: &BucketTable,
) -> Result<OpenPort, StartError> {
    let name = config.device.name();
    let port = Port::by_name(eal, name)?;
    let capabilities = port.capabilities()?;
    let mut queue_workers = config.queue_workers(workers);
    queue_workers.truncate(capabilities.max_rx_queues.into());
    // Who polls has a transmit queue before others do: some drivers have queues in pairs only, and
    // the halves of a pair are better not apart.
    let mut tx_owners = queue_workers.clone();
    if !capabilities.queues_in_pairs {
        let others = workers.numbers().into_iter();
        tx_owners.extend(others.filter(|worker| !queue_workers.contains(worker)));
    }
    tx_owners.truncate(capabilities.max_tx_queues.into());
    let count = |queues: &[u8]| u16::try_from(queues.len()).unwrap_or(u16::MAX);
    let (rx_queues, tx_queues) = (count(&queue_workers), count(&tx_owners));
    let node = port.socket();
    let pool = pools.on(node)?;
    let settings = PortConfig {
        rx_queues,
        tx_queues,
        descriptors: config.descriptors,
        promiscuous: true,
        mtu: Some(config.mtu),
        rss: rx_queues > 1,
    };
    let mut port = port.configure(&settings, &pool)?;
    port.start()?;
    tracing::info!(
        port = config.name,
        device = name,
        driver = capabilities.driver,
        mtu = port.mtu(),
        node,
        rx_queues,
        tx_queues,
        "port opened"
    );
    let mut open = OpenPort {
        port,
        pool,
        driver: capabilities.driver,
        queue_workers,
        steering: Steering::SingleQueue,
        steering_refused: Vec::new(),
        tx_owners,
    };
    (open.steering, open.steering_refused) = steering::probe(&open, config, buckets);
    Ok(open)
}

fn eal_config(config: &Config) -> EalConfig {
    let device = |port: &config::Port| match &port.device {
        Device::Pci(address) => (Some(address.clone()), None),
        Device::Virtual(device) => (None, Some(device.clone())),
    };
    let (pci, vdevs): (Vec<_>, Vec<_>) = config.ports.iter().map(device).unzip();
    let pci_allow: Vec<_> = pci.into_iter().flatten().collect();
    let pci = !pci_allow.is_empty();
    EalConfig {
        file_prefix: Some(config.dpdk.file_prefix.clone()),
        memory: memory(config),
        pci,
        pci_allow,
        vdevs: vdevs.into_iter().flatten().collect(),
        main_lcore: None,
        log_level: LogLevel::Warning,
        iova_va: !pci,
        telemetry: false,
    }
}

/// Huge pages if the configuration says so, or if it leaves the choice and there are enough.
fn memory(config: &Config) -> Memory {
    let megabytes = config.dpdk.memory_mb as usize;
    let ordinary = Memory::NoHuge { megabytes };
    match config.dpdk.memory {
        config::Memory::Huge => Memory::Huge { in_memory: true },
        config::Memory::NoHuge => ordinary,
        config::Memory::Auto => {
            let free_mb = dpdk::huge_pages_available() >> 20;
            if free_mb >= u64::from(config.dpdk.memory_mb) {
                return Memory::Huge { in_memory: true };
            }
            tracing::warn!(
                free_mb,
                wanted_mb = config.dpdk.memory_mb,
                "not enough huge pages: frames live in ordinary pages, which is slower; \
                 reserve some with `sysctl vm.nr_hugepages`, or lower dpdk.memory_mb"
            );
            ordinary
        }
    }
}
