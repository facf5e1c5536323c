//! The network phase (RFC 1661 §3.6): encryption first, then the addresses.

use super::encryption::Encryption;
use super::ipcp::Waiting;
use super::ipv6cp::Ipv6;
use super::{EndReason, Link, NetworkGrant};
use crate::clock::Timestamp;
use crate::ppp::automaton::{Automaton, Limits};
use crate::ppp::ccp::{Ccp, Directions, MppePolicy, ResetCounts, Resets};
use crate::ppp::fsm::State;
use crate::ppp::ipcp::Ipcp;
use crate::wire::ccp::SupportedBits;
use std::net::Ipv4Addr;

/// The machines of the network phase.
pub(super) struct Network {
    /// What holds for this call's encryption.
    pub(super) mppe: MppePolicy,
    pub(super) encryption: Encryption,
    /// `None` when this call has no use for CCP.
    pub(super) ccp: Option<Automaton<Ccp>>,
    /// Only a stateful call that lost a frame has any.
    resets: Option<Box<Resets>>,
    pub(super) ipcp: Automaton<Ipcp>,
    /// What forwarding rests on: the addresses when it began.
    settled: Option<NetworkGrant>,
    pub(super) ipv4: Waiting,
    pub(super) ipv6: Ipv6,
}

impl Network {
    pub(super) fn new(
        ipcp: Ipcp,
        mppe: MppePolicy,
        ccp: Option<Automaton<Ccp>>,
        limits: Limits,
    ) -> Self {
        Self {
            mppe,
            encryption: Encryption::Off,
            ccp,
            resets: None,
            ipcp: Automaton::new(ipcp, limits),
            settled: None,
            ipv4: Waiting::default(),
            ipv6: Ipv6::default(),
        }
    }

    pub(super) const fn grant(&self) -> NetworkGrant {
        self.ipcp.policy().addresses()
    }

    pub(super) fn ccp_state(&self) -> State {
        self.ccp.as_ref().map_or(State::Initial, Automaton::state)
    }

    pub(super) const fn ipcp_state(&self) -> State {
        self.ipcp.state()
    }

    /// What is encrypted with, once both sides agreed.
    pub(super) fn agreed(&self) -> Option<Directions> {
        let ccp = self.ccp.as_ref()?;
        let agreed = ccp.policy().agreed();
        agreed.filter(|_| self.encryption == Encryption::On)
    }

    pub(super) fn reset_counts(&self) -> ResetCounts {
        let resets = self.resets.as_ref();
        resets.map_or_else(ResetCounts::default, |resets| resets.counts())
    }

    pub(super) fn resets(&mut self) -> &mut Resets {
        self.resets.get_or_insert_default()
    }

    pub(super) fn peer_offer(&self) -> Option<SupportedBits> {
        self.ccp.as_ref()?.policy().peer_offer()
    }

    pub(super) fn mppe_refusal(&self) -> Option<EndReason> {
        self.ccp.as_ref()?.policy().refusal()
    }

    pub(super) fn awaits_encryption(&self) -> bool {
        self.encryption == Encryption::Pending
    }

    /// Whether the client may still come to encrypt.
    pub(super) const fn may_await_encryption(&self) -> bool {
        matches!(self.encryption, Encryption::Awaited | Encryption::Pending)
    }

    /// IPCP is not running.
    pub(super) const fn has_no_ipcp(&self) -> bool {
        matches!(self.ipcp.state(), State::Initial | State::Starting)
    }

    /// The addresses wait again.
    pub(super) fn stop_ipcp(&mut self, now: Timestamp) {
        let _ = self.ipcp.down(now);
        self.ipv6.down(now);
    }

    /// The client may have this address, and no other.
    pub(super) const fn assign(&mut self, address: Ipv4Addr) {
        self.ipcp.policy_mut().assign(address);
    }

    /// Holds on to the addresses as they are; `false` if they are others than before.
    pub(super) fn settle(&mut self) -> bool {
        let grant = self.grant();
        *self.settled.get_or_insert(grant) == grant
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let ccp = self.ccp.as_ref().and_then(Automaton::poll_timeout);
        [ccp, self.ipcp.poll_timeout(), self.ipv6.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Link {
    /// Nothing is negotiated any more; what is in force stays in force until the call is closed.
    pub(super) fn silence_network(&mut self, now: Timestamp) {
        if let Some(network) = &mut self.network {
            network.stop_ipcp(now);
            if let Some(ccp) = &mut network.ccp {
                let _ = ccp.down(now);
            }
        }
    }

    pub(super) fn network_timeout(&mut self, now: Timestamp) {
        self.ccp_timeout(now);
        self.ipcp_timeout(now);
        self.ipv6cp_timeout(now);
    }
}
