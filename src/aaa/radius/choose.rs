//! Which server is asked.

use super::config::{Service, Timing};
use super::server::{Health, Server};
use crate::aaa::servers::may_ask;
use crate::clock::Timestamp;

/// The best server for a question that was not tried for it yet: those that answer before those that
/// may not, lower priorities before higher, and by weight among equals. `random` decides there.
pub(super) fn choose(
    servers: &[Server],
    (service, among): (Service, Option<&[Box<str>]>),
    tried: &[usize],
    timing: &Timing,
    random: u32,
    now: Timestamp,
) -> Option<usize> {
    let rank = |server: &Server| {
        let rank = match server.health(timing, now) {
            Health::Alive => 0,
            Health::OnTrial if server.outstanding() == 0 => 0,
            Health::Suspect => 1,
            Health::OnTrial => 2,
            Health::Dead => 3,
        };
        (rank, server.config.priority)
    };
    let of_service = |(index, server): &(usize, &Server)| {
        let config = &server.config;
        let may = may_ask(among, &config.name, config.group.as_deref());
        config.service == service && may && !tried.contains(index)
    };
    let candidates = || servers.iter().enumerate().filter(of_service);
    let best = candidates().map(|(_, server)| rank(server)).min()?;
    let equals = || candidates().filter(|(_, server)| rank(server) == best);
    let total: u32 = equals()
        .map(|(_, server)| u32::from(server.config.weight.max(1)))
        .sum();
    let mut left = random % total.max(1);
    equals().find_map(|(index, server)| {
        let weight = u32::from(server.config.weight.max(1));
        match left.checked_sub(weight) {
            Some(less) => {
                left = less;
                None
            }
            None => Some(index),
        }
    })
}
