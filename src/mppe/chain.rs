//! The chain of session keys: each is made from the start key and the one before
//! (RFC 3078 §7.3, RFC 3079 §3), never from data, so it can be walked without any frame.

use sha1::{Digest, Sha1};
use zeroize::{Zeroize, optimization_barrier};

use crate::mppe::batch::Tasks;
use crate::mppe::keys::{Mode, PAD_1, PAD_2, Strength, first_sixteen};
use crate::mppe::rc4::Rc4;
use crate::wire::mppe::CoherencyCount;

/// A stateful sender changes the key once in so many frames (RFC 3078 §7.2).
pub(crate) const FLAG_EVERY: u64 = 256;

/// A place in a chain and the session key there. Wiped when dropped.
///
/// Position 0 is before the first frame; the frame with count 0 has position 1. A stateless sender
/// changes the key before each frame, so the key at position 0 encrypts nothing. A stateful sender
/// changes it before each frame whose position is a multiple of 256.
#[repr(C)]
pub struct Link {
    pub(crate) session_key: [u8; 16],
    pub(crate) position: u64,
}

impl Link {
    /// The count that the frame at this position shows: 4095 before the first.
    #[must_use]
    pub const fn coherency_count(&self) -> CoherencyCount {
        let [.., high, low] = self.position.wrapping_sub(1).to_be_bytes();
        CoherencyCount::new(u16::from_be_bytes([high, low]))
    }

    /// Whether a stateful sender changes the key for the frame here (RFC 3078 §7.2).
    #[must_use]
    pub(crate) const fn is_flag(&self) -> bool {
        self.coherency_count().is_flag()
    }

    /// How often a stateful sender changes the key for frames after this one, up to the one
    /// `ahead` of it (RFC 3078 §7.2).
    #[must_use]
    pub(crate) const fn flags_within(&self, ahead: u64) -> u64 {
        (self.position + ahead) / FLAG_EVERY - self.position / FLAG_EVERY
    }

    /// The same place, to walk on from without moving the original.
    #[must_use]
    pub(crate) const fn duplicate(&self) -> Self {
        Self {
            session_key: self.session_key,
            position: self.position,
        }
    }
}

impl Zeroize for Link {
    fn zeroize(&mut self) {
        (self.session_key, self.position) = ([0; 16], 0);
        optimization_barrier(self);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.zeroize();
    }
}

/// One direction's chain: the start key and the last committed place. Plain data, wiped when
/// dropped.
#[repr(C)]
pub struct Chain {
    start_key: [u8; 16],
    pub(crate) committed: Link,
    strength: Strength,
    mode: Mode,
}

impl Chain {
    /// The chain before its first frame.
    #[must_use]
    pub(crate) fn new(start_key: &[u8; 16], strength: Strength, mode: Mode) -> Self {
        let mut session_key = new_key_from_sha(start_key, start_key, strength);
        reduce(&mut session_key, strength);
        let committed = Link {
            session_key,
            position: 0,
        };
        session_key.zeroize();
        Self {
            start_key: *start_key,
            committed,
            strength,
            mode,
        }
    }

    /// How strong the keys are.
    #[must_use]
    pub const fn strength(&self) -> Strength {
        self.strength
    }

    /// How often the key changes.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Moves `link` to the next position of a stateless chain: a key change for each frame.
    pub(crate) fn step(&self, link: &mut Link, rc4: &mut Rc4) {
        self.change_key(link, rc4);
        link.position = link.position.wrapping_add(1);
    }

    /// The key change of RFC 3078 §7.3. GetNewKeyFromSHA gives an interim key, which encrypted under
    /// itself is the next session key.
    pub(crate) fn change_key(&self, link: &mut Link, rc4: &mut Rc4) {
        let interim = new_key_from_sha(&self.start_key, &link.session_key, self.strength);
        link.session_key = interim;
        schedule(rc4, &interim, self.strength);
        match self.strength {
            Strength::Bits128 => rc4.apply(&mut link.session_key),
            Strength::Bits40 | Strength::Bits56 => {
                let (half, _) = link.session_key.split_at_mut(8);
                rc4.apply(half);
            }
        }
        reduce(&mut link.session_key, self.strength);
    }

    /// Adds the frame after the one whose session key is given to a burst of stateless frames, or the one
    /// after the committed place.
    pub(crate) fn start(
        &self,
        tasks: &mut Tasks,
        before: Option<[u8; 16]>,
        length: usize,
    ) -> Option<usize> {
        let session_key = before.as_ref().unwrap_or(&self.committed.session_key);
        tasks.start(&self.start_key, session_key, self.strength, length)
    }

    /// Keys `rc4` for the frame whose session key is given.
    pub(crate) fn key(&self, rc4: &mut Rc4, session_key: &[u8; 16]) {
        schedule(rc4, session_key, self.strength);
    }

    /// Whether this is the start key: what was made ahead is of this chain then.
    #[inline]
    pub(crate) fn starts_with(&self, start_key: &[u8; 16]) -> bool {
        self.start_key == *start_key
    }

    /// The start key, to go on elsewhere.
    pub(crate) const fn copy_start_key(&self) -> [u8; 16] {
        self.start_key
    }

    /// Overwrites the keys.
    pub(crate) fn wipe(&mut self) {
        self.start_key.zeroize();
        self.committed.zeroize();
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// The initial session key of a start key (RFC 3079 §3.5), which position 0 of a chain holds: for
/// test vectors.
#[must_use]
pub fn initial_session_key(start_key: &[u8; 16], strength: Strength) -> [u8; 16] {
    Chain::new(start_key, strength, Mode::Stateless)
        .committed
        .session_key
}

/// GetNewKeyFromSHA (RFC 3079 §3.4, RFC 3078 §7.3).
pub(crate) fn new_key_from_sha(
    start_key: &[u8; 16],
    session_key: &[u8; 16],
    strength: Strength,
) -> [u8; 16] {
    let mut hash = Sha1::new();
    match strength {
        Strength::Bits128 => {
            hash.update(start_key);
            hash.update(PAD_1);
            hash.update(session_key);
        }
        Strength::Bits40 | Strength::Bits56 => {
            hash.update(first_eight(start_key));
            hash.update(PAD_1);
            hash.update(first_eight(session_key));
        }
    }
    hash.update(PAD_2);
    let mut key = first_sixteen(hash);
    match strength {
        Strength::Bits128 => {}
        Strength::Bits40 | Strength::Bits56 => {
            let (_, unused) = key.split_at_mut(8);
            unused.zeroize();
        }
    }
    key
}

/// Fixes the bytes of a session key that are not secret (RFC 3079 §3.5), and clears those that a key of
/// eight bytes does not have.
pub(crate) const fn reduce(session_key: &mut [u8; 16], strength: Strength) {
    match strength {
        Strength::Bits40 => {
            let [a, b, c, ..] = session_key;
            (*a, *b, *c) = (0xd1, 0x26, 0x9e);
        }
        Strength::Bits56 => {
            let [a, ..] = session_key;
            *a = 0xd1;
        }
        Strength::Bits128 => return,
    }
    let (_, unused) = session_key.split_at_mut(8);
    unused.copy_from_slice(&[0; 8]);
}

/// The RC4 key of a session key. One of eight bytes is written twice: RC4 goes round its key, so that
/// is the same key, and all keys are equally long.
pub(crate) const fn rc4_key(session_key: &[u8; 16], strength: Strength) -> [u8; 16] {
    match strength {
        Strength::Bits128 => *session_key,
        Strength::Bits40 | Strength::Bits56 => {
            let [a, b, c, d, e, f, g, h, ..] = *session_key;
            [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h]
        }
    }
}

fn schedule(rc4: &mut Rc4, session_key: &[u8; 16], strength: Strength) {
    match strength {
        Strength::Bits128 => rc4.schedule(session_key),
        Strength::Bits40 | Strength::Bits56 => rc4.schedule(&first_eight(session_key)),
    }
}

const fn first_eight(key: &[u8; 16]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *key;
    [a, b, c, d, e, f, g, h]
}
