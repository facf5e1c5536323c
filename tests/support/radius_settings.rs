//! What a client of RADIUS is made from.

use std::net::SocketAddr;

use pns::aaa::radius::{Demand, Nas, ServerConfig, Service, Settings, Timing};
use pns::auth::Secret;

/// Seconds since 1970 when the clocks of tests begin.
pub(crate) const UNIX_AT_ZERO_S: u64 = 1_700_000_000;

/// A service of a server, in no way better than others.
pub(crate) fn server(
    name: &str,
    service: Service,
    address: SocketAddr,
    secret: &[u8],
) -> ServerConfig {
    ServerConfig {
        name: name.into(),
        service,
        address,
        secret: Secret::new(secret.to_vec()),
        priority: 1,
        weight: 1,
        group: None,
        dead_time: None,
        demand: Demand::Auto,
    }
}

/// A client of these.
pub(crate) fn settings(servers: Vec<ServerConfig>) -> Settings {
    Settings {
        servers,
        timing: Timing::default(),
        nas: Nas {
            host_name: "pns".into(),
            identifier: "vpn1".into(),
            address: None,
            eap_mtu: 1400,
        },
        pool: "default".into(),
        map: Vec::new(),
        unix_at_zero_s: UNIX_AT_ZERO_S,
    }
}
