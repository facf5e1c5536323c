//! MS-CHAPv2 (RFC 2759): what the authenticator computes from a stored NT hash.
//!
//! Every function takes the user name as the peer presented it and leaves out a prepended domain
//! itself: RFC 2759 §8.2 hashes "the user name (as presented by the peer and excluding any
//! prepended domain name)". Two callers that stripped it differently would disagree on the response.

use std::fmt::Write;

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::secret::{NtHash, PasswordHashHash};

/// Length of the authenticator's and of the peer's challenge, in bytes (RFC 2759 §3, §4).
pub const CHALLENGE_LENGTH: usize = 16;
/// Length of an NT-Response, in bytes (RFC 2759 §4).
pub const NT_RESPONSE_LENGTH: usize = 24;

/// RFC 2759 §8.7, Magic1.
const SIGNING_MAGIC: &[u8; 39] = b"Magic server to client signing constant";
/// RFC 2759 §8.7, Magic2.
const PADDING_MAGIC: &[u8; 41] = b"Pad to make it do more than one iteration";

/// Both challenges and the name: what a response is computed over.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The challenge that the authenticator sent (RFC 2759 §3).
    pub authenticator_challenge: &'a [u8; CHALLENGE_LENGTH],
    /// The challenge that the peer sent in its Response (RFC 2759 §4).
    pub peer_challenge: &'a [u8; CHALLENGE_LENGTH],
    /// The Name of the peer's Response as it was received, with its domain if it had one.
    pub user_name: &'a [u8],
}

/// The user name without a prepended `DOMAIN\` (RFC 2759 §4, §8.2).
#[must_use]
pub fn name_without_domain(user_name: &[u8]) -> &[u8] {
    user_name
        .rsplit(|&byte| byte == b'\\')
        .next()
        .unwrap_or(user_name)
}

/// ChallengeHash (RFC 2759 §8.2).
#[must_use]
pub fn challenge_hash(exchange: &Exchange<'_>) -> [u8; 8] {
    let mut hash = Sha1::new();
    hash.update(exchange.peer_challenge);
    hash.update(exchange.authenticator_challenge);
    hash.update(name_without_domain(exchange.user_name));
    let digest: [u8; 20] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

/// ChallengeResponse (RFC 2759 §8.5): the challenge under three DES keys cut from the hash.
#[must_use]
pub fn challenge_response(challenge: &[u8; 8], nt_hash: &NtHash) -> [u8; NT_RESPONSE_LENGTH] {
    let mut padded = Zeroizing::new([0u8; 21]);
    for (place, byte) in padded.iter_mut().zip(nt_hash.expose()) {
        *place = *byte;
    }
    let mut response = [0u8; NT_RESPONSE_LENGTH];
    let (keys, _) = padded.as_chunks::<7>();
    let (places, _) = response.as_chunks_mut::<8>();
    for (place, key) in places.iter_mut().zip(keys) {
        let mut block = (*challenge).into();
        Des::new(&(*spread_to_parity(key)).into()).encrypt_block(&mut block);
        *place = block.into();
    }
    response
}

/// GenerateNTResponse (RFC 2759 §8.1) from the hash instead of the password.
#[must_use]
pub fn generate_nt_response(exchange: &Exchange<'_>, nt_hash: &NtHash) -> [u8; NT_RESPONSE_LENGTH] {
    challenge_response(&challenge_hash(exchange), nt_hash)
}

/// Whether `response` is the one that the holder of the password would have sent; in constant time.
#[must_use]
pub fn verify_response(
    exchange: &Exchange<'_>,
    nt_hash: &NtHash,
    response: &[u8; NT_RESPONSE_LENGTH],
) -> bool {
    generate_nt_response(exchange, nt_hash)
        .ct_eq(response)
        .into()
}

/// GenerateAuthenticatorResponse (RFC 2759 §8.7): `S=` and 40 upper-case hexadecimal digits, the
/// start of the message in a Success.
#[must_use]
pub fn authenticator_response(
    exchange: &Exchange<'_>,
    hash_hash: &PasswordHashHash,
    nt_response: &[u8; NT_RESPONSE_LENGTH],
) -> String {
    let mut inner = Sha1::new();
    inner.update(hash_hash.expose());
    inner.update(nt_response);
    inner.update(SIGNING_MAGIC);

    let mut outer = Sha1::new();
    outer.update(inner.finalize());
    outer.update(challenge_hash(exchange));
    outer.update(PADDING_MAGIC);

    let mut text = String::with_capacity(42);
    text.push_str("S=");
    for byte in outer.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// CheckAuthenticatorResponse (RFC 2759 §8.8): whether `message` of a Success starts with the right
/// authenticator response; in constant time, either case of the digits.
#[must_use]
pub fn check_authenticator_response(
    exchange: &Exchange<'_>,
    hash_hash: &PasswordHashHash,
    nt_response: &[u8; NT_RESPONSE_LENGTH],
    message: &[u8],
) -> bool {
    let expected = authenticator_response(exchange, hash_hash, nt_response);
    let received = message
        .get(..expected.len())
        .unwrap_or_default()
        .to_ascii_uppercase();
    expected.as_bytes().ct_eq(&received).into()
}

/// 56 bits spread over eight bytes, seven bits each, leaving bit 0 for the parity that DES ignores
/// (RFC 2759 §8.6).
pub(super) fn spread_to_parity(key: &[u8; 7]) -> Zeroizing<[u8; 8]> {
    let [a, b, c, d, e, f, g] = *key;
    let bits = Zeroizing::new(u64::from_be_bytes([0, a, b, c, d, e, f, g]));
    let mut spread = Zeroizing::new([0u8; 8]);
    for (place, shift) in spread.iter_mut().zip((0..8u32).rev()) {
        let [.., seven] = (*bits >> (7 * shift)).to_be_bytes();
        *place = seven << 1;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_left_out_of_the_name() {
        assert_eq!(name_without_domain(b"BIGCO\\johndoe"), b"johndoe");
        assert_eq!(name_without_domain(b"johndoe"), b"johndoe");
        assert_eq!(name_without_domain(b"a\\b\\johndoe"), b"johndoe");
        assert_eq!(name_without_domain(b"BIGCO\\"), b"");
        assert_eq!(name_without_domain(b""), b"");
    }

    #[test]
    fn des_keys_are_spread_seven_bits_to_a_byte() {
        // RFC 2759 §8.6 leaves the parity bit open; the seven key bits of each byte are what counts.
        assert_eq!(*spread_to_parity(&[0xff; 7]), [0xfe; 8]);
        assert_eq!(
            *spread_to_parity(&[0x80, 0, 0, 0, 0, 0, 0x01]),
            [0x80, 0, 0, 0, 0, 0, 0, 0x02]
        );
        let spread = spread_to_parity(&[0xfc, 0x15, 0x6a, 0xf7, 0xed, 0xcd, 0x6c]);
        assert_eq!(*spread, [0xfc, 0x0a, 0x5a, 0x5e, 0x7e, 0x6e, 0x34, 0xd8]);
    }
}
