//! Machines made of files.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

use zeroize::Zeroizing;

use super::*;

/// A root directory that goes away with the test.
struct Root(PathBuf);

impl Root {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("pns-machine-{}-{count}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn write(&self, below: &str, text: &str) -> &Self {
        let path = self.0.join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A PCI function with this driver, in an IOMMU group or not.
    fn pci(&self, address: &str, driver: Option<&str>, iommu: bool) -> &Self {
        let device = self.0.join("sys/bus/pci/devices").join(address);
        fs::create_dir_all(&device).unwrap();
        if let Some(driver) = driver {
            symlink(
                format!("../../../bus/pci/drivers/{driver}"),
                device.join("driver"),
            )
            .unwrap();
        }
        if iommu {
            symlink("../../../kernel/iommu_groups/7", device.join("iommu_group")).unwrap();
        }
        self
    }

    /// A machine with nothing left to wish for.
    fn ready() -> Self {
        let root = Self::new();
        root.write("dev/net/tun", "")
            .write("sys/devices/system/cpu/online", "0-3\n")
            .write("sys/devices/system/cpu/isolated", "2-3\n")
            .write(
                "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
                "512\n",
            )
            .write(
                "proc/self/limits",
                "Max open files            1024000    1024000    files\n",
            );
        root
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(device: &str, rest: &str) -> Config {
    let text = format!(
        "[server]\nlisten = [\"198.51.100.1\"]\n[[port]]\nname = \"wan\"\ndevice = \"{device}\"\n\
         side = \"both\"\naddresses = [\"198.51.100.1/24\"]\n[[pool]]\nname = \"default\"\n\
         ranges = [\"10.0.0.1-10.0.0.9\"]\ngateway = \"10.1.0.1\"\n[users]\nfile = \"u\"\n{rest}"
    );
    Config::parse(&text, "f", |_| Ok(Zeroizing::new(String::new()))).unwrap()
}

fn findings(root: &Root, device: &str, rest: &str) -> Vec<String> {
    machine_check(&config(device, rest), &root.0)
        .iter()
        .map(ToString::to_string)
        .collect()
}

const CARD: &str = "0000:3b:00.0";
const PINNED: &str = "[workers]\ncores = [2, 3]\n[dpdk]\nmemory = \"huge\"\n";

#[test]
fn a_machine_that_is_ready_has_no_findings() {
    let root = Root::ready();
    root.pci(CARD, Some("vfio-pci"), true);
    assert_eq!(findings(&root, CARD, PINNED), [""; 0]);
    let root = Root::ready();
    root.pci(CARD, Some("mlx5_core"), false);
    assert_eq!(findings(&root, CARD, PINNED), [""; 0]);
}

#[test]
fn an_empty_machine_lacks_everything() {
    let found = findings(&Root::new(), CARD, PINNED);
    assert_eq!(
        found,
        [
            "error: port wan: there is no PCI device 0000:3b:00.0; look for the right one with: \
             dpdk-devbind.py --status-dev net",
            "error: dpdk.memory: 0 MiB of hugepages are free, 512 are asked for; run: echo 256 > \
             /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
            "error: kernel: there is no /dev/net/tun, by which the kernel gets its share; run: \
             modprobe tun",
            "warning: workers: the kernel may run other work on core 2,3; boot with isolcpus=2,3 \
             nohz_full=2,3 for steady latency",
        ]
    );
}

#[test]
fn drivers_and_the_iommu() {
    for (driver, iommu, expected) in [
        (
            None,
            true,
            "error: port wan: 0000:3b:00.0 has no driver; run: modprobe vfio-pci",
        ),
        (
            Some("ice"),
            true,
            "error: port wan: 0000:3b:00.0 still belongs to the kernel's driver ice",
        ),
        (
            Some("vfio-pci"),
            false,
            "error: port wan: 0000:3b:00.0 is in no IOMMU group",
        ),
    ] {
        let root = Root::ready();
        root.pci(CARD, driver, iommu);
        let found = findings(&root, CARD, PINNED);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{expected}: {found:?}"
        );
    }
    let root = Root::ready();
    root.pci(CARD, Some("vfio-pci"), false).write(
        "sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
        "Y\n",
    );
    assert!(findings(&root, CARD, PINNED)[0].starts_with("warning: port wan:"));
}

#[test]
fn interfaces_cores_pages_and_descriptors() {
    let xdp = "net_af_xdp0,iface=wan_s";
    let root = Root::ready();
    assert_eq!(
        findings(&root, xdp, ""),
        [
            "error: port wan: there is no interface wan_s here; create it, or run in the network \
          namespace that has it"
        ]
    );
    root.write("sys/class/net/wan_s/mtu", "1500");
    assert_eq!(findings(&root, xdp, ""), [""; 0]);
    root.write(
        "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
        "1",
    );
    assert!(findings(&root, xdp, "")[0].starts_with("warning: dpdk.memory: 2 MiB of hugepages"));
    assert_eq!(
        findings(&root, xdp, "[dpdk]\nmemory = \"no-huge\"\n"),
        [""; 0]
    );
    root.write(
        "sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages",
        "1",
    );
    assert_eq!(findings(&root, xdp, ""), [""; 0]);
    let found = findings(&root, xdp, "[workers]\ncores = [3]\ncontrol_core = 9\n");
    assert_eq!(
        found,
        ["error: workers: cores [9] are not there or not online; choose among [0, 1, 2, 3]"]
    );
    root.write(
        "proc/self/limits",
        "Max open files            1024                 524288   files\n",
    );
    // The server raises the soft limit itself.
    assert_eq!(findings(&root, xdp, ""), [""; 0]);
    root.write(
        "proc/self/limits",
        "Max open files            1024                 4096     files\n",
    );
    assert_eq!(
        findings(&root, xdp, ""),
        [
            "error: server: a process may have 4096 files open, 14352 are needed for \
          control_connections_max; set LimitNOFILE=14352 in the unit, or run as root before: \
          ulimit -Hn 14352"
        ]
    );
    root.write(
        "proc/self/limits",
        "Max open files            unlimited     unlimited   files\n",
    );
    assert_eq!(findings(&root, xdp, ""), [""; 0]);
}

#[test]
fn a_card_polled_from_another_node_is_told() {
    let root = Root::ready();
    root.pci(CARD, Some("vfio-pci"), true)
        .write("sys/bus/pci/devices/0000:3b:00.0/numa_node", "1\n")
        .write("sys/devices/system/cpu/cpu2/node0/meminfo", "")
        .write("sys/devices/system/cpu/cpu3/node1/meminfo", "");
    assert_eq!(
        findings(&root, CARD, PINNED),
        [
            "warning: port wan: 0000:3b:00.0 is on NUMA node 1, cores [2] are not; poll it by \
             workers of its own node: rx_workers, or other workers.cores"
        ]
    );
    root.write("sys/bus/pci/devices/0000:3b:00.0/numa_node", "-1\n");
    assert_eq!(findings(&root, CARD, PINNED), [""; 0]);
}

#[test]
fn what_is_there_is_told_too() {
    let root = Root::ready();
    root.pci(CARD, Some("vfio-pci"), true)
        .write("sys/bus/pci/devices/0000:3b:00.0/vendor", "0x8086\n")
        .write("sys/bus/pci/devices/0000:3b:00.0/device", "0x1592\n");
    assert_eq!(
        machine_found(&config(CARD, PINNED), &root.0),
        [
            "port wan: 0000:3b:00.0, card 8086:1592, driver vfio-pci, NUMA node unknown",
            "hugepages: 1024 MiB free, 512 asked for",
            "cores: 0-3 online, workers on [2, 3]",
            "open files: 1024000 allowed, 14352 needed",
        ]
    );
    root.write("sys/class/net/wan_s/queues/rx-0/x", "")
        .write("sys/class/net/wan_s/queues/rx-1/x", "")
        .write("sys/class/net/wan_s/queues/tx-0/x", "");
    let found = machine_found(&config("net_af_xdp0,iface=wan_s", ""), &root.0);
    assert_eq!(
        found[0],
        "port wan: net_af_xdp0 on wan_s, 2 receive queue(s)"
    );
    assert_eq!(found[2], "cores: 0-3 online, 1 worker(s) on any");
}
