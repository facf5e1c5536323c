//! How the server of these tests is configured, and its surroundings.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use pns::aaa::{
    Access, EapMethod, LocalUser, LocalUsers, NameRules, NameServers, PoolConfig, Pools, Standing,
};
use pns::auth::{NtHash, Secret};
use pns::dataplane::{GreConfig, GreSource, PortConfig, PuntLimits, Side, WorkerConfig};
use pns::flow::BucketTable;
use pns::ppp::link::LinkConfig;
use pns::pptp::ControlConfig;
use pns::routing::Prefix;
use pns::routing::snapshot::{Snapshot, Target};
use pns::session::admission::AdmissionLimits;
use pns::session::{Capacity, Listener, SessionConfig, SessionPolicy, Sessions};

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const NETWORK_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
pub(crate) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 9, 1];
pub(crate) const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 9, 2];
pub(crate) const PORT_MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
pub(crate) const ACCESS: usize = 0;
pub(crate) const NETWORK: usize = 1;
pub(crate) const WORKERS: u8 = 3;
pub(crate) const POOL_FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
pub(crate) const POOL_LAST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 199);

/// A server's addresses.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) server: Ipv4Addr,
    pub(crate) network_address: Ipv4Addr,
    pub(crate) host: Ipv4Addr,
    pub(crate) gateway: Ipv4Addr,
    pub(crate) pool: [Ipv4Addr; 2],
}

impl Site {
    /// Of all worlds with one server.
    pub(crate) const FIRST: Self = Self {
        server: SERVER,
        network_address: NETWORK_ADDRESS,
        host: HOST,
        gateway: Ipv4Addr::new(10, 77, 0, 1),
        pool: [POOL_FIRST, POOL_LAST],
    };
    /// The network that the host is on.
    pub(crate) fn network(&self) -> Prefix {
        Prefix::new(self.network_address, 24).unwrap()
    }
}

/// Who logs in from the network of the first site.
pub(crate) const FIRST_SITE: (&str, &str) = ("first-site", "between-sites-1");

/// What differs between tests.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    /// Where it stands.
    pub(crate) site: Site,
    pub(crate) client_to_client: bool,
    /// Flows of one worker.
    pub(crate) flows: u32,
    pub(crate) seed: u64,
    /// Where GRE may come from.
    pub(crate) source: GreSource,
    /// How the names of clients are looked for.
    pub(crate) names: NameRules,
    /// What else is different, last of all.
    pub(crate) adjust: fn(&mut SessionConfig),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            site: Site::FIRST,
            client_to_client: false,
            flows: 64,
            seed: 1,
            source: GreSource::Strict,
            names: NameRules::default(),
            adjust: |_| {},
        }
    }
}

/// The kernel's routes; `own` are addresses that peers assigned.
pub(crate) fn routes(site: Site, own: &[Ipv4Addr]) -> Snapshot {
    let prefix = |text: &str, length| Prefix::new(text.parse().unwrap(), length).unwrap();
    let mut builder = Snapshot::builder()
        .port(0, PORT_MACS[ACCESS], 1500)
        .port(1, PORT_MACS[NETWORK], 1500)
        .local_address(site.server)
        .local_address(site.network_address)
        .on_link(prefix("198.51.100.0", 24), 0)
        .on_link(site.network(), 1)
        .target(Prefix::new(site.gateway, 24).unwrap(), Target::Kernel)
        .neighbour(1, site.host, HOST_MAC);
    let others = (1..=254).map(|last| Ipv4Addr::new(198, 51, 100, last));
    for other in others.filter(|other| *other != site.server) {
        builder = builder.neighbour(0, other, CLIENT_MAC);
    }
    let builder = own
        .iter()
        .fold(builder, |builder, address| builder.local_address(*address));
    builder.build()
}

/// Who may log in.
fn users() -> Vec<LocalUser> {
    let user = |name: &str, password: &str| LocalUser {
        password: Some(Secret::from(password.to_owned())),
        ..LocalUser::new(name, NtHash::from_password(password), "default")
    };
    let (name, password) = FIRST_SITE;
    let first_site = LocalUser {
        networks: Arc::new([Site::FIRST.network()]),
        ..user(name, password)
    };
    let longest = "x".repeat(253);
    vec![
        user("alice", "wonderland-7"),
        user("bob", "builder-3"),
        user("zoë", "wonderland-7"),
        user(&longest, "wonderland-7"),
        LocalUser {
            standing: Standing::Disabled,
            ..user("carol", "wonderland-7")
        },
        first_site,
    ]
}

pub(crate) fn sessions(setup: Setup) -> (Sessions, LocalUsers) {
    let range = setup.site.pool[0]..=setup.site.pool[1];
    let pool = PoolConfig::new("default", vec![range], setup.site.gateway);
    let listener = Listener {
        address: setup.site.server,
        link: Arc::default(),
        access: Arc::default(),
    };
    let mut config = SessionConfig {
        listeners: vec![listener],
        control: Arc::new(ControlConfig::default()),
        peers: Vec::new(),
        limits: AdmissionLimits {
            control_connections_max: 256,
            control_connections_per_source_max: 128,
            half_open_max: 256,
            calls_max: 256,
            calls_per_source_max: 128,
        },
        setup_timeout: Duration::from_secs(30),
        mtu_max: 1500,
        mppc_calls_max: 1,
        name_servers: NameServers::default(),
        policy: SessionPolicy::default(),
    };
    (setup.adjust)(&mut config);
    for listener in &mut config.listeners {
        listener.access = Arc::new(Access {
            methods: listener.link.methods.clone(),
            eap_methods: vec![EapMethod::MsChapV2, EapMethod::Md5],
            mppe: listener.link.mppe,
            client_to_client: setup.client_to_client,
            mss_max: 1360,
            ..Access::default()
        });
    }
    let mut state = setup.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let entropy = move |buffer: &mut [u8]| {
        for byte in buffer {
            *byte = (random(&mut state) >> 32) as u8;
        }
    };
    let sessions = Sessions::new(
        config,
        Arc::new(BucketTable::new(WORKERS)),
        Pools::new(&[pool], []),
        Capacity {
            connections: 256,
            calls: 256,
        },
        Box::new(entropy),
    );
    (sessions, LocalUsers::new(users()).with_names(setup.names))
}

/// The settings of the links of a server with one address.
pub(crate) fn link_of(config: &mut SessionConfig) -> &mut LinkConfig {
    Arc::make_mut(&mut config.listeners[0].link)
}

/// The next number of a xorshift generator.
pub(crate) fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

pub(crate) fn worker_config(index: u8, setup: Setup) -> WorkerConfig {
    let port = |place: usize, side, address| PortConfig {
        mac: PORT_MACS[place],
        vlan: None,
        side,
        address: Some(address),
    };
    WorkerConfig {
        index,
        ports: vec![
            port(ACCESS, Side::Access, setup.site.server),
            port(NETWORK, Side::Network, setup.site.network_address),
        ],
        listen: vec![setup.site.server],
        punt: PuntLimits::default(),
        gre: GreConfig {
            source: setup.source,
            ..GreConfig::default()
        },
        ..WorkerConfig::default()
    }
}
