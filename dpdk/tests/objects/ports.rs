//! Ports and their queues.

use std::thread;

use crate::{collect, content, eal, frame, pool, unique};
use dpdk::{BURST, Burst, Error, Mempool, Port, PortConfig, RxQueue, ThreadRegistration, TxQueue};

fn queues(count: u16) -> PortConfig {
    PortConfig {
        rx_queues: count,
        tx_queues: count,
        ..PortConfig::default()
    }
}

fn cable(name: &str, count: u16, pool: &Mempool) -> (Port, Port) {
    let (a, b) = dpdk::ring_pair(eal(), name, count, 256).unwrap();
    let started = |port: Port| {
        let mut port = port.configure(&queues(count), pool).unwrap();
        port.start().unwrap();
        port
    };
    (started(a), started(b))
}

fn ends(port: &mut Port) -> (RxQueue, TxQueue) {
    (
        port.take_rx_queue(0).unwrap(),
        port.take_tx_queue(0).unwrap(),
    )
}

fn send(queue: &mut TxQueue, pool: &Mempool, numbers: impl Iterator<Item = u32>) {
    let mut burst: Burst = numbers.map(|number| frame(pool, number)).collect();
    let count = burst.len();
    assert_eq!(queue.send(&mut burst), count);
}

#[test]
fn a_cable_carries_every_octet_both_ways() {
    let pool = pool(1023);
    let (mut a, mut b) = cable(&unique("cable"), 1, &pool);
    let (mut a_rx, mut a_tx) = ends(&mut a);
    let (mut b_rx, mut b_tx) = ends(&mut b);
    for first in [0, 1000, 5000] {
        let mut there: Burst = (first..first + 64).map(|n| frame(&pool, n)).collect();
        assert_eq!(a_tx.send(&mut there), 64);
        let mut back: Burst = (first + 64..first + 80).map(|n| frame(&pool, n)).collect();
        assert_eq!(b_tx.send(&mut back), 16);
        assert!(there.is_empty() && back.is_empty());
        assert_eq!(
            collect(&mut b_rx, 64),
            (first..first + 64).map(content).collect::<Vec<_>>()
        );
        assert_eq!(
            collect(&mut a_rx, 16),
            (first + 64..first + 80).map(content).collect::<Vec<_>>()
        );
    }
    assert_eq!(pool.available(), 1023);
}

#[test]
fn a_loopback_device_forwards_in_place() {
    let pool = pool(255);
    let port = Port::probe(eal(), &unique("net_ring")).unwrap();
    let mut port = port.configure(&queues(1), &pool).unwrap();
    port.start().unwrap();
    let (mut rx, mut tx) = ends(&mut port);
    let mut burst: Burst = (0..32).map(|number| frame(&pool, number)).collect();
    assert_eq!(tx.send(&mut burst), 32);
    for round in 1..=3 {
        assert_eq!(rx.receive(&mut burst), 32);
        for mbuf in &mut burst {
            let header = mbuf.prepend(1).unwrap();
            header.copy_from_slice(&[round]);
        }
        assert_eq!(tx.send(&mut burst), 32);
    }
    let expected: Vec<_> = (0..32)
        .map(|number| [vec![3, 2, 1], content(number)].concat())
        .collect();
    assert_eq!(collect(&mut rx, 32), expected);
}

#[test]
fn a_full_device_takes_the_front_and_leaves_the_rest() {
    let pool = pool(511);
    let (a, b) = dpdk::ring_pair(eal(), &unique("small"), 1, 32).unwrap();
    let mut a = a.configure(&queues(1), &pool).unwrap();
    let mut b = b.configure(&queues(1), &pool).unwrap();
    a.start().unwrap();
    b.start().unwrap();
    let mut tx = a.take_tx_queue(0).unwrap();
    let mut rx = b.take_rx_queue(0).unwrap();
    let mut burst: Burst = (0..50).map(|number| frame(&pool, number)).collect();
    // A ring of 32 entries holds 31.
    assert_eq!(tx.send(&mut burst), 31);
    let left: Vec<_> = burst.iter().map(|mbuf| mbuf.data().to_vec()).collect();
    assert_eq!(left, (31..50).map(content).collect::<Vec<_>>());
    assert_eq!(
        collect(&mut rx, 31),
        (0..31).map(content).collect::<Vec<_>>()
    );
    assert_eq!(tx.send(&mut burst), 19);
    assert_eq!(
        collect(&mut rx, 19),
        (31..50).map(content).collect::<Vec<_>>()
    );
}

#[test]
fn receive_appends_up_to_the_space_that_is_left() {
    let pool = pool(511);
    let (mut a, mut b) = cable(&unique("space"), 1, &pool);
    let mut tx = a.take_tx_queue(0).unwrap();
    let mut rx = b.take_rx_queue(0).unwrap();
    send(&mut tx, &pool, 0..64);
    let mut burst: Burst = (900..960).map(|number| frame(&pool, number)).collect();
    assert_eq!(rx.receive(&mut burst), BURST - 60);
    assert_eq!(rx.receive(&mut burst), 0);
    let numbers: Vec<_> = (900..960).chain(0..4).map(content).collect();
    assert_eq!(
        burst
            .iter()
            .map(|mbuf| mbuf.data().to_vec())
            .collect::<Vec<_>>(),
        numbers
    );
    dpdk::free(&mut burst);
    assert_eq!(rx.receive(&mut burst), 60);
}

#[test]
fn the_null_device_always_has_frames() {
    let pool = pool(511);
    let device = format!("{},size=100", unique("net_null"));
    let port = Port::probe(eal(), &device).unwrap();
    let mut port = port.configure(&queues(1), &pool).unwrap();
    port.start().unwrap();
    let (mut rx, mut tx) = ends(&mut port);
    let mut burst = Burst::new();
    assert_eq!(rx.receive(&mut burst), 64);
    assert!(
        burst
            .iter()
            .all(|mbuf| mbuf.len() == 100 && mbuf.is_contiguous())
    );
    assert!(
        burst
            .iter()
            .all(|mbuf| mbuf.stripped_vlan().is_none() && mbuf.rss_hash().is_none())
    );
    assert_eq!(tx.send(&mut burst), 64);
    let stats = port.stats();
    assert_eq!((stats.rx_frames, stats.tx_frames), (64, 64));
    assert!(port.link().up);
    let capabilities = port.capabilities().unwrap();
    assert_eq!(capabilities.driver, "net_null");
    assert!(capabilities.max_rx_queues >= 1 && port.mtu() > 0);
}

#[test]
fn a_queue_has_one_holder_at_a_time() {
    let pool = pool(255);
    let (mut a, _b) = cable(&unique("holder"), 2, &pool);
    let first = a.take_rx_queue(0).unwrap();
    let second = a.take_rx_queue(1).unwrap();
    let sender = a.take_tx_queue(0).unwrap();
    assert!(a.take_rx_queue(0).is_none());
    assert!(a.take_rx_queue(1).is_none());
    assert!(a.take_tx_queue(0).is_none());
    assert!(a.take_rx_queue(2).is_none() && a.take_tx_queue(2).is_none());
    assert!(matches!(a.stop(), Err(Error::QueuesInUse { .. })));
    drop((first, sender));
    assert!(matches!(a.stop(), Err(Error::QueuesInUse { .. })));
    drop(second);
    a.stop().unwrap();
    a.start().unwrap();
    assert!(a.take_rx_queue(0).is_some());
}

#[test]
fn nothing_moves_before_the_start() {
    let pool = pool(255);
    let (a, _b) = dpdk::ring_pair(eal(), &unique("early"), 1, 64).unwrap();
    let mut a = a.configure(&queues(1), &pool).unwrap();
    let (mut rx, mut tx) = ends(&mut a);
    let mut burst: Burst = (0..3).map(|number| frame(&pool, number)).collect();
    assert_eq!((tx.send(&mut burst), burst.len()), (0, 3));
    assert_eq!((rx.receive(&mut burst), burst.len()), (0, 3));
    a.start().unwrap();
    assert_eq!((tx.send(&mut burst), burst.len()), (3, 0));
}

#[test]
fn a_device_has_one_owner_and_can_come_back() {
    let name = unique("net_null");
    assert!(matches!(
        Port::by_name(eal(), &name),
        Err(Error::NoSuchDevice { .. })
    ));
    let port = Port::probe(eal(), &name).unwrap();
    assert!(matches!(
        Port::probe(eal(), &name),
        Err(Error::DeviceInUse { .. })
    ));
    assert!(matches!(
        Port::by_name(eal(), &name),
        Err(Error::DeviceInUse { .. })
    ));
    drop(port);
    drop(Port::probe(eal(), &name).unwrap());
    assert!(matches!(
        Port::probe(eal(), "net_nonsense0"),
        Err(Error::NoSuchDevice { .. })
    ));
    assert!(matches!(
        Port::probe(eal(), "a\0b"),
        Err(Error::NoSuchDevice { .. })
    ));
}

#[test]
fn more_queues_than_the_device_has_are_refused() {
    let pool = pool(63);
    let (a, _b) = dpdk::ring_pair(eal(), &unique("few"), 2, 64).unwrap();
    let refused = a.configure(&queues(3), &pool).unwrap_err();
    assert!(
        matches!(
            refused,
            Error::TooManyQueues {
                asked: 3,
                available: 2,
                ..
            }
        ),
        "{refused}"
    );
    assert!(dpdk::ring_pair(eal(), "has space", 1, 64).is_err());
    assert!(dpdk::ring_pair(eal(), &unique("size"), 1, 63).is_err());
    assert!(dpdk::ring_pair(eal(), &unique("none"), 0, 64).is_err());
}

#[test]
fn the_mtu_is_what_was_asked_for_or_an_error() {
    let pool = pool(255);
    let with = |mtu| PortConfig {
        mtu,
        ..PortConfig::default()
    };
    let port = Port::probe(eal(), &unique("net_null")).unwrap();
    let port = port.configure(&with(None), &pool).unwrap();
    assert_eq!(port.mtu(), 1500);
    let port = port.configure(&with(Some(1400)), &pool).unwrap();
    assert_eq!(port.mtu(), 1400);
    let refused = port.configure(&with(Some(20)), &pool).unwrap_err();
    assert!(matches!(refused, Error::Port { .. }), "{refused}");
}

#[test]
fn a_taken_name_leaves_the_first_cable_alone() {
    let pool = pool(255);
    let name = unique("twice");
    let (mut a, mut b) = cable(&name, 1, &pool);
    assert!(matches!(
        dpdk::ring_pair(eal(), &name, 1, 64),
        Err(Error::Ring { .. })
    ));
    send(&mut a.take_tx_queue(0).unwrap(), &pool, 7..8);
    assert_eq!(collect(&mut b.take_rx_queue(0).unwrap(), 1), [content(7)]);
}

#[test]
fn two_threads_each_own_a_queue() {
    const FRAMES: u32 = 5_000;
    let pool = Mempool::new(eal(), &unique("shared"), 2047, 2048, 64, None).unwrap();
    let (mut a, mut b) = cable(&unique("threads"), 2, &pool);
    let echo = |(mut rx, mut tx): (RxQueue, TxQueue)| {
        move || {
            let _registration = ThreadRegistration::new(eal()).unwrap();
            let mut burst = Burst::new();
            let mut done = 0;
            while done < FRAMES as usize {
                rx.receive(&mut burst);
                done += tx.send(&mut burst);
            }
        }
    };
    let pair = |port: &mut Port, at| {
        (
            port.take_rx_queue(at).unwrap(),
            port.take_tx_queue(at).unwrap(),
        )
    };
    let workers = [0, 1].map(|at| thread::spawn(echo(pair(&mut b, at))));
    let mut lanes = [0, 1].map(|at| (pair(&mut a, at), 0, 0));
    while lanes.iter().any(|lane| lane.2 < FRAMES) {
        for (at, ((rx, tx), sent, received)) in lanes.iter_mut().enumerate() {
            let salt = at as u32 * FRAMES;
            let count = (*received + 128 - *sent).min(FRAMES - *sent).min(64);
            let mut burst: Burst = (0..count).map(|n| frame(&pool, salt + *sent + n)).collect();
            *sent += tx.send(&mut burst) as u32;
            drop(burst);
            let mut burst = Burst::new();
            rx.receive(&mut burst);
            for mbuf in burst.drain(..) {
                assert_eq!(mbuf.data(), content(salt + *received));
                *received += 1;
            }
        }
        thread::yield_now();
    }
    workers
        .into_iter()
        .for_each(|worker| worker.join().unwrap());
    drop(lanes);
    assert_eq!(pool.available(), 2047);
}

#[test]
fn frames_under_way_come_back_in_any_order_of_dropping() {
    for order in 0..4 {
        let pool = pool(511);
        let (mut a, mut b) = cable(&unique("order"), 1, &pool);
        let (a_rx, mut a_tx) = ends(&mut a);
        let (b_rx, mut b_tx) = ends(&mut b);
        send(&mut a_tx, &pool, 0..64);
        send(&mut b_tx, &pool, 0..40);
        assert_eq!(pool.available(), 511 - 104);
        match order {
            0 => drop((a_rx, a_tx, b_rx, b_tx, a, b)),
            1 => drop((b, a, b_tx, b_rx, a_tx, a_rx)),
            2 => drop((a, a_rx, a_tx, b_rx, b_tx, b)),
            _ => {
                drop((a_rx, a_tx, a));
                send(&mut b_tx, &pool, 0..20);
                drop((b, b_rx, b_tx));
            }
        }
        assert_eq!(pool.available(), 511, "order {order}");
    }
    let pool = pool(511);
    let loopback = Port::probe(eal(), &unique("net_ring")).unwrap();
    let mut loopback = loopback.configure(&queues(1), &pool).unwrap();
    loopback.start().unwrap();
    send(&mut loopback.take_tx_queue(0).unwrap(), &pool, 0..64);
    drop(loopback);
    assert_eq!(pool.available(), 511);
}

#[test]
fn a_port_can_be_set_up_again() {
    let (first, second) = (pool(255), pool(255));
    let (a, mut b) = cable(&unique("again"), 1, &first);
    let a = a.configure(&queues(1), &second).unwrap();
    let held = b.take_rx_queue(0).unwrap();
    assert!(matches!(
        b.configure(&queues(1), &second),
        Err(Error::QueuesInUse { .. })
    ));
    drop((a, held));
    assert_eq!((first.available(), second.available()), (255, 255));
}
