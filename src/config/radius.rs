//! `[radius]` and `[[radius.server]]`: who else decides about log-ins, and who writes the bill
//! (RFC 2865, RFC 2866).

mod dynamic;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::address::host_address;
use super::error::{Fault, Report};
use super::shared_secret::{self, Sharer, ip_address};
use super::table::Table;
use super::words::{beside, name, one_of, path, printable};
use crate::aaa::radius::{Demand, Mapped, WORDS};
use crate::auth::Secret;
use crate::wire::radius::Type;
pub use dynamic::{DynamicClient, RadiusDynamic};

/// Most servers.
const SERVERS_MAX: usize = 32;

/// The servers, and how they are asked.
#[derive(Debug)]
pub struct Radius {
    /// In the order of the file.
    pub servers: Vec<RadiusServer>,
    /// NAS-Identifier; `None`: `server.host_name`.
    pub nas_identifier: Option<String>,
    /// NAS-IP-Address; `None`: the address that the client dialled.
    pub nas_address: Option<Ipv4Addr>,
    /// Whether names in `users.file` are decided about here.
    pub local_users_first: bool,
    /// Before the first repetition.
    pub timeout: Duration,
    /// A server silent for so long while it is asked is dead.
    pub dead_after: Duration,
    /// A dead server that answers no probe is asked again after this.
    pub dead_time: Duration,
    /// How often a dead server is probed; zero never.
    pub probe_interval: Duration,
    /// A log-in without an answer is refused after this.
    pub give_up: Duration,
    /// A second server is asked after this; zero only if the first fails.
    pub hedge: Duration,
    /// What attributes mean that the dictionary does not have.
    pub map: Vec<Mapped>,
    /// Who may ask about live calls.
    pub dynamic: RadiusDynamic,
}

/// One server.
pub struct RadiusServer {
    /// In tables, logs and verdicts.
    pub name: String,
    /// Where it decides; `None`: it writes bills only.
    pub authentication: Option<SocketAddr>,
    /// Where it writes bills; `None`: it decides only.
    pub accounting: Option<SocketAddr>,
    /// The file with the shared secret.
    pub secret_file: PathBuf,
    /// What is in it.
    pub secret: Secret,
    /// Lower numbers are asked first.
    pub priority: u8,
    /// Share among servers of one priority.
    pub weight: u16,
    /// The group, if it is asked only where that is named.
    pub group: Option<String>,
    /// How long it is left alone when it is dead, if not for `radius.dead_time_s`.
    pub dead_time: Option<Duration>,
    /// Whether its answers must have a Message-Authenticator.
    pub require_message_authenticator: Demand,
}

/// Everything but the secret.
impl std::fmt::Debug for RadiusServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RadiusServer")
            .field("name", &self.name)
            .field("authentication", &self.authentication)
            .field("accounting", &self.accounting)
            .field("secret_file", &self.secret_file)
            .field("group", &self.group)
            .field("dead_time", &self.dead_time)
            .finish_non_exhaustive()
    }
}

const DEMANDS: &[(&str, Demand)] = &[
    ("auto", Demand::Auto),
    ("always", Demand::Always),
    ("never", Demand::Never),
];
const FORMATS: &[(&str, Type)] = &[
    ("integer", Type::Integer),
    ("integer64", Type::Integer64),
    ("text", Type::Text),
    ("address", Type::Address),
];
/// Whether names in `users.file` are decided about there.
pub(super) const LOCAL_USERS: &[(&str, bool)] = &[("never", false), ("first", true)];

/// Reads the table; the secrets are left for [`read_secrets`].
pub(super) fn read(table: &mut Table<'_, '_>, config_file: &Path) -> Radius {
    let servers = table.sections("server", |server| read_server(server, config_file));
    if servers.len() > SERVERS_MAX {
        let problem = format!("are {} servers", servers.len());
        let cure = format!("write at most {SERVERS_MAX}");
        table.refuse("server", Fault::new(problem, cure));
    }
    let dynamic = table.section("dynamic", |table| dynamic::read(table, config_file));
    let map = table.sections("map", read_mapped);
    let milliseconds = Duration::from_millis;
    let local = table.parsed("local_users", one_of("a word for local users", LOCAL_USERS));
    Radius {
        servers: servers.into_iter().flatten().collect(),
        nas_identifier: table.parsed("nas_identifier", printable(253)),
        nas_address: table.parsed("nas_address", host_address),
        local_users_first: local.unwrap_or(false),
        timeout: milliseconds(table.number("timeout_ms", 1200, 100..=10_000)),
        dead_after: milliseconds(table.number("dead_after_ms", 2500, 500..=60_000)),
        dead_time: table.seconds("dead_time_s", 30, 1..=3_600),
        probe_interval: table.seconds("probe_interval_s", 5, 0..=3_600),
        give_up: table.seconds("give_up_s", 8, 1..=60),
        hedge: milliseconds(table.number("hedge_ms", 0, 0..=10_000)),
        map: map.into_iter().flatten().collect(),
        dynamic,
    }
}

fn read_server(table: &mut Table<'_, '_>, config_file: &Path) -> Option<RadiusServer> {
    let server_name = table.required("name", "name = \"radius1\"", name(32));
    let address = table.required("address", "address = \"10.0.0.5\"", ip_address);
    let port: u16 = table.number("port", 1812, 0..=65_535);
    let accounting_port: u16 = table.number("accounting_port", 1813, 0..=65_535);
    let secret_file = table.required(
        "secret_file",
        "secret_file = \"radius.secret\"",
        path("radius.secret"),
    );
    if port == 0 && accounting_port == 0 {
        let fault = Fault::new("and radius.server.port are both 0", "take the server out");
        table.refuse("accounting_port", fault);
    }
    let demand = one_of("a word for signed answers", DEMANDS);
    let demand = table.parsed("require_message_authenticator", demand);
    if demand == Some(Demand::Never) {
        let problem = "lets who stands between turn a refusal into an acceptance (CVE-2024-3596)";
        let cure = "write \"auto\", or better \"always\"";
        table.warn("require_message_authenticator", Fault::new(problem, cure));
    }
    let priority = table.number("priority", 1, 1..=255);
    let weight = table.number("weight", 1, 1..=1_000);
    let group = table.parsed("group", name(32));
    let dead_time_s = table.number_if_given("dead_time_s", 1..=3_600);
    let address = address?;
    let at = |port: u16| (port != 0).then(|| SocketAddr::new(address, port));
    Some(RadiusServer {
        name: server_name?,
        authentication: at(port),
        accounting: at(accounting_port),
        secret_file: beside(config_file, &secret_file?),
        secret: Secret::new(Vec::new()),
        priority,
        weight,
        group,
        dead_time: dead_time_s.map(Duration::from_secs),
        require_message_authenticator: demand.unwrap_or(Demand::Auto),
    })
}

fn read_mapped(table: &mut Table<'_, '_>) -> Option<Mapped> {
    let vendor = table.number("vendor", 0, 0..=16_777_215);
    let number = table.number_if_given("type", 1..=255);
    if number.is_none() && !table.has("type") {
        table.refuse_missing("type", "type = 2");
    }
    let format = one_of("a format of values", FORMATS);
    let kind = table.required("format", "format = \"integer\"", format);
    let meaning = one_of("a meaning", WORDS);
    let meaning = table.required("meaning", "meaning = \"rate_upstream_bps\"", meaning);
    let (number, kind, meaning) = (number?, kind?, meaning?);
    if Mapped::is_known(vendor, number) {
        let problem = format!("{number} of vendor {vendor} has a meaning already");
        let cure = "docs/radius-attributes.md says which; take the entry out";
        table.refuse("type", Fault::new(problem, cure));
    }
    Some(Mapped {
        vendor,
        number,
        kind,
        meaning,
    })
}

/// Fetches the secret of every server.
pub(super) fn read_secrets(
    radius: &mut Radius,
    report: &mut Report<'_>,
    read: &mut impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
) {
    dynamic::read_secrets(&mut radius.dynamic, report, read);
    let servers = radius.servers.iter_mut().map(|server| Sharer {
        name: &server.name,
        file: &server.secret_file,
        secret: &mut server.secret,
    });
    shared_secret::read_secrets("radius.server", servers, report, read);
}

#[cfg(test)]
mod tests;
