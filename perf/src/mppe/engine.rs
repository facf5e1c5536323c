//! The engine alone on the packets of a pipeline's sample: what the pipeline takes above that is all
//! else that it does.

use pns::mppe::kernel::KernelKind;
use pns::mppe::keys::Mode;
use pns_perf_peers::Library;

use super::directions::{Decrypt, Encrypt};
use super::{Direction, Kind, Sample, Setup, plain_payload};
use crate::Outcome;
use crate::load::Load;
use crate::measure::Meter;

/// One direction of it, with as many stateless calls as a worker has.
pub(crate) struct Engine(Way);

enum Way {
    Decrypt(Box<Decrypt>),
    Encrypt(Box<Encrypt>),
}

impl Engine {
    /// For frames from `flows` clients.
    pub(crate) fn decrypting(flows: u32, kernel: KernelKind) -> Self {
        Self(Way::Decrypt(Box::new(Decrypt::new(setup(flows, kernel)))))
    }

    /// For packets to `flows` clients.
    pub(crate) fn encrypting(flows: u32, kernel: KernelKind) -> Self {
        Self(Way::Encrypt(Box::new(Encrypt::new(setup(flows, kernel)))))
    }

    /// What it takes for the packets of a sample, in cycles; each is of this call, and is its packet
    /// of this number.
    pub(crate) fn cycles(
        &mut self,
        load: Load,
        packets: impl Iterator<Item = (u32, u32)>,
        meter: &mut Meter,
    ) -> Outcome<f64> {
        let (flows, sequences): (Vec<_>, Vec<_>) = packets.unzip();
        let lengths = (0..flows.len()).map(|place| load.length(place));
        let mut sample = Sample {
            payloads: lengths.map(plain_payload).collect(),
            flows,
            sequences,
        };
        let mut done = false;
        let cycles = match &mut self.0 {
            Way::Decrypt(engine) => {
                engine.prepare(&mut sample);
                meter.cycles(|| done = engine.ours(&mut sample))
            }
            Way::Encrypt(engine) => meter.cycles(|| done = engine.ours(&mut sample)),
        };
        let cycles = done.then_some(cycles);
        Ok(cycles.ok_or("mppe: a packet came out wrong beside the pipeline")?)
    }
}

const fn setup(flows: u32, kernel: KernelKind) -> Setup {
    Setup {
        kind: Kind::Full,
        flows,
        mode: Mode::Stateless,
        kernel,
        library: Library::OpenSsl,
    }
}
