//! Every kernel against the crates, which know nothing of lanes.

use proptest::prelude::*;
use rc4::{KeyInit, StreamCipher};
use sha1::{Digest, Sha1};

use super::*;
use crate::mppe::keys::Strength;

fn kernels() -> Vec<Kernel> {
    let kernels: Vec<_> = KernelKind::ALL.into_iter().filter_map(Kernel::of).collect();
    assert!(!kernels.is_empty());
    kernels
}

fn naive_keystream(key: &[u8], length: usize) -> Vec<u8> {
    let mut stream = vec![0; length];
    rc4::Rc4::new_from_slice(key)
        .unwrap()
        .apply_keystream(&mut stream);
    stream
}

/// RFC 3078 §7.3 as it is written, for a key of its own length.
fn naive_rekey(start: &[u8; 16], session: &[u8; 16], strength: Strength) -> [u8; 16] {
    let (length, fixed): (usize, &[u8]) = match strength {
        Strength::Bits40 => (8, &[0xd1, 0x26, 0x9e]),
        Strength::Bits56 => (8, &[0xd1]),
        Strength::Bits128 => (16, &[]),
    };
    let mut hash = Sha1::new();
    hash.update(&start[..length]);
    hash.update([0; 40]);
    hash.update(&session[..length]);
    hash.update([0xf2; 40]);
    let interim = hash.finalize();
    let mut key = [0; 16];
    key[..length].copy_from_slice(&interim[..length]);
    let mask = naive_keystream(&interim[..length], length);
    key.iter_mut()
        .zip(mask)
        .for_each(|(byte, mask)| *byte ^= mask);
    key[..fixed.len()].copy_from_slice(fixed);
    key
}

fn strength() -> impl Strategy<Value = Strength> {
    prop_oneof![
        Just(Strength::Bits40),
        Just(Strength::Bits56),
        Just(Strength::Bits128)
    ]
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(15),
        Just(16),
        Just(17),
        Just(127),
        Just(128),
        Just(129),
        Just(255),
        Just(256),
        Just(257),
        0usize..1600
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keystreams_equal_the_rc4_crate_in_any_number_and_order_of_lengths(
        frames in prop::collection::vec((any::<[u8; 16]>(), length()), 0..80),
        sorted in any::<bool>(),
    ) {
        let mut frames = frames;
        if sorted {
            frames.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
        }
        let keys: Vec<_> = frames.iter().map(|(key, _)| *key).collect();
        for mut kernel in kernels() {
            let mut found: Vec<_> = frames.iter().map(|(_, length)| vec![0xa5; *length]).collect();
            let mut spans: Vec<_> = found.iter_mut().map(Vec::as_mut_slice).collect();
            kernel.keystreams(&keys, &mut spans);
            for ((key, length), found) in frames.iter().zip(&found) {
                let name = kernel.kind().name();
                prop_assert_eq!(found, &naive_keystream(key, *length), "{}", name);
            }
        }
    }

    #[test]
    fn key_changes_equal_the_rfc_in_any_number_and_mix_of_strengths(
        chains in prop::collection::vec((any::<[u8; 16]>(), any::<[u8; 16]>(), strength()), 1..70),
    ) {
        for mut kernel in kernels() {
            let mut found: Vec<_> = chains
                .iter()
                .map(|(start_key, session_key, strength)| Rekey {
                    start_key: *start_key,
                    session_key: *session_key,
                    strength: *strength,
                })
                .collect();
            kernel.rekey(&mut found);
            for ((start, session, strength), found) in chains.iter().zip(&found) {
                let expected = naive_rekey(start, session, *strength);
                prop_assert_eq!(found.session_key, expected, "{}", kernel.kind().name());
            }
        }
    }

    #[test]
    fn streams_go_on_where_they_were_stored(
        keys in prop::collection::vec(any::<[u8; 16]>(), 1..40),
        begun in 0usize..300,
        refills in prop::collection::vec(1usize..600, 1..4),
    ) {
        for mut kernel in kernels() {
            let mut found = vec![vec![0; begun]; keys.len()];
            let mut stored = vec![[0; size_of::<StoredRc4>()]; keys.len()];
            for ((key, found), stored) in keys.iter().zip(&mut found).zip(&mut stored) {
                let mut rc4 = Rc4::new(key);
                rc4.apply(found);
                rc4.store(stored);
            }
            for length in &refills {
                // Lanes make whole blocks.
                let length = length.next_multiple_of(16);
                let mut made = vec![vec![0; length]; keys.len()];
                kernel.go_on(&mut stored, &vec![length; keys.len()], |lane, done, chunk| {
                    write_chunk(&mut made[lane], done, chunk);
                });
                found.iter_mut().zip(made).for_each(|(found, made)| found.extend(made));
            }
            for (key, found) in keys.iter().zip(&found) {
                let name = kernel.kind().name();
                prop_assert_eq!(found, &naive_keystream(key, found.len()), "{}", name);
            }
        }
    }
}

#[test]
fn the_quickest_kernel_is_one_that_runs_here() {
    let mut now = std::time::Duration::ZERO;
    // A clock on which each measurement takes less than the one before.
    let mut step = 1_000_000;
    let kind = KernelKind::fastest(|| {
        step -= 1;
        now += std::time::Duration::from_nanos(step);
        now
    });
    let last = KernelKind::ALL
        .into_iter()
        .rfind(|kind| Kernel::of(*kind).is_some());
    assert_eq!(Some(kind), last);
    assert_eq!(KernelKind::named(kind.name()), Some(kind));
    assert_eq!(KernelKind::named("fast"), None);
}

#[test]
fn a_wiped_kernel_holds_nothing_and_works_on() {
    let keys: Vec<_> = (0..40u8).map(|key| [key; 16]).collect();
    for mut kernel in kernels() {
        // One after the other, some lanes, and all.
        for count in [1, SINGLES + 1, 16, keys.len()] {
            for _ in 0..2 {
                let mut found = vec![vec![0; 300]; count];
                let mut spans: Vec<_> = found.iter_mut().map(Vec::as_mut_slice).collect();
                kernel.keystreams(&keys[..count], &mut spans);
                for (key, found) in keys.iter().zip(&found) {
                    let name = kernel.kind().name();
                    assert_eq!(found, &naive_keystream(key, 300), "{name}");
                }
                assert!(!kernel.is_wiped());
                kernel.wipe();
                assert!(kernel.is_wiped(), "{} {count}", kernel.kind().name());
            }
        }
    }
}
