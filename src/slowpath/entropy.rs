//! The system's randomness, a page at a time: a storm of calls asks for it twice a call, and each
//! question of its own would be a system call.

use zeroize::Zeroize;

/// Bytes asked for at once.
const POOL_BYTES: usize = 4096;

/// Random bytes that nobody has seen. What was given out is wiped here.
pub struct Entropy {
    pool: Box<[u8; POOL_BYTES]>,
    left: usize,
}

impl Entropy {
    /// Nothing is asked for before somebody wants it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pool: Box::new([0; POOL_BYTES]),
            left: 0,
        }
    }

    /// Fills `buffer`.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for place in buffer {
            if self.left == 0 {
                from_system(self.pool.as_mut_slice());
                self.left = POOL_BYTES;
            }
            self.left -= 1;
            if let Some(byte) = self.pool.get_mut(self.left) {
                *place = std::mem::take(byte);
            }
        }
    }

    /// As the function that machines are given.
    pub fn into_fill(mut self) -> impl FnMut(&mut [u8]) + Send {
        move |buffer: &mut [u8]| self.fill(buffer)
    }
}

impl Default for Entropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Entropy {
    fn drop(&mut self) {
        self.pool.zeroize();
    }
}

/// Without it no challenge is safe, so there is nothing to fall back on.
#[expect(clippy::panic, reason = "a server without randomness must not go on")]
fn from_system(buffer: &mut [u8]) {
    if let Err(error) = getrandom::fill(buffer) {
        panic!("the system gives no random bytes: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_once_and_are_wiped_behind() {
        let mut entropy = Entropy::new();
        let mut seen = [[0; 1000]; 10];
        for buffer in &mut seen {
            entropy.fill(buffer);
        }
        // Two thousands that are equal would be a pool that was given out twice.
        for (place, buffer) in seen.iter().enumerate() {
            assert!(seen[place + 1..].iter().all(|other| other != buffer));
            assert!(buffer.iter().any(|byte| *byte != 0));
        }
        assert!(entropy.pool[entropy.left..].iter().all(|byte| *byte == 0));
        assert_eq!(entropy.left, 3 * POOL_BYTES - 10_000);
    }
}
