//! Keys and errors in the attributes of RFC 2548.

use zeroize::Zeroizing;

use super::proof::{chain, reveal};
use crate::wire::chap::FailureCode;
use crate::wire::field::{array_at, u8_at};

/// Policies of MS-MPPE-Encryption-Policy (RFC 2548 §2.4.4).
pub mod policy {
    /// The client may encrypt.
    pub const ALLOWED: u32 = 1;
    /// The client has to.
    pub const REQUIRED: u32 = 2;
}

/// Bits of MS-MPPE-Encryption-Types (RFC 2548 §2.4.5).
pub mod types {
    /// Keys of 40 bits.
    pub const BITS_40: u32 = 1 << 1;
    /// Keys of 128 bits.
    pub const BITS_128: u32 = 1 << 2;
    /// Keys of 56 bits, by the number that NT's servers came to use.
    pub const BITS_56: u32 = 1 << 3;
}

/// The key in an MS-MPPE-Send-Key or MS-MPPE-Recv-Key (RFC 2548 §2.4.2, §2.4.3); `None` if the value
/// has no key in it.
#[must_use]
pub fn mppe_key(
    value: &[u8],
    secret: &[u8],
    request_authenticator: &[u8; 16],
) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, hidden) = value.split_at_checked(2)?;
    let plain = reveal(hidden, secret, request_authenticator, salt)?;
    let length = usize::from(u8_at(&plain, 0)?);
    let key = plain.get(1..)?.get(..length)?;
    (!key.is_empty()).then(|| Zeroizing::new(key.to_vec()))
}

/// The reverse of [`mppe_key`]: what a server does. `None` for a key of more than 239 bytes.
#[must_use]
pub fn hide_mppe_key(
    key: &[u8],
    salt: [u8; 2],
    secret: &[u8],
    request_authenticator: &[u8; 16],
) -> Option<Vec<u8>> {
    let length = u8::try_from(key.len())
        .ok()
        .filter(|length| *length < 240)?;
    let mut plain = Zeroizing::new(vec![length]);
    plain.extend_from_slice(key);
    let whole = plain.len().next_multiple_of(16);
    plain.resize(whole, 0);
    let mut value = salt.to_vec();
    let mut mask = chain(secret, request_authenticator, &salt);
    for block in plain.as_chunks::<16>().0 {
        let hidden: [u8; 16] = std::array::from_fn(|index| {
            let bytes = block.get(index).zip(mask.get(index));
            bytes.map_or(0, |(plain, mask)| plain ^ mask)
        });
        value.extend_from_slice(&hidden);
        mask = chain(secret, &hidden, &[]);
    }
    Some(value)
}

/// What MS-CHAP-MPPE-Keys gives to a log-in by MS-CHAPv1 (RFC 2548 §2.4.1): the second field, which
/// servers fill with the hash of the NT hash, from which the start keys of RFC 3079 §2.3 come.
#[must_use]
pub fn nt_hash_hash(
    value: &[u8],
    secret: &[u8],
    request_authenticator: &[u8; 16],
) -> Option<Zeroizing<[u8; 16]>> {
    let plain = reveal(value, secret, request_authenticator, &[])?;
    let key: [u8; 16] = array_at(&plain, 8)?;
    (key != [0; 16]).then(|| Zeroizing::new(key))
}

/// What an MS-CHAP-Error says (RFC 2548 §2.1.5): `E=691 R=1 C=… V=3 M=…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChapError<'a> {
    /// The error, as far as it is one of those that clients know.
    pub code: Option<FailureCode>,
    /// Whether another attempt may be permitted.
    pub retry: bool,
    /// For the user's eyes; empty if there is none.
    pub text: &'a str,
}

impl<'a> ChapError<'a> {
    /// Reads the value: an identifier, and the text.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value.get(1..)?).ok()?;
        let (words, message) = match text.split_once("M=") {
            Some((words, message)) => (words, message),
            None => (text, ""),
        };
        let word = |key: &str| {
            let mut words = words.split_ascii_whitespace();
            words.find_map(|word| word.strip_prefix(key))
        };
        let number: u32 = word("E=")?.parse().ok()?;
        let mut codes = FailureCode::ALL.iter().copied();
        Some(Self {
            code: codes.find(|code| code.number() == number),
            retry: word("R=") == Some("1"),
            text: message.trim_end_matches('\0'),
        })
    }
}

/// The proof in an MS-CHAP2-Success (RFC 2548 §2.3.3) for the Response with this Identifier: `S=` and
/// forty hexadecimal digits. `None` if it is of another Response, or no such text.
#[must_use]
pub fn chap2_success(value: &[u8], identifier: u8) -> Option<&str> {
    let (of, text) = value.split_first()?;
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix("S=")?;
    let hexadecimal = digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (*of == identifier && hexadecimal).then_some(text)
}
