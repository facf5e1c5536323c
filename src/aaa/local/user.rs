//! One user, as the file has it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::aaa::{Access, CallPolicy};
use crate::auth::{NtHash, Secret};
use crate::ppp::link::MppeChange;
use crate::wire::prefix::Prefix;

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
    /// Seconds since 1970 from which on the user does not come in, and at which its calls end.
    pub expires_s: Option<u64>,
    /// How long, how much and how fast its calls may be.
    pub policy: CallPolicy,
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
            expires_s: None,
            policy: CallPolicy::default(),
        }
    }
}
