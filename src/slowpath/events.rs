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
pub(super) fn password_kept(user: &str) {
    tracing::info!(
        user,
        "the client changed its expired password; users.file has the new one"
    );
}

/// The same, but it could not be kept.
pub(super) fn password_not_kept(user: &str, why: &str) {
    tracing::warn!(
        user,
        why,
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
            left_alone,
        } => {
            let (call_id, setup_ms) = (flow.call_id.get(), setup.as_millis());
            let lease = lease.map_or_else(|| "-".to_owned(), |lease| lease.to_string());
            let encryption = mppe.map_or_else(|| "none".to_owned(), |agreed| agreed.to_string());
            tracing::info!(call_id, user, lease, encryption, setup_ms, "network up");
            if !left_alone.is_empty() {
                let attributes = left_alone.join(", ");
                tracing::info!(call_id, user, attributes, "these have no effect here");
            }
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
        Event::CallEnded { .. } => log_end(event),
        Event::ConnectionEstablished { .. }
        | Event::ConnectionClosed { .. }
        | Event::CallRefused { .. }
        | Event::CallNotPlaced { .. }
        | Event::CallOpened { .. } => {}
    }
}

/// The line of a call that is over: why, and what it carried.
fn log_end(event: &Event) {
    let Event::CallEnded {
        flow,
        peer_address,
        user,
        reason,
        stage,
        finding,
        duration,
        totals,
    } = event
    else {
        return;
    };
    tracing::info!(
        call_id = flow.call_id.get(),
        %peer_address,
        user = user.as_deref().unwrap_or("-"),
        %reason,
        meaning = reason.describe(),
        stage = stage.name(),
        finding = finding.name(),
        terminate_cause = reason.terminate_cause().name(),
        duration_s = duration.as_secs(),
        upstream_bytes = totals.upstream_bytes,
        downstream_bytes = totals.downstream_bytes,
        "call ended"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowKey, FlowTotals};
    use crate::ppp::link as ppp;
    use crate::session::EndReason;
    use crate::session::verdict::{Finding, Stage};
    use crate::wire::call_id::CallId;
    use std::io;
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// What a subscriber was given, as text.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_end_of_a_call_is_logged_with_its_finding() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let event = Event::CallEnded {
            flow: FlowKey::new(0, CallId::new(7)),
            peer_address: Ipv4Addr::LOCALHOST,
            user: None,
            reason: EndReason::Link(ppp::EndReason::MppeRefusedByPeer),
            stage: Stage::Ccp,
            finding: Finding::EncryptionTooWeak,
            duration: Duration::from_secs(3),
            totals: FlowTotals::default(),
        };
        tracing::subscriber::with_default(subscriber, || log(&event));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for word in [
            "call ended",
            "call_id=7",
            "reason=link.mppe_refused_by_peer",
            "stage=\"ccp\"",
            "finding=\"encryption_too_weak\"",
            "terminate_cause=\"user_error\"",
        ] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }

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
