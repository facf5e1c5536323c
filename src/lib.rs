//! # PNS, a PPTP network server
//!
//! Clients open TCP/1723, place a call, and carry PPP frames in enhanced GRE (RFC 2637). PNS
//! authenticates them, keys MPPE, gives them an address, and forwards their IP packets.
//!
//! ## Words
//!
//! - *control connection*: the TCP connection on port 1723, with the messages of RFC 2637 §2.
//! - *call*: what Outgoing-Call-Request asks for. By the RFC's letter the client is the PNS and we
//!   are the PAC of a call that the client places; code says `local` and `peer` instead. Each end
//!   chooses a Call ID that the other puts into GRE towards it.
//! - *link*: the PPP side of a call: LCP, authentication, CCP, IPCP.
//! - *flow*: the data-plane side of a call. It lives in exactly one worker.
//! - *lease*: the address of a client. *session*: the join of all of these.
//! - *upstream* is from the client, *downstream* is to it. *rx* and *tx* belong to ports.
//!
//! ## Reading order
//!
//! The way of a packet and of a call, in under 2,000 lines with `README.md` and this page:
//!
//! 1. `src/dataplane/pipeline.rs`: the nodes and their order, both ways
//! 2. `src/dataplane/node/gre_input.rs`: from a Call ID to a flow
//! 3. `src/dataplane/node/ppp_input.rs`: control frames part from user data
//! 4. `src/dataplane/node/mppe_decrypt.rs`: a burst is decrypted, and only then believed
//! 5. `src/dataplane/node/inner_input.rs`: what a client may send, and where it goes
//! 6. `src/dataplane/node/downstream_input.rs`: whose packet this is
//! 7. `src/dataplane/node/gre_output.rs`: sequence number, acknowledgment, outer header
//! 8. `src/flow/command.rs`: what the slow path can ask of a worker
//! 9. `src/session/mod.rs`: where a call lives, from accept to the final report
//! 10. `src/session/placement.rs`: how a call comes to be, and when its peer may know of it
//!
//! Then, for the patterns: `wire::gre` (a codec), `ppp::fsm` (a state table), `pptp::control` (a
//! machine), `dataplane::worker` (the loop), `slowpath::event_loop` (the other loop).
//!
//! ## Rules that hold everywhere
//!
//! - Imports point one way (`docs/architecture.md`), and machines do no IO: clock, randomness and
//!   input are arguments.
//! - Nothing unauthenticated changes a call: a forged frame moves no key and no window.
//! - Every refusal is a typed reason with a counter; every queue has a bound.
//! - Secrets cannot be printed, and are wiped.

pub mod aaa;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counted;
pub mod dataplane;
pub mod flow;
pub mod mppc;
pub mod mppe;
pub mod operate;
pub mod ppp;
pub mod pptp;
pub mod routing;
pub mod session;
pub mod slowpath;
pub mod wire;
