//! Address pools. A lease is a value that cannot be copied: it is taken once, carried by one session,
//! and given back once, after the worker's final report.
//!
//! An address has one owner: a call that leased it ([`Pools::lease`] from a pool or those that follow
//! it, [`Pools::lease_named`] by its number), a user it is reserved for, or nobody.

mod free;
mod homes;

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::counted_enum;
use free::FreeList;
use homes::Homes;

counted_enum! {
    /// Why no address could be leased.
    pub enum LeaseRefusal {
        /// Every address of the pool, and of those that follow it, is leased.
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
                "Every address of the user's pool is leased: add a range to the pool, or a pool that \
                 follows it."
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
    /// The addresses to lease; no two ranges of any pools overlap.
    pub ranges: Vec<RangeInclusive<Ipv4Addr>>,
    /// Our own end of every link of this pool.
    pub gateway: Ipv4Addr,
    /// The pool to lease from when this one is exhausted.
    pub next: Option<String>,
    /// Whether a user gets the address that it had last, while nobody else has had it.
    pub sticky: bool,
    /// Addresses of the pool that only these users get.
    pub reservations: Vec<(String, Ipv4Addr)>,
}

impl PoolConfig {
    /// A pool that stands alone, and remembers who had which address.
    #[must_use]
    pub fn new(name: &str, ranges: Vec<RangeInclusive<Ipv4Addr>>, gateway: Ipv4Addr) -> Self {
        Self {
            name: name.to_owned(),
            ranges,
            gateway,
            next: None,
            sticky: true,
            reservations: Vec::new(),
        }
    }

    fn holds(&self, address: Ipv4Addr) -> bool {
        let mut ranges = self.ranges.iter();
        address != self.gateway && ranges.any(|range| range.contains(&address))
    }

    fn reserved_for(&self, user: &str) -> Option<Ipv4Addr> {
        let mut reservations = self.reservations.iter();
        reservations
            .find(|(owner, _)| owner == user)
            .map(|(_, address)| *address)
    }
}

/// An address that one session holds.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is dropped without release is lost to its pool"]
pub struct Lease {
    address: Ipv4Addr,
    gateway: Ipv4Addr,
    /// The pool that the user was given, or that the address is of.
    pool: Arc<str>,
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

    /// The pool that it is from; of an address that is in no pool, the one whose gateway it has.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }
}

/// How full a pool is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// The pool's name.
    pub name: String,
    /// Addresses that can be leased, those of users left out.
    pub size: usize,
    /// Addresses leased now, those of users left out.
    pub used: usize,
    /// The most that ever were.
    pub used_max: usize,
    /// Addresses of its ranges that belong to users.
    pub reserved: usize,
    /// Addresses leased so far.
    pub leased: u64,
    /// How often it had none left, and the next pool was asked, if there is one.
    pub exhausted: u64,
    /// The pool that follows it.
    pub next: Option<String>,
}

struct Pool {
    config: PoolConfig,
    name: Arc<str>,
    free: FreeList,
    size: usize,
    reserved: usize,
    used: usize,
    used_max: usize,
    leased: u64,
    exhausted: u64,
}

impl Pool {
    fn new(config: &PoolConfig) -> Self {
        Self {
            name: config.name.as_str().into(),
            free: FreeList::new(&config.ranges),
            config: config.clone(),
            size: 0,
            reserved: 0,
            used: 0,
            used_max: 0,
            leased: 0,
            exhausted: 0,
        }
    }

    fn count(&mut self, reserved: &HashSet<Ipv4Addr>) {
        let bits = |range: &RangeInclusive<Ipv4Addr>| {
            let beyond = u32::from(*range.end()).checked_sub(u32::from(*range.start()));
            beyond.map_or(0, |beyond| u64::from(beyond) + 1)
        };
        let all: u64 = self.config.ranges.iter().map(bits).sum();
        let gateway = self.config.gateway;
        let has_gateway = self
            .config
            .ranges
            .iter()
            .any(|range| range.contains(&gateway));
        let own = |address: &&Ipv4Addr| self.config.holds(**address);
        self.reserved = reserved.iter().filter(own).count();
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        self.size = all.saturating_sub(self.reserved + usize::from(has_gateway));
    }

    fn note_leased(&mut self) {
        self.used += 1;
        self.used_max = self.used_max.max(self.used);
        self.leased += 1;
    }
}

/// All pools, and the addresses that belong to users.
pub struct Pools {
    pools: Vec<Pool>,
    /// Addresses that are leased by their number only, by whoever they belong to.
    reserved: HashSet<Ipv4Addr>,
    /// Every address that is leased, and whether it counts as used in its pool.
    leased: HashMap<Ipv4Addr, bool>,
    homes: Homes,
}

impl Pools {
    /// Pools from which nothing is leased; addresses in `reserved` are left out of them and leased
    /// by name only.
    #[must_use]
    pub fn new(configs: &[PoolConfig], reserved: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        let mut pools = Self {
            pools: configs.iter().map(Pool::new).collect(),
            reserved: HashSet::new(),
            leased: HashMap::new(),
            homes: Homes::default(),
        };
        pools.reserve(reserved);
        pools
    }

    /// Takes over what can change while addresses are leased: reservations, what follows what, and
    /// whether users get their last address again. Leases stay what they are.
    pub fn reconfigure(
        &mut self,
        configs: &[PoolConfig],
        reserved: impl IntoIterator<Item = Ipv4Addr>,
    ) {
        for pool in &mut self.pools {
            if let Some(config) = configs
                .iter()
                .find(|config| config.name == pool.config.name)
            {
                pool.config.next.clone_from(&config.next);
                pool.config.sticky = config.sticky;
                pool.config.reservations.clone_from(&config.reservations);
            }
        }
        self.reserve(reserved);
    }

    /// Of what was reserved and is not any more, that is free again which nobody leases.
    fn reserve(&mut self, reserved: impl IntoIterator<Item = Ipv4Addr>) {
        let configs = self.pools.iter().map(|pool| &pool.config);
        let of_pools = configs.flat_map(|config| config.reservations.iter().map(|it| it.1));
        let reserved: HashSet<_> = reserved.into_iter().chain(of_pools).collect();
        let before = std::mem::replace(&mut self.reserved, reserved);
        for address in before.difference(&self.reserved) {
            if !self.leased.contains_key(address)
                && let Some(pool) = self
                    .pools
                    .iter_mut()
                    .find(|pool| pool.config.holds(*address))
            {
                pool.free.put(*address);
            }
        }
        for pool in &mut self.pools {
            pool.count(&self.reserved);
        }
    }

    /// Leases an address of this pool, or of the first one after it that has any: the one that is
    /// reserved there for `user`, or the one that it had last, or the one that has been free longest.
    ///
    /// # Errors
    /// [`LeaseRefusal::PoolUnknown`] or [`LeaseRefusal::PoolExhausted`].
    pub fn lease(&mut self, pool_name: &str, user: &str) -> Result<Lease, LeaseRefusal> {
        let first = self.position(pool_name).ok_or(LeaseRefusal::PoolUnknown)?;
        let chain = self.chain(first);
        let known = chain.iter().find_map(|index| self.known(*index, user));
        if let Some((index, address)) = known {
            return self
                .take_known(index, address)
                .ok_or(LeaseRefusal::PoolUnknown);
        }
        for index in chain {
            let Some(pool) = self.pools.get_mut(index) else {
                continue;
            };
            let (reserved, leased) = (&self.reserved, &self.leased);
            let gateway = pool.config.gateway;
            let may = |address: Ipv4Addr| {
                address != gateway && !reserved.contains(&address) && !leased.contains_key(&address)
            };
            let Some(address) = pool.free.take(may) else {
                pool.exhausted += 1;
                continue;
            };
            pool.note_leased();
            self.leased.insert(address, true);
            if pool.config.sticky {
                self.homes.settle(user, address);
            }
            return Ok(Lease {
                address,
                gateway,
                pool: Arc::clone(&pool.name),
                reserved: false,
            });
        }
        Err(LeaseRefusal::PoolExhausted)
    }

    /// An address of this pool that this user gets before any other, if it is free.
    fn known(&self, index: usize, user: &str) -> Option<(usize, Ipv4Addr)> {
        let pool = self.pools.get(index)?;
        let is_free = |address: &Ipv4Addr| !self.leased.contains_key(address);
        let own = pool.config.reserved_for(user).filter(is_free);
        let last = || {
            let last = self.homes.find(user).filter(|_| pool.config.sticky)?;
            let may = pool.config.holds(last) && !self.reserved.contains(&last);
            Some(last).filter(is_free).filter(|_| may)
        };
        Some((index, own.or_else(last)?))
    }

    fn take_known(&mut self, index: usize, address: Ipv4Addr) -> Option<Lease> {
        let reserved = self.reserved.contains(&address);
        let pool = self.pools.get_mut(index)?;
        self.leased.insert(address, !reserved);
        if !reserved {
            pool.free.remove(address);
            pool.note_leased();
        }
        Some(Lease {
            address,
            gateway: pool.config.gateway,
            pool: Arc::clone(&pool.name),
            reserved,
        })
    }

    /// Leases the address that a client names in place of `lease`, from the same pool; `None` if it
    /// is not one of that pool, belongs to a user, or is leased. `lease` is to be released then.
    pub fn lease_wanted(&mut self, lease: &Lease, address: Ipv4Addr) -> Option<Lease> {
        let index = self.position(&lease.pool)?;
        let holds = self.pools.get(index)?.config.holds(address);
        if !holds || self.reserved.contains(&address) || self.leased.contains_key(&address) {
            return None;
        }
        let taken = self.take_known(index, address)?;
        Some(Lease {
            gateway: lease.gateway,
            ..taken
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
        let given = self
            .position(pool_name)
            .and_then(|index| self.pools.get(index));
        let given = given.ok_or(LeaseRefusal::PoolUnknown)?;
        let (gateway, name) = (given.config.gateway, Arc::clone(&given.name));
        if self.leased.contains_key(&address) {
            return Err(LeaseRefusal::StaticAddressInUse);
        }
        let of_pool = self
            .pools
            .iter()
            .position(|pool| pool.config.holds(address));
        if let Some(lease) = of_pool.and_then(|index| self.take_known(index, address)) {
            return Ok(Lease { gateway, ..lease });
        }
        self.leased.insert(address, false);
        Ok(Lease {
            address,
            gateway,
            pool: name,
            reserved: true,
        })
    }

    /// Whether an address is in a pool, is a gateway, belongs to a user, or is leased.
    #[must_use]
    pub fn knows(&self, address: Ipv4Addr) -> bool {
        let in_pool = |pool: &Pool| pool.config.gateway == address || pool.config.holds(address);
        self.reserved.contains(&address)
            || self.leased.contains_key(&address)
            || self.pools.iter().any(in_pool)
    }

    /// Takes a lease back.
    pub fn release(&mut self, lease: Lease) {
        let Some(counted) = self.leased.remove(&lease.address) else {
            return;
        };
        let holds = |pool: &&mut Pool| pool.config.holds(lease.address);
        if let Some(pool) = self.pools.iter_mut().find(holds) {
            pool.used -= usize::from(counted);
            if !self.reserved.contains(&lease.address) {
                pool.free.put(lease.address);
            }
        }
    }

    /// A pool and those that follow it, in words: `"default", then "overflow"`.
    #[must_use]
    pub fn describe(&self, pool_name: &str) -> String {
        let chain = self.position(pool_name).map(|first| self.chain(first));
        let Some(chain) = chain else {
            return format!("{pool_name:?}");
        };
        let pools = chain.iter().filter_map(|index| self.pools.get(*index));
        let of = |pool: &Pool| format!("{:?} ({} addresses)", pool.config.name, pool.size);
        pools.map(of).collect::<Vec<_>>().join(", then ")
    }

    /// How full each pool is.
    #[must_use]
    pub fn usage(&self) -> Vec<PoolUsage> {
        let usage = |pool: &Pool| PoolUsage {
            name: pool.config.name.clone(),
            size: pool.size,
            used: pool.used,
            used_max: pool.used_max,
            reserved: pool.reserved,
            leased: pool.leased,
            exhausted: pool.exhausted,
            next: pool.config.next.clone(),
        };
        self.pools.iter().map(usage).collect()
    }

    /// How many users' last addresses are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.homes.len()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.pools.iter().position(|pool| pool.config.name == name)
    }

    /// A pool and those that follow it, each once.
    fn chain(&self, first: usize) -> Vec<usize> {
        let mut chain = vec![first];
        let next = |index: usize| self.position(self.pools.get(index)?.config.next.as_deref()?);
        while let Some(index) = chain.last().copied().and_then(next)
            && !chain.contains(&index)
        {
            chain.push(index);
        }
        chain
    }
}

#[cfg(test)]
mod tests;
