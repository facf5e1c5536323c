//! Address pools. A lease is a value that cannot be copied: it is taken once, carried by one session,
//! and given back once, after the worker's final report.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::counted_enum;

counted_enum! {
    /// Why no address could be leased.
    pub enum LeaseRefusal {
        /// Every address of the pool is leased.
        PoolExhausted => "pool_exhausted",
        /// The user's policy names a pool that the configuration does not have.
        PoolUnknown => "pool_unknown",
        /// The user's own address is leased by another session of the same user.
        StaticAddressInUse => "static_address_in_use",
    }
}

impl LeaseRefusal {
    /// One plain sentence: what to change.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::PoolExhausted => {
                "Every address of the user's pool is leased: add a range to the pool."
            }
            Self::PoolUnknown => {
                "The user's pool is not configured: add it, or correct the users file."
            }
            Self::StaticAddressInUse => {
                "The user's own address is held by another session of that user: end that one first."
            }
        }
    }
}

/// One pool as configured.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The name that users and the configuration refer to.
    pub name: String,
    /// The addresses to lease.
    pub ranges: Vec<RangeInclusive<Ipv4Addr>>,
    /// Our own end of every link of this pool.
    pub gateway: Ipv4Addr,
}

/// An address that one session holds.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is dropped without release is lost to its pool"]
pub struct Lease {
    address: Ipv4Addr,
    gateway: Ipv4Addr,
    pool: usize,
    reserved: bool,
}

impl Lease {
    /// The client's address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Our address on the link.
    #[must_use]
    pub const fn gateway(&self) -> Ipv4Addr {
        self.gateway
    }

    /// Whether the address belongs to the user.
    #[must_use]
    pub const fn is_reserved(&self) -> bool {
        self.reserved
    }
}

/// How full a pool is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// The pool's name.
    pub name: String,
    /// Addresses that can be leased, reservations left out.
    pub size: usize,
    /// Addresses leased now.
    pub used: usize,
}

struct Pool {
    config: PoolConfig,
    /// Oldest freed first, so that an address rests as long as possible before the next client.
    free: VecDeque<Ipv4Addr>,
    /// The addresses that are leased. `true` if a client named it and it is still in `free`, where
    /// it is skipped: taking it out of the middle of a large pool would take long.
    leased: HashMap<Ipv4Addr, bool>,
    size: usize,
}

impl Pool {
    fn holds(&self, address: Ipv4Addr) -> bool {
        let mut ranges = self.config.ranges.iter();
        address != self.config.gateway && ranges.any(|range| range.contains(&address))
    }

    /// The address that has been free longest.
    fn take(&mut self) -> Option<Ipv4Addr> {
        loop {
            let address = self.free.pop_front()?;
            match self.leased.entry(address) {
                Entry::Occupied(mut named) => {
                    named.insert(false);
                }
                Entry::Vacant(free) => {
                    free.insert(false);
                    return Some(address);
                }
            }
        }
    }

    /// This address, if it is free.
    fn take_named(&mut self, address: Ipv4Addr) -> bool {
        match self.leased.entry(address) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(true);
                true
            }
        }
    }

    fn release(&mut self, address: Ipv4Addr) {
        if self.leased.remove(&address) == Some(false) {
            self.free.push_back(address);
        }
    }
}

/// All pools, and the addresses reserved for users.
pub struct Pools {
    pools: Vec<Pool>,
    /// Reserved addresses, and whether each is leased.
    reserved: HashMap<Ipv4Addr, bool>,
}

impl Pools {
    /// Fills the pools; addresses in `reserved` are left out of them and leased by name only.
    #[must_use]
    pub fn new(configs: &[PoolConfig], reserved: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        let reserved: HashMap<_, _> = reserved
            .into_iter()
            .map(|address| (address, false))
            .collect();
        let fill = |config: &PoolConfig| {
            let free: VecDeque<_> = config
                .ranges
                .iter()
                .flat_map(|range| u32::from(*range.start())..=u32::from(*range.end()))
                .map(Ipv4Addr::from)
                .filter(|address| *address != config.gateway && !reserved.contains_key(address))
                .collect();
            Pool {
                config: config.clone(),
                size: free.len(),
                leased: HashMap::new(),
                free,
            }
        };
        Self {
            pools: configs.iter().map(fill).collect(),
            reserved,
        }
    }

    /// Leases the address that has been free longest.
    ///
    /// # Errors
    /// [`LeaseRefusal::PoolUnknown`] or [`LeaseRefusal::PoolExhausted`].
    pub fn lease(&mut self, pool_name: &str) -> Result<Lease, LeaseRefusal> {
        let (index, pool) = self.named(pool_name)?;
        let address = pool.take().ok_or(LeaseRefusal::PoolExhausted)?;
        Ok(Lease {
            address,
            gateway: pool.config.gateway,
            pool: index,
            reserved: false,
        })
    }

    /// Leases the address that a client names in place of `lease`, from the same pool; `None` if it
    /// is not one of that pool, belongs to a user, or is leased. `lease` is to be released then.
    pub fn lease_wanted(&mut self, lease: &Lease, address: Ipv4Addr) -> Option<Lease> {
        let pool = self.pools.get_mut(lease.pool)?;
        let may = pool.holds(address) && !self.reserved.contains_key(&address);
        (may && pool.take_named(address)).then_some(Lease {
            address,
            gateway: lease.gateway,
            pool: lease.pool,
            reserved: false,
        })
    }

    /// Leases this very `address`, with the gateway of `pool_name`: one that is reserved, or one that
    /// is nobody's, or one of any pool that is free.
    ///
    /// # Errors
    /// [`LeaseRefusal::StaticAddressInUse`] while another session holds it, and
    /// [`LeaseRefusal::PoolUnknown`].
    pub fn lease_named(
        &mut self,
        pool_name: &str,
        address: Ipv4Addr,
    ) -> Result<Lease, LeaseRefusal> {
        let (pool, found) = self.named(pool_name)?;
        let gateway = found.config.gateway;
        if !self.reserved.contains_key(&address)
            && let Some(index) = self.pools.iter().position(|pool| pool.holds(address))
        {
            let of_pool = self.pools.get_mut(index);
            if !of_pool.is_some_and(|pool| pool.take_named(address)) {
                return Err(LeaseRefusal::StaticAddressInUse);
            }
            return Ok(Lease {
                address,
                gateway,
                pool: index,
                reserved: false,
            });
        }
        let leased = self.reserved.entry(address).or_insert(false);
        if std::mem::replace(leased, true) {
            return Err(LeaseRefusal::StaticAddressInUse);
        }
        Ok(Lease {
            address,
            gateway,
            pool,
            reserved: true,
        })
    }

    /// Whether an address is in a pool, is a gateway, or belongs to a user.
    #[must_use]
    pub fn knows(&self, address: Ipv4Addr) -> bool {
        let in_pool = |pool: &Pool| pool.config.gateway == address || pool.holds(address);
        self.reserved.contains_key(&address) || self.pools.iter().any(in_pool)
    }

    /// Takes a lease back.
    pub fn release(&mut self, lease: Lease) {
        if lease.reserved {
            self.reserved.insert(lease.address, false);
        } else if let Some(pool) = self.pools.get_mut(lease.pool) {
            pool.release(lease.address);
        }
    }

    /// How full each pool is.
    #[must_use]
    pub fn usage(&self) -> Vec<PoolUsage> {
        let usage = |pool: &Pool| PoolUsage {
            name: pool.config.name.clone(),
            size: pool.size,
            used: pool.leased.len(),
        };
        self.pools.iter().map(usage).collect()
    }

    fn named(&mut self, name: &str) -> Result<(usize, &mut Pool), LeaseRefusal> {
        self.pools
            .iter_mut()
            .enumerate()
            .find(|(_, pool)| pool.config.name == name)
            .ok_or(LeaseRefusal::PoolUnknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(first: [u8; 4], last: [u8; 4], reserved: &[Ipv4Addr]) -> Pools {
        let config = PoolConfig {
            name: "default".into(),
            ranges: vec![Ipv4Addr::from(first)..=Ipv4Addr::from(last)],
            gateway: Ipv4Addr::new(10, 77, 0, 1),
        };
        Pools::new(&[config], reserved.iter().copied())
    }

    #[test]
    fn every_address_is_leased_once_and_the_oldest_freed_comes_first() {
        let mut pools = pools([10, 77, 0, 1], [10, 77, 0, 4], &[]);
        let leases: Vec<_> = (0..3).map(|_| pools.lease("default").unwrap()).collect();
        assert_eq!(pools.lease("default"), Err(LeaseRefusal::PoolExhausted));
        assert_eq!(
            pools.usage()[0].used,
            3,
            "the gateway is no address of the pool"
        );
        let addresses: Vec<_> = leases.iter().map(Lease::address).collect();
        for lease in leases.into_iter().rev() {
            pools.release(lease);
        }
        let next: Vec<_> = (0..3)
            .map(|_| pools.lease("default").unwrap().address())
            .collect();
        assert!(
            next.iter().eq(addresses.iter().rev()),
            "{next:?} after {addresses:?}"
        );
    }

    #[test]
    fn a_reserved_address_is_leased_by_name_only_and_to_one_session() {
        let mine = Ipv4Addr::new(10, 77, 0, 2);
        let mut pools = pools([10, 77, 0, 2], [10, 77, 0, 3], &[mine]);
        assert_eq!(
            pools.lease("default").unwrap().address(),
            Ipv4Addr::new(10, 77, 0, 3)
        );
        assert_eq!(pools.lease("default"), Err(LeaseRefusal::PoolExhausted));
        let lease = pools.lease_named("default", mine).unwrap();
        assert_eq!(
            pools.lease_named("default", mine),
            Err(LeaseRefusal::StaticAddressInUse)
        );
        pools.release(lease);
        assert!(pools.lease_named("default", mine).is_ok());
        assert_eq!(pools.lease("elsewhere"), Err(LeaseRefusal::PoolUnknown));
    }

    #[test]
    fn a_client_may_name_an_address_that_is_free_in_its_pool_and_no_other() {
        let reserved = Ipv4Addr::new(10, 77, 0, 4);
        let address = |last| Ipv4Addr::new(10, 77, 0, last);
        let mut pools = pools([10, 77, 0, 1], [10, 77, 0, 6], &[reserved]);
        let lease = pools.lease("default").unwrap();
        assert_eq!(lease.address(), address(2));
        for refused in [address(1), address(2), address(4), address(7), address(0)] {
            assert_eq!(pools.lease_wanted(&lease, refused), None, "{refused}");
        }
        let wanted = pools.lease_wanted(&lease, address(5)).unwrap();
        pools.release(lease);
        assert_eq!(
            (wanted.address(), wanted.gateway()),
            (address(5), address(1))
        );
        assert_eq!(pools.usage()[0].used, 1);
        // Nobody else gets it, and it comes back once.
        let rest: Vec<_> = (0..3).map(|_| pools.lease("default").unwrap()).collect();
        assert_eq!(pools.lease("default"), Err(LeaseRefusal::PoolExhausted));
        let addresses: Vec<_> = rest.iter().map(Lease::address).collect();
        assert_eq!(addresses, [address(3), address(6), address(2)]);
        pools.release(wanted);
        assert_eq!(pools.lease("default").unwrap().address(), address(5));
        assert_eq!(pools.lease("default"), Err(LeaseRefusal::PoolExhausted));
    }

    #[test]
    fn naming_and_releasing_again_and_again_grows_nothing() {
        let mut pools = pools([10, 77, 0, 2], [10, 77, 0, 9], &[]);
        for round in 0..100_u8 {
            let lease = pools.lease("default").unwrap();
            let named = Ipv4Addr::new(10, 77, 0, 2 + round % 8);
            let other = pools.lease_wanted(&lease, named);
            assert_eq!(other.is_none(), named == lease.address());
            pools.release(lease);
            if let Some(other) = other {
                pools.release(other);
            }
            assert_eq!(pools.pools[0].free.len(), 8);
            assert_eq!(pools.usage()[0].used, 0);
        }
    }
}
