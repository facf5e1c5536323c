//! # Safe owners for the DPDK objects that PNS uses
//!
//! One object a file, and what owns what is the same here as in DPDK: queues keep their [`Port`]
//! alive, a port its [`Mempool`], a pool its [`Eal`]. Dropping things in any order is therefore
//! right; DPDK sees queues end first, then ports, then pools, then the environment.
//!
//! ```text
//! Eal::init -> Mempool::new -> Port::by_name -> configure -> start -> take_rx_queue / take_tx_queue
//!                                                                     one worker thread each
//! ```
//!
//! A queue is an owned handle that can be sent to another thread but not shared or copied, so that
//! one thread a queue is checked by the compiler:
//!
//! ```compile_fail,E0277
//! fn shared<T: Sync>() {}
//! shared::<dpdk::RxQueue>();
//! ```
//! ```compile_fail,E0277
//! fn copied<T: Clone>() {}
//! copied::<dpdk::RxQueue>();
//! ```
//! ```compile_fail,E0277
//! fn shared<T: Sync>() {}
//! shared::<dpdk::TxQueue>();
//! ```
//! ```
//! fn moved<T: Send>() {}
//! moved::<dpdk::RxQueue>();
//! moved::<dpdk::TxQueue>();
//! moved::<dpdk::Mbuf>();
//! fn shared<T: Send + Sync>() {}
//! shared::<dpdk::Port>();
//! shared::<dpdk::Mempool>();
//! shared::<dpdk::Eal>();
//! ```
#![expect(unsafe_code, reason = "this crate is the safe face of a C library")]

mod arguments;
mod burst;
mod cycles;
mod devices;
mod eal;
mod error;
mod hugepages;
mod mbuf;
mod mempool;
mod port;
mod queue;
mod ring;
mod rss;
mod rule;
mod thread;

pub use arguments::{EalConfig, LogLevel, Memory};
pub use burst::{BURST, Burst, free};
pub use cycles::{cycles, tsc_hz};
pub use devices::{Device, devices, iommu_enabled};
pub use eal::Eal;
pub use error::{Errno, Error};
pub use hugepages::huge_pages_available;
pub use mbuf::Mbuf;
pub use mempool::Mempool;
pub use port::{Capabilities, Link, Port, PortConfig, PortStats};
pub use queue::{RxQueue, TxQueue};
pub use ring::ring_pair;
pub use rss::{Rss, toeplitz};
pub use rule::{CallIdField, CallIdRule, Rule, RuleRefusal};
pub use thread::ThreadRegistration;
