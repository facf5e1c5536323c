//! RFC 1661, clause by clause, for the automaton that LCP, CCP and the NCPs share. What LCP makes of
//! it is in `ppp_link`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "rfc1661/convergence.rs"]
mod convergence;
#[path = "rfc1661/driver.rs"]
mod driver;
#[path = "rfc1661/state_table.rs"]
mod state_table;
