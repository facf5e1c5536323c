//! The bill, as a server of another make reads it.

use std::net::Ipv4Addr;

use pns::aaa::accounting::record::{BilledCall, Octets, Usage};
use pns::aaa::accounting::{DecidedBy, Kind, Record, TerminateCause};

use crate::server::caller;
use crate::server_or_skip;

fn record(kind: Kind, usage: Option<Usage>) -> Record {
    Record {
        kind,
        session_id: "65A0001".into(),
        servers: None,
        happened_ms: 1_700_000_060_000,
        call: Some(BilledCall {
            domain: None,
            user: Octets(b"alice"[..].into()),
            lease: Some(Ipv4Addr::new(10, 9, 8, 7)),
            decided_by: DecidedBy::Remote,
            caller: caller(),
            class: Vec::new(),
        }),
        usage,
        terminate_cause: (kind == Kind::Stop).then_some(TerminateCause::UserRequest),
    }
}

#[test]
fn start_watchdog_and_stop_are_written_down() {
    let server = server_or_skip!();
    let mut client = server.client();
    let usage = Usage {
        session_time_s: 60,
        upstream_packets: 200,
        upstream_octets: 16_800,
        downstream_packets: 201,
        downstream_octets: 16_884,
    };
    client.bill(&record(Kind::Start, None));
    client.bill(&record(Kind::Interim, Some(usage)));
    client.bill(&record(Kind::Stop, Some(usage)));
    let records = server.records();
    let flags: Vec<_> = records.iter().map(|it| it["flags"].as_u64()).collect();
    assert_eq!(flags, [Some(2), Some(8), Some(4)]);
    let stop = &records[2];
    assert_eq!(stop["user"], "alice");
    let arguments = stop["args"].as_array().unwrap();
    for argument in [
        "task_id=65A0001",
        "start_time=1700000000",
        "stop_time=1700000060",
        "elapsed_time=60",
        "bytes_in=16800",
        "bytes_out=16884",
        "paks_in=200",
        "paks_out=201",
        "addr=10.9.8.7",
        "reason=user_request",
    ] {
        assert!(
            arguments.contains(&argument.into()),
            "no {argument} in {stop}"
        );
    }
}
