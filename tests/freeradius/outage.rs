//! Servers that die, one of two and all: nobody who logs in is lost, no call ends, no record is missing.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pns::aaa::accounting::TerminateCause;
use pns::aaa::radius::{Caller, Demand, Event};
use pns::aaa::{Access, Decision};
use pns::flow::{FlowKey, FlowTotals};
use pns::ppp::link::{Credentials, MppePolicy};
use pns::wire::call_id::CallId;

use crate::server::{Dialler, FreeRadius, SECRET, caller};

/// Log-ins in a second.
const RATE: u32 = 200;

/// Two servers, or none if there is no FreeRADIUS here.
fn two() -> Option<(FreeRadius, FreeRadius)> {
    Some((FreeRadius::start()?, FreeRadius::start()?))
}

fn alice() -> Credentials {
    Credentials::Pap {
        name: b"alice".to_vec(),
        password: b"wonderland-7".to_vec(),
    }
}

fn access() -> Access {
    Access {
        mppe: MppePolicy::OPTIONAL,
        ..Access::default()
    }
}

fn call(number: u16) -> Caller {
    Caller {
        client: pns::aaa::radius::ClientSaid::default(),
        flow: FlowKey::new(0, CallId::new(number)),
        ..caller()
    }
}

#[test]
fn when_the_first_of_two_servers_stands_still_every_log_in_is_decided_in_time() {
    let Some((first, second)) = two() else {
        eprintln!("skipped: there is no freeradius here");
        return;
    };
    let mut client = first.client_with_second(&second);
    let access = Arc::new(access());
    let (mut asked, mut waits) = (HashMap::new(), Vec::new());
    let (began, mut number) = (Instant::now(), 0u16);
    let (mut frozen, mut switched) = (None, None);
    while began.elapsed() < Duration::from_secs(6) || !asked.is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{} left",
            asked.len()
        );
        if began.elapsed() > Duration::from_secs(2) && frozen.is_none() {
            first.freeze();
            frozen = Some(Instant::now());
        }
        let due = began.elapsed().as_millis() * u128::from(RATE) / 1000;
        while u128::from(number) < due.min(6 * u128::from(RATE)) {
            number += 1;
            let caller = call(number);
            let id = client.accounting.session_id(&caller);
            let now = client.clock.now();
            let ticket = client
                .client
                .ask(&caller, &id, &alice(), &access, None, now);
            asked.insert(ticket.unwrap(), Instant::now());
        }
        for (ticket, decision) in client.turn() {
            let waited = asked.remove(&ticket).unwrap().elapsed();
            if let Decision::Deny(denial) = &decision {
                panic!("lost after {waited:?}: {denial:?}\n{:?}", client.events);
            }
            assert!(matches!(decision, Decision::Accept(_)), "a log-in was lost");
            // The first server says nothing any more: this is the second.
            let late = frozen.filter(|it| it.elapsed() > Duration::from_millis(500));
            switched = switched.or(late.map(|frozen| frozen.elapsed()));
            waits.push(waited);
        }
    }
    assert!(waits.len() == usize::from(number) && number > 1100);
    let switched = switched.unwrap();
    assert!(switched < Duration::from_secs(3), "{switched:?}");
    // Those who waited for the first come to the second all at once, and it has one thread.
    let longest = waits.iter().max().unwrap();
    assert!(*longest < Duration::from_secs(8), "{longest:?}");
    eprintln!("switched after {switched:?}; the longest log-in took {longest:?}");
    assert!(
        client.events.contains(&Event::Dead(0)),
        "{:?}",
        client.events
    );
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Half a minute without any server: calls begin and end, and all of it is written down after it.
#[test]
fn with_every_server_dead_calls_live_on_and_each_stop_arrives_later() {
    let Some(mut server) = FreeRadius::start() else {
        eprintln!("skipped: there is no freeradius here");
        return;
    };
    let mut client = server.client();
    let start = |client: &mut Dialler, number| {
        let caller = call(number);
        client.accounting.session_id(&caller);
        let (lease, now) = (Some(Ipv4Addr::new(10, 9, 8, 7)), client.clock.now());
        client
            .accounting
            .network_up(caller.flow, "alice", lease, now);
    };
    let stop = |client: &mut Dialler, number: u16| {
        let totals = FlowTotals {
            upstream_packets: u64::from(number),
            ..FlowTotals::default()
        };
        let (cause, now) = (TerminateCause::UserRequest, client.clock.now());
        client
            .accounting
            .ended(call(number).flow, cause, &totals, now);
    };
    (1..=100).for_each(|number| start(&mut client, number));
    client.settle_records();
    let before = descriptors();
    server.stop();
    let began = Instant::now();
    let mut number = 100;
    while began.elapsed() < Duration::from_secs(30) {
        if u128::from(number) < 100 + began.elapsed().as_millis() / 100 {
            number += 1;
            start(&mut client, number);
            stop(&mut client, number - 100);
        }
        client.turn();
    }
    assert!(
        descriptors() <= before + 1,
        "one probes whether it lives again"
    );
    server.run_again();
    client.settle_records();
    let detail = server.detail();
    let stops: Vec<_> = detail
        .split("\n\n")
        .filter(|it| it.contains("Stop"))
        .collect();
    assert_eq!(stops.len(), usize::from(number) - 100);
    for number in 1..=number - 100 {
        let line = format!("Acct-Input-Packets = {number}\n");
        let of_call = stops.iter().filter(|stop| stop.contains(&line));
        assert_eq!(of_call.count(), 1, "{line}");
    }
    assert!(
        detail.contains("Acct-Delay-Time = 2"),
        "more than twenty seconds late"
    );
    assert_eq!(client.accounting.outstanding(), 0);
}

/// The server as it is shipped passes with `auto` (`log_in`), and one that signs with `always`.
#[test]
fn a_server_that_signs_is_let_decide_where_signatures_are_demanded() {
    let Some(server) = FreeRadius::start_signing() else {
        eprintln!("skipped: there is no freeradius here");
        return;
    };
    for demand in [Demand::Always, Demand::Auto] {
        let mut client = server.client_with(SECRET, demand);
        let decision = client.log_in_with(&alice(), access());
        assert!(matches!(decision, Decision::Accept(_)), "{demand:?}");
        assert!(!client.events.contains(&Event::Unsigned(0)));
    }
}
