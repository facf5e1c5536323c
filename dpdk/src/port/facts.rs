//! What a port is told, and what it tells.

/// How a port is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Receive queues: one for each worker that polls the port.
    pub rx_queues: u16,
    /// Transmit queues: one for each worker that sends on it.
    pub tx_queues: u16,
    /// Frames that a queue holds; rounded to what the device can do.
    pub descriptors: u16,
    /// Accept frames to every address. A device that cannot, says so in
    /// [`crate::Port::promiscuous`].
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
    /// It works only with as many receive queues as transmit queues.
    pub queues_in_pairs: bool,
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
