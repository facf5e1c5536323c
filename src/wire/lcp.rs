//! Options of the Link Control Protocol (RFC 1661 §6, RFC 1662 §7, RFC 1570 §2) and the
//! Authentication-Protocol values that PPTP clients use.

use super::options::{self, RawOption};
use super::ppp::Protocol;
use crate::counted_enum;

counted_enum! {
    /// Why an option of a known type has no meaning.
    pub enum Malformed {
        /// The value is not as long as its type demands.
        ValueLength => "lcp_option_value_length",
    }
}

/// Types of LCP options.
pub mod kind {
    /// Maximum-Receive-Unit.
    pub const MAXIMUM_RECEIVE_UNIT: u8 = 1;
    /// Async-Control-Character-Map (RFC 1662 §7.1).
    pub const CONTROL_CHARACTER_MAP: u8 = 2;
    /// Authentication-Protocol.
    pub const AUTHENTICATION_PROTOCOL: u8 = 3;
    /// Quality-Protocol.
    pub const QUALITY_PROTOCOL: u8 = 4;
    /// Magic-Number.
    pub const MAGIC_NUMBER: u8 = 5;
    /// Protocol-Field-Compression.
    pub const PROTOCOL_FIELD_COMPRESSION: u8 = 7;
    /// Address-and-Control-Field-Compression.
    pub const ADDRESS_CONTROL_FIELD_COMPRESSION: u8 = 8;
    /// Callback (RFC 1570 §2.3).
    pub const CALLBACK: u8 = 13;
    /// Multilink-Maximum-Received-Reconstructed-Unit (RFC 1990 §5.1.1).
    pub const MULTILINK_MRRU: u8 = 17;
    /// Endpoint-Discriminator (RFC 1990 §5.1.3).
    pub const ENDPOINT_DISCRIMINATOR: u8 = 19;
}

/// What an Authentication-Protocol option asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationProtocol {
    /// Password Authentication Protocol.
    Pap,
    /// CHAP with MD5 (RFC 1994).
    ChapMd5,
    /// MS-CHAP version 1 (RFC 2433).
    MsChapV1,
    /// MS-CHAP version 2 (RFC 2759).
    MsChapV2,
    /// Extensible Authentication Protocol.
    Eap,
    /// Something else, by its protocol number.
    Other(Protocol),
}

impl AuthenticationProtocol {
    fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let Some((&protocol, algorithm)) = value.split_first_chunk::<2>() else {
            return Err(Malformed::ValueLength);
        };
        match (Protocol(u16::from_be_bytes(protocol)), algorithm) {
            (Protocol::PAP, []) => Ok(Self::Pap),
            (Protocol::EAP, []) => Ok(Self::Eap),
            (Protocol::CHAP, [0x05]) => Ok(Self::ChapMd5),
            (Protocol::CHAP, [0x80]) => Ok(Self::MsChapV1),
            (Protocol::CHAP, [0x81]) => Ok(Self::MsChapV2),
            (Protocol::PAP | Protocol::EAP, _) | (Protocol::CHAP, []) => {
                Err(Malformed::ValueLength)
            }
            (other, _) => Ok(Self::Other(other)),
        }
    }
}

/// One LCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LcpOption<'a> {
    /// The largest information field that the sender receives, in bytes.
    MaximumReceiveUnit(u16),
    /// Control characters to escape: without meaning on PPTP, but harmless.
    ControlCharacterMap(u32),
    /// How the receiver has to authenticate itself.
    Authentication(AuthenticationProtocol),
    /// A number that tells both ends of a link apart.
    MagicNumber(u32),
    /// The sender reads one-byte protocol fields.
    ProtocolFieldCompression,
    /// The sender reads frames without address and control fields.
    AddressControlFieldCompression,
    /// An option that PNS does not know or does not want.
    Other(RawOption<'a>),
}

impl<'a> LcpOption<'a> {
    /// Gives an option its meaning.
    ///
    /// # Errors
    /// [`Malformed::ValueLength`].
    pub fn parse(option: RawOption<'a>) -> Result<Self, Malformed> {
        let length = Malformed::ValueLength;
        Ok(match option.kind {
            kind::MAXIMUM_RECEIVE_UNIT => {
                Self::MaximumReceiveUnit(option.fixed().map(u16::from_be_bytes).ok_or(length)?)
            }
            kind::CONTROL_CHARACTER_MAP => {
                Self::ControlCharacterMap(option.fixed().map(u32::from_be_bytes).ok_or(length)?)
            }
            kind::AUTHENTICATION_PROTOCOL => {
                Self::Authentication(AuthenticationProtocol::parse(option.value)?)
            }
            kind::MAGIC_NUMBER => {
                Self::MagicNumber(option.fixed().map(u32::from_be_bytes).ok_or(length)?)
            }
            kind::PROTOCOL_FIELD_COMPRESSION => {
                let [] = option.fixed().ok_or(length)?;
                Self::ProtocolFieldCompression
            }
            kind::ADDRESS_CONTROL_FIELD_COMPRESSION => {
                let [] = option.fixed().ok_or(length)?;
                Self::AddressControlFieldCompression
            }
            _ => Self::Other(option),
        })
    }

    /// Appends the option to a list.
    pub fn emit(&self, list: &mut Vec<u8>) {
        match self {
            Self::MaximumReceiveUnit(mru) => {
                options::push(list, kind::MAXIMUM_RECEIVE_UNIT, &mru.to_be_bytes());
            }
            Self::ControlCharacterMap(map) => {
                options::push(list, kind::CONTROL_CHARACTER_MAP, &map.to_be_bytes());
            }
            Self::Authentication(protocol) => emit_authentication(*protocol, list),
            Self::MagicNumber(magic) => {
                options::push(list, kind::MAGIC_NUMBER, &magic.to_be_bytes());
            }
            Self::ProtocolFieldCompression => {
                options::push(list, kind::PROTOCOL_FIELD_COMPRESSION, &[]);
            }
            Self::AddressControlFieldCompression => {
                options::push(list, kind::ADDRESS_CONTROL_FIELD_COMPRESSION, &[]);
            }
            Self::Other(option) => options::push(list, option.kind, option.value),
        }
    }
}

fn emit_authentication(protocol: AuthenticationProtocol, list: &mut Vec<u8>) {
    let mut value = match protocol {
        AuthenticationProtocol::Pap => Protocol::PAP,
        AuthenticationProtocol::Eap => Protocol::EAP,
        AuthenticationProtocol::ChapMd5
        | AuthenticationProtocol::MsChapV1
        | AuthenticationProtocol::MsChapV2 => Protocol::CHAP,
        AuthenticationProtocol::Other(protocol) => protocol,
    }
    .0
    .to_be_bytes()
    .to_vec();
    match protocol {
        AuthenticationProtocol::ChapMd5 => value.push(0x05),
        AuthenticationProtocol::MsChapV1 => value.push(0x80),
        AuthenticationProtocol::MsChapV2 => value.push(0x81),
        AuthenticationProtocol::Pap
        | AuthenticationProtocol::Eap
        | AuthenticationProtocol::Other(_) => {}
    }
    options::push(list, kind::AUTHENTICATION_PROTOCOL, &value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::options::Options;

    #[test]
    fn every_known_type_has_its_lengths_and_no_other() {
        for (kind, good) in [
            (1, &[2][..]),
            (2, &[4]),
            (3, &[2, 3]),
            (5, &[4]),
            (7, &[0]),
            (8, &[0]),
        ] {
            for length in 0..=options::VALUE_MAX {
                let mut value = vec![0; length];
                value.splice(
                    ..length.min(3),
                    [0xc2, 0x23, 0x81].into_iter().take(length.min(3)),
                );
                if kind == 3 && length == 2 {
                    value = vec![0xc0, 0x23];
                }
                let parsed = LcpOption::parse(RawOption {
                    kind,
                    value: &value,
                });
                let foreign = matches!(
                    parsed,
                    Ok(LcpOption::Authentication(AuthenticationProtocol::Other(_)))
                );
                assert_eq!(
                    parsed.is_ok() && !foreign,
                    good.contains(&length),
                    "{kind} {length}"
                );
            }
        }
    }

    #[test]
    fn every_option_survives_the_round_trip() {
        for option in [
            LcpOption::MaximumReceiveUnit(1400),
            LcpOption::ControlCharacterMap(0xffff_ffff),
            LcpOption::Authentication(AuthenticationProtocol::Pap),
            LcpOption::Authentication(AuthenticationProtocol::ChapMd5),
            LcpOption::Authentication(AuthenticationProtocol::MsChapV1),
            LcpOption::Authentication(AuthenticationProtocol::MsChapV2),
            LcpOption::Authentication(AuthenticationProtocol::Eap),
            LcpOption::Authentication(AuthenticationProtocol::Other(Protocol(0xc025))),
            LcpOption::MagicNumber(0x8b7e_5b84),
            LcpOption::ProtocolFieldCompression,
            LcpOption::AddressControlFieldCompression,
            LcpOption::Other(RawOption {
                kind: kind::CALLBACK,
                value: &[6],
            }),
        ] {
            let mut list = Vec::new();
            option.emit(&mut list);
            let raw = Options::parse(&list).unwrap().iter().next().unwrap();
            assert_eq!(LcpOption::parse(raw), Ok(option));
        }
    }
}
