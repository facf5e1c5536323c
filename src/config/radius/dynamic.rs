//! `[radius.dynamic]` and `[[radius.dynamic.client]]`: who may end and change live calls (RFC 5176).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Fault, Report, Table, beside, ip_address, path};
use crate::auth::Secret;
use crate::config::shared_secret::read_secret;

/// Most clients.
const CLIENTS_MAX: usize = 64;

/// Requests about live calls.
#[derive(Debug)]
pub struct RadiusDynamic {
    /// Where they are heard; nowhere without a client.
    pub address: SocketAddr,
    /// How far the time in a request may be from ours.
    pub window: Duration,
    /// Whether a request has to have a time.
    pub timestamp_required: bool,
    /// Nobody else is heard.
    pub clients: Vec<DynamicClient>,
}

/// One who may ask.
pub struct DynamicClient {
    /// Where it asks from.
    pub address: IpAddr,
    /// The file with the shared secret.
    pub secret_file: PathBuf,
    /// What is in it.
    pub secret: Secret,
}

/// Everything but the secret.
impl std::fmt::Debug for DynamicClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DynamicClient")
            .field("address", &self.address)
            .field("secret_file", &self.secret_file)
            .finish_non_exhaustive()
    }
}

/// Reads the table; the secrets are left for [`read_secrets`].
pub(super) fn read(table: &mut Table<'_, '_>, config_file: &Path) -> RadiusDynamic {
    let clients = table.sections("client", |client| read_client(client, config_file));
    if clients.len() > CLIENTS_MAX {
        let problem = format!("are {} clients", clients.len());
        let cure = format!("write at most {CLIENTS_MAX}");
        table.refuse("client", Fault::new(problem, cure));
    }
    let address = table.parsed("address", ip_address);
    let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let port = table.number("port", 3799, 1..=65_535);
    let timestamp_required = table.flag("require_event_timestamp", true);
    if !timestamp_required {
        let problem = "lets who has heard a request send it again later";
        let cure = "let the billing system send Event-Timestamp, and take the line out";
        table.warn("require_event_timestamp", Fault::new(problem, cure));
    }
    RadiusDynamic {
        address: SocketAddr::new(address, port),
        window: table.seconds("window_s", 300, 1..=3_600),
        timestamp_required,
        clients: clients.into_iter().flatten().collect(),
    }
}

fn read_client(table: &mut Table<'_, '_>, config_file: &Path) -> Option<DynamicClient> {
    let address = table.required("address", "address = \"10.0.0.5\"", ip_address);
    let example = "secret_file = \"radius.secret\"";
    let secret_file = table.required("secret_file", example, path("radius.secret"));
    Some(DynamicClient {
        address: address?,
        secret_file: beside(config_file, &secret_file?),
        secret: Secret::new(Vec::new()),
    })
}

/// Fetches the secret of every client, and checks addresses against each other.
pub(super) fn read_secrets(
    dynamic: &mut RadiusDynamic,
    report: &mut Report<'_>,
    read: &mut impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
) {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for (index, client) in dynamic.clients.iter_mut().enumerate() {
        let place = |key: &str| format!("radius.dynamic.client[{index}].{key}");
        if addresses.contains(&client.address) {
            let problem = format!("{} already is a client", client.address);
            let cure = "write each address once";
            report.error(&place("address"), Fault::new(problem, cure));
        }
        addresses.push(client.address);
        let place = place("secret_file");
        if let Some(secret) = read_secret(&client.secret_file, &place, report, read) {
            client.secret = secret;
        }
    }
}
