//! `[dpdk]`: the memory that the environment layer takes at start.

use super::table::Table;
use super::words::{name, one_of};

/// What DPDK takes at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dpdk {
    /// Where the memory comes from.
    pub memory: Memory,
    /// How much, in MiB.
    pub memory_mb: u32,
    /// Tells two servers on one machine apart.
    pub file_prefix: String,
    /// Packet buffers in the pool that all ports share.
    pub mbufs: u32,
}

/// Where DPDK's memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Hugepages if enough are free, otherwise ordinary pages.
    Auto,
    /// Hugepages, or no start.
    Huge,
    /// Ordinary pages: slower, needs no preparation.
    NoHuge,
}

const MEMORIES: &[(&str, Memory)] = &[
    ("auto", Memory::Auto),
    ("huge", Memory::Huge),
    ("no-huge", Memory::NoHuge),
];

/// What one packet buffer costs, headers and alignment included, in bytes.
pub(super) const MBUF_SIZE_BYTES: u64 = 2_560;

pub(super) fn read(table: &mut Table<'_, '_>) -> Dpdk {
    Dpdk {
        memory: table
            .parsed("memory", one_of("a kind of memory", MEMORIES))
            .unwrap_or(Memory::Auto),
        memory_mb: table.number("memory_mb", 512, 64..=1_048_576),
        file_prefix: table
            .parsed("file_prefix", name(32))
            .unwrap_or_else(|| "pns".to_owned()),
        mbufs: table.number("mbufs", 16_384, 2_048..=16_777_216),
    }
}
