//! MPPE (RFC 3078, RFC 3079): keys, key chains, encryption and decryption.
pub mod keys;
