//! Log-ins of ours at peers that we call: the peer has let us in, and the operator has written that
//! the call may forward, with these keys.

use crate::flow::{Authenticated, Encryption, FlowPolicy};
use crate::mppe::keys::StartKeys;
use crate::ppp::link::Keying;

/// The proof for the worker of a call on which we are the client.
#[must_use]
pub fn admitted_by_peer(keying: &Keying, policy: FlowPolicy) -> Authenticated {
    let keys = match keying {
        Keying::None => None,
        Keying::MsChapV1 {
            password_hash_hash,
            challenge,
        } => Some(StartKeys::from_mschapv1(password_hash_hash, challenge)),
        Keying::MsChapV2 {
            password_hash_hash,
            nt_response,
        } => Some(StartKeys::from_mschapv2(password_hash_hash, nt_response)),
    };
    let keys = keys
        .map(StartKeys::of_client)
        .filter(|_| policy.encryption != Encryption::Off);
    Authenticated::new(policy, keys)
}
