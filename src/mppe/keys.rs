//! RFC 3079 keys (placeholder until the key derivation lands in the next commit).

/// Start keys of one call, one for each direction.
#[derive(zeroize::ZeroizeOnDrop)]
pub struct StartKeys {
    upstream: [u8; 16],
    downstream: [u8; 16],
}
