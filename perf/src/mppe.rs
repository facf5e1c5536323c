//! MPPE-128 stateless, packets in bursts of 64 as a worker hands them over: key change, key schedule
//! and keystream. Every sample is compared byte for byte with what the peer made of the same packets.

mod directions;

use pns::wire::mppe::HEADER_LENGTH;

use crate::Outcome;
use crate::load::{FLOWS, Load, PACKETS};
use crate::measure::{Effort, Meter, Pairs, pass_through};
use crate::pipeline::packets;
use crate::report::{Case, Report};
use directions::{Decrypt, Encrypt};

const PEER: &str = "RustCrypto rc4 0.2 and sha1 0.11, a packet at a time";

/// Both directions, with many calls and with one.
pub(crate) fn run(effort: Effort, meter: &mut Meter) -> Outcome<Report> {
    let kinds = FLOWS.map(|flows| Load::ALL.map(|load| (flows, load)));
    let kinds = kinds.as_flattened();
    let encrypt = pass_through(kinds, effort, |(flows, load), pairs| {
        measure::<Encrypt>(flows, load, effort, meter, pairs)
    })?;
    let decrypt = pass_through(kinds, effort, |(flows, load), pairs| {
        measure::<Decrypt>(flows, load, effort, meter, pairs)
    })?;
    let mut cases = Vec::new();
    for (name, found) in [("encrypt", &encrypt), ("decrypt", &decrypt)] {
        for ((flows, load), pairs) in kinds.iter().zip(found) {
            cases.push(Case::new(name, *load, *flows, pairs));
        }
    }
    // A packet each way, with many calls: the first cases.
    let mut headline = [f64::NAN; Load::ALL.len()];
    for (ratio, (encrypt, decrypt)) in headline.iter_mut().zip(encrypt.iter().zip(&decrypt)) {
        *ratio = encrypt.and(decrypt).ratio();
    }
    Ok(Report::new("mppe", PEER, effort, meter, headline, cases))
}

/// Packets of one sample. Each has room for its MPPE header in front.
struct Sample {
    flows: Vec<u32>,
    sequences: Vec<u32>,
    payloads: Vec<Vec<u8>>,
}

/// One direction, ours and the peer's.
trait Direction {
    fn new(flows: u32) -> Self;
    /// Makes of plain packets what the direction begins with.
    fn prepare(&mut self, sample: &mut Sample);
    fn ours(&mut self, sample: &mut Sample) -> bool;
    fn peer(&mut self, sample: &mut Sample) -> bool;
    /// Whether a payload has become what a plain packet must become, as far as one can say without
    /// the peer.
    fn is_right(plain: &[u8], done: &[u8]) -> bool;
}

fn measure<D: Direction>(
    flows: u32,
    load: Load,
    effort: Effort,
    meter: &mut Meter,
    pairs: &mut Pairs,
) -> Outcome<()> {
    let mut direction = D::new(flows);
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
