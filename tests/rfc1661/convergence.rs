//! §4: two automata that want different things, on a path that loses, repeats and overtakes.

use std::collections::BTreeMap;
use std::time::Duration;

use pns::clock::Timestamp;
use pns::ppp::automaton::{Automaton, Effect, Effects, Limits, OptionPolicy};
use pns::ppp::fsm::State;
use pns::ppp::judgement::{Judgement, Objection};
use pns::wire::options::{self, Options};
use pns::wire::ppp::{Frame, Packet, Protocol};
use proptest::prelude::*;

/// What one side asks for, and the most that it takes of each option; an option without an entry
/// there is rejected.
#[derive(Clone, Debug)]
struct Wishes {
    wanted: BTreeMap<u8, u8>,
    takes: BTreeMap<u8, u8>,
    agreed: Vec<u8>,
}

impl OptionPolicy for Wishes {
    const PROTOCOL: Protocol = Protocol::LCP;

    fn request(&self, options: &mut Vec<u8>) {
        for (kind, value) in &self.wanted {
            options::push(options, *kind, &[*value]);
        }
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        for option in options.iter() {
            match (self.takes.get(&option.kind), option.value) {
                (None, _) => judgement.reject(option),
                (Some(most), [value]) if value <= most => {}
                (Some(most), _) => {
                    judgement.nak(option, |list| options::push(list, option.kind, &[*most]));
                }
            }
        }
        Ok(())
    }

    fn agreed(&mut self, options: &Options<'_>) {
        self.agreed = options.as_bytes().to_vec();
    }

    fn nak_received(&mut self, options: &Options<'_>, tired: bool) -> Result<(), Objection> {
        for option in options.iter() {
            if let (Some(wanted), [value]) = (self.wanted.get_mut(&option.kind), option.value) {
                *wanted = *value;
            }
        }
        if tired {
            self.wanted.clear();
        }
        Ok(())
    }

    fn reject_received(&mut self, options: &Options<'_>) -> Result<(), Objection> {
        for option in options.iter() {
            self.wanted.remove(&option.kind);
        }
        Ok(())
    }
}

const LIMITS: Limits = Limits {
    restart_timer_initial: Duration::from_secs(1),
    restart_timer: Duration::from_secs(3),
    configure_max: 10,
    terminate_max: 2,
    failure_max: 5,
    repeats_max: 2,
};

#[derive(Clone, Copy, Debug)]
struct Path {
    loss: u64,
    duplication: u64,
    delay_ms_max: u64,
}

const GOOD_PATH: Path = Path {
    loss: 0,
    duplication: 0,
    delay_ms_max: 20,
};

struct Pair {
    ends: [Automaton<Wishes>; 2],
    path: Path,
    random: u64,
    now: Timestamp,
    flying: Vec<(Timestamp, usize, Vec<u8>)>,
    frames: usize,
}

impl Pair {
    fn new(wishes: [Wishes; 2], path: Path, seed: u64) -> Self {
        let mut pair = Self {
            ends: wishes.map(|wishes| Automaton::new(wishes, LIMITS)),
            path,
            random: seed | 1,
            now: Timestamp::ZERO,
            flying: Vec::new(),
            frames: 0,
        };
        for end in 0..2 {
            pair.ends[end].open(pair.now);
            let effects = pair.ends[end].up(pair.now);
            pair.send(end, effects);
        }
        pair
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn send(&mut self, from: usize, effects: Effects) {
        for effect in effects {
            let Effect::Frame(frame) = effect else {
                continue;
            };
            self.frames += 1;
            let copies = 1 + usize::from(self.random() % 100 < self.path.duplication);
            for _ in 0..copies {
                if self.random() % 100 >= self.path.loss {
                    let delay = self.random() % (self.path.delay_ms_max + 1);
                    let at = self.now + Duration::from_millis(delay);
                    self.flying.push((at, 1 - from, frame.as_bytes().to_vec()));
                }
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + Duration::from_millis(10);
            let now = self.now;
            self.flying.sort_by_key(|(at, ..)| *at);
            let landed = self.flying.partition_point(|(at, ..)| *at <= now);
            for (_, to, bytes) in self.flying.drain(..landed).collect::<Vec<_>>() {
                let payload = Frame::parse(&bytes).unwrap().payload;
                let packet = Packet::parse(payload).unwrap();
                let effects = self.ends[to].receive(&packet, now);
                self.send(to, effects);
            }
            for end in 0..2 {
                let effects = self.ends[end].handle_timeout(now);
                self.send(end, effects);
            }
        }
    }

    fn states(&self) -> [State; 2] {
        [self.ends[0].state(), self.ends[1].state()]
    }
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let values = || proptest::collection::btree_map(1_u8..6, 0_u8..9, 0..5);
    (values(), values()).prop_map(|(wanted, takes)| Wishes {
        wanted,
        takes,
        agreed: Vec::new(),
    })
}

/// Each side has acknowledged what the other one asks for at last.
fn agree(pair: &Pair) -> bool {
    (0..2).all(|end| {
        let mut asked = Vec::new();
        pair.ends[end].policy().request(&mut asked);
        let taken = pair.ends[1 - end].policy();
        let options = Options::parse(&asked).unwrap();
        let good = options.iter().all(|it| {
            taken
                .takes
                .get(&it.kind)
                .is_some_and(|most| it.value[0] <= *most)
        });
        good && taken.agreed == asked
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn s4_1_two_automata_agree_on_a_good_path(a in wishes(), b in wishes(), seed: u64) {
        let mut pair = Pair::new([a, b], GOOD_PATH, seed);
        pair.run(Duration::from_secs(2));
        prop_assert_eq!(pair.states(), [State::Opened; 2]);
        prop_assert!(agree(&pair));
        // Each side asks at most for all, for less, and for what is left after a Reject.
        prop_assert!(pair.frames <= 16, "{} frames", pair.frames);
    }

    #[test]
    fn s4_1_two_automata_agree_once_a_bad_path_gets_better(
        a in wishes(),
        b in wishes(),
        seed: u64,
        loss in 0_u64..60,
        duplication in 0_u64..40,
        delay_ms_max in 0_u64..4000,
        bad_s in 0_u64..20,
    ) {
        let path = Path { loss, duplication, delay_ms_max };
        let mut pair = Pair::new([a, b], path, seed);
        pair.run(Duration::from_secs(bad_s));
        pair.path = GOOD_PATH;
        pair.run(Duration::from_secs(40));
        let states = pair.states();
        prop_assert!(
            states == [State::Opened; 2] || states == [State::Stopped; 2],
            "{:?}", states
        );
        if states == [State::Opened; 2] {
            prop_assert!(agree(&pair), "{:?}", pair.ends);
        }
        prop_assert!(pair.frames < 400, "{} frames", pair.frames);
    }
}

#[test]
fn s4_2_a_side_that_gave_up_is_woken_by_the_other() {
    let wishes = Wishes {
        wanted: BTreeMap::from([(1, 3)]),
        takes: BTreeMap::from([(1, 9)]),
        agreed: Vec::new(),
    };
    let deaf = Path {
        loss: 100,
        ..GOOD_PATH
    };
    let mut pair = Pair::new([wishes.clone(), wishes], deaf, 1);
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.states(), [State::Stopped; 2]);
    pair.path = GOOD_PATH;
    pair.ends[1].down(pair.now);
    let effects = pair.ends[1].up(pair.now);
    pair.send(1, effects);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.states(), [State::Opened; 2]);
}
