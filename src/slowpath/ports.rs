//! Opens the ports that the configuration names: DPDK's environment, one pool of frames, and the
//! devices with a queue pair for each worker.

use dpdk::{Eal, EalConfig, LogLevel, Memory, Mempool, Port, PortConfig};

use super::start_error::StartError;
use crate::config::{self, Config, Device};

/// Bytes behind the headroom of a frame buffer: MTU 1500 with tags, and room to grow.
const DATA_ROOM_BYTES: u16 = 2048 + 128;
/// Buffers that stay with each worker.
const POOL_CACHE_FRAMES: u32 = 256;

/// DPDK as this process uses it. Fields are dropped in this order.
pub(super) struct OpenPorts {
    /// In the order of the configuration.
    pub(super) ports: Vec<Port>,
    /// Where every frame lives.
    pub(super) pool: Mempool,
    /// The environment.
    pub(super) eal: Eal,
    /// Whether frames live in huge pages.
    pub(super) huge_pages: bool,
}

impl OpenPorts {
    /// The Ethernet address of every port: the configuration's, or the device's own.
    #[must_use]
    pub(super) fn macs(&self, config: &Config) -> Vec<[u8; 6]> {
        let mac = |(port, open): (&config::Port, &Port)| port.mac.unwrap_or_else(|| open.mac());
        config.ports.iter().zip(&self.ports).map(mac).collect()
    }
}

/// Starts DPDK and opens every port with a transmit queue for each of `queues` workers.
///
/// # Errors
/// What could not be had, and what to do about it.
pub(super) fn open(config: &Config, queues: u16) -> Result<OpenPorts, StartError> {
    let eal_config = eal_config(config);
    let huge_pages = matches!(eal_config.memory, Memory::Huge { .. });
    let eal = Eal::init(&eal_config)?;
    let pool = Mempool::new(
        &eal,
        "frames",
        config.dpdk.mbufs,
        DATA_ROOM_BYTES,
        POOL_CACHE_FRAMES,
        None,
    )?;
    let mut ports = Vec::new();
    for port in &config.ports {
        ports.push(open_port(&eal, &pool, port, queues)?);
    }
    Ok(OpenPorts {
        ports,
        pool,
        eal,
        huge_pages,
    })
}

fn open_port(
    eal: &Eal,
    pool: &Mempool,
    config: &config::Port,
    queues: u16,
) -> Result<Port, StartError> {
    let name = match &config.device {
        Device::Pci(address) => address.as_str(),
        Device::Virtual(device) => device.split(',').next().unwrap_or(device),
    };
    let port = Port::by_name(eal, name)?;
    let capabilities = port.capabilities()?;
    let rx_queues = config
        .rx_queues
        .unwrap_or(queues)
        .min(queues)
        .min(capabilities.max_rx_queues);
    if capabilities.max_tx_queues < queues {
        return Err(StartError::QueuesTooFew {
            port: config.name.clone(),
            queues: capabilities.max_tx_queues,
            workers: queues,
        });
    }
    let settings = PortConfig {
        rx_queues,
        tx_queues: queues,
        descriptors: config.descriptors,
        promiscuous: true,
        mtu: Some(config.mtu),
        rss: rx_queues > 1,
    };
    let mut port = port.configure(&settings, pool)?;
    port.start()?;
    tracing::info!(
        port = config.name,
        device = name,
        driver = capabilities.driver,
        mtu = port.mtu(),
        "port opened"
    );
    Ok(port)
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
