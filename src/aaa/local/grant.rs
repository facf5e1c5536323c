//! From a proof to what the user gets, or why it does not come in.

use std::sync::Arc;

use super::{LocalUser, Standing};
use crate::aaa::{Access, CallPolicy, Grant, LoginMethod, NetworkTerms, Rejection, Terms};
use crate::auth::mschapv2::{self, Exchange};
use crate::clock::Timestamp;
use crate::flow::{Authenticated, Encryption};
use crate::mppe::keys::StartKeys;

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(in crate::aaa) struct Moment {
    /// By ours.
    pub(in crate::aaa) now: Timestamp,
    /// Seconds since 1970.
    pub(in crate::aaa) unix_s: u64,
}

/// Where a client logs in, and how.
#[derive(Clone, Copy)]
pub(in crate::aaa) struct Entry<'a> {
    /// What the address permits that it came in by.
    pub(in crate::aaa) access: &'a Arc<Access>,
    pub(in crate::aaa) method: LoginMethod,
    pub(in crate::aaa) at: Moment,
}

impl<'a> Entry<'a> {
    /// What a user is permitted who comes in here.
    fn of(&self, user: &'a LocalUser) -> &'a Arc<Access> {
        user.group.as_ref().unwrap_or(self.access)
    }

    /// How a user stands who has proven the password: whether it comes in so, now.
    pub(super) fn standing(&self, user: &LocalUser) -> Result<(), Rejection> {
        let expired = user.expires_s.is_some_and(|at_s| at_s <= self.at.unix_s);
        if !self.of(user).permits(self.method) {
            return Err(Rejection::MethodNotPermitted);
        }
        match user.standing {
            Standing::Disabled => Err(Rejection::UserDisabled),
            Standing::Good | Standing::PasswordExpired if expired => Err(Rejection::AccountExpired),
            Standing::PasswordExpired => Err(Rejection::PasswordExpired),
            Standing::Good => Ok(()),
        }
    }

    /// Only who has proven the password learns how the user stands.
    pub(super) fn admit(
        self,
        user: Option<&LocalUser>,
        proven: bool,
        proof: &Proof<'_>,
    ) -> Result<Grant, Rejection> {
        let user = user.ok_or(Rejection::UserUnknown)?;
        if !proven {
            return Err(Rejection::PasswordWrong);
        }
        self.standing(user)?;
        Ok(grant(user, self.of(user), self.at, proof))
    }
}

/// What a log-in proved, for the keys and the answer.
pub(super) enum Proof<'a> {
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

fn grant(user: &LocalUser, access: &Arc<Access>, at: Moment, proof: &Proof<'_>) -> Grant {
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
            policy: policy_of(user, at),
            ..NetworkTerms::default()
        },
        remark: None,
        billing: Box::default(),
    }
}

/// What holds for a call that begins now: an account that expires takes its calls with it.
fn policy_of(user: &LocalUser, at: Moment) -> CallPolicy {
    let left_s = user.expires_s.map(|at_s| at_s.saturating_sub(at.unix_s));
    let ends_at = left_s.map(|left_s| at.now + std::time::Duration::from_secs(left_s));
    CallPolicy {
        ends_at: ends_at.or(user.policy.ends_at),
        ..user.policy.clone()
    }
}
