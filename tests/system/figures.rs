//! What the server has counted and what it still holds: the questions that every test asks.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use pns::operate::account;
use pns::operate::explain::{AccountRow, Subject};
use pns::session::CallView;

impl Server {
    /// Frames that all workers dropped for `reason`.
    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.links
            .iter()
            .map(|link| link.stats.dropped(reason))
            .sum()
    }

    /// Everything that was dropped, by reason.
    pub(crate) fn drops(&self) -> Vec<(DropReason, u64)> {
        let count = |reason: &DropReason| (*reason, self.dropped(*reason));
        DropReason::ALL
            .iter()
            .map(count)
            .filter(|(_, frames)| *frames > 0)
            .collect()
    }

    /// Frames that entered or left all workers at `place`.
    pub(crate) fn frames(&self, place: FrameCount) -> u64 {
        self.links.iter().map(|link| link.stats.frames(place)).sum()
    }

    /// Nothing enters a worker that does not leave it, is dropped for a reason, or is held.
    pub(crate) fn assert_conserved(&self) {
        for (index, link) in self.links.iter().enumerate() {
            let (entered, gone) = link.stats.balance();
            assert_eq!(entered, gone, "frames of worker {index}");
        }
        let (out, taken) = (
            self.frames(FrameCount::HandedOut),
            self.frames(FrameCount::HandedIn),
        );
        assert_eq!(out, taken, "frames between workers");
    }

    pub(crate) fn call(&self, lease: Ipv4Addr) -> CallView {
        let mut views = self.sessions.views();
        views
            .find(|call| call.lease == Some(lease))
            .expect("a call with this lease")
    }

    /// What the call with this lease has carried so far.
    pub(crate) fn totals(&self, lease: Ipv4Addr) -> FlowTotals {
        let call = self.call(lease);
        let slot = call.counter_slot.expect("an open flow") as usize;
        self.links[usize::from(call.worker)]
            .counters
            .get(slot)
            .unwrap()
            .totals()
    }

    /// The reasons of all calls that have ended, in order.
    pub(crate) fn ends(&self) -> Vec<String> {
        let reason = |event: &Event| match event {
            Event::CallEnded { reason, .. } => Some(reason.name()),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// What `pns explain` answers at this moment, the latest last.
    pub(crate) fn explain(&self, which: &Subject, now: Timestamp) -> Vec<AccountRow> {
        let accounts = self.sessions.explain(&account::key(which), 100);
        let wall = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let rows = accounts.iter().map(|it| account::row(it, now, wall));
        rows.rev().collect()
    }

    pub(crate) fn count_events(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is(event)).count()
    }

    /// Orders that a worker refused: none, ever.
    pub(crate) fn assert_no_command_was_refused(&self) {
        let refused = |event: &Event| matches!(event, Event::CommandRefused { .. });
        assert_eq!(
            self.count_events(refused),
            0,
            "the slow path gave a wrong order"
        );
    }

    /// Whether calls, flows, Call IDs, leases, permits and directory entries have all come back.
    pub(crate) fn assert_no_call_is_left(&mut self) {
        assert_eq!(self.sessions.call_count(), 0, "calls");
        assert_eq!(self.sessions.live_call_ids(), 0, "Call IDs");
        assert_eq!(self.sessions.admitted().calls, 0, "admitted calls");
        assert_eq!(self.sessions.pool_usage()[0].used, 0, "leases");
        for (index, worker) in self.workers.iter().enumerate() {
            assert_eq!(worker.flows(), 0, "flows of worker {index}");
        }
        for address in POOL_FIRST.to_bits()..=POOL_LAST.to_bits() {
            let address = Ipv4Addr::from_bits(address);
            assert_eq!(
                self.owners.owner(address),
                None,
                "{address} in the directory"
            );
        }
        let opened = self.count_events(|event| matches!(event, Event::CallOpened { .. }));
        let ended = self.count_events(|event| matches!(event, Event::CallEnded { .. }));
        assert!(ended >= opened, "{opened} calls were opened, {ended} ended");
        self.assert_no_command_was_refused();
        self.assert_conserved();
    }

    /// The same, and no control connection either.
    pub(crate) fn assert_nothing_is_left(&mut self) {
        self.assert_no_call_is_left();
        assert!(self.sessions.is_empty(), "control connections");
        let admitted = self.sessions.admitted();
        assert_eq!((admitted.control_connections, admitted.half_open), (0, 0));
        assert_eq!(admitted.sources, 0, "addresses");
    }
}
