//! From the configuration to the client of RADIUS.

use std::time::{Duration, SystemTime};

use super::entropy::Entropy;
use crate::aaa::radius::dynamic::{self, Dynamic, DynamicClient};
use crate::aaa::radius::{Client, Nas, ServerConfig, Service, Settings, Timing};
use crate::clock::Timestamp;
use crate::config::{self, Config, RadiusServer};

/// The client of RADIUS, if there are servers to ask.
pub(super) fn client(config: &Config, now: Timestamp) -> Option<Client> {
    let radius = &config.radius;
    let some = |time: Duration| (!time.is_zero()).then_some(time);
    let servers: Vec<_> = radius.servers.iter().flat_map(services).collect();
    if servers.is_empty() {
        return None;
    }
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
            host_name: config.server.host_name.as_str().into(),
            identifier: nas_identifier(config).into(),
            address: radius.nas_address,
            eap_mtu: config.ppp.mru,
        },
        pool: config.ppp.ipcp.pool.as_str().into(),
        map: radius.map.clone(),
        unix_at_zero_s: unix_at_zero(now).as_secs(),
    };
    Some(Client::new(settings, Box::new(Entropy::new().into_fill())))
}

/// Who is heard about live calls, if anybody is.
pub(super) fn dynamic(config: &Config, now: Timestamp) -> Option<Dynamic> {
    let dynamic = &config.radius.dynamic;
    let client = |client: &config::DynamicClient| DynamicClient {
        address: client.address,
        secret: client.secret.duplicate(),
    };
    let clients: Vec<_> = dynamic.clients.iter().map(client).collect();
    let addresses = config
        .radius
        .nas_address
        .map_or_else(|| config.server.listen.clone(), |address| vec![address]);
    (!clients.is_empty()).then(|| {
        Dynamic::new(dynamic::Settings {
            clients,
            window: dynamic.window,
            timestamp_required: dynamic.timestamp_required,
            identifier: nas_identifier(config).into(),
            addresses,
            map: config.radius.map.clone(),
            unix_at_zero_s: unix_at_zero(now).as_secs(),
        })
    })
}

fn nas_identifier(config: &Config) -> &str {
    let own = config.radius.nas_identifier.as_ref();
    own.unwrap_or(&config.server.host_name)
}

/// From 1970 to [`Timestamp::ZERO`].
pub(super) fn unix_at_zero(now: Timestamp) -> Duration {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let unix = unix.unwrap_or_default();
    unix.saturating_sub(now.since(Timestamp::ZERO))
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
            group: server.group.as_deref().map(Into::into),
            dead_time: server.dead_time,
            demand: server.require_message_authenticator,
        })
    })
}
