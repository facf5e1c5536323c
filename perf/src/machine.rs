//! Which machine the figures are of: without that, none of them means anything.

use std::collections::BTreeSet;
use std::fs;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use crate::Outcome;

/// Flags of a CPU that decide which of our kernels it can run.
const TELLING_FLAGS: [&str; 7] = [
    "ssse3", "avx2", "avx512f", "avx512bw", "avx512vl", "sha_ni", "gfni",
];

/// The machine, as its kernel describes it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    system: String,
    cpu: String,
    cpu_family: u32,
    cpu_model: u32,
    cpu_flags: Vec<&'static str>,
    cores: usize,
    /// The core that a scenario of one thread stays on.
    core: Option<usize>,
    pages: Pages,
    #[serde(skip)]
    is_intel: bool,
}

/// What translates addresses to memory. Mbufs may be elsewhere than the heap: `ports` says where.
#[derive(Clone, Debug, Serialize)]
struct Pages {
    base_octets: usize,
    huge_2mib_reserved: u64,
    transparent_huge: String,
    /// Whether the heap asks for transparent huge pages (`glibc.malloc.hugetlb`).
    heap_asks_for_huge: bool,
}

impl Machine {
    /// This machine.
    pub(crate) fn look() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let uname = rustix::system::uname();
        let words = [uname.sysname(), uname.release(), uname.machine()];
        Self {
            system: words.map(|word| word.to_string_lossy()).join(" "),
            cpu_family: number(&cpu, "cpu family"),
            cpu_model: number(&cpu, "model"),
            cpu_flags: telling(&field(&cpu, "flags")),
            is_intel: field(&cpu, "vendor_id") == "GenuineIntel",
            cpu: field(&cpu, "model name"),
            cores: cpu
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            core: own_core(),
            pages: Pages::look(),
        }
    }

    /// Whether the core is one of those that the reference figures of the baseline are of: Intel's
    /// Sapphire Rapids and Emerald Rapids.
    pub(crate) const fn is_of_the_reference_family(&self) -> bool {
        self.is_intel && self.cpu_family == 6 && matches!(self.cpu_model, 0x8f | 0xcf)
    }

    /// The same machine with another CPU.
    #[cfg(test)]
    pub(crate) fn of_model(self, vendor: &str, cpu_family: u32, cpu_model: u32) -> Self {
        Self {
            is_intel: vendor == "GenuineIntel",
            cpu_family,
            cpu_model,
            ..self
        }
    }
}

impl Pages {
    fn look() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let reserved = read("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
        let transparent = read("/sys/kernel/mm/transparent_hugepage/enabled");
        let chosen = transparent.split(['[', ']']).nth(1).unwrap_or("none");
        let tunables = std::env::var("GLIBC_TUNABLES").unwrap_or_default();
        Self {
            base_octets: rustix::param::page_size(),
            huge_2mib_reserved: reserved.trim().parse().unwrap_or(0),
            transparent_huge: chosen.to_owned(),
            heap_asks_for_huge: tunables.contains("glibc.malloc.hugetlb=1"),
        }
    }
}

/// Keeps this thread, and those that it starts, on these cores.
///
/// # Errors
///
/// There is no such core, or this process may not use it.
pub(crate) fn stay_on(cores: &[usize]) -> Outcome<()> {
    let mut set = CpuSet::new();
    for core in cores {
        if *core >= CpuSet::MAX_CPU {
            return Err(format!("there is no core {core}").into());
        }
        set.set(*core);
    }
    sched_setaffinity(None, &set).map_err(|error| format!("cores {cores:?}: {error}").into())
}

/// The cores that this thread may use.
pub(crate) fn cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else {
        return Vec::new();
    };
    (0..CpuSet::MAX_CPU)
        .filter(|core| set.is_set(*core))
        .collect()
}

fn own_core() -> Option<usize> {
    match cores().as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// What the first core says of itself.
fn field(cpuinfo: &str, name: &str) -> String {
    let lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| key.trim() == name);
    found
        .next()
        .map_or(String::new(), |(_, value)| value.trim().to_owned())
}

fn number(cpuinfo: &str, name: &str) -> u32 {
    field(cpuinfo, name).parse().unwrap_or(0)
}

fn telling(flags: &str) -> Vec<&'static str> {
    let has: BTreeSet<_> = flags.split(' ').collect();
    let telling = TELLING_FLAGS.into_iter();
    telling.filter(|flag| has.contains(flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_core_is_described() {
        let text = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: A CPU: fast\nflags\t\t: fpu sha_ni \
                    avx2 avx512_vnni\n\nprocessor\t: 1\nmodel\t\t: 18\n";
        assert_eq!(field(text, "model name"), "A CPU: fast");
        assert_eq!(number(text, "model"), 17);
        assert_eq!(telling(&field(text, "flags")), ["avx2", "sha_ni"]);
        assert_eq!(number(text, "stepping"), 0);
    }

    #[test]
    fn a_thread_stays_on_the_core_that_it_was_told() {
        let on_it = |core| {
            std::thread::spawn(move || {
                stay_on(&[core]).unwrap();
                cores()
            })
        };
        for core in cores() {
            assert_eq!(on_it(core).join().unwrap(), [core]);
        }
        assert!(stay_on(&[usize::MAX]).is_err());
    }
}
