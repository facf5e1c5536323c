//! What becomes of a live link whose protocols are negotiated anew (RFC 1661 §3.4, §4.3).
//!
//! A start key may be used once, so neither LCP nor CCP can come up again on the keys that are in
//! use: the worker is told to wipe them and to forward nothing, the client proves once more who it
//! is, and the network phase begins again with the keys of that login. GRE runs on all the while.

use super::{EndReason, Link, Output, Phase, Said, Timer};
use crate::clock::Timestamp;

impl Link {
    /// LCP is negotiated anew, and everything above it falls (RFC 1661 §3.4).
    pub(super) fn lcp_down(&mut self, now: Timestamp) -> Result<(), EndReason> {
        self.count_renegotiation(now)?;
        self.suspend(now);
        self.phase = Phase::Establish;
        Ok(())
    }

    /// CCP is negotiated anew after its keys were used: the client has to earn new ones.
    pub(super) fn authenticate_anew(&mut self, now: Timestamp) -> Result<(), EndReason> {
        if self.is_client() {
            // It is not for us to ask for another log-in.
            return Err(EndReason::RekeyNotPossible);
        }
        self.count_renegotiation(now)?;
        self.suspend(now);
        self.lcp_up(now);
        Ok(())
    }

    /// Nothing above LCP is left, and nothing passes until there is again.
    fn suspend(&mut self, now: Timestamp) {
        if self.network.take().is_some() {
            self.outbox.push(Output::Suspend);
        }
        self.said = Said {
            network_up: self.said.network_up,
            ..Said::default()
        };
        self.authenticator.reset();
        if let Some(authenticatee) = &mut self.authenticatee {
            authenticatee.reset();
        }
        self.timers.clear(Timer::Challenge);
        self.timers.clear(Timer::Reauthentication);
        self.timers.clear(Timer::Encryption);
        self.timers.clear(Timer::Echo);
        // A link that was not up yet keeps its deadline: a path on which the layers keep falling
        // must not put the end off with each fall.
        if !self.timers.is_set(Timer::Setup) {
            self.timers
                .set(Timer::Setup, now + self.config.setup_timeout);
        }
    }

    /// Now and then is fine for as long as a call lasts; again and again is not.
    pub(super) fn count_renegotiation(&mut self, now: Timestamp) -> Result<(), EndReason> {
        if self.renegotiations.take(now) {
            Ok(())
        } else {
            Err(EndReason::RenegotiationLimit)
        }
    }
}
