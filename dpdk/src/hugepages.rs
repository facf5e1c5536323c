//! What huge pages the kernel has to give.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::ptr;

const POOLS: &str = "/sys/kernel/mm/hugepages";

/// The bytes in free huge pages of every size. 0 means that only [`crate::Memory::NoHuge`] works.
#[must_use]
pub fn huge_pages_available() -> u64 {
    free_bytes(Path::new(POOLS))
}

fn free_bytes(pools: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(pools) else {
        return 0;
    };
    let bytes = entries.flatten().filter_map(|entry| {
        let name = entry.file_name();
        let kilobytes: u64 = name
            .to_str()?
            .strip_prefix("hugepages-")?
            .strip_suffix("kB")?
            .parse()
            .ok()?;
        let free: u64 = fs::read_to_string(entry.path().join("free_hugepages"))
            .ok()?
            .trim()
            .parse()
            .ok()?;
        Some(kilobytes.saturating_mul(1024).saturating_mul(free))
    });
    bytes.fold(0, u64::saturating_add)
}

/// Asks the kernel to put the mapping around `address` into transparent huge pages now: packet
/// memory of ordinary pages has each buffer in a page of its own, so that every frame costs a walk of
/// the page tables. Changes nothing about memory that is huge already, nor where the kernel refuses.
pub(crate) fn collapse_around(address: usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let around = maps
        .lines()
        .filter_map(mapping)
        .find(|range| range.contains(&address));
    let Some(range) = around else {
        return;
    };
    let start = range.start.next_multiple_of(HUGE_PAGE_OCTETS);
    let end = range.end / HUGE_PAGE_OCTETS * HUGE_PAGE_OCTETS;
    if start < end {
        let place = ptr::with_exposed_provenance_mut(start);
        // SAFETY: within one mapping of this process, whose content and protection stay as they are.
        unsafe { libc::madvise(place, end - start, MADV_COLLAPSE) };
    }
}

/// The addresses that a line of `/proc/self/maps` is about.
fn mapping(line: &str) -> Option<Range<usize>> {
    let (start, end) = line.split(' ').next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

/// Since Linux 6.1.
const MADV_COLLAPSE: libc::c_int = 25;
const HUGE_PAGE_OCTETS: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_of_all_sizes_add_up() {
        let root = std::env::temp_dir().join(format!("dpdk-hugepages-{}", std::process::id()));
        for (name, free) in [("hugepages-2048kB", "3\n"), ("hugepages-1048576kB", "1\n")] {
            fs::create_dir_all(root.join(name)).unwrap();
            fs::write(root.join(name).join("free_hugepages"), free).unwrap();
        }
        fs::create_dir_all(root.join("something-else")).unwrap();
        assert_eq!(free_bytes(&root), 3 * 2048 * 1024 + 1024 * 1024 * 1024);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(free_bytes(&root), 0);
    }
}
