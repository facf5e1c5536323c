//! Start keys (RFC 3079 §2.3 and §3): from an MS-CHAP login to one key for each direction.
//!
//! Directions are types. `upstream` is what we receive and `downstream` what we send, so a send key can
//! never be installed where the receive key belongs. That is client to server and server to client,
//! but for the calls that we place as a client ([`StartKeys::of_client`]).

use sha1::{Digest, Sha1};
use zeroize::{Zeroize, Zeroizing};

pub use crate::wire::mppe::{Mode, Strength, Suite};

/// RFC 3079 §3.4: the constant that makes a master key.
const MASTER_MAGIC: &[u8; 27] = b"This is the MPPE Master Key";
/// RFC 3079 §3.4: the client's send key, which is the server's receive key.
const UPSTREAM_MAGIC: &[u8; 84] = b"On the client side, this is the send key; \
    on the server side, it is the receive key.";
/// RFC 3079 §3.4: the client's receive key, which is the server's send key.
const DOWNSTREAM_MAGIC: &[u8; 84] = b"On the client side, this is the receive key; \
    on the server side, it is the send key.";
/// SHSpad1 of RFC 3079 §3.4.
pub(crate) const PAD_1: [u8; 40] = [0x00; 40];
/// SHSpad2 of RFC 3079 §3.4.
pub(crate) const PAD_2: [u8; 40] = [0xf2; 40];

/// The master key of an MS-CHAPv2 login (RFC 3079 §3.3, GetMasterKey).
#[repr(transparent)]
pub struct MasterKey([u8; 16]);

impl MasterKey {
    /// GetMasterKey (RFC 3079 §3.4) from the hash of the NT hash and the NT-Response.
    #[must_use]
    pub fn derive(password_hash_hash: &[u8; 16], nt_response: &[u8; 24]) -> Self {
        let mut hash = Sha1::new();
        hash.update(password_hash_hash);
        hash.update(nt_response);
        hash.update(MASTER_MAGIC);
        Self(first_sixteen(hash))
    }

    /// The bytes, for a test vector or RADIUS. They must not be logged or stored.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// GetAsymmetricStartKey (RFC 3079 §3.4). A key of eight bytes is the first half of this one.
    fn start_key(&self, magic: &[u8; 84]) -> [u8; 16] {
        let mut hash = Sha1::new();
        hash.update(self.0);
        hash.update(PAD_1);
        hash.update(magic);
        hash.update(PAD_2);
        first_sixteen(hash)
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Declares a start key of one direction: plain data, wiped when dropped, without `Debug` or `Clone`.
macro_rules! start_key {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[repr(transparent)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A key that an authentication server sent instead of the login it was derived from.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes, for a computation. They must not be logged or stored.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }
    };
}

start_key! {
    /// The start key of frames from the client: the server's receive key.
    UpstreamKey
}
start_key! {
    /// The start key of frames to the client: the server's send key.
    DownstreamKey
}

/// Both start keys of one login. Each is used once: making an encryptor or decryptor consumes it.
#[repr(C)]
pub struct StartKeys {
    /// From the client: the server decrypts with it.
    pub upstream: UpstreamKey,
    /// To the client: the server encrypts with it.
    pub downstream: DownstreamKey,
}

impl StartKeys {
    /// The start keys of an MS-CHAPv2 login (RFC 3079 §3.3).
    #[must_use]
    pub fn from_mschapv2(password_hash_hash: &[u8; 16], nt_response: &[u8; 24]) -> Self {
        let master = MasterKey::derive(password_hash_hash, nt_response);
        Self {
            upstream: UpstreamKey(master.start_key(UPSTREAM_MAGIC)),
            downstream: DownstreamKey(master.start_key(DOWNSTREAM_MAGIC)),
        }
    }

    /// The keys of the same login at its other end, as the client has them: what the server sends, it
    /// receives (RFC 3079 §3.3).
    #[must_use]
    pub fn of_client(self) -> Self {
        Self {
            upstream: UpstreamKey(self.downstream.0),
            downstream: DownstreamKey(self.upstream.0),
        }
    }

    /// The start keys of an MS-CHAPv1 login with its NT response (RFC 3079 §2.3, Get_Start_Key): the
    /// same key in both directions, as version 1 has it. It serves 128 bits only; keys of 40 and 56
    /// bits come from the LAN Manager hash there (RFC 3079 §2.1 and §2.2), which PNS does not have.
    #[must_use]
    pub fn from_mschapv1(password_hash_hash: &[u8; 16], challenge: &[u8; 8]) -> Self {
        let mut hash = Sha1::new();
        hash.update(password_hash_hash);
        hash.update(password_hash_hash);
        hash.update(challenge);
        let key = Zeroizing::new(first_sixteen(hash));
        Self {
            upstream: UpstreamKey(*key),
            downstream: DownstreamKey(*key),
        }
    }
}

/// The first sixteen bytes of a digest.
pub(crate) fn first_sixteen(hash: Sha1) -> [u8; 16] {
    let mut digest: [u8; 20] = hash.finalize().into();
    let mut key = [0u8; 16];
    for (place, byte) in key.iter_mut().zip(digest) {
        *place = byte;
    }
    digest.zeroize();
    key
}
