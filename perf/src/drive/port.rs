//! GRE through a DPDK port; all other frames go to the kernel through a TAP with the port's address,
//! and come from it, so that the kernel is the clients' TCP.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::process::Command;

use dpdk::{
    Burst, Eal, EalConfig, LogLevel, Mbuf, Memory, Mempool, Port, PortConfig, RxQueue, TxQueue,
    huge_pages_available,
};
use pns::slowpath::device::{Device, Received};
use pns::wire::ethernet::{self, Mac, ether_type};
use pns::wire::ipv4::{self, protocol};

use crate::Outcome;

const MBUFS: u32 = 16_384;
const DATA_ROOM: u16 = 2048 + 128;
const CACHE: u32 = 256;
const MEGABYTES: usize = 128;
const TAP: &str = "pns-drive";
/// Frames of the kernel that are taken at once.
const KERNEL_FRAMES: usize = 64;

/// A port, and the kernel behind a TAP.
pub(super) struct PortCarrier {
    // Queues and frames go before the port, and that before its environment.
    rx: RxQueue,
    tx: TxQueue,
    sending: Burst,
    received: Burst,
    /// IP packets with GRE in them, with what is in front.
    gre: VecDeque<Mbuf>,
    pool: Mempool,
    _port: Port,
    _eal: Eal,
    tap: Device,
    mac: Mac,
    own: Ipv4Addr,
    server: Ipv4Addr,
    /// Whose Ethernet address the server's frames come from: its own, or a router's.
    next_hop: Option<Mac>,
}

impl PortCarrier {
    /// Opens `device`, gives its TAP our `address` (with a prefix length), and sends what is for the
    /// server by `gateway`, if there is one.
    pub(super) fn open(
        device: &str,
        address: &str,
        gateway: Option<Ipv4Addr>,
        server: Ipv4Addr,
    ) -> Outcome<Self> {
        let (own, _length) = address
            .split_once('/')
            .ok_or("an address needs a prefix length")?;
        let is_pci = !device.starts_with("net_");
        let (pci, virtual_one) = match is_pci {
            true => (vec![device.to_owned()], Vec::new()),
            false => (Vec::new(), vec![device.to_owned()]),
        };
        let enough = huge_pages_available() >> 20 >= MEGABYTES as u64;
        let ordinary = Memory::NoHuge {
            megabytes: 2 * MEGABYTES,
        };
        let eal = Eal::init(&EalConfig {
            memory: if enough {
                Memory::Huge { in_memory: true }
            } else {
                ordinary
            },
            pci: is_pci,
            pci_allow: pci,
            vdevs: virtual_one,
            log_level: LogLevel::Warning,
            iova_va: !is_pci,
            ..EalConfig::default()
        })?;
        let pool = Mempool::new(&eal, "drive", MBUFS, DATA_ROOM, CACHE, None)?;
        let name = device.split(',').next().unwrap_or(device);
        let settings = PortConfig {
            rss: false,
            ..PortConfig::default()
        };
        let mut port = Port::by_name(&eal, name)?.configure(&settings, &pool)?;
        port.start()?;
        let queues = port.take_rx_queue(0).zip(port.take_tx_queue(0));
        let (rx, tx) = queues.ok_or("the port has no queues")?;
        let mac = port.mac();
        let tap = Device::tap(TAP, mac, 1500)?;
        ip(&["address", "add", address, "dev", TAP])?;
        if let Some(gateway) = gateway {
            let (to, by) = (format!("{server}/32"), gateway.to_string());
            ip(&["route", "add", &to, "via", &by, "dev", TAP])?;
        }
        Ok(Self {
            rx,
            tx,
            sending: Burst::new(),
            received: Burst::new(),
            gre: VecDeque::new(),
            pool,
            _port: port,
            _eal: eal,
            tap,
            mac,
            own: own.parse()?,
            server,
            next_hop: None,
        })
    }

    /// Sends what follows an IP header to the server.
    pub(super) fn send(&mut self, payload: &[u8]) {
        let Some(destination) = self.next_hop else {
            return;
        };
        let total = ipv4::HEADER_LENGTH + payload.len();
        let header = ethernet::Header {
            destination,
            source: self.mac,
            vlan: None,
            ether_type: ether_type::IPV4,
        };
        let mut frame = vec![0; header.length() + total];
        header.emit(&mut frame);
        let Some((packet, total)) = frame
            .get_mut(header.length()..)
            .zip(u16::try_from(total).ok())
        else {
            return;
        };
        let ip = ipv4::Header::plain(protocol::GRE, self.own, self.server, total);
        ip.emit(packet);
        if let Some(place) = packet.get_mut(ipv4::HEADER_LENGTH..) {
            place.copy_from_slice(payload);
        }
        self.transmit(&frame);
    }

    /// The next IP packet with GRE in it.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.gre.is_empty() {
            self.poll();
        }
        let frame = self.gre.pop_front()?;
        let packet = frame.data().get(ethernet::HEADER_LENGTH..)?;
        buffer.get_mut(..packet.len())?.copy_from_slice(packet);
        Some(packet.len())
    }

    /// Sends what is staged.
    pub(super) fn flush(&mut self) {
        self.tx.send(&mut self.sending);
        // The queue is full: lost, as on any wire.
        self.sending.clear();
    }

    /// One look at the port, and one at the kernel.
    fn poll(&mut self) {
        self.rx.receive(&mut self.received);
        let mut received = std::mem::take(&mut self.received);
        for frame in received.drain(..) {
            if self.is_gre(frame.data()) {
                self.gre.push_back(frame);
            } else {
                // What the kernel does not take, it will ask for again.
                let _taken = self.tap.write(frame.data());
            }
        }
        self.received = received;
        let mut buffer = [0; 2048];
        for _ in 0..KERNEL_FRAMES {
            let Received::Frame(length) = self.tap.read(&mut buffer) else {
                break;
            };
            self.transmit(buffer.get(..length).unwrap_or_default());
        }
        self.flush();
    }

    /// Whether it is GRE for us; and the server's frames tell where it is.
    fn is_gre(&mut self, frame: &[u8]) -> bool {
        let Ok(ethernet) = ethernet::Header::parse(frame) else {
            return false;
        };
        let packet = frame.get(ethernet.length()..).unwrap_or_default();
        let Ok(ip) = ipv4::Header::parse(packet) else {
            return false;
        };
        if ethernet.vlan.is_some() || (ip.source, ip.destination) != (self.server, self.own) {
            return false;
        }
        self.next_hop = Some(ethernet.source);
        ip.protocol == protocol::GRE
    }

    fn transmit(&mut self, bytes: &[u8]) {
        let Some(mut frame) = self.pool.allocate() else {
            return;
        };
        let Some(room) = frame.append(bytes.len()) else {
            return;
        };
        room.copy_from_slice(bytes);
        self.sending.push(frame);
        if self.sending.is_full() {
            self.flush();
        }
    }
}

fn ip(words: &[&str]) -> Outcome<()> {
    let status = Command::new("ip").args(words).status()?;
    let done = status.success().then_some(());
    done.ok_or_else(|| format!("ip {}: {status}", words.join(" ")).into())
}
