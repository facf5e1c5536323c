//! Pure functions over secrets: MS-CHAPv2 and its relatives.
//!
//! - [`secret`]: [`Secret`], [`NtHash`] and [`PasswordHashHash`], which cannot be printed, are wiped
//!   when dropped and compare in constant time.
//! - [`mschapv2`]: the functions of RFC 2759 §8.
//!
//! Nothing here keeps state, reads a clock or draws randomness. Keys for MPPE are derived in
//! [`crate::mppe::keys`] from a [`PasswordHashHash`] and an NT-Response.

pub mod mschapv2;
pub mod secret;

pub use secret::{NtHash, PasswordHashHash, Secret};
