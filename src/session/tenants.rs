//! Whose sessions there are: how many a user has, and a group, and what becomes of a log-in when
//! that is as many as there may be. Nothing here looks at more than one user's sessions.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use super::admission::AdmissionLimits;
use super::{CallRef, EndReason, SessionConfig, Sessions};
use crate::aaa::{AtLimit, Denial, Grant, PoolConfig, Rejection};
use crate::clock::Timestamp;

/// Peers that a verdict names.
const NAMED_MAX: usize = 3;

/// The place of a call among those of its user.
pub(super) struct Tenancy {
    user: Box<str>,
    group: Option<Box<str>>,
    serial: u64,
    leaving: bool,
}

/// The sessions of one user, the oldest first.
#[derive(Default)]
struct OfUser {
    /// Those that stay.
    staying: BTreeMap<u64, CallRef>,
    /// Those that end: their workers have not given the final report.
    leaving: BTreeMap<u64, CallRef>,
    /// Calls whose log-in waits until enough of them are gone.
    waiting: Vec<CallRef>,
}

/// All sessions whose user is known.
#[derive(Default)]
pub(super) struct Tenants {
    users: HashMap<Box<str>, OfUser>,
    groups: HashMap<Box<str>, u32>,
    /// Calls whose log-ins may go on.
    resumed: Vec<CallRef>,
    serial: u64,
}

/// What becomes of a log-in.
pub(super) enum Room {
    /// It goes on.
    Free,
    /// It goes on as soon as sessions are gone that end already.
    Wait,
    /// It does not.
    Refused(Denial),
}

impl Tenants {
    fn enter(&mut self, id: CallRef, user: &str, group: Option<&str>) -> Tenancy {
        self.serial += 1;
        let (user, serial) = (Box::from(user), self.serial);
        let group: Option<Box<str>> = group.map(Box::from);
        let of_user = self.users.entry(Box::clone(&user)).or_default();
        of_user.staying.insert(serial, id);
        if let Some(group) = &group {
            *self.groups.entry(Box::clone(group)).or_default() += 1;
        }
        Tenancy {
            user,
            group,
            serial,
            leaving: false,
        }
    }

    /// The session ends; it is counted no more, and its address is not free yet.
    pub(super) fn leave(&mut self, tenancy: &mut Tenancy) {
        if std::mem::replace(&mut tenancy.leaving, true) {
            return;
        }
        if let Some(of_user) = self.users.get_mut(&tenancy.user)
            && let Some(call) = of_user.staying.remove(&tenancy.serial)
        {
            of_user.leaving.insert(tenancy.serial, call);
        }
        let Some(group) = &tenancy.group else { return };
        if let Some(count) = self.groups.get_mut(group) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.groups.remove(group);
            }
        }
    }

    /// It is gone; log-ins that waited for that may go on.
    fn gone(&mut self, mut tenancy: Tenancy) {
        self.leave(&mut tenancy);
        let Some(of_user) = self.users.get_mut(&tenancy.user) else {
            return;
        };
        of_user.leaving.remove(&tenancy.serial);
        self.resumed.append(&mut of_user.waiting);
        if of_user.staying.is_empty() && of_user.leaving.is_empty() {
            self.users.remove(&tenancy.user);
        }
    }

    /// Users who have a session.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }
}

impl Sessions {
    /// Under what a user's sessions are counted.
    fn tenant_of(&self, user: &str) -> Box<str> {
        if self.config.policy.ignore_case {
            user.to_lowercase().into()
        } else {
            user.into()
        }
    }

    /// Looks whether the user and its group may have one session more. Where it takes the place of
    /// others, those end now.
    pub(super) fn make_room(&mut self, id: CallRef, grant: &Grant, now: Timestamp) -> Room {
        // A second log-in on one call gives its own place back first.
        self.tenant_gone(id);
        let limits = grant.terms.session_limits();
        let group = grant.terms.group();
        if let (Some(max), Some(group)) = (limits.group_max, group) {
            let count = self.tenants.groups.get(group).copied().unwrap_or_default();
            if count >= max {
                let words =
                    format!("group {group} has {count} sessions, of {max} that it may have");
                return refused(Rejection::GroupFull, words);
            }
        }
        let user = self.tenant_of(&grant.user);
        let max = grant.network.sessions_max.or(limits.per_user_max);
        let max = max.map_or(usize::MAX, |max| max as usize);
        if max == 0 {
            return refused(Rejection::TooManySessions, "it may have none".to_owned());
        }
        while let Some(of_user) = self.tenants.users.get(&user)
            && of_user.staying.len() >= max
            && let Some(oldest) = of_user.staying.first_key_value().map(|(_, call)| *call)
        {
            match limits.at_user_limit {
                AtLimit::Deny => {
                    return refused(Rejection::TooManySessions, self.sessions_of(&user, max));
                }
                AtLimit::Replace => self.close(oldest, EndReason::Replaced, now),
            }
        }
        let Some(of_user) = self.tenants.users.get(&user) else {
            return Room::Free;
        };
        let all = of_user.staying.len() + of_user.leaving.len();
        let mut leaving = of_user.leaving.values();
        if all >= max || leaving.any(|call| self.holds(*call, grant.address)) {
            if let Some(of_user) = self.tenants.users.get_mut(&user) {
                of_user.waiting.retain(|other| *other != id);
                of_user.waiting.push(id);
            }
            return Room::Wait;
        }
        Room::Free
    }

    /// The log-in goes on: the call is one of its user's from here on.
    pub(super) fn enter_tenant(&mut self, id: CallRef, grant: &Grant) {
        let user = self.tenant_of(&grant.user);
        let tenancy = self.tenants.enter(id, &user, grant.terms.group());
        if let Some(call) = self.calls.get_mut(id) {
            call.tenancy = Some(tenancy);
        }
    }

    /// The call ends, and is counted no more.
    pub(super) fn tenant_leaves(&mut self, id: CallRef) {
        if let Some(call) = self.calls.get_mut(id)
            && let Some(tenancy) = &mut call.tenancy
        {
            self.tenants.leave(tenancy);
        }
    }

    fn tenant_gone(&mut self, id: CallRef) {
        let tenancy = self.calls.get_mut(id).and_then(|call| call.tenancy.take());
        if let Some(tenancy) = tenancy {
            self.tenants.gone(tenancy);
        }
    }

    /// A call is gone, and its address is free: log-ins that waited for it go on.
    pub(super) fn resume_tenants(&mut self, tenancy: Option<Tenancy>, now: Timestamp) {
        if let Some(tenancy) = tenancy {
            self.tenants.gone(tenancy);
        }
        for id in std::mem::take(&mut self.tenants.resumed) {
            let grant = self.calls.get_mut(id).and_then(|call| call.pending.take());
            if let Some(grant) = grant {
                self.granted(id, *grant, now);
            }
        }
    }

    /// Takes over what can change while there are calls. Listening addresses stay, and so does how
    /// much there may be of everything; `pools` and `reserved` are as in
    /// [`Pools::reconfigure`](crate::aaa::Pools::reconfigure).
    pub fn reconfigure(
        &mut self,
        config: SessionConfig,
        pools: &[PoolConfig],
        reserved: impl IntoIterator<Item = Ipv4Addr>,
    ) {
        for listener in &mut self.config.listeners {
            let mut others = config.listeners.iter();
            if let Some(new) = others.find(|other| other.address == listener.address) {
                listener.clone_from(new);
            }
        }
        let (old, new) = (self.config.limits, config.limits);
        self.config.limits = AdmissionLimits {
            control_connections_max: old.control_connections_max,
            half_open_max: old.half_open_max,
            calls_max: old.calls_max,
            ..new
        };
        self.admission.set_limits(self.config.limits);
        self.config.control = config.control;
        self.config.setup_timeout = config.setup_timeout;
        self.config.name_servers = config.name_servers;
        self.config.policy = config.policy;
        self.guard.set_config(config.policy.guard);
        self.pools.reconfigure(pools, reserved);
    }

    /// An operator vouches for a user whose log-ins failed; `false` if none did.
    pub fn forgive(&mut self, user: &str) -> bool {
        self.guard.forgive(user.as_bytes())
    }

    /// How many users and sources are remembered because log-ins failed.
    #[must_use]
    pub fn suspects(&self) -> (usize, usize) {
        self.guard.known()
    }

    /// How many users have a session.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.tenants.users()
    }

    fn holds(&self, id: CallRef, address: Option<Ipv4Addr>) -> bool {
        let lease = self.calls.get(id).and_then(|call| call.lease.as_ref());
        lease.is_some_and(|lease| Some(lease.address()) == address)
    }

    /// `it has 2 of 2 sessions, from 192.0.2.7 and 192.0.2.9`.
    fn sessions_of(&self, user: &str, max: usize) -> String {
        let of_user = self.tenants.users.get(user);
        let calls: Vec<_> = of_user
            .map(|of_user| of_user.staying.values().copied().collect())
            .unwrap_or_default();
        let peers = calls.iter().filter_map(|id| self.calls.get(*id));
        let peers = peers.map(|call| call.peer_address.to_string());
        let named: Vec<_> = peers.take(NAMED_MAX).collect();
        let count = calls.len();
        format!(
            "it has {count} of {max} sessions, from {}",
            named.join(" and ")
        )
    }
}

fn refused(rejection: Rejection, detail: String) -> Room {
    Room::Refused(Denial {
        detail: Some(detail.into()),
        ..Denial::from(rejection)
    })
}
