//! Our name and password at one peer, and what a log-in with them leaves for MPPE's keys.

use super::EndReason;
use crate::auth::mschapv2::{self, Exchange};
use crate::auth::{NtHash, Secret};
use crate::ppp::auth::{EapMethod, Method};
use crate::wire::chap::{MsChapV2Response, failure_number};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What we log in with at one peer. Wiped when dropped; only the name can be printed.
pub struct Login {
    user: Box<str>,
    password: Secret,
    nt_hash: NtHash,
    methods: Vec<Method>,
    eap_methods: Vec<EapMethod>,
}

impl Login {
    /// A log-in by `methods`, best first, and `eap_methods` inside EAP.
    #[must_use]
    pub fn new(user: &str, password: &str, methods: &[Method], eap_methods: &[EapMethod]) -> Self {
        Self {
            user: user.into(),
            password: Secret::from(password.to_owned()),
            nt_hash: NtHash::from_password(password),
            methods: methods.to_vec(),
            eap_methods: eap_methods.to_vec(),
        }
    }

    /// Our name there.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The ways to log in that may be used, best first.
    #[must_use]
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    pub(super) fn eap_methods(&self) -> &[EapMethod] {
        &self.eap_methods
    }

    pub(super) const fn password(&self) -> &Secret {
        &self.password
    }

    pub(super) const fn nt_hash(&self) -> &NtHash {
        &self.nt_hash
    }

    /// Answers a challenge of MS-CHAPv2.
    pub(super) fn mschapv2(&self, challenge: [u8; 16], peer_challenge: [u8; 16]) -> MsChapV2 {
        let exchange = Exchange {
            authenticator_challenge: &challenge,
            peer_challenge: &peer_challenge,
            user_name: self.user.as_bytes(),
        };
        let nt_response = mschapv2::generate_nt_response(&exchange, &self.nt_hash);
        MsChapV2 {
            challenge,
            peer_challenge,
            nt_response,
        }
    }
}

/// Who, never with what.
impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("user", &self.user)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

/// One exchange of MS-CHAPv2, by itself or inside EAP.
#[derive(Clone)]
pub(super) struct MsChapV2 {
    challenge: [u8; 16],
    peer_challenge: [u8; 16],
    nt_response: [u8; 24],
}

impl MsChapV2 {
    pub(super) const fn response(&self) -> MsChapV2Response {
        MsChapV2Response {
            peer_challenge: self.peer_challenge,
            nt_response: self.nt_response,
            flags: 0,
        }
    }

    /// What the Success says decides whether the peer knows the password too (RFC 2759 §8.8); then
    /// there are keys.
    pub(super) fn prove(&self, login: &Login, message: &[u8]) -> Result<Keying, EndReason> {
        let exchange = Exchange {
            authenticator_challenge: &self.challenge,
            peer_challenge: &self.peer_challenge,
            user_name: login.user.as_bytes(),
        };
        let hash_hash = login.nt_hash.hash();
        let response = &self.nt_response;
        if !mschapv2::check_authenticator_response(&exchange, &hash_hash, response, message) {
            return Err(EndReason::PeerNotProven);
        }
        Ok(Keying::MsChapV2 {
            password_hash_hash: *hash_hash.expose(),
            nt_response: self.nt_response,
        })
    }
}

/// Why the peer does not let us in, by the message of its MS-CHAP Failure (RFC 2759 §6).
pub(super) fn denial(message: &[u8]) -> EndReason {
    match failure_number(message) {
        Some(648) => EndReason::LoginPasswordExpired,
        Some(646 | 647 | 649) => EndReason::LoginNotPermitted,
        Some(_) | None => EndReason::LoginRefused,
    }
}

/// What MPPE's start keys are made from after a log-in of ours (RFC 3079).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub enum Keying {
    /// Nothing: the log-in gives no keys, or there was none.
    None,
    /// MS-CHAPv1 (RFC 3079 §2.3).
    MsChapV1 {
        /// The hash of the password's NT hash.
        password_hash_hash: [u8; 16],
        /// The peer's challenge.
        challenge: [u8; 8],
    },
    /// MS-CHAPv2, alone or inside EAP (RFC 3079 §3.3).
    MsChapV2 {
        /// The hash of the password's NT hash.
        password_hash_hash: [u8; 16],
        /// Our response.
        nt_response: [u8; 24],
    },
}

impl Keying {
    /// Whether there are any keys.
    #[must_use]
    pub const fn gives_keys(&self) -> bool {
        match self {
            Self::None => false,
            Self::MsChapV1 { .. } | Self::MsChapV2 { .. } => true,
        }
    }
}

impl std::fmt::Debug for Keying {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::MsChapV1 { .. } => "MsChapV1 { .. }",
            Self::MsChapV2 { .. } => "MsChapV2 { .. }",
        })
    }
}
