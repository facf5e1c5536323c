//! Which call is which, for those who ask about calls in the words of RADIUS.

use std::ops::Range;

use super::call::Call;
use super::{CallState, Sessions};
use crate::aaa::radius::{Identity, nas_port_id};
use crate::flow::FlowKey;

/// What can be done with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its client is not let in yet.
    Beginning,
    /// It can be changed and ended.
    Live,
    /// It ends.
    Ending,
    /// We are its client: nobody was let in.
    Ours,
}

impl Sessions {
    /// What is known of a call, but for the bill; and what can be done with it.
    #[must_use]
    pub fn identity_of(&self, flow: FlowKey) -> Option<(Identity, Standing)> {
        let call = self.calls.get(self.call_of(flow)?)?;
        let standing = match call.state {
            _ if call.client().is_some() => Standing::Ours,
            CallState::Opening | CallState::Connecting | CallState::Negotiating => {
                Standing::Beginning
            }
            CallState::Network => Standing::Live,
            CallState::Terminating | CallState::Closing => Standing::Ending,
        };
        Some((call.identity(), standing))
    }

    /// The calls in these places, of [`Self::places`].
    pub fn flows_in(&self, places: Range<usize>) -> impl Iterator<Item = FlowKey> {
        self.calls.iter_in(places).map(|(_, call)| call.flow)
    }
}

impl Call {
    fn identity(&self) -> Identity {
        let or = |number: &Option<Box<str>>, address: std::net::Ipv4Addr| {
            let number = number.as_deref().map(str::to_owned);
            number.unwrap_or_else(|| address.to_string())
        };
        let identifiers = self.link.negotiated().interface_identifiers;
        Identity {
            users: self.user.clone().into_iter().collect(),
            nas_port: self.flow.pack(),
            nas_port_id: nas_port_id(self.flow),
            lease: self.far_end(),
            called: or(&self.facts.called_number, self.local_address),
            calling: or(&self.facts.calling_number, self.peer_address),
            session_id: Box::default(),
            interface: identifiers.map(|(_, peer)| peer),
        }
    }
}
