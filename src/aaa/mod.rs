//! Who may connect: a request carries credentials, a decision carries the proof that a flow needs
//! before it forwards anything ([`crate::flow::Authenticated`]), and the address.

pub mod local;
pub mod pool;

use std::net::Ipv4Addr;

pub use local::{LocalUser, LocalUsers};
pub use pool::{Lease, LeaseRefusal, PoolConfig, PoolUsage, Pools};

use crate::counted_enum;
use crate::flow::Authenticated;

counted_enum! {
    /// Why a peer was not let in.
    pub enum Rejection {
        /// No user of that name.
        UserUnknown => "user_unknown",
        /// The response does not fit the user's password.
        PasswordWrong => "password_wrong",
        /// The name is no valid UTF-8 or too long to be anybody's.
        NameUnusable => "name_unusable",
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

/// The answer to one authentication request.
pub enum Decision {
    /// The peer may connect.
    Accept(Grant),
    /// It may not.
    Reject(Rejection),
}

/// What an accepted peer gets.
pub struct Grant {
    /// The user's name, as the accounts have it.
    pub user: Box<str>,
    /// The `S=` string of RFC 2759 §5 that proves to the client that we know its password too.
    pub success_message: String,
    /// The proof for the worker, with policy and start keys.
    pub authenticated: Authenticated,
    /// The pool to lease from.
    pub pool: Box<str>,
    /// The address that belongs to the user, if one does.
    pub address: Option<Ipv4Addr>,
}
