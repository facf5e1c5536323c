//! RFC 3078 and RFC 3079 to the letter, out of the `rc4` and `sha1` crates.

use pns::mppe::keys::Strength;
use rc4::{KeyInit, StreamCipher};
use sha1::{Digest, Sha1};

pub(crate) const START_KEY: [u8; 16] = *b"not a secret key";
pub(crate) const STRENGTHS: [Strength; 3] = [Strength::Bits40, Strength::Bits56, Strength::Bits128];

/// RFC 3078 §7.3 and RFC 3079 §3 to the letter, with every session key ever made.
pub(crate) struct NaiveChain {
    strength: Strength,
    start: Vec<u8>,
    keys: Vec<Vec<u8>>,
}

impl NaiveChain {
    pub(crate) fn new(start_key: &[u8; 16], strength: Strength) -> Self {
        let start = start_key[..Self::length(strength)].to_vec();
        let mut first = Self::new_key_from_sha(&start, &start);
        Self::reduce(&mut first, strength);
        Self {
            strength,
            start,
            keys: vec![first],
        }
    }

    fn length(strength: Strength) -> usize {
        if strength == Strength::Bits128 { 16 } else { 8 }
    }

    fn new_key_from_sha(start: &[u8], session: &[u8]) -> Vec<u8> {
        let message = [start, &[0; 40], session, &[0xf2; 40]].concat();
        Sha1::digest(message)[..start.len()].to_vec()
    }

    fn reduce(key: &mut [u8], strength: Strength) {
        match strength {
            Strength::Bits40 => key[..3].copy_from_slice(&[0xd1, 0x26, 0x9e]),
            Strength::Bits56 => key[0] = 0xd1,
            Strength::Bits128 => {}
        }
    }

    /// The session key of stateless frame `frame`, counted from 0.
    fn key(&mut self, frame: usize) -> &[u8] {
        self.after(frame + 1)
    }

    /// The session key after so many changes.
    pub(crate) fn after(&mut self, changes: usize) -> &[u8] {
        while self.keys.len() <= changes {
            let interim = Self::new_key_from_sha(&self.start, self.keys.last().unwrap());
            let mut key = interim.clone();
            rc4::Rc4::new_from_slice(&interim)
                .unwrap()
                .apply_keystream(&mut key);
            Self::reduce(&mut key, self.strength);
            self.keys.push(key);
        }
        &self.keys[changes]
    }

    /// Header and ciphertext of frame `frame`.
    pub(crate) fn encrypt(&mut self, frame: usize, plain: &[u8]) -> Vec<u8> {
        let header = 0x9000 | u16::try_from(frame % 4096).unwrap();
        let mut payload = [&header.to_be_bytes(), plain].concat();
        let key = self.key(frame);
        rc4::Rc4::new_from_slice(key)
            .unwrap()
            .apply_keystream(&mut payload[2..]);
        payload
    }
}

/// An IPv4 packet of `length` bytes, at least 20, behind its protocol field.
pub(crate) fn packet(number: usize, length: usize) -> Vec<u8> {
    let length = u16::try_from(length.max(20)).unwrap();
    let [high, low] = length.to_be_bytes();
    let mut packet = vec![
        0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 100, 10, 0, 0, 1,
    ];
    packet[4..6].copy_from_slice(&u16::try_from(number % 65536).unwrap().to_be_bytes());
    let mut sum: u32 = packet
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum).unwrap();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.resize(usize::from(length), u8::try_from(number % 251).unwrap());
    [&[0, 0x21], &packet[..]].concat()
}
