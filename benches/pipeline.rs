//! The whole pipeline of one worker on ports of memory: nanoseconds for a burst of 64 packets, from
//! wire to wire. What MPPE alone costs is in `mppe.rs`; the difference is everything else.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected has to fail"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pns::flow::Encryption;

use client::Client;
use lab::{ACCESS, HOST, Lab, NETWORK, Plan, policy};
use packets::udp;

#[path = "../tests/pipeline/client.rs"]
#[expect(dead_code, reason = "shared with the tests of the pipeline")]
mod client;
#[path = "../tests/pipeline/lab.rs"]
#[expect(dead_code, reason = "shared with the tests of the pipeline")]
mod lab;
#[path = "../tests/pipeline/mppc_model.rs"]
mod mppc_model;
#[path = "../tests/pipeline/packets.rs"]
#[expect(dead_code, reason = "shared with the tests of the pipeline")]
mod packets;

const BURST: usize = 64;
/// Calls that share a burst.
const CALLS: u8 = 32;
const HEADERS: usize = 28;

fn ready(encryption: Encryption) -> (Lab, Vec<Client>) {
    let mut lab = Lab::of(Plan {
        workers: 1,
        ..Plan::default()
    });
    let clients = (0..CALLS)
        .map(|n| lab.dial(u16::from(n) + 1, n + 2, policy(encryption)))
        .collect();
    (lab, clients)
}

/// The time of `rounds` turns of the worker, each with the burst that `fill` has put on the wires.
fn time(lab: &mut Lab, rounds: u64, port: u8, mut fill: impl FnMut(&mut Lab)) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        fill(lab);
        let start = Instant::now();
        black_box(lab.workers[0].turn(lab.now));
        total += start.elapsed();
        assert_eq!(lab.sent(port).len(), BURST, "{:?}", lab.drops());
    }
    total
}

fn upstream(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("upstream");
    group.throughput(Throughput::Elements(BURST as u64));
    for (name, encryption) in [
        ("clear", Encryption::Off),
        ("encrypted", Encryption::Required),
    ] {
        for octets in [64, 512, 1400] {
            let (mut lab, mut clients) = ready(encryption);
            group.bench_function(BenchmarkId::new(name, octets), |bencher| {
                bencher.iter_custom(|rounds| {
                    time(&mut lab, rounds, NETWORK, |lab| {
                        for number in 0..BURST {
                            let client = &mut clients[number % usize::from(CALLS)];
                            let packet = udp(client.lease, HOST, octets - HEADERS);
                            let frame = client.data(&packet);
                            lab.push(0, ACCESS, &frame);
                        }
                    })
                });
            });
        }
    }
    group.finish();
}

fn downstream(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("downstream");
    group.throughput(Throughput::Elements(BURST as u64));
    for (name, encryption) in [
        ("clear", Encryption::Off),
        ("encrypted", Encryption::Required),
    ] {
        for octets in [64, 512, 1396] {
            let (mut lab, clients) = ready(encryption);
            group.bench_function(BenchmarkId::new(name, octets), |bencher| {
                bencher.iter_custom(|rounds| {
                    time(&mut lab, rounds, ACCESS, |lab| {
                        for client in clients.iter().chain(&clients) {
                            lab.push_from_network(&udp(HOST, client.lease, octets - HEADERS));
                        }
                    })
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, upstream, downstream);
criterion_main!(benches);
