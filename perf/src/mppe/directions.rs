//! Both directions of MPPE over the batch interfaces that the worker's nodes use, and over the peer.

use std::num::NonZeroU64;

use arrayvec::ArrayVec;
use pns::clock::Timestamp;
use pns::dataplane::batch::BURST;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptJob, DecryptState, DecryptStates, DecryptWorker, decrypt_batch};
use pns::mppe::encrypt::{EncryptJob, EncryptState, EncryptStates, EncryptWorker, encrypt_batch};
use pns::mppe::kernel::Kernel;
use pns::mppe::keys::{DownstreamKey, Strength, UpstreamKey};
use pns::mppe::skipped::KeyId;
use pns::wire::mppe::HEADER_LENGTH;

use super::peer::Peer;
use super::{Direction, Kind, Sample, Setup};

const BUDGET: Budget = Budget::new(0, 0, Timestamp::ZERO);

/// A different start key for every flow.
fn start_key(flow: u32) -> [u8; 16] {
    let [a, b, c, d] = flow.wrapping_mul(0x9e37_79b9).to_be_bytes();
    [a, b, c, d, b, c, d, a, c, d, a, b, d, a, b, c]
}

/// Frames to clients.
pub(super) struct Encrypt {
    ours: Senders,
    peer: Vec<Peer>,
}

struct States(Vec<EncryptState>);

struct Senders {
    states: States,
    worker: EncryptWorker,
    burst: usize,
}

impl Senders {
    fn new(setup: Setup, state: impl Fn(u32) -> EncryptState) -> Self {
        let states = (0..setup.flows).map(|flow| state(flow).at(flow));
        let worker = EncryptWorker::new(setup.flows as usize).with_kernel(kernel(setup));
        Self {
            states: States(states.collect()),
            worker: match setup.kind {
                Kind::Alone => worker.with_stock(setup.flows as usize, 0, 0),
                Kind::Full | Kind::Portable | Kind::Scalar | Kind::Stocked | Kind::Zipf => worker,
            },
            burst: setup.kind.burst(),
        }
    }
}

impl EncryptStates for States {
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState> {
        self.0.get_mut(flow as usize)
    }
}

impl Direction for Encrypt {
    fn new(setup: Setup) -> Self {
        let state = |flow| {
            let key = DownstreamKey::from_bytes(start_key(flow));
            EncryptState::new(key, Strength::Bits128, setup.mode)
        };
        Self {
            ours: Senders::new(setup, state),
            peer: peers(setup),
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

    fn stock_some(&mut self) -> usize {
        self.ours.worker.stock_up()
    }

    fn ahead(&self) -> usize {
        self.ours.worker.octets_ahead()
    }

    fn is_right(plain: &[u8], done: &[u8]) -> bool {
        plain.len() == done.len() && plain[HEADER_LENGTH..] != done[HEADER_LENGTH..]
    }
}

/// Frames from clients.
pub(super) struct Decrypt {
    clients: Senders,
    ours: Receivers,
    worker: DecryptWorker,
    burst: usize,
    peer: Vec<Peer>,
}

struct Receivers(Vec<DecryptState>);

impl DecryptStates for Receivers {
    fn decrypt_state(&mut self, flow: u32) -> Option<&mut DecryptState> {
        self.0.get_mut(flow as usize)
    }
}

impl Direction for Decrypt {
    fn new(setup: Setup) -> Self {
        let (strength, mode) = (Strength::Bits128, setup.mode);
        let client = |flow| {
            let key = UpstreamKey::from_bytes(start_key(flow));
            EncryptState::new_for_client(key, strength, mode)
        };
        let server = |flow| {
            let key = UpstreamKey::from_bytes(start_key(flow));
            let id = KeyId::new(NonZeroU64::MIN.saturating_add(u64::from(flow)));
            DecryptState::new(key, strength, mode, id, 0, BUDGET).at(flow)
        };
        let worker = DecryptWorker::new(256, BUDGET);
        let places = setup.flows as usize;
        let worker = match setup.kind {
            Kind::Alone => worker.with_stock(places, 0, 0),
            Kind::Full | Kind::Portable | Kind::Scalar | Kind::Stocked | Kind::Zipf => {
                worker.with_places(places)
            }
        };
        Self {
            clients: Senders::new(setup, client),
            ours: Receivers((0..setup.flows).map(server).collect()),
            worker: worker.with_kernel(kernel(setup)),
            burst: setup.kind.burst(),
            peer: peers(setup),
        }
    }

    fn prepare(&mut self, plain: &mut Sample) {
        encrypt_all(&mut self.clients, plain);
    }

    fn ours(&mut self, sample: &mut Sample) -> bool {
        let flows = sample.flows.chunks(self.burst);
        let sequences = sample.sequences.chunks(self.burst);
        let bursts = flows
            .zip(sequences)
            .zip(sample.payloads.chunks_mut(self.burst));
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

    fn stock_some(&mut self) -> usize {
        self.worker.engine.stock_up()
    }

    fn ahead(&self) -> usize {
        self.worker.engine.octets_ahead()
    }

    fn is_right(plain: &[u8], done: &[u8]) -> bool {
        plain[HEADER_LENGTH..] == done[HEADER_LENGTH..]
    }
}

fn peers(setup: Setup) -> Vec<Peer> {
    let peer = |flow| Peer::new(setup.library, setup.mode, start_key(flow));
    (0..setup.flows).map(peer).collect()
}

fn kernel(setup: Setup) -> Kernel {
    Kernel::of(setup.kernel).unwrap_or_else(Kernel::portable)
}

fn encrypt_all(senders: &mut Senders, sample: &mut Sample) -> bool {
    let bursts = sample
        .flows
        .chunks(senders.burst)
        .zip(sample.payloads.chunks_mut(senders.burst));
    let mut all = true;
    for (flows, payloads) in bursts {
        let mut jobs: ArrayVec<EncryptJob<'_>, BURST> = ArrayVec::new();
        let mut headers: ArrayVec<&mut [u8], BURST> = ArrayVec::new();
        for (flow, payload) in flows.iter().zip(payloads) {
            let (header, frame) = payload.split_at_mut(HEADER_LENGTH);
            headers.push(header);
            jobs.push(EncryptJob::new(*flow, frame));
        }
        encrypt_batch(&mut senders.states, &mut jobs, &mut senders.worker);
        for (place, job) in headers.into_iter().zip(&jobs) {
            match job.header {
                Some(header) => place.copy_from_slice(&header.to_bytes()),
                None => all = false,
            }
        }
    }
    all
}
