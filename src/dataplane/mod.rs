//! The hot path: workers that own their flows outright and move packets a burst at a time.
//!
//! Read [`pipeline`] first: the order of the nodes on one screen. Each node is a file under `node/`
//! and says of every packet what becomes of it ([`Verdict`]); what does not reach the next node goes
//! through `exits`, which counts it. [`worker`] is the loop around that.
//!
//! Nothing here knows DPDK: ports and frames are traits ([`PortIo`], [`Frame`]), so the tests run the
//! production nodes on memory.

pub mod acknowledgments;
pub mod batch;
mod command;
pub mod compression;
pub mod config;
mod decryption_reports;
#[cfg(feature = "dpdk")]
mod dpdk_port;
pub mod drop_reason;
mod exits;
pub mod flow;
pub mod flow_table;
pub mod frame;
pub mod handoff;
mod idle;
pub mod laps;
pub mod memory_port;
mod node;
pub mod pipeline;
pub mod places;
pub mod policer;
pub mod port;
mod reassembly;
mod reception;
mod reorder;
pub mod send_window;
pub mod source;
pub mod stats;
pub mod window;
pub mod worker;

pub use batch::{Burst, Verdict};
pub use config::{GreConfig, PuntLimits, WorkerConfig, WorkerShared};
#[cfg(feature = "dpdk")]
pub use dpdk_port::{DpdkPort, Transmit, share_transmit};
pub use drop_reason::DropReason;
pub use frame::Frame;
pub use handoff::{HandoffEnds, mesh};
pub use port::{PortConfig, PortIo, Side};
pub use source::GreSource;
pub use stats::{FrameCount, WorkerStats};
pub use worker::{Work, Worker};
