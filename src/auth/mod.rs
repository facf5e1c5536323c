//! Pure functions over secrets, for either end of a login: what a peer answers, and whether an answer
//! is right.
//!
//! - [`secret`]: [`Secret`], [`NtHash`] and [`PasswordHashHash`], which cannot be printed, are wiped
//!   when dropped and compare in constant time.
//! - [`mschapv2`]: the functions of RFC 2759 §8; [`mschapv1`]: those of RFC 2433.
//! - [`chap_md5`]: RFC 1994, and the MD5-Challenge of EAP.
//! - [`change_password`]: a new password under the old one.
//!
//! Nothing here keeps state, reads a clock or draws randomness. Keys for MPPE are derived in
//! [`crate::mppe::keys`] from a [`PasswordHashHash`] and an NT-Response or a challenge.

pub mod change_password;
pub mod chap_md5;
pub mod mschapv1;
pub mod mschapv2;
pub mod secret;

pub use secret::{NtHash, PasswordHashHash, Secret};
