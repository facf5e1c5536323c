//! The bill, with servers that answer or do not.

mod conservation;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::spool::tests::Disk;
use super::spool::{Limits, Spool};
use super::*;
use crate::aaa::radius::{
    Billed, Client, Demand, Output, ServerConfig, Service, Settings as Radius, SocketId, Timing,
    nas,
};
use crate::auth::Secret;
use crate::wire::call_id::CallId;
use crate::wire::radius::attribute::{
    ACCT_DELAY_TIME, ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_INPUT_PACKETS,
    ACCT_OUTPUT_GIGAWORDS, ACCT_OUTPUT_OCTETS, ACCT_OUTPUT_PACKETS, ACCT_SESSION_ID,
    ACCT_SESSION_TIME, ACCT_STATUS_TYPE, ACCT_TERMINATE_CAUSE, CLASS, EVENT_TIMESTAMP,
    MPD_DROP_USER,
};
use crate::wire::radius::{Attributes, Code, Packet, Reply as ReplyPacket};

const LIMITS: Limits = Limits {
    octets_max: 64 << 20,
    age_max: Duration::from_secs(7 * 86_400),
};
const SECRET: &[u8] = b"a secret of the tests";

/// The bill with servers that answer at once or not at all.
struct Desk {
    accounting: Accounting,
    client: Client,
    now: Timestamp,
    alive: bool,
    /// One of them that does not.
    dead: Option<usize>,
    written: Vec<Vec<u8>>,
    /// Which of the servers has each.
    written_by: Vec<usize>,
    /// What the server says with its answers.
    said: Attributes,
    unwanted: Vec<FlowKey>,
    spool: Option<Spool<Disk>>,
    /// In a hundred, datagrams that are lost on either way.
    lost_percent: u32,
    random: u32,
}

fn entropy() -> Entropy {
    let mut seed = 1u8;
    Box::new(move |buffer: &mut [u8]| {
        for byte in buffer {
            seed = seed.wrapping_mul(29).wrapping_add(7);
            *byte = seed;
        }
    })
}

fn address(server: usize) -> SocketAddr {
    let last = u8::try_from(server).unwrap();
    (Ipv4Addr::new(192, 0, 2, last), 1813).into()
}

/// A client of a server for each group.
fn radius(groups: &[Option<&str>]) -> Client {
    let server = |(index, group): (usize, &Option<&str>)| ServerConfig {
        name: format!("books {index}").into(),
        service: Service::Accounting,
        address: address(index),
        secret: Secret::new(SECRET.to_vec()),
        priority: 1,
        weight: 1,
        group: group.map(Into::into),
        dead_time: None,
        demand: Demand::Auto,
    };
    let settings = Radius {
        servers: groups.iter().enumerate().map(server).collect(),
        timing: Timing {
            probe_interval: None,
            ..Timing::default()
        },
        nas: nas(),
        pool: "default".into(),
        map: Vec::new(),
        unix_at_zero_s: 0,
    };
    Client::new(settings, entropy())
}

impl Desk {
    fn new() -> Self {
        Self::of(&[None])
    }

    /// With a server for each of these groups.
    fn of(groups: &[Option<&str>]) -> Self {
        Self::after(None, groups, Timestamp::ZERO + Duration::from_secs(10))
    }

    /// With a spool, that holds what a crash has left on this disk.
    fn on(disk: Disk, now: Timestamp) -> Self {
        Self::after(Some(Spool::open(disk, LIMITS)), &[None], now)
    }

    fn after(
        spool: Option<(Spool<Disk>, Recovered)>,
        groups: &[Option<&str>],
        now: Timestamp,
    ) -> Self {
        let client = radius(groups);
        let (spool, recovered) = spool.unzip();
        let settings = Settings {
            writers: client.bill_groups(),
            interim: Some(Duration::from_secs(600)),
            unix_at_zero_ms: 1_000_000_000,
            recovered,
        };
        Self {
            accounting: Accounting::new(&settings, entropy(), now),
            client,
            now,
            alive: true,
            dead: None,
            written: Vec::new(),
            written_by: Vec::new(),
            said: Attributes::new(),
            unwanted: Vec::new(),
            spool,
            lost_percent: 0,
            random: 1,
        }
    }

    /// Power and process end here, and the disk has what it has.
    fn crash(self) -> Disk {
        self.spool.map(Spool::into_disk).unwrap_or_default()
    }

    /// Whether the network loses the next datagram.
    fn loses(&mut self) -> bool {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.random >> 16) % 100 < self.lost_percent
    }

    fn keep_books(&mut self) {
        let Some(spool) = &mut self.spool else { return };
        while let Some(order) = self.accounting.poll_order() {
            match order {
                Order::Append {
                    number,
                    record,
                    held,
                } => spool.append(number, &record, held),
                Order::Settle(number) => spool.settle(number),
                Order::Load { from, until, most } => {
                    spool.flush(self.accounting.unix_ms(self.now));
                    let (records, end) = spool.load(from, until, most);
                    let answer = Answer::Loaded { records, end };
                    self.accounting.hear(answer, self.now);
                }
                Order::WriteLine { .. } => panic!("servers write this bill"),
            }
        }
        spool.flush(self.accounting.unix_ms(self.now));
    }

    fn caller(number: u16) -> Caller {
        Caller {
            client: crate::aaa::radius::ClientSaid::default(),
            flow: FlowKey::new(0, CallId::new(number)),
            peer_address: Ipv4Addr::new(198, 51, 100, 7),
            local_address: Ipv4Addr::new(198, 51, 100, 1),
            calling_number: None,
            called_number: None,
            state: None,
        }
    }

    /// Lets the server hear that we begin, and forgets it.
    fn began(mut self) -> Self {
        self.run(Duration::from_secs(20));
        self.written.clear();
        self.written_by.clear();
        self
    }

    fn start(&mut self, number: u16, billing: Billing) -> FlowKey {
        let caller = Self::caller(number);
        self.accounting.session_id(&caller);
        self.accounting.granted(caller.flow, billing);
        let lease = Some(Ipv4Addr::new(10, 0, 0, 1));
        self.accounting
            .network_up(caller.flow, "alice", lease, self.now);
        caller.flow
    }

    fn stop(&mut self, flow: FlowKey, totals: &FlowTotals) {
        let cause = TerminateCause::SessionTimeout;
        self.accounting.ended(flow, cause, totals, self.now);
    }

    /// Lets time pass.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.client.handle_timeout(self.now);
            self.pump();
            let times = [self.client.poll_timeout(), self.accounting.poll_timeout()];
            let later = times.into_iter().flatten().filter(|at| *at > self.now);
            match later.min().filter(|at| *at <= end) {
                Some(at) => self.now = at,
                None => break,
            }
        }
        self.now = end;
    }

    fn pump(&mut self) {
        let mut sent = VecDeque::new();
        loop {
            self.keep_books();
            while let Some((number, record)) = self.accounting.poll_record(self.now) {
                let age = self.accounting.age(&record, self.now);
                self.client.bill(number, &record, age, self.now);
            }
            match self.client.poll_output() {
                Some(Output::Transmit { socket, bytes })
                    if self.alive && self.dead != Some(socket.server) =>
                {
                    sent.push_back((socket, bytes));
                }
                Some(Output::Unwanted(number)) => {
                    self.unwanted.extend(self.accounting.flow_of_record(number));
                }
                Some(Output::Billed(number, Billed::Written)) => self.accounting.written(number),
                Some(Output::Billed(number, Billed::Unanswered(why))) => {
                    self.accounting.unanswered(number, why, self.now);
                }
                Some(Output::Billed(number, Billed::TooLong)) => panic!("{number} is too long"),
                Some(_) => {}
                None => match sent.pop_front() {
                    Some(_) if self.loses() => {}
                    Some((socket, bytes)) => self.write(socket, bytes),
                    None => return,
                },
            }
        }
    }

    fn write(&mut self, socket: SocketId, bytes: Vec<u8>) {
        let request = Packet::parse(&bytes).unwrap();
        let reply = ReplyPacket {
            code: Code::ACCOUNTING_RESPONSE,
            identifier: request.identifier,
            request_authenticator: &request.authenticator,
            secret: SECRET,
            attributes: &self.said,
            signed: false,
        };
        let reply = reply.to_packet().unwrap();
        self.written.push(bytes);
        self.written_by.push(socket.server);
        if self.loses() {
            return;
        }
        self.client
            .receive(socket, address(socket.server), &reply, self.now);
    }

    /// Type, session and delay of each record that was written down.
    fn rows(&self) -> Vec<(u32, String, u32)> {
        let row = |bytes: &Vec<u8>| {
            let packet = Packet::parse(bytes).unwrap();
            let id = packet.octets(&ACCT_SESSION_ID).unwrap();
            (
                packet.integer(&ACCT_STATUS_TYPE).unwrap(),
                String::from_utf8_lossy(id).into_owned(),
                packet.integer(&ACCT_DELAY_TIME).unwrap(),
            )
        };
        self.written.iter().map(row).collect()
    }
}

fn totals(packets: u64, bytes: u64) -> FlowTotals {
    FlowTotals {
        upstream_packets: packets,
        upstream_bytes: bytes,
        downstream_packets: 2,
        downstream_bytes: 200,
        ..FlowTotals::default()
    }
}

#[test]
fn a_call_has_a_start_and_a_stop_with_its_counters_beyond_32_bits() {
    let mut desk = Desk::new().began();
    let class: Box<[u8]> = (*b"gold").into();
    let billing = Billing {
        class: vec![class],
        ..Billing::default()
    };
    let flow = desk.start(7, billing);
    desk.run(Duration::from_secs(100));
    desk.stop(flow, &totals(3, (7 << 32) + 9));
    desk.run(Duration::from_secs(1));
    let statuses: Vec<_> = desk.rows().iter().map(|row| row.0).collect();
    assert_eq!(statuses, [1, 2]);
    let stop = Packet::parse(&desk.written[1]).unwrap();
    assert_eq!(stop.integer(&ACCT_INPUT_GIGAWORDS), Some(7));
    assert_eq!(stop.integer(&ACCT_INPUT_OCTETS), Some(9));
    assert_eq!(stop.integer(&ACCT_INPUT_PACKETS), Some(3));
    assert_eq!(stop.integer(&ACCT_OUTPUT_OCTETS), Some(200));
    assert_eq!(stop.integer(&ACCT_SESSION_TIME), Some(100));
    assert_eq!(stop.integer(&ACCT_TERMINATE_CAUSE), Some(5));
    assert_eq!(stop.octets(&CLASS), Some(&b"gold"[..]));
    assert_eq!(stop.integer(&EVENT_TIMESTAMP), Some(1_000_130));
    assert_eq!(desk.accounting.outstanding(), 0);
}

/// Every group that writes bills hears when the server begins and ends; one that is dead holds up its own
/// bill alone, and gets all of it later.
#[test]
fn each_group_hears_of_the_server_and_a_dead_one_holds_up_no_other() {
    const GROUPS: [Option<&str>; 3] = [None, Some("gold"), Some("silver")];
    let mut desk = Desk::of(&GROUPS);
    desk.dead = Some(1);
    let flows: Vec<_> = (1..)
        .zip(GROUPS)
        .map(|(number, servers)| {
            let billing = Billing {
                servers: servers.map(Into::into),
                ..Billing::default()
            };
            desk.start(number, billing)
        })
        .collect();
    desk.run(Duration::from_secs(60));
    let of = |desk: &Desk, server| -> Vec<u32> {
        let rows = desk.rows().into_iter().zip(&desk.written_by);
        let its = rows.filter(|(_, by)| **by == server);
        its.map(|((status, ..), _)| status).collect()
    };
    let [start, stop, on, off] = [1, 2, 7, 8];
    assert_eq!(
        [0, 1, 2].map(|server| of(&desk, server)),
        [vec![on, start], vec![], vec![on, start]]
    );
    let silences: Vec<_> = desk.accounting.silences().collect();
    let [silence] = silences[..] else {
        panic!("{silences:?}");
    };
    assert!(silence.contains("\"books 1\"") && !silence.contains("\"books 0\""));
    assert!(desk.accounting.rests());
    desk.dead = None;
    for flow in flows {
        desk.stop(flow, &totals(1, 1));
    }
    desk.accounting.stop(desk.now);
    desk.run(Duration::from_secs(120));
    for server in [0, 1, 2] {
        assert_eq!(of(&desk, server), [on, start, stop, off], "{server}");
    }
    assert!(desk.accounting.is_settled());
}

#[test]
fn a_call_that_never_had_a_network_is_not_billed() {
    let mut desk = Desk::new().began();
    let caller = Desk::caller(7);
    desk.accounting.session_id(&caller);
    desk.stop(caller.flow, &totals(0, 0));
    desk.run(Duration::from_secs(1));
    assert!(desk.written.is_empty() && desk.accounting.outstanding() == 0);
}

/// Reliability X1: ten thousand Stops in an outage of ten minutes, in their order, and nothing kept
/// after it, in memory or on disk.
#[test]
fn an_outage_delays_records_and_loses_none() {
    outage(Desk::new().began(), 1000);
    let now = Timestamp::ZERO + Duration::from_secs(10);
    let mut desk = outage(Desk::on(Disk::default(), now).began(), 10_000);
    let status = desk.spool.take().unwrap().status();
    assert_eq!((status.records, status.calls), (0, 0));
    assert!(status.octets < 1 << 21, "{}", status.octets);
    assert_eq!(status.drops.iter().sum::<u64>(), 0);
}

fn outage(mut desk: Desk, calls: u16) -> Desk {
    let count = usize::from(calls);
    let flows: Vec<_> = (1..=calls)
        .map(|number| desk.start(number, Billing::default()))
        .collect();
    desk.run(Duration::from_secs(60));
    assert_eq!(desk.written.len(), count);
    desk.alive = false;
    for flow in &flows {
        desk.stop(*flow, &totals(1, 1));
    }
    desk.run(Duration::from_secs(600));
    assert_eq!(desk.written.len(), count);
    let waiting = match &desk.spool {
        Some(spool) => spool.status().records,
        None => desk.accounting.outstanding(),
    };
    assert_eq!(waiting, u64::from(calls));
    assert!(desk.spool.is_none() || desk.accounting.outstanding() <= 4096);
    let asked = |desk: &Desk| -> usize {
        let servers = desk.client.servers(desk.now);
        servers.map(|server| server.outstanding).sum()
    };
    assert!(asked(&desk) <= 1, "one asks whether it lives again");
    desk.alive = true;
    desk.run(Duration::from_secs(60));
    let rows = desk.rows();
    let (starts, stops) = rows.split_at(count);
    let ids = |rows: &[(u32, String, u32)]| -> Vec<String> {
        rows.iter().map(|row| row.1.clone()).collect()
    };
    assert_eq!(ids(starts), ids(stops));
    assert!(
        stops
            .iter()
            .all(|(status, _, delay)| *status == 2 && *delay >= 590)
    );
    assert_eq!((desk.accounting.outstanding(), asked(&desk)), (0, 0));
    let fates = desk.accounting.fates();
    assert_eq!(
        fates[RecordFate::Made.index()],
        fates[RecordFate::Written.index()]
    );
    desk
}

#[test]
fn the_records_of_one_call_keep_their_order_through_an_outage() {
    let mut desk = Desk::new().began();
    desk.alive = false;
    let flow = desk.start(7, Billing::default());
    desk.stop(flow, &totals(1, 1));
    // The Call ID is used again at once.
    desk.start(7, Billing::default());
    desk.run(Duration::from_secs(30));
    desk.alive = true;
    desk.run(Duration::from_secs(30));
    let rows = desk.rows();
    let order: Vec<_> = rows.iter().map(|row| (row.0, &*row.1)).collect();
    let of = |number: &str| -> Vec<u32> {
        let of_call = order.iter().filter(|row| row.1.contains(number));
        of_call.map(|row| row.0).collect()
    };
    assert_eq!((of("00000001"), of("00000002")), (vec![1, 2], vec![1]));
}

/// mpd-drop-user: the call of the record ends; of one that is over, nobody has to be told.
#[test]
fn who_writes_the_bill_ends_the_call_by_its_answer() {
    let mut desk = Desk::new().began();
    desk.said.integer(&MPD_DROP_USER, 0);
    let flow = desk.start(7, Billing::default());
    desk.run(Duration::from_secs(1));
    assert_eq!(desk.unwanted, []);
    desk.said = Attributes::new();
    desk.said.integer(&MPD_DROP_USER, 1);
    while desk.unwanted.is_empty() && desk.written.len() < 3 {
        desk.run(Duration::from_secs(60));
        while let Some(due) = desk.accounting.next_due(desk.now) {
            desk.accounting.look(due, &totals(1, 9), desk.now);
        }
    }
    assert_eq!(desk.unwanted, [flow], "with the interim record");
    desk.stop(flow, &totals(1, 9));
    desk.run(Duration::from_secs(1));
    assert_eq!(desk.unwanted, [flow]);
}

#[test]
fn interim_records_come_at_their_time_and_another_time_holds_at_once() {
    let mut desk = Desk::new().began();
    let billing = Billing {
        interim: Some(Duration::from_secs(60)),
        ..Billing::default()
    };
    let flow = desk.start(7, billing);
    let run = |desk: &mut Desk| {
        for second in 1..=540u64 {
            desk.run(Duration::from_secs(1));
            while let Some(due) = desk.accounting.next_due(desk.now) {
                assert_eq!(due, flow);
                desk.accounting
                    .look(flow, &totals(second, second), desk.now);
            }
        }
        desk.rows().iter().filter(|row| row.0 == 3).count()
    };
    let first = run(&mut desk);
    assert!((7..=9).contains(&first), "{first}");
    let class = [b"silver".as_slice().into()];
    let interval = Some(Duration::from_secs(180));
    desk.accounting.change(flow, &class, interval, desk.now);
    let second = run(&mut desk) - first;
    assert!((2..=3).contains(&second), "{second}");
}

/// RFC 5176 §3: a call is found by its Acct-Session-Id, and only by the whole of it.
#[test]
fn a_call_is_found_by_its_session_id() {
    let mut desk = Desk::new();
    let flow = desk.start(7, Billing::default());
    let (id, _) = desk.accounting.names_of(flow).unwrap();
    let id = id.as_bytes().to_vec();
    assert_eq!(desk.accounting.flow_of(&id), Some(flow));
    let mut other = id.clone();
    other[0] ^= 1;
    for wrong in [
        &other[..],
        &id[1..],
        &id[..id.len() - 1],
        b"",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        assert_eq!(desk.accounting.flow_of(wrong), None);
    }
}
