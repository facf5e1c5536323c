//! What the policy asks of the data plane for one call, and the proof that a call may forward at all.

use crate::mppe::keys::StartKeys;
use sha1::{Digest, Sha1};

/// Whether a call's user data must be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encryption {
    /// Clear user data is dropped in both directions, always.
    Required,
    /// Clear user data passes until MPPE is agreed; after that it is dropped.
    Optional,
    /// MPPE is never agreed.
    Off,
}

/// What the data plane enforces for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FlowPolicy {
    /// Encryption of user data.
    pub encryption: Encryption,
    /// Whether this client may reach other clients.
    pub client_to_client: bool,
    /// Largest TCP MSS let through in either direction, in bytes; 0 leaves MSS alone.
    pub mss_max: u16,
}

/// Proof that a peer has been authenticated: a flow forwards nothing without one. Only `aaa` makes
/// it (`tests/tidy.rs` holds that), once for each successful authentication, and it moves to the
/// worker with the keys, so start keys exist in one place at a time.
#[repr(C)]
pub struct Authenticated {
    policy: FlowPolicy,
    keys: Option<StartKeys>,
}

impl Authenticated {
    /// For `aaa` alone: the decision that this peer may connect, with MPPE start keys if the
    /// authentication method yields any.
    #[must_use]
    pub(crate) fn new(policy: FlowPolicy, keys: Option<StartKeys>) -> Self {
        Self { policy, keys }
    }

    /// For tests and benches of the data plane, which have no login behind them. Product code never
    /// calls it (`tests/tidy.rs` holds that).
    #[doc(hidden)]
    #[must_use]
    pub fn without_login(policy: FlowPolicy, keys: Option<StartKeys>) -> Self {
        Self::new(policy, keys)
    }

    /// What to enforce.
    #[must_use]
    pub const fn policy(&self) -> FlowPolicy {
        self.policy
    }

    /// Whether MPPE can be keyed.
    #[must_use]
    pub const fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Tells start keys apart without giving them away: a call that is keyed anew must not get the
    /// keys that it has used already, as MS-CHAPv1 with 40 bits or a careless RADIUS server would
    /// have it. `None` without keys.
    #[must_use]
    pub fn key_digest(&self) -> Option<u64> {
        let keys = self.keys.as_ref()?;
        let digest: [u8; 20] = Sha1::new()
            .chain_update(b"key digest")
            .chain_update(keys.upstream.expose())
            .chain_update(keys.downstream.expose())
            .finalize()
            .into();
        digest.first_chunk().copied().map(u64::from_be_bytes)
    }

    /// Takes the proof apart, in the worker.
    #[must_use]
    pub fn into_parts(self) -> (FlowPolicy, Option<StartKeys>) {
        (self.policy, self.keys)
    }
}
