//! The TACACS+ servers as an operator sees them.

use super::radius_view::counters;
use crate::aaa::tacacs::{Client, Fault, ServerView};
use crate::clock::Timestamp;
use crate::operate::rows::TacacsRow;

/// Every server.
pub(super) fn rows(client: Option<&Client>, now: Timestamp) -> Vec<TacacsRow> {
    let servers = client.into_iter().flat_map(|client| client.servers(now));
    servers.map(|server| row(&server)).collect()
}

fn row(server: &ServerView<'_>) -> TacacsRow {
    let counted = server.counters;
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    TacacsRow {
        server: server.config.name.to_string(),
        address: server.config.address.to_string(),
        state: if server.is_dead { "dead" } else { "alive" }.to_owned(),
        connections: server.connections as u64,
        shared: server.shares,
        outstanding: server.outstanding as u64,
        questions: counted.questions,
        answers: counted.answers,
        connections_opened: counted.connections,
        deaths: counted.deaths,
        last_round_trip_us: counted.last_round_trip.map(micros),
        faults: counters(Fault::ALL.iter().map(|fault| fault.name()), &counted.faults),
    }
}
