//! From the configuration to the client of RADIUS.

use std::time::Duration;

use super::entropy::Entropy;
use crate::aaa::radius::{Client, Nas, ServerConfig, Service, Settings, Timing};
use crate::config::{Config, RadiusServer};

/// The client of RADIUS, if there are servers to ask.
pub(super) fn client(config: &Config) -> Option<Client> {
    let radius = &config.radius;
    let some = |time: Duration| (!time.is_zero()).then_some(time);
    let servers: Vec<_> = radius.servers.iter().flat_map(services).collect();
    if servers.is_empty() {
        return None;
    }
    let nas_identifier = radius.nas_identifier.as_ref();
    let settings = Settings {
        servers,
        timing: Timing {
            timeout: radius.timeout,
            dead_after: radius.dead_after,
            dead_time: radius.dead_time,
            probe_interval: some(radius.probe_interval),
            give_up: radius.give_up,
            hedge: some(radius.hedge),
            ..Timing::default()
        },
        nas: Nas {
            identifier: nas_identifier
                .unwrap_or(&config.server.host_name)
                .as_str()
                .into(),
            address: radius.nas_address,
            eap_mtu: config.ppp.mru,
        },
        pool: config.ppp.ipcp.pool.as_str().into(),
    };
    Some(Client::new(settings, Box::new(Entropy::new().into_fill())))
}

fn services(server: &RadiusServer) -> impl Iterator<Item = ServerConfig> {
    let services = [
        (Service::Authentication, server.authentication),
        (Service::Accounting, server.accounting),
    ];
    services.into_iter().filter_map(|(service, address)| {
        Some(ServerConfig {
            name: server.name.as_str().into(),
            service,
            address: address?,
            secret: server.secret.duplicate(),
            priority: server.priority,
            weight: server.weight,
            demand: server.require_message_authenticator,
        })
    })
}
