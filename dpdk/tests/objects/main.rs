//! Pools, buffers, ports and queues, on devices that live in memory.
//!
//! They share one environment, since a process can have only one; a runner with a process for each
//! test starts one each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pool;
mod ports;
mod steering;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dpdk::{Burst, Eal, EalConfig, Mbuf, Memory, Mempool, RxQueue};

const DATA_ROOM: u16 = 2048;

fn eal() -> &'static Eal {
    static SHARED: OnceLock<Eal> = OnceLock::new();
    SHARED.get_or_init(|| {
        let memory = Memory::NoHuge { megabytes: 128 };
        Eal::init(&EalConfig {
            memory,
            iova_va: true,
            ..EalConfig::default()
        })
        .unwrap()
    })
}

/// A name that no other test has.
fn unique(stem: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{stem}{}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

fn pool(mbufs: u32) -> Mempool {
    Mempool::new(eal(), &unique("pool"), mbufs, DATA_ROOM, 0, None).unwrap()
}

/// A frame whose length and every octet follow from its number.
fn frame(pool: &Mempool, number: u32) -> Mbuf {
    let mut mbuf = pool.allocate().unwrap();
    let octets = content(number);
    mbuf.append(octets.len()).unwrap().copy_from_slice(&octets);
    mbuf
}

fn content(number: u32) -> Vec<u8> {
    let length = 60 + number % 1400;
    let mut octets = number.to_be_bytes().to_vec();
    octets.extend((4..length).map(|at| (at.wrapping_mul(31) ^ number) as u8));
    octets
}

/// Receives until `count` frames are there, and returns what they hold.
fn collect(queue: &mut RxQueue, count: usize) -> Vec<Vec<u8>> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut found = Vec::new();
    let mut burst = Burst::new();
    while found.len() < count && Instant::now() < deadline {
        queue.receive(&mut burst);
        found.extend(burst.drain(..).map(|mbuf| mbuf.data().to_vec()));
    }
    found
}
