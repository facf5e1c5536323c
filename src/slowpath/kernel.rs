//! What the kernel lends us: a TAP for each port, the TUN of the calls, and its routing tables.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Interest, Registry};

use super::call_routes::CallRoutes;
use super::device::{Device, TUN_NAME};
use super::kernel_mirror::KernelMirror;
use super::netlink::{Monitor, Requests, RouteRequest};
use super::start_error::{StartError, during};
use super::{sysctl, token};
use crate::config::{self, Config};
use crate::flow::ring::Doorbell;
use crate::routing::{Mirror, Prefix};

/// Metric of the routes that we add: worse than what an operator or a routing daemon adds.
pub(super) const ROUTE_METRIC: u32 = 1024;

/// What the kernel lends us.
pub(super) struct Kernel {
    pub(super) taps: Vec<Device>,
    pub(super) tun: Device,
    pub(super) mirror: KernelMirror,
    pub(super) calls: CallRoutes,
}

impl Kernel {
    /// Makes the interfaces, gives them their addresses and routes, and reads the kernel's tables.
    /// `macs` are the Ethernet addresses of the ports.
    pub(super) fn open(
        config: &Config,
        macs: &[[u8; 6]],
        doorbell: &Arc<Doorbell>,
    ) -> Result<Self, StartError> {
        if let Err(error) = sysctl::enable_forwarding() {
            tracing::warn!(%error, "cannot switch on IPv4 forwarding: exceptions end here");
        }
        let mut requests = Requests::open().map_err(during("cannot open netlink"))?;
        let mut mirror = Mirror::default();
        let mut taps = Vec::new();
        for ((index, port), mac) in (0u8..).zip(&config.ports).zip(macs) {
            let tap = open_tap(port, *mac, &mut requests)?;
            mirror.bind_port(tap.ifindex(), index);
            taps.push(tap);
        }
        let tun = open_tun(config, &mut requests)?;
        mirror.bind_tun(tun.ifindex());
        let doorbell = Arc::clone(doorbell);
        let monitor = Monitor::open().map_err(during("cannot follow netlink"))?;
        let mirror = KernelMirror::start(monitor, requests, mirror, move || doorbell.ring())
            .map_err(during("cannot read the kernel's routes"))?;
        let calls = CallRoutes::open(tun.ifindex()).map_err(during("cannot open netlink"))?;
        Ok(Self {
            taps,
            tun,
            mirror,
            calls,
        })
    }

    /// Lets the loop hear of all of it.
    pub(super) fn register(&mut self, registry: &Registry) -> Result<(), StartError> {
        let watch = |file: &dyn AsRawFd, token| {
            registry.register(&mut SourceFd(&file.as_raw_fd()), token, Interest::READABLE)
        };
        watch(self.mirror.monitor(), token::NETLINK).map_err(during("cannot watch netlink"))?;
        for (port, tap) in self.taps.iter().enumerate() {
            watch(tap, token::tap(port)).map_err(during("cannot watch a TAP"))?;
        }
        watch(&self.tun, token::TUN).map_err(during("cannot watch the TUN"))
    }
}

/// The TAP of one port, with the port's addresses and routes.
fn open_tap(
    port: &config::Port,
    mac: [u8; 6],
    requests: &mut Requests,
) -> Result<Device, StartError> {
    let tap = Device::tap(&port.tap, mac, port.mtu).map_err(during("cannot make a TAP"))?;
    for prefix in &port.addresses {
        requests
            .add_address(tap.ifindex(), prefix.address, prefix.length_bits)
            .map_err(during("cannot give a TAP its address"))?;
    }
    for route in &port.routes {
        let request = RouteRequest {
            prefix: prefix(route.to.network(), route.to.length_bits)?,
            ifindex: tap.ifindex(),
            gateway: Some(route.via),
            metric: ROUTE_METRIC,
            source: None,
        };
        requests
            .add_route(&request)
            .map_err(during("cannot add a route of a port"))?;
    }
    Ok(tap)
}

/// The TUN, with the gateways of the pools and a route for every address that can be leased.
fn open_tun(config: &Config, requests: &mut Requests) -> Result<Device, StartError> {
    let tun = Device::tun(TUN_NAME, config.ppp.mtu_max).map_err(during("cannot make the TUN"))?;
    for pool in &config.pools {
        requests
            .add_address(tun.ifindex(), pool.gateway, 32)
            .map_err(during("cannot give the TUN a pool's gateway"))?;
    }
    let ranges = config.pools.iter().flat_map(|pool| &pool.ranges);
    let pooled = ranges.flat_map(|range| covering(range.first.into(), range.last.into()));
    let of_users = config.users.iter().filter_map(|user| user.address);
    let alone = of_users.filter(|address| !in_a_pool(config, *address));
    for (network, length_bits) in pooled.chain(alone.map(|address| (address.into(), 32))) {
        let request = RouteRequest {
            prefix: prefix(Ipv4Addr::from(network), length_bits)?,
            ifindex: tun.ifindex(),
            gateway: None,
            metric: ROUTE_METRIC,
            source: None,
        };
        requests
            .add_route(&request)
            .map_err(during("cannot add the route of a pool"))?;
    }
    Ok(tun)
}

fn in_a_pool(config: &Config, address: Ipv4Addr) -> bool {
    config.pools.iter().any(|pool| pool.contains(address))
}

fn prefix(network: Ipv4Addr, length_bits: u8) -> Result<Prefix, StartError> {
    let unusable = || io::Error::new(io::ErrorKind::InvalidInput, "not a prefix");
    Prefix::new(network, length_bits)
        .ok_or_else(unusable)
        .map_err(during("a route"))
}

/// The fewest prefixes that cover exactly `first..=last`.
fn covering(first: u32, last: u32) -> Vec<(u32, u8)> {
    let mut prefixes = Vec::new();
    let mut next = u64::from(first);
    let end = u64::from(last);
    while next <= end {
        // As large as the alignment of `next` and what is left allow.
        let aligned = if next == 0 {
            32
        } else {
            next.trailing_zeros().min(32)
        };
        let left = (end - next + 1).ilog2();
        let bits = aligned.min(left);
        prefixes.push((
            u32::try_from(next).unwrap_or(u32::MAX),
            32 - u8::try_from(bits).unwrap_or(32),
        ));
        next += 1u64 << bits;
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use super::covering;

    #[test]
    fn prefixes_cover_a_range_exactly() {
        for (first, last) in [
            (0, u32::MAX),
            (100, 199),
            (5, 5),
            (0, 0),
            (1, 254),
            (7, 4096),
        ] {
            let mut next = u64::from(first);
            for (network, length_bits) in covering(first, last) {
                assert_eq!(u64::from(network), next);
                next += 1u64 << (32 - length_bits);
            }
            assert_eq!(next, u64::from(last) + 1, "{first}..={last}");
        }
    }
}
