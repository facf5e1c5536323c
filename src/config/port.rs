//! `[[port]]`: the DPDK devices, what is on each side of the box, and the addresses there.

use std::net::Ipv4Addr;

use super::address::{Ipv4Prefix, host_address, interface_address, mac, network};
use super::error::Fault;
use super::table::Table;
use super::words::{name, one_of};
use super::workers::{WORKER_NUMBER_MAX, Workers};

/// Longest name of a kernel interface, in bytes.
const INTERFACE_NAME_LENGTH_MAX: usize = 15;

/// One port: a DPDK device and its shadow in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in tables, metrics and logs.
    pub name: String,
    /// The device.
    pub device: Device,
    /// Who is on the other end of the cable.
    pub side: Side,
    /// 802.1Q tag of every frame, 1 to 4094; `None`: untagged.
    pub vlan: Option<u16>,
    /// The box's own addresses on this port.
    pub addresses: Vec<Ipv4Prefix>,
    /// Name of the kernel's TAP interface for this port.
    pub tap: String,
    /// Largest IPv4 packet, in octets, VLAN tag and Ethernet header not counted.
    pub mtu: u16,
    /// Ethernet address to use; `None`: the device's own.
    pub mac: Option<[u8; 6]>,
    /// Routes put into the kernel at start, for boxes without a routing daemon.
    pub routes: Vec<Route>,
    /// Receive queues; `None`: one per worker, as far as the device can.
    pub rx_queues: Option<u16>,
    /// The workers that poll the receive queues, the first one queue 0; `None`: worker 0 polls
    /// queue 0 and so on.
    pub rx_workers: Option<Vec<u8>>,
    /// Frames that each receive and each transmit queue holds; a power of two.
    pub descriptors: u16,
}

impl Port {
    /// Who polls each receive queue, if the device has as many as are asked for.
    #[must_use]
    pub fn queue_workers(&self, workers: &Workers) -> Vec<u8> {
        let mut list = self.rx_workers.clone().unwrap_or_else(|| workers.numbers());
        list.truncate(self.rx_queues.map_or(usize::MAX, usize::from));
        list
    }
}

/// A route by way of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination; `0.0.0.0/0` is the default route.
    pub to: Ipv4Prefix,
    /// The next hop, on one of the port's networks.
    pub via: Ipv4Addr,
}

/// A device as DPDK names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// A PCI function, by its full address (`0000:3b:00.0`).
    Pci(String),
    /// A virtual device: the argument of EAL's `--vdev` (`net_af_xdp0,iface=wan_s`).
    Virtual(String),
}

impl Device {
    /// The name under which DPDK finds the port.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pci(address) => address,
            Self::Virtual(arguments) => arguments.split(',').next().unwrap_or_default(),
        }
    }

    /// The value of `key=value` among a virtual device's arguments.
    #[must_use]
    pub fn argument(&self, key: &str) -> Option<&str> {
        match self {
            Self::Pci(_) => None,
            Self::Virtual(arguments) => arguments
                .split(',')
                .filter_map(|argument| argument.split_once('='))
                .find_map(|(name, value)| (name == key).then_some(value)),
        }
    }
}

/// What is on the other end of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Clients: control connections and GRE.
    Access,
    /// The network that clients want to reach.
    Network,
    /// Both, on one cable.
    Both,
}

impl Side {
    /// Whether calls come in here.
    #[must_use]
    pub const fn has_access(self) -> bool {
        matches!(self, Self::Access | Self::Both)
    }

    /// Whether the clients' packets go out here.
    #[must_use]
    pub const fn has_network(self) -> bool {
        matches!(self, Self::Network | Self::Both)
    }

    /// The word in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Network => "network",
            Self::Both => "both",
        }
    }
}

const SIDES: &[(&str, Side)] = &[
    ("access", Side::Access),
    ("network", Side::Network),
    ("both", Side::Both),
];

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Port> {
    let name = table.required("name", "name = \"wan\"", name(INTERFACE_NAME_LENGTH_MAX));
    let device = table.required("device", "device = \"0000:3b:00.0\"", device);
    let side = table.required("side", "side = \"access\"", one_of("a side", SIDES));
    let tap = read_tap(table, name.as_deref());
    let addresses = table
        .list("addresses", interface_address)
        .unwrap_or_default();
    let routes = table.sections("routes", |route| read_route(route, &addresses));
    let vlan = table.number_if_given("vlan", 1..=4094);
    // One buffer holds 2,048 octets, Ethernet header and tag included.
    let mtu = table.number("mtu", 1500, 576..=2000);
    let mac = table.parsed("mac", mac);
    let rx_queues = table.number_if_given("rx_queues", 1..=256);
    let rx_workers = table.numbers("rx_workers", 0..=WORKER_NUMBER_MAX);
    let descriptors = read_descriptors(table);
    if addresses.is_empty() && !table.has("addresses") {
        table.refuse_missing("addresses", "addresses = [\"198.51.100.1/24\"]");
    }
    Some(Port {
        name: name?,
        device: device?,
        side: side?,
        vlan,
        addresses,
        tap: tap?,
        mtu,
        mac,
        routes: routes.into_iter().flatten().collect(),
        rx_queues,
        rx_workers,
        descriptors,
    })
}

fn read_tap(table: &mut Table<'_, '_>, port_name: Option<&str>) -> Option<String> {
    let given = table.has("tap");
    let tap = table.parsed("tap", name(INTERFACE_NAME_LENGTH_MAX));
    if given {
        return tap;
    }
    let tap = format!("pns-{}", port_name?);
    if tap.len() > INTERFACE_NAME_LENGTH_MAX {
        let problem = format!("would be {tap:?}, too long for the name of an interface");
        table.refuse(
            "tap",
            Fault::new(problem, "write tap = with at most 15 characters"),
        );
        return None;
    }
    Some(tap)
}

fn read_route(table: &mut Table<'_, '_>, addresses: &[Ipv4Prefix]) -> Option<Route> {
    let to = table.required("to", "to = \"0.0.0.0/0\"", network);
    let via = table.required("via", "via = \"192.168.99.2\"", host_address)?;
    if !addresses.is_empty() && !addresses.iter().any(|prefix| prefix.contains(via)) {
        let fault = Fault::new(
            format!("{via} is on none of this port's networks"),
            "write a next hop that is on the network of one of its addresses",
        );
        table.refuse("via", fault);
    }
    Some(Route { to: to?, via })
}

fn read_descriptors(table: &mut Table<'_, '_>) -> u16 {
    let descriptors: u16 = table.number("descriptors", 1024, 64..=8192);
    if !descriptors.is_power_of_two() {
        let cure = format!("write {}", descriptors.next_power_of_two());
        table.refuse(
            "descriptors",
            Fault::new(format!("{descriptors} is not a power of two"), cure),
        );
    }
    descriptors
}

fn device(text: &str) -> Result<Device, Fault> {
    if let Some(address) = pci_address(text) {
        return Ok(Device::Pci(address));
    }
    let name = text.split(',').next().unwrap_or_default();
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.starts_with("net_") && name.len() > 4 && name.bytes().all(is_name) {
        return Ok(Device::Virtual(text.to_owned()));
    }
    Err(Fault::new(
        format!("{text:?} is not a device"),
        "write a PCI address like \"0000:3b:00.0\" or a virtual device like \
         \"net_af_xdp0,iface=eth1\"",
    ))
}

/// `0000:3b:00.0` or, without its domain, `3b:00.0`; the answer has the domain.
fn pci_address(text: &str) -> Option<String> {
    let full = if text.len() == 7 {
        format!("0000:{text}")
    } else {
        text.to_owned()
    };
    let shape = "hhhh:hh:hh.h";
    let fits = |(byte, kind): (u8, u8)| match kind {
        b'h' => byte.is_ascii_hexdigit(),
        separator => byte == separator,
    };
    let matches = full.len() == shape.len() && full.bytes().zip(shape.bytes()).all(fits);
    matches.then(|| full.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        assert_eq!(
            device("3B:00.0"),
            Ok(Device::Pci("0000:3b:00.0".to_owned()))
        );
        let virtual_device = device("net_af_xdp0,iface=wan_s,force_copy=1").unwrap();
        assert_eq!(virtual_device.name(), "net_af_xdp0");
        assert_eq!(virtual_device.argument("iface"), Some("wan_s"));
        assert_eq!(virtual_device.argument("ifac"), None);
        for text in [
            "",
            "eth0",
            "net_",
            "net_AF,iface=x",
            "0000:3b:00",
            "0000:3b:00.g",
            "3b:00:0",
        ] {
            assert!(device(text).is_err(), "{text}");
        }
    }
}
