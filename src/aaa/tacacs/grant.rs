//! From the arguments of a server to what a call is granted (RFC 8907 §8.2, and those for PPP that
//! servers send besides).

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::aaa::{NameServers, NetworkTerms};
use crate::wire::prefix::Prefix;
use crate::wire::tacacs::authorization::Argument;

/// Networks behind one user.
const NETWORKS_MAX: usize = 64;
/// Any address, as RADIUS says it and some servers do too.
const NAS_CHOOSES: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 254);
/// Longest name of a pool.
const POOL_BYTES_MAX: usize = 64;

/// What the arguments of all layers say together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) address: Option<Ipv4Addr>,
    pub(super) pool: Option<Box<str>>,
    pub(super) networks: Vec<Prefix>,
    pub(super) network: NetworkTerms,
}

impl Granted {
    /// Takes what one response says.
    ///
    /// # Errors
    /// Which argument cannot be carried out, in words that follow a server's name.
    pub(super) fn take(&mut self, arguments: &[&[u8]]) -> Result<(), String> {
        for bytes in arguments {
            let shown = String::from_utf8_lossy(bytes);
            let argument = Argument::parse(bytes)
                .ok_or_else(|| format!("sent {shown:?}, which is no argument"))?;
            match self.apply(&argument) {
                Some(Ok(())) => {}
                Some(Err(what)) => return Err(format!("sent {shown:?}, {what}")),
                // Who does not know a mandatory argument must refuse (§6.1).
                None if argument.mandatory => {
                    return Err(format!(
                        "demands {shown:?}, which PNS does not carry out; with * in place of = it \
                         would be left out"
                    ));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// `None`: not an argument that is known here.
    fn apply(&mut self, argument: &Argument<'_>) -> Option<Result<(), &'static str>> {
        let value = argument.value;
        let name = argument.name.split('#').next().unwrap_or(argument.name);
        Some(match name {
            "service" => same(value, "ppp"),
            "protocol" => match value {
                "ip" | "lcp" => Ok(()),
                _ => Err("which is not what was asked for"),
            },
            // Empty values grant nothing.
            _ if value.is_empty() => Ok(()),
            "addr" => self.take_address(value),
            "addr-pool" if value.len() > POOL_BYTES_MAX => Err("which is no name of a pool"),
            "addr-pool" => {
                self.pool = Some(value.into());
                Ok(())
            }
            "timeout" => minutes(value).map(|limit| self.network.policy.session_limit = limit),
            "idletime" => minutes(value).map(|limit| self.network.policy.idle_limit = limit),
            "mtu" => value
                .parse()
                .map(|mtu| self.network.mtu_max = Some(mtu))
                .map_err(|_| "which is no length"),
            "inacl" => {
                self.network.policy.filters.upstream = Some(value.into());
                Ok(())
            }
            "outacl" => {
                self.network.policy.filters.downstream = Some(value.into());
                Ok(())
            }
            "route" => self.take_route(value),
            "dns-servers" => servers(value).map(|dns| self.name_servers().dns = dns),
            "wins-servers" => servers(value).map(|nbns| self.name_servers().nbns = nbns),
            _ => return None,
        })
    }

    const fn name_servers(&mut self) -> &mut NameServers {
        &mut self.network.name_servers
    }

    /// An address, or that the client or the server may choose one.
    fn take_address(&mut self, value: &str) -> Result<(), &'static str> {
        let address: Ipv4Addr = value.parse().map_err(|_| "which is no address")?;
        self.network.client_chooses = address.is_broadcast();
        let free = address.is_broadcast() || address.is_unspecified() || address == NAS_CHOOSES;
        self.address = (!free).then_some(address);
        Ok(())
    }

    /// `10.1.0.0/16`, or a network and its mask; a gateway behind it is the client itself.
    fn take_route(&mut self, value: &str) -> Result<(), &'static str> {
        const NO_ROUTE: &str = "which is no network and mask";
        let mut words = value.split_ascii_whitespace();
        let network = words.next().unwrap_or_default();
        let prefix = match network.parse() {
            Ok(prefix) => prefix,
            Err(_) => {
                let network: Ipv4Addr = network.parse().map_err(|_| NO_ROUTE)?;
                let mask = words.next().and_then(|mask| mask.parse().ok());
                masked(network, mask.ok_or(NO_ROUTE)?).ok_or(NO_ROUTE)?
            }
        };
        if self.networks.len() >= NETWORKS_MAX {
            return Err("and that is one network too many");
        }
        self.networks.push(prefix);
        Ok(())
    }
}

fn same(value: &str, wanted: &str) -> Result<(), &'static str> {
    match value == wanted {
        true => Ok(()),
        false => Err("which is not what was asked for"),
    }
}

/// The prefix of a mask whose ones are all in front.
fn masked(network: Ipv4Addr, mask: Ipv4Addr) -> Option<Prefix> {
    let ones = mask.to_bits().leading_ones();
    let prefix = Prefix::new(network, u8::try_from(ones).ok()?)?;
    (mask.to_bits().count_ones() == ones && prefix.first() == network).then_some(prefix)
}

/// Minutes (§8.2), of which zero are no limit.
fn minutes(value: &str) -> Result<Option<Duration>, &'static str> {
    let minutes: u32 = value.parse().map_err(|_| "which is no number of minutes")?;
    Ok((minutes > 0).then(|| Duration::from_secs(u64::from(minutes) * 60)))
}

/// One or two addresses.
fn servers(value: &str) -> Result<[Option<Ipv4Addr>; 2], &'static str> {
    let mut addresses = [None, None];
    let words = value.split([' ', ',']).filter(|word| !word.is_empty());
    for (word, place) in words.zip(&mut addresses) {
        *place = Some(word.parse().map_err(|_| "which are no addresses")?);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(arguments: &[&str]) -> Result<Granted, String> {
        let bytes: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
        let mut granted = Granted::default();
        granted.take(&bytes).map(|()| granted)
    }

    #[test]
    fn what_servers_send_for_ppp_is_granted() {
        let all = granted(&[
            "service=ppp",
            "protocol=ip",
            "addr=10.0.0.7",
            "addr-pool=staff",
            "timeout=60",
            "idletime=5",
            "mtu*1300",
            "inacl=guest-in",
            "outacl#1*guest-out",
            "route#1=10.1.0.0 255.255.0.0 10.0.0.7",
            "route#2*10.2.0.0/16",
            "dns-servers=9.9.9.9 1.1.1.1",
            "wins-servers=10.0.0.2",
            "something*else",
        ])
        .unwrap();
        assert_eq!(all.address, Some(Ipv4Addr::new(10, 0, 0, 7)));
        assert_eq!(all.pool.as_deref(), Some("staff"));
        assert_eq!(
            all.network.policy.session_limit,
            Some(Duration::from_secs(3600))
        );
        assert_eq!(
            all.network.policy.idle_limit,
            Some(Duration::from_secs(300))
        );
        assert_eq!(all.network.mtu_max, Some(1300));
        let filters = &all.network.policy.filters;
        assert_eq!(filters.upstream.as_deref(), Some("guest-in"));
        assert_eq!(filters.downstream.as_deref(), Some("guest-out"));
        let networks: Vec<_> = all.networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.1.0.0/16", "10.2.0.0/16"]);
        let NameServers { dns, nbns } = all.network.name_servers;
        assert_eq!(dns, [9, 1].map(|octet| Some(Ipv4Addr::from([octet; 4]))));
        assert_eq!(nbns, [Some(Ipv4Addr::new(10, 0, 0, 2)), None]);
    }

    #[test]
    fn zero_minutes_and_no_address_are_no_limit_and_the_pool() {
        let none = granted(&["timeout=0", "idletime=0", "addr=0.0.0.0", "addr-pool="]).unwrap();
        assert_eq!(none, Granted::default());
        let chosen = granted(&["addr=255.255.255.255"]).unwrap();
        assert!(chosen.network.client_chooses && chosen.address.is_none());
        assert_eq!(
            granted(&["addr=255.255.255.254"]).unwrap(),
            Granted::default()
        );
    }

    #[test]
    fn what_cannot_be_carried_out_is_named() {
        for (argument, word) in [
            ("addr=here", "no address"),
            ("timeout=soon", "minutes"),
            ("timeout=-1", "minutes"),
            ("route=10.1.0.0", "mask"),
            ("route=10.1.0.0 255.0.255.0", "mask"),
            ("route=10.1.0.1 255.255.0.0", "mask"),
            ("dns-servers=a", "no addresses"),
            ("service=shell", "not what was asked"),
            ("protocol=vpdn", "not what was asked"),
            ("callback-line=7", "demands"),
            ("nonsense", "no argument"),
        ] {
            let refused = granted(&[argument]).unwrap_err();
            assert!(
                refused.contains(word) && refused.contains(argument),
                "{refused}"
            );
        }
        let routes = vec!["route=10.1.0.0/16"; NETWORKS_MAX + 1];
        assert!(granted(&routes).unwrap_err().contains("too many"));
    }
}
