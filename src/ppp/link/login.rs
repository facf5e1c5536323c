//! The authentication phase of a link on which we are the client (RFC 1661 §3.5).
//!
//! The peer says in LCP how it wants us to log in. One that wants nothing lets us in as we are; there
//! are no keys then, and a link that has to be encrypted ends.

use super::{EndReason, Link, Output, Phase, Timer};
use crate::clock::Timestamp;
use crate::ppp::auth::Method;
use crate::ppp::authenticatee::{Authenticatee, Keying, Outcome};
use crate::ppp::ipcp::Ipcp;
use crate::wire::ppp::Protocol;

impl Link {
    /// Our machine for logging in; `None` on a link to a client.
    pub(super) const fn is_client(&self) -> bool {
        self.authenticatee.is_some()
    }

    /// How the one who logs in does, whoever it is.
    pub(super) fn method(&self) -> Option<Method> {
        match &self.authenticatee {
            Some(authenticatee) => authenticatee.method(),
            None => self.authenticator.method(),
        }
    }

    pub(super) fn begin_login(&mut self, now: Timestamp) {
        let demanded = self.lcp.policy().peer().demands;
        let Some(method) = demanded else {
            return self.let_in(Keying::None, now);
        };
        let first = self
            .authenticatee
            .as_mut()
            .and_then(|authenticatee| authenticatee.start(method));
        if let Some(frame) = first {
            self.send(frame);
        }
        self.watch_login(now);
    }

    fn watch_login(&mut self, now: Timestamp) {
        self.timers
            .set(Timer::Challenge, now + self.config.restart_timer);
    }

    /// A packet of an authentication protocol, from the one who asks.
    pub(super) fn login_frame(&mut self, protocol: Protocol, payload: &[u8], now: Timestamp) {
        self.with_login(now, |login| login.receive(protocol, payload));
    }

    pub(super) fn login_timeout(&mut self, now: Timestamp) {
        self.with_login(now, Authenticatee::tick);
    }

    /// The peer speaks of the network: it thinks that we are in.
    pub(super) fn login_concluded(&mut self, now: Timestamp) {
        if self.phase == Phase::Authenticate
            && let Some(keying) = self.authenticatee.as_mut().and_then(|it| it.conclude())
        {
            self.let_in(keying, now);
        }
    }

    fn with_login(&mut self, now: Timestamp, act: impl FnOnce(&mut Authenticatee) -> Outcome) {
        let Some(authenticatee) = &mut self.authenticatee else {
            return;
        };
        match act(authenticatee) {
            Outcome::Answer(frame) => {
                self.send(frame);
                self.watch_login(now);
            }
            Outcome::Admitted(keying) => self.let_in(keying, now),
            Outcome::Denied(reason) => self.end(reason, now),
            Outcome::Wait if self.phase == Phase::Authenticate => self.watch_login(now),
            Outcome::Wait => {}
            Outcome::Refused(refusal) => self.refusals.count(refusal),
        }
    }

    /// The peer has let us in. On a live link it only wanted to know whether it is still us, and no
    /// key changes (see `authenticate`).
    fn let_in(&mut self, keying: Keying, now: Timestamp) {
        self.timers.clear(Timer::Challenge);
        if self.phase == Phase::Network {
            return;
        }
        let keys = keying.gives_keys();
        self.outbox.push(Output::LoggedIn(keying));
        self.phase = Phase::Network;
        self.start_echo(now);
        let wish = self.config.client.as_ref().and_then(|client| client.wish);
        self.start_network(Ipcp::obtaining(wish), None, keys, now);
    }

    /// What to say of a log-in that came to no end.
    pub(super) const fn login_timeout_reason(&self) -> EndReason {
        if self.is_client() {
            EndReason::LoginUnanswered
        } else {
            EndReason::AuthenticationTimeout
        }
    }
}
