//! PPP framing: the address, control and protocol fields (RFC 1661 §2, RFC 1662 §3.1), and the
//! Code, Identifier and Length that every control protocol shares (RFC 1661 §5).
//!
//! Address-and-Control-Field-Compression and Protocol-Field-Compression are read whether they
//! were negotiated or not, since real peers do both before and without agreeing to it.

use super::field::{u8_at, u16_at};
use crate::counted_enum;

counted_enum! {
    /// Why bytes are not a PPP frame or not a control packet.
    pub enum Malformed {
        /// The frame ends before its protocol field does.
        FrameTooShort => "ppp_frame_too_short",
        /// The protocol field breaks the even/odd rule of RFC 1661 §2.
        ProtocolField => "ppp_protocol_field",
        /// A control packet shorter than Code, Identifier and Length.
        PacketTooShort => "ppp_packet_too_short",
        /// A Length field below the four bytes that it counts itself.
        LengthBelowHeader => "ppp_length_below_header",
        /// A Length field that reaches past the end of the frame.
        LengthBeyondFrame => "ppp_length_beyond_frame",
    }
}

/// The address and control fields of every uncompressed frame: All-Stations, Unnumbered
/// Information.
pub const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];

/// Bytes of Code, Identifier and Length.
pub const PACKET_HEADER: usize = 4;

/// A PPP protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Protocol(pub u16);

impl Protocol {
    /// Internet Protocol version 4.
    pub const IPV4: Self = Self(0x0021);
    /// Internet Protocol version 6.
    pub const IPV6: Self = Self(0x0057);
    /// A compressed datagram: here always MPPE (RFC 3078).
    pub const COMPRESSED: Self = Self(0x00fd);
    /// IP Control Protocol (RFC 1332).
    pub const IPCP: Self = Self(0x8021);
    /// IPv6 Control Protocol (RFC 5072).
    pub const IPV6CP: Self = Self(0x8057);
    /// Compression Control Protocol (RFC 1962).
    pub const CCP: Self = Self(0x80fd);
    /// Link Control Protocol (RFC 1661).
    pub const LCP: Self = Self(0xc021);
    /// Password Authentication Protocol (RFC 1334).
    pub const PAP: Self = Self(0xc023);
    /// Challenge Handshake Authentication Protocol (RFC 1994).
    pub const CHAP: Self = Self(0xc223);
    /// Extensible Authentication Protocol (RFC 3748).
    pub const EAP: Self = Self(0xc227);

    /// Reads the protocol field at the front of `bytes`, in one byte or two, and answers what
    /// follows it.
    ///
    /// # Errors
    /// [`Malformed::FrameTooShort`] and [`Malformed::ProtocolField`].
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (&first, after_first) = bytes.split_first().ok_or(Malformed::FrameTooShort)?;
        if first & 1 == 1 {
            return Ok((Self(u16::from(first)), after_first));
        }
        let (&second, after_second) = after_first.split_first().ok_or(Malformed::FrameTooShort)?;
        if second & 1 == 0 {
            return Err(Malformed::ProtocolField);
        }
        Ok((Self(u16::from_be_bytes([first, second])), after_second))
    }

    /// Whether frames of this protocol carry users' datagrams (RFC 1661 §2: 0x0001 to 0x3fff).
    #[inline]
    #[must_use]
    pub const fn is_network_layer(self) -> bool {
        self.0 < 0x4000
    }
}

/// One PPP frame without its address and control fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the frame carries.
    pub protocol: Protocol,
    /// Everything behind the protocol field, padding included.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a frame, with or without address and control fields.
    ///
    /// # Errors
    /// [`Malformed::FrameTooShort`] and [`Malformed::ProtocolField`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let compressed = bytes
            .strip_prefix(ADDRESS_CONTROL.as_slice())
            .unwrap_or(bytes);
        if compressed.first() == Some(&0xff) {
            // 0xff is never a compressed protocol field, so that it can announce the address.
            return Err(Malformed::ProtocolField);
        }
        let (protocol, payload) = Protocol::parse(compressed)?;
        Ok(Self { protocol, payload })
    }
}

/// A packet of a control protocol (RFC 1661 §5), or of CHAP, which has the same header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The kind of packet, see [`code`].
    pub code: u8,
    /// Pairs an answer with its request.
    pub identifier: u8,
    /// What the Length field covers behind itself.
    pub data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; bytes behind its Length are padding and left out (RFC 1661 §5).
    ///
    /// # Errors
    /// Every [`Malformed`] that speaks of packets and lengths.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let code = u8_at(bytes, 0).ok_or(Malformed::PacketTooShort)?;
        let identifier = u8_at(bytes, 1).ok_or(Malformed::PacketTooShort)?;
        let length = usize::from(u16_at(bytes, 2).ok_or(Malformed::PacketTooShort)?);
        if length < PACKET_HEADER {
            return Err(Malformed::LengthBelowHeader);
        }
        let data = bytes
            .get(PACKET_HEADER..length)
            .ok_or(Malformed::LengthBeyondFrame)?;
        Ok(Self {
            code,
            identifier,
            data,
        })
    }

    /// Appends the packet to `bytes`. Data that a Length field cannot count is cut.
    pub fn emit(&self, bytes: &mut Vec<u8>) {
        let room = usize::from(u16::MAX) - PACKET_HEADER;
        let data = self.data.get(..room).unwrap_or(self.data);
        let length = u16::try_from(PACKET_HEADER + data.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&[self.code, self.identifier]);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(data);
    }

    /// The whole frame: address, control, a two-byte protocol field and the packet, which is the
    /// form that every peer reads whatever was negotiated.
    #[must_use]
    pub fn to_frame(&self, protocol: Protocol) -> Vec<u8> {
        let mut frame = Vec::with_capacity(4 + PACKET_HEADER + self.data.len());
        frame.extend_from_slice(&ADDRESS_CONTROL);
        frame.extend_from_slice(&protocol.0.to_be_bytes());
        self.emit(&mut frame);
        frame
    }
}

/// Codes of control packets (RFC 1661 §5, RFC 1570 §1, RFC 1962 §3).
pub mod code {
    /// Opens or renegotiates.
    pub const CONFIGURE_REQUEST: u8 = 1;
    /// Takes every option of a request.
    pub const CONFIGURE_ACK: u8 = 2;
    /// Knows the options but wants other values.
    pub const CONFIGURE_NAK: u8 = 3;
    /// Does not know or not allow the listed options.
    pub const CONFIGURE_REJECT: u8 = 4;
    /// Closes the protocol.
    pub const TERMINATE_REQUEST: u8 = 5;
    /// Answers a Terminate-Request, or says that the protocol is not open.
    pub const TERMINATE_ACK: u8 = 6;
    /// The code of a packet is not known.
    pub const CODE_REJECT: u8 = 7;
    /// LCP: the protocol of a frame is not supported.
    pub const PROTOCOL_REJECT: u8 = 8;
    /// LCP: asks for a sign of life.
    pub const ECHO_REQUEST: u8 = 9;
    /// LCP: the sign of life.
    pub const ECHO_REPLY: u8 = 10;
    /// LCP: to be thrown away.
    pub const DISCARD_REQUEST: u8 = 11;
    /// LCP: the peer names itself (RFC 1570 §1.1).
    pub const IDENTIFICATION: u8 = 12;
    /// LCP: the peer says how long the link will last (RFC 1570 §1.2).
    pub const TIME_REMAINING: u8 = 13;
    /// CCP: the receiver lost step (RFC 1962 §3.1).
    pub const RESET_REQUEST: u8 = 14;
    /// CCP: answers a Reset-Request.
    pub const RESET_ACK: u8 = 15;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_with_every_compression() {
        for (bytes, protocol) in [
            (&[0xff, 0x03, 0xc0, 0x21, 9][..], Protocol::LCP),
            (&[0xc0, 0x21, 9], Protocol::LCP),
            (&[0xff, 0x03, 0x00, 0x21, 9], Protocol::IPV4),
            (&[0xff, 0x03, 0x21, 9], Protocol::IPV4),
            (&[0x00, 0xfd, 9], Protocol::COMPRESSED),
            (&[0xfd, 9], Protocol::COMPRESSED),
        ] {
            assert_eq!(
                Frame::parse(bytes),
                Ok(Frame {
                    protocol,
                    payload: &[9]
                })
            );
        }
    }

    #[test]
    fn a_protocol_field_that_is_none_is_refused() {
        for bytes in [&[][..], &[0xff, 0x03], &[0xff, 0x03, 0xc0], &[0xc0]] {
            assert_eq!(
                Frame::parse(bytes),
                Err(Malformed::FrameTooShort),
                "{bytes:02x?}"
            );
        }
        for bytes in [
            &[0xc0, 0x22, 1][..],
            &[0xff, 0x04, 1],
            &[0xff],
            &[0xff, 3, 0xff, 3],
        ] {
            assert_eq!(
                Frame::parse(bytes),
                Err(Malformed::ProtocolField),
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn every_cut_and_every_length_of_a_packet() {
        let whole = [5, 7, 0, 6, 0xaa, 0xbb, 0xcc];
        for end in 0..whole.len() {
            let expected = match end {
                0..4 => Err(Malformed::PacketTooShort),
                4..6 => Err(Malformed::LengthBeyondFrame),
                _ => Ok(Packet {
                    code: 5,
                    identifier: 7,
                    data: &[0xaa, 0xbb],
                }),
            };
            assert_eq!(Packet::parse(&whole[..end]), expected, "cut at {end}");
        }
        for length in 0..=u16::MAX {
            let mut bytes = whole;
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            match Packet::parse(&bytes) {
                Ok(packet) => assert_eq!(packet.data.len() + 4, usize::from(length)),
                Err(Malformed::LengthBelowHeader) => assert!(length < 4),
                Err(reason) => {
                    assert_eq!(reason, Malformed::LengthBeyondFrame);
                    assert!(length > 7);
                }
            }
        }
    }

    #[test]
    fn a_packet_survives_the_round_trip() {
        let packet = Packet {
            code: 1,
            identifier: 0,
            data: &[1, 4, 5, 120],
        };
        let frame = packet.to_frame(Protocol::LCP);
        let parsed = Frame::parse(&frame).unwrap();
        assert_eq!(parsed.protocol, Protocol::LCP);
        assert_eq!(Packet::parse(parsed.payload), Ok(packet));
    }
}
