//! Who may connect: a request carries credentials, a decision carries the proof that a flow needs
//! before it forwards anything ([`crate::flow::Authenticated`]), and the address.

mod access;
pub mod accounting;
pub mod calendar;
mod eap;
mod limits;
pub mod local;
mod names;
pub mod outage;
pub mod own_login;
mod policy;
pub mod pool;
pub mod radius;
mod realm;
mod rejection;
mod servers;
pub mod tacacs;

use std::net::Ipv4Addr;
use std::sync::Arc;

pub use access::{Access, LoginMethod, Terms};
pub use accounting::Billing;
pub use eap::EapMethod;
pub use limits::{AtLimit, SessionLimits};
pub use local::{LocalUser, LocalUsers, PasswordChange, Standing};
pub use names::NameRules;
pub use outage::{AtOutage, Keep};
pub use policy::{
    AtSessionLimit, Burst, CallPolicy, Filters, PolicyChange, Quota, QuotaChange, Rate, RatePolicy,
};
pub use pool::{Lease, LeaseRefusal, PoolConfig, PoolUsage, Pools};
pub use realm::{Realm, RealmForm, Realms};
pub use rejection::Rejection;
pub use servers::{Names, Servers};

use crate::flow::Authenticated;
use crate::wire::chap::FailureCode;
use crate::wire::prefix::Prefix;

/// The addresses that a client is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameServers {
    /// Domain name servers, in order of preference.
    pub dns: [Option<Ipv4Addr>; 2],
    /// NetBIOS name servers, in order of preference.
    pub nbns: [Option<Ipv4Addr>; 2],
}

impl NameServers {
    /// These, each kind unless `others` has one of it.
    #[must_use]
    pub fn unless(self, others: Self) -> Self {
        let first = |own: [Option<Ipv4Addr>; 2], other: [Option<Ipv4Addr>; 2]| {
            if other == [None, None] { own } else { other }
        };
        Self {
            dns: first(self.dns, others.dns),
            nbns: first(self.nbns, others.nbns),
        }
    }
}

/// The answer to one authentication request.
pub enum Decision {
    /// The peer may connect.
    Accept(Box<Grant>),
    /// EAP goes on.
    Challenge {
        /// The next Request, without a frame.
        packet: Vec<u8>,
        /// Where the conversation stands: comes back with the answer.
        state: Vec<u8>,
    },
    /// It may not.
    Reject(Rejection),
    /// It may not, in the words of whoever decided.
    Deny(Box<Denial>),
}

/// A refusal in the words of whoever decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub rejection: Rejection,
    /// What an MS-CHAP client is told.
    pub code: FailureCode,
    /// What the user is told.
    pub text: Box<str>,
    /// Whether another attempt may be permitted.
    pub retry: bool,
    /// Who said what, for the verdict.
    pub detail: Option<Box<str>>,
}

impl From<Rejection> for Denial {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            code: rejection.failure_code(),
            text: rejection.text().into(),
            retry: rejection.permits_retry(),
            detail: None,
        }
    }
}

/// What an accepted peer gets beside its address; nothing, unless somebody says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkTerms {
    /// Servers in place of those that all clients are told.
    pub name_servers: NameServers,
    /// The longest packet to the client, in bytes, if that is shorter than everybody's.
    pub mtu_max: Option<u16>,
    /// How long, how much, how fast.
    pub policy: CallPolicy,
    /// Whether the client may name its address, as far as that is free in its pool.
    pub client_chooses: bool,
    /// What whoever let it in wants to see again with the question whether the call may go on.
    pub state: Option<Box<[u8]>>,
    /// How many sessions the user may have, if somebody says that of this user.
    pub sessions_max: Option<u32>,
    /// Attributes that whoever let it in sent, and that have no effect here.
    pub left_alone: Vec<&'static str>,
}

/// What an accepted peer gets.
pub struct Grant {
    /// The user's name, as the accounts have it.
    pub user: Box<str>,
    /// For MS-CHAPv2 the `S=` string of RFC 2759 §5 that proves to the client that we know its password
    /// too; otherwise empty.
    pub success_message: String,
    /// What holds for the call from here on.
    pub terms: Terms,
    /// The proof for the worker, with policy and start keys.
    pub authenticated: Authenticated,
    /// The pool to lease from.
    pub pool: Box<str>,
    /// The address that belongs to the user, if one does.
    pub address: Option<Ipv4Addr>,
    /// The networks behind the user, which lie behind its call.
    pub networks: Arc<[Prefix]>,
    /// What else it gets.
    pub network: NetworkTerms,
    /// Where keys come from and why there are none, for the verdict on a call that needs them.
    pub remark: Option<Box<str>>,
    /// What the bill needs.
    pub billing: Box<Billing>,
}
