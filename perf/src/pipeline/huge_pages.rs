//! Huge pages for the mbufs of the harness: reserved while it runs, if it may, and given back.

use std::fs;

use dpdk::huge_pages_available;

/// How many pages of this size the kernel keeps.
const RESERVED: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
const PAGE_OCTETS: u64 = 2 << 20;

/// Pages that were reserved here, and go back when this is dropped.
pub(super) struct HugePages {
    before: Option<u64>,
}

impl HugePages {
    /// Sees that there are `octets` in huge pages, as far as the kernel lets us: only root may ask, and
    /// memory may be in pieces by now.
    pub(super) fn reserve(octets: u64) -> Self {
        let lacking = octets.saturating_sub(huge_pages_available());
        if lacking == 0 {
            return Self { before: None };
        }
        let before = reserved();
        let wanted = before.map(|before| before + lacking.div_ceil(PAGE_OCTETS));
        let asked = wanted.is_some_and(|wanted| fs::write(RESERVED, wanted.to_string()).is_ok());
        Self {
            before: before.filter(|_| asked),
        }
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        if let Some(before) = self.before
            && fs::write(RESERVED, before.to_string()).is_err()
        {
            eprintln!("pns-perf: huge pages could not be given back: {RESERVED} was {before}");
        }
    }
}

fn reserved() -> Option<u64> {
    fs::read_to_string(RESERVED).ok()?.trim().parse().ok()
}
