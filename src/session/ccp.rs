//! What CCP comes to for the worker: arming, and which calls keep a history of MPPC (RFC 2118),
//! which are as many as every worker has places for.
//!
//! A client gets compression only if it insists, so one that finds no place is not asked to do
//! without: its call ends, and says why.

use std::sync::Arc;

use super::{CallRef, FlowCommand, Sessions};
use crate::clock::Timestamp;
use crate::ppp::link as ppp;
use crate::wire::ccp::Agreement;

/// The places for histories.
pub(super) struct MppcPlaces {
    taken: Arc<()>,
    calls_max: usize,
}

/// A place that is taken for as long as this lives: until the worker has closed the flow.
pub(super) struct MppcPlace {
    _taken: Arc<()>,
}

impl MppcPlaces {
    pub(super) fn new(calls_max: usize) -> Self {
        let taken = Arc::new(());
        Self { taken, calls_max }
    }

    fn take(&self) -> Option<MppcPlace> {
        let taken = Arc::strong_count(&self.taken) - 1;
        (taken < self.calls_max).then(|| MppcPlace {
            _taken: Arc::clone(&self.taken),
        })
    }
}

impl Sessions {
    /// One direction of a call was agreed on, which `command` tells the worker.
    pub(super) fn arm(
        &mut self,
        id: CallRef,
        agreement: Agreement,
        command: FlowCommand,
        now: Timestamp,
    ) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if agreement.suite.is_some() {
            call.keys.arm();
        }
        if agreement.keeps_history() && call.mppc.is_none() {
            call.mppc = self.mppc.take();
            if call.mppc.is_none() {
                let full = ppp::EndReason::MppcCallsFull;
                return call.link.handle(ppp::Input::Close(full), now);
            }
        }
        self.order(id, command, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_calls_until_it_is_gone() {
        let places = MppcPlaces::new(2);
        let first = places.take().expect("free");
        let second = places.take().expect("free");
        assert!(places.take().is_none());
        drop(first);
        assert!(places.take().is_some(), "given back");
        drop(second);
    }
}
