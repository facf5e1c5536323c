//! `[[pool]]`: the addresses that clients are given.

use std::net::Ipv4Addr;

use super::address::{Ipv4Range, host_address, range};
use super::error::Fault;
use super::table::Table;
use super::users::user_name;
use super::words::name;

/// Most addresses in one pool: the directory of leased addresses is a flat array.
const ADDRESSES_MAX: u64 = 1 << 24;

/// Addresses to lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name; `default` serves users for whom nothing else is said.
    pub name: String,
    /// The addresses; ranges do not overlap.
    pub ranges: Vec<Ipv4Range>,
    /// Our end of the links whose clients have an address of this pool.
    pub gateway: Ipv4Addr,
    /// The pool to lease from when this one is exhausted; it exists.
    pub next: Option<String>,
    /// Whether users get the address that they had last, while nobody else has had it.
    pub sticky: bool,
    /// Addresses of the ranges that only these users get.
    pub reservations: Vec<Reservation>,
}

/// An address of a pool that only one user gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The user, as whoever decides names it.
    pub user: String,
    /// Its address.
    pub address: Ipv4Addr,
}

impl Pool {
    /// How many addresses.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.ranges.iter().map(|range| range.size()).sum()
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Pool> {
    let name = table.required("name", "name = \"default\"", name(32));
    let gateway = table.required("gateway", "gateway = \"10.77.0.1\"", host_address);
    let example = "ranges = [\"10.77.0.100-10.77.0.199\"]";
    let given = table.has("ranges");
    let ranges = table.list("ranges", range);
    let next = table.parsed("next", super::words::name(32));
    let sticky = table.flag("sticky", true);
    let reservations = table.sections("reservations", read_reservation);
    if !given {
        table.refuse_missing("ranges", example);
    }
    let ranges = ranges?;
    if given && ranges.is_empty() {
        table.refuse(
            "ranges",
            Fault::new("is empty", format!("write for example {example}")),
        );
    }
    let pool = Pool {
        name: name?,
        ranges,
        gateway: gateway?,
        next,
        sticky,
        reservations: reservations.into_iter().flatten().collect(),
    };
    if pool.size() > ADDRESSES_MAX {
        let problem = format!("hold {} addresses", pool.size());
        table.refuse(
            "ranges",
            Fault::new(problem, format!("write at most {ADDRESSES_MAX}")),
        );
    }
    Some(pool)
}

fn read_reservation(table: &mut Table<'_, '_>) -> Option<Reservation> {
    let user = table.required("user", "user = \"printer\"", user_name);
    let address = table.required("address", "address = \"10.77.0.7\"", host_address);
    Some(Reservation {
        user: user?,
        address: address?,
    })
}
