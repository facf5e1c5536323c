//! What would become of a log-in: an operator asks, and the servers that decide about the name answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::LogIns;
use super::outage::{Asked, Asker};
use super::whom::Whom;
use crate::aaa::radius::{Caller, ClientSaid};
use crate::aaa::{Access, Decision, Rejection, Servers};
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::ppp::link::Method;
use crate::slowpath::log_in_test::{Tested, by_local_users, credentials};
use crate::wire::call_id::CallId;

/// A trial that nobody has come back for after this is of no use any more.
const STALE_TIME: Duration = Duration::from_secs(60);

/// One trial at a time.
#[derive(Default)]
pub(super) struct Trials(Option<Trial>);

struct Trial {
    user: Box<str>,
    password: Zeroizing<String>,
    begun: Timestamp,
    decided_by: &'static str,
    method: Method,
    decision: Option<Decision>,
}

impl Trials {
    pub(super) fn decided(&mut self, decision: Decision) {
        if let Some(trial) = &mut self.0 {
            trial.decision = Some(decision);
        }
    }
}

impl LogIns {
    /// What would become of a log-in at an address where `access` holds. `None`: servers are asked; ask
    /// again.
    pub(in crate::slowpath) fn try_out<'a>(
        &mut self,
        (user, password): (&'a str, &str),
        access: &Arc<Access>,
        local_address: Ipv4Addr,
        random: &[u8; 32],
        now: Timestamp,
    ) -> Option<Tested<'a>> {
        if let Some(trial) = &mut self.trials.0
            && now.since(trial.begun) < STALE_TIME
        {
            let same = *trial.user == *user && *trial.password == *password;
            match (same, trial.decision.take()) {
                // Somebody else asks about somebody else, and is first.
                (_, None) => return None,
                (true, Some(decision)) => {
                    let (decided_by, method) = (trial.decided_by, Some(trial.method));
                    self.trials.0 = None;
                    return Some(Tested {
                        user,
                        decided_by,
                        method,
                        decision,
                    });
                }
                (false, Some(_)) => self.trials.0 = None,
            }
        }
        let tested = |decided_by, method, decision| Tested {
            user,
            decided_by,
            method,
            decision,
        };
        let realm = match self.realms.of(user.as_bytes()) {
            Ok(realm) => realm,
            Err(denial) => {
                let decision = Decision::Deny(Box::new(denial));
                return Some(tested("users.file", None, decision));
            }
        };
        let access = realm.and_then(|it| it.access.as_ref()).unwrap_or(access);
        let access = Arc::clone(access);
        let servers = Servers::of(realm, &access).clone();
        let Some((method, proof)) = credentials((user, password), &access.methods, random) else {
            let decision = Decision::Reject(Rejection::MethodNotPermitted);
            return Some(tested("users.file", None, decision));
        };
        let whom = self.whom(&proof, &servers);
        let decided_by = match whom {
            Whom::LocalUsers => {
                return Some(by_local_users(&self.users, &access, (user, password), now));
            }
            Whom::Radius => "radius",
            Whom::Tacacs => "tacacs",
        };
        let caller = Caller {
            client: ClientSaid::default(),
            flow: FlowKey::new(0, CallId::new(0)),
            peer_address: Ipv4Addr::UNSPECIFIED,
            local_address,
            calling_number: None,
            called_number: None,
            state: None,
        };
        let asked = Asked::new(Asker::Operator, &proof, &access);
        if let Some(decision) = self.ask_servers_about(&whom, asked, (&caller, "test"), &proof, now)
        {
            return Some(tested(decided_by, Some(method), decision));
        }
        self.trials.0 = Some(Trial {
            user: user.into(),
            password: Zeroizing::new(password.to_owned()),
            begun: now,
            decided_by,
            method,
            decision: None,
        });
        None
    }
}
