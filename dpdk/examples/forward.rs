//! Forwards frames between two devices, both ways, one thread a queue and direction, and tells once
//! a second what crossed. Ends after the given number of seconds.
//!
//! ```text
//! forward SECONDS DEVICE DEVICE [QUEUES]
//! forward 30 net_af_xdp0,iface=left,force_copy=1 net_af_xdp1,iface=right,force_copy=1
//! ```
//! The devices must be of the network namespace in which it runs.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dpdk::{
    Burst, Eal, EalConfig, LogLevel, Memory, Mempool, Port, PortConfig, RxQueue,
    ThreadRegistration, TxQueue,
};

/// How long a direction sleeps when nothing came, so that two of them can share a core.
const IDLE: Duration = Duration::from_micros(20);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (seconds, left, right, queues) = match arguments.as_slice() {
        [seconds, left, right] => (seconds, left, right, 1),
        [seconds, left, right, queues] => (seconds, left, right, queues.parse()?),
        _ => return Err("usage: forward SECONDS DEVICE DEVICE [QUEUES]".into()),
    };
    let seconds: u32 = seconds.parse()?;
    let memory = if dpdk::huge_pages_available() > 0 {
        Memory::Huge { in_memory: true }
    } else {
        Memory::NoHuge { megabytes: 256 }
    };
    let config = EalConfig {
        memory,
        vdevs: vec![left.clone(), right.clone()],
        log_level: LogLevel::Info,
        iova_va: true,
        ..EalConfig::default()
    };
    let eal = Eal::init(&config)?;
    println!("{} with {memory:?}", eal.version());
    let pool = Mempool::new(&eal, "frames", 16_383, 2048, 256, None)?;
    let mut left = open(&eal, &pool, left, queues)?;
    let mut right = open(&eal, &pool, right, queues)?;

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for queue in 0..queues {
            let there = (left.take_rx_queue(queue), right.take_tx_queue(queue));
            let back = (right.take_rx_queue(queue), left.take_tx_queue(queue));
            for ends in [there, back] {
                let (Some(from), Some(to)) = ends else {
                    continue;
                };
                scope.spawn(|| direction(&eal, from, to, &stop));
            }
        }
        for _ in 0..seconds {
            thread::sleep(Duration::from_secs(1));
            println!("{}: {:?}", left.name(), left.stats());
            println!("{}: {:?}", right.name(), right.stats());
        }
        stop.store(true, Ordering::Relaxed);
    });
    drop((left, right));
    println!(
        "{} of {} buffers are back",
        pool.available(),
        pool.capacity()
    );
    Ok(())
}

fn open(eal: &Eal, pool: &Mempool, device: &str, queues: u16) -> Result<Port, dpdk::Error> {
    let name = device.split(',').next().unwrap_or(device);
    let config = PortConfig {
        rx_queues: queues,
        tx_queues: queues,
        ..PortConfig::default()
    };
    let mut port = Port::by_name(eal, name)?.configure(&config, pool)?;
    port.start()?;
    println!(
        "{name}: MAC {:02x?}, MTU {}, promiscuous {}, {:?}, {:?}",
        port.mac(),
        port.mtu(),
        port.promiscuous(),
        port.link(),
        port.capabilities()?
    );
    Ok(port)
}

fn direction(eal: &Eal, mut from: RxQueue, mut to: TxQueue, stop: &AtomicBool) {
    let registration = ThreadRegistration::new(eal);
    if let Err(error) = &registration {
        eprintln!("{error}");
    }
    let mut burst = Burst::new();
    while !stop.load(Ordering::Relaxed) {
        if from.receive(&mut burst) == 0 {
            thread::sleep(IDLE);
            continue;
        }
        to.send(&mut burst);
        dpdk::free(&mut burst);
    }
}
