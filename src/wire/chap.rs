//! CHAP packets (RFC 1994 §4), and what MS-CHAP of either version adds to them (RFC 2433,
//! RFC 2759).
//!
//! - [`mschap`]: the values of responses and the text of a Failure.
//! - [`change_password`]: the packets in which a client sends a new password.

pub mod change_password;
pub mod mschap;

pub use change_password::{ChangePasswordV2, ChangePasswordV3};
pub use mschap::{FailureCode, MsChapFailure, MsChapV1Response, MsChapV2Response, failure_number};

use super::ppp::{self, Packet};
use crate::counted_enum;

counted_enum! {
    /// Why bytes are not a CHAP packet.
    pub enum Malformed {
        /// Code, Identifier and Length do not describe a packet.
        Packet => "chap_packet",
        /// A code that neither CHAP nor MS-CHAP has.
        Code => "chap_code",
        /// The Value-Size is missing or reaches past the end.
        ValueSize => "chap_value_size",
        /// A response whose value is not as long as its algorithm says.
        ResponseValue => "chap_response_value",
        /// A Change-Password packet that is not as long as its version says.
        ChangePassword => "chap_change_password",
        /// A name longer than the 256 bytes that RFC 2759 §4 allows.
        NameTooLong => "chap_name_too_long",
    }
}

/// The longest user name, in bytes (RFC 2759 §4).
pub const NAME_MAX: usize = 256;

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;
/// Change-Password of version 1 (RFC 2433 §9), 2 (RFC 2433 §10) and 3 (RFC 2759 §7).
const CHANGE_PASSWORD: [u8; 3] = [5, 6, 7];

/// One CHAP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chap<'a> {
    /// The authenticator's question.
    Challenge {
        /// Pairs the response with it.
        identifier: u8,
        /// What has to be hashed.
        value: &'a [u8],
        /// The authenticator's name.
        name: &'a [u8],
    },
    /// The peer's answer.
    Response {
        /// That of the challenge.
        identifier: u8,
        /// The proof.
        value: &'a [u8],
        /// The user's name.
        name: &'a [u8],
    },
    /// The peer is who it says.
    Success {
        /// That of the response.
        identifier: u8,
        /// For MS-CHAPv2 the authenticator's own proof.
        message: &'a [u8],
    },
    /// The peer is not.
    Failure {
        /// That of the response.
        identifier: u8,
        /// For MS-CHAP an error code, and a challenge if the peer may try again.
        message: &'a [u8],
    },
    /// The peer has a new password, for one that has expired.
    ChangePassword {
        /// One more than that of the Failure.
        identifier: u8,
        /// Which form `body` has: 1, 2 or 3.
        version: u8,
        /// What [`ChangePasswordV2`] or [`ChangePasswordV3`] reads.
        body: &'a [u8],
    },
}

impl<'a> Chap<'a> {
    /// Reads a packet behind the protocol field.
    ///
    /// # Errors
    /// [`Malformed::Packet`], [`Malformed::Code`], [`Malformed::ValueSize`] and
    /// [`Malformed::NameTooLong`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Packet {
            code,
            identifier,
            data,
        } = Packet::parse(bytes).map_err(|_: ppp::Malformed| Malformed::Packet)?;
        match code {
            CHALLENGE => {
                let (value, name) = value_and_name(data)?;
                Ok(Self::Challenge {
                    identifier,
                    value,
                    name,
                })
            }
            RESPONSE => {
                let (value, name) = value_and_name(data)?;
                Ok(Self::Response {
                    identifier,
                    value,
                    name,
                })
            }
            SUCCESS => Ok(Self::Success {
                identifier,
                message: data,
            }),
            FAILURE => Ok(Self::Failure {
                identifier,
                message: data,
            }),
            _ => match CHANGE_PASSWORD.iter().zip(1..).find(|(it, _)| **it == code) {
                Some((_, version)) => Ok(Self::ChangePassword {
                    identifier,
                    version,
                    body: data,
                }),
                None => Err(Malformed::Code),
            },
        }
    }

    /// The whole frame with address, control and protocol fields. A value longer than 255 bytes
    /// is cut, since its size could not be said.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let (code, identifier, data) = match *self {
            Self::Challenge {
                identifier,
                value,
                name,
            } => (CHALLENGE, identifier, joined(value, name)),
            Self::Response {
                identifier,
                value,
                name,
            } => (RESPONSE, identifier, joined(value, name)),
            Self::Success {
                identifier,
                message,
            } => (SUCCESS, identifier, message.to_vec()),
            Self::Failure {
                identifier,
                message,
            } => (FAILURE, identifier, message.to_vec()),
            Self::ChangePassword {
                identifier,
                version,
                body,
            } => {
                let [first, ..] = CHANGE_PASSWORD;
                let code = first.wrapping_add(version).wrapping_sub(1);
                (code, identifier, body.to_vec())
            }
        };
        Packet {
            code,
            identifier,
            data: &data,
        }
        .to_frame(ppp::Protocol::CHAP)
    }
}

fn value_and_name(data: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (&size, rest) = data.split_first().ok_or(Malformed::ValueSize)?;
    let (value, name) = rest
        .split_at_checked(usize::from(size))
        .ok_or(Malformed::ValueSize)?;
    if name.len() > NAME_MAX {
        return Err(Malformed::NameTooLong);
    }
    Ok((value, name))
}

fn joined(value: &[u8], name: &[u8]) -> Vec<u8> {
    let value = value.get(..usize::from(u8::MAX)).unwrap_or(value);
    let mut data = vec![u8::try_from(value.len()).unwrap_or(u8::MAX)];
    data.extend_from_slice(value);
    data.extend_from_slice(name);
    data
}

#[cfg(test)]
mod tests;
