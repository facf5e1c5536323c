use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const PEERS: [Ipv4Addr; 3] = [
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(192, 0, 2, 2),
    Ipv4Addr::new(203, 0, 113, 9),
];

fn at_s(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(1_000_000 + seconds)
}

/// A reproducible stand-in for the random numbers of the caller.
fn random(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn every_call_id_but_0_is_given_out_once_and_then_none() {
    let mut ids = CallIds::new();
    let mut seen = HashSet::new();
    for turn in 0..65_535 {
        let id = ids
            .allocate(|_| true, PEERS[0], at_s(0), random(turn))
            .unwrap();
        assert_ne!(id.get(), 0);
        assert!(seen.insert(id) && ids.is_live(id));
    }
    let refusal = ids.allocate(|_| true, PEERS[0], at_s(0), 0);
    assert_eq!(refusal, Err(CallIdRefusal::Exhausted));
    assert_eq!(
        (ids.live(), ids.refused(CallIdRefusal::Exhausted)),
        (CallIds::CAPACITY, 1)
    );
    for id in seen {
        assert!(ids.release(id, at_s(1)));
        assert!(!ids.release(id, at_s(1)), "released twice");
    }
    assert_eq!(ids.live(), 0);
    assert!(!ids.release(CallId::new(0), at_s(1)));
}

#[test]
fn a_call_gets_a_bucket_that_is_near_as_long_as_one_has_any() {
    let mut ids = CallIds::new();
    let is_near = |bucket: u8| bucket < 2;
    for turn in 0..511 {
        let id = ids.allocate_near(is_near, PEERS[0], at_s(0), random(turn));
        assert!(is_near(id.unwrap().bucket()), "{id:?}");
    }
    let id = ids.allocate_near(is_near, PEERS[0], at_s(0), 0).unwrap();
    assert!(!is_near(id.bucket()), "any other will do");
    assert_eq!(ids.live(), 512);
    for refusal in CallIdRefusal::ALL {
        assert_eq!(ids.refused(*refusal), 0, "nobody was refused: {refusal:?}");
    }
    let id = ids.allocate_near(|_| false, PEERS[1], at_s(0), 1);
    assert!(id.is_ok(), "nothing is near");
}

#[test]
fn the_first_call_ids_are_spread_over_all_16_bits() {
    let mut ids = CallIds::new();
    let mut highs = HashSet::new();
    let mut buckets = HashSet::new();
    for turn in 0..2048 {
        let id = ids
            .allocate(|_| true, PEERS[0], at_s(0), random(turn))
            .unwrap();
        highs.insert(id.get() >> 8);
        buckets.insert(id.bucket());
    }
    assert!(
        highs.len() > 250 && buckets.len() > 250,
        "{} {}",
        highs.len(),
        buckets.len()
    );
}

#[test]
fn allowed_buckets_share_the_load_evenly() {
    let mut ids = CallIds::new();
    let mut loads = [0_usize; 256];
    for turn in 0..4096 {
        let id = ids
            .allocate(|bucket| bucket < 64, PEERS[0], at_s(0), random(turn))
            .unwrap();
        loads[usize::from(id.bucket())] += 1;
    }
    assert_eq!(loads[64..].iter().sum::<usize>(), 0);
    assert!(
        loads[..64].iter().all(|load| (32..=108).contains(load)),
        "{loads:?}"
    );
}

/// One bucket, all of it used and given back: what is given out when.
fn used_bucket(released: impl Fn(u8) -> u64, peer: impl Fn(u8) -> Ipv4Addr) -> CallIds {
    let mut ids = CallIds::new();
    let mut by_time = BTreeMap::<u64, Vec<CallId>>::new();
    for turn in 0..=255 {
        // The order of the queue is known: always the front.
        let id = ids
            .allocate(|bucket| bucket == 5, peer(turn), at_s(0), 0)
            .unwrap();
        assert_eq!(id, CallId::new(u16::from_be_bytes([turn, 5])));
        by_time.entry(released(turn)).or_default().push(id);
    }
    for (seconds, released) in by_time {
        for id in released {
            assert!(ids.release(id, at_s(seconds)));
        }
    }
    ids
}

#[test]
fn nothing_is_reused_before_2_s() {
    let mut ids = used_bucket(|_| 10, |_| PEERS[0]);
    let hot = at_s(12) - Duration::from_nanos(1);
    let refusal = ids.allocate(|bucket| bucket == 5, PEERS[1], hot, 7);
    assert_eq!(refusal, Err(CallIdRefusal::TooHot));
    assert!(
        ids.allocate(|bucket| bucket == 5, PEERS[1], at_s(12), 7)
            .is_ok()
    );
    assert!(
        ids.allocate(|_| true, PEERS[1], at_s(12), 7)
            .unwrap()
            .bucket()
            != 5,
        "cooler ones"
    );
}

#[test]
fn the_last_peer_waits_60_s() {
    let mut ids = used_bucket(|_| 10, |_| PEERS[0]);
    for seconds in [12, 40, 69] {
        let refusal = ids.allocate(|bucket| bucket == 5, PEERS[0], at_s(seconds), seconds);
        assert_eq!(refusal, Err(CallIdRefusal::PeerTooHot));
    }
    assert!(
        ids.allocate(|bucket| bucket == 5, PEERS[0], at_s(70), 7)
            .is_ok()
    );
    assert_eq!(ids.refused(CallIdRefusal::PeerTooHot), 3);
}

#[test]
fn when_none_is_cool_one_of_the_oldest_is_taken() {
    for turn in 0..200 {
        let mut ids = used_bucket(|high| u64::from(high) / 8, |_| PEERS[0]);
        let id = ids
            .allocate(|bucket| bucket == 5, PEERS[1], at_s(34), random(turn))
            .unwrap();
        assert!((id.get() >> 8) < 16, "{id}");
    }
}

#[test]
fn the_bucket_that_rested_longest_is_taken() {
    for turn in 0..50 {
        let mut ids = CallIds::new();
        let all: Vec<CallId> = (0..512)
            .map(|turn| ids.allocate(|bucket| bucket < 2, PEERS[0], at_s(0), random(turn)))
            .filter_map(Result::ok)
            .collect();
        for (seconds, bucket) in [(10, 1), (20, 0)] {
            let of_bucket = all.iter().filter(|id| id.bucket() == bucket);
            of_bucket.for_each(|id| assert!(ids.release(*id, at_s(seconds))));
        }
        let id = ids
            .allocate(|bucket| bucket < 2, PEERS[1], at_s(30), random(turn))
            .unwrap();
        assert_eq!(id.bucket(), 1);
    }
}

#[test]
fn no_bucket_is_a_refusal_of_its_own() {
    let refusal = CallIds::new().allocate(|_| false, PEERS[0], at_s(0), 0);
    assert_eq!(refusal, Err(CallIdRefusal::NoBucket));
}

/// The rules once more, without any structure: a map and a scan.
#[derive(Default)]
struct Model {
    live: HashMap<CallId, Ipv4Addr>,
    released: HashMap<CallId, (Ipv4Addr, Timestamp, u64)>,
    releases: u64,
}

impl Model {
    /// What may be given out: the cool ones, or else the warm ones.
    fn allowed(&self, buckets: &[u8], peer: Ipv4Addr, now: Timestamp) -> HashSet<CallId> {
        let free: Vec<CallId> = (1..=u16::MAX)
            .map(CallId::new)
            .filter(|id| buckets.contains(&id.bucket()) && !self.live.contains_key(id))
            .collect();
        let rest = |id: &CallId| self.released.get(id).map(|(_, at, _)| now.since(*at));
        let cool: HashSet<CallId> = free
            .iter()
            .filter(|id| rest(id).is_none_or(|rest| rest >= REST_AIM))
            .copied()
            .collect();
        if !cool.is_empty() {
            return cool;
        }
        let mut warm = HashSet::new();
        for bucket in buckets {
            let mut oldest: Vec<CallId> = free
                .iter()
                .filter(|id| id.bucket() == *bucket)
                .copied()
                .collect();
            oldest.sort_by_key(|id| self.released.get(id).map(|(_, _, order)| *order));
            oldest.truncate(OLDEST_MAX);
            warm.extend(oldest.into_iter().filter(|id| {
                let (last, at, _) = self.released[id];
                now.since(at) >= REST_MIN && last != peer
            }));
        }
        let mut oldest: Vec<CallId> = warm.into_iter().collect();
        oldest.sort_by_key(|id| self.released[id].1);
        let limit = oldest.get(OLDEST_MAX - 1).map(|id| self.released[id].1);
        oldest.retain(|id| limit.is_none_or(|limit| self.released[id].1 <= limit));
        oldest.into_iter().collect()
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Allocate { peer: usize, random: u64 },
    AllocateMany { peer: usize, random: u64 },
    Release(usize),
    ReleaseMany,
    Pass(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0_usize..3, any::<u64>()).prop_map(|(peer, random)| Operation::Allocate { peer, random }),
        2 => (0_usize..3, any::<u64>())
            .prop_map(|(peer, random)| Operation::AllocateMany { peer, random }),
        4 => any::<usize>().prop_map(Operation::Release),
        2 => Just(Operation::ReleaseMany),
        3 => (0_u64..30_000).prop_map(Operation::Pass),
    ]
}

struct World {
    ids: CallIds,
    model: Model,
    now: Timestamp,
}

impl World {
    /// Two buckets, one of them with the forbidden 0: small enough to run dry.
    const BUCKETS: [u8; 2] = [0, 200];

    fn allocate(&mut self, peer: Ipv4Addr, random: u64, check: bool) {
        let ok = |bucket| Self::BUCKETS.contains(&bucket);
        let got = self.ids.allocate(ok, peer, self.now, random);
        if check {
            let allowed = self.model.allowed(&Self::BUCKETS, peer, self.now);
            match got {
                Ok(id) => assert!(allowed.contains(&id), "{id} is not allowed"),
                Err(refusal) => assert!(allowed.is_empty(), "{refusal} though {allowed:?}"),
            }
        }
        if let Ok(id) = got {
            assert_eq!(self.model.live.insert(id, peer), None, "given out twice");
        }
    }

    fn release(&mut self, pick: usize) {
        let mut live: Vec<CallId> = self.model.live.keys().copied().collect();
        live.sort_unstable();
        let Some(id) = live.get(pick % live.len().max(1)).copied() else {
            return;
        };
        assert!(self.ids.release(id, self.now));
        let peer = self.model.live.remove(&id).unwrap();
        self.model.releases += 1;
        self.model
            .released
            .insert(id, (peer, self.now, self.model.releases));
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Allocate { peer, random } => self.allocate(PEERS[*peer], *random, true),
            Operation::AllocateMany { peer, random: seed } => {
                for turn in 0..200 {
                    self.allocate(
                        PEERS[*peer],
                        random(seed.wrapping_add(turn)),
                        turn % 50 == 0,
                    );
                }
            }
            Operation::Release(pick) => self.release(*pick),
            Operation::ReleaseMany => (0..150).for_each(|turn| self.release(turn * 7)),
            Operation::Pass(millis) => self.now = self.now + Duration::from_millis(*millis),
        }
        assert_eq!(self.ids.live(), self.model.live.len());
    }
}

/// 3,000 calls a second that live so long, on one local address.
struct Storm {
    ids: CallIds,
    now: Timestamp,
    seed: u64,
    calls: std::collections::VecDeque<(Timestamp, CallId)>,
    /// When each was released, and whose it was.
    released: HashMap<CallId, (Timestamp, Ipv4Addr)>,
    live: HashMap<CallId, Ipv4Addr>,
    rest_min: Duration,
    refused: u64,
}

impl Storm {
    const CALLS_PER_STEP: u64 = 30;
    const STEP: Duration = Duration::from_millis(10);

    fn new() -> Self {
        Self {
            ids: CallIds::new(),
            now: at_s(0),
            seed: 0,
            calls: std::collections::VecDeque::new(),
            released: HashMap::new(),
            live: HashMap::new(),
            rest_min: Duration::MAX,
            refused: 0,
        }
    }

    fn step(&mut self, life: Duration, calls: u64) {
        self.now = self.now + Self::STEP;
        while let Some((end, id)) = self.calls.front().copied()
            && end <= self.now
        {
            self.calls.pop_front();
            assert!(self.ids.release(id, self.now));
            let peer = self.live.remove(&id).unwrap();
            self.released.insert(id, (self.now, peer));
        }
        for _ in 0..calls {
            self.seed += 1;
            // Some clients dial again and again, behind one NAT.
            let of_a_few = random(self.seed).is_multiple_of(4);
            let client = (random(self.seed) >> 8) % if of_a_few { 3 } else { 2000 };
            let peer = Ipv4Addr::from_bits(0xcb00_7100 + u32::try_from(client).unwrap());
            let id = self
                .ids
                .allocate(|_| true, peer, self.now, random(!self.seed));
            match id {
                Ok(id) => self.given(id, peer, life),
                Err(_) => self.refused += 1,
            }
        }
        assert_eq!(self.ids.live(), self.live.len());
    }

    /// The bounds, from outside.
    fn given(&mut self, id: CallId, peer: Ipv4Addr, life: Duration) {
        assert_ne!(id.get(), 0);
        assert_eq!(self.live.insert(id, peer), None, "before the final report");
        if let Some((released, last)) = self.released.get(&id) {
            let rest = self.now.since(*released);
            assert!(rest >= REST_MIN, "{rest:?}");
            assert!(
                rest >= REST_AIM || *last != peer,
                "the same peer after {rest:?}"
            );
            self.rest_min = self.rest_min.min(rest);
        }
        self.calls.push_back((self.now + life, id));
    }

    fn run(&mut self, time: Duration, life: Duration) {
        for _ in 0..time.as_millis() / Self::STEP.as_millis() {
            self.step(life, Self::CALLS_PER_STEP);
        }
    }
}

#[test]
fn at_3000_calls_a_second_the_bounds_hold_and_the_rest_is_as_long_as_can_be() {
    let mut storm = Storm::new();
    storm.run(Duration::from_secs(120), Duration::from_secs(2));
    assert_eq!(storm.refused, 0);
    // 65,535 Call IDs less 6,000 in use, at 3,000 a second.
    let possible = Duration::from_millis((65_535 - 6_000) / 3);
    assert!(storm.rest_min > possible * 9 / 10, "{:?}", storm.rest_min);
}

#[test]
fn a_space_that_is_too_hot_refuses_with_its_reason_and_recovers() {
    let mut storm = Storm::new();
    let life = Duration::from_secs(21);
    storm.run(Duration::from_secs(21), life);
    assert_eq!(storm.refused, 0);
    // 63,000 live: what is free cannot rest 2 s any more.
    storm.run(Duration::from_secs(10), life);
    assert!(storm.refused > 1000, "{}", storm.refused);
    let by_reason: u64 = CallIdRefusal::ALL
        .iter()
        .map(|reason| storm.ids.refused(*reason))
        .sum();
    assert_eq!(by_reason, storm.refused);
    assert!(
        storm.ids.refused(CallIdRefusal::TooHot) + storm.ids.refused(CallIdRefusal::Exhausted) > 0
    );
    // The calls end, and nobody is refused any more.
    for _ in 0..2500 {
        storm.step(life, 0);
    }
    let before = storm.refused;
    storm.run(Duration::from_secs(5), Duration::from_secs(1));
    assert_eq!(storm.refused, before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn allocation_agrees_with_the_rules(
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut world = World { ids: CallIds::new(), model: Model::default(), now: at_s(0) };
        for operation in &operations {
            world.apply(operation);
        }
    }
}
