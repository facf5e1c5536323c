//! PAP packets (RFC 1334 §2.2): a name and a password in clear, and the answer to them.

use super::ppp::{self, Packet, Protocol};
use crate::counted_enum;

counted_enum! {
    /// Why bytes are not a PAP packet.
    pub enum Malformed {
        /// Code, Identifier and Length do not describe a packet.
        Packet => "pap_packet",
        /// A code that is neither Authenticate-Request, -Ack nor -Nak.
        Code => "pap_code",
        /// A Peer-ID-Length or Passwd-Length reaches past the end.
        Lengths => "pap_lengths",
    }
}

const AUTHENTICATE_REQUEST: u8 = 1;
const AUTHENTICATE_ACK: u8 = 2;
const AUTHENTICATE_NAK: u8 = 3;

/// One PAP packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pap<'a> {
    /// The peer says who it is (RFC 1334 §2.2.1).
    Request {
        /// Pairs the answer with it; each request has another one, repetitions too.
        identifier: u8,
        /// Peer-ID.
        name: &'a [u8],
        /// Passwd.
        password: &'a [u8],
    },
    /// The peer is who it says (RFC 1334 §2.2.2).
    Ack {
        /// That of the request.
        identifier: u8,
        /// For the user's eyes.
        message: &'a [u8],
    },
    /// The peer is not.
    Nak {
        /// That of the request.
        identifier: u8,
        /// For the user's eyes.
        message: &'a [u8],
    },
}

impl<'a> Pap<'a> {
    /// Reads a packet behind the protocol field. Bytes behind the last field are left out, and an
    /// answer may lack its message, since real peers do both.
    ///
    /// # Errors
    /// Every [`Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Packet {
            code,
            identifier,
            data,
        } = Packet::parse(bytes).map_err(|_: ppp::Malformed| Malformed::Packet)?;
        match code {
            AUTHENTICATE_REQUEST => {
                let (name, rest) = counted(data)?;
                let (password, _) = counted(rest)?;
                Ok(Self::Request {
                    identifier,
                    name,
                    password,
                })
            }
            AUTHENTICATE_ACK => Ok(Self::Ack {
                identifier,
                message: message(data)?,
            }),
            AUTHENTICATE_NAK => Ok(Self::Nak {
                identifier,
                message: message(data)?,
            }),
            _ => Err(Malformed::Code),
        }
    }

    /// The whole frame with address, control and protocol fields. A field longer than 255 bytes is
    /// cut, since its length could not be said.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let (code, identifier) = match *self {
            Self::Request {
                identifier,
                name,
                password,
            } => {
                // The size is known beforehand, so no freed copy of the password is left behind.
                data.reserve_exact(2 + name.len() + password.len());
                push_counted(&mut data, name);
                push_counted(&mut data, password);
                (AUTHENTICATE_REQUEST, identifier)
            }
            Self::Ack {
                identifier,
                message,
            } => {
                push_counted(&mut data, message);
                (AUTHENTICATE_ACK, identifier)
            }
            Self::Nak {
                identifier,
                message,
            } => {
                push_counted(&mut data, message);
                (AUTHENTICATE_NAK, identifier)
            }
        };
        Packet {
            code,
            identifier,
            data: &data,
        }
        .to_frame(Protocol::PAP)
    }
}

impl std::fmt::Debug for Pap<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, identifier) = match self {
            Self::Request { identifier, .. } => ("Request", identifier),
            Self::Ack { identifier, .. } => ("Ack", identifier),
            Self::Nak { identifier, .. } => ("Nak", identifier),
        };
        formatter
            .debug_struct(kind)
            .field("identifier", identifier)
            .finish_non_exhaustive()
    }
}

fn counted(data: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (&length, rest) = data.split_first().ok_or(Malformed::Lengths)?;
    rest.split_at_checked(usize::from(length))
        .ok_or(Malformed::Lengths)
}

fn message(data: &[u8]) -> Result<&[u8], Malformed> {
    if data.is_empty() {
        return Ok(data);
    }
    counted(data).map(|(message, _)| message)
}

fn push_counted(data: &mut Vec<u8>, field: &[u8]) {
    let field = field.get(..usize::from(u8::MAX)).unwrap_or(field);
    data.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
    data.extend_from_slice(field);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payload(frame: &[u8]) -> &[u8] {
        ppp::Frame::parse(frame).unwrap().payload
    }

    #[test]
    fn every_packet_survives_the_round_trip() {
        for packet in [
            Pap::Request {
                identifier: 1,
                name: b"alice",
                password: b"wonderland-7",
            },
            Pap::Request {
                identifier: 255,
                name: b"",
                password: b"",
            },
            Pap::Ack {
                identifier: 2,
                message: b"Login ok",
            },
            Pap::Nak {
                identifier: 3,
                message: b"",
            },
        ] {
            assert_eq!(Pap::parse(payload(&packet.to_frame())), Ok(packet));
        }
    }

    #[test]
    fn every_cut_is_refused_and_every_length_is_checked() {
        let request = Pap::Request {
            identifier: 9,
            name: b"alice",
            password: b"pw",
        };
        let frame = request.to_frame();
        let packet = payload(&frame);
        for end in 0..packet.len() {
            assert_eq!(Pap::parse(&packet[..end]), Err(Malformed::Packet), "{end}");
            let mut cut = packet[..end].to_vec();
            if end >= 4 {
                cut[2..4].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
                assert_eq!(Pap::parse(&cut), Err(Malformed::Lengths), "cut at {end}");
            }
        }
        for length in 0..=u8::MAX {
            let mut bytes = packet.to_vec();
            bytes[4] = length;
            // The byte after the name is the other length: only a few values leave room for it.
            if let Ok(Pap::Request { name, password, .. }) = Pap::parse(&bytes) {
                assert_eq!(name.len(), usize::from(length));
                assert!(name.len() + password.len() + 2 <= 9);
            } else {
                assert!(length > 0 || bytes[5] > 6, "length {length}");
            }
        }
    }

    #[test]
    fn an_answer_may_lack_its_message() {
        let bare = [2, 7, 0, 4];
        let ack = Pap::Ack {
            identifier: 7,
            message: b"",
        };
        assert_eq!(Pap::parse(&bare), Ok(ack));
        assert_eq!(Pap::parse(&[2, 7, 0, 5, 1]), Err(Malformed::Lengths));
    }

    #[test]
    fn a_password_is_never_printed() {
        let request = Pap::Request {
            identifier: 9,
            name: b"alice",
            password: b"wonderland-7",
        };
        assert_eq!(format!("{request:?}"), "Request { identifier: 9, .. }");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = Pap::parse(&bytes) {
                let frame = packet.to_frame();
                prop_assert_eq!(Pap::parse(payload(&frame)), Ok(packet));
            }
        }
    }
}
