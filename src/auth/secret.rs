//! Secrets as types. None of them has `Debug`, `Display`, `Serialize` or `Clone`, so a log line, an
//! admin answer or a stray copy that holds one does not compile.

use md4::{Digest, Md4};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A password or a shared secret: any bytes, wiped when dropped.
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes over `bytes`; no copy is made, so no copy is left behind.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for a computation. They must not be logged or stored.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// A second copy, made only where the code says so.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether `other` is the same secret, in time that depends on the lengths alone.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }

    /// Becomes `other`; `true` if that is another one.
    pub fn replace(&mut self, other: &Self) -> bool {
        let is_another = !self.matches(other.expose());
        if is_another {
            *self = other.duplicate();
        }
        is_another
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The NtPasswordHash of RFC 2759 §8.3. It is as good as the password: who has it can log in.
#[repr(transparent)]
pub struct NtHash([u8; 16]);

impl NtHash {
    /// NtPasswordHash (RFC 2759 §8.3): MD4 over the password in UTF-16, little-endian.
    #[must_use]
    pub fn from_password(password: &str) -> Self {
        // UTF-16 takes at most two bytes for each byte of UTF-8: the buffer never grows, so no
        // freed copy of the password is left in the heap.
        let mut unicode = Zeroizing::new(Vec::with_capacity(2 * password.len()));
        for unit in password.encode_utf16() {
            unicode.extend_from_slice(&unit.to_le_bytes());
        }
        Self(Md4::digest(unicode.as_slice()).into())
    }

    /// A hash that was stored instead of a password.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// HashNtPasswordHash (RFC 2759 §8.4): MD4 over the hash.
    #[must_use]
    pub fn hash(&self) -> PasswordHashHash {
        PasswordHashHash(Md4::digest(self.0).into())
    }

    /// The bytes, for a computation. They must not be logged or stored.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// A second copy, made only where the code says so.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0)
    }

    /// Whether both are the same hash, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Drop for NtHash {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The hash of the NT hash: what the authenticator response and the MPPE master key are made from.
#[repr(transparent)]
pub struct PasswordHashHash([u8; 16]);

impl PasswordHashHash {
    /// The bytes, for a computation. They must not be logged or stored.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Drop for PasswordHashHash {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_only_the_same_bytes() {
        let secret = Secret::from("wonderland-7".to_owned());
        assert!(secret.matches(b"wonderland-7"));
        assert!(!secret.matches(b"wonderland-8"));
        assert!(!secret.matches(b"wonderland-77"));
        assert!(!secret.matches(b""));
        assert_eq!(secret.expose(), b"wonderland-7");
    }

    #[test]
    fn a_password_outside_ascii_is_hashed_as_utf_16() {
        // One unit, a unit above 0xff, and a surrogate pair, against MD4 over hand-made UTF-16LE.
        let hash = NtHash::from_password("é€😀");
        let unicode = [0xe9, 0x00, 0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde];
        let expected: [u8; 16] = Md4::digest(unicode).into();
        assert!(hash.matches(&NtHash::from_bytes(expected)));
        assert!(!hash.matches(&NtHash::from_password("e€😀")));
    }

    #[test]
    fn the_empty_password_has_the_md4_of_nothing() {
        let expected = 0x31d6_cfe0_d16a_e931_b73c_59d7_e0c0_89c0_u128.to_be_bytes();
        assert_eq!(NtHash::from_password("").expose(), &expected);
        assert_eq!(NtHash::from_password("").duplicate().expose(), &expected);
    }
}
