//! An orderly stop, a slice at a time: a hundred thousand goodbyes take seconds, and nothing else
//! may wait for them.

use super::{Connection, ConnectionId, EndReason, Sessions};
use crate::clock::Timestamp;
use crate::wire::pptp::StopReason;

/// Calls, or connections without one, that are ended in one turn.
pub(super) const SWEEP_BUDGET: usize = 128;
/// Places that are looked at in one turn.
const SWEEP_PLACES: usize = 2048;

/// How far it has come. What gets into a place behind is refused, as the server stops.
#[derive(Clone, Copy)]
pub(super) enum Sweep {
    /// Calls are told goodbye, from this place on.
    Calls { next: usize },
    /// Connections that have no calls are stopped, from this place on; the others stop when their
    /// last call is gone.
    Connections { next: usize },
}

impl Sessions {
    /// Ends every session in an orderly way, as many in a turn as a turn has time for, and accepts no
    /// new ones from now on. [`Self::is_empty`] says when they are gone.
    pub fn stop(&mut self, now: Timestamp) {
        self.stopping = true;
        self.sweep = Some(Sweep::Calls { next: 0 });
        // First the calls, then the connections: a small server is through with both at once.
        self.sweep(now);
        self.sweep(now);
        self.settle(now);
    }

    /// Takes one slice of an orderly stop, if there is one.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.sweep = match self.sweep {
            None => None,
            Some(Sweep::Calls { next }) => Some(self.sweep_calls(next, now)),
            Some(Sweep::Connections { next }) => self.sweep_connections(next, now),
        };
    }

    fn sweep_calls(&mut self, start: usize, now: Timestamp) -> Sweep {
        let places = start..start + SWEEP_PLACES;
        let found = self.calls.iter_in(places.clone()).map(|(id, _)| id);
        let found: Vec<_> = found.take(SWEEP_BUDGET).collect();
        let next = after(&found, places.end, |id| id.index());
        for id in found {
            self.begin_end(id, EndReason::AdministrativeStop, now);
        }
        if next < self.calls.places() {
            Sweep::Calls { next }
        } else {
            Sweep::Connections { next: 0 }
        }
    }

    fn sweep_connections(&mut self, start: usize, now: Timestamp) -> Option<Sweep> {
        let places = start..start + SWEEP_PLACES;
        let idle = |(id, connection): (ConnectionId, &Connection)| {
            connection.calls.is_empty().then_some(id)
        };
        let found = self.connections.iter_in(places.clone()).filter_map(idle);
        let found: Vec<_> = found.take(SWEEP_BUDGET).collect();
        let next = after(&found, places.end, |id| id.index());
        for id in found {
            self.stop_connection(id, StopReason::STOP_LOCAL_SHUTDOWN, now);
        }
        (next < self.connections.places()).then_some(Sweep::Connections { next })
    }
}

/// Where the next slice begins: behind the last one found if there may be more in these places.
fn after<T>(found: &[T], end: usize, place: impl Fn(&T) -> usize) -> usize {
    match found.last() {
        Some(last) if found.len() == SWEEP_BUDGET => place(last) + 1,
        Some(_) | None => end,
    }
}
