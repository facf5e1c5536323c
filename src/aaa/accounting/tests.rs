//! The bill, with servers that answer or do not.

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::aaa::radius::{
    Billed, Client, Demand, Nas, Output, ServerConfig, Service, Settings as Radius, SocketId,
    Timing,
};
use crate::auth::Secret;
use crate::wire::call_id::CallId;
use crate::wire::radius::attribute::{
    ACCT_DELAY_TIME, ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_INPUT_PACKETS,
    ACCT_OUTPUT_OCTETS, ACCT_SESSION_ID, ACCT_SESSION_TIME, ACCT_STATUS_TYPE, ACCT_TERMINATE_CAUSE,
    CLASS, EVENT_TIMESTAMP,
};
use crate::wire::radius::{Attributes, Code, Packet, Reply as ReplyPacket};

const SECRET: &[u8] = b"a secret of the tests";

/// The bill with one server, which answers at once or not at all.
struct Desk {
    accounting: Accounting,
    client: Client,
    now: Timestamp,
    alive: bool,
    written: Vec<Vec<u8>>,
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

fn radius() -> Client {
    let server = ServerConfig {
        name: "books".into(),
        service: Service::Accounting,
        address: "192.0.2.1:1813".parse().unwrap(),
        secret: Secret::new(SECRET.to_vec()),
        priority: 1,
        weight: 1,
        demand: Demand::Auto,
    };
    let settings = Radius {
        servers: vec![server],
        timing: Timing {
            probe_interval: None,
            ..Timing::default()
        },
        nas: Nas {
            identifier: "vpn1".into(),
            address: None,
            eap_mtu: 1400,
        },
        pool: "default".into(),
    };
    Client::new(settings, entropy())
}

impl Desk {
    fn new() -> Self {
        let settings = Settings {
            on: true,
            interim: None,
            unix_at_zero_ms: 1_000_000_000,
            recovered: None,
        };
        let now = Timestamp::ZERO + Duration::from_secs(10);
        let mut desk = Self {
            accounting: Accounting::new(&settings, entropy(), now),
            client: radius(),
            now,
            alive: true,
            written: Vec::new(),
        };
        desk.pump();
        desk.written.clear();
        desk
    }

    fn caller(number: u16) -> Caller {
        Caller {
            flow: FlowKey::new(0, CallId::new(number)),
            peer_address: Ipv4Addr::new(198, 51, 100, 7),
            local_address: Ipv4Addr::new(198, 51, 100, 1),
            calling_number: None,
            called_number: None,
        }
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
            while let Some((number, record)) = self.accounting.poll_record(self.now) {
                let age = self.accounting.age(&record, self.now);
                self.client.bill(number, &record, age, self.now);
            }
            match self.client.poll_output() {
                Some(Output::Transmit { socket, bytes }) if self.alive => {
                    sent.push_back((socket, bytes));
                }
                Some(Output::Billed(number, Billed::Written)) => self.accounting.written(number),
                Some(Output::Billed(number, _)) => self.accounting.unanswered(number, self.now),
                Some(_) => {}
                None => match sent.pop_front() {
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
            attributes: &Attributes::new(),
            signed: false,
        };
        let reply = reply.to_packet().unwrap();
        self.written.push(bytes);
        let from = "192.0.2.1:1813".parse().unwrap();
        self.client.receive(socket, from, &reply, self.now);
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
    let mut desk = Desk::new();
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
    assert_eq!(stop.integer(&EVENT_TIMESTAMP), Some(1_000_110));
    assert_eq!(desk.accounting.outstanding(), 0);
}

#[test]
fn a_call_that_never_had_a_network_is_not_billed() {
    let mut desk = Desk::new();
    let caller = Desk::caller(7);
    desk.accounting.session_id(&caller);
    desk.stop(caller.flow, &totals(0, 0));
    desk.run(Duration::from_secs(1));
    assert!(desk.written.is_empty() && desk.accounting.outstanding() == 0);
}

/// Reliability X1: ten thousand Stops in an outage, in their order, and nothing kept after it.
#[test]
fn an_outage_delays_records_and_loses_none() {
    let mut desk = Desk::new();
    let flows: Vec<_> = (1..=10_000)
        .map(|number| desk.start(number, Billing::default()))
        .collect();
    desk.run(Duration::from_secs(60));
    assert_eq!(desk.written.len(), 10_000);
    desk.alive = false;
    for flow in &flows {
        desk.stop(*flow, &totals(1, 1));
    }
    desk.run(Duration::from_secs(600));
    assert_eq!(
        (desk.written.len(), desk.accounting.outstanding()),
        (10_000, 10_000)
    );
    let asked = |desk: &Desk| -> usize {
        let servers = desk.client.servers(desk.now);
        servers.map(|server| server.outstanding).sum()
    };
    assert!(asked(&desk) <= 1, "one asks whether it lives again");
    desk.alive = true;
    desk.run(Duration::from_secs(60));
    let rows = desk.rows();
    let (starts, stops) = rows.split_at(10_000);
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
}

#[test]
fn the_records_of_one_call_keep_their_order_through_an_outage() {
    let mut desk = Desk::new();
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
        let of_call = order.iter().filter(|row| row.1.ends_with(number));
        of_call.map(|row| row.0).collect()
    };
    assert_eq!((of("00000001"), of("00000002")), (vec![1, 2], vec![1]));
}

#[test]
fn interim_records_come_at_their_time_and_idle_calls_are_known() {
    let mut desk = Desk::new();
    let billing = Billing {
        interim: Some(Duration::from_secs(60)),
        idle: Some(Duration::from_secs(200)),
        ..Billing::default()
    };
    let flow = desk.start(7, billing);
    let mut ended_after = None;
    for second in 1..600u64 {
        desk.run(Duration::from_secs(1));
        // It carries something for five minutes.
        let packets = second.min(300);
        while let Some(due) = desk.accounting.next_due(desk.now) {
            assert_eq!(due, flow);
            let totals = totals(packets, packets);
            if desk.accounting.look(flow, &totals, desk.now) {
                ended_after.get_or_insert(second);
            }
        }
    }
    let interims = desk.rows().iter().filter(|row| row.0 == 3).count();
    assert!((7..=9).contains(&interims), "{interims}");
    assert!(
        (500..=555).contains(&ended_after.unwrap()),
        "{ended_after:?}"
    );
}
