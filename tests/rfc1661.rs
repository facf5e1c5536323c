//! RFC 1661, clause by clause, for the automaton that LCP, CCP and the NCPs share. What LCP makes of
//! it is in `ppp_link`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

#[path = "rfc1661/convergence.rs"]
mod convergence;
#[path = "rfc1661/driver.rs"]
mod driver;
#[path = "rfc1661/state_table.rs"]
mod state_table;
