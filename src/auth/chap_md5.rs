//! CHAP with MD5 (RFC 1994 §4.1), and the MD5-Challenge of EAP, which is the same sum (RFC 3748 §5.4).

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::auth::Secret;

/// Length of a response, in bytes.
pub const RESPONSE_LENGTH: usize = 16;

/// What a peer that knows `password` answers: MD5 over Identifier, password and challenge.
#[must_use]
pub fn response(identifier: u8, password: &Secret, challenge: &[u8]) -> [u8; RESPONSE_LENGTH] {
    Md5::new()
        .chain_update([identifier])
        .chain_update(password.expose())
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Whether `received` is the response of one who knows `password`; in constant time.
#[must_use]
pub fn verify_response(
    identifier: u8,
    password: &Secret,
    challenge: &[u8],
    received: &[u8; RESPONSE_LENGTH],
) -> bool {
    response(identifier, password, challenge)
        .ct_eq(received)
        .into()
}
