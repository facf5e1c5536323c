//! What a peer says of itself beside the negotiation, kept for the operator (RFC 1570 §1). Nobody
//! acts on it: it is not authenticated, and not necessarily text.

use crate::wire::field::{array_at, u32_at};
use std::fmt;

/// Identifications that are kept of one peer: Windows sends three.
pub const IDENTIFICATIONS_MAX: usize = 4;

/// How much is kept of each text, in bytes.
pub const TEXT_MAX: usize = 64;

/// What Windows puts between its magic number and its error number in a Terminate-Request.
const WINDOWS_MARK: [u8; 4] = [0x00, 0x3c, 0xcd, 0x74];

/// A name that a peer gives itself or a reason that it gives: its bytes. Displayed, it is one line
/// of printable text: as it is if it is such, a GUID as Windows writes them, or hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerText(Box<[u8]>);

impl PeerText {
    fn new(bytes: &[u8]) -> Self {
        Self(bytes.get(..TEXT_MAX).unwrap_or(bytes).into())
    }

    /// The bytes as they came, [`TEXT_MAX`] at most.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for PeerText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(&self.0).map(|text| text.trim_end_matches('\0'));
        if let Ok(text) = text
            && !text.chars().any(char::is_control)
        {
            return formatter.write_str(text);
        }
        if let Ok(guid) = <[u8; 16]>::try_from(&*self.0) {
            let [a, b, c, d, e, f, g, h, i, j, rest @ ..] = guid;
            let first = u32::from_le_bytes([a, b, c, d]);
            let [second, third] = [u16::from_le_bytes([e, f]), u16::from_le_bytes([g, h])];
            write!(
                formatter,
                "{{{first:08X}-{second:04X}-{third:04X}-{i:02X}{j:02X}-"
            )?;
            for byte in rest {
                write!(formatter, "{byte:02X}")?;
            }
            return formatter.write_str("}");
        }
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// How a peer took its leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The error number that Windows shows its user.
    WindowsError(u32),
    /// Text, or what may be text.
    Text(PeerText),
}

impl Farewell {
    /// Reads the data of a Terminate-Request; `None` if there is none.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        if data.is_empty() {
            return None;
        }
        let error = u32_at(data, 8).filter(|_| array_at(data, 4) == Some(WINDOWS_MARK));
        Some(match error {
            Some(error) => Self::WindowsError(error),
            None => Self::Text(PeerText::new(data)),
        })
    }
}

impl fmt::Display for Farewell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WindowsError(error) => write!(formatter, "Windows error {error}"),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

/// Everything that one peer said of itself.
#[derive(Debug, Default)]
pub struct Remarks {
    identifications: Vec<PeerText>,
    time_remaining_s: Option<u32>,
    farewell: Option<Box<Farewell>>,
}

impl Remarks {
    /// Takes the data of an Identification (RFC 1570 §1.1). What was said before is not said again,
    /// and of more than [`IDENTIFICATIONS_MAX`] the latest stay.
    pub fn identified(&mut self, data: &[u8]) {
        // A magic number goes before the text.
        let text = PeerText::new(data.get(4..).unwrap_or_default());
        if text.as_bytes().is_empty() || self.identifications.contains(&text) {
            return;
        }
        if self.identifications.len() >= IDENTIFICATIONS_MAX {
            self.identifications.remove(0);
        }
        self.identifications.push(text);
    }

    /// Takes the data of a Time-Remaining (RFC 1570 §1.2); the latest counts.
    pub fn time_remaining(&mut self, data: &[u8]) {
        self.time_remaining_s = u32_at(data, 4).or(self.time_remaining_s);
    }

    /// Takes the data of a Terminate-Request; the first that has any counts.
    pub fn terminated(&mut self, data: &[u8]) {
        if self.farewell.is_none() {
            self.farewell = Farewell::parse(data).map(Box::new);
        }
    }

    /// What the peer called itself, earliest first.
    #[must_use]
    pub fn identifications(&self) -> &[PeerText] {
        &self.identifications
    }

    /// Seconds that the peer said the link would last; all ones mean for ever.
    #[must_use]
    pub const fn time_remaining_s(&self) -> Option<u32> {
        self.time_remaining_s
    }

    /// What the peer said when it hung up.
    #[must_use]
    pub fn farewell(&self) -> Option<&Farewell> {
        self.farewell.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_one_harmless_line() {
        let guid = [
            0x0d, 0x0c, 0x0b, 0x0a, 2, 1, 4, 3, 0xfe, 6, 7, 8, 9, 10, 11, 12,
        ];
        for (bytes, shown) in [
            (&b"MSRASV5.20"[..], "MSRASV5.20"),
            (b"with a zero\0", "with a zero"),
            ("köln".as_bytes(), "köln"),
            (b"\x1b[2J", "1b5b324a"),
            (&[0xff, 0xfe], "fffe"),
            (&guid, "{0A0B0C0D-0102-0304-FE06-0708090A0B0C}"),
            (b"", ""),
        ] {
            assert_eq!(PeerText::new(bytes).to_string(), shown);
        }
    }

    #[test]
    fn a_talkative_peer_takes_no_more_room() {
        let mut remarks = Remarks::default();
        for round in 0..=255_u8 {
            for _ in 0..3 {
                let data = [&[0; 4][..], &[round; 300]].concat();
                remarks.identified(&data);
            }
        }
        remarks.identified(&[1, 2, 3]);
        let kept: Vec<_> = remarks
            .identifications()
            .iter()
            .map(|text| (text.as_bytes().len(), text.as_bytes()[0]))
            .collect();
        assert_eq!(kept, [(64, 252), (64, 253), (64, 254), (64, 255)]);
    }

    #[test]
    fn every_length_of_every_remark() {
        for length in 0..24 {
            let mut data = vec![0; length];
            if let Some(mark) = data.get_mut(4..8) {
                mark.copy_from_slice(&WINDOWS_MARK);
            }
            let mut remarks = Remarks::default();
            remarks.identified(&data);
            remarks.time_remaining(&data);
            remarks.terminated(&data);
            assert_eq!(remarks.identifications().len(), usize::from(length > 4));
            assert_eq!(remarks.time_remaining_s().is_some(), length >= 8);
            match remarks.farewell() {
                None => assert_eq!(length, 0),
                Some(Farewell::WindowsError(error)) => assert!(length >= 12 && *error == 0),
                Some(Farewell::Text(_)) => assert!(length < 12),
            }
        }
    }
}
