//! The peer: MPPE-128 stateless as one would write it over the RustCrypto crates `rc4` and `sha1`,
//! a packet at a time, nothing shared between packets. It keeps no late keys, checks no inner packet
//! and wipes nothing, so it does a little less than ours.

use rc4::{KeyInit, Rc4, StreamCipher};
use sha1::{Digest, Sha1};

/// Bits A and D of the MPPE header (RFC 3078 §3.1), on every stateless packet.
const STATELESS: u16 = 0x9000;
const COUNTS: u16 = 4096;

/// One direction of a call.
pub(crate) struct Peer {
    start_key: [u8; 16],
    session_key: [u8; 16],
    count: u16,
}

impl Peer {
    /// Before the first packet.
    pub(crate) fn new(start_key: [u8; 16]) -> Self {
        let session_key = new_key_from_sha(&start_key, &start_key);
        Self {
            start_key,
            session_key,
            count: 0,
        }
    }

    /// Encrypts what follows the two bytes of the MPPE header, and writes that.
    pub(crate) fn encrypt(&mut self, payload: &mut [u8]) -> bool {
        let Some((header, frame)) = payload.split_first_chunk_mut() else {
            return false;
        };
        *header = (STATELESS | self.count).to_be_bytes();
        self.next_packet(frame)
    }

    /// Decrypts what follows the MPPE header, which must be that of the next packet.
    pub(crate) fn decrypt(&mut self, payload: &mut [u8]) -> bool {
        let Some((header, frame)) = payload.split_first_chunk_mut() else {
            return false;
        };
        u16::from_be_bytes(*header) == STATELESS | self.count && self.next_packet(frame)
    }

    fn next_packet(&mut self, frame: &mut [u8]) -> bool {
        self.count = (self.count + 1) % COUNTS;
        self.session_key = new_key_from_sha(&self.start_key, &self.session_key);
        let Ok(mut interim) = Rc4::new_from_slice(&self.session_key) else {
            return false;
        };
        interim.apply_keystream(&mut self.session_key);
        let Ok(mut stream) = Rc4::new_from_slice(&self.session_key) else {
            return false;
        };
        stream.apply_keystream(frame);
        true
    }
}

/// GetNewKeyFromSHA (RFC 3079 §3.4).
fn new_key_from_sha(start_key: &[u8; 16], session_key: &[u8; 16]) -> [u8; 16] {
    let mut hash = Sha1::new();
    hash.update(start_key);
    hash.update([0x00; 40]);
    hash.update(session_key);
    hash.update([0xf2; 40]);
    let digest: [u8; 20] = hash.finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}
