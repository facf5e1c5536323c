//! What becomes of log-ins while no authentication server answers: they are refused, or users whom a
//! server has let in not long ago get what they got then. Off unless the operator says so.
//!
//! ```text
//!   a server lets somebody in -> granted -> what it permitted, and a proof of the password
//!   a server refuses somebody -> refused -> forgotten, if that was with the password that is kept
//!   no server answers         -> ask     -> decision, at once or when a password is worked out
//! ```
//!
//! PAP gives the password away, so a slow hash of it is kept. MS-CHAP can be checked with the NT hash
//! only, which is as good as the password: it is kept, of those who log in by PAP, if the operator
//! says so. All of it is in memory alone, bounded, and wiped when its time is over.

mod derive;
mod kept;
mod refusal;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use derive::Tag;
pub use derive::{Cost, Done, Work};
use kept::{Kept, Permit, Proof};

use super::radius::Entropy;
use super::{Access, Decision, Denial, Grant, Rejection};
use crate::auth::NtHash;
use crate::clock::Timestamp;
use crate::counted_enum;
use crate::ppp::link::Credentials;

/// Passwords at once that are worked on in order to be kept, or compared with what is.
const KEEPS_MAX: usize = 64;
/// Passwords at once that are worked on at all.
pub const WORK_MAX: usize = 320;

/// What a group does while no server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtOutage {
    /// Nobody comes in.
    #[default]
    Refuse,
    /// Whoever was let in before comes in.
    Admit(Keep),
}

/// What is kept of who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// For how long.
    pub time: Duration,
    /// The NT hash of the password, which MS-CHAP needs, in place of a slow hash.
    pub nt_hash: bool,
}

counted_enum! {
    /// What happened to what is kept.
    pub enum OutageCount {
        /// Taken down or renewed, since a server has let the user in.
        Kept => "kept",
        /// Not taken down, since too many passwords waited to be worked on.
        NotKept => "not_kept",
        /// Forgotten, since a server has refused the user.
        Refused => "refused",
        /// Kept: a server has refused another password, or what cannot be compared with what is kept.
        OtherRefused => "other_refused",
        /// Kept: a server has refused the user while too many passwords waited to be worked on.
        RefusedUnchecked => "refused_unchecked",
        /// Its time was over.
        Expired => "expired",
        /// Given up for want of room.
        Evicted => "evicted",
        /// A user was let in by it.
        Admitted => "admitted",
        /// A log-in in an outage, and nothing kept of the user.
        Unknown => "unknown",
        /// A log-in in an outage with another password.
        PasswordWrong => "password_wrong",
        /// A log-in in an outage that cannot be checked.
        NotProvable => "not_provable",
        /// A log-in in an outage, while too many passwords waited to be worked on.
        Overloaded => "overloaded",
    }
}

/// Why a password is worked on.
enum Waiting {
    Keep {
        name: Box<[u8]>,
        salt: [u8; 16],
        permit: Box<Permit>,
        keep: Keep,
    },
    /// A server has refused it: whether it is the one that is kept with this salt.
    Compare { name: Box<[u8]>, salt: [u8; 16] },
    Check {
        credentials: Box<Credentials>,
        access: Arc<Access>,
        why: Option<Box<str>>,
        /// Of what is kept; nobody's, if nothing is.
        salt: [u8; 16],
    },
}

/// The answer to a log-in in an outage.
pub enum Answer {
    /// This.
    Decided(Decision),
    /// When this work is done, by its number.
    Later(u64, Work),
}

/// What is kept for outages, and nothing that waits.
pub struct Outage {
    users_max: usize,
    cost: Cost,
    kept: HashMap<Box<[u8]>, Kept>,
    /// When each is over.
    ends: BTreeSet<(Timestamp, Box<[u8]>)>,
    waiting: HashMap<u64, Waiting>,
    last_number: u64,
    random: Entropy,
    counts: [u64; OutageCount::COUNT],
}

impl Outage {
    /// Nothing is kept yet, and never more than of `users_max` users.
    #[must_use]
    pub fn new(users_max: usize, cost: Cost, random: Entropy) -> Self {
        Self {
            users_max,
            cost,
            kept: HashMap::new(),
            ends: BTreeSet::new(),
            waiting: HashMap::new(),
            last_number: 0,
            random,
            counts: [0; OutageCount::COUNT],
        }
    }

    /// A server has let a client in: what it permitted is kept, or renewed, as far as the password is
    /// known.
    pub fn granted(
        &mut self,
        credentials: &Credentials,
        grant: &Grant,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Option<Work> {
        let AtOutage::Admit(keep) = access.outage else {
            return None;
        };
        let (name, permit) = (credentials.name(), Permit::of(grant));
        match credentials {
            Credentials::Pap { password, .. } => {
                let text = std::str::from_utf8(password).ok()?;
                if keep.nt_hash {
                    let proof = Proof::NtHash(NtHash::from_password(text));
                    self.keep(name.into(), proof, permit, keep, now);
                    return None;
                }
                self.begin_keeping(name, password, permit, keep)
            }
            Credentials::MsChapV1 { .. } | Credentials::MsChapV2 { .. } => {
                if let Proof::NtHash(hash) = &self.kept.get(name)?.proof {
                    let hash = hash.duplicate();
                    match permit.decide(hash.duplicate(), credentials, access, now) {
                        Decision::Accept(_) => {
                            self.keep(name.into(), Proof::NtHash(hash), permit, keep, now);
                        }
                        // The password was changed.
                        Decision::Reject(_) | Decision::Deny(_) | Decision::Challenge { .. } => {
                            self.forget(name);
                        }
                    }
                }
                None
            }
            Credentials::ChangePasswordV2 { .. } | Credentials::ChangePasswordV3 { .. } => {
                self.forget(name);
                None
            }
            Credentials::ChapMd5 { .. } | Credentials::Eap { .. } => None,
        }
    }

    /// Whether something is kept of a name.
    #[must_use]
    pub fn knows(&self, name: &[u8]) -> bool {
        self.kept.contains_key(name)
    }

    /// What becomes of a log-in that no server answers, for this reason.
    pub fn ask(
        &mut self,
        credentials: &Credentials,
        access: &Arc<Access>,
        why: Option<Box<str>>,
        now: Timestamp,
    ) -> Answer {
        let AtOutage::Admit(keep) = access.outage else {
            return self.refuse(Rejection::OutageUserUnknown, why);
        };
        let kept = self.kept.get(credentials.name());
        let kept = kept.filter(|kept| now < kept.until && now.since(kept.seen) < keep.time);
        if let Some(decision) = kept.and_then(|kept| kept.decide(credentials, access, now)) {
            return Answer::Decided(self.decided(decision, why));
        }
        let Credentials::Pap { password, .. } = credentials else {
            return self.refuse(Rejection::OutageNotProvable, why);
        };
        let salt = kept.and_then(|kept| kept.proof.salt());
        if self.waiting.len() >= WORK_MAX {
            return self.refuse(Rejection::OutageOverloaded, why);
        }
        // As much work for a name that nobody has, so that the time taken does not tell.
        let salt = salt.unwrap_or_else(|| self.salt());
        let waiting = Waiting::Check {
            credentials: Box::new(credentials.clone()),
            access: Arc::clone(access),
            why,
            salt,
        };
        let work = self.begin(password, salt, waiting);
        Answer::Later(work.number, work)
    }

    /// A password is worked on; the decision by the number of the work, if somebody waits for it.
    pub fn hear(&mut self, done: Done, now: Timestamp) -> Option<(u64, Decision)> {
        let Done { number, tag } = done;
        match (self.waiting.remove(&number)?, tag) {
            (
                Waiting::Keep {
                    name,
                    salt,
                    permit,
                    keep,
                },
                Some(tag),
            ) => {
                self.keep(name, Proof::Derived { salt, tag }, *permit, keep, now);
                None
            }
            (Waiting::Keep { .. }, None) => {
                self.count(OutageCount::NotKept);
                None
            }
            (Waiting::Compare { name, salt }, Some(tag)) => {
                self.compare(&name, &salt, &tag);
                None
            }
            (Waiting::Compare { .. }, None) => {
                self.count(OutageCount::RefusedUnchecked);
                None
            }
            (Waiting::Check { why, .. }, None) => {
                let decision = self.denial(Rejection::OutageOverloaded, why);
                Some((number, decision))
            }
            (
                Waiting::Check {
                    credentials,
                    access,
                    why,
                    salt,
                },
                Some(tag),
            ) => {
                let decision = self.check(&credentials, &access, &salt, &tag, now);
                Some((number, self.decided(decision, why)))
            }
        }
    }

    /// Forgets what is over.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.ends.first()
            && *at <= now
        {
            if let Some((_, name)) = self.ends.pop_first() {
                self.kept.remove(&name);
                self.count(OutageCount::Expired);
            }
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Forgets everybody: what the operator says of it has changed.
    pub fn forget_all(&mut self, users_max: usize) {
        self.users_max = users_max;
        self.kept.clear();
        self.ends.clear();
        self.waiting
            .retain(|_, waiting| matches!(waiting, Waiting::Check { .. }));
    }

    /// Users of whom something is kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What happened.
    #[must_use]
    pub const fn counts(&self) -> &[u64; OutageCount::COUNT] {
        &self.counts
    }

    fn check(
        &self,
        credentials: &Credentials,
        access: &Arc<Access>,
        salt: &[u8; 16],
        tag: &Tag,
        now: Timestamp,
    ) -> Decision {
        let kept = self.kept.get(credentials.name());
        let Some(kept) = kept.filter(|kept| now < kept.until) else {
            return Decision::Reject(Rejection::UserUnknown);
        };
        match credentials {
            Credentials::Pap { password, .. } if kept.proof.is(salt, tag) => {
                let text = std::str::from_utf8(password).unwrap_or_default();
                let hash = NtHash::from_password(text);
                kept.permit.decide(hash, credentials, access, now)
            }
            Credentials::Pap { .. }
            | Credentials::ChapMd5 { .. }
            | Credentials::MsChapV1 { .. }
            | Credentials::MsChapV2 { .. }
            | Credentials::ChangePasswordV2 { .. }
            | Credentials::ChangePasswordV3 { .. }
            | Credentials::Eap { .. } => Decision::Reject(Rejection::PasswordWrong),
        }
    }

    /// Counts a decision, and says in it that it was made in an outage.
    fn decided(&mut self, decision: Decision, why: Option<Box<str>>) -> Decision {
        match decision {
            Decision::Accept(_) => {
                self.count(OutageCount::Admitted);
                decision
            }
            Decision::Reject(Rejection::PasswordWrong) => {
                self.denial(Rejection::OutagePasswordWrong, why)
            }
            Decision::Reject(Rejection::UserUnknown) => {
                self.denial(Rejection::OutageUserUnknown, why)
            }
            // A method that the group does not permit, for instance.
            Decision::Reject(_) | Decision::Deny(_) | Decision::Challenge { .. } => decision,
        }
    }

    fn refuse(&mut self, rejection: Rejection, why: Option<Box<str>>) -> Answer {
        Answer::Decided(self.denial(rejection, why))
    }

    fn denial(&mut self, rejection: Rejection, why: Option<Box<str>>) -> Decision {
        let counts = [
            (Rejection::OutageUserUnknown, OutageCount::Unknown),
            (Rejection::OutagePasswordWrong, OutageCount::PasswordWrong),
            (Rejection::OutageNotProvable, OutageCount::NotProvable),
            (Rejection::OutageOverloaded, OutageCount::Overloaded),
        ];
        let count = counts.into_iter().find(|(of, _)| *of == rejection);
        count.into_iter().for_each(|(_, count)| self.count(count));
        Decision::Deny(Box::new(Denial {
            detail: why,
            ..Denial::from(rejection)
        }))
    }

    fn begin_keeping(
        &mut self,
        name: &[u8],
        password: &[u8],
        permit: Permit,
        keep: Keep,
    ) -> Option<Work> {
        if !self.has_room_for_work() {
            self.count(OutageCount::NotKept);
            return None;
        }
        let salt = self.salt();
        let waiting = Waiting::Keep {
            name: name.into(),
            salt,
            permit: Box::new(permit),
            keep,
        };
        Some(self.begin(password, salt, waiting))
    }

    /// Whether there is for what nobody waits for.
    fn has_room_for_work(&self) -> bool {
        let works = self.waiting.values();
        let works = works.filter(|waiting| !matches!(waiting, Waiting::Check { .. }));
        works.count() < KEEPS_MAX
    }

    fn begin(&mut self, password: &[u8], salt: [u8; 16], waiting: Waiting) -> Work {
        self.last_number += 1;
        self.waiting.insert(self.last_number, waiting);
        Work {
            number: self.last_number,
            password: Zeroizing::new(password.to_vec()),
            salt,
            cost: self.cost,
        }
    }

    fn keep(&mut self, name: Box<[u8]>, proof: Proof, permit: Permit, keep: Keep, now: Timestamp) {
        self.forget(&name);
        let end = now + keep.time;
        let until = permit.network.policy.ends_at.map_or(end, |at| at.min(end));
        if self.kept.len() >= self.users_max
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.kept.remove(&first);
            self.count(OutageCount::Evicted);
        }
        self.ends.insert((until, name.clone()));
        let kept = Kept {
            proof,
            permit,
            seen: now,
            until,
        };
        self.kept.insert(name, kept);
        self.count(OutageCount::Kept);
    }

    fn forget(&mut self, name: &[u8]) -> bool {
        let Some((name, kept)) = self.kept.remove_entry(name) else {
            return false;
        };
        self.ends.remove(&(kept.until, name));
        true
    }

    fn salt(&mut self) -> [u8; 16] {
        let mut salt = [0; 16];
        (self.random)(&mut salt);
        salt
    }

    fn count(&mut self, what: OutageCount) {
        if let Some(count) = self.counts.get_mut(what.index()) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests;
