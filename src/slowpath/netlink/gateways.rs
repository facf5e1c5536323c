//! Keeps the gateways of the fast path resolved: the kernel does not see the traffic that they get,
//! and would forget them.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;

use super::Requests;
use crate::routing::Mirror;
use crate::routing::mirror::NeighbourState;

/// The gateways that the kernel has been asked to manage.
#[derive(Debug, Default)]
pub struct GatewayKeeper {
    managed: BTreeSet<(u32, Ipv4Addr)>,
}

impl GatewayKeeper {
    /// Asks for every gateway of `mirror` that is new or that the kernel has forgotten (it drops
    /// neighbours with the carrier), and lets go of what no route needs any more. Call it after each
    /// new snapshot.
    ///
    /// # Errors
    ///
    /// When a request cannot be sent; the next call tries again.
    pub fn update(&mut self, mirror: &Mirror, requests: &mut Requests) -> io::Result<()> {
        let wanted = mirror.gateways();
        for gateway @ (ifindex, address) in &wanted {
            let state = mirror
                .neighbour(*ifindex, *address)
                .map(|found| found.state);
            // Managing an entry that the administrator has set would throw the MAC address away.
            if state == Some(NeighbourState::Permanent) {
                self.managed.remove(gateway);
            } else if state.is_none() || !self.managed.contains(gateway) {
                requests.manage_neighbour(*ifindex, *address)?;
                self.managed.insert(*gateway);
            }
        }
        let unwanted: Vec<_> = self.managed.difference(&wanted).copied().collect();
        for gateway @ (ifindex, address) in unwanted {
            let state = mirror.neighbour(ifindex, address).map(|found| found.state);
            if state.is_some_and(|state| state != NeighbourState::Permanent) {
                requests.use_neighbour(ifindex, address)?;
            }
            self.managed.remove(&gateway);
        }
        Ok(())
    }
}
