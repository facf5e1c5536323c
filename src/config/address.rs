//! Addresses, prefixes and ranges as an operator writes them.

use std::fmt;
use std::net::Ipv4Addr;

use super::error::Fault;
use crate::wire::prefix::Prefix;

/// An IPv4 address with the length of its prefix: an interface's own (`198.51.100.1/24`) or, with
/// the host bits clear, a network (`192.168.99.0/24`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Prefix {
    /// The address, host bits included.
    pub address: Ipv4Addr,
    /// Leading bits that name the network, 0 to 32.
    pub length_bits: u8,
}

impl Ipv4Prefix {
    /// The network's first address.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() & self.mask())
    }

    /// The network's last address: the broadcast address, where there is one.
    #[must_use]
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() | !self.mask())
    }

    /// Whether `address` is on this network.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask() == self.network().to_bits()
    }

    fn mask(self) -> u32 {
        u32::MAX
            .checked_shl(32 - u32::from(self.length_bits.min(32)))
            .unwrap_or(0)
    }
}

impl fmt::Display for Ipv4Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.length_bits)
    }
}

/// Addresses from `first` to `last`, both included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Range {
    /// The lowest address.
    pub first: Ipv4Addr,
    /// The highest address.
    pub last: Ipv4Addr,
}

impl Ipv4Range {
    /// How many addresses.
    #[must_use]
    pub fn size(self) -> u64 {
        u64::from(self.last.to_bits()).saturating_sub(u64::from(self.first.to_bits())) + 1
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// Whether an address is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for Ipv4Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.first, self.last)
    }
}

/// A unicast IPv4 address that a machine can have.
pub(super) fn host_address(text: &str) -> Result<Ipv4Addr, Fault> {
    let address: Ipv4Addr = text.parse().map_err(|_| {
        Fault::new(
            format!("{text:?} is not an IPv4 address"),
            "write one like \"198.51.100.1\"",
        )
    })?;
    let reserved = address.octets()[0] == 0 || address.octets()[0] >= 240;
    if reserved || address.is_multicast() || address.is_loopback() {
        let problem = format!("{address} cannot be the address of a machine on a network");
        return Err(Fault::new(problem, "write a unicast address"));
    }
    Ok(address)
}

/// `198.51.100.1/24`: an address that a port can have.
pub(super) fn interface_address(text: &str) -> Result<Ipv4Prefix, Fault> {
    let prefix = split_prefix(text, "198.51.100.1/24")?;
    host_address(&prefix.address.to_string())?;
    let edge = prefix.address == prefix.network() || prefix.address == prefix.last();
    if prefix.length_bits == 0 || (prefix.length_bits < 31 && edge) {
        let problem = format!("{prefix} names a whole network");
        return Err(Fault::new(
            problem,
            "write the port's own address on it and the prefix length",
        ));
    }
    Ok(prefix)
}

/// `192.168.99.0/24`: a network to route to.
pub(super) fn network(text: &str) -> Result<Ipv4Prefix, Fault> {
    let prefix = split_prefix(text, "192.168.99.0/24")?;
    if prefix.address != prefix.network() {
        let cure = format!("write \"{}/{}\"", prefix.network(), prefix.length_bits);
        return Err(Fault::new(
            format!("{prefix} has bits set behind its prefix"),
            cure,
        ));
    }
    Ok(prefix)
}

/// The same for networks that lie behind a call.
pub(super) fn network_behind(text: &str) -> Result<Prefix, Fault> {
    let network = network(text)?;
    Prefix::new(network.network(), network.length_bits)
        .ok_or_else(|| Fault::new(format!("{text:?} is not a network"), "write a.b.c.d/length"))
}

/// `10.77.0.100-10.77.0.199`, or one address alone: addresses to lease.
pub(super) fn range(text: &str) -> Result<Ipv4Range, Fault> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = Ipv4Range {
        first: host_address(first.trim())?,
        last: host_address(last.trim())?,
    };
    if range.first > range.last {
        let cure = format!("write \"{}-{}\"", range.last, range.first);
        return Err(Fault::new(format!("{range} runs backwards"), cure));
    }
    Ok(range)
}

/// `02:00:00:00:00:01`: a unicast Ethernet address.
pub(super) fn mac(text: &str) -> Result<[u8; 6], Fault> {
    let refused = |what: &str| {
        let problem = format!("{text:?} is not {what}");
        Fault::new(problem, "write six bytes like \"02:00:00:00:00:01\"")
    };
    let mut address = [0u8; 6];
    let mut parts = text.split(':');
    for byte in &mut address {
        let part = parts
            .next()
            .filter(|part| part.len() == 2 && !part.starts_with('+'));
        let part = part.ok_or_else(|| refused("an Ethernet address"))?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| refused("an Ethernet address"))?;
    }
    if parts.next().is_some() {
        return Err(refused("an Ethernet address"));
    }
    if address[0] & 1 == 1 || address == [0; 6] {
        return Err(refused("a unicast Ethernet address"));
    }
    Ok(address)
}

fn split_prefix(text: &str, example: &str) -> Result<Ipv4Prefix, Fault> {
    let split = || {
        let (address, length) = text.split_once('/')?;
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length_bits = length.parse().ok().filter(|bits| digits && *bits <= 32)?;
        Some(Ipv4Prefix {
            address: address.parse().ok()?,
            length_bits,
        })
    };
    split().ok_or_else(|| {
        let problem = format!("{text:?} is not an IPv4 address with a prefix length");
        Fault::new(problem, format!("write one like \"{example}\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_knows_its_network() {
        let prefix = interface_address("198.51.100.1/24").unwrap();
        assert_eq!(prefix.network(), Ipv4Addr::new(198, 51, 100, 0));
        assert_eq!(prefix.last(), Ipv4Addr::new(198, 51, 100, 255));
        assert!(prefix.contains(Ipv4Addr::new(198, 51, 100, 200)));
        assert!(!prefix.contains(Ipv4Addr::new(198, 51, 101, 1)));
        assert!(network("0.0.0.0/0").unwrap().contains(Ipv4Addr::BROADCAST));
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "1.2.3.4",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3/8",
            "10.0.0.0/8",
        ] {
            assert!(interface_address(text).is_err(), "{text}");
        }
        for text in [
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "1.2.3",
            "a",
        ] {
            assert!(host_address(text).is_err(), "{text}");
        }
        for text in [
            "02:00:00:00:00",
            "02:00:00:00:00:01:02",
            "01:00:00:00:00:00",
            "0200:0:0:0:0:0",
        ] {
            assert!(mac(text).is_err(), "{text}");
        }
        assert_eq!(
            network("10.1.0.0/8").unwrap_err().cure,
            "write \"10.0.0.0/8\""
        );
        assert!(
            range("10.0.0.9-10.0.0.1")
                .unwrap_err()
                .problem
                .contains("backwards")
        );
    }

    #[test]
    fn ranges_count_both_ends() {
        let pool = range("10.77.0.100 - 10.77.0.199").unwrap();
        assert_eq!(pool.size(), 100);
        assert!(pool.overlaps(range("10.77.0.199").unwrap()));
        assert!(!pool.overlaps(range("10.77.0.200").unwrap()));
        assert_eq!(mac("02:00:00:00:00:fE").unwrap(), [2, 0, 0, 0, 0, 0xfe]);
    }
}
