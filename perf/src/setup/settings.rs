//! How the server of the set-up scenarios is configured, and who its clients are.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use pns::aaa::{Access, LocalUser, LocalUsers, NameServers, PoolConfig, Pools};
use pns::dataplane::WorkerStats;
use pns::flow::BucketTable;
use pns::flow::counters::counter_arena;
use pns::flow::ring::{RingCapacities, WorkerEnds, rings};
use pns::ppp::link::LinkConfig;
use pns::pptp::ControlConfig;
use pns::routing::directory::directory;
use pns::session::admission::AdmissionLimits;
use pns::session::{Capacity, Listener, SessionConfig, SessionPolicy, Sessions};
use pns::slowpath::control_plane::ControlPlane;
use pns::slowpath::entropy::Entropy;
use pns::slowpath::worker_link::WorkerLink;

use crate::drive::client::User;

/// Clients that dial one address; each has a Call ID of ours there.
pub(crate) const CLIENTS_PER_ADDRESS: usize = 50_000;
/// Workers of the server.
pub(crate) const WORKERS: u8 = 2;
/// The first client's outer address.
const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
/// The first address that is leased.
const LEASES: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 2);

/// Which of the listening addresses a client dials.
pub(crate) fn local_of(client: usize) -> u16 {
    (client / CLIENTS_PER_ADDRESS) as u16
}

/// The address that a client dials.
pub(crate) fn listen_address(client: usize) -> Ipv4Addr {
    plus(
        Ipv4Addr::new(198, 51, 100, 1),
        usize::from(local_of(client)),
    )
}

/// Where a client dials from.
pub(crate) fn client_address(client: usize) -> Ipv4Addr {
    plus(CLIENTS, client)
}

/// The client that dials from there.
pub(crate) fn client_number(address: Ipv4Addr) -> usize {
    (address.to_bits() - CLIENTS.to_bits()) as usize
}

/// The control plane of a server for exactly `calls` calls, and the workers' ends of its rings.
pub(crate) fn control_plane(calls: usize) -> (ControlPlane, Vec<WorkerEnds>) {
    let range = LEASES..=plus(LEASES, calls - 1);
    let pool = PoolConfig::new("default", vec![range], Ipv4Addr::new(100, 64, 0, 1));
    let (writer, _owners) = directory(&pool.ranges);
    let sessions = Sessions::new(
        session_config(calls),
        Arc::new(BucketTable::new(WORKERS)),
        Pools::new(&[pool], []),
        Capacity {
            connections: calls,
            calls,
        },
        Box::new(Entropy::new().into_fill()),
    );
    let (mut links, mut ends) = (Vec::new(), Vec::new());
    for index in 0..WORKERS {
        let (slow_path, worker) = rings(RingCapacities::default());
        let counters = counter_arena(0);
        let stats = Arc::new(WorkerStats::default());
        links.push(WorkerLink::new(index, slow_path, counters, stats, None));
        ends.push(worker);
    }
    let users = allocation_free(|| local_users(calls));
    (ControlPlane::new(sessions, users, links, writer), ends)
}

/// Users are configuration, not calls.
fn allocation_free<T>(make: impl FnOnce() -> T) -> T {
    let mut made = None;
    allocation_counter::opt_out(|| made = Some(make()));
    #[expect(clippy::unwrap_used, reason = "the closure has run")]
    made.unwrap()
}

fn local_users(count: usize) -> LocalUsers {
    let user = |number| {
        let user = User::numbered(number);
        LocalUser::new(&user.name, user.nt_hash, "default")
    };
    LocalUsers::new((0..count).map(user))
}

fn session_config(calls: usize) -> SessionConfig {
    SessionConfig {
        mppc_calls_max: 0,
        listeners: (0..calls)
            .step_by(CLIENTS_PER_ADDRESS)
            .map(listener)
            .collect(),
        control: Arc::new(ControlConfig::default()),
        peers: Vec::new(),
        limits: AdmissionLimits {
            control_connections_max: calls,
            control_connections_per_source_max: 64,
            half_open_max: calls,
            calls_max: calls,
            calls_per_source_max: 64,
        },
        setup_timeout: Duration::from_secs(30),
        mtu_max: 1500,
        name_servers: NameServers::default(),
        policy: SessionPolicy::default(),
    }
}

/// Encryption is required, which is the default.
fn listener(client: usize) -> Listener {
    let link = LinkConfig::default();
    let access = Access {
        methods: link.methods.clone(),
        mppe: link.mppe,
        mss_max: 1360,
        ..Access::default()
    };
    Listener {
        address: listen_address(client),
        link: Arc::new(link),
        access: Arc::new(access),
    }
}

fn plus(address: Ipv4Addr, offset: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits().wrapping_add(offset as u32))
}
