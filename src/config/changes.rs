//! What a configuration that takes the place of another one changes, and what of that a running server
//! can take over.

use std::collections::BTreeMap;

use super::{Config, Pool, User};
use crate::auth::Secret;

/// The difference of two configurations, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What holds for calls from now on: `users: 1 added (bob)`.
    pub applied: Vec<String>,
    /// The tables and keys that wait for a restart.
    pub restart: Vec<String>,
    /// Whether what is kept for outages may stay: nothing is said of them that was not said before.
    pub keeps_outages: bool,
}

/// Names that a list shows; the others are counted.
const NAMES_MAX: usize = 5;

impl Changes {
    /// From `old` to `new`.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        let mut changes = Self::default();
        let users = by_name(old.users.iter(), new.users.iter(), |user| &user.name);
        changes
            .applied
            .extend(users.describe("users", User::is_like));
        let groups = by_name(&old.groups, &new.groups, |group| &group.name);
        changes
            .applied
            .extend(groups.describe("groups", PartialEq::eq));
        changes.note("ppp", old.ppp == new.ppp);
        changes.note("sessions", old.sessions == new.sessions);
        changes.note("realms", old.realms == new.realms);
        changes.note("listener.group", old.listeners == new.listeners);
        changes.note("server", old.server == new.server);
        changes.note("forwarding", old.forwarding == new.forwarding);
        changes.note("outage", old.outage == new.outage);
        let of_groups = |config: &Config| -> Vec<_> {
            let groups = config.groups.iter();
            groups
                .map(|group| (group.name.clone(), group.outage))
                .collect()
        };
        changes.keeps_outages = old.outage == new.outage && of_groups(old) == of_groups(new);
        changes.note("explain", old.explain == new.explain);
        let pools = by_name(&old.pools, &new.pools, |pool| &pool.name);
        let same = |was: &Pool, is: &Pool| {
            let of = |it: &Pool| (it.next.clone(), it.sticky, it.reservations.clone());
            of(was) == of(is)
        };
        changes.applied.extend(pools.describe("pools", same));
        changes
            .applied
            .extend(secrets("RADIUS", of_radius, old, new));
        changes
            .applied
            .extend(secrets("TACACS+", of_tacacs, old, new));
        changes.restart = restart(old, new);
        changes
    }

    fn note(&mut self, what: &str, same: bool) {
        if !same {
            self.applied.push(format!("{what}: changed"));
        }
    }

    /// One sentence.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = if self.applied.is_empty() {
            "nothing changed that a running server takes over".to_owned()
        } else {
            format!("in force for new calls: {}", self.applied.join("; "))
        };
        if !self.restart.is_empty() {
            text.push_str("; waits for a restart: ");
            text.push_str(&self.restart.join(", "));
        }
        text
    }
}

/// With whom a secret is shared, and which.
type Shared = Vec<(String, Secret)>;

fn of_radius(config: &Config) -> Shared {
    let servers = config.radius.servers.iter();
    let servers = servers.map(|it| (it.name.clone(), it.secret.duplicate()));
    let clients = config.radius.dynamic.clients.iter();
    let clients = clients.map(|it| (it.address.to_string(), it.secret.duplicate()));
    servers.chain(clients).collect()
}

fn of_tacacs(config: &Config) -> Shared {
    let servers = config.tacacs.servers.iter();
    let servers = servers.map(|it| (it.name.clone(), it.secret.duplicate()));
    servers.collect()
}

/// Those whom we share another secret with than before.
fn secrets(
    protocol: &str,
    of: fn(&Config) -> Shared,
    old: &Config,
    new: &Config,
) -> Option<String> {
    let (old, new) = (of(old), of(new));
    let names = by_name(&old, &new, |(name, _)| name);
    names
        .in_both(|(_, was), (_, is)| was.matches(is.expose()))
        .map(|changed| format!("secrets of {protocol}: {changed}"))
}

/// What workers and sockets were started with.
fn restart(old: &Config, new: &Config) -> Vec<String> {
    let ranges = |config: &Config| -> Vec<_> {
        let pool = |it: &super::Pool| (it.name.clone(), it.ranges.clone(), it.gateway);
        config.pools.iter().map(pool).collect()
    };
    // Without their secrets, which nobody prints.
    let radius = |config: &Config| format!("{:?} {:?}", config.radius, config.peers);
    let tacacs = |config: &Config| format!("{:?}", config.tacacs);
    let (was, is) = (&old.server, &new.server);
    let limits = (is.calls_max, is.control_connections_max);
    let of_workers = |config: &Config| {
        let (ppp, forwarding) = (&config.ppp, &config.forwarding);
        let window = config.server.receive_window_packets;
        (
            ppp.mru,
            ppp.mtu_max,
            config.mppc_calls_max(),
            forwarding.client_to_server,
            window,
        )
    };
    let differences = [
        ("server.listen and [[listener]]", was.listen == is.listen),
        ("server.control_port", was.control_port == is.control_port),
        (
            "server.calls_max and server.control_connections_max",
            (was.calls_max, was.control_connections_max) == limits,
        ),
        (
            "ppp.mru, ppp.mtu_max, mppc, forwarding.client_to_server and the receive window",
            of_workers(old) == of_workers(new),
        ),
        (
            "names, ranges and gateways of [[pool]]",
            ranges(old) == ranges(new),
        ),
        ("[[peer]] and [radius]", radius(old) == radius(new)),
        ("[tacacs]", tacacs(old) == tacacs(new)),
        ("[accounting]", old.accounting == new.accounting),
        ("[dpdk]", old.dpdk == new.dpdk),
        ("[[port]]", old.ports == new.ports),
        ("[workers]", old.workers == new.workers),
        ("[gre]", old.gre == new.gre),
        ("[admin]", old.admin == new.admin),
        ("[log]", old.log == new.log),
    ];
    let different = differences.iter().filter(|(_, same)| !same);
    different.map(|(what, _)| (*what).to_owned()).collect()
}

/// Things with names, before and after.
struct ByName<'c, T> {
    old: BTreeMap<&'c str, &'c T>,
    new: BTreeMap<&'c str, &'c T>,
}

fn by_name<'c, T: 'c>(
    old: impl IntoIterator<Item = &'c T>,
    new: impl IntoIterator<Item = &'c T>,
    name: impl Fn(&'c T) -> &'c String,
) -> ByName<'c, T> {
    let key = |it: &'c T| (name(it).as_str(), it);
    ByName {
        old: old.into_iter().map(key).collect(),
        new: new.into_iter().map(key).collect(),
    }
}

impl<T> ByName<'_, T> {
    /// `users: 1 new (bob), 1 changed (alice), 1 gone (carol)`; nothing if all are the same.
    fn describe(&self, what: &str, same: impl Fn(&T, &T) -> bool) -> Option<String> {
        let (old, new) = (&self.old, &self.new);
        let added = new.keys().filter(|name| !old.contains_key(*name));
        let gone = old.keys().filter(|name| !new.contains_key(*name));
        let parts = [list("new", added), self.in_both(same), list("gone", gone)];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{what}: {}", parts.join(", ")))
    }
}

impl<T> ByName<'_, T> {
    /// `1 changed (alice)`, of those that were and are.
    fn in_both(&self, same: impl Fn(&T, &T) -> bool) -> Option<String> {
        let changed = self.new.iter();
        let changed = changed.filter(|(name, is)| {
            let was = self.old.get(*name);
            was.is_some_and(|was| !same(was, is))
        });
        list("changed", changed.map(|(name, _)| name))
    }
}

fn list<'n>(verb: &str, names: impl Iterator<Item = &'n &'n str>) -> Option<String> {
    let names: Vec<&str> = names.copied().collect();
    let shown = names.get(..NAMES_MAX).unwrap_or(&names).join(", ");
    let more = if names.len() > NAMES_MAX { ", …" } else { "" };
    (!names.is_empty()).then(|| format!("{} {verb} ({shown}{more})", names.len()))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const CONFIG: &str = include_str!("../../tests/support/smallest.toml");

    fn config(text: &str, users: &str) -> Config {
        let users = |_: &std::path::Path| Ok(Zeroizing::new(users.to_owned()));
        Config::parse(text, "pns.toml", users).unwrap_or_else(|it| panic!("{it}"))
    }

    fn user(name: &str, rest: &str) -> String {
        format!("[[user]]\nname = \"{name}\"\n{rest}\n")
    }

    #[test]
    fn what_changed_is_named_and_what_waits_for_a_restart_too() {
        let secret = "password = \"wonderland-7\"";
        let before = [
            user("alice", secret),
            user("bob", secret),
            user("carol", secret),
        ]
        .concat();
        let old = config(CONFIG, &before);
        let same = Changes::between(&old, &config(CONFIG, &before));
        let nothing = Changes {
            keeps_outages: true,
            ..Changes::default()
        };
        assert_eq!(same, nothing);
        assert!(same.describe().starts_with("nothing changed"));
        let after = [
            user("alice", "password = \"wonderland-8\""),
            user("bob", &format!("{secret}\naddress = \"10.77.0.100\"")),
            user("dave", secret),
        ];
        let text = CONFIG.replace("10.77.0.199\"", "10.77.0.189\"").replace(
            "[users]",
            "[sessions]\nper_user_max = 1\n[group.office]\neap_methods = [\"md5\"]\n[users]",
        );
        let changes = Changes::between(&old, &config(&text, &after.concat()));
        let users = "users: 1 new (dave), 2 changed (alice, bob), 1 gone (carol)";
        assert_eq!(
            changes.applied,
            [users, "groups: 1 new (office)", "sessions: changed"]
        );
        assert_eq!(changes.restart, ["names, ranges and gateways of [[pool]]"]);
        let text = changes.describe();
        assert!(
            text.contains("in force for new calls: users") && text.contains("restart"),
            "{text}"
        );
        assert!(!text.contains("wonderland"));
    }

    #[test]
    fn another_secret_is_named_and_the_secret_is_not() {
        let text = format!(
            "{CONFIG}[[radius.server]]\nname = \"main\"\naddress = \"192.0.2.1\"\n\
             secret_file = \"s\"\naccounting_port = 0\n\
             [[tacacs.server]]\nname = \"tac\"\naddress = \"192.0.2.2\"\nsecret_file = \"s\"\n\
             [ppp.mppe]\npolicy = \"optional\"\n"
        );
        let with = |secret: &str| {
            let read = |path: &std::path::Path| {
                let users = user("alice", "password = \"wonderland-7\"");
                let is_secret = path.ends_with("s");
                Ok(Zeroizing::new(if is_secret {
                    secret.to_owned()
                } else {
                    users
                }))
            };
            Config::parse(&text, "pns.toml", read).unwrap_or_else(|it| panic!("{it}"))
        };
        let changes = Changes::between(&with("a secret of both"), &with("another secret"));
        let secrets = [
            "secrets of RADIUS: 1 changed (main)",
            "secrets of TACACS+: 1 changed (tac)",
        ];
        assert_eq!(changes.applied, secrets);
        assert!(changes.restart.is_empty(), "{:?}", changes.restart);
        let same = Changes::between(&with("a secret of both"), &with("a secret of both"));
        assert_eq!((same.applied.len(), same.restart.len()), (0, 0));
    }
}
