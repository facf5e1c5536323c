//! Who may log in how: ways that are weak or lead nowhere, groups that are not there, users who cannot
//! come in.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::{Report, Tables, networks};
use crate::aaa::EapMethod;
use crate::config::error::Fault;
use crate::config::group::Group;
use crate::config::port::Port;
use crate::config::users::{User, Users};
use crate::ppp::link::{Method, MppePolicy, MppeRequirement};

pub(super) fn check(tables: &Tables<'_>, report: &mut Report<'_>) {
    let ppp = tables.ppp;
    let of_server = Ways {
        methods: (
            "ppp.authentication.methods".to_owned(),
            &ppp.authentication.methods,
        ),
        eap_methods: (
            "ppp.authentication.eap_methods".to_owned(),
            &ppp.authentication.eap_methods,
        ),
        mppe: ("ppp.mppe.policy".to_owned(), ppp.mppe),
    };
    of_server.check(report);
    for group in tables.groups {
        Ways::of(group).check_if_given(report);
        check_offers(tables, group, report);
    }
    check_listeners(tables, report);
}

/// Ways to log in and what they are for, with the keys that say so.
struct Ways<'c> {
    methods: (String, &'c [Method]),
    eap_methods: (String, &'c [EapMethod]),
    mppe: (String, MppePolicy),
}

impl<'c> Ways<'c> {
    fn of(group: &'c Group) -> Self {
        let key = |key: &str| format!("group.{}.{key}", group.name);
        Self {
            methods: (key("authentication"), &group.methods),
            eap_methods: (key("eap_methods"), &group.eap_methods),
            mppe: (key("mppe.policy"), group.mppe),
        }
    }

    fn check(&self, report: &mut Report<'_>) {
        self.check_methods(report);
        self.check_keys(&self.methods.0, report);
        self.check_eap_methods(report);
        self.check_clear(report);
    }

    /// Of a group: only what it says itself, since the rest was warned about already.
    fn check_if_given(&self, report: &mut Report<'_>) {
        let methods_given = report.is_given(&self.methods.0);
        if methods_given {
            self.check_methods(report);
        }
        if methods_given {
            self.check_keys(&self.methods.0, report);
        } else if report.is_given(&self.mppe.0) {
            self.check_keys(&self.mppe.0, report);
        }
        if report.is_given(&self.eap_methods.0) {
            self.check_eap_methods(report);
        }
        if report.is_given(&self.mppe.0) {
            self.check_clear(report);
        }
    }

    fn check_methods(&self, report: &mut Report<'_>) {
        for (index, method) in self.methods.1.iter().enumerate() {
            let weakness = match method {
                Method::MsChapV2 | Method::Eap => continue,
                Method::Pap => "sends passwords in clear to whoever listens on the way",
                Method::ChapMd5 => {
                    "lets who listens guess at full speed, and the server keeps passwords"
                }
                Method::MsChapV1 => {
                    "is broken: one key for both directions, and the server proves nothing"
                }
            };
            let problem = format!("{method} {weakness}");
            let cure = "leave it out, if clients can do mschapv2";
            report.warn(
                &format!("{}[{index}]", self.methods.0),
                Fault::new(problem, cure),
            );
        }
    }

    /// Methods that lead to no encryption where it has to be. `key` is where to say so.
    fn check_keys(&self, key: &str, report: &mut Report<'_>) {
        let (policy_key, policy) = &self.mppe;
        if policy.requirement != MppeRequirement::Required {
            return;
        }
        for (index, method) in self.methods.1.iter().enumerate() {
            if method.can_give_keys() {
                continue;
            }
            let path = if key == self.methods.0 {
                format!("{key}[{index}]")
            } else {
                key.to_owned()
            };
            let problem = format!("{method} gives no keys, and {policy_key} = \"required\"");
            let cure =
                "who logs in with it will be let go at once; leave it out, or write optional";
            report.warn(&path, Fault::new(problem, cure));
        }
    }

    fn check_eap_methods(&self, report: &mut Report<'_>) {
        let eap = self.methods.1.contains(&Method::Eap);
        for (index, method) in self.eap_methods.1.iter().enumerate() {
            if eap && *method == EapMethod::Md5 {
                let problem = "md5 gives no keys, so calls that use it cannot be encrypted";
                let cure = "leave it out, if clients can do mschapv2";
                let path = format!("{}[{index}]", self.eap_methods.0);
                report.warn(&path, Fault::new(problem, cure));
            }
        }
    }

    fn check_clear(&self, report: &mut Report<'_>) {
        let (key, policy) = &self.mppe;
        if policy.requirement == MppeRequirement::Off {
            let problem = "leaves every call in clear";
            report.warn(key, Fault::new(problem, "write required, if clients can"));
        }
    }
}

/// A group whose users could log in nowhere: listeners offer what their own group permits.
fn check_offers(tables: &Tables<'_>, group: &Group, report: &mut Report<'_>) {
    let offered: Vec<Method> = tables.offers().flatten().copied().collect();
    if !group.methods.iter().any(|method| offered.contains(method)) {
        let problem = "names no method that is offered where clients come in";
        let cure = "add one of ppp.authentication.methods, or a [[listener]] with this group";
        let key = format!("group.{}.authentication", group.name);
        report.warn(&key, Fault::new(problem, cure));
    }
}

fn check_listeners(tables: &Tables<'_>, report: &mut Report<'_>) {
    let first = tables.first_listener();
    for (position, (index, listener)) in tables.listeners.iter().enumerate() {
        let earlier = tables.server.listen.iter().take(first + position);
        if earlier.into_iter().any(|other| *other == listener.address) {
            let problem = format!(
                "{} is already in server.listen or in a [[listener]] above",
                listener.address
            );
            report.error(
                &format!("listener[{index}].address"),
                Fault::new(problem, "take one out"),
            );
        }
        if let Some(fault) = listener.group.as_deref().and_then(|it| tables.no_group(it)) {
            report.error(&format!("listener[{index}].group"), fault);
        }
    }
}

/// What was read well enough to look names up in.
#[derive(Clone, Copy)]
pub(in crate::config) struct Known {
    pub(in crate::config) pools: bool,
    pub(in crate::config) groups: bool,
}

impl Tables<'_> {
    /// Methods that are offered, listener by listener.
    fn offers(&self) -> impl Iterator<Item = &[Method]> {
        let methods: &[Method] = &self.ppp.authentication.methods;
        let group_of = |address: &Ipv4Addr| {
            let mut listeners = self.listeners.iter().map(|(_, listener)| listener);
            let group = listeners
                .find(|it| it.address == *address)?
                .group
                .as_deref()?;
            self.groups.iter().find(|it| it.name == group)
        };
        let listen = self.server.listen.iter();
        listen.map(move |address| group_of(address).map_or(methods, |group| &*group.methods))
    }

    /// What is wrong with the name of a group, if there is none of that name.
    fn no_group(&self, wanted: &str) -> Option<Fault> {
        if self.groups.iter().any(|group| group.name == wanted) {
            return None;
        }
        let names: BTreeSet<&str> = self.groups.iter().map(|group| &*group.name).collect();
        let cure = if names.is_empty() {
            format!("write a table [group.{wanted}] in the configuration")
        } else {
            let names: Vec<&str> = names.into_iter().collect();
            format!(
                "write one of {}, or a table [group.{wanted}]",
                names.join(", ")
            )
        };
        Some(Fault::new(format!("there is no group {wanted:?}"), cure))
    }

    /// Whether a way to log in is allowed that needs the password in clear on the server.
    pub(in crate::config) fn need_clear_passwords(&self) -> bool {
        let groups = self.groups.iter();
        let of_groups = groups.map(|group| (&*group.methods, &*group.eap_methods));
        let of_server = &self.ppp.authentication;
        let mut all = of_groups.chain([(&*of_server.methods, &*of_server.eap_methods)]);
        all.any(|(methods, eap_methods)| {
            methods.contains(&Method::ChapMd5)
                || methods.contains(&Method::Eap) && eap_methods.contains(&EapMethod::Md5)
        })
    }

    /// Warns of users who cannot log in by a method that is allowed.
    pub(in crate::config) fn check_clear_passwords(&self, users: &Users, report: &mut Report<'_>) {
        let hashed = users.iter().filter(|user| user.password.is_none()).count();
        if self.need_clear_passwords() && hashed > 0 {
            let problem =
                format!("chap-md5 and md5 are closed to {hashed} users with an nt_hash alone");
            let cure = "give them a password in the users file, or leave these methods out";
            report.warn("ppp.authentication", Fault::new(problem, cure));
        }
    }

    /// What a user refers to outside the users file.
    pub(in crate::config) fn check_user(
        &self,
        user: &User,
        known: Known,
    ) -> Result<(), (&'static str, Fault)> {
        let group = user.group.as_deref().filter(|_| known.groups);
        if let Some(fault) = group.and_then(|group| self.no_group(group)) {
            return Err(("group", fault));
        }
        if known.pools {
            self.check_pool_and_address(user)?;
            networks::check(&user.routes, self)?;
        }
        Ok(())
    }

    fn check_pool_and_address(&self, user: &User) -> Result<(), (&'static str, Fault)> {
        let pools = self.pools;
        if let Some(wanted) = &user.pool
            && !pools.iter().any(|(_, pool)| pool.name == *wanted)
        {
            let names: Vec<&str> = pools.iter().map(|(_, pool)| pool.name.as_str()).collect();
            let cure = format!("write one of {}", names.join(", "));
            return Err((
                "pool",
                Fault::new(format!("there is no pool {wanted:?}"), cure),
            ));
        }
        let Some(address) = user.address else {
            return Ok(());
        };
        let of_port = |(_, port): &(usize, Port)| {
            port.addresses.iter().any(|own| own.address == address)
                || port.routes.iter().any(|route| route.via == address)
        };
        let of_box = self.server.listen.contains(&address)
            || pools.iter().any(|(_, pool)| pool.gateway == address)
            || self.ports.iter().any(of_port);
        if of_box {
            let problem = format!("{address} is an address of this box or of its next hop");
            return Err(("address", Fault::new(problem, "choose another")));
        }
        Ok(())
    }
}
