//! Who may connect: a request carries credentials, a decision carries the proof that a flow needs
//! before it forwards anything ([`crate::flow::Authenticated`]), and the address.

mod access;
pub mod accounting;
pub mod calendar;
mod eap;
mod limits;
pub mod local;
mod names;
pub mod own_login;
mod policy;
pub mod pool;
pub mod radius;
mod realm;
pub mod tacacs;

use std::net::Ipv4Addr;
use std::sync::Arc;

pub use access::{Access, LoginMethod, Terms};
pub use accounting::Billing;
pub use eap::EapMethod;
pub use limits::{AtLimit, SessionLimits};
pub use local::{LocalUser, LocalUsers, PasswordChange, Standing};
pub use names::NameRules;
pub use policy::{
    AtSessionLimit, Burst, CallPolicy, Filters, PolicyChange, Quota, QuotaChange, Rate, RatePolicy,
};
pub use pool::{Lease, LeaseRefusal, PoolConfig, PoolUsage, Pools};
pub use realm::{Realm, RealmForm, Realms};

use crate::counted_enum;
use crate::flow::Authenticated;
use crate::wire::chap::FailureCode;
use crate::wire::prefix::Prefix;

counted_enum! {
    /// Why a peer was not let in.
    pub enum Rejection {
        /// No user of that name.
        UserUnknown => "user_unknown",
        /// The response does not fit the user's password.
        PasswordWrong => "password_wrong",
        /// The name is no valid UTF-8, empty, or too long to be anybody's.
        NameUnusable => "name_unusable",
        /// CHAP with MD5, of a user whose password is known as an NT hash only.
        PasswordNotInClear => "password_not_in_clear",
        /// An MS-CHAPv1 client sent the response of LAN Manager alone.
        LanManagerOnly => "lan_manager_only",
        /// The password is right, and was proved in a way that the user's group does not permit.
        MethodNotPermitted => "method_not_permitted",
        /// The password is right, and has expired.
        PasswordExpired => "password_expired",
        /// The password is right, and the user is disabled.
        UserDisabled => "user_disabled",
        /// The password is right, and the user's time is over.
        AccountExpired => "account_expired",
        /// The password is right, and the user has as many sessions as it may have.
        TooManySessions => "too_many_sessions",
        /// The password is right, and the user's group has as many sessions as it may have.
        GroupFull => "group_full",
        /// The realm of the name is none that is known.
        RealmUnknown => "realm_unknown",
        /// Log-ins under this name failed too often; nobody looked at the password.
        UserBackOff => "user_back_off",
        /// The new password does not fit the old one or its own proof, or is the old one.
        NewPasswordRefused => "new_password_refused",
        /// An EAP packet that does not belong to where the conversation stands.
        EapOutOfStep => "eap_out_of_step",
        /// The client has none of our EAP methods.
        EapMethodNotAgreed => "eap_method_not_agreed",
        /// The client does not believe that the server knows its password.
        ServerNotBelieved => "server_not_believed",
        /// A RADIUS server refused it.
        RadiusRefused => "radius_refused",
        /// No RADIUS server answered in time.
        RadiusNoAnswer => "radius_no_answer",
        /// So many questions wait for RADIUS servers that this one was not put.
        RadiusOverloaded => "radius_overloaded",
        /// What a RADIUS server answered cannot be carried out.
        RadiusAnswerUnusable => "radius_answer_unusable",
        /// A TACACS+ server refused it.
        TacacsRefused => "tacacs_refused",
        /// The name is proved, and a TACACS+ server does not grant it PPP.
        TacacsNotAuthorized => "tacacs_not_authorized",
        /// No TACACS+ server answered in time.
        TacacsNoAnswer => "tacacs_no_answer",
        /// So many questions wait for TACACS+ servers that this one was not put.
        TacacsOverloaded => "tacacs_overloaded",
        /// What a TACACS+ server answered cannot be carried out.
        TacacsAnswerUnusable => "tacacs_answer_unusable",
        /// TACACS+, or that server of it, has no such way to log in.
        TacacsMethodUnknown => "tacacs_method_unknown",
        /// Encryption is required, and TACACS+ carries no keys.
        TacacsNoKeys => "tacacs_no_keys",
    }
}

impl Rejection {
    /// What an MS-CHAP client is told. Only who knows the password learns more than that it was
    /// refused.
    #[must_use]
    pub const fn failure_code(self) -> FailureCode {
        match self {
            Self::UserUnknown
            | Self::PasswordWrong
            | Self::NameUnusable
            | Self::PasswordNotInClear
            | Self::LanManagerOnly
            | Self::EapOutOfStep
            | Self::EapMethodNotAgreed
            | Self::RadiusRefused
            | Self::RadiusNoAnswer
            | Self::RadiusOverloaded
            | Self::RadiusAnswerUnusable
            | Self::TacacsRefused
            | Self::TacacsNoAnswer
            | Self::TacacsOverloaded
            | Self::TacacsAnswerUnusable
            | Self::TacacsMethodUnknown
            | Self::UserBackOff
            | Self::RealmUnknown
            | Self::ServerNotBelieved => FailureCode::AuthenticationFailure,
            Self::PasswordExpired => FailureCode::PasswordExpired,
            Self::UserDisabled | Self::AccountExpired => FailureCode::AccountDisabled,
            Self::MethodNotPermitted
            | Self::TooManySessions
            | Self::GroupFull
            | Self::TacacsNotAuthorized
            | Self::TacacsNoKeys => FailureCode::NoDialInPermission,
            Self::NewPasswordRefused => FailureCode::ChangingPassword,
        }
    }

    /// What the user is told.
    #[must_use]
    pub const fn text(self) -> &'static str {
        if matches!(self, Self::UserBackOff) {
            return "Too many failed attempts: try again later";
        }
        if matches!(self, Self::TooManySessions | Self::GroupFull) {
            return "Too many sessions";
        }
        if matches!(self, Self::AccountExpired) {
            return "Account expired";
        }
        match self.failure_code() {
            FailureCode::AuthenticationFailure => "Access denied",
            FailureCode::PasswordExpired => "Password expired",
            FailureCode::AccountDisabled => "Account disabled",
            FailureCode::ChangingPassword => "The new password was not accepted",
            FailureCode::RestrictedLogonHours => "Not at this time",
            FailureCode::NoDialInPermission => "No permission to dial in",
        }
    }

    /// Whether another password may help.
    #[must_use]
    pub const fn permits_retry(self) -> bool {
        match self {
            Self::UserUnknown
            | Self::PasswordWrong
            | Self::NameUnusable
            | Self::RadiusRefused
            | Self::TacacsRefused => true,
            Self::PasswordNotInClear
            | Self::LanManagerOnly
            | Self::MethodNotPermitted
            | Self::PasswordExpired
            | Self::UserDisabled
            | Self::AccountExpired
            | Self::NewPasswordRefused
            | Self::TooManySessions
            | Self::GroupFull
            | Self::UserBackOff
            | Self::RealmUnknown
            | Self::EapOutOfStep
            | Self::EapMethodNotAgreed
            | Self::RadiusNoAnswer
            | Self::RadiusOverloaded
            | Self::RadiusAnswerUnusable
            | Self::TacacsNotAuthorized
            | Self::TacacsNoAnswer
            | Self::TacacsOverloaded
            | Self::TacacsAnswerUnusable
            | Self::TacacsMethodUnknown
            | Self::TacacsNoKeys
            | Self::ServerNotBelieved => false,
        }
    }

    /// Whether a RADIUS server has said so itself, in an Access-Reject.
    #[must_use]
    pub const fn is_of_the_server(self) -> bool {
        matches!(
            self,
            Self::RadiusRefused
                | Self::PasswordExpired
                | Self::UserDisabled
                | Self::NewPasswordRefused
        )
    }

    /// Whether who guesses passwords hears it, and is slowed down for it.
    #[must_use]
    pub const fn is_of_a_guess(self) -> bool {
        match self {
            Self::UserUnknown
            | Self::PasswordWrong
            | Self::NameUnusable
            | Self::PasswordNotInClear
            | Self::RadiusRefused
            | Self::TacacsRefused
            | Self::NewPasswordRefused => true,
            Self::LanManagerOnly
            | Self::MethodNotPermitted
            | Self::PasswordExpired
            | Self::UserDisabled
            | Self::AccountExpired
            | Self::TooManySessions
            | Self::GroupFull
            | Self::UserBackOff
            | Self::RealmUnknown
            | Self::EapOutOfStep
            | Self::EapMethodNotAgreed
            | Self::RadiusNoAnswer
            | Self::RadiusOverloaded
            | Self::RadiusAnswerUnusable
            | Self::TacacsNotAuthorized
            | Self::TacacsNoAnswer
            | Self::TacacsOverloaded
            | Self::TacacsAnswerUnusable
            | Self::TacacsMethodUnknown
            | Self::TacacsNoKeys
            | Self::ServerNotBelieved => false,
        }
    }
}

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
