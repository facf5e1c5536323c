//! How records lie in a segment of the spool: behind a mark, frame after frame, each with its length and
//! a checksum. Whatever stood in the way of a write, what is read is whole or not there.
//!
//! ```text
//!   segment:  "PNSBILL1" frame*
//!   frame:    length of the body, u32 | CRC-32 of the body, u32 | body       (little endian)
//!   body:     1 | number, u64 | settled, 1, and followed, 2 | the record as JSON
//!             2 | number, u64                                       (that record is settled)
//! ```

use std::ops::Range;

use crate::wire::field::array_at;

/// What a segment begins with.
pub(super) const MARK: [u8; 8] = *b"PNSBILL1";
/// Before the body of a frame.
const HEADER_OCTETS: usize = 8;
/// Longest body: longer than any record, whatever servers and clients send.
const BODY_OCTETS_MAX: usize = 65_536;

const RECORD: u8 = 1;
const SETTLED: u8 = 2;

/// What one frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A record.
    Record {
        number: u64,
        /// Nobody has to write it down any more.
        settled: bool,
        /// Its call has a later record, which may be gone before this one.
        followed: bool,
        json: &'a [u8],
    },
    /// A record before is settled.
    Settled(u64),
}

impl Frame<'_> {
    /// Appends it to `segment`.
    pub(super) fn write(&self, segment: &mut Vec<u8>) {
        let start = segment.len();
        segment.extend_from_slice(&[0; HEADER_OCTETS]);
        match *self {
            Self::Record {
                number,
                settled,
                followed,
                json,
            } => {
                segment.push(RECORD);
                segment.extend_from_slice(&number.to_le_bytes());
                segment.push(u8::from(settled) | u8::from(followed) << 1);
                segment.extend_from_slice(json);
            }
            Self::Settled(number) => {
                segment.push(SETTLED);
                segment.extend_from_slice(&number.to_le_bytes());
            }
        }
        let Some((header, body)) = segment
            .get_mut(start..)
            .and_then(|frame| frame.split_at_mut_checked(HEADER_OCTETS))
        else {
            return;
        };
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
        let checksum = crc32fast::hash(body).to_le_bytes();
        header.copy_from_slice(&[length, checksum].concat());
    }
}

/// The first frame of `bytes`, and what is behind it; `None` if it is not whole.
pub(super) fn read(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let length = usize::try_from(u32::from_le_bytes(array_at(bytes, 0)?)).ok()?;
    let checksum = u32::from_le_bytes(array_at(bytes, 4)?);
    if length > BODY_OCTETS_MAX {
        return None;
    }
    let (body, rest) = bytes.get(HEADER_OCTETS..)?.split_at_checked(length)?;
    if crc32fast::hash(body) != checksum {
        return None;
    }
    let (tag, content) = body.split_first()?;
    let number = u64::from_le_bytes(array_at(content, 0)?);
    let frame = match *tag {
        RECORD => Frame::Record {
            number,
            settled: content.get(8)? & 1 != 0,
            followed: content.get(8)? & 2 != 0,
            json: content.get(9..)?,
        },
        SETTLED => Frame::Settled(number),
        _ => return None,
    };
    Some((frame, rest))
}

/// Every whole frame of a segment and where it lies, up to the first that is not whole.
pub(super) fn frames(segment: &[u8]) -> impl Iterator<Item = (Range<usize>, Frame<'_>)> {
    let mut rest = segment.strip_prefix(&MARK).unwrap_or_default();
    let total = segment.len();
    std::iter::from_fn(move || {
        let start = total - rest.len();
        let (frame, behind) = read(rest)?;
        rest = behind;
        Some((start..total - behind.len(), frame))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment() -> Vec<u8> {
        let mut segment = MARK.to_vec();
        let json = br#"{"kind":"on"}"#;
        for number in 0..4 {
            let frame = Frame::Record {
                number,
                settled: number == 2,
                followed: number == 3,
                json,
            };
            frame.write(&mut segment);
            Frame::Settled(number).write(&mut segment);
        }
        segment
    }

    #[test]
    fn frames_come_back_and_a_cut_leaves_the_whole_ones_before_it() {
        let segment = segment();
        let all: Vec<_> = frames(&segment).collect();
        assert_eq!(all.len(), 8);
        assert!(matches!(
            all[4].1,
            Frame::Record {
                number: 2,
                settled: true,
                ..
            }
        ));
        for cut in 0..segment.len() {
            let whole = all.iter().filter(|(range, _)| range.end <= cut).count();
            assert_eq!(frames(&segment[..cut]).count(), whole, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_octet_never_gives_another_frame(at in 0usize..256, flip in 1u8..=255) {
            let right = segment();
            let all: Vec<_> = frames(&right).collect();
            let mut wrong = right.clone();
            let at = at % wrong.len();
            wrong[at] ^= flip;
            for (found, expected) in frames(&wrong).zip(&all) {
                prop_assert_eq!(&found, expected);
            }
        }

        #[test]
        fn any_octets_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let segment = [&MARK, bytes.as_slice()].concat();
            prop_assert!(frames(&segment).count() <= bytes.len());
        }
    }
}
