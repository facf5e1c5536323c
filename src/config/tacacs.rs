//! `[tacacs]` and `[[tacacs.server]]`: servers of TACACS+ that decide about log-ins and write the bill
//! (RFC 8907).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::error::{Fault, Report};
use super::group::Group;
use super::ppp::Ppp;
use super::radius::{LOCAL_USERS, Radius};
use super::shared_secret::{self, Sharer, ip_address};
use super::table::Table;
use super::words::{beside, name, one_of, path};
use crate::aaa::tacacs::Layer;
use crate::auth::Secret;
use crate::ppp::link::{Method, MppeRequirement};

/// Most servers.
const SERVERS_MAX: usize = 8;

/// The servers, and how they are asked.
#[derive(Debug)]
pub struct Tacacs {
    /// In the order in which they are asked.
    pub servers: Vec<TacacsServer>,
    /// Who logs in by one of these is asked about here.
    pub methods: Vec<Method>,
    /// What a log-in has to be granted.
    pub layers: Vec<Layer>,
    /// Whether the bill is written here.
    pub accounting: bool,
    /// Whether names in `users.file` are decided about there.
    pub local_users_first: bool,
    /// A server that does not answer is left alone for so long.
    pub dead_time: Duration,
    /// A log-in without an answer is refused after this.
    pub give_up: Duration,
    /// A connection that carries nothing is closed after this.
    pub idle: Duration,
}

/// One server.
pub struct TacacsServer {
    /// In tables, logs and verdicts.
    pub name: String,
    /// Where it listens (TCP).
    pub address: SocketAddr,
    /// The file with the shared secret.
    pub secret_file: PathBuf,
    /// What is in it.
    pub secret: Secret,
    /// The next server is asked after this.
    pub timeout: Duration,
    /// The group, if it is asked only where that is named.
    pub group: Option<String>,
}

/// Everything but the secret.
impl std::fmt::Debug for TacacsServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TacacsServer")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("secret_file", &self.secret_file)
            .finish_non_exhaustive()
    }
}

const LAYERS: &[(&str, Layer)] = &[("lcp", Layer::Lcp), ("ip", Layer::Ip)];
/// What TACACS+ can carry (RFC 8907 §5.4.2).
const METHODS: &[(&str, Method)] = &[
    ("mschapv2", Method::MsChapV2),
    ("mschapv1", Method::MsChapV1),
    ("chap-md5", Method::ChapMd5),
    ("pap", Method::Pap),
];

/// Reads the table; the secrets are left for [`read_secrets`].
pub(super) fn read(table: &mut Table<'_, '_>, config_file: &Path) -> Tacacs {
    let servers = table.sections("server", |server| read_server(server, config_file));
    if servers.len() > SERVERS_MAX {
        let problem = format!("are {} servers", servers.len());
        let cure = format!("write at most {SERVERS_MAX}");
        table.refuse("server", Fault::new(problem, cure));
    }
    let methods = table.list(
        "authentication",
        one_of("a method that TACACS+ can carry", METHODS),
    );
    let local = table.parsed("local_users", one_of("a word for local users", LOCAL_USERS));
    let layers = table.list("authorization", one_of("a layer", LAYERS));
    Tacacs {
        servers: servers.into_iter().flatten().collect(),
        methods: methods.unwrap_or_else(|| METHODS.iter().map(|(_, method)| *method).collect()),
        layers: layers.unwrap_or_else(|| vec![Layer::Lcp, Layer::Ip]),
        accounting: table.flag("accounting", true),
        local_users_first: local.unwrap_or(false),
        dead_time: table.seconds("dead_time_s", 30, 1..=3_600),
        give_up: table.seconds("give_up_s", 8, 1..=60),
        idle: table.seconds("idle_s", 60, 1..=3_600),
    }
}

fn read_server(table: &mut Table<'_, '_>, config_file: &Path) -> Option<TacacsServer> {
    let server_name = table.required("name", "name = \"tacacs1\"", name(32));
    let address = table.required("address", "address = \"10.0.0.6\"", ip_address);
    let port: u16 = table.number("port", 49, 1..=65_535);
    let secret_file = table.required(
        "secret_file",
        "secret_file = \"tacacs.secret\"",
        path("tacacs.secret"),
    );
    let group = table.parsed("group", name(32));
    let timeout_ms = table.number("timeout_ms", 2500, 100..=30_000);
    Some(TacacsServer {
        name: server_name?,
        address: SocketAddr::new(address?, port),
        secret_file: beside(config_file, &secret_file?),
        secret: Secret::new(Vec::new()),
        timeout: Duration::from_millis(timeout_ms),
        group,
    })
}

/// Fetches the secret of every server.
pub(super) fn read_secrets(
    tacacs: &mut Tacacs,
    report: &mut Report<'_>,
    read: &mut impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
) {
    let servers = tacacs.servers.iter_mut().map(|server| Sharer {
        name: &server.name,
        file: &server.secret_file,
        secret: &mut server.secret,
    });
    shared_secret::read_secrets("tacacs.server", servers, report, read);
}

/// What cannot work together with the rest.
pub(super) fn check(
    tacacs: &Tacacs,
    radius: &Radius,
    ppp: &Ppp,
    groups: &[Group],
    report: &mut Report<'_>,
) {
    if tacacs.servers.is_empty() {
        return;
    }
    let bills = radius
        .servers
        .iter()
        .any(|server| server.accounting.is_some());
    if tacacs.accounting && bills {
        let problem = "is true, and RADIUS servers write the bill, too";
        let cure = "write tacacs.accounting = false, or radius.server.accounting_port = 0";
        report.error("tacacs.accounting", Fault::new(problem, cure));
    }
    let mut policies = groups.iter().map(|group| group.mppe);
    let required = |requirement| requirement == MppeRequirement::Required;
    if !tacacs.methods.is_empty()
        && required(ppp.mppe.requirement)
        && policies.all(|mppe| required(mppe.requirement))
    {
        let problem = "decide about log-ins, but TACACS+ carries no keys, and encryption is required \
                       of everybody: nobody whom they decide about gets in";
        let cure = "write ppp.mppe.policy = \"optional\" (or the mppe of a group), or let RADIUS or \
                    users.file decide";
        report.warn("tacacs.server", Fault::new(problem, cure));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use crate::config::tests::of_servers;

    const OPTIONAL: &str = "[ppp.mppe]\npolicy = \"optional\"\n";
    const SERVER: &str =
        "[[tacacs.server]]\nname = \"one\"\naddress = \"10.0.0.6\"\nsecret_file = \"s\"\n";

    fn parse(text: &str) -> Result<Config, String> {
        of_servers(text, "a secret of thirty-two characters")
    }

    #[test]
    fn servers_alone_are_enough_and_have_the_port_of_the_rfc() {
        let config = parse(&format!("{OPTIONAL}{SERVER}")).expect("right");
        assert!(config.users.is_empty() && config.warnings.is_empty());
        let tacacs = &config.tacacs;
        assert_eq!(tacacs.servers[0].address, "10.0.0.6:49".parse().unwrap());
        assert_eq!(tacacs.layers, [Layer::Lcp, Layer::Ip]);
        assert_eq!(tacacs.methods.len(), 4);
        assert!(tacacs.accounting && !tacacs.local_users_first);
        assert!(
            !format!("{config:?}").contains("thirty-two"),
            "never printed"
        );
    }

    #[test]
    fn where_encryption_is_required_of_everybody_it_warns_that_nobody_gets_in() {
        let config = parse(SERVER).expect("right");
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings[0].contains("carries no keys"), "{warnings:?}");
        let group = "[group.old]\nauthentication = [\"pap\"]\nmppe = { policy = \"off\" }\n";
        let config = parse(&format!("{group}{SERVER}")).expect("right");
        let warned = config
            .warnings
            .iter()
            .any(|it| it.to_string().contains("keys, and"));
        assert!(!warned, "{:?}", config.warnings);
    }

    #[test]
    fn each_mistake_is_told_with_its_cure() {
        let radius =
            "[[radius.server]]\nname = \"r\"\naddress = \"10.0.0.5\"\nsecret_file = \"r\"\n";
        for (text, what) in [
            (
                format!("[tacacs]\nauthentication = [\"eap\"]\n{SERVER}"),
                "can carry",
            ),
            (
                format!("[tacacs]\nauthorization = [\"ipx\"]\n{SERVER}"),
                "lcp, ip",
            ),
            (format!("{SERVER}{SERVER}"), "already is a server"),
            (format!("{radius}{SERVER}"), "write the bill, too"),
            (format!("{SERVER}port = 0\n"), "1"),
            (format!("{SERVER}timeout = 3\n"), "timeout_ms"),
            ("[[tacacs.server]]\nname = \"x\"\n".to_owned(), "address"),
        ] {
            let errors = parse(&text).expect_err(what);
            assert!(errors.contains(what), "{what}: {errors}");
        }
    }
}
