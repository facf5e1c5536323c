//! MPPE-128, packets in bursts of 64 as a worker hands them over: key changes, key schedules and
//! keystream. Every sample is compared byte for byte with what the peer made of the same packets.

mod directions;
mod engine;
mod peer;
mod traffic;

use pns::dataplane::batch::BURST;
use pns::mppe::kernel::KernelKind;
use pns::mppe::keys::Mode;
use pns::wire::mppe::HEADER_LENGTH;
use pns_perf_peers::Library;

use crate::Outcome;
use crate::load::{FLOWS, Load, PACKETS};
use crate::measure::{Ahead, Effort, Meter, Pairs, pass_through, percentile};
use crate::pipeline::packets;
use crate::report::{Case, Mppe, Report, rounded};
use directions::{Decrypt, Encrypt};
pub(crate) use engine::Engine;
use traffic::Traffic;

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
    kind: Kind,
    flows: u32,
    mode: Mode,
    kernel: KernelKind,
    library: Library,
}

impl Setup {
    /// What [`run`] selects cases by; that of encryption is meant in both directions.
    fn full_name(self, load: Load) -> String {
        let [name, _] = self.kind.names(self.library);
        format!("{name} {} {}", load.name(), self.flows)
    }

    /// Packets of a sample.
    const fn packets(self) -> u32 {
        match self.kind {
            Kind::Stocked => self.flows,
            // So many that each sample has its share of refills.
            _ if matches!(self.mode, Mode::Stateful) => 4 * PACKETS,
            Kind::Full | Kind::Portable | Kind::Scalar | Kind::Alone | Kind::Zipf => PACKETS,
        }
    }
}

/// What is special about a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Bursts as long as a worker's, calls in turn.
    Full,
    /// The same with the kernel that is left without AVX-512.
    Portable,
    /// The same with the kernel that needs no machine instructions.
    Scalar,
    /// One packet at a time, and nothing made ahead.
    Alone,
    /// A packet of each of 32 calls, after time enough to make all their keystream.
    Stocked,
    /// Bursts of 32, lengths of IMIX and calls of a Zipf draw.
    Zipf,
}

impl Kind {
    /// Packets of a burst.
    const fn burst(self) -> usize {
        match self {
            Self::Full | Self::Portable | Self::Scalar => BURST,
            Self::Alone => 1,
            Self::Stocked => BURST / 4,
            Self::Zipf => BURST / 2,
        }
    }

    /// Names of a case, encrypted and decrypted.
    const fn names(self, library: Library) -> [&'static str; 2] {
        match (self, library) {
            (Self::Full, Library::OpenSsl) => ["encrypt", "decrypt"],
            (Self::Full, Library::KernelWay) => ["encrypt, plain C", "decrypt, plain C"],
            (Self::Portable, _) => ["encrypt, portable", "decrypt, portable"],
            (Self::Scalar, _) => ["encrypt, scalar", "decrypt, scalar"],
            (Self::Alone, _) => ["encrypt, alone", "decrypt, alone"],
            (Self::Stocked, _) => ["encrypt, stocked", "decrypt, stocked"],
            (Self::Zipf, _) => ["encrypt, zipf", "decrypt, zipf"],
        }
    }
}

/// The cases of a scenario, those that stand for it first.
fn cases(mode: Mode, kernel: KernelKind) -> Vec<(Setup, Load)> {
    const ENDS: [Load; 2] = [Load::Short, Load::Long];
    let setup = |kind, flows, library| Setup {
        kind,
        flows,
        mode,
        kernel: match kind {
            Kind::Portable => without_avx512(kernel),
            Kind::Scalar => KernelKind::Interleaved,
            Kind::Full | Kind::Alone | Kind::Stocked | Kind::Zipf => kernel,
        },
        library,
    };
    let mut cases = Vec::new();
    for (library, flows) in [
        (Library::OpenSsl, FLOWS[0]),
        (Library::OpenSsl, FLOWS[1]),
        (Library::KernelWay, FLOWS[0]),
    ] {
        cases.extend(Load::ALL.map(|load| (setup(Kind::Full, flows, library), load)));
    }
    for kind in [Kind::Portable, Kind::Scalar] {
        cases.extend(ENDS.map(|load| (setup(kind, FLOWS[0], Library::OpenSsl), load)));
    }
    if mode == Mode::Stateless {
        let alone = setup(Kind::Alone, FLOWS[0], Library::OpenSsl);
        let stocked = setup(Kind::Stocked, 32, Library::OpenSsl);
        cases.extend(ENDS.map(|load| (alone, load)));
        cases.extend(ENDS.map(|load| (stocked, load)));
        cases.push((setup(Kind::Zipf, 1000, Library::OpenSsl), Load::Imix));
    }
    cases
}

/// What this machine would use if it had no AVX-512.
fn without_avx512(kernel: KernelKind) -> KernelKind {
    match kernel {
        KernelKind::Interleaved | KernelKind::Rows => kernel,
        KernelKind::Wide16 | KernelKind::Wide32 => KernelKind::Rows,
    }
}

/// Both directions, with many calls and with one, against OpenSSL; with many calls against the
/// kernel's way; and what the cases of [`Kind`] are about.
pub(crate) fn run(
    which: Which,
    kernel: KernelKind,
    case: &str,
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Report> {
    let mut kinds = cases(which.mode, kernel);
    kinds.retain(|(setup, load)| setup.full_name(*load).starts_with(case));
    let encrypt = pass_through(&kinds, effort, |(setup, load), pairs| {
        measure::<Encrypt>(setup, load, effort, meter, pairs)
    })?;
    let decrypt = pass_through(&kinds, effort, |(setup, load), pairs| {
        measure::<Decrypt>(setup, load, effort, meter, pairs)
    })?;
    let mut cases = Vec::new();
    for (way, found) in [&encrypt, &decrypt].into_iter().enumerate() {
        for ((setup, load), pairs) in kinds.iter().zip(found) {
            let name = setup.kind.names(setup.library)[way];
            cases.push(Case::new(name, *load, setup.flows, pairs));
        }
    }
    // A packet each way, with many calls: the first cases.
    let mut headline = [f64::NAN; Load::ALL.len()];
    for (ratio, (encrypt, decrypt)) in headline.iter_mut().zip(encrypt.iter().zip(&decrypt)) {
        *ratio = encrypt.and(decrypt).ratio();
    }
    let both: Vec<_> = encrypt
        .iter()
        .zip(&decrypt)
        .map(|(encrypt, decrypt)| encrypt.and(decrypt))
        .collect();
    let report = Report::new(which.name, PEER, effort, meter, headline, cases);
    let per_sample = kinds.first().map_or(PACKETS, |(setup, _)| setup.packets());
    let verified = kinds
        .iter()
        .zip(&both)
        .map(|((setup, _), pairs)| 2 * pairs.ours().len() as u64 * u64::from(setup.packets()));
    let report = report.of_mppe(per_sample, verified.sum(), figures(&kinds, &both));
    Ok(report.with_kernel(kernel.name()))
}

/// The figures that only these scenarios have, of a packet each way.
fn figures(kinds: &[(Setup, Load)], both: &[Pairs]) -> Mppe {
    let found = |kind, load| {
        let place = kinds
            .iter()
            .position(|(setup, of)| setup.kind == kind && *of == load && setup.flows != FLOWS[1]);
        place.and_then(|place| both.get(place))
    };
    let ratio = |kind, load| found(kind, load).map(Pairs::ratio);
    let cycles = |kind, load| found(kind, load).map(|pairs| percentile(pairs.ours(), 50) / 2.0);
    let full = |load| cycles(Kind::Full, load);
    // What a packet costs is linear in its length, so 594 bytes are between 512 and 1400.
    let efficiency = || {
        let (short, medium, long) = (full(Load::Short)?, full(Load::Medium)?, full(Load::Long)?);
        let middle = medium + (long - medium) * (594.0 - 512.0) / (1400.0 - 512.0);
        let mixed = (7.0 * short + 4.0 * middle + long) / 12.0;
        Some(mixed / cycles(Kind::Zipf, Load::Imix)?)
    };
    Mppe {
        ratio_portable_64: ratio(Kind::Portable, Load::Short),
        ratio_portable_1400: ratio(Kind::Portable, Load::Long),
        ratio_scalar_64: ratio(Kind::Scalar, Load::Short),
        ratio_scalar_1400: ratio(Kind::Scalar, Load::Long),
        ratio_alone_64: ratio(Kind::Alone, Load::Short),
        ratio_alone_1400: ratio(Kind::Alone, Load::Long),
        stocked_cycles_64: cycles(Kind::Stocked, Load::Short),
        stocked_cycles_1400: cycles(Kind::Stocked, Load::Long),
        zipf_efficiency: efficiency(),
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
    /// Makes keystream ahead until there is enough of it.
    fn stock_up(&mut self) {
        while self.stock_some() > 0 {}
    }
    /// Makes keystream ahead, as in one idle turn; 0: there was enough.
    fn stock_some(&mut self) -> usize;
    /// Keystream and keys that are made and not used, in bytes.
    fn ahead(&self) -> usize;
    /// Whether a payload has become what a plain packet must become, as far as one can say without
    /// the peer.
    fn is_right(plain: &[u8], done: &[u8]) -> bool;
}

/// Rounds before those that count where stock has to know first how long packets are.
const ACQUAINTANCE: usize = 40;

fn measure<D: Direction>(
    setup: Setup,
    load: Load,
    effort: Effort,
    meter: &mut Meter,
    pairs: &mut Pairs,
) -> Outcome<()> {
    let mut direction = D::new(setup);
    let mut traffic = Traffic::new(setup, load);
    let mut run = |direction: &mut D, sample: Sample, turn| -> Outcome<(f64, f64)> {
        round(direction, sample, turn, meter)
    };
    // Calls are in the middle of what they have, each elsewhere.
    for sample in traffic.beginning() {
        run(&mut direction, sample, 0)?;
    }
    if setup.kind == Kind::Stocked {
        for round in 0..ACQUAINTANCE {
            run(&mut direction, traffic.next(), round)?;
        }
    }
    let before = direction.ahead();
    let mut all = 0;
    for round in 0..effort.rounds() {
        if setup.kind == Kind::Stocked {
            direction.stock_up();
        }
        let sample = traffic.next();
        let packets = u32::try_from(sample.payloads.len())?;
        let (ours, peer) = run(&mut direction, sample, round)?;
        pairs.add(packets, ours, peer);
        all += packets;
    }
    if setup.kind == Kind::Stocked {
        return Ok(());
    }
    // What was made before the first sample must not be what the samples lived on: they pay for it.
    let mut ahead = Ahead::new(before, direction.ahead());
    if ahead.is_less() {
        let cycles = make_up(&mut direction, before, meter)?;
        ahead.made_up_cycles_per_packet = rounded(pairs.charge(all, cycles), 1);
    }
    pairs.note(ahead);
    Ok(())
}

/// Makes keystream until as much is ahead as was `before`. Answers what the making took, in cycles.
fn make_up(direction: &mut impl Direction, before: usize, meter: &mut Meter) -> Outcome<f64> {
    let mut cycles = 0.0;
    while direction.ahead() < before {
        let mut some = 0;
        cycles += meter.cycles(|| some = direction.stock_some());
        if some == 0 {
            return Err("mppe: the samples used up keystream that cannot be made again".into());
        }
    }
    Ok(cycles)
}

/// One sample through ours and through the peer, in cycles; who goes first changes with `turn`, so that
/// neither always finds what the other left in the caches.
fn round<D: Direction>(
    direction: &mut D,
    mut for_us: Sample,
    turn: usize,
    meter: &mut Meter,
) -> Outcome<(f64, f64)> {
    let plain = for_us.payloads.clone();
    direction.prepare(&mut for_us);
    let mut for_peer = Sample {
        flows: for_us.flows.clone(),
        sequences: Vec::new(),
        payloads: for_us.payloads.clone(),
    };
    let mut done = [false; 2];
    let (mut ours, mut peer) = (0.0, 0.0);
    for turn in [turn % 2, 1 - turn % 2] {
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
        return Err("mppe: a packet came out wrong".into());
    }
    Ok((ours, peer))
}

/// Room for the MPPE header, the PPP protocol field and an IPv4 packet.
fn plain_payload(length: usize) -> Vec<u8> {
    let mut payload = vec![0; HEADER_LENGTH];
    payload.extend([0x00, 0x21]);
    payload.extend(packets::udp(packets::lease(0), packets::HOST, length));
    payload
}
