//! CHAP packets (RFC 1994 §4) and the meaning that MS-CHAPv2 gives to their fields
//! (RFC 2759 §3 to §6).

use super::field::array_at;
use super::ppp::{self, Packet};
use crate::counted_enum;
use std::fmt::Write as _;

counted_enum! {
    /// Why bytes are not a CHAP packet.
    pub enum Malformed {
        /// Code, Identifier and Length do not describe a packet.
        Packet => "chap_packet",
        /// A code that is neither Challenge, Response, Success nor Failure.
        Code => "chap_code",
        /// The Value-Size is missing or reaches past the end.
        ValueSize => "chap_value_size",
        /// A response whose value is not MS-CHAPv2's 49 bytes.
        ResponseValue => "chap_response_value",
        /// A name longer than the 256 bytes that RFC 2759 §4 allows.
        NameTooLong => "chap_name_too_long",
    }
}

/// The longest user name, in bytes (RFC 2759 §4).
pub const NAME_MAX: usize = 256;

/// Bytes of an MS-CHAPv2 response value.
const RESPONSE_VALUE: usize = 49;

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

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
        /// For MS-CHAPv2 an error code, and a challenge if the peer may try again.
        message: &'a [u8],
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
            _ => Err(Malformed::Code),
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

/// The value of an MS-CHAPv2 Response (RFC 2759 §4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MsChapV2Response {
    /// The peer's own challenge.
    pub peer_challenge: [u8; 16],
    /// The proof of the password.
    pub nt_response: [u8; 24],
    /// Zero by the RFC; Windows 9x sets bits here and then cannot read an `M=` text.
    pub flags: u8,
}

impl MsChapV2Response {
    /// Reads the value; the eight reserved bytes are not looked at.
    ///
    /// # Errors
    /// [`Malformed::ResponseValue`].
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::ResponseValue;
        if value.len() != RESPONSE_VALUE {
            return Err(malformed);
        }
        let [flags] = array_at(value, 48).ok_or(malformed)?;
        Ok(Self {
            peer_challenge: array_at(value, 0).ok_or(malformed)?,
            nt_response: array_at(value, 24).ok_or(malformed)?,
            flags,
        })
    }

    /// The 49 bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; RESPONSE_VALUE] {
        let mut value = [0; RESPONSE_VALUE];
        let (challenge, rest) = value.split_at_mut(16);
        challenge.copy_from_slice(&self.peer_challenge);
        let (_reserved, rest) = rest.split_at_mut(8);
        let (response, flags) = rest.split_at_mut(24);
        response.copy_from_slice(&self.nt_response);
        flags.fill(self.flags);
        value
    }
}

impl std::fmt::Debug for MsChapV2Response {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The response is as good as the password to whoever can try 2^56 keys.
        formatter
            .debug_struct("MsChapV2Response")
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// The message of an MS-CHAPv2 Failure (RFC 2759 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsChapV2Failure<'a> {
    /// One of the RFC's codes; 691 is a wrong name or password.
    pub error: u32,
    /// Whether the peer may answer [`Self::challenge`] with another password.
    pub retry: bool,
    /// The challenge of the next attempt.
    pub challenge: [u8; 16],
    /// The version of password changing: 3 for MS-CHAPv2.
    pub version: u32,
    /// For the user's eyes; left out when empty.
    pub text: &'a str,
}

impl MsChapV2Failure<'_> {
    /// The message as it is sent.
    #[must_use]
    pub fn to_message(&self) -> String {
        let mut message = format!("E={} R={} C=", self.error, u8::from(self.retry));
        for byte in self.challenge {
            let _ = write!(message, "{byte:02X}");
        }
        let _ = write!(message, " V={}", self.version);
        if !self.text.is_empty() {
            message.push_str(" M=");
            message.push_str(self.text);
        }
        message
    }
}

#[cfg(test)]
mod tests;
