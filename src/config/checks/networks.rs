//! Networks behind calls: they take nothing from this machine, from clients, or from each other.

use std::net::Ipv4Addr;

use super::pools::taken_addresses;
use super::{Report, Tables};
use crate::config::address::Ipv4Range;
use crate::config::error::Fault;
use crate::config::peer::Peer;
use crate::config::peer_login::PeerLogin;
use crate::wire::prefix::Prefix;

/// Networks behind a user or a peer, which must not take anything from this machine or from clients.
pub(super) fn check(networks: &[Prefix], tables: &Tables<'_>) -> Result<(), (&'static str, Fault)> {
    for network in networks {
        let taken = taken_addresses(tables);
        let inside = taken.iter().find(|(own, _)| network.contains(*own));
        if let Some((own, whose)) = inside {
            let problem = format!("{network} contains {own}, {whose}");
            let cure = "write only the networks that lie behind the call";
            return Err(("routes", Fault::new(problem, cure)));
        }
        let overlaps =
            |range: &Ipv4Range| range.first <= network.last() && network.first() <= range.last;
        let mut pools = tables.pools.iter();
        if let Some((_, pool)) = pools.find(|(_, pool)| pool.ranges.iter().any(overlaps)) {
            let problem = format!("{network} overlaps the ranges of pool {:?}", pool.name);
            return Err(("routes", Fault::new(problem, "take one of the two out")));
        }
    }
    Ok(())
}

/// What a peer that we log in to may not be.
pub(super) fn check_login(
    tables: &Tables<'_>,
    index: usize,
    peer: &Peer,
    login: &PeerLogin,
    report: &mut Report<'_>,
) {
    let path = |key: &str| format!("peer[{index}].{key}");
    if let Err((key, fault)) = check(&login.routes, tables) {
        report.error(&path(key), fault);
    }
    if let Some(network) = login.routes.iter().find(|it| it.contains(peer.address)) {
        let problem = format!("{network} contains the address of the peer itself");
        let cure = "write smaller networks: the call cannot run inside itself";
        report.error(&path("routes"), Fault::new(problem, cure));
    }
    let earlier = tables.peers.iter().take_while(|(other, _)| *other < index);
    let theirs = earlier.filter_map(|(_, other)| Some((&other.name, other.login.as_ref()?)));
    for (name, other) in theirs {
        if let Some(network) = other.routes.iter().find(|it| login.routes.contains(it)) {
            let problem = format!("{network} already lies behind peer {name:?}");
            report.error(
                &path("routes"),
                Fault::new(problem, "take one of the two out"),
            );
        }
    }
    let wanted = login.inner_address.into_iter();
    let clients = |address: &Ipv4Addr| {
        let mut ranges = tables.pools.iter().flat_map(|(_, pool)| &pool.ranges);
        ranges.any(|range| range.contains(*address))
    };
    for address in wanted.filter(clients) {
        let problem = format!("{address} is in a pool of ours");
        report.error(&path("inner_address"), Fault::new(problem, "write another"));
    }
}
