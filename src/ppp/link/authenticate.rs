//! The authentication phase (RFC 1661 §3.5), and its repetition on a live call (RFC 1994 §2).
//!
//! A repetition changes no key: MPPE's start keys belong to the log-in that opened CCP, and a key that
//! changed under frames on their way would lose them without need. It answers one question only,
//! whether the client still knows the password, and a client that does not is let go.

use super::{EndReason, Link, MppePolicy, NetworkGrant, Output, Phase, Refusal, Timer};
use crate::clock::Timestamp;
use crate::ppp::auth::{Denial, Method, Next, Outcome, Tick};
use crate::ppp::ipcp::Ipcp;
use crate::wire::ccp::Strengths;
use crate::wire::chap::FailureCode;
use crate::wire::mppe::Strength;
use crate::wire::ppp::Protocol;

impl Link {
    pub(super) fn lcp_up(&mut self, now: Timestamp) {
        self.phase = Phase::Authenticate;
        if self.is_client() {
            return self.begin_login(now);
        }
        let Some(method) = self.lcp.policy().authentication().current() else {
            return self.end(EndReason::AuthenticationNotAgreed, now);
        };
        self.ask_for_proof(method, now);
    }

    fn ask_for_proof(&mut self, method: Method, now: Timestamp) {
        if let Some(frame) = self.authenticator.start(method, &self.config.chap_name) {
            self.send(frame);
        }
        self.timers
            .set(Timer::Challenge, now + self.config.restart_timer);
    }

    /// Asks the client of a live call again. PAP clients speak by themselves and cannot be asked.
    pub(super) fn reauthenticate(&mut self, now: Timestamp) {
        match self.authenticator.method() {
            Some(Method::Pap) | None => {}
            Some(_) if !self.said.forward_downstream || self.phase != Phase::Network => {}
            // The client is being asked already.
            Some(_) if self.timers.is_set(Timer::Challenge) || self.awaits_decision() => {}
            Some(method) => self.ask_for_proof(method, now),
        }
    }

    /// Whether [`super::Input::Reauthenticate`] asks the client anything.
    #[must_use]
    pub fn can_be_asked_again(&self) -> bool {
        self.phase == Phase::Network
            && self.said.forward_downstream
            && self
                .authenticator
                .method()
                .is_some_and(|method| method != Method::Pap)
    }

    /// The time to ask again starts when the network is up, and after each time that went well.
    pub(super) fn schedule_reauthentication(&mut self, now: Timestamp) {
        let interval = self.config.reauthentication_interval;
        if !interval.is_zero() {
            self.timers.set(Timer::Reauthentication, now + interval);
        }
    }

    pub(super) fn authentication_frame(
        &mut self,
        protocol: Protocol,
        payload: &[u8],
        now: Timestamp,
    ) {
        if !matches!(self.phase, Phase::Authenticate | Phase::Network) {
            return self.refusals.count(Refusal::WrongPhase);
        }
        if self.is_client() {
            return self.login_frame(protocol, payload, now);
        }
        match self.authenticator.receive(protocol, payload) {
            Outcome::Ask(credentials) => {
                self.timers.clear(Timer::Challenge);
                self.outbox.push(Output::Authenticate(credentials));
            }
            Outcome::Repeat(frame) => self.send(frame),
            Outcome::Refused(refusal) => self.refusals.count(refusal),
        }
    }

    pub(super) fn granted(
        &mut self,
        message: &str,
        grant: NetworkGrant,
        keys: bool,
        now: Timestamp,
    ) {
        let success = if self.awaits_decision() {
            self.authenticator.grant(message)
        } else {
            None
        };
        let Some(success) = success else {
            return self.refusals.count(Refusal::UnexpectedDecision);
        };
        self.send(success);
        if self.phase == Phase::Network {
            return self.schedule_reauthentication(now);
        }
        self.phase = Phase::Network;
        self.start_echo(now);
        self.start_network(Ipcp::assigning(grant), grant.mppe, keys, now);
    }

    /// What the keys of this log-in can be used for, and whether that leaves any.
    pub(super) fn keyed_policy(&self, policy: MppePolicy, keys: bool) -> (MppePolicy, bool) {
        let short_too = self.method().is_some_and(Method::gives_short_keys);
        if short_too {
            return (policy, keys);
        }
        let long = Strengths::only(Strength::Bits128);
        match policy.strengths.common(long) {
            Some(strengths) => (
                MppePolicy {
                    strengths,
                    ..policy
                },
                keys,
            ),
            None => (policy, false),
        }
    }

    pub(super) fn refused(
        &mut self,
        code: FailureCode,
        message: &str,
        retry: bool,
        now: Timestamp,
    ) {
        let live = self.phase == Phase::Network;
        let denial = Denial {
            code,
            text: message,
            // Who was let in once has to know the password now.
            retry: retry && !live,
        };
        let refusal = if self.awaits_decision() {
            self.authenticator.refuse(denial)
        } else {
            None
        };
        match refusal {
            None => self.refusals.count(Refusal::UnexpectedDecision),
            Some((failure, Next::Again)) if !live => {
                self.send(failure);
                // RFC 2759 §6: a user types the next password, so short timeouts are off.
                self.timers
                    .set(Timer::Setup, now + self.config.setup_timeout);
            }
            Some((failure, Next::Again | Next::Over)) => {
                self.send(failure);
                self.end(end_reason(code, live), now);
            }
        }
    }

    /// The next Request of an EAP conversation. What cannot be passed on ends it: the client would
    /// wait for ever.
    pub(super) fn challenged(&mut self, packet: &[u8], state: &[u8], now: Timestamp) {
        let peer_mru = self.lcp.policy().peer().mru;
        let frame = if self.awaits_decision() {
            self.authenticator.challenge(packet, state, peer_mru)
        } else {
            None
        };
        match frame {
            None => self.refusals.count(Refusal::UnexpectedDecision),
            Some(Err(_)) => {
                self.refusals.count(Refusal::UnfitEapRequest);
                self.end(EndReason::AuthenticationServerFault, now);
            }
            Some(Ok(frame)) => {
                self.send(frame);
                self.timers
                    .set(Timer::Challenge, now + self.config.restart_timer);
            }
        }
    }

    pub(super) fn challenge_timeout(&mut self, now: Timestamp) {
        if self.is_client() {
            return self.login_timeout(now);
        }
        match self.authenticator.tick() {
            Tick::Idle => return,
            Tick::GiveUp => return self.end(EndReason::AuthenticationTimeout, now),
            Tick::Ask(frame) => self.send(frame),
            Tick::Wait => {}
        }
        self.timers
            .set(Timer::Challenge, now + self.config.restart_timer);
    }
}

const fn end_reason(code: FailureCode, live: bool) -> EndReason {
    match code {
        FailureCode::AuthenticationFailure if live => EndReason::ReauthenticationFailed,
        FailureCode::AuthenticationFailure => EndReason::AuthenticationFailed,
        FailureCode::RestrictedLogonHours => EndReason::LogonHoursRestricted,
        FailureCode::AccountDisabled => EndReason::AccountDisabled,
        FailureCode::PasswordExpired => EndReason::PasswordExpired,
        FailureCode::NoDialInPermission => EndReason::DialInNotPermitted,
        FailureCode::ChangingPassword => EndReason::PasswordChangeFailed,
    }
}
