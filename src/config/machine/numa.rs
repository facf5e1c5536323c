//! Workers that poll a card of another NUMA node: every frame crosses the link between the nodes.

use std::fs;

use super::Machine;
use crate::config::port::Device;
use crate::config::{Config, Placement};

impl Machine<'_> {
    pub(super) fn check_nodes(&mut self, config: &Config) {
        let Placement::Cores(cores) = &config.workers.placement else {
            return;
        };
        for port in &config.ports {
            let Device::Pci(address) = &port.device else {
                continue;
            };
            let Some(node) = self.node_of(address) else {
                continue;
            };
            let pollers = port.queue_workers(&config.workers);
            let core_of = |worker: &u8| cores.get(usize::from(*worker)).copied();
            let is_far = |core: &u16| self.node_of_core(*core).is_some_and(|own| own != node);
            let far: Vec<u16> = pollers.iter().filter_map(core_of).filter(is_far).collect();
            if !far.is_empty() {
                let problem = format!("{address} is on NUMA node {node}, cores {far:?} are not");
                let cure = "poll it by workers of its own node: rx_workers, or other workers.cores";
                self.warn(&format!("port {}", port.name), problem, cure.to_owned());
            }
        }
    }

    /// The NUMA node of a PCI function; `None` on a machine of one node.
    pub(super) fn node_of(&self, address: &str) -> Option<u32> {
        let node = self.line(&format!("sys/bus/pci/devices/{address}/numa_node"))?;
        node.parse().ok()
    }

    fn node_of_core(&self, core: u16) -> Option<u32> {
        let entries = fs::read_dir(self.path(&format!("sys/devices/system/cpu/cpu{core}"))).ok()?;
        entries.flatten().find_map(|entry| {
            let name = entry.file_name();
            name.to_str()?.strip_prefix("node")?.parse().ok()
        })
    }
}
