//! Sans-IO PPP machines (RFC 1661 and its network control protocols).
//!
//! Read in this order: [`fsm`] is the RFC's table, [`automaton`] drives it, [`lcp`], [`ccp`],
//! [`ipcp`] and [`ipv6cp`] say which options are wanted, [`auth`] asks who calls,
//! [`authenticatee`] says who we are where we are the caller, and [`link`]
//! joins them into the phases of one call. The rest of PNS knows [`link`] only.

pub mod auth;
pub mod authenticatee;
pub mod automaton;
pub mod ccp;
pub mod config;
pub mod credentials;
pub mod draws;
pub mod end_reason;
pub mod fsm;
pub mod ipcp;
pub mod ipv6cp;
pub mod judgement;
pub mod keep_alive;
pub mod lcp;
pub mod link;
pub mod outbox;
pub mod refusal;
pub mod remarks;
pub mod timers;
