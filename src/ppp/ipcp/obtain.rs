//! The client's side: asks for an address, takes what it is told, and believes the peer's own
//! (RFC 1332 §3.3). There is nothing to hand out, so whatever the peer asks for is rejected.

use crate::ppp::config::NetworkGrant;
use crate::ppp::end_reason::EndReason;
use crate::ppp::judgement::{Judgement, Objection};
use crate::wire::ipcp::{IpcpOption, kind};
use crate::wire::options::Options;
use std::net::Ipv4Addr;

/// Takes an address.
#[derive(Debug)]
pub struct Obtain {
    /// What our next request asks for; ours, once it is acknowledged.
    local: Ipv4Addr,
    peer: Ipv4Addr,
}

impl Obtain {
    /// Asks for the address `wish`, or for any.
    #[must_use]
    pub const fn new(wish: Option<Ipv4Addr>) -> Self {
        Self {
            local: match wish {
                Some(address) => address,
                None => Ipv4Addr::UNSPECIFIED,
            },
            peer: Ipv4Addr::UNSPECIFIED,
        }
    }

    pub(super) const fn addresses(&self) -> NetworkGrant {
        NetworkGrant {
            local_address: self.local,
            peer_address: self.peer,
            dns: [None; 2],
            nbns: [None; 2],
            peer_chooses: false,
            mppe: None,
        }
    }

    pub(super) fn request(&self, options: &mut Vec<u8>) {
        IpcpOption::Address(self.local).emit(options);
    }

    pub(super) fn judge(&self, options: &Options<'_>, judgement: &mut Judgement) {
        for option in options.iter() {
            match IpcpOption::parse(option) {
                Ok(IpcpOption::Address(named)) if is_usable(named) && named != self.local => {}
                Ok(IpcpOption::Address(_) | IpcpOption::NameServer(..) | IpcpOption::Other(_))
                | Err(_) => judgement.reject(option),
            }
        }
    }

    /// A peer need not say which address it has.
    pub(super) fn agreed(&mut self, options: &Options<'_>) {
        self.peer = address_in(options).unwrap_or(Ipv4Addr::UNSPECIFIED);
    }

    pub(super) fn nak_received(
        &mut self,
        options: &Options<'_>,
        out_of_patience: bool,
    ) -> Result<(), Objection> {
        let Some(told) = address_in(options) else {
            // It speaks of options that we did not ask for.
            return if out_of_patience {
                Err(unassigned())
            } else {
                Ok(())
            };
        };
        if out_of_patience || !is_usable(told) || told == self.peer {
            return Err(unassigned());
        }
        self.local = told;
        Ok(())
    }
}

/// There will be no address for us.
pub(super) const fn unassigned() -> Objection {
    Objection::EndLink(EndReason::AddressNotAssigned)
}

fn address_in(options: &Options<'_>) -> Option<Ipv4Addr> {
    match IpcpOption::parse(options.find(kind::ADDRESS)?) {
        Ok(IpcpOption::Address(address)) => Some(address),
        Ok(IpcpOption::NameServer(..) | IpcpOption::Other(_)) | Err(_) => None,
    }
}

/// Whether a machine can have the address (RFC 1122 §3.2.1.3).
pub fn is_usable(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !matches!(first, 0 | 127 | 224..)
}
