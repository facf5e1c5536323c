//! What happened to sessions, as log lines. No event carries a secret, so none can be logged.

use crate::session::Event;

/// Writes one event to the log.
pub(super) fn log(event: &Event) {
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
        Event::CallOpened { flow, peer_address } => {
            tracing::info!(call_id = flow.call_id.get(), %peer_address, "call opened");
        }
        Event::Rejected { .. }
        | Event::NetworkUp { .. }
        | Event::DecryptionFailing { .. }
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
            encrypted,
            setup,
        } => {
            let (call_id, setup_ms) = (flow.call_id.get(), setup.as_millis());
            tracing::info!(call_id, user, %lease, encrypted, setup_ms, "network up");
        }
        Event::DecryptionFailing { flow, peer_address } => {
            tracing::warn!(
                call_id = flow.call_id.get(), %peer_address,
                "frames of this client do not decrypt: it derives other keys than the server, \
                 or something between changes them"
            );
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
        | Event::CallOpened { .. } => {}
    }
}
