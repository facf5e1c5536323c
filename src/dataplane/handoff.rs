//! From worker to worker: a lock-free ring for each ordered pair, filled a burst at a time.

use arrayvec::ArrayVec;
use rtrb::{Consumer, Producer, RingBuffer};

use super::batch::{BURST, Burst, Entry, Meta, Origin, Packet};
use super::frame::Frame;
use crate::flow::FlowKey;
use crate::wire::ipv4;

/// A frame on its way to the worker that owns it: so little that four of them share a cache line.
/// The owner reads the rest from the frame.
pub struct Handoff<F> {
    /// The frame, from its IPv4 header on; or all of it, if it enters as received.
    pub frame: F,
    /// The call, as far as it is known.
    pub key: FlowKey,
    /// Port that the frame came in by.
    pub port: u8,
    /// Where the packet comes from.
    pub origin: Origin,
    /// Where it enters the nodes.
    pub entry: Entry,
}

const _: () = assert!(size_of::<Handoff<usize>>() == 16);

impl<F: Frame> Handoff<F> {
    /// The packet, as it was before it was handed over.
    ///
    /// # Errors
    /// The frame is no IPv4 packet.
    #[inline]
    pub fn into_packet(self) -> Result<Packet<F>, ipv4::Malformed> {
        let ip = match self.entry {
            Entry::Received => None,
            Entry::Fragment | Entry::Upstream | Entry::Downstream | Entry::Answer | Entry::Echo => {
                Some(ipv4::Header::parse(self.frame.bytes())?)
            }
        };
        let mut packet = Packet::new(self.frame, self.port);
        packet.meta.key = self.key;
        packet.meta.origin = self.origin;
        if let Some(ip) = ip {
            packet.meta.ip = ip;
        }
        Ok(packet)
    }
}

impl<F> Handoff<F> {
    /// A frame that `port` has received, of this call.
    #[inline]
    #[must_use]
    pub const fn received(frame: F, port: u8, key: FlowKey) -> Self {
        Self {
            frame,
            key,
            port,
            origin: Origin::Wire,
            entry: Entry::Received,
        }
    }

    /// A packet that enters the nodes of its owner at `entry`.
    #[inline]
    #[must_use]
    pub fn new(packet: Packet<F>, entry: Entry) -> Self {
        let Meta {
            key, port, origin, ..
        } = packet.meta;
        Self {
            frame: packet.frame,
            key,
            port,
            origin,
            entry,
        }
    }
}

struct Sender<F> {
    ring: Producer<Handoff<F>>,
    staged: ArrayVec<Handoff<F>, BURST>,
}

/// A worker's ends of all rings to and from the others, by worker.
pub struct HandoffEnds<F> {
    senders: Box<[Option<Sender<F>>]>,
    receivers: Box<[Option<Consumer<Handoff<F>>>]>,
}

/// Rings of `capacity` slots between each two of `workers` workers.
#[must_use]
pub fn mesh<F>(workers: u8, capacity: usize) -> Vec<HandoffEnds<F>> {
    let count = usize::from(workers);
    let mut rows: Vec<Vec<Option<Sender<F>>>> = Vec::new();
    let mut columns: Vec<Vec<Option<Consumer<Handoff<F>>>>> = Vec::new();
    columns.resize_with(count, Vec::new);
    for from in 0..count {
        let mut row = Vec::new();
        for (to, column) in columns.iter_mut().enumerate() {
            let (sender, receiver) = (from != to)
                .then(|| RingBuffer::new(capacity))
                .map(|(ring, receiver)| {
                    let staged = ArrayVec::new();
                    (Sender { ring, staged }, receiver)
                })
                .unzip();
            row.push(sender);
            column.push(receiver);
        }
        rows.push(row);
    }
    rows.into_iter()
        .zip(columns)
        .map(|(senders, receivers)| HandoffEnds {
            senders: senders.into(),
            receivers: receivers.into(),
        })
        .collect()
}

impl<F> HandoffEnds<F> {
    /// Queues a frame for `worker`; it leaves with [`Self::flush`].
    ///
    /// # Errors
    /// The frame, if the ring is full or there is no such worker.
    #[inline]
    pub fn send(&mut self, worker: u8, handoff: Handoff<F>) -> Result<(), F> {
        let sender = self.senders.get_mut(usize::from(worker));
        let Some(sender) = sender.and_then(Option::as_mut) else {
            return Err(handoff.frame);
        };
        if sender.staged.is_full() {
            sender.flush();
        }
        sender
            .staged
            .try_push(handoff)
            .map_err(|full| full.element().frame)
    }

    /// Hands over what is queued. What does not fit waits for the next call.
    #[inline]
    pub fn flush(&mut self) {
        for sender in self.senders.iter_mut().flatten() {
            if !sender.staged.is_empty() {
                sender.flush();
            }
        }
    }

    /// How many packets wait for room in a ring.
    #[must_use]
    pub fn staged(&self) -> usize {
        self.senders
            .iter()
            .flatten()
            .map(|sender| sender.staged.len())
            .sum()
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> u8 {
        u8::try_from(self.receivers.len()).unwrap_or(u8::MAX)
    }

    /// Appends what `worker` has handed over to `burst`, as much as it has space for.
    #[inline]
    pub fn receive(&mut self, worker: u8, burst: &mut Burst<Handoff<F>>) {
        let receiver = self.receivers.get_mut(usize::from(worker));
        let Some(receiver) = receiver.and_then(Option::as_mut) else {
            return;
        };
        let count = receiver.slots().min(burst.remaining_capacity());
        if let Ok(chunk) = receiver.read_chunk(count) {
            burst.extend(chunk);
        }
    }
}

impl<F> Sender<F> {
    fn flush(&mut self) {
        let count = self.staged.len().min(self.ring.slots());
        if let Ok(chunk) = self.ring.write_chunk_uninit(count) {
            chunk.fill_from_iter(self.staged.drain(..count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(value: u32) -> Handoff<u32> {
        Handoff::new(Packet::new(value, 0), Entry::Upstream)
    }

    fn received(ends: &mut HandoffEnds<u32>, worker: u8) -> Vec<u32> {
        let mut burst = Burst::new();
        ends.receive(worker, &mut burst);
        burst.into_iter().map(|handoff| handoff.frame).collect()
    }

    #[test]
    fn packets_cross_in_order_and_a_full_ring_gives_them_back() {
        let mut ends = mesh::<u32>(3, 64);
        let (first, rest) = ends.split_first_mut().unwrap();
        let mut refused = 0;
        for value in 0..200 {
            refused += u32::from(first.send(2, packet(value)).is_err());
        }
        assert_eq!(refused, 200 - 2 * 64);
        first.flush();
        assert_eq!(first.staged(), 64);
        assert_eq!(received(&mut rest[1], 0), Vec::from_iter(0..64));
        first.flush();
        assert_eq!(received(&mut rest[1], 0), Vec::from_iter(64..128));
        assert!(received(&mut rest[1], 0).is_empty());
        assert!(received(&mut rest[0], 0).is_empty() && received(&mut rest[1], 1).is_empty());
    }

    #[test]
    fn nobody_hands_to_himself_or_to_nobody() {
        let mut ends = mesh::<u32>(2, 4);
        assert!(ends[0].send(0, packet(1)).is_err());
        assert!(ends[0].send(2, packet(1)).is_err());
    }
}
