//! Ports and frames of DPDK, as the nodes want them.

use dpdk::{Mbuf, Mempool, RxQueue, TxQueue};
use rtrb::{Consumer, Producer, RingBuffer};

use super::batch::Burst;
use super::frame::Frame;
use super::port::PortIo;

/// Frames that wait between a worker without a transmit queue and the one that sends for it.
const LOAN_SLOTS: usize = 1024;

/// One worker's queues on one DPDK port, and the pool of its frames. A worker without a receive
/// queue gets its frames from the workers that have one.
pub struct DpdkPort {
    rx: Option<RxQueue>,
    tx: Transmit,
    pool: Mempool,
}

impl DpdkPort {
    /// Takes the queues.
    #[must_use]
    pub fn new(rx: Option<RxQueue>, tx: Transmit, pool: Mempool) -> Self {
        Self { rx, tx, pool }
    }
}

/// How a worker sends on a port.
pub enum Transmit {
    /// By a queue of its own, where frames of the workers without one leave too.
    Own(TxQueue, Option<Box<Loans>>),
    /// By the queue of another worker.
    Borrowed(Producer<Mbuf>),
}

impl From<TxQueue> for Transmit {
    /// A queue that nobody else sends by.
    fn from(queue: TxQueue) -> Self {
        Self::Own(queue, None)
    }
}

/// Frames of workers without a queue, which another one sends for them.
#[derive(Default)]
pub struct Loans {
    rings: Vec<Consumer<Mbuf>>,
    /// What the queue had no room for.
    waiting: Burst<Mbuf>,
}

/// Gives each of `workers` workers a way to send: `queues` to their owners, and to the others a ring
/// to one of those, in turn. Empty if there is no queue at all.
#[must_use]
pub fn share_transmit(queues: Vec<(u8, TxQueue)>, workers: u8) -> Vec<Transmit> {
    let owners: Vec<u8> = queues.iter().map(|(owner, _)| *owner).collect();
    let mut loans: Vec<Loans> = owners.iter().map(|_| Loans::default()).collect();
    let mut ways = Vec::new();
    let without = (0..workers).filter(|worker| !owners.contains(worker));
    for (turn, worker) in without.enumerate() {
        let place = turn.checked_rem(owners.len());
        let Some(lender) = place.and_then(|place| loans.get_mut(place)) else {
            return Vec::new();
        };
        let (ring, end) = RingBuffer::new(LOAN_SLOTS);
        lender.rings.push(end);
        ways.push((worker, Transmit::Borrowed(ring)));
    }
    for ((owner, queue), loans) in queues.into_iter().zip(loans) {
        let loans = (!loans.rings.is_empty()).then(|| Box::new(loans));
        ways.push((owner, Transmit::Own(queue, loans)));
    }
    ways.sort_by_key(|(worker, _)| *worker);
    ways.into_iter().map(|(_, way)| way).collect()
}

impl Loans {
    /// Sends what other workers have left, as far as the queue takes it.
    fn serve(&mut self, queue: &mut TxQueue) {
        for ring in &mut self.rings {
            loop {
                let count = self.waiting.remaining_capacity().min(ring.slots());
                if let Ok(chunk) = ring.read_chunk(count) {
                    self.waiting.extend(chunk);
                }
                if self.waiting.is_empty() {
                    break;
                }
                queue.send(&mut self.waiting);
                if !self.waiting.is_empty() {
                    return;
                }
            }
        }
    }
}

impl PortIo for DpdkPort {
    type Frame = Mbuf;

    #[inline]
    fn receive(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        if let Transmit::Own(queue, Some(loans)) = &mut self.tx {
            loans.serve(queue);
        }
        self.rx.as_mut().map_or(0, |rx| rx.receive(burst))
    }

    #[inline]
    fn send(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        match &mut self.tx {
            Transmit::Own(queue, _) => queue.send(burst),
            Transmit::Borrowed(ring) => {
                let count = burst.len().min(ring.slots());
                ring.write_chunk_uninit(count)
                    .map_or(0, |chunk| chunk.fill_from_iter(burst.drain(..count)))
            }
        }
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
