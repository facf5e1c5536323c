//! The server's side: the client's address and name servers, the lease and nothing else.

use crate::ppp::config::NetworkGrant;
use crate::ppp::end_reason::EndReason;
use crate::ppp::judgement::{Judgement, Objection};
use crate::wire::ipcp::{IpcpOption, NameServer, kind};
use crate::wire::options::{Options, RawOption};
use std::net::Ipv4Addr;

/// Hands out a grant.
#[derive(Debug)]
pub struct Assign {
    grant: NetworkGrant,
    names_address: bool,
    /// A client that did not name its address was told it.
    asked: bool,
}

impl Assign {
    /// Hands out `grant`.
    #[must_use]
    pub const fn new(grant: NetworkGrant) -> Self {
        Self {
            grant,
            names_address: true,
            asked: false,
        }
    }

    /// The client's address is this one.
    pub const fn assign(&mut self, address: Ipv4Addr) {
        self.grant.peer_address = address;
    }

    /// What is handed out.
    pub(super) const fn grant(&self) -> NetworkGrant {
        self.grant
    }

    const fn server(&self, server: NameServer) -> Option<Ipv4Addr> {
        let NetworkGrant { dns, nbns, .. } = self.grant;
        match server {
            NameServer::PrimaryDns => dns[0],
            NameServer::SecondaryDns => dns[1],
            NameServer::PrimaryNbns => nbns[0],
            NameServer::SecondaryNbns => nbns[1],
        }
    }

    fn judge_server(
        &self,
        option: RawOption<'_>,
        server: NameServer,
        named: Option<Ipv4Addr>,
        judgement: &mut Judgement,
    ) {
        match self.server(server) {
            None => judgement.reject(option),
            Some(ours) if named == Some(ours) => {}
            Some(ours) => {
                judgement.nak(option, |list| {
                    IpcpOption::NameServer(server, ours).emit(list)
                });
            }
        }
    }

    /// RFC 1661 §6: an unrecognized length is answered by a Nak with the right one.
    fn judge_malformed(&self, option: RawOption<'_>, judgement: &mut Judgement) {
        match option.kind {
            kind::ADDRESS => {
                let ours = IpcpOption::Address(self.grant.peer_address);
                judgement.nak(option, |list| ours.emit(list));
            }
            kind::PRIMARY_DNS => {
                self.judge_server(option, NameServer::PrimaryDns, None, judgement);
            }
            kind::PRIMARY_NBNS => {
                self.judge_server(option, NameServer::PrimaryNbns, None, judgement);
            }
            kind::SECONDARY_DNS => {
                self.judge_server(option, NameServer::SecondaryDns, None, judgement);
            }
            kind::SECONDARY_NBNS => {
                self.judge_server(option, NameServer::SecondaryNbns, None, judgement);
            }
            _ => judgement.reject(option),
        }
    }

    pub(super) fn request(&self, options: &mut Vec<u8>) {
        if self.names_address {
            IpcpOption::Address(self.grant.local_address).emit(options);
        }
    }

    pub(super) fn judge(
        &mut self,
        options: &Options<'_>,
        judgement: &mut Judgement,
    ) -> Result<(), Objection> {
        let lease = self.grant.peer_address;
        let mut address = None;
        for option in options.iter() {
            match IpcpOption::parse(option) {
                Ok(IpcpOption::Address(named)) => {
                    address = Some(named);
                    if named != lease {
                        judgement.nak(option, |list| IpcpOption::Address(lease).emit(list));
                    }
                }
                Ok(IpcpOption::NameServer(server, named)) => {
                    self.judge_server(option, server, Some(named), judgement);
                }
                // IP-Addresses, which RFC 1332 §3.1 deprecates, compression and Mobile-IPv4 among
                // them.
                Ok(IpcpOption::Other(_)) => judgement.reject(option),
                Err(_) => self.judge_malformed(option, judgement),
            }
        }
        if address.is_some_and(|named| named != lease) && judgement.out_of_patience() {
            return Err(Objection::EndLink(EndReason::AddressNotAgreed));
        }
        // RFC 1332 §3.3: a client that does not name its address is told it, once. If it still
        // does not, it may know the address from elsewhere, and it can use no other.
        let silent = options.find(kind::ADDRESS).is_none();
        if silent && !self.asked && !judgement.has_rejects() {
            self.asked = true;
            judgement.ask_for(|list| IpcpOption::Address(lease).emit(list));
        }
        Ok(())
    }

    /// A client that wants to tell us our address gets a link without one: nothing depends on the
    /// client knowing it.
    pub(super) const fn nak_received(&mut self, out_of_patience: bool) {
        self.names_address &= !out_of_patience;
    }

    pub(super) const fn reject_received(&mut self) {
        self.names_address = false;
    }
}
