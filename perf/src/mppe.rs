//! MPPE-128, packets in bursts of 64 as a worker hands them over: key changes, key schedules and
//! keystream. Every sample is compared byte for byte with what the peer made of the same packets.

mod directions;
mod peer;

use pns::mppe::kernel::KernelKind;
use pns::mppe::keys::Mode;
use pns::wire::mppe::HEADER_LENGTH;
use pns_perf_peers::Library;

use crate::Outcome;
use crate::load::{FLOWS, Load, PACKETS};
use crate::measure::{Effort, Meter, Pairs, pass_through};
use crate::pipeline::packets;
use crate::report::{Case, Report};
use directions::{Decrypt, Encrypt};

const PEER: &str = "OpenSSL's low-level RC4 and SHA-1, a packet at a time";

/// A scenario.
#[derive(Clone, Copy)]
pub(crate) struct Which {
    name: &'static str,
    mode: Mode,
}

/// A key for each packet.
pub(crate) const STATELESS: Which = Which {
    name: "mppe-stateless",
    mode: Mode::Stateless,
};
/// RC4 runs on from packet to packet.
pub(crate) const STATEFUL: Which = Which {
    name: "mppe-stateful",
    mode: Mode::Stateful,
};

/// What both sides of a case are made of.
#[derive(Clone, Copy)]
struct Setup {
    flows: u32,
    mode: Mode,
    kernel: KernelKind,
    library: Library,
}

/// Both directions, with many calls and with one, against OpenSSL; and with many calls against the
/// kernel's way.
pub(crate) fn run(
    which: Which,
    kernel: KernelKind,
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Report> {
    let mut kinds = Vec::new();
    for (library, flows) in [
        (Library::OpenSsl, FLOWS[0]),
        (Library::OpenSsl, FLOWS[1]),
        (Library::KernelWay, FLOWS[0]),
    ] {
        let setup = Setup {
            flows,
            mode: which.mode,
            kernel,
            library,
        };
        kinds.extend(Load::ALL.map(|load| (setup, load)));
    }
    let encrypt = pass_through(&kinds, effort, |(setup, load), pairs| {
        measure::<Encrypt>(setup, load, effort, meter, pairs)
    })?;
    let decrypt = pass_through(&kinds, effort, |(setup, load), pairs| {
        measure::<Decrypt>(setup, load, effort, meter, pairs)
    })?;
    let mut cases = Vec::new();
    for (names, found) in [
        (["encrypt", "encrypt, plain C"], &encrypt),
        (["decrypt", "decrypt, plain C"], &decrypt),
    ] {
        for ((setup, load), pairs) in kinds.iter().zip(found) {
            let [openssl, plain] = names;
            let name = match setup.library {
                Library::OpenSsl => openssl,
                Library::KernelWay => plain,
            };
            cases.push(Case::new(name, *load, setup.flows, pairs));
        }
    }
    // A packet each way, with many calls: the first cases.
    let mut headline = [f64::NAN; Load::ALL.len()];
    for (ratio, (encrypt, decrypt)) in headline.iter_mut().zip(encrypt.iter().zip(&decrypt)) {
        *ratio = encrypt.and(decrypt).ratio();
    }
    let report = Report::new(which.name, PEER, effort, meter, headline, cases);
    Ok(report.with_kernel(kernel.name()))
}

/// The engine alone, with as many stateless calls as a worker has.
pub(crate) enum Alone {
    /// On frames from clients.
    Decrypt(Decrypt),
    /// On packets to clients.
    Encrypt(Encrypt),
}

impl Alone {
    /// For frames from `flows` clients.
    pub(crate) fn decrypt(flows: u32, kernel: KernelKind) -> Self {
        Self::Decrypt(Decrypt::new(Setup::alone(flows, kernel)))
    }

    /// For packets to `flows` clients.
    pub(crate) fn encrypt(flows: u32, kernel: KernelKind) -> Self {
        Self::Encrypt(Encrypt::new(Setup::alone(flows, kernel)))
    }

    /// What it takes for the packets of a worker's sample, in cycles: so long, each of this call, and
    /// each the packet of this number of its call.
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
        let cycles = match self {
            Self::Decrypt(engine) => {
                engine.prepare(&mut sample);
                meter.cycles(|| done = engine.ours(&mut sample))
            }
            Self::Encrypt(engine) => meter.cycles(|| done = engine.ours(&mut sample)),
        };
        let cycles = done.then_some(cycles);
        Ok(cycles.ok_or("mppe: a packet came out wrong beside the pipeline")?)
    }
}

impl Setup {
    const fn alone(flows: u32, kernel: KernelKind) -> Self {
        Self {
            flows,
            mode: Mode::Stateless,
            kernel,
            library: Library::OpenSsl,
        }
    }
}

/// Packets of one sample. Each has room for its MPPE header in front.
struct Sample {
    flows: Vec<u32>,
    sequences: Vec<u32>,
    payloads: Vec<Vec<u8>>,
}

/// One direction, ours and the peer's.
trait Direction {
    fn new(setup: Setup) -> Self;
    /// Makes of plain packets what the direction begins with.
    fn prepare(&mut self, sample: &mut Sample);
    fn ours(&mut self, sample: &mut Sample) -> bool;
    fn peer(&mut self, sample: &mut Sample) -> bool;
    /// Whether a payload has become what a plain packet must become, as far as one can say without
    /// the peer.
    fn is_right(plain: &[u8], done: &[u8]) -> bool;
}

fn measure<D: Direction>(
    setup: Setup,
    load: Load,
    effort: Effort,
    meter: &mut Meter,
    pairs: &mut Pairs,
) -> Outcome<()> {
    let flows = setup.flows;
    let mut direction = D::new(setup);
    let plain: Vec<_> = (0..PACKETS as usize)
        .map(|place| plain_payload(load.length(place)))
        .collect();
    let mut next = 0;
    for round in 0..effort.rounds() {
        let places = next..next + PACKETS;
        next += PACKETS;
        let mut for_us = Sample {
            flows: places.clone().map(|place| place % flows).collect(),
            sequences: places.map(|place| place / flows + 1).collect(),
            payloads: plain.clone(),
        };
        direction.prepare(&mut for_us);
        let mut for_peer = Sample {
            flows: for_us.flows.clone(),
            sequences: Vec::new(),
            payloads: for_us.payloads.clone(),
        };
        let mut done = [false; 2];
        let (mut ours, mut peer) = (0.0, 0.0);
        // Who goes first changes, so that neither always finds what the other left in the caches.
        for turn in [round % 2, 1 - round % 2] {
            match turn {
                0 => ours = meter.cycles(|| done[0] = direction.ours(&mut for_us)),
                _ => peer = meter.cycles(|| done[1] = direction.peer(&mut for_peer)),
            }
        }
        let mut packets = plain.iter().zip(&for_us.payloads);
        if done != [true; 2]
            || for_us.payloads != for_peer.payloads
            || !packets.all(|(plain, payload)| D::is_right(plain, payload))
        {
            return Err(format!("mppe: a packet came out wrong in round {round}").into());
        }
        pairs.add(PACKETS, ours, peer);
    }
    Ok(())
}

/// Room for the MPPE header, the PPP protocol field and an IPv4 packet.
fn plain_payload(length: usize) -> Vec<u8> {
    let mut payload = vec![0; HEADER_LENGTH];
    payload.extend([0x00, 0x21]);
    payload.extend(packets::udp(packets::lease(0), packets::HOST, length));
    payload
}
