//! The change of session keys of several chains at once (RFC 3078 §7.3, RFC 3079 §3.4).

use zeroize::optimization_barrier;

use super::{Kernel, LANES_MAX, xor_chunk};
use crate::mppe::chain::{new_key_from_sha, rc4_key, reduce};
use crate::mppe::keys::Strength;

/// Two blocks of SHA-1, padding included.
pub(crate) type Message = [u32; 32];

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
        wipe(&mut [&mut self.start_key, &mut self.session_key]);
    }
}

/// Overwrites keys, at the speed of plain stores.
fn wipe(keys: &mut [&mut [u8; 16]]) {
    for key in keys {
        **key = [0; 16];
        optimization_barrier(*key);
    }
}

/// Changes the keys of no more chains than the kernel has lanes.
pub(super) fn change_keys(kernel: &mut Kernel, chains: &mut [Rekey]) {
    let mut interim = [[0u8; 16]; LANES_MAX];
    all_interim_keys(chains, &mut interim);
    for (chain, key) in chains.iter_mut().zip(&interim) {
        chain.session_key = *key;
    }
    let lengths = [size_of::<[u8; 16]>(); LANES_MAX];
    let count = chains.len().min(LANES_MAX);
    let (keys, _) = interim.split_at_mut(count);
    kernel.each_keystream(keys, lengths.split_at(count).0, |lane, done, chunk| {
        if let Some(chain) = chains.get_mut(lane) {
            xor_chunk(&mut chain.session_key, done, chunk);
        }
    });
    for chain in chains {
        reduce(&mut chain.session_key, chain.strength);
    }
    keys.fill([0; 16]);
    optimization_barrier(keys);
}

/// As many at once as there are.
fn all_interim_keys(chains: &[Rekey], interim: &mut [[u8; 16]; LANES_MAX]) {
    #[cfg(target_arch = "x86_64")]
    let (chains, interim) = together::interim_keys(chains, interim);
    for (chain, key) in chains.iter().zip(interim) {
        *key = new_key_from_sha(&chain.start_key, &chain.session_key, chain.strength);
        *key = rc4_key(key, chain.strength);
    }
}

#[cfg(target_arch = "x86_64")]
mod together {
    use zeroize::optimization_barrier;

    use super::{LONG, Rekey, write_message};
    use crate::mppe::chain::rc4_key;
    use crate::mppe::simd::digests;

    /// GetNewKeyFromSHA (RFC 3079 §3.4) as keys of RC4, four at once; answers those that are left, which
    /// are one or all.
    pub(super) fn interim_keys<'a>(
        chains: &'a [Rekey],
        interim: &'a mut [[u8; 16]],
    ) -> (&'a [Rekey], &'a mut [[u8; 16]]) {
        let (mut chains, mut interim) = (chains, interim);
        while chains.len() > 1 {
            let count = chains.len().min(4);
            let (now, later) = chains.split_at(count);
            let mut messages = [LONG; 4];
            for (message, chain) in messages.iter_mut().zip(now) {
                write_message(message, chain);
            }
            let Some(mut digests) = digests(&messages) else {
                break;
            };
            let (keys, rest) = std::mem::take(&mut interim).split_at_mut(count);
            for ((key, digest), chain) in keys.iter_mut().zip(&digests).zip(now) {
                let (words, _) = key.as_chunks_mut::<4>();
                for (place, word) in words.iter_mut().zip(digest) {
                    *place = word.to_be_bytes();
                }
                *key = rc4_key(key, chain.strength);
            }
            messages = [[0; 32]; 4];
            digests = [[0; 4]; 4];
            optimization_barrier(&messages);
            optimization_barrier(&digests);
            (chains, interim) = (later, rest);
        }
        (chains, interim)
    }
}

/// What is the same in all messages with keys of 16 bytes: SHSpad1, SHSpad2 and the padding of SHA-1.
const LONG: Message = frame(4);
/// The same with keys of 8 bytes.
const SHORT: Message = frame(2);

/// A message with room for two keys of so many words.
const fn frame(key_words: usize) -> Message {
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

/// Makes of [`LONG`] what GetNewKeyFromSHA hashes for a chain.
#[inline]
fn write_message(message: &mut Message, chain: &Rekey) {
    match chain.strength {
        Strength::Bits128 => {
            message[..4].copy_from_slice(&words(&chain.start_key));
            message[14..18].copy_from_slice(&words(&chain.session_key));
        }
        Strength::Bits40 | Strength::Bits56 => {
            *message = SHORT;
            let [a, b, ..] = words(&chain.start_key);
            let [c, d, ..] = words(&chain.session_key);
            message[..2].copy_from_slice(&[a, b]);
            message[12..14].copy_from_slice(&[c, d]);
        }
    }
}

fn words(key: &[u8; 16]) -> [u32; 4] {
    let (words, _) = key.as_chunks::<4>();
    std::array::from_fn(|place| u32::from_be_bytes(words[place]))
}
