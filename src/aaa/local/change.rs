//! A client that replaces a password that has expired, by MS-CHAP of either version.

use super::{Entry, LocalUsers, Proof, Standing, usable};
use crate::aaa::{Grant, Rejection};
use crate::auth::mschapv2::{self, Exchange};
use crate::auth::{NtHash, Secret, change_password, mschapv1};
use crate::wire::chap::{ChangePasswordV2, ChangePasswordV3};

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

impl LocalUsers {
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

    /// RFC 2433 §10.
    pub(super) fn change_by_mschapv1(
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
        entry.admit(user, true, &Proof::MsChapV1 { challenge })
    }

    /// RFC 2759 §7.
    pub(in crate::aaa) fn change_by_mschapv2(
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
        entry.admit(user, true, &proof)
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
        if entry.standing(user) != Err(Rejection::PasswordExpired) {
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
}
