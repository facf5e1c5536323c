//! EAP packets (RFC 3748 §4 and §5), as PPP and RADIUS carry them, and the MD5-Challenge type.
//!
//! - [`mschapv2`]: the type that wraps MS-CHAPv2.

pub mod mschapv2;

use super::ppp::{self, Packet, Protocol};
use crate::counted_enum;

counted_enum! {
    /// Why bytes are not an EAP packet.
    pub enum Malformed {
        /// Code, Identifier and Length do not describe a packet.
        Packet => "eap_packet",
        /// A code that is neither Request, Response, Success nor Failure.
        Code => "eap_code",
        /// A Request or Response without a Type.
        TypeMissing => "eap_type_missing",
        /// A Success or Failure with data, which RFC 3748 §4.2 forbids.
        ResultWithData => "eap_result_with_data",
        /// Type-Data that is not what its type demands.
        TypeData => "eap_type_data",
    }
}

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

/// Types of Requests and Responses (RFC 3748 §5, and the registry of EAP method types).
pub mod kind {
    /// Who the peer is.
    pub const IDENTITY: u8 = 1;
    /// Something to show to the user.
    pub const NOTIFICATION: u8 = 2;
    /// Legacy Nak: in Responses only.
    pub const NAK: u8 = 3;
    /// MD5-Challenge.
    pub const MD5_CHALLENGE: u8 = 4;
    /// EAP-MSCHAPv2.
    pub const MSCHAPV2: u8 = 26;
    /// Expanded types; as a Response to another type it is the Expanded Nak.
    pub const EXPANDED: u8 = 254;
}

/// One EAP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eap<'a> {
    /// The authenticator asks.
    Request {
        /// Pairs the Response with it.
        identifier: u8,
        /// Type, see [`kind`].
        kind: u8,
        /// Type-Data.
        data: &'a [u8],
    },
    /// The peer answers.
    Response {
        /// That of the Request.
        identifier: u8,
        /// That of the Request, or a Nak.
        kind: u8,
        /// Type-Data.
        data: &'a [u8],
    },
    /// The peer is who it says.
    Success {
        /// That of the last Response.
        identifier: u8,
    },
    /// The peer is not.
    Failure {
        /// That of the last Response.
        identifier: u8,
    },
}

impl<'a> Eap<'a> {
    /// Reads a packet; bytes behind its Length are padding (RFC 3748 §4.1).
    ///
    /// # Errors
    /// Every [`Malformed`] but [`Malformed::TypeData`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Packet {
            code,
            identifier,
            data,
        } = Packet::parse(bytes).map_err(|_: ppp::Malformed| Malformed::Packet)?;
        match code {
            REQUEST | RESPONSE => {
                let (&kind, data) = data.split_first().ok_or(Malformed::TypeMissing)?;
                Ok(if code == REQUEST {
                    Self::Request {
                        identifier,
                        kind,
                        data,
                    }
                } else {
                    Self::Response {
                        identifier,
                        kind,
                        data,
                    }
                })
            }
            SUCCESS | FAILURE if !data.is_empty() => Err(Malformed::ResultWithData),
            SUCCESS => Ok(Self::Success { identifier }),
            FAILURE => Ok(Self::Failure { identifier }),
            _ => Err(Malformed::Code),
        }
    }

    /// The packet without any frame, as RADIUS carries it.
    #[must_use]
    pub fn to_packet(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.with_packet(|packet| packet.emit(&mut bytes));
        bytes
    }

    /// The whole frame with address, control and protocol fields.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        self.with_packet(|packet| frame = packet.to_frame(Protocol::EAP));
        frame
    }

    fn with_packet(&self, emit: impl FnOnce(&Packet<'_>)) {
        let typed = |kind: u8, data: &[u8]| [&[kind], data].concat();
        let (code, identifier, data) = match *self {
            Self::Request {
                identifier,
                kind,
                data,
            } => (REQUEST, identifier, typed(kind, data)),
            Self::Response {
                identifier,
                kind,
                data,
            } => (RESPONSE, identifier, typed(kind, data)),
            Self::Success { identifier } => (SUCCESS, identifier, Vec::new()),
            Self::Failure { identifier } => (FAILURE, identifier, Vec::new()),
        };
        emit(&Packet {
            code,
            identifier,
            data: &data,
        });
    }
}

/// Type-Data of MD5-Challenge, either way (RFC 3748 §5.4): Value-Size, Value, Name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Md5Data<'a> {
    /// The challenge, or the digest of sixteen bytes.
    pub value: &'a [u8],
    /// Who sends it; may be empty.
    pub name: &'a [u8],
}

impl<'a> Md5Data<'a> {
    /// Reads Type-Data.
    ///
    /// # Errors
    /// [`Malformed::TypeData`].
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        let (&size, rest) = data.split_first().ok_or(Malformed::TypeData)?;
        let (value, name) = rest
            .split_at_checked(usize::from(size))
            .filter(|(value, _)| !value.is_empty())
            .ok_or(Malformed::TypeData)?;
        Ok(Self { value, name })
    }

    /// Type-Data. A value longer than 255 bytes is cut, since its size could not be said.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let value = self.value.get(..usize::from(u8::MAX)).unwrap_or(self.value);
        let mut data = vec![u8::try_from(value.len()).unwrap_or(u8::MAX)];
        data.extend_from_slice(value);
        data.extend_from_slice(self.name);
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_packet_survives_the_round_trip() {
        for packet in [
            Eap::Request {
                identifier: 0,
                kind: kind::IDENTITY,
                data: b"",
            },
            Eap::Response {
                identifier: 7,
                kind: kind::NAK,
                data: &[kind::MSCHAPV2],
            },
            Eap::Success { identifier: 255 },
            Eap::Failure { identifier: 1 },
        ] {
            let bytes = packet.to_packet();
            assert_eq!(Eap::parse(&bytes), Ok(packet));
            assert_eq!(
                packet.to_frame(),
                [&[0xff, 3, 0xc2, 0x27], &bytes[..]].concat()
            );
        }
    }

    #[test]
    fn rfc_3748_section_4_every_cut_and_every_code() {
        let whole = Eap::Response {
            identifier: 3,
            kind: kind::IDENTITY,
            data: b"alice",
        }
        .to_packet();
        for end in 0..whole.len() {
            assert_eq!(Eap::parse(&whole[..end]), Err(Malformed::Packet), "{end}");
        }
        for code in 0..=u8::MAX {
            let bare = [code, 1, 0, 4];
            let typed = [code, 1, 0, 5, 1];
            let expected = match code {
                1 | 2 => (Err(Malformed::TypeMissing), true),
                3 | 4 => (Ok(()), false),
                _ => (Err(Malformed::Code), false),
            };
            assert_eq!(Eap::parse(&bare).map(|_| ()), expected.0, "code {code}");
            assert_eq!(Eap::parse(&typed).is_ok(), expected.1, "code {code}");
        }
    }

    #[test]
    fn padding_behind_the_length_is_left_out() {
        let padded = [2, 9, 0, 6, 1, b'a', 0, 0, 0];
        let identity = Eap::Response {
            identifier: 9,
            kind: 1,
            data: b"a",
        };
        assert_eq!(Eap::parse(&padded), Ok(identity));
    }

    #[test]
    fn rfc_3748_section_5_4_md5_data() {
        let data = Md5Data {
            value: &[5; 16],
            name: b"alice",
        };
        let bytes = data.emit();
        assert_eq!(Md5Data::parse(&bytes), Ok(data));
        for end in 0..17 {
            assert_eq!(Md5Data::parse(&bytes[..end]), Err(Malformed::TypeData));
        }
        assert_eq!(Md5Data::parse(&[0, 1]), Err(Malformed::TypeData));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = Eap::parse(&bytes) {
                let again = packet.to_packet();
                prop_assert_eq!(Eap::parse(&again), Ok(packet));
                prop_assert_eq!(&again[..], &bytes[..again.len()]);
            }
        }
    }
}
