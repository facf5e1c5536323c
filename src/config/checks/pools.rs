//! Pools that overlap, hold addresses of others, or are not there.

use std::net::Ipv4Addr;

use super::{Report, Tables};
use crate::config::address::Ipv4Range;
use crate::config::error::Fault;
use crate::config::pool::Pool;

pub(super) fn check(tables: &Tables<'_>, report: &mut Report<'_>) {
    check_pools(tables, report);
    check_default_pool(tables, report);
}

fn check_pools(tables: &Tables<'_>, report: &mut Report<'_>) {
    if tables.pools.is_empty() {
        let cure = "write a [[pool]] with name = \"default\"";
        report.error(
            "pool",
            Fault::new("is missing: there is no address to give out", cure),
        );
    }
    for (position, (index, pool)) in tables.pools.iter().enumerate() {
        let path = |key: &str| format!("pool[{index}].{key}");
        let earlier = || tables.pools.iter().take(position);
        if earlier().any(|(_, other)| other.name == pool.name) {
            let fault = Fault::new(format!("{:?} is the name of a pool above", pool.name), "");
            report.error(&path("name"), fault);
        }
        for (at, range) in pool.ranges.iter().enumerate() {
            let above = earlier().flat_map(|(_, other)| &other.ranges);
            let overlap = above
                .chain(pool.ranges.iter().take(at))
                .find(|other| range.overlaps(**other));
            if let Some(other) = overlap {
                let problem = format!("{range} overlaps {other}");
                let fault = Fault::new(problem, "let no address be in two ranges");
                report.error(&path("ranges"), fault);
            }
        }
        for (address, whose) in taken_addresses(tables) {
            if pool.contains(address) {
                let problem = format!("contain {address}, {whose}");
                report.error(
                    &path("ranges"),
                    Fault::new(problem, "leave it out of the ranges"),
                );
            }
        }
        check_pool_surroundings(tables, pool, &path, report);
        check_chain(tables, pool, &path, report);
        check_reservations(pool, &path, report);
    }
}

/// What follows a pool.
fn check_chain(
    tables: &Tables<'_>,
    pool: &Pool,
    path: &dyn Fn(&str) -> String,
    report: &mut Report<'_>,
) {
    let Some(wanted) = &pool.next else { return };
    let find = |name: &str| {
        tables
            .pools
            .iter()
            .map(|(_, pool)| pool)
            .find(|it| it.name == name)
    };
    if find(wanted).is_none() {
        let fault = Fault::new(
            format!("there is no pool {wanted:?}"),
            "write the name of another [[pool]], or take it out",
        );
        return report.error(&path("next"), fault);
    }
    let mut at = pool;
    for _ in tables.pools {
        match at.next.as_deref().and_then(find) {
            Some(next) if next.name == pool.name => {
                let fault = Fault::new("leads back to this pool", "let the last pool have none");
                return report.error(&path("next"), fault);
            }
            Some(next) => at = next,
            None => return,
        }
    }
}

fn check_reservations(pool: &Pool, path: &dyn Fn(&str) -> String, report: &mut Report<'_>) {
    for (place, reservation) in pool.reservations.iter().enumerate() {
        let key = path(&format!("reservations[{place}].address"));
        let address = reservation.address;
        if !pool.contains(address) {
            let cure = "write one of its ranges, or give the user an address in the users file";
            let problem = format!("{address} is not in the pool's ranges");
            report.error(&key, Fault::new(problem, cure));
        }
        let earlier = pool.reservations.iter().take(place);
        if let Some(other) = earlier
            .clone()
            .find(|it| it.address == address || it.user == reservation.user)
        {
            let problem = format!("{} already is reserved for {:?}", other.address, other.user);
            report.error(&key, Fault::new(problem, "take one of the two out"));
        }
    }
}

fn check_pool_surroundings(
    tables: &Tables<'_>,
    pool: &Pool,
    path: &dyn Fn(&str) -> String,
    report: &mut Report<'_>,
) {
    if tables.server.listen.contains(&pool.gateway) {
        let fault = Fault::new(
            format!("{} is also in server.listen", pool.gateway),
            "write another address: a client that learns it as its peer routes its own GRE into \
             the call",
        );
        report.error(&path("gateway"), fault);
    }
    let networks = tables.ports.iter().flat_map(|(_, port)| &port.addresses);
    for network in networks {
        let inside =
            |range: &Ipv4Range| range.first <= network.last() && network.network() <= range.last;
        if pool.ranges.iter().any(inside) {
            let problem = format!("lie on a port's own network {network}");
            let cure =
                "hosts there will ask for them by ARP, which nobody answers; use another net";
            report.warn(&path("ranges"), Fault::new(problem, cure));
        }
    }
}

/// Addresses that no client may be given, and whose they are.
pub(super) fn taken_addresses(tables: &Tables<'_>) -> Vec<(Ipv4Addr, String)> {
    let mut taken = Vec::new();
    for (_, pool) in tables.pools {
        taken.push((pool.gateway, format!("the gateway of pool {:?}", pool.name)));
    }
    for address in &tables.server.listen {
        taken.push((*address, "which is in server.listen".to_owned()));
    }
    for (_, port) in tables.ports {
        for own in &port.addresses {
            taken.push((own.address, format!("an address of port {:?}", port.name)));
        }
        for route in &port.routes {
            taken.push((route.via, format!("a next hop of port {:?}", port.name)));
        }
    }
    taken
}

fn check_default_pool(tables: &Tables<'_>, report: &mut Report<'_>) {
    let wanted = &tables.ppp.ipcp.pool;
    if report.is_wrong("pool") || tables.pools.iter().any(|(_, pool)| pool.name == *wanted) {
        return;
    }
    let names: Vec<&str> = tables
        .pools
        .iter()
        .map(|(_, pool)| pool.name.as_str())
        .collect();
    let cure = format!("name a [[pool]] so, or write one of {}", names.join(", "));
    report.error(
        "ppp.ipcp.pool",
        Fault::new(format!("there is no pool {wanted:?}"), cure),
    );
}
