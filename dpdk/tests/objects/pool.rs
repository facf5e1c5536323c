//! Pools and the buffers in them.

use crate::{DATA_ROOM, eal, pool, unique};
use dpdk::{Burst, Error, Mempool};
use proptest::prelude::*;

#[test]
fn an_empty_pool_gives_nothing_until_something_comes_back() {
    let pool = pool(63);
    assert_eq!(
        (pool.available(), pool.capacity(), pool.data_room()),
        (63, 63, DATA_ROOM)
    );
    let mut all: Vec<_> = std::iter::from_fn(|| pool.allocate()).collect();
    assert_eq!((all.len(), pool.available()), (63, 0));
    assert!(pool.allocate().is_none());
    let mut burst = Burst::new();
    assert!(!pool.allocate_bulk(&mut burst, 1));
    all.truncate(60);
    assert!(!pool.allocate_bulk(&mut burst, 4));
    assert!(burst.is_empty());
    assert!(pool.allocate_bulk(&mut burst, 3));
    assert_eq!((burst.len(), pool.available()), (3, 0));
    drop(all);
    dpdk::free(&mut burst);
    assert_eq!((burst.len(), pool.available()), (0, 63));
}

#[test]
fn a_bulk_must_fit_into_the_burst() {
    let pool = pool(255);
    let mut burst = Burst::new();
    assert!(pool.allocate_bulk(&mut burst, 0));
    assert!(pool.allocate_bulk(&mut burst, 60));
    assert!(!pool.allocate_bulk(&mut burst, 5));
    assert!(pool.allocate_bulk(&mut burst, 4));
    assert_eq!((burst.len(), pool.available()), (64, 191));
    drop(burst);
    assert_eq!(pool.available(), 255);
}

#[test]
fn two_buffers_share_no_octet() {
    let pool = pool(63);
    let mut all: Vec<_> = std::iter::from_fn(|| pool.allocate()).collect();
    for (number, mbuf) in (0..).zip(&mut all) {
        let room = mbuf.tailroom();
        mbuf.append(room).unwrap().fill(number);
        let room = mbuf.headroom();
        mbuf.prepend(room).unwrap().fill(number);
    }
    for (number, mbuf) in (0..).zip(&all) {
        assert_eq!(mbuf.len(), usize::from(DATA_ROOM) + 128);
        assert!(mbuf.data().iter().all(|&octet| octet == number));
    }
}

#[test]
fn a_pool_that_cannot_be_says_why() {
    let make = |name: &str, mbufs, room, cache| {
        Mempool::new(eal(), name, mbufs, room, cache, None)
            .map(drop)
            .unwrap_err()
    };
    let taken = unique("taken");
    let _first = Mempool::new(eal(), &taken, 63, 2048, 0, None).unwrap();
    assert!(
        make(&taken, 63, 2048, 0)
            .to_string()
            .contains("has this name")
    );
    assert!(matches!(
        make("", 63, 2048, 0),
        Error::InvalidArgument { .. }
    ));
    assert!(matches!(
        make("a\0b", 63, 2048, 0),
        Error::InvalidArgument { .. }
    ));
    assert!(matches!(
        make(&"x".repeat(26), 63, 2048, 0),
        Error::InvalidArgument { .. }
    ));
    assert!(matches!(
        make(&unique("room"), 63, 0, 0),
        Error::InvalidArgument { .. }
    ));
    assert!(matches!(
        make(&unique("room"), 63, 65_500, 0),
        Error::InvalidArgument { .. }
    ));
    assert!(
        make(&unique("cache"), 63, 2048, 513)
            .to_string()
            .contains("cache")
    );
    assert!(
        make(&unique("huge"), 1 << 20, 2048, 0)
            .to_string()
            .contains("more memory")
    );
}

/// What an [`dpdk::Mbuf`] must do, said with a vector.
#[derive(Clone, Debug)]
struct Model {
    headroom: usize,
    data: Vec<u8>,
    tailroom: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Trim(usize),
    Prepend(usize, u8),
    Append(usize, u8),
    Truncate(usize),
}

impl Model {
    /// Does the step and says whether it was possible.
    fn step(&mut self, step: &Step) -> bool {
        match *step {
            Step::Trim(count) if count <= self.data.len() => {
                self.data.drain(..count);
                self.headroom += count;
            }
            Step::Prepend(count, fill) if count <= self.headroom => {
                self.headroom -= count;
                self.data.splice(..0, std::iter::repeat_n(fill, count));
            }
            Step::Append(count, fill) if count <= self.tailroom => {
                self.tailroom -= count;
                self.data.extend(std::iter::repeat_n(fill, count));
            }
            Step::Truncate(length) if length < self.data.len() => {
                self.tailroom += self.data.len() - length;
                self.data.truncate(length);
            }
            Step::Trim(_) | Step::Prepend(..) | Step::Append(..) | Step::Truncate(_) => {
                return false;
            }
        }
        true
    }
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..40usize,
        100..160usize,
        0..2400usize,
        Just(usize::MAX),
        Just(65_535),
        Just(65_536),
        Just(65_537)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        length().prop_map(Step::Trim),
        (length(), any::<u8>()).prop_map(|(count, fill)| Step::Prepend(count, fill)),
        (length(), any::<u8>()).prop_map(|(count, fill)| Step::Append(count, fill)),
        length().prop_map(Step::Truncate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn a_buffer_grows_and_shrinks_like_a_vector(steps in prop::collection::vec(step(), 0..40)) {
        static POOL: std::sync::OnceLock<Mempool> = std::sync::OnceLock::new();
        let pool = POOL.get_or_init(|| pool(63));
        let mut mbuf = pool.allocate().unwrap();
        let mut model =
            Model { headroom: 128, data: Vec::new(), tailroom: usize::from(DATA_ROOM) };
        for step in &steps {
            let possible = model.step(step);
            match *step {
                Step::Trim(count) => prop_assert_eq!(mbuf.trim_front(count), possible),
                Step::Prepend(count, fill) => {
                    let new = mbuf.prepend(count);
                    prop_assert_eq!(new.as_ref().map(|new| new.len()), possible.then_some(count));
                    if let Some(new) = new { new.fill(fill) }
                }
                Step::Append(count, fill) => {
                    let new = mbuf.append(count);
                    prop_assert_eq!(new.as_ref().map(|new| new.len()), possible.then_some(count));
                    if let Some(new) = new { new.fill(fill) }
                }
                Step::Truncate(length) => mbuf.truncate(length),
            }
            prop_assert_eq!(mbuf.data(), &model.data[..]);
            prop_assert_eq!((mbuf.headroom(), mbuf.tailroom()), (model.headroom, model.tailroom));
            prop_assert_eq!((mbuf.len(), mbuf.is_empty()), (model.data.len(), model.data.is_empty()));
        }
    }
}
