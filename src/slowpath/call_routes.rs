//! Calls that lead to networks, as the kernel knows them: for each network a route by the TUN, and our
//! address on the link where a peer assigned one. All of it goes with the TUN, if not before.
//!
//! A call comes up or goes down here and there, so waiting for the kernel's answer, some
//! microseconds, does not stop the loop.

use std::io;
use std::net::Ipv4Addr;

use super::kernel::ROUTE_METRIC;
use super::netlink::{Requests, RouteRequest};
use crate::wire::prefix::Prefix;

/// The kernel's side of calls that lead to networks.
pub(super) struct CallRoutes {
    tun: u32,
    requests: Requests,
}

impl CallRoutes {
    /// `tun` is the number of the TUN.
    pub(super) fn open(tun: u32) -> io::Result<Self> {
        let requests = Requests::open()?;
        Ok(Self { tun, requests })
    }

    /// The kernel reaches `network` by the calls from now on, as `source`.
    pub(super) fn add(&mut self, network: Prefix, source: Option<Ipv4Addr>) {
        let route = self.route(network, source);
        let added = match self.requests.add_route(&route) {
            // Another call led there until now, perhaps as another source.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let other = self.route(network, None);
                self.requests
                    .remove_route(&other)
                    .and_then(|()| self.requests.add_route(&route))
            }
            added => added,
        };
        if let Err(error) = added {
            tracing::warn!(%error, %network, "the kernel does not reach a network behind a call");
        }
    }

    /// No call leads to `network` any more.
    pub(super) fn remove(&mut self, network: Prefix) {
        let route = self.route(network, None);
        if let Err(error) = self.requests.remove_route(&route) {
            tracing::debug!(%error, %network, "the route of a network behind a call was gone");
        }
    }

    /// A peer has assigned us this address.
    pub(super) fn add_address(&mut self, address: Ipv4Addr) {
        if let Err(error) = self.requests.add_address(self.tun, address, 32) {
            tracing::warn!(%error, %address, "the kernel does not take the address of a call");
        }
    }

    /// The address is ours no more.
    pub(super) fn remove_address(&mut self, address: Ipv4Addr) {
        if let Err(error) = self.requests.remove_address(self.tun, address, 32) {
            tracing::debug!(%error, %address, "the address of a call was gone");
        }
    }

    const fn route(&self, prefix: Prefix, source: Option<Ipv4Addr>) -> RouteRequest {
        RouteRequest {
            prefix,
            ifindex: self.tun,
            gateway: None,
            metric: ROUTE_METRIC,
            source,
        }
    }
}
