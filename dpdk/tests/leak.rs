//! A buffer that outlives its pool. One test, since it needs the process for itself.

use dpdk::{Eal, EalConfig, Error, Memory, Mempool};

#[test]
fn a_buffer_may_outlive_its_pool_and_the_environment() {
    let memory = Memory::NoHuge { megabytes: 64 };
    let config = EalConfig {
        memory,
        iova_va: true,
        ..EalConfig::default()
    };
    let eal = Eal::init(&config).unwrap();
    let pool = Mempool::new(&eal, "pool", 63, 2048, 0, None).unwrap();
    let mut mbuf = pool.allocate().unwrap();
    mbuf.append(5).unwrap().copy_from_slice(b"still");
    drop((pool, eal));
    assert_eq!(mbuf.data(), b"still");
    mbuf.append(5).unwrap().copy_from_slice(b" here");
    assert_eq!(mbuf.data(), b"still here");
    drop(mbuf);
    assert_eq!(Eal::init(&config).unwrap_err(), Error::AlreadyInitialized);
}
