//! Where a conversation stands, as bytes that travel with it. They never leave this machine, so what
//! does not parse is an error of ours, and is refused all the same.

use crate::aaa::Rejection;
use crate::wire::chap::MsChapV2Response;
use crate::wire::field::{array_at, u8_at};

const MD5: u8 = 1;
const MSCHAPV2: u8 = 2;
const SUCCEEDED: u8 = 3;
const FAILED: u8 = 4;

/// Bytes of a response value.
const RESPONSE: usize = 49;

/// What an EAP-MSCHAPv2 client may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Awaits {
    /// The first Response, or a Nak.
    First,
    /// Another Response, after a Failure that permits it.
    Again,
    /// A new password, after a Failure that asks for it.
    NewPassword,
}

/// An EAP-MSCHAPv2 challenge that is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// MS-CHAPv2-ID.
    pub(super) identifier: u8,
    pub(super) challenge: [u8; 16],
    /// After this one.
    pub(super) retries_left: u8,
    pub(super) awaits: Awaits,
    /// Of the latest Response.
    pub(super) name: Vec<u8>,
}

/// A Response that was right, while the client checks our proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub(super) challenge: [u8; 16],
    pub(super) response: MsChapV2Response,
    pub(super) name: Vec<u8>,
}

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The Identity has been asked for.
    Start,
    /// The challenge of EAP-MD5 is out.
    Md5 { challenge: [u8; 16] },
    /// EAP-MSCHAPv2 waits for the client.
    MsChapV2(Attempt),
    /// The client has been told that it is welcome.
    Succeeded(Proven),
    /// The client has been told that it is not, and why is remembered.
    Failed(Rejection),
}

impl State {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Start => Vec::new(),
            Self::Md5 { challenge } => [&[MD5], &challenge[..]].concat(),
            Self::MsChapV2(attempt) => {
                let head = [
                    MSCHAPV2,
                    attempt.identifier,
                    attempt.retries_left,
                    attempt.awaits as u8,
                ];
                [&head, &attempt.challenge[..], &attempt.name].concat()
            }
            Self::Succeeded(proven) => {
                let response = proven.response.emit();
                [&[SUCCEEDED], &proven.challenge[..], &response, &proven.name].concat()
            }
            Self::Failed(rejection) => {
                let index = u8::try_from(rejection.index()).unwrap_or(u8::MAX);
                vec![FAILED, index]
            }
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.first() {
            None => Some(Self::Start),
            Some(&MD5) if bytes.len() == 17 => Some(Self::Md5 {
                challenge: array_at(bytes, 1)?,
            }),
            Some(&MSCHAPV2) => Some(Self::MsChapV2(Attempt {
                identifier: u8_at(bytes, 1)?,
                retries_left: u8_at(bytes, 2)?,
                awaits: match u8_at(bytes, 3)? {
                    0 => Awaits::First,
                    1 => Awaits::Again,
                    2 => Awaits::NewPassword,
                    _ => return None,
                },
                challenge: array_at(bytes, 4)?,
                name: bytes.get(20..)?.to_vec(),
            })),
            Some(&SUCCEEDED) => Some(Self::Succeeded(Proven {
                challenge: array_at(bytes, 1)?,
                response: MsChapV2Response::parse(bytes.get(17..17 + RESPONSE)?).ok()?,
                name: bytes.get(17 + RESPONSE..)?.to_vec(),
            })),
            Some(&FAILED) if bytes.len() == 2 => {
                let index = usize::from(u8_at(bytes, 1)?);
                Rejection::ALL.get(index).copied().map(Self::Failed)
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_state_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(state) = State::from_bytes(&bytes) {
                prop_assert_eq!(State::from_bytes(&state.to_bytes()), Some(state));
            }
        }
    }

    #[test]
    fn every_state_survives_the_round_trip() {
        let attempt = |awaits| {
            State::MsChapV2(Attempt {
                identifier: 3,
                challenge: [4; 16],
                retries_left: 2,
                awaits,
                name: b"alice".to_vec(),
            })
        };
        let proven = Proven {
            challenge: [1; 16],
            response: MsChapV2Response {
                peer_challenge: [2; 16],
                nt_response: [3; 24],
                flags: 0,
            },
            name: b"alice".to_vec(),
        };
        let failed = Rejection::ALL.iter().copied().map(State::Failed);
        let others = [
            State::Start,
            State::Md5 { challenge: [9; 16] },
            attempt(Awaits::First),
            attempt(Awaits::Again),
            attempt(Awaits::NewPassword),
            State::Succeeded(proven),
        ];
        for state in failed.chain(others) {
            assert_eq!(State::from_bytes(&state.to_bytes()), Some(state));
        }
    }
}
