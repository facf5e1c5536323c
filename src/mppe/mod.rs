//! MPPE (RFC 3078, RFC 3079): keys, key chains, encryption and decryption. 128, 56 and 40 bits,
//! stateless and stateful.
//!
//! - [`keys`]: start keys from an MS-CHAPv2 login, one type for each direction.
//! - [`chain`]: the change of session keys: before every frame, or before every 256th.
//! - [`encrypt`]: downstream; [`decrypt`]: upstream. State of a flow is plain data of fixed size.
//! - [`catch_up`]: what flows of a worker share so that lost and late frames cost little: the work
//!   budget, and chains that were not brought up to date in one go.
//! - [`skipped`]: keys of frames that were overtaken, kept until they arrive.
//! - [`plausible`]: whether a decrypted frame looks right, which decides if anything moves.
//! - [`rc4`]: the cipher. `streams`: where its state rests between the frames of a stateful flow;
//!   `queues`: the keystream that was made for such flows before there were frames for it; `ring`: one.
//!
//! Bursts go in whole ([`decrypt::decrypt_batch`], [`encrypt::encrypt_batch`]), so that frames of
//! different flows are worked on side by side:
//!
//! - [`kernel`]: RC4 and the change of keys in lanes, and which way of it is quickest on a machine;
//!   `simd`: those that need machine instructions, and the only unsafe code of this crate.
//! - [`engine`]: what the flows of a worker share in one direction.
//! - `batch`: the frames of a burst that have keys of their own: keys first, then keystreams.
//! - `stock`, `factory`: keys and keystream made ahead for stateless flows, and when; `tails`: frames that
//!   are longer than what was made for them. `pool`: who has a shelf in stock, or a queue.
//!
//! What is made ahead under load, of a stateless flow: session keys, in lanes that a burst leaves empty; its
//! keystream only in idle turns. Of a stateful flow: keystream, when a frame finds too little of it; and in
//! idle turns. Without idle turns and empty lanes a stateless frame is worked on with the frames of its
//! burst, and nothing is ahead of it.

mod batch;
pub mod catch_up;
pub mod chain;
pub mod decrypt;
pub mod encrypt;
pub mod engine;
mod factory;
pub mod kernel;
pub mod keys;
pub mod plausible;
mod pool;
mod queues;
pub mod rc4;
mod ring;
#[cfg(target_arch = "x86_64")]
mod simd;
pub mod skipped;
mod stock;
mod streams;
mod tails;
mod trail;

#[cfg(target_arch = "x86_64")]
use simd::prefetch;

/// Asks for the cache lines of `bytes`, where it is known how.
#[cfg(not(target_arch = "x86_64"))]
const fn prefetch(_bytes: &[u8]) {}
