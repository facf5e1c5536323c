//! What no table can know alone: addresses that collide, names that lead nowhere, limits that
//! contradict each other.

use std::net::Ipv4Addr;

use super::address::{Ipv4Prefix, Ipv4Range};
use super::dpdk::{Dpdk, MBUF_SIZE_BYTES};
use super::error::{Fault, Report};
use super::peer::Peer;
use super::peer_login::PeerLogin;
use super::pool::Pool;
use super::port::Port;
use super::ppp::{Authentication, Ppp};
use super::server::{CALL_IDS_PER_ADDRESS, Server};
use super::users::{User, Users};
use super::workers::Workers;
use crate::aaa::EapMethod;
use crate::ppp::link::{Method, MppeRequirement};
use crate::wire::prefix::Prefix;

/// Octets that a call adds around the client's IP packet: outer IPv4 20, GRE with sequence and
/// acknowledgement 16, PPP address, control and protocol 4, MPPE header and inner protocol 4.
const CALL_OVERHEAD_OCTETS: u16 = 44;

/// A table of an array with its index in the file: those that could not be read are left out.
pub(super) type Indexed<T> = Vec<(usize, T)>;

/// The tables, as far as they could be read.
pub(super) struct Tables<'c> {
    pub(super) server: &'c Server,
    pub(super) dpdk: &'c Dpdk,
    pub(super) ports: &'c Indexed<Port>,
    pub(super) workers: &'c Workers,
    pub(super) pools: &'c Indexed<Pool>,
    pub(super) peers: &'c Indexed<Peer>,
    pub(super) ppp: &'c Ppp,
}

pub(super) fn check(tables: &Tables<'_>, report: &mut Report<'_>) {
    check_sides(tables, report);
    check_ports_differ(tables, report);
    check_listen(tables, report);
    check_limits(tables, report);
    check_memory(tables, report);
    check_pools(tables, report);
    check_default_pool(tables, report);
    check_peers(tables, report);
    check_frame_sizes(tables, report);
    check_authentication(tables.ppp, report);
    if tables.ppp.mppe.requirement == MppeRequirement::Off {
        let fault = Fault::new(
            "leaves every call in clear",
            "write required, if clients can",
        );
        report.warn("ppp.mppe.policy", fault);
    }
}

fn check_sides(tables: &Tables<'_>, report: &mut Report<'_>) {
    let has = |wanted: fn(&Port) -> bool| tables.ports.iter().any(|(_, port)| wanted(port));
    if !has(|port| port.side.has_access()) {
        let cure = "give one [[port]] side = \"access\", or \"both\"";
        report.error("port", Fault::new("no port is where clients come in", cure));
    } else if !has(|port| port.side.has_network()) {
        let cure = "give one [[port]] side = \"network\", or \"both\"";
        report.error(
            "port",
            Fault::new("no port is where clients want to go", cure),
        );
    }
}

fn check_ports_differ(tables: &Tables<'_>, report: &mut Report<'_>) {
    for (position, (index, port)) in tables.ports.iter().enumerate() {
        for (_, earlier) in tables.ports.iter().take(position) {
            for (key, what) in in_common(port, earlier) {
                let problem = format!("{what} is also that of port {:?}", earlier.name);
                report.error(
                    &format!("port[{index}].{key}"),
                    Fault::new(problem, "choose another"),
                );
            }
        }
        if port.device.name().starts_with("net_af_packet") {
            let cure = "use net_af_xdp; af_packet joins IP fragments and then cuts them off";
            let fault = Fault::new("is fit for experiments only", cure);
            report.warn(&format!("port[{index}].device"), fault);
        }
    }
}

/// What two ports have in common and must not: the key, and what it is.
fn in_common(port: &Port, earlier: &Port) -> Vec<(&'static str, String)> {
    let mut common = Vec::new();
    if port.name == earlier.name {
        common.push(("name", "this name".to_owned()));
    }
    if port.device.name() == earlier.device.name() {
        common.push(("device", format!("{:?}", port.device.name())));
    }
    if port.tap == earlier.tap {
        common.push(("tap", format!("{:?}", port.tap)));
    }
    for own in &port.addresses {
        let same = |other: &Ipv4Prefix| own.contains(other.address) || other.contains(own.address);
        if earlier.addresses.iter().any(same) {
            common.push(("addresses", format!("the network of {own}")));
        }
    }
    common
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
        report.warn(&format!("server.listen[{index}]"), fault);
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
        let rx_queues = port.rx_queues.map_or(workers, u64::from);
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

fn check_pools(tables: &Tables<'_>, report: &mut Report<'_>) {
    if tables.pools.is_empty() {
        let cure = "write a [[pool]] with name = \"default\"";
        report.error(
            "pool",
            Fault::new("is missing: there is no address to give out", cure),
        );
    }
    for (position, (index, pool)) in tables.pools.iter().enumerate() {
        let path = |key: &str| format!("pool[{index}].{key}");
        let earlier = || tables.pools.iter().take(position);
        if earlier().any(|(_, other)| other.name == pool.name) {
            let fault = Fault::new(format!("{:?} is the name of a pool above", pool.name), "");
            report.error(&path("name"), fault);
        }
        for (at, range) in pool.ranges.iter().enumerate() {
            let above = earlier().flat_map(|(_, other)| &other.ranges);
            let overlap = above
                .chain(pool.ranges.iter().take(at))
                .find(|other| range.overlaps(**other));
            if let Some(other) = overlap {
                let problem = format!("{range} overlaps {other}");
                let fault = Fault::new(problem, "let no address be in two ranges");
                report.error(&path("ranges"), fault);
            }
        }
        for (address, whose) in taken_addresses(tables) {
            if pool.contains(address) {
                let problem = format!("contain {address}, {whose}");
                report.error(
                    &path("ranges"),
                    Fault::new(problem, "leave it out of the ranges"),
                );
            }
        }
        check_pool_surroundings(tables, pool, &path, report);
    }
}

fn check_pool_surroundings(
    tables: &Tables<'_>,
    pool: &Pool,
    path: &dyn Fn(&str) -> String,
    report: &mut Report<'_>,
) {
    if tables.server.listen.contains(&pool.gateway) {
        let fault = Fault::new(
            format!("{} is also in server.listen", pool.gateway),
            "write another address: a client that learns it as its peer routes its own GRE into \
             the call",
        );
        report.error(&path("gateway"), fault);
    }
    let networks = tables.ports.iter().flat_map(|(_, port)| &port.addresses);
    for network in networks {
        let inside =
            |range: &Ipv4Range| range.first <= network.last() && network.network() <= range.last;
        if pool.ranges.iter().any(inside) {
            let problem = format!("lie on a port's own network {network}");
            let cure =
                "hosts there will ask for them by ARP, which nobody answers; use another net";
            report.warn(&path("ranges"), Fault::new(problem, cure));
        }
    }
}

/// Addresses that no client may be given, and whose they are.
fn taken_addresses(tables: &Tables<'_>) -> Vec<(Ipv4Addr, String)> {
    let mut taken = Vec::new();
    for (_, pool) in tables.pools {
        taken.push((pool.gateway, format!("the gateway of pool {:?}", pool.name)));
    }
    for address in &tables.server.listen {
        taken.push((*address, "which is in server.listen".to_owned()));
    }
    for (_, port) in tables.ports {
        for own in &port.addresses {
            taken.push((own.address, format!("an address of port {:?}", port.name)));
        }
        for route in &port.routes {
            taken.push((route.via, format!("a next hop of port {:?}", port.name)));
        }
    }
    taken
}

fn check_default_pool(tables: &Tables<'_>, report: &mut Report<'_>) {
    let wanted = &tables.ppp.ipcp.pool;
    if report.is_wrong("pool") || tables.pools.iter().any(|(_, pool)| pool.name == *wanted) {
        return;
    }
    let names: Vec<&str> = tables
        .pools
        .iter()
        .map(|(_, pool)| pool.name.as_str())
        .collect();
    let cure = format!("name a [[pool]] so, or write one of {}", names.join(", "));
    report.error(
        "ppp.ipcp.pool",
        Fault::new(format!("there is no pool {wanted:?}"), cure),
    );
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
            check_login(tables, *index, peer, login, report);
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

/// Ways to log in that are weak, or that lead nowhere with this encryption.
fn check_authentication(ppp: &Ppp, report: &mut Report<'_>) {
    let authentication = &ppp.authentication;
    for (index, method) in authentication.methods.iter().enumerate() {
        let path = format!("ppp.authentication.methods[{index}]");
        let weakness = match method {
            Method::MsChapV2 | Method::Eap => continue,
            Method::Pap => "sends passwords in clear to whoever listens on the way",
            Method::ChapMd5 => {
                "lets who listens guess at full speed, and the server keeps passwords"
            }
            Method::MsChapV1 => {
                "is broken: one key for both directions, and the server proves nothing"
            }
        };
        let problem = format!("{method} {weakness}");
        report.warn(
            &path,
            Fault::new(problem, "leave it out, if clients can do mschapv2"),
        );
        if ppp.mppe.requirement == MppeRequirement::Required && !method.can_give_keys() {
            let problem = format!("{method} gives no keys, and ppp.mppe.policy = \"required\"");
            let cure =
                "who logs in with it will be let go at once; leave it out, or write optional";
            report.warn(&path, Fault::new(problem, cure));
        }
    }
    let eap = authentication.methods.contains(&Method::Eap);
    for (index, method) in authentication.eap_methods.iter().enumerate() {
        let path = format!("ppp.authentication.eap_methods[{index}]");
        if eap && *method == EapMethod::Md5 {
            let problem = "md5 gives no keys, so calls that use it cannot be encrypted";
            let cure = "leave it out, if clients can do mschapv2";
            report.warn(&path, Fault::new(problem, cure));
        }
    }
}

/// Users who cannot log in by a method that is allowed.
pub(super) fn check_clear_passwords(
    users: &Users,
    authentication: &Authentication,
    report: &mut Report<'_>,
) {
    let hashed = users.iter().filter(|user| user.password.is_none()).count();
    if authentication.needs_clear_passwords() && hashed > 0 {
        let problem =
            format!("chap-md5 and md5 are closed to {hashed} users with an nt_hash alone");
        let cure = "give them a password in the users file, or leave these methods out";
        report.warn("ppp.authentication", Fault::new(problem, cure));
    }
}

/// Networks behind a user or a peer, which must not take anything from this machine or from clients.
pub(super) fn check_networks(
    networks: &[Prefix],
    tables: &Tables<'_>,
) -> Result<(), (&'static str, Fault)> {
    for network in networks {
        let taken = taken_addresses(tables);
        let inside = taken.iter().find(|(own, _)| network.contains(*own));
        if let Some((own, whose)) = inside {
            let problem = format!("{network} contains {own}, {whose}");
            let cure = "write only the networks that lie behind the call";
            return Err(("routes", Fault::new(problem, cure)));
        }
        let overlaps =
            |range: &Ipv4Range| range.first <= network.last() && network.first() <= range.last;
        let mut pools = tables.pools.iter();
        if let Some((_, pool)) = pools.find(|(_, pool)| pool.ranges.iter().any(overlaps)) {
            let problem = format!("{network} overlaps the ranges of pool {:?}", pool.name);
            return Err(("routes", Fault::new(problem, "take one of the two out")));
        }
    }
    Ok(())
}

/// What a peer that we log in to may not be.
fn check_login(
    tables: &Tables<'_>,
    index: usize,
    peer: &Peer,
    login: &PeerLogin,
    report: &mut Report<'_>,
) {
    let path = |key: &str| format!("peer[{index}].{key}");
    if let Err((key, fault)) = check_networks(&login.routes, tables) {
        report.error(&path(key), fault);
    }
    if let Some(network) = login.routes.iter().find(|it| it.contains(peer.address)) {
        let problem = format!("{network} contains the address of the peer itself");
        let cure = "write smaller networks: the call cannot run inside itself";
        report.error(&path("routes"), Fault::new(problem, cure));
    }
    let earlier = tables.peers.iter().take_while(|(other, _)| *other < index);
    let theirs = earlier.filter_map(|(_, other)| Some((&other.name, other.login.as_ref()?)));
    for (name, other) in theirs {
        if let Some(network) = other.routes.iter().find(|it| login.routes.contains(it)) {
            let problem = format!("{network} already lies behind peer {name:?}");
            report.error(
                &path("routes"),
                Fault::new(problem, "take one of the two out"),
            );
        }
    }
    let wanted = login.inner_address.into_iter();
    let clients = |address: &Ipv4Addr| {
        let mut ranges = tables.pools.iter().flat_map(|(_, pool)| &pool.ranges);
        ranges.any(|range| range.contains(*address))
    };
    for address in wanted.filter(clients) {
        let problem = format!("{address} is in a pool of ours");
        report.error(&path("inner_address"), Fault::new(problem, "write another"));
    }
}

/// What a user refers to outside the users file.
pub(super) fn check_user(
    user: &User,
    server: &Server,
    ports: &Indexed<Port>,
    pools: &Indexed<Pool>,
) -> Result<(), (&'static str, Fault)> {
    if let Some(wanted) = &user.pool
        && !pools.iter().any(|(_, pool)| pool.name == *wanted)
    {
        let names: Vec<&str> = pools.iter().map(|(_, pool)| pool.name.as_str()).collect();
        let cure = format!("write one of {}", names.join(", "));
        return Err((
            "pool",
            Fault::new(format!("there is no pool {wanted:?}"), cure),
        ));
    }
    let Some(address) = user.address else {
        return Ok(());
    };
    let of_port = |(_, port): &(usize, Port)| {
        port.addresses.iter().any(|own| own.address == address)
            || port.routes.iter().any(|route| route.via == address)
    };
    let of_box = server.listen.contains(&address)
        || pools.iter().any(|(_, pool)| pool.gateway == address)
        || ports.iter().any(of_port);
    if of_box {
        let problem = format!("{address} is an address of this box or of its next hop");
        return Err(("address", Fault::new(problem, "choose another")));
    }
    Ok(())
}
