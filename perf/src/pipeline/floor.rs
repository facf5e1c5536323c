//! The floor: what the same ports and frames cost when nothing is done but to swap the two Ethernet
//! addresses and send the frame out of the other port, as `testpmd` does with `macswap`.

use pns::dataplane::{Burst, Frame, PortIo};

use super::medium::Medium;
use crate::Outcome;
use crate::measure::Meter;

const MAC: usize = 6;

/// A plain forwarder.
pub(super) struct Floor<M: Medium> {
    input: M::Port,
    output: M::Port,
    burst: Burst<<M::Port as PortIo>::Frame>,
    pub(super) from: M::Wire,
    pub(super) to: M::Wire,
}

impl<M: Medium> Floor<M> {
    pub(super) fn new(medium: &mut M) -> Outcome<Self> {
        let (input, from) = medium.cable()?;
        let (output, to) = medium.cable()?;
        Ok(Self {
            input,
            output,
            burst: Burst::new(),
            from,
            to,
        })
    }

    /// So many bursts, one way, and what each took, in cycles.
    pub(super) fn turns(&mut self, turns: usize, meter: &mut Meter) -> Vec<f64> {
        meter.laps(turns, |_passed| {
            self.input.receive(&mut self.burst);
            for frame in &mut self.burst {
                swap_addresses(frame.bytes_mut());
            }
            self.output.send(&mut self.burst);
        })
    }
}

/// Also what a frame from the floor has to be compared with.
pub(super) fn swap_addresses(frame: &mut [u8]) {
    if let Some(addresses) = frame.first_chunk_mut::<{ 2 * MAC }>() {
        addresses.rotate_left(MAC);
    }
}
