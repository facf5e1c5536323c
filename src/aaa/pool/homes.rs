//! Who had which address last. Bounded by the addresses: each has one last user, and each user one
//! address.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;

/// A user, without the length of a name. Two that are taken for one prefer the same address, and
/// nothing worse.
type UserKey = u64;

/// The last address of users, and the last user of addresses.
#[derive(Default)]
pub(super) struct Homes {
    hasher: RandomState,
    of_user: HashMap<UserKey, Ipv4Addr>,
    of_address: HashMap<Ipv4Addr, UserKey>,
}

impl Homes {
    /// What this user had last, unless somebody else had it since.
    pub(super) fn find(&self, user: &str) -> Option<Ipv4Addr> {
        self.of_user.get(&self.hasher.hash_one(user)).copied()
    }

    /// The user has this address now.
    pub(super) fn settle(&mut self, user: &str, address: Ipv4Addr) {
        let key = self.hasher.hash_one(user);
        if let Some(before) = self.of_user.insert(key, address) {
            self.of_address.remove(&before);
        }
        if let Some(other) = self.of_address.insert(address, key)
            && other != key
        {
            self.of_user.remove(&other);
        }
    }

    /// How many users are remembered.
    pub(super) fn len(&self) -> usize {
        self.of_user.len()
    }
}
