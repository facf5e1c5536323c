//! Bytes to values and back: pure, without state. One protocol, one file.

pub mod call_id;
pub mod checksum;
pub mod ethernet;
pub mod field;
pub mod gre;
pub mod icmp;
pub mod ipv4;
pub mod mppe;
pub mod tcp_mss;
