//! How a device spreads frames over its queues (receive-side scaling), computed here: which queue a
//! packet of given addresses will come in by. The hash is Toeplitz's, as all devices have it.

use std::net::Ipv4Addr;

/// The spreading of a device by outer IPv4 addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rss {
    key: Vec<u8>,
    table: Vec<u16>,
}

impl Rss {
    /// The spreading by this key and this redirection table; `None` if either is of no use: a key
    /// that is too short for two addresses, or a table whose length is no power of two.
    #[must_use]
    pub fn new(key: Vec<u8>, table: Vec<u16>) -> Option<Self> {
        let usable = key.len() >= KEY_OCTETS_MIN && table.len().is_power_of_two();
        usable.then_some(Self { key, table })
    }

    /// The queue by which IPv4 packets of neither TCP nor UDP from `source` to `destination` come in.
    #[must_use]
    pub fn queue(&self, source: Ipv4Addr, destination: Ipv4Addr) -> u16 {
        let mut input = [0; 8];
        let (front, back) = input.split_at_mut(4);
        front.copy_from_slice(&source.octets());
        back.copy_from_slice(&destination.octets());
        let hash = toeplitz(&self.key, &input);
        let place = hash as usize & (self.table.len() - 1);
        self.table.get(place).copied().unwrap_or(0)
    }

    /// Entries of the redirection table.
    #[must_use]
    pub fn table(&self) -> &[u16] {
        &self.table
    }
}

/// Octets of a key for an input of two IPv4 addresses.
const KEY_OCTETS_MIN: usize = 4 + 8;

/// Toeplitz's hash of `input`: the exclusive or of the 32 bits of the key from bit n on, for each bit
/// n that is set. What the key is too short for counts as zero.
#[must_use]
pub fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
    let octet = |place: usize| key.get(place).copied().unwrap_or(0);
    let mut window = u32::from_be_bytes([octet(0), octet(1), octet(2), octet(3)]);
    let mut hash = 0;
    for (place, byte) in input.iter().enumerate() {
        let next = octet(place + 4);
        for bit in (0..8).rev() {
            if byte >> bit & 1 == 1 {
                hash ^= window;
            }
            window = window << 1 | u32::from(next >> bit & 1);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The key of the vectors that were published with the hash.
    const KEY: [u8; 40] = [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f,
        0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ];

    fn hash_of(source: [u8; 4], destination: [u8; 4]) -> u32 {
        toeplitz(&KEY, &[source, destination].concat())
    }

    #[test]
    fn the_published_vectors_for_two_ipv4_addresses() {
        for (source, destination, hash) in [
            ([66, 9, 149, 187], [161, 142, 100, 80], 0x323e_8fc2),
            ([199, 92, 111, 2], [65, 69, 140, 83], 0xd718_262a),
            ([24, 19, 198, 95], [12, 22, 207, 184], 0xd2d0_a5de),
            ([38, 27, 205, 30], [209, 142, 163, 6], 0x8298_9176),
            ([153, 39, 163, 191], [202, 188, 127, 2], 0x5d18_09c5),
        ] {
            assert_eq!(hash_of(source, destination), hash);
        }
    }

    #[test]
    fn the_low_bits_of_the_hash_choose_the_entry() {
        let table: Vec<u16> = (0..128).map(|entry| entry % 3).collect();
        let rss = Rss::new(KEY.to_vec(), table).unwrap();
        let queue = rss.queue([66, 9, 149, 187].into(), [161, 142, 100, 80].into());
        assert_eq!(queue, (0xc2 & 127) % 3);
        assert_eq!(Rss::new(KEY.to_vec(), vec![0; 3]), None);
        assert_eq!(Rss::new(KEY.to_vec(), vec![]), None);
        assert_eq!(Rss::new(vec![1; 11], vec![0; 4]), None);
    }

    /// DPDK's own `rte_softrss`, which wants words of the host's order.
    fn of_dpdk(key: &[u8], words: &mut [u32]) -> u32 {
        let length = u32::try_from(words.len()).unwrap();
        assert!(key.len() >= 4 * (words.len() + 1));
        // SAFETY: `length` words are there, and a key longer than they are, as just checked.
        unsafe { dpdk_sys::shim_softrss(words.as_mut_ptr(), length, key.as_ptr()) }
    }

    proptest! {
        #[test]
        fn every_input_hashes_as_in_dpdk(
            key in prop::collection::vec(any::<u8>(), 52),
            mut words in prop::collection::vec(any::<u32>(), 1..=9),
        ) {
            let input: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            prop_assert_eq!(toeplitz(&key, &input), of_dpdk(&key, &mut words));
        }
    }
}
