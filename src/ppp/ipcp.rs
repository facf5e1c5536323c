//! The addresses of both ends (RFC 1332, RFC 1877).
//!
//! - [`assign`]: the server says which the client's is.
//! - [`obtain`]: the client takes what it is told.

pub mod assign;
pub mod obtain;

use super::automaton::OptionPolicy;
use super::config::NetworkGrant;
use super::judgement::{Judgement, Objection};
use crate::wire::options::Options;
use crate::wire::ppp::Protocol;
use assign::Assign;
use obtain::Obtain;
use std::net::Ipv4Addr;

/// The options of IPCP, from the side on which we are.
#[derive(Debug)]
pub enum Ipcp {
    /// We are the server.
    Assign(Assign),
    /// We are the client.
    Obtain(Obtain),
}

impl Ipcp {
    /// Hands out `grant`.
    #[must_use]
    pub const fn assigning(grant: NetworkGrant) -> Self {
        Self::Assign(Assign::new(grant))
    }

    /// Asks for the address `wish`, or for any.
    #[must_use]
    pub const fn obtaining(wish: Option<Ipv4Addr>) -> Self {
        Self::Obtain(Obtain::new(wish))
    }

    /// The addresses of the link as far as they are known; unspecified otherwise.
    #[must_use]
    pub const fn addresses(&self) -> NetworkGrant {
        match self {
            Self::Assign(assign) => assign.grant(),
            Self::Obtain(obtain) => obtain.addresses(),
        }
    }

    /// The client's address is this one. Means nothing to a client.
    pub const fn assign(&mut self, address: Ipv4Addr) {
        match self {
            Self::Assign(assign) => assign.assign(address),
            Self::Obtain(_) => {}
        }
    }
}

impl OptionPolicy for Ipcp {
    const PROTOCOL: Protocol = Protocol::IPCP;

    fn request(&self, options: &mut Vec<u8>) {
        match self {
            Self::Assign(assign) => assign.request(options),
            Self::Obtain(obtain) => obtain.request(options),
        }
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        match self {
            Self::Assign(assign) => assign.judge(options, judgement),
            Self::Obtain(obtain) => {
                obtain.judge(options, judgement);
                Ok(())
            }
        }
    }

    fn agreed(&mut self, options: &Options<'_>) {
        match self {
            Self::Assign(_) => {}
            Self::Obtain(obtain) => obtain.agreed(options),
        }
    }

    fn nak_received(
        &mut self,
        options: &Options<'_>,
        out_of_patience: bool,
    ) -> Result<(), Objection> {
        match self {
            Self::Assign(assign) => {
                assign.nak_received(out_of_patience);
                Ok(())
            }
            Self::Obtain(obtain) => obtain.nak_received(options, out_of_patience),
        }
    }

    fn reject_received(&mut self, _options: &Options<'_>) -> Result<(), Objection> {
        match self {
            Self::Assign(assign) => {
                assign.reject_received();
                Ok(())
            }
            Self::Obtain(_) => Err(obtain::unassigned()),
        }
    }
}
