//! Servers that die, one of two and all: nobody who dials in is lost, no call ends, no record is
//! missing. The whole control plane with real servers, on the real clock; the clients are PPP's.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pns::aaa::Decision;
use pns::aaa::radius::{Demand, Event};
use pns::clock::MonotonicClock;
use pns::ppp::link::Credentials;
use pns::session::CallView;

use crate::log_in::lenient;
use crate::plane::{Rig, roomy};
use crate::ppp_client::PppClient;
use crate::server::{FreeRadius, SECRET, Sockets, bill};

/// Calls that are set up in a second.
const RATE: u128 = 200;
/// The servers decide about everybody.
const NOBODY: &str = "[[user]]\nname = \"nobody\"\npassword = \"wonderland-8\"\n";

/// Whole calls against these servers, asked in their order.
struct Calls {
    rig: Rig<Sockets>,
    clock: MonotonicClock,
    /// When each has dialled, and how long it took until it was up.
    dialled: Vec<(Instant, Option<Duration>)>,
    waiting: BTreeSet<usize>,
}

impl Calls {
    fn new(servers: &[&FreeRadius]) -> Self {
        let clock = MonotonicClock::new();
        let now = clock.now();
        let mut rig = Rig::new(&roomy(), NOBODY, Sockets::default(), now);
        rig.plane.ask_servers(FreeRadius::client_of(servers), false);
        rig.plane.keep_accounts(bill(now), None);
        Self {
            rig,
            clock,
            dialled: Vec::new(),
            waiting: BTreeSet::new(),
        }
    }

    fn dial(&mut self) {
        self.rig.now = self.clock.now();
        let client = PppClient::new("caller", "wonderland-7");
        assert!(self.rig.dial(client), "no call");
        self.waiting.insert(self.dialled.len());
        self.dialled.push((Instant::now(), None));
    }

    /// A turn of everybody; the calls that came up in it.
    fn turn(&mut self) -> usize {
        self.rig.turn(self.clock.now());
        let (clients, dialled) = (&self.rig.clients, &mut self.dialled);
        let before = self.waiting.len();
        self.waiting.retain(|place| {
            let (at, took) = &mut dialled[*place];
            let is_up = clients[*place].network_up();
            *took = is_up.then(|| at.elapsed());
            !is_up
        });
        std::thread::sleep(Duration::from_millis(1));
        before - self.waiting.len()
    }

    fn dial_and_wait(&mut self, calls: usize) {
        (0..calls).for_each(|_| self.dial());
        let began = Instant::now();
        while !self.waiting.is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "not up in time");
            self.turn();
        }
    }

    /// Turns until every record is written down.
    fn settle(&mut self) {
        let began = Instant::now();
        while self.outstanding() > 0 {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "records are left"
            );
            self.turn();
        }
    }

    fn outstanding(&self) -> u64 {
        self.rig.plane.accounting().unwrap().outstanding()
    }

    /// Calls that use their network in the server's eyes, of clients that think so too.
    fn up(&self) -> usize {
        let is_up = |call: &CallView| call.network_since.is_some();
        let up = self.rig.plane.sessions.views().filter(is_up).count();
        assert!(
            up <= self
                .rig
                .clients
                .iter()
                .filter(|it| it.encrypted() && !it.terminated)
                .count()
        );
        up
    }
}

/// The records of a kind in the bill of a server.
fn records<'b>(detail: &'b str, kind: &str) -> Vec<&'b str> {
    let line = format!("Acct-Status-Type = {kind}\n");
    let all = detail.split("\n\n");
    all.filter(|record| record.contains(&line)).collect()
}

fn session_id(record: &str) -> String {
    let line = record.lines().find(|line| line.contains("Acct-Session-Id"));
    line.unwrap().trim().to_owned()
}

#[test]
fn when_the_first_of_two_servers_stands_still_every_call_is_set_up_and_none_is_touched() {
    let (Some(first), Some(second)) = (FreeRadius::start(), FreeRadius::start()) else {
        eprintln!("skipped: there is no freeradius here");
        return;
    };
    let mut calls = Calls::new(&[&first, &second]);
    calls.dial_and_wait(50);
    let (began, mut frozen) = (Instant::now(), None);
    let (mut last_up, mut longest_gap) = (began, Duration::ZERO);
    let mut dialled = 0;
    while began.elapsed() < Duration::from_secs(6) || !calls.waiting.is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(25),
            "{} are not up",
            calls.waiting.len()
        );
        if began.elapsed() > Duration::from_secs(2) && frozen.is_none() {
            first.freeze();
            frozen = Some(Instant::now());
        }
        let due = began.elapsed().as_millis().min(6000) * RATE / 1000;
        while dialled < due {
            dialled += 1;
            calls.dial();
        }
        if calls.turn() > 0 {
            longest_gap = longest_gap.max(last_up.elapsed());
            last_up = Instant::now();
        }
        assert!(
            !calls
                .rig
                .clients
                .iter()
                .any(|it| it.failure_message.is_some())
        );
    }
    assert!(dialled > 1100, "{dialled}");
    assert_eq!(calls.up(), calls.dialled.len());
    assert!(longest_gap < Duration::from_secs(3), "{longest_gap:?}");
    let times = calls.dialled.iter().map(|(_, took)| took.unwrap());
    let longest = times.max().unwrap();
    eprintln!("nobody came up for {longest_gap:?}; the longest set-up took {longest:?}");
    // Those who waited for the first come to the second all at once, and it has one thread.
    assert!(longest < Duration::from_secs(8), "{longest:?}");
    calls.settle();
    let bills = [first.detail(), second.detail()].concat();
    let started: BTreeSet<_> = records(&bills, "Start")
        .into_iter()
        .map(session_id)
        .collect();
    assert_eq!(started.len(), calls.dialled.len(), "each has its Start");
}

/// Half a minute without any server: who is in stays in, calls end, nobody new gets in, and all of
/// it is written down after it.
#[test]
fn with_every_server_dead_calls_live_on_and_each_stop_arrives_later() {
    let (Some(mut first), Some(mut second)) = (FreeRadius::start(), FreeRadius::start()) else {
        eprintln!("skipped: there is no freeradius here");
        return;
    };
    const CALLS: usize = 150;
    const ENDS: usize = 100;
    // One for each service of each server.
    const SOCKETS: usize = 4;
    let mut calls = Calls::new(&[&first, &second]);
    calls.dial_and_wait(CALLS);
    calls.settle();
    first.stop();
    second.stop();
    let (began, mut ended) = (Instant::now(), 0);
    calls.dial();
    let mut refused = None;
    while began.elapsed() < Duration::from_secs(30) {
        if ended < ENDS && ended * 250 < began.elapsed().as_millis() as usize {
            calls.rig.hang_up(ended);
            ended += 1;
        }
        calls.turn();
        assert_eq!(calls.up(), CALLS - ended, "who is in stays in");
        assert!(calls.rig.sockets() <= SOCKETS);
        if calls.rig.clients[CALLS].terminated {
            refused.get_or_insert(began.elapsed());
        }
    }
    assert!(refused.unwrap() < Duration::from_secs(10), "{refused:?}");
    assert_eq!((ended, calls.outstanding()), (ENDS, ENDS as u64));
    first.run_again();
    second.run_again();
    calls.settle();
    assert!(calls.rig.sockets() <= SOCKETS);
    let bills = [first.detail(), second.detail()];
    let stops: Vec<_> = bills
        .iter()
        .flat_map(|bill| records(bill, "Stop"))
        .collect();
    assert_eq!(stops.len(), ENDS);
    // The rig's worker counts a packet for each call that was there before.
    let packets = |stop: &&str| -> usize {
        let line = stop
            .lines()
            .find_map(|line| line.trim().strip_prefix("Acct-Input-Packets = "));
        line.unwrap().parse().unwrap()
    };
    assert!(
        stops
            .iter()
            .map(packets)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .eq(0..ENDS)
    );
    let late = stops
        .iter()
        .filter(|stop| stop.contains("Acct-Delay-Time = 2"));
    assert!(late.count() > 10, "more than twenty seconds late");
    assert_eq!(calls.up(), CALLS - ENDS);
}

/// The server as it is shipped passes with `auto` (`log_in`), and one that signs with `always`.
#[test]
fn a_server_that_signs_is_let_decide_where_signatures_are_demanded() {
    let Some(server) = FreeRadius::start_signing() else {
        eprintln!("skipped: there is no freeradius here");
        return;
    };
    let alice = Credentials::Pap {
        name: b"alice".to_vec(),
        password: b"wonderland-7".to_vec(),
    };
    for demand in [Demand::Always, Demand::Auto] {
        let mut client = server.client_with(SECRET, demand);
        let decision = client.log_in_with(&alice, lenient());
        assert!(matches!(decision, Decision::Accept(_)), "{demand:?}");
        assert!(!client.events.contains(&Event::Unsigned(0)));
    }
}
