//! Whose sessions there are: how many a user has, and a group, and what becomes of a log-in when
//! that is as many as there may be. Nothing here looks at more than one user's sessions.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::admission::AdmissionLimits;
use super::{CallRef, EndReason, SessionConfig, Sessions};
use crate::aaa::{AtLimit, Denial, Grant, PoolConfig, Rejection};
use crate::clock::Timestamp;

/// Peers that a verdict names.
const NAMED_MAX: usize = 3;

/// The place of a call among those of its user.
pub(super) struct Tenancy {
    user: Arc<str>,
    group: Option<Arc<str>>,
    place: Place,
}

/// Where a session stands among all: by user, those that stay before those that end, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    user: u64,
    stay: Stay,
    serial: u64,
}

/// Whether a session counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stay {
    /// It does.
    Staying,
    /// It ends: its worker has not given the final report.
    Leaving,
}

/// What there is of one user; its sessions are in one map with those of all.
struct OfUser {
    number: u64,
    staying: u32,
    leaving: u32,
}

/// All sessions whose user is known.
#[derive(Default)]
pub(super) struct Tenants {
    users: HashMap<Arc<str>, OfUser>,
    sessions: BTreeMap<Place, CallRef>,
    /// By user, calls whose log-in waits until enough sessions are gone.
    waiting: BTreeMap<u64, Vec<CallRef>>,
    groups: HashMap<Arc<str>, u32>,
    /// Calls whose log-ins may go on.
    resumed: Vec<CallRef>,
    /// Of the last user, and of the last session.
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
        let serial = self.serial;
        let user = match self.users.get_key_value(user) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(user),
        };
        let of_user = self.users.entry(Arc::clone(&user));
        let of_user = of_user.or_insert(OfUser {
            number: serial,
            staying: 0,
            leaving: 0,
        });
        of_user.staying += 1;
        let place = Place {
            user: of_user.number,
            stay: Stay::Staying,
            serial,
        };
        self.sessions.insert(place, id);
        let group = group.map(|group| self.enter_group(group));
        Tenancy { user, group, place }
    }

    fn enter_group(&mut self, group: &str) -> Arc<str> {
        let group = match self.groups.get_key_value(group) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(group),
        };
        *self.groups.entry(Arc::clone(&group)).or_default() += 1;
        group
    }

    /// The session ends; it is counted no more, and its address is not free yet.
    pub(super) fn leave(&mut self, tenancy: &mut Tenancy) {
        if tenancy.place.stay == Stay::Leaving {
            return;
        }
        let call = self.sessions.remove(&tenancy.place);
        tenancy.place.stay = Stay::Leaving;
        if let Some(of_user) = self.users.get_mut(&tenancy.user)
            && let Some(call) = call
        {
            of_user.staying = of_user.staying.saturating_sub(1);
            of_user.leaving += 1;
            self.sessions.insert(tenancy.place, call);
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
        if self.sessions.remove(&tenancy.place).is_some() {
            of_user.leaving = of_user.leaving.saturating_sub(1);
        }
        if let Some(mut waiting) = self.waiting.remove(&of_user.number) {
            self.resumed.append(&mut waiting);
        }
        if of_user.staying == 0 && of_user.leaving == 0 {
            self.users.remove(&tenancy.user);
        }
    }

    /// Users who have a session.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    /// How many sessions of a user stay, and how many there are.
    fn count(&self, user: &str) -> (usize, usize) {
        let of_user = self.users.get(user);
        of_user.map_or((0, 0), |of_user| {
            let staying = of_user.staying as usize;
            (staying, staying + of_user.leaving as usize)
        })
    }

    /// The sessions of a user that stay, or that end, the oldest first.
    fn of(&self, user: &str, stay: Stay) -> impl Iterator<Item = CallRef> + use<'_> {
        let number = self.users.get(user).map(|of_user| of_user.number);
        let sessions = number.map(|user| {
            let [first, last] = [0, u64::MAX].map(|serial| Place { user, stay, serial });
            self.sessions.range(first..=last).map(|(_, call)| *call)
        });
        sessions.into_iter().flatten()
    }

    /// The log-in of `id` goes on when a session of its user is gone.
    fn wait(&mut self, id: CallRef, user: &str) {
        let Some(of_user) = self.users.get(user) else {
            return;
        };
        let waiting = self.waiting.entry(of_user.number).or_default();
        waiting.retain(|other| *other != id);
        waiting.push(id);
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
        while self.tenants.count(&user).0 >= max {
            let oldest = self.tenants.of(&user, Stay::Staying).next();
            let Some(oldest) = oldest else { break };
            match limits.at_user_limit {
                AtLimit::Deny => {
                    return refused(Rejection::TooManySessions, self.sessions_of(&user, max));
                }
                AtLimit::Replace => self.close(oldest, EndReason::Replaced, now),
            }
        }
        let full = self.tenants.count(&user).1 >= max;
        let mut leaving = self.tenants.of(&user, Stay::Leaving);
        let taken = leaving.any(|call| self.holds(call, grant.address));
        drop(leaving);
        if full || taken {
            self.tenants.wait(id, &user);
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
        let calls = self.tenants.of(user, Stay::Staying);
        let peers = calls.filter_map(|id| self.calls.get(id));
        let peers = peers.map(|call| call.peer_address.to_string());
        let named: Vec<_> = peers.take(NAMED_MAX).collect();
        let count = self.tenants.count(user).0;
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
