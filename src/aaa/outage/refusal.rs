//! What a server's refusal says of who is kept. Anybody can have a name refused by sending a wrong
//! password, so only the password that is kept, or the server's word about the account, ends it.

use std::sync::Arc;

use super::derive::{Tag, Work};
use super::{Outage, OutageCount, Waiting};
use crate::aaa::{Access, Decision, Rejection};
use crate::clock::Timestamp;
use crate::ppp::link::Credentials;

impl Outage {
    /// A server has refused a client. That says something of the user if the server says so, or if the
    /// password is the one that is kept; a wrong one is anybody's, and changes nothing.
    pub fn refused(
        &mut self,
        credentials: &Credentials,
        rejection: Rejection,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Option<Work> {
        let name = credentials.name();
        if rejection.is_of_the_account() {
            self.forget_refused(name);
            return None;
        }
        let kept = self.kept.get(name);
        let by_hash = kept.and_then(|kept| kept.decide(credentials, access, now));
        if let Some(decision) = by_hash {
            match matches!(decision, Decision::Accept(_)) {
                true => self.forget_refused(name),
                false => self.count(OutageCount::OtherRefused),
            }
            return None;
        }
        let of_kept = kept.map(|kept| kept.proof.salt());
        let salt = self.salt_in_work(name).map(Some).or(of_kept)?;
        let (Credentials::Pap { password, .. }, Some(salt)) = (credentials, salt) else {
            self.count(OutageCount::OtherRefused);
            return None;
        };
        if !self.has_room_for_work() {
            self.count(OutageCount::RefusedUnchecked);
            return None;
        }
        let name = name.into();
        Some(self.begin(password, salt, Waiting::Compare { name, salt }))
    }

    /// A server has refused the password that this was made of.
    pub(super) fn compare(&mut self, name: &[u8], salt: &[u8; 16], tag: &Tag) {
        // What was begun first is done first. If it is not, nobody can tell, and nothing is kept.
        let is_in_work = self.salt_in_work(name).as_ref() == Some(salt);
        let kept = self.kept.get(name);
        if is_in_work || kept.is_some_and(|kept| kept.proof.is(salt, tag)) {
            self.forget_refused(name);
        } else {
            self.count(OutageCount::OtherRefused);
        }
    }

    /// With which salt the password of a name is being worked on in order to be kept: the latest.
    fn salt_in_work(&self, name: &[u8]) -> Option<[u8; 16]> {
        let works = self
            .waiting
            .iter()
            .filter_map(|(number, waiting)| match waiting {
                Waiting::Keep { name: of, salt, .. } if **of == *name => Some((*number, *salt)),
                Waiting::Keep { .. } | Waiting::Compare { .. } | Waiting::Check { .. } => None,
            });
        works.max().map(|(_, salt)| salt)
    }

    /// A server has refused the user: nor is what is being worked on kept.
    fn forget_refused(&mut self, name: &[u8]) {
        self.waiting.retain(
            |_, waiting| !matches!(waiting, Waiting::Keep { name: of, .. } if **of == *name),
        );
        if self.forget(name) {
            self.count(OutageCount::Refused);
        }
    }
}
