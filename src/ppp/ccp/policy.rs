//! What is demanded of a call's encryption.

use crate::wire::ccp::Strengths;
use crate::wire::mppe::{Mode, Strength};

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

/// What becomes of a client that wants stateful mode, in which a lost frame costs all that follow it
/// until the sender starts afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stateful {
    /// It does not get it.
    Refused,
    /// It gets it if it insists; stateless is asked for first.
    Allowed,
    /// Stateful is asked for first: it costs the client a third of the work. A client that insists on
    /// stateless gets that.
    Preferred,
}

/// What is demanded of a call's encryption: a server's setting, or that of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MppePolicy {
    /// Whether there has to be any.
    pub requirement: MppeRequirement,
    /// The key lengths that may be used; the longest that the client has too is.
    pub strengths: Strengths,
    /// Whether stateful mode may be used.
    pub stateful: Stateful,
    /// Whether a client that insists on MPPC compression (RFC 2118) gets it.
    pub compression: bool,
}

/// What a user's own settings, or those that an authentication server sent, change of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MppeChange {
    /// Instead of [`MppePolicy::requirement`].
    pub requirement: Option<MppeRequirement>,
    /// Instead of [`MppePolicy::strengths`].
    pub strengths: Option<Strengths>,
    /// Instead of [`MppePolicy::stateful`].
    pub stateful: Option<Stateful>,
    /// Instead of [`MppePolicy::compression`].
    pub compression: Option<bool>,
}

impl MppeChange {
    /// Nothing is changed.
    pub const NONE: Self = Self {
        requirement: None,
        strengths: None,
        stateful: None,
        compression: None,
    };

    /// Whether everything stays as it is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

impl MppePolicy {
    /// The default: 128-bit keys, stateless, or no call.
    pub const REQUIRED: Self = Self {
        requirement: MppeRequirement::Required,
        strengths: Strengths::only(Strength::Bits128),
        stateful: Stateful::Refused,
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

    /// This policy, where `change` says nothing else.
    #[must_use]
    pub fn changed(self, change: MppeChange) -> Self {
        Self {
            requirement: change.requirement.unwrap_or(self.requirement),
            strengths: change.strengths.unwrap_or(self.strengths),
            stateful: change.stateful.unwrap_or(self.stateful),
            compression: change.compression.unwrap_or(self.compression),
        }
    }

    /// The mode that is asked for first.
    #[must_use]
    pub const fn preferred_mode(&self) -> Mode {
        match self.stateful {
            Stateful::Refused | Stateful::Allowed => Mode::Stateless,
            Stateful::Preferred => Mode::Stateful,
        }
    }

    /// Whether a client that insists on `mode` gets it.
    #[must_use]
    pub const fn allows_mode(&self, mode: Mode) -> bool {
        match mode {
            Mode::Stateless => true,
            Mode::Stateful => !matches!(self.stateful, Stateful::Refused),
        }
    }
}
