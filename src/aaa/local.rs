//! Users in a file of ours. A decision takes no waiting: it is a few hashes and DES blocks.

mod change;
mod grant;
mod user;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

pub use change::PasswordChange;
pub use user::{LocalUser, Standing};

use super::{Access, Decision, Denial, Grant, LoginMethod, NameRules, Rejection, eap};
use crate::auth::mschapv2::{self, Exchange};
use crate::auth::{NtHash, Secret, chap_md5, mschapv1};
use crate::clock::Timestamp;
use crate::ppp::link::{Credentials, Method};
use grant::Proof;
pub(super) use grant::{Entry, Moment};

/// The longest name that can be anybody's, in bytes: what the file accepts.
pub const NAME_BYTES_MAX: usize = 253;

/// All local users by name.
pub struct LocalUsers {
    /// By the key that `names` makes of their names.
    users: HashMap<Box<str>, LocalUser>,
    names: NameRules,
    /// Checked when the name is unknown, so that the time taken does not tell which names exist.
    nobody: NtHash,
    /// The same for CHAP with MD5.
    nobodys_password: Secret,
    eap: eap::Settings,
    /// At most one for each user: who has changed a password has none that is expired.
    changes: Vec<PasswordChange>,
    /// From 1970 to [`Timestamp::ZERO`].
    unix_at_zero: Duration,
}

impl LocalUsers {
    /// Inside EAP we are called `pns`, and there is no other attempt.
    #[must_use]
    pub fn new(users: impl IntoIterator<Item = LocalUser>) -> Self {
        let users = users
            .into_iter()
            .map(|user| (user.name.clone(), user))
            .collect();
        Self {
            users,
            names: NameRules::default(),
            nobody: NtHash::from_bytes([0; 16]),
            nobodys_password: Secret::new(vec![0; 12]),
            eap: eap::Settings::default(),
            changes: Vec::new(),
            unix_at_zero: Duration::ZERO,
        }
    }

    /// How the names that clients send are looked for. Of users whom `names` takes for one, one stays.
    #[must_use]
    pub fn with_names(mut self, names: NameRules) -> Self {
        let users = self.users.into_values();
        self.users = users
            .map(|user| (names.key(&user.name).into(), user))
            .collect();
        Self { names, ..self }
    }

    /// What we call ourselves inside EAP, and how many further passwords a client may try.
    #[must_use]
    pub fn with_eap(mut self, name: &str, retries_max: u8) -> Self {
        self.eap = eap::Settings::new(name, retries_max);
        self
    }

    /// When our clock began, for users who expire.
    #[must_use]
    pub fn with_clock(self, unix_at_zero: Duration) -> Self {
        Self {
            unix_at_zero,
            ..self
        }
    }

    /// What [`Self::with_clock`] was told.
    #[must_use]
    pub const fn unix_at_zero(&self) -> Duration {
        self.unix_at_zero
    }

    pub(super) const fn moment(&self, now: Timestamp) -> Moment {
        Moment {
            now,
            unix_s: self.unix_at_zero.as_secs() + now.since(Timestamp::ZERO).as_secs(),
        }
    }

    /// Addresses that belong to users, for [`super::Pools`] to keep out of the pools.
    pub fn reserved(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.users.values().filter_map(|user| user.address)
    }

    /// Whether these credentials, of a client that came in where `access` holds, prove who it is, and
    /// whether it may log in so: the user's group decides about that if there is one. A new password
    /// that a client sends in place of an expired one is taken over here, in memory; see
    /// [`Self::take_password_changes`].
    #[must_use]
    pub fn decide(
        &mut self,
        credentials: &Credentials,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Decision {
        self.answer(credentials, access, self.moment(now))
            .unwrap_or_else(|rejection| self.refuse(rejection, credentials.name(), access))
    }

    /// A refusal, with the group that forbids a method by its name.
    fn refuse(&self, rejection: Rejection, name: &[u8], access: &Arc<Access>) -> Decision {
        let user = usable(name).ok().and_then(|name| self.find(name));
        let Some(user) = user.filter(|_| rejection == Rejection::MethodNotPermitted) else {
            return Decision::Reject(rejection);
        };
        let access = user.group.as_ref().unwrap_or(access);
        let methods: Vec<_> = access.methods.iter().map(|method| method.name()).collect();
        let methods = methods.join(" or ");
        let who = match &access.group {
            Some(group) => format!("group {group} permits {methods}"),
            None => format!("the address that it dialled permits {methods}"),
        };
        Decision::Deny(Box::new(Denial {
            detail: Some(who.into()),
            ..Denial::from(rejection)
        }))
    }

    /// Whether the user of this name has a pool of its own.
    #[must_use]
    pub fn has_own_pool(&self, name: &str) -> bool {
        self.find(name).is_some_and(|user| user.has_own_pool)
    }

    /// Whether a name is that of one of them.
    #[must_use]
    pub fn knows(&self, name: &[u8]) -> bool {
        usable(name).is_ok_and(|name| self.find(name).is_some())
    }

    /// What [`Self::decide`] would say to a client that knows this password and logs in where `access`
    /// holds, by the best way that is offered there and permitted to it.
    #[must_use]
    pub fn test(
        &self,
        (name, password): (&str, &str),
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Decision {
        let user = usable(name.as_bytes()).map(|name| self.find(name));
        let permits = |method: &&Method| match user {
            Ok(Some(user)) => user
                .group
                .as_ref()
                .is_none_or(|it| it.methods.contains(method)),
            Ok(None) | Err(_) => true,
        };
        let offered = access
            .methods
            .iter()
            .find(permits)
            .or(access.methods.first());
        let method = offered.copied().unwrap_or(Method::MsChapV2);
        let inside = |user: Option<&LocalUser>| {
            let of_user = user.and_then(|user| user.group.as_ref());
            let methods = of_user.map_or(&access.eap_methods, |group| &group.eap_methods);
            methods.first().copied().unwrap_or(eap::EapMethod::MsChapV2)
        };
        let decision = user.and_then(|user| {
            let proven = self.hash_of(user).matches(&NtHash::from_password(password));
            let method = match method {
                Method::Eap => LoginMethod::Eap(inside(user)),
                Method::MsChapV2 | Method::MsChapV1 | Method::ChapMd5 | Method::Pap => {
                    LoginMethod::Ppp(method)
                }
            };
            if proven && method == LoginMethod::Ppp(Method::ChapMd5) {
                let known = user.is_some_and(|user| user.password.is_some());
                known.then_some(()).ok_or(Rejection::PasswordNotInClear)?;
            }
            let at = self.moment(now);
            let entry = Entry { access, method, at };
            entry.admit(user, proven, &Proof::Password)
        });
        match decision {
            Ok(grant) => Decision::Accept(Box::new(grant)),
            Err(rejection) => self.refuse(rejection, name.as_bytes(), access),
        }
    }

    fn answer(
        &mut self,
        credentials: &Credentials,
        access: &Arc<Access>,
        at: Moment,
    ) -> Result<Decision, Rejection> {
        if let Credentials::Eap { .. } = credentials {
            return eap::step(self, credentials, access, at);
        }
        let by = |method| Entry {
            access,
            method: LoginMethod::Ppp(method),
            at,
        };
        let grant = match credentials {
            Credentials::Pap { name, password } => self.pap(by(Method::Pap), name, password),
            Credentials::ChapMd5 {
                name,
                challenge,
                response,
                identifier,
            } => self.chap_md5(by(Method::ChapMd5), name, *identifier, challenge, response),
            Credentials::MsChapV1 {
                name,
                challenge,
                nt_response,
                uses_nt_response,
                ..
            } => self.mschapv1(
                by(Method::MsChapV1),
                name,
                challenge,
                nt_response,
                *uses_nt_response,
            ),
            Credentials::MsChapV2 {
                name,
                authenticator_challenge,
                peer_challenge,
                nt_response,
                ..
            } => self.mschapv2(
                by(Method::MsChapV2),
                name,
                authenticator_challenge,
                peer_challenge,
                nt_response,
            ),
            Credentials::ChangePasswordV2 {
                name,
                challenge,
                change,
                ..
            } => self.change_by_mschapv1(by(Method::MsChapV1), name, challenge, change),
            Credentials::ChangePasswordV3 {
                name,
                authenticator_challenge,
                change,
                ..
            } => {
                self.change_by_mschapv2(by(Method::MsChapV2), name, authenticator_challenge, change)
            }
            Credentials::Eap { .. } => Err(Rejection::EapOutOfStep),
        };
        grant.map(|grant| Decision::Accept(Box::new(grant)))
    }

    fn pap(&self, entry: Entry<'_>, name: &[u8], password: &[u8]) -> Result<Grant, Rejection> {
        let user = self.find(usable(name)?);
        // One hash for every name, known or not. A password that is no UTF-8 is nobody's.
        let text = std::str::from_utf8(password);
        let hash = NtHash::from_password(text.unwrap_or_default());
        let known = user.map_or(&self.nobody, |user| &user.nt_hash);
        let proven = known.matches(&hash) && text.is_ok();
        entry.admit(user, proven, &Proof::Password)
    }

    pub(super) fn chap_md5(
        &self,
        entry: Entry<'_>,
        name: &[u8],
        identifier: u8,
        challenge: &[u8],
        response: &[u8; 16],
    ) -> Result<Grant, Rejection> {
        let user = self.find(usable(name)?);
        // RFC 1994 §2.3: a secret of no byte is none.
        let password = user
            .and_then(|user| user.password.as_ref())
            .filter(|password| !password.expose().is_empty());
        let proven = chap_md5::verify_response(
            identifier,
            password.unwrap_or(&self.nobodys_password),
            challenge,
            response,
        );
        if user.is_some() && password.is_none() {
            return Err(Rejection::PasswordNotInClear);
        }
        entry.admit(user, proven, &Proof::Password)
    }

    fn mschapv1(
        &self,
        entry: Entry<'_>,
        name: &[u8],
        challenge: &[u8; 8],
        nt_response: &[u8; 24],
        uses_nt_response: bool,
    ) -> Result<Grant, Rejection> {
        if !uses_nt_response {
            return Err(Rejection::LanManagerOnly);
        }
        let user = self.find(usable(name)?);
        let proven = mschapv1::verify_response(challenge, self.hash_of(user), nt_response);
        entry.admit(user, proven, &Proof::MsChapV1 { challenge })
    }

    pub(super) fn mschapv2(
        &self,
        entry: Entry<'_>,
        name: &[u8],
        authenticator_challenge: &[u8; 16],
        peer_challenge: &[u8; 16],
        nt_response: &[u8; 24],
    ) -> Result<Grant, Rejection> {
        let user = self.find(usable(name)?);
        let exchange = Exchange {
            authenticator_challenge,
            peer_challenge,
            user_name: name,
        };
        let proven = mschapv2::verify_response(&exchange, self.hash_of(user), nt_response);
        let proof = Proof::MsChapV2 {
            exchange,
            nt_response,
        };
        entry.admit(user, proven, &proof)
    }

    /// Who sends this name.
    fn find(&self, name: &str) -> Option<&LocalUser> {
        self.names.keys(name).find_map(|key| self.users.get(&*key))
    }

    pub(super) const fn eap(&self) -> &eap::Settings {
        &self.eap
    }

    fn hash_of<'a>(&'a self, user: Option<&'a LocalUser>) -> &'a NtHash {
        user.map_or(&self.nobody, |user| &user.nt_hash)
    }
}

fn usable(name: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(name)
        .ok()
        .filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX)
        .ok_or(Rejection::NameUnusable)
}

#[cfg(test)]
pub(super) mod tests;
