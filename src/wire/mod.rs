//! Bytes to values and back: pure, without state. One protocol, one file.

pub mod call_id;
pub mod ccp;
pub mod chap;
pub mod checksum;
pub mod eap;
pub mod ethernet;
pub mod field;
pub mod gre;
pub mod icmp;
pub mod icmpv6;
pub mod ipcp;
pub mod ipv4;
pub mod ipv6;
pub mod ipv6cp;
pub mod lcp;
pub mod mppe;
pub mod options;
pub mod pap;
pub mod ppp;
pub mod pptp;
pub mod prefix;
pub mod radius;
pub mod tacacs;
pub mod tcp_mss;
pub mod tunnel;
