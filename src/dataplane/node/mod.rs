//! The nodes: one file each, in the order in which [`super::pipeline`] runs them.

pub(super) mod answer;
pub(super) mod classify;
pub(super) mod downstream_input;
pub(super) mod express;
pub(super) mod fragment;
pub(super) mod gre_input;
pub(super) mod gre_output;
pub(super) mod icmpv6_echo;
pub(super) mod inner_input;
pub(super) mod ip_output;
pub(super) mod locate;
pub(super) mod mppc_input;
pub(super) mod mppc_output;
pub(super) mod mppe_decrypt;
pub(super) mod mppe_encrypt;
pub(super) mod mtu_exceeded;
pub(super) mod ppp_input;
pub(super) mod reassemble;
pub(super) mod sight;
