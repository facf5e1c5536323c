//! Users in a file of ours. A decision takes no waiting: it is two hashes and three DES blocks.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::{Decision, Grant, Rejection};
use crate::auth::NtHash;
use crate::auth::mschapv2::{self, Exchange};
use crate::flow::{Authenticated, Encryption, FlowPolicy};
use crate::mppe::keys::StartKeys;
use crate::ppp::link::Credentials;

/// The longest name that can be anybody's, in bytes: what the file accepts.
pub const NAME_BYTES_MAX: usize = 253;

/// One user.
pub struct LocalUser {
    /// What the user types.
    pub name: Box<str>,
    /// As good as the password: never shown.
    pub nt_hash: NtHash,
    /// The user's own address, if there is one.
    pub address: Option<Ipv4Addr>,
    /// The pool to lease from.
    pub pool: Box<str>,
}

/// All local users by name.
pub struct LocalUsers {
    users: HashMap<Box<str>, LocalUser>,
    /// Checked when the name is unknown, so that the time taken does not tell which names exist.
    nobody: NtHash,
    policy: FlowPolicy,
}

impl LocalUsers {
    /// `policy` is what the data plane enforces for every one of them.
    #[must_use]
    pub fn new(users: impl IntoIterator<Item = LocalUser>, policy: FlowPolicy) -> Self {
        let users = users
            .into_iter()
            .map(|user| (user.name.clone(), user))
            .collect();
        Self {
            users,
            nobody: NtHash::from_bytes([0; 16]),
            policy,
        }
    }

    /// Addresses that belong to users, for [`super::Pools`] to keep out of the pools.
    pub fn reserved(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.users.values().filter_map(|user| user.address)
    }

    /// Whether these credentials prove who the peer is.
    #[must_use]
    pub fn decide(&self, credentials: &Credentials) -> Decision {
        let Credentials::MsChapV2 {
            name,
            authenticator_challenge,
            peer_challenge,
            nt_response,
            ..
        } = credentials;
        let Some(user_name) = usable(name) else {
            return Decision::Reject(Rejection::NameUnusable);
        };
        let user = self.find(user_name);
        let nt_hash = user.map_or(&self.nobody, |user| &user.nt_hash);
        let exchange = Exchange {
            authenticator_challenge,
            peer_challenge,
            user_name: user_name.as_bytes(),
        };
        let proven = mschapv2::verify_response(&exchange, nt_hash, nt_response);
        match user {
            None => Decision::Reject(Rejection::UserUnknown),
            Some(_) if !proven => Decision::Reject(Rejection::PasswordWrong),
            Some(user) => Decision::Accept(self.grant(user, &exchange, nt_response)),
        }
    }

    /// The name as typed, or without the domain that Windows puts before it.
    fn find(&self, name: &str) -> Option<&LocalUser> {
        self.users.get(name).or_else(|| {
            let bare = name.rsplit_once('\\').map(|(_, bare)| bare)?;
            self.users.get(bare)
        })
    }

    fn grant(&self, user: &LocalUser, exchange: &Exchange<'_>, nt_response: &[u8; 24]) -> Grant {
        let password_hash_hash = user.nt_hash.hash();
        let keys = (self.policy.encryption != Encryption::Off)
            .then(|| StartKeys::from_mschapv2(password_hash_hash.expose(), nt_response));
        Grant {
            user: user.name.clone(),
            success_message: mschapv2::authenticator_response(
                exchange,
                &password_hash_hash,
                nt_response,
            ),
            authenticated: Authenticated::new(self.policy, keys),
            pool: user.pool.clone(),
            address: user.address,
        }
    }
}

fn usable(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: [u8; 16] = [0x5b; 16];
    const PEER_CHALLENGE: [u8; 16] = [0x21; 16];

    fn users() -> LocalUsers {
        let policy = FlowPolicy {
            encryption: Encryption::Required,
            client_to_client: false,
            mss_max: 1360,
        };
        let alice = LocalUser {
            name: "alice".into(),
            nt_hash: NtHash::from_password("wonderland-7"),
            address: None,
            pool: "default".into(),
        };
        LocalUsers::new([alice], policy)
    }

    /// What a client of this name that knows this password would send.
    fn credentials(name: &[u8], password: &str) -> Credentials {
        let exchange = Exchange {
            authenticator_challenge: &CHALLENGE,
            peer_challenge: &PEER_CHALLENGE,
            user_name: name,
        };
        Credentials::MsChapV2 {
            name: name.to_vec(),
            authenticator_challenge: CHALLENGE,
            peer_challenge: PEER_CHALLENGE,
            nt_response: mschapv2::generate_nt_response(
                &exchange,
                &NtHash::from_password(password),
            ),
            identifier: 1,
        }
    }

    fn rejection(decision: Decision) -> Rejection {
        match decision {
            Decision::Reject(rejection) => rejection,
            Decision::Accept(grant) => panic!("{} was let in", grant.user),
        }
    }

    #[test]
    fn the_right_password_is_let_in_with_keys_with_or_without_a_domain() {
        for name in [&b"alice"[..], b"WORKGROUP\\alice"] {
            let Decision::Accept(grant) = users().decide(&credentials(name, "wonderland-7")) else {
                panic!("{name:?} was refused");
            };
            assert_eq!(&*grant.user, "alice");
            assert!(grant.success_message.starts_with("S="));
            assert!(grant.authenticated.has_keys());
        }
    }

    #[test]
    fn everybody_else_is_refused_with_the_reason() {
        let users = users();
        let reason = |name: &[u8], password| rejection(users.decide(&credentials(name, password)));
        assert_eq!(reason(b"alice", "wrong"), Rejection::PasswordWrong);
        assert_eq!(reason(b"bob", "wonderland-7"), Rejection::UserUnknown);
        assert_eq!(reason(b"", "wonderland-7"), Rejection::NameUnusable);
        assert_eq!(reason(b"al\xffce", "wonderland-7"), Rejection::NameUnusable);
        assert_eq!(
            reason(&[b'a'; 254], "wonderland-7"),
            Rejection::NameUnusable
        );
    }
}
