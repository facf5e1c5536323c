//! The RADIUS servers as an operator sees them.

use super::requests::Requests;
use crate::aaa::outage::{Outage, OutageCount};
use crate::aaa::radius::dynamic::{Discarded, ErrorCause};
use crate::aaa::radius::{Client, Counters, RTT_BOUNDS_MS, ReplyRefusal, ServerView};
use crate::clock::Timestamp;
use crate::operate::rows::{Counter, RadiusRow, RadiusStatus, RoundTrips};

/// Every service of every server, and what became of requests.
pub(super) fn status(
    client: Option<&Client>,
    requests: Option<&Requests>,
    outage: Option<&Outage>,
    now: Timestamp,
) -> RadiusStatus {
    let servers = client.into_iter().flat_map(|client| client.servers(now));
    RadiusStatus {
        servers: servers.map(|server| row(&server)).collect(),
        requests: requests.map(requested).unwrap_or_default(),
        kept_users: outage.map_or(0, |outage| outage.len() as u64),
        outage: outage.map_or_else(Vec::new, |outage| {
            let names = OutageCount::ALL.iter().map(|count| count.name());
            counters(names, outage.counts())
        }),
    }
}

/// What became of requests about live calls.
fn requested(requests: &Requests) -> Vec<Counter> {
    let machine = requests.machine();
    let discarded = Discarded::ALL.iter().map(|cause| cause.name());
    let refused = ErrorCause::ALL.iter().map(|cause| cause.name());
    let carried = counters(["carried_out"].into_iter(), &[machine.carried()]);
    carried
        .into_iter()
        .chain(counters(refused, machine.refused()))
        .chain(counters(discarded, machine.discarded()))
        .collect()
}

fn row(server: &ServerView<'_>) -> RadiusRow {
    let counted: &Counters = server.counters;
    let bounds = RTT_BOUNDS_MS.iter().copied().map(Some).chain([None]);
    let round_trips = bounds.zip(counted.round_trips);
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let names = ReplyRefusal::ALL.iter().map(|cause| cause.name());
    RadiusRow {
        server: server.config.name.to_string(),
        service: server.config.service.name().to_owned(),
        address: server.config.address.to_string(),
        state: server.health.name().to_owned(),
        outstanding: server.outstanding as u64,
        questions: counted.questions,
        retransmits: counted.retransmits,
        replies: counted.replies,
        timeouts: counted.timeouts,
        deaths: counted.deaths,
        last_round_trip_us: counted.last_round_trip.map(micros),
        round_trips: round_trips
            .filter(|(_, count)| *count > 0)
            .map(|(at_most_ms, count)| RoundTrips { at_most_ms, count })
            .collect(),
        refused: counters(names, &counted.refused),
    }
}

/// Those that are not zero.
pub(super) fn counters<'n>(names: impl Iterator<Item = &'n str>, counts: &[u64]) -> Vec<Counter> {
    let named = names.zip(counts).filter(|(_, count)| **count > 0);
    named
        .map(|(name, count)| Counter {
            name: name.to_owned(),
            value: *count,
        })
        .collect()
}
