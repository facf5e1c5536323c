//! Type-Data of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2 §2): the packets of MS-CHAPv2 in
//! another envelope. The peer's word on a Success or Failure is the OpCode alone.

use super::Malformed;
use crate::wire::chap::{ChangePasswordV3, MsChapV2Response};
use crate::wire::field::{array_at, u8_at, u16_at};

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;
const CHANGE_PASSWORD: u8 = 7;

/// Bytes of OpCode, MS-CHAPv2-ID and MS-Length.
const HEADER: usize = 4;

/// What an authenticator asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// A challenge of sixteen bytes.
    Challenge {
        /// MS-CHAPv2-ID.
        identifier: u8,
        /// What has to be answered.
        challenge: [u8; 16],
        /// The authenticator's name.
        name: &'a [u8],
    },
    /// The response was right; `message` is the authenticator's own proof.
    Success {
        /// MS-CHAPv2-ID of the response.
        identifier: u8,
        /// `S=` and what follows it.
        message: &'a [u8],
    },
    /// The response was wrong.
    Failure {
        /// MS-CHAPv2-ID of the response.
        identifier: u8,
        /// `E=` and what follows it.
        message: &'a [u8],
    },
}

/// What a peer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// To a challenge, or to a Failure that permits another attempt.
    Response {
        /// MS-CHAPv2-ID.
        identifier: u8,
        /// The proof.
        value: MsChapV2Response,
        /// The user's name.
        name: &'a [u8],
    },
    /// The authenticator's proof is right.
    Success,
    /// The Failure was understood.
    Failure,
    /// To a Failure that says that the password has expired.
    ChangePassword {
        /// MS-CHAPv2-ID.
        identifier: u8,
        /// The new password.
        change: Box<ChangePasswordV3>,
    },
}

impl<'a> Ask<'a> {
    /// Reads Type-Data of a Request.
    ///
    /// # Errors
    /// [`Malformed::TypeData`].
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::TypeData;
        let (op_code, identifier, body) = envelope(data)?;
        match op_code {
            CHALLENGE => {
                if u8_at(body, 0) != Some(16) {
                    return Err(malformed);
                }
                Ok(Self::Challenge {
                    identifier,
                    challenge: array_at(body, 1).ok_or(malformed)?,
                    name: body.get(17..).ok_or(malformed)?,
                })
            }
            SUCCESS => Ok(Self::Success {
                identifier,
                message: body,
            }),
            FAILURE => Ok(Self::Failure {
                identifier,
                message: body,
            }),
            _ => Err(malformed),
        }
    }

    /// Type-Data.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        match *self {
            Self::Challenge {
                identifier,
                challenge,
                name,
            } => {
                let body = [&[16], &challenge[..], name].concat();
                enveloped(CHALLENGE, identifier, &body)
            }
            Self::Success {
                identifier,
                message,
            } => enveloped(SUCCESS, identifier, message),
            Self::Failure {
                identifier,
                message,
            } => enveloped(FAILURE, identifier, message),
        }
    }
}

impl<'a> Answer<'a> {
    /// Reads Type-Data of a Response.
    ///
    /// # Errors
    /// [`Malformed::TypeData`].
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::TypeData;
        // Some peers send more than the OpCode; nothing in it means anything.
        match data.first() {
            Some(&SUCCESS) => return Ok(Self::Success),
            Some(&FAILURE) => return Ok(Self::Failure),
            Some(_) | None => {}
        }
        let (op_code, identifier, body) = envelope(data)?;
        match op_code {
            RESPONSE => {
                if u8_at(body, 0) != Some(49) {
                    return Err(malformed);
                }
                let value = body.get(1..50).ok_or(malformed)?;
                Ok(Self::Response {
                    identifier,
                    value: MsChapV2Response::parse(value).map_err(|_| malformed)?,
                    name: body.get(50..).ok_or(malformed)?,
                })
            }
            CHANGE_PASSWORD => Ok(Self::ChangePassword {
                identifier,
                change: Box::new(ChangePasswordV3::parse(body).map_err(|_| malformed)?),
            }),
            _ => Err(malformed),
        }
    }

    /// Type-Data.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        match self {
            Self::Response {
                identifier,
                value,
                name,
            } => {
                let body = [&[49], &value.emit()[..], name].concat();
                enveloped(RESPONSE, *identifier, &body)
            }
            Self::Success => vec![SUCCESS],
            Self::Failure => vec![FAILURE],
            Self::ChangePassword { identifier, change } => {
                enveloped(CHANGE_PASSWORD, *identifier, &change.emit())
            }
        }
    }
}

/// OpCode, MS-CHAPv2-ID and what MS-Length counts behind itself.
fn envelope(data: &[u8]) -> Result<(u8, u8, &[u8]), Malformed> {
    let malformed = Malformed::TypeData;
    let op_code = u8_at(data, 0).ok_or(malformed)?;
    let identifier = u8_at(data, 1).ok_or(malformed)?;
    let length = usize::from(u16_at(data, 2).ok_or(malformed)?);
    let body = data.get(HEADER..length).ok_or(malformed)?;
    Ok((op_code, identifier, body))
}

fn enveloped(op_code: u8, identifier: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER + body.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    [&[op_code, identifier, high, low], body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response() -> Answer<'static> {
        Answer::Response {
            identifier: 6,
            value: MsChapV2Response {
                peer_challenge: [1; 16],
                nt_response: [2; 24],
                flags: 0,
            },
            name: b"EXAMPLE\\alice",
        }
    }

    #[test]
    fn draft_section_2_every_packet_survives_the_round_trip() {
        for ask in [
            Ask::Challenge {
                identifier: 5,
                challenge: [7; 16],
                name: b"pns",
            },
            Ask::Success {
                identifier: 5,
                message: b"S=00 M=OK",
            },
            Ask::Failure {
                identifier: 5,
                message: b"E=691 R=0",
            },
        ] {
            let data = ask.emit();
            assert_eq!(usize::from(data[3]), data.len(), "MS-Length");
            assert_eq!(Ask::parse(&data), Ok(ask));
        }
        let change = ChangePasswordV3 {
            encrypted_password: [3; 516],
            encrypted_hash: [4; 16],
            peer_challenge: [5; 16],
            nt_response: [6; 24],
            flags: 0,
        };
        for answer in [
            response(),
            Answer::Success,
            Answer::Failure,
            Answer::ChangePassword {
                identifier: 9,
                change: Box::new(change),
            },
        ] {
            assert_eq!(Answer::parse(&answer.emit()), Ok(answer));
        }
        assert_eq!(Answer::Success.emit(), [3], "the OpCode alone");
    }

    #[test]
    fn every_cut_is_refused() {
        let whole = response().emit();
        for end in 0..whole.len() {
            assert_eq!(
                Answer::parse(&whole[..end]),
                Err(Malformed::TypeData),
                "{end}"
            );
        }
        for op_code in (0..=u8::MAX).filter(|code| ![2, 3, 4, 7].contains(code)) {
            assert!(Answer::parse(&[op_code, 1, 0, 4]).is_err(), "{op_code}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
            if let Ok(ask) = Ask::parse(&bytes) {
                let again = ask.emit();
                prop_assert_eq!(Ask::parse(&again), Ok(ask));
            }
            if let Ok(answer) = Answer::parse(&bytes) {
                let again = answer.emit();
                prop_assert_eq!(Answer::parse(&again), Ok(answer));
            }
        }
    }
}
