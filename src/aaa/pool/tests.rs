use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

const fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

fn config(name: &str, first: u8, last: u8) -> PoolConfig {
    PoolConfig::new(name, vec![address(first)..=address(last)], GATEWAY)
}

fn pools(first: u8, last: u8, reserved: &[Ipv4Addr]) -> Pools {
    Pools::new(&[config("default", first, last)], reserved.iter().copied())
}

/// Leases for somebody who was never here.
fn lease(pools: &mut Pools) -> Result<Lease, LeaseRefusal> {
    let stranger = format!("stranger {}", pools.usage()[0].leased);
    pools.lease("default", &stranger)
}

#[test]
fn every_address_is_leased_once_and_the_oldest_freed_comes_first() {
    let mut pools = pools(1, 4, &[]);
    let leases: Vec<_> = (0..3).map(|_| lease(&mut pools).unwrap()).collect();
    assert_eq!(lease(&mut pools), Err(LeaseRefusal::PoolExhausted));
    let usage = &pools.usage()[0];
    let counts = (usage.used, usage.size, usage.exhausted);
    assert_eq!(counts, (3, 3, 1), "the gateway is no address of the pool");
    let addresses: Vec<_> = leases.iter().map(Lease::address).collect();
    for lease in leases.into_iter().rev() {
        pools.release(lease);
    }
    let next: Vec<_> = (0..3)
        .map(|_| lease(&mut pools).unwrap().address())
        .collect();
    assert!(
        next.iter().eq(addresses.iter().rev()),
        "{next:?} after {addresses:?}"
    );
    assert_eq!(pools.usage()[0].used_max, 3);
}

#[test]
fn a_reserved_address_is_leased_by_name_only_and_to_one_session() {
    let mine = address(2);
    let mut pools = pools(2, 3, &[mine]);
    assert_eq!(lease(&mut pools).unwrap().address(), address(3));
    assert_eq!(lease(&mut pools), Err(LeaseRefusal::PoolExhausted));
    let own = pools.lease_named("default", mine).unwrap();
    let in_use = Err(LeaseRefusal::StaticAddressInUse);
    assert_eq!(pools.lease_named("default", mine), in_use);
    assert_eq!(pools.usage()[0].used, 1, "it is no address of the pool");
    pools.release(own);
    assert!(pools.lease_named("default", mine).is_ok());
    let unknown = Err(LeaseRefusal::PoolUnknown);
    assert_eq!(pools.lease("elsewhere", "alice"), unknown);
}

#[test]
fn a_client_may_name_an_address_that_is_free_in_its_pool_and_no_other() {
    let reserved = address(4);
    let mut pools = pools(1, 6, &[reserved]);
    let first = lease(&mut pools).unwrap();
    assert_eq!(first.address(), address(2));
    for refused in [address(1), address(2), address(4), address(7), address(0)] {
        assert_eq!(pools.lease_wanted(&first, refused), None, "{refused}");
    }
    let wanted = pools.lease_wanted(&first, address(5)).unwrap();
    pools.release(first);
    assert_eq!(
        (wanted.address(), wanted.gateway()),
        (address(5), address(1))
    );
    assert_eq!(pools.usage()[0].used, 1);
    // Nobody else gets it, and it comes back once.
    let rest: Vec<_> = (0..3).map(|_| lease(&mut pools).unwrap()).collect();
    assert_eq!(lease(&mut pools), Err(LeaseRefusal::PoolExhausted));
    let addresses: Vec<_> = rest.iter().map(Lease::address).collect();
    assert_eq!(addresses, [address(3), address(6), address(2)]);
    pools.release(wanted);
    assert_eq!(lease(&mut pools).unwrap().address(), address(5));
    assert_eq!(lease(&mut pools), Err(LeaseRefusal::PoolExhausted));
}

#[test]
fn naming_and_releasing_again_and_again_grows_nothing() {
    let mut pools = pools(2, 9, &[]);
    for round in 0..100_u8 {
        let first = lease(&mut pools).unwrap();
        let named = address(2 + round % 8);
        let other = pools.lease_wanted(&first, named);
        assert_eq!(other.is_none(), named == first.address());
        pools.release(first);
        if let Some(other) = other {
            pools.release(other);
        }
        let elsewhere = Ipv4Addr::new(172, 16, 0, round);
        let lease = pools.lease_named("default", elsewhere).unwrap();
        pools.release(lease);
        assert!(pools.pools[0].free.listed() <= 8 && pools.remembered() <= 8);
        assert!(pools.leased.is_empty() && pools.reserved.is_empty());
        assert_eq!(pools.usage()[0].used, 0);
    }
}

#[test]
fn what_one_pool_lacks_the_next_has_and_a_ring_of_pools_ends() {
    let chained = |name, first, last, next: &str| PoolConfig {
        next: Some(next.to_owned()),
        ..config(name, first, last)
    };
    let configs = [
        chained("default", 10, 11, "spare"),
        chained("spare", 20, 20, "default"),
    ];
    let mut pools = Pools::new(&configs, []);
    let leases: Vec<_> = (0..3).map(|_| lease_of(&mut pools)).collect();
    let of: Vec<_> = leases.iter().map(|it| (it.pool(), it.address())).collect();
    let expected = [
        ("default", address(10)),
        ("default", address(11)),
        ("spare", address(20)),
    ];
    assert_eq!(of, expected);
    assert_eq!(
        pools.lease("default", "x"),
        Err(LeaseRefusal::PoolExhausted)
    );
    assert_eq!(
        pools.describe("default"),
        "\"default\" (2 addresses), then \"spare\" (1 addresses)"
    );
    let exhausted: Vec<_> = pools.usage().iter().map(|pool| pool.exhausted).collect();
    assert_eq!(exhausted, [2, 1]);
}

fn lease_of(pools: &mut Pools) -> Lease {
    let used: usize = pools.usage().iter().map(|pool| pool.used).sum();
    pools.lease("default", &used.to_string()).unwrap()
}

#[test]
fn a_user_gets_its_last_address_again_while_nobody_else_had_it() {
    let mut pools = pools(2, 4, &[]);
    let alice = pools.lease("default", "alice").unwrap();
    let bob = pools.lease("default", "bob").unwrap();
    let of_alice = alice.address();
    pools.release(alice);
    pools.release(bob);
    // Two addresses were free longer, or never leased.
    let again = pools.lease("default", "alice").unwrap();
    assert_eq!(again.address(), of_alice);
    // A second session of hers has another, and that is her last one then.
    let second = pools.lease("default", "alice").unwrap();
    assert_ne!(second.address(), of_alice);
    pools.release(again);
    pools.release(second);
    let mut forgetful = config("default", 2, 4);
    forgetful.sticky = false;
    pools.reconfigure(&[forgetful], []);
    assert_eq!(
        pools.lease("default", "alice").unwrap().address(),
        address(3)
    );
}

#[test]
fn reservations_come_and_go_while_addresses_are_leased() {
    let mut pools = pools(2, 3, &[]);
    let held = pools.lease("default", "bob").unwrap();
    assert_eq!(held.address(), address(2));
    // Alice is given an address that bob has, and the free one is reserved for the printer.
    let mut changed = config("default", 2, 3);
    changed.reservations = vec![("printer".to_owned(), address(3))];
    pools.reconfigure(&[changed], [address(2)]);
    assert_eq!(pools.usage()[0].size, 0);
    assert_eq!(
        pools.lease("default", "carol"),
        Err(LeaseRefusal::PoolExhausted)
    );
    let printer = pools.lease("default", "printer").unwrap();
    assert_eq!(
        (printer.address(), printer.is_reserved()),
        (address(3), true)
    );
    assert_eq!(
        pools.lease("default", "printer"),
        Err(LeaseRefusal::PoolExhausted)
    );
    let in_use = Err(LeaseRefusal::StaticAddressInUse);
    assert_eq!(pools.lease_named("default", address(2)), in_use);
    pools.release(held);
    assert_eq!(
        pools.lease("default", "carol"),
        Err(LeaseRefusal::PoolExhausted)
    );
    assert!(
        pools
            .lease_named("default", address(2))
            .is_ok_and(|lease| lease.is_reserved())
    );
    pools.release(printer);
    // Nothing is reserved any more: what nobody has is free.
    pools.reconfigure(&[config("default", 2, 3)], []);
    assert_eq!(
        pools.lease("default", "carol").unwrap().address(),
        address(3)
    );
}

/// What a user does.
#[derive(Clone, Debug)]
enum Act {
    Open {
        pool: u8,
        user: u8,
    },
    OpenNamed {
        pool: u8,
        last: u8,
    },
    Wish {
        held: usize,
        last: u8,
    },
    Close {
        held: usize,
    },
    /// The process that held them is gone: all are given back, in this order of starting.
    Crash {
        first: usize,
    },
    Reserve {
        last: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let last = 1..24_u8;
    prop_oneof![
        6 => (0..3_u8, 0..6_u8).prop_map(|(pool, user)| Act::Open { pool, user }),
        2 => (0..3_u8, last.clone()).prop_map(|(pool, last)| Act::OpenNamed { pool, last }),
        2 => (0..32_usize, last.clone()).prop_map(|(held, last)| Act::Wish { held, last }),
        6 => (0..32_usize).prop_map(|held| Act::Close { held }),
        1 => (0..32_usize).prop_map(|first| Act::Crash { first }),
        1 => last.prop_map(|last| Act::Reserve { last }),
    ]
}

/// Says what is free without any of the machinery: a set.
struct Model {
    ranges: BTreeMap<&'static str, BTreeSet<Ipv4Addr>>,
    reserved: BTreeSet<Ipv4Addr>,
    leased: BTreeSet<Ipv4Addr>,
}

const NAMES: [&str; 3] = ["default", "second", "third"];

impl Model {
    fn free_of(&self, name: &str) -> Vec<Ipv4Addr> {
        let may = |it: &&Ipv4Addr| !self.reserved.contains(it) && !self.leased.contains(it);
        self.ranges[name].iter().filter(may).copied().collect()
    }

    /// Each pool has the next one behind it.
    fn free_from(&self, pool: u8) -> Vec<Ipv4Addr> {
        let names = NAMES.iter().skip(pool.into());
        names.flat_map(|name| self.free_of(name)).collect()
    }
}

proptest! {
    #[test]
    fn no_address_has_two_holders_and_every_one_comes_back_once(
        acts in proptest::collection::vec(act(), 1..200)
    ) {
        let mut configs =
            [config("default", 2, 6), config("second", 8, 12), config("third", 14, 18)];
        configs[0].next = Some("second".into());
        configs[1].next = Some("third".into());
        let own = |config: &PoolConfig| {
            let mut all = BTreeSet::new();
            for range in &config.ranges {
                all.extend((u32::from(*range.start())..=u32::from(*range.end())).map(Ipv4Addr::from));
            }
            all
        };
        let mut model = Model {
            ranges: NAMES.into_iter().zip(configs.iter().map(own)).collect(),
            reserved: BTreeSet::new(),
            leased: BTreeSet::new(),
        };
        let mut pools = Pools::new(&configs, []);
        let mut held: Vec<Lease> = Vec::new();
        for act in acts {
            match act {
                Act::Open { pool, user } => {
                    let free = model.free_from(pool);
                    match pools.lease(NAMES[usize::from(pool)], &user.to_string()) {
                        Ok(lease) => {
                            prop_assert!(free.contains(&lease.address()));
                            prop_assert!(model.leased.insert(lease.address()));
                            held.push(lease);
                        }
                        Err(refusal) => {
                            prop_assert_eq!(refusal, LeaseRefusal::PoolExhausted);
                            prop_assert!(free.is_empty());
                        }
                    }
                }
                Act::OpenNamed { pool, last } => {
                    let taken = model.leased.contains(&address(last));
                    let lease = pools.lease_named(NAMES[usize::from(pool)], address(last));
                    prop_assert_eq!(lease.is_err(), taken);
                    if let Ok(lease) = lease {
                        model.leased.insert(lease.address());
                        held.push(lease);
                    }
                }
                Act::Wish { held: which, last } if !held.is_empty() => {
                    let which = which % held.len();
                    let may = model.free_of(held[which].pool()).contains(&address(last));
                    let other = pools.lease_wanted(&held[which], address(last));
                    prop_assert_eq!(other.is_some(), may);
                    if let Some(other) = other {
                        let before = std::mem::replace(&mut held[which], other);
                        model.leased.remove(&before.address());
                        model.leased.insert(address(last));
                        pools.release(before);
                    }
                }
                Act::Close { held: which } if !held.is_empty() => {
                    let lease = held.swap_remove(which % held.len());
                    model.leased.remove(&lease.address());
                    pools.release(lease);
                }
                Act::Crash { first } => {
                    let middle = first % held.len().max(1);
                    held.rotate_left(middle);
                    held.drain(..).for_each(|lease| pools.release(lease));
                    model.leased.clear();
                }
                Act::Reserve { last } => {
                    if !model.reserved.remove(&address(last)) {
                        model.reserved.insert(address(last));
                    }
                    pools.reconfigure(&configs, model.reserved.iter().copied());
                }
                Act::Wish { .. } | Act::Close { .. } => {}
            }
            let leased: BTreeSet<_> = pools.leased.keys().copied().collect();
            prop_assert_eq!(&leased, &model.leased);
            prop_assert!(pools.remembered() <= 15);
        }
        held.drain(..).for_each(|lease| pools.release(lease));
        model.leased.clear();
        // Every address that is nobody's can be leased again, each once.
        let free = model.free_from(0);
        let mut again = BTreeSet::new();
        while let Ok(lease) = pools.lease("default", &format!("late {}", again.len())) {
            prop_assert!(again.insert(lease.address()));
        }
        prop_assert!(again.iter().eq(free.iter()));
    }
}
