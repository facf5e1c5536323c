//! Users in a file of ours. A decision takes no waiting: it is a few hashes and DES blocks.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{Decision, EapMethod, Grant, NameRules, Rejection, eap};
use crate::auth::mschapv2::{self, Exchange};
use crate::auth::{NtHash, Secret, change_password, chap_md5, mschapv1};
use crate::flow::{Authenticated, Encryption, FlowPolicy};
use crate::mppe::keys::StartKeys;
use crate::ppp::link::Credentials;
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
    /// The networks behind the user.
    pub networks: Arc<[Prefix]>,
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
            networks: Arc::default(),
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
    policy: FlowPolicy,
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
    /// `policy` is what the data plane enforces for every one of them. EAP is EAP-MSCHAPv2 alone,
    /// without another attempt.
    #[must_use]
    pub fn new(users: impl IntoIterator<Item = LocalUser>, policy: FlowPolicy) -> Self {
        let users = users
            .into_iter()
            .map(|user| (user.name.clone(), user))
            .collect();
        Self {
            users,
            names: NameRules::default(),
            nobody: NtHash::from_bytes([0; 16]),
            nobodys_password: Secret::new(vec![0; 12]),
            policy,
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

    /// The methods that are offered inside EAP, best first, what we call ourselves there, and how many
    /// further passwords a client may try.
    #[must_use]
    pub fn with_eap(mut self, methods: &[EapMethod], name: &str, retries_max: u8) -> Self {
        self.eap = eap::Settings::new(methods, name, retries_max);
        self
    }

    /// Addresses that belong to users, for [`super::Pools`] to keep out of the pools.
    pub fn reserved(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.users.values().filter_map(|user| user.address)
    }

    /// Whether these credentials prove who the peer is. A new password that a client sends in place of
    /// an expired one is taken over here, in memory; see [`Self::take_password_changes`].
    #[must_use]
    pub fn decide(&mut self, credentials: &Credentials) -> Decision {
        self.answer(credentials).unwrap_or_else(Decision::Reject)
    }

    /// The passwords that clients have replaced since the last call, for whoever keeps the users' file.
    #[must_use]
    pub fn take_password_changes(&mut self) -> Vec<PasswordChange> {
        std::mem::take(&mut self.changes)
    }

    fn answer(&mut self, credentials: &Credentials) -> Result<Decision, Rejection> {
        if let Credentials::Eap { .. } = credentials {
            return eap::step(self, credentials);
        }
        let grant = match credentials {
            Credentials::Pap { name, password } => self.pap(name, password),
            Credentials::ChapMd5 {
                name,
                challenge,
                response,
                identifier,
            } => self.chap_md5(name, *identifier, challenge, response),
            Credentials::MsChapV1 {
                name,
                challenge,
                nt_response,
                uses_nt_response,
                ..
            } => self.mschapv1(name, challenge, nt_response, *uses_nt_response),
            Credentials::MsChapV2 {
                name,
                authenticator_challenge,
                peer_challenge,
                nt_response,
                ..
            } => self.mschapv2(name, authenticator_challenge, peer_challenge, nt_response),
            Credentials::ChangePasswordV2 {
                name,
                challenge,
                change,
                ..
            } => self.change_by_mschapv1(name, challenge, change),
            Credentials::ChangePasswordV3 {
                name,
                authenticator_challenge,
                change,
                ..
            } => self.change_by_mschapv2(name, authenticator_challenge, change),
            Credentials::Eap { .. } => Err(Rejection::EapOutOfStep),
        };
        grant.map(Decision::Accept)
    }

    fn pap(&self, name: &[u8], password: &[u8]) -> Result<Grant, Rejection> {
        let user = self.find(usable(name)?);
        // One hash for every name, known or not. A password that is no UTF-8 is nobody's.
        let text = std::str::from_utf8(password);
        let hash = NtHash::from_password(text.unwrap_or_default());
        let known = user.map_or(&self.nobody, |user| &user.nt_hash);
        let proven = known.matches(&hash) && text.is_ok();
        self.admit(user, proven, &Proof::Password)
    }

    pub(super) fn chap_md5(
        &self,
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
        self.admit(user, proven, &Proof::Password)
    }

    fn mschapv1(
        &self,
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
        self.admit(user, proven, &Proof::MsChapV1 { challenge })
    }

    pub(super) fn mschapv2(
        &self,
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
        self.admit(user, proven, &proof)
    }

    /// RFC 2433 §10.
    fn change_by_mschapv1(
        &mut self,
        name: &[u8],
        challenge: &[u8; 8],
        change: &ChangePasswordV2,
    ) -> Result<Grant, Rejection> {
        self.take_password(
            name,
            &change.encrypted_password,
            &change.encrypted_hash,
            |new| mschapv1::verify_response(challenge, new, &change.nt_response),
        )?;
        let user = self.find(usable(name)?);
        self.admit(user, true, &Proof::MsChapV1 { challenge })
    }

    /// RFC 2759 §7.
    pub(super) fn change_by_mschapv2(
        &mut self,
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
        self.admit(user, true, &proof)
    }

    /// Takes over a new password if it was encrypted under the old one, is bound to it, is proven by
    /// its own response, and replaces one that has expired.
    fn take_password(
        &mut self,
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
        if user.standing != Standing::PasswordExpired {
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
        &self,
        user: Option<&LocalUser>,
        proven: bool,
        proof: &Proof<'_>,
    ) -> Result<Grant, Rejection> {
        let user = user.ok_or(Rejection::UserUnknown)?;
        if !proven {
            return Err(Rejection::PasswordWrong);
        }
        match user.standing {
            Standing::Good => Ok(self.grant(user, proof)),
            Standing::PasswordExpired => Err(Rejection::PasswordExpired),
            Standing::Disabled => Err(Rejection::UserDisabled),
        }
    }

    fn grant(&self, user: &LocalUser, proof: &Proof<'_>) -> Grant {
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
        let keys = keys.filter(|_| self.policy.encryption != Encryption::Off);
        Grant {
            user: user.name.clone(),
            success_message,
            authenticated: Authenticated::new(self.policy, keys),
            pool: user.pool.clone(),
            address: user.address,
            networks: Arc::clone(&user.networks),
        }
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
