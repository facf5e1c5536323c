//! An IPv4 prefix with its host bits clear.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 prefix such as `10.0.0.0/8`. Orders by first address, then shorter before longer, so a
/// sorted list meets every prefix before the ones inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    first: u32,
    length: u8,
}

impl Prefix {
    /// Everything: the prefix of a default route.
    pub const ALL: Self = Self {
        first: 0,
        length: 0,
    };

    /// The prefix of `length` bits around `address`, whose host bits are cleared; `None` if `length`
    /// is above 32.
    #[must_use]
    pub const fn new(address: Ipv4Addr, length: u8) -> Option<Self> {
        if length > 32 {
            return None;
        }
        Some(Self {
            first: address.to_bits() & mask(length),
            length,
        })
    }

    /// One address.
    #[must_use]
    pub const fn host(address: Ipv4Addr) -> Self {
        Self {
            first: address.to_bits(),
            length: 32,
        }
    }

    /// The lowest address inside.
    #[must_use]
    pub const fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first)
    }

    /// The highest address inside.
    #[must_use]
    pub const fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first | !mask(self.length))
    }

    /// How many leading bits are fixed, 0 to 32.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Whether `address` is inside.
    #[must_use]
    pub const fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.length) == self.first
    }

    /// Whether all of `other` is inside.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.length >= self.length && self.contains(other.first())
    }
}

const fn mask(length: u8) -> u32 {
    match u32::MAX.checked_shl(32 - length as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first(), self.length)
    }
}

/// The text is not `address/length` with a length from 0 to 32 and clear host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPrefix;

impl fmt::Display for NotAPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an IPv4 prefix such as 10.0.0.0/8 (host bits must be zero)")
    }
}

impl std::error::Error for NotAPrefix {}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let (address, length) = text.split_once('/').ok_or(NotAPrefix)?;
        let address: Ipv4Addr = address.parse().map_err(|_| NotAPrefix)?;
        let length = length.parse().map_err(|_| NotAPrefix)?;
        let prefix = Self::new(address, length).ok_or(NotAPrefix)?;
        if prefix.first() == address {
            Ok(prefix)
        } else {
            Err(NotAPrefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back_for_every_length() {
        for length in 0..=32 {
            let prefix = Prefix::new(Ipv4Addr::BROADCAST, length).unwrap();
            assert_eq!(prefix.to_string().parse(), Ok(prefix));
            assert_eq!(prefix.last(), Ipv4Addr::BROADCAST);
            assert!(prefix.contains(prefix.first()) && prefix.contains(prefix.last()));
        }
        for wrong in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/-1",
            "10.0.0/8",
        ] {
            assert_eq!(wrong.parse::<Prefix>(), Err(NotAPrefix), "{wrong}");
        }
    }

    #[test]
    fn a_prefix_covers_itself_and_what_is_longer_inside() {
        let eight: Prefix = "10.0.0.0/8".parse().unwrap();
        let sixteen: Prefix = "10.255.0.0/16".parse().unwrap();
        assert!(eight.covers(eight) && eight.covers(sixteen) && Prefix::ALL.covers(eight));
        assert!(!sixteen.covers(eight) && !eight.covers("11.0.0.0/16".parse().unwrap()));
        assert!(eight < sixteen && Prefix::ALL < eight);
    }
}
