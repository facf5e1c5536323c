//! A new password on its way to the server (RFC 2759 §8.9 to §8.13, the same in RFC 2433 §A.11 to
//! §A.14): encrypted under the old one, and bound to it by one hash under the other.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use rc4::{Rc4, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::mschapv2::spread_to_parity;
use crate::auth::secret::NtHash;

/// Bytes of the block: 256 UTF-16 units and their count.
pub const BLOCK: usize = 516;

/// Bytes of the password in the block, which stands at its end.
const ROOM: usize = 512;

/// NewPasswordEncryptedWithOldNtPasswordHash (RFC 2759 §8.9). `filling` goes in front of the
/// password and must be random. `None` if the password is longer than 256 UTF-16 units.
#[must_use]
pub fn encrypt_password(
    new_password: &str,
    old_hash: &NtHash,
    filling: &[u8; ROOM],
) -> Option<[u8; BLOCK]> {
    let units = new_password.encode_utf16().count();
    let length = units.checked_mul(2).filter(|length| *length <= ROOM)?;
    let mut block = Zeroizing::new(Vec::with_capacity(BLOCK));
    block.extend_from_slice(filling.get(length..)?);
    for unit in new_password.encode_utf16() {
        block.extend_from_slice(&unit.to_le_bytes());
    }
    block.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    let mut encrypted: [u8; BLOCK] = block.as_slice().try_into().ok()?;
    cipher(old_hash)?.apply_keystream(&mut encrypted);
    Some(encrypted)
}

/// The password in a block that [`encrypt_password`] made with the same hash; `None` if what comes
/// out is none, as with a wrong hash.
#[must_use]
pub fn decrypt_password(block: &[u8; BLOCK], old_hash: &NtHash) -> Option<Zeroizing<String>> {
    let mut plain = Zeroizing::new(*block);
    cipher(old_hash)?.apply_keystream(plain.as_mut_slice());
    let (room, length) = plain.split_at_checked(ROOM)?;
    let length = u32::from_le_bytes(*length.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    if length == 0 || length % 2 == 1 {
        return None;
    }
    let unicode = room.get(ROOM.checked_sub(length)?..)?;
    let (pairs, _) = unicode.as_chunks::<2>();
    // A unit of UTF-16 takes three bytes of UTF-8 at most, so the text never moves in the heap.
    let mut password = Zeroizing::new(String::with_capacity(3 * pairs.len()));
    for letter in char::decode_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair))) {
        password.push(letter.ok()?);
    }
    Some(password)
}

/// OldNtPasswordHashEncryptedWithNewNtPasswordHash (RFC 2759 §8.12): two DES blocks, under the first
/// seven bytes of the new hash and the next seven.
#[must_use]
pub fn encrypt_hash(old_hash: &NtHash, new_hash: &NtHash) -> [u8; 16] {
    let mut encrypted = *old_hash.expose();
    let (blocks, _) = encrypted.as_chunks_mut::<8>();
    let (keys, _) = new_hash.expose().as_chunks::<7>();
    for (place, key) in blocks.iter_mut().zip(keys) {
        let mut block = (*place).into();
        Des::new(&(*spread_to_parity(key)).into()).encrypt_block(&mut block);
        *place = block.into();
    }
    encrypted
}

/// Whether `encrypted` binds the new hash to the old one; in constant time.
#[must_use]
pub fn verify_hash(encrypted: &[u8; 16], old_hash: &NtHash, new_hash: &NtHash) -> bool {
    encrypt_hash(old_hash, new_hash).ct_eq(encrypted).into()
}

/// Always there: sixteen bytes are a key.
fn cipher(hash: &NtHash) -> Option<Rc4> {
    Rc4::new_from_slice(hash.expose()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_2759_section_8_9_the_password_stands_at_the_end_with_its_length() {
        let old = NtHash::from_password("old");
        let mut block = encrypt_password("né", &old, &[0x5a; ROOM]).unwrap();
        cipher(&old).unwrap().apply_keystream(&mut block);
        assert_eq!(block[..508], [0x5a; 508]);
        assert_eq!(block[508..], [b'n', 0, 0xe9, 0, 4, 0, 0, 0]);
        assert!(encrypt_password(&"x".repeat(256), &old, &[0; ROOM]).is_some());
        assert!(encrypt_password(&"x".repeat(257), &old, &[0; ROOM]).is_none());
    }

    #[test]
    fn lengths_that_cannot_be_are_no_password() {
        let old = NtHash::from_password("old");
        for length in [0, 1, 3, 511, 514, 0xffff_ffff_u32] {
            let mut block = [0; BLOCK];
            block[ROOM..].copy_from_slice(&length.to_le_bytes());
            cipher(&old).unwrap().apply_keystream(&mut block);
            assert!(decrypt_password(&block, &old).is_none(), "{length}");
        }
        // Half a surrogate pair.
        let mut block = [0; BLOCK];
        block[510..].copy_from_slice(&[0x3d, 0xd8, 2, 0, 0, 0]);
        cipher(&old).unwrap().apply_keystream(&mut block);
        assert!(decrypt_password(&block, &old).is_none());
    }

    #[test]
    fn rfc_2759_section_8_13_each_half_of_the_hash_has_seven_bytes_of_key() {
        let (old, new) = (NtHash::from_password("old"), NtHash::from_password("new"));
        let encrypted = encrypt_hash(&old, &new);
        assert!(verify_hash(&encrypted, &old, &new));
        assert!(!verify_hash(&encrypted, &new, &old));
        // The last two bytes of the new hash are no key.
        let mut other = *new.expose();
        other[14] ^= 0xff;
        other[15] ^= 0xff;
        assert_eq!(encrypt_hash(&old, &NtHash::from_bytes(other)), encrypted);
        other[7] ^= 0x80;
        let third = encrypt_hash(&old, &NtHash::from_bytes(other));
        assert_eq!(third[..8], encrypted[..8]);
        assert_ne!(third[8..], encrypted[8..]);
    }

    proptest! {
        #[test]
        fn what_is_encrypted_is_decrypted_by_the_same_hash(
            password in "\\PC{1,80}", old in "\\PC{0,20}", fill: u8,
        ) {
            let old = NtHash::from_password(&old);
            let block = encrypt_password(&password, &old, &[fill; ROOM]).unwrap();
            let plain = decrypt_password(&block, &old).unwrap();
            prop_assert_eq!(plain.as_str(), password);
        }

        #[test]
        fn any_block_is_a_password_or_none(block in proptest::collection::vec(any::<u8>(), BLOCK)) {
            let old = NtHash::from_password("old");
            let block: [u8; BLOCK] = block.try_into().unwrap();
            if let Some(password) = decrypt_password(&block, &old) {
                prop_assert!((1..=256).contains(&password.encode_utf16().count()));
            }
        }
    }
}
