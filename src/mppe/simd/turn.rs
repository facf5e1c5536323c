//! Bytes of eight lanes turned into rows of eight lanes, and back: tables at rest lie lane by lane, those
//! that run in lockstep entry by entry.

use std::arch::x86_64::{
    __m128i, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_unpackhi_epi16, _mm_unpackhi_epi32,
    _mm_unpackhi_epi64, _mm_unpacklo_epi8, _mm_unpacklo_epi16, _mm_unpacklo_epi32,
};

use zeroize::optimization_barrier;

use crate::mppe::rc4::StoredRc4;

/// Turns eight words of eight bytes: byte b of word w becomes byte w of word b.
///
/// Words are fetched and put one by one: an array of them would be written to memory and read again.
#[inline(always)]
pub(super) fn turn(fetch: impl Fn(usize) -> u64, mut put: impl FnMut(usize, u64)) {
    // SAFETY: SSE2 is part of x86-64.
    unsafe { turn_in_registers(fetch, &mut put) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn turn_in_registers(fetch: impl Fn(usize) -> u64, put: &mut impl FnMut(usize, u64)) {
    let (ab, cd) = (pair(fetch(0), fetch(1)), pair(fetch(2), fetch(3)));
    let (ef, gh) = (pair(fetch(4), fetch(5)), pair(fetch(6), fetch(7)));
    let (first, second) = (_mm_unpacklo_epi16(ab, cd), _mm_unpackhi_epi16(ab, cd));
    let (third, fourth) = (_mm_unpacklo_epi16(ef, gh), _mm_unpackhi_epi16(ef, gh));
    put_halves(_mm_unpacklo_epi32(first, third), 0, put);
    put_halves(_mm_unpackhi_epi32(first, third), 2, put);
    put_halves(_mm_unpacklo_epi32(second, fourth), 4, put);
    put_halves(_mm_unpackhi_epi32(second, fourth), 6, put);
}

/// Streams at rest, a whole set of lanes.
pub(super) type Eight = [StoredRc4; 8];

/// Eight entries of a stream, from entry 8 times `place` on.
#[inline(always)]
pub(super) fn word([_, _, table @ ..]: &StoredRc4, place: usize) -> u64 {
    let (entries, _) = table.as_chunks::<8>();
    entries.get(place).copied().map_or(0, u64::from_le_bytes)
}

/// Puts them back.
#[inline(always)]
pub(super) fn set_word([_, _, table @ ..]: &mut StoredRc4, place: usize, word: u64) {
    let (entries, _) = table.as_chunks_mut::<8>();
    if let Some(entries) = entries.get_mut(place) {
        *entries = word.to_le_bytes();
    }
}

/// Hands up to eight streams over as eight.
#[inline(always)]
pub(super) fn as_eight(streams: &[StoredRc4], hand_over: impl FnOnce(&Eight)) {
    if let Ok(whole) = streams.try_into() {
        return hand_over(whole);
    }
    let mut padded = [[0; size_of::<StoredRc4>()]; 8];
    for (place, stream) in padded.iter_mut().zip(streams) {
        *place = *stream;
    }
    hand_over(&padded);
    padded.as_flattened_mut().fill(0);
    optimization_barrier(&padded);
}

/// The same, to be written.
#[inline(always)]
pub(super) fn as_eight_mut(streams: &mut [StoredRc4], hand_over: impl FnOnce(&mut Eight)) {
    if let Ok(whole) = <&mut Eight>::try_from(&mut *streams) {
        return hand_over(whole);
    }
    let mut padded = [[0; size_of::<StoredRc4>()]; 8];
    for (place, stream) in padded.iter_mut().zip(&*streams) {
        *place = *stream;
    }
    hand_over(&mut padded);
    for (place, stream) in padded.iter().zip(streams) {
        *stream = *place;
    }
    padded.as_flattened_mut().fill(0);
    optimization_barrier(&padded);
}

#[inline]
#[target_feature(enable = "sse2")]
fn pair(even: u64, odd: u64) -> __m128i {
    let (even, odd) = (
        _mm_set_epi64x(0, even.cast_signed()),
        _mm_set_epi64x(0, odd.cast_signed()),
    );
    _mm_unpacklo_epi8(even, odd)
}

#[inline]
#[target_feature(enable = "sse2")]
fn put_halves(vector: __m128i, place: usize, put: &mut impl FnMut(usize, u64)) {
    let high = _mm_unpackhi_epi64(vector, vector);
    put(place, _mm_cvtsi128_si64(vector).cast_unsigned());
    put(place + 1, _mm_cvtsi128_si64(high).cast_unsigned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_exchanges_lanes_and_entries_and_twice_is_nothing() {
        let words: [u64; 8] = std::array::from_fn(|word| {
            (0x0102_0304_0506_0708 * (word as u64 + 3)) ^ (0x5a << word)
        });
        let (mut turned, mut back) = ([0; 8], [0; 8]);
        turn(|word| words[word], |place, word| turned[place] = word);
        for (word, bytes) in words.iter().map(|word| word.to_le_bytes()).enumerate() {
            for (byte, value) in bytes.into_iter().enumerate() {
                assert_eq!(turned[byte].to_le_bytes()[word], value);
            }
        }
        turn(|word| turned[word], |place, word| back[place] = word);
        assert_eq!(back, words);
    }
}
