//! What vendors write into text: rates, routes, times. Text in, values out; `None` is text that is not
//! in the dialect.

use std::net::Ipv4Addr;

use crate::aaa::{Burst, Rate, RatePolicy};
use crate::wire::prefix::Prefix;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the client.
    Upstream,
    /// To the client.
    Downstream,
}

/// Rates of both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) upstream: Rate,
    pub(super) downstream: Rate,
    pub(super) priority: Option<u8>,
}

/// A Framed-Route (RFC 2865 §5.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What lies behind the client.
    pub destination: Prefix,
    /// The next hop there; `None`: the client itself.
    pub gateway: Option<Ipv4Addr>,
    /// Of several calls that lead there, the one with the lowest is meant.
    pub metric: u32,
}

/// A number with a suffix: thousands, not powers of two.
fn scaled(text: &str, unit: u64) -> Option<u64> {
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1_000),
        (at, 'm' | 'M') => (text.get(..at)?, 1_000_000),
        (at, 'g' | 'G') => (text.get(..at)?, 1_000_000_000),
        _ => (text, unit),
    };
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse::<u64>()
        .ok()
        .filter(|_| whole)?
        .checked_mul(unit)
}

/// `RX` or `RX/TX`; what is said once holds for both.
fn pair(word: &str, number: impl Fn(&str) -> Option<u64>) -> Option<(u64, u64)> {
    let (rx, tx) = word.split_once('/').unwrap_or((word, word));
    Some((number(rx)?, number(tx)?))
}

/// `RX/TX [burst RX/TX [threshold RX/TX [seconds RX/TX [priority [minimum RX/TX]]]]]`, as `RouterOS`
/// has it: what it receives is what the client sends.
pub(super) fn mikrotik_rates(text: &str) -> Option<Rates> {
    let bps = |text: &str| scaled(text, 1);
    let seconds = |text: &str| scaled(text.strip_suffix('s').unwrap_or(text), 1);
    let mut words = text.split_ascii_whitespace();
    let rate = pair(words.next()?, bps)?;
    let mut next = |number: &dyn Fn(&str) -> Option<u64>| match words.next() {
        None => Some((0, 0)),
        Some(word) => pair(word, number),
    };
    let (burst, threshold, time) = (next(&bps)?, next(&bps)?, next(&seconds)?);
    let priority = match words.next() {
        None => None,
        Some(word) => Some(word.parse().ok().filter(|it| (1..=8).contains(it))?),
    };
    let least = match words.next() {
        None => (0, 0),
        Some(word) => pair(word, bps)?,
    };
    let whole = words.next().is_none();
    let one = |side: fn((u64, u64)) -> u64| {
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        let burst = match side(burst) {
            0 => Burst::None,
            rate_bps => Burst::Averaged {
                rate_bps,
                threshold_bps: or(side(threshold), side(rate)),
                time_s: u32::try_from(or(side(time), 1)).unwrap_or(u32::MAX),
            },
        };
        Rate {
            sustained_bps: side(rate),
            guaranteed_bps: side(least),
            burst,
        }
    };
    whole.then(|| Rates {
        upstream: one(|it| it.0),
        downstream: one(|it| it.1),
        priority,
    })
}

/// The rates of a call as `RouterOS` writes them, what comes from the client first; `None`: that is not
/// what this says.
#[must_use]
pub fn rates_of(text: &str) -> Option<RatePolicy> {
    mikrotik_rates(text).map(|rates| RatePolicy {
        upstream: rates.upstream,
        downstream: rates.downstream,
        priority: rates.priority.unwrap_or_default(),
    })
}

/// `RATE` or `DOWN/UP` in kbit/s, as accel-ppp reads Filter-Id.
pub(super) fn plain_rates(text: &str) -> Option<Rates> {
    let mut sides = text.splitn(2, ['/', '\\', ':']);
    let down = scaled(sides.next()?, 1_000)?;
    let up = match sides.next() {
        Some(up) => scaled(up, 1_000)?,
        None => down,
    };
    Some(Rates {
        upstream: Rate::of_bps(up),
        downstream: Rate::of_bps(down),
        priority: None,
    })
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// All packets of a direction.
    All(Direction, Rate),
    /// Some packets, or none: nothing that this server does.
    Part,
}

/// `BPS BURST EXCESS`: a bucket of `BURST` bytes.
fn bucket<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Rate> {
    let sustained_bps = words.next()?.parse().ok()?;
    let burst = words.next().and_then(|word| word.parse().ok());
    Some(Rate {
        sustained_bps,
        guaranteed_bps: 0,
        burst: burst.map_or(Burst::None, Burst::Bytes),
    })
}

/// `rate-limit input|output BPS BURST EXCESS conform-action … exceed-action …`, as IOS has it: its
/// input is what the client sends. `None`: something else altogether.
pub(super) fn cisco_rate(text: &str) -> Option<Option<Limit>> {
    let (_, rest) = text.split_once("rate-limit ")?;
    let mut words = rest.split_ascii_whitespace().peekable();
    let direction = match words.next() {
        Some("input") => Direction::Upstream,
        Some("output") => Direction::Downstream,
        Some(_) | None => return Some(None),
    };
    let number = words
        .peek()
        .is_some_and(|word| word.starts_with(|it: char| it.is_ascii_digit()));
    if !number {
        return Some(words.peek().map(|_| Limit::Part));
    }
    Some(bucket(words).map(|rate| Limit::All(direction, rate)))
}

/// `in|out#NUMBER[#CLASS]=FILTER [rate-limit|shape BPS [BURST [EXCESS]]] [pass|deny]`, as mpd has it: in is
/// from the client.
pub(super) fn mpd_limit(text: &str) -> Option<Limit> {
    let (place, rest) = text.split_once('=')?;
    let direction = match place.split('#').next() {
        Some("in") => Direction::Upstream,
        Some("out") => Direction::Downstream,
        Some(_) | None => return None,
    };
    let mut words = rest.split_ascii_whitespace();
    let (filter, action) = (words.next()?, words.next());
    match (filter, action) {
        ("all", Some("rate-limit" | "shape")) => {
            bucket(words).map(|rate| Limit::All(direction, rate))
        }
        (_, _) => Some(Limit::Part),
    }
}

/// `NETWORK[/LENGTH] [GATEWAY [METRIC …]]` (RFC 2865 §5.22). Without a length the class decides, as it
/// says there. The way to everything is no way behind one client.
pub(super) fn framed_route(text: &str) -> Option<Route> {
    let mut words = text.split_ascii_whitespace();
    let network = words.next()?;
    let (address, length) = match network.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, length.parse().ok()?),
        None => {
            let address: Ipv4Addr = network.parse().ok()?;
            (address, class_length(address)?)
        }
    };
    route(address, length, words)
}

/// `NETWORK MASK [GATEWAY [METRIC]]`, as IOS has it.
pub(super) fn cisco_route(text: &str) -> Option<Route> {
    let mut words = text.split_ascii_whitespace();
    let (address, mask) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    route(address, mask_length(mask)?, words)
}

fn route<'a>(
    address: Ipv4Addr,
    length: u8,
    mut words: impl Iterator<Item = &'a str>,
) -> Option<Route> {
    let gateway: Option<Ipv4Addr> = match words.next() {
        Some(word) => Some(word.parse().ok()?),
        None => None,
    };
    let metric = match words.next() {
        Some(word) => word.parse().ok()?,
        None => 0,
    };
    let destination = Prefix::new(address, length)?;
    let usable = length > 0 && !address.is_multicast() && !address.is_loopback();
    usable.then_some(Route {
        destination,
        gateway: gateway.filter(|gateway| !gateway.is_unspecified()),
        metric,
    })
}

/// Of the networks before there were lengths; `None` for what is no network.
const fn class_length(address: Ipv4Addr) -> Option<u8> {
    match address.octets() {
        [0..=127, ..] => Some(8),
        [128..=191, ..] => Some(16),
        [192..=223, ..] => Some(24),
        [224..=255, ..] => None,
    }
}

/// The length of a mask whose ones are in front.
pub(super) fn mask_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let length = bits.leading_ones();
    (bits.count_ones() == length)
        .then(|| u8::try_from(length).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
