//! The bill: each kind of record in the words of RFC 8907 §8.3, and what becomes of it.

use super::*;
use crate::aaa::accounting::record::{BilledCall, Octets, Usage};
use crate::aaa::accounting::{DecidedBy, Kind as Told, Record, TerminateCause};
use crate::wire::tacacs::accounting::{Record as Sent, Request, Status as Written};
use crate::wire::tacacs::authorization::Prover;

fn record(kind: Told) -> Record {
    let of_call = !matches!(kind, Told::On | Told::Off);
    let usage = Usage {
        session_time_s: 60,
        upstream_packets: 1,
        upstream_octets: 5_000_000_000,
        downstream_packets: 3,
        downstream_octets: 4,
    };
    Record {
        kind,
        session_id: "65A0001".into(),
        servers: None,
        happened_ms: 1_700_000_060_500,
        call: of_call.then(|| BilledCall {
            domain: None,
            user: Octets(b"alice"[..].into()),
            lease: Some(Ipv4Addr::new(10, 0, 0, 7)),
            decided_by: DecidedBy::Remote,
            caller: caller(),
            class: Vec::new(),
        }),
        usage: matches!(kind, Told::Interim | Told::Stop).then_some(usage),
        terminate_cause: (kind == Told::Stop).then_some(TerminateCause::UserRequest),
    }
}

/// What the server read of a record: its kind, the user, and the arguments.
fn sent(kind: Told) -> (Sent, String, Vec<String>) {
    let mut world = World::new(vec![Script::default()]);
    world.client.bill(7, &record(kind), world.now);
    world.settle();
    assert_eq!(world.billed, [(7, Billed::Written)]);
    let (_, header, body) = &world.read[0];
    assert_eq!(header.kind, Kind::Accounting);
    let request = Request::parse(body).unwrap();
    let expected = if matches!(kind, Told::On | Told::Off) {
        Prover::LOCAL
    } else {
        Prover::TACACS
    };
    assert_eq!(request.proved.prover, expected);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let arguments = request.arguments.iter().map(|bytes| text(bytes));
    (
        request.record,
        text(request.proved.asker.user),
        arguments.collect(),
    )
}

const CALL: [&str; 5] = [
    "task_id=65A0001",
    "start_time=1700000000",
    "service=ppp",
    "protocol=ip",
    "addr=10.0.0.7",
];
const USED: [&str; 5] = [
    "elapsed_time=60",
    "bytes_in=5000000000",
    "bytes_out=4",
    "paks_in=1",
    "paks_out=3",
];

#[test]
fn section_8_3_each_record_says_what_it_has_to() {
    let (kind, user, arguments) = sent(Told::Start);
    assert_eq!((kind, user.as_str()), (Sent::Start, "alice"));
    let mut start = CALL;
    start[1] = "start_time=1700000060";
    assert_eq!(arguments, start);
    let (kind, _, arguments) = sent(Told::Interim);
    assert_eq!(kind, Sent::Watchdog);
    assert_eq!(arguments, [&CALL[..], &USED].concat());
    let (kind, _, arguments) = sent(Told::Stop);
    assert_eq!(kind, Sent::Stop);
    let stop = [
        &CALL[..],
        &["stop_time=1700000060"],
        &USED,
        &["reason=user_request"],
    ];
    assert_eq!(arguments, stop.concat());
    for (told, kind, when, why) in [
        (
            Told::On,
            Sent::Start,
            "start_time=1700000060",
            "reason=reload",
        ),
        (
            Told::Off,
            Sent::Stop,
            "stop_time=1700000060",
            "reason=shutdown",
        ),
    ] {
        let (sent, user, arguments) = sent(told);
        assert_eq!((sent, user.as_str()), (kind, ""));
        let system = [
            "task_id=65A0001",
            when,
            "service=system",
            "event=sys_acct",
            why,
        ];
        assert_eq!(arguments, system);
    }
}

#[test]
fn a_record_that_nobody_takes_is_given_back_but_not_at_once() {
    let absent = Script {
        listens: false,
        ..Script::default()
    };
    let failing = Script {
        written: Written::Error,
        ..Script::default()
    };
    for (script, words) in [
        (absent, "cannot be reached"),
        (failing, "says that it cannot answer"),
    ] {
        let mut world = World::new(vec![script]);
        world.client.bill(7, &record(Told::Start), world.now);
        world.pass(Duration::from_millis(1900));
        assert_eq!(world.billed, []);
        world.pass(Duration::from_millis(200));
        let [(7, Billed::Unanswered(why))] = &*world.billed else {
            panic!("{:?}", world.billed);
        };
        assert!(why.contains(words), "{why}");
        // A log-in meanwhile is another matter.
        world.servers[0] = Script::default();
        world.granted(&pap());
    }
}
