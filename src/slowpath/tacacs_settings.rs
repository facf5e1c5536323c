//! From the configuration to the client of TACACS+.

use super::entropy::Entropy;
use super::log_ins::TacacsLogIns;
use crate::aaa::tacacs::{Client, ServerConfig, Settings, Timing};
use crate::config::{Config, TacacsServer};

/// The client of TACACS+, if there are servers to ask.
#[must_use]
pub fn log_ins(config: &Config) -> Option<TacacsLogIns> {
    let tacacs = &config.tacacs;
    if tacacs.servers.is_empty() {
        return None;
    }
    let settings = Settings {
        servers: tacacs.servers.iter().map(server).collect(),
        timing: Timing {
            dead_time: tacacs.dead_time,
            give_up: tacacs.give_up,
            idle: tacacs.idle,
            ..Timing::default()
        },
        layers: tacacs.layers.clone(),
        pool: config.ppp.ipcp.pool.as_str().into(),
    };
    let client = Client::new(settings, Box::new(Entropy::new().into_fill()));
    let methods = tacacs.methods.clone();
    let (local_first, bills) = (tacacs.local_users_first, tacacs.accounting);
    Some(TacacsLogIns::new(client, methods, local_first, bills))
}

fn server(server: &TacacsServer) -> ServerConfig {
    ServerConfig {
        name: server.name.as_str().into(),
        address: server.address,
        secret: server.secret.duplicate(),
        timeout: server.timeout,
        group: server.group.as_deref().map(Into::into),
    }
}
