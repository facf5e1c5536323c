//! # PNS, a PPTP network server
//!
//! Clients open TCP/1723, place a call, and carry PPP frames in enhanced GRE (RFC 2637). PNS
//! authenticates them, keys MPPE, gives them an address, and forwards their IP packets.
pub mod aaa;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counted;
pub mod dataplane;
pub mod flow;
pub mod mppe;
pub mod operate;
pub mod ppp;
pub mod pptp;
pub mod routing;
pub mod session;
pub mod slowpath;
pub mod wire;
