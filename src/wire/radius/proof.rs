//! How a packet proves that its sender knows the shared secret: Response Authenticator (RFC 2865 §3),
//! Request Authenticator of accounting (RFC 2866 §3), Message-Authenticator (RFC 3579 §3.2), and the
//! hiding of passwords (RFC 2865 §5.2).

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Code, HEADER_BYTES, Packet};

/// Longest password that can be hidden (RFC 2865 §5.2), in bytes.
pub const PASSWORD_BYTES_MAX: usize = 128;

/// What a packet says of its Message-Authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It has one, and it is right.
    Right,
    /// It has one, and it is wrong; or several.
    Wrong,
    /// It has none.
    Missing,
}

/// Whether a reply is of someone who knows the secret and has seen the request with this
/// authenticator; in constant time.
#[must_use]
pub fn is_reply_to(reply: &Packet<'_>, request_authenticator: &[u8; 16], secret: &[u8]) -> bool {
    let expected = digest(reply.as_bytes(), request_authenticator, secret);
    expected.ct_eq(&reply.authenticator).into()
}

/// Checks the Message-Authenticator of a reply to the request with this authenticator.
#[must_use]
pub fn reply_signature(
    reply: &Packet<'_>,
    request_authenticator: &[u8; 16],
    secret: &[u8],
) -> Signature {
    match reply.message_authenticator() {
        Err(()) => Signature::Wrong,
        Ok(None) => Signature::Missing,
        Ok(Some((place, received))) => {
            let expected = signature(reply.as_bytes(), place, request_authenticator, secret);
            if expected.ct_eq(&received).into() {
                Signature::Right
            } else {
                Signature::Wrong
            }
        }
    }
}

/// Checks the Message-Authenticator of a request; of accounting and of RFC 5176 its authenticator
/// counts as zeros.
#[must_use]
pub fn request_signature(request: &Packet<'_>, secret: &[u8]) -> Signature {
    reply_signature(request, &signing_authenticator(request), secret)
}

const fn signing_authenticator(request: &Packet<'_>) -> [u8; 16] {
    match request.code {
        Code::ACCESS_REQUEST | Code::STATUS_SERVER => request.authenticator,
        _ => [0; 16],
    }
}

/// Whether a request whose authenticator is a digest (accounting, RFC 5176) is of someone who knows
/// the secret; in constant time.
#[must_use]
pub fn is_digest_of_itself(request: &Packet<'_>, secret: &[u8]) -> bool {
    let expected = digest(request.as_bytes(), &[0; 16], secret);
    expected.ct_eq(&request.authenticator).into()
}

/// MD5 over the packet with `authenticator` in its place, and the secret.
pub(super) fn digest(packet: &[u8], authenticator: &[u8; 16], secret: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update(packet.get(..4).unwrap_or_default())
        .chain_update(authenticator)
        .chain_update(packet.get(HEADER_BYTES..).unwrap_or_default())
        .chain_update(secret)
        .finalize()
        .into()
}

/// HMAC-MD5 over the packet with `authenticator` in its place, and zeros from `place` on for sixteen
/// bytes.
pub(super) fn signature(
    packet: &[u8],
    place: usize,
    authenticator: &[u8; 16],
    secret: &[u8],
) -> [u8; 16] {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(secret) else {
        return [0; 16];
    };
    mac.update(packet.get(..4).unwrap_or_default());
    mac.update(authenticator);
    mac.update(packet.get(HEADER_BYTES..place).unwrap_or_default());
    mac.update(&[0; 16]);
    mac.update(packet.get(place + 16..).unwrap_or_default());
    mac.finalize().into_bytes().into()
}

/// Hides a password (RFC 2865 §5.2); `None` if it is longer than [`PASSWORD_BYTES_MAX`].
#[must_use]
pub fn hide(password: &[u8], secret: &[u8], authenticator: &[u8; 16]) -> Option<Vec<u8>> {
    if password.len() > PASSWORD_BYTES_MAX {
        return None;
    }
    let blocks = password.len().div_ceil(16).max(1);
    let mut hidden = Vec::with_capacity(blocks * 16);
    let mut mask = *authenticator;
    for block in 0..blocks {
        mask = chain(secret, &mask, &[]);
        for (index, byte) in mask.iter_mut().enumerate() {
            *byte ^= password.get(block * 16 + index).copied().unwrap_or(0);
        }
        hidden.extend_from_slice(&mask);
    }
    Some(hidden)
}

/// The reverse of [`hide`] with its padding, and with `salt` that of RFC 2548 §2.4.2; `None` if
/// `hidden` is not of whole blocks.
#[must_use]
pub fn reveal(
    hidden: &[u8],
    secret: &[u8],
    authenticator: &[u8; 16],
    salt: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (blocks, rest) = hidden.as_chunks::<16>();
    if blocks.is_empty() || !rest.is_empty() {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(hidden.len()));
    let mut mask = chain(secret, authenticator, salt);
    for block in blocks {
        plain.extend(block.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        mask = chain(secret, block, &[]);
    }
    Some(plain)
}

/// One step of the chain of masks.
pub(super) fn chain(secret: &[u8], before: &[u8; 16], salt: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update(secret)
        .chain_update(before)
        .chain_update(salt)
        .finalize()
        .into()
}
