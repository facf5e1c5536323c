//! What happened to sessions, as log lines. No event carries a secret, so none can be logged.

use crate::clock::Timestamp;
use crate::session::Event;

/// Lines in one second; whatever a flood of clients provokes, the loop does not wait for the log.
const LINES_PER_S: u32 = 100;

/// Writes events to the log, so many a second, and says how many it left out.
#[derive(Default)]
pub(super) struct EventLog {
    second: u64,
    lines: u32,
    left_out: u64,
}

impl EventLog {
    pub(super) fn write(&mut self, event: &Event, now: Timestamp) {
        self.turn(now);
        if self.lines >= LINES_PER_S {
            self.left_out += 1;
            return;
        }
        self.lines += 1;
        log(event);
    }

    /// Closes the second that is over.
    pub(super) fn turn(&mut self, now: Timestamp) {
        let second = now.since(Timestamp::ZERO).as_secs();
        if second == self.second {
            return;
        }
        self.second = second;
        self.lines = 0;
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            tracing::warn!(
                left_out,
                "more events in one second than are logged; see `pns show drops`"
            );
        }
    }
}

/// A client has replaced its expired password. At most one line for each user, so it is not counted.
pub(super) fn password_changed(user: &str) {
    tracing::warn!(
        user,
        "the client changed its expired password; it is in force until the server stops: write it to \
         the users file, which still has the old one"
    );
}

/// Writes one event to the log.
fn log(event: &Event) {
    match event {
        Event::ConnectionEstablished {
            peer,
            host_name,
            vendor_name,
        } => tracing::info!(%peer, host_name, vendor_name, "control connection established"),
        Event::ConnectionClosed { peer, reason } => {
            tracing::info!(%peer, %reason, "control connection closed");
        }
        Event::CallRefused { peer, reason } => tracing::warn!(%peer, reason, "call refused"),
        Event::CallOpened {
            flow,
            peer_address,
            origin,
            called_number,
            calling_number,
        } => tracing::info!(
            call_id = flow.call_id.get(),
            %peer_address,
            origin = origin.name(),
            called_number,
            calling_number,
            "call opened"
        ),
        Event::CallNotPlaced { peer, reason } => {
            tracing::warn!(peer, %reason, meaning = reason.describe(), "call not placed");
        }
        Event::Rejected { .. }
        | Event::NetworkUp { .. }
        | Event::DecryptionFailing { .. }
        | Event::SourceMoved { .. }
        | Event::CommandRefused { .. }
        | Event::CallEnded { .. } => log_call(event),
    }
}

fn log_call(event: &Event) {
    match event {
        Event::Rejected {
            flow,
            peer_address,
            rejection,
        } => {
            let call_id = flow.call_id.get();
            tracing::warn!(call_id, %peer_address, reason = %rejection, "authentication refused");
        }
        Event::NetworkUp {
            flow,
            user,
            lease,
            mppe,
            setup,
        } => {
            let (call_id, setup_ms) = (flow.call_id.get(), setup.as_millis());
            let lease = lease.map_or_else(|| "-".to_owned(), |lease| lease.to_string());
            let encryption = mppe.map_or_else(|| "none".to_owned(), |agreed| agreed.to_string());
            tracing::info!(call_id, user, lease, encryption, setup_ms, "network up");
        }
        Event::DecryptionFailing { flow, peer_address } => {
            tracing::warn!(
                call_id = flow.call_id.get(), %peer_address,
                "frames of this client do not decrypt: it derives other keys than the server, \
                 or something between changes them"
            );
        }
        Event::SourceMoved {
            flow,
            peer_address,
            address,
        } => {
            let call_id = flow.call_id.get();
            tracing::info!(call_id, %peer_address, %address, "GRE comes from another address");
        }
        Event::CommandRefused { flow } => {
            tracing::error!(
                call_id = flow.call_id.get(),
                "the worker refused an order of the slow path: this is an error of PNS"
            );
        }
        Event::CallEnded {
            flow,
            peer_address,
            user,
            reason,
            duration,
            totals,
        } => {
            tracing::info!(
                call_id = flow.call_id.get(),
                %peer_address,
                user = user.as_deref().unwrap_or("-"),
                %reason,
                meaning = reason.describe(),
                duration_s = duration.as_secs(),
                upstream_bytes = totals.upstream_bytes,
                downstream_bytes = totals.downstream_bytes,
                "call ended"
            );
        }
        Event::ConnectionEstablished { .. }
        | Event::ConnectionClosed { .. }
        | Event::CallRefused { .. }
        | Event::CallNotPlaced { .. }
        | Event::CallOpened { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Duration;

    #[test]
    fn a_flood_is_cut_and_counted_and_the_next_second_is_free_again() {
        let mut events = EventLog::default();
        let peer = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let event = Event::CallRefused {
            peer,
            reason: "call_rate",
        };
        let now = Timestamp::ZERO + Duration::from_secs(5);
        for _ in 0..LINES_PER_S + 7 {
            events.write(&event, now);
        }
        assert_eq!((events.lines, events.left_out), (LINES_PER_S, 7));
        events.turn(now + Duration::from_secs(1));
        assert_eq!((events.lines, events.left_out), (0, 0));
    }
}
