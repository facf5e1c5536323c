//! Address pools. A lease is a value that cannot be copied: it is taken once, carried by one session,
//! and given back once, after the worker's final report.

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
    pool: Option<usize>,
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
    size: usize,
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
        let address = pool.free.pop_front().ok_or(LeaseRefusal::PoolExhausted)?;
        Ok(Lease {
            address,
            gateway: pool.config.gateway,
            pool: Some(index),
        })
    }

    /// Leases the reserved `address`, with the gateway of `pool_name`.
    ///
    /// # Errors
    /// [`LeaseRefusal::StaticAddressInUse`] while another session holds it, and
    /// [`LeaseRefusal::PoolUnknown`].
    pub fn lease_reserved(
        &mut self,
        pool_name: &str,
        address: Ipv4Addr,
    ) -> Result<Lease, LeaseRefusal> {
        let gateway = self.named(pool_name)?.1.config.gateway;
        let leased = self.reserved.entry(address).or_insert(false);
        if std::mem::replace(leased, true) {
            return Err(LeaseRefusal::StaticAddressInUse);
        }
        Ok(Lease {
            address,
            gateway,
            pool: None,
        })
    }

    /// Takes a lease back.
    pub fn release(&mut self, lease: Lease) {
        match lease.pool.and_then(|index| self.pools.get_mut(index)) {
            Some(pool) => pool.free.push_back(lease.address),
            None => {
                self.reserved.insert(lease.address, false);
            }
        }
    }

    /// How full each pool is.
    #[must_use]
    pub fn usage(&self) -> Vec<PoolUsage> {
        let usage = |pool: &Pool| PoolUsage {
            name: pool.config.name.clone(),
            size: pool.size,
            used: pool.size.saturating_sub(pool.free.len()),
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
        let lease = pools.lease_reserved("default", mine).unwrap();
        assert_eq!(
            pools.lease_reserved("default", mine),
            Err(LeaseRefusal::StaticAddressInUse)
        );
        pools.release(lease);
        assert!(pools.lease_reserved("default", mine).is_ok());
        assert_eq!(pools.lease("elsewhere"), Err(LeaseRefusal::PoolUnknown));
    }
}
