//! From the configuration, which speaks to operators, to what each machine wants to know.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use super::mppe_kernel;
use crate::aaa::{
    Access, LocalUser, LocalUsers, NameRules, NameServers, Names, PoolConfig, Pools, Realm, Realms,
    Servers, Terms,
};
use crate::auth::Secret;
use crate::config::{self, Config, Direction, Ipv6cpPolicy, MssClamp, PeerLogin, SendWindow};
use crate::dataplane::{self, GreConfig, PuntLimits, WorkerConfig};
use crate::ppp::link::{AddressPolicy, ClientRole, LinkConfig, MppeChange};
use crate::pptp::{CallOffer, ControlConfig};
use crate::session::admission::AdmissionLimits;
use crate::session::guard::GuardConfig;
use crate::session::{Capacity, Client, Listener, Peer, SessionConfig, SessionPolicy};
use crate::wire::pptp::{Bearer, Framing, Text};

/// IPv4 and TCP headers without options: an MSS is the MTU less these.
const IPV4_AND_TCP_HEADER_BYTES: u16 = 40;

/// Long enough for a client to read Outgoing-Call-Reply and open its GRE, and shorter than anybody
/// notices; a client that speaks first, as most do, ends it.
const START_DELAY: Duration = Duration::from_millis(50);

/// Settings of control connections, links and admission.
#[must_use]
pub fn session_config(config: &Config) -> SessionConfig {
    let server = &config.server;
    SessionConfig {
        listeners: listeners(config),
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
        limits: limits(config),
        setup_timeout: server.setup_timeout,
        mtu_max: config.ppp.mtu_max,
        mppc_calls_max: config.mppc_calls_max(),
        name_servers: name_servers(config),
        policy: session_policy(config),
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
        client: peer.login.as_ref().and_then(|login| client(config, login)),
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

/// What we are on calls to a peer that we log in to; `None` only without a password, which no
/// configuration has.
fn client(config: &Config, login: &PeerLogin) -> Option<Client> {
    let role = ClientRole {
        login: login.secret()?,
        wish: login.inner_address,
    };
    let access = Access {
        mppe: login.mppe,
        ..(*Accesses::new(config).without_group).clone()
    };
    Some(Client {
        link: Arc::new(LinkConfig {
            client: Some(role),
            ..link_config(config, &access)
        }),
        policy: Terms::new(Arc::new(access), MppeChange::NONE).flow_policy(),
        networks: login.routes.as_slice().into(),
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
        calls_per_source_max: server.calls_per_source_max as usize,
    }
}

fn session_policy(config: &Config) -> SessionPolicy {
    let sessions = &config.sessions;
    // Of names that only servers know, nobody here can say that two realms are one.
    let names = NameRules {
        strip_realm: config.users.names.strip_realm && !config.users.is_empty(),
        ..config.users.names
    };
    SessionPolicy {
        guard: GuardConfig {
            user: sessions.user_back_off,
            source: sessions.source_back_off,
            calls_per_s: sessions.starts_per_s,
            calls_per_source_per_s: sessions.starts_per_source_per_s,
            names,
        },
        ignore_case: sessions.ignore_case,
    }
}

/// The addresses that clients dial, each with what holds for its group.
fn listeners(config: &Config) -> Vec<Listener> {
    let accesses = Accesses::new(config);
    let listener = |address: &Ipv4Addr| {
        let access = accesses.of(config.group_at(*address));
        Listener {
            address: *address,
            link: Arc::new(link_config(config, &access)),
            access,
        }
    };
    config.server.listen.iter().map(listener).collect()
}

/// What each group is permitted, and who has none.
struct Accesses {
    groups: Vec<Arc<Access>>,
    without_group: Arc<Access>,
}

impl Accesses {
    fn new(config: &Config) -> Self {
        let forwarding = &config.forwarding;
        let without_group = Access {
            group: None,
            methods: config.ppp.authentication.methods.clone(),
            eap_methods: config.ppp.authentication.eap_methods.clone(),
            mppe: config.ppp.mppe,
            client_to_client: forwarding.client_to_client,
            mss_max: match forwarding.mss_clamp {
                MssClamp::Auto => {
                    config.ppp.mtu_max.min(config.ppp.mru) - IPV4_AND_TCP_HEADER_BYTES
                }
                MssClamp::Octets(octets) => octets,
                MssClamp::Off => 0,
            },
            limits: config.sessions.limits,
            outage: config.outage.policy.at_outage(),
            servers: Servers::Any,
        };
        let of_group = |group: &config::Group| Access {
            group: Some(group.name.as_str().into()),
            methods: group.methods.clone(),
            eap_methods: group.eap_methods.clone(),
            mppe: group.mppe,
            limits: group.limits,
            outage: group.outage.at_outage(),
            servers: servers(config, &group.servers),
            ..without_group.clone()
        };
        let groups = config.groups.iter().map(of_group).map(Arc::new).collect();
        Self {
            groups,
            without_group: Arc::new(without_group),
        }
    }

    fn find(&self, group: &str) -> Option<Arc<Access>> {
        let mut groups = self.groups.iter();
        groups
            .find(|access| access.group.as_deref() == Some(group))
            .map(Arc::clone)
    }

    /// Of `group`, which exists if there is one.
    fn of(&self, group: Option<&str>) -> Arc<Access> {
        group
            .and_then(|group| self.find(group))
            .unwrap_or_else(|| Arc::clone(&self.without_group))
    }
}

fn link_config(config: &Config, access: &Access) -> LinkConfig {
    let ppp = &config.ppp;
    LinkConfig {
        mru: ppp.mru,
        start_delay: START_DELAY,
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
        methods: access.methods.clone(),
        reauthentication_interval: ppp.authentication.reauthentication_interval,
        chap_name: config.challenge_name().to_owned(),
        retries_max: ppp.authentication.retries_max,
        mppe: access.mppe,
        address: match ppp.ipcp.address {
            config::AddressPolicy::Assign => AddressPolicy::Assign,
            config::AddressPolicy::Keep => AddressPolicy::Keep,
            config::AddressPolicy::Override => AddressPolicy::Override,
        },
        ipv6cp: ppp.ipv6cp.policy == Ipv6cpPolicy::On,
        client: None,
    }
}

fn name_servers(config: &Config) -> NameServers {
    let ipcp = &config.ppp.ipcp;
    NameServers {
        dns: [ipcp.dns.first().copied(), ipcp.dns.get(1).copied()],
        nbns: [ipcp.nbns.first().copied(), ipcp.nbns.get(1).copied()],
    }
}

/// What follows from what stands in names beside the user.
#[must_use]
pub fn realms(config: &Config) -> Realms {
    let accesses = Accesses::new(config);
    let realm = |realm: &config::Realm| Realm {
        name: realm.name.as_str().into(),
        form: realm.form,
        access: realm
            .group
            .as_deref()
            .and_then(|group| accesses.find(group)),
        pool: realm.pool.as_deref().map(Into::into),
        strip: realm.strip,
        servers: servers(config, &realm.servers),
    };
    Realms::new(
        config.realms.iter().map(realm),
        config.users.refuse_unknown_realm,
    )
}

/// The servers of these names, and those of the groups of these names; all are of one kind.
fn servers(config: &Config, names: &[String]) -> Servers {
    let named = |name: &String, group: Option<&String>| {
        names.contains(name) || group.is_some_and(|group| names.contains(group))
    };
    let tacacs = config.tacacs.servers.iter();
    let tacacs = tacacs.filter(|it| named(&it.name, it.group.as_ref()));
    let tacacs: Names = tacacs.map(|it| it.name.as_str().into()).collect();
    let radius = config.radius.servers.iter();
    let radius = radius.filter(|it| named(&it.name, it.group.as_ref()));
    match (names.is_empty(), tacacs.is_empty()) {
        (true, _) => Servers::Any,
        (false, false) => Servers::Tacacs(tacacs),
        (false, true) => Servers::Radius(radius.map(|it| it.name.as_str().into()).collect()),
    }
}

/// What holds for who comes in by the first address that clients dial.
#[must_use]
pub fn first_access(config: &Config) -> Arc<Access> {
    let first = config.server.listen.first();
    Accesses::new(config).of(first.and_then(|address| config.group_at(*address)))
}

/// The users file as the decisions need it.
#[must_use]
pub fn local_users(config: &Config) -> LocalUsers {
    let accesses = Accesses::new(config);
    let user = |user: &config::User| {
        let pool = user.pool.as_deref().unwrap_or(&config.ppp.ipcp.pool);
        LocalUser {
            has_own_pool: user.pool.is_some(),
            address: user.address,
            password: user.password.as_ref().map(Secret::duplicate),
            standing: user.standing,
            group: user.group.as_deref().and_then(|group| accesses.find(group)),
            mppe: user.mppe,
            networks: user.routes.as_slice().into(),
            sessions_max: user.sessions_max,
            expires_s: user.expires_s,
            policy: user.policy.clone(),
            ..LocalUser::new(&user.name, user.nt_hash.duplicate(), pool)
        }
    };
    let authentication = &config.ppp.authentication;
    LocalUsers::new(config.users.iter().map(user))
        .with_names(config.users.names)
        .with_eap(config.challenge_name(), authentication.retries_max)
}

/// The pools, without the addresses that belong to users.
#[must_use]
pub fn pools(config: &Config, users: &LocalUsers) -> Pools {
    Pools::new(&pool_configs(config), users.reserved())
}

/// The pools as leases are taken from them.
#[must_use]
pub fn pool_configs(config: &Config) -> Vec<PoolConfig> {
    let pool = |pool: &config::Pool| PoolConfig {
        name: pool.name.clone(),
        ranges: pool
            .ranges
            .iter()
            .map(|range| range.first..=range.last)
            .collect(),
        gateway: pool.gateway,
        next: pool.next.clone(),
        sticky: pool.sticky,
        reservations: pool
            .reservations
            .iter()
            .map(|it| (it.user.clone(), it.address))
            .collect(),
    };
    config.pools.iter().map(pool).collect()
}

/// What every worker is told; `macs` are the Ethernet addresses of the ports.
#[must_use]
pub fn worker_config(config: &Config, index: u8, macs: &[[u8; 6]]) -> WorkerConfig {
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
        mppc_calls_max: config.mppc_calls_max(),
        mru: config.ppp.mru,
        idle_sleep_max: config.workers.idle_sleep_max,
        kernel: mppe_kernel::measured(),
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
#[must_use]
pub fn capacity(config: &Config) -> Capacity {
    Capacity {
        connections: config.server.control_connections_max as usize,
        calls: config.server.calls_max as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Encryption;
    use crate::ppp::link::{Method, MppePolicy, Stateful};
    use zeroize::Zeroizing;

    const CONFIG: &str = r#"
[server]
listen = ["198.51.100.1"]
[[listener]]
address = "198.51.100.3"
group = "legacy"
[[port]]
name = "both"
device = "net_af_xdp0,iface=wan_s"
side = "both"
addresses = ["198.51.100.1/24", "198.51.100.3/24"]
[[pool]]
name = "default"
ranges = ["10.77.0.100-10.77.0.199"]
gateway = "10.77.0.1"
[group.legacy]
authentication = ["pap"]
mppe = { policy = "optional" }
[users]
file = "users.toml"
"#;
    const USERS: &str = r#"
[[user]]
name = "alice"
password = "wonderland-7"
[[user]]
name = "bob"
password = "builder-3"
group = "legacy"
mppe = { policy = "off", stateful = true }
"#;

    #[test]
    fn an_address_has_the_settings_of_its_group_and_a_user_those_of_its_own() {
        let users = |_: &std::path::Path| Ok(Zeroizing::new(USERS.to_owned()));
        let config = Config::parse(CONFIG, "pns.toml", users).unwrap_or_else(|it| panic!("{it}"));
        let session = session_config(&config);
        let [first, second] = session.listeners.as_slice() else {
            panic!("{} listeners", session.listeners.len())
        };
        assert_eq!(first.link.methods, [Method::MsChapV2, Method::Eap]);
        assert_eq!(second.link.methods, [Method::Pap]);
        for (listener, group, mppe) in [
            (first, None, MppePolicy::REQUIRED),
            (second, Some("legacy"), MppePolicy::OPTIONAL),
        ] {
            assert_eq!(listener.access.methods, listener.link.methods);
            assert_eq!(listener.access.group.as_deref(), group);
            assert_eq!((listener.link.mppe, listener.access.mppe), (mppe, mppe));
        }
        let mut users = local_users(&config);
        let mut log_in = |name: &[u8], password: &[u8]| {
            let credentials = crate::ppp::link::Credentials::Pap {
                name: name.to_vec(),
                password: password.to_vec(),
            };
            users.decide(&credentials, &second.access, crate::clock::Timestamp::ZERO)
        };
        for (name, password, mppe, encryption) in [
            (
                "alice",
                "wonderland-7",
                MppePolicy::OPTIONAL,
                Encryption::Optional,
            ),
            (
                "bob",
                "builder-3",
                MppePolicy {
                    stateful: Stateful::Allowed,
                    ..MppePolicy::OFF
                },
                Encryption::Off,
            ),
        ] {
            let decision = log_in(name.as_bytes(), password.as_bytes());
            let crate::aaa::Decision::Accept(grant) = decision else {
                panic!("{name} is not let in")
            };
            assert_eq!(grant.terms.group(), Some("legacy"));
            assert_eq!(grant.terms.mppe(), mppe);
            let policy = grant.authenticated.policy();
            assert_eq!((policy.encryption, policy.mss_max), (encryption, 1360));
        }
    }
}
