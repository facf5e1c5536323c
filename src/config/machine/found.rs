//! What a machine has of the things that a configuration asks for, for `pns check` to say.

use std::fs;
use std::path::Path;

use super::{Machine, descriptors_wanted, open_files_hard};
use crate::config::port::{Device, Port};
use crate::config::{Config, Placement};

/// What was found on the machine whose file system is at `root` (`/` for this one), a line each:
/// the devices of the ports, huge pages, cores, and open files.
#[must_use]
pub fn machine_found(config: &Config, root: &Path) -> Vec<String> {
    let machine = Machine {
        root,
        findings: Vec::new(),
    };
    let mut found: Vec<String> = config
        .ports
        .iter()
        .map(|port| format!("port {}: {}", port.name, machine.device(port)))
        .collect();
    let pages_mb = machine.free_hugepages_mb();
    found.push(format!(
        "hugepages: {pages_mb} MiB free, {} asked for",
        config.dpdk.memory_mb
    ));
    let online = machine.line("sys/devices/system/cpu/online");
    let workers = match &config.workers.placement {
        Placement::Cores(cores) => format!("workers on {cores:?}"),
        Placement::Anywhere(count) => format!("{count} worker(s) on any"),
    };
    found.push(format!(
        "cores: {} online, {workers}",
        online.as_deref().unwrap_or("unknown")
    ));
    let limits = machine.line("proc/self/limits");
    let hard = match limits.and_then(|text| open_files_hard(&text)) {
        None => "an unknown number".to_owned(),
        Some(u64::MAX) => "any number".to_owned(),
        Some(hard) => hard.to_string(),
    };
    let wanted = descriptors_wanted(config);
    found.push(format!("open files: {hard} allowed, {wanted} needed"));
    found
}

impl Machine<'_> {
    fn device(&self, port: &Port) -> String {
        match &port.device {
            Device::Pci(address) => self.pci_function(address),
            Device::Virtual(_) => match port.device.argument("iface") {
                Some(interface) => self.interface(port.device.name(), interface),
                None => port.device.name().to_owned(),
            },
        }
    }

    fn pci_function(&self, address: &str) -> String {
        let below = format!("sys/bus/pci/devices/{address}");
        let identity = |file: &str| {
            let text = self.line(&format!("{below}/{file}"));
            text.map_or_else(|| "?".to_owned(), |text| text.replace("0x", ""))
        };
        let driver = Self::driver_of(&self.path(&below));
        let node = self.node_of(address);
        format!(
            "{address}, card {}:{}, driver {}, NUMA node {}",
            identity("vendor"),
            identity("device"),
            driver.as_deref().unwrap_or("none"),
            node.map_or_else(|| "unknown".to_owned(), |node| node.to_string())
        )
    }

    fn interface(&self, device: &str, interface: &str) -> String {
        let queues = fs::read_dir(self.path(&format!("sys/class/net/{interface}/queues")));
        let receives =
            |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("rx-");
        match queues {
            Ok(queues) => {
                let count = queues.flatten().filter(receives).count();
                format!("{device} on {interface}, {count} receive queue(s)")
            }
            Err(_) => format!("{device} on {interface}"),
        }
    }
}
