//! From the configuration, which speaks to operators, to what each machine wants to know.

use std::net::SocketAddrV4;
use std::sync::Arc;

use crate::aaa::{LocalUser, LocalUsers, NameServers, PoolConfig, Pools};
use crate::auth::Secret;
use crate::config::{self, Config, Direction, Ipv6cpPolicy, MssClamp, SendWindow};
use crate::dataplane::{self, GreConfig, PuntLimits, WorkerConfig};
use crate::flow::{Encryption, FlowPolicy};
use crate::ppp::link::{AddressPolicy, LinkConfig, MppeRequirement};
use crate::pptp::{CallOffer, ControlConfig};
use crate::session::admission::AdmissionLimits;
use crate::session::{Capacity, Peer, SessionConfig};
use crate::wire::pptp::{Bearer, Framing, Text};

/// IPv4 and TCP headers without options: an MSS is the MTU less these.
const IPV4_AND_TCP_HEADER_BYTES: u16 = 40;

/// Settings of control connections, links and admission.
pub(super) fn session_config(config: &Config) -> SessionConfig {
    let server = &config.server;
    SessionConfig {
        listen: server.listen.clone(),
        control: Arc::new(ControlConfig {
            host_name: server.host_name.clone(),
            vendor_name: server.vendor_name.clone(),
            framing: Framing(server.framing.bits()),
            establish_timeout: server.setup_timeout,
            echo_interval: server.echo_interval,
            echo_timeout: server.echo_timeout,
            receive_window: server.receive_window_packets,
            calls_max: server.calls_per_connection_max as usize,
            incoming_calls: server.incoming_calls,
            ..ControlConfig::default()
        }),
        peers: config
            .peers
            .iter()
            .filter_map(|it| peer(config, it))
            .map(Arc::new)
            .collect(),
        link: Arc::new(link_config(config)),
        limits: limits(config),
        setup_timeout: server.setup_timeout,
        mtu_max: config.ppp.mtu_max,
        name_servers: name_servers(config),
    }
}

/// `None` only where nothing is listened on, which no configuration says.
fn peer(config: &Config, peer: &config::Peer) -> Option<Peer> {
    let default = config.server.listen.first().copied();
    let bearer = Bearer(peer.bearer.bits());
    let subaddress = Text::new(&peer.subaddress);
    Some(Peer {
        name: peer.name.clone(),
        address: SocketAddrV4::new(peer.address, peer.port),
        local_address: peer.local_address.or(default)?,
        offer: match peer.direction {
            Direction::Outgoing => CallOffer::Outgoing {
                minimum_bps: peer.minimum_bps,
                maximum_bps: peer.maximum_bps,
                bearer,
                framing: Framing(peer.framing.bits()),
                phone_number: Text::new(&peer.phone_number),
                subaddress,
            },
            Direction::Incoming => CallOffer::Incoming {
                bearer,
                dialed_number: Text::new(&peer.phone_number),
                dialing_number: Text::new(&peer.caller_number),
                subaddress,
            },
        },
    })
}

fn limits(config: &Config) -> AdmissionLimits {
    let server = &config.server;
    let connections = server.control_connections_max as usize;
    AdmissionLimits {
        control_connections_max: connections,
        control_connections_per_source_max: server.control_connections_per_source_max as usize,
        half_open_max: connections,
        calls_max: server.calls_max as usize,
        calls_per_source_max: server.calls_max as usize,
    }
}

fn link_config(config: &Config) -> LinkConfig {
    let ppp = &config.ppp;
    LinkConfig {
        mru: ppp.mru,
        restart_timer_initial: ppp.restart_timer_initial,
        restart_timer: ppp.restart_timer,
        configure_max: ppp.configure_max,
        terminate_max: ppp.terminate_max,
        failure_max: ppp.failure_max,
        setup_timeout: config.server.setup_timeout,
        echo_interval: ppp.lcp_echo_interval,
        echo_adaptive: ppp.lcp_echo_adaptive,
        identification: ppp.lcp_identification.clone().unwrap_or_default(),
        echo_failures_max: ppp.lcp_echo_failures_max,
        methods: ppp.authentication.methods.clone(),
        reauthentication_interval: ppp.authentication.reauthentication_interval,
        chap_name: config.challenge_name().to_owned(),
        retries_max: ppp.authentication.retries_max,
        mppe: ppp.mppe,
        address: match ppp.ipcp.address {
            config::AddressPolicy::Assign => AddressPolicy::Assign,
            config::AddressPolicy::Keep => AddressPolicy::Keep,
            config::AddressPolicy::Override => AddressPolicy::Override,
        },
        ipv6cp: ppp.ipv6cp.policy == Ipv6cpPolicy::On,
    }
}

fn name_servers(config: &Config) -> NameServers {
    let ipcp = &config.ppp.ipcp;
    NameServers {
        dns: [ipcp.dns.first().copied(), ipcp.dns.get(1).copied()],
        nbns: [ipcp.nbns.first().copied(), ipcp.nbns.get(1).copied()],
    }
}

/// What the data plane enforces for every call.
pub(super) fn flow_policy(config: &Config) -> FlowPolicy {
    FlowPolicy {
        encryption: match config.ppp.mppe.requirement {
            MppeRequirement::Required => Encryption::Required,
            MppeRequirement::Optional | MppeRequirement::Passive => Encryption::Optional,
            MppeRequirement::Off => Encryption::Off,
        },
        client_to_client: config.forwarding.client_to_client,
        mss_max: match config.forwarding.mss_clamp {
            MssClamp::Auto => config.ppp.mtu_max.min(config.ppp.mru) - IPV4_AND_TCP_HEADER_BYTES,
            MssClamp::Octets(octets) => octets,
            MssClamp::Off => 0,
        },
    }
}

/// The users file as the decisions need it.
pub(super) fn local_users(config: &Config) -> LocalUsers {
    let user = |user: &config::User| {
        let pool = user.pool.as_deref().unwrap_or(&config.ppp.ipcp.pool);
        LocalUser {
            address: user.address,
            password: user.password.as_ref().map(Secret::duplicate),
            standing: user.standing,
            ..LocalUser::new(&user.name, user.nt_hash.duplicate(), pool)
        }
    };
    let authentication = &config.ppp.authentication;
    LocalUsers::new(config.users.iter().map(user), flow_policy(config))
        .with_names(config.users.names)
        .with_eap(
            &authentication.eap_methods,
            config.challenge_name(),
            authentication.retries_max,
        )
}

/// The pools, without the addresses that belong to users.
pub(super) fn pools(config: &Config, users: &LocalUsers) -> Pools {
    let pool = |pool: &config::Pool| PoolConfig {
        name: pool.name.clone(),
        ranges: pool
            .ranges
            .iter()
            .map(|range| range.first..=range.last)
            .collect(),
        gateway: pool.gateway,
    };
    let pools: Vec<_> = config.pools.iter().map(pool).collect();
    Pools::new(&pools, users.reserved())
}

/// What every worker is told; `macs` are the Ethernet addresses of the ports.
pub(super) fn worker_config(config: &Config, index: u8, macs: &[[u8; 6]]) -> WorkerConfig {
    let punt = &config.workers.punt;
    // The configuration speaks of all workers together.
    let share = |frames_per_s: u32| {
        let workers = u32::try_from(config.workers.count()).unwrap_or(u32::MAX);
        (frames_per_s / workers.max(1)).max(1)
    };
    WorkerConfig {
        index,
        ports: config
            .ports
            .iter()
            .zip(macs)
            .map(|(port, mac)| port_config(port, *mac))
            .collect(),
        listen: config.server.listen.clone(),
        control_port: config.server.control_port,
        client_to_server: config.forwarding.client_to_server,
        punt: PuntLimits {
            control_frames_per_s: share(punt.control_frames_per_s),
            arp_frames_per_s: share(punt.arp_frames_per_s),
            local_frames_per_s: share(punt.local_frames_per_s),
            exception_frames_per_s: share(punt.exception_frames_per_s),
            ppp_frames_per_s: share(punt.ppp_frames_per_s),
            ppp_frames_per_call_per_s: punt.ppp_frames_per_call_per_s,
        },
        gre: gre_config(config),
        idle_sleep_max: config.workers.idle_sleep_max,
        ..WorkerConfig::default()
    }
}

fn gre_config(config: &Config) -> GreConfig {
    let gre = &config.gre;
    GreConfig {
        source: match gre.source {
            config::GreSource::Strict => dataplane::GreSource::Strict,
            config::GreSource::Learn => dataplane::GreSource::Learn,
            config::GreSource::Any => dataplane::GreSource::Any,
        },
        late_max: gre.late_packets_max,
        hold_packets: gre.reorder_hold_packets,
        hold: gre.reorder_hold,
        honours_windows: gre.window == SendWindow::Honour,
        acknowledgment_frames: (config.server.receive_window_packets / 4).max(1),
        ..GreConfig::default()
    }
}

fn port_config(port: &config::Port, mac: [u8; 6]) -> dataplane::PortConfig {
    dataplane::PortConfig {
        mac,
        vlan: port.vlan,
        side: match port.side {
            config::Side::Access => dataplane::Side::Access,
            config::Side::Network => dataplane::Side::Network,
            config::Side::Both => dataplane::Side::Both,
        },
        address: port.addresses.first().map(|prefix| prefix.address),
    }
}

/// Room for every call that may exist, closing ones included.
pub(super) fn capacity(config: &Config) -> Capacity {
    Capacity {
        connections: config.server.control_connections_max as usize,
        calls: config.server.calls_max as usize,
    }
}
