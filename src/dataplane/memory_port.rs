//! Ports without hardware: frames on the heap, and wires whose other end a test or a bench holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch::Burst;
use super::frame::Frame;
use super::port::PortIo;

const HEADROOM: usize = 128;
const BUFFER: usize = 2304;

/// A frame on the heap.
pub struct MemoryFrame {
    buffer: Box<[u8; BUFFER]>,
    start: usize,
    end: usize,
    contiguous: bool,
}

impl Default for MemoryFrame {
    fn default() -> Self {
        Self {
            buffer: Box::new([0; BUFFER]),
            start: HEADROOM,
            end: HEADROOM,
            contiguous: true,
        }
    }
}

impl MemoryFrame {
    /// A frame with these bytes; what does not fit is cut.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut frame = Self::default();
        frame.refill(bytes);
        frame
    }

    /// A frame with these bytes and `octets` bytes of room in front.
    #[must_use]
    pub fn with_headroom(bytes: &[u8], octets: usize) -> Self {
        let mut frame = Self::default();
        frame.start = octets.min(BUFFER);
        frame.end = frame.start;
        if let Some(room) = frame.append(bytes.len()) {
            room.copy_from_slice(bytes);
        }
        frame
    }

    /// Starts again with these bytes, so that a bench can use a frame twice.
    pub fn refill(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(BUFFER - HEADROOM);
        self.start = HEADROOM;
        self.end = HEADROOM + length;
        self.bytes_mut()
            .copy_from_slice(bytes.get(..length).unwrap_or_default());
    }

    /// Pretends that the frame is in several buffers.
    pub fn chain(&mut self) {
        self.contiguous = false;
    }
}

impl Frame for MemoryFrame {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer
            .get_mut(self.start..self.end)
            .unwrap_or_default()
    }

    fn headroom(&self) -> usize {
        self.start
    }

    fn trim_front(&mut self, octets: usize) -> bool {
        let enough = octets <= self.end - self.start;
        if enough {
            self.start += octets;
        }
        enough
    }

    fn narrow(&mut self, front: usize, length: usize) -> bool {
        let there = front + length <= self.end - self.start;
        if there {
            self.start += front;
            self.end = self.start + length;
        }
        there
    }

    fn prepend(&mut self, octets: usize) -> Option<&mut [u8]> {
        self.start = self.start.checked_sub(octets)?;
        self.bytes_mut().get_mut(..octets)
    }

    fn append(&mut self, octets: usize) -> Option<&mut [u8]> {
        let end = self.end.checked_add(octets).filter(|end| *end <= BUFFER)?;
        let place = self.buffer.get_mut(self.end..end)?;
        self.end = end;
        Some(place)
    }

    fn truncate(&mut self, length: usize) {
        self.end = self.end.min(self.start.saturating_add(length));
    }

    fn is_contiguous(&self) -> bool {
        self.contiguous
    }
}

struct Shared {
    to_port: VecDeque<MemoryFrame>,
    from_port: VecDeque<MemoryFrame>,
    pool: Vec<MemoryFrame>,
    room: usize,
}

/// A worker's end of a wire.
pub struct MemoryPort(Arc<Mutex<Shared>>);

/// The other end of the wire.
#[derive(Clone)]
pub struct MemoryWire(Arc<Mutex<Shared>>);

/// A wire with both ends, and a pool of `frames` empty frames for the port.
#[must_use]
pub fn wire(frames: usize) -> (MemoryPort, MemoryWire) {
    let shared = Arc::new(Mutex::new(Shared {
        to_port: VecDeque::with_capacity(1024),
        from_port: VecDeque::with_capacity(1024),
        pool: (0..frames).map(|_| MemoryFrame::default()).collect(),
        room: usize::MAX,
    }));
    (MemoryPort(Arc::clone(&shared)), MemoryWire(shared))
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PortIo for MemoryPort {
    type Frame = MemoryFrame;

    fn receive(&mut self, burst: &mut Burst<MemoryFrame>) -> usize {
        let mut shared = lock(&self.0);
        let count = burst.remaining_capacity().min(shared.to_port.len());
        burst.extend(shared.to_port.drain(..count));
        count
    }

    fn send(&mut self, burst: &mut Burst<MemoryFrame>) -> usize {
        let mut shared = lock(&self.0);
        let count = burst
            .len()
            .min(shared.room.saturating_sub(shared.from_port.len()));
        shared.from_port.extend(burst.drain(..count));
        count
    }

    fn allocate(&mut self) -> Option<MemoryFrame> {
        lock(&self.0).pool.pop()
    }
}

impl MemoryWire {
    /// Puts a frame on the wire, for the port to receive.
    pub fn push(&self, frame: MemoryFrame) {
        lock(&self.0).to_port.push_back(frame);
    }

    /// Takes the next frame that the port has sent.
    #[must_use]
    pub fn pop(&self) -> Option<MemoryFrame> {
        lock(&self.0).from_port.pop_front()
    }

    /// Gives a frame to the port's pool.
    pub fn give(&self, frame: MemoryFrame) {
        lock(&self.0).pool.push(frame);
    }

    /// Empties the port's pool.
    pub fn drain_pool(&self) {
        lock(&self.0).pool.clear();
    }

    /// How many frames the wire holds at most before the port's transmit queue is full.
    pub fn set_room(&self, frames: usize) {
        lock(&self.0).room = frames;
    }
}
