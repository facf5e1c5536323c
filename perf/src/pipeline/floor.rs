//! The floor: what the same ports and frames cost when nothing is done but to swap the two Ethernet
//! addresses and send the frame out of the other port.

use pns::dataplane::memory_port::{self, MemoryFrame, MemoryPort, MemoryWire};
use pns::dataplane::{Burst, Frame, PortIo};

const MAC: usize = 6;

/// A plain forwarder.
pub(super) struct Floor {
    input: MemoryPort,
    output: MemoryPort,
    burst: Burst<MemoryFrame>,
    pub(super) from: MemoryWire,
    pub(super) to: MemoryWire,
}

impl Floor {
    pub(super) fn new() -> Self {
        let (input, from) = memory_port::wire(0);
        let (output, to) = memory_port::wire(0);
        Self {
            input,
            output,
            burst: Burst::new(),
            from,
            to,
        }
    }

    /// So many bursts, one way.
    pub(super) fn turns(&mut self, turns: usize) {
        for _ in 0..turns {
            self.input.receive(&mut self.burst);
            for frame in &mut self.burst {
                swap_addresses(frame.bytes_mut());
            }
            self.output.send(&mut self.burst);
        }
    }
}

/// Also what a frame from the floor has to be compared with.
pub(super) fn swap_addresses(frame: &mut [u8]) {
    if let Some(addresses) = frame.first_chunk_mut::<{ 2 * MAC }>() {
        addresses.rotate_left(MAC);
    }
}
