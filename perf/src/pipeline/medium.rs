//! What the frames of a scenario travel in. Every medium gives cables whose one end is a port of a
//! worker, and whose other end the harness holds.

use std::cell::RefCell;
use std::rc::Rc;

use pns::dataplane::memory_port::{self, MemoryFrame, MemoryPort, MemoryWire};
use pns::dataplane::{Frame, PortIo};

use crate::Outcome;

/// Where cables come from.
pub(crate) trait Medium {
    /// A worker's end.
    type Port: PortIo;
    /// The harness's end.
    type Wire: Wire;

    /// A new cable.
    fn cable(&mut self) -> Outcome<(Self::Port, Self::Wire)>;

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

/// Queues of frames on the heap. Works everywhere; frames are few and stay in the caches.
#[derive(Default)]
pub(crate) struct Memory {
    spare: Rc<RefCell<Vec<MemoryFrame>>>,
}

/// The harness's end of a queue in memory.
pub(crate) struct MemoryEnd {
    wire: MemoryWire,
    spare: Rc<RefCell<Vec<MemoryFrame>>>,
}

/// Empty frames for a port: all calls may be owed an acknowledgment at once.
const FRAMES: usize = 4096;

impl Medium for Memory {
    type Port = MemoryPort;
    type Wire = MemoryEnd;

    fn cable(&mut self) -> Outcome<(MemoryPort, MemoryEnd)> {
        let (port, wire) = memory_port::wire(FRAMES);
        let spare = Rc::clone(&self.spare);
        Ok((port, MemoryEnd { wire, spare }))
    }

    fn name(&self) -> &'static str {
        "queues in memory"
    }
}

impl Wire for MemoryEnd {
    fn push(&mut self, bytes: &[u8]) -> bool {
        let mut frame = self.spare.borrow_mut().pop().unwrap_or_default();
        frame.refill(bytes);
        self.wire.push(frame);
        true
    }

    fn pop<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let mut frame = self.wire.pop()?;
        let seen = look(frame.bytes());
        let mut spare = self.spare.borrow_mut();
        if spare.len() < FRAMES {
            spare.push(frame);
        } else {
            frame.refill(&[]);
            self.wire.give(frame);
        }
        Some(seen)
    }
}
