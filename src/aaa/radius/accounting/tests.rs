//! The bill, with servers that answer or do not.

use super::*;
use crate::aaa::radius::exchange::{Output, Reply};
use crate::aaa::radius::{ServerConfig, Service, SocketId, Timing};
use crate::auth::Secret;
use crate::wire::call_id::CallId;
use crate::wire::radius::attribute::ACCT_DELAY_TIME;
use crate::wire::radius::{Packet, Reply as ReplyPacket};

const SECRET: &[u8] = b"a secret of the tests";

/// A ledger with one server, which answers at once or not at all.
struct Desk {
    ledger: Ledger,
    exchange: Exchange,
    now: Timestamp,
    alive: bool,
    written: Vec<Vec<u8>>,
}

impl Desk {
    fn new() -> Self {
        let server = ServerConfig {
            name: "books".into(),
            service: Service::Accounting,
            address: "192.0.2.1:1813".parse().unwrap(),
            secret: Secret::new(SECRET.to_vec()),
            priority: 1,
            weight: 1,
            demand: crate::aaa::radius::Demand::Auto,
        };
        let mut seed = 1u8;
        let entropy = move |buffer: &mut [u8]| {
            for byte in buffer {
                seed = seed.wrapping_mul(29).wrapping_add(7);
                *byte = seed;
            }
        };
        let nas = Nas {
            identifier: "vpn1".into(),
            address: None,
            eap_mtu: 1400,
        };
        let timing = Timing {
            probe_interval: None,
            ..Timing::default()
        };
        Self {
            ledger: Ledger::new(true, nas, "EPOCH".into(), 1_000_000, None),
            exchange: Exchange::new(vec![server], timing, Box::new(entropy)),
            now: Timestamp::ZERO + Duration::from_secs(10),
            alive: true,
            written: Vec::new(),
        }
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
        self.ledger.session_id(&caller);
        self.ledger.granted(caller.flow, billing);
        let lease = Some(Ipv4Addr::new(10, 0, 0, 1));
        self.ledger
            .start(caller.flow, "alice", lease, 128, self.now);
        caller.flow
    }

    /// Lets time pass.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.exchange.handle_timeout(self.now);
            self.pump();
            match self.exchange.poll_timeout().filter(|at| *at <= end) {
                Some(at) => self.now = self.now.max(at),
                None => break,
            }
        }
        self.now = end;
    }

    fn pump(&mut self) {
        loop {
            self.ledger.send(&mut self.exchange, Ticket, self.now);
            let Some(output) = self.exchange.poll_output() else {
                return;
            };
            match output {
                Output::Transmit { socket, bytes } if self.alive => self.write(socket, bytes),
                Output::Answered(ticket, outcome) => self.ledger.answered(ticket, &outcome),
                Output::Transmit { .. } | Output::Open { .. } | Output::Event(_) => {}
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
        let input = Input::Datagram {
            socket,
            from: "192.0.2.1:1813".parse().unwrap(),
            bytes: &reply,
        };
        self.exchange.handle(input, self.now);
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
    desk.ledger
        .stop(flow, 5, &totals(3, (7 << 32) + 9), desk.now);
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
    assert_eq!(desk.ledger.outstanding(), 0);
}

#[test]
fn a_call_that_never_had_a_network_is_not_billed() {
    let mut desk = Desk::new();
    let caller = Desk::caller(7);
    desk.ledger.session_id(&caller);
    desk.ledger.stop(caller.flow, 1, &totals(0, 0), desk.now);
    desk.run(Duration::from_secs(1));
    assert!(desk.written.is_empty() && desk.ledger.sessions.is_empty());
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
        desk.ledger.stop(*flow, 1, &totals(1, 1), desk.now);
    }
    desk.run(Duration::from_secs(600));
    assert_eq!(
        (desk.written.len(), desk.ledger.outstanding()),
        (10_000, 10_000)
    );
    assert!(
        desk.exchange.pending() <= 1,
        "one asks whether it lives again"
    );
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
    assert_eq!((desk.ledger.outstanding(), desk.exchange.pending()), (0, 0));
    assert!(desk.ledger.busy.is_empty() && desk.ledger.due.is_empty());
    let fates = desk.ledger.fates();
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
    desk.ledger.stop(flow, 1, &totals(1, 1), desk.now);
    // The Call ID is used again at once.
    desk.start(7, Billing::default());
    desk.run(Duration::from_secs(30));
    desk.alive = true;
    desk.run(Duration::from_secs(30));
    let rows = desk.rows();
    let order: Vec<_> = rows.iter().map(|row| (row.0, &*row.1)).collect();
    let (first, second) = ("EPOCH00000001", "EPOCH00000002");
    let of_first: Vec<_> = order.iter().filter(|row| row.1 == first).collect();
    assert_eq!(of_first, [&(1, first), &(2, first)]);
    assert!(order.contains(&(1, second)), "{order:?}");
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
        while let Some(due) = desk.ledger.next_due(desk.now) {
            assert_eq!(due, flow);
            if desk
                .ledger
                .look(flow, &totals(packets, packets), 128, desk.now)
            {
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

#[test]
fn room_is_made_by_giving_interim_records_up_first() {
    let mut desk = Desk::new();
    desk.alive = false;
    for number in 0..RECORDS_MAX as u64 {
        let interim = number % 2 == 1;
        desk.ledger
            .keep(Attributes::new(), number + 1, interim, desk.now);
    }
    for _ in 0..RECORDS_MAX / 2 + 1 {
        desk.ledger.keep(Attributes::new(), 0, false, desk.now);
    }
    let fates = desk.ledger.fates();
    assert_eq!(
        fates[RecordFate::InterimDropped.index()],
        RECORDS_MAX as u64 / 2
    );
    assert_eq!(fates[RecordFate::Lost.index()], 1);
    assert_eq!(desk.ledger.outstanding(), RECORDS_MAX);
}

#[test]
fn what_became_of_a_reply_is_not_asked_twice() {
    let mut desk = Desk::new();
    let reply = Reply {
        server: 0,
        packet: Vec::new(),
        request_authenticator: [0; 16],
    };
    desk.ledger.answered(Ticket(99), &Outcome::Reply(reply));
    assert_eq!(desk.ledger.fates()[RecordFate::Written.index()], 0);
}
