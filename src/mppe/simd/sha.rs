//! SHA-1 (FIPS 180-4 §6.1) with the SHA instructions, of four changes of keys at once: each waits for its
//! own last step most of the time.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_and_si128, _mm_loadu_si128, _mm_or_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_sha1msg1_epu32, _mm_sha1msg2_epu32, _mm_sha1nexte_epu32,
    _mm_sha1rnds4_epu32, _mm_shuffle_epi8, _mm_slli_si128, _mm_srli_si128, _mm_storeu_si128,
    _mm_xor_si128,
};

use crate::mppe::kernel::Rekey;
use crate::mppe::keys::Strength;

/// Messages hashed together.
const TOGETHER: usize = 4;
/// Four words of SHSpad2 (RFC 3079 §3.4), or two.
const PAD: [u32; 4] = [0xf2f2_f2f2; 4];
const HALF_PAD: [u32; 4] = [0, 0, 0xf2f2_f2f2, 0xf2f2_f2f2];

/// The first sixteen bytes of what GetNewKeyFromSHA (RFC 3079 §3.4) hashes for each chain, if the CPU has
/// the instructions.
#[must_use]
pub(crate) fn digests(chains: [&Rekey; TOGETHER]) -> Option<[[u8; 16]; TOGETHER]> {
    let can = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
    // SAFETY: the CPU has both.
    can.then(|| unsafe { hash(chains) })
}

/// What a message has come to: words a to d, and what word e is made of.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

/// A block of a message, four words a vector, the first of them on top.
type Block = [__m128i; 4];

#[target_feature(enable = "sha,sse4.1")]
fn hash(chains: [&Rekey; TOGETHER]) -> [[u8; 16]; TOGETHER] {
    let initial = State {
        abcd: words([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]),
        e: words([0xc3d2_e1f0, 0, 0, 0]),
    };
    let mut states = [initial; TOGETHER];
    compress(&mut states, chains.map(|chain| first_block(chain)));
    compress(&mut states, chains.map(|chain| second_block(chain)));
    states.map(|state| {
        let (mut digest, words) = ([0u8; 16], reversed(state.abcd));
        // SAFETY: a digest has 16 bytes.
        unsafe { _mm_storeu_si128(digest.as_mut_ptr().cast(), words) };
        digest
    })
}

/// The start key, SHSpad1, which is zeros, and the session key as far as it fits; a short one and the start
/// of SHSpad2.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn first_block(chain: &Rekey) -> Block {
    let (start, session) = (key(&chain.start_key), key(&chain.session_key));
    let zero = words([0; 4]);
    match chain.strength {
        Strength::Bits128 => [start, zero, zero, _mm_srli_si128::<8>(session)],
        Strength::Bits40 | Strength::Bits56 => {
            let half = _mm_set_epi64x(-1, 0);
            let session = _mm_and_si128(session, half);
            let last = _mm_or_si128(session, words(HALF_PAD));
            [_mm_and_si128(start, half), zero, zero, last]
        }
    }
}

/// What is left of that, and the padding of SHA-1: a bit, zeros, and how many bits came before.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn second_block(chain: &Rekey) -> Block {
    const BIT: u32 = 0x8000_0000;
    let pad = words(PAD);
    match chain.strength {
        Strength::Bits128 => {
            let session = _mm_slli_si128::<8>(key(&chain.session_key));
            let first = _mm_or_si128(session, words(HALF_PAD));
            [first, pad, pad, words([BIT, 0, 0, 8 * (16 + 40 + 16 + 40)])]
        }
        Strength::Bits40 | Strength::Bits56 => {
            let length = words([0, 0, 0, 8 * (8 + 40 + 8 + 40)]);
            [pad, pad, words([BIT, 0, 0, 0]), length]
        }
    }
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn words([a, b, c, d]: [u32; 4]) -> __m128i {
    _mm_set_epi32(
        a.cast_signed(),
        b.cast_signed(),
        c.cast_signed(),
        d.cast_signed(),
    )
}

/// A key as words.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn key(key: &[u8; 16]) -> __m128i {
    // SAFETY: a key has 16 bytes.
    reversed(unsafe { _mm_loadu_si128(key.as_ptr().cast()) })
}

/// The bytes in opposite order.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn reversed(bytes: __m128i) -> __m128i {
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    _mm_shuffle_epi8(bytes, order)
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn compress(states: &mut [State; TOGETHER], mut schedule: [Block; TOGETHER]) {
    let before = *states;
    for (state, schedule) in states.iter_mut().zip(&schedule) {
        let first = _mm_add_epi32(state.e, schedule[0]);
        state.e = state.abcd;
        state.abcd = _mm_sha1rnds4_epu32::<0>(state.abcd, first);
    }
    for group in 1..5 {
        four_rounds::<0>(states, &mut schedule, group);
    }
    for group in 5..10 {
        four_rounds::<1>(states, &mut schedule, group);
    }
    for group in 10..15 {
        four_rounds::<2>(states, &mut schedule, group);
    }
    for group in 15..20 {
        four_rounds::<3>(states, &mut schedule, group);
    }
    for (state, before) in states.iter_mut().zip(before) {
        state.e = _mm_sha1nexte_epu32(state.e, before.e);
        state.abcd = _mm_add_epi32(state.abcd, before.abcd);
    }
}

/// Four rounds of all messages. Schedule words are kept in place of those sixteen before.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn four_rounds<const FUNCTION: i32>(
    states: &mut [State; TOGETHER],
    schedule: &mut [Block; TOGETHER],
    group: usize,
) {
    for (state, schedule) in states.iter_mut().zip(schedule) {
        let place = group % 4;
        if group >= 4 {
            let mixed = _mm_sha1msg1_epu32(schedule[place], schedule[(group + 1) % 4]);
            let mixed = _mm_xor_si128(mixed, schedule[(group + 2) % 4]);
            schedule[place] = _mm_sha1msg2_epu32(mixed, schedule[(group + 3) % 4]);
        }
        let e = _mm_sha1nexte_epu32(state.e, schedule[place]);
        state.e = state.abcd;
        state.abcd = _mm_sha1rnds4_epu32::<FUNCTION>(state.abcd, e);
    }
}
