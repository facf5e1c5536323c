//! The change of session keys of several chains at once (RFC 3078 §7.3, RFC 3079 §3.4).

use zeroize::optimization_barrier;

use super::{Kernel, LANES_MAX, xor_chunk};
use crate::mppe::chain::{new_key_from_sha, rc4_key, reduce};
use crate::mppe::keys::Strength;
#[cfg(target_arch = "x86_64")]
use crate::mppe::simd::digests;

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
    let done = together(chains, interim);
    for (chain, key) in chains.iter().zip(interim).skip(done) {
        *key = new_key_from_sha(&chain.start_key, &chain.session_key, chain.strength);
        *key = rc4_key(key, chain.strength);
    }
}

/// GetNewKeyFromSHA (RFC 3079 §3.4) as keys of RC4, four at once; answers of how many chains.
#[cfg(target_arch = "x86_64")]
fn together(chains: &[Rekey], interim: &mut [[u8; 16]]) -> usize {
    let mut done = 0;
    for (chains, interim) in chains.chunks(4).zip(interim.chunks_mut(4)) {
        let [first, others @ ..] = chains else {
            break;
        };
        if others.is_empty() {
            break;
        }
        // Where there are fewer than four, the first again and for nothing.
        let [second, third, fourth] =
            std::array::from_fn(|place| others.get(place).unwrap_or(first));
        let Some(mut digests) = digests([first, second, third, fourth]) else {
            break;
        };
        for ((key, digest), chain) in interim.iter_mut().zip(&digests).zip(chains) {
            *key = rc4_key(digest, chain.strength);
        }
        digests = [[0; 16]; 4];
        optimization_barrier(&digests);
        done += chains.len();
    }
    done
}

#[cfg(not(target_arch = "x86_64"))]
fn together(_chains: &[Rekey], _interim: &mut [[u8; 16]]) -> usize {
    0
}
