//! Random numbers out of a seed that the caller drew: the machines read no randomness themselves,
//! so that a simulation can repeat them.

use crate::wire::ipv6::InterfaceIdentifier;
use sha1::{Digest, Sha1};

/// A stream of unpredictable numbers: SHA-1 over the seed and a counter. Whoever knows earlier
/// numbers cannot tell the later ones without the seed.
#[derive(Clone)]
pub struct Draws {
    seed: [u8; 32],
    count: u64,
}

impl Draws {
    /// Starts a stream. The seed must not be used for another one; `label` keeps the streams of
    /// one link apart.
    #[must_use]
    pub fn new(seed: &[u8; 32], label: u8) -> Self {
        Self {
            seed: *seed,
            count: u64::from(label) << 56,
        }
    }

    /// The next sixteen bytes, for a challenge.
    pub fn bytes(&mut self) -> [u8; 16] {
        let digest: [u8; 20] = Sha1::new()
            .chain_update(self.seed)
            .chain_update(self.count.to_be_bytes())
            .finalize()
            .into();
        self.count = self.count.wrapping_add(1);
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// The next number that is not zero, for a magic number (RFC 1661 §6.4).
    pub fn magic(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.bytes();
        match u32::from_be_bytes([a, b, c, d]) {
            0 => 1,
            magic => magic,
        }
    }

    /// The next identifier for one end of a link (RFC 5072 §4.1).
    pub fn interface_identifier(&mut self) -> InterfaceIdentifier {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes();
        InterfaceIdentifier::from_random([a, b, c, d, e, f, g, h])
    }
}

impl std::fmt::Debug for Draws {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Draws")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_apart() {
        let draw = |seed: u8, label: u8| {
            let mut draws = Draws::new(&[seed; 32], label);
            [draws.bytes(), draws.bytes()]
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        let all = [draw(1, 0), draw(1, 1), draw(2, 0)].concat();
        for (index, bytes) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(bytes));
        }
    }
}
