//! SHA-1 (FIPS 180-4 §6.1) with the SHA instructions, four messages at once: each waits for its own last
//! step most of the time.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_extract_epi32, _mm_set_epi32, _mm_sha1msg1_epu32,
    _mm_sha1msg2_epu32, _mm_sha1nexte_epu32, _mm_sha1rnds4_epu32, _mm_xor_si128,
};

use crate::mppe::kernel::Message;

/// Messages hashed together.
const TOGETHER: usize = 4;

/// The first four words of the digests of messages of two blocks, if the CPU has the instructions.
#[must_use]
pub(crate) fn digests(messages: &[Message; TOGETHER]) -> Option<[[u32; 4]; TOGETHER]> {
    let can = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
    // SAFETY: the CPU has both.
    can.then(|| unsafe { hash(messages) })
}

/// What a message has come to: words a to d, and what word e is made of.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

#[target_feature(enable = "sha,sse4.1")]
fn hash(messages: &[Message; TOGETHER]) -> [[u32; 4]; TOGETHER] {
    let initial = State {
        abcd: words(0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476),
        e: words(0xc3d2_e1f0, 0, 0, 0),
    };
    let mut states = [initial; TOGETHER];
    for block in 0..2 {
        compress(&mut states, messages, block);
    }
    states.map(|state| {
        [
            _mm_extract_epi32::<3>(state.abcd).cast_unsigned(),
            _mm_extract_epi32::<2>(state.abcd).cast_unsigned(),
            _mm_extract_epi32::<1>(state.abcd).cast_unsigned(),
            _mm_extract_epi32::<0>(state.abcd).cast_unsigned(),
        ]
    })
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn words(a: u32, b: u32, c: u32, d: u32) -> __m128i {
    _mm_set_epi32(
        a.cast_signed(),
        b.cast_signed(),
        c.cast_signed(),
        d.cast_signed(),
    )
}

#[target_feature(enable = "sha,sse4.1")]
fn compress(states: &mut [State; TOGETHER], messages: &[Message; TOGETHER], block: usize) {
    let before = *states;
    let mut schedule = [[before[0].e; 4]; TOGETHER];
    for (schedule, message) in schedule.iter_mut().zip(messages) {
        let (quads, _) = message.as_chunks::<4>();
        for (place, [a, b, c, d]) in schedule.iter_mut().zip(quads.iter().skip(block * 4)) {
            *place = words(*a, *b, *c, *d);
        }
    }
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
    schedule: &mut [[__m128i; 4]; TOGETHER],
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
