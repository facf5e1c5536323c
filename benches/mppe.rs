//! MPPE-128 stateless, 64 flows round robin in bursts of 64: time a frame, all in (key change, key
//! schedule, keystream). The baseline is the same work with the `rc4` and `sha1` crates.
#![expect(clippy::unwrap_used, reason = "a benchmark is not a library")]

use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptJob, DecryptState, DecryptStates, DecryptWorker, decrypt_batch};
use pns::mppe::encrypt::{EncryptJob, EncryptState, EncryptStates, EncryptWorker, encrypt_batch};
use pns::mppe::kernel::{Kernel, KernelKind};
use pns::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use pns::mppe::rc4::Rc4;
use pns::mppe::skipped::KeyId;
use rc4::{KeyInit, StreamCipher};
use sha1::{Digest, Sha1};

const FLOWS: u32 = 64;
const LENGTHS: [usize; 3] = [64, 512, 1400];
const BUDGET: Budget = Budget::new(0, 0, Timestamp::ZERO);

struct Senders(Vec<EncryptState>);

impl EncryptStates for Senders {
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState> {
        self.0.get_mut(flow as usize)
    }
}

struct Receivers(Vec<DecryptState>);

impl DecryptStates for Receivers {
    fn decrypt_state(&mut self, flow: u32) -> Option<&mut DecryptState> {
        self.0.get_mut(flow as usize)
    }
}

/// A different start key for every flow.
fn start_key(flow: u32) -> [u8; 16] {
    *Sha1::digest(flow.to_be_bytes()).first_chunk().unwrap()
}

/// A frame whose inner packet has `length` bytes and looks right.
fn frame(length: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    let mut packet = vec![
        0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    let words = packet
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.resize(length, 0);
    [&[0, 0x21], &packet[..]].concat()
}

fn encrypt(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encrypt");
    group.throughput(Throughput::Elements(u64::from(FLOWS)));
    for length in LENGTHS {
        let state = |flow| {
            let key = DownstreamKey::from_bytes(start_key(flow));
            EncryptState::new(key, Strength::Bits128, Mode::Stateless)
        };
        let mut worker = EncryptWorker::new(0);
        let mut senders = Senders((0..FLOWS).map(state).collect());
        let mut frames: Vec<_> = (0..FLOWS).map(|_| frame(length)).collect();
        group.bench_function(BenchmarkId::new("pns", length), |bencher| {
            bencher.iter(|| {
                let mut jobs: Vec<_> = (0..FLOWS)
                    .zip(&mut frames)
                    .map(|(flow, frame)| EncryptJob::new(flow, frame))
                    .collect();
                encrypt_batch(&mut senders, black_box(&mut jobs), &mut worker);
            });
        });
        let mut keys: Vec<_> = (0..FLOWS)
            .map(|flow| (start_key(flow), start_key(flow)))
            .collect();
        group.bench_function(BenchmarkId::new("rc4-crate", length), |bencher| {
            bencher.iter(|| {
                for ((start, session), frame) in keys.iter_mut().zip(&mut frames) {
                    naive(start, session, frame);
                }
            });
        });
    }
    group.finish();
}

fn naive(start: &[u8; 16], session: &mut [u8; 16], frame: &mut [u8]) {
    let mut hash = Sha1::new();
    hash.update(start);
    hash.update([0; 40]);
    hash.update(&session);
    hash.update([0xf2; 40]);
    let interim: [u8; 16] = *hash.finalize().first_chunk().unwrap();
    *session = interim;
    rc4::Rc4::new_from_slice(&interim)
        .unwrap()
        .apply_keystream(session);
    rc4::Rc4::new_from_slice(session)
        .unwrap()
        .apply_keystream(black_box(frame));
}

fn decrypt(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decrypt");
    group.throughput(Throughput::Elements(u64::from(FLOWS)));
    for length in LENGTHS {
        let (strength, mode) = (Strength::Bits128, Mode::Stateless);
        let client = |flow| {
            let key = UpstreamKey::from_bytes(start_key(flow));
            EncryptState::new_for_client(key, strength, mode)
        };
        let server = |flow| {
            let key = UpstreamKey::from_bytes(start_key(flow));
            let id = KeyId::new(NonZeroU64::new(u64::from(flow) + 1).unwrap());
            DecryptState::new(key, strength, mode, id, 0, BUDGET)
        };
        let mut clients: Vec<_> = (0..FLOWS).map(client).collect();
        let mut receivers = Receivers((0..FLOWS).map(server).collect());
        let mut worker = DecryptWorker::new(64, BUDGET);
        let mut encrypt_worker = EncryptWorker::new(0);
        let mut sequence = 0;
        let mut burst = || {
            sequence += 1;
            let mut send = |client: &mut EncryptState| {
                let mut frame = frame(length);
                let header = client.encrypt(&mut frame, &mut encrypt_worker).unwrap();
                [&header.to_bytes()[..], &frame].concat()
            };
            (
                sequence,
                clients.iter_mut().map(&mut send).collect::<Vec<_>>(),
            )
        };
        let mut open = |(sequence, mut payloads): (u32, Vec<Vec<u8>>)| {
            let mut jobs: Vec<_> = (0..FLOWS)
                .zip(&mut payloads)
                .map(|(flow, payload)| DecryptJob::new(flow, sequence, payload))
                .collect();
            decrypt_batch(&mut receivers, &mut jobs, &mut worker, Timestamp::ZERO);
            assert!(jobs.iter().all(|job| job.outcome.is_ok()));
            drop(jobs);
            payloads
        };
        group.bench_function(BenchmarkId::new("pns", length), |bencher| {
            bencher.iter_batched(&mut burst, &mut open, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Frames of a calm burst, whose keystream was made before.
fn stocked(criterion: &mut Criterion) {
    const FLOWS: u32 = 16;
    let mut group = criterion.benchmark_group("stocked");
    group.throughput(Throughput::Elements(u64::from(FLOWS)));
    for length in LENGTHS {
        let state = |flow| {
            let key = DownstreamKey::from_bytes(start_key(flow));
            EncryptState::new(key, Strength::Bits128, Mode::Stateless).at(flow)
        };
        let mut worker = EncryptWorker::new(FLOWS as usize);
        let mut senders = Senders((0..FLOWS).map(state).collect());
        let mut frames: Vec<_> = (0..FLOWS).map(|_| frame(length)).collect();
        group.bench_function(BenchmarkId::new("pns", length), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut taken = Duration::ZERO;
                for _ in 0..rounds {
                    while worker.stock_up() > 0 {}
                    let start = Instant::now();
                    let mut jobs: Vec<_> = (0..FLOWS)
                        .zip(&mut frames)
                        .map(|(flow, frame)| EncryptJob::new(flow, frame))
                        .collect();
                    encrypt_batch(&mut senders, black_box(&mut jobs), &mut worker);
                    taken += start.elapsed();
                }
                taken
            });
        });
    }
    group.finish();
}

/// One frame, which no lane can help.
fn alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("alone");
    for length in [16].into_iter().chain(LENGTHS) {
        let (key, mut rc4, mut frame) = (start_key(1), Rc4::unkeyed(), vec![0; length]);
        group.bench_function(BenchmarkId::new("rc4", length), |bencher| {
            bencher.iter(|| {
                rc4.schedule(black_box(&key));
                rc4.apply(black_box(&mut frame));
            });
        });
    }
    group.finish();
}

/// Keystreams of every kernel that runs here, 64 frames with keys of their own.
fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel");
    group.throughput(Throughput::Elements(u64::from(FLOWS)));
    let keys: Vec<_> = (0..FLOWS).map(start_key).collect();
    for kind in KernelKind::ALL {
        let Some(mut kernel) = Kernel::of(kind) else {
            continue;
        };
        for length in [16].into_iter().chain(LENGTHS) {
            let mut frames = vec![vec![0; length]; keys.len()];
            group.bench_function(BenchmarkId::new(kind.name(), length), |bencher| {
                bencher.iter(|| {
                    let mut spans: Vec<_> = frames.iter_mut().map(Vec::as_mut_slice).collect();
                    kernel.keystreams(black_box(&keys), &mut spans);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, kernels, alone, encrypt, stocked, decrypt);
criterion_main!(benches);
