//! What workers deliver is what is billed, to the packet, with losses and after a crash.

use super::*;

/// What a server has written down: of each call its Start and its Stop, and how often each came.
#[derive(Default)]
struct Bill {
    starts: BTreeMap<String, u32>,
    /// Packets and octets from and to the client, and the cause.
    stops: BTreeMap<String, ([u64; 4], u32)>,
}

impl Bill {
    fn read(written: &[Vec<u8>]) -> Self {
        let mut bill = Self::default();
        for bytes in written {
            let packet = Packet::parse(bytes).unwrap();
            let id = packet.octets(&ACCT_SESSION_ID).unwrap();
            let id = String::from_utf8_lossy(id).into_owned();
            let number = |attribute| u64::from(packet.integer(attribute).unwrap());
            match packet.integer(&ACCT_STATUS_TYPE) {
                Some(1) => {
                    assert!(!bill.stops.contains_key(&id), "a Start after its Stop");
                    *bill.starts.entry(id).or_default() += 1;
                }
                Some(2) => {
                    let octets = |low, high| number(high) << 32 | number(low);
                    let counters = [
                        number(&ACCT_INPUT_PACKETS),
                        octets(&ACCT_INPUT_OCTETS, &ACCT_INPUT_GIGAWORDS),
                        number(&ACCT_OUTPUT_PACKETS),
                        octets(&ACCT_OUTPUT_OCTETS, &ACCT_OUTPUT_GIGAWORDS),
                    ];
                    let cause = packet.integer(&ACCT_TERMINATE_CAUSE).unwrap();
                    let before = bill.stops.insert(id, (counters, cause));
                    // A repetition says the same.
                    assert!(before.is_none_or(|before| before == (counters, cause)));
                }
                _ => {}
            }
        }
        bill
    }

    fn sum(&self) -> [u64; 4] {
        let stops = self.stops.values().map(|(counters, _)| counters);
        stops.fold([0; 4], add)
    }
}

fn add(sum: [u64; 4], one: &[u64; 4]) -> [u64; 4] {
    std::array::from_fn(|index| sum[index] + one[index])
}

fn carried(totals: &FlowTotals) -> [u64; 4] {
    [
        totals.upstream_packets,
        totals.upstream_bytes,
        totals.downstream_packets,
        totals.downstream_bytes,
    ]
}

/// What a worker has counted of a call after so many seconds.
fn delivered(call: u64, seconds: u64) -> FlowTotals {
    FlowTotals {
        upstream_packets: seconds * (call % 7),
        upstream_bytes: seconds * (call % 7) * 700_000_001,
        downstream_packets: seconds * (call % 5),
        downstream_bytes: seconds * (call % 5) * 1400,
        ..FlowTotals::default()
    }
}

/// Ten thousand calls, a network that loses a fifth of what it is given, and an outage in between: the
/// sum of the Stops is what the workers delivered, to the packet.
#[test]
fn no_packet_is_missing_in_the_bill_and_none_is_billed_twice() {
    let now = Timestamp::ZERO + Duration::from_secs(10);
    let mut desk = Desk::on(Disk::default(), now).began();
    desk.lost_percent = 20;
    let mut sum = [0; 4];
    for batch in 0..20u16 {
        desk.alive = !(5..8).contains(&batch);
        let calls = batch * 500 + 1..=batch * 500 + 500;
        let flows: Vec<_> = calls
            .map(|call| (call, desk.start(call, Billing::default())))
            .collect();
        desk.run(Duration::from_secs(20));
        for (call, flow) in flows {
            let totals = delivered(call.into(), u64::from(batch) + 1);
            sum = add(sum, &carried(&totals));
            desk.stop(flow, &totals);
        }
    }
    desk.run(Duration::from_secs(600));
    assert!(desk.accounting.is_settled());
    let bill = Bill::read(&desk.written);
    assert_eq!((bill.starts.len(), bill.stops.len()), (10_000, 10_000));
    assert_eq!(bill.sum(), sum);
}

/// After a crash each call has a Stop with at least its last interim record and never more than was
/// delivered, behind Accounting-On, whether its records had been answered or not.
#[test]
fn a_crash_loses_at_most_what_came_after_the_last_interim_record() {
    let now = Timestamp::ZERO + Duration::from_secs(10);
    let mut desk = Desk::on(Disk::default(), now).began();
    let flows: Vec<_> = (1..=500u16)
        .map(|call| (u64::from(call), desk.start(call, Billing::default())))
        .collect();
    let mut interims = BTreeMap::new();
    for second in 1..=1500 {
        desk.run(Duration::from_secs(1));
        desk.alive = second < 1000;
        while let Some(flow) = desk.accounting.next_due(desk.now) {
            let call = u64::from(flow.call_id.get());
            let totals = delivered(call, second);
            interims.insert(call, totals);
            desk.accounting.look(flow, &totals, desk.now);
        }
    }
    // One of them ends, and nobody hears it before the crash.
    let (ended, flow) = flows[0];
    desk.stop(flow, &delivered(ended, 1500));
    desk.run(Duration::from_secs(1));
    let before = std::mem::take(&mut desk.written);
    let now = desk.now;
    let mut desk = Desk::on(desk.crash(), now + Duration::from_secs(3));
    desk.run(Duration::from_secs(60));
    assert!(desk.accounting.is_settled());
    let statuses: Vec<u32> = desk.rows().iter().map(|row| row.0).collect();
    let on = statuses.iter().position(|status| *status == 7).unwrap();
    assert!(statuses[on..].iter().skip(1).all(|status| *status == 2));
    assert_eq!(statuses.len() - on - 1, flows.len() - 1);
    let all: Vec<_> = before.into_iter().chain(desk.written).collect();
    let bill = Bill::read(&all);
    assert_eq!((bill.starts.len(), bill.stops.len()), (500, 500));
    for (id, (counters, cause)) in &bill.stops {
        let call = u64::from_str_radix(&id[id.len() - 8..], 16).unwrap();
        let (least, most) = (carried(&interims[&call]), carried(&delivered(call, 1500)));
        if call == ended {
            assert_eq!((*counters, *cause), (most, 5));
        } else {
            assert_eq!(
                (*counters, *cause),
                (least, TerminateCause::NasReboot.number())
            );
            assert!(least.iter().zip(most).all(|(least, most)| *least <= most));
        }
    }
}
