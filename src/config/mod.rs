//! A TOML file becomes a validated [`Config`], or an error that says what would be right.
//!
//! One file per table. Reading never stops at the first mistake: every table reports what it can
//! ([`ConfigErrors`]), unknown keys are refused with the nearest known one, and a file with any
//! error is refused whole. The result is immutable; a later configuration replaces it whole.

mod accounting;
mod address;
mod admin;
mod changes;
mod chap_secrets;
mod checks;
mod dpdk;
mod error;
mod explain;
mod forwarding;
mod gre;
mod group;
mod listener;
mod load;
mod log;
mod machine;
mod memory;
mod outage;
mod peer;
mod peer_login;
mod pool;
mod port;
mod ppp;
mod radius;
mod realm;
mod server;
mod sessions;
mod shared_secret;
mod table;
mod tacacs;
mod user_policy;
mod users;
mod words;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use accounting::Accounting;
pub use address::{Ipv4Prefix, Ipv4Range};
pub use admin::{Admin, DEFAULT_SOCKET};
pub use changes::Changes;
pub use dpdk::{Dpdk, Memory};
pub use error::{ConfigError, ConfigErrors, Fault};
pub use explain::Explain;
pub use forwarding::{Forwarding, MssClamp};
pub use gre::{Gre, GreSource, SendWindow};
pub use group::Group;
pub use listener::Listener;
pub use load::UsersFileMode;
pub use log::{Log, LogFormat, LogLevel};
pub use machine::{Finding, Severity, descriptors_wanted, machine_check, machine_found};
pub use memory::{MemoryNeed, memory_needed};
pub use outage::{Outage, OutagePolicy};
pub use peer::{Bearer, Direction, Peer};
pub use peer_login::PeerLogin;
pub use pool::{Pool, Reservation};
pub use port::{Device, Port, Route, Side};
pub use ppp::{AddressPolicy, Authentication, Ipcp, Ipv6cp, Ipv6cpPolicy, Ppp};
pub use radius::{DynamicClient, Radius, RadiusDynamic, RadiusServer};
pub use realm::Realm;
pub use server::{CALL_IDS_PER_ADDRESS, Framing, Server};
pub use sessions::Sessions;
pub use tacacs::{Tacacs, TacacsServer};
pub use users::{
    User, Users, check_users_text, mode_fault as secret_mode_fault, read_chap_secrets,
};
pub use workers::{Placement, Punt, Workers};

use error::{Findings, Report};
use table::{Table, read_document};

/// Everything an operator decides, checked. Its `Debug` shows no secret.
#[derive(Debug)]
pub struct Config {
    /// The file that it was read from; empty if from none.
    pub file: PathBuf,
    /// `[server]`.
    pub server: Server,
    /// `[[listener]]`, in the order of the file.
    pub listeners: Vec<Listener>,
    /// `[dpdk]`.
    pub dpdk: Dpdk,
    /// `[[port]]`, in the order of the file.
    pub ports: Vec<Port>,
    /// `[workers]`.
    pub workers: Workers,
    /// `[[pool]]`, in the order of the file.
    pub pools: Vec<Pool>,
    /// `[[peer]]`, in the order of the file.
    pub peers: Vec<Peer>,
    /// `[ppp]`.
    pub ppp: Ppp,
    /// `[group.NAME]`, by their names.
    pub groups: Vec<Group>,
    /// `[users]` and the file it names.
    pub users: Users,
    /// `[sessions]`.
    pub sessions: Sessions,
    /// `[[realm]]`, in the order of the file.
    pub realms: Vec<Realm>,
    /// `[radius]`.
    pub radius: Radius,
    /// `[accounting]`.
    pub accounting: Accounting,
    /// `[tacacs]`.
    pub tacacs: Tacacs,
    /// `[outage]`.
    pub outage: Outage,
    /// `[forwarding]`.
    pub forwarding: Forwarding,
    /// `[gre]`.
    pub gre: Gre,
    /// `[admin]`.
    pub admin: Admin,
    /// `[log]`.
    pub log: Log,
    /// `[explain]`.
    pub explain: Explain,
    /// What is legal and probably not meant, in the order of the files.
    pub warnings: Vec<ConfigError>,
}

impl Config {
    /// Understands `text`, called `file` in messages; `read_secret` supplies the text of the users file
    /// and of files with a password or a secret. Pure but for what `read_secret` does.
    ///
    /// # Errors
    /// Everything wrong with any text.
    pub fn parse(
        text: &str,
        file: &str,
        mut read_secret: impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
    ) -> Result<Self, ConfigErrors> {
        let mut report = Report::new(file, text);
        let Some(mut draft) = read_document(&mut report, text, |table| Draft::read(table, file))
        else {
            return Err(ConfigErrors(report.finish().errors));
        };
        checks::check(&draft.tables(), &mut report);
        draft.read_passwords(&mut report, &mut read_secret);
        radius::read_secrets(&mut draft.radius, &mut report, &mut read_secret);
        tacacs::read_secrets(&mut draft.tacacs, &mut report, &mut read_secret);
        let (ppp, groups) = (&draft.ppp, &draft.groups);
        tacacs::check(&draft.tacacs, &draft.radius, ppp, groups, &mut report);
        let (users, of_users) = draft.read_users(&mut report, read_secret);
        let Findings {
            mut errors,
            mut warnings,
            ..
        } = report.finish();
        errors.extend(of_users.errors);
        warnings.extend(of_users.warnings);
        match users {
            Some(users) if errors.is_empty() => Ok(draft.into_config(users, warnings)),
            _ => Err(ConfigErrors(errors)),
        }
    }

    /// How many calls may keep a history of MPPC: none if nobody may compress.
    #[must_use]
    pub fn mppc_calls_max(&self) -> usize {
        let groups = self.groups.iter().map(|group| group.mppe.compression);
        let users = self.users.iter().filter_map(|user| user.mppe.compression);
        let compresses = self.ppp.mppe.compression || groups.chain(users).any(|allowed| allowed);
        if compresses {
            self.ppp.mppc_calls_max
        } else {
            0
        }
    }

    /// The pool of this name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    /// The group whose policy holds for who comes in by this address.
    #[must_use]
    pub fn group_at(&self, address: Ipv4Addr) -> Option<&str> {
        let mut listeners = self.listeners.iter();
        let listener = listeners.find(|listener| listener.address == address)?;
        listener.group.as_deref()
    }

    /// Name field of our Challenge (RFC 2759 §3).
    #[must_use]
    pub fn challenge_name(&self) -> &str {
        self.ppp
            .authentication
            .challenge_name
            .as_deref()
            .unwrap_or(&self.server.host_name)
    }
}

/// Every key that a configuration file may have (`ppp.mppe.policy`), and every key that a users
/// file may have (`user.name`): what the documentation must explain.
#[must_use]
pub fn accepted_keys() -> BTreeSet<String> {
    // Tables in lists are only visited if they are there, and what is missing in them does not
    // stop the reading.
    let text = "[[port]]\nroutes = [{}]\n[[pool]]\nreservations = [{}]\n[[peer]]\n[[realm]]\n[[listener]]\n\
                [group.NAME]\n[[radius.server]]\n[[tacacs.server]]\n\
                [[radius.map]]\n[[radius.dynamic.client]]\n";
    let mut report = Report::new("", text);
    read_document(&mut report, text, |table| Draft::read(table, ""));
    let mut keys = report.finish().asked;
    let text = "[[user]]\n";
    let mut report = Report::new("", text);
    users::read_file(&mut report, text);
    keys.append(&mut report.finish().asked);
    keys
}

/// The tables as far as they could be read; those in lists with their index in the file.
struct Draft {
    server: Server,
    listeners: checks::Indexed<Listener>,
    dpdk: Dpdk,
    ports: checks::Indexed<Port>,
    workers: Workers,
    pools: checks::Indexed<Pool>,
    peers: checks::Indexed<Peer>,
    ppp: Ppp,
    groups: Vec<Group>,
    users: Option<users::Section>,
    sessions: Sessions,
    realms: checks::Indexed<Realm>,
    radius: Radius,
    accounting: Accounting,
    tacacs: Tacacs,
    outage: Outage,
    forwarding: Forwarding,
    gre: Gre,
    admin: Admin,
    log: Log,
    explain: Explain,
}

impl Draft {
    fn read(table: &mut Table<'_, '_>, file: &str) -> Self {
        fn indexed<T>(values: Vec<Option<T>>) -> checks::Indexed<T> {
            let values = values.into_iter().enumerate();
            values
                .filter_map(|(index, value)| Some((index, value?)))
                .collect()
        }
        let has_listeners = table.has("listener");
        let mut server = table.section("server", |it| server::read(it, has_listeners));
        let listeners = indexed(table.sections("listener", listener::read));
        let ppp = table.section("ppp", ppp::read);
        let sessions = table.section("sessions", sessions::read);
        let outage = table.section("outage", outage::read);
        let groups = table.named("group", |name, group| {
            group::read(name, group, &ppp, (&sessions.limits, outage.policy))
        });
        server
            .listen
            .extend(listeners.iter().map(|(_, listener)| listener.address));
        let radius = table.section("radius", |it| radius::read(it, Path::new(file)));
        let tacacs = table.section("tacacs", |it| tacacs::read(it, Path::new(file)));
        let alone = radius.servers.is_empty() && tacacs.servers.is_empty();
        Self {
            server,
            listeners,
            dpdk: table.section("dpdk", dpdk::read),
            ports: indexed(table.sections("port", port::read)),
            workers: table.section("workers", workers::read),
            pools: indexed(table.sections("pool", pool::read)),
            peers: indexed(table.sections("peer", |it| peer::read(it, Path::new(file)))),
            ppp,
            groups: groups.into_iter().flatten().collect(),
            users: table.section("users", |it| {
                users::read_section(it, Path::new(file), alone)
            }),
            sessions,
            realms: indexed(table.sections("realm", realm::read)),
            radius,
            accounting: table.section("accounting", |it| accounting::read(it, Path::new(file))),
            tacacs,
            outage,
            forwarding: table.section("forwarding", forwarding::read),
            gre: table.section("gre", gre::read),
            admin: table.section("admin", admin::read),
            log: table.section("log", log::read),
            explain: table.section("explain", explain::read),
        }
    }

    fn tables(&self) -> checks::Tables<'_> {
        checks::Tables {
            server: &self.server,
            listeners: &self.listeners,
            dpdk: &self.dpdk,
            ports: &self.ports,
            workers: &self.workers,
            pools: &self.pools,
            peers: &self.peers,
            ppp: &self.ppp,
            groups: &self.groups,
            realms: &self.realms,
            radius: &self.radius,
            tacacs: &self.tacacs,
        }
    }

    /// Our passwords at the peers that we call.
    fn read_passwords(
        &mut self,
        report: &mut Report<'_>,
        read: &mut impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
    ) {
        for (index, peer) in &mut self.peers {
            let Some(login) = &mut peer.login else {
                continue;
            };
            if let Err(fault) = login.read_password(&mut *read) {
                report.error(&format!("peer[{index}].password_file"), fault);
            }
        }
    }

    fn read_users(
        &self,
        report: &mut Report<'_>,
        mut read: impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
    ) -> (Option<Users>, Findings) {
        let mut findings = Findings::default();
        let Some(section) = &self.users else {
            return (None, findings);
        };
        let tables = self.tables();
        let known = checks::Known {
            pools: !report.is_wrong("pool"),
            groups: !report.is_wrong("group"),
        };
        let files = [
            ("users.file", &section.file),
            ("users.chap_secrets", &section.chap_secrets),
        ];
        let mut all = users::Gathered::new(section.names, tables.need_clear_passwords());
        for (key, file) in files {
            let Some(file) = file else { continue };
            let text = match read(file) {
                Ok(text) => text,
                Err(fault) => {
                    report.error(key, fault);
                    return (None, findings);
                }
            };
            let mut of_file = Report::new(file.display().to_string(), &text);
            let users = if key == "users.file" {
                users::read_file(&mut of_file, &text)
            } else {
                chap_secrets::read(&mut of_file, &text, self.challenge_name())
            };
            if users.is_empty() {
                of_file.warn("", Fault::new("has no user", "nobody can log in by it"));
            }
            all.add(users, &mut of_file, |user| tables.check_user(user, known));
            findings.extend(of_file.finish());
        }
        let users = all.finish(section);
        tables.check_clear_passwords(&users, report);
        (Some(users), findings)
    }

    /// Name field of our Challenge, and what the server column of `chap-secrets` has to name.
    fn challenge_name(&self) -> &str {
        let name = self.ppp.authentication.challenge_name.as_deref();
        name.unwrap_or(&self.server.host_name)
    }

    fn into_config(self, users: Users, warnings: Vec<ConfigError>) -> Config {
        Config {
            file: PathBuf::new(),
            server: self.server,
            listeners: self.listeners.into_iter().map(|(_, it)| it).collect(),
            dpdk: self.dpdk,
            ports: self.ports.into_iter().map(|(_, port)| port).collect(),
            workers: self.workers,
            pools: self.pools.into_iter().map(|(_, pool)| pool).collect(),
            peers: self.peers.into_iter().map(|(_, peer)| peer).collect(),
            ppp: self.ppp,
            groups: self.groups,
            users,
            sessions: self.sessions,
            realms: self.realms.into_iter().map(|(_, realm)| realm).collect(),
            radius: self.radius,
            accounting: self.accounting,
            tacacs: self.tacacs,
            outage: self.outage,
            forwarding: self.forwarding,
            gre: self.gre,
            admin: self.admin,
            log: self.log,
            explain: self.explain,
            warnings,
        }
    }
}
