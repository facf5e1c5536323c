//! The packets in which a client sends a new password: version 2 of RFC 2433 §10 and version 3 of
//! RFC 2759 §7. Version 1 (RFC 2433 §9) encrypts with a key that everybody on the way has seen, so
//! it is not read at all.

use super::Malformed;
use crate::wire::field::array_at;
use zeroize::Zeroize;

/// Bytes of a new password, padded, with its length.
pub const ENCRYPTED_PASSWORD: usize = 516;

/// Bytes of version 2 behind Code, Identifier and Length.
const V2_BODY: usize = 1114;
/// Bytes of version 3 behind Code, Identifier and Length.
const V3_BODY: usize = 582;

/// Change-Password of MS-CHAPv1, without its LAN Manager half.
#[derive(Clone, PartialEq, Eq, Zeroize)]
pub struct ChangePasswordV2 {
    /// The new password under the old NT hash.
    pub encrypted_password: [u8; ENCRYPTED_PASSWORD],
    /// The old NT hash under the new one.
    pub encrypted_hash: [u8; 16],
    /// The proof of the new password, over the challenge of the Failure.
    pub nt_response: [u8; 24],
    /// Which fields count.
    pub flags: u16,
}

/// Change-Password of MS-CHAPv2.
#[derive(Clone, PartialEq, Eq, Zeroize)]
pub struct ChangePasswordV3 {
    /// The new password under the old NT hash.
    pub encrypted_password: [u8; ENCRYPTED_PASSWORD],
    /// The old NT hash under the new one.
    pub encrypted_hash: [u8; 16],
    /// The peer's own challenge.
    pub peer_challenge: [u8; 16],
    /// The proof of the new password, over both challenges.
    pub nt_response: [u8; 24],
    /// Zero by the RFC.
    pub flags: u16,
}

impl ChangePasswordV2 {
    /// Reads what follows the Length.
    ///
    /// # Errors
    /// [`Malformed::ChangePassword`].
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::ChangePassword;
        if body.len() != V2_BODY {
            return Err(malformed);
        }
        Ok(Self {
            encrypted_password: array_at(body, 0).ok_or(malformed)?,
            encrypted_hash: array_at(body, 516).ok_or(malformed)?,
            nt_response: array_at(body, 1088).ok_or(malformed)?,
            flags: array_at(body, 1112)
                .map(u16::from_be_bytes)
                .ok_or(malformed)?,
        })
    }

    /// What follows the Length; the LAN Manager half is zero.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(V2_BODY);
        body.extend_from_slice(&self.encrypted_password);
        body.extend_from_slice(&self.encrypted_hash);
        body.resize(1088, 0);
        body.extend_from_slice(&self.nt_response);
        body.extend_from_slice(&self.flags.to_be_bytes());
        body
    }
}

impl ChangePasswordV3 {
    /// Reads what follows the Length; the eight reserved bytes are not looked at.
    ///
    /// # Errors
    /// [`Malformed::ChangePassword`].
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::ChangePassword;
        if body.len() != V3_BODY {
            return Err(malformed);
        }
        Ok(Self {
            encrypted_password: array_at(body, 0).ok_or(malformed)?,
            encrypted_hash: array_at(body, 516).ok_or(malformed)?,
            peer_challenge: array_at(body, 532).ok_or(malformed)?,
            nt_response: array_at(body, 556).ok_or(malformed)?,
            flags: array_at(body, 580)
                .map(u16::from_be_bytes)
                .ok_or(malformed)?,
        })
    }

    /// What follows the Length.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(V3_BODY);
        body.extend_from_slice(&self.encrypted_password);
        body.extend_from_slice(&self.encrypted_hash);
        body.extend_from_slice(&self.peer_challenge);
        body.resize(556, 0);
        body.extend_from_slice(&self.nt_response);
        body.extend_from_slice(&self.flags.to_be_bytes());
        body
    }
}

impl std::fmt::Debug for ChangePasswordV2 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ChangePasswordV2")
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ChangePasswordV3 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ChangePasswordV3")
            .finish_non_exhaustive()
    }
}
