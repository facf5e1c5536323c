//! MPPE-128 stateless, packets in bursts of 64 as a worker hands them over: key change, key schedule
//! and keystream. Every sample is compared byte for byte with what the peer made of the same packets.

use std::num::NonZeroU64;

use arrayvec::ArrayVec;
use pns::clock::Timestamp;
use pns::dataplane::batch::BURST;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptJob, DecryptState, DecryptStates, DecryptWorker, decrypt_batch};
use pns::mppe::encrypt::{EncryptJob, EncryptState, EncryptStates, encrypt_batch};
use pns::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use pns::mppe::skipped::KeyId;
use pns::wire::mppe::HEADER_LENGTH;

use crate::Outcome;
use crate::load::{FLOWS, Load, PACKETS};
use crate::measure::{Effort, Meter, Pairs};
use crate::pipeline::packets;
use crate::report::{Case, Report};
use crate::rustcrypto::Peer;

const PEER: &str = "RustCrypto rc4 0.2 and sha1 0.11, a packet at a time";
const BUDGET: Budget = Budget::new(0, 0, Timestamp::ZERO);

/// Both directions, with many calls and with one.
pub(crate) fn run(effort: Effort, meter: &mut Meter) -> Outcome<Report> {
    let mut headline = [f64::NAN; Load::ALL.len()];
    let mut cases = Vec::new();
    for flows in FLOWS {
        for (load, ratio) in Load::ALL.into_iter().zip(&mut headline) {
            let encrypt = measure::<Encrypt>(flows, load, effort, meter)?;
            let decrypt = measure::<Decrypt>(flows, load, effort, meter)?;
            cases.push(Case::new("encrypt", load, flows, &encrypt));
            cases.push(Case::new("decrypt", load, flows, &decrypt));
            if flows > 1 {
                *ratio = encrypt.and(&decrypt).ratio();
            }
        }
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
) -> Outcome<Pairs> {
    let mut pairs = Pairs::default();
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
    Ok(pairs)
}

/// Room for the MPPE header, the PPP protocol field and an IPv4 packet.
fn plain_payload(length: usize) -> Vec<u8> {
    let mut payload = vec![0, 0, 0x00, 0x21];
    payload.extend(packets::udp(packets::lease(0), packets::HOST, length));
    payload
}

/// A different start key for every flow.
fn start_key(flow: u32) -> [u8; 16] {
    let [a, b, c, d] = flow.wrapping_mul(0x9e37_79b9).to_be_bytes();
    [a, b, c, d, b, c, d, a, c, d, a, b, d, a, b, c]
}

/// Frames to clients.
struct Encrypt {
    ours: Senders,
    peer: Vec<Peer>,
}

struct Senders(Vec<EncryptState>);

impl EncryptStates for Senders {
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState> {
        self.0.get_mut(flow as usize)
    }
}

impl Direction for Encrypt {
    fn new(flows: u32) -> Self {
        let state = |flow| {
            let key = DownstreamKey::from_bytes(start_key(flow));
            EncryptState::new(key, Strength::Bits128, Mode::Stateless)
        };
        Self {
            ours: Senders((0..flows).map(state).collect()),
            peer: peers(flows),
        }
    }

    fn prepare(&mut self, _plain: &mut Sample) {}

    fn ours(&mut self, sample: &mut Sample) -> bool {
        encrypt_all(&mut self.ours, sample)
    }

    fn peer(&mut self, sample: &mut Sample) -> bool {
        let mut packets = sample.flows.iter().zip(&mut sample.payloads);
        packets.all(|(flow, payload)| self.peer[*flow as usize].encrypt(payload))
    }

    fn is_right(plain: &[u8], done: &[u8]) -> bool {
        plain.len() == done.len() && plain[HEADER_LENGTH..] != done[HEADER_LENGTH..]
    }
}

/// Frames from clients.
struct Decrypt {
    clients: Senders,
    ours: Receivers,
    worker: DecryptWorker,
    peer: Vec<Peer>,
}

struct Receivers(Vec<DecryptState>);

impl DecryptStates for Receivers {
    fn decrypt_state(&mut self, flow: u32) -> Option<&mut DecryptState> {
        self.0.get_mut(flow as usize)
    }
}

impl Direction for Decrypt {
    fn new(flows: u32) -> Self {
        let (strength, mode) = (Strength::Bits128, Mode::Stateless);
        let client = |flow| {
            let key = UpstreamKey::from_bytes(start_key(flow));
            EncryptState::new_for_client(key, strength, mode)
        };
        let server = |flow| {
            let key = UpstreamKey::from_bytes(start_key(flow));
            let id = KeyId::new(NonZeroU64::MIN.saturating_add(u64::from(flow)));
            DecryptState::new(key, strength, mode, id, 0, BUDGET)
        };
        Self {
            clients: Senders((0..flows).map(client).collect()),
            ours: Receivers((0..flows).map(server).collect()),
            worker: DecryptWorker::new(256, BUDGET),
            peer: peers(flows),
        }
    }

    fn prepare(&mut self, plain: &mut Sample) {
        encrypt_all(&mut self.clients, plain);
    }

    fn ours(&mut self, sample: &mut Sample) -> bool {
        let flows = sample.flows.chunks(BURST);
        let sequences = sample.sequences.chunks(BURST);
        let bursts = flows.zip(sequences).zip(sample.payloads.chunks_mut(BURST));
        let mut all = true;
        for ((flows, sequences), payloads) in bursts {
            let mut jobs: ArrayVec<DecryptJob<'_>, BURST> = ArrayVec::new();
            for ((flow, sequence), payload) in flows.iter().zip(sequences).zip(payloads) {
                jobs.push(DecryptJob::new(*flow, *sequence, payload));
            }
            decrypt_batch(&mut self.ours, &mut jobs, &mut self.worker, Timestamp::ZERO);
            all &= jobs.iter().all(|job| job.outcome.is_ok());
        }
        all
    }

    fn peer(&mut self, sample: &mut Sample) -> bool {
        let mut packets = sample.flows.iter().zip(&mut sample.payloads);
        packets.all(|(flow, payload)| self.peer[*flow as usize].decrypt(payload))
    }

    fn is_right(plain: &[u8], done: &[u8]) -> bool {
        plain[HEADER_LENGTH..] == done[HEADER_LENGTH..]
    }
}

fn peers(flows: u32) -> Vec<Peer> {
    (0..flows).map(|flow| Peer::new(start_key(flow))).collect()
}

fn encrypt_all(senders: &mut Senders, sample: &mut Sample) -> bool {
    let bursts = sample
        .flows
        .chunks(BURST)
        .zip(sample.payloads.chunks_mut(BURST));
    let mut all = true;
    for (flows, payloads) in bursts {
        let mut jobs: ArrayVec<EncryptJob<'_>, BURST> = ArrayVec::new();
        let mut headers: ArrayVec<&mut [u8], BURST> = ArrayVec::new();
        for (flow, payload) in flows.iter().zip(payloads) {
            let (header, frame) = payload.split_at_mut(HEADER_LENGTH);
            headers.push(header);
            jobs.push(EncryptJob::new(*flow, frame));
        }
        encrypt_batch(senders, &mut jobs);
        for (place, job) in headers.into_iter().zip(&jobs) {
            match job.header {
                Some(header) => place.copy_from_slice(&header.to_bytes()),
                None => all = false,
            }
        }
    }
    all
}
