//! DPDK without a NIC: mbufs of one pool, in ports made of rings. What a frame costs here beyond its
//! bytes is what it costs with hardware, less the descriptors.

use std::collections::VecDeque;

use dpdk::{
    Burst, Eal, EalConfig, LogLevel, Mbuf, Memory, Mempool, Port, PortConfig, RxQueue,
    ThreadRegistration, TxQueue, huge_pages_available, ring_pair,
};
use pns::dataplane::DpdkPort;
use pns::dataplane::laps::Unmeasured;

use super::huge_pages::HugePages;
use super::medium::{Medium, Wire};
use crate::Outcome;

/// Frames in the pool: those of a sample, and as many acknowledgments as its turns can send.
const MBUFS: u32 = 32_767;
/// Frames that a queue holds: no fewer.
const ENTRIES: u32 = 32_768;
const DATA_ROOM: u16 = 2048;
/// What mbufs, rings and DPDK itself take.
const MEMORY_OCTETS: u64 = 256 << 20;
/// Frames that stay with the thread, so that most that are taken were freed a moment ago.
const CACHE: u32 = 512;

/// The environment, and the pool of all frames.
pub(crate) struct Rings {
    eal: Eal,
    pool: Mempool,
    huge: bool,
    cables: u32,
    /// Behind everything that is in them.
    _huge_pages: HugePages,
}

impl Rings {
    /// Starts DPDK in this process, on huge pages if there are enough.
    pub(crate) fn start() -> Outcome<Self> {
        let huge_pages = HugePages::reserve(MEMORY_OCTETS);
        let huge = huge_pages_available() >= MEMORY_OCTETS;
        let memory = if huge {
            Memory::Huge { in_memory: true }
        } else {
            Memory::NoHuge {
                megabytes: usize::try_from(MEMORY_OCTETS >> 20)?,
            }
        };
        let eal = Eal::init(&EalConfig {
            memory,
            log_level: LogLevel::Warning,
            iova_va: true,
            ..EalConfig::default()
        })?;
        let pool = Mempool::new(&eal, "frames", MBUFS, DATA_ROOM, CACHE, None)?;
        Ok(Self {
            eal,
            pool,
            huge,
            cables: 0,
            _huge_pages: huge_pages,
        })
    }

    fn open(&self, port: Port) -> Outcome<(RxQueue, TxQueue)> {
        let mut port = port.configure(&PortConfig::default(), &self.pool)?;
        port.start()?;
        let queues = port.take_rx_queue(0).zip(port.take_tx_queue(0));
        Ok(queues.ok_or("a ring port has no queues")?)
    }
}

impl Medium for Rings {
    type Port = DpdkPort;
    type Wire = RingEnd;
    type Entered = ThreadRegistration;
    type Laps = Unmeasured;

    fn cable(&mut self) -> Outcome<(DpdkPort, RingEnd)> {
        self.cables += 1;
        let (here, there) = ring_pair(&self.eal, &format!("perf{}", self.cables), 1, ENTRIES)?;
        let (rx, tx) = self.open(here)?;
        let port = DpdkPort::new(Some(rx), tx.into(), self.pool.clone());
        let (rx, tx) = self.open(there)?;
        let end = RingEnd {
            rx,
            tx,
            pool: self.pool.clone(),
            burst: Burst::new(),
            loaded: VecDeque::new(),
            collected: VecDeque::new(),
        };
        Ok((port, end))
    }

    fn enter(&self) -> Outcome<ThreadRegistration> {
        Ok(ThreadRegistration::new(&self.eal)?)
    }

    fn name(&self) -> &'static str {
        if self.huge {
            "net_ring and mbufs in pages of 2 MiB"
        } else {
            "net_ring and mbufs in pages of 4 KiB"
        }
    }
}

/// The harness's end of a ring port.
pub(crate) struct RingEnd {
    rx: RxQueue,
    tx: TxQueue,
    pool: Mempool,
    burst: Burst,
    loaded: VecDeque<Mbuf>,
    collected: VecDeque<Mbuf>,
}

impl Wire for RingEnd {
    fn load(&mut self, bytes: &[u8]) -> bool {
        let Some(mut frame) = self.pool.allocate() else {
            return false;
        };
        let Some(room) = frame.append(bytes.len()) else {
            return false;
        };
        room.copy_from_slice(bytes);
        self.loaded.push_back(frame);
        true
    }

    fn fire(&mut self, count: usize) -> usize {
        let mut fired = 0;
        while fired < count && !self.loaded.is_empty() {
            let some = self
                .loaded
                .len()
                .min(count - fired)
                .min(self.burst.capacity());
            self.burst.extend(self.loaded.drain(..some));
            let sent = self.tx.send(&mut self.burst);
            fired += sent;
            // What there was no room for is the next.
            while let Some(frame) = self.burst.pop() {
                self.loaded.push_front(frame);
            }
            if sent < some {
                break;
            }
        }
        fired
    }

    fn collect(&mut self) -> usize {
        let come = self.rx.receive(&mut self.burst);
        self.collected.extend(self.burst.drain(..));
        come
    }

    fn pop<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        if self.collected.is_empty() {
            self.collect();
        }
        let frame = self.collected.pop_front()?;
        Some(look(frame.data()))
    }
}
