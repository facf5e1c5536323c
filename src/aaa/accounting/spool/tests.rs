//! The spool on a store that fails as disks do: full, torn at every octet, forbidden, corrupt.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::record::tests::record;
use super::*;
use crate::aaa::accounting::TerminateCause;

const LIMITS: Limits = Limits {
    octets_max: 1 << 20,
    age_max: Duration::from_secs(3600),
};
const NOW_MS: u64 = 1_700_000_000_123;

/// A disk in memory.
#[derive(Clone, Default)]
pub(in crate::aaa::accounting) struct Disk {
    segments: BTreeMap<u32, Vec<u8>>,
    /// So many octets are taken, and then no more.
    room: Option<usize>,
    forbidden: bool,
}

impl Disk {
    fn permitted(&self) -> Result<(), StoreError> {
        match self.forbidden {
            true => Err(StoreError("permission denied".into())),
            false => Ok(()),
        }
    }

    fn octets(&self) -> usize {
        self.segments.values().map(Vec::len).sum()
    }
}

impl Store for Disk {
    fn list(&mut self) -> Result<Vec<u32>, StoreError> {
        self.permitted()?;
        Ok(self.segments.keys().copied().collect())
    }

    fn load(&mut self, segment: u32) -> Result<Vec<u8>, StoreError> {
        self.permitted()?;
        Ok(self.segments.get(&segment).cloned().unwrap_or_default())
    }

    fn read(&mut self, segment: u32, at: u32, octets: u32) -> Result<Vec<u8>, StoreError> {
        let at = at as usize;
        let range = at..at + octets as usize;
        let segment = self.segments.get(&segment);
        let found = segment.and_then(|segment| segment.get(range));
        found.map(<[u8]>::to_vec).ok_or(StoreError("short".into()))
    }

    fn append(&mut self, segment: u32, at: u32, octets: &[u8]) -> Result<(), StoreError> {
        self.permitted()?;
        let room = self.room.map(|room| room.saturating_sub(self.octets()));
        let segment = self.segments.entry(segment).or_default();
        segment.truncate(at as usize);
        let takes = room.unwrap_or(octets.len()).min(octets.len());
        segment.extend_from_slice(&octets[..takes]);
        match takes == octets.len() {
            true => Ok(()),
            false => Err(StoreError("no space left on device".into())),
        }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.permitted()
    }

    fn remove(&mut self, segment: u32) -> Result<(), StoreError> {
        self.permitted()?;
        self.segments.remove(&segment);
        Ok(())
    }
}

impl Spool<Disk> {
    /// What a crash leaves.
    pub(in crate::aaa::accounting) fn into_disk(self) -> Disk {
        self.store
    }
}

fn open(disk: Disk) -> (Spool<Disk>, Recovered) {
    Spool::open(disk, LIMITS)
}

fn numbers(spool: &mut Spool<Disk>) -> Vec<u64> {
    let (records, _) = spool.load(0, u64::MAX, usize::MAX);
    records.into_iter().map(|(number, _)| number).collect()
}

fn drops(spool: &Spool<Disk>, why: SpoolDrop) -> u64 {
    spool.status().drops[why.index()]
}

#[test]
fn what_is_not_settled_comes_back_in_order_and_calls_without_a_stop_are_known() {
    let (mut spool, recovered) = open(Disk::default());
    assert_eq!(recovered, Recovered::default());
    let kinds = [
        (Kind::On, 0),
        (Kind::Start, 1),
        (Kind::Start, 2),
        (Kind::Interim, 1),
        (Kind::Stop, 2),
    ];
    for (number, (kind, call)) in (0..).zip(kinds) {
        spool.append(number, &record(kind, call), true);
        spool.flush(NOW_MS);
    }
    for number in [0, 1, 3] {
        spool.settle(number);
    }
    spool.flush(NOW_MS);
    let (mut spool, recovered) = open(spool.store);
    assert_eq!(recovered.next_number, 5);
    assert_eq!(recovered.first_unsettled, Some(2));
    assert_eq!(recovered.unfinished, [record(Kind::Interim, 1)]);
    assert_eq!(numbers(&mut spool), [2, 4]);
    let stop = record(Kind::Interim, 1).ended_by_crash();
    assert_eq!(stop.terminate_cause, Some(TerminateCause::NasReboot));
    spool.append(5, &stop, true);
    for number in [2, 4, 5] {
        spool.settle(number);
    }
    spool.flush(NOW_MS);
    let (spool, recovered) = open(spool.store);
    assert_eq!(
        (recovered.first_unsettled, recovered.unfinished),
        (None, vec![])
    );
    assert_eq!(
        (spool.status().records, spool.status().calls),
        (0, 0),
        "memory at base"
    );
}

/// A power cut at every octet of a write leaves what was whole before it.
#[test]
fn a_torn_write_is_cut_off_and_counted_wherever_it_was_torn() {
    let (mut spool, _) = open(Disk::default());
    let mut ends = Vec::new();
    for number in 0..3u16 {
        spool.append(number.into(), &record(Kind::Start, number + 1), true);
        spool.flush(NOW_MS);
        ends.push(spool.store.octets());
    }
    let whole = spool.store.segments.values().next().unwrap().clone();
    for cut in 0..=whole.len() {
        let mut disk = Disk::default();
        disk.segments.insert(1, whole[..cut].to_vec());
        let (mut spool, recovered) = open(disk);
        let kept = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(recovered.unfinished.len(), kept, "cut at {cut}");
        let good = ends[..kept].last().copied().unwrap_or(0);
        let good = if cut >= 8 { good.max(8) } else { good };
        let torn = spool.status().torn_octets;
        // A segment of a mark and nothing else is not torn.
        assert_eq!(
            torn,
            (cut - good.min(cut)) as u64 + u64::from(kept == 0 && cut >= 8) * 8
        );
        spool.append(9, &record(Kind::Start, 9), true);
        spool.flush(NOW_MS);
        let (_, recovered) = open(spool.store);
        assert_eq!(recovered.unfinished.len(), kept + 1, "cut at {cut}");
    }
}

#[test]
fn a_full_disk_loses_nothing_that_memory_has_and_is_used_again_when_it_has_room() {
    let (mut spool, _) = open(Disk::default());
    spool.append(0, &record(Kind::Start, 1), true);
    spool.flush(NOW_MS);
    spool.store.room = Some(spool.store.octets() + 10);
    spool.append(1, &record(Kind::Interim, 1), true);
    spool.append(2, &record(Kind::Start, 2), false);
    spool.append(3, &record(Kind::Stop, 1), true);
    spool.settle(0);
    spool.flush(NOW_MS);
    assert_eq!(
        spool.status().trouble.as_deref(),
        Some("no space left on device")
    );
    assert_eq!(drops(&spool, SpoolDrop::MemoryOnly), 2);
    assert_eq!(drops(&spool, SpoolDrop::NotWritten), 1);
    let (_, recovered) = open(spool.store.clone());
    assert_eq!(recovered.unfinished, [record(Kind::Start, 1)]);
    spool.store.room = None;
    spool.append(4, &record(Kind::Stop, 1), true);
    spool.flush(NOW_MS);
    assert_eq!(spool.status().trouble, None);
    let (mut spool, recovered) = open(spool.store);
    assert_eq!(recovered.unfinished, []);
    assert_eq!(numbers(&mut spool), [4], "that 0 is settled was noted late");
}

#[test]
fn without_permission_the_server_serves_and_says_why() {
    let disk = Disk {
        forbidden: true,
        ..Disk::default()
    };
    let (mut spool, recovered) = open(disk);
    assert_eq!(recovered, Recovered::default());
    spool.append(0, &record(Kind::Start, 1), true);
    spool.flush(NOW_MS);
    spool.sync();
    assert_eq!(spool.status().trouble.as_deref(), Some("permission denied"));
    spool.store.forbidden = false;
    spool.append(1, &record(Kind::Stop, 1), true);
    spool.flush(NOW_MS);
    assert_eq!(numbers(&mut spool), [1]);
}

/// A month of calls, one of which lives all the while, takes no more room than a day.
#[test]
fn settled_records_leave_the_disk_and_a_long_call_does_not_hold_them() {
    let (mut spool, _) = open(Disk::default());
    spool.append(0, &record(Kind::Start, 1), true);
    spool.settle(0);
    let mut most = 0;
    for number in 1..40_000u64 {
        let call = u16::try_from(number.div_ceil(2) + 1).unwrap();
        let kind = [Kind::Stop, Kind::Start][number as usize % 2];
        spool.append(number, &record(kind, call), true);
        spool.settle(number);
        if number % 64 == 0 {
            spool.flush(NOW_MS);
            most = most.max(spool.store.octets());
        }
    }
    spool.flush(NOW_MS);
    assert!(most < 1 << 20, "{most}");
    assert_eq!(drops(&spool, SpoolDrop::ForRoom), 0);
    let (_, recovered) = open(spool.store);
    assert_eq!(recovered.unfinished[0], record(Kind::Start, 1));
    assert_eq!(recovered.first_unsettled, None);
}

#[test]
fn for_room_interim_records_go_first_and_then_the_oldest_and_calls_are_kept() {
    let (mut spool, _) = open(Disk::default());
    let mut number = 0;
    let mut append = |spool: &mut Spool<Disk>, kind, call| {
        spool.append(number, &record(kind, call), false);
        number += 1;
        if number % 16 == 0 {
            spool.flush(NOW_MS);
        }
    };
    for _ in 0..200 {
        for call in 1..=16 {
            append(&mut spool, Kind::Interim, call);
        }
    }
    assert!(drops(&spool, SpoolDrop::InterimForRoom) > 500);
    assert_eq!(drops(&spool, SpoolDrop::ForRoom), 0);
    for call in 100..4100 {
        append(&mut spool, Kind::Stop, call);
    }
    spool.flush(NOW_MS);
    let lost = drops(&spool, SpoolDrop::ForRoom);
    assert!(lost > 100, "{lost}");
    assert!(spool.store.octets() <= (1 << 20) + (1 << 18));
    let left = numbers(&mut spool);
    assert_eq!(left.last(), Some(&(number - 1)), "the newest stay");
    let (_, recovered) = open(spool.store);
    assert_eq!(recovered.unfinished.len(), 16, "no call is forgotten");
}

#[test]
fn what_nobody_writes_down_for_too_long_is_given_up() {
    let (mut spool, _) = open(Disk::default());
    for number in 0..1400 {
        spool.append(number, &record(Kind::Stop, 1 + number as u16), false);
    }
    spool.flush(NOW_MS);
    let segments = spool.status().segments;
    assert!(segments > 2);
    for _ in 0..segments {
        spool.flush(NOW_MS + 3_600_001);
    }
    // The segment that is being filled is left alone.
    assert_eq!(spool.status().segments, 1);
    assert_eq!(
        drops(&spool, SpoolDrop::TooOld),
        1400 - spool.status().records
    );
}

#[derive(Clone, Debug)]
enum Act {
    Record(Kind, u16),
    Settle,
    Flush,
    Crash,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..3usize, 1..6u16).prop_map(|(kind, call)| {
            Act::Record([Kind::Start, Kind::Interim, Kind::Stop][kind], call)
        }),
        3 => Just(Act::Settle),
        2 => Just(Act::Flush),
        1 => Just(Act::Crash),
    ]
}

proptest! {
    /// Against a model that forgets what was not flushed: nothing else is lost, nothing comes back.
    #[test]
    fn a_crash_loses_what_was_not_flushed_and_nothing_else(acts in proptest::collection::vec(act(), 1..120)) {
        let (mut spool, _) = open(Disk::default());
        let (mut number, mut last_call) = (0u64, 0u16);
        let (mut pending, mut calls) = (BTreeSet::new(), HashMap::new());
        let mut durable = (pending.clone(), calls.clone());
        for act in acts {
            match act {
                Act::Record(kind, pick) => {
                    let mut live: Vec<u16> = calls.keys().copied().collect();
                    live.sort_unstable();
                    let (kind, call) = match (kind, live.get(usize::from(pick) % live.len().max(1))) {
                        (Kind::Start, _) | (_, None) => {
                            last_call += 1;
                            (Kind::Start, last_call)
                        }
                        (kind, Some(call)) => (kind, *call),
                    };
                    spool.append(number, &record(kind, call), true);
                    pending.insert(number);
                    match kind {
                        Kind::Stop => {
                            calls.remove(&call);
                        }
                        Kind::Start | Kind::Interim | Kind::On | Kind::Off => {
                            calls.insert(call, kind);
                        }
                    }
                    number += 1;
                }
                Act::Settle => {
                    if let Some(first) = pending.pop_first() {
                        spool.settle(first);
                    }
                }
                Act::Flush => {
                    spool.flush(NOW_MS);
                    durable = (pending.clone(), calls.clone());
                }
                Act::Crash => {
                    let (reopened, recovered) = open(spool.store);
                    spool = reopened;
                    (pending, calls) = durable.clone();
                    let left: Vec<u64> = pending.iter().copied().collect();
                    prop_assert_eq!(numbers(&mut spool), left);
                    let mut unfinished: Vec<_> = recovered.unfinished.iter()
                        .map(|it| (it.session_id.to_string(), it.kind == Kind::Start)).collect();
                    unfinished.sort();
                    let mut expected: Vec<_> = calls.iter()
                        .map(|(call, kind)| (format!("S{call}"), *kind == Kind::Start)).collect();
                    expected.sort();
                    prop_assert_eq!(unfinished, expected);
                    number = recovered.next_number;
                }
            }
        }
    }
}
