//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

/// The one's-complement sum of `bytes`, folded to 16 bits: 0xffff over anything that carries its
/// own right checksum. An odd last byte counts as the high half of a word.
#[inline]
#[must_use]
pub fn sum(bytes: &[u8]) -> u16 {
    // The sum does not depend on the order of bytes in a word, nor on the length of a word that is
    // folded later (RFC 1071 §2): so words are as long and as ordered as the machine likes them.
    let (words, rest) = bytes.as_chunks::<4>();
    let mut total: u64 = words
        .iter()
        .map(|word| u64::from(u32::from_ne_bytes(*word)))
        .sum();
    if !rest.is_empty() {
        let mut last = [0; 4];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        total += u64::from(u32::from_ne_bytes(last));
    }
    u16::from_be(fold(total))
}

/// The same of so many bytes, a multiple of four: without a loop.
#[inline]
#[must_use]
pub fn sum_of<const N: usize>(bytes: &[u8; N]) -> u16 {
    const { assert!(N.is_multiple_of(4), "there would be a rest") };
    let (words, _rest) = bytes.as_chunks::<4>();
    let word = |word: &[u8; 4]| u64::from(u32::from_ne_bytes(*word));
    u16::from_be(fold(words.iter().map(word).sum()))
}

/// The same of these words.
#[inline]
#[must_use]
pub fn sum_of_words<const N: usize>(words: [u32; N]) -> u16 {
    fold(words.into_iter().map(u64::from).sum())
}

/// The checksum to write into a field that was zero when `bytes` were summed.
#[inline]
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    !sum(bytes)
}

/// The checksum after one 16-bit word that it covers changed from `old` to `new` (RFC 1624 §3,
/// equation 3).
#[inline]
#[must_use]
pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(u64::from(!checksum) + u64::from(!old) + u64::from(new))
}

/// The sum over two pieces that lie behind each other, the first of even length.
#[inline]
#[must_use]
pub const fn add(first: u16, second: u16) -> u16 {
    fold(first as u64 + second as u64)
}

#[inline]
const fn fold(total: u64) -> u16 {
    // Each step leaves half the bits and a carry, so the last leaves none.
    let total = (total & 0xffff_ffff) + (total >> 32);
    let total = (total & 0xffff_ffff) + (total >> 32);
    let total = (total & 0xffff) + (total >> 16);
    let total = (total & 0xffff) + (total >> 16);
    let [.., high, low] = total.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071_section_3() {
        assert_eq!(
            sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            0xddf2
        );
        assert_eq!(sum(&[0xab]), 0xab00);
        assert_eq!(sum(&[]), 0);
    }

    #[test]
    fn a_known_length_changes_nothing() {
        for first in 0..=u8::MAX {
            let bytes: [u8; 20] = std::array::from_fn(|place| first.wrapping_mul(place as u8 | 1));
            assert_eq!(sum_of(&bytes), sum(&bytes));
        }
    }

    #[test]
    fn the_example_of_rfc_1624_section_4() {
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    proptest! {
        #[test]
        fn an_update_verifies_like_a_recomputation(
            mut bytes in proptest::collection::vec(any::<u8>(), 4..64),
            new in any::<u16>(),
        ) {
            bytes.truncate(bytes.len() & !1);
            bytes[0] = 0;
            bytes[1] = 0;
            let before = checksum(&bytes);
            let last = bytes.len() - 2;
            let old = u16::from_be_bytes([bytes[last], bytes[last + 1]]);
            bytes[last..].copy_from_slice(&new.to_be_bytes());
            let after = if last == 0 { before } else { update(before, old, new) };
            if last > 0 {
                bytes[..2].copy_from_slice(&after.to_be_bytes());
                // Both zeros of one's complement verify.
                prop_assert!(sum(&bytes) == 0xffff || bytes.iter().all(|byte| *byte == 0));
            }
        }
    }
}
