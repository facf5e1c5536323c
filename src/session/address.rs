//! The client's address: taken from the pools, entered in the directory, and changed once if the
//! client names one of its own and may have it.

use super::{CallRef, CallState, EndReason, Output, Sessions};
use crate::aaa::{Grant, Lease, LeaseRefusal};
use crate::clock::Timestamp;
use crate::ppp::link::{self as ppp, AddressPolicy};
use std::net::Ipv4Addr;

impl Sessions {
    /// Leases what was granted, unless the call has a lease of the same user already, and enters
    /// it in the directory.
    ///
    /// # Errors
    /// A [`LeaseRefusal`]; the call has no lease then.
    pub(super) fn lease_for(&mut self, id: CallRef, grant: &Grant) -> Result<(), LeaseRefusal> {
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        // A second login on one link, before anything was forwarded, may be somebody else's.
        if call.user.as_deref() != Some(&*grant.user)
            && let Some(lease) = call.lease.take()
        {
            let cleared = lease.address();
            self.outputs
                .push_back(Output::LeaseCleared { lease: cleared });
            self.pools.release(lease);
        }
        if call.lease.is_none() {
            let lease = match grant.address {
                Some(address) => self.pools.lease_named(&grant.pool, address)?,
                None => self.pools.lease(&grant.pool, &grant.user)?,
            };
            self.outputs.push_back(Output::LeaseSet {
                lease: lease.address(),
                flow: call.flow,
            });
            call.lease = Some(lease);
        }
        Ok(())
    }

    /// Notes for the verdict which pool had no address for a call.
    pub(super) fn no_address(
        &mut self,
        id: CallRef,
        pool: &str,
        refusal: LeaseRefusal,
    ) -> EndReason {
        let pools = self.pools.describe(pool);
        if let Some(call) = self.calls.get_mut(id) {
            call.attempt.detail = Some(pools.into());
        }
        self.tally.add("pool", refusal.name(), 1);
        EndReason::NoAddress(refusal)
    }

    /// The client names an address. While nothing was ever forwarded its lease can be another.
    pub(super) fn address_wished(&mut self, id: CallRef, wanted: Ipv4Addr, now: Timestamp) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let listeners = &self.config.listeners;
        let Some(listener) = listeners.get(usize::from(call.flow.local)) else {
            return;
        };
        let policy = match call.network.client_chooses {
            true => AddressPolicy::Keep,
            false => listener.link.address,
        };
        let Some(lease) = &mut call.lease else {
            return;
        };
        let unused = call.state == CallState::Negotiating;
        let may = match policy {
            AddressPolicy::Assign => false,
            AddressPolicy::Keep => unused,
            AddressPolicy::Override => unused && !lease.is_reserved(),
        };
        let other = may.then(|| self.pools.lease_wanted(lease, wanted));
        if let Some(other) = other.flatten() {
            let flow = call.flow;
            let before = std::mem::replace(lease, other);
            let changes = [
                Output::LeaseCleared {
                    lease: before.address(),
                },
                Output::LeaseSet {
                    lease: wanted,
                    flow,
                },
            ];
            self.outputs.extend(changes);
            self.pools.release(before);
        }
        let address = call.lease.as_ref().map(Lease::address);
        if let Some(address) = address {
            call.link.handle(ppp::Input::AddressDecided(address), now);
        }
    }
}
