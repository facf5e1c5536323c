//! Enhanced GRE as PPTP uses it (RFC 2637 §4.1).
//!
//! ```text
//!  0                   1                   2                   3
//! |C|R|K|S|s|Recur|A| Flags | Ver |         Protocol Type         |
//! |    Key (HW) Payload Length    |       Key (LW) Call ID        |
//! |                  Sequence Number (if S)                       |
//! |               Acknowledgment Number (if A)                    |
//! ```

use super::call_id::CallId;
use super::field::{u16_at, u32_at};
use crate::counted_enum;

/// Protocol type of PPP in enhanced GRE.
pub const PROTOCOL_TYPE: u16 = 0x880b;
/// Bytes of the longest header: sequence and acknowledgment numbers are there.
pub const HEADER_LENGTH_MAX: usize = 16;
/// Bytes of a header without either number.
pub const HEADER_LENGTH_MIN: usize = 8;

const CALL_ID_OFFSET: usize = 6;
const KEY_PRESENT: u16 = 0x2000;
const SEQUENCE_PRESENT: u16 = 0x1000;
const ACKNOWLEDGMENT_PRESENT: u16 = 0x0080;
const VERSION_MASK: u16 = 0x0007;
const VERSION: u16 = 0x0001;
const NUMBERS_PRESENT: u16 = SEQUENCE_PRESENT | ACKNOWLEDGMENT_PRESENT;
/// C, R, s, Recur and Flags, all of which must be zero.
const FORBIDDEN: u16 = !(KEY_PRESENT | NUMBERS_PRESENT | VERSION_MASK);

counted_enum! {
    /// Why bytes are not an enhanced GRE packet.
    pub enum Malformed {
        /// The packet ends before its header does.
        Short => "gre_short",
        /// Not version 1.
        Version => "gre_version",
        /// Not PPP.
        ProtocolType => "gre_protocol_type",
        /// No key, so no Call ID.
        KeyMissing => "gre_key_missing",
        /// A bit is set that must be zero: checksum, routing, strict source route, recursion, flags.
        ForbiddenFlags => "gre_forbidden_flags",
        /// The payload length goes beyond the packet.
        PayloadLength => "gre_payload_length",
        /// A payload without a sequence number.
        SequenceMissing => "gre_sequence_missing",
    }
}

/// The Call ID in front of `packet`, whatever else is there; 0 if the packet ends before it.
#[inline]
#[must_use]
pub fn call_id(packet: &[u8]) -> CallId {
    CallId::new(u16_at(packet, CALL_ID_OFFSET).unwrap_or(0))
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the PPP frame behind the header.
    pub payload_length: u16,
    /// The Call ID of the receiver.
    pub call_id: CallId,
    /// The number of this payload packet.
    pub sequence: Option<u32>,
    /// The highest sequence number that the sender has received.
    pub acknowledgment: Option<u32>,
}

impl Header {
    /// Reads the header in front of `packet` and checks that the payload is there. Bytes behind the
    /// payload are padding.
    ///
    /// # Errors
    /// Every [`Malformed`].
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let flags = u16_at(packet, 0).ok_or(Malformed::Short)?;
        if flags & !NUMBERS_PRESENT != KEY_PRESENT | VERSION {
            return Err(refuse(flags));
        }
        let fixed = packet.first_chunk::<HEADER_LENGTH_MIN>();
        let [_, _, p0, p1, l0, l1, c0, c1] = *fixed.ok_or(Malformed::Short)?;
        if u16::from_be_bytes([p0, p1]) != PROTOCOL_TYPE {
            return Err(Malformed::ProtocolType);
        }
        let payload_length = u16::from_be_bytes([l0, l1]);
        let call_id = CallId::new(u16::from_be_bytes([c0, c1]));
        let mut length = HEADER_LENGTH_MIN;
        let mut number = |present: u16| {
            if flags & present == 0 {
                return Ok(None);
            }
            let number = u32_at(packet, length).ok_or(Malformed::Short)?;
            length += 4;
            Ok(Some(number))
        };
        let sequence = number(SEQUENCE_PRESENT)?;
        let acknowledgment = number(ACKNOWLEDGMENT_PRESENT)?;
        if length + usize::from(payload_length) > packet.len() {
            return Err(Malformed::PayloadLength);
        }
        if payload_length > 0 && sequence.is_none() {
            return Err(Malformed::SequenceMissing);
        }
        Ok(Self {
            payload_length,
            call_id,
            sequence,
            acknowledgment,
        })
    }

    /// Bytes of this header: 8, 12 or 16.
    #[inline]
    #[must_use]
    pub const fn length(&self) -> usize {
        let mut length = HEADER_LENGTH_MIN;
        if self.sequence.is_some() {
            length += 4;
        }
        if self.acknowledgment.is_some() {
            length += 4;
        }
        length
    }

    /// Writes the header in front of `packet` and answers its length; `None` if it does not fit.
    #[inline]
    pub fn emit(&self, packet: &mut [u8]) -> Option<usize> {
        let mut flags = KEY_PRESENT | VERSION;
        if self.sequence.is_some() {
            flags |= SEQUENCE_PRESENT;
        }
        if self.acknowledgment.is_some() {
            flags |= ACKNOWLEDGMENT_PRESENT;
        }
        let [f0, f1] = flags.to_be_bytes();
        let [p0, p1] = PROTOCOL_TYPE.to_be_bytes();
        let [l0, l1] = self.payload_length.to_be_bytes();
        let [c0, c1] = self.call_id.get().to_be_bytes();
        let room = packet.get_mut(..self.length())?;
        let (place, mut room) = room.split_first_chunk_mut()?;
        *place = [f0, f1, p0, p1, l0, l1, c0, c1];
        for number in [self.sequence, self.acknowledgment].into_iter().flatten() {
            let (place, rest) = room.split_first_chunk_mut()?;
            *place = number.to_be_bytes();
            room = rest;
        }
        Some(self.length())
    }
}

/// Why a header with these flags is refused.
#[cold]
const fn refuse(flags: u16) -> Malformed {
    if flags & VERSION_MASK != VERSION {
        Malformed::Version
    } else if flags & FORBIDDEN != 0 {
        Malformed::ForbiddenFlags
    } else {
        Malformed::KeyMissing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first data packet of a recorded session: call 0x3700, sequence 0, LCP behind it.
    const DATA: [u8; 14] = [0x30, 0x01, 0x88, 0x0b, 0, 2, 0x37, 0, 0, 0, 0, 0, 0xff, 3];

    #[test]
    fn s4_1_a_data_packet_is_read() {
        let header = Header {
            payload_length: 2,
            call_id: CallId::new(0x3700),
            sequence: Some(0),
            acknowledgment: None,
        };
        assert_eq!(Header::parse(&DATA), Ok(header));
        assert_eq!(header.length(), 12);
    }

    #[test]
    fn s4_1_of_all_flag_words_four_are_right() {
        let mut right = Vec::new();
        for flags in 0..=u16::MAX {
            let mut packet = [0; 20];
            packet[..14].copy_from_slice(&DATA);
            packet[4..6].copy_from_slice(&[0, 0]);
            packet[..2].copy_from_slice(&flags.to_be_bytes());
            match Header::parse(&packet) {
                Ok(_) => right.push(flags),
                Err(Malformed::Version) => assert_ne!(flags & 7, 1),
                Err(Malformed::ForbiddenFlags) => assert_ne!(flags & 0xcf78, 0),
                Err(reason) => {
                    assert_eq!(reason, Malformed::KeyMissing);
                    assert_eq!(flags & 0x2000, 0);
                }
            }
        }
        assert_eq!(right, [0x2001, 0x2081, 0x3001, 0x3081]);
    }

    #[test]
    fn s4_1_every_cut_and_every_payload_length() {
        for cut in 0..DATA.len() {
            let expected = if cut < 12 {
                Malformed::Short
            } else {
                Malformed::PayloadLength
            };
            assert_eq!(Header::parse(&DATA[..cut]), Err(expected), "cut at {cut}");
        }
        for length in 0..=u16::MAX {
            let mut packet = DATA;
            packet[4..6].copy_from_slice(&length.to_be_bytes());
            assert_eq!(Header::parse(&packet).is_ok(), length <= 2, "{length}");
        }
        let mut packet = DATA;
        packet[0] = 0x20;
        assert_eq!(Header::parse(&packet), Err(Malformed::SequenceMissing));
        packet[2] = 0x08;
        assert_eq!(Header::parse(&packet), Err(Malformed::ProtocolType));
    }

    proptest! {
        #[test]
        fn every_header_survives_the_round_trip(
            payload_length in 0u16..64, call_id: u16,
            sequence: Option<u32>, acknowledgment: Option<u32>,
        ) {
            let header = Header {
                payload_length: if sequence.is_some() { payload_length } else { 0 },
                call_id: CallId::new(call_id),
                sequence,
                acknowledgment,
            };
            let mut packet = [0; HEADER_LENGTH_MAX + 64];
            prop_assert_eq!(header.emit(&mut packet), Some(header.length()));
            prop_assert_eq!(Header::parse(&packet), Ok(header));
            prop_assert_eq!(header.emit(&mut packet[..header.length() - 1]), None);
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Header::parse(&bytes);
        }
    }
}
