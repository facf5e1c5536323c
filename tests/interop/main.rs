//! A real Linux client (pptp-linux and pppd with the kernel's MPPE) against the `pns` binary, in the
//! network of `tests/interop/lab`. Needs root; `packaging/install-dependencies.sh test` installs the
//! rest. `PNS_LAB_SERVER=pptpd` runs the cases that any server must pass against Debian's pptpd, so
//! that a case can be judged before the server is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a case fails by these"
)]

mod authentication;
mod call;
mod config;
mod dynamic;
mod eap;
mod encryption;
mod forwarding;
mod lab;
mod operator;
mod peers;
mod radius;
mod radius_users;
mod service;
mod sites;
mod tacacs;
mod wire;
mod workers;

/// Starts a lab, or says why not and ends the test.
macro_rules! lab_or_skip {
    () => {
        match crate::lab::Lab::start() {
            Some(lab) => lab,
            None => {
                eprintln!("skipped: not root, and a lab needs network namespaces");
                return;
            }
        }
    };
}
pub(crate) use lab_or_skip;

/// Ends a test that speaks of what only PNS has, when another server is judged.
macro_rules! pns_only {
    () => {
        if crate::lab::reference() {
            eprintln!("skipped: speaks of what only PNS has");
            return;
        }
    };
}
pub(crate) use pns_only;
