//! What huge pages the kernel has to give.

use std::fs;
use std::path::Path;

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
