//! What is kept of a user: what a server has permitted it, and what shows that a password is the one
//! that the server has seen.

use std::net::Ipv4Addr;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::derive::Tag;
use crate::aaa::accounting::{Billing, DecidedBy};
use crate::aaa::{Access, Decision, Grant, LocalUser, LocalUsers, NetworkTerms};
use crate::auth::NtHash;
use crate::clock::Timestamp;
use crate::ppp::link::{Credentials, MppeChange};
use crate::wire::prefix::Prefix;

/// What a server has permitted a user.
pub(super) struct Permit {
    user: Box<str>,
    own: MppeChange,
    address: Option<Ipv4Addr>,
    pool: Box<str>,
    networks: Arc<[Prefix]>,
    pub(super) network: NetworkTerms,
    billing: Billing,
}

impl Permit {
    pub(super) fn of(grant: &Grant) -> Self {
        Self {
            user: grant.user.clone(),
            own: grant.terms.own(),
            address: grant.address,
            pool: grant.pool.clone(),
            networks: Arc::clone(&grant.networks),
            network: NetworkTerms {
                // Of a conversation with a server that is over.
                state: None,
                ..grant.network.clone()
            },
            billing: Billing {
                decided_by: DecidedBy::Cached,
                ..(*grant.billing).clone()
            },
        }
    }

    /// What is decided about a user whose password has this hash.
    pub(super) fn decide(
        &self,
        nt_hash: NtHash,
        credentials: &Credentials,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Decision {
        let user = LocalUser {
            mppe: self.own,
            address: self.address,
            networks: Arc::clone(&self.networks),
            ..LocalUser::new(&self.user, nt_hash, &self.pool)
        };
        let mut decision = LocalUsers::new([user]).decide(credentials, access, now);
        if let Decision::Accept(grant) = &mut decision {
            grant.network = self.network.clone();
            *grant.billing = self.billing.clone();
        }
        decision
    }
}

/// What shows that a password is the one that a server has seen.
pub(super) enum Proof {
    Derived { salt: [u8; 16], tag: Tag },
    NtHash(NtHash),
}

impl Proof {
    /// Whether it is of the password that this was made of.
    pub(super) fn is(&self, salt: &[u8; 16], tag: &Tag) -> bool {
        match self {
            Self::Derived { salt: of, tag: is } => {
                of == salt && bool::from(is.as_slice().ct_eq(tag.as_slice()))
            }
            Self::NtHash(_) => false,
        }
    }

    /// What the password was made into it with.
    pub(super) const fn salt(&self) -> Option<[u8; 16]> {
        match self {
            Self::Derived { salt, .. } => Some(*salt),
            Self::NtHash(_) => None,
        }
    }
}

pub(super) struct Kept {
    pub(super) proof: Proof,
    pub(super) permit: Permit,
    pub(super) seen: Timestamp,
    pub(super) until: Timestamp,
}

impl Kept {
    /// What is decided about a user, if the NT hash is kept and enough to tell.
    pub(super) fn decide(
        &self,
        credentials: &Credentials,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Option<Decision> {
        let Proof::NtHash(hash) = &self.proof else {
            return None;
        };
        let decide = || {
            self.permit
                .decide(hash.duplicate(), credentials, access, now)
        };
        is_provable(credentials).then(decide)
    }
}

/// Whether the NT hash is enough to check it.
const fn is_provable(credentials: &Credentials) -> bool {
    match credentials {
        Credentials::Pap { .. } | Credentials::MsChapV1 { .. } | Credentials::MsChapV2 { .. } => {
            true
        }
        Credentials::ChapMd5 { .. }
        | Credentials::ChangePasswordV2 { .. }
        | Credentials::ChangePasswordV3 { .. }
        | Credentials::Eap { .. } => false,
    }
}
