//! What the frames of a scenario travel in. Every medium gives cables whose one end is a port of a
//! worker, and whose other end the harness holds.

use std::sync::{Arc, Mutex, PoisonError};

use pns::dataplane::memory_port::{self, MemoryFrame, MemoryPort, MemoryWire};
use pns::dataplane::{Frame, PortIo};

use crate::Outcome;

/// Where cables come from.
pub(crate) trait Medium {
    /// A worker's end.
    type Port: PortIo + Send;
    /// The harness's end.
    type Wire: Wire + Send;

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
    fn push(&mut self, bytes: &[u8]) -> bool;

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
}

/// Empty frames for a port: all calls may be owed an acknowledgment at once.
const FRAMES: usize = 4096;

impl Medium for Memory {
    type Port = MemoryPort;
    type Wire = MemoryEnd;
    type Entered = ();

    fn cable(&mut self) -> Outcome<(MemoryPort, MemoryEnd)> {
        let (port, wire) = memory_port::wire(FRAMES);
        let spare = Arc::clone(&self.spare);
        Ok((port, MemoryEnd { wire, spare }))
    }

    fn enter(&self) -> Outcome<()> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "queues in memory"
    }
}

impl Wire for MemoryEnd {
    fn push(&mut self, bytes: &[u8]) -> bool {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frame = spare.pop().unwrap_or_default();
        frame.refill(bytes);
        self.wire.push(frame);
        true
    }

    fn pop<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let mut frame = self.wire.pop()?;
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
