//! Raw bindings to the distribution's DPDK, and a small C shim for its static inlines.
//!
//! Nothing here is safe to call without reading DPDK's own documentation: the crate `dpdk` wraps
//! it, and no other crate may depend on this one.
#![no_std]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
