//! The PCI network devices of the machine and what DPDK lacks to use them: plain reading of
//! sysfs, before any environment is started.

use std::fs;
use std::path::{Path, PathBuf};

const PCI_DEVICES: &str = "/sys/bus/pci/devices";
const IOMMU_GROUPS: &str = "/sys/kernel/iommu_groups";
/// Class 02: network controllers.
const NETWORK_CLASS: &str = "0x02";

/// A PCI network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its PCI address, such as `0000:01:00.0`.
    pub address: String,
    /// The PCI vendor.
    pub vendor_id: u16,
    /// The PCI device.
    pub device_id: u16,
    /// The kernel driver that holds it.
    pub driver: Option<String>,
    /// The kernel interfaces that it has now: taking the device takes these from the kernel.
    pub interfaces: Vec<String>,
    /// Its IOMMU group; `None` if no IOMMU guards it.
    pub iommu_group: Option<u32>,
    /// The NUMA node that it is nearest to; `None` if the machine has one node.
    pub numa_node: Option<u32>,
}

/// All PCI network devices, by address.
#[must_use]
pub fn devices() -> Vec<Device> {
    devices_in(Path::new(PCI_DEVICES))
}

/// Whether the kernel has an IOMMU at work, which vfio-pci needs to be safe.
#[must_use]
pub fn iommu_enabled() -> bool {
    fs::read_dir(IOMMU_GROUPS).is_ok_and(|mut groups| groups.next().is_some())
}

impl Device {
    /// Whether DPDK can take the device as it is: bound to a driver that gives it to user space, or
    /// of a vendor whose DPDK driver works beside the kernel's.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        const USER_SPACE: [&str; 3] = ["vfio-pci", "igb_uio", "uio_pci_generic"];
        const BESIDE_THE_KERNEL: [&str; 3] = ["mlx5_core", "mlx4_core", "mana"];
        let ready = |driver| USER_SPACE.contains(&driver) || BESIDE_THE_KERNEL.contains(&driver);
        self.driver.as_deref().is_some_and(ready)
    }

    /// What to do before DPDK can use the device; `None` if nothing.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        if self.is_ready() {
            return None;
        }
        let held = match &self.driver {
            None => "no driver holds it".to_owned(),
            Some(driver) if self.interfaces.is_empty() => format!("{driver} holds it"),
            Some(driver) => format!("{driver} holds it as {}", self.interfaces.join(", ")),
        };
        let mut text = format!(
            "{held}: bind it with `dpdk-devbind.py --bind=vfio-pci {}`",
            self.address
        );
        if self.iommu_group.is_none() {
            text.push_str(
                "; there is no IOMMU, so enable it (`intel_iommu=on iommu=pt` or the firmware), \
                 or, without its protection, set `enable_unsafe_noiommu_mode` of vfio",
            );
        }
        Some(text)
    }
}

fn devices_in(root: &Path) -> Vec<Device> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| device(&entry.path()))
        .collect();
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

fn device(path: &Path) -> Option<Device> {
    if !text(&path.join("class"))?.starts_with(NETWORK_CLASS) {
        return None;
    }
    Some(Device {
        address: path.file_name()?.to_str()?.to_owned(),
        vendor_id: hexadecimal(&path.join("vendor"))?,
        device_id: hexadecimal(&path.join("device"))?,
        driver: link_name(&path.join("driver")),
        interfaces: interfaces(path),
        iommu_group: link_name(&path.join("iommu_group")).and_then(|name| name.parse().ok()),
        numa_node: text(&path.join("numa_node")).and_then(|node| node.parse().ok()),
    })
}

/// A virtio device has its interface one level further down.
fn interfaces(path: &Path) -> Vec<String> {
    let children = fs::read_dir(path).into_iter().flatten().flatten();
    let virtio = children
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("virtio"))
        .map(|entry| entry.path().join("net"));
    let folders: Vec<PathBuf> = std::iter::once(path.join("net")).chain(virtio).collect();
    let mut names: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn hexadecimal(path: &Path) -> Option<u16> {
    u16::from_str_radix(text(path)?.strip_prefix("0x")?, 16).ok()
}

fn link_name(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn machine(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("dpdk-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        root
    }

    fn plug(root: &Path, address: &str, class: &str, links: &[(&str, &str)]) -> PathBuf {
        let path = root.join(address);
        fs::create_dir_all(&path).unwrap();
        let files = [
            ("class", class),
            ("vendor", "0x8086\n"),
            ("device", "0x1592\n"),
            ("numa_node", "1\n"),
        ];
        for (file, content) in files {
            fs::write(path.join(file), content).unwrap();
        }
        for (link, target) in links {
            symlink(target, path.join(link)).unwrap();
        }
        path
    }

    #[test]
    fn network_devices_are_told_with_what_they_lack() {
        let root = machine("devices");
        let bound = [
            ("driver", "/drivers/vfio-pci"),
            ("iommu_group", "/groups/17"),
        ];
        plug(&root, "0000:03:00.0", "0x020000\n", &bound);
        let held = plug(
            &root,
            "0000:01:00.0",
            "0x020000\n",
            &[("driver", "/drivers/ice")],
        );
        fs::create_dir_all(held.join("net/enp1s0")).unwrap();
        let virtio = plug(&root, "0000:02:00.0", "0x020000\n", &[]);
        fs::create_dir_all(virtio.join("virtio0/net/eth0")).unwrap();
        plug(&root, "0000:00:1f.0", "0x060100\n", &[]);

        let found = devices_in(&root);
        fs::remove_dir_all(&root).unwrap();
        let [held, virtio, bound] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((held.vendor_id, held.device_id), (0x8086, 0x1592));
        assert_eq!((held.numa_node, held.iommu_group), (Some(1), None));
        let obstacle = held.obstacle().unwrap();
        assert!(obstacle.contains("ice holds it as enp1s0"), "{obstacle}");
        assert!(
            obstacle.contains("--bind=vfio-pci 0000:01:00.0"),
            "{obstacle}"
        );
        assert!(obstacle.contains("no IOMMU"), "{obstacle}");
        assert_eq!(virtio.interfaces, ["eth0"]);
        assert!(!virtio.is_ready());
        assert_eq!((bound.iommu_group, bound.obstacle()), (Some(17), None));
    }

    #[test]
    fn a_machine_without_pci_has_none() {
        assert_eq!(devices_in(Path::new("/nonexistent")), []);
    }
}
