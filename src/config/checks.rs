//! What no table can know alone: addresses that collide, names that lead nowhere, limits that
//! contradict each other.

mod access;
mod networks;
mod pools;
mod ports;
mod realms;
mod servers;

use std::net::Ipv4Addr;

pub(super) use access::Known;

use super::dpdk::{Dpdk, MBUF_SIZE_BYTES};
use super::error::{Fault, Report};
use super::group::Group;
use super::listener::Listener;
use super::peer::Peer;
use super::pool::Pool;
use super::port::Port;
use super::ppp::Ppp;
use super::radius::Radius;
use super::realm::Realm;
use super::server::{CALL_IDS_PER_ADDRESS, Server};
use super::tacacs::Tacacs;
use super::workers::Workers;

/// Octets that a call adds around the client's IP packet: outer IPv4 20, GRE with sequence and
/// acknowledgement 16, PPP address, control and protocol 4, MPPE header and inner protocol 4.
const CALL_OVERHEAD_OCTETS: u16 = 44;

/// A table of an array with its index in the file: those that could not be read are left out.
pub(super) type Indexed<T> = Vec<(usize, T)>;

/// The tables, as far as they could be read.
pub(super) struct Tables<'c> {
    pub(super) server: &'c Server,
    pub(super) listeners: &'c Indexed<Listener>,
    pub(super) dpdk: &'c Dpdk,
    pub(super) ports: &'c Indexed<Port>,
    pub(super) workers: &'c Workers,
    pub(super) pools: &'c Indexed<Pool>,
    pub(super) peers: &'c Indexed<Peer>,
    pub(super) ppp: &'c Ppp,
    pub(super) groups: &'c [Group],
    pub(super) realms: &'c Indexed<Realm>,
    pub(super) radius: &'c Radius,
    pub(super) tacacs: &'c Tacacs,
}

impl Tables<'_> {
    /// Where the addresses of `[[listener]]` begin in `server.listen`.
    fn first_listener(&self) -> usize {
        self.server
            .listen
            .len()
            .saturating_sub(self.listeners.len())
    }

    /// The key that says that we listen on the address at `position` of `server.listen`.
    fn listen_key(&self, position: usize) -> String {
        let of_table = position.checked_sub(self.first_listener());
        match of_table.and_then(|place| self.listeners.get(place)) {
            Some((index, _)) => format!("listener[{index}].address"),
            None => format!("server.listen[{position}]"),
        }
    }
}

pub(super) fn check(tables: &Tables<'_>, report: &mut Report<'_>) {
    ports::check(tables, report);
    check_listen(tables, report);
    check_limits(tables, report);
    check_memory(tables, report);
    pools::check(tables, report);
    check_peers(tables, report);
    check_frame_sizes(tables, report);
    access::check(tables, report);
    realms::check(tables, report);
    servers::check(tables, report);
}

fn check_listen(tables: &Tables<'_>, report: &mut Report<'_>) {
    let access = tables
        .ports
        .iter()
        .filter(|(_, port)| port.side.has_access());
    let own: Vec<Ipv4Addr> = access
        .flat_map(|(_, port)| &port.addresses)
        .map(|own| own.address)
        .collect();
    for (index, address) in tables.server.listen.iter().enumerate() {
        if own.contains(address) || report.is_wrong("port") {
            continue;
        }
        let fault = Fault::new(
            format!("{address} is an address of no access port"),
            "add it to port.addresses, or see to it that the kernel has it and that it is routed \
             to this box",
        );
        report.warn(&tables.listen_key(index), fault);
    }
}

fn check_limits(tables: &Tables<'_>, report: &mut Report<'_>) {
    let server = tables.server;
    let addresses = u64::try_from(server.listen.len().max(1)).unwrap_or(u64::MAX);
    let call_ids = addresses.saturating_mul(u64::from(CALL_IDS_PER_ADDRESS));
    let calls_max = u64::from(server.calls_max);
    if calls_max > call_ids {
        let problem =
            format!("{calls_max} calls need more Call IDs than {addresses} address(es) have");
        let cure = format!("write at most {call_ids}, or add an address to server.listen");
        report.error("server.calls_max", Fault::new(problem, cure));
    }
    if server.control_connections_max < server.calls_max {
        let problem = format!("{} is less than calls_max", server.control_connections_max);
        let cure = "clients as a rule open one connection per call";
        report.warn("server.control_connections_max", Fault::new(problem, cure));
    }
    let leases: u64 = tables.pools.iter().map(|(_, pool)| pool.size()).sum();
    if leases < calls_max && !report.is_wrong("pool") {
        let problem = format!("the pools hold {leases} addresses for {calls_max} calls");
        let cure = "the call after the last free address is refused; add ranges, or lower it";
        report.warn("server.calls_max", Fault::new(problem, cure));
    }
}

fn check_memory(tables: &Tables<'_>, report: &mut Report<'_>) {
    let mbufs = u64::from(tables.dpdk.mbufs);
    let needed_mb = (mbufs * MBUF_SIZE_BYTES).div_ceil(1 << 20);
    // What is left holds rings, port queues and the environment layer itself.
    let usable_mb = u64::from(tables.dpdk.memory_mb) * 3 / 4;
    if needed_mb > usable_mb {
        let problem = format!(
            "{mbufs} buffers take {needed_mb} of {} MiB",
            tables.dpdk.memory_mb
        );
        let cure = format!(
            "write memory_mb = {}, or fewer mbufs",
            (needed_mb * 4).div_ceil(3)
        );
        report.error("dpdk.mbufs", Fault::new(problem, cure));
    }
    let workers = u64::try_from(tables.workers.count()).unwrap_or(u64::MAX);
    let queued = tables.ports.iter().map(|(_, port)| {
        let rx_queues = u64::try_from(port.queue_workers(tables.workers).len()).unwrap_or(workers);
        (rx_queues + workers) * u64::from(port.descriptors)
    });
    // Beside the queues: bursts in hand, caches, and the rings to the slow path.
    let wanted = queued.sum::<u64>() + workers * 1_024;
    if wanted > mbufs {
        let problem = format!("{mbufs} buffers are fewer than the ports' queues can hold");
        let cure = format!("write mbufs = {wanted} or more, or fewer descriptors");
        report.error("dpdk.mbufs", Fault::new(problem, cure));
    }
}

fn check_peers(tables: &Tables<'_>, report: &mut Report<'_>) {
    let listen = &tables.server.listen;
    for (position, (index, peer)) in tables.peers.iter().enumerate() {
        let path = |key: &str| format!("peer[{index}].{key}");
        let mut earlier = tables.peers.iter().take(position);
        if earlier.any(|(_, other)| other.name == peer.name) {
            let problem = format!("{:?} is the name of a peer above", peer.name);
            report.error(&path("name"), Fault::new(problem, "choose another"));
        }
        if listen.contains(&peer.address) {
            let problem = format!("{} is in server.listen", peer.address);
            let cure = "write the address of another machine";
            report.error(&path("address"), Fault::new(problem, cure));
        }
        if let Some(local) = peer.local_address
            && !listen.contains(&local)
        {
            let problem = format!("{local} is not in server.listen");
            let known: Vec<String> = listen.iter().map(Ipv4Addr::to_string).collect();
            let cure = format!("write one of {}", known.join(", "));
            report.error(&path("local_address"), Fault::new(problem, cure));
        }
        if let Some(login) = &peer.login {
            networks::check_login(tables, *index, peer, login, report);
        }
    }
}

fn check_frame_sizes(tables: &Tables<'_>, report: &mut Report<'_>) {
    let access = tables
        .ports
        .iter()
        .filter(|(_, port)| port.side.has_access());
    let Some(mtu) = access.map(|(_, port)| port.mtu).min() else {
        return;
    };
    let fits = mtu.saturating_sub(CALL_OVERHEAD_OCTETS);
    for (key, octets) in [
        ("ppp.mru", tables.ppp.mru),
        ("ppp.mtu_max", tables.ppp.mtu_max),
    ] {
        if octets > fits {
            let problem = format!("{octets} octets do not fit an access port's MTU of {mtu}");
            let cure = format!("write at most {fits}, or packets are fragmented on the way");
            report.warn(key, Fault::new(problem, cure));
        }
    }
}
