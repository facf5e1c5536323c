//! What systemd hears from us (`Type=notify`). Without systemd every call does nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// Start-up is complete: calls are accepted from here on. `status` shows in `systemctl status`.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A line for `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Shutdown has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Everything works. Only to be said while [`super::watchdog::Watchdog::all_beating`] holds.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] must be said at least: half of the limit that systemd has set, if it has.
#[must_use]
pub fn alive_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(%error, "systemd cannot be told");
    }
}
