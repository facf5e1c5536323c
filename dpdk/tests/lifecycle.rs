//! The life of an environment. One test, since it needs the process for itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use dpdk::{Burst, Eal, EalConfig, Error, Memory, Mempool, Port, PortConfig, ThreadRegistration};

fn config() -> EalConfig {
    let memory = Memory::NoHuge { megabytes: 64 };
    EalConfig {
        memory,
        iova_va: true,
        ..EalConfig::default()
    }
}

fn allowed_cpus() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status
        .lines()
        .find(|line| line.starts_with("Cpus_allowed:"))
        .unwrap()
        .to_owned()
}

#[test]
fn an_environment_starts_once_and_ends_with_its_last_user() {
    let before = allowed_cpus();
    assert_eq!(dpdk::tsc_hz(), 0);
    refused_before_anything_is_started();

    let prefix = format!("pns-{}", std::process::id());
    let config = EalConfig {
        vdevs: vec![
            "net_ring0".into(),
            "net_null0,size=64".into(),
            "net_af_xdp0,iface=nowhere".into(),
        ],
        file_prefix: None,
        ..config()
    };
    let eal = Eal::init(&config).unwrap();
    assert_eq!(allowed_cpus(), before, "the thread keeps its CPUs");
    assert!(eal.version().starts_with("DPDK "), "{}", eal.version());
    assert!(dpdk::tsc_hz() > 100_000_000);
    assert_eq!(Eal::init(&config).unwrap_err(), Error::AlreadyInitialized);

    threads_are_registered_more_often_than_there_are_ids(&eal);

    let pool = Mempool::new(&eal, "pool", 255, 2048, 32, None).unwrap();
    let port = Port::by_name(&eal, "net_ring0").unwrap();
    assert!(Port::by_name(&eal, "net_af_xdp0").is_err());
    let mut port = port.configure(&PortConfig::default(), &pool).unwrap();
    port.start().unwrap();
    let mut rx = port.take_rx_queue(0).unwrap();
    let mut tx = port.take_tx_queue(0).unwrap();
    // From here on only the queues keep the port, the pool and the environment.
    let held = pool.clone();
    drop((port, pool, eal));
    let mut burst = Burst::new();
    assert!(held.allocate_bulk(&mut burst, 5));
    burst
        .iter_mut()
        .for_each(|mbuf| mbuf.append(4).unwrap().copy_from_slice(b"wire"));
    assert_eq!(tx.send(&mut burst), 5);
    assert_eq!(rx.receive(&mut burst), 5);
    assert!(burst.drain(..).all(|mbuf| mbuf.data() == b"wire"));
    assert_eq!(held.available(), 255);
    drop((tx, held));
    drop(rx);
    assert!(!std::path::Path::new("/var/run/dpdk").join(prefix).exists());
    assert_eq!(Eal::init(&config).unwrap_err(), Error::AlreadyInitialized);
}

fn refused_before_anything_is_started() {
    let bad = EalConfig {
        memory: Memory::NoHuge { megabytes: 0 },
        ..config()
    };
    assert!(matches!(
        Eal::init(&bad),
        Err(Error::InvalidArgument { name: "memory", .. })
    ));
    let bad = EalConfig {
        main_lcore: Some(1023),
        ..config()
    };
    assert!(matches!(
        Eal::init(&bad),
        Err(Error::InvalidArgument {
            name: "main_lcore",
            ..
        })
    ));
    let bad = EalConfig {
        main_lcore: Some(usize::MAX),
        ..config()
    };
    assert!(matches!(
        Eal::init(&bad),
        Err(Error::InvalidArgument {
            name: "main_lcore",
            ..
        })
    ));
    if dpdk::huge_pages_available() == 0 {
        let huge = EalConfig {
            memory: Memory::Huge { in_memory: true },
            ..config()
        };
        assert_eq!(Eal::init(&huge).unwrap_err(), Error::NoHugePages);
    }
}

/// An id that was not given back would be missing after the 127th.
fn threads_are_registered_more_often_than_there_are_ids(eal: &Eal) {
    for _ in 0..200 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let outer = ThreadRegistration::new(eal).unwrap();
                drop(ThreadRegistration::new(eal).unwrap());
                drop(outer);
            });
        });
    }
}
