//! What crosses the rings between the slow path and the workers. All of it is plain data of a fixed
//! size without pointers, so that a ring, or later a memory file, can hold it.

pub mod bucket;
pub mod call;
pub mod command;
pub mod counters;
pub mod frame;
pub mod key;
pub mod policy;
pub mod rates;
pub mod report;
pub mod ring;
pub(crate) mod zeroed;

pub use bucket::BucketTable;
pub use call::{OpenCall, PeerReceive};
pub use command::FlowCommand;
pub use counters::{FlowCounters, FlowTotals};
pub use frame::FrameBytes;
pub use key::FlowKey;
pub use policy::{Authenticated, Encryption, FlowPolicy};
pub use rates::{FlowRates, RateLimit};
pub use report::{FlowReport, OpenRefusal};
