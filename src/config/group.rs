//! `[group.NAME]`: what the users of a group are permitted, and who comes in by an address of the group
//! before it is known who that is. What a group leaves out is as in `[ppp]`.

use super::error::Fault;
use super::outage::{self, OutagePolicy};
use super::ppp::{self, Ppp};
use super::sessions;
use super::table::Table;
use super::words::name;
use crate::aaa::{EapMethod, SessionLimits};
use crate::ppp::link::{Method, MppePolicy};

/// What one group is permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name that users and listeners use.
    pub name: String,
    /// Ways to log in, best first; never empty.
    pub methods: Vec<Method>,
    /// Ways to log in inside EAP, best first; never empty.
    pub eap_methods: Vec<EapMethod>,
    /// Encryption.
    pub mppe: MppePolicy,
    /// How many sessions it and its users may have.
    pub limits: SessionLimits,
    /// The servers that are asked, or groups of them, of one kind; empty: those without a group.
    pub servers: Vec<String>,
    /// What happens while no authentication server answers.
    pub outage: OutagePolicy,
}

/// One group; `None` for a name that nobody can use.
pub(super) fn read(
    group: &str,
    table: &mut Table<'_, '_>,
    ppp: &Ppp,
    (limits, outage): (&SessionLimits, OutagePolicy),
) -> Option<Group> {
    let methods = ppp::read_methods(table, "authentication");
    let eap_methods = ppp::read_eap_methods(table);
    let mppe = table.section("mppe", ppp::read_mppe);
    let limits = sessions::read_group(table, limits);
    let outage = table.section("outage", |it| outage::read_policy(it, outage));
    let servers = table.list("servers", name(32));
    match name(32)(group) {
        Ok(name) => Some(Group {
            name,
            methods: methods.unwrap_or_else(|| ppp.authentication.methods.clone()),
            eap_methods: eap_methods.unwrap_or_else(|| ppp.authentication.eap_methods.clone()),
            mppe: ppp.mppe.changed(mppe),
            limits,
            outage,
            servers: servers.unwrap_or_default(),
        }),
        Err(Fault { problem, cure }) => {
            table.refuse_whole(Fault::new(problem, cure));
            None
        }
    }
}
