//! Who waits for a server, and what becomes of those whom no server answers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::aaa::outage::{Answer, Done, Outage, Work};
use crate::aaa::{Access, AtOutage, Decision};
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::ppp::link::Credentials;
use crate::session::CallRef;

/// Who waits for a decision.
#[derive(Clone, Copy)]
pub(super) enum Asker {
    /// A call.
    Call(CallRef, FlowKey),
    /// An operator, who wants to know what would become of a log-in.
    Operator,
}

/// A question that servers have not answered.
pub(super) struct Asked {
    pub(super) asker: Asker,
    access: Arc<Access>,
    /// For the case that none will, if that helps.
    credentials: Option<Box<Credentials>>,
}

impl Asked {
    pub(super) fn new(asker: Asker, credentials: &Credentials, access: &Arc<Access>) -> Self {
        let is_kept = access.outage != AtOutage::Refuse && matches!(asker, Asker::Call(..));
        Self {
            asker,
            access: Arc::clone(access),
            credentials: is_kept.then(|| Box::new(credentials.clone())),
        }
    }

    /// What holds where the client came in.
    pub(super) const fn access(&self) -> &Arc<Access> {
        &self.access
    }
}

/// A decision, and for whom.
pub(super) type Decided = (Asker, Decision);

/// What is kept for outages, and who waits for it.
#[derive(Default)]
pub(super) struct Outages {
    cache: Option<Outage>,
    checks: HashMap<u64, Asker>,
    works: VecDeque<Work>,
    decided: VecDeque<Decided>,
}

impl Outages {
    pub(super) fn keep(&mut self, cache: Outage) {
        self.cache = Some(cache);
    }

    pub(super) const fn cache(&self) -> Option<&Outage> {
        self.cache.as_ref()
    }

    pub(super) const fn cache_mut(&mut self) -> Option<&mut Outage> {
        self.cache.as_mut()
    }

    /// Takes what servers have said, or that they say nothing. `None`: it is decided later.
    pub(super) fn settle(
        &mut self,
        asked: &Asked,
        decision: Decision,
        now: Timestamp,
    ) -> Option<Decision> {
        let (Some(cache), Some(credentials)) = (&mut self.cache, &asked.credentials) else {
            return Some(decision);
        };
        match decision {
            Decision::Accept(grant) => {
                let work = cache.granted(credentials, &grant, &asked.access, now);
                self.works.extend(work);
                Some(Decision::Accept(grant))
            }
            Decision::Deny(denial) if denial.rejection.is_of_an_outage() => {
                self.decide(asked, denial.detail, now)
            }
            Decision::Deny(denial) => {
                if denial.rejection.is_of_the_server() {
                    let rejection = denial.rejection;
                    let work = cache.refused(credentials, rejection, &asked.access, now);
                    self.works.extend(work);
                }
                Some(Decision::Deny(denial))
            }
            Decision::Reject(_) | Decision::Challenge { .. } => Some(decision),
        }
    }

    /// Whether somebody whom servers cannot be asked about can be decided about here.
    pub(super) fn knows(&self, credentials: &Credentials, access: &Access) -> bool {
        let cache = self.cache.as_ref();
        access.outage != AtOutage::Refuse
            && cache.is_some_and(|cache| cache.knows(credentials.name()))
    }

    /// Decides without a server, for this reason. `None`: later.
    pub(super) fn decide(
        &mut self,
        asked: &Asked,
        why: Option<Box<str>>,
        now: Timestamp,
    ) -> Option<Decision> {
        let (cache, credentials) = (self.cache.as_mut()?, asked.credentials.as_ref()?);
        match cache.ask(credentials, &asked.access, why, now) {
            Answer::Decided(decision) => Some(decision),
            Answer::Later(number, work) => {
                self.checks.insert(number, asked.asker);
                self.works.push_back(work);
                None
            }
        }
    }

    /// A password to be worked on.
    pub(super) fn poll_work(&mut self) -> Option<Work> {
        self.works.pop_front()
    }

    /// A password was worked on.
    pub(super) fn hear(&mut self, done: Done, now: Timestamp) {
        let decided = self.cache.as_mut().and_then(|cache| cache.hear(done, now));
        let decided = decided.and_then(|(number, decision)| {
            let asker = self.checks.remove(&number)?;
            Some((asker, decision))
        });
        self.decided.extend(decided);
    }

    /// A decision that has become possible.
    pub(super) fn poll_decided(&mut self) -> Option<Decided> {
        self.decided.pop_front()
    }
}
