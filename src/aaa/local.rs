//! Users in a file of ours. A decision takes no waiting: it is a few hashes and DES blocks.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{
    Access, Decision, Denial, Grant, LoginMethod, NameRules, NetworkTerms, Rejection, Terms, eap,
};
use crate::auth::mschapv2::{self, Exchange};
use crate::auth::{NtHash, Secret, change_password, chap_md5, mschapv1};
use crate::flow::{Authenticated, Encryption};
use crate::mppe::keys::StartKeys;
use crate::ppp::link::{Credentials, Method, MppeChange};
use crate::wire::chap::{ChangePasswordV2, ChangePasswordV3};
use crate::wire::prefix::Prefix;

/// The longest name that can be anybody's, in bytes: what the file accepts.
pub const NAME_BYTES_MAX: usize = 253;

/// Whether a user who knows the password may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Good,
    /// After sending a new password.
    PasswordExpired,
    /// No.
    Disabled,
}

/// One user.
pub struct LocalUser {
    /// What the user types.
    pub name: Box<str>,
    /// As good as the password: never shown.
    pub nt_hash: NtHash,
    /// The password in clear, which CHAP with MD5 needs, if it is known.
    pub password: Option<Secret>,
    /// Whether the user may come in.
    pub standing: Standing,
    /// The user's own address, if there is one.
    pub address: Option<Ipv4Addr>,
    /// The pool to lease from.
    pub pool: Box<str>,
    /// Whether that was said of this user.
    pub has_own_pool: bool,
    /// The user's group; `None`: what the address permits that the user comes in by.
    pub group: Option<Arc<Access>>,
    /// What the user's encryption has of its own.
    pub mppe: MppeChange,
    /// The networks behind the user.
    pub networks: Arc<[Prefix]>,
    /// How many sessions the user may have, if that is not what its group says.
    pub sessions_max: Option<u32>,
}

impl LocalUser {
    /// A user in good standing whose password is known as a hash only.
    #[must_use]
    pub fn new(name: &str, nt_hash: NtHash, pool: &str) -> Self {
        Self {
            name: name.into(),
            nt_hash,
            password: None,
            standing: Standing::Good,
            address: None,
            pool: pool.into(),
            has_own_pool: false,
            group: None,
            mppe: MppeChange::NONE,
            networks: Arc::default(),
            sessions_max: None,
        }
    }
}

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
}

/// A password that a client has replaced: in force at once, and lost with this process unless
/// somebody keeps it.
pub struct PasswordChange {
    /// Whose it is.
    pub user: Box<str>,
    /// The new one.
    pub nt_hash: NtHash,
    /// In clear, if the old one was known so.
    pub password: Option<Secret>,
}

impl PasswordChange {
    /// A second copy.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            user: self.user.clone(),
            nt_hash: self.nt_hash.duplicate(),
            password: self.password.as_ref().map(Secret::duplicate),
        }
    }
}

/// Where a client logs in, and how.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// What the address permits that it came in by.
    pub(super) access: &'a Arc<Access>,
    pub(super) method: LoginMethod,
}

impl<'a> Entry<'a> {
    /// What a user is permitted who comes in here.
    fn of(&self, user: &'a LocalUser) -> &'a Arc<Access> {
        user.group.as_ref().unwrap_or(self.access)
    }
}

/// What a log-in proved, for the keys and the answer.
enum Proof<'a> {
    /// The password, by a way that gives no keys.
    Password,
    /// MS-CHAPv1.
    MsChapV1 { challenge: &'a [u8; 8] },
    /// MS-CHAPv2, alone or in EAP.
    MsChapV2 {
        exchange: Exchange<'a>,
        nt_response: &'a [u8; 24],
    },
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

    /// Addresses that belong to users, for [`super::Pools`] to keep out of the pools.
    pub fn reserved(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.users.values().filter_map(|user| user.address)
    }

    /// Whether these credentials, of a client that came in where `access` holds, prove who it is, and
    /// whether it may log in so: the user's group decides about that if there is one. A new password
    /// that a client sends in place of an expired one is taken over here, in memory; see
    /// [`Self::take_password_changes`].
    #[must_use]
    pub fn decide(&mut self, credentials: &Credentials, access: &Arc<Access>) -> Decision {
        self.answer(credentials, access)
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

    /// The passwords that clients have replaced since the last call, for whoever keeps the users' file.
    #[must_use]
    pub fn take_password_changes(&mut self) -> Vec<PasswordChange> {
        std::mem::take(&mut self.changes)
    }

    /// Takes over a password that was replaced before these users were read.
    pub fn set_password(&mut self, change: &PasswordChange) {
        let key = self.names.key(&change.user);
        if let Some(user) = self.users.get_mut(&*key) {
            user.nt_hash = change.nt_hash.duplicate();
            user.password = user
                .password
                .as_ref()
                .and(change.password.as_ref())
                .map(Secret::duplicate);
            user.standing = Standing::Good;
        }
    }

    /// What [`Self::decide`] would say to a client that knows this password and logs in where `access`
    /// holds, by the best way that is offered there and permitted to it.
    #[must_use]
    pub fn test(&self, name: &str, password: &str, access: &Arc<Access>) -> Decision {
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
            Self::admit(Entry { access, method }, user, proven, &Proof::Password)
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
    ) -> Result<Decision, Rejection> {
        if let Credentials::Eap { .. } = credentials {
            return eap::step(self, credentials, access);
        }
        let by = |method| Entry {
            access,
            method: LoginMethod::Ppp(method),
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
        Self::admit(entry, user, proven, &Proof::Password)
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
        Self::admit(entry, user, proven, &Proof::Password)
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
        Self::admit(entry, user, proven, &Proof::MsChapV1 { challenge })
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
        Self::admit(entry, user, proven, &proof)
    }

    /// RFC 2433 §10.
    fn change_by_mschapv1(
        &mut self,
        entry: Entry<'_>,
        name: &[u8],
        challenge: &[u8; 8],
        change: &ChangePasswordV2,
    ) -> Result<Grant, Rejection> {
        self.take_password(
            entry,
            name,
            &change.encrypted_password,
            &change.encrypted_hash,
            |new| mschapv1::verify_response(challenge, new, &change.nt_response),
        )?;
        let user = self.find(usable(name)?);
        Self::admit(entry, user, true, &Proof::MsChapV1 { challenge })
    }

    /// RFC 2759 §7.
    pub(super) fn change_by_mschapv2(
        &mut self,
        entry: Entry<'_>,
        name: &[u8],
        authenticator_challenge: &[u8; 16],
        change: &ChangePasswordV3,
    ) -> Result<Grant, Rejection> {
        let exchange = Exchange {
            authenticator_challenge,
            peer_challenge: &change.peer_challenge,
            user_name: name,
        };
        self.take_password(
            entry,
            name,
            &change.encrypted_password,
            &change.encrypted_hash,
            |new| mschapv2::verify_response(&exchange, new, &change.nt_response),
        )?;
        let user = self.find(usable(name)?);
        let proof = Proof::MsChapV2 {
            exchange,
            nt_response: &change.nt_response,
        };
        Self::admit(entry, user, true, &proof)
    }

    /// Takes over a new password if it was encrypted under the old one, is bound to it, is proven by
    /// its own response, and replaces one that has expired.
    fn take_password(
        &mut self,
        entry: Entry<'_>,
        name: &[u8],
        block: &[u8; change_password::BLOCK],
        bound: &[u8; 16],
        proves: impl FnOnce(&NtHash) -> bool,
    ) -> Result<(), Rejection> {
        let refused = Rejection::NewPasswordRefused;
        let name = self
            .find(usable(name)?)
            .map(|user| user.name.clone())
            .ok_or(refused)?;
        let key = self.names.key(&name);
        let user = self.users.get_mut(&*key).ok_or(refused)?;
        let permitted = entry.of(user).permits(entry.method);
        if user.standing != Standing::PasswordExpired || !permitted {
            return Err(refused);
        }
        let password = change_password::decrypt_password(block, &user.nt_hash).ok_or(refused)?;
        let new_hash = NtHash::from_password(&password);
        let fits = change_password::verify_hash(bound, &user.nt_hash, &new_hash);
        if !fits || !proves(&new_hash) || new_hash.matches(&user.nt_hash) {
            return Err(refused);
        }
        // In clear only where it was known in clear before.
        user.password = user
            .password
            .as_ref()
            .map(|_| Secret::new(password.as_bytes().to_vec()));
        let change = PasswordChange {
            user: name,
            nt_hash: new_hash.duplicate(),
            password: user.password.as_ref().map(Secret::duplicate),
        };
        user.nt_hash = new_hash;
        user.standing = Standing::Good;
        self.changes.push(change);
        Ok(())
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

    /// Only who has proven the password learns how the user stands.
    fn admit(
        entry: Entry<'_>,
        user: Option<&LocalUser>,
        proven: bool,
        proof: &Proof<'_>,
    ) -> Result<Grant, Rejection> {
        let user = user.ok_or(Rejection::UserUnknown)?;
        if !proven {
            return Err(Rejection::PasswordWrong);
        }
        let access = entry.of(user);
        if !access.permits(entry.method) {
            return Err(Rejection::MethodNotPermitted);
        }
        match user.standing {
            Standing::Good => Ok(grant(user, access, proof)),
            Standing::PasswordExpired => Err(Rejection::PasswordExpired),
            Standing::Disabled => Err(Rejection::UserDisabled),
        }
    }
}

fn grant(user: &LocalUser, access: &Arc<Access>, proof: &Proof<'_>) -> Grant {
    let hash_hash = user.nt_hash.hash();
    let (success_message, keys) = match proof {
        Proof::Password => (String::new(), None),
        Proof::MsChapV1 { challenge } => {
            let keys = StartKeys::from_mschapv1(hash_hash.expose(), challenge);
            (String::new(), Some(keys))
        }
        Proof::MsChapV2 {
            exchange,
            nt_response,
        } => {
            let message = mschapv2::authenticator_response(exchange, &hash_hash, nt_response);
            let keys = StartKeys::from_mschapv2(hash_hash.expose(), nt_response);
            (message, Some(keys))
        }
    };
    let terms = Terms::new(Arc::clone(access), user.mppe);
    let policy = terms.flow_policy();
    let keys = keys.filter(|_| policy.encryption != Encryption::Off);
    Grant {
        user: user.name.clone(),
        success_message,
        terms,
        authenticated: Authenticated::new(policy, keys),
        pool: user.pool.clone(),
        address: user.address,
        networks: Arc::clone(&user.networks),
        network: NetworkTerms {
            sessions_max: user.sessions_max,
            ..NetworkTerms::default()
        },
        remark: None,
        billing: Box::default(),
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
