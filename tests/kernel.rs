//! The kernel side against a real kernel: each test runs in a network namespace of its own, which
//! ends with it. Needs root; says so and passes where there is none.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pns::routing::mirror::Mirror;
use pns::routing::{NextHop, Prefix, Snapshot};
use pns::slowpath::device::{Device, Received, SendRefusal, TUN_NAME};
use pns::slowpath::netlink::{GatewayKeeper, Monitor, Progress, Requests, RouteRequest};
use pns::slowpath::sysctl;

/// How soon the mirror must show what the kernel did, on a busy machine.
const BOUND: Duration = Duration::from_secs(5);
const INSIDE: &str = "PNS_KERNEL_TEST";

const WAN_MAC: [u8; 6] = [0x02, 0x50, 0x4e, 0x53, 0, 1];
const LAN_MAC: [u8; 6] = [0x02, 0x50, 0x4e, 0x53, 0, 2];
const ROUTER_MAC: [u8; 6] = [0x02, 0xaa, 0, 0, 0, 1];
const HOST_MAC: [u8; 6] = [0x02, 0xaa, 0, 0, 0, 2];

/// Runs test `name` in a fresh network namespace; true inside of it, where the test does its work.
fn inside(name: &str) -> bool {
    if std::env::var(INSIDE).as_deref() == Ok(name) {
        ip("link set lo up");
        return true;
    }
    let possible = Command::new("unshare")
        .args(["-n", "test", "-c", "/dev/net/tun"])
        .stderr(Stdio::null())
        .status();
    if !possible.is_ok_and(|status| status.success()) {
        println!("skipped: {name} needs root, unshare and /dev/net/tun");
        return false;
    }
    let output = Command::new("unshare")
        .arg("-n")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, name)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("1 passed"), "{text}");
    false
}

fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split_whitespace())
        .status();
    assert!(status.unwrap().success(), "ip {arguments}");
}

fn ip_batch(lines: &str) {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
}

fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// A box with a WAN port, a LAN port and the TUN, mirrored.
struct Lab {
    wan: Device,
    lan: Device,
    tun: Device,
    requests: Requests,
    monitor: Monitor,
    mirror: Mirror,
    snapshot: Snapshot,
    keeper: GatewayKeeper,
}

impl Lab {
    fn new() -> Self {
        sysctl::enable_forwarding().unwrap();
        assert!(sysctl::is_forwarding());
        let wan = Device::tap("wan", WAN_MAC, 1500).unwrap();
        let lan = Device::tap("lan", LAN_MAC, 1400).unwrap();
        let tun = Device::tun(TUN_NAME, 1500).unwrap();
        let mut requests = Requests::open().unwrap();
        requests
            .add_address(wan.ifindex(), address("192.0.2.2"), 24)
            .unwrap();
        requests
            .add_address(lan.ifindex(), address("10.0.0.1"), 24)
            .unwrap();
        let mut mirror = Mirror::default();
        mirror.bind_port(wan.ifindex(), 0);
        mirror.bind_port(lan.ifindex(), 1);
        mirror.bind_tun(tun.ifindex());
        let mut monitor = Monitor::open().unwrap();
        monitor.synchronise(&mut mirror, BOUND).unwrap();
        let snapshot = mirror.snapshot_if_changed().unwrap();
        let keeper = GatewayKeeper::default();
        Self {
            wan,
            lan,
            tun,
            requests,
            monitor,
            mirror,
            snapshot,
            keeper,
        }
    }

    /// Takes in what the kernel told so far.
    fn follow(&mut self) {
        while self.monitor.read(&mut self.mirror, 64).unwrap() == Progress::More {}
        if let Some(snapshot) = self.mirror.snapshot_if_changed() {
            self.snapshot = snapshot;
            self.keeper
                .update(&self.mirror, &mut self.requests)
                .unwrap();
        }
    }

    /// Waits until `to` leads to what `expected` accepts.
    fn until(&mut self, to: &str, expected: impl Fn(NextHop) -> bool) {
        let begun = Instant::now();
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        poll.registry()
            .register(
                &mut SourceFd(&self.monitor.as_raw_fd()),
                Token(0),
                Interest::READABLE,
            )
            .unwrap();
        loop {
            self.follow();
            let next_hop = self.snapshot.lookup(address(to));
            if expected(next_hop) && self.monitor.is_synchronised() {
                break;
            }
            assert!(begun.elapsed() < BOUND, "{to} still leads to {next_hop:?}");
            poll.poll(&mut events, Some(Duration::from_millis(50)))
                .unwrap();
        }
        poll.registry()
            .deregister(&mut SourceFd(&self.monitor.as_raw_fd()))
            .unwrap();
    }

    fn until_is(&mut self, to: &str, expected: NextHop) {
        self.until(to, |next_hop| next_hop == expected);
    }

    /// The next frame on a TAP for which `wanted` is true, within the bound.
    fn frame(tap: &Device, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        wait_for(tap, |buffer| tap.read(buffer), wanted)
    }

    /// The next packet on the TUN for which `wanted` is true, within the bound.
    fn packet(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        wait_for(&self.tun, |buffer| self.tun.read(buffer), wanted)
    }

    /// Plays the machine on the other end of a port that answers ARP requests for `who`.
    fn answer_arp(tap: &Device, who: &str, mac: [u8; 6]) {
        let wanted = address(who).octets();
        let request = Self::frame(tap, |frame| {
            frame.get(12..14) == Some(&[8, 6]) && frame.get(38..42) == Some(wanted.as_slice())
        });
        let ours: [u8; 6] = request[22..28].try_into().unwrap();
        let our_address: [u8; 4] = request[28..32].try_into().unwrap();
        tap.write(&arp(2, mac, wanted, ours, our_address)).unwrap();
    }
}

fn wait_for(
    file: &impl std::os::fd::AsRawFd,
    read: impl Fn(&mut [u8]) -> Received,
    wanted: impl Fn(&[u8]) -> bool,
) -> Vec<u8> {
    let begun = Instant::now();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let fd = file.as_raw_fd();
    poll.registry()
        .register(&mut SourceFd(&fd), Token(0), Interest::READABLE)
        .unwrap();
    let mut buffer = [0; 2048];
    loop {
        match read(&mut buffer) {
            Received::Frame(length) if wanted(&buffer[..length]) => {
                return buffer[..length].to_vec();
            }
            Received::Frame(_) => {}
            Received::Empty => {
                assert!(begun.elapsed() < BOUND, "no such frame came");
                poll.poll(&mut events, Some(Duration::from_millis(50)))
                    .unwrap();
            }
            Received::Overlong => panic!("a frame filled the buffer"),
            Received::Down => panic!("the interface is down"),
        }
    }
}

fn arp(operation: u8, from: [u8; 6], sender: [u8; 4], to: [u8; 6], target: [u8; 4]) -> Vec<u8> {
    let destination = if operation == 1 { [0xff; 6] } else { to };
    let mut frame = [destination, from].concat();
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(from);
    frame.extend(sender);
    frame.extend(to);
    frame.extend(target);
    frame
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}

fn echo_request(from: &str, to: &str) -> Vec<u8> {
    let mut icmp = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1, b'p', b'n', b's', b'!'];
    let sum = checksum(&icmp);
    icmp[2..4].copy_from_slice(&sum);
    let mut packet = vec![0x45, 0, 0, 32, 0, 1, 0, 0, 64, 1, 0, 0];
    packet.extend(address(from).octets());
    packet.extend(address(to).octets());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum);
    packet.extend(icmp);
    packet
}

fn by_port(port: u8, source_mac: [u8; 6], destination_mac: [u8; 6], mtu: u16) -> NextHop {
    NextHop::Port {
        port,
        source_mac,
        destination_mac,
        mtu,
    }
}

#[test]
fn links_and_addresses_are_mirrored_from_the_first_dump() {
    if !inside("links_and_addresses_are_mirrored_from_the_first_dump") {
        return;
    }
    let mut lab = Lab::new();
    let wan = lab.mirror.link(lab.wan.ifindex()).unwrap();
    assert_eq!(
        (wan.mac, wan.mtu, wan.up, wan.carrier),
        (Some(WAN_MAC), 1500, true, true)
    );
    assert_eq!(lab.mirror.link(lab.lan.ifindex()).unwrap().mtu, 1400);
    lab.until_is("192.0.2.2", NextHop::Local);
    lab.until_is("192.0.2.77", NextHop::Unresolved);
    lab.until_is("8.8.8.8", NextHop::Unreachable);
    ip("addr add 192.0.2.3/24 dev wan");
    lab.until_is("192.0.2.3", NextHop::Local);
    ip("addr del 192.0.2.3/24 dev wan");
    lab.until_is("192.0.2.3", NextHop::Unresolved);
}

#[test]
fn ip_route_steers_the_snapshot() {
    if !inside("ip_route_steers_the_snapshot") {
        return;
    }
    let mut lab = Lab::new();
    let wan = by_port(0, WAN_MAC, ROUTER_MAC, 1500);
    let lan = by_port(1, LAN_MAC, HOST_MAC, 1400);
    ip("neigh replace 192.0.2.1 dev wan lladdr 02:aa:00:00:00:01 nud permanent");
    ip("neigh replace 10.0.0.9 dev lan lladdr 02:aa:00:00:00:02 nud permanent");
    lab.until_is("192.0.2.1", wan);
    ip("route add default via 192.0.2.1");
    lab.until_is("8.8.8.8", wan);
    ip("route add 8.8.0.0/16 via 10.0.0.9");
    lab.until_is("8.8.8.8", lan);
    ip("route replace 8.8.0.0/16 via 192.0.2.1 mtu 1300");
    lab.until_is("8.8.8.8", by_port(0, WAN_MAC, ROUTER_MAC, 1300));
    ip("route add blackhole 8.8.8.0/24");
    lab.until_is("8.8.8.8", NextHop::Blackhole);
    ip("route add unreachable 8.8.8.8/32");
    lab.until_is("8.8.8.8", NextHop::Unreachable);
    ip("route flush root 8.8.0.0/16");
    lab.until_is("8.8.8.8", wan);
    ip("route add default via 10.0.0.9 metric 10");
    ip("route del default via 192.0.2.1");
    lab.until_is("8.8.8.8", lan);
    ip("route add 9.0.0.0/8 nexthop via 192.0.2.1 weight 1 nexthop via 10.0.0.9 weight 3");
    lab.until_is("9.9.9.9", wan);
    assert_eq!(lab.snapshot.lookup_flow(address("9.9.9.9"), u32::MAX), lan);
    ip("route add 7.0.0.0/8 dev lo");
    lab.until_is("7.7.7.7", NextHop::Kernel);
    ip("route add 9.9.9.9/32 via 192.0.2.1 table 100");
    ip("route add 6.0.0.0/8 via 192.0.2.1");
    lab.until_is("6.6.6.6", wan);
    assert_eq!(lab.snapshot.lookup_flow(address("9.9.9.9"), u32::MAX), lan);
}

#[test]
fn neighbours_come_and_go() {
    if !inside("neighbours_come_and_go") {
        return;
    }
    let mut lab = Lab::new();
    let host = by_port(1, LAN_MAC, HOST_MAC, 1400);
    for usable in ["reachable", "stale", "delay", "permanent"] {
        let entry = format!("10.0.0.9 dev lan lladdr 02:aa:00:00:00:02 nud {usable}");
        ip(&format!("neigh replace {entry}"));
        lab.until_is("10.0.0.9", host);
        ip("neigh del 10.0.0.9 dev lan");
        lab.until_is("10.0.0.9", NextHop::Unresolved);
    }
    ip("neigh replace 10.0.0.9 dev lan lladdr 02:aa:00:00:00:02 nud noarp");
    ip("neigh replace 10.0.0.8 dev lan lladdr 02:aa:00:00:00:02 nud reachable");
    lab.until_is("10.0.0.8", host);
    assert_eq!(
        lab.snapshot.lookup(address("10.0.0.9")),
        NextHop::Unresolved
    );
    ip("neigh replace 10.0.0.8 dev lan lladdr 02:aa:00:00:00:01 nud stale");
    lab.until_is("10.0.0.8", by_port(1, LAN_MAC, ROUTER_MAC, 1400));
    assert_eq!(lab.mirror.stale_neighbours().count(), 1);
}

#[test]
fn routes_that_the_kernel_drops_in_silence_are_noticed() {
    if !inside("routes_that_the_kernel_drops_in_silence_are_noticed") {
        return;
    }
    let mut lab = Lab::new();
    ip("neigh replace 192.0.2.1 dev wan lladdr 02:aa:00:00:00:01 nud permanent");
    ip("route add default via 192.0.2.1");
    lab.until_is("8.8.8.8", by_port(0, WAN_MAC, ROUTER_MAC, 1500));
    ip("link set wan down");
    lab.until_is("8.8.8.8", NextHop::Unreachable);
    ip("link set wan up");
    lab.until_is("192.0.2.1", NextHop::Unresolved);
    ip("route add default via 192.0.2.1");
    lab.until_is("8.8.8.8", NextHop::Unresolved);
    ip("addr del 192.0.2.2/24 dev wan");
    lab.until_is("8.8.8.8", NextHop::Unreachable);
    for _ in 0..10 {
        ip("link set lan down");
        ip("link set lan up");
    }
    lab.until_is("10.0.0.9", NextHop::Unresolved);
    let lan = lab.lan.ifindex();
    drop(lab.wan);
    let begun = Instant::now();
    while lab.mirror.link(lan - 1).is_some() {
        assert!(begun.elapsed() < BOUND);
        lab.monitor.read(&mut lab.mirror, 64).unwrap();
    }
}

#[test]
fn a_port_that_loses_its_carrier_is_left_to_the_kernel() {
    if !inside("a_port_that_loses_its_carrier_is_left_to_the_kernel") {
        return;
    }
    let mut lab = Lab::new();
    let host = by_port(1, LAN_MAC, HOST_MAC, 1400);
    ip("neigh replace 10.0.0.9 dev lan lladdr 02:aa:00:00:00:02 nud permanent");
    lab.until_is("10.0.0.9", host);
    let lan = lab.lan.ifindex();
    lab.requests.set_link_carrier(lan, false).unwrap();
    lab.until_is("10.0.0.9", NextHop::Unresolved);
    lab.requests.set_link_carrier(lan, true).unwrap();
    lab.until_is("10.0.0.9", host);
    lab.requests.set_link_mtu(lan, 1280).unwrap();
    lab.requests.set_link_mac(lan, ROUTER_MAC).unwrap();
    // The kernel drops every neighbour of a link that changes its MAC address.
    lab.until_is("10.0.0.9", NextHop::Unresolved);
    ip("neigh replace 10.0.0.9 dev lan lladdr 02:aa:00:00:00:02 nud permanent");
    lab.until_is("10.0.0.9", by_port(1, ROUTER_MAC, HOST_MAC, 1280));
}

#[test]
fn after_an_overrun_everything_is_read_again() {
    if !inside("after_an_overrun_everything_is_read_again") {
        return;
    }
    let mut lab = Lab::new();
    ip("neigh replace 10.0.0.9 dev lan lladdr 02:aa:00:00:00:02 nud permanent");
    let host = by_port(1, LAN_MAC, HOST_MAC, 1400);
    lab.until_is("10.0.0.9", host);
    lab.monitor.set_receive_buffer(4096).unwrap();
    let network = |number: u32| format!("20.{}.{}.0/24", number >> 8, number & 255);
    let lines = move |verb: &str, numbers: std::ops::Range<u32>, via: &str| -> String {
        numbers
            .map(|number| format!("route {verb} {} {via}\n", network(number)))
            .collect()
    };
    ip_batch(&lines("add", 0..4000, "via 10.0.0.9"));
    ip_batch(&lines("del", 0..2000, ""));
    lab.until_is("20.15.1.1", host);
    assert!(lab.monitor.counters().overruns > 0);
    assert!(lab.monitor.counters().resyncs > 1);
    for number in 0..4000u32 {
        let to = Ipv4Addr::from_bits(20 << 24 | number << 8 | 1);
        let expected = if number < 2000 {
            NextHop::Unreachable
        } else {
            host
        };
        assert_eq!(lab.snapshot.lookup(to), expected, "{to}");
    }
    // And while a dump is under way: routes go on changing under it.
    let changing = std::thread::spawn(move || ip_batch(&lines("del", 2000..4000, "")));
    while !changing.is_finished() {
        lab.monitor.read(&mut lab.mirror, 1).unwrap();
    }
    changing.join().unwrap();
    lab.until_is("20.15.1.1", NextHop::Unreachable);
    lab.until("20.7.208.1", |next_hop| next_hop == NextHop::Unreachable);
    assert_eq!(lab.mirror.route_count(), 2);
    assert_eq!(lab.monitor.counters().undecodable, 0);
}

#[test]
fn the_kernel_answers_arp_by_the_tap() {
    if !inside("the_kernel_answers_arp_by_the_tap") {
        return;
    }
    let lab = Lab::new();
    let (router, ours) = (address("192.0.2.1").octets(), address("192.0.2.2").octets());
    lab.wan
        .write(&arp(1, ROUTER_MAC, router, [0; 6], ours))
        .unwrap();
    let reply = Lab::frame(&lab.wan, |frame| {
        frame.get(12..14) == Some(&[8, 6]) && frame[21] == 2
    });
    assert_eq!(reply[..42], arp(2, WAN_MAC, ours, ROUTER_MAC, router)[..]);
    assert_eq!(lab.wan.write(&[0; 5]), Err(SendRefusal::Malformed));
    assert_eq!(lab.tun.write(&[0xff; 40]), Err(SendRefusal::Malformed));
    while lab.wan.read(&mut [0; 2048]) != Received::Empty {}
    lab.wan
        .write(&arp(1, ROUTER_MAC, router, [0; 6], ours))
        .unwrap();
    let begun = Instant::now();
    while lab.wan.read(&mut [0; 42]) != Received::Overlong {
        assert!(begun.elapsed() < BOUND);
    }
    ip("link set wan down");
    assert_eq!(lab.wan.write(&[0; 60]), Err(SendRefusal::Down));
}

#[test]
fn gateways_are_resolved_before_the_first_packet_and_kept() {
    if !inside("gateways_are_resolved_before_the_first_packet_and_kept") {
        return;
    }
    let mut lab = Lab::new();
    let route = RouteRequest {
        prefix: Prefix::ALL,
        ifindex: lab.wan.ifindex(),
        gateway: Some(address("192.0.2.1")),
        metric: 5,
        source: None,
    };
    lab.requests.add_route(&route).unwrap();
    let again = lab.requests.add_route(&route).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists, "{again}");
    lab.until_is("8.8.8.8", NextHop::Unresolved);
    Lab::answer_arp(&lab.wan, "192.0.2.1", ROUTER_MAC);
    lab.until_is("8.8.8.8", by_port(0, WAN_MAC, ROUTER_MAC, 1500));
    let shown = Command::new("ip")
        .args(["neigh", "show", "192.0.2.1"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("managed"), "{shown}");
    // The kernel forgets neighbours when asked to; the keeper asks for them again.
    ip("neigh del 192.0.2.1 dev wan");
    lab.until_is("8.8.8.8", NextHop::Unresolved);
    Lab::answer_arp(&lab.wan, "192.0.2.1", HOST_MAC);
    lab.until_is("8.8.8.8", by_port(0, WAN_MAC, HOST_MAC, 1500));
    lab.requests.remove_route(&route).unwrap();
    lab.until_is("8.8.8.8", NextHop::Unreachable);
}

#[test]
fn the_pool_route_leads_into_the_tun_and_the_kernel_forwards_what_is_punted() {
    if !inside("the_pool_route_leads_into_the_tun_and_the_kernel_forwards_what_is_punted") {
        return;
    }
    let mut lab = Lab::new();
    let pool = RouteRequest {
        prefix: prefix("10.99.0.0/16"),
        ifindex: lab.tun.ifindex(),
        gateway: None,
        metric: 0,
        source: None,
    };
    lab.requests.add_route(&pool).unwrap();
    lab.until_is("10.99.0.7", NextHop::Blackhole);
    // A client pings the box.
    lab.tun
        .write(&echo_request("10.99.0.7", "10.0.0.1"))
        .unwrap();
    let reply = lab.packet(|packet| packet.get(9) == Some(&1));
    assert_eq!(reply[12..16], address("10.0.0.1").octets());
    assert_eq!(reply[16..20], address("10.99.0.7").octets());
    assert_eq!((reply[20], &reply[28..]), (0, b"pns!".as_slice()));
    // The box talks to a client.
    let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
    socket.send_to(b"hello", "10.99.3.4:53").unwrap();
    let datagram = lab.packet(|packet| packet.get(9) == Some(&17));
    assert_eq!(datagram[16..20], address("10.99.3.4").octets());
    // A client's first packet to a host that is not resolved yet: the kernel asks, then forwards.
    lab.tun
        .write(&echo_request("10.99.0.7", "10.0.0.9"))
        .unwrap();
    Lab::answer_arp(&lab.lan, "10.0.0.9", HOST_MAC);
    let frame = Lab::frame(&lab.lan, |frame| frame.get(12..14) == Some(&[8, 0]));
    assert_eq!(frame[..12], [HOST_MAC, LAN_MAC].concat()[..]);
    assert_eq!(
        (frame[22], &frame[26..30]),
        (63, address("10.99.0.7").octets().as_slice())
    );
    lab.until_is("10.0.0.9", by_port(1, LAN_MAC, HOST_MAC, 1400));
    // A client's packet to nowhere: the kernel says so.
    lab.tun
        .write(&echo_request("10.99.0.7", "8.8.8.8"))
        .unwrap();
    let refusal = lab.packet(|packet| packet.get(9) == Some(&1));
    assert_eq!(refusal[20..22], [3, 0]);
}
