//! What is demanded of a call's encryption.

use crate::wire::ccp::Strengths;
use crate::wire::mppe::Strength;

/// What becomes of a call that does not encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MppeRequirement {
    /// It ends.
    Required,
    /// We ask for encryption; without it the call goes on in clear.
    Optional,
    /// We never ask, but encrypt if the client asks; without it the call goes on in clear.
    Passive,
    /// Encryption is refused; every call is clear.
    Off,
}

/// What is demanded of a call's encryption: a server's setting, or that of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MppePolicy {
    /// Whether there has to be any.
    pub requirement: MppeRequirement,
    /// The key lengths that may be used; the longest that the client has too is.
    pub strengths: Strengths,
    /// Whether a client that insists on stateful mode gets it.
    pub stateful: bool,
    /// Whether a client that insists on MPPC compression (RFC 2118) gets it.
    pub compression: bool,
}

impl MppePolicy {
    /// The default: 128-bit keys, stateless, or no call.
    pub const REQUIRED: Self = Self {
        requirement: MppeRequirement::Required,
        strengths: Strengths::only(Strength::Bits128),
        stateful: false,
        compression: false,
    };
    /// 128-bit keys, stateless, if the client agrees.
    pub const OPTIONAL: Self = Self {
        requirement: MppeRequirement::Optional,
        ..Self::REQUIRED
    };
    /// 128-bit keys, stateless, if the client asks.
    pub const PASSIVE: Self = Self {
        requirement: MppeRequirement::Passive,
        ..Self::REQUIRED
    };
    /// No encryption.
    pub const OFF: Self = Self {
        requirement: MppeRequirement::Off,
        ..Self::REQUIRED
    };
}
