//! What MS-CHAP puts into the fields of CHAP: responses of both versions (RFC 2433 §6, RFC 2759 §4)
//! and the text of a Failure (RFC 2433 §8, RFC 2759 §6).

use super::Malformed;
use crate::counted_enum;
use crate::wire::field::array_at;
use std::fmt::Write as _;

/// Bytes of a response value, the same for both versions.
const RESPONSE_VALUE: usize = 49;

/// The value of an MS-CHAPv1 Response (RFC 2433 §6). The LAN Manager response is not even read: it
/// gives the password away in hours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MsChapV1Response {
    /// The proof of the password.
    pub nt_response: [u8; 24],
    /// Which of the two responses counts; Windows 9x sets more bits.
    pub flags: u8,
}

impl MsChapV1Response {
    /// Bit of the flags in which a client says that its NT response counts (RFC 2433 §6).
    pub const USE_NT_RESPONSE: u8 = 0x01;

    /// Reads the value.
    ///
    /// # Errors
    /// [`Malformed::ResponseValue`].
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::ResponseValue;
        if value.len() != RESPONSE_VALUE {
            return Err(malformed);
        }
        let [flags] = array_at(value, 48).ok_or(malformed)?;
        Ok(Self {
            nt_response: array_at(value, 24).ok_or(malformed)?,
            flags,
        })
    }

    /// The 49 bytes; the LAN Manager response is zero.
    #[must_use]
    pub fn emit(&self) -> [u8; RESPONSE_VALUE] {
        emit([0; 24], self.nt_response, self.flags)
    }

    /// Whether the client wants its NT response to be checked, rather than that of LAN Manager.
    #[must_use]
    pub const fn uses_nt_response(&self) -> bool {
        self.flags & Self::USE_NT_RESPONSE != 0
    }
}

impl std::fmt::Debug for MsChapV1Response {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The response is as good as the password to whoever can try 2^56 keys.
        formatter
            .debug_struct("MsChapV1Response")
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// The value of an MS-CHAPv2 Response (RFC 2759 §4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MsChapV2Response {
    /// The peer's own challenge.
    pub peer_challenge: [u8; 16],
    /// The proof of the password.
    pub nt_response: [u8; 24],
    /// Zero by the RFC; Windows 9x sets bits here and then cannot read an `M=` text.
    pub flags: u8,
}

impl MsChapV2Response {
    /// Reads the value; the eight reserved bytes are not looked at.
    ///
    /// # Errors
    /// [`Malformed::ResponseValue`].
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::ResponseValue;
        if value.len() != RESPONSE_VALUE {
            return Err(malformed);
        }
        let [flags] = array_at(value, 48).ok_or(malformed)?;
        Ok(Self {
            peer_challenge: array_at(value, 0).ok_or(malformed)?,
            nt_response: array_at(value, 24).ok_or(malformed)?,
            flags,
        })
    }

    /// The 49 bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; RESPONSE_VALUE] {
        let mut first = [0; 24];
        for (place, byte) in first.iter_mut().zip(self.peer_challenge) {
            *place = byte;
        }
        emit(first, self.nt_response, self.flags)
    }
}

impl std::fmt::Debug for MsChapV2Response {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The response is as good as the password to whoever can try 2^56 keys.
        formatter
            .debug_struct("MsChapV2Response")
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

counted_enum! {
    /// The error of an MS-CHAP Failure (RFC 2433 §8, RFC 2759 §6); Windows shows the number.
    pub enum FailureCode {
        /// ERROR_RESTRICTED_LOGON_HOURS.
        RestrictedLogonHours => "restricted_logon_hours",
        /// ERROR_ACCT_DISABLED.
        AccountDisabled => "account_disabled",
        /// ERROR_PASSWD_EXPIRED: the client may send another one.
        PasswordExpired => "password_expired",
        /// ERROR_NO_DIALIN_PERMISSION.
        NoDialInPermission => "no_dialin_permission",
        /// ERROR_AUTHENTICATION_FAILURE: a wrong name or password.
        AuthenticationFailure => "authentication_failure",
        /// ERROR_CHANGING_PASSWORD: the new password was not taken.
        ChangingPassword => "changing_password",
    }
}

impl FailureCode {
    /// The number in the text.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::RestrictedLogonHours => 646,
            Self::AccountDisabled => 647,
            Self::PasswordExpired => 648,
            Self::NoDialInPermission => 649,
            Self::AuthenticationFailure => 691,
            Self::ChangingPassword => 709,
        }
    }
}

/// The message of an MS-CHAP Failure (RFC 2433 §8, RFC 2759 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsChapFailure<'a> {
    /// What went wrong.
    pub code: FailureCode,
    /// Whether the peer may answer [`Self::challenge`] with another password.
    pub retry: bool,
    /// The challenge of the next attempt: eight bytes for version 1, sixteen for version 2.
    pub challenge: &'a [u8],
    /// The version of password changing: 2 for MS-CHAPv1, 3 for MS-CHAPv2.
    pub version: u8,
    /// For the user's eyes; left out when empty. Version 1 knows none.
    pub text: &'a str,
}

impl MsChapFailure<'_> {
    /// The message as it is sent.
    #[must_use]
    pub fn to_message(&self) -> String {
        let (number, retry) = (self.code.number(), u8::from(self.retry));
        let mut message = format!("E={number} R={retry} C=");
        for byte in self.challenge {
            let _ = write!(message, "{byte:02X}");
        }
        let _ = write!(message, " V={}", self.version);
        if !self.text.is_empty() {
            message.push_str(" M=");
            message.push_str(self.text);
        }
        message
    }
}

/// The error number in the message of an MS-CHAP Failure, `E=` at its start; `None` if there is none.
/// Nothing else in it is of use to a peer that has one password.
#[must_use]
pub fn failure_number(message: &[u8]) -> Option<u32> {
    let digits = message.strip_prefix(b"E=")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit());
    let digits = digits.get(..end.unwrap_or(digits.len()))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Both versions have 24 bytes, 24 bytes and flags.
fn emit(first: [u8; 24], nt_response: [u8; 24], flags: u8) -> [u8; RESPONSE_VALUE] {
    let mut value = [0; RESPONSE_VALUE];
    let (front, rest) = value.split_at_mut(24);
    front.copy_from_slice(&first);
    let (response, last) = rest.split_at_mut(24);
    response.copy_from_slice(&nt_response);
    last.fill(flags);
    value
}
