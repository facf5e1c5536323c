//! Ports and frames of DPDK, as the nodes want them.

use dpdk::{Mbuf, Mempool, RxQueue, TxQueue};

use super::batch::Burst;
use super::frame::Frame;
use super::port::PortIo;

/// One worker's queues on one DPDK port, and the pool of its frames. A worker without a receive
/// queue gets its frames from the workers that have one.
pub struct DpdkPort {
    rx: Option<RxQueue>,
    tx: TxQueue,
    pool: Mempool,
}

impl DpdkPort {
    /// Takes the queues.
    #[must_use]
    pub fn new(rx: Option<RxQueue>, tx: TxQueue, pool: Mempool) -> Self {
        Self { rx, tx, pool }
    }
}

impl PortIo for DpdkPort {
    type Frame = Mbuf;

    #[inline]
    fn receive(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        self.rx.as_mut().map_or(0, |rx| rx.receive(burst))
    }

    #[inline]
    fn send(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        self.tx.send(burst)
    }

    #[inline]
    fn allocate(&mut self) -> Option<Mbuf> {
        self.pool.allocate()
    }
}

impl Frame for Mbuf {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.data()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.data_mut()
    }

    #[inline]
    fn headroom(&self) -> usize {
        self.headroom()
    }

    #[inline]
    fn trim_front(&mut self, octets: usize) -> bool {
        self.trim_front(octets)
    }

    #[inline]
    fn narrow(&mut self, front: usize, length: usize) -> bool {
        self.narrow(front, length)
    }

    #[inline]
    fn prepend(&mut self, octets: usize) -> Option<&mut [u8]> {
        self.prepend(octets)
    }

    #[inline]
    fn append(&mut self, octets: usize) -> Option<&mut [u8]> {
        self.append(octets)
    }

    #[inline]
    fn truncate(&mut self, length: usize) {
        self.truncate(length);
    }

    #[inline]
    fn is_contiguous(&self) -> bool {
        self.is_contiguous()
    }

    #[inline]
    fn stripped_vlan(&self) -> Option<u16> {
        self.stripped_vlan()
    }
}
