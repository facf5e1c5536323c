//! What a configuration needs of the machine that the machine does not have yet: drivers, huge
//! pages, IOMMU, cores, descriptors. Reads `/sys`, `/proc` and `/dev` below a given root, so that a
//! test can hold up a machine made of files.

mod found;
mod numa;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::dpdk::Memory;
use super::port::{Device, Port};
use super::{Config, Placement};

pub use found::machine_found;

/// Drivers that let DPDK have a PCI function whole.
const HANDED_OVER: [&str; 3] = ["vfio-pci", "uio_pci_generic", "igb_uio"];
/// Kernel drivers that DPDK works beside.
const SHARED: [&str; 4] = ["mlx4_core", "mlx5_core", "gve", "mana"];
/// Descriptors that the server needs beside one per control connection: ports, TAPs, and sockets
/// whose connection is gone and that linger for a second.
const DESCRIPTORS_BESIDE: u64 = 256 + 4096;

/// Something about the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the server can start in spite of it.
    pub severity: Severity,
    /// What it is about: a port, the workers, memory.
    pub subject: String,
    /// What is wrong.
    pub problem: String,
    /// What to do: a command where there is one.
    pub cure: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The server starts, and could do better.
    Warning,
    /// The server cannot start like this.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(
            formatter,
            "{severity}: {}: {}; {}",
            self.subject, self.problem, self.cure
        )
    }
}

/// Compares `config` with the machine whose file system is at `root` (`/` for this one).
#[must_use]
pub fn machine_check(config: &Config, root: &Path) -> Vec<Finding> {
    let mut machine = Machine {
        root,
        findings: Vec::new(),
    };
    for port in &config.ports {
        machine.check_port(port);
    }
    machine.check_memory(config);
    machine.check_tun();
    machine.check_cores(config);
    machine.check_nodes(config);
    machine.check_descriptors(config);
    machine.findings
}

struct Machine<'r> {
    root: &'r Path,
    findings: Vec<Finding>,
}

impl Machine<'_> {
    fn error(&mut self, subject: &str, problem: String, cure: String) {
        let subject = subject.to_owned();
        self.findings.push(Finding {
            severity: Severity::Error,
            subject,
            problem,
            cure,
        });
    }

    fn warn(&mut self, subject: &str, problem: String, cure: String) {
        let subject = subject.to_owned();
        self.findings.push(Finding {
            severity: Severity::Warning,
            subject,
            problem,
            cure,
        });
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// A one-line file, trimmed.
    fn line(&self, below: &str) -> Option<String> {
        fs::read_to_string(self.path(below))
            .ok()
            .map(|text| text.trim().to_owned())
    }

    fn check_port(&mut self, port: &Port) {
        let subject = format!("port {}", port.name);
        match &port.device {
            Device::Pci(address) => self.check_pci(&subject, address),
            Device::Virtual(_) => {
                let Some(interface) = port.device.argument("iface") else {
                    return;
                };
                if !self.path("sys/class/net").join(interface).exists() {
                    let problem = format!("there is no interface {interface} here");
                    let cure = "create it, or run in the network namespace that has it";
                    self.error(&subject, problem, cure.to_owned());
                }
            }
        }
    }

    fn check_pci(&mut self, subject: &str, address: &str) {
        let device = self.path("sys/bus/pci/devices").join(address);
        if !device.exists() {
            let problem = format!("there is no PCI device {address}");
            let cure = "look for the right one with: dpdk-devbind.py --status-dev net";
            self.error(subject, problem, cure.to_owned());
            return;
        }
        let driver = Self::driver_of(&device);
        let bind = format!("run: modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci {address}");
        match driver.as_deref() {
            None => self.error(subject, format!("{address} has no driver"), bind),
            Some(driver) if HANDED_OVER.contains(&driver) => {
                if driver == "vfio-pci" && fs::symlink_metadata(device.join("iommu_group")).is_err()
                {
                    self.check_without_iommu(subject, address);
                }
            }
            Some(driver) if SHARED.contains(&driver) => {}
            Some(driver) => {
                let problem = format!("{address} still belongs to the kernel's driver {driver}");
                self.error(subject, problem, bind);
            }
        }
    }

    /// The kernel driver of the PCI function in `device`.
    fn driver_of(device: &Path) -> Option<String> {
        let driver = fs::read_link(device.join("driver")).ok()?;
        Some(driver.file_name()?.to_str()?.to_owned())
    }

    fn check_without_iommu(&mut self, subject: &str, address: &str) {
        let unsafe_mode = "sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
        let problem = format!("{address} is in no IOMMU group");
        if self
            .line(unsafe_mode)
            .is_some_and(|mode| mode == "Y" || mode == "1")
        {
            let cure = "it works, but the device can write anywhere in memory: turn the IOMMU on";
            self.warn(subject, problem, cure.to_owned());
        } else {
            let cure = "boot with intel_iommu=on iommu=pt (or amd_iommu=on), or, where there is no \
                        IOMMU: echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
            self.error(subject, problem, cure.to_owned());
        }
    }

    fn check_memory(&mut self, config: &Config) {
        let wanted_mb = u64::from(config.dpdk.memory_mb);
        let free_mb = self.free_hugepages_mb();
        if config.dpdk.memory == Memory::NoHuge || free_mb >= wanted_mb {
            return;
        }
        let problem = format!("{free_mb} MiB of hugepages are free, {wanted_mb} are asked for");
        let pages = wanted_mb.div_ceil(2);
        let cure =
            format!("run: echo {pages} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
        if config.dpdk.memory == Memory::Huge {
            self.error("dpdk.memory", problem, cure);
        } else {
            let cure = format!("ordinary pages serve at a lower speed; for hugepages {cure}");
            self.warn("dpdk.memory", problem, cure);
        }
    }

    fn free_hugepages_mb(&self) -> u64 {
        let Ok(sizes) = fs::read_dir(self.path("sys/kernel/mm/hugepages")) else {
            return 0;
        };
        let free_kb = sizes.flatten().filter_map(|size| {
            let name = size.file_name();
            let size_kb = name
                .to_str()?
                .strip_prefix("hugepages-")?
                .strip_suffix("kB")?;
            let free = fs::read_to_string(size.path().join("free_hugepages")).ok()?;
            Some(
                size_kb
                    .parse::<u64>()
                    .ok()?
                    .saturating_mul(free.trim().parse().ok()?),
            )
        });
        free_kb.fold(0, u64::saturating_add) / 1024
    }

    fn check_tun(&mut self) {
        if !self.path("dev/net/tun").exists() {
            let problem = "there is no /dev/net/tun, by which the kernel gets its share";
            self.error("kernel", problem.to_owned(), "run: modprobe tun".to_owned());
        }
    }

    fn check_cores(&mut self, config: &Config) {
        let online = self
            .line("sys/devices/system/cpu/online")
            .map(|list| core_list(&list));
        let isolated = self
            .line("sys/devices/system/cpu/isolated")
            .map(|list| core_list(&list));
        let control = config.workers.control_core;
        let cores: &[u16] = match &config.workers.placement {
            Placement::Cores(cores) => cores,
            Placement::Anywhere(_) => &[],
        };
        if let Some(online) = online {
            let wanted = cores.iter().chain(&control);
            let missing: Vec<u16> = wanted
                .filter(|core| !online.contains(core))
                .copied()
                .collect();
            if !missing.is_empty() {
                let problem = format!("cores {missing:?} are not there or not online");
                self.error("workers", problem, format!("choose among {online:?}"));
            }
        }
        let shared: Vec<String> = cores
            .iter()
            .filter(|core| {
                !isolated
                    .as_ref()
                    .is_some_and(|isolated| isolated.contains(core))
            })
            .map(ToString::to_string)
            .collect();
        if !shared.is_empty() {
            let shared = shared.join(",");
            let problem = format!("the kernel may run other work on core {shared}");
            let cure = format!("boot with isolcpus={shared} nohz_full={shared} for steady latency");
            self.warn("workers", problem, cure);
        }
    }

    fn check_descriptors(&mut self, config: &Config) {
        let wanted = descriptors_wanted(config);
        let limits = self.line("proc/self/limits");
        let Some(hard) = limits.and_then(|text| open_files_hard(&text)) else {
            return;
        };
        // The soft limit is no obstacle: the server raises its own.
        if hard < wanted {
            let problem = format!(
                "a process may have {hard} files open, {wanted} are needed for \
                 control_connections_max"
            );
            let cure = format!(
                "set LimitNOFILE={wanted} in the unit, or run as root before: ulimit -Hn {wanted}"
            );
            self.error("server", problem, cure);
        }
    }
}

/// Descriptors that the server needs: one for each control connection, and some beside.
#[must_use]
pub fn descriptors_wanted(config: &Config) -> u64 {
    u64::from(config.server.control_connections_max) + DESCRIPTORS_BESIDE
}

/// `0-3,8` as the cores it names.
fn core_list(text: &str) -> Vec<u16> {
    let spans = text.split(',').filter_map(|span| {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        Some(first.trim().parse::<u16>().ok()?..=last.trim().parse::<u16>().ok()?)
    });
    spans.flatten().collect()
}

/// The hard limit on open files in `/proc/self/limits`; `None` if it is not understood.
fn open_files_hard(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let hard = line.split_whitespace().nth(1)?;
    if hard == "unlimited" {
        Some(u64::MAX)
    } else {
        hard.parse().ok()
    }
}

#[cfg(test)]
mod tests;
