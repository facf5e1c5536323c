//! Our RADIUS client against the distribution's FreeRADIUS, on loopback: every way to log in, the keys,
//! what is granted, what is refused, and the bill. `packaging/install-dependencies.sh test` installs it;
//! without it the cases say so and end.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a case fails by these, and looks at what it is about"
)]

mod accounting;
#[path = "../support/control_client.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod control_client;
mod dynamic;
mod eap;
mod log_in;
mod outage;
#[path = "../support/plane.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod plane;
#[path = "../support/ppp_client.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod ppp_client;
#[path = "../support/radius_settings.rs"]
mod radius_settings;
mod server;
#[path = "../support/server_process.rs"]
mod server_process;

/// Starts a FreeRADIUS, or says why not and ends the test.
macro_rules! server_or_skip {
    () => {
        match crate::server::FreeRadius::start() {
            Some(server) => server,
            None => {
                eprintln!("skipped: there is no freeradius here");
                return;
            }
        }
    };
}
pub(crate) use server_or_skip;
