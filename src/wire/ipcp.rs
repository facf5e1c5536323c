//! Options of the IP Control Protocol: the address (RFC 1332 §3) and the name servers
//! (RFC 1877 §1).

use super::options::{self, RawOption};
use crate::counted_enum;
use std::net::Ipv4Addr;

counted_enum! {
    /// Why an option of a known type has no meaning.
    pub enum Malformed {
        /// The value is not as long as its type demands.
        ValueLength => "ipcp_option_value_length",
    }
}

/// Types of IPCP options.
pub mod kind {
    /// IP-Addresses, deprecated.
    pub const ADDRESSES: u8 = 1;
    /// IP-Compression-Protocol: Van Jacobson's and later ones.
    pub const COMPRESSION_PROTOCOL: u8 = 2;
    /// IP-Address.
    pub const ADDRESS: u8 = 3;
    /// Mobile-IPv4 (RFC 2290 §2).
    pub const MOBILE_IPV4: u8 = 4;
    /// Primary DNS Server Address.
    pub const PRIMARY_DNS: u8 = 129;
    /// Primary NetBIOS Name Server Address.
    pub const PRIMARY_NBNS: u8 = 130;
    /// Secondary DNS Server Address.
    pub const SECONDARY_DNS: u8 = 131;
    /// Secondary NetBIOS Name Server Address.
    pub const SECONDARY_NBNS: u8 = 132;
}

/// A name server that a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameServer {
    /// The first DNS server.
    PrimaryDns,
    /// The first NetBIOS name server.
    PrimaryNbns,
    /// The second DNS server.
    SecondaryDns,
    /// The second NetBIOS name server.
    SecondaryNbns,
}

impl NameServer {
    const fn kind(self) -> u8 {
        match self {
            Self::PrimaryDns => kind::PRIMARY_DNS,
            Self::PrimaryNbns => kind::PRIMARY_NBNS,
            Self::SecondaryDns => kind::SECONDARY_DNS,
            Self::SecondaryNbns => kind::SECONDARY_NBNS,
        }
    }
}

/// One IPCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpcpOption<'a> {
    /// The address of the sender, or zero to ask for one.
    Address(Ipv4Addr),
    /// The address of a name server, or zero to ask for it.
    NameServer(NameServer, Ipv4Addr),
    /// An option that PNS does not know or does not want.
    Other(RawOption<'a>),
}

impl<'a> IpcpOption<'a> {
    /// Gives an option its meaning.
    ///
    /// # Errors
    /// [`Malformed::ValueLength`].
    pub fn parse(option: RawOption<'a>) -> Result<Self, Malformed> {
        let address = || {
            option
                .fixed::<4>()
                .map(Ipv4Addr::from)
                .ok_or(Malformed::ValueLength)
        };
        Ok(match option.kind {
            kind::ADDRESS => Self::Address(address()?),
            kind::PRIMARY_DNS => Self::NameServer(NameServer::PrimaryDns, address()?),
            kind::PRIMARY_NBNS => Self::NameServer(NameServer::PrimaryNbns, address()?),
            kind::SECONDARY_DNS => Self::NameServer(NameServer::SecondaryDns, address()?),
            kind::SECONDARY_NBNS => Self::NameServer(NameServer::SecondaryNbns, address()?),
            _ => Self::Other(option),
        })
    }

    /// Appends the option to a list.
    pub fn emit(&self, list: &mut Vec<u8>) {
        match self {
            Self::Address(address) => options::push(list, kind::ADDRESS, &address.octets()),
            Self::NameServer(server, address) => {
                options::push(list, server.kind(), &address.octets());
            }
            Self::Other(option) => options::push(list, option.kind, option.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::options::Options;

    #[test]
    fn an_address_is_four_bytes_and_nothing_else() {
        for kind in [3, 129, 130, 131, 132] {
            for length in 0..=options::VALUE_MAX {
                let value = vec![10; length];
                let parsed = IpcpOption::parse(RawOption {
                    kind,
                    value: &value,
                });
                assert_eq!(parsed.is_ok(), length == 4, "type {kind} length {length}");
            }
        }
    }

    #[test]
    fn every_option_survives_the_round_trip() {
        let address = Ipv4Addr::new(10, 77, 0, 100);
        for option in [
            IpcpOption::Address(address),
            IpcpOption::NameServer(NameServer::PrimaryDns, address),
            IpcpOption::NameServer(NameServer::PrimaryNbns, address),
            IpcpOption::NameServer(NameServer::SecondaryDns, address),
            IpcpOption::NameServer(NameServer::SecondaryNbns, Ipv4Addr::UNSPECIFIED),
            IpcpOption::Other(RawOption {
                kind: kind::COMPRESSION_PROTOCOL,
                value: &[0, 45, 15, 1],
            }),
        ] {
            let mut list = Vec::new();
            option.emit(&mut list);
            let raw = Options::parse(&list).unwrap().iter().next().unwrap();
            assert_eq!(IpcpOption::parse(raw), Ok(option));
        }
    }
}
