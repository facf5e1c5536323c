//! From worker to worker: a lock-free ring for each ordered pair, filled a burst at a time.

use arrayvec::ArrayVec;
use rtrb::{Consumer, Producer, RingBuffer};

use super::batch::{BURST, Entry, Packet};

/// A packet on its way to the worker that owns it.
pub struct Handoff<F> {
    /// The packet; its flow slot means nothing over there.
    pub packet: Packet<F>,
    /// Where it enters the nodes.
    pub entry: Entry,
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
    /// Queues a packet for `worker`; it leaves with [`Self::flush`].
    ///
    /// # Errors
    /// The packet, if the ring is full or there is no such worker.
    #[inline]
    pub fn send(&mut self, worker: u8, handoff: Handoff<F>) -> Result<(), Packet<F>> {
        let sender = self.senders.get_mut(usize::from(worker));
        let Some(sender) = sender.and_then(Option::as_mut) else {
            return Err(handoff.packet);
        };
        if sender.staged.is_full() {
            sender.flush();
        }
        sender
            .staged
            .try_push(handoff)
            .map_err(|full| full.element().packet)
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

    /// The next packet from `worker`.
    #[inline]
    pub fn receive(&mut self, worker: u8) -> Option<Handoff<F>> {
        let receiver = self.receivers.get_mut(usize::from(worker))?.as_mut()?;
        receiver.pop().ok()
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
        Handoff {
            packet: Packet::new(value, 0),
            entry: Entry::Upstream,
        }
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
        for value in 0..64 {
            assert_eq!(rest[1].receive(0).unwrap().packet.frame, value);
        }
        first.flush();
        for value in 64..128 {
            assert_eq!(rest[1].receive(0).unwrap().packet.frame, value);
        }
        assert!(rest[1].receive(0).is_none());
        assert!(rest[0].receive(0).is_none() && rest[1].receive(1).is_none());
    }

    #[test]
    fn nobody_hands_to_himself_or_to_nobody() {
        let mut ends = mesh::<u32>(2, 4);
        assert!(ends[0].send(0, packet(1)).is_err());
        assert!(ends[0].send(2, packet(1)).is_err());
    }
}
