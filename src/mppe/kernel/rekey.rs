//! The change of session keys of several chains at once (RFC 3078 §7.3, RFC 3079 §3.4).

use zeroize::Zeroize;

use super::hash::{Message, Words};
use super::{Kernel, LANES_MAX};
use crate::mppe::chain::{rc4_key, reduce};
use crate::mppe::keys::Strength;

/// A chain whose key is to be changed. Wiped when dropped.
pub(crate) struct Rekey {
    /// The start key of the chain.
    pub(crate) start_key: [u8; 16],
    /// The session key, before and after.
    pub(crate) session_key: [u8; 16],
    /// How much of them counts.
    pub(crate) strength: Strength,
}

impl Rekey {
    /// The same, to be worked on elsewhere.
    pub(crate) const fn duplicate(&self) -> Self {
        Self {
            start_key: self.start_key,
            session_key: self.session_key,
            strength: self.strength,
        }
    }
}

impl Drop for Rekey {
    fn drop(&mut self) {
        self.start_key.zeroize();
        self.session_key.zeroize();
    }
}

/// Lanes hashed together.
const HASHED: usize = 16;

/// Changes the keys of no more chains than the kernel has lanes.
pub(super) fn change_keys(kernel: &mut Kernel, chains: &mut [Rekey]) {
    let mut interim = [[0u8; 16]; LANES_MAX];
    for (chains, interim) in chains.chunks(HASHED).zip(interim.chunks_mut(HASHED)) {
        interim_keys(chains, interim);
    }
    let mut masks = [[0u8; 16]; LANES_MAX];
    let mut spans = masks.each_mut().map(<[u8; 16]>::as_mut_slice);
    let count = chains.len().min(LANES_MAX);
    let (interim_now, _) = interim.split_at(count);
    let (spans_now, _) = spans.split_at_mut(count);
    kernel.keystreams(interim_now, spans_now);
    for ((chain, key), mask) in chains.iter_mut().zip(&interim).zip(&masks) {
        chain.session_key = *key;
        for (byte, mask) in chain.session_key.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        reduce(&mut chain.session_key, chain.strength);
    }
    interim.zeroize();
    masks.zeroize();
}

/// GetNewKeyFromSHA (RFC 3079 §3.4) as keys of RC4.
fn interim_keys(chains: &[Rekey], interim: &mut [[u8; 16]]) {
    let mut message = LONG.map(|word| Words([word; HASHED]));
    for (lane, chain) in chains.iter().enumerate() {
        write_message(&mut message, lane, chain);
    }
    #[cfg(target_arch = "x86_64")]
    let digests = crate::mppe::simd::digests(&message);
    #[cfg(not(target_arch = "x86_64"))]
    let digests = super::hash::digests(&message);
    for ((lane, key), chain) in interim.iter_mut().enumerate().zip(chains) {
        let (words, _) = key.as_chunks_mut::<4>();
        for (place, digest) in words.iter_mut().zip(&digests) {
            *place = digest.0.get(lane).copied().unwrap_or(0).to_be_bytes();
        }
        *key = rc4_key(key, chain.strength);
    }
}

/// What is the same in all messages with keys of 16 bytes: SHSpad1, SHSpad2 and the padding of SHA-1.
const LONG: [u32; 32] = frame(4);
/// The same with keys of 8 bytes.
const SHORT: [u32; 32] = frame(2);

/// A message with room for two keys of so many words.
const fn frame(key_words: usize) -> [u32; 32] {
    const SHS_PAD_WORDS: usize = 10;
    let mut words = [0; 32];
    let mut place = 2 * key_words + SHS_PAD_WORDS;
    let end = place + SHS_PAD_WORDS;
    while place < end {
        words[place] = 0xf2f2_f2f2;
        place += 1;
    }
    words[end] = 0x8000_0000;
    #[expect(clippy::cast_possible_truncation, reason = "at most 28 words")]
    let bits = end as u32 * 32;
    words[31] = bits;
    words
}

/// Puts the start key and the session key of a chain into its lane.
#[inline]
fn write_message(message: &mut Message<HASHED>, lane: usize, chain: &Rekey) {
    let mut write = |place: usize, word: u32| {
        if let Some(out) = message
            .get_mut(place)
            .and_then(|words| words.0.get_mut(lane))
        {
            *out = word;
        }
    };
    let key_words = match chain.strength {
        Strength::Bits128 => 4,
        Strength::Bits40 | Strength::Bits56 => {
            for (place, word) in SHORT.iter().enumerate() {
                write(place, *word);
            }
            2
        }
    };
    for (at, key) in [(0, &chain.start_key), (key_words + 10, &chain.session_key)] {
        let (words, _) = key.as_chunks::<4>();
        for (place, word) in words.iter().enumerate().take(key_words) {
            write(at + place, u32::from_be_bytes(*word));
        }
    }
}
