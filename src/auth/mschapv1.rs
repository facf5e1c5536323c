//! MS-CHAPv1 (RFC 2433): its NT response alone. That of LAN Manager is neither computed nor checked,
//! because it gives the password away in hours.

use subtle::ConstantTimeEq;

use crate::auth::mschapv2::challenge_response;
use crate::auth::secret::NtHash;

/// Length of a challenge, in bytes (RFC 2433 §5).
pub const CHALLENGE_LENGTH: usize = 8;

/// NtChallengeResponse (RFC 2433 §A.5) from the hash instead of the password.
#[must_use]
pub fn nt_response(challenge: &[u8; CHALLENGE_LENGTH], nt_hash: &NtHash) -> [u8; 24] {
    challenge_response(challenge, nt_hash)
}

/// Whether `response` is the one that the holder of the password would have sent; in constant time.
#[must_use]
pub fn verify_response(
    challenge: &[u8; CHALLENGE_LENGTH],
    nt_hash: &NtHash,
    response: &[u8; 24],
) -> bool {
    nt_response(challenge, nt_hash).ct_eq(response).into()
}
