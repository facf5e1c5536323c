//! What the frames of a scenario travel in. Every medium gives cables whose one end is a port of a
//! worker, and whose other end the harness holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pns::dataplane::laps::{Laps, Unmeasured};
use pns::dataplane::memory_port::{self, MemoryFrame, MemoryPort, MemoryWire};
use pns::dataplane::{Frame, PortIo};

use crate::Outcome;

/// Where cables come from.
pub(crate) trait Medium {
    /// A worker's end.
    type Port: PortIo + Send;
    /// The harness's end.
    type Wire: Wire + Send;
    /// What a worker on its cables tells where its time goes.
    type Laps: Laps + Default + Send;
    /// What a thread holds as long as it holds cables.
    type Entered;

    /// A new cable.
    fn cable(&mut self) -> Outcome<(Self::Port, Self::Wire)>;

    /// Makes the calling thread one that may hold cables.
    fn enter(&self) -> Outcome<Self::Entered>;

    /// What it is, for the report.
    fn name(&self) -> &'static str;
}

/// The harness's end of a cable.
pub(crate) trait Wire {
    /// Puts a frame on the cable; `false` if there is no room.
    fn push(&mut self, bytes: &[u8]) -> bool {
        self.load(bytes) && self.fire(1) == 1
    }

    /// Makes a frame ready; `false` if there is no room.
    fn load(&mut self, bytes: &[u8]) -> bool;

    /// Puts up to `count` of the frames that are ready on the cable, in their order: how many.
    fn fire(&mut self, count: usize) -> usize;

    /// Takes what the port has sent, without a look at it, and keeps it for [`Self::pop`]: how many
    /// frames.
    fn collect(&mut self) -> usize;

    /// Takes the next frame that the port has sent, and answers what `look` says of it.
    fn pop<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Option<T>;
}

/// Frames that wait for their next use.
type Spare = Arc<Mutex<Vec<MemoryFrame>>>;

/// Queues of frames on the heap. Works everywhere; frames are few and stay in the caches.
#[derive(Default)]
pub(crate) struct Memory {
    spare: Spare,
}

/// The harness's end of a queue in memory.
pub(crate) struct MemoryEnd {
    wire: MemoryWire,
    spare: Spare,
    loaded: VecDeque<MemoryFrame>,
    collected: VecDeque<MemoryFrame>,
}

/// Empty frames for a port: all calls may be owed an acknowledgment at once.
const FRAMES: usize = 4096;

impl Medium for Memory {
    type Port = MemoryPort;
    type Wire = MemoryEnd;
    type Entered = ();
    type Laps = Unmeasured;

    fn cable(&mut self) -> Outcome<(MemoryPort, MemoryEnd)> {
        let (port, wire) = memory_port::wire(FRAMES);
        let spare = Arc::clone(&self.spare);
        let end = MemoryEnd {
            wire,
            spare,
            loaded: VecDeque::new(),
            collected: VecDeque::new(),
        };
        Ok((port, end))
    }

    fn enter(&self) -> Outcome<()> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "queues in memory"
    }
}

impl Wire for MemoryEnd {
    fn load(&mut self, bytes: &[u8]) -> bool {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frame = spare.pop().unwrap_or_default();
        frame.refill(bytes);
        self.loaded.push_back(frame);
        true
    }

    fn fire(&mut self, count: usize) -> usize {
        let count = count.min(self.loaded.len());
        for frame in self.loaded.drain(..count) {
            self.wire.push(frame);
        }
        count
    }

    fn collect(&mut self) -> usize {
        let before = self.collected.len();
        self.collected
            .extend(std::iter::from_fn(|| self.wire.pop()));
        self.collected.len() - before
    }

    fn pop<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let collected = self.collected.pop_front();
        let mut frame = collected.or_else(|| self.wire.pop())?;
        let seen = look(frame.bytes());
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < FRAMES {
            spare.push(frame);
        } else {
            frame.refill(&[]);
            self.wire.give(frame);
        }
        Some(seen)
    }
}
