//! The Maximum Segment Size option of TCP SYNs (RFC 9293 §3.2), lowered in passing so that segments
//! fit a call without being fragmented.

use super::checksum;
use super::field::{u8_at, u16_at};

const FLAGS_OFFSET: usize = 13;
const CHECKSUM_OFFSET: usize = 16;
const HEADER_LENGTH: usize = 20;
const SYN: u8 = 0x02;
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;

/// Lowers the option in `segment`, a TCP segment from its header on, to `mss_max` if it is a SYN
/// that announces more, and corrects the checksum. Answers whether anything changed.
pub fn clamp(segment: &mut [u8], mss_max: u16) -> bool {
    match find(segment) {
        Some(offset) => lower(segment, offset, mss_max).is_some(),
        None => false,
    }
}

/// Where the value of the option is.
fn find(segment: &[u8]) -> Option<usize> {
    if u8_at(segment, FLAGS_OFFSET)? & SYN == 0 {
        return None;
    }
    let header_length = usize::from(u8_at(segment, 12)? >> 4) * 4;
    let header = segment.get(..header_length)?;
    let mut offset = HEADER_LENGTH;
    loop {
        match u8_at(header, offset)? {
            END => return None,
            NO_OPERATION => offset += 1,
            kind => {
                let length = usize::from(u8_at(header, offset + 1)?);
                if length < 2 || offset + length > header_length {
                    return None;
                }
                if kind == MAXIMUM_SEGMENT_SIZE && length == 4 {
                    return Some(offset + 2);
                }
                offset += length;
            }
        }
    }
}

fn lower(segment: &mut [u8], offset: usize, mss_max: u16) -> Option<()> {
    if u16_at(segment, offset)? <= mss_max {
        return None;
    }
    // The value may sit at an odd offset, so two checksum words change.
    let aligned = offset & !1;
    let before = [
        u16_at(segment, aligned)?,
        u16_at(segment, aligned + 2).unwrap_or(0),
    ];
    let value = segment.get_mut(offset..offset + 2)?;
    value.copy_from_slice(&mss_max.to_be_bytes());
    let after = [
        u16_at(segment, aligned)?,
        u16_at(segment, aligned + 2).unwrap_or(0),
    ];
    let mut sum = u16_at(segment, CHECKSUM_OFFSET)?;
    for (old, new) in before.into_iter().zip(after) {
        sum = checksum::update(sum, old, new);
    }
    segment
        .get_mut(CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2)?
        .copy_from_slice(&sum.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A segment with these options, padded to whole words, and a right checksum (without the
    /// pseudo header, which a clamp does not change).
    fn segment(flags: u8, options: &[u8], payload: usize) -> Vec<u8> {
        let words = 5 + options.len().div_ceil(4);
        let mut bytes = vec![0; 20];
        bytes[12] = u8::try_from(words << 4).unwrap();
        bytes[13] = flags;
        bytes.extend_from_slice(options);
        bytes.resize(words * 4, 0);
        bytes.resize(words * 4 + payload, 0x5a);
        let sum = checksum::checksum(&bytes);
        bytes[16..18].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn a_syn_is_clamped_at_even_and_odd_offsets() {
        for options in [
            &[2, 4, 0x05, 0xb4][..],
            &[1, 2, 4, 0x05, 0xb4],
            &[4, 2, 2, 4, 0x05, 0xb4],
            &[3, 3, 7, 2, 4, 0x05, 0xb4],
        ] {
            for flags in [SYN, SYN | 0x10] {
                for payload in [0, 5] {
                    let mut bytes = segment(flags, options, payload);
                    assert!(clamp(&mut bytes, 1360), "{options:?}");
                    assert_eq!(checksum::sum(&bytes), 0xffff, "{options:?}");
                    let place = 20 + options.len() - 2;
                    assert_eq!(bytes[place..place + 2], 1360u16.to_be_bytes());
                    assert!(!clamp(&mut bytes, 1360));
                }
            }
        }
    }

    #[test]
    fn what_is_no_syn_or_has_no_option_or_asks_for_less_stays() {
        for mut bytes in [
            segment(0x10, &[2, 4, 0x05, 0xb4], 0),
            segment(SYN, &[], 0),
            segment(SYN, &[0, 2, 4, 0x05, 0xb4], 0),
            segment(SYN, &[2, 3, 0x05, 0xb4], 0),
            segment(SYN, &[2, 4, 0x02, 0x00], 0),
            segment(SYN, &[5, 0, 2, 4, 0x05, 0xb4], 0),
        ] {
            let before = bytes.clone();
            assert!(!clamp(&mut bytes, 1360));
            assert_eq!(bytes, before);
        }
    }

    proptest! {
        #[test]
        fn no_input_panics_and_the_checksum_always_follows(
            options in proptest::collection::vec(any::<u8>(), 0..40),
            cut in 0usize..80, mss_max: u16,
        ) {
            let mut bytes = segment(SYN, &options, 4);
            clamp(&mut bytes, mss_max);
            prop_assert_eq!(checksum::sum(&bytes), 0xffff);
            bytes.truncate(cut);
            clamp(&mut bytes, mss_max / 2);
        }
    }
}
