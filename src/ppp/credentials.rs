//! What a client proves its name with, on its way to whoever knows the passwords.

use crate::wire::chap::{ChangePasswordV2, ChangePasswordV3};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// One question to the one who decides. Names are as they came, a domain in front included.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub enum Credentials {
    /// PAP (RFC 1334 §2.2.1): the password itself.
    Pap {
        /// The user's name.
        name: Vec<u8>,
        /// In clear.
        password: Vec<u8>,
    },
    /// CHAP with MD5 (RFC 1994 §4.1).
    ChapMd5 {
        /// The user's name.
        name: Vec<u8>,
        /// What we asked.
        challenge: [u8; 16],
        /// The digest.
        response: [u8; 16],
        /// The Identifier, which is part of what was hashed.
        identifier: u8,
    },
    /// MS-CHAPv1 (RFC 2433 §6), without its LAN Manager response.
    MsChapV1 {
        /// The user's name.
        name: Vec<u8>,
        /// What we asked.
        challenge: [u8; 8],
        /// The proof of the password.
        nt_response: [u8; 24],
        /// Whether the client means its NT response; otherwise it has sent none.
        uses_nt_response: bool,
        /// The Identifier of the Response, which RADIUS wants to know.
        identifier: u8,
    },
    /// MS-CHAPv2 (RFC 2759 §4).
    MsChapV2 {
        /// The user's name.
        name: Vec<u8>,
        /// What we asked.
        authenticator_challenge: [u8; 16],
        /// What the client asks us.
        peer_challenge: [u8; 16],
        /// The proof of the password.
        nt_response: [u8; 24],
        /// The Identifier of the Response, which RADIUS wants to know.
        identifier: u8,
    },
    /// A new password by MS-CHAPv1 (RFC 2433 §10), after a Failure that said the old one has expired.
    ChangePasswordV2 {
        /// The user's name, of the Response before.
        name: Vec<u8>,
        /// That of the Failure.
        challenge: [u8; 8],
        /// The packet.
        change: Box<ChangePasswordV2>,
        /// The Identifier of the packet, which RADIUS wants to know.
        identifier: u8,
    },
    /// A new password by MS-CHAPv2 (RFC 2759 §7), after a Failure that said the old one has expired.
    ChangePasswordV3 {
        /// The user's name, of the Response before.
        name: Vec<u8>,
        /// That of the Failure.
        authenticator_challenge: [u8; 16],
        /// The packet.
        change: Box<ChangePasswordV3>,
        /// The Identifier of the packet, which RADIUS wants to know.
        identifier: u8,
    },
    /// One Response of an EAP conversation (RFC 3748), to be carried on by whoever knows the method.
    Eap {
        /// What the client answered to our Identity-Request.
        identity: Vec<u8>,
        /// The whole EAP packet, without a frame.
        packet: Vec<u8>,
        /// What came with the latest `Input::Challenge`: where the conversation stands. Empty for the
        /// answer to our Identity-Request.
        state: Vec<u8>,
        /// Fresh randomness, for a method that makes a challenge and has none of its own.
        nonce: [u8; 16],
    },
}

impl Credentials {
    /// The name that the client gives itself, as it came.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Pap { name, .. }
            | Self::ChapMd5 { name, .. }
            | Self::MsChapV1 { name, .. }
            | Self::MsChapV2 { name, .. }
            | Self::ChangePasswordV2 { name, .. }
            | Self::ChangePasswordV3 { name, .. } => name,
            Self::Eap { identity, .. } => identity,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Pap { .. } => "Pap",
            Self::ChapMd5 { .. } => "ChapMd5",
            Self::MsChapV1 { .. } => "MsChapV1",
            Self::MsChapV2 { .. } => "MsChapV2",
            Self::ChangePasswordV2 { .. } => "ChangePasswordV2",
            Self::ChangePasswordV3 { .. } => "ChangePasswordV3",
            Self::Eap { .. } => "Eap",
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A challenge and its response are enough to search for the password.
        formatter
            .debug_struct(self.kind())
            .field("name", &String::from_utf8_lossy(self.name()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_name_is_printed() {
        let pap = Credentials::Pap {
            name: b"alice".to_vec(),
            password: b"wonderland-7".to_vec(),
        };
        assert_eq!(format!("{pap:?}"), "Pap { name: \"alice\", .. }");
    }
}
